/* warm: finds out about many domains ahead of their first message, as if one were on its way: what is found is stored,
 * and a policy counts as used today, so that the daemon keeps it fresh. Domains whose next hops the probe budget refuses
 * are asked for again, round by round, for as long as that gets any of them through. */
#include "clock.h"
#include "commands.h"
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

#define RATE_DEFAULT 10
#define RATE_MAX 1000
#define ROUND_MS 10000  /* between two rounds: what a network's budget takes for one probe more */
#define STALL_MS 180000 /* without any domain that gets through: the rest is left */

/* A domain that is being found out about. */
struct slot {
	struct warming *warming;
	bool busy;
	bool refused; /* the budget has refused a probe */
	struct question question;
	check_ticket ticket;
	int64_t deadline_ms;
};

struct warming {
	struct check *check;
	struct store *store;
	int case_ms;
	int64_t step_ms; /* from one start to the next */
	int64_t next_ms;
	struct lock lock;
	struct signal_cond freed;
	struct slot slot[SESSION_SLOTS];
	uint64_t mode[POLICY_ENFORCE + 1], without, failed;
	bool again;        /* a later round: the domains are counted already */
	struct names left; /* next hops of domains that were not wholly probed */
	struct progress progress;
};

/* Without a policy: whether the domain has none, or it only could not be had. */
static bool none_is_known(const struct outcome *outcome)
{
	enum reason reason = outcome->verdict.reason;
	return outcome->final && (reason == REASON_NO_RECORD || reason == REASON_RECORD_INVALID ||
					 reason == REASON_RECORD_MANY || reason == REASON_EXEMPT);
}

/* Under the lock. */
static void failed_tell(struct warming *warming, const char *domain, const char *what)
{
	warming->failed++;
	progress_clear(&warming->progress);
	fprintf(stderr, "stsgate: %s: %s\n", domain, what);
}

/* Under the lock. In the form in which a next hop is given. */
static void left_add(struct warming *warming, const struct question *question)
{
	char hop[DOMAIN_SIZE + sizeof "[]:65535"];
	if (question->mx_lookup)
		snprintf(hop, sizeof hop, "%s", question->domain);
	else
		snprintf(hop, sizeof hop, "[%s]:%u", question->host, question->port);
	names_add(&warming->left, hop, strlen(hop));
}

/* Under the lock. */
static void outcome_count(struct warming *warming, const struct slot *slot, const struct outcome *outcome)
{
	char what[256];
	const char *domain = slot->question.domain;
	const struct verdict *verdict = &outcome->verdict;
	if (verdict->has_policy && (slot->refused || !outcome->final))
		left_add(warming, &slot->question);
	if (warming->again)
		return;
	if (verdict->has_policy) {
		warming->mode[verdict->mode]++;
	} else if (none_is_known(outcome)) {
		warming->without++;
	} else {
		snprintf(what, sizeof what, "%s [%s]", reason_sentence(verdict->reason), reason_name(verdict->reason));
		failed_tell(warming, domain, what);
	}
}

static void placed_set(struct entry *entry, void *arg)
{
	(void)arg;
	entry->placed = entry->has_policy;
}

static bool is_stored(struct store *store, const char *domain)
{
	struct entry entry;
	struct store_view *view = store_view_begin(store, NULL);
	bool found = view && store_view_entry(view, domain, &entry) == STORE_FOUND;
	store_view_end(&view);
	if (found)
		entry_free(&entry);
	return found;
}

/* Until it is fetched again it counts as in use, so that it is there when mail comes. */
static void policy_place(const struct warming *warming, const char *domain, const struct verdict *verdict)
{
	if (verdict->has_policy && verdict->mode == POLICY_ENFORCE && is_stored(warming->store, domain))
		store_change_entry(warming->store, domain, placed_set, NULL, NULL);
}

static void slot_end(struct slot *slot, const struct outcome *outcome)
{
	struct warming *warming = slot->warming;
	policy_place(warming, slot->question.domain, &outcome->verdict);
	lock_take(&warming->lock);
	outcome_count(warming, slot, outcome);
	slot->busy = false;
	cond_wake_one(&warming->freed);
	lock_drop(&warming->lock);
}

static void slot_done(void *arg, struct outcome *outcome)
{
	slot_end(arg, outcome);
}

