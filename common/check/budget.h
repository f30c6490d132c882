/* The probe budget (design 5): what one destination network may see of us, so that nobody can aim probes at a victim.
 * Per /24 or /48 BUDGET_AT_ONCE at a time and BUDGET_A_MINUTE; ten times that for networks that are not globally
 * reachable, which only `probe_private = yes` lets us dial and which are the operator's own; BUDGET_GLOBAL_A_MINUTE in
 * all. Who waits for a hop that was good before has all of it; the others leave something to those before them, of a
 * network's minute and of the whole. A fixed table, with slots for more networks than the global rate lets through
 * before a network's bucket is full again; networks that share a slot share a budget. Any thread. */
#ifndef CHECK_BUDGET_H
#define CHECK_BUDGET_H

#include "address.h"

#define BUDGET_AT_ONCE 2
#define BUDGET_A_MINUTE 6
#define BUDGET_PRIVATE_FACTOR 10
#define BUDGET_GLOBAL_A_MINUTE 18000
#define BUDGET_SLOTS 65536 /* 2 MiB, of which only what is used takes memory */

struct budget;
struct budget *budget_new(void);
void budget_free(struct budget **budget);
enum budget_answer {
	BUDGET_GO,
	BUDGET_BUSY /* a probe is under way there: soon */,
	BUDGET_SPENT /* not in this minute */
};
/* What a probe is for, the most urgent first. */
enum budget_claim {
	BUDGET_FOR_GOOD,       /* a front end waits, and the hop was good before */
	BUDGET_FOR_NEW,        /* a front end waits, and the hop was never good nor bad: a third is left */
	BUDGET_FOR_BACKGROUND, /* nobody waits: half is left, and one place of two */
	BUDGET_FOR_BAD         /* a front end waits, and the hop was bad whenever it was seen: two thirds are left */
};
/* After BUDGET_GO `*slot` is to be given back by budget_give(), when the probe has ended. */
enum budget_answer budget_take(
	struct budget *budget, const struct address *address, enum budget_claim claim, int64_t now_ms, unsigned *slot);
/* The same for all of `count` addresses, or for none. */
enum budget_answer budget_take_all(struct budget *budget, const struct address *addresses, size_t count,
	enum budget_claim claim, int64_t now_ms, unsigned *slots);
void budget_give(struct budget *budget, unsigned slot);

#endif
