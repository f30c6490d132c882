/* What was found out goes into the store before anybody acts on it (design 5, durability), and what an operator should
 * know into the log and the events. Internal to check; workers only. */
#ifndef CHECK_LEARN_H
#define CHECK_LEARN_H

#include "obtain.h"
#include "store.h"
#include "trouble.h"

/* What the store holds of an entry's housekeeping, to write it only when it changes. */
struct kept {
	int64_t due_at;
	int32_t last_used_day;
};

/* `facts` have learned `found` already. A failing store is an event; the facts are used all the same. So is a policy in
 * force whose renewal fails and fails, and a resolver that does not answer. */
void learn_found(struct store *store, struct trouble *trouble, const struct facts *facts, const struct found *found,
	struct kept *kept);
/* At a case's end: use and due time, when they differ from what is kept. */
void learn_end(struct store *store, struct trouble *trouble, const struct facts *facts, struct kept *kept);

#endif
