/* doctor: what the relays of the farm share (settings fleet_*). Its group has the daemon's rights, not root's: it reads what the
 * shared store sends. `stsgate fleet test` runs this group alone. */
#include "age.h"
#include "clock.h"
#include "doctor_internal.h"
#include "fleet_list.h"
#include "fleet_parts.h"
#include "fleet_secret.h"
#include "output.h"
#include "own_node.h"
#include "server_info.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define TEST_MS 60000   /* how long the test's value may stay in the shared store */
#define CHANNEL_MS 3000 /* until a message has come back */
#define CLOCK_NEAR_S 5

/* --- files -------------------------------------------------------------------------------------------------------- */

/* Reports that a secret file cannot be used. */
static void file_failed(struct doctor *doctor, const char *setting, const char *file, const struct failure *why)
{
	struct quote quote;
	const char *name = quote_string(&quote, file);
	doctor_report(doctor, "fleet-settings", DOCTOR_FAIL, "%s: %s", setting, why->text);
	if (why->code == EX_NOINPUT)
		doctor_remedy(doctor,
			"put the file there, and let the user %s read it: chown root:%s %s; chmod 0640 %s",
			doctor->settings->user, doctor->settings->user, name, name);
	else if (why->code == EX_NOPERM)
		doctor_remedy(doctor, "chmod 0640 %s: whoever can read it can write what all relays believe", name);
	else
		doctor_remedy(doctor,
			"it must be a short text file; a key is 64 hexadecimal digits in a line, as `openssl rand -hex 32` "
			"prints it, and all relays need the same file");
}

static void settings_report(struct doctor *doctor, const struct fleet_keys *keys, const char *node)
{
	char id[FLEET_KEYS_MAX][FLEET_KEY_ID_SIZE];
	size_t count = fleet_key_ids(keys, id);
	if (!node_name_is_valid((struct span){node, strlen(node)}) || strcmp(node, "localhost") == 0) {
		struct quote quote;
		doctor_report(doctor, "fleet-settings", DOCTOR_FAIL, "%s is no name for this relay among the others",
			quote_string(&quote, node));
		doctor_remedy(doctor, "set fleet_node to a name that no other relay of the farm has");
		return;
	}
	doctor_report(doctor, "fleet-settings", DOCTOR_OK, "this relay is %s; key %s signs%s%s", node, id[0],
		count > 1 ? ", and values of key " : "", count > 1 ? id[1] : "");
}

/* Returns the keys, or NULL after a report. */
static struct fleet_keys *settings_check(struct doctor *doctor, const char *node)
{
	const struct settings *settings = doctor->settings;
	struct failure why = {0};
	struct fleet_keys *keys = fleet_keys_read(settings->fleet_key_file, &why);
	if (!keys) {
		file_failed(doctor, "fleet_key_file", settings->fleet_key_file, &why);
		return NULL;
	}
	char *password = NULL;
	if (settings->fleet_password_file[0] != '\0')
		password = fleet_secret_read(settings->fleet_password_file, &why);
	if (settings->fleet_password_file[0] != '\0' && !password) {
		file_failed(doctor, "fleet_password_file", settings->fleet_password_file, &why);
		fleet_keys_free(&keys);
		return NULL;
	}
	fleet_secret_free(&password);
	settings_report(doctor, keys, node);
	return keys;
}

/* --- values and the channel ---------------------------------------------------------------------------------------- */

/* Says what the server has answered instead of what was expected. */
static const char *answer_words(struct quote *quote, const struct link_reply *reply)
{
	if (reply->kind == LINK_REFUSED)
		return quote_bytes(quote, reply->bytes, reply->len);
	snprintf(quote->text, sizeof quote->text, "%s",
		reply->kind == LINK_NONE  ? "no answer in time"
		: reply->kind == LINK_NIL ? "there is no such value"
					  : "an answer of another kind");
	return quote->text;
}

