#include "why_found.h"

#include "clock.h"
#include "deed_words.h"
#include "json_value.h"
#include "memory.h"
#include "open_signs.h"
#include "record_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* Moves the records that match to the front of why->record. */
static void records_choose(struct why *why, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct verdict_record *record = &why->record[i];
		if (why->id ? verdict_record_has_id(record, why->id) : strcmp(record->domain, why->domain) == 0)
			why->record[why->count++] = *record;
	}
	if (why->id && why->count > 0) {
		free(why->domain);
		why->domain = xstrndup(why->record[0].domain, strlen(why->record[0].domain));
	}
}

/* Adds a hop if the store has evidence of it, unless it is there already. */
static void hop_add(struct why *why, struct store_view *view, const char *host)
{
	struct hop_record record;
	struct why_hop *hop = &why->hop[why->hop_count];
	bool there = why->hop_count == sizeof why->hop / sizeof why->hop[0] || !*host;
	for (unsigned i = 0; i < why->hop_count && !there; i++)
		there = strcmp(why->hop[i].host, host) == 0;
	if (there || mx_name_is_not_host(host, strlen(host)) ||
		store_view_hop(view, host, QUESTION_PORT, &record) != STORE_FOUND)
		return;
	hop->newest = record.dane.newest.at > record.pkix.newest.at ? record.dane.newest : record.pkix.newest;
	hop->others_looked = record.others_looked;
	hop->others_bad = record.others_bad;
	snprintf(hop->host, sizeof hop->host, "%s", host);
	why->hop_count += hop->newest.at != 0;
}

static bool now_read(struct why *why, struct failure *failure)
{
	const char *host = NULL;
	struct store_view *view = *why->domain ? store_view_begin(why->store, failure) : NULL;
	if (!view)
		return !*why->domain;
	store_view_entry(view, why->domain, &why->entry);
	store_view_override(view, why->domain, why->now, &why->override);
	hop_add(why, view, why->count > 0 ? why->record[0].hop : "");
	while (why->hop_count < HOPS_MAX && (host = names_next(&why->entry.mx.names, host)))
		hop_add(why, view, host);
	if (why->entry.mx.state == MX_IMPLICIT)
		hop_add(why, view, why->domain);
	store_view_end(&view);
	return true;
}

bool why_read(struct why *why, struct store *store, const struct settings *settings, const char *id, const char *domain,
	struct failure *failure)
{
	size_t count = 0;
	*why = (struct why){.id = id, .store = store, .settings = settings, .now = clock_wall_s()};
	why->domain = xstrndup(id ? "" : domain, id ? 0 : strlen(domain));
	entry_init(&why->entry, "");
	why->record = store_verdicts(store, &count, failure);
	if (!why->record)
		return false;
	records_choose(why, count);
	return now_read(why, failure);
}

void why_free(struct why *why)
{
	entry_free(&why->entry);
	free(why->record);
	free(why->domain);
}

bool why_fault_is_gone(const struct why *why)
{
	const struct why_hop *hop = &why->hop[0];
	return why->count > 0 && why->hop_count > 0 && strcmp(hop->host, why->record[0].hop) == 0 &&
	       hop->newest.at > why->record[0].last_at && hop->newest.reason == REASON_OK;
}

bool why_policy_is_live(const struct why *why)
{
	return why->entry.has_policy && why->entry.policy_expires_at > why->now;
}

