/* override: sets, lists and clears overrides. */
#include "override.h"

#include "author.h"
#include "clock.h"
#include "commands.h"
#include "config.h"
#include "domains.h"
#include "facts.h"
#include "output.h"
#include "override_text.h"
#include "overrides_shown.h"
#include "own_node.h"
#include "running.h"
#include "session.h"
#include "values.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

/* --- the words of the command ------------------------------------------------------------------------------------- */

static bool is_all(const struct override *override)
{
	return strcmp(override->domain, OVERRIDE_ALL) == 0;
}

static const char *shown_domain(const struct override *override)
{
	return is_all(override) ? "all domains" : override->domain;
}

/* Reads a domain or `*`. */
static bool domain_read(struct override *override, const char *word)
{
	struct question question;
	if (strcmp(word, OVERRIDE_ALL) == 0) {
		memcpy(override->domain, OVERRIDE_ALL, sizeof OVERRIDE_ALL);
		return true;
	}
	if (!domain_word(&question, word, PURPOSE_QUERY))
		return false;
	memcpy(override->domain, question.domain, sizeof override->domain);
	return true;
}

/* Finds the next time, after `now`, at which the clock on the wall shows HH:MM. Returns false for other texts. */
static bool clock_read(const char *text, int64_t now, int64_t *at)
{
	int hour = -1, minute = -1, used = -1;
	time_t from = (time_t)now;
	struct tm parts;
	if (strspn(text, "0123456789:") != strlen(text) || sscanf(text, "%2d:%2d%n", &hour, &minute, &used) != 2 ||
		used != (int)strlen(text) || hour > 23 || minute > 59 || !localtime_r(&from, &parts))
		return false;
	for (int day = 0; day < 2; day++) {
		struct tm wanted = {.tm_year = parts.tm_year,
			.tm_mon = parts.tm_mon,
			.tm_mday = parts.tm_mday + day,
			.tm_hour = hour,
			.tm_min = minute,
			.tm_isdst = -1};
		*at = (int64_t)mktime(&wanted);
		if (*at > now)
			return true;
	}
	return false;
}

/* Reads --for or --until into override->ends_at. A pin without either of them lasts as long as any override may. */
static bool end_read(struct override *override, const struct options *options)
{
	const char *span = option_value(options, "for"), *until = option_value(options, "until");
	struct quote quote;
	uint64_t seconds = 0;
	if (override->kind == OVERRIDE_PIN && !span && !until) {
		override->ends_at = override->begins_at + OVERRIDE_LONGEST_S;
		return true;
	}
	if (override->kind == OVERRIDE_PIN && span && until) {
		fputs("stsgate: override pin takes --for DURATION or --until HH:MM, but not both\n", stderr);
		return false;
	}
	if (!span == !until) {
		fputs("stsgate: override set needs --for DURATION or --until HH:MM, and only one of them\n", stderr);
		return false;
	}
	if (until) {
		if (!clock_read(until, override->begins_at, &override->ends_at))
			fprintf(stderr, "stsgate: --until: %s is not a time of day; write it like 12:00\n",
				quote_string(&quote, until));
		else if (override->ends_at - override->begins_at < OVERRIDE_SHORTEST_S)
			fprintf(stderr,
				"stsgate: --until: %s is less than a minute away; an override lasts at least 1m\n",
				until);
		else
			return true;
		return false;
	}
	if (!value_duration("--for", span, &seconds))
		return false;
	if (seconds < OVERRIDE_SHORTEST_S || seconds > OVERRIDE_LONGEST_S) {
		fputs("stsgate: --for: an override lasts between 1m and 90d\n", stderr);
		return false;
	}
	override->ends_at = override->begins_at + (int64_t)seconds;
	return true;
}

static bool reason_read(struct override *override, const struct options *options)
{
	const char *reason = option_value(options, "reason");
	if (!reason) {
		fprintf(stderr, "stsgate: override %s needs --reason TEXT, which is logged and listed\n",
			override->kind == OVERRIDE_PIN ? "pin" : "set");
		return false;
	}
	if (!override_text_is_valid((struct span){reason, strlen(reason)}, sizeof override->reason)) {
		fprintf(stderr, "stsgate: --reason: write 1 to %zu octets of UTF-8 without control characters\n",
			sizeof override->reason - 1);
		return false;
	}
	memcpy(override->reason, reason, strlen(reason) + 1);
	return true;
}

