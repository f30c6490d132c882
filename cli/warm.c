/* warm: looks up many domains before their first message, as if a message to each of them were on its way. The results
 * are stored, and each policy counts as used today, so that the daemon keeps it fresh. If the probe budget refuses a
 * probe for a domain, the domain is tried again in a later round. The rounds end when no domain remains, or when they
 * make no progress for STALL_MS. */
#include "clock.h"
#include "commands.h"
#include "domains.h"
#include "lines.h"
#include "lock.h"
#include "next_hop.h"
#include "output.h"
#include "progress.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define WARM_THREADS 4 /* inquiries at a time */
#define RATE_DEFAULT 10
#define RATE_MAX 1000
#define ROUND_MS 10000  /* between two rounds: after this time a network's budget allows one more probe */
#define STALL_MS 180000 /* the rounds end if no domain was completed for this long */

struct warming {
	const struct session *session;
	int64_t step_ms; /* between the starts of two inquiries */

	struct lock input; /* guards the input and the rate; take it before `lock` */
	int64_t next_ms;   /* when the next inquiry may start */
	struct lines *lines;
	struct names round; /* the next hops to try in this round; empty in the first round, which reads `lines` */
	const char *hop;    /* the next name in `round`; NULL: none */

	struct lock lock;         /* guards the results */
	struct signal_cond pause; /* never signalled: for waits until a time, with `lock` */
	struct job {
		struct warming *warming;
		bool busy;
		bool refused; /* the probe budget has refused a probe */
		struct question question;
	} job[WARM_THREADS];
	uint64_t mode[POLICY_ENFORCE + 1], without, failed;
	bool again;        /* this is not the first round: the domains are counted already */
	struct names left; /* next hops for the next round, because not all of their hops were probed */
	struct progress progress;
};

/* --- results ------------------------------------------------------------------------------------------------------ */

static void failure_print(struct warming *warming, const char *domain, const char *what) REQUIRES(warming->lock)
{
	warming->failed++;
	progress_clear(&warming->progress);
	fprintf(stderr, "stsgate: %s: %s\n", domain, what);
}

/* Counts the result of a domain. If a hop of the domain was not probed, adds the domain to the next round. */
static void outcome_count(struct warming *warming, const struct job *job, const struct outcome *outcome)
	REQUIRES(warming->lock)
{
	const struct question *question = &job->question;
	const struct verdict *verdict = &outcome->verdict;
	if (verdict->has_policy && (job->refused || !outcome->final)) {
		char hop[DOMAIN_SIZE + sizeof "[]:65535"];
		if (question->mx_lookup)
			snprintf(hop, sizeof hop, "%s", question->domain);
		else
			snprintf(hop, sizeof hop, "[%s]:%u", question->host, question->port);
		names_add(&warming->left, hop, strlen(hop));
	}
	if (warming->again)
		return;
	enum reason reason = verdict->reason;
	bool none_is_known = outcome->final && (reason == REASON_NO_RECORD || reason == REASON_RECORD_INVALID ||
						       reason == REASON_RECORD_MANY || reason == REASON_EXEMPT);
	if (verdict->has_policy) {
		warming->mode[verdict->mode]++;
	} else if (none_is_known) {
		warming->without++;
	} else {
		char what[256];
		snprintf(what, sizeof what, "%s [%s]", reason_sentence(reason), reason_name(reason));
		failure_print(warming, question->domain, what);
	}
}

/* A callback of the store: marks the policy as placed. A full store does not evict a placed enforce policy before the
 * daemon has fetched it again. */
static void placed_set(struct entry *entry, void *arg)
{
	(void)arg;
	entry->placed = entry->has_policy;
}

/* Called after each step of each inquiry, on an event loop. Marks the job if the probe budget has refused a probe. */
static void step_observe(void *arg, const struct want *want, const struct facts *facts)
{
	struct warming *warming = arg;
	const struct hop_fact *hop = facts_hop(facts, want->name, want->port);
	if (want->kind != WANT_PROBE || !hop || hop->refused == REASON_OK)
		return;
	lock_take(&warming->lock);
	for (size_t i = 0; i < WARM_THREADS; i++) {
		struct job *job = &warming->job[i];
		if (job->busy && strcmp(job->question.domain, facts->question.domain) == 0)
			job->refused = true;
	}
	lock_drop(&warming->lock);
}

/* --- questions ---------------------------------------------------------------------------------------------------- */

/* Makes a question from the newest line. Returns false if the line is empty or names no domain; in the second case,
 * prints a message. */
