/* One inquiry, from its first step to its verdict. */
#include "check_internal.h"

#include "clock.h"
#include "report.h"

#include <string.h>

#define DECIDING_MS 10 /* how often an inquiry that must not begin yet looks whether it may */

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

void inquiry_wake(struct inquiry *inquiry)
{
	if (!inquiry->asleep)
		return;
	inquiry->asleep = false;
	if (inquiry->timer)
		loop_timer_stop(inquiry->timer);
	runner_push(inquiry->desk->runner, &inquiry->job);
}

/* An operation has ended, or the timer has expired. */
static void on_wake(void *arg)
{
	inquiry_wake(arg);
}

static void sleep_for(struct inquiry *inquiry, int ms)
{
	inquiry->asleep = true;
	if (!inquiry->timer)
		inquiry->timer = loop_timer_new(inquiry->desk->loop, on_wake, inquiry);
	loop_timer_set(inquiry->timer, ms);
}

static void observe(const struct inquiry *inquiry, enum check_moment moment, const struct want *want)
{
	const struct check *check = inquiry->check;
	if (check->observe)
		check->observe(check->observe_arg, moment, want, &inquiry->facts);
}

static void count_step(struct inquiry *inquiry, const struct want *want)
{
	inquiry->steps++;
	observe(inquiry, STEP_ENDED, want);
}

/* --- saving ------------------------------------------------------------------------------------------------------- */

/* Called on the store's thread. */
static void on_saved(void *arg)
{
	struct inquiry *inquiry = arg;
	runner_post(inquiry->desk->runner, &inquiry->job);
}

/* Starts writing what the inquiry has found. Returns false if there is nothing to write; else the inquiry continues in
 * PHASE_SAVED. */
static bool save_start(struct inquiry *inquiry)
{
	enum phase before = inquiry->phase;
	inquiry->phase = PHASE_SAVED;
	inquiry->housekept = inquiry->ending;
	if (save_begin(&inquiry->save, inquiry->check->store, &inquiry->facts, inquiry->ending, on_saved, inquiry))
		return true;
	inquiry->phase = before;
	return false;
}

/* Ends the flight, passes its result to the inquiries that are parked in it, and resumes them. There is one exception: if
 * our own limits refused the operation to an inquiry without a waiter, an inquiry with a waiter tries it itself. */
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
			seen_hops_note(&other->seen, found);
			other->received = true;
			count_step(other, &found->want);
		}
		runner_post(other->desk->runner, &other->job);
	}
}

static void saved(struct inquiry *inquiry)
{
	hints_tell(inquiry);
	if (inquiry->landing)
		flight_share(inquiry, save_newest(&inquiry->save));
	inquiry->landing = false;
	save_end(&inquiry->save, &inquiry->check->conditions, &inquiry->facts);
	inquiry->phase = inquiry->ending ? PHASE_ANSWER : PHASE_JUDGE;
}

/* Returns false if the inquiry sleeps until what it has found is written. */
static bool save_or_go_on(struct inquiry *inquiry)
{
	if (save_start(inquiry))
		return false;
	saved(inquiry);
	return true;
}

/* --- obtaining ---------------------------------------------------------------------------------------------------- */

/* Notes the sessions of TLS reports that a result shows, or without a result those that the inquiry shows as it ends. */
static void sessions_note(struct inquiry *inquiry, const struct found *found)
{
	const struct tlsrpt_inquiry view = {.config = inquiry->config,
		.facts = &inquiry->facts,
		.outbox = inquiry->desk->outbox,
		.asked = inquiry->asked || (found && flight_is_asked(inquiry))};
	if (found)
		tlsrpt_own_found(inquiry->check->own, &view, found);
	else
		tlsrpt_own_ended(inquiry->check->own, &view);
}

/* Call it when obtain() has returned a result for the want: the inquiry learns the result and keeps it to be written.
 * If no inquiry is parked in the flight, the flight ends now, except for a result about a mail host (which many domains
 * may need) or an enforce policy. Otherwise it ends when the result has been written, so that no other inquiry starts
 * the same operation meanwhile. */
