#include "cases.h"

#include "clock.h"
#include "flights.h"
#include "recall.h"
#include "senses.h"
#include "tally.h"

#include <stdlib.h>
#include <string.h>

/* --- tables (under the lock) -------------------------------------------------------------------------------------- */

static unsigned question_hash(const struct question *q)
{
	return domain_hash(q->domain, q->port) % CASES_BUCKETS;
}

static bool question_same(const struct question *a, const struct question *b)
{
	return a->purpose == b->purpose && a->mx_lookup == b->mx_lookup && a->no_dane == b->no_dane &&
	       a->unreadable == b->unreadable && a->port == b->port && strcmp(a->domain, b->domain) == 0;
}

static struct cas *case_find(struct check *check, const struct question *question) REQUIRES(check->lock)
{
	struct cas *c = check->bucket[question_hash(question)];
	while (c && !question_same(&c->facts.question, question))
		c = c->next;
	return c;
}

static void case_unlink(struct check *check, struct cas *c) REQUIRES(check->lock)
{
	struct cas **at = &check->bucket[question_hash(&c->facts.question)];
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
}

/* --- one case, run by a worker ------------------------------------------------------------------------------------ */

static void waiters_tell(struct cas *c, struct waiter *waiters, const struct verdict *verdict)
{
	bool with_policy = c->facts.question.purpose == PURPOSE_MAP && verdict->kind == VERDICT_PASS;
	while (waiters) {
		struct waiter *waiter = waiters;
		struct outcome outcome = {.verdict = *verdict, .final = !c->cut_off};
		waiters = waiter->next;
		if (with_policy)
			facts_policy_copy(&outcome.policy, &c->facts);
		if (waiter->tallied)
			tally_verdict(waiter->purpose, verdict);
		waiter->done(waiter->arg, &outcome);
		outcome_free(&outcome);
		free(waiter);
	}
}

static void case_end(struct cas *c, const struct verdict *verdict)
{
	struct check *check = c->check;
	lock_take(&check->lock);
	case_unlink(check, c);
	struct waiter *waiters = c->waiters;
	lock_drop(&check->lock);
	if (c->facts.question.purpose == PURPOSE_REFRESH)
		tally_verdict(PURPOSE_REFRESH, verdict);
	waiters_tell(c, waiters, verdict);
	learn_end(check->store, &check->trouble, &c->facts, &c->kept); /* housekeeping: nobody waits for it */
	events_write(check->events, false);
	lock_take(&check->lock);
	check->cases--;
	check->refreshing -= c->job.class == WORK_REFRESH;
	limits_release(check->bounds.limits, LIMIT_CLIENT_CASES, c->facts.question.client);
	lock_drop(&check->lock);
	facts_free(&c->facts);
	lookups_end(&c->lookups);
	config_unref(&c->config);
	free(c);
}

static void case_observed(struct cas *c, const struct want *want)
{
	c->steps++;
	c->put_off_ms = 0;
	lookups_end(&c->lookups);
	if (c->check->observe)
		c->check->observe(c->check->observe_arg, want, &c->facts);
}

static void case_read(struct cas *c, const struct want *want)
{
	struct store_view *view = NULL;
	recall(c->check->store, &c->check->trouble, &view, &c->facts, want);
	store_view_end(&view);
	if (want->kind == WANT_ENTRY) {
		c->kept = (struct kept){c->facts.entry.due_at, c->facts.entry.last_used_day};
		if (c->asked)
			entry_learn_use(&c->facts.entry, c->facts.now);
	}
	case_observed(c, want);
}

/* Somebody may wait for it; what a front end begins in the background is a refresh. */
static bool case_is_asked(const struct cas *c)
{
	return c->job.class == WORK_ASKED || c->facts.forced;
}

/* A milter or the policy delegation waits for it, or has waited. */
static bool case_is_at_front(const struct cas *c)
{
	return c->job.class == WORK_ASKED && c->facts.question.purpose == PURPOSE_DELIVER &&
	       !c->check->bounds.background;
}

/* Nobody waits for it: whoever waits for the same probe comes first. */
static bool case_comes_second(const struct cas *c, const struct want *want)
{
	return want->kind == WANT_PROBE && !case_is_asked(c);
}

/* Gives what a flight brought to its leader and to all who were parked, and sends those on their way. */
static void case_landed(struct cas *c, struct flight *flight, const struct found *found)
{
	learn_found(c->check->store, &c->check->trouble, &c->facts, found, &c->kept);
	struct cas *parked = flight_land(c->check, flight);
	while (parked) {
		struct cas *other = parked;
		parked = other->parked;
		other->facts.now = c->facts.now;
		bool first = (found->unmade && !case_is_asked(c)) || found->outbid;
		if (!first || !case_is_asked(other)) {
			facts_learn_found(&other->facts, found);
			case_observed(other, &found->want);
		}
		workers_push(c->check->workers, &other->job);
	}
}

static bool is_stopping(struct check *check)
{
	lock_take(&check->lock);
	bool stopping = check->stopping;
	lock_drop(&check->lock);
	return stopping;
}

