/* Finds out whether the certificates that hosts show are revoked (core/revocation), and what follows.
 *
 * A thread of its own takes the certificates that probes were shown (check/leaves), and keeps a table of their CRLs in
 * memory. It has each CRL downloaded when that is due, on an event loop, and reads it itself: reading takes too long for a
 * loop. It answers all certificates that the store knows of this CRL, and keeps the answers, not the CRL.
 *
 * Bounds: REVOCATIONS_MAX certificates in the store; CRLS_MAX CRLs in the table, the ones whose certificates were not shown
 * for the longest time leave first; CRL_DOWNLOADS_MAX downloads at a time, each of CRL_BYTES_MAX octets and CRL_TIMEOUT_MS.
 * One CRL is read at a time. A CRL is downloaded when half of the time until its next update is over, or when there is a
 * certificate that it has not answered, but at least CRL_AGAIN_S apart. */
#ifndef CHECK_REVOCATIONS_H
#define CHECK_REVOCATIONS_H

#include "config.h"
#include "events.h"
#include "fetch.h"

#define CRLS_MAX 512
#define CRL_DOWNLOADS_MAX 4
#define CRL_TIMEOUT_MS 60000
#define CRL_GATHER_S 3 /* before the first download: hosts often have certificates of the same CRL */
#define CRL_AGAIN_S (6 * 3600)
#define CRL_AGAIN_MOST_S (7 * 86400)
#define CRL_RETRY_S 3600 /* after a failure; doubled after each further one, up to a day */
#define CRL_RETRY_MOST_S 86400
#define CRL_UNSEEN_S (3 * 86400) /* a CRL is not downloaded if none of its certificates was shown for so long */

struct revocations;
/* Store and events must outlive it. Without revocations_start() it only reads the store. */
struct revocations *revocations_new(struct store *store, struct events *events);
/* Starts the thread. `config` returns a reference to the configuration in force; downloads run on `loop` with `fetches`,
 * both of which must outlive the revocations. Returns false on failure (EX_OSERR). */
bool revocations_start(struct revocations *revocations, struct config *(*config)(void *arg), void *arg,
	struct loop *loop, struct fetch_line *fetches, struct failure *why);
/* Ends the thread and its downloads, if it was started, and waits for that. Must not be called on a loop. */
void revocations_stop(struct revocations *revocations);
/* Stops, frees, and sets the pointer to NULL. */
void revocations_free(struct revocations **revocations);

/* With revocation = enforce: makes good evidence bad if its staple says, or the store knows, that the certificate is revoked,
 * and returns true then. Reads the store. `revocations` may be NULL. Any thread. */
bool revocations_judge(struct revocations *revocations, const struct settings *settings, struct evidence *seen);
/* Raises an event if the certificate of a hop of this policy domain is revoked, as far as staple or store know. Any thread. */
void revocations_note(struct revocations *revocations, const struct settings *settings, const char *domain,
	const char *host, uint16_t port, const struct evidence *seen);
/* Does both for the fetch of a domain's policy: raises the event, and with revocation = enforce the fetch has failed, as if the
 * policy host's certificate were not valid (RFC 8461 3.3). `revocations` may be NULL. Any thread. */
void revocations_judge_policy(struct revocations *revocations, const struct settings *settings, const char *domain,
	struct policy_found *found);

#endif
