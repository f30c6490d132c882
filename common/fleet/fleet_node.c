#include "fleet_node.h"

#include "ascii.h"
#include "fleet_parts.h"
#include "json_value.h"
#include "record_json.h"

#include <stdio.h>
#include <string.h>

const char *fleet_node_state_name(enum fleet_node_state state)
{
	static const char *const names[] = {
		[FLEET_NODE_CURRENT] = "current", [FLEET_NODE_SILENT] = "silent", [FLEET_NODE_GONE] = "gone"};
	return state < FLEET_NODE_STATES ? names[state] : NULL;
}

int64_t fleet_node_age_s(const struct fleet_node *node, int64_t server_now)
{
	int64_t age = server_now - (node->seen_at - (node->clock_known ? node->ahead_s : 0));
	return age > 0 ? age : 0;
}

enum fleet_node_state fleet_node_state(int64_t age_s)
{
	if (age_s > NODE_GONE_S)
		return FLEET_NODE_GONE;
	return age_s > NODE_SILENT_S ? FLEET_NODE_SILENT : FLEET_NODE_CURRENT;
}

int64_t fleet_node_lag_s(const struct fleet_node *node)
{
	if (node->decided_at == 0)
		return -1;
	return node->seen_at > node->decided_at ? node->seen_at - node->decided_at : 0;
}

void fleet_nodes_place(char *place, size_t size, const char *prefix)
{
	snprintf(place, size, "%s:nodes", prefix);
}

/* --- sealed ------------------------------------------------------------------------------------------------------- */

/* A field of a hash is sealed for the hash and the field. */
static void field_place(char *place, size_t size, const char *prefix, const char *field)
{
	snprintf(place, size, "%s:nodes %s", prefix, field);
}

char *fleet_node_seal(const struct fleet_keys *keys, const char *prefix, const struct fleet_node *node, size_t *len)
{
	char place[FLEET_PLACE_SIZE];
	json_t *object = json_made(json_object());
	json_put(object, "version", json_text(node->version));
	json_put(object, "started_at", json_integer(node->started_at));
	json_put(object, "entries", json_integer(node->entries));
	if (node->decided_at != 0)
		json_put(object, "decided_at", json_integer(node->decided_at));
	if (node->clock_known)
		json_put(object, "ahead", json_integer(node->ahead_s));
	field_place(place, sizeof place, prefix, node->name);
	char *sealed = fleet_seal_value(keys, place, node->name, node->seen_at, object, len);
	json_decref(object);
	return sealed;
}

static bool version_is_valid(const char *version)
{
	for (const char *at = version; *at; at++)
		if (!ascii_is_alnum(*at) && !strchr(".-+~", *at))
			return false;
	return true;
}

/* Reads a member that a node leaves out if it does not know it. */
static bool optional_read(const struct input *in, const char *key, int64_t min, int64_t max, bool *known, int64_t *out)
{
	*known = json_object_get(in->object, key) != NULL;
	*out = 0;
	return !*known || input_number(in, key, min, max, out);
}

static bool node_read(const json_t *object, struct fleet_node *out)
{
	struct failure why;
	const struct input in = {.object = object, .name = "node", .now = out->seen_at, .why = &why};
	const char *version;
	bool decided;
	if (!input_text(&in, "version", 1, sizeof out->version - 1, &version) || !version_is_valid(version) ||
		!input_number(&in, "started_at", 0, out->seen_at, &out->started_at) ||
		!input_number(&in, "entries", 0, INT64_MAX, &out->entries) ||
		!optional_read(&in, "decided_at", 0, out->seen_at, &decided, &out->decided_at) ||
		!optional_read(&in, "ahead", INT32_MIN, INT32_MAX, &out->clock_known, &out->ahead_s))
		return false;
	snprintf(out->version, sizeof out->version, "%s", version);
	return true;
}

enum fleet_ignored fleet_node_open(const struct fleet_keys *keys, const char *prefix, const char *field,
	size_t field_len, const char *bytes, size_t len, int64_t now, struct fleet_node *out)
{
	char place[FLEET_PLACE_SIZE];
	struct fleet_written written;
	enum fleet_ignored ignored = FLEET_UNREADABLE;
	*out = (struct fleet_node){.name = ""};
	if (field_len == 0 || field_len >= sizeof out->name || memchr(field, '\0', field_len))
		return FLEET_UNREADABLE;
	memcpy(out->name, field, field_len);
	field_place(place, sizeof place, prefix, out->name);
	json_t *object = fleet_open_value(keys, place, bytes, len, now, &written, &ignored);
	if (!object)
		return ignored;
	out->seen_at = written.at;
	bool read = strcmp(written.node, out->name) == 0 && node_read(object, out);
	json_decref(object);
	return read ? FLEET_TAKEN : FLEET_UNREADABLE;
}
