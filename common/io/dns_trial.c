#include "dns_trial.h"

#include "dns_context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define CLASS_IN 1
#define OWNER_SIZE 256
#define LINE_SIZE 1024
#define QUESTIONS 3
/* What made it unsigned may be over: a clock that was wrong, a network or a forwarder that was another. */
#define WAIT_MIN_MS (10 * 60 * 1000)
#define WAIT_MAX_MS (60 * 60 * 1000)

enum answer_state { ANSWER_NONE, ANSWER_SECURE, ANSWER_INSECURE, ANSWER_BOGUS };

/* The keys, any record, and a record that is hardly ever there: the proof of an absence must come through, too. */
static const struct {
	const char *name;
	int type;
} questions[QUESTIONS] = {{"DNSKEY", 48}, {"SOA", 6}, {"TLSA", DNS_TLSA}};

struct trial {
	struct ub_ctx *ctx;
	char owner[OWNER_SIZE];
	size_t open; /* questions without an end yet */
	bool failed; /* libunbound */
	struct question_asked {
		struct trial *trial;
		enum answer_state state;
	} asked[QUESTIONS];
};

/* The owner of the first record of the file, which libunbound has read already; "." where that cannot be told. */
static void anchor_owner(char owner[OWNER_SIZE], const char *path)
{
	char line[LINE_SIZE];
	FILE *file = fopen(path, "re");

	memcpy(owner, ".", sizeof ".");
	while (file && fgets(line, sizeof line, file)) {
		size_t len = strcspn(line, " \t\r\n;");

		if (strchr("\r\n;$", line[strspn(line, " \t")]))
			continue;
		if (len > 0 && len < OWNER_SIZE && strncmp(line, "@", len) != 0)
			snprintf(owner, OWNER_SIZE, "%.*s", (int)len, line);
		break;
	}
	if (file)
		fclose(file);
}

static enum answer_state state_of(int error, const struct ub_result *result)
{
	if (error != 0 || !result)
		return ANSWER_NONE;
	if (result->bogus)
		return ANSWER_BOGUS;
	if (result->rcode != 0 && !result->nxdomain)
		return ANSWER_NONE;
	return result->secure ? ANSWER_SECURE : ANSWER_INSECURE;
}

static void question_answered(void *arg, int error, struct ub_result *result)
{
	struct question_asked *asked = arg;

	asked->state = state_of(error, result);
	asked->trial->open--;
	if (result)
		ub_resolve_free(result);
}

static bool questions_ask(struct trial *trial, struct failure *why)
{
	for (size_t i = 0; i < QUESTIONS; i++) {
		struct question_asked *asked = &trial->asked[i];
		asked->trial = trial;
		int error = ub_resolve_async(
			trial->ctx, trial->owner, questions[i].type, CLASS_IN, asked, question_answered, NULL);
		if (error != 0)
			return failure_set(why, EX_CONFIG, "dns_trust_anchor: libunbound cannot ask for %s of %s: %s",
				questions[i].name, trial->owner, ub_strerror(error));
		trial->open++;
	}
	return true;
}

struct trial *trial_new(const struct dns_options *options, struct failure *why)
{
	struct trial *trial = calloc(1, sizeof *trial);
	struct dns_options validating = *options;

	if (!trial)
		abort();
	validating.validate = DNS_VALIDATE_ON;
	trial->ctx = dns_context_new(&validating, why);
	if (trial->ctx) {
		anchor_owner(trial->owner, dns_context_anchor(options));
		if (questions_ask(trial, why))
			return trial;
	}
	trial_free(&trial);
	return NULL;
}

void trial_free(struct trial **trial)
{
	if (*trial && (*trial)->ctx && (*trial)->failed)
		dns_context_discard((*trial)->ctx);
	else if (*trial && (*trial)->ctx)
		ub_ctx_delete((*trial)->ctx);
	free(*trial);
	*trial = NULL;
}

int trial_fd(const struct trial *trial)
{
	return ub_fd(trial->ctx);
}

bool trial_process(struct trial *trial)
{
	trial->failed = ub_process(trial->ctx) != 0;
	return trial->failed || trial->open == 0;
}

int64_t trial_wait_ms(int64_t last)
{
	if (last < WAIT_MIN_MS)
		return WAIT_MIN_MS;
	return last * 2 < WAIT_MAX_MS ? last * 2 : WAIT_MAX_MS;
}

enum trial_finding trial_finding(const struct trial *trial)
{
	enum trial_finding finding = TRIAL_SIGNED;

	if (trial->failed)
		return TRIAL_UNANSWERED;
	for (size_t i = 0; i < QUESTIONS; i++) {
		if (trial->asked[i].state == ANSWER_NONE)
			return TRIAL_UNANSWERED;
		if (trial->asked[i].state != ANSWER_SECURE)
			finding = TRIAL_UNSIGNED;
	}
	return finding;
}

void trial_words(const struct trial *trial, char words[TRIAL_WORDS_SIZE])
{
	size_t i = 0;

	while (i < QUESTIONS - 1 && trial->asked[i].state == ANSWER_SECURE)
		i++;
	snprintf(words, TRIAL_WORDS_SIZE, "%s of %s is %s", questions[i].name, trial->owner,
		trial->asked[i].state == ANSWER_BOGUS ? "bogus" : "insecure");
}

struct ub_ctx *trial_take(struct trial *trial)
{
	struct ub_ctx *ctx = trial->ctx;

	trial->ctx = NULL;
	return ctx;
}