/* Reads a number from 1 to 4294967294, with or without `AS` before it. Returns 0 for other texts. */
static uint32_t asn_read(const char *text)
{
	uint64_t number = 0;
	const char *digits = strncasecmp(text, "AS", 2) == 0 ? text + 2 : text;
	size_t count = strspn(digits, "0123456789");
	if (count == 0 || count > 10 || digits[count] != '\0' || sscanf(digits, "%" SCNu64, &number) != 1)
		return 0;
	return number < ASN_UNKNOWN ? (uint32_t)number : 0;
}

/* Reads every --asn. */
static bool asns_read(struct override *override, const struct options *options)
{
	size_t at = 0, count = 0;
	for (const char *text; (text = option_next(options, "asn", &at));) {
		struct quote quote;
		uint32_t asn = asn_read(text);
		if (asn == 0) {
			fprintf(stderr,
				"stsgate: --asn: %s is not the number of an autonomous system; such a number is 64500 or AS64500\n",
				quote_string(&quote, text));
			return false;
		}
		if (override_has_asn(override, asn))
			continue;
		if (count == OVERRIDE_ASNS_MAX) {
			fprintf(stderr, "stsgate: --asn: a pin can name at most %d autonomous systems\n",
				OVERRIDE_ASNS_MAX);
			return false;
		}
		override->asn[count++] = asn;
	}
	if (count == 0)
		fputs("stsgate: override pin needs --asn N, once for each autonomous system of the domain's mail hosts\n",
			stderr);
	return count > 0;
}

/* Reads the kind of an override, and the options that only this kind has. `word` is NULL for `override pin`. */
static bool kind_read(struct override *override, const struct options *options, const char *word)
{
	unsigned kind;
	if (!word) {
		override->kind = OVERRIDE_PIN;
		return asns_read(override, options);
	}
	if (!value_word("a kind of override", word, override_words, &kind))
		return false;
	override->kind = (enum override_kind)(kind + 1);
	if (option_given(options, "asn"))
		fputs("stsgate: --asn is an option of `override pin` only\n", stderr);
	return !option_given(options, "asn");
}

/* Reads the words and options of `override set` and `override pin`. `kind_word` is NULL for the latter. */
static bool set_read(
	struct override *override, const struct options *options, const char *domain, const char *kind_word)
{
	override->begins_at = clock_wall_s();
	if (!domain_read(override, domain) || !kind_read(override, options, kind_word) ||
		!end_read(override, options) || !reason_read(override, options))
		return false;
	author_find(override->author);
	return true;
}

/* --- set ---------------------------------------------------------------------------------------------------------- */

/* Returns why an override of kind `enforce` or `pin` would have no effect, or NULL if it has one. */
static const char *strict_refused(const struct override *override, struct store *store, bool exempt)
{
	struct entry entry;
	if (override_releases(override->kind))
		return NULL;
	if (is_all(override))
		return override->kind == OVERRIDE_PIN
			       ? "a pin is for the mail hosts of one domain, so it is set for one domain at a time"
			       : "`enforce` needs a policy, so it is set for one domain at a time";
	if (exempt)
		return "the domain is in exempt_domains, which is stronger than an override";
	struct store_view *view = store_view_begin(store, NULL);
	enum store_found found = view ? store_view_entry(view, override->domain, &entry) : STORE_FAILED;
	store_view_end(&view);
	if (found == STORE_FAILED)
		return "the store cannot be read, so it is not known whether the domain has a policy";
	if (found != STORE_FOUND)
		return "the store has no policy of this domain; have it looked up with `stsgate warm`, or wait for mail to the domain";
	bool live = entry.has_policy && entry.policy_expires_at > override->begins_at;
	enum policy_mode mode = live ? entry.policy.mode : POLICY_NONE;
	entry_free(&entry);
	if (!live)
		return "no policy of this domain is in force";
	return mode == POLICY_NONE ? "the domain's policy has mode none" : NULL;
}

