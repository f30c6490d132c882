/* Back-off from policy hosts that cannot be reached: ten thousand domains at one dead provider cost one connection at a
 * time. By address, since tenants share it, and for failures before the TLS handshake only: what comes later may be the
 * doing of somebody whose DNS points at another's host. After a failure one fetch at a time goes to the address, and
 * what somebody waits for waits for how that ends; after the second in a row none goes for BACKOFF_FIRST_MS, and for
 * twice as long with each further one: the address is in back-off, and a fetch from it fails at once. The first that
 * somebody waits for may try after BACKOFF_ASKED_MS all the same. A connection ends it. A fixed table of addresses that
 * fail; where it is full, the one that has failed longest ago is forgotten. Any thread. */
#ifndef CHECK_BACKOFF_H
#define CHECK_BACKOFF_H

#include "address.h"

#define BACKOFF_SLOTS 4096
#define BACKOFF_FIRST_MS 5000
#define BACKOFF_MOST_MS 600000
#define BACKOFF_ASKED_MS 5000

struct backoff;
struct backoff *backoff_new(void);
void backoff_free(struct backoff **backoff);

struct backoff_try {
	struct address address;
	bool alone; /* the one fetch that goes to an address that fails */
};
enum backoff_end { BACKOFF_REACHED, BACKOFF_UNREACHED, BACKOFF_UNTOLD };
/* Whether a fetch may go to the address now; after BACKOFF_GO `*try` is to be given to backoff_end(), when it has
 * ended.
 */
enum backoff_way {
	BACKOFF_GO,
	BACKOFF_WAIT, /* one that failed once is being tried */
	BACKOFF_FAIL
};
enum backoff_way backoff_begin(
	struct backoff *backoff, const struct address *address, bool asked, int64_t now_ms, struct backoff_try *try);
void backoff_end(struct backoff *backoff, const struct backoff_try *try, enum backoff_end end, int64_t now_ms);

#endif
