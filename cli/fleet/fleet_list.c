#include "fleet_list.h"

#include "clock.h"
#include "fleet_nodes.h"
#include "memory.h"
#include "output.h"
#include "own_node.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define NAME_WIDTH 32
#define CLOCK_SIZE 32

/* --- read --------------------------------------------------------------------------------------------------------- */

static int node_compare(const void *a, const void *b)
{
	return strcmp(((const struct fleet_node *)a)->name, ((const struct fleet_node *)b)->name);
}

/* Fails unless the answer is of this kind. */
static bool reply_is(const struct link_reply *reply, enum link_reply_kind kind, const char *what, struct failure *why)
{
	struct quote quote;
	if (reply->kind == kind)
		return true;
	if (reply->kind == LINK_REFUSED)
		return failure_set(why, EX_UNAVAILABLE, "the shared store refuses %s: %s", what,
			quote_bytes(&quote, reply->bytes, reply->len));
	return failure_set(why, EX_UNAVAILABLE, "the shared store does not answer %s as it should", what);
}

static void fields_read(const struct fleet_guest *guest, const struct fleet_keys *keys, const struct link_reply *fields,
	struct fleet_nodes_read *out)
{
	int64_t now = clock_wall_s();
	out->node = xcalloc(fields->count / 2 + 1, sizeof *out->node);
	out->stranger = xcalloc(fields->count / 2 + 1, sizeof *out->stranger);
	for (size_t i = 0; i + 1 < fields->count; i += 2) {
		const struct link_reply *name = &fields->item[i], *value = &fields->item[i + 1];
		if (name->kind != LINK_BYTES)
			continue;
		enum fleet_ignored ignored = FLEET_OVERSIZED;
		if (value->kind == LINK_BYTES)
			ignored = fleet_node_open(keys, guest->settings->fleet_name, name->bytes, name->len,
				value->bytes, value->len, now, &out->node[out->count]);
		if (ignored == FLEET_TAKEN) {
			out->count++;
			continue;
		}
		struct fleet_stranger *stranger = &out->stranger[out->strangers++];
		stranger->why = ignored;
		snprintf(stranger->field, sizeof stranger->field, "%.*s",
			(int)(name->len < sizeof stranger->field ? name->len : sizeof stranger->field - 1),
			name->bytes);
	}
	qsort(out->node, out->count, sizeof *out->node, node_compare);
}

bool fleet_nodes_read(
	struct fleet_guest *guest, const struct fleet_keys *keys, struct fleet_nodes_read *out, struct failure *why)
{
	char place[FLEET_PLACE_SIZE];
	int64_t ahead_s = 0;
	*out = (struct fleet_nodes_read){.count = 0};
	fleet_guest_clock(guest, &ahead_s);
	out->server_now = clock_wall_s() + ahead_s;
	fleet_nodes_place(place, sizeof place, guest->settings->fleet_name);
	struct link_reply *number = fleet_guest_ask(guest, 2, (const char *const[]){"HLEN", place});
	bool ok = reply_is(number, LINK_NUMBER, "HLEN", why);
	if (ok && number->number > NODES_MAX)
		ok = failure_set(why, EX_DATAERR, "the hash %s has %" PRId64 " fields; more than %d cannot be read",
			place, number->number, NODES_MAX);
	fleet_call_free(&number);
	if (!ok)
		return false;
	struct link_reply *fields = fleet_guest_ask(guest, 2, (const char *const[]){"HGETALL", place});
	ok = reply_is(fields, LINK_LIST, "HGETALL", why);
	if (ok)
		fields_read(guest, keys, fields, out);
	fleet_call_free(&fields);
	return ok;
}

void fleet_nodes_read_free(struct fleet_nodes_read *read)
{
	free(read->node);
	free(read->stranger);
	*read = (struct fleet_nodes_read){.count = 0};
}