/* Notes an event in the store. A running stsgated notices the change in the table by itself and logs it. */
static void event_note(struct store *store, enum event_kind kind, const struct override *override, const char *before)
{
	char detail[OVERRIDE_TEXT_SIZE];
	struct event_record event;
	struct failure why = {0};
	struct text text;
	text_init(&text, detail, sizeof detail);
	text_add(&text, before);
	override_describe(&text, override);
	event_record_init(&event, kind, override_event_domain(override), detail, clock_wall_s());
	if (!store_note_event(store, &event, &why))
		complain(&why);
}

static void until_print(const struct override *override)
{
	struct when until, span;
	char kind[OVERRIDE_KIND_SIZE], local[64] = "";
	time_t time = (time_t) override->ends_at;
	struct tm parts;
	if (localtime_r(&time, &parts))
		strftime(local, sizeof local, " (%H:%M %Z)", &parts);
	printf("%s: %s until %s%s, for %s\n", shown_domain(override), override_kind_words(kind, override),
		when_date(&until, override->ends_at), local, when_span(&span, override->ends_at - override->begins_at));
}

static void command_print(const char *mta, const char *command, const char *domain, const char *what)
{
	char words[DOMAIN_SIZE + 32];
	snprintf(words, sizeof words, "%s%s", command, domain);
	printf("  %-8s  %-28s  %s\n", mta, words, what);
}

static void retry_print(const struct override *override)
{
	puts("\nTo deliver waiting mail now:");
	command_print("Postfix", "postqueue -i QUEUE_ID", "", "one message; mailq lists them");
	command_print("", "postqueue -f", "", "all deferred mail");
	command_print("", "postsuper -H QUEUE_ID", "", "a message on hold, which mailq marks with !");
	command_print("Sendmail", "sendmail -qIQUEUE_ID", "", "one message");
	command_print("", "sendmail -Q -qQ -qIQUEUE_ID", "", "a message on hold, which mailq -qQ lists");
	if (is_all(override))
		command_print("", "sendmail -q", "", "all mail");
	else
		command_print("", "sendmail -qR", override->domain, "all mail to the domain");
}

static void set_print(const struct override *override, const struct override *replaced)
{
	struct quote author, reason;
	char kind[OVERRIDE_KIND_SIZE];
	struct when span;
	until_print(override);
	line_print(
		"set by", "%s: %s", quote_string(&author, override->author), quote_string(&reason, override->reason));
	if (replaced->kind != OVERRIDE_NONE)
		line_print("replaces", "%s, set by %s%s%s, with %s left", override_kind_words(kind, replaced),
			quote_string(&author, replaced->author), replaced->node[0] ? " on " : "", replaced->node,
			when_span(&span, replaced->ends_at - override->begins_at));
	if (override_releases(override->kind))
		retry_print(override);
}

/* Prints on stderr what keeps the override from taking effect now. */
static void notes_print(
	const struct override *override, struct store *store, const struct settings *settings, bool exempt)
{
	struct running *running = running_read(store, settings->store_path, NULL);
	if (exempt)
		fprintf(stderr,
			"stsgate: note: %s is in exempt_domains, so its mail passes with or without an override\n",
			override->domain);
	if (running && (running->state == RUNNING_STOPPED || running->state == RUNNING_ENDED))
		fputs("stsgate: note: stsgated is not running: the override has no effect before stsgated runs again\n",
			stderr);
	free(running);
}

/* Prints a note on stderr if a mail host is known to be outside the pin. Returns whether its network is known. */
static bool pin_note_print(const struct override *override, struct store_view *view, const char *host)
{
	struct hop_record record;
	if (store_view_hop(view, host, QUESTION_PORT, &record) != STORE_FOUND)
		return false;
	bool dane = record.dane.good.at > record.pkix.good.at;
	uint32_t asn = (dane ? record.dane : record.pkix).good.asn;
	if (asn != 0 && !override_has_asn(override, asn))
		fprintf(stderr, "stsgate: note: %s was last seen in AS%" PRIu32 ", which is outside the pin\n", host,
			asn);
	return asn != 0;
}

