#include "revocations.h"

#include "clock.h"
#include "lock.h"
#include "lookups.h"
#include "memory.h"
#include "metrics.h"
#include "text.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#define TICK_MS 1000
#define HOPS_AT_A_TIME 64
#define PORT_HTTPS 443

/* A CRL in the table. Only the thread uses it. */
struct listed {
	bool used;
	uint64_t id; /* crl_leaf.list */
	struct crl_url url;
	struct crl_issuer *issuer;
	int64_t seen_at; /* when one of its certificates was last shown */
	int64_t read_at; /* when it last answered; 0: never, or before the start */
	int64_t due_at;  /* when it is to be downloaded next */
	int64_t modified_at;
	bool has_new;      /* a certificate has come since the last download, which did not answer for it */
	unsigned failures; /* in a row */
	bool busy;         /* is being downloaded */
};

/* A download. The thread fills the first members and posts the task; from then on the loop owns the download, until it
 * sets `state` to ENDED. */
struct download {
	struct loop_task task; /* first */
	struct revocations *revocations;
	struct listed *listed;
	struct crl_url url;
	int64_t newer_than;
	struct config *config;

	struct lookups lookups;
	struct fetch *fetch;
	struct fetch_list_found found;
	enum { DOWNLOAD_FREE, DOWNLOAD_RUNS, DOWNLOAD_ENDED } state GUARDED_BY(lock);
};

struct revocations {
	struct store *store;
	struct events *events;
	struct config *(*config)(void *arg);
	void *config_arg;
	struct loop *loop;
	struct fetch_line *fetches;
	bool started;
	pthread_t thread;
	struct listed listed[CRLS_MAX];
	bool enforces; /* the setting was `enforce` when the thread last looked */
	struct loop_task cancel;

	struct lock lock;
	struct signal_cond wake; /* a download has ended, or `stop` is set */
	struct download download[CRL_DOWNLOADS_MAX];
	bool stop GUARDED_BY(lock);
	bool cancelled GUARDED_BY(lock); /* the loop has no download any more, and begins none */
};

/* --- what the store knows ------------------------------------------------------------------------------------------- */

static enum revocation_state known(struct revocations *revocations, uint64_t leaf, struct revocation *out)
{
	struct store_view *view = leaf != 0 ? store_view_begin(revocations->store, NULL) : NULL;
	enum store_found found = view ? store_view_revocation(view, leaf, out) : STORE_FAILED;
	store_view_end(&view);
	return found == STORE_FOUND ? revocation_now(out, clock_wall_s()) : REVOCATION_UNKNOWN;
}

/* The same for evidence, which may have a staple. */
static enum revocation_state known_of(
	struct revocations *revocations, const struct evidence *seen, struct revocation *out)
{
	if (revocation_stapled(out, seen->staple, seen->revoked_at))
		return REVOCATION_REVOKED;
	return known(revocations, seen->leaf, out);
}

bool revocations_judge(struct revocations *revocations, const struct settings *settings, struct evidence *seen)
{
	struct revocation revocation;
	if (!revocations || settings->revocation != REVOCATION_ENFORCE || !revocation_concerns(seen) ||
		known_of(revocations, seen, &revocation) != REVOCATION_REVOKED)
		return false;
	revocation_apply(seen, &revocation);
	return true;
}

static void event_raise(struct revocations *revocations, const char *domain, const char *host, uint16_t port,
	const struct revocation *revocation)
{
	bool is_policy_host = port == PORT_HTTPS;
	char detail[EVENT_DETAIL_SIZE];
	struct event_record event;
	struct text text;
	text_init(&text, detail, sizeof detail);
	text_add(&text, is_policy_host ? "policy host " : "mx=");
	text_add(&text, host);
	text_add(&text, " presents a certificate that was revoked at ");
	text_add_time(&text, revocation->revoked_at);
	text_add(&text, ", according to ");
	text_add(&text, revocation->url);
	text_add(&text, revocation->serial[0] ? "; serial number " : "");
	text_add(&text, revocation->serial);
	event_record_init(&event, EVENT_CERTIFICATE_REVOKED, domain, detail, clock_wall_s());
	memcpy(event.host, host, strlen(host) + 1);
	event.port = port;
	events_note_sign(revocations->events, &event, NULL);
}