const char *fleet_ignored_words(enum fleet_ignored ignored)
{
	switch (ignored) {
	case FLEET_TAKEN:
		return "it is not ignored";
	case FLEET_OVERSIZED:
		return "it is too long";
	case FLEET_UNSIGNED:
		return "it is not signed, so something else writes here";
	case FLEET_FOREIGN:
		return "it is signed with another key: compare fleet_key_file there and here";
	case FLEET_UNREADABLE:
		return "it is signed, but cannot be read: its version is probably later than this one";
	case FLEET_FUTURE:
		return "it has a time in the future: set the clock there, or here";
	case FLEET_REPLAYED:
		return "it is older than what is known";
	case FLEET_IGNORED_KINDS:
		break;
	}
	return "it cannot be used";
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static const char *clock_text(char out[CLOCK_SIZE], const struct fleet_node *node)
{
	struct when span;
	int64_t ahead = node->ahead_s;
	if (!node->clock_known)
		snprintf(out, CLOCK_SIZE, "unknown");
	else if (ahead > -2 && ahead < 2)
		snprintf(out, CLOCK_SIZE, "right");
	else
		snprintf(out, CLOCK_SIZE, "%.20s %s", when_span(&span, ahead < 0 ? -ahead : ahead),
			ahead < 0 ? "behind" : "ahead");
	return out;
}

static void node_print(const struct fleet_node *node, int64_t server_now, const char *self)
{
	struct when seen, lag;
	char clock[CLOCK_SIZE], name[NODE_NAME_SIZE + 2];
	int64_t age_s = fleet_node_age_s(node, server_now), lag_s = fleet_node_lag_s(node);
	snprintf(name, sizeof name, "%s%s", node->name, strcmp(node->name, self) == 0 ? " *" : "");
	printf("%-*s %-8s %-10s %10s %10" PRId64 " %10s  %s\n", NAME_WIDTH, name,
		fleet_node_state_name(fleet_node_state(age_s)), node->version, when_span(&seen, age_s), node->entries,
		lag_s < 0 ? "never" : when_span(&lag, lag_s), clock_text(clock, node));
}

static void list_print(const struct fleet_nodes_read *read, const struct settings *settings, const char *self)
{
	struct quote quote;
	if (read->count > 0)
		printf("%-*s %-8s %-10s %10s %10s %10s  %s\n", NAME_WIDTH, "node", "state", "version", "seen ago",
			"domains", "lag", "clock");
	else
		printf("no node of the farm %s is known at %s\n", settings->fleet_name, settings->fleet_server);
	for (size_t i = 0; i < read->count; i++)
		node_print(&read->node[i], read->server_now, self);
	for (size_t i = 0; i < read->strangers; i++)
		printf("ignored: %s: %s\n", quote_string(&quote, read->stranger[i].field),
			fleet_ignored_words(read->stranger[i].why));
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static json_t *node_json(const struct fleet_node *node, int64_t server_now, const char *self)
{
	int64_t age_s = fleet_node_age_s(node, server_now), lag_s = fleet_node_lag_s(node);
	json_t *object = json_made(json_object());
	json_put(object, "node", json_text(node->name));
	json_put(object, "self", json_boolean(strcmp(node->name, self) == 0));
	json_put(object, "state", json_text(fleet_node_state_name(fleet_node_state(age_s))));
	json_put(object, "version", json_text(node->version));
	json_put(object, "seen_at", json_when(server_now - age_s));
	json_put(object, "started_at", json_when(node->started_at));
	json_put(object, "domains", json_integer(node->entries));
	json_put(object, "lag", lag_s < 0 ? NULL : json_integer(lag_s));
	json_put(object, "clock_ahead", node->clock_known ? json_integer(node->ahead_s) : NULL);
	return object;
}

static json_t *stranger_json(const struct fleet_stranger *stranger)
{
	json_t *object = json_made(json_object());
	json_put(object, "field", json_text(stranger->field));
	json_put(object, "why", json_text(fleet_ignored_name(stranger->why)));
	return object;
}

static void list_print_json(const struct fleet_nodes_read *read, const struct settings *settings, const char *self)
{
	json_t *object = json_made(json_object()), *nodes = json_made(json_array()), *ignored = json_made(json_array());
	for (size_t i = 0; i < read->count; i++)
		json_add(nodes, node_json(&read->node[i], read->server_now, self));
	for (size_t i = 0; i < read->strangers; i++)
		json_add(ignored, stranger_json(&read->stranger[i]));
	json_put(object, "server", json_text(settings->fleet_server));
	json_put(object, "name", json_text(settings->fleet_name));
	json_put(object, "now", json_when(read->server_now));
	json_put(object, "nodes", nodes);
	json_put(object, "ignored", ignored);
	json_print(object);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

/* A node that is gone for good is no fault. */
static bool all_well(const struct fleet_nodes_read *read)
{
	bool silent = false;
	for (size_t i = 0; i < read->count; i++)
		silent |= fleet_node_state(fleet_node_age_s(&read->node[i], read->server_now)) == FLEET_NODE_SILENT;
	return !silent && read->count > 0 && read->strangers == 0;
}

int fleet_list(const struct settings *settings, bool json)
{
	struct failure why = {0};
	struct fleet_guest guest;
	struct fleet_nodes_read read;
	char self[NODE_NAME_SIZE];
	session_leave_root(settings);
	own_node(self, settings);
	struct fleet_keys *keys = fleet_keys_read(settings->fleet_key_file, &why);
	if (!keys || !fleet_guest_open(&guest, settings, NULL, &why)) {
		fleet_keys_free(&keys);
		return complain(&why);
	}
	int status = EX_UNAVAILABLE;
	if (fleet_nodes_read(&guest, keys, &read, &why)) {
		json ? list_print_json(&read, settings, self) : list_print(&read, settings, self);
		status = all_well(&read) ? STATUS_YES : STATUS_NO;
		fleet_nodes_read_free(&read);
	} else {
		status = complain(&why);
	}
	fleet_guest_close(&guest);
	fleet_keys_free(&keys);
	return status;
}
