/* What this machine sees of the world, taken together (core/health): noted as it is found, and told as trouble that
 * begins and ends. Any thread; waits for nothing. */
#ifndef CHECK_SENSES_H
#define CHECK_SENSES_H

#include "obtain.h"
#include "trouble.h"

void senses_found(struct trouble *trouble, const struct found *found); /* once, however many inquiries share it */
/* A time that was not ahead of the clock when it was written: of a domain's entry, or whatever `of` says. */
void senses_time(struct trouble *trouble, int64_t at, const char *of);
void senses_look(struct trouble *trouble); /* now and then: some conditions end by time alone */

#endif