/* Told of each step of each case. */
static void step_observe(void *arg, const struct want *want, const struct facts *facts)
{
	struct warming *warming = arg;
	const struct hop_fact *hop = facts_hop(facts, want->name, want->port);
	if (want->kind != WANT_PROBE || !hop || hop->refused == REASON_OK)
		return;
	lock_take(&warming->lock);
	for (size_t i = 0; i < SESSION_SLOTS; i++) {
		struct slot *slot = &warming->slot[i];
		if (slot->busy && strcmp(slot->question.domain, facts->question.domain) == 0)
			slot->refused = true;
	}
	lock_drop(&warming->lock);
}

/* Gives up what takes too long; what is being told at this moment frees its slot by itself. */
static void slots_expire(struct warming *warming)
{
	for (size_t i = 0; i < SESSION_SLOTS; i++) {
		struct slot *slot = &warming->slot[i];
		struct outcome outcome;
		lock_take(&warming->lock);
		bool late = slot->busy && slot->deadline_ms <= clock_mono_ms();
		lock_drop(&warming->lock);
		if (!late || !check_give_up(warming->check, slot->ticket, &outcome))
			continue;
		slot_end(slot, &outcome);
		outcome_free(&outcome);
	}
}

static struct slot *slot_free(struct warming *warming) REQUIRES(warming->lock)
{
	for (size_t i = 0; i < SESSION_SLOTS; i++)
		if (!warming->slot[i].busy)
			return &warming->slot[i];
	return NULL;
}

static bool slots_are_free(struct warming *warming) REQUIRES(warming->lock)
{
	for (size_t i = 0; i < SESSION_SLOTS; i++)
		if (warming->slot[i].busy)
			return false;
	return true;
}

static struct slot *slot_wait(struct warming *warming)
{
	struct slot *slot;
	lock_take(&warming->lock);
	while (!(slot = slot_free(warming))) {
		bool told = cond_wait_until(&warming->freed, &warming->lock, clock_mono_ms() + 1000);
		lock_drop(&warming->lock);
		if (!told)
			slots_expire(warming);
		lock_take(&warming->lock);
	}
	lock_drop(&warming->lock);
	return slot;
}

static void slots_await(struct warming *warming)
{
	lock_take(&warming->lock);
	while (!slots_are_free(warming)) {
		bool told = cond_wait_until(&warming->freed, &warming->lock, clock_mono_ms() + 1000);
		lock_drop(&warming->lock);
		if (!told)
			slots_expire(warming);
		lock_take(&warming->lock);
	}
	lock_drop(&warming->lock);
}

/* Until the rate lets the next one start. */
static void rate_await(struct warming *warming)
{
	lock_take(&warming->lock);
	while (clock_mono_ms() < warming->next_ms)
		cond_wait_until(&warming->freed, &warming->lock, warming->next_ms);
	lock_drop(&warming->lock);
	warming->next_ms = clock_mono_ms() + warming->step_ms;
}

static void question_warm(struct warming *warming, const struct question *question)
{
	rate_await(warming);
	struct slot *slot = slot_wait(warming);
	lock_take(&warming->lock);
	slot->question = *question;
	slot->refused = false;
	slot->deadline_ms = clock_mono_ms() + warming->case_ms;
	slot->busy = true;
	lock_drop(&warming->lock);
	struct outcome outcome;
	check_ask(warming->check, question, slot_done, slot, &slot->ticket, &outcome);
	outcome_free(&outcome);
	if (slot->ticket == CHECK_NO_TICKET)
		slot_end(slot, &(struct outcome){.verdict.reason = REASON_INTERNAL});
}

static void line_warm(struct warming *warming, const struct lines *lines)
{
	struct span word = lines_word(lines);
	struct question question;
	struct quote quote;
	char what[64];
	if (word.len == 0)
		return;
	bool address = memchr(word.at, '@', word.len) != NULL;
	(address ? question_from_recipient : next_hop_question)(&question, word.at, word.len, PURPOSE_DELIVER);
	if (question.has_domain) {
		question_warm(warming, &question);
		return;
	}
	snprintf(what, sizeof what, "line %" PRIu64 " is no domain that could have a policy", lines->number);
	lock_take(&warming->lock);
	failed_tell(warming, quote_bytes(&quote, word.at, word.len), what);
	lock_drop(&warming->lock);
}

static void warming_tell(struct warming *warming, const struct lines *lines)
{
	char words[96];
	lock_take(&warming->lock);
	snprintf(words, sizeof words, "line %" PRIu64 ", enforce %" PRIu64 ", failed %" PRIu64, lines->number,
		warming->mode[POLICY_ENFORCE], warming->failed);
	progress_tell(&warming->progress, lines->bytes, lines->bytes_total, words);
	lock_drop(&warming->lock);
}

