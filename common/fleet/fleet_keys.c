#include "fleet_keys.h"

#include <stdlib.h>
#include <sysexits.h>

struct fleet_keys {
	unsigned count;
};

/* Not built yet. */
struct fleet_keys *fleet_keys_read(const char *path, struct failure *why)
{
	failure_set(why, EX_CONFIG, "%s cannot be read yet", path);
	return NULL;
}

void fleet_keys_free(struct fleet_keys **keys)
{
	free(*keys);
	*keys = NULL;
}
