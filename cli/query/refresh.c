/* refresh: looks up everything about stored domains again, in this process, and stores the results. Then shows the mail
 * hosts and the verdict on the next message of each domain. */
#include "clock.h"
#include "commands.h"
#include "describe.h"
#include "domains.h"
#include "next_hop.h"
#include "preview.h"
#include "session.h"
#include "trace.h"
#include "verdict_print.h"

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

/* What a refresh shows: facts, mail hosts and the verdict on the next message. */
struct result {
	const struct trace *trace;
	struct verdict_shown shown;
	struct preview preview;
	struct view view;
	bool exempt; /* the domain is in exempt_domains, so nothing was looked up */
};

static void result_init(struct result *result, const struct trace *trace, const struct session *session, int64_t began)
{
	const struct config *config = session->config;
	struct facts facts = trace->facts;      /* borrows the entry and the hops; not freed */
	struct rules published = config->rules; /* borrows the lists; not freed */
	published.default_verify = false;       /* a refresh does not look at the hosts for default_level = verify */
	facts.rules = &published;
	facts.question.purpose = PURPOSE_QUERY;
	struct step step = verdict_next(&facts);
	facts.rules = &config->rules;
	*result = (struct result){.trace = trace};
	result->exempt = names_cover(&config->rules.exempt_domains, facts.question.domain);
	preview_init(&result->preview, &step.verdict, &facts, config->settings);
	verdict_shown_init(
		&result->shown, &step.verdict, !step_is_want(&step), &result->preview, &facts, began, config);
	result->view = (struct view){.now = clock_wall_s(), .began = began, .rules = &config->rules};
	result->view.store = session->store;
	result->view.revocation = config->settings->revocation != REVOCATION_OFF;
}

static void result_free(struct result *result)
{
	verdict_shown_free(&result->shown);
	preview_free(&result->preview);
}

static void result_print(struct result *result)
{
	const struct facts *facts = &result->trace->facts;
	const struct entry *entry = &facts->entry;
	putchar('\n');
	line_print("domain", "%s", facts->question.domain);
	if (result->exempt)
		line_print("note", "the domain is in exempt_domains, so it is not looked up");
	record_print(entry, &result->view);
	fetch_print(entry, &result->view);
	policy_print(entry, &result->view);
	if (facts->question.mx_lookup)
		mx_print(entry, &result->view);
	for (unsigned i = 0; i < facts->hop_count; i++)
		hop_print(facts->question.domain, facts->hop[i].host, facts->hop[i].port, &facts->hop[i].record,
			&result->view);
	verdict_shown_print(&result->shown, &result->view);
	line_print("map", "%s", result->preview.map[MAP_PLAIN]);
	if (!result->trace->ended)
		line_print("note", "some lookups did not finish in time");
	putchar('\n');
}

static json_t *result_json(const struct result *result)
{
	const struct facts *facts = &result->trace->facts;
	json_t *object = json_made(json_object()), *hops = json_made(json_array());
	for (unsigned i = 0; i < facts->hop_count; i++)
		json_add(hops,
			hop_json(result->view.store, facts->hop[i].host, facts->hop[i].port, &facts->hop[i].record));
	json_put(object, "domain", json_text(facts->question.domain));
	json_put(object, "found", json_true());
	json_put(object, "exempt", json_boolean(result->exempt));
	json_put(object, "finished", json_boolean(result->trace->ended));
	json_put(object, "steps", json_copy(result->trace->steps));
	static const char *const names[] = {"record", "fetch", "policy", "mx_state", "mx", NULL};
	members_move(object, entry_json(&facts->entry), names);
	json_put(object, "hops", hops);
	json_put(object, "verdict", json_text(verdict_name(result->shown.verdict.kind)));
	json_put(object, "reason", json_text(reason_name(result->shown.verdict.reason)));
	json_put(object, "hop", json_text(result->shown.verdict.hop));
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
	int64_t began = clock_wall_s();
	trace_open(trace, &question, &session->config->rules);
	bool begun = found == STORE_FOUND && check_refresh(session->check, domain, true) != CHECK_REFRESH_NO_ROOM;
	bool ended = begun && trace_await(trace, session_inquiry_ms(session->config->settings));
	trace_close(trace);
	if (!begun) {
		fprintf(stderr, "stsgate: %s: the refresh could not be started\n", domain);
		return STATUS_UNSURE;
	}
	struct result result;
	result_init(&result, trace, session, began);
	if (trace->json)
		json_add(array, result_json(&result));
	else
		result_print(&result);
	int status = result.exempt ? STATUS_YES : ended ? facts_status(&trace->facts) : STATUS_UNSURE;
	result_free(&result);
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
		json_t *array = json_made(json_array());
		for (size_t i = 0; i < count; i++)
			status = status_worse(status, refresh_one(&session, &trace, words[i], array));
		json_print_list("domains", array, options->json);
		session_close(&session);
	}
	trace_free(&trace);
	return status;
}