/* While it is put off, a case holds neither worker nor share. False: it has lost patience with the bounds. */
static bool case_put_off(struct cas *c, struct flight *flight, int again_ms)
{
	int64_t now_ms = clock_mono_ms();
	c->leading = flight;
	if (c->lookups.waiting) {
		workers_push_later(c->check->workers, &c->job, lookups_retry_ms(&c->lookups));
		return true;
	}
	if (c->put_off_ms == 0)
		c->put_off_ms = now_ms;
	if (now_ms - c->put_off_ms >= obtain_patience_ms(c->config, &flight->want))
		return false;
	int wait_ms = again_ms;
	if (wait_ms == 0)
		wait_ms = flight->want.kind == WANT_PROBE ? OBTAIN_RETRY_MS : flight_wait_ms(c);
	/* Not between two looks at a hop: what was seen belongs to the flight. */
	if (case_comes_second(c, &flight->want) && !flight->look.due)
		flight_drop(c, flight);
	workers_push_later(c->check->workers, &c->job, wait_ms);
	return true;
}

/* What waits for more than DNS holds its worker for long: all of that together leaves a quarter of the workers free, and
 * what somebody waits for half, so that silent hosts never have them all. */
static bool case_obtain(struct cas *c, struct flight *flight, struct found *found)
{
	const struct want *want = &flight->want;
	const struct bounds *bounds = &c->check->bounds;
	unsigned workers = c->check->worker_count;
	bool asked = case_is_asked(c), through = false;
	c->lookups.waiting = false;
	if (!obtain_holds(want))
		return obtain(c->config, bounds, &c->lookups, want, asked, &flight->look, found);
	if (!limits_hold(bounds->limits, LIMIT_WORKERS, HELD_ALL, workers * 3 / 4))
		return false;
	if (!asked || limits_hold(bounds->limits, LIMIT_WORKERS, HELD_ASKED, workers / 2)) {
		through = obtain(c->config, bounds, &c->lookups, want, asked, &flight->look, found);
		if (asked)
			limits_release(bounds->limits, LIMIT_WORKERS, HELD_ASKED);
	}
	limits_release(bounds->limits, LIMIT_WORKERS, HELD_ALL);
	return through;
}

/* Leads a flight, with a share. False: DNS has not answered yet, or the bounds let nothing through now, and the case was
 * put off. */
static bool case_fly(struct cas *c, struct flight *flight)
{
	struct found found = {.untried = false};
	struct want want = flight->want;
	bool through = case_obtain(c, flight, &found);
	limits_release(c->check->bounds.limits, LIMIT_CLIENT_LOOKUPS, c->share_of);
	if (!through && is_stopping(c->check)) {
		flight_drop(c, flight);
		return true;
	}
	if (!through && case_put_off(c, flight, found.again_ms))
		return false;
	if (!through) {
		obtain_in_vain(&want, &found);
		found.outbid = case_comes_second(c, &want);
	}
	found.front = case_is_at_front(c);
	c->leading = NULL;
	c->facts.now = clock_wall_s();
	memcpy(found.record_id, c->facts.entry.record_id, sizeof found.record_id);
	facts_learn_found(&c->facts, &found);
	tally_found(&found);
	senses_found(&c->check->trouble, &found);
	case_landed(c, flight, &found);
	case_observed(c, &want);
	found_free(&found);
	return true;
}

/* It was put off. Without a share it leads no longer: it must hold up nobody who has one. */
static bool case_fly_again(struct cas *c)
{
	if (flight_share_take(c))
		return case_fly(c, c->leading);
	flight_drop(c, c->leading);
	return true;
}

/* The step that comes next; what it says so far is for those who give up waiting. A final verdict is not: it comes with
 * its policy, through waiters_tell(), in a moment. */
static struct step case_step(struct cas *c)
{
	struct check *check = c->check;
	c->facts.now = clock_wall_s();
	struct step step = verdict_next(&c->facts);
	lock_take(&check->lock);
	if (step.want.kind != WANT_NOTHING)
		c->so_far = step.verdict;
	if (check->stopping || c->steps > CASES_STEPS_MAX) {
		c->cut_off = step.want.kind != WANT_NOTHING;
		step.want.kind = WANT_NOTHING;
	}
	lock_drop(&check->lock);
	return step;
}

/* A pass that rests on fresh facts only never comes straight from the store, where the answer has what is old renewed:
 * so the case does it. The case itself stores that the domain is in use. */
static void case_renew(struct cas *c, const struct step *step)
{
	bool passes = !c->cut_off && step->verdict.kind == VERDICT_PASS;
	if (passes && verdict_rests_on_fresh(&c->facts) && (step->renew & ~(unsigned)RENEW_USE) != 0)
		cases_renew(c->check, &c->facts.question);
}

static void case_run(struct job *job)
{
	struct cas *c = (struct cas *)job;
	if (c->leading && !case_fly_again(c))
		return;
	for (;;) {
		struct step step = case_step(c);
		if (step.want.kind == WANT_NOTHING) {
			case_renew(c, &step);
			case_end(c, &step.verdict);
			return;
		}
		if (!want_is_remote(step.want.kind)) {
			case_read(c, &step.want);
			continue;
		}
		struct flight *flight = flight_join(c->check, c, &step.want);
		if (!flight || !case_fly(c, flight))
			return;
	}
}

