/* query: one case in this process, told step by step. */
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

/* The verdict that check gave. */
struct answer {
	bool final;
	bool held; /* whatever the verdict, the map holds the mail */
	struct verdict verdict;
};

/* An inquiry of its own, whose every step is seen, also when the store could answer at once (check_options.observe). */
static void verdict_await(struct answer *answer, struct check *check, const struct question *question, int wait_ms)
{
	struct outcome outcome;
	check_ticket ticket = CHECK_NO_TICKET;
	int64_t deadline_ms = clock_mono_ms() + wait_ms;
	check_ask(check, question, NULL, NULL, &ticket, &outcome);
	if (ticket != CHECK_NO_TICKET) {
		outcome_free(&outcome);
		check_wait(check, ticket, deadline_ms, &outcome);
	}
	answer->verdict = outcome.verdict;
	answer->final = outcome.final;
	outcome_free(&outcome);
}

static void question_take(struct question *question, const char *word)
{
	if (strchr(word, '@'))
		question_from_recipient(question, word, strlen(word), PURPOSE_QUERY);
	else
		next_hop_question(question, word, strlen(word), PURPOSE_QUERY);
}

/* Without a policy: whether that is known, or only could not be found out. */
static bool none_is_known(enum reason reason)
{
	return reason != REASON_RECORD_LOOKUP && reason != REASON_RESOLVER && reason != REASON_INTERNAL &&
	       reason != REASON_FIRST_CONTACT && reason != REASON_NOT_YET_CHECKED;
}

static int verdict_status(const struct answer *answer)
{
	int passed = answer->held ? STATUS_NO : STATUS_YES;
	if (!answer->final)
		return STATUS_UNSURE;
	switch (answer->verdict.kind) {
	case VERDICT_NONE:
		return none_is_known(answer->verdict.reason) ? passed : STATUS_UNSURE;
	case VERDICT_PASS:
	case VERDICT_FAIL_TESTING:
		return passed;
	case VERDICT_FAIL_ENFORCE:
	case VERDICT_DEFER:
		break;
	}
	return STATUS_NO;
}

static const char *verdict_subject(const struct verdict *verdict)
{
	if (*verdict->hop)
		return verdict->hop;
	return reason_class(verdict->reason) == REASON_APART ? "" : "the next hop";
}

/* What counts of it in this case is left to the MTA. */
static bool is_left_to_mta(const struct facts *facts, const struct hop_fact *hop)
{
	return facts_left_to_mta(facts, &facts_trials(facts, hop)->conclusive);
}

static void tell_hop_fact(const struct facts *facts, const struct hop_fact *hop)
{
	tell_hop(hop->host, hop->port, &hop->record, facts->now);
	if (is_left_to_mta(facts, hop))
		tell("", "holds no mail (mta_enforces): by its own standards the MTA delivers there over verified TLS");
}

static void facts_tell(const struct facts *facts)
{
	const struct entry *entry = &facts->entry;
	if (!facts->question.has_domain)
		return;
	putchar('\n');
	if (facts->question.mx_lookup)
		tell("domain", "%s", facts->question.domain);
	else
		tell("domain", "%s, the host itself at port %u", facts->question.domain, facts->question.port);
	tell_record(entry);
	tell_fetch(entry, facts->policy_detail);
	tell_policy(entry, facts->now);
	if (facts->question.mx_lookup)
		tell_mx(entry);
	if (!facts->dane)
		tell("DANE", "is left out: mta_dane = no, or this resolver validates nothing (dnssec)");
	for (unsigned i = 0; i < facts->hop_count; i++)
		tell_hop_fact(facts, &facts->hop[i]);
	putchar('\n');
}

static bool is_degraded(enum health_condition condition)
{
	return metrics_read(METRIC_DEGRADED, (unsigned)CONDITION_HEALTH + condition, 0, 0) != 0;
}

/* What this process saw of the store says so, whatever the verdict. */
static void clock_tell(void)
{
	enum event_kind kind = is_degraded(HEALTH_CLOCK_AHEAD) ? EVENT_CLOCK_AHEAD : EVENT_CLOCK_BEHIND;
	if (is_degraded(HEALTH_CLOCK_BEHIND) || is_degraded(HEALTH_CLOCK_AHEAD))
		tell("clock", "%s; %s", event_sentence(kind), event_advice(kind));
}

/* Names of the conditions under which this was found out. */
static json_t *degraded_words(void)
{
	json_t *words = json_made(json_array());
	for (unsigned kind = 0; kind < CONDITION_COUNT; kind++)
		if (metrics_read(METRIC_DEGRADED, kind, 0, 0) != 0)
			json_add(words, json_text(counters_names.name[LABEL_CONDITION](kind)));
	return words;
}