void revocations_note(struct revocations *revocations, const struct settings *settings, const char *domain,
	const char *host, uint16_t port, const struct evidence *seen)
{
	struct revocation revocation;
	bool concerns = seen->reason == REASON_CERT_REVOKED || revocation_concerns(seen);
	if (settings->revocation == REVOCATION_OFF || !concerns)
		return;
	enum revocation_state state = known_of(revocations, seen, &revocation);
	metrics_add(METRIC_REVOCATIONS, state, 0, 0, 1);
	if (state == REVOCATION_REVOKED)
		event_raise(revocations, domain, host, port, &revocation);
}

void revocations_judge_policy(struct revocations *revocations, const struct settings *settings, const char *domain,
	struct policy_found *found)
{
	struct revocation revocation;
	char buffer[DOMAIN_SIZE];
	struct text text;
	if (!revocations || settings->revocation == REVOCATION_OFF)
		return;
	if (!revocation_stapled(&revocation, found->staple.state, found->staple.revoked_at) &&
		known(revocations, found->leaf, &revocation) != REVOCATION_REVOKED)
		return;
	text_init(&text, buffer, sizeof buffer);
	text_add(&text, "mta-sts.");
	text_add(&text, domain);
	event_raise(revocations, domain, buffer, PORT_HTTPS, &revocation);
	if (settings->revocation != REVOCATION_ENFORCE)
		return;
	policy_found_free(found);
	found->outcome = REASON_POLICY_WEBPKI;
	found->way = HEALTH_REACHED;
	text_init(&text, found->detail, sizeof found->detail);
	text_add(&text, "its authority revoked the certificate at ");
	text_add_time(&text, revocation.revoked_at);
	text_add(&text, ", according to ");
	text_add(&text, revocation.url);
}

/* --- hops whose certificate turns out to be revoked ----------------------------------------------------------------- */

/* The certificates that a CRL has shown to be revoked, and the hops that show them. */
struct turning {
	const struct revocation *revoked;
	size_t count;
	int64_t now;
	bool enforce;
};

static const struct revocation *revoked_find(const struct turning *turning, const struct evidence *seen)
{
	for (size_t i = 0; i < turning->count; i++)
		if (seen->leaf != 0 && turning->revoked[i].leaf == seen->leaf && revocation_concerns(seen))
			return &turning->revoked[i];
	return NULL;
}

/* A store_hop_change: adds bad evidence, so that no more mail goes to the hop until it has been probed again. */
static void hop_turn(struct hop_record *record, void *arg)
{
	const struct turning *turning = arg;
	const struct evidence *const kept[] = {&record->pkix.conclusive, &record->dane.conclusive};
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		const struct revocation *revoked = revoked_find(turning, kept[i]);
		if (!revoked)
			continue;
		struct evidence seen = *kept[i];
		revocation_apply(&seen, revoked);
		seen.at = turning->now;
		seen.seen_for[0] = '\0';
		seen.seen_by[0] = '\0';
		hop_record_learn(record, &seen);
	}
}

static void hop_look(struct revocations *revocations, struct turning *turning, const struct store_hop *hop)
{
	struct hop_record record;
	struct store_view *view = store_view_begin(revocations->store, NULL);
	enum store_found found = view ? store_view_hop(view, hop->host, hop->port, &record) : STORE_FAILED;
	store_view_end(&view);
	if (found != STORE_FOUND)
		return;
	const struct revocation *revoked = revoked_find(turning, &record.pkix.conclusive);
	if (!revoked)
		revoked = revoked_find(turning, &record.dane.conclusive);
	if (!revoked)
		return;
	event_raise(revocations, "", hop->host, hop->port, revoked);
	if (turning->enforce)
		store_change_hop(revocations->store, hop->host, hop->port, hop_turn, turning, NULL);
}

