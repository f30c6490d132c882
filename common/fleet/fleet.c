#include "fleet.h"

#include "fleet_parts.h"
#include "memory.h"

#include <stdlib.h>

struct fleet {
	struct fleet_base base;
	struct config *config; /* of the start: its settings are those of base */
	struct fleet_keys *keys;
	struct loop *loop;
};

void fleet_stop(struct fleet *fleet)
{
	if (!fleet || !fleet->loop)
		return;
	loop_stop(fleet->loop);
	loop_join(fleet->loop);
	link_free(&fleet->base.link);
}

void fleet_free(struct fleet **slot)
{
	struct fleet *fleet = *slot;
	if (!fleet)
		return;
	link_free(&fleet->base.link);
	loop_free(&fleet->loop);
	fleet_keys_free(&fleet->keys);
	config_unref(&fleet->config);
	free(fleet);
	*slot = NULL;
}

static bool fleet_begin(struct fleet *fleet, struct check *check, struct store *store, struct failure *why)
{
	const struct settings *settings = fleet->config->settings;
	fleet->keys = fleet_keys_read(settings->fleet_key_file, why);
	fleet->loop = fleet->keys ? loop_new(why) : NULL;
	if (!fleet->loop)
		return false;
	fleet->base = (struct fleet_base){.settings = settings,
		.check = check,
		.store = store,
		.loop = fleet->loop,
		.keys = fleet->keys,
		.prefix = settings->fleet_name,
		.node = settings->fleet_node[0] ? settings->fleet_node : fleet->config->host};
	fleet->base.link = link_new(&(struct link_options){.settings = settings, .loop = fleet->loop});
	return loop_start(fleet->loop, why);
}

bool fleet_start(struct fleet **slot, struct check *check, struct store *store, struct failure *why)
{
	struct config *config = check_config(check);
	*slot = NULL;
	if (config->settings->fleet_server[0] == '\0') {
		config_unref(&config);
		return true;
	}
	*slot = xcalloc(1, sizeof **slot);
	(*slot)->config = config;
	if (fleet_begin(*slot, check, store, why))
		return true;
	fleet_free(slot);
	return false;
}
