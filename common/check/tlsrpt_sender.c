#include "tlsrpt_sender.h"

#include "clock.h"
#include "lock.h"
#include "log.h"
#include "lookups.h"
#include "memory.h"
#include "metrics.h"
#include "post.h"
#include "tlsrpt_compose.h"
#include "tlsrpt_envelope.h"
#include "token.h"

#include <stdlib.h>
#include <string.h>

#define KEYS_AT_A_TIME 64
#define ROWS_AT_A_TIME 64

/* A POST. The thread of the passes fills the first members and posts the task; from then on the loop owns the posting, until it
 * sets `state` to ENDED. */
struct posting {
	struct loop_task task; /* first */
	struct tlsrpt_sender *sender;
	struct tlsrpt_send row;
	struct report_address to;
	struct config *config;
	char *bytes;
	size_t len;

	struct lookups lookups;
	struct fetch *fetch;
	struct fetch_posted posted;
	enum { POSTING_FREE, POSTING_RUNS, POSTING_ENDED } state GUARDED_BY(lock);
};

struct tlsrpt_sender {
	struct tlsrpt_sender_options options;
	struct names tried;      /* tokens of the reports that were tried; with at_once */
	struct fetch_line *line; /* the loop's; NULL until the first POST */
	struct loop_task cancel;
	atomic_bool stop;
	/* Each report that became due by `planned_until` has a row, as long as `planned_for` is still the configuration. */
	int64_t planned_until;
	struct config *planned_for;
	int64_t closed;       /* the newest day that this sender has closed; -1: none */
	int64_t full_on;      /* the day on which there was last no room for a row */
	int64_t forgotten_on; /* the day on which old rows were last removed */

	struct lock lock;
	struct signal_cond wake; /* a posting has ended, the sender is stopped, or postings are cancelled */
	struct posting posting[TLSRPT_POSTINGS_MAX];
	bool cancelled GUARDED_BY(lock);
};

/* What a pass works with. */
struct work {
	struct tlsrpt_sender *sender;
	struct config *config;
	struct names domains, exclude;
	struct tlsrpt_send_rules rules;
	struct tlsrpt_send *row;
	size_t count;
	bool mta_is_down;
	struct tlsrpt_pass *pass;
	struct failure *why;
};

static bool stopped(struct tlsrpt_sender *sender)
{
	return atomic_load(&sender->stop);
}

/* --- what is told ------------------------------------------------------------------------------------------------- */

static void row_log(const struct tlsrpt_send *row)
{
	char line[2 * REPORT_ADDRESS_SIZE];
	struct text text;
	text_init(&text, line, sizeof line);
	text_add(&text, "domain=");
	text_add(&text, row->domain);
	text_add(&text, " report=");
	text_add(&text, tlsrpt_send_state_name(row->state));
	text_add(&text, " address=");
	text_quote(&text, row->address, strlen(row->address), REPORT_ADDRESS_SIZE);
	text_add(&text, " ");
	text_add(&text, row->detail);
	if (row->state == TLSRPT_SENT)
		log_info("%s", line);
	else
		log_warning("%s", line);
}

static void row_told(struct tlsrpt_sender *sender, const struct tlsrpt_send *row)
{
	row_log(row);
	if (sender->options.told)
		sender->options.told(sender->options.arg, row);
}

/* --- changes of rows ---------------------------------------------------------------------------------------------- */

static bool ready(const struct tlsrpt_sender *sender, const struct tlsrpt_send *row, int64_t now)
{
	/* `report send` tries each report once */
	bool at_once = sender->options.at_once && !names_have(&sender->tried, row->token);
	return tlsrpt_send_ready(row, now, at_once);
}

struct change {
	const struct tlsrpt_sender *sender;
	int64_t now;
	enum tlsrpt_outcome outcome;
	enum tlsrpt_send_state state;
	const char *detail;
};

static bool change_begin(struct tlsrpt_send *row, void *arg)
{
	const struct change *change = arg;
	if (!ready(change->sender, row, change->now))
		return false;
	tlsrpt_send_begin(row, change->now);
	return true;
}