/* Looks at all hops of the store: a revocation is rare. */
static void hops_turn(struct revocations *revocations, struct turning *turning)
{
	struct store_hop hop[HOPS_AT_A_TIME], after = {.port = 0};
	size_t count = HOPS_AT_A_TIME;
	while (turning->count > 0 && count == HOPS_AT_A_TIME) {
		if (!store_page_hops(revocations->store, &after, HOPS_AT_A_TIME, hop, &count, NULL))
			return;
		for (size_t i = 0; i < count; i++)
			hop_look(revocations, turning, &hop[i]);
		if (count > 0)
			after = hop[count - 1];
	}
}

/* --- answers of a CRL ----------------------------------------------------------------------------------------------- */

/* Returns the certificates of a CRL that the store knows, as an array from malloc(); NULL: the store cannot be read. */
static struct revocation *rows_of(struct revocations *revocations, uint64_t list, size_t *count)
{
	size_t all = 0;
	struct revocation *rows = store_revocations(revocations->store, &all, NULL);
	*count = 0;
	for (size_t i = 0; rows && i < all; i++)
		if (rows[i].list == list)
			rows[(*count)++] = rows[i];
	return rows;
}

/* Answers a certificate by a CRL. Returns whether it has turned out to be revoked. */
static bool row_answer(struct revocation *row, struct crl *crl)
{
	const struct crl_times times = crl_times(crl);
	enum revocation_state before = row->state;
	int64_t revoked_at = 0;
	bool revoked = crl_lists(crl, row->serial, &revoked_at);
	bool news = revocation_learn(
		row, revoked ? REVOCATION_REVOKED : REVOCATION_GOOD, times.this_update, times.next_update, revoked_at);
	return news && revoked && before != REVOCATION_REVOKED;
}

/* Writes what has become of a download into the rows of its CRL. `crl` NULL: it gave no answer; `why` is "" if it has not
 * changed. */
static void rows_learn(
	struct revocations *revocations, const struct listed *listed, struct crl *crl, const char *why, bool enforce)
{
	size_t count;
	struct revocation *rows = rows_of(revocations, listed->id, &count), *revoked = NULL;
	struct turning turning = {.now = clock_wall_s(), .enforce = enforce};
	if (!rows)
		return;
	revoked = xcalloc(count + 1, sizeof *revoked);
	for (size_t i = 0; i < count; i++) {
		struct text text;
		text_init(&text, rows[i].why, sizeof rows[i].why);
		text_add(&text, why);
		rows[i].checked_at = turning.now;
		rows[i].next_at = listed->due_at;
		if (crl && row_answer(&rows[i], crl))
			revoked[turning.count++] = rows[i];
	}
	store_put_revocations(revocations->store, rows, count, NULL);
	turning.revoked = revoked;
	hops_turn(revocations, &turning);
	free(revoked);
	free(rows);
}

/* When revocation = enforce begins to apply, hops may have good evidence although the store knows better. */
static void enforce_begin(struct revocations *revocations)
{
	size_t all = 0;
	struct revocation *rows = store_revocations(revocations->store, &all, NULL);
	struct turning turning = {.revoked = rows, .now = clock_wall_s(), .enforce = true};
	for (size_t i = 0; rows && i < all; i++)
		if (revocation_now(&rows[i], turning.now) == REVOCATION_REVOKED)
			rows[turning.count++] = rows[i];
	hops_turn(revocations, &turning);
	free(rows);
}

static int64_t retry_s(unsigned failures)
{
	int64_t wait_s = CRL_RETRY_S;
	for (unsigned i = 1; i < failures && wait_s < CRL_RETRY_MOST_S; i++)
		wait_s *= 2;
	return wait_s < CRL_RETRY_MOST_S ? wait_s : CRL_RETRY_MOST_S;
}

static int64_t again_s(const struct crl_times *times)
{
	int64_t half_s = (times->next_update - times->this_update) / 2;
	if (half_s < CRL_AGAIN_S)
		return CRL_AGAIN_S;
	return half_s < CRL_AGAIN_MOST_S ? half_s : CRL_AGAIN_MOST_S;
}