static void answer_tell(const struct answer *answer, const struct facts *facts, const struct preview *preview)
{
	const struct verdict *verdict = &answer->verdict;
	const char *subject = verdict_subject(verdict), *advice = reason_advice(verdict->reason);
	facts_tell(facts);
	tell("verdict", "%s%s: %s%s%s [%s]", verdict_name(verdict->kind), answer->final ? "" : " so far", subject,
		*subject ? " " : "", reason_sentence(verdict->reason), reason_name(verdict->reason));
	if (strcmp(advice, "nothing") != 0)
		tell("advice", "%s", advice);
	clock_tell();
	tell_preview(preview);
}

static json_t *question_object(const struct question *question, const char *asked)
{
	json_t *object = json_made(json_object());
	json_put(object, "asked", json_text_bytes(asked, strlen(asked)));
	json_put(object, "domain", json_text(question->domain));
	json_put(object, "host", json_text(question->host));
	json_put(object, "port", question->has_domain ? json_integer(question->port) : NULL);
	json_put(object, "mx_lookup", json_boolean(question->mx_lookup));
	return object;
}

/* Of the newest look for MX records. */
static json_t *dnssec_word(const struct facts *facts)
{
	const struct mx_set *mx = &facts->entry.mx;
	if (mx->state == MX_UNKNOWN)
		return NULL;
	return json_text(mx->secure ? "secure" : "insecure");
}

static void facts_put(json_t *object, const struct facts *facts)
{
	json_t *hops = json_made(json_array());
	for (unsigned i = 0; i < facts->hop_count; i++) {
		const struct hop_fact *hop = &facts->hop[i];
		json_t *described = describe_hop(hop->host, hop->port, &hop->record);
		json_put(described, "left_to_mta", json_boolean(is_left_to_mta(facts, hop)));
		json_add(hops, described);
	}
	static const char *const names[] = {"record", "fetch", "policy", "mx_state", "mx", NULL};
	described_put(object, describe_entry(&facts->entry, facts->policy_detail), names);
	json_put(object, "mx_dnssec", dnssec_word(facts));
	json_put(object, "dane", json_boolean(facts->dane));
	json_put(object, "hops", hops);
}

static void answer_print(
	const struct answer *answer, const struct trace *trace, const struct preview *preview, const char *asked)
{
	const struct verdict *verdict = &answer->verdict;
	const struct facts *facts = &trace->facts;
	json_t *object = json_made(json_object());
	json_put(object, "domain", json_text(facts->question.domain));
	json_put(object, "question", question_object(&facts->question, asked));
	json_put(object, "steps", json_incref(trace->steps));
	facts_put(object, facts);
	json_put(object, "verdict", json_text(verdict_name(verdict->kind)));
	json_put(object, "reason", json_text(reason_name(verdict->reason)));
	json_put(object, "sentence", json_text(reason_sentence(verdict->reason)));
	json_put(object, "advice", json_text(reason_advice(verdict->reason)));
	json_put(object, "degraded", degraded_words());
	json_put(object, "hop", json_text(verdict->hop));
	json_put(object, "final", json_boolean(answer->final));
	json_put(object, "milter", describe_milter(preview));
	json_put(object, "map", json_text(preview->map[MAP_PLAIN]));
	json_put(object, "maps", describe_maps(preview));
	json_put(object, "map_holds", json_boolean(preview_holds(preview)));
	json_print(object);
}

static void query_answer(const struct options *options, struct session *session, struct trace *trace, const char *asked,
	struct answer *answer)
{
	const struct settings *settings = session->config->settings;
	struct question question;
	question_take(&question, asked);
	trace_open(trace, &question, &session->config->rules);
	verdict_await(answer, session->check, &question, session_case_ms(settings));
	trace_close(trace);
	struct preview preview;
	preview_init(&preview, &answer->verdict, &trace->facts, settings);
	answer->held = settings->mta_enforces && preview_holds(&preview);
	if (options->json)
		answer_print(answer, trace, &preview, asked);
	else
		answer_tell(answer, &trace->facts, &preview);
	preview_free(&preview);
}

int query_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	struct session session;
	struct trace trace;
	struct answer answer = {0};
	trace_init(&trace, options->json);
	int status = session_open(&session, options, NEEDS_NO_STORE, trace_observe, &trace);
	if (status == 0) {
		query_answer(options, &session, &trace, words[0], &answer);
		session_close(&session);
		status = verdict_status(&answer);
	}
	trace_free(&trace);
	return status;
}
