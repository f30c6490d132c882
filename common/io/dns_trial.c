#include "dns_trial.h"

#include "dns_answer.h"
#include "dns_context.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS 64 /* a small context is enough for a few lookups and those of the validator */
#define LINE_SIZE 1024
#define QUESTIONS 3
/* The time from a failed trial to the next. The cause of the failure may be temporary: a wrong clock, another network,
 * another forwarder. */
#define WAIT_MIN_MS (10 * 60 * 1000)
#define WAIT_MAX_MS (60 * 60 * 1000)

enum answer_state { ANSWER_NONE, ANSWER_SECURE, ANSWER_INSECURE, ANSWER_BOGUS };

/* The lookups: the zone's keys, a record that every zone has, and a record that hardly any zone has. The servers must
 * pass on proofs of absence, too. */
static const struct {
	const char *name;
	unsigned type;
} questions[QUESTIONS] = {{"DNSKEY", 48}, {"SOA", 6}, {"TLSA", DNS_TLSA}};

struct trial {
	struct loop *loop;
	struct ub_ctx *ctx;
	struct loop_timer *end;    /* NULL: the trial has not begun */
	char owner[DNS_ZONE_SIZE]; /* the zone of the trust anchor */
	size_t open;               /* lookups that have not ended */
	struct question_asked {
		struct trial *trial;
		enum answer_state state;
	} asked[QUESTIONS];
};

/* The first record of the file decides. libunbound has accepted the file already if a trial is made. */
void dns_anchor_zone(const struct dns_options *options, char zone[DNS_ZONE_SIZE])
{
	char line[LINE_SIZE];
	FILE *file = fopen(dns_context_anchor(options), "re");
	memcpy(zone, ".", sizeof ".");
	while (file && fgets(line, sizeof line, file)) {
		size_t len = strcspn(line, " \t\r\n;");
		if (strchr("\r\n;$", line[strspn(line, " \t")]))
			continue;
		if (len > 0 && len < DNS_ZONE_SIZE && strncmp(line, "@", len) != 0)
			snprintf(zone, DNS_ZONE_SIZE, "%.*s", (int)len, line);
		break;
	}
	if (file)
		fclose(file);
}

static void question_ended(struct question_asked *asked, enum answer_state state)
{
	struct trial *trial = asked->trial;
	asked->state = state;
	/* Calls `ended` by a timer and not from here: this is inside a callback of libunbound, and `ended` may free the
	 * context. */
	if (--trial->open == 0)
		loop_timer_set(trial->end, 0);
}

static void question_answered(
	void *arg, int rcode, void *packet, int len, int security, char *why_bogus, int was_ratelimited)
{
	struct question_asked *asked = arg;
	(void)why_bogus;
	(void)was_ratelimited;
	struct dns_answer *answer =
		dns_answer_parse(rcode, packet, len, questions[asked - asked->trial->asked].type, security);
	enum answer_state state = answer->secure ? ANSWER_SECURE : ANSWER_INSECURE;
	if (!dns_answer_good(answer))
		state = answer->outcome == DNS_BOGUS ? ANSWER_BOGUS : ANSWER_NONE;
	free(answer);
	question_ended(asked, state);
}

struct trial *trial_new(const struct dns_options *options, struct loop *loop, struct failure *why)
{
	struct trial *trial = xcalloc(1, sizeof *trial);
	struct dns_options validating = *options;
	validating.validate = DNS_VALIDATE_ON;
	trial->loop = loop;
	trial->ctx = dns_context_new(&validating, loop, PARTS, why);
	if (trial->ctx) {
		dns_anchor_zone(options, trial->owner);
		return trial;
	}
	trial_free(&trial);
	return NULL;
}

void trial_begin(struct trial *trial, void (*ended)(void *arg), void *arg)
{
	trial->end = loop_timer_new(trial->loop, ended, arg);
	trial->open = QUESTIONS;
	for (size_t i = 0; i < QUESTIONS; i++) {
		struct question_asked *asked = &trial->asked[i];
		int id;
		asked->trial = trial;
		if (ub_resolve_event(trial->ctx, trial->owner, (int)questions[i].type, CLASS_IN, asked,
			    question_answered, &id) != 0)
			question_ended(asked, ANSWER_NONE);
	}
}

void trial_free(struct trial **trial)
{
	if (!*trial)
		return;
	dns_context_free(&(*trial)->ctx);
	loop_timer_free(&(*trial)->end);
	free(*trial);
	*trial = NULL;
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