/* A download has ended. */
static void listed_learn(
	struct revocations *revocations, struct listed *listed, struct fetch_list_found *found, bool enforce)
{
	int64_t now = clock_wall_s();
	const char *why = found->unchanged ? "" : found->detail;
	struct crl *crl = NULL;
	if (found->received)
		crl = crl_read(found->bytes, found->len, listed->issuer, listed->url.text, now, &why);
	free(found->bytes);
	found->bytes = NULL;
	bool answered = crl || found->unchanged;
	metrics_add(METRIC_CRL_DOWNLOADS, crl ? 0 : found->unchanged ? 1 : 2, 0, 0, 1);
	listed->failures = answered ? 0 : listed->failures + 1;
	if (crl) {
		const struct crl_times times = crl_times(crl);
		listed->due_at = now + again_s(&times);
		listed->read_at = now;
		listed->modified_at = found->modified_at;
		listed->has_new = false;
	} else {
		listed->due_at = now + (answered ? CRL_AGAIN_S : retry_s(listed->failures));
	}
	rows_learn(revocations, listed, crl, crl ? "" : why, enforce);
	crl_free(&crl);
#ifdef __GLIBC__
	malloc_trim(0); /* a large CRL takes many small pieces of memory */
#endif
}

/* --- downloads: on the loop ------------------------------------------------------------------------------------------ */

static void download_end(struct download *download)
{
	struct revocations *revocations = download->revocations;
	fetch_drop(&download->fetch);
	lookups_end(&download->lookups);
	download->lookups = (struct lookups){.dns = NULL};
	config_unref(&download->config);
	lock_take(&revocations->lock);
	download->state = DOWNLOAD_ENDED;
	cond_wake_all(&revocations->wake);
	lock_drop(&revocations->lock);
}

static void download_fail(struct download *download, const char *words)
{
	struct text text;
	text_init(&text, download->found.detail, sizeof download->found.detail);
	text_add(&text, download->url.host);
	text_add(&text, " ");
	text_add(&text, words);
	download_end(download);
}

/* Continues a download; also its wake. */
static void download_go(void *arg)
{
	struct download *download = arg;
	struct revocations *revocations = download->revocations;
	struct lookups *lookups = &download->lookups;
	const struct settings *settings = download->config->settings;
	const struct wake wake = {download_go, download};
	struct addresses list;
	if (download->fetch) {
		if (fetch_list_answer(download->fetch, &download->found))
			download_end(download);
		return;
	}
	lookups_begin(lookups, download->config->dns, revocations->loop, wake);
	addresses_find(&list, lookups, download->url.host, FETCH_ADDRESSES_MAX, settings->probe_private,
		lookups->begun_ms + CRL_TIMEOUT_MS);
	if (!lookups_over(lookups))
		return;
	int64_t left_ms = CRL_TIMEOUT_MS - lookups_took_ms(lookups);
	if (list.count == 0 || left_ms <= 0)
		download_fail(download, addresses_lack(&list));
	else
		download->fetch = fetch_list_begin(download->config->fetcher, revocations->fetches, &download->url,
			download->newer_than, list.at, list.count, (int)left_ms, wake);
}

static void download_begin(struct loop_task *task)
{
	download_go(task);
}

static void downloads_cancel(struct loop_task *task)
{
	struct revocations *revocations = (struct revocations *)((char *)task - offsetof(struct revocations, cancel));
	for (size_t i = 0; i < CRL_DOWNLOADS_MAX; i++) {
		struct download *download = &revocations->download[i];
		lock_take(&revocations->lock);
		bool runs = download->state == DOWNLOAD_RUNS;
		lock_drop(&revocations->lock);
		if (runs)
			download_end(download);
	}
	lock_take(&revocations->lock);
	revocations->cancelled = true;
	cond_wake_all(&revocations->wake);
	lock_drop(&revocations->lock);
}

/* --- the thread ------------------------------------------------------------------------------------------------------ */

/* Finds a CRL in the table, or puts it there in place of the one whose certificates were not shown for the longest time.
 * Returns NULL if all others are being downloaded. */