static bool change_end(struct tlsrpt_send *row, void *arg)
{
	const struct change *change = arg;
	if (row->state != TLSRPT_SENDING) /* its bounce was faster */
		return false;
	tlsrpt_send_end(row, change->outcome, change->detail, change->now);
	return true;
}

static bool change_stop(struct tlsrpt_send *row, void *arg)
{
	const struct change *change = arg;
	if (!ready(change->sender, row, change->now))
		return false;
	tlsrpt_send_stop(row, change->state, change->detail);
	return true;
}

static bool change_lost(struct tlsrpt_send *row, void *arg)
{
	const struct change *change = arg;
	return tlsrpt_send_lost(row, change->now);
}

static bool row_change(struct tlsrpt_sender *sender, struct tlsrpt_send *row, store_tlsrpt_send_change *step,
	struct change change, struct failure *why)
{
	bool changed;
	change.sender = sender;
	change.now = clock_wall_s();
	return store_change_tlsrpt_send(sender->options.store, row, step, &change, &changed, why) && changed;
}

static void row_end(
	struct tlsrpt_sender *sender, struct tlsrpt_send *row, enum tlsrpt_outcome outcome, const char *detail)
{
	static const enum tlsrpt_attempt results[] = {[TLSRPT_DONE] = TLSRPT_ATTEMPT_SENT,
		[TLSRPT_UNSURE] = TLSRPT_ATTEMPT_SENT,
		[TLSRPT_LATER] = TLSRPT_ATTEMPT_RETRY,
		[TLSRPT_NEVER] = TLSRPT_ATTEMPT_GIVEN_UP};
	struct failure why;
	metrics_add(METRIC_TLSRPT_REPORTS, results[outcome], 0, 0, 1);
	if (row_change(sender, row, change_end, (struct change){.outcome = outcome, .detail = detail}, &why))
		row_told(sender, row);
}

/* --- by https: on the loop ---------------------------------------------------------------------------------------- */

static void posting_end(struct posting *posting)
{
	struct tlsrpt_sender *sender = posting->sender;
	fetch_drop(&posting->fetch);
	lookups_end(&posting->lookups);
	posting->lookups = (struct lookups){.dns = NULL};
	lock_take(&sender->lock);
	posting->state = POSTING_ENDED;
	cond_wake_all(&sender->wake);
	lock_drop(&sender->lock);
}

static void posting_fail(struct posting *posting, const char *words)
{
	struct text text;
	posting->posted.outcome = TLSRPT_LATER;
	text_init(&text, posting->posted.detail, sizeof posting->posted.detail);
	text_add(&text, posting->to.host);
	text_add(&text, " ");
	text_add(&text, words);
	posting_end(posting);
}

/* Continues a posting; also its wake. */
static void posting_go(void *arg)
{
	struct posting *posting = arg;
	struct tlsrpt_sender *sender = posting->sender;
	struct lookups *lookups = &posting->lookups;
	const struct settings *settings = posting->config->settings;
	const struct wake wake = {posting_go, posting};
	int64_t timeout_s =
		settings->fetch_timeout < TLSRPT_POSTING_MOST_S ? settings->fetch_timeout : TLSRPT_POSTING_MOST_S;
	struct addresses list;
	if (posting->fetch) {
		if (fetch_post_answer(posting->fetch, &posting->posted))
			posting_end(posting);
		return;
	}
	lookups_begin(lookups, posting->config->dns, sender->options.loop, wake);
	addresses_find(&list, lookups, posting->to.host, FETCH_ADDRESSES_MAX, settings->fetch_private,
		lookups->begun_ms + timeout_s * 1000);
	if (!lookups_over(lookups))
		return;
	int64_t left_ms = timeout_s * 1000 - lookups_took_ms(lookups);
	if (list.count == 0 || left_ms <= 0)
		posting_fail(posting, addresses_lack(&list));
	else
		posting->fetch = fetch_post_begin(posting->config->fetcher, sender->line, &posting->to,
			TLSRPT_MEDIA_TYPE, posting->bytes, posting->len, list.at, list.count, (int)left_ms, wake);
}

static void posting_begin(struct loop_task *task)
{
	struct posting *posting = (struct posting *)task;
	if (!posting->sender->line)
		posting->sender->line = fetch_line_new(posting->sender->options.loop);
	posting_go(posting);
}

