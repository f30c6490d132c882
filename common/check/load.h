/* What the store holds, into the facts. Internal to check; never waits for the network. */
#ifndef CHECK_LOAD_H
#define CHECK_LOAD_H

#include "store.h"
#include "trouble.h"
#include "verdict.h"

/* Reads what the want names, WANT_ENTRY or WANT_EVIDENCE, and gives it to the facts: an entry that cannot be read as a
 * broken store, evidence that cannot be read as none. Begins `*view` if it is NULL and the store can be read; the
 * caller ends it. A store that cannot be read is trouble. */
void load(struct store *store, struct trouble *trouble, struct store_view **view, struct facts *facts,
	const struct want *want);

#endif