unsigned why_commands(const struct why *why, struct why_command out[WHY_COMMANDS_MAX])
{
	const struct verdict_record *record = &why->record[0];
	const char *id = why->id ? why->id : "QUEUEID";
	struct why_command *next = out;
	if (!*why->domain)
		return 0;
	next->purpose = "look now";
	snprintf(next++->text, WHY_COMMAND_SIZE, "stsgate query %s", why->domain);
	if (why->count == 0 || !deed_delays(record, why->settings))
		return 1;
	if (!override_releases(why->override.kind) && !why_fault_is_gone(why)) {
		next->purpose = "let pass";
		snprintf(next++->text, WHY_COMMAND_SIZE, "stsgate override set %s pass --for 4h --reason 'WHY'",
			why->domain);
	}
	if (record->deed == DEED_QUARANTINE) {
		next->purpose = "release";
		snprintf(next++->text, WHY_COMMAND_SIZE, "postsuper -H %s && postqueue -i %s", id, id);
	} else if (record->deed != DEED_DEFER) {
		next->purpose = "retry";
		snprintf(next++->text, WHY_COMMAND_SIZE, "postqueue -i %s (Sendmail: sendmail -qI%s)", id, id);
	}
	return (unsigned)(next - out);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void record_more_json(json_t *object, const struct fields *table, const void *one, const void *arg)
{
	const struct verdict_record *record = one;
	const struct settings *settings = arg;
	(void)table;
	json_put(object, "sentence", json_text(reason_sentence(record->reason)));
	json_put(object, "advice", json_text(reason_here(record->reason)));
	json_put(object, "tell_postmaster", json_text(reason_there(record->reason)));
	json_put(object, "happened", json_text(deed_done(record)));
	json_put(object, "without_monitor", json_text(deed_would(record)));
	json_put(object, "where", json_text(deed_where(record, settings)));
	json_put(object, "delays", json_boolean(deed_delays(record, settings)));
}

static json_t *now_json(const struct why *why)
{
	const struct entry *entry = &why->entry;
	bool override = why->override.kind != OVERRIDE_NONE;
	json_t *object = json_made(json_object()), *hops = json_made(json_array());
	for (unsigned i = 0; i < why->hop_count; i++) {
		json_t *hop = json_made(json_object());
		json_put(hop, "host", json_text(why->hop[i].host));
		json_put(hop, "reason", json_text(reason_name(why->hop[i].newest.reason)));
		json_put(hop, "at", json_when(why->hop[i].newest.at));
		json_put(hop, "others_looked", json_integer(why->hop[i].others_looked));
		json_put(hop, "others_bad", json_integer(why->hop[i].others_bad));
		json_add(hops, hop);
	}
	json_put(object, "policy_mode", entry->has_policy ? json_text(policy_mode_name(entry->policy.mode)) : NULL);
	json_put(object, "policy_expires_at", json_when(entry->policy_expires_at));
	json_put(object, "due_at", json_when(entry->due_at));
	json_put(object, "override", override ? json_text(override_kind_name(why->override.kind)) : NULL);
	json_put(object, "override_ends_at", override ? json_when(why->override.ends_at) : NULL);
	json_put(object, "hops", hops);
	json_put(object, "signs", open_signs_json(why->store, why->domain));
	return object;
}

static json_t *commands_json(const struct why *why)
{
	struct why_command command[WHY_COMMANDS_MAX];
	unsigned count = why_commands(why, command);
	json_t *array = json_made(json_array());
	for (unsigned i = 0; i < count; i++) {
		json_t *object = json_made(json_object());
		json_put(object, "purpose", json_text(command[i].purpose));
		json_put(object, "command", json_text(command[i].text));
		json_add(array, object);
	}
	return array;
}

json_t *why_json(const struct why *why)
{
	json_t *object = json_made(json_object()), *verdicts = json_made(json_array());
	for (size_t i = 0; i < why->count; i++)
		json_add(verdicts, record_show(&verdict_table, &why->record[i], record_more_json, why->settings));
	json_put(object, "domain", json_text(why->domain));
	json_put(object, "queue_id", json_text(why->id ? why->id : ""));
	json_put(object, "verdicts", verdicts);
	json_put(object, "now", now_json(why));
	json_put(object, "repaired", json_boolean(why_fault_is_gone(why)));
	json_put(object, "commands", commands_json(why));
	return object;
}
