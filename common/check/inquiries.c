/* The table of open inquiries, their waiters, and the flights that they share. */
#include "check_internal.h"

#include "clock.h"
#include "limit_hits.h"
#include "memory.h"
#include "report.h"
#include "schedule.h"

#include <stdlib.h>
#include <string.h>

/* --- the table ---------------------------------------------------------------------------------------------------- */

static const struct override no_override = {.kind = OVERRIDE_NONE};

static unsigned question_hash(const struct question *q)
{
	return domain_hash(q->domain, q->port) % INQUIRY_BUCKETS;
}

static struct inquiry *inquiry_find(
	struct check *check, const struct question *question, const struct override *override) REQUIRES(check->lock)
{
	const struct question *b = question;
	for (struct inquiry *inquiry = check->bucket[question_hash(b)]; inquiry; inquiry = inquiry->next) {
		const struct question *a = &inquiry->facts.question;
		if (inquiry->override == override->kind && inquiry->override_at == override->begins_at &&
			a->purpose == b->purpose && a->mx_lookup == b->mx_lookup && a->no_dane == b->no_dane &&
			a->requiretls == b->requiretls && a->unreadable == b->unreadable && a->port == b->port &&
			strcmp(a->domain, b->domain) == 0)
			return inquiry;
	}
	return NULL;
}