static void postings_cancel(struct loop_task *task)
{
	struct tlsrpt_sender *sender = (struct tlsrpt_sender *)((char *)task - offsetof(struct tlsrpt_sender, cancel));
	for (size_t i = 0; i < TLSRPT_POSTINGS_MAX; i++) {
		lock_take(&sender->lock);
		bool runs = sender->posting[i].state == POSTING_RUNS;
		lock_drop(&sender->lock);
		if (runs)
			posting_fail(&sender->posting[i], "was not waited for: stsgate stops");
	}
	fetch_line_free(&sender->line);
	lock_take(&sender->lock);
	sender->cancelled = true;
	cond_wake_all(&sender->wake);
	lock_drop(&sender->lock);
}

/* --- by https: on the thread of the passes ------------------------------------------------------------------------ */

static struct posting *posting_free(struct tlsrpt_sender *sender)
{
	struct posting *found = NULL;
	lock_take(&sender->lock);
	for (size_t i = 0; !found && i < TLSRPT_POSTINGS_MAX; i++)
		if (sender->posting[i].state == POSTING_FREE)
			found = &sender->posting[i];
	lock_drop(&sender->lock);
	return found;
}

static void posting_start(struct tlsrpt_sender *sender, struct posting *posting, const struct tlsrpt_send *row,
	const struct report_address *to, struct config *config, char *bytes, size_t len)
{
	*posting = (struct posting){.task = {.run = posting_begin},
		.sender = sender,
		.row = *row,
		.to = *to,
		.config = config_ref(config),
		.bytes = bytes,
		.len = len};
	lock_take(&sender->lock);
	posting->state = POSTING_RUNS;
	lock_drop(&sender->lock);
	loop_post(sender->options.loop, &posting->task);
}

/* Takes in postings that have ended. Returns whether others are under way. */
static bool postings_take(struct tlsrpt_sender *sender)
{
	bool more = false;
	for (size_t i = 0; i < TLSRPT_POSTINGS_MAX; i++) {
		struct posting *posting = &sender->posting[i];
		lock_take(&sender->lock);
		bool ended = posting->state == POSTING_ENDED;
		more = more || posting->state == POSTING_RUNS;
		lock_drop(&sender->lock);
		if (!ended)
			continue;
		row_end(sender, &posting->row, posting->posted.outcome, posting->posted.detail);
		free(posting->bytes);
		posting->bytes = NULL;
		config_unref(&posting->config);
		lock_take(&sender->lock);
		posting->state = POSTING_FREE;
		lock_drop(&sender->lock);
	}
	return more;
}

/* --- by mail ------------------------------------------------------------------------------------------------------ */

static void mail_send(struct work *work, struct tlsrpt_send *row, const struct report_address *to, struct span message)
{
	const struct settings *settings = work->config->settings;
	char from[REPORT_LOCAL_MAX + 1 + DOMAIN_SIZE];
	struct posted posted;
	struct text text;
	text_init(&text, from, sizeof from);
	tlsrpt_envelope_sender(&text, settings->report_from, row->token);
	const struct post post = {.server = settings->report_smtp,
		.helo = work->config->host,
		.sender = from,
		.receiver = to->text + strlen("mailto:"),
		.message = message,
		.timeout_ms = POST_MS,
		.stop = &work->sender->stop};
	post_smtp(&post, &posted);
	work->mta_is_down = work->mta_is_down || posted.unreached || posted.outcome == TLSRPT_UNSURE;
	row_end(work->sender, row, posted.outcome, posted.detail);
}

/* --- attempts ----------------------------------------------------------------------------------------------------- */

