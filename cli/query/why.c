/* why: prints the last verdicts that delayed mail, held it, tagged it or found a failure, for a domain or a queue id. */
#include "clock.h"
#include "commands.h"
#include "describe.h"
#include "memory.h"
#include "next_hop.h"
#include "open_signs.h"
#include "override_text.h"
#include "record_json.h"
#include "running.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* What is asked for, and what is found. */
struct why {
	struct store *store;
	const char *id; /* the queue id; NULL: a domain is asked for */
	char *domain;   /* the domain asked for, or that of the newest record; "" if there is none */
	const struct settings *settings;
	struct running *running;
	struct verdict_record *record; /* the records that match, newest first */
	size_t count;
	/* What the store knows now about the domain: the override in force, and the hops that were probed. The first hop is
	 * the one that decided the newest record, if there is one. */
	struct entry entry;
	struct override override;
	struct why_hop {
		char host[DOMAIN_SIZE];
		struct evidence newest;
	} hop[1 + HOPS_MAX];
	unsigned hop_count;
};

/* --- what happened ------------------------------------------------------------------------------------------------ */

/* Returns what a front end did, or would do, as a sentence. */
static const char *deed_text(enum verdict_door door, enum deed deed)
{
	bool milter = door == DOOR_MILTER;
	switch (deed) {
	case DEED_ACCEPT:
		if (door == DOOR_MAP)
			return "the map answered, so that the MTA could deliver";
		return milter ? "the milter accepted the message" : "policy delegation accepted the message";
	case DEED_TAG:
		return milter ? "the milter accepted the message and tagged it"
			      : "policy delegation accepted the message and tagged it";
	case DEED_QUARANTINE:
		return milter ? "the milter put the message on hold" : "policy delegation put the message on hold";
	case DEED_DEFER:
		return milter ? "the milter rejected the recipient for now (451)"
			      : "policy delegation rejected the recipient for now (451)";
	case DEED_TEMP:
		return "the map answered TEMP, so the MTA keeps the mail in its queue";
	}
	return "";
}

/* Returns what a front end would have done without mode = monitor. */
static const char *would_text(enum deed would)
{
	switch (would) {
	case DEED_ACCEPT:
	case DEED_TAG:
		return "accepted the message";
	case DEED_QUARANTINE:
		return "put the message on hold";
	case DEED_DEFER:
		return "rejected the recipient for now (451)";
	case DEED_TEMP:
		return "answered TEMP, so that the MTA keeps the mail in its queue";
	}
	return "";
}

/* Returns whether the map holds at delivery what the milter or policy delegation accepted: it gives the MTA the same verdict. */
static bool left_to_map(const struct verdict_record *record, const struct settings *settings)
{
	bool accepted = record->deed == DEED_ACCEPT || record->deed == DEED_TAG;
	bool bad = record->kind == VERDICT_FAIL_ENFORCE || record->kind == VERDICT_DEFER;
	return settings->mta_enforces && record->door != DOOR_MAP && accepted && bad && !record->monitor &&
	       record->override == OVERRIDE_NONE;
}

/* Returns where the mail is now, or that stsgate did not delay it. */
static const char *where_text(const struct verdict_record *record, const struct settings *settings)
{
	switch (record->deed) {
	case DEED_ACCEPT:
	case DEED_TAG:
		return left_to_map(record, settings)
			       ? "at delivery the MTA asks the map (mta_enforces): the message waits in this relay's "
				 "queue as long as this verdict stands"
			       : "stsgate did not delay it";
	case DEED_QUARANTINE:
		return "the message stays in this relay's queue until somebody releases it";
	case DEED_DEFER:
		return "the message is in the queue of the server that sent it, and that server tries again";
	case DEED_TEMP:
		return "the message is in this relay's queue, and the MTA tries again";
	}
	return "";
}

/* Returns whether the mail was delayed or held. */
static bool record_delays(const struct verdict_record *record, const struct settings *settings)
{
	return left_to_map(record, settings) || verdict_record_delays(record);
}