static struct listed *listed_of(struct revocations *revocations, const struct crl_leaf *leaf, int64_t now)
{
	struct listed *oldest = NULL;
	for (size_t i = 0; i < CRLS_MAX; i++) {
		struct listed *one = &revocations->listed[i];
		if (one->used && one->id == leaf->list)
			return one;
		int64_t seen_at = one->used ? one->seen_at : 0;
		if (!one->busy && (!oldest || seen_at < (oldest->used ? oldest->seen_at : 0)))
			oldest = one;
	}
	if (!oldest)
		return NULL;
	if (oldest->used)
		crl_issuer_free(&oldest->issuer);
	*oldest = (struct listed){.used = true, .id = leaf->list, .url = leaf->url, .due_at = now + CRL_GATHER_S};
	oldest->issuer = crl_issuer_ref(leaf->issuer);
	return oldest;
}

/* Takes in a certificate that a host has shown. Returns whether `row` must be written. */
static bool leaf_learn(
	struct revocations *revocations, const struct crl_leaf *leaf, int64_t now, struct revocation *row)
{
	if (leaf->not_after < now + CRL_WORTH_S)
		return false;
	struct listed *listed = listed_of(revocations, leaf, now);
	known(revocations, leaf->leaf, row);
	bool is_new = row->leaf == 0 || row->list != leaf->list;
	if (row->leaf == 0) {
		*row = (struct revocation){.leaf = leaf->leaf, .not_after = leaf->not_after};
		memcpy(row->serial, leaf->serial, sizeof row->serial);
		memcpy(row->url, leaf->url.text, sizeof row->url);
	}
	/* Whoever holds the key may send the chain by another certificate of the same authority. That makes another list,
	 * and what is known about the certificate stays. */
	if (is_new) {
		row->list = leaf->list;
		row->checked_at = now;
		row->next_at = 0;
	}
	if (!listed)
		return is_new;
	listed->seen_at = now;
	listed->has_new = listed->has_new || row->as_of == 0;
	/* After a restart the rows know when the CRL is due. A time that is too far ahead comes from another clock. */
	if (!is_new && !listed->busy && row->next_at > listed->due_at && row->next_at <= now + CRL_AGAIN_MOST_S) {
		listed->due_at = row->next_at;
		listed->read_at = row->checked_at;
	}
	return is_new;
}

static void leaves_learn(struct revocations *revocations, const struct config *config)
{
	struct revocation *rows = xcalloc(LEAVES_MAX, sizeof *rows);
	struct crl_leaf leaf;
	size_t count = 0;
	int64_t now = clock_wall_s();
	while (config->leaves && count < LEAVES_MAX && leaves_take(config->leaves, &leaf)) {
		count += leaf_learn(revocations, &leaf, now, &rows[count]);
		crl_issuer_free(&leaf.issuer);
	}
	store_put_revocations(revocations->store, rows, count, NULL);
	free(rows);
}

/* A certificate that the list has not answered yet does not wait for half of the list's time. */
static int64_t due_of(const struct listed *listed)
{
	bool is_sooner = listed->has_new && listed->read_at != 0 && listed->failures == 0 &&
			 listed->read_at + CRL_AGAIN_S < listed->due_at;
	return is_sooner ? listed->read_at + CRL_AGAIN_S : listed->due_at;
}

static struct listed *listed_due(struct revocations *revocations, int64_t now)
{
	for (size_t i = 0; i < CRLS_MAX; i++) {
		struct listed *one = &revocations->listed[i];
		bool wanted = one->used && !one->busy && now - one->seen_at < CRL_UNSEEN_S;
		/* a due time that is too far ahead was made by a clock that has since been set back */
		if (wanted && (due_of(one) <= now || one->due_at > now + CRL_AGAIN_MOST_S))
			return one;
	}
	return NULL;
}

static void download_start(
	struct revocations *revocations, struct download *download, struct listed *listed, struct config *config)
{
	listed->busy = true;
	download->task = (struct loop_task){.run = download_begin};
	download->revocations = revocations;
	download->listed = listed;
	download->url = listed->url;
	download->newer_than = listed->has_new ? 0 : listed->modified_at;
	download->config = config_ref(config);
	download->found = (struct fetch_list_found){.received = false};
	lock_take(&revocations->lock);
	download->state = DOWNLOAD_RUNS;
	lock_drop(&revocations->lock);
	loop_post(revocations->loop, &download->task);
}

