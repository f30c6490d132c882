/* refresh: everything about stored domains is looked up anew, in this process; what is found goes to the store. */
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

static enum store_found domain_find(struct store *store, const char *domain)
{
	struct entry entry;
	struct store_view *view = store_view_begin(store, NULL);
	enum store_found found = view ? store_view_entry(view, domain, &entry) : STORE_FAILED;
	if (found == STORE_FOUND)
		entry_free(&entry);
	store_view_end(&view);
	return found;
}

/* Done when the newest looks gave answers, of whatever kind. */
static int facts_status(const struct facts *facts)
{
	enum reason record = facts->entry.record_outcome;
	if (!facts->record_tried || record == REASON_RECORD_LOOKUP || record == REASON_RESOLVER)
		return STATUS_UNSURE;
	return facts->policy_tried && facts->entry.fetch_outcome != REASON_OK ? STATUS_UNSURE : STATUS_YES;
}

static void outcome_tell(const struct trace *trace)
{
	const struct facts *facts = &trace->facts;
	putchar('\n');
	tell("domain", "%s", facts->question.domain);
	tell_record(&facts->entry);
	tell_fetch(&facts->entry, facts->policy_detail);
	tell_policy(&facts->entry, facts->now);
	if (!trace->ended)
		tell("note", "not everything was looked up in time");
	putchar('\n');
}

static json_t *outcome_object(const struct trace *trace)
{
	const struct facts *facts = &trace->facts;
	json_t *object = json_made(json_object());
	json_put(object, "domain", json_text(facts->question.domain));
	json_put(object, "found", json_true());
	json_put(object, "finished", json_boolean(trace->ended));
	json_put(object, "steps", json_copy(trace->steps));
	static const char *const names[] = {"record", "fetch", "policy", NULL};
	described_put(object, describe_entry(&facts->entry, facts->policy_detail), names);
	return object;
}

static int absent_tell(const char *domain, json_t *array)
{
	if (array) {
		json_t *object = json_made(json_object());
		json_put(object, "domain", json_text(domain));
		json_put(object, "found", json_false());
		json_add(array, object);
	} else {
		printf("%s: not in the store; `stsgate query %s` looks it up\n", domain, domain);
	}
	return STATUS_NO;
}

static int refresh_one(struct session *session, struct trace *trace, const char *word, json_t *array)
{
	struct question question;
	next_hop_question(&question, word, strlen(word), PURPOSE_REFRESH);
	enum store_found found = domain_find(session->store, question.domain);
	if (found == STORE_ABSENT)
		return absent_tell(question.domain, array);
	trace_open(trace, &question, &session->config->rules);
	bool begun =
		found == STORE_FOUND && check_refresh(session->check, question.domain, true) != CHECK_REFRESH_NO_ROOM;
	bool ended = begun && trace_await(trace, session_case_ms(session->config->settings));
	trace_close(trace);
	if (!begun)
		fprintf(stderr, "stsgate: %s: the refresh could not be begun\n", question.domain);
	else if (array)
		json_add(array, outcome_object(trace));
	else
		outcome_tell(trace);
	return ended ? facts_status(&trace->facts) : STATUS_UNSURE;
}

static int refresh_all(struct session *session, struct trace *trace, size_t count, char **words)
{
	int status = STATUS_YES;
	json_t *array = trace->json ? json_made(json_array()) : NULL;
	for (size_t i = 0; i < count; i++) {
		int got = refresh_one(session, trace, words[i], array);
		status = got > status ? got : status;
	}
	if (array) {
		json_t *object = json_made(json_object());
		json_put(object, "domains", array);
		json_print(object);
	}
	return status;
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
		status = refresh_all(&session, &trace, count, words);
		session_close(&session);
	}
	trace_free(&trace);
	return status;
}
