/* The domains in the store that have an enforce policy in force. */
#ifndef CLI_ENFORCED_H
#define CLI_ENFORCED_H

#include "commands.h"
#include "settings.h"
#include "store.h"

/* Called for each such domain, inside a view: it must not wait. Returns false to end the walk. */
typedef bool enforced_take(struct store_view *view, const struct entry *entry, void *arg);
/* Walks through the store. Gives up root's rights, as every command does that opens the store. Returns false, perhaps
 * after a message on stderr, if there is no store or it cannot be opened. */
bool enforced_each(const struct options *options, const struct settings *settings, enforced_take *take, void *arg);

#endif