/* A part of the shared store does not do what it should. Mail is not affected. */
static void refused(struct doctor *doctor, const char *check, const char *what, const struct link_reply *reply)
{
	const struct settings *settings = doctor->settings;
	struct quote quote;
	doctor_report(doctor, check, DOCTOR_WARN, "%s: %s", what, answer_words(&quote, reply));
	if (reply->kind == LINK_REFUSED && reply->len >= 6 && memcmp(reply->bytes, "NOPERM", 6) == 0)
		doctor_remedy(doctor, "let the user do it: ACL SETUSER %s ~%s:* &%s:* +@all -@dangerous +info",
			settings->fleet_user[0] != '\0' ? settings->fleet_user : "default", settings->fleet_name,
			settings->fleet_name);
	else if (reply->kind == LINK_REFUSED && reply->len >= 8 && memcmp(reply->bytes, "READONLY", 8) == 0)
		doctor_remedy(
			doctor, "fleet_server is a replica, which takes no changes: name the server that it follows");
	else
		doctor_remedy(doctor, "look at the server's log");
}

/* Writes a value and returns whether the same one can be read. */
static bool value_returns(struct doctor *doctor, struct fleet_guest *guest, const struct fleet_keys *keys,
	const char *place, const char *node)
{
	int64_t now = clock_wall_s();
	char life[24];
	size_t len;
	struct fleet_written written;
	enum fleet_ignored ignored;
	json_t *object = json_made(json_object());
	char *sealed = fleet_seal_value(keys, place, node, now, object, &len);
	json_decref(object);
	snprintf(life, sizeof life, "%d", TEST_MS);
	struct link_reply *reply = fleet_guest_ask(guest, 5, (const char *const[]){"SET", place, sealed, "PX", life});
	free(sealed);
	bool ok = reply->kind == LINK_OK;
	if (!ok)
		refused(doctor, "fleet-values", "a value cannot be written", reply);
	fleet_call_free(&reply);
	if (!ok)
		return false;
	reply = fleet_guest_ask(guest, 2, (const char *const[]){"GET", place});
	json_t *opened = reply->kind == LINK_BYTES
				 ? fleet_open_value(keys, place, reply->bytes, reply->len, now, &written, &ignored)
				 : NULL;
	ok = opened != NULL;
	if (!ok && reply->kind == LINK_BYTES) {
		doctor_report(doctor, "fleet-values", DOCTOR_WARN,
			"what was read is not what was written: the shared store, or something on the way, changes values");
		doctor_remedy(doctor, "make sure that fleet_server is the Valkey or Redis server that you mean");
	} else if (!ok) {
		refused(doctor, "fleet-values", "a value that was written cannot be read", reply);
	}
	json_decref(opened);
	fleet_call_free(&reply);
	return ok;
}

static void values_check(
	struct doctor *doctor, struct fleet_guest *guest, const struct fleet_keys *keys, const char *node)
{
	char place[FLEET_PLACE_SIZE];
	snprintf(place, sizeof place, "%s:test:%s", doctor->settings->fleet_name, node);
	if (!value_returns(doctor, guest, keys, place, node))
		return;
	struct link_reply *reply = fleet_guest_ask(guest, 2, (const char *const[]){"DEL", place});
	if (reply->kind == LINK_NUMBER)
		doctor_report(doctor, "fleet-values", DOCTOR_OK, "a signed value was written, read and removed");
	else
		refused(doctor, "fleet-values", "a value cannot be removed", reply);
	fleet_call_free(&reply);
}

static void channel_check(struct doctor *doctor, struct fleet_guest *guest, const char *channel)
{
	char message[64];
	snprintf(message, sizeof message, "test %lld", (long long)clock_mono_us());
	if (fleet_guest_hears(guest, channel, message, CHANNEL_MS)) {
		doctor_report(doctor, "fleet-channel", DOCTOR_OK, "what is published arrives");
		return;
	}
	doctor_report(doctor, "fleet-channel", DOCTOR_WARN,
		"a message that was published on the channel %s has not arrived", channel);
	doctor_remedy(doctor,
		"let the user publish on these channels and subscribe to them: ACL SETUSER %s &%s:* +publish +subscribe; "
		"until then overrides reach the other relays after 30 seconds, not at once",
		doctor->settings->fleet_user[0] != '\0' ? doctor->settings->fleet_user : "default",
		doctor->settings->fleet_name);
}

/* --- the server ---------------------------------------------------------------------------------------------------- */