/* Prints on stderr why mail may wait under the pin, or why the pin holds no mail. */
static void pin_notes_print(const struct override *override, struct store *store, const struct settings *settings)
{
	struct entry entry;
	unsigned known = 0, looked = 0;
	struct store_view *view = store_view_begin(store, NULL);
	if (!settings->probe)
		fputs("stsgate: note: without probes (probe = no) stsgated does not learn the networks of mail hosts, so the domain's mail waits\n",
			stderr);
	if (!view)
		return;
	if (store_view_entry(view, override->domain, &entry) == STORE_FOUND) {
		const char *host = entry.mx.state == MX_IMPLICIT ? entry.domain : names_next(&entry.mx.names, NULL);
		for (; host && looked < HOPS_MAX; looked++) {
			known += pin_note_print(override, view, host);
			host = entry.mx.state == MX_IMPLICIT ? NULL : names_next(&entry.mx.names, host);
		}
		if (known == 0 && settings->probe)
			fputs("stsgate: note: the store does not know the network of any mail host of the domain; mail waits until "
			      "a probe finds one, which needs a stsgated that was built with libloc, and network data (network_db)\n",
				stderr);
		if (entry.policy.mode == POLICY_TESTING)
			fputs("stsgate: note: the policy has mode testing, which delays no mail: mail to a host outside the pin is "
			      "only tagged\n",
				stderr);
		entry_free(&entry);
	}
	store_view_end(&view);
}

static int set_do(const struct options *options, struct store *store, const struct override *override,
	const struct settings *settings, bool exempt)
{
	struct override replaced;
	struct failure why = {0};
	const char *refused = strict_refused(override, store, exempt);
	if (refused) {
		fprintf(stderr, "stsgate: %s: no override was set: %s\n", shown_domain(override), refused);
		return STATUS_NO;
	}
	if (!store_set_override(store, override, &replaced, &why))
		return complain(&why);
	event_note(store, EVENT_OVERRIDE_SET, override, "");
	if (options->json) {
		json_t *object = json_made(json_object());
		json_put(object, "override", override_json(override, clock_wall_s()));
		json_put(object, "replaced", override_json(&replaced, clock_wall_s()));
		json_print(object);
	} else {
		set_print(override, &replaced);
	}
	notes_print(override, store, settings, exempt);
	if (override->kind == OVERRIDE_PIN)
		pin_notes_print(override, store, settings);
	return STATUS_YES;
}

static int set_run(const struct options *options, const char *domain, const char *kind_word)
{
	struct override override = {.kind = OVERRIDE_NONE};
	int status = EX_USAGE;
	struct settings *settings =
		set_read(&override, options, domain, kind_word) ? session_settings(options, &status) : NULL;
	if (!settings)
		return status;
	struct names exempt = {.count = 0};
	struct failure why = {0};
	struct store *store = NULL;
	own_node(override.node, settings);
	if (config_names(&exempt, "exempt_domains", &settings->exempt_domains, &why))
		store = session_store(options, &status);
	else
		status = complain(&why);
	if (store)
		status = set_do(options, store, &override, settings, names_cover(&exempt, override.domain));
	store_close(&store);
	names_free(&exempt);
	settings_free(&settings);
	return status;
}

/* --- list --------------------------------------------------------------------------------------------------------- */

static void row_print(const struct override *override)
{
	int64_t now = clock_wall_s();
	struct quote author, reason;
	struct when left;
	char kind[OVERRIDE_KIND_SIZE], by[sizeof author.text + NODE_NAME_SIZE + 1];
	const char *asns = override_kind_words(kind, override) + strlen(override_kind_name(override->kind));
	const char *remains = override->ends_at <= now ? "ended" : when_span(&left, override->ends_at - now);
	if (override->ends_at > now && !override_in_force(override, now))
		remains = "not begun"; /* the clock was set back */
	snprintf(by, sizeof by, "%s%s%s", quote_string(&author, override->author), override->node[0] ? "@" : "",
		override->node);
	printf("%-28s %-8s %-10s %7" PRIu32 "  %-12s %s%s%s\n", override->domain, override_kind_name(override->kind),
		remains, override->uses, by, *asns ? asns + 1 : "", *asns ? ": " : "",
		quote_string(&reason, override->reason));
}

