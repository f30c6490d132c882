/* The sessions of TLS reports that this relay has observed itself: failed fetches of policies, and probes of mail hosts (setting
 * report_probes). core/tlsrpt_observed makes them; this module decides which ones count, so that each counts once (design 7.27, 7.28).
 *
 * Nothing here waits. Without a sink nothing is done at all. */
#ifndef CHECK_TLSRPT_OWN_H
#define CHECK_TLSRPT_OWN_H

#include "conditions.h"
#include "obtain.h"
#include "tlsrpt_outbox.h"

/* Hops whose last conclusive probe is remembered; a hop that needs the place of another one replaces it. */
#define TLSRPT_HOPS_MAX 4096
/* Pairs of a domain and a mail host of which it is remembered for the rest of the UTC day what was counted. Pairs that find no
 * place count no more on that day: they might be counted twice. */
#define TLSRPT_COUNTED_MAX 65536
/* So many places that fail alike, and none that succeeds, raise the doubt that the fault is this relay's. core/health waits for more
 * places before it raises an event, but what is reported to strangers cannot be taken back. */
#define TLSRPT_DOUBT_PLACES 2
/* Seconds between two sessions of a domain with the same mail host outside the policy. */
#define TLSRPT_OUTSIDE_S 3600

struct tlsrpt_own;
/* `conditions` must outlive it. */
struct tlsrpt_own *tlsrpt_own_new(const struct conditions *conditions, tlsrpt_sink *sink, void *arg);
/* All outboxes must have been freed. */
void tlsrpt_own_free(struct tlsrpt_own **own);
/* Makes the outbox of a loop; see outbox_new(). */
struct outbox *tlsrpt_own_outbox(struct tlsrpt_own *own, struct loop *loop);
/* Returns how many sessions wait for the TLSRPT records of their domains. Any thread. */
unsigned tlsrpt_own_waiting(struct tlsrpt_own *own);

/* An inquiry, as these functions see it. They are called on its loop. */
struct tlsrpt_inquiry {
	struct config *config;
	const struct facts *facts;
	struct outbox *outbox; /* of the inquiry's loop */
	bool asked;            /* a front end asked */
};
/* Call it for each operation that has ended, once, however many inquiries share the result, and before the facts learn it. */
void tlsrpt_own_found(struct tlsrpt_own *own, const struct tlsrpt_inquiry *inquiry, const struct found *found);
/* Call it when an inquiry has ended. */
void tlsrpt_own_ended(struct tlsrpt_own *own, const struct tlsrpt_inquiry *inquiry);

#endif
