#include "trace.h"

#include "clock.h"
#include "describe.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void trace_init(struct trace *trace, bool json)
{
	*trace = (struct trace){.json = json, .terminal = isatty(STDOUT_FILENO), .steps = json_made(json_array())};
	lock_init(&trace->lock);
	cond_init(&trace->changed);
}

void trace_free(struct trace *trace)
{
	facts_free(&trace->facts);
	json_decref(trace->steps);
	free(trace->address);
	cond_destroy(&trace->changed);
	lock_destroy(&trace->lock);
}

void trace_open(struct trace *trace, const struct question *question, const struct rules *rules)
{
	lock_take(&trace->lock);
	facts_free(&trace->facts);
	facts_init(&trace->facts, question, rules, clock_wall_s());
	json_array_clear(trace->steps);
	trace->address_count = 0;
	trace->open = true;
	trace->ended = trace->begun = false;
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

/* The result of a step: words, or a reason if `word` is NULL. */
struct finding {
	const char *word;
	enum reason reason;
	const char *state; /* the word in JSON, if it differs; else NULL */
};

static struct finding finding_of(const char *word, enum reason reason)
{
	return (struct finding){.word = reason == REASON_OK ? word : NULL, .reason = reason};
}

static struct finding hop_finding(const struct facts *facts, const struct hop_fact *hop)
{
	if (hop && hop->refused != REASON_OK)
		return (struct finding){.reason = hop->refused};
	const struct evidence *newest = hop ? &facts_history(facts, hop)->newest : NULL;
	if (!newest || newest->at == 0)
		return (struct finding){.word = "unknown"};
	return finding_of("good", newest->reason);
}

static struct finding step_finding(const struct want *want, const struct facts *facts)
{
	const struct entry *entry = &facts->entry;
	const struct hop_fact *hop = facts_hop(facts, want->name, want->port);
	switch (want->kind) {
	case WANT_NOTHING:
		break;
	case WANT_ENTRY:
		return finding_of(entry->has_policy || entry->record_checked_at ? "known" : "unknown",
			facts->store == STORE_READ ? REASON_OK : REASON_INTERNAL);
	case WANT_EVIDENCE:
	case WANT_PROBE:
		return hop_finding(facts, hop);
	case WANT_TLSA:
		return (struct finding){.word = tlsa_state_text(hop ? &hop->record.tlsa : NULL),
			.state = tlsa_state_name(hop ? hop->record.tlsa.state : TLSA_UNKNOWN)};
	case WANT_RECORD:
		return finding_of("found", entry->record_outcome);
	case WANT_POLICY:
		return finding_of("fetched", entry->fetch_outcome);
	case WANT_MX:
		return finding_of(mx_state_name(entry->mx.state), facts->mx_outcome);
	}
	return (struct finding){.word = "judged"};
}

static const char *step_subject(enum want_kind kind)
{
	switch (kind) {
	case WANT_NOTHING:
		break;
	case WANT_ENTRY:
		return "stored entry of";
	case WANT_EVIDENCE:
		return "stored evidence of";
	case WANT_RECORD:
		return "MTA-STS record of";
	case WANT_POLICY:
		return "policy of";
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

static void step_name_print(const struct want *want)
{
	printf("- %s %s", step_subject(want->kind), want->name);
	if (is_about_hop(want->kind))
		printf(":%u", want->port);
}

/* Prints the result of a step. On a terminal the beginning of the line is there already. */
static void step_print(const struct trace *trace, const struct want *want, const struct finding *finding, int64_t ms,
	const char *detail)
{
	if (!trace->terminal || !trace->begun)
		step_name_print(want);
	printf("%s", trace->terminal && trace->begun ? " " : ": ");
	if (finding->word)
		printf("%s", finding->word);
	else
		printf("%s [%s]", reason_sentence(finding->reason), reason_name(finding->reason));
	if (want_is_remote(want->kind))
		printf(", %lld ms", (long long)ms);
	printf("\n");
	if (*detail)
		printf("  %s\n", detail);
	fflush(stdout);
}

static json_t *step_json(const struct want *want, const struct finding *finding, int64_t ms, const char *detail)
{
	const char *word = finding->state ? finding->state : finding->word;
	json_t *object = json_made(json_object());
	json_put(object, "want", json_text(want_name(want->kind)));
	json_put(object, "name", json_text(want->name));
	json_put(object, "port", is_about_hop(want->kind) ? json_integer(want->port) : NULL);
	json_put(object, "outcome", json_text(word ? word : reason_name(finding->reason)));
	json_put(object, "detail", json_text(detail));
	json_put(object, "ms", json_integer((json_int_t)ms));
	return object;
}

/* --- moments ------------------------------------------------------------------------------------------------------ */

/* If limits delay a step, it begins more than once. */
static void step_begin(struct trace *trace, const struct want *want)
{
	if (trace->begun && want_same(&trace->want, want))
		return;
	trace->begun = true;
	trace->want = *want;
	trace->begun_ms = clock_mono_ms();
	if (trace->json || !trace->terminal)
		return;
	step_name_print(want);
	printf(" ...");
	fflush(stdout);
}

static void step_end(struct trace *trace, const struct want *want, const struct finding *finding, const char *detail)
{
	int64_t ms = trace->begun ? clock_mono_ms() - trace->begun_ms : 0;
	if (trace->json)
		json_add(trace->steps, step_json(want, finding, ms, detail));
	else
		step_print(trace, want, finding, ms, detail);
	trace->begun = false;
}

/* Returns whether the facts are those of the trace's inquiry: the check itself starts other inquiries to renew old
 * facts. */
static bool is_ours(const struct trace *trace, const struct facts *facts)
{
	const struct question *ours = &trace->facts.question, *other = &facts->question;
	return ours->purpose == other->purpose && ours->port == other->port && ours->mx_lookup == other->mx_lookup &&
	       strcmp(ours->domain, other->domain) == 0;
}

void trace_observe(void *arg, enum check_moment moment, const struct want *want, const struct facts *facts)
{
	struct trace *trace = arg;
	lock_take(&trace->lock);
	bool ours = trace->open && is_ours(trace, facts);
	if (ours && moment == STEP_BEGINS) {
		step_begin(trace, want);
	} else if (ours) {
		const struct finding finding = step_finding(want, facts);
		step_end(trace, want, &finding, want->kind == WANT_POLICY ? facts->policy_detail : "");
		facts_free(&trace->facts);
		facts_copy(&trace->facts, facts);
		trace->ended = verdict_next(facts).want.kind == WANT_NOTHING;
		cond_wake_all(&trace->changed);
	}
	lock_drop(&trace->lock);
}

void trace_dialled(void *arg, const struct want *want, const char *address, const struct evidence *seen)
{
	struct trace *trace = arg;
	struct trace_address *one = NULL;
	lock_take(&trace->lock);
	for (size_t i = 0; trace->open && i < trace->address_count; i++)
		if (strcmp(trace->address[i].host, want->name) == 0 && trace->address[i].port == want->port &&
			strcmp(trace->address[i].address, address) == 0)
			one = &trace->address[i];
	if (!one && trace->open && trace->address_count < TRACE_ADDRESSES_MAX) {
		if (!trace->address)
			trace->address = xcalloc(TRACE_ADDRESSES_MAX, sizeof *trace->address);
		one = &trace->address[trace->address_count++];
		*one = (struct trace_address){.port = want->port};
		snprintf(one->host, sizeof one->host, "%s", want->name);
		snprintf(one->address, sizeof one->address, "%s", address);
	}
	if (one && seen) {
		one->probed = true;
		one->seen = *seen;
		one->seen.at = clock_wall_s();
	}
	lock_drop(&trace->lock);
}

void trace_close(struct trace *trace)
{
	lock_take(&trace->lock);
	if (trace->begun)
		step_end(trace, &trace->want, &(struct finding){.word = "unfinished"}, "");
	trace->open = false;
	lock_drop(&trace->lock);
}