static void clock_check(struct doctor *doctor, struct fleet_guest *guest)
{
	int64_t ahead_s;
	struct when span;
	if (!fleet_guest_clock(guest, &ahead_s)) {
		doctor_report(doctor, "fleet-clock", DOCTOR_SKIP, "the server does not tell this user the time (TIME)");
		return;
	}
	when_span(&span, ahead_s < 0 ? -ahead_s : ahead_s);
	if (ahead_s >= -CLOCK_NEAR_S && ahead_s <= CLOCK_NEAR_S) {
		doctor_report(doctor, "fleet-clock", DOCTOR_OK, "the server's clock agrees with this machine's");
		return;
	}
	bool far = ahead_s < -CLOCK_SKEW_S || ahead_s > CLOCK_SKEW_S;
	doctor_report(doctor, "fleet-clock", DOCTOR_WARN, "the server's clock is %s %s this machine's", span.text,
		ahead_s < 0 ? "behind" : "ahead of");
	doctor_remedy(doctor, "let a time service set both clocks: %s",
		far ? "values of a relay whose clock is ahead are ignored by the others"
		    : "the later of two decisions is found by the relays' clocks");
}

static void memory_report(struct doctor *doctor, const struct server_info *info)
{
	struct when used, limit;
	bool keeps_decisions = strncmp(info->policy, "volatile-", strlen("volatile-")) == 0;
	bytes_text(&used, info->used);
	bytes_text(&limit, info->limit);
	if (info->limit == 0) {
		doctor_report(doctor, "fleet-memory", DOCTOR_WARN,
			"%s %s has no limit of memory (maxmemory 0); %s are used", info->name, info->version,
			used.text);
		doctor_remedy(doctor, "set maxmemory, such as 256mb, and maxmemory-policy volatile-lru");
	} else if (!keeps_decisions) {
		doctor_report(doctor, "fleet-memory", DOCTOR_WARN,
			"when the server's memory is full, %s (maxmemory-policy %s)",
			strcmp(info->policy, "noeviction") == 0 ? "it takes no changes, and decisions do not spread"
								: "it may remove decisions instead of hints",
			info->policy);
		doctor_remedy(doctor,
			"set maxmemory-policy volatile-lru: policies and evidence have a time to live, decisions "
			"have none");
	} else {
		doctor_report(doctor, "fleet-memory", DOCTOR_OK,
			"%s %s uses %s of %s, and removes hints when it is full", info->name, info->version, used.text,
			limit.text);
	}
}

static void memory_check(struct doctor *doctor, struct fleet_guest *guest)
{
	struct server_info info;
	struct link_reply *reply = fleet_guest_ask(guest, 1, (const char *const[]){"INFO"});
	bool known = reply->kind == LINK_BYTES;
	server_info_read(&info, (struct span){known ? reply->bytes : "", known ? reply->len : 0});
	fleet_call_free(&reply);
	if (info.replica) {
		doctor_report(doctor, "fleet-memory", DOCTOR_WARN, "fleet_server is a replica, which takes no changes");
		doctor_remedy(doctor, "name the server that it follows");
	} else if (info.save_failed) {
		doctor_report(doctor, "fleet-memory", DOCTOR_WARN,
			"the server cannot write its data to the disk, and may take no changes");
		doctor_remedy(doctor,
			"look at its log and its disk; or turn saving off (save \"\"), since the relays do not "
			"need it: they write again what they know");
	} else if (!info.memory_known) {
		doctor_report(
			doctor, "fleet-memory", DOCTOR_SKIP, "the server does not tell this user about itself (INFO)");
	} else {
		memory_report(doctor, &info);
	}
}

/* --- the nodes ----------------------------------------------------------------------------------------------------- */

