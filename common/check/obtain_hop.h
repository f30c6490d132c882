/* The part of obtain that is about one hop: its TLSA records, and what a probe of it sees. Internal to obtain. */
#ifndef CHECK_OBTAIN_HOP_H
#define CHECK_OBTAIN_HOP_H

#include "obtain.h"

void obtain_tlsa(struct lookups *lookups, struct found *found);
/* False: the lookups wait, or the budget lets nothing through at this moment. */
bool obtain_evidence(const struct config *config, struct budget *budget, struct lookups *lookups,
	struct second_look *look, struct found *found);

#endif