/* Begins an attempt, unless another process has. */
static void attempt(
	struct work *work, struct tlsrpt_send *row, const struct report_address *to, struct posting *posting)
{
	struct tlsrpt_sender *sender = work->sender;
	struct tlsrpt_tally tally;
	struct failure why = {0};
	size_t len = 0;
	if (!row_change(sender, row, change_begin, (struct change){.detail = NULL}, work->why))
		return;
	if (sender->options.at_once)
		names_add(&sender->tried, row->token, strlen(row->token));
	enum store_found found = store_tally(sender->options.store, row->day, row->domain, &tally, &why);
	char *bytes =
		found == STORE_FOUND ? tlsrpt_compose(work->config, &tally, to, clock_wall_s(), &len, &why) : NULL;
	tlsrpt_tally_free(&tally);
	if (!bytes)
		row_end(sender, row, found == STORE_ABSENT ? TLSRPT_NEVER : TLSRPT_LATER,
			found == STORE_ABSENT ? "what was counted has left the store" : why.text);
	else if (posting)
		posting_start(sender, posting, row, to, work->config, bytes, len);
	else
		mail_send(work, row, to, (struct span){bytes, len});
	if (!posting)
		free(bytes);
}

static void row_stop(struct work *work, struct tlsrpt_send *row, enum tlsrpt_send_state state, const char *detail)
{
	const struct change change = {.state = state, .detail = detail};
	if (row_change(work->sender, row, change_stop, change, work->why))
		row_told(work->sender, row);
}

/* Ends a row whose address is suppressed, whose domain gets no reports any more, or whose first attempt was too long ago: nothing
 * tried again in time, because stsgated did not run or the MTA did not serve. Returns whether it did. */
static bool row_is_unwanted(struct work *work, struct tlsrpt_send *row, int64_t now)
{
	struct tlsrpt_suppression suppression;
	char words[128];
	struct text text;
	if (tlsrpt_send_wanted(&work->rules, row->domain, true) == TLSRPT_EXCLUDED) {
		row_stop(work, row, TLSRPT_GIVEN_UP, "report_domains or report_exclude leaves the domain out");
		return true;
	}
	if (tlsrpt_send_too_late(row, now)) {
		row_stop(work, row, TLSRPT_GIVEN_UP, "its first attempt was more than a day ago");
		return true;
	}
	if (store_tlsrpt_suppression(work->sender->options.store, row->address, &suppression, NULL) != STORE_FOUND ||
		!tlsrpt_suppressed(&suppression, now))
		return false;
	text_init(&text, words, sizeof words);
	text_add(&text, "reports to this address came back; it gets none until ");
	text_add_time(&text, suppression.until);
	row_stop(work, row, TLSRPT_SUPPRESSED, words);
	return true;
}

static bool is_mine(const struct tlsrpt_sender *sender, const struct tlsrpt_send *row)
{
	for (size_t i = 0; i < TLSRPT_POSTINGS_MAX; i++) {
		const struct posting *posting = &sender->posting[i];
		if (posting->bytes && posting->row.day == row->day && strcmp(posting->row.token, row->token) == 0)
			return true;
	}
	return false;
}

static void row_look(struct work *work, struct tlsrpt_send *row)
{
	struct tlsrpt_sender *sender = work->sender;
	int64_t now = clock_wall_s();
	struct report_address to;
	if (row->state == TLSRPT_SENDING && !is_mine(sender, row) &&
		row_change(sender, row, change_lost, (struct change){.detail = NULL}, work->why))
		row_told(sender, row);
	if (!ready(sender, row, now))
		return;
	work->pass->ready++;
	if (row_is_unwanted(work, row, now))
		return;
	if (!report_address_read(&to, row->address, strlen(row->address))) {
		row_stop(work, row, TLSRPT_GIVEN_UP, "this version does not use such an address");
		return;
	}
	struct posting *posting = to.by_mail ? NULL : posting_free(sender);
	bool no_slot = !to.by_mail && !posting;
	if (no_slot || (to.by_mail && work->mta_is_down) ||
		tlsrpt_send_host_full(work->row, work->count, row->host, now)) {
		work->pass->waiting++;
		work->pass->again = work->pass->again || no_slot;
		return;
	}
	attempt(work, row, &to, posting);
}

static bool rows_look(struct work *work)
{
	work->row = store_tlsrpt_sends(work->sender->options.store, &work->count, work->why);
	if (!work->row)
		return false;
	for (size_t i = 0; i < work->count && !stopped(work->sender); i++)
		row_look(work, &work->row[i]);
	free(work->row);
	return true;
}

/* Removes the rows of days before `day`. What was counted leaves first, so that no report is planned again without its row: a clock
 * that is ahead removes rows, and may be set back. */