static int list_run_on(const struct options *options, struct store *store)
{
	struct failure why = {0};
	size_t count = 0;
	struct override *rows = store_overrides(store, &count, &why);
	if (!rows)
		return complain(&why);
	json_t *array = json_made(json_array());
	if (!options->json && count > 0)
		printf("%-28s %-8s %-10s %7s  %-12s %s\n", "DOMAIN", "KIND", "LEFT", "USES", "SET BY", "REASON");
	else if (!options->json)
		nothing_print("no override is set");
	for (size_t i = 0; i < count; i++) {
		if (options->json)
			json_add(array, override_json(&rows[i], clock_wall_s()));
		else
			row_print(&rows[i]);
	}
	json_print_list("overrides", array, options->json);
	free(rows);
	return STATUS_YES;
}

/* --- clear -------------------------------------------------------------------------------------------------------- */

static void cleared_note(struct store *store, const struct override *cleared, const char *author)
{
	char before[4 * OVERRIDE_AUTHOR_SIZE + 32];
	struct text text;
	text_init(&text, before, sizeof before);
	text_add(&text, "cleared by ");
	text_quote(&text, author, strlen(author), 4 * OVERRIDE_AUTHOR_SIZE);
	text_add(&text, ": ");
	event_note(store, EVENT_OVERRIDE_CLEARED, cleared, before);
}

static int clear_run_on(
	const struct options *options, struct store *store, const char *domain, const struct author *author)
{
	struct override cleared;
	struct failure why = {0};
	struct quote quote;
	struct when until;
	char kind[OVERRIDE_KIND_SIZE];
	if (!store_lift_override(store, domain, &author->by, &cleared, &why))
		return complain(&why);
	bool found = cleared.kind != OVERRIDE_NONE;
	if (found)
		cleared_note(store, &cleared, author->name);
	if (options->json) {
		json_t *object = json_made(json_object());
		json_put(object, "cleared", override_json(&cleared, clock_wall_s()));
		json_print(object);
	} else if (found) {
		/* Without its uses: stsgated has not added the newest ones yet. */
		printf("%s: cleared: %s until %s, set by %s%s%s\n", shown_domain(&cleared),
			override_kind_words(kind, &cleared), when_date(&until, cleared.ends_at),
			quote_string(&quote, cleared.author), cleared.node[0] ? " on " : "", cleared.node);
	} else {
		printf("%s: there is no override\n", strcmp(domain, OVERRIDE_ALL) == 0 ? "all domains" : domain);
	}
	return found ? STATUS_YES : STATUS_NO;
}

/* ------------------------------------------------------------------------------------------------------------------ */

int override_run(const struct options *options, size_t count, char **words)
{
	struct override wanted = {.kind = OVERRIDE_NONE};
	bool set = strcmp(words[0], "set") == 0, list = strcmp(words[0], "list") == 0,
	     clear = strcmp(words[0], "clear") == 0, pin = strcmp(words[0], "pin") == 0;
	int status = EX_USAGE;
	if ((set && count == 3) || (pin && count == 2))
		return set_run(options, words[1], set ? words[2] : NULL);
	if ((!list || count != 1) && (!clear || count != 2)) {
		struct quote quote;
		if (!set && !list && !clear && !pin)
			fprintf(stderr, "stsgate: override: unknown word %s\n", quote_string(&quote, words[0]));
		return STATUS_WORDS;
	}
	if (options->own_count > 0) {
		fprintf(stderr, "stsgate: --%s is an option of `override %s` only\n", options->own[0].name,
			strcmp(options->own[0].name, "asn") == 0 ? "pin" : "set");
		return EX_USAGE;
	}
	if (clear && !domain_read(&wanted, words[1]))
		return EX_USAGE;
	struct author author = {.name = ""};
	struct store *store = NULL;
	if (list || author_and_node(&author, options, &status))
		store = session_store(options, &status);
	if (!store)
		return status;
	status = clear ? clear_run_on(options, store, wanted.domain, &author) : list_run_on(options, store);
	store_close(&store);
	return status;
}
