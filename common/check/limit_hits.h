/* Counts how often each limit has refused or delayed work, and remembers who last hit it, for the metrics and for
 * `stsgate stats`. The values are global to the process, like the metrics. Any thread; never waits for anything but a
 * short lock, which may be taken while no other lock is held. */
#ifndef CHECK_LIMIT_HITS_H
#define CHECK_LIMIT_HITS_H

#include "question.h"
#include "text.h"

/* In the order of the rows in limit_hits.c, which explain them. */
enum limit_hit {
	HIT_LOOKUPS,
	HIT_CLIENT_RATE,
	HIT_CLIENT_LOOKUPS,
	HIT_REFRESHES,
	HIT_CONNECTIONS,
	HIT_POLICY_NETWORK,
	HIT_POLICY_HOST,
	HIT_PROBE_BUDGET,
	HIT_MILTER_WAITERS,
	LIMIT_HITS
};

/* Counts a hit. `who` is untrusted: a domain or a host. */
void limit_hit(enum limit_hit limit, const char *who);
/* Counts a hit of a question. If the limit is one of its client, the network of the client is remembered with it. */
void limit_hit_question(enum limit_hit limit, const struct question *question);
/* Appends the newest hit of each limit (snapshot_hit_add()). */
void limit_hits_write(struct text *out);

/* Return the limit's name in the metrics, and the words that follow "work was refused or delayed because". */
const char *limit_hit_name(enum limit_hit limit);
const char *limit_hit_cause(enum limit_hit limit);

#endif