bool inquiries_have(struct check *check, const struct question *question)
{
	lock_take(&check->lock);
	bool have = inquiry_find(check, question, &no_override) != NULL;
	lock_drop(&check->lock);
	return have;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

/* Returns whether a new inquiry may be opened, and takes its place in the client's quota. A client may open
 * CLIENT_A_SECOND inquiries a second, and may hold an eighth of the places that are free. Therefore even many greedy
 * clients leave room for the next client. Sets `hit` to the limit that refuses the inquiry, if one does. */
static bool room_take(struct check *check, const struct opening *opening, enum limit_hit *hit) REQUIRES(check->lock)
{
	struct limits *limits = check->bounds.limits;
	uint64_t client = opening->question->client;
	if (check->stopping)
		return false;
	unsigned room = (check->inquiries_max - check->inquiries) / CLIENT_PART;
	if (check->inquiries >= check->inquiries_max)
		*hit = HIT_LOOKUPS;
	else if (opening->class == WORK_REFRESH && check->refreshing >= check->inquiries_max / 2)
		*hit = HIT_REFRESHES;
	else if (!limits_rate(limits, LIMIT_CLIENT_RATE, client, clock_mono_ms()))
		*hit = HIT_CLIENT_RATE;
	else if (!limits_hold(limits, LIMIT_CLIENT_INQUIRIES, client, room))
		*hit = HIT_CLIENT_LOOKUPS;
	return *hit == LIMIT_HITS;
}

/* Returns the override that applies to the question. Without facts, nobody waits whom an override could concern: an
 * operator's query and a refresh judge as without one. */
static const struct override *override_of(const struct opening *opening)
{
	bool applies = opening->facts && facts_override(opening->facts) != OVERRIDE_NONE;
	return applies ? &opening->facts->override : &no_override;
}

static struct inquiry *inquiry_new(struct check *check, const struct opening *opening) REQUIRES(check->lock)
{
	const struct question *question = opening->question;
	struct inquiry *inquiry = xcalloc(1, sizeof *inquiry), **bucket = &check->bucket[question_hash(question)];
	inquiry->job = (struct job){.class = opening->class, .client = question->client, .run = inquiry_run};
	inquiry->check = check;
	/* All inquiries about one domain run on the same loop. */
	inquiry->desk = &check->desk[domain_hash(question->domain, 0) % check->desk_count];
	inquiry->config = opening->config ? config_ref(opening->config) : check_config(check);
	inquiry->asked = opening->asked;
	inquiry->override = override_of(opening)->kind;
	inquiry->override_at = override_of(opening)->begins_at;
	if (opening->facts) {
		inquiry->facts = *opening->facts;
		memset(opening->facts, 0, sizeof *opening->facts);
		inquiry_know_entry(inquiry);
	} else {
		facts_init(&inquiry->facts, question, &inquiry->config->rules, clock_wall_s());
		inquiry->facts.dane = config_dane(inquiry->config);
	}
	inquiry->facts.forced = opening->forced;
	inquiry->facts.again = opening->again;
	inquiry->so_far = verdict_next(&inquiry->facts).verdict;
	inquiry->next = *bucket;
	*bucket = inquiry;
	check->inquiries++;
	check->refreshing += opening->class == WORK_REFRESH;
	return inquiry;
}

check_ticket inquiries_open(struct check *check, const struct opening *opening)
{
	struct waiter *waiter = opening->waiter;
	struct inquiry *new = NULL;
	enum limit_hit hit = LIMIT_HITS;
	check_ticket ticket = CHECK_NO_TICKET;
	lock_take(&check->lock);
	struct inquiry *inquiry = inquiry_find(check, opening->question, override_of(opening));
	if (!inquiry && room_take(check, opening, &hit))
		inquiry = new = inquiry_new(check, opening);
	if (inquiry)
		ticket = ++check->last_ticket;
	if (inquiry && waiter) {
		struct waiter **bucket = &check->waiter[ticket % INQUIRY_BUCKETS];
		waiter->ticket = ticket;
		waiter->inquiry = inquiry;
		waiter->next = inquiry->waiters;
		inquiry->waiters = waiter;
		waiter->bucket = *bucket;
		*bucket = waiter;
	}
	/* From here on the waiter may be freed: an inquiry that was open already may end at any time. */
	lock_drop(&check->lock);
	if (hit != LIMIT_HITS)
		limit_hit_question(hit, opening->question);
	if (new)
		runner_post(new->desk->runner, &new->job);
	return ticket;
}

/* Opens an inquiry that renews facts in the background. */
static void refresh_open(struct check *check, const struct question *question, bool again)
{
	struct question refresh = *question;
	refresh.purpose = PURPOSE_REFRESH;
	refresh.client = 0; /* refreshes have a quota of their own */
	refresh.no_dane = false;
	inquiries_open(
		check, &(struct opening){.question = &refresh, .class = WORK_REFRESH, .asked = true, .again = again});
}

void inquiries_renew(struct check *check, const struct question *question)
{
	if (limits_once(check->bounds.limits, LIMIT_RENEWALS, question->domain, question->port, clock_mono_ms(),
		    LIMITS_RENEWAL_MS))
		refresh_open(check, question, false);
}

void inquiries_bound(struct check *check, const struct question *question)
{
	if (limits_again(check->bounds.limits, LIMIT_BOUND, question->domain, question->port, clock_mono_ms(),
		    ASKED_AGAIN_MIN_S * 1000, ASKED_AGAIN_MAX_S * 1000))
		refresh_open(check, question, true);
}

/* --- waiters ------------------------------------------------------------------------------------------------------ */

static void waiter_unlist(struct check *check, struct waiter *waiter) REQUIRES(check->lock)
{
	struct waiter **at = &check->waiter[waiter->ticket % INQUIRY_BUCKETS];
	while (*at != waiter)
		at = &(*at)->bucket;
	*at = waiter->bucket;
}

/* Replaces the verdict with check_ask()'s verdict if the policy is missing because the inquiry was cut off before it
 * had read the store, or because the store failed after check_ask(). The policy that check_ask() could read still
 * applies (rule 9). */
static void never_less(struct outcome *out, const struct verdict *at_ask)
{
	if (out->verdict.has_policy || !at_ask->has_policy)
		return;
	if (!out->final || out->verdict.reason == REASON_INTERNAL)
		out->verdict = *at_ask;
}

void waiter_free(struct waiter *waiter)
{
	cond_destroy(&waiter->answer);
	free(waiter);
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
	never_less(out, &waiter->at_ask);
}

static void add_policy(struct waiter *waiter, struct inquiry *inquiry)
{
	if (inquiry->facts.question.purpose == PURPOSE_MAP && inquiry->verdict.kind == VERDICT_PASS)
		verdict_policy_copy(&waiter->outcome.policy, &inquiry->facts);
}

void inquiry_answer(struct inquiry *inquiry)
{
	struct check *check = inquiry->check;
	struct waiter *called = NULL, *next;
	lock_take(&check->lock);
	struct inquiry **at = &check->bucket[question_hash(&inquiry->facts.question)];
	while (*at != inquiry)
		at = &(*at)->next;
	*at = inquiry->next;
	/* A waiter in check_wait() finds its outcome in its struct. The callbacks of the others are called below,
	 * without the lock. */
	for (struct waiter *waiter = inquiry->waiters; waiter; waiter = next) {
		next = waiter->next;
		waiter->outcome = (struct outcome){.verdict = inquiry->verdict, .final = !inquiry->cut_off};
		never_less(&waiter->outcome, &waiter->at_ask);
		waiter->inquiry = NULL;
		waiter->answered = true;
		if (waiter->done) {
			waiter_unlist(check, waiter);
			waiter->next = called;
			called = waiter;
		} else {
			add_policy(waiter, inquiry);
			cond_wake_one(&waiter->answer);
		}
	}
	inquiry->waiters = NULL;
	lock_drop(&check->lock);
	if (inquiry->facts.question.purpose == PURPOSE_REFRESH)
		counters_verdict(PURPOSE_REFRESH, &inquiry->verdict);
	while (called) {
		struct waiter *waiter = called;
		called = waiter->next;
		add_policy(waiter, inquiry); /* not under the lock, since a policy may be large */
		verdict_count(check, waiter->purpose, &waiter->outcome.verdict);
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
	seen_hops_free(&inquiry->seen);
	facts_free(&inquiry->facts);
	free(inquiry);
	lock_take(&check->lock);
	check->refreshing -= refresh;
	if (--check->inquiries == 0) /* check_free() may wait for that */
		cond_wake_all(&check->idle);
	lock_drop(&check->lock);
	config_unref(&config);
}

/* --- flights ------------------------------------------------------------------------------------------------------ */

/* Returns the link that points to the flight for this want, or the link where a new flight belongs. */
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
		flight->asked = inquiry->asked;
		*at = inquiry->leading = flight;
	} else {
		inquiry->parked = (*at)->parked;
		(*at)->parked = inquiry;
		(*at)->asked = (*at)->asked || inquiry->asked;
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

bool flight_is_asked(struct inquiry *inquiry)
{
	lock_take(&inquiry->check->lock);
	bool asked = inquiry->leading->asked;
	lock_drop(&inquiry->check->lock);
	return asked;
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

void flight_drop(struct inquiry *inquiry, const struct want *reread)
{
	struct inquiry *parked = flight_land(inquiry);
	while (parked) {
		struct inquiry *other = parked;
		parked = other->parked;
		if (reread)
			other->reread = *reread;
		runner_post(other->desk->runner, &other->job);
	}
}

/* --- stopping ----------------------------------------------------------------------------------------------------- */

/* Inquiries that are parked in flights do not sleep: the leaders of the flights resume them. */
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