static void nodes_report(struct doctor *doctor, const struct fleet_nodes_read *read)
{
	const struct fleet_node *silent = NULL;
	size_t current = 0;
	struct quote quote;
	struct when age;
	for (size_t i = 0; i < read->count; i++) {
		enum fleet_node_state state = fleet_node_state(fleet_node_age_s(&read->node[i], read->server_now));
		current += state == FLEET_NODE_CURRENT;
		if (state == FLEET_NODE_SILENT && !silent)
			silent = &read->node[i];
	}
	if (read->strangers > 0) {
		doctor_report(doctor, "fleet-nodes", DOCTOR_WARN, "what %s says is ignored: %s",
			quote_string(&quote, read->stranger[0].field), fleet_ignored_words(read->stranger[0].why));
		doctor_remedy(doctor, "`stsgate fleet list` shows all nodes; what does not belong to this farm needs a "
				      "fleet_name of its own");
	} else if (silent) {
		doctor_report(doctor, "fleet-nodes", DOCTOR_WARN, "%s was last seen %s ago", silent->name,
			when_span(&age, fleet_node_age_s(silent, read->server_now)));
		doctor_remedy(doctor,
			"look at stsgated there, with `stsgate doctor sharing`; a relay that is gone for good is "
			"forgotten after a day");
	} else {
		doctor_report(doctor, "fleet-nodes", current > 0 ? DOCTOR_OK : DOCTOR_SKIP,
			"%zu %s seen within the last minute", current, current == 1 ? "node was" : "nodes were");
	}
}

static void nodes_check(struct doctor *doctor, struct fleet_guest *guest, const struct fleet_keys *keys)
{
	struct failure why = {0};
	struct fleet_nodes_read read;
	if (!fleet_nodes_read(guest, keys, &read, &why)) {
		doctor_report(doctor, "fleet-nodes", DOCTOR_WARN, "%s", why.text);
		doctor_remedy(doctor, "correct what the other checks of the shared store report");
		return;
	}
	nodes_report(doctor, &read);
	fleet_nodes_read_free(&read);
}

/* --- the group ----------------------------------------------------------------------------------------------------- */

static void server_failed(struct doctor *doctor, const struct failure *why)
{
	doctor_report(doctor, "fleet-server", DOCTOR_WARN, "%s", why->text);
	doctor_remedy(doctor,
		"start the server there, and let the user %s connect to it and log in (fleet_user, fleet_password_file); "
		"until then each relay works with its own store",
		doctor->settings->user);
}

static void server_check(struct doctor *doctor, const struct fleet_keys *keys, const char *node)
{
	struct fleet_guest guest;
	struct failure why = {0};
	char channel[FLEET_PLACE_SIZE];
	snprintf(channel, sizeof channel, "%s:test", doctor->settings->fleet_name);
	if (!fleet_guest_open(&guest, doctor->settings, channel, &why)) {
		server_failed(doctor, &why);
		return;
	}
	doctor_report(
		doctor, "fleet-server", DOCTOR_OK, "%s answers, and accepts the login", doctor->settings->fleet_server);
	values_check(doctor, &guest, keys, node);
	channel_check(doctor, &guest, channel);
	clock_check(doctor, &guest);
	memory_check(doctor, &guest);
	nodes_check(doctor, &guest, keys);
	fleet_guest_close(&guest);
}

/* Whoever asks for a check by its name gets a line; in the whole list one line is enough. */
static void nothing_shared(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor_check_count; i++) {
		const struct doctor_check *check = &doctor_checks[i];
		bool first = strcmp(check->name, "fleet-settings") == 0;
		if (check->group == DOCTOR_GROUP_fleet && (first || doctor->word_count > 0))
			doctor_report(doctor, check->name, DOCTOR_SKIP, "fleet_server is empty: nothing is shared");
	}
}

void doctor_fleet(struct doctor *doctor)
{
	char node[NODE_NAME_SIZE];
	if (doctor->settings->fleet_server[0] == '\0') {
		nothing_shared(doctor);
		return;
	}
	own_node(node, doctor->settings);
	struct fleet_keys *keys = settings_check(doctor, node);
	bool by_network = doctor_wants(doctor, "fleet-server") || doctor_wants(doctor, "fleet-values") ||
			  doctor_wants(doctor, "fleet-channel") || doctor_wants(doctor, "fleet-clock") ||
			  doctor_wants(doctor, "fleet-memory") || doctor_wants(doctor, "fleet-nodes");
	if (keys && by_network)
		server_check(doctor, keys, node);
	fleet_keys_free(&keys);
}