static bool line_read(struct warming *warming, struct question *question) REQUIRES(warming->input)
{
	struct span word = lines_word(warming->lines);
	struct quote quote;
	char what[64];
	if (word.len == 0)
		return false;
	bool address = memchr(word.at, '@', word.len) != NULL;
	(address ? question_from_recipient : next_hop_question)(question, word.at, word.len, PURPOSE_DELIVER);
	if (question->has_domain)
		return true;
	snprintf(what, sizeof what, "line %" PRIu64 " is not a domain that can have a policy", warming->lines->number);
	lock_take(&warming->lock);
	failure_print(warming, quote_bytes(&quote, word.at, word.len), what);
	lock_drop(&warming->lock);
	return false;
}

/* Makes the next question: from the file in the first round, from `round` in a later round. Returns false if there is
 * none. */
static bool question_next(struct warming *warming, struct question *question) REQUIRES(warming->input)
{
	const char *hop = warming->hop;
	bool found = false;
	if (hop) {
		question_from_next_hop(question, hop, strlen(hop), PURPOSE_DELIVER);
		warming->hop = names_next(&warming->round, hop);
		return true;
	}
	while (!found && warming->round.count == 0 && lines_next(warming->lines)) {
		found = line_read(warming, question);
		char words[96];
		lock_take(&warming->lock);
		snprintf(words, sizeof words, "line %" PRIu64 ", enforce %" PRIu64 ", failed %" PRIu64,
			warming->lines->number, warming->mode[POLICY_ENFORCE], warming->failed);
		progress_show(&warming->progress, warming->lines->bytes, warming->lines->bytes_total, words);
		lock_drop(&warming->lock);
	}
	return found;
}

/* Returns when the rate allows the next inquiry to start, and reserves that moment for the caller. */
static int64_t rate_next_ms(struct warming *warming) REQUIRES(warming->input)
{
	int64_t now_ms = clock_mono_ms(), start_ms = now_ms > warming->next_ms ? now_ms : warming->next_ms;
	warming->next_ms = start_ms + warming->step_ms;
	return start_ms;
}

/* Looks up the job's domain and stores the results. If the lookup takes too long, `outcome` has the verdict so far. Marks
 * an enforce policy as placed. */
static void job_run(const struct job *job, struct outcome *outcome)
{
	const struct session *session = job->warming->session;
	const char *domain = job->question.domain;
	int64_t deadline_ms = clock_mono_ms() + session_inquiry_ms(session->config->settings);
	check_ticket ticket = CHECK_NO_TICKET;
	check_ask(session->check, &job->question, NULL, NULL, &ticket, outcome);
	outcome_free(outcome);
	if (ticket != CHECK_NO_TICKET)
		check_wait(session->check, ticket, deadline_ms, outcome);
	else
		*outcome = (struct outcome){.verdict.reason = REASON_INTERNAL};
	const struct verdict *verdict = &outcome->verdict;
	if (verdict->has_policy && verdict->mode == POLICY_ENFORCE &&
		domain_stored(session->store, domain) == STORE_FOUND)
		store_change_entry(session->store, domain, placed_set, NULL, NULL);
}

/* A thread: answers questions until there are no more in this round. */
static void *questions_answer(void *arg)
{
	struct job *job = arg;
	struct warming *warming = job->warming;
	struct question question;
	struct outcome outcome;
	for (;;) {
		lock_take(&warming->input);
		bool found = question_next(warming, &question);
		int64_t start_ms = found ? rate_next_ms(warming) : 0;
		lock_drop(&warming->input);
		if (!found)
			return NULL;
		/* The input is free meanwhile: another thread may have to wait there for the next line of a slow pipe. */
		lock_take(&warming->lock);
		while (clock_mono_ms() < start_ms)
			cond_wait_until(&warming->pause, &warming->lock, start_ms);
		job->question = question;
		job->refused = false;
		job->busy = true;
		lock_drop(&warming->lock);
		job_run(job, &outcome);
		lock_take(&warming->lock);
		job->busy = false;
		outcome_count(warming, job, &outcome);
		lock_drop(&warming->lock);
		outcome_free(&outcome);
	}
}

/* --- rounds ------------------------------------------------------------------------------------------------------- */

/* Answers all questions of a round. */
static void round_run(struct warming *warming)
{
	pthread_t threads[WARM_THREADS];
	size_t count = 0;
	while (count < WARM_THREADS - 1 &&
		pthread_create(&threads[count], NULL, questions_answer, &warming->job[count]) == 0)
		count++;
	questions_answer(&warming->job[count]);
	while (count > 0)
		pthread_join(threads[--count], NULL);
}

