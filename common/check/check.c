#include "check.h"

#include "cases.h"
#include "clock.h"
#include "evidence.h"
#include "recall.h"
#include "senses.h"
#include "tally.h"

#include <stdlib.h>
#include <string.h>

void outcome_free(struct outcome *outcome)
{
	policy_free(&outcome->policy);
}

/* The event goes into the store that was begun in the place of the damaged one. */
static void store_told(struct check *check)
{
	const char *aside = store_moved_aside(check->store);
	if (aside[0])
		events_note(check->events, EVENT_FILE_MOVED_ASIDE, "", aside);
	events_write(check->events, false);
}

struct check *check_new(const struct check_options *options, struct failure *why)
{
	struct check *check = calloc(1, sizeof *check);
	if (!check)
		abort();
	lock_init(&check->lock);
	check->store = options->store;
	check->events = events_new(check->store);
	trouble_init(&check->trouble, check->events);
	store_told(check);
	check->config = config_ref(options->config);
	check->observe = options->observe;
	check->observe_arg = options->observe_arg;
	check->bounds.limits = limits_new();
	check->bounds.quota = options->workers / 4;
	check->bounds.background = options->background;
	check->worker_count = options->workers;
	check->workers = workers_new(options->workers, why);
	if (!check->workers)
		check_free(&check);
	return check;
}

void check_free(struct check **check)
{
	struct check *c = *check;
	if (!c)
		return;
	lock_take(&c->lock);
	c->stopping = true;
	lock_drop(&c->lock);
	workers_free(&c->workers);
	limits_free(&c->bounds.limits);
	trouble_destroy(&c->trouble);
	events_free(&c->events);
	config_unref(&c->config);
	lock_destroy(&c->lock);
	free(c);
	*check = NULL;
}

void check_reconfigure(struct check *check, struct config *config)
{
	lock_take(&check->lock);
	struct config *old = check->config;
	check->config = config_ref(config);
	lock_drop(&check->lock);
	config_unref(&old);
}

struct config *check_config(struct check *check)
{
	lock_take(&check->lock);
	struct config *config = config_ref(check->config);
	lock_drop(&check->lock);
	return config;
}

/* --- from the store ----------------------------------------------------------------------------------------------- */

/* Goes as far as the store leads: one read transaction, begun only if anything is wanted of it. */
static struct step fresh_step(struct check *check, struct facts *facts)
{
	struct store_view *view = NULL;
	struct step step = verdict_next(facts);
	while (step.want.kind != WANT_NOTHING && !want_is_remote(step.want.kind)) {
		recall(check->store, &check->trouble, &view, facts, &step.want);
		step = verdict_next(facts);
	}
	store_view_end(&view);
	return step;
}

/* Mail hosts whose certificates are for them by a wildcard alone: Sendmail before 8.18.2 passes them over
 * (core/evidence.h), and nothing else would say why its mail waits. */
static bool hop_is_passed_over(struct store_view *view, const char *host)
{
	struct hop_record record;
	return store_view_hop(view, host, QUESTION_PORT, &record) == STORE_FOUND && record.pkix.good.at != 0 &&
	       evidence_by_wildcard_only(&record.pkix.good, host);
}

/* The first such host of the MX set, or NULL. */
static const char *host_passed_over(struct store *store, const struct entry *entry)
{
	struct failure why;
	const char *found = NULL, *host = NULL;
	struct store_view *view = store_view_begin(store, &why);
	if (!view)
		return NULL;
	if (entry->mx.state == MX_IMPLICIT && hop_is_passed_over(view, entry->domain))
		found = entry->domain;
	for (int i = 0; !found && i < HOPS_MAX && (host = names_next(&entry->mx.names, host)) != NULL; i++)
		if (hop_is_passed_over(view, host))
			found = host;
	store_view_end(&view);
	return found;
}

/* Sendmail delivers by the entry's policy, in force now: an event when the store knows such a host of its MX set, once
 * a day. */
static void wildcards_look(struct check *check, const struct entry *entry)
{
	struct limits *limits = check->bounds.limits;
	int64_t now_ms = clock_mono_ms();
	if (!limits_once(limits, LIMIT_WILDCARDS, entry->domain, 0, now_ms, LIMITS_WILDCARD_LOOK_MS))
		return;
	const char *host = host_passed_over(check->store, entry);
	if (!host)
		return;
	limits_remember(limits, LIMIT_WILDCARDS, entry->domain, 0, 1, now_ms + LIMITS_WILDCARD_SAID_MS);
	events_note(check->events, EVENT_WILDCARD_CERTIFICATE, entry->domain, host);
}

static bool fresh_outcome(struct check *check, const struct question *question, struct outcome *out)
{
	struct config *config = check_config(check);
	struct facts facts;
	memset(out, 0, sizeof *out);
	facts_init(&facts, question, &config->rules, clock_wall_s());
	facts.dane = config_dane(config);
	struct step step = fresh_step(check, &facts);
	out->verdict = step.verdict;
	out->final = step.want.kind == WANT_NOTHING;
	if (out->final && step.verdict.kind == VERDICT_PASS && question->purpose == PURPOSE_MAP)
		facts_policy_copy(&out->policy, &facts);
	if (out->final && question->no_dane && step.verdict.binding == BINDING_SECURE)
		wildcards_look(check, &facts.entry);
	if (out->final && step.renew != 0)
		cases_renew(check, question);
	facts_free(&facts);
	config_unref(&config);
	return out->final;
}

bool check_fresh(struct check *check, const struct question *question, struct outcome *out)
{
	bool final = fresh_outcome(check, question, out);
	if (final)
		tally_verdict(question->purpose, &out->verdict);
	return final;
}