static void verdict_print(const struct verdict_record *record, const struct settings *settings)
{
	struct when first, last;
	const char *subject = record->hop;
	if (!*subject && reason_class(record->reason) != REASON_GENERAL)
		subject = "its mail host";
	printf("%s  %s  %s  %s\n", when_date(&last, record->last_at), verdict_door_name(record->door),
		verdict_name(record->kind), *record->domain ? record->domain : "-");
	if (verdict_record_at_delivery(record)) {
		line_print(
			"action", "the map bound the delivery to the policy, and the MTA asked again within minutes");
		line_print("", "so it probably keeps the mail in its queue, because no mail host satisfies the policy");
	} else {
		line_print("action", "%s", deed_text(record->door, record->deed));
		if (record->would != record->deed)
			line_print("", "without mode = monitor it would have %s", would_text(record->would));
		line_print("", "%s", where_text(record, settings));
	}
	if (reason_class(record->reason) == REASON_GENERAL)
		subject = "";
	line_print("reason", "%s%s%s [%s]", subject, *subject ? " " : "", reason_sentence(record->reason),
		reason_name(record->reason));
	if (record->override != OVERRIDE_NONE)
		line_print("override", "%s was in force", override_kind_name(record->override));
	if (record->has_policy)
		line_print("policy", "mode %s, id %s", policy_mode_name(record->mode),
			*record->policy_id ? record->policy_id : "unknown");
	if (record->count > 1)
		line_print("seen", "%" PRIu32 " times since %s", record->count, when_date(&first, record->first_at));
	if (*record->queue_ids)
		line_print("queue ids", "%s", record->queue_ids);
}

/* --- what is known now -------------------------------------------------------------------------------------------- */

/* Returns whether the hop that decided the newest record was found good afterwards. */
static bool fault_is_gone(const struct why *why)
{
	const struct why_hop *hop = &why->hop[0];
	return why->hop_count > 0 && strcmp(hop->host, why->record[0].hop) == 0 &&
	       hop->newest.at > why->record[0].last_at && hop->newest.reason == REASON_OK;
}

static bool policy_is_live(const struct entry *entry, int64_t now)
{
	return entry->has_policy && entry->policy_expires_at > now;
}

static void override_print(const struct override *override)
{
	char buffer[OVERRIDE_TEXT_SIZE];
	struct text text;
	if (override->kind == OVERRIDE_NONE)
		return;
	text_init(&text, buffer, sizeof buffer);
	override_describe(&text, override);
	line_print("override", "%s", buffer);
}

/* Without the daemon no front end answers. */
static void daemon_print(const struct why *why)
{
	char words[RUNNING_TEXT_SIZE];
	if (why->running->state != RUNNING_STOPPED && why->running->state != RUNNING_ENDED)
		return;
	running_describe(why->running, words);
	line_print("daemon", "%s", words);
	line_print("", "until it runs, an MTA that asks the milter or the map keeps its mail waiting");
}

static void now_print(const struct why *why)
{
	struct when at, span;
	struct quote quote;
	const struct entry *entry = &why->entry;
	int64_t now = clock_wall_s();
	bool live = policy_is_live(entry, now);
	putchar('\n');
	if (live)
		line_print("now", "policy of mode %s in force, expires in %s", policy_mode_name(entry->policy.mode),
			when_span(&span, entry->policy_expires_at - now));
	else
		line_print("now", "no policy in force");
	for (unsigned i = 0; i < why->hop_count; i++) {
		const struct why_hop *hop = &why->hop[i];
		line_print("", "%s %s [%s], seen %s (%s ago)", quote_string(&quote, hop->host),
			reason_sentence(hop->newest.reason), reason_name(hop->newest.reason),
			when_date(&at, hop->newest.at), when_span(&span, now - hop->newest.at));
	}
	if (why->count > 0 && fault_is_gone(why))
		line_print(
			"", "a result above is newer than the last verdict: the mail passes when the MTA tries again");
	if (entry->due_at != 0)
		line_print("", "stsgated checks the domain again at %s, or earlier if mail needs a newer result",
			when_date(&at, entry->due_at));
	if (*why->domain)
		open_signs_print(why->store, why->domain);
	override_print(&why->override);
}

/* Prints what can be done. The names of the commands are those of an administrator's shell. */
static void remedies_print(const struct why *why)
{
	const struct verdict_record *record = &why->record[0];
	const struct advice_names names = {.domain = record->domain, .host = record->hop};
	const char *id = why->id ? why->id : "QUEUEID";
	if (!fault_is_gone(why)) {
		advice_print("to do", "", record->reason, &names);
		there_print(*reason_here(record->reason) ? "" : "to do", "", record->reason, &names);
	}
	if (!*why->domain)
		return;
	line_print("look now", "stsgate query %s", why->domain);
	if (!record_delays(record, why->settings))
		return;
	if (!override_releases(why->override.kind) && !fault_is_gone(why))
		line_print("let pass", "stsgate override set %s pass --for 4h --reason 'WHY'", why->domain);
	if (record->deed == DEED_QUARANTINE)
		line_print("release", "postsuper -H %s && postqueue -i %s", id, id);
	else if (record->deed != DEED_DEFER)
		line_print("retry", "postqueue -i %s (Sendmail: sendmail -qI%s)", id, id);
}

static void why_print(const struct why *why)
{
	for (size_t i = 0; i < why->count; i++) {
		if (i > 0)
			putchar('\n');
		verdict_print(&why->record[i], why->settings);
	}
	now_print(why);
	daemon_print(why);
	remedies_print(why);
}

