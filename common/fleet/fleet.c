#include "fleet.h"

#include "fleet_health.h"
#include "fleet_hints.h"
#include "fleet_keeper.h"
#include "fleet_nodes.h"
#include "fleet_parts.h"
#include "fleet_secret.h"
#include "log.h"
#include "memory.h"
#include "own_node.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct fleet {
	char node[NODE_NAME_SIZE];
	struct fleet_base base;
	struct config *config; /* of the start: its settings are those of base */
	struct fleet_keys *keys;
	struct loop *loop;
	struct fleet_health *health;
	struct fleet_keeper *keeper;
	struct fleet_nodes *nodes;
	struct fleet_hints *hints;
};

void fleet_stop(struct fleet *fleet)
{
	if (!fleet || !fleet->loop)
		return;
	keeper_stop(fleet->keeper);
	fleet_hints_stop(fleet->hints);
	loop_stop(fleet->loop);
	loop_join(fleet->loop);
	link_free(&fleet->base.link);
	fleet_health_free(&fleet->health);
}

void fleet_free(struct fleet **slot)
{
	struct fleet *fleet = *slot;
	if (!fleet)
		return;
	link_free(&fleet->base.link);
	fleet_health_free(&fleet->health);
	fleet_nodes_free(&fleet->nodes);
	loop_free(&fleet->loop);
	keeper_free(&fleet->keeper);
	fleet_hints_free(&fleet->hints);
	fleet_keys_free(&fleet->keys);
	config_unref(&fleet->config);
	free(fleet);
	*slot = NULL;
}

/* A file with too many rights is a mistake in the settings, too: a start that is repeated does not repair it. */
static bool file_blame(struct failure *why, const char *setting)
{
	if (why && why->code == EX_NOPERM)
		why->code = EX_CONFIG;
	return failure_prefix(why, "%s", setting);
}

bool fleet_usable(const struct settings *settings, struct failure *why)
{
	if (settings->fleet_server[0] == '\0')
		return true;
	struct fleet_keys *keys = fleet_keys_read(settings->fleet_key_file, why);
	if (!keys)
		return file_blame(why, "fleet_key_file");
	fleet_keys_free(&keys);
	if (settings->fleet_password_file[0] == '\0')
		return true;
	char *password = fleet_secret_read(settings->fleet_password_file, why);
	if (!password)
		return file_blame(why, "fleet_password_file");
	fleet_secret_free(&password);
	return true;
}

/* Called on the keeper's thread. */
static void decisions_changed(void *arg, const struct keeper_state *state)
{
	struct fleet *fleet = arg;
	if (state->level_at != 0 && state->waiting == 0)
		fleet_nodes_decided(fleet->nodes, state->level_at);
}

static bool fleet_begin(struct fleet *fleet, struct check *check, struct store *store, struct failure *why)
{
	const struct settings *settings = fleet->config->settings;
	const char *node = fleet->node;
	own_node(fleet->node, settings);
	if (!node_name_is_valid((struct span){node, strlen(node)}))
		return failure_set(why, EX_CONFIG,
			"fleet_node: this machine's name cannot be its name among the relays: set fleet_node");
	if (!fleet_usable(settings, why))
		return settings_locate(settings, why);
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
		.node = node};
	fleet->health = fleet_health_new(fleet->loop, check, settings->fleet_server);
	fleet->base.link = link_new(&(struct link_options){
		.settings = settings, .loop = fleet->loop, .changed = fleet_health_changed, .arg = fleet->health});
	fleet_health_watch(fleet->health, fleet->base.link);
	fleet->keeper = keeper_new(&fleet->base, decisions_changed, fleet);
	fleet->nodes = fleet_nodes_new(&fleet->base);
	fleet->hints = fleet_hints_new(&fleet->base);
	return loop_start(fleet->loop, why) && keeper_start(fleet->keeper, why);
}

void fleet_reload(struct fleet *fleet)
{
	char before[FLEET_KEYS_MAX][FLEET_KEY_ID_SIZE] = {""}, after[FLEET_KEYS_MAX][FLEET_KEY_ID_SIZE] = {""};
	struct failure why;
	if (!fleet)
		return;
	fleet_key_ids(fleet->keys, before);
	if (!fleet_keys_reread(fleet->keys, fleet->config->settings->fleet_key_file, &why)) {
		log_error("reload: fleet_key_file: %s; the keys stay as they are", why.text);
		return;
	}
	size_t count = fleet_key_ids(fleet->keys, after);
	if (memcmp(before, after, sizeof before) != 0)
		log_info("fleet_key_file: key %s seals from now on%s%s%s", after[0], count > 1 ? ", and key " : "",
			after[1], count > 1 ? " is accepted, too" : "; no other key is accepted");
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
	fleet_stop(*slot);
	fleet_free(slot);
	return false;
}
