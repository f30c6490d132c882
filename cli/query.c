/* query: runs one inquiry in this process, prints its steps, and previews what the daemon would do. */
#include "clock.h"
#include "commands.h"
#include "conditions.h"
#include "describe.h"
#include "next_hop.h"
#include "preview.h"
#include "report.h"
#include "session.h"
#include "trace.h"

#include <stdio.h>
#include <string.h>

/* The result of the inquiry. */
struct answer {
	bool final;
	bool held; /* with mta_enforces: the map's reply makes the MTA defer, whatever the verdict */
	struct verdict verdict;
};

static int answer_status(const struct answer *answer)
{
	int passed = answer->held ? STATUS_NO : STATUS_YES;
	enum reason reason = answer->verdict.reason;
	/* No policy is known, but only because a lookup failed or has not been made yet. */
	bool unknown = reason == REASON_RECORD_LOOKUP || reason == REASON_RESOLVER || reason == REASON_INTERNAL ||
		       reason == REASON_FIRST_CONTACT || reason == REASON_NOT_YET_CHECKED;
	if (!answer->final)
		return STATUS_UNSURE;
	switch (answer->verdict.kind) {
	case VERDICT_NONE:
		return unknown ? STATUS_UNSURE : passed;
	case VERDICT_PASS:
	case VERDICT_FAIL_TESTING:
		return passed;
	case VERDICT_FAIL_ENFORCE:
	case VERDICT_DEFER:
		break;
	}
	return STATUS_NO;
}