static int summary_print(struct warming *warming, bool json)
{
	const uint64_t *mode = warming->mode;
	progress_clear(&warming->progress);
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

/* --- what the probe budget refused -------------------------------------------------------------------------------- */

static void rounds_tell(struct warming *warming)
{
	char words[96];
	snprintf(words, sizeof words, "domains that wait for the probe budget: %u", warming->left.count);
	progress_tell(&warming->progress, 0, 0, words);
}

static void round_await(struct warming *warming)
{
	int64_t until_ms = clock_mono_ms() + ROUND_MS;
	lock_take(&warming->lock);
	while (clock_mono_ms() < until_ms) {
		rounds_tell(warming);
		cond_wait_until(&warming->freed, &warming->lock, clock_mono_ms() + 1000);
	}
	lock_drop(&warming->lock);
}

static void round_run(struct warming *warming)
{
	struct names round = warming->left;
	warming->left = (struct names){.bytes = NULL};
	for (const char *hop = NULL; (hop = names_next(&round, hop));) {
		struct question question;
		question_from_next_hop(&question, hop, strlen(hop), PURPOSE_DELIVER);
		question_warm(warming, &question);
	}
	slots_await(warming);
	names_free(&round);
}

/* A minute brings each network some probes more, and what one of them sees may do for others. */
static void rounds_run(struct warming *warming)
{
	int64_t moved_ms = clock_mono_ms();
	if (warming->left.count > 0) {
		progress_clear(&warming->progress);
		fprintf(stderr,
			"stsgate: note: the probe budget holds up %u domains; they are tried again for as long as that "
			"gets any of them through (Ctrl-C ends it)\n",
			warming->left.count);
	}
	warming->again = true;
	while (warming->left.count > 0 && clock_mono_ms() - moved_ms < STALL_MS) {
		uint32_t before = warming->left.count;
		round_await(warming);
		round_run(warming);
		if (warming->left.count < before)
			moved_ms = clock_mono_ms();
	}
}

static void left_tell(struct warming *warming)
{
	progress_clear(&warming->progress);
	for (const char *hop = NULL; (hop = names_next(&warming->left, hop));)
		fprintf(stderr, "stsgate: %s: not all of its mail hosts were probed [%s]\n", hop,
			reason_name(REASON_PROBE_BUDGET));
}

static int lines_warm(struct warming *warming, const struct session *session, struct lines *lines, bool json)
{
	warming->check = session->check;
	warming->store = session->store;
	warming->case_ms = session_case_ms(session->config->settings);
	while (lines_next(lines)) {
		line_warm(warming, lines);
		warming_tell(warming, lines);
	}
	slots_await(warming);
	rounds_run(warming);
	left_tell(warming);
	return summary_print(warming, json);
}

static void warming_init(struct warming *warming, int rate)
{
	*warming = (struct warming){.step_ms = 1000 / rate};
	lock_init(&warming->lock);
	cond_init(&warming->freed);
	progress_init(&warming->progress);
	for (size_t i = 0; i < SESSION_SLOTS; i++)
		warming->slot[i].warming = warming;
}

static void warming_free(struct warming *warming)
{
	names_free(&warming->left);
	cond_destroy(&warming->freed);
	lock_destroy(&warming->lock);
}

static bool rate_read(const char *text, int *out)
{
	char *end;
	long rate = text ? strtol(text, &end, 10) : RATE_DEFAULT;
	*out = (int)rate;
	if (!text || (*text && !*end && rate >= 1 && rate <= RATE_MAX))
		return true;
	fprintf(stderr, "stsgate: --rate is a number of domains a second, from 1 to %d\n", RATE_MAX);
	return false;
}

int warm_run(const struct options *options, size_t count, char **words)
{
	(void)count;
	int rate;
	struct lines lines;
	struct session session;
	struct warming warming;
	if (!rate_read(option_value(options, "rate"), &rate))
		return EX_USAGE;
	if (!lines_open(&lines, words[0]))
		return EX_NOINPUT;
	warming_init(&warming, rate);
	int status = session_open(&session, options, NEEDS_STORE_IN_BACKGROUND, step_observe, &warming);
	if (status == 0) {
		status = lines_warm(&warming, &session, &lines, options->json);
		session_close(&session);
	}
	warming_free(&warming);
	return lines_close(&lines, words[0]) ? status : EX_IOERR;
}
