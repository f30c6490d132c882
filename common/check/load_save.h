/* Between the store and the facts of an inquiry. Loading reads an entry or evidence into the facts. Saving writes what an
 * inquiry found before anybody acts on it, together and in one transaction where possible, and reports what an operator
 * should know to the log and the events. Internal to check; nothing here waits for the network. */
#ifndef CHECK_LOAD_SAVE_H
#define CHECK_LOAD_SAVE_H

#include "conditions.h"
#include "obtain.h"
#include "store.h"
#include "verdict.h"

/* --- from the store ---------------------------------------------------------------------------------------------- */

/* Reads what the want names, WANT_ENTRY or WANT_EVIDENCE, and gives it to the facts: an entry that cannot be read as a
 * broken store, evidence that cannot be read as none. Begins `*view` if it is NULL and the store can be read; the
 * caller ends it. A store that cannot be read is trouble. */
void load(struct store *store, struct conditions *conditions, struct store_view **view, struct facts *facts,
	const struct want *want);

/* --- into the store ---------------------------------------------------------------------------------------------- */

struct saving;
struct save {
	struct saving *first;               /* what was found, the oldest first */
	struct store_submission *submitted; /* being written; else NULL */
	/* What the store holds of the entry's housekeeping, to write it only when it changes. */
	int64_t due_at;
	int32_t last_used_day;
};

/* The entry was read: what the store holds of it. */
void save_know(struct save *save, const struct entry *entry);
/* Keeps what was found; takes over what `found` owns. `facts` have learned it already. */
void save_add(struct save *save, struct conditions *conditions, const struct facts *facts, struct found *found);
/* The newest of what is kept, or NULL. */
const struct found *save_newest(const struct save *save);
/* Whether something is kept that must be written before the inquiry goes on to want this: facts about the domain are
 * written before the long waits for its mail hosts begin. */
bool save_comes_before(const struct save *save, const struct want *want);
/* Begins writing. `ending`: the entry's use and due time, too, when they differ from what the store holds. `done` is
 * called on a thread of the store. False: there is nothing to write. */
bool save_begin(struct save *save, struct store *store, const struct facts *facts, bool ending, void (*done)(void *arg),
	void *arg);
/* Has been written, or could not be: a failing store is an event, and the facts are used all the same. */
void save_end(struct save *save, struct conditions *conditions, const struct facts *facts);

#endif