/* --- opening and waiting ------------------------------------------------------------------------------------------ */

static struct cas *case_new(struct check *check, const struct question *question, enum work_class class)
	REQUIRES(check->lock)
{
	struct cas *c = calloc(1, sizeof *c);
	if (!c)
		abort();
	c->job.class = class;
	c->job.client = question->client;
	c->job.run = case_run;
	c->check = check;
	c->client = question->client;
	c->config = config_ref(check->config);
	facts_init(&c->facts, question, &c->config->rules, clock_wall_s());
	c->facts.dane = config_dane(c->config);
	c->so_far = verdict_next(&c->facts).verdict;
	struct cas **bucket = &check->bucket[question_hash(question)];
	c->next = *bucket;
	*bucket = c;
	check->cases++;
	check->refreshing += class == WORK_REFRESH;
	return c;
}

static bool room_for(const struct check *check, enum work_class class) REQUIRES(check->lock)
{
	return !check->stopping && check->cases < CHECK_CASES_MAX &&
	       (class != WORK_REFRESH || check->refreshing < CASES_REFRESH_MAX);
}

/* A client's rate of new cases, and its part of the table: no more than an eighth of what is free, so that many greedy
 * clients together leave room for the next one. */
static bool client_take(struct check *check, const struct question *question) REQUIRES(check->lock)
{
	struct limits *limits = check->bounds.limits;
	unsigned room = (CHECK_CASES_MAX - check->cases) / CASES_CLIENT_PART;
	return limits_rate(limits, LIMIT_CLIENT_RATE, question->client, clock_mono_ms()) &&
	       limits_hold(limits, LIMIT_CLIENT_CASES, question->client, room);
}

/* Who asks and does not wait has a share, too: from now on it counts, should that of the client before be used up. */
static void case_shared(struct check *check, struct cas *c, uint64_t client) REQUIRES(check->lock)
{
	struct limits *limits = check->bounds.limits;
	if (limits_hold(limits, LIMIT_CLIENT_LOOKUPS, c->client, check->bounds.quota))
		limits_release(limits, LIMIT_CLIENT_LOOKUPS, c->client);
	else
		c->client = client;
}

/* The ticket is read under the lock: the moment it is dropped, the case may end and free the waiter. */
static check_ticket waiter_add(struct check *check, struct cas *c, struct waiter *waiter, uint64_t client)
	REQUIRES(check->lock)
{
	check_ticket ticket = ++check->last_ticket;
	if (!waiter)
		return ticket;
	waiter->ticket = ticket;
	waiter->client = client;
	waiter->next = c->waiters;
	c->waiters = waiter;
	return ticket;
}

check_ticket cases_open(struct check *check, const struct question *question, enum work_class class, bool forced,
	bool asked, struct waiter *waiter)
{
	check_ticket ticket = CHECK_NO_TICKET;
	lock_take(&check->lock);
	struct cas *c = case_find(check, question), *new = NULL;
	if (!c && room_for(check, class) && client_take(check, question)) {
		c = new = case_new(check, question, class);
		c->facts.forced = forced;
		c->asked = asked;
	}
	if (c && c != new)
		case_shared(check, c, question->client);
	if (c)
		ticket = waiter_add(check, c, waiter, question->client);
	lock_drop(&check->lock);
	if (new)
		workers_push(check->workers, &new->job);
	return ticket;
}

bool cases_have(struct check *check, const struct question *question)
{
	lock_take(&check->lock);
	bool have = case_find(check, question) != NULL;
	lock_drop(&check->lock);
	return have;
}

void cases_renew(struct check *check, const struct question *question)
{
	struct question refresh = *question;
	refresh.purpose = PURPOSE_REFRESH;
	refresh.client = 0; /* refreshing has a share of its own */
	refresh.no_dane = false;
	if (limits_once(check->bounds.limits, LIMIT_RENEWALS, question->domain, question->port, clock_mono_ms(),
		    LIMITS_RENEWAL_MS))
		cases_open(check, &refresh, WORK_REFRESH, false, true, NULL);
}

static struct waiter *waiter_take(struct cas *c, check_ticket ticket)
{
	for (struct waiter **at = &c->waiters; *at; at = &(*at)->next) {
		struct waiter *waiter = *at;
		if (waiter->ticket != ticket)
			continue;
		*at = waiter->next;
		return waiter;
	}
	return NULL;
}

/* Rare (a wait that ran out), so a walk over the open cases does. */
struct waiter *cases_withdraw(struct check *check, check_ticket ticket, struct verdict *so_far)
{
	struct waiter *waiter = NULL;
	lock_take(&check->lock);
	for (unsigned i = 0; !waiter && i < CASES_BUCKETS; i++) {
		for (struct cas *c = check->bucket[i]; !waiter && c; c = c->next) {
			waiter = waiter_take(c, ticket);
			if (waiter)
				*so_far = c->so_far;
		}
	}
	lock_drop(&check->lock);
	return waiter;
}