/* Takes downloads that have ended, and starts those that are due. */
static void downloads_look(struct revocations *revocations, struct config *config)
{
	bool on = config->settings->revocation != REVOCATION_OFF;
	for (size_t i = 0; i < CRL_DOWNLOADS_MAX; i++) {
		struct download *download = &revocations->download[i];
		lock_take(&revocations->lock);
		bool ended = download->state == DOWNLOAD_ENDED, runs = download->state == DOWNLOAD_RUNS;
		if (ended)
			download->state = DOWNLOAD_FREE;
		lock_drop(&revocations->lock);
		if (ended) {
			download->listed->busy = false;
			listed_learn(revocations, download->listed, &download->found,
				config->settings->revocation == REVOCATION_ENFORCE);
		}
		struct listed *due = on && !runs ? listed_due(revocations, clock_wall_s()) : NULL;
		if (due)
			download_start(revocations, download, due, config);
	}
}

/* Waits for the end of a download, or a tick. Returns whether the thread must stop. */
static bool rest(struct revocations *revocations)
{
	int64_t until_ms = clock_mono_ms() + TICK_MS;
	bool ended = false;
	lock_take(&revocations->lock);
	while (!revocations->stop && !ended && cond_wait_until(&revocations->wake, &revocations->lock, until_ms))
		for (size_t i = 0; i < CRL_DOWNLOADS_MAX; i++)
			ended = ended || revocations->download[i].state == DOWNLOAD_ENDED;
	bool stop = revocations->stop;
	lock_drop(&revocations->lock);
	return stop;
}

static void *revocations_main(void *arg)
{
	struct revocations *revocations = arg;
	do {
		struct config *config = revocations->config(revocations->config_arg);
		bool enforces = config->settings->revocation == REVOCATION_ENFORCE;
		if (enforces && !revocations->enforces)
			enforce_begin(revocations);
		revocations->enforces = enforces;
		leaves_learn(revocations, config);
		downloads_look(revocations, config);
		config_unref(&config);
	} while (!rest(revocations));
	return NULL;
}

/* --- start and stop -------------------------------------------------------------------------------------------------- */

struct revocations *revocations_new(struct store *store, struct events *events)
{
	struct revocations *revocations = xcalloc(1, sizeof *revocations);
	revocations->store = store;
	revocations->events = events;
	revocations->cancel.run = downloads_cancel;
	lock_init(&revocations->lock);
	cond_init(&revocations->wake);
	return revocations;
}

bool revocations_start(struct revocations *revocations, struct config *(*config)(void *arg), void *arg,
	struct loop *loop, struct fetch_line *fetches, struct failure *why)
{
	revocations->config = config;
	revocations->config_arg = arg;
	revocations->loop = loop;
	revocations->fetches = fetches;
	int err = pthread_create(&revocations->thread, NULL, revocations_main, revocations);
	revocations->started = err == 0;
	return err == 0 || failure_set(why, EX_OSERR, "cannot start a thread: %s", strerror(err));
}

void revocations_stop(struct revocations *revocations)
{
	if (!revocations->started)
		return;
	lock_take(&revocations->lock);
	revocations->stop = true;
	cond_wake_all(&revocations->wake);
	lock_drop(&revocations->lock);
	pthread_join(revocations->thread, NULL);
	loop_post(revocations->loop, &revocations->cancel);
	lock_take(&revocations->lock);
	while (!revocations->cancelled)
		cond_wait(&revocations->wake, &revocations->lock);
	lock_drop(&revocations->lock);
	revocations->started = false;
}

void revocations_free(struct revocations **slot)
{
	struct revocations *revocations = *slot;
	if (!revocations)
		return;
	revocations_stop(revocations);
	for (size_t i = 0; i < CRL_DOWNLOADS_MAX; i++)
		free(revocations->download[i].found.bytes);
	for (size_t i = 0; i < CRLS_MAX; i++)
		if (revocations->listed[i].used)
			crl_issuer_free(&revocations->listed[i].issuer);
	cond_destroy(&revocations->wake);
	lock_destroy(&revocations->lock);
	free(revocations);
	*slot = NULL;
}
