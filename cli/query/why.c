/* why: prints the last verdicts that delayed mail, held it, tagged it or found a failure, for a domain or a queue id. */
#include "commands.h"
#include "deed_words.h"
#include "describe.h"
#include "domain_print.h"
#include "next_hop.h"
#include "override_text.h"
#include "running.h"
#include "session.h"
#include "why_found.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* What is asked for, and what is found. */
struct asked {
	const char *id; /* the queue id; NULL: a domain is asked for */
	struct question question;
	const struct settings *settings;
	struct running *running;
	struct why why;
};

/* --- what happened ------------------------------------------------------------------------------------------------ */

static void verdict_print(const struct verdict_record *record, const struct settings *settings)
{
	struct when first, last;
	const char *subject = record->hop;
	if (!*subject && reason_class(record->reason) != REASON_GENERAL)
		subject = "its mail host";
	printf("%s  %s  %s  %s\n", when_date(&last, record->last_at), verdict_door_name(record->door),
		verdict_name(record->kind), *record->domain ? record->domain : "-");
	line_print("action", "%s", deed_done(record));
	if (*deed_would(record))
		line_print("", "without mode = monitor it would have %s", deed_would(record));
	line_print("", "%s", deed_where(record, settings));
	if (reason_class(record->reason) == REASON_GENERAL)
		subject = "";
	line_print("reason", "%s%s%s [%s]", subject, *subject ? " " : "", reason_sentence(record->reason),
		reason_name(record->reason));
	if (record->override != OVERRIDE_NONE)
		line_print("override", "%s was in force", override_kind_name(record->override));
	if (record->requiretls == TLS_DEMAND_UNMET)
		line_print("REQUIRETLS",
			"the sender demands verified TLS, but the domain had neither an enforce policy nor usable TLSA "
			"records");
	else if (record->requiretls != TLS_DEMAND_NONE)
		line_print("REQUIRETLS", "the sender demands verified TLS [%s]", tls_demand_name(record->requiretls));
	if (record->tls_required_no)
		line_print("sender", "asked for delivery even without TLS (TLS-Required: No)");
	if (record->has_policy)
		line_print("policy", "mode %s, id %s", policy_mode_name(record->mode),
			*record->policy_id ? record->policy_id : "unknown");
	if (record->count > 1)
		line_print("seen", "%" PRIu32 " times since %s", record->count, when_date(&first, record->first_at));
	if (*record->queue_ids)
		line_print("queue ids", "%s", record->queue_ids);
}

/* --- what is known now -------------------------------------------------------------------------------------------- */

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
static void daemon_print(const struct asked *asked)
{
	char words[RUNNING_TEXT_SIZE];
	if (asked->running->state != RUNNING_STOPPED && asked->running->state != RUNNING_ENDED)
		return;
	running_describe(asked->running, words);
	line_print("daemon", "%s", words);
	line_print("", "until it runs, an MTA that asks the milter or the map keeps its mail waiting");
}

static void now_print(const struct why *why)
{
	struct when at, span;
	struct quote quote;
	const struct entry *entry = &why->entry;
	putchar('\n');
	if (why_policy_is_live(why))
		line_print("now", "policy of mode %s in force, expires in %s", policy_mode_name(entry->policy.mode),
			when_span(&span, entry->policy_expires_at - why->now));
	else
		line_print("now", "no policy in force");
	for (unsigned i = 0; i < why->hop_count; i++) {
		const struct why_hop *hop = &why->hop[i];
		line_print("", "%s %s [%s], seen %s (%s ago)", quote_string(&quote, hop->host),
			reason_sentence(hop->newest.reason), reason_name(hop->newest.reason),
			when_date(&at, hop->newest.at), when_span(&span, why->now - hop->newest.at));
		if (hop->newest.seen_by[0] != '\0')
			line_print("", "  seen by relay %s", hop->newest.seen_by);
		if (hop->others_looked > 0)
			line_print(
				"", "  %u of %u other relays see this host bad", hop->others_bad, hop->others_looked);
	}
	if (why_fault_is_gone(why))
		line_print(
			"", "a result above is newer than the last verdict: the mail passes when the MTA tries again");
	if (entry->due_at != 0)
		line_print("", "stsgated checks the domain again at %s, or earlier if mail needs a newer result",
			when_date(&at, entry->due_at));
	if (*why->domain)
		open_signs_print(why->store, why->domain);
	override_print(&why->override);
}

