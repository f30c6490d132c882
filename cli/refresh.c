/* refresh: looks up everything about stored domains again, in this process, and stores the results. */
#include "clock.h"
#include "commands.h"
#include "describe.h"
#include "domains.h"
#include "next_hop.h"
#include "session.h"
#include "trace.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Returns STATUS_YES if the record lookup had a definite result and no fetch failed, else STATUS_UNSURE. */
static int facts_status(const struct facts *facts)
{
	enum reason record = facts->entry.record_outcome;
	if (!facts->record_tried || record == REASON_RECORD_LOOKUP || record == REASON_RESOLVER)
		return STATUS_UNSURE;
	return facts->policy_tried && facts->entry.fetch_outcome != REASON_OK ? STATUS_UNSURE : STATUS_YES;
}

static void outcome_print(const struct trace *trace)
{
	const struct facts *facts = &trace->facts;
	putchar('\n');
	line_print("domain", "%s", facts->question.domain);
	record_print(&facts->entry);
	fetch_print(&facts->entry, facts->policy_detail);
	policy_print(&facts->entry, facts->now);
	if (!trace->ended)
		line_print("note", "some lookups did not finish in time");
	putchar('\n');
}

static json_t *outcome_json(const struct trace *trace)
{
	const struct facts *facts = &trace->facts;
	json_t *object = json_made(json_object());
	json_put(object, "domain", json_text(facts->question.domain));
	json_put(object, "found", json_true());
	json_put(object, "finished", json_boolean(trace->ended));
	json_put(object, "steps", json_copy(trace->steps));
	static const char *const names[] = {"record", "fetch", "policy", NULL};
	members_move(object, entry_json(&facts->entry, facts->policy_detail), names);
	return object;
}

/* Refreshes one domain. With --json, adds its object to the array; otherwise prints the result. Returns the exit
 * status. */
static int refresh_one(struct session *session, struct trace *trace, const char *word, json_t *array)
{
	struct question question;
	next_hop_question(&question, word, strlen(word), PURPOSE_REFRESH);
	const char *domain = question.domain;
	enum store_found found = domain_stored(session->store, domain);
	if (found == STORE_ABSENT) {
		json_t *object = json_made(json_object());
		json_put(object, "domain", json_text(domain));
		json_put(object, "found", json_false());
		json_add(array, object);
		if (!trace->json)
			printf("%s: not in the store; `stsgate query %s` looks it up\n", domain, domain);
		return STATUS_NO;
	}
	trace_open(trace, &question, &session->config->rules);
	bool begun = found == STORE_FOUND && check_refresh(session->check, domain, true) != CHECK_REFRESH_NO_ROOM;
	bool ended = begun && trace_await(trace, session_inquiry_ms(session->config->settings));
	trace_close(trace);
	if (!begun)
		fprintf(stderr, "stsgate: %s: the refresh could not be started\n", domain);
	else if (trace->json)
		json_add(array, outcome_json(trace));
	else
		outcome_print(trace);
	return ended ? facts_status(&trace->facts) : STATUS_UNSURE;
}

int refresh_run(const struct options *options, size_t count, char **words)
{
	struct session session;
	struct trace trace;
	if (!domain_words(words, count))
		return EX_USAGE;
	trace_init(&trace, options->json);
	int status = session_open(&session, options, NEEDS_STORE, trace_observe, &trace);
	if (status == 0) {
		json_t *array = json_made(json_array());
		for (size_t i = 0; i < count; i++)
			status = status_worse(status, refresh_one(&session, &trace, words[i], array));
		json_print_list("domains", array, options->json);
		session_close(&session);
	}
	trace_free(&trace);
	return status;
}
