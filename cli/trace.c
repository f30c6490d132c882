#include "trace.h"

#include "clock.h"
#include "describe.h"

#include <stdio.h>
#include <string.h>

void trace_init(struct trace *trace, bool json)
{
	*trace = (struct trace){.json = json, .steps = json_made(json_array())};
	lock_init(&trace->lock);
	cond_init(&trace->changed);
}

void trace_free(struct trace *trace)
{
	facts_free(&trace->facts);
	json_decref(trace->steps);
	cond_destroy(&trace->changed);
	lock_destroy(&trace->lock);
}

void trace_open(struct trace *trace, const struct question *question, const struct rules *rules)
{
	lock_take(&trace->lock);
	facts_free(&trace->facts);
	facts_init(&trace->facts, question, rules, clock_wall_s());
	json_array_clear(trace->steps);
	trace->open = true;
	trace->ended = false;
	lock_drop(&trace->lock);
}

void trace_close(struct trace *trace)
{
	lock_take(&trace->lock);
	trace->open = false;
	lock_drop(&trace->lock);
}

bool trace_await(struct trace *trace, int wait_ms)
{
	int64_t deadline_ms = clock_mono_ms() + wait_ms;
	bool in_time = true;
	lock_take(&trace->lock);
	while (!trace->ended && in_time)
		in_time = cond_wait_until(&trace->changed, &trace->lock, deadline_ms);
	bool ended = trace->ended;
	lock_drop(&trace->lock);
	return ended;
}

/* What a step found: a word, or a reason when there is none. */
struct finding {
	const char *word;
	enum reason reason;
};

static struct finding found_or(const char *word, enum reason reason)
{
	return (struct finding){reason == REASON_OK ? word : NULL, reason};
}

static struct finding entry_finding(const struct facts *facts)
{
	const struct entry *entry = &facts->entry;
	if (facts->store != STORE_READ)
		return (struct finding){NULL, REASON_INTERNAL};
	return (struct finding){entry->has_policy || entry->record_checked_at ? "known" : "unknown", REASON_OK};
}

static struct finding hop_finding(const struct facts *facts, const struct want *want)
{
	const struct hop_fact *hop = facts_hop(facts, want->name, want->port);
	if (hop && hop->refused != REASON_OK)
		return (struct finding){NULL, hop->refused};
	const struct evidence *newest = hop ? &facts_trials(facts, hop)->newest : NULL;
	if (!newest || newest->at == 0)
		return (struct finding){"unknown", REASON_OK};
	return found_or("good", newest->reason);
}

static const char *tlsa_finding(const struct facts *facts, const struct want *want)
{
	const struct hop_fact *hop = facts_hop(facts, want->name, want->port);
	return describe_tlsa_state(hop ? &hop->record.tlsa : NULL);
}

static struct finding step_finding(const struct want *want, const struct facts *facts)
{
	switch (want->kind) {
	case WANT_NOTHING:
		break;
	case WANT_ENTRY:
		return entry_finding(facts);
	case WANT_EVIDENCE:
	case WANT_PROBE:
		return hop_finding(facts, want);
	case WANT_TLSA:
		return (struct finding){tlsa_finding(facts, want), REASON_OK};
	case WANT_RECORD:
		return found_or("found", facts->entry.record_outcome);
	case WANT_POLICY:
		return found_or("fetched", facts->entry.fetch_outcome);
	case WANT_MX:
		return found_or(mx_state_name(facts->entry.mx.state), facts->mx_outcome);
	}
	return (struct finding){"judged", REASON_OK};
}

static const char *step_subject(enum want_kind kind)
{
	switch (kind) {
	case WANT_NOTHING:
		break;
	case WANT_ENTRY:
		return "store entry of";
	case WANT_EVIDENCE:
		return "stored evidence of";
	case WANT_RECORD:
		return "MTA-STS record of";
	case WANT_POLICY:
		return "fetch of the policy of";
	case WANT_MX:
		return "MX records of";
	case WANT_TLSA:
		return "TLSA records of";
	case WANT_PROBE:
		return "probe of";
	}
	return "step of";
}

static bool is_about_hop(enum want_kind kind)
{
	return kind == WANT_EVIDENCE || kind == WANT_TLSA || kind == WANT_PROBE;
}

static void step_tell(const struct want *want, const struct finding *finding, const char *detail)
{
	printf("- %s %s", step_subject(want->kind), want->name);
	if (is_about_hop(want->kind))
		printf(":%u", want->port);
	if (finding->word)
		printf(": %s\n", finding->word);
	else
		printf(": %s [%s]\n", reason_sentence(finding->reason), reason_name(finding->reason));
	if (*detail)
		printf("  %s\n", detail);
	fflush(stdout);
}

static json_t *step_object(const struct want *want, const struct finding *finding, const char *detail)
{
	bool hop = is_about_hop(want->kind);
	json_t *object = json_made(json_object());
	json_put(object, "want", json_text(want_name(want->kind)));
	json_put(object, "name", json_text(want->name));
	json_put(object, "port", hop ? json_integer(want->port) : NULL);
	json_put(object, "outcome", json_text(finding->word ? finding->word : reason_name(finding->reason)));
	json_put(object, "detail", json_text(detail));
	return object;
}

static void facts_take(struct facts *to, const struct facts *from)
{
	facts_free(to);
	facts_copy(to, from);
}

/* check may have other cases under way: renewals of what another question found due. */
static bool is_ours(const struct trace *trace, const struct facts *facts)
{
	const struct question *ours = &trace->facts.question, *other = &facts->question;
	return trace->open && ours->purpose == other->purpose && ours->port == other->port &&
	       ours->mx_lookup == other->mx_lookup && strcmp(ours->domain, other->domain) == 0;
}

void trace_observe(void *arg, const struct want *want, const struct facts *facts)
{
	struct trace *trace = arg;
	lock_take(&trace->lock);
	if (is_ours(trace, facts)) {
		struct finding finding = step_finding(want, facts);
		const char *detail = want->kind == WANT_POLICY ? facts->policy_detail : "";
		if (trace->json)
			json_add(trace->steps, step_object(want, &finding, detail));
		else
			step_tell(want, &finding, detail);
		facts_take(&trace->facts, facts);
		trace->ended = verdict_next(facts).want.kind == WANT_NOTHING;
		cond_wake_all(&trace->changed);
	}
	lock_drop(&trace->lock);
}
