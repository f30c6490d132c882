/* The probe budget (design 5): what one destination network may see of us, so that nobody can aim probes at a victim.
 * Per /24 or /48 BUDGET_AT_ONCE at a time and BUDGET_A_MINUTE; ten times that for networks that are not globally
 * reachable, which only `probe_private = yes` lets us dial and which are the operator's own; BUDGET_GLOBAL_A_MINUTE in
 * all. A fixed table: networks that share a slot share a budget. Any thread. */
#ifndef CHECK_BUDGET_H
#define CHECK_BUDGET_H

#include "address.h"

#define BUDGET_AT_ONCE 2
#define BUDGET_A_MINUTE 6
#define BUDGET_PRIVATE_FACTOR 10
#define BUDGET_GLOBAL_A_MINUTE 18000
#define BUDGET_SLOTS 4096

struct budget;
struct budget *budget_new(void);
void budget_free(struct budget **budget);
enum budget_answer {
	BUDGET_GO,
	BUDGET_BUSY /* a probe is under way there: soon */,
	BUDGET_SPENT /* not in this minute */
};
/* After BUDGET_GO `*slot` is to be given back by budget_give(), when the probe has ended. */
enum budget_answer budget_take(struct budget *budget, const struct address *address, int64_t now_ms, unsigned *slot);
/* The same for all of `count` addresses, or for none. */
enum budget_answer budget_take_all(
	struct budget *budget, const struct address *addresses, size_t count, int64_t now_ms, unsigned *slots);
void budget_give(struct budget *budget, unsigned slot);

#endif