static void commands_print(const struct why *why)
{
	struct why_command command[WHY_COMMANDS_MAX];
	unsigned count = why_commands(why, command);
	for (unsigned i = 0; i < count; i++)
		line_print(command[i].purpose, "%s", command[i].text);
}

/* Prints what can be done. */
static void remedies_print(const struct asked *asked)
{
	const struct why *why = &asked->why;
	const struct verdict_record *record = &why->record[0];
	const struct advice_names names = {.domain = record->domain, .host = record->hop};
	if (!why_fault_is_gone(why)) {
		advice_print("to do", "", record->reason, &names);
		there_print(*reason_here(record->reason) ? "" : "to do", "", record->reason, &names);
	}
	commands_print(why);
}

static void why_print(const struct asked *asked)
{
	const struct why *why = &asked->why;
	for (size_t i = 0; i < why->count; i++) {
		if (i > 0)
			putchar('\n');
		verdict_print(&why->record[i], asked->settings);
	}
	now_print(why);
	daemon_print(asked);
	remedies_print(asked);
}

/* Explains why nothing is recorded. */
static void unrecorded_print(const struct asked *asked)
{
	const struct why *why = &asked->why;
	struct quote quote;
	printf("%s  nothing is recorded\n", why->id ? quote_string(&quote, why->id) : why->domain);
	line_print(
		"means", "stsgate has not delayed, held or tagged this mail lately; the MTA's own log has the reason");
	if (asked->settings->mta_enforces && (why->id || why_policy_is_live(why)))
		line_print("",
			"the MTA verifies TLS itself at delivery (mta_enforces): it logs `Server certificate not "
			"verified` or `TLS is required`, for example");
	if (asked->settings->default_level == DEFAULT_LEVEL_VERIFY)
		line_print("",
			"default_level = verify: the MTA also demands a valid certificate of the hosts of domains without a "
			"policy; stsgate query shows whether they have one");
	line_print("", "if the mail goes to a smart host (relayhost, transport), ask for that host's domain");
	if (why->id)
		line_print("",
			"Postfix gives a queue id when it accepts a recipient: if all were rejected, ask for the domain");
	else
		now_print(why);
	daemon_print(asked);
	commands_print(why);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

/* Reads the argument: a queue id has no dot, a domain has one, and an address has an @. Returns false for a word that is
 * neither. */
static bool word_read(struct asked *asked, const char *word)
{
	struct span span = {word, strlen(word)};
	bool address = strchr(word, '@') != NULL;
	if (!address && verdict_queue_id_valid(span)) {
		asked->id = word;
		return true;
	}
	if (address)
		question_from_recipient(&asked->question, span.at, span.len, PURPOSE_QUERY);
	else
		next_hop_question(&asked->question, span.at, span.len, PURPOSE_QUERY);
	if (!asked->question.has_domain) {
		struct quote quote;
		fprintf(stderr, "stsgate: %s is neither a domain that can have a policy nor a queue id\n",
			quote_string(&quote, word));
		return false;
	}
	return true;
}

static int why_tell(struct asked *asked, struct store *store, bool json)
{
	struct failure failure = {0};
	struct why *why = &asked->why;
	bool read = why_read(why, store, asked->settings, asked->id, asked->question.domain, &failure);
	asked->running = read ? running_read(store, asked->settings->store_path, &failure) : NULL;
	int status = asked->running ? (why->count > 0 ? STATUS_YES : STATUS_NO) : complain(&failure);
	if (asked->running && json)
		json_print(why_json(why));
	else if (asked->running)
		(why->count > 0 ? why_print : unrecorded_print)(asked);
	why_free(why);
	free(asked->running);
	return status;
}

int why_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	int status = EX_USAGE;
	struct asked asked = {.id = NULL};
	struct settings *settings = word_read(&asked, words[0]) ? session_settings(options, &status) : NULL;
	struct store *store = settings ? session_store(options, &status) : NULL;
	asked.settings = settings;
	if (store)
		status = why_tell(&asked, store, options->json);
	store_close(&store);
	settings_free(&settings);
	return status;
}
