#include "arbiter.h"

#include "ascii.h"
#include "clock.h"
#include "limit_hits.h"
#include "next_hop.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#define POLL_MS 10 /* how often a stop checks whether callbacks have ended */

bool arbiter_enter(struct arbiter *arbiter)
{
	atomic_fetch_add(&arbiter->inside, 1);
	if (!atomic_load(&arbiter->closing))
		return true;
	atomic_fetch_sub(&arbiter->inside, 1);
	return false;
}

void arbiter_leave(struct arbiter *arbiter)
{
	atomic_fetch_sub(&arbiter->inside, 1);
}

static bool waiter_enter(struct arbiter *arbiter, const struct settings *settings)
{
	if (atomic_load(&arbiter->hurry))
		return false;
	if (atomic_fetch_add(&arbiter->waiting, 1) < (int)settings->milter_waiters)
		return true;
	atomic_fetch_sub(&arbiter->waiting, 1);
	return false;
}

/* Gets a verdict from the store, or waits for one, but no longer than this message may still wait. `asked` is the text
 * from which the question was made (a next hop or a recipient); events name it. */
static void question_judge(struct arbiter *arbiter, struct message *message, const struct question *question,
	struct span asked, struct outcome *outcome)
{
	const struct settings *settings = message->config->settings;
	int64_t left_ms = (int64_t)settings->milter_wait * 1000 - message->waited_ms;
	check_ticket ticket = CHECK_NO_TICKET;
	bool final = check_ask(arbiter->check, question, NULL, NULL, left_ms > 0 ? &ticket : NULL, outcome);
	if (!final && ticket != CHECK_NO_TICKET) {
		int64_t from_ms = clock_mono_ms();
		bool may_wait = waiter_enter(arbiter, settings);
		if (!may_wait && !atomic_load(&arbiter->hurry))
			limit_hit_question(HIT_MILTER_WAITERS, question);
		if (may_wait)
			nudge_send(&arbiter->nudge);
		check_wait(arbiter->check, ticket, may_wait ? from_ms + left_ms : from_ms, outcome);
		if (may_wait)
			atomic_fetch_sub(&arbiter->waiting, 1);
		message->waited_ms += clock_mono_ms() - from_ms;
	}
	check_next_hop(arbiter->check, &outcome->verdict, "milter", asked);
}

bool arbiter_wanted(const struct settings *settings, const struct recipient *recipient)
{
	const char *mailer = recipient->mailer;
	for (size_t i = 0; i < settings->milter_skip_mailers.count; i++) {
		const char *item = settings->milter_skip_mailers.item[i];
		/* Most differ in the first letter. */
		if (ascii_lower(item[0]) == ascii_lower(mailer[0]) && strcasecmp(item, mailer) == 0)
			return false;
	}
	return true;
}

/* Keeps the verdict on the only next hop of a recipient, if it may be repeated. A colon may stand before the name of a service,
 * whose port the system looks up each time. */
static void hop_keep(
	struct message *message, const char *asked, const struct question *question, const struct outcome *outcome)
{
	struct message_hop *last = &message->last;
	size_t len = strlen(asked);
	last->asked[0] = '\0';
	if (!outcome->basis.repeats || len >= sizeof last->asked || strchr(asked, ':'))
		return;
	memcpy(last->asked, asked, len + 1);
	last->question = *question;
	last->basis = outcome->basis;
	last->verdict = outcome->verdict;
}

/* Repeats the verdict on the last next hop, if it is the same and nothing has changed since. */
static bool hop_again(
	struct arbiter *arbiter, const struct message *message, const char *asked, struct outcome *outcome)
{
	const struct message_hop *last = &message->last;
	if (strcmp(last->asked, asked) != 0)
		return false;
	struct config *config = check_config(arbiter->check);
	const struct answer_before before = {&last->question, &last->basis, &last->verdict};
	bool again = check_ask_again(arbiter->check, config, &before);
	config_unref(&config);
	if (!again)
		return false;
	outcome->verdict = last->verdict;
	outcome->final = true;
	return true;
}

/* Judges a list of next hops. If the list is longer than QUESTION_HOPS_MAX, the rest counts as one unreadable hop. */
static void judge_next_hops(
	struct arbiter *arbiter, struct message *message, const struct recipient *recipient, struct outcome *outcome)
{
	struct span hop, hops = {recipient->host, strlen(recipient->host)};
	if (hop_again(arbiter, message, recipient->host, outcome))
		return;
	for (int i = 0; i <= QUESTION_HOPS_MAX && question_next_hop(&hops, &hop); i++) {
		struct outcome one = {.final = false};
		struct question question = {.purpose = PURPOSE_DELIVER, .unreadable = true};
		if (i < QUESTION_HOPS_MAX)
			next_hop_question(&question, hop.at, hop.len, PURPOSE_DELIVER);
		question_set_client(&question, (struct span){recipient->client, strlen(recipient->client)});
		question.requiretls = message->wishes.requiretls;
		question_judge(arbiter, message, &question, hop, &one);
		if (hop.len == strlen(recipient->host))
			hop_keep(message, recipient->host, &question, &one);
		/* Rule 6, applied to next hops. With a map, the MTA uses only hops that satisfy their policy, so the best
		 * verdict counts. Without a map, the MTA may use any of the next hops, so the worst verdict counts. */
		int difference = verdict_obstructs(&one.verdict) - verdict_obstructs(&outcome->verdict);
		if (i == 0 || (message->config->settings->mta_enforces ? difference < 0 : difference > 0)) {
			struct outcome other = *outcome;
			*outcome = one;
			one = other;
		}
		outcome_free(&one);
	}
}

void arbiter_judge(struct arbiter *arbiter, struct message *message, enum session_kind kind,
	const struct recipient *recipient, struct outcome *outcome)
{
	struct question question;
	*outcome = (struct outcome){.final = false};
	if (kind != SESSION_LOCAL && recipient->host[0] != '\0') {
		judge_next_hops(arbiter, message, recipient, outcome);
		return;
	}
	/* In Sendmail, {rcpt_addr} is the address after alias expansion. In a local session, Postfix's cleanup(8) has
	 * nothing better than the argument of RCPT. */
	bool expanded = kind != SESSION_LOCAL && recipient->address[0] != '\0';
	const char *text = expanded ? recipient->address : recipient->argument;
	struct span address = {text, strlen(text)};
	question_from_recipient(&question, address.at, address.len, PURPOSE_DELIVER);
	question_set_client(&question, (struct span){recipient->client, strlen(recipient->client)});
	question.requiretls = message->wishes.requiretls;
	question_judge(arbiter, message, &question, address, outcome);
}

static bool poll_zero(atomic_int *counter, uint32_t wait_ms)
{
	int64_t until_ms = clock_mono_ms() + wait_ms;
	struct timespec rest = {.tv_nsec = POLL_MS * 1000000L};
	while (atomic_load(counter) > 0) {
		if (clock_mono_ms() >= until_ms)
			return false;
		nanosleep(&rest, NULL);
	}
	return true;
}

void arbiter_hurry(struct arbiter *arbiter, uint32_t grace_ms)
{
	atomic_store(&arbiter->hurry, true);
	poll_zero(&arbiter->waiting, grace_ms);
	/* Give libmilter time to send the last replies. */
	struct timespec rest = {.tv_nsec = 5 * POLL_MS * 1000000L};
	nanosleep(&rest, NULL);
}

bool arbiter_quiesce(struct arbiter *arbiter, uint32_t wait_ms)
{
	atomic_store(&arbiter->closing, true);
	return poll_zero(&arbiter->inside, wait_ms);
}
