/* Certificates that were shown a moment ago and whose revocation may be looked up (check/revocations). Probes put them in,
 * on their event loops, and never wait. At most LEAVES_MAX are kept; further ones are dropped, since the next probe of
 * their host shows them again. Any thread. */
#ifndef CHECK_LEAVES_H
#define CHECK_LEAVES_H

#include "crl.h"

#define LEAVES_MAX 256

struct leaves;
struct leaves *leaves_new(void);
void leaves_free(struct leaves **leaves);
/* Keeps a certificate and a reference to its issuer. The prober calls it (probe_options.leaf); `leaves` is a struct
 * leaves. */
void leaves_note(void *leaves, const struct crl_leaf *leaf);
/* Takes one out, with its reference. Returns false if there is none. */
bool leaves_take(struct leaves *leaves, struct crl_leaf *leaf);

#endif
