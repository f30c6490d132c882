#include "batch.h"

#include "clock.h"
#include "output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_MS 10000  /* between two rounds: after this time a network's budget allows one more probe */
#define STALL_MS 180000 /* the rounds end if no domain was completed for this long */

const char *batch_hop(const struct question *question, char hop[BATCH_HOP_SIZE])
{
	if (question->mx_lookup)
		snprintf(hop, BATCH_HOP_SIZE, "%s", question->domain);
	else
		snprintf(hop, BATCH_HOP_SIZE, "[%s]:%u", question->host, question->port);
	return hop;
}

void batch_init(struct batch *batch, const struct batch_caller *caller)
{
	*batch = (struct batch){.caller = *caller, .step_ms = 1000 / caller->rate};
	lock_init(&batch->input);
	lock_init(&batch->lock);
	cond_init(&batch->pause);
	progress_init(&batch->progress);
	for (size_t i = 0; i < BATCH_THREADS_MAX; i++)
		batch->job[i].batch = batch;
}

void batch_free(struct batch *batch)
{
	names_free(&batch->left);
	cond_destroy(&batch->pause);
	lock_destroy(&batch->lock);
	lock_destroy(&batch->input);
}

int batch_rate(const char *text, int preset)
{
	char *end;
	if (!text)
		return preset;
	long rate = strtol(text, &end, 10);
	if (*text && !*end && rate >= 1 && rate <= BATCH_RATE_MAX)
		return (int)rate;
	struct quote quote;
	fprintf(stderr, "stsgate: --rate: %s is not a number of domains per second from 1 to %d\n",
		quote_string(&quote, text), BATCH_RATE_MAX);
	return 0;
}

/* Marks the job if the probe budget has refused a probe. */
void batch_observe(void *arg, enum check_moment moment, const struct want *want, const struct facts *facts)
{
	struct batch *batch = arg;
	const struct hop_fact *hop = facts_hop(facts, want->name, want->port);
	if (moment != STEP_ENDED || want->kind != WANT_PROBE || !hop || hop->refused != REASON_PROBE_BUDGET)
		return;
	lock_take(&batch->lock);
	for (size_t i = 0; i < BATCH_THREADS_MAX; i++) {
		struct batch_job *job = &batch->job[i];
		if (job->busy && strcmp(job->question.domain, facts->question.domain) == 0)
			job->refused = true;
	}
	lock_drop(&batch->lock);
}

/* --- one domain --------------------------------------------------------------------------------------------------- */

/* Makes the next question: from the caller in the first round, from `round` in a later round. Returns false if there is
 * none. */
static bool question_next(struct batch *batch, struct question *question) REQUIRES(batch->input)
{
	const struct batch_caller *caller = &batch->caller;
	const char *hop = batch->hop;
	if (batch->again && !hop)
		return false;
	if (batch->again) {
		question_from_next_hop(question, hop, strlen(hop), batch->caller.purpose);
		batch->hop = names_next(&batch->round, hop);
	} else if (!caller->next(caller->arg, question)) {
		return false;
	}
	question->no_override = true;
	return true;
}

/* Returns when the rate allows the next inquiry to start, and reserves that moment for the caller. */
static int64_t rate_next_ms(struct batch *batch) REQUIRES(batch->input)
{
	int64_t now_ms = clock_mono_ms(), start_ms = now_ms > batch->next_ms ? now_ms : batch->next_ms;
	batch->next_ms = start_ms + batch->step_ms;
	return start_ms;
}

/* Looks up the job's domain. If the lookup takes too long, `outcome` has the verdict so far. */
static void job_run(const struct batch_job *job, struct outcome *outcome)
{
	const struct session *session = job->batch->session;
	int64_t deadline_ms = clock_mono_ms() + session_inquiry_ms(session->config->settings);
	check_ticket ticket = CHECK_NO_TICKET;
	check_ask(session->check, &job->question, NULL, NULL, &ticket, outcome);
	outcome_free(outcome);
	if (ticket != CHECK_NO_TICKET)
		check_wait(session->check, ticket, deadline_ms, outcome);
	else
		*outcome = (struct outcome){.verdict.reason = REASON_INTERNAL};
	const struct batch_caller *caller = &job->batch->caller;
	if (caller->settle)
		caller->settle(caller->arg, &job->question, outcome);
}