void check_event(struct check *check, enum event_kind kind, const char *domain, const char *detail)
{
	events_note(check->events, kind, domain, detail);
}

void check_time_seen(struct check *check, int64_t at, const char *of)
{
	senses_time(&check->trouble, at, of);
}

/* --- finding out -------------------------------------------------------------------------------------------------- */

static check_ticket wait_begin(
	struct check *check, const struct question *question, check_done *done, void *arg, bool tallied)
{
	struct waiter *waiter = calloc(1, sizeof *waiter);
	if (!waiter)
		abort();
	waiter->done = done;
	waiter->arg = arg;
	waiter->purpose = question->purpose;
	waiter->tallied = tallied;
	check_ticket ticket =
		cases_open(check, question, WORK_ASKED, false, question->purpose != PURPOSE_QUERY, waiter);
	if (ticket == CHECK_NO_TICKET)
		free(waiter);
	return ticket;
}

check_ticket check_start(struct check *check, const struct question *question, check_done *done, void *arg)
{
	return wait_begin(check, question, done, arg, true);
}

bool check_abandon(struct check *check, check_ticket ticket, struct outcome *out)
{
	memset(out, 0, sizeof *out);
	struct waiter *waiter = cases_withdraw(check, ticket, &out->verdict);
	if (waiter && waiter->tallied)
		tally_verdict(waiter->purpose, &out->verdict);
	free(waiter);
	return waiter != NULL;
}

/* One thread's wait. */
struct wait {
	struct lock lock;
	struct signal_cond ended;
	bool done GUARDED_BY(lock);
	struct outcome outcome GUARDED_BY(lock);
};

static void wait_done(void *arg, struct outcome *outcome)
{
	struct wait *wait = arg;
	lock_take(&wait->lock);
	wait->outcome = *outcome;
	memset(&outcome->policy, 0, sizeof outcome->policy);
	wait->done = true;
	cond_wake_one(&wait->ended);
	lock_drop(&wait->lock);
}

static void wait_for(
	struct check *check, check_ticket ticket, struct wait *wait, int64_t deadline_ms, struct outcome *out)
{
	lock_take(&wait->lock);
	while (!wait->done && cond_wait_until(&wait->ended, &wait->lock, deadline_ms))
		;
	bool done = wait->done;
	lock_drop(&wait->lock);
	if (!done && check_abandon(check, ticket, out))
		return;
	lock_take(&wait->lock);
	while (!wait->done) /* wait_done() is on its way: it has been taken from its case already */
		cond_wait(&wait->ended, &wait->lock);
	*out = wait->outcome;
	lock_drop(&wait->lock);
}

/* A case that is cut short before it has read the store knows less than check_fresh() did; and when the store breaks
 * in between, the policy that could be read still holds (rule 9). */
static bool knows_less(const struct outcome *out, const struct verdict *fresh)
{
	if (out->verdict.has_policy || !fresh->has_policy)
		return false;
	return !out->final || out->verdict.reason == REASON_INTERNAL;
}

static void outcome_await(struct check *check, const struct question *question, int wait_ms,
	void (*before_wait)(void *), void *arg, struct outcome *out)
{
	struct wait wait = {.done = false};
	if (!out->verdict.worth_waiting || wait_ms <= 0) {
		cases_open(check, question, WORK_ASKED, false, true, NULL);
		return;
	}
	if (before_wait)
		before_wait(arg);
	struct verdict fresh = out->verdict;
	int64_t deadline_ms = clock_mono_ms() + wait_ms;
	lock_init(&wait.lock);
	cond_init(&wait.ended);
	check_ticket ticket = wait_begin(check, question, wait_done, &wait, false);
	if (ticket != CHECK_NO_TICKET)
		wait_for(check, ticket, &wait, deadline_ms, out);
	if (knows_less(out, &fresh))
		out->verdict = fresh;
	cond_destroy(&wait.ended);
	lock_destroy(&wait.lock);
}

void check_domain(struct check *check, const struct question *question, int wait_ms, void (*before_wait)(void *),
	void *arg, struct outcome *out)
{
	if (!fresh_outcome(check, question, out))
		outcome_await(check, question, wait_ms, before_wait, arg, out);
	tally_verdict(question->purpose, &out->verdict);
}

struct check_load check_load(struct check *check)
{
	lock_take(&check->lock);
	unsigned cases = check->cases;
	lock_drop(&check->lock);
	return (struct check_load){
		.workers = check->worker_count, .busy = workers_busy(check->workers), .cases = cases};
}

enum check_refreshed check_refresh(struct check *check, const char *domain, bool forced)
{
	struct question question;
	question_from_next_hop(&question, domain, strlen(domain), PURPOSE_REFRESH);
	if (!question.has_domain || cases_have(check, &question))
		return CHECK_REFRESH_UNDER_WAY;
	lock_take(&check->lock);
	bool room = forced || check->refreshing < CASES_DUE_MAX;
	lock_drop(&check->lock);
	if (!room || cases_open(check, &question, WORK_REFRESH, forced, false, NULL) == CHECK_NO_TICKET)
		return CHECK_REFRESH_NO_ROOM;
	return CHECK_REFRESH_BEGUN;
}

void check_round_told(struct check *check, bool store_read, const struct failure *why)
{
	if (store_read)
		trouble_ended(&check->trouble, TROUBLE_READING);
	else
		trouble_began(&check->trouble, TROUBLE_READING, why->text);
	senses_look(&check->trouble);
	trouble_show(&check->trouble);
	events_write(check->events, false);
}
