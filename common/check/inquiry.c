/* One inquiry, from its first step to its verdict. */
#include "check_internal.h"

#include "clock.h"
#include "conditions.h"
#include "load_save.h"
#include "report.h"

#include <string.h>

bool inquiry_is_asked(const struct inquiry *inquiry)
{
	return inquiry->job.class == WORK_ASKED || inquiry->facts.forced;
}

void inquiry_know_entry(struct inquiry *inquiry)
{
	save_know(&inquiry->save, &inquiry->facts.entry);
	if (inquiry->asked && inquiry->facts.store == STORE_READ)
		entry_learn_use(&inquiry->facts.entry, inquiry->facts.now);
}

/* A milter or the policy delegation waits for it, or has waited. */
static bool is_at_front(const struct inquiry *inquiry)
{
	return inquiry->job.class == WORK_ASKED && inquiry->facts.question.purpose == PURPOSE_DELIVER &&
	       !inquiry->check->bounds.background;
}

static bool is_stopping(struct check *check)
{
	lock_take(&check->lock);
	bool stopping = check->stopping;
	lock_drop(&check->lock);
	return stopping;
}

void inquiry_wake(struct inquiry *inquiry)
{
	if (!inquiry->asleep)
		return;
	inquiry->asleep = false;
	if (inquiry->timer)
		loop_timer_stop(inquiry->timer);
	runner_push(inquiry->desk->runner, &inquiry->job);
}

/* An operation has ended, or the timer. */
static void on_wake(void *arg)
{
	inquiry_wake(arg);
}

/* Until an operation has ended, or `ms` are over when that is not negative. */
static void sleep_until_woken(struct inquiry *inquiry, int ms)
{
	inquiry->asleep = true;
	if (ms < 0)
		return;
	if (!inquiry->timer)
		inquiry->timer = loop_timer_new(runner_loop(inquiry->desk->runner), on_wake, inquiry);
	loop_timer_set(inquiry->timer, ms);
}

static void observed(struct inquiry *inquiry, const struct want *want)
{
	struct check *check = inquiry->check;
	inquiry->steps++;
	if (check->observe)
		check->observe(check->observe_arg, want, &inquiry->facts);
}

/* --- saving ------------------------------------------------------------------------------------------------------- */

/* On a thread of the store. */
static void on_saved(void *arg)
{
	struct inquiry *inquiry = arg;
	runner_post(inquiry->desk->runner, &inquiry->job);
}

/* True: it is being written, and the inquiry goes on in PHASE_SAVED. */
static bool save_started(struct inquiry *inquiry)
{
	enum phase before = inquiry->phase;
	inquiry->phase = PHASE_SAVED;
	inquiry->housekept = inquiry->ending;
	if (save_begin(&inquiry->save, inquiry->check->store, &inquiry->facts, inquiry->ending, on_saved, inquiry))
		return true;
	inquiry->phase = before;
	return false;
}

/* Gives what was found to those who are parked in the flight, and sends them on their way. What our own limits refused
 * to an inquiry that nobody waits for, they try to get for themselves, if somebody waits for them. */
static void flight_share(struct inquiry *inquiry, const struct found *found)
{
	struct inquiry *parked = flight_land(inquiry);
	bool own_try = found->refused && !inquiry_is_asked(inquiry);
	while (parked) {
		struct inquiry *other = parked;
		parked = other->parked;
		other->facts.now = inquiry->facts.now;
		if (!own_try || !inquiry_is_asked(other)) {
			facts_learn_found(&other->facts, found);
			other->answered = true;
			observed(other, &found->want);
		}
		runner_post(other->desk->runner, &other->job);
	}
}

static void saved(struct inquiry *inquiry)
{
	if (inquiry->landing)
		flight_share(inquiry, save_newest(&inquiry->save));
	inquiry->landing = false;
	save_end(&inquiry->save, &inquiry->check->conditions, &inquiry->facts);
	inquiry->phase = inquiry->ending ? PHASE_TELL : PHASE_JUDGE;
}

/* False: it is being written. */
static bool save_or_go_on(struct inquiry *inquiry)
{
	bool goes_on = !save_started(inquiry);
	if (goes_on)
		saved(inquiry);
	return goes_on;
}

/* --- what the network has ----------------------------------------------------------------------------------------- */

/* A flight ends when what it brought is in the store, so that nobody else looks for it meanwhile, and finds less: where
 * others are parked in it, of a mail host, which many domains want, and of an enforce policy. */
static bool lands_later(struct inquiry *inquiry, const struct found *found)
{
	const struct want *want = &found->want;
	bool of_host = want->kind == WANT_PROBE || want->kind == WANT_TLSA;
	bool enforced = want->kind == WANT_POLICY && found->policy.outcome == REASON_OK &&
			found->policy.policy.mode == POLICY_ENFORCE;
	return of_host || enforced || !flight_land_alone(inquiry);
}

static void landed(struct inquiry *inquiry, struct found *found)
{
	struct check *check = inquiry->check;
	inquiry->phase = PHASE_JUDGE;
	inquiry->facts.now = found->at = clock_wall_s();
	found->front = is_at_front(inquiry);
	memcpy(found->record_id, inquiry->facts.entry.record_id, sizeof found->record_id);
	facts_learn_found(&inquiry->facts, found);
	counters_found(found);
	conditions_note_found(&check->conditions, found);
	attempt_end(&inquiry->attempt, &check->bounds, inquiry->config);
	observed(inquiry, &found->want);
	inquiry->landing = lands_later(inquiry, found);
	save_add(&inquiry->save, &check->conditions, &inquiry->facts, found);
}