static void obtained(struct inquiry *inquiry, struct found *found)
{
	struct check *check = inquiry->check;
	const struct want *want = &found->want;
	inquiry->phase = PHASE_JUDGE;
	inquiry->facts.now = found->at = clock_wall_s();
	found->front = inquiry->job.class == WORK_ASKED && inquiry->facts.question.purpose == PURPOSE_DELIVER &&
		       !check->bounds.background;
	memcpy(found->record_id, inquiry->facts.entry.record_id, sizeof found->record_id);
	turns_note_found(check->turns, &inquiry->facts, found);
	signs_note_found(check->signs, &inquiry->facts, found, &inquiry->signs);
	if (want->kind == WANT_PROBE && !found->untried)
		revocations_note(check->revocations, inquiry->config->settings, inquiry->facts.question.domain,
			want->name, want->port, &found->evidence);
	if (check->own)
		sessions_note(inquiry, found);
	facts_learn_found(&inquiry->facts, found);
	seen_hops_note(&inquiry->seen, found);
	counters_found(found);
	conditions_note_found(&check->conditions, found);
	attempt_end(&inquiry->attempt, &check->bounds, inquiry->config);
	count_step(inquiry, want);
	bool of_host = want->kind == WANT_PROBE || want->kind == WANT_TLSA;
	bool enforced = want->kind == WANT_POLICY && found->policy.outcome == REASON_OK &&
			found->policy.policy.mode == POLICY_ENFORCE;
	inquiry->landing = of_host || enforced || !flight_land_alone(inquiry);
	save_add(&inquiry->save, &check->conditions, &inquiry->facts, found);
}

/* Starts or continues the operation of the flight that the inquiry leads. Returns false if the inquiry sleeps. */
static bool fly(struct inquiry *inquiry)
{
	struct check *check = inquiry->check;
	struct desk *desk = inquiry->desk;
	const struct question *question = &inquiry->facts.question;
	struct means means = {.config = inquiry->config,
		.bounds = &check->bounds,
		.loop = desk->loop,
		.fetches = desk->fetches,
		.probes = desk->probes,
		.revocations = check->revocations,
		.wake = {on_wake, inquiry},
		.asked = inquiry_is_asked(inquiry),
		.sessions = check->own != NULL,
		.dialled = check->dialled,
		.dialled_arg = check->dialled_arg,
		.mx_is_next = question->mx_lookup && question->purpose != PURPOSE_MAP};
	struct found found;
	lock_take(&check->lock);
	bool stopping = check->stopping;
	lock_drop(&check->lock);
	if (stopping) {
		flight_drop(inquiry, NULL);
		inquiry->phase = PHASE_JUDGE;
		return true;
	}
	struct want want = inquiry->leading->want;
	if (obtain(&means, &inquiry->attempt, &want, &found) != OBTAIN_LATER) {
		obtained(inquiry, &found);
		return true;
	}
	int again_ms = inquiry->attempt.again_ms;
	/* The limits leave no room now, and nobody waits for this inquiry. Another inquiry with the same want may be
	 * more urgent, so the flight is dropped and the other inquiry may lead a new one. Between the two probes of a
	 * hop the flight goes on, or the result of the first probe would be lost. */
	if (again_ms >= 0 && !means.asked && !attempt_is_between_probes(&inquiry->attempt)) {
		flight_drop(inquiry, NULL);
		inquiry->phase = PHASE_JUDGE;
	}
	inquiry->asleep = true;
	if (again_ms >= 0)
		sleep_for(inquiry, again_ms);
	return false;
}

/* --- judging ------------------------------------------------------------------------------------------------------ */

/* Reads from the store what the want names. */
static void read_store(struct inquiry *inquiry, const struct want *want)
{
	struct check *check = inquiry->check;
	struct store_view *view = NULL;
	load(check->store, &check->conditions, &view, &inquiry->facts, want);
	store_view_end(&view);
	if (want->kind == WANT_ENTRY)
		inquiry_know_entry(inquiry);
}

/* The verdict is final. Returns false if the inquiry sleeps until what it has found is written. */
static bool conclude(struct inquiry *inquiry, const struct step *step)
{
	inquiry->verdict = step->verdict;
	inquiry->ending = true;
	inquiry->phase = PHASE_ANSWER;
	inquiry->renew = step->renew;
	signs_settle(inquiry->check->signs, &inquiry->facts, &inquiry->signs);
	return !inquiry->save.first || save_or_go_on(inquiry);
}

/* Goes on when a hint was asked for. */
static void hinted(struct inquiry *inquiry)
{
	if (hint_end(inquiry) || !inquiry->leading)
		inquiry->phase = PHASE_JUDGE;
	else
		inquiry->phase = PHASE_OBTAIN;
}

/* At the start of the daemon it may not be known yet whether lookups are validated: an inquiry begins when it is (design
 * 7.11). Returns false if the inquiry sleeps until then. */
static bool decided(struct inquiry *inquiry)
{
	if (inquiry->steps > 0)
		return true;
	if (config_is_deciding(inquiry->config)) {
		sleep_for(inquiry, DECIDING_MS);
		return false;
	}
	inquiry->facts.dane = config_dane(inquiry->config);
	return true;
}