/* Passes the result on. If a hop of a domain with a policy was not probed, adds the domain to the next round. */
static void result_take(struct batch *batch, const struct batch_job *job, const struct outcome *outcome)
	REQUIRES(batch->lock)
{
	const struct question *question = &job->question;
	bool incomplete = outcome->verdict.has_policy && (job->refused || !outcome->final);
	const struct batch_result result = {.outcome = outcome, .again = batch->again, .incomplete = incomplete};
	if (incomplete) {
		char hop[BATCH_HOP_SIZE];
		batch_hop(question, hop);
		names_add(&batch->left, hop, strlen(hop));
	}
	batch->caller.take(batch->caller.arg, question, &result);
}

/* A thread: answers questions until there are no more in this round. */
static void *questions_answer(void *arg)
{
	struct batch_job *job = arg;
	struct batch *batch = job->batch;
	struct question question;
	struct outcome outcome;
	for (;;) {
		lock_take(&batch->input);
		bool found = question_next(batch, &question);
		int64_t start_ms = found ? rate_next_ms(batch) : 0;
		lock_drop(&batch->input);
		if (!found)
			return NULL;
		/* The input is free meanwhile: another thread may have to wait there for the next line of a slow pipe. */
		lock_take(&batch->lock);
		while (clock_mono_ms() < start_ms)
			cond_wait_until(&batch->pause, &batch->lock, start_ms);
		job->question = question;
		job->refused = false;
		job->busy = true;
		lock_drop(&batch->lock);
		job_run(job, &outcome);
		lock_take(&batch->lock);
		job->busy = false;
		result_take(batch, job, &outcome);
		lock_drop(&batch->lock);
		outcome_free(&outcome);
	}
}

/* --- rounds ------------------------------------------------------------------------------------------------------- */

/* Answers all questions of a round. */
static void round_run(struct batch *batch)
{
	pthread_t threads[BATCH_THREADS_MAX];
	size_t count = 0;
	while (count < batch->caller.threads - 1 &&
		pthread_create(&threads[count], NULL, questions_answer, &batch->job[count]) == 0)
		count++;
	questions_answer(&batch->job[count]);
	while (count > 0)
		pthread_join(threads[--count], NULL);
}

/* Waits until the next round, and shows how many domains wait for it. No thread runs meanwhile. */
static void round_await(struct batch *batch)
{
	char words[96];
	int64_t until_ms = clock_mono_ms() + ROUND_MS;
	lock_take(&batch->lock);
	while (clock_mono_ms() < until_ms) {
		snprintf(words, sizeof words, "domains waiting for the probe budget: %u", batch->left.count);
		progress_show(&batch->progress, 0, 0, words);
		cond_wait_until(&batch->pause, &batch->lock, clock_mono_ms() + 1000);
	}
	lock_drop(&batch->lock);
}

/* Tries those domains again for which the budget refused a probe. Each minute the budget of a network allows a few more
 * probes, and the result of one probe may serve several domains. */
static void rounds_run(struct batch *batch)
{
	int64_t moved_ms = clock_mono_ms();
	if (batch->left.count > 0) {
		progress_clear(&batch->progress);
		fprintf(stderr,
			"stsgate: note: the probe budget delays %u domains; stsgate retries them while retries make progress "
			"(Ctrl-C ends this)\n",
			batch->left.count);
	}
	batch->again = true;
	while (batch->left.count > 0 && clock_mono_ms() - moved_ms < STALL_MS) {
		uint32_t before = batch->left.count;
		round_await(batch);
		batch->round = batch->left;
		batch->left = (struct names){.bytes = NULL};
		batch->hop = names_next(&batch->round, NULL);
		round_run(batch);
		names_free(&batch->round);
		if (batch->left.count < before)
			moved_ms = clock_mono_ms();
	}
}

void batch_run(struct batch *batch, const struct session *session)
{
	batch->session = session;
	round_run(batch);
	rounds_run(batch);
	progress_clear(&batch->progress);
}
