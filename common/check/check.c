#include "check_internal.h"

#include "clock.h"
#include "conditions.h"
#include "evidence.h"
#include "health.h"
#include "load_save.h"
#include "memory.h"
#include "report.h"
#include "text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ASKED_SHOWN 100 /* characters that an event shows of an unreadable next hop */

void outcome_free(struct outcome *outcome)
{
	policy_free(&outcome->policy);
}

/* --- start and stop ----------------------------------------------------------------------------------------------- */

static void desk_stopped(struct loop_task *task)
{
	inquiries_stop((struct desk *)((char *)task - offsetof(struct desk, stop)));
}

static void desk_ended(struct loop_task *task)
{
	struct desk *desk = (struct desk *)((char *)task - offsetof(struct desk, end));
	struct check *check = desk->check;
	runner_free(&desk->runner);
	fetch_line_free(&desk->fetches);
	probe_line_free(&desk->probes);
	outbox_free(&desk->outbox);
	lock_take(&check->lock);
	check->desks_open--;
	cond_wake_all(&check->idle);
	lock_drop(&check->lock);
}

struct check *check_new(const struct check_options *options, struct failure *why)
{
	if (!store_start_writer(options->store, why))
		return NULL;
	struct check *check = xcalloc(1, sizeof *check);
	lock_init(&check->config_lock);
	lock_init(&check->lock);
	cond_init(&check->idle);
	check->store = options->store;
	check->events = events_new(check->store);
	check->signs = signs_new(check->store, check->events, &check->conditions);
	if (!options->background) {
		check->stories = stories_new(check->store, check->events);
		stories_write(check->stories, false);
	}
	check->verdicts = verdicts_new(check->store);
	check->overrides = overrides_new(check->store, check->events);
	check->revocations = revocations_new(check->store, check->events);
	conditions_init(&check->conditions, check->events);
	check->turns = turns_new(check->store, check->events, &check->conditions, check->stories);
	/* This event goes into the new store that replaces the damaged one. */
	const char *aside = store_moved_aside(check->store);
	if (aside[0])
		events_note(check->events, EVENT_FILE_MOVED_ASIDE, "", aside);
	events_write(check->events, false);
	check->config = config_ref(options->config);
	check->observe = options->observe;
	check->observe_arg = options->observe_arg;
	check->inquiries_max = options->inquiries_max;
	check->bounds = (struct bounds){.limits = limits_new(),
		.sockets_max = options->sockets_max ? options->sockets_max : options->inquiries_max,
		.background = options->background};
	check->desk = xcalloc(options->loops->count, sizeof *check->desk);
	check->desk_count = check->desks_open = options->loops->count;
	for (unsigned i = 0; i < check->desk_count; i++) {
		struct loop *loop = options->loops->at[i];
		check->desk[i] = (struct desk){.check = check,
			.loop = loop,
			.stop.run = desk_stopped,
			.end.run = desk_ended,
			.runner = runner_new(loop),
			.fetches = fetch_line_new(loop),
			.probes = probe_line_new(loop)};
	}
	return check;
}

void check_free(struct check **slot)
{
	struct check *check = *slot;
	if (!check)
		return;
	revocations_stop(check->revocations);
	lock_take(&check->lock);
	check->stopping = true;
	lock_drop(&check->lock);
	for (unsigned i = 0; i < check->desk_count; i++)
		loop_post(check->desk[i].loop, &check->desk[i].stop);
	lock_take(&check->lock);
	while (check->inquiries > 0)
		cond_wait(&check->idle, &check->lock);
	lock_drop(&check->lock);
	for (unsigned i = 0; i < check->desk_count; i++)
		loop_post(check->desk[i].loop, &check->desk[i].end);
	lock_take(&check->lock);
	while (check->desks_open > 0)
		cond_wait(&check->idle, &check->lock);
	lock_drop(&check->lock);
	tlsrpt_own_free(&check->own);
	limits_free(&check->bounds.limits);
	turns_free(&check->turns);
	conditions_destroy(&check->conditions);
	overrides_free(&check->overrides);
	revocations_free(&check->revocations);
	signs_free(&check->signs);
	events_write(check->events, true);
	if (check->stories)
		stories_write(check->stories, true);
	events_free(&check->events);
	stories_free(&check->stories);
	verdicts_free(&check->verdicts);
	config_unref(&check->config);
	cond_destroy(&check->idle);
	lock_destroy(&check->lock);
	lock_destroy(&check->config_lock);
	free(check->desk);
	free(check);
	*slot = NULL;
}

