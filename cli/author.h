/* Who makes a decision with the tool, and on which relay (core/decision.h). */
#ifndef CLI_AUTHOR_H
#define CLI_AUTHOR_H

#include "commands.h"
#include "decision.h"

/* Finds out who runs the tool: with sudo the user who called it, otherwise the name of the real user. Call it before the
 * store is opened, because root becomes the store's owner then. */
void author_find(char author[OVERRIDE_AUTHOR_SIZE]);

struct author {
	char name[OVERRIDE_AUTHOR_SIZE], node[NODE_NAME_SIZE];
	struct decision_maker by; /* the two above */
};
/* Finds the author and the name of this relay, also before the store is opened. If the settings cannot be read, prints a message,
 * sets `status` and returns false. */
bool author_and_node(struct author *out, const struct options *options, int *status);

#endif