/* False: it sleeps. */
static bool fly(struct inquiry *inquiry)
{
	struct check *check = inquiry->check;
	struct desk *desk = inquiry->desk;
	const struct question *question = &inquiry->facts.question;
	struct means means = {.config = inquiry->config,
		.bounds = &check->bounds,
		.loop = runner_loop(desk->runner),
		.fetches = desk->fetches,
		.probes = desk->probes,
		.wake = {on_wake, inquiry},
		.asked = inquiry_is_asked(inquiry),
		.mx_is_next = question->mx_lookup && question->purpose != PURPOSE_MAP};
	struct found found;
	if (is_stopping(check)) {
		flight_drop(inquiry);
		inquiry->phase = PHASE_JUDGE;
		return true;
	}
	struct want want = inquiry->leading->want;
	if (obtain(&means, &inquiry->attempt, &want, &found) != OBTAIN_LATER) {
		landed(inquiry, &found);
		return true;
	}
	int again_ms = inquiry->attempt.again_ms;
	/* Others who want the same may have a better claim. Not between two looks at a hop: what was seen belongs to the
	 * flight. */
	if (again_ms >= 0 && !means.asked && !attempt_looks_again(&inquiry->attempt)) {
		flight_drop(inquiry);
		inquiry->phase = PHASE_JUDGE;
	}
	sleep_until_woken(inquiry, again_ms);
	return false;
}

/* --- judging ------------------------------------------------------------------------------------------------------ */

static void read_store(struct inquiry *inquiry, const struct want *want)
{
	struct store_view *view = NULL;
	load(inquiry->check->store, &inquiry->check->conditions, &view, &inquiry->facts, want);
	store_view_end(&view);
	if (want->kind == WANT_ENTRY)
		inquiry_know_entry(inquiry);
	observed(inquiry, want);
}

/* The step that comes next; what it says so far is for those who give up waiting. A final verdict is not: it comes with
 * its policy, in a moment. */
static struct step next_step(struct inquiry *inquiry)
{
	struct check *check = inquiry->check;
	inquiry->facts.now = clock_wall_s();
	struct step step = verdict_next(&inquiry->facts);
	lock_take(&check->lock);
	if (step.want.kind != WANT_NOTHING)
		inquiry->so_far = step.verdict;
	if (check->stopping || inquiry->steps > INQUIRY_STEPS_MAX) {
		inquiry->cut_off = step.want.kind != WANT_NOTHING;
		step.want.kind = WANT_NOTHING;
	}
	lock_drop(&check->lock);
	return step;
}

/* False: it sleeps, or is parked. */
static bool judge(struct inquiry *inquiry)
{
	struct step step = next_step(inquiry);
	if (step.want.kind == WANT_NOTHING) {
		inquiry->verdict = step.verdict;
		inquiry->ending = true;
		inquiry->phase = PHASE_TELL;
		inquiry->renew = step.renew;
		return !inquiry->save.first || save_or_go_on(inquiry);
	}
	if (inquiry->landing || save_comes_before(&inquiry->save, &step.want))
		return save_or_go_on(inquiry);
	if (!want_is_remote(step.want.kind)) {
		read_store(inquiry, &step.want);
		return true;
	}
	if (inquiry->answered || !want_same(&inquiry->attempt.want, &step.want))
		attempt_end(&inquiry->attempt, &inquiry->check->bounds, inquiry->config);
	inquiry->answered = false;
	if (!flight_join(inquiry, &step.want))
		return false;
	inquiry->phase = PHASE_OBTAIN;
	return true;
}

/* A pass that rests on fresh facts only never comes straight from the store, where the answer has what is old renewed:
 * so the inquiry does it, when what it found is in the store. */
static void renew(struct inquiry *inquiry)
{
	bool passes = !inquiry->cut_off && inquiry->verdict.kind == VERDICT_PASS;
	if (passes && verdict_rests_on_fresh(&inquiry->facts) && (inquiry->renew & ~(unsigned)RENEW_USE) != 0)
		inquiries_renew(inquiry->check, &inquiry->facts.question);
}

/* The answer comes first: nobody waits for the housekeeping. */
static void tell(struct inquiry *inquiry)
{
	if (!inquiry->told) {
		renew(inquiry);
		inquiry_answer(inquiry);
	}
	inquiry->told = true;
	if (!inquiry->housekept && save_started(inquiry))
		return;
	inquiry_free(inquiry);
}

void inquiry_run(struct job *job)
{
	struct inquiry *inquiry = (struct inquiry *)job;
	bool goes_on = true;
	while (goes_on)
		switch (inquiry->phase) {
		case PHASE_JUDGE:
			goes_on = judge(inquiry);
			break;
		case PHASE_OBTAIN:
			goes_on = fly(inquiry);
			break;
		case PHASE_SAVED:
			saved(inquiry);
			break;
		case PHASE_TELL:
			tell(inquiry);
			return;
		}
}
