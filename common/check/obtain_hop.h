/* The part of obtain that is about one hop: its TLSA records, and what a probe of it sees. Internal to obtain. */
#ifndef CHECK_OBTAIN_HOP_H
#define CHECK_OBTAIN_HOP_H

#include "obtain.h"

void obtain_tlsa(const struct config *config, struct found *found);
/* False: the budget lets nothing through at this moment. */
bool obtain_evidence(const struct config *config, struct budget *budget, struct second_look *look, struct found *found);

#endif
