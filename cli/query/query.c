/* query: looks up everything about one next hop again, prints each step, and previews what the daemon and the MTA would do.
 * With --stored it looks nothing up, and judges by what the store has. */
#include "clock.h"
#include "commands.h"
#include "conditions.h"
#include "domain_print.h"
#include "domains.h"
#include "override_text.h"
#include "query_shown.h"
#include "report.h"
#include "session.h"
#include "stored.h"
#include "trace.h"
#include "verdict_print.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* The question, and all that is shown about it. */
struct answer {
	const struct session *session;
	struct trace trace;
	struct query_shown shown;
	struct view view;
};

/* --- text --------------------------------------------------------------------------------------------------------- */

static void dane_print(const struct answer *answer)
{
	const struct settings *settings = answer->session->config->settings;
	if (answer->trace.facts.dane)
		return;
	if (!settings->mta_dane)
		line_print("DANE", "not checked: the MTA does not do DANE (mta_dane = no)");
	else if (answer->shown.stored)
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
	line_print("override", "%s for %s until %s (in %s), set by %s%s%s: %s", override_kind_words(kind, override),
		strcmp(override->domain, OVERRIDE_ALL) == 0 ? "all domains" : override->domain,
		when_date(&until, override->ends_at), when_span(&span, override->ends_at - now),
		quote_string(&author, override->author), override->node[0] ? " on " : "", override->node,
		quote_string(&reason, override->reason));
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
	if (!answer->shown.stored)
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
		if (facts_left_to_mta(facts, &facts_history(facts, hop)->conclusive))
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
	answer->view.letter = answer->shown.verdict.letter_reason;
	answer->view.said[answer->shown.verdict.verdict.reason] = true; /* the verdict and the letter print it */
	facts_print(answer);
	/* the advice about a first contact is to wait for its lookups, but none is made here */
	answer->view.said[answer->shown.verdict.verdict.reason] = answer->shown.stored && answer->trace.facts.absent;
	verdict_shown_print(&answer->shown.verdict, &answer->view);
	/* A wrong clock is reported with any verdict. Like the daemon, this process detects it from the store's times. */
	enum event_kind clock = is_degraded(HEALTH_CLOCK_AHEAD) ? EVENT_CLOCK_AHEAD : EVENT_CLOCK_BEHIND;
	if (is_degraded(HEALTH_CLOCK_BEHIND) || is_degraded(HEALTH_CLOCK_AHEAD))
		line_print("clock", "%s; %s", event_sentence(clock), event_advice(clock));
	if (override_in_force(&answer->trace.facts.override, answer->view.now))
		line_print("note", "the front ends obey the override");
	preview_print(&answer->shown.preview);
	if (answer->shown.stored && answer->trace.facts.absent)
		line_print("note", "the store has no entry of the domain: the first message to it starts the lookups");
	if (answer->shown.stored)
		line_print("note", "nothing was looked up; the front ends look old facts up again before they answer");
	verdict_shown_letter(&answer->shown.verdict);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

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

/* The steps and the addresses are those of the trace. */
static void answer_print_json(const struct answer *answer)
{
	const struct facts *facts = &answer->trace.facts;
	json_t *object = query_json(&answer->shown), *hops = json_object_get(object, "hops");
	json_put(object, "steps", json_incref(answer->trace.steps));
	for (unsigned i = 0; i < facts->hop_count; i++)
		json_put(json_array_get(hops, i), "addresses", addresses_json(answer, &facts->hop[i]));
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
	if (!answer->shown.stored) {
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
	answer->shown.began = answer->view.began;
	query_shown_init(&answer->shown, &verdict, final, &answer->trace.facts, answer->session->store, config);
	answer->view.now = answer->shown.now;
	answer->view.rules = &config->rules;
	answer->view.store = answer->session->store;
	answer->view.revocation = config->settings->revocation != REVOCATION_OFF;
	if (json)
		answer_print_json(answer);
	else
		answer_print(answer);
	int status = verdict_shown_status(&answer->shown.verdict);
	query_shown_free(&answer->shown);
	return status;
}

int query_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	struct session session;
	struct question question;
	struct answer answer = {.session = &session};
	answer.shown.asked = words[0];
	answer.shown.stored = option_given(options, "stored");
	if (!hop_word(&question, words[0], PURPOSE_QUERY))
		return EX_USAGE;
	trace_init(&answer.trace, options->json);
	enum session_needs needs = answer.shown.stored ? NEEDS_STORE_ONLY : NEEDS_NO_STORE;
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
