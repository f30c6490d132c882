/* Obtaining what a want names from the network: the one place that turns DNS, HTTPS and SMTP into found values. Waits;
 * workers only. */
#ifndef CHECK_OBTAIN_H
#define CHECK_OBTAIN_H

#include "budget.h"
#include "config.h"
#include "verdict.h"

#define OBTAIN_RETRY_MS 50 /* after BUDGET_BUSY */

/* What came of a want; the member is told by want.kind. */
struct found {
	struct want want;
	struct record_found record;
	struct policy_found policy;
	struct mx_found mx;
	struct evidence evidence;
};
void found_free(struct found *found);
void facts_learn_found(struct facts *facts, const struct found *found);

/* Fills `found`. False: the probe budget lets nothing through at this moment; ask again after OBTAIN_RETRY_MS. */
bool obtain(const struct config *config, struct budget *budget, const struct want *want, struct found *found);

#endif