/* Explains why nothing is recorded. */
static void unrecorded_print(const struct why *why)
{
	struct quote quote;
	printf("%s  nothing is recorded\n", why->id ? quote_string(&quote, why->id) : why->domain);
	line_print(
		"means", "stsgate has not delayed, held or tagged this mail lately; the MTA's own log has the reason");
	if (why->settings->mta_enforces && (why->id || policy_is_live(&why->entry, clock_wall_s())))
		line_print("",
			"the MTA verifies TLS itself at delivery (mta_enforces): it logs `Server certificate not "
			"verified` or `TLS is required`, for example");
	line_print("", "if the mail goes to a smart host (relayhost, transport), ask for that host's domain");
	if (why->id)
		line_print("",
			"Postfix gives a queue id when it accepts a recipient: if all were rejected, ask for the domain");
	else
		now_print(why);
	daemon_print(why);
	if (!why->id)
		line_print("look now", "stsgate query %s", why->domain);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void record_more_json(json_t *object, const struct fields *table, const void *one, const void *arg)
{
	const struct verdict_record *record = one;
	(void)table;
	(void)arg;
	json_put(object, "sentence", json_text(reason_sentence(record->reason)));
	json_put(object, "advice", json_text(reason_here(record->reason)));
	json_put(object, "tell_postmaster", json_text(reason_there(record->reason)));
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

static void why_print_json(const struct why *why)
{
	json_t *object = json_made(json_object()), *verdicts = json_made(json_array());
	for (size_t i = 0; i < why->count; i++)
		json_add(verdicts, record_show(&verdict_table, &why->record[i], record_more_json, NULL));
	json_put(object, "domain", json_text(why->domain));
	json_put(object, "queue_id", json_text(why->id ? why->id : ""));
	json_put(object, "verdicts", verdicts);
	json_put(object, "now", now_json(why));
	json_print(object);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

/* Reads the argument: a queue id has no dot, a domain has one, and an address has an @. Returns false for a word that is
 * neither. */
static bool word_read(struct why *why, const char *word)
{
	struct question question;
	struct span span = {word, strlen(word)};
	bool address = strchr(word, '@') != NULL;
	if (!address && verdict_queue_id_valid(span)) {
		why->id = word;
		why->domain = xstrndup("", 0);
		return true;
	}
	if (address)
		question_from_recipient(&question, span.at, span.len, PURPOSE_QUERY);
	else
		next_hop_question(&question, span.at, span.len, PURPOSE_QUERY);
	if (!question.has_domain) {
		struct quote quote;
		fprintf(stderr, "stsgate: %s is neither a domain that can have a policy nor a queue id\n",
			quote_string(&quote, word));
		return false;
	}
	why->domain = xstrndup(question.domain, strlen(question.domain));
	return true;
}

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
	snprintf(hop->host, sizeof hop->host, "%s", host);
	why->hop_count += hop->newest.at != 0;
}

static bool now_read(struct why *why, struct store *store, struct failure *failure)
{
	const char *host = NULL;
	struct store_view *view = *why->domain ? store_view_begin(store, failure) : NULL;
	if (!view)
		return !*why->domain;
	store_view_entry(view, why->domain, &why->entry);
	store_view_override(view, why->domain, clock_wall_s(), &why->override);
	hop_add(why, view, why->count > 0 ? why->record[0].hop : "");
	while (why->hop_count < HOPS_MAX && (host = names_next(&why->entry.mx.names, host)))
		hop_add(why, view, host);
	if (why->entry.mx.state == MX_IMPLICIT)
		hop_add(why, view, why->domain);
	store_view_end(&view);
	return true;
}

static int why_tell(struct why *why, struct store *store, bool json)
{
	struct failure failure = {0};
	size_t count;
	why->store = store;
	why->record = store_verdicts(store, &count, &failure);
	if (!why->record)
		return complain(&failure);
	records_choose(why, count);
	why->running = running_read(store, why->settings->store_path, &failure);
	if (!why->running)
		return complain(&failure);
	if (!now_read(why, store, &failure))
		return complain(&failure);
	if (json)
		why_print_json(why);
	else
		(why->count > 0 ? why_print : unrecorded_print)(why);
	return why->count > 0 ? STATUS_YES : STATUS_NO;
}

int why_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	int status = EX_USAGE;
	struct why why = {.id = NULL};
	entry_init(&why.entry, "");
	struct settings *settings = word_read(&why, words[0]) ? session_settings(options, &status) : NULL;
	struct store *store = settings ? session_store(options, &status) : NULL;
	why.settings = settings;
	if (store)
		status = why_tell(&why, store, options->json);
	store_close(&store);
	entry_free(&why.entry);
	free(why.running);
	free(why.record);
	free(why.domain);
	settings_free(&settings);
	return status;
}
