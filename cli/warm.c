/* warm: finds out about many domains ahead of their first message, as if one were on its way: what is found is stored,
 * and a policy counts as used today, so that the daemon keeps it fresh. */
#include "clock.h"
#include "commands.h"
#include "kit.h"
#include "lines.h"
#include "lock.h"
#include "next_hop.h"
#include "output.h"
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define RATE_DEFAULT 10
#define RATE_MAX 1000

/* A domain that is being found out about. */
struct slot {
	struct warming *warming;
	bool busy;
	char domain[DOMAIN_SIZE];
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
	struct slot slot[KIT_WORKERS];
	uint64_t mode[POLICY_ENFORCE + 1], without, failed;
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

/* Under the lock. */
static void outcome_count(struct warming *warming, const char *domain, const struct outcome *outcome)
{
	char what[256];
	const struct verdict *verdict = &outcome->verdict;
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
	policy_place(warming, slot->domain, &outcome->verdict);
	lock_take(&warming->lock);
	outcome_count(warming, slot->domain, outcome);
	slot->busy = false;
	cond_wake_one(&warming->freed);
	lock_drop(&warming->lock);
}

static void slot_done(void *arg, struct outcome *outcome)
{
	slot_end(arg, outcome);
}

/* Gives up what takes too long; what is being told at this moment frees its slot by itself. */
static void slots_expire(struct warming *warming)
{
	for (size_t i = 0; i < KIT_WORKERS; i++) {
		struct slot *slot = &warming->slot[i];
		struct outcome outcome;
		lock_take(&warming->lock);
		bool late = slot->busy && slot->deadline_ms <= clock_mono_ms();
		lock_drop(&warming->lock);
		if (!late || !check_abandon(warming->check, slot->ticket, &outcome))
			continue;
		slot_end(slot, &outcome);
		outcome_free(&outcome);
	}
}

static struct slot *slot_free(struct warming *warming) REQUIRES(warming->lock)
{
	for (size_t i = 0; i < KIT_WORKERS; i++)
		if (!warming->slot[i].busy)
			return &warming->slot[i];
	return NULL;
}

static bool slots_are_free(struct warming *warming) REQUIRES(warming->lock)
{
	for (size_t i = 0; i < KIT_WORKERS; i++)
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
	memcpy(slot->domain, question->domain, sizeof slot->domain);
	slot->deadline_ms = clock_mono_ms() + warming->case_ms;
	slot->busy = true;
	slot->ticket = check_start(warming->check, question, slot_done, slot);
	if (slot->ticket == CHECK_NO_TICKET)
		slot_end(slot, &(struct outcome){.verdict.reason = REASON_INTERNAL});
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The line without the blanks around it and without its comment: a `#` at its start or behind a blank, since a local
 * part may hold one. */
static struct span line_word(const struct lines *lines)
{
	size_t from = 0, to = 0;
	while (to < lines->len && !(lines->line[to] == '#' && (to == 0 || is_blank(lines->line[to - 1]))))
		to++;
	while (from < to && is_blank(lines->line[from]))
		from++;
	while (to > from && is_blank(lines->line[to - 1]))
		to--;
	return (struct span){lines->line + from, to - from};
}

static void line_warm(struct warming *warming, const struct lines *lines)
{
	struct span word = line_word(lines);
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
		json_print(object);
	} else {
		printf("enforce %" PRIu64 ", testing %" PRIu64 ", none %" PRIu64 ", without %" PRIu64
		       ", failed %" PRIu64 "\n",
			mode[POLICY_ENFORCE], mode[POLICY_TESTING], mode[POLICY_NONE], warming->without,
			warming->failed);
	}
	return warming->failed > 0 ? STATUS_UNSURE : STATUS_YES;
}

static int lines_warm(const struct kit *kit, struct lines *lines, int rate, bool json)
{
	struct warming warming = {.check = kit->check,
		.store = kit->store,
		.case_ms = kit_case_ms(kit->config->settings),
		.step_ms = 1000 / rate};
	lock_init(&warming.lock);
	cond_init(&warming.freed);
	progress_init(&warming.progress);
	for (size_t i = 0; i < KIT_WORKERS; i++)
		warming.slot[i].warming = &warming;
	while (lines_next(lines)) {
		line_warm(&warming, lines);
		warming_tell(&warming, lines);
	}
	slots_await(&warming);
	int status = summary_print(&warming, json);
	cond_destroy(&warming.freed);
	lock_destroy(&warming.lock);
	return status;
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
	struct kit kit;
	if (!rate_read(options->rate, &rate))
		return EX_USAGE;
	if (!lines_open(&lines, words[0]))
		return EX_NOINPUT;
	int status = kit_open(&kit, options, KIT_STORE, NULL, NULL);
	if (status == 0) {
		status = lines_warm(&kit, &lines, rate, options->json);
		kit_close(&kit);
	}
	return lines_close(&lines, words[0]) ? status : EX_IOERR;
}
