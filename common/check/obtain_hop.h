/* The part of obtain that is about one hop: its TLSA records, and what a probe of it sees. Internal to obtain. */
#ifndef CHECK_OBTAIN_HOP_H
#define CHECK_OBTAIN_HOP_H

#include "obtain.h"

void obtain_tlsa(struct lookups *lookups, struct found *found);
/* What bounds a probe, how urgent it is, and what is kept of it between two tries. */
struct probing {
	struct limits *limits;
	enum budget_claim claim;
	struct lookups *lookups;
	struct second_look *look;
};
/* False: the lookups wait, or the budget lets nothing through at this moment, or what is seen there now may do, or it is
 * to be looked at once more. */
bool obtain_evidence(const struct config *config, const struct probing *probing, struct found *found);

#endif
