/* Commands for the shared store, from a thread that may wait for their answers: the tool, and the thread that keeps decisions.
 * Any thread but the link's loop. */
#ifndef FLEET_FLEET_CALL_H
#define FLEET_FLEET_CALL_H

#include "fleet_link.h"

/* Sends a command, waits for its answer, and returns it. The caller frees it with fleet_call_free(). It is never NULL: without an
 * answer its kind is LINK_NONE, after `deadline_ms` and another second at the latest. `len` may be NULL if the words are strings.
 * The link must belong to the loop. It may be freed meanwhile, by the loop's thread. */
struct link_reply *fleet_call(struct loop *loop, struct link *link, int64_t deadline_ms, size_t count,
	const char *const *word, const size_t *len);
/* Frees an answer of fleet_call() and sets the pointer to NULL. */
void fleet_call_free(struct link_reply **reply);

#endif
