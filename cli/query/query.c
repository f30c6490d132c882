/* query: looks up everything about one next hop again, prints each step, and previews what the daemon and the MTA would do.
 * With --stored it looks nothing up, and judges by what the store has. */
#include "clock.h"
#include "commands.h"
#include "conditions.h"
#include "describe.h"
#include "domains.h"
#include "networks_shown.h"
#include "open_signs.h"
#include "override_text.h"
#include "preview.h"
#include "record_json.h"
#include "report.h"
#include "session.h"
#include "stored.h"
#include "trace.h"
#include "verdict_shown.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* The question, and all that is shown about it. */
struct answer {
	const char *asked; /* the argument of the command */
	bool stored;       /* nothing was looked up */
	const struct session *session;
	struct trace trace;
	struct verdict_shown shown;
	struct preview preview;
	struct view view;
};

/* Returns whether the hop's failure does not hold mail, because the MTA itself verifies TLS to the hop (mta_enforces). */
static bool is_left_to_mta(const struct facts *facts, const struct hop_fact *hop)
{
	return facts_left_to_mta(facts, &facts_history(facts, hop)->conclusive);
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static void dane_print(const struct answer *answer)
{
	const struct settings *settings = answer->session->config->settings;
	if (answer->trace.facts.dane)
		return;
	if (!settings->mta_dane)
		line_print("DANE", "not checked: the MTA does not do DANE (mta_dane = no)");
	else if (answer->stored)
		line_print("DANE", "not checked: the store has no MX records that DNSSEC secures");
	else
		line_print("DANE", "not checked: DNS answers are not validated here (dnssec = %s)",
			settings->dnssec == (int)DNS_VALIDATE_OFF ? "off" : "auto, and no signed answer came");
}

/* Returns the next address of the hop behind index `*at`, or NULL. */
static const struct trace_address *address_next(const struct trace *trace, const struct hop_fact *hop, size_t *at)
{
	while (*at < trace->address_count) {
		const struct trace_address *one = &trace->address[(*at)++];
		if (one->port == hop->port && strcmp(one->host, hop->host) == 0)
			return one;
	}
	return NULL;
}

/* Prints the addresses of a hop, if it has several: what a probe saw at each of them. */
static void addresses_print(struct answer *answer, const struct hop_fact *hop)
{
	const struct trace *trace = &answer->trace;
	unsigned count = 0;
	for (size_t at = 0; address_next(trace, hop, &at);)
		count++;
	if (count < 2)
		return;
	line_print("", "addresses: %u", count);
	const struct trace_address *one;
	for (size_t at = 0; (one = address_next(trace, hop, &at));) {
		if (one->probed)
			address_print(one->address, &one->seen);
		else
			line_print("", "  %s: not probed (at most two addresses of a host are probed)", one->address);
	}
}

/* Prints the override in force. The policy and the hops are judged as without it; the front ends obey it. */
static void override_print(const struct override *override, int64_t now)
{
	struct quote author, reason;
	struct when until, span;
	char kind[OVERRIDE_KIND_SIZE];
	if (!override_in_force(override, now))
		return;
	line_print("override", "%s for %s until %s (in %s), set by %s: %s", override_kind_words(kind, override),
		strcmp(override->domain, OVERRIDE_ALL) == 0 ? "all domains" : override->domain,
		when_date(&until, override->ends_at), when_span(&span, override->ends_at - now),
		quote_string(&author, override->author), quote_string(&reason, override->reason));
}

/* Prints that a good hop does not count under the pin in force: it is outside, or nobody knows where it is. */
static void pin_print(const struct answer *answer, const struct hop_fact *hop)
{
	const struct facts *facts = &answer->trace.facts;
	const struct evidence *seen = &facts_history(facts, hop)->conclusive;
	bool pinned = facts->override.kind == OVERRIDE_PIN && override_in_force(&facts->override, answer->view.now);
	if (!pinned || seen->at == 0 || !facts_evidence_good(facts, seen))
		return;
	enum reason reason = override_place(&facts->override, seen);
	if (reason != REASON_OK)
		line_print("", "does not count under the override: the host %s [%s]", reason_sentence(reason),
			reason_name(reason));
}

static void facts_print(struct answer *answer)
{
	const struct facts *facts = &answer->trace.facts;
	const struct entry *entry = &facts->entry;
	if (!facts->question.has_domain)
		return;
	if (!answer->stored)
		putchar('\n');
	if (facts->question.mx_lookup)
		line_print("domain", "%s", facts->question.domain);
	else
		line_print("domain", "%s, as a host at port %u (no MX lookup)", facts->question.domain,
			facts->question.port);
	override_print(&facts->override, answer->view.now);
	open_signs_print(answer->session->store, facts->question.domain);
	record_print(entry, &answer->view);
	fetch_print(entry, &answer->view);
	policy_print(entry, &answer->view);
	if (facts->question.mx_lookup)
		mx_print(entry, &answer->view);
	networks_print(answer->session->store, facts->question.domain);
	dane_print(answer);
	for (unsigned i = 0; i < facts->hop_count; i++) {
		const struct hop_fact *hop = &facts->hop[i];
		hop_print(facts->question.domain, hop->host, hop->port, &hop->record, &answer->view);
		addresses_print(answer, hop);
		pin_print(answer, hop);
		if (is_left_to_mta(facts, hop))
			line_print("",
				"does not hold mail: the MTA delivers there over TLS that it verifies itself (mta_enforces)");
	}
	putchar('\n');
}

static bool is_degraded(enum health_condition condition)
{
	return metrics_read(METRIC_DEGRADED, (unsigned)CONDITION_HEALTH + condition, 0, 0) != 0;
}

static void answer_print(struct answer *answer)
{
	answer->view.letter = answer->shown.letter_reason;
	answer->view.said[answer->shown.verdict.reason] = true; /* the verdict and the letter print it */
	facts_print(answer);
	/* the advice about a first contact is to wait for its lookups, but none is made here */
	answer->view.said[answer->shown.verdict.reason] = answer->stored && answer->trace.facts.absent;
	verdict_shown_print(&answer->shown, &answer->view);
	/* A wrong clock is reported with any verdict. Like the daemon, this process detects it from the store's times. */
	enum event_kind clock = is_degraded(HEALTH_CLOCK_AHEAD) ? EVENT_CLOCK_AHEAD : EVENT_CLOCK_BEHIND;
	if (is_degraded(HEALTH_CLOCK_BEHIND) || is_degraded(HEALTH_CLOCK_AHEAD))
		line_print("clock", "%s; %s", event_sentence(clock), event_advice(clock));
	if (override_in_force(&answer->trace.facts.override, answer->view.now))
		line_print("note", "the front ends obey the override");
	preview_print(&answer->preview);
	if (answer->stored && answer->trace.facts.absent)
		line_print("note", "the store has no entry of the domain: the first message to it starts the lookups");
	if (answer->stored)
		line_print("note", "nothing was looked up; the front ends look old facts up again before they answer");
	verdict_shown_letter(&answer->shown);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

/* Returns where a fact comes from: `network` if this command has looked it up, `store`, or null. */
static json_t *source_json(const struct answer *answer, int64_t at)
{
	return at == 0 ? NULL : json_text(at >= answer->view.began ? "network" : "store");
}

static json_t *question_json(const struct answer *answer)
{
	const struct question *question = &answer->trace.facts.question;
	json_t *object = json_made(json_object());
	json_put(object, "asked", json_text_bytes(answer->asked, strlen(answer->asked)));
	json_put(object, "domain", json_text(question->domain));
	json_put(object, "host", json_text(question->host));
	json_put(object, "port", question->has_domain ? json_integer(question->port) : NULL);
	json_put(object, "mx_lookup", json_boolean(question->mx_lookup));
	json_put(object, "stored", json_boolean(answer->stored));
	return object;
}

static json_t *addresses_json(const struct answer *answer, const struct hop_fact *hop)
{
	json_t *array = json_made(json_array());
	const struct trace_address *one;
	for (size_t at = 0; (one = address_next(&answer->trace, hop, &at));) {
		json_t *object = json_made(json_object());
		json_put(object, "address", json_text(one->address));
		json_put(object, "evidence", one->probed ? evidence_json(&one->seen, hop->port) : NULL);
		json_add(array, object);
	}
	return array;
}

static void facts_put(json_t *object, const struct answer *answer)
{
	const struct facts *facts = &answer->trace.facts;
	const struct entry *entry = &facts->entry;
	json_t *hops = json_made(json_array()), *source = json_made(json_object());
	for (unsigned i = 0; i < facts->hop_count; i++) {
		const struct hop_fact *hop = &facts->hop[i];
		json_t *described = hop_json(answer->session->store, hop->host, hop->port, &hop->record);
		json_put(described, "left_to_mta", json_boolean(is_left_to_mta(facts, hop)));
		json_put(described, "source", source_json(answer, facts_history(facts, hop)->newest.at));
		json_put(described, "addresses", addresses_json(answer, hop));
		json_add(hops, described);
	}
	static const char *const names[] = {"record", "fetch", "policy", "mx_state", "mx", NULL};
	members_move(object, entry_json(entry), names);
	json_put(source, "record", source_json(answer, entry->record_checked_at));
	json_put(source, "policy", source_json(answer, entry->policy_fetched_at));
	json_put(source, "mx", source_json(answer, entry->mx.checked_at));
	json_put(object, "mx_dnssec",
		entry->mx.state == MX_UNKNOWN ? NULL : json_text(entry->mx.secure ? "secure" : "insecure"));
	json_put(object, "source", source);
	json_put(object, "dane", json_boolean(facts->dane));
	json_put(object, "hops", hops);
}

static void answer_print_json(const struct answer *answer)
{
	const struct override *override = &answer->trace.facts.override;
	int64_t now = answer->view.now;
	json_t *object = json_made(json_object()), *degraded = json_made(json_array());
	for (unsigned kind = 0; kind < CONDITION_COUNT; kind++)
		if (metrics_read(METRIC_DEGRADED, kind, 0, 0) != 0)
			json_add(degraded, json_text(counters_names.name[LABEL_CONDITION](kind)));
	json_put(object, "domain", json_text(answer->trace.facts.question.domain));
	json_put(object, "question", question_json(answer));
	json_put(object, "steps", json_incref(answer->trace.steps));
	facts_put(object, answer);
	verdict_shown_put(object, &answer->shown);
	json_put(object, "override", override_in_force(override, now) ? override_json(override, now) : NULL);
	json_put(object, "degraded", degraded);
	json_put(object, "signs", open_signs_json(answer->session->store, answer->trace.facts.question.domain));
	json_put(object, "networks", networks_json(answer->session->store, answer->trace.facts.question.domain));
	preview_put(object, &answer->preview);
	json_print(object);
}

/* --- the inquiry -------------------------------------------------------------------------------------------------- */

/* Runs an inquiry to its end that looks up everything again. */
static bool verdict_await(
	struct verdict *verdict, const struct session *session, struct trace *trace, const struct question *question)
{
	struct outcome outcome;
	check_ticket ticket;
	int64_t deadline_ms = clock_mono_ms() + session_inquiry_ms(session->config->settings);
	trace_open(trace, question, &session->config->rules);
	check_ask_anew(session->check, question, &ticket, &outcome);
	if (ticket != CHECK_NO_TICKET) {
		outcome_free(&outcome);
		check_wait(session->check, ticket, deadline_ms, &outcome);
	}
	trace_close(trace);
	*verdict = outcome.verdict;
	bool final = outcome.final;
	outcome_free(&outcome);
	return final;
}

/* Finds the verdict and its facts. Returns false after a message on stderr if the store cannot be read. */
static bool answer_find(struct answer *answer, const struct question *question, struct verdict *verdict, bool *final)
{
	const struct session *session = answer->session;
	struct facts *facts = &answer->trace.facts;
	struct failure why = {0};
	if (!answer->stored) {
		answer->view.began = clock_wall_s();
		*final = verdict_await(verdict, session, &answer->trace, question);
		stored_hops(session->store, facts);
		return true;
	}
	answer->view.began = INT64_MAX;
	trace_open(&answer->trace, question, &session->config->rules);
	facts->dane = config_dane(session->config);
	bool read = stored_judge(session->store, facts, session->config->settings->mta_dane, verdict, final, &why);
	trace_close(&answer->trace);
	if (read)
		stored_hops(session->store, facts);
	else
		complain(&why);
	return read;
}

static int answer_show(struct answer *answer, const struct question *question, bool json)
{
	const struct config *config = answer->session->config;
	struct verdict verdict;
	bool final;
	if (!answer_find(answer, question, &verdict, &final))
		return EX_IOERR;
	const struct facts *facts = &answer->trace.facts;
	preview_init(&answer->preview, &verdict, facts, config->settings);
	verdict_shown_init(&answer->shown, &verdict, final, &answer->preview, facts,
		answer->stored ? 0 : answer->view.began, config);
	answer->view.now = clock_wall_s();
	answer->view.rules = &config->rules;
	answer->view.store = answer->session->store;
	answer->view.revocation = config->settings->revocation != REVOCATION_OFF;
	if (json)
		answer_print_json(answer);
	else
		answer_print(answer);
	int status = verdict_shown_status(&answer->shown);
	verdict_shown_free(&answer->shown);
	preview_free(&answer->preview);
	return status;
}

int query_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	struct session session;
	struct question question;
	struct answer answer = {.asked = words[0], .stored = option_given(options, "stored"), .session = &session};
	if (!hop_word(&question, words[0], PURPOSE_QUERY))
		return EX_USAGE;
	trace_init(&answer.trace, options->json);
	enum session_needs needs = answer.stored ? NEEDS_STORE_ONLY : NEEDS_NO_STORE;
	int status = session_open(&session, options, needs, trace_observe, &answer.trace);
	if (status == 0) {
		if (session.check)
			check_on_dialled(session.check, trace_dialled, &answer.trace);
		status = answer_show(&answer, &question, options->json);
		session_close(&session);
	}
	trace_free(&answer.trace);
	return status;
}