static struct config *config_now(void *check)
{
	return check_config(check);
}

bool check_look_up_revocations(struct check *check, struct failure *why)
{
	return revocations_start(
		check->revocations, config_now, check, check->desk[0].loop, check->desk[0].fetches, why);
}

void check_on_dialled(struct check *check, check_dialled *dialled, void *arg)
{
	check->dialled = dialled;
	check->dialled_arg = arg;
}

void check_reconfigure(struct check *check, struct config *config)
{
	lock_take(&check->config_lock);
	struct config *old = check->config;
	check->config = config_ref(config);
	lock_drop(&check->config_lock);
	config_unref(&old);
}

struct config *check_config(struct check *check)
{
	lock_take(&check->config_lock);
	struct config *config = config_ref(check->config);
	lock_drop(&check->config_lock);
	return config;
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

/* Returns whether the certificate of a mail host covers the host's name only by a wildcard. Sendmail before 8.18.2
 * passes such hosts over (core/evidence.h), and without an event the postmaster would not learn why the mail waits. */
static bool hop_is_passed_over(struct store_view *view, const char *host)
{
	struct hop_record record;
	return store_view_hop(view, host, QUESTION_PORT, &record) == STORE_FOUND && record.pkix.good.at != 0 &&
	       evidence_by_wildcard_only(&record.pkix.good, host);
}

/* Raises an event, once a day for each domain, if a host of the stored MX set is passed over for its wildcard
 * certificate. Only for Sendmail, and only while the map binds the delivery. */
static void wildcards_look(struct check *check, const struct entry *entry)
{
	struct limits *limits = check->bounds.limits;
	int64_t now_ms = clock_mono_ms();
	struct failure why;
	const char *found = NULL, *host = NULL;
	if (!limits_once(limits, LIMIT_WILDCARDS, entry->domain, 0, now_ms, LIMITS_WILDCARD_LOOK_MS))
		return;
	struct store_view *view = store_view_begin(check->store, &why);
	if (!view)
		return;
	if (entry->mx.state == MX_IMPLICIT && hop_is_passed_over(view, entry->domain))
		found = entry->domain;
	for (int i = 0; !found && i < HOPS_MAX && (host = names_next(&entry->mx.names, host)); i++)
		if (hop_is_passed_over(view, host))
			found = host;
	store_view_end(&view);
	if (!found)
		return;
	limits_remember(limits, LIMIT_WILDCARDS, entry->domain, 0, 1, now_ms + LIMITS_WILDCARD_EVENT_MS);
	events_note(check->events, EVENT_WILDCARD_CERTIFICATE, entry->domain, found);
}

void verdict_count(struct check *check, enum purpose purpose, const struct verdict *verdict)
{
	counters_verdict(purpose, verdict);
	overrides_used(check->overrides, verdict);
}

/* Returns whether the map binds the delivery to an enforce policy. */
static bool is_bound(const struct config *config, const struct question *question, const struct verdict *verdict)
{
	return question->purpose == PURPOSE_MAP && verdict->binding != BINDING_NONE && verdict->has_policy &&
	       verdict->mode == POLICY_ENFORCE && config->settings->mta_enforces &&
	       config->settings->mode != MODE_MONITOR;
}

/* What a final verdict leads to each time: a delivery that the map binds is noted, and the verdict is counted. */
static void answer_note(struct check *check, const struct config *config, const struct question *question,
	const struct verdict *verdict)
{
	if (is_bound(config, question, verdict))
		inquiries_bound(check, question);
	verdict_count(check, question->purpose, verdict);
}

/* Returns whether Sendmail is told which names the mail host's certificate must have. */
static bool binds_by_names(const struct question *question, const struct verdict *verdict)
{
	return question->no_dane && binding_has_names(verdict->binding);
}

/* Returns what a final answer rests on. An answer does not repeat if more follows from it than answer_note() does (a renewal,
 * an event), if the store could not be read, or if the question has no policy domain that it could rest on. */
static struct basis basis_of(
	const struct config *config, const struct facts *facts, const struct step *step, const struct store_view *view)
{
	const struct question *question = &facts->question;
	bool looks = binds_by_names(question, &step->verdict); /* wildcards_look() */
	bool whole = view && facts->store == STORE_READ && question->has_domain && !question->unreadable;
	if (!whole || looks || step->renew != 0 || health_time_is_ahead(entry_newest(&facts->entry), facts->now))
		return (struct basis){.repeats = false};
	return (struct basis){.repeats = true,
		.dane = facts->dane,
		.config = config->number,
		.store = store_view_state(view),
		.second = facts->now};
}

/* Completes and counts a verdict that is final from the store alone. Starts the renewal of old facts behind it. */
static void answer_from_store(struct check *check, const struct config *config, const struct facts *facts,
	const struct step *step, struct outcome *out)
{
	const struct question *question = &facts->question;
	if (step->verdict.kind == VERDICT_PASS && question->purpose == PURPOSE_MAP)
		verdict_policy_copy(&out->policy, facts);
	if (binds_by_names(question, &step->verdict))
		wildcards_look(check, &facts->entry);
	if (step->renew != 0)
		inquiries_renew(check, question);
	answer_note(check, config, question, &step->verdict);
}

/* Implements check_ask() and, with `anew`, check_ask_anew(). */
static bool ask(struct check *check, const struct question *question, bool anew, check_done *done, void *arg,
	check_ticket *ticket, struct outcome *out)
{
	bool always = anew || check->observe; /* an inquiry is opened, whatever the store has */
	struct config *config = check_config(check);
	struct store_view *view = NULL; /* one read transaction, begun only if something is read */
	struct facts facts;
	memset(out, 0, sizeof *out);
	facts_init(&facts, question, &config->rules, clock_wall_s());
	facts.dane = config_dane(config);
	struct step step = verdict_next(&facts);
	while (step.want.kind != WANT_NOTHING && !want_is_remote(step.want.kind)) {
		load(check->store, &check->conditions, &view, &facts, &step.want);
		step = verdict_next(&facts);
	}
	out->verdict = step.verdict;
	out->final = step.want.kind == WANT_NOTHING && !always;
	if (out->final)
		out->basis = basis_of(config, &facts, &step, view);
	store_view_end(&view);
	if (out->final) {
		answer_from_store(check, config, &facts, &step, out);
	} else {
		bool waits = ticket && (out->verdict.worth_waiting || always);
		struct waiter *waiter = NULL;
		if (waits) {
			waiter = xcalloc(1, sizeof *waiter);
			*waiter = (struct waiter){.done = done, .arg = arg, .purpose = question->purpose};
			waiter->at_ask = out->verdict;
			cond_init(&waiter->answer);
		}
		const struct opening opening = {.question = question,
			.class = WORK_ASKED,
			.forced = anew,
			.asked = question->purpose != PURPOSE_QUERY,
			.facts = always ? NULL : &facts,
			.config = config,
			.waiter = waiter};
		check_ticket begun = inquiries_open(check, &opening);
		if (waits)
			*ticket = begun;
		if (waits && begun == CHECK_NO_TICKET)
			waiter_free(waiter);
		if (!waits || begun == CHECK_NO_TICKET)
			verdict_count(check, question->purpose, &out->verdict);
	}
	bool final = out->final;
	facts_free(&facts);
	config_unref(&config);
	return final;
}

bool check_ask(struct check *check, const struct question *question, check_done *done, void *arg, check_ticket *ticket,
	struct outcome *out)
{
	return ask(check, question, false, done, arg, ticket, out);
}

bool check_ask_again(struct check *check, const struct config *config, const struct answer_before *before)
{
	const struct basis *basis = before->basis;
	uint64_t state;
	bool same = basis->repeats && basis->config == config->number && basis->second == clock_wall_s() &&
		    basis->dane == config_dane(config) && store_state(check->store, &state) && basis->store == state;
	if (!same)
		return false;
	condition_end(&check->conditions, CONDITION_STORE_UNREADABLE);
	answer_note(check, config, before->question, before->verdict);
	return true;
}

void check_ask_anew(struct check *check, const struct question *question, check_ticket *ticket, struct outcome *out)
{
	*ticket = CHECK_NO_TICKET;
	ask(check, question, true, NULL, NULL, ticket, out);
}

/* Returns NULL if the wait has ended. */
static struct waiter *waiter_find(struct check *check, check_ticket ticket) REQUIRES(check->lock)
{
	struct waiter *waiter = check->waiter[ticket % INQUIRY_BUCKETS];
	while (waiter && waiter->ticket != ticket)
		waiter = waiter->bucket;
	return waiter;
}

static void outcome_take(struct check *check, struct waiter *waiter, struct outcome *out) REQUIRES(check->lock)
{
	waiter_leave(check, waiter, out);
	verdict_count(check, waiter->purpose, &out->verdict);
	waiter_free(waiter);
}

void check_wait(struct check *check, check_ticket ticket, int64_t deadline_ms, struct outcome *out)
{
	/* A ticket that has ended already is an error of the caller: the mail is then deferred. */
	*out = (struct outcome){.verdict = {.kind = VERDICT_DEFER, .reason = REASON_INTERNAL}};
	lock_take(&check->lock);
	struct waiter *waiter = waiter_find(check, ticket);
	assert(!waiter || !waiter->done);
	while (waiter && !waiter->answered && cond_wait_until(&waiter->answer, &check->lock, deadline_ms))
		continue;
	if (waiter)
		outcome_take(check, waiter, out);
	lock_drop(&check->lock);
}

bool check_give_up(struct check *check, check_ticket ticket, struct outcome *out)
{
	memset(out, 0, sizeof *out);
	lock_take(&check->lock);
	struct waiter *waiter = waiter_find(check, ticket);
	if (waiter)
		outcome_take(check, waiter, out);
	lock_drop(&check->lock);
	return waiter != NULL;
}

void check_listen(struct check *check, events_heard *heard, void *arg)
{
	events_listen(check->events, heard, arg);
}

void check_on_session(struct check *check, tlsrpt_sink *sink, void *arg)
{
	check->own = tlsrpt_own_new(&check->conditions, sink, arg);
	for (unsigned i = 0; i < check->desk_count; i++)
		check->desk[i].outbox = tlsrpt_own_outbox(check->own, check->desk[i].loop);
}

void check_on_hints(struct check *check, const struct hints_source *source)
{
	check->hints = *source;
}

void check_event(struct check *check, enum event_kind kind, const char *domain, const char *detail)
{
	events_note(check->events, kind, domain, detail);
}

void check_next_hop(struct check *check, const struct verdict *verdict, const char *frontend, struct span asked)
{
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	bool unreadable = verdict->reason == REASON_NEXT_HOP_UNREADABLE || verdict->reason == REASON_DOMAIN_UNREADABLE;
	if (!unreadable || verdict->kind != VERDICT_DEFER)
		return;
	text_init(&text, detail, sizeof detail);
	text_add(&text, frontend);
	text_add(&text, " was asked about ");
	text_quote(&text, asked.at, asked.len, ASKED_SHOWN);
	check_event(check, EVENT_NEXT_HOP_UNREADABLE, verdict->domain, detail);
}

/* Returns whether the verdict has a line in the log now. */
static bool is_logged(struct check *check, const struct verdict_seen *seen, struct verdict_logged *logged)
{
	const struct verdict *verdict = seen->verdict;
	if (!verdict_is_logged(seen->settings, verdict))
		return false;
	if (verdict->kind == VERDICT_NONE)
		return seen->door != DOOR_MAP && (!logged || !verdict_logged_before(logged, verdict->domain));
	return seen->door != DOOR_MAP || seen->settings->log_verdicts == LOG_VERDICTS_ALL ||
	       limits_once(check->bounds.limits, LIMIT_MAP_LINES, verdict->domain, verdict->reason, clock_mono_ms(),
		       LIMITS_MAP_LINE_MS);
}

void check_verdict_seen(struct check *check, const struct verdict_seen *seen, struct verdict_logged *logged)
{
	if (is_logged(check, seen, logged))
		verdict_log(seen);
	if (!verdict_is_recorded(seen->verdict))
		return;
	struct verdict_record record;
	verdict_record_init(&record, seen->door, seen->verdict, clock_wall_s());
	record.deed = seen->deed;
	record.would = seen->would;
	record.tls_required_no = seen->tls_required_no;
	record.monitor = seen->settings->mode == MODE_MONITOR;
	verdict_record_queue_id(&record, seen->queue_id);
	verdicts_note(check->verdicts, &record);
}

void check_verdict_acted(struct check *check, const struct verdict_seen *seen)
{
	if (check->stories)
		stories_note_verdict(check->stories, seen);
}

bool check_follows_signs(struct check *check)
{
	return check->stories && stories_are_open(check->stories);
}

void check_write_verdicts(struct check *check)
{
	verdicts_write(check->verdicts);
}

void check_time_seen(struct check *check, int64_t at, const char *of)
{
	conditions_note_time(&check->conditions, at, of);
}

void check_shares(struct check *check, bool works, const char *detail)
{
	if (works)
		condition_end(&check->conditions, CONDITION_FLEET_UNREACHABLE);
	else
		condition_begin(&check->conditions, CONDITION_FLEET_UNREACHABLE, detail);
}

struct check_load check_load(struct check *check)
{
	struct check_load load = {.loops = check->desk_count};
	lock_take(&check->lock);
	load.inquiries = check->inquiries;
	lock_drop(&check->lock);
	for (unsigned i = 0; i < check->desk_count; i++)
		load.busy += runner_is_busy(check->desk[i].runner);
	return load;
}

enum check_refreshed check_refresh(struct check *check, const char *domain, bool forced)
{
	struct question question;
	question_from_next_hop(&question, domain, strlen(domain), PURPOSE_REFRESH);
	if (!question.has_domain || inquiries_have(check, &question))
		return CHECK_REFRESH_UNDER_WAY;
	lock_take(&check->lock);
	bool room = forced || check->refreshing < REFRESHES_DUE_MAX;
	lock_drop(&check->lock);
	struct opening opening = {.question = &question, .class = WORK_REFRESH, .forced = forced};
	if (!room || inquiries_open(check, &opening) == CHECK_NO_TICKET)
		return CHECK_REFRESH_NO_ROOM;
	return CHECK_REFRESH_BEGUN;
}

void check_round_ended(struct check *check, bool store_read, const struct failure *why)
{
	if (store_read)
		condition_end(&check->conditions, CONDITION_STORE_UNREADABLE);
	else
		condition_begin(&check->conditions, CONDITION_STORE_UNREADABLE, why->text);
	conditions_review(&check->conditions);
	turns_review(check->turns);
	conditions_show(&check->conditions);
	overrides_round(check->overrides);
	events_write(check->events, false);
	turns_write(check->turns);
	if (check->stories)
		stories_write(check->stories, false);
}
