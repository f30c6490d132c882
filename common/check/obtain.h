/* Obtaining what a want names from the network: the one place that turns DNS, HTTPS and SMTP into found values. Waits;
 * workers only. */
#ifndef CHECK_OBTAIN_H
#define CHECK_OBTAIN_H

#include "budget.h"
#include "config.h"
#include "share.h"
#include "verdict.h"

#define OBTAIN_RETRY_MS 50 /* of a want that was put off */

/* What came of a want; the member is told by want.kind. */
struct found {
	struct want want;
	struct record_found record;
	struct policy_found policy;
	/* That led to the fetch (spec S-78). A case that was parked in the flight may have read a newer one since. */
	char record_id[RECORD_ID_MAX + 1];
	struct mx_found mx;
	struct evidence evidence;
};
void found_free(struct found *found);
void facts_learn_found(struct facts *facts, const struct found *found);

/* What bounds the traffic of all wants together. */
struct bounds {
	struct budget *budget; /* of probes */
	struct share *share;   /* of workers: a network's, a client's */
};

/* Fills `found`. False: the bounds let nothing through at this moment; ask again after OBTAIN_RETRY_MS, for as long as
 * the want itself might take (obtain_patience_ms), then obtain_in_vain(). */
bool obtain(const struct config *config, const struct bounds *bounds, const struct want *want, struct found *found);
int64_t obtain_patience_ms(const struct config *config, const struct want *want);
void obtain_in_vain(const struct want *want, struct found *found);

#endif
