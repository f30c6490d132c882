/* The inquiries that are open, who waits for them, and what they share. */
#include "check_internal.h"

#include "clock.h"
#include "memory.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

/* --- the table (under the lock) ----------------------------------------------------------------------------------- */

static unsigned question_hash(const struct question *q)
{
	return domain_hash(q->domain, q->port) % INQUIRY_BUCKETS;
}

static bool question_same(const struct question *a, const struct question *b)
{
	return a->purpose == b->purpose && a->mx_lookup == b->mx_lookup && a->no_dane == b->no_dane &&
	       a->unreadable == b->unreadable && a->port == b->port && strcmp(a->domain, b->domain) == 0;
}

static struct inquiry *inquiry_find(struct check *check, const struct question *question) REQUIRES(check->lock)
{
	struct inquiry *inquiry = check->bucket[question_hash(question)];
	while (inquiry && !question_same(&inquiry->facts.question, question))
		inquiry = inquiry->next;
	return inquiry;
}

static void inquiry_unlink(struct check *check, struct inquiry *inquiry) REQUIRES(check->lock)
{
	struct inquiry **at = &check->bucket[question_hash(&inquiry->facts.question)];
	while (*at != inquiry)
		at = &(*at)->next;
	*at = inquiry->next;
}

bool inquiries_have(struct check *check, const struct question *question)
{
	lock_take(&check->lock);
	bool have = inquiry_find(check, question) != NULL;
	lock_drop(&check->lock);
	return have;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static bool has_room(const struct check *check, enum work_class class) REQUIRES(check->lock)
{
	return !check->stopping && check->inquiries < check->inquiries_max &&
	       (class != WORK_REFRESH || check->refreshing < check->inquiries_max / 2);
}

/* A client's rate of new inquiries, and its part of the table: no more than an eighth of what is free, so that many
 * greedy clients together leave room for the next one. */
static bool client_take(struct check *check, uint64_t client) REQUIRES(check->lock)
{
	struct limits *limits = check->bounds.limits;
	unsigned room = (check->inquiries_max - check->inquiries) / CLIENT_PART;
	return limits_rate(limits, LIMIT_CLIENT_RATE, client, clock_mono_ms()) &&
	       limits_hold(limits, LIMIT_CLIENT_INQUIRIES, client, room);
}

static struct inquiry *inquiry_new(struct check *check, const struct opening *opening) REQUIRES(check->lock)
{
	const struct question *question = opening->question;
	struct inquiry *inquiry = xcalloc(1, sizeof *inquiry), **bucket = &check->bucket[question_hash(question)];
	inquiry->job = (struct job){.class = opening->class, .client = question->client, .run = inquiry_run};
	inquiry->check = check;
	/* Questions about one domain meet on one loop. */
	inquiry->desk = &check->desk[domain_hash(question->domain, 0) % check->desk_count];
	inquiry->config = config_ref(opening->config ? opening->config : check->config);
	inquiry->asked = opening->asked;
	if (opening->facts) {
		inquiry->facts = *opening->facts;
		memset(opening->facts, 0, sizeof *opening->facts);
		inquiry_know_entry(inquiry);
	} else {
		facts_init(&inquiry->facts, question, &inquiry->config->rules, clock_wall_s());
		inquiry->facts.dane = config_dane(inquiry->config);
	}
	inquiry->facts.forced = opening->forced;
	inquiry->so_far = verdict_next(&inquiry->facts).verdict;
	inquiry->next = *bucket;
	*bucket = inquiry;
	check->inquiries++;
	check->refreshing += opening->class == WORK_REFRESH;
	return inquiry;
}

/* The ticket is read under the lock: the moment it is dropped, the inquiry may end and free the waiter. */
static check_ticket waiter_join(struct check *check, struct inquiry *inquiry, struct waiter *waiter)
	REQUIRES(check->lock)
{
	check_ticket ticket = ++check->last_ticket;
	if (!waiter)
		return ticket;
	struct waiter **bucket = &check->waiter[ticket % INQUIRY_BUCKETS];
	waiter->ticket = ticket;
	waiter->inquiry = inquiry;
	waiter->next = inquiry->waiters;
	inquiry->waiters = waiter;
	waiter->bucket = *bucket;
	*bucket = waiter;
	return ticket;
}

check_ticket inquiries_open(struct check *check, const struct opening *opening)
{
	struct inquiry *new = NULL;
	check_ticket ticket = CHECK_NO_TICKET;
	lock_take(&check->lock);
	struct inquiry *inquiry = inquiry_find(check, opening->question);
	if (!inquiry && has_room(check, opening->class) && client_take(check, opening->question->client))
		inquiry = new = inquiry_new(check, opening);
	if (inquiry)
		ticket = waiter_join(check, inquiry, opening->waiter);
	lock_drop(&check->lock);
	if (new)
		runner_post(new->desk->runner, &new->job);
	return ticket;
}

void inquiries_renew(struct check *check, const struct question *question)
{
	struct question refresh = *question;
	refresh.purpose = PURPOSE_REFRESH;
	refresh.client = 0; /* refreshing has room of its own */
	refresh.no_dane = false;
	if (limits_once(check->bounds.limits, LIMIT_RENEWALS, question->domain, question->port, clock_mono_ms(),
		    LIMITS_RENEWAL_MS))
		inquiries_open(check, &(struct opening){.question = &refresh, .class = WORK_REFRESH, .asked = true});
}

/* --- who waits ---------------------------------------------------------------------------------------------------- */

struct waiter *waiter_new(check_done *done, void *arg, enum purpose purpose, const struct verdict *fresh)
{
	struct waiter *waiter = xcalloc(1, sizeof *waiter);
	waiter->done = done;
	waiter->arg = arg;
	waiter->purpose = purpose;
	waiter->fresh = *fresh;
	cond_init(&waiter->answer);
	return waiter;
}

void waiter_free(struct waiter *waiter)
{
	cond_destroy(&waiter->answer);
	free(waiter);
}

struct waiter *waiter_find(struct check *check, check_ticket ticket)
{
	struct waiter *waiter = check->waiter[ticket % INQUIRY_BUCKETS];
	while (waiter && waiter->ticket != ticket)
		waiter = waiter->bucket;
	return waiter;
}

static void waiter_unlist(struct check *check, struct waiter *waiter) REQUIRES(check->lock)
{
	struct waiter **at = &check->waiter[waiter->ticket % INQUIRY_BUCKETS];
	while (*at != waiter)
		at = &(*at)->bucket;
	*at = waiter->bucket;
}

/* An inquiry that is cut short before it has read the store knows less than check_ask() did; and when the store breaks
 * in between, the policy that could be read still holds (rule 9). */
static void never_less(struct outcome *out, const struct verdict *fresh)
{
	if (out->verdict.has_policy || !fresh->has_policy)
		return;
	if (!out->final || out->verdict.reason == REASON_INTERNAL)
		out->verdict = *fresh;
}

void waiter_leave(struct check *check, struct waiter *waiter, struct outcome *out)
{
	waiter_unlist(check, waiter);
	if (waiter->answered) {
		*out = waiter->outcome;
		return;
	}
	struct waiter **at = &waiter->inquiry->waiters;
	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	*out = (struct outcome){.verdict = waiter->inquiry->so_far};
	never_less(out, &waiter->fresh);
}

static void answer_policy(struct inquiry *inquiry, struct waiter *waiter)
{
	if (inquiry->facts.question.purpose == PURPOSE_MAP && inquiry->verdict.kind == VERDICT_PASS)
		facts_policy_copy(&waiter->outcome.policy, &inquiry->facts);
}

/* Those with a function are called without the lock; those in check_wait() find the answer in their waiter. */
static struct waiter *waiters_answer(struct check *check, struct inquiry *inquiry) REQUIRES(check->lock)
{
	const struct verdict *verdict = &inquiry->verdict;
	struct waiter *called = NULL, *next;
	for (struct waiter *waiter = inquiry->waiters; waiter; waiter = next) {
		next = waiter->next;
		waiter->outcome = (struct outcome){.verdict = *verdict, .final = !inquiry->cut_off};
		never_less(&waiter->outcome, &waiter->fresh);
		waiter->inquiry = NULL;
		waiter->answered = true;
		if (waiter->done) {
			waiter_unlist(check, waiter);
			waiter->next = called;
			called = waiter;
		} else {
			answer_policy(inquiry, waiter);
			cond_wake_one(&waiter->answer);
		}
	}
	inquiry->waiters = NULL;
	return called;
}

void inquiry_answer(struct inquiry *inquiry)
{
	struct check *check = inquiry->check;
	lock_take(&check->lock);
	inquiry_unlink(check, inquiry);
	struct waiter *called = waiters_answer(check, inquiry);
	lock_drop(&check->lock);
	if (inquiry->facts.question.purpose == PURPOSE_REFRESH)
		counters_verdict(PURPOSE_REFRESH, &inquiry->verdict);
	while (called) {
		struct waiter *waiter = called;
		called = waiter->next;
		answer_policy(inquiry, waiter); /* may be large: not under the lock */
		counters_verdict(waiter->purpose, &waiter->outcome.verdict);
		waiter->done(waiter->arg, &waiter->outcome);
		outcome_free(&waiter->outcome);
		waiter_free(waiter);
	}
}

void inquiry_free(struct inquiry *inquiry)
{
	struct check *check = inquiry->check;
	struct config *config = inquiry->config;
	bool refresh = inquiry->job.class == WORK_REFRESH;
	loop_timer_free(&inquiry->timer);
	attempt_end(&inquiry->attempt, &check->bounds, config);
	limits_release(check->bounds.limits, LIMIT_CLIENT_INQUIRIES, inquiry->facts.question.client);
	facts_free(&inquiry->facts);
	free(inquiry);
	/* The last of them may be what check_free() waits for. */
	lock_take(&check->lock);
	check->refreshing -= refresh;
	if (--check->inquiries == 0)
		cond_wake_all(&check->idle);
	lock_drop(&check->lock);
	config_unref(&config);
}

/* --- flights ------------------------------------------------------------------------------------------------------ */

static struct flight **flight_place(struct check *check, const struct want *want) REQUIRES(check->lock)
{
	struct flight **at = &check->flight[domain_hash(want->name, want->kind) % INQUIRY_BUCKETS];
	while (*at && !want_same(&(*at)->want, want))
		at = &(*at)->next;
	return at;
}

bool flight_join(struct inquiry *inquiry, const struct want *want)
{
	struct check *check = inquiry->check;
	lock_take(&check->lock);
	struct flight **at = flight_place(check, want);
	bool leads = !*at;
	if (leads) {
		struct flight *flight = xcalloc(1, sizeof *flight);
		flight->want = *want;
		*at = inquiry->leading = flight;
	} else {
		inquiry->parked = (*at)->parked;
		(*at)->parked = inquiry;
	}
	lock_drop(&check->lock);
	return leads;
}

static struct inquiry *flight_end(struct inquiry *inquiry) REQUIRES(inquiry->check->lock)
{
	struct flight *flight = inquiry->leading;
	struct inquiry *parked = flight->parked;
	*flight_place(inquiry->check, &flight->want) = flight->next;
	free(flight);
	inquiry->leading = NULL;
	return parked;
}

bool flight_land_alone(struct inquiry *inquiry)
{
	lock_take(&inquiry->check->lock);
	bool alone = !inquiry->leading->parked;
	if (alone)
		flight_end(inquiry);
	lock_drop(&inquiry->check->lock);
	return alone;
}

struct inquiry *flight_land(struct inquiry *inquiry)
{
	lock_take(&inquiry->check->lock);
	struct inquiry *parked = flight_end(inquiry);
	lock_drop(&inquiry->check->lock);
	return parked;
}

void flight_drop(struct inquiry *inquiry)
{
	struct inquiry *parked = flight_land(inquiry);
	while (parked) {
		struct inquiry *other = parked;
		parked = other->parked;
		runner_post(other->desk->runner, &other->job);
	}
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

/* Parked inquiries are resumed by those that lead their flights. */
void inquiries_stop(struct desk *desk)
{
	struct check *check = desk->check;
	lock_take(&check->lock);
	for (unsigned i = 0; i < INQUIRY_BUCKETS; i++)
		for (struct inquiry *inquiry = check->bucket[i]; inquiry; inquiry = inquiry->next)
			if (inquiry->desk == desk)
				inquiry_wake(inquiry);
	lock_drop(&check->lock);
}
