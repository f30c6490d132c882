#include "fleet_link.h"

#include "memory.h"

#include <stdlib.h>

/* Not built yet: a link that is always down. */
struct link {
	struct loop *loop;
};

struct link *link_new(const struct link_options *options)
{
	struct link *link = xcalloc(1, sizeof *link);
	link->loop = options->loop;
	return link;
}

void link_free(struct link **link)
{
	free(*link);
	*link = NULL;
}