/* Waits until the next round, and shows how many domains wait for it. No thread runs meanwhile. */
static void round_await(struct warming *warming)
{
	char words[96];
	int64_t until_ms = clock_mono_ms() + ROUND_MS;
	lock_take(&warming->lock);
	while (clock_mono_ms() < until_ms) {
		snprintf(words, sizeof words, "domains waiting for the probe budget: %u", warming->left.count);
		progress_show(&warming->progress, 0, 0, words);
		cond_wait_until(&warming->pause, &warming->lock, clock_mono_ms() + 1000);
	}
	lock_drop(&warming->lock);
}

/* Tries those domains again for which the budget refused a probe. Each minute the budget of a network allows a few more
 * probes, and the result of one probe may serve several domains. */
static void rounds_run(struct warming *warming)
{
	int64_t moved_ms = clock_mono_ms();
	if (warming->left.count > 0) {
		progress_clear(&warming->progress);
		fprintf(stderr,
			"stsgate: note: the probe budget delays %u domains; stsgate retries them while retries make progress "
			"(Ctrl-C ends this)\n",
			warming->left.count);
	}
	warming->again = true;
	while (warming->left.count > 0 && clock_mono_ms() - moved_ms < STALL_MS) {
		uint32_t before = warming->left.count;
		round_await(warming);
		warming->round = warming->left;
		warming->left = (struct names){.bytes = NULL};
		warming->hop = names_next(&warming->round, NULL);
		round_run(warming);
		names_free(&warming->round);
		if (warming->left.count < before)
			moved_ms = clock_mono_ms();
	}
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int summary_print(struct warming *warming, bool json)
{
	const uint64_t *mode = warming->mode;
	progress_clear(&warming->progress);
	for (const char *hop = NULL; (hop = names_next(&warming->left, hop));)
		fprintf(stderr, "stsgate: %s: not all of its mail hosts were probed [%s]\n", hop,
			reason_name(REASON_PROBE_BUDGET));
	if (json) {
		json_t *object = json_made(json_object());
		for (int i = POLICY_ENFORCE; i >= POLICY_NONE; i--)
			json_put(object, policy_mode_name((enum policy_mode)i), json_integer((json_int_t)mode[i]));
		json_put(object, "without", json_integer((json_int_t)warming->without));
		json_put(object, "failed", json_integer((json_int_t)warming->failed));
		json_put(object, "not_probed", json_integer((json_int_t)warming->left.count));
		json_print(object);
	} else {
		printf("enforce %" PRIu64 ", testing %" PRIu64 ", none %" PRIu64 ", without %" PRIu64
		       ", failed %" PRIu64 ", not probed %u\n",
			mode[POLICY_ENFORCE], mode[POLICY_TESTING], mode[POLICY_NONE], warming->without,
			warming->failed, warming->left.count);
	}
	return warming->failed + warming->left.count > 0 ? STATUS_UNSURE : STATUS_YES;
}

/* Reads the argument of --rate; NULL is the default. Returns 0 after a message on stderr when it is invalid. */
static int rate_read(const char *text)
{
	char *end;
	if (!text)
		return RATE_DEFAULT;
	long rate = strtol(text, &end, 10);
	if (*text && !*end && rate >= 1 && rate <= RATE_MAX)
		return (int)rate;
	fprintf(stderr, "stsgate: --rate needs a number of domains per second, from 1 to %d\n", RATE_MAX);
	return 0;
}

int warm_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	struct lines lines;
	struct session session;
	int rate = rate_read(option_value(options, "rate"));
	if (rate == 0)
		return EX_USAGE;
	if (!lines_open(&lines, words[0]))
		return EX_NOINPUT;
	struct warming warming = {.session = &session, .step_ms = 1000 / rate, .lines = &lines};
	lock_init(&warming.input);
	lock_init(&warming.lock);
	cond_init(&warming.pause);
	progress_init(&warming.progress);
	for (size_t i = 0; i < WARM_THREADS; i++)
		warming.job[i].warming = &warming;
	int status = session_open(&session, options, NEEDS_STORE_IN_BACKGROUND, step_observe, &warming);
	if (status == 0) {
		round_run(&warming);
		rounds_run(&warming);
		status = summary_print(&warming, options->json);
		session_close(&session);
	}
	names_free(&warming.left);
	cond_destroy(&warming.pause);
	lock_destroy(&warming.lock);
	lock_destroy(&warming.input);
	return lines_close(&lines, words[0]) ? status : EX_IOERR;
}
