/* The DNS lookups of one want. No thread waits for a name server that is silent: each lookup is begun once and has a
 * moment to be answered; after that what wants it gives its thread up, and comes back later, when it finds the lookups
 * that are over answered as before. So whatever asks DNS is written as if it waited. Internal to obtain; one thread at a
 * time. A zeroed struct is one without lookups. */
#ifndef CHECK_LOOKUPS_H
#define CHECK_LOOKUPS_H

#include "dns_old.h"

#define LOOKUPS_MOMENT_MS 100 /* of a thread, for all lookups of a want together */

struct lookup;
struct lookups {
	struct dns *dns;
	struct lookup *first;
	int64_t begun_ms;      /* 0: not yet */
	int64_t moment_end_ms; /* when the thread is given up */
	int64_t ended_ms;      /* when no more were wanted; 0: not yet */
	bool waiting;          /* of one that is not answered yet: what was obtained counts for nothing */
};

/* Before each try to obtain the want. */
void lookups_begin(struct lookups *lookups, struct dns *dns);
/* The answer, which belongs to the lookups; one like that of a time-out if there is none yet. `deadline_ms` is of the
 * monotonic clock; DNS_TIMEOUT_MS holds, too. */
const struct dns_answer *lookups_ask(
	struct lookups *lookups, const char *name, enum dns_type type, int64_t deadline_ms);
/* True: all that was asked has been answered. How long that took stays the same from then on. */
bool lookups_over(struct lookups *lookups);
int64_t lookups_took_ms(const struct lookups *lookups); /* after lookups_over() was true */
/* When to come back; the longer it has lasted, the later. */
int lookups_retry_ms(const struct lookups *lookups);
void lookups_end(struct lookups *lookups); /* frees all answers */

#endif