static bool days_forget(struct work *work, int64_t day, int64_t now)
{
	struct store *store = work->sender->options.store;
	return store_forget_tallies(store, day, work->why) &&
	       store_forget_tlsrpt_sends(store, (int32_t)day, now, work->why);
}

/* --- which reports there are -------------------------------------------------------------------------------------- */

struct plan {
	struct work *work;
	int64_t now;
	struct tlsrpt_send row[ROWS_AT_A_TIME];
	size_t count;
	bool full; /* the store has refused a row */
};

static bool plan_write(struct plan *plan)
{
	size_t refused = 0;
	struct work *work = plan->work;
	bool added = store_add_tlsrpt_sends(work->sender->options.store, plan->row, plan->count, &refused, work->why);
	plan->full = plan->full || refused > 0;
	plan->count = 0;
	return added;
}

static bool plan_domain(struct plan *plan, const struct store_tally_key *key, int64_t due_at)
{
	struct work *work = plan->work;
	struct tlsrpt_tally tally;
	size_t count = 0;
	enum store_found found = store_tally(work->sender->options.store, key->day, key->domain, &tally, work->why);
	struct report_address *to = found == STORE_FOUND ? tlsrpt_report_addresses(&tally, &count) : NULL;
	bool good = found != STORE_FAILED;
	for (size_t i = 0; good && i < count; i++) {
		char token[TLSRPT_TOKEN_SIZE];
		bool failures = tlsrpt_compose_has_failures(&tally, to[i].text);
		if (tlsrpt_send_wanted(&work->rules, key->domain, failures) != TLSRPT_WANTED)
			continue;
		token_make(token);
		tlsrpt_send_init(&plan->row[plan->count++], (int32_t)key->day, key->domain, &to[i], token, due_at);
		good = plan->count < ROWS_AT_A_TIME || plan_write(plan);
	}
	free(to);
	tlsrpt_tally_free(&tally);
	return good;
}

static bool plan_key(struct plan *plan, const struct store_tally_key *key)
{
	struct work *work = plan->work;
	const struct tlsrpt_sender *sender = work->sender;
	int64_t due_at = tlsrpt_send_due_at((int32_t)key->day, key->domain, work->config->settings->report_from);
	bool due = sender->options.at_once || due_at <= plan->now;
	bool planned = due_at <= sender->planned_until;
	if (!due || planned || tlsrpt_send_wanted(&work->rules, key->domain, key->failed) != TLSRPT_WANTED)
		return true;
	return plan_domain(plan, key, due_at);
}

static bool plan_day(struct plan *plan, int64_t day)
{
	struct work *work = plan->work;
	struct store_tally_key page[KEYS_AT_A_TIME], after = {.day = day, .failed = !work->rules.always};
	size_t count;
	do {
		if (!store_page_tallies(work->sender->options.store, &after, KEYS_AT_A_TIME, page, &count, work->why))
			return false;
		for (size_t i = 0; i < count; i++) {
			if (page[i].day != day || stopped(work->sender))
				return true;
			if (!plan_key(plan, &page[i]))
				return false;
			after = page[i];
		}
	} while (count > 0);
	return true;
}

/* Closes the days that are over in the store, so that they stay closed when the clock is set back. Sets `closed` to the newest. */
static bool days_close(struct work *work, int64_t now, int64_t *closed)
{
	struct tlsrpt_sender *sender = work->sender;
	int64_t yesterday = tlsrpt_day(now) - 1;
	if (!store_tallies_closed(sender->options.store, now, closed, work->why))
		return false;
	if (sender->options.at_once && yesterday > *closed)
		*closed = yesterday;
	if (*closed == sender->closed)
		return true;
	bool good = store_close_tallies(sender->options.store, *closed, now, work->why);
	sender->closed = good ? *closed : -1;
	return good;
}

/* Makes room for new rows, as far as that is possible: rows of days whose counts have left the store cannot bring a second report.
 * Then only their bounces find nothing. */
static bool room_make(struct work *work, int64_t now)
{
	struct tlsrpt_sender *sender = work->sender;
	int64_t today = tlsrpt_day(now);
	if (sender->full_on != today)
		log_warning("some TLS reports wait: the store has no room to note what becomes of them");
	sender->full_on = today;
	return days_forget(work, today - TALLY_DAYS_KEPT - 1, now);
}

