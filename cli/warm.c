/* warm: looks up many domains before their first message, as if a message to each of them were on its way. The results
 * are stored, and each policy counts as used today, so that the daemon keeps it fresh. */
#include "batch.h"
#include "commands.h"
#include "domains.h"
#include "lines.h"
#include "next_hop.h"
#include "output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define WARM_THREADS 4 /* inquiries at a time */
#define RATE_DEFAULT 10

struct warming {
	struct batch batch;
	struct session session;
	struct lines *lines; /* guarded by batch.input */
	/* Guarded by batch.lock. */
	uint64_t mode[POLICY_ENFORCE + 1], without, failed;
};

/* --- results ------------------------------------------------------------------------------------------------------ */

/* Call it with batch.lock held. */
static void failure_print(struct warming *warming, const char *domain, const char *what)
{
	warming->failed++;
	progress_clear(&warming->batch.progress);
	fprintf(stderr, "stsgate: %s: %s\n", domain, what);
}

/* batch_caller.take: counts the result of a domain. */
static void result_take(void *arg, const struct question *question, const struct batch_result *result)
{
	struct warming *warming = arg;
	const struct verdict *verdict = &result->outcome->verdict;
	enum reason reason = verdict->reason;
	bool none_is_known = result->outcome->final && (reason == REASON_NO_RECORD || reason == REASON_RECORD_INVALID ||
							       reason == REASON_RECORD_MANY || reason == REASON_EXEMPT);
	if (result->again)
		return;
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

/* batch_caller.settle: marks an enforce policy as placed. */
static void result_settle(void *arg, const struct question *question, const struct outcome *outcome)
{
	const struct warming *warming = arg;
	struct store *store = warming->session.store;
	const struct verdict *verdict = &outcome->verdict;
	if (verdict->has_policy && verdict->mode == POLICY_ENFORCE &&
		domain_stored(store, question->domain) == STORE_FOUND)
		store_change_entry(store, question->domain, placed_set, NULL, NULL);
}

/* --- questions ---------------------------------------------------------------------------------------------------- */

/* Makes a question from the newest line. Returns false if the line is empty or names no domain; in the second case,
 * prints a message. */
static bool line_read(struct warming *warming, struct question *question)
{
	struct span word = lines_word(warming->lines);
	struct quote quote;
	char what[sizeof quote.text + 64], line[32];
	if (word.len == 0)
		return false;
	bool address = memchr(word.at, '@', word.len) != NULL;
	(address ? question_from_recipient : next_hop_question)(question, word.at, word.len, PURPOSE_DELIVER);
	if (question->has_domain)
		return true;
	snprintf(line, sizeof line, "line %" PRIu64, warming->lines->number);
	snprintf(
		what, sizeof what, "%s is not a domain that can have a policy", quote_bytes(&quote, word.at, word.len));
	lock_take(&warming->batch.lock);
	failure_print(warming, line, what);
	lock_drop(&warming->batch.lock);
	return false;
}

/* batch_caller.next: makes the next question from the file. Returns false if there is none. */
static bool question_next(void *arg, struct question *question)
{
	struct warming *warming = arg;
	bool found = false;
	while (!found && lines_next(warming->lines)) {
		found = line_read(warming, question);
		char words[96];
		lock_take(&warming->batch.lock);
		snprintf(words, sizeof words, "line %" PRIu64 ", enforce %" PRIu64 ", failed %" PRIu64,
			warming->lines->number, warming->mode[POLICY_ENFORCE], warming->failed);
		progress_show(&warming->batch.progress, warming->lines->bytes, warming->lines->bytes_total, words);
		lock_drop(&warming->batch.lock);
	}
	return found;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int summary_print(struct warming *warming, bool json)
{
	const uint64_t *mode = warming->mode;
	for (const char *hop = NULL; (hop = names_next(&warming->batch.left, hop));)
		fprintf(stderr, "stsgate: %s: not all of its mail hosts were probed [%s]\n", hop,
			reason_name(REASON_PROBE_BUDGET));
	if (json) {
		json_t *object = json_made(json_object());
		for (int i = POLICY_ENFORCE; i >= POLICY_NONE; i--)
			json_put(object, policy_mode_name((enum policy_mode)i), json_integer((json_int_t)mode[i]));
		json_put(object, "without", json_integer((json_int_t)warming->without));
		json_put(object, "failed", json_integer((json_int_t)warming->failed));
		json_put(object, "not_probed", json_integer((json_int_t)warming->batch.left.count));
		json_print(object);
	} else {
		printf("enforce %" PRIu64 ", testing %" PRIu64 ", none %" PRIu64 ", without %" PRIu64
		       ", failed %" PRIu64 ", not probed %u\n",
			mode[POLICY_ENFORCE], mode[POLICY_TESTING], mode[POLICY_NONE], warming->without,
			warming->failed, warming->batch.left.count);
	}
	return warming->failed + warming->batch.left.count > 0 ? STATUS_UNSURE : STATUS_YES;
}

int warm_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	struct lines lines;
	int rate = batch_rate(option_value(options, "rate"), RATE_DEFAULT);
	if (rate == 0)
		return EX_USAGE;
	if (!lines_open(&lines, words[0]))
		return EX_NOINPUT;
	struct warming warming = {.lines = &lines};
	const struct batch_caller caller = {.next = question_next,
		.settle = result_settle,
		.take = result_take,
		.arg = &warming,
		.purpose = PURPOSE_DELIVER,
		.threads = WARM_THREADS,
		.rate = rate};
	batch_init(&warming.batch, &caller);
	int status = session_open(&warming.session, options, NEEDS_STORE_IN_BACKGROUND, batch_observe, &warming.batch);
	if (status == 0) {
		batch_run(&warming.batch, &warming.session);
		status = summary_print(&warming, options->json);
		session_close(&warming.session);
	}
	batch_free(&warming.batch);
	return lines_close(&lines, words[0]) ? status : EX_IOERR;
}
