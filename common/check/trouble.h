/* Trouble that lasts: its begin is an event, its end a line of the log, and what lies in between is silent. Any thread;
 * waits for nothing. */
#ifndef CHECK_TROUBLE_H
#define CHECK_TROUBLE_H

#include "events.h"

#include <stdatomic.h>

enum trouble_kind { TROUBLE_READING, TROUBLE_WRITING, TROUBLE_RESOLVER, TROUBLE_COUNT }; /* the store's first */
struct trouble {
	struct events *events;
	atomic_int state[TROUBLE_COUNT]; /* of trouble.c; zeroed: none */
};

void trouble_began(struct trouble *trouble, enum trouble_kind kind, const char *detail);
void trouble_ended(struct trouble *trouble, enum trouble_kind kind); /* costs nothing when there was none */

#endif