/* Returns whether the hop's failure does not hold mail, because the MTA itself verifies TLS to the hop (mta_enforces). */
static bool is_left_to_mta(const struct facts *facts, const struct hop_fact *hop)
{
	return facts_left_to_mta(facts, &facts_history(facts, hop)->conclusive);
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static void facts_print(const struct facts *facts)
{
	const struct entry *entry = &facts->entry;
	if (!facts->question.has_domain)
		return;
	putchar('\n');
	if (facts->question.mx_lookup)
		line_print("domain", "%s", facts->question.domain);
	else
		line_print("domain", "%s, as a host at port %u (no MX lookup)", facts->question.domain,
			facts->question.port);
	record_print(entry);
	fetch_print(entry, facts->policy_detail);
	policy_print(entry, facts->now);
	if (facts->question.mx_lookup)
		mx_print(entry);
	if (!facts->dane)
		line_print("DANE", "not checked: mta_dane = no, or the resolver does not validate (see dnssec)");
	for (unsigned i = 0; i < facts->hop_count; i++) {
		const struct hop_fact *hop = &facts->hop[i];
		hop_print(facts->question.domain, hop->host, hop->port, &hop->record, facts->now);
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

static void answer_print(const struct answer *answer, const struct facts *facts, const struct preview *preview)
{
	const struct verdict *verdict = &answer->verdict;
	const char *subject = *verdict->hop ? verdict->hop : "the next hop";
	if (!*verdict->hop && reason_class(verdict->reason) == REASON_GENERAL)
		subject = "";
	facts_print(facts);
	line_print("verdict", "%s%s: %s%s%s [%s]", verdict_name(verdict->kind), answer->final ? "" : " so far", subject,
		*subject ? " " : "", reason_sentence(verdict->reason), reason_name(verdict->reason));
	const struct advice_names names = {.domain = facts->question.domain, .host = verdict->hop};
	advice_print("advice", "", verdict->reason, &names);
	/* A wrong clock is reported with any verdict. Like the daemon, this process detects it from the store's times. */
	enum event_kind clock = is_degraded(HEALTH_CLOCK_AHEAD) ? EVENT_CLOCK_AHEAD : EVENT_CLOCK_BEHIND;
	if (is_degraded(HEALTH_CLOCK_BEHIND) || is_degraded(HEALTH_CLOCK_AHEAD))
		line_print("clock", "%s; %s", event_sentence(clock), event_advice(clock));
	preview_print(preview);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void facts_put(json_t *object, const struct facts *facts)
{
	json_t *hops = json_made(json_array());
	for (unsigned i = 0; i < facts->hop_count; i++) {
		const struct hop_fact *hop = &facts->hop[i];
		json_t *described = hop_json(hop->host, hop->port, &hop->record);
		json_put(described, "left_to_mta", json_boolean(is_left_to_mta(facts, hop)));
		json_add(hops, described);
	}
	static const char *const names[] = {"record", "fetch", "policy", "mx_state", "mx", NULL};
	members_move(object, entry_json(&facts->entry, facts->policy_detail), names);
	const struct mx_set *mx = &facts->entry.mx;
	json_put(object, "mx_dnssec", mx->state == MX_UNKNOWN ? NULL : json_text(mx->secure ? "secure" : "insecure"));
	json_put(object, "dane", json_boolean(facts->dane));
	json_put(object, "hops", hops);
}

static void answer_print_json(
	const struct answer *answer, const struct trace *trace, const struct preview *preview, const char *asked)
{
	const struct verdict *verdict = &answer->verdict;
	const struct facts *facts = &trace->facts;
	json_t *object = json_made(json_object()), *question = json_made(json_object()),
	       *degraded = json_made(json_array());
	json_put(question, "asked", json_text_bytes(asked, strlen(asked)));
	json_put(question, "domain", json_text(facts->question.domain));
	json_put(question, "host", json_text(facts->question.host));
	json_put(question, "port", facts->question.has_domain ? json_integer(facts->question.port) : NULL);
	json_put(question, "mx_lookup", json_boolean(facts->question.mx_lookup));
	for (unsigned kind = 0; kind < CONDITION_COUNT; kind++)
		if (metrics_read(METRIC_DEGRADED, kind, 0, 0) != 0)
			json_add(degraded, json_text(counters_names.name[LABEL_CONDITION](kind)));
	json_put(object, "domain", json_text(facts->question.domain));
	json_put(object, "question", question);
	json_put(object, "steps", json_incref(trace->steps));
	facts_put(object, facts);
	json_put(object, "verdict", json_text(verdict_name(verdict->kind)));
	json_put(object, "reason", json_text(reason_name(verdict->reason)));
	json_put(object, "sentence", json_text(reason_sentence(verdict->reason)));
	json_put(object, "advice", json_text(reason_here(verdict->reason)));
	json_put(object, "tell_postmaster", json_text(reason_there(verdict->reason)));
	json_put(object, "degraded", degraded);
	json_put(object, "hop", json_text(verdict->hop));
	json_put(object, "final", json_boolean(answer->final));
	preview_put(object, preview);
	json_print(object);
}

/* --- the inquiry -------------------------------------------------------------------------------------------------- */

/* Runs the inquiry to its end. Because the session observes the steps, the check begins an inquiry even if the store has
 * the answer. */
static void verdict_await(
	struct answer *answer, const struct session *session, struct trace *trace, const struct question *question)
{
	struct outcome outcome;
	check_ticket ticket = CHECK_NO_TICKET;
	int64_t deadline_ms = clock_mono_ms() + session_inquiry_ms(session->config->settings);
	trace_open(trace, question, &session->config->rules);
	check_ask(session->check, question, NULL, NULL, &ticket, &outcome);
	if (ticket != CHECK_NO_TICKET) {
		outcome_free(&outcome);
		check_wait(session->check, ticket, deadline_ms, &outcome);
	}
	trace_close(trace);
	answer->verdict = outcome.verdict;
	answer->final = outcome.final;
	outcome_free(&outcome);
}

int query_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	struct session session;
	struct trace trace;
	trace_init(&trace, options->json);
	int status = session_open(&session, options, NEEDS_NO_STORE, trace_observe, &trace);
	if (status == 0) {
		const struct settings *settings = session.config->settings;
		const char *asked = words[0];
		bool address = strchr(asked, '@') != NULL;
		struct answer answer = {0};
		struct question question;
		struct preview preview;
		(address ? question_from_recipient : next_hop_question)(&question, asked, strlen(asked), PURPOSE_QUERY);
		verdict_await(&answer, &session, &trace, &question);
		preview_init(&preview, &answer.verdict, &trace.facts, settings);
		answer.held = settings->mta_enforces && preview_holds(&preview);
		if (options->json)
			answer_print_json(&answer, &trace, &preview, asked);
		else
			answer_print(&answer, &trace.facts, &preview);
		preview_free(&preview);
		session_close(&session);
		status = answer_status(&answer);
	}
	trace_free(&trace);
	return status;
}
