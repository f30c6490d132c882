/* MX lookups that failed a moment ago. A message to a domain with a live enforce policy looks for the set before it is
 * held; a burst of them costs one lookup. Entries of the store do not tell: they hold answers. Any thread. */
#ifndef CHECK_MISSED_H
#define CHECK_MISSED_H

#include "domain.h"
#include "reason.h"

#include <stdint.h>

#define MISSED_MS 5000
#define MISSED_SLOTS 256 /* domains remembered, about */

struct missed;
struct missed *missed_new(void);
void missed_free(struct missed **missed);
void missed_note(struct missed *missed, const char *domain, enum reason outcome, int64_t now_ms);
/* What the domain's lookup failed with less than MISSED_MS ago; REASON_NONE: nothing is known. */
enum reason missed_lately(struct missed *missed, const char *domain, int64_t now_ms);

#endif
