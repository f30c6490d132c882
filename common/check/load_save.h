/* Moves facts between the store and an inquiry. load() reads an entry or evidence into the facts. The save_ functions
 * write the results of an inquiry, before a verdict may rest on them (design 5.2): together, in one transaction where
 * possible. They also log, or raise events for, what an operator should know. Nothing here waits for the network.
 * Internal to check, except load_view(), which the tool uses, too.
 *
 * The save_ functions are called on the inquiry's loop, in this order: save_know(), save_add() for each result,
 * save_begin(), and save_end() when the changes are written. The inquiry sleeps between save_begin() and save_end(). */
#ifndef CHECK_LOAD_SAVE_H
#define CHECK_LOAD_SAVE_H

#include "conditions.h"
#include "obtain.h"
#include "store.h"
#include "verdict.h"

/* --- from the store ----------------------------------------------------------------------------------------------- */

/* Reads what the want names (WANT_ENTRY or WANT_EVIDENCE) into the facts, and with an entry the override in force. An
 * entry or override that cannot be read counts as a broken store; evidence that cannot be read counts as none. `view` NULL:
 * the store cannot be read. Returns what was found of the entry or evidence. Any thread. */
enum store_found load_view(struct store_view *view, struct facts *facts, const struct want *want);
/* The same for an inquiry. Begins `*view` if it is NULL and the store can be read; the caller ends it. Begins or ends
 * CONDITION_STORE_UNREADABLE. Any thread. */
void load(struct store *store, struct conditions *conditions, struct store_view **view, struct facts *facts,
	const struct want *want);

/* --- into the store ----------------------------------------------------------------------------------------------- */

struct saving;
/* What an inquiry has found and not written yet. Zeroed at first. */
struct save {
	struct saving *first;               /* the oldest result */
	struct store_submission *submitted; /* being written; else NULL */
	/* The entry's due time and last use as the store has them. They are written only when they change. */
	int64_t due_at;
	int32_t last_used_day;
};

/* Notes the due time and the last use in the stored entry. Call it when the entry has been read. */
void save_know(struct save *save, const struct entry *entry);
/* Keeps a result to be written, and takes over what `found` owns. `facts` must have learned the result already. */
void save_add(struct save *save, struct conditions *conditions, const struct facts *facts, struct found *found);
/* Returns the newest result that is not written yet, or NULL. */
const struct found *save_newest(const struct save *save);
/* Calls `visit` for each result that save_end() has not freed yet. */
void save_each(const struct save *save, void (*visit)(void *arg, const struct found *found), void *arg);
/* Returns whether something must be written before the inquiry obtains this want: facts about the domain are written
 * before the long waits for its mail hosts begin. */
bool save_comes_before(const struct save *save, const struct want *want);
/* Starts writing. If `ending`, the entry's last use and due time are written, too, where they have changed. An operator's
 * query (PURPOSE_QUERY) writes no entry of a domain that the store does not have. Returns false if there is nothing to
 * write; else `done` is called on the store's thread when all is written or has failed. */
bool save_begin(struct save *save, struct store *store, const struct facts *facts, bool ending, void (*done)(void *arg),
	void *arg);
/* Reports and frees the results, whether they could be written or not. A failure of the store raises an event; the
 * inquiry uses the facts all the same. */
void save_end(struct save *save, struct conditions *conditions, const struct facts *facts);

#endif