/* Takes the next step. Returns false if the inquiry sleeps or is parked. */
static bool judge(struct inquiry *inquiry)
{
	struct check *check = inquiry->check;
	if (!decided(inquiry))
		return false;
	inquiry->facts.now = clock_wall_s();
	if (inquiry->reread.kind != WANT_NOTHING)
		read_store(inquiry, &inquiry->reread);
	inquiry->reread.kind = WANT_NOTHING;
	struct step step = verdict_next(&inquiry->facts);
	lock_take(&check->lock);
	/* `so_far` is for waiters that give up. A final verdict is not stored there: inquiry_answer() delivers it in a
	 * moment, together with its policy. */
	if (step.want.kind != WANT_NOTHING)
		inquiry->so_far = step.verdict;
	if (check->stopping || inquiry->steps > INQUIRY_STEPS_MAX) {
		inquiry->cut_off = step.want.kind != WANT_NOTHING;
		step.want.kind = WANT_NOTHING;
	}
	lock_drop(&check->lock);
	bool hint = hint_is_due(inquiry, &step.want);
	if (hint && inquiry->save.first)
		return save_or_go_on(inquiry);
	if (step.want.kind == WANT_NOTHING)
		return hint && hint_ask(inquiry, &step.want) ? false : conclude(inquiry, &step);
	if (inquiry->landing || save_comes_before(&inquiry->save, &step.want))
		return save_or_go_on(inquiry);
	if (!want_is_remote(step.want.kind)) {
		observe(inquiry, STEP_BEGINS, &step.want);
		read_store(inquiry, &step.want);
		count_step(inquiry, &step.want);
		return true;
	}
	if (inquiry->received || !want_same(&inquiry->attempt.want, &step.want))
		attempt_end(&inquiry->attempt, &check->bounds, inquiry->config);
	inquiry->received = false;
	observe(inquiry, STEP_BEGINS, &step.want);
	if (!flight_join(inquiry, &step.want) || (hint && hint_ask(inquiry, &step.want)))
		return false;
	inquiry->phase = PHASE_OBTAIN;
	return true;
}

/* Returns whether the MTA probably holds mail at delivery: no mail host satisfies the policy. With the override `enforce` the
 * map has bound the MTA to a policy that a refresh judges as testing; then corrects the verdict. */
static bool is_held(const struct inquiry *inquiry, struct verdict *verdict)
{
	if (verdict->kind == VERDICT_FAIL_TESTING && verdict_secure_fails(&inquiry->facts)) {
		verdict->kind = VERDICT_FAIL_ENFORCE;
		verdict->mode = POLICY_ENFORCE;
		verdict->override = OVERRIDE_ENFORCE;
	}
	return verdict->kind == VERDICT_FAIL_ENFORCE;
}

/* Reports mail that the MTA probably holds: it asked the map again, and now no mail host satisfies the policy. */
static void held_report(const struct inquiry *inquiry)
{
	struct verdict verdict = inquiry->verdict;
	const char *bound = binding_name(BINDING_SECURE);
	if (inquiry->facts.again && !inquiry->cut_off && is_held(inquiry, &verdict))
		check_verdict_seen(inquiry->check,
			&(struct verdict_seen){.door = DOOR_MAP,
				.settings = inquiry->config->settings,
				.verdict = &verdict,
				.deed = DEED_ACCEPT,
				.would = DEED_ACCEPT,
				.action = bound,
				.would_action = bound},
			NULL);
}

/* Answers the waiters first, since nobody waits for the housekeeping. Then ends the inquiry, or starts writing. */
static void answer(struct inquiry *inquiry)
{
	if (!inquiry->waiters_answered) {
		/* While facts are old, a pass that must rest on fresh facts never comes from check_ask(), so
		 * check_ask() never renews these facts. The inquiry renews them here, when its results are in the
		 * store. */
		bool fresh = !inquiry->cut_off && inquiry->verdict.kind == VERDICT_PASS &&
			     verdict_rests_on_fresh(&inquiry->facts);
		if (fresh && (inquiry->renew & ~(unsigned)RENEW_USE) != 0)
			inquiries_renew(inquiry->check, &inquiry->facts.question);
		inquiry_answer(inquiry);
		held_report(inquiry);
		if (!inquiry->cut_off)
			movements_note(inquiry->check->store, inquiry->check->signs, inquiry->config->networks,
				&inquiry->facts, &inquiry->seen);
		if (!inquiry->cut_off && inquiry->check->own)
			sessions_note(inquiry, NULL);
	}
	inquiry->waiters_answered = true;
	if (inquiry->housekept || !save_start(inquiry))
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
		case PHASE_HINTED:
			hinted(inquiry);
			break;
		case PHASE_OBTAIN:
			goes_on = fly(inquiry);
			break;
		case PHASE_SAVED:
			saved(inquiry);
			break;
		case PHASE_ANSWER:
			answer(inquiry);
			return;
		}
}