/* Adds rows for the reports that have become due since the last pass. */
static bool rows_plan(struct work *work)
{
	struct tlsrpt_sender *sender = work->sender;
	struct plan *plan = xcalloc(1, sizeof *plan);
	int64_t closed = -1;
	plan->work = work;
	plan->now = clock_wall_s();
	if (sender->planned_for != work->config || plan->now < sender->planned_until) {
		config_unref(&sender->planned_for);
		sender->planned_for = config_ref(work->config);
		sender->planned_until = 0;
	}
	bool good = days_close(work, plan->now, &closed);
	for (int64_t day = closed - TALLY_DAYS_KEPT; good && day <= closed; day++)
		good = plan_day(plan, day);
	good = good && plan_write(plan);
	if (good && !plan->full && !stopped(sender))
		sender->planned_until = plan->now;
	if (good && plan->full)
		good = room_make(work, plan->now);
	free(plan);
	return good;
}

/* --- a pass ------------------------------------------------------------------------------------------------------- */

static bool rows_forget(struct work *work)
{
	int64_t now = clock_wall_s(), today = tlsrpt_day(now);
	struct tlsrpt_sender *sender = work->sender;
	if (sender->forgotten_on == today)
		return true;
	sender->forgotten_on = today;
	return days_forget(work, today - TLSRPT_SENDS_KEPT_DAYS, now);
}

bool tlsrpt_sender_pass(
	struct tlsrpt_sender *sender, struct config *config, struct tlsrpt_pass *pass, struct failure *why)
{
	const struct settings *settings = config->settings;
	struct work work = {.sender = sender, .config = config, .pass = pass, .why = why};
	memset(pass, 0, sizeof *pass);
	pass->again = postings_take(sender);
	if (!settings_send_reports(settings))
		return true;
	work.rules = (struct tlsrpt_send_rules){settings->report_when == REPORT_ALWAYS, &work.domains, &work.exclude};
	bool good = config_names(&work.domains, "report_domains", &settings->report_domains, why) &&
		    config_names(&work.exclude, "report_exclude", &settings->report_exclude, why) &&
		    rows_forget(&work) && rows_plan(&work) && rows_look(&work);
	names_free(&work.domains);
	names_free(&work.exclude);
	pass->again = postings_take(sender) || pass->again;
	return good;
}

bool tlsrpt_sender_rest(struct tlsrpt_sender *sender, int64_t until_ms)
{
	bool ended = false;
	lock_take(&sender->lock);
	while (!stopped(sender) && !ended && cond_wait_until(&sender->wake, &sender->lock, until_ms))
		for (size_t i = 0; i < TLSRPT_POSTINGS_MAX; i++)
			ended = ended || sender->posting[i].state == POSTING_ENDED;
	lock_drop(&sender->lock);
	return !stopped(sender);
}

/* --- start and stop ----------------------------------------------------------------------------------------------- */

struct tlsrpt_sender *tlsrpt_sender_new(const struct tlsrpt_sender_options *options)
{
	struct tlsrpt_sender *sender = xcalloc(1, sizeof *sender);
	sender->options = *options;
	sender->cancel.run = postings_cancel;
	sender->closed = sender->forgotten_on = sender->full_on = -1;
	lock_init(&sender->lock);
	cond_init(&sender->wake);
	return sender;
}

void tlsrpt_sender_stop(struct tlsrpt_sender *sender)
{
	lock_take(&sender->lock);
	atomic_store(&sender->stop, true);
	cond_wake_all(&sender->wake);
	lock_drop(&sender->lock);
}

void tlsrpt_sender_free(struct tlsrpt_sender **slot)
{
	struct tlsrpt_sender *sender = *slot;
	if (!sender)
		return;
	loop_post(sender->options.loop, &sender->cancel);
	lock_take(&sender->lock);
	while (!sender->cancelled)
		cond_wait(&sender->wake, &sender->lock);
	lock_drop(&sender->lock);
	postings_take(sender);
	config_unref(&sender->planned_for);
	names_free(&sender->tried);
	cond_destroy(&sender->wake);
	lock_destroy(&sender->lock);
	free(sender);
	*slot = NULL;
}
