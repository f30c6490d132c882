#include "tlsrpt_tallies.h"

#include "clock.h"
#include "lock.h"
#include "log.h"
#include "memory.h"
#include "metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#define BUCKETS 1024
#define SLICE_MAX 128          /* tallies that one transaction adds */
#define ROW_OVERHEAD 512       /* octets of memory that a row needs beside its texts */
#define GROUP_OVERHEAD 96      /* the same for a group */
#define DETAIL_OVERHEAD 48     /* the same for a detail */
#define LOST_LOGGED_MS 3600000 /* at most one line in the log about lost sessions in this time */

/* What was counted for a domain on a day, and is not in the store yet. */
struct row {
	struct tlsrpt_tally tally;
	struct row *next; /* in the same bucket */
};

struct tallies {
	struct store *store;
	uint32_t salt; /* so that nobody can choose domains that share a bucket */
	pthread_t thread;
	int64_t forgotten; /* the day on which old days were last removed; used by the thread only */

	struct lock lock;
	struct signal_cond wake;    /* for the thread: `stop`, or the memory is half full */
	struct signal_cond written; /* `writing` has ended */
	struct row *bucket[BUCKETS] GUARDED_BY(lock);
	size_t count GUARDED_BY(lock);
	size_t bytes GUARDED_BY(lock);
	bool writing GUARDED_BY(lock); /* a thread writes what it has taken out of the buckets */
	bool failing GUARDED_BY(lock); /* the store has refused the last writing */
	bool stop GUARDED_BY(lock);
	uint64_t lost GUARDED_BY(lock);          /* sessions that are not in the log yet */
	int64_t lost_logged_ms GUARDED_BY(lock); /* 0: never */
};

/* --- memory ------------------------------------------------------------------------------------------------------- */

static size_t tally_size(const struct tlsrpt_tally *tally)
{
	size_t size = ROW_OVERHEAD + tally->bytes + tally->count * GROUP_OVERHEAD;
	for (size_t i = 0; i < tally->count; i++)
		size += tally->group[i].count * DETAIL_OVERHEAD;
	return size;
}

static void lose(struct tallies *tallies, const struct tlsrpt_tally *tally, enum tallies_cause cause)
	REQUIRES(tallies->lock)
{
	uint64_t sessions = tlsrpt_tally_total(tally);
	metrics_add(METRIC_TLSRPT_LOST, cause, 0, 0, sessions);
	tallies->lost += sessions;
}

/* Adds a tally to what is in memory, or drops it if there is no room. Takes it over. */
static void tally_take(struct tallies *tallies, struct tlsrpt_tally *tally) REQUIRES(tallies->lock)
{
	struct row **at = &tallies->bucket[domain_hash(tally->domain, tallies->salt) % BUCKETS];
	size_t size = tally_size(tally);
	while (*at && ((*at)->tally.day != tally->day || strcmp((*at)->tally.domain, tally->domain) != 0))
		at = &(*at)->next;
	if (tallies->bytes + size > TALLIES_BYTES_MAX || (!*at && tallies->count == TALLIES_DOMAINS_MAX)) {
		lose(tallies, tally, TALLIES_MEMORY);
		tlsrpt_tally_free(tally);
	} else if (*at) {
		size_t before = tally_size(&(*at)->tally);
		tlsrpt_tally_merge(&(*at)->tally, tally);
		tallies->bytes += tally_size(&(*at)->tally) - before;
		tlsrpt_tally_free(tally);
	} else {
		*at = xcalloc(1, sizeof **at);
		(*at)->tally = *tally;
		tallies->count++;
		tallies->bytes += size;
	}
}

static bool is_half_full(const struct tallies *tallies) REQUIRES(tallies->lock)
{
	return tallies->count > TALLIES_DOMAINS_MAX / 2 || tallies->bytes > TALLIES_BYTES_MAX / 2;
}

void tallies_note(struct tallies *tallies, const struct tlsrpt_session *session)
{
	struct tlsrpt_tally tally;
	tlsrpt_tally_init(&tally, tlsrpt_day(clock_wall_s()), session->domain);
	tlsrpt_tally_add(&tally, session);
	uint64_t failed = tlsrpt_tally_failed(&tally), total = tlsrpt_tally_total(&tally);
	metrics_add(METRIC_TLSRPT_SESSIONS, TALLIES_FAILED, 0, 0, failed);
	metrics_add(METRIC_TLSRPT_SESSIONS, TALLIES_GOOD, 0, 0, total - failed);
	lock_take(&tallies->lock);
	tally_take(tallies, &tally);
	if (is_half_full(tallies) && !tallies->failing)
		cond_wake_one(&tallies->wake);
	lock_drop(&tallies->lock);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* Takes all tallies out of the memory: an array from malloc(). */
static struct tlsrpt_tally *all_take(struct tallies *tallies, size_t *count) REQUIRES(tallies->lock)
{
	struct tlsrpt_tally *all = xcalloc(tallies->count, sizeof *all);
	*count = 0;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct row *row; (row = tallies->bucket[i]);) {
			tallies->bucket[i] = row->next;
			all[(*count)++] = row->tally;
			free(row);
		}
	tallies->count = 0;
	tallies->bytes = 0;
	return all;
}

/* Adds tallies to the store, and frees those that are there then. Returns how many they are: all, or fewer after a failure. */
static size_t all_write(
	struct store *store, struct tlsrpt_tally *all, size_t count, uint64_t *refused, struct failure *why)
{
	size_t done = 0;
	*refused = 0;
	while (done < count) {
		size_t some = count - done < SLICE_MAX ? count - done : SLICE_MAX;
		uint64_t more;
		if (!store_add_tallies(store, all + done, some, clock_wall_s(), &more, why))
			break;
		*refused += more;
		for (; some > 0; some--)
			tlsrpt_tally_free(&all[done++]);
	}
	return done;
}

/* What the log is to say after a writing. */
struct news {
	bool fails, works; /* writing begins to fail, or works again */
	uint64_t lost;     /* sessions; 0: nothing to say */
};

static struct news news_take(struct tallies *tallies, bool ok) REQUIRES(tallies->lock)
{
	int64_t now_ms = clock_mono_ms();
	bool quiet = tallies->lost_logged_ms != 0 && now_ms - tallies->lost_logged_ms < LOST_LOGGED_MS;
	struct news news = {.fails = !ok && !tallies->failing, .works = ok && tallies->failing};
	tallies->failing = !ok;
	if (quiet || tallies->lost == 0)
		return news;
	news.lost = tallies->lost;
	tallies->lost = 0;
	tallies->lost_logged_ms = now_ms;
	return news;
}

/* Called without the lock: the log may have to wait. */
static void news_log(const struct news *news, const struct failure *why)
{
	if (news->fails)
		log_warning(
			"counts for TLS reports are not written: %s; they are kept in memory, as far as there is room, and writing is tried again",
			why->text);
	if (news->works)
		log_info("counts for TLS reports are written again");
	if (news->lost > 0)
		log_warning(
			"the results of %" PRIu64
			" TLS sessions are missing from TLS reports, because their part of the store or of the memory is full; raise store_max_bytes if this goes on",
			news->lost);
}

bool tallies_write(struct tallies *tallies, struct failure *why)
{
	struct failure ignored = {.code = 0};
	uint64_t refused;
	size_t count;
	why = why ? why : &ignored;
	lock_take(&tallies->lock);
	while (tallies->writing)
		cond_wait(&tallies->written, &tallies->lock);
	tallies->writing = true;
	struct tlsrpt_tally *all = all_take(tallies, &count);
	lock_drop(&tallies->lock);
	size_t done = all_write(tallies->store, all, count, &refused, why);
	lock_take(&tallies->lock);
	metrics_add(METRIC_TLSRPT_LOST, TALLIES_STORE, 0, 0, refused);
	tallies->lost += refused;
	for (size_t i = done; i < count; i++)
		tally_take(tallies, &all[i]);
	struct news news = {.lost = 0};
	if (count > 0)
		news = news_take(tallies, done == count);
	tallies->writing = false;
	cond_wake_all(&tallies->written);
	lock_drop(&tallies->lock);
	news_log(&news, why);
	free(all);
	return done == count;
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

/* Removes old days from the store, once a day. A clock that goes back removes nothing. */
static void old_forget(struct tallies *tallies)
{
	int64_t today = tlsrpt_day(clock_wall_s());
	if (today != tallies->forgotten && store_forget_tallies(tallies->store, today - TALLY_DAYS_KEPT, NULL))
		tallies->forgotten = today;
}

/* Waits until it is time to write. Returns whether the thread must stop. */
static bool rest(struct tallies *tallies)
{
	int64_t until_ms = clock_mono_ms() + TALLIES_WRITE_MS;
	lock_take(&tallies->lock);
	while (!tallies->stop && (tallies->failing || !is_half_full(tallies)) &&
		cond_wait_until(&tallies->wake, &tallies->lock, until_ms))
		continue;
	bool stop = tallies->stop;
	lock_drop(&tallies->lock);
	return stop;
}

static void *tallies_main(void *arg)
{
	struct tallies *tallies = arg;
	bool stop = false;
	while (!stop) {
		old_forget(tallies);
		stop = rest(tallies);
		tallies_write(tallies, NULL);
	}
	return NULL;
}

static void tallies_destroy(struct tallies *tallies)
{
	size_t count;
	lock_take(&tallies->lock);
	struct tlsrpt_tally *all = all_take(tallies, &count);
	for (size_t i = 0; i < count; i++) {
		lose(tallies, &all[i], TALLIES_STORE);
		tlsrpt_tally_free(&all[i]);
	}
	if (tallies->lost > 0)
		log_warning("the results of %" PRIu64 " TLS sessions are missing from TLS reports", tallies->lost);
	lock_drop(&tallies->lock);
	free(all);
	cond_destroy(&tallies->wake);
	cond_destroy(&tallies->written);
	lock_destroy(&tallies->lock);
	free(tallies);
}

struct tallies *tallies_start(struct store *store, struct failure *why)
{
	struct tallies *tallies = xcalloc(1, sizeof *tallies);
	sigset_t all, before;
	tallies->store = store;
	if (getrandom(&tallies->salt, sizeof tallies->salt, 0) != sizeof tallies->salt)
		abort();
	lock_init(&tallies->lock);
	cond_init(&tallies->wake);
	cond_init(&tallies->written);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool started = pthread_create(&tallies->thread, NULL, tallies_main, tallies) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started)
		return tallies;
	tallies_destroy(tallies);
	failure_set(why, EX_OSERR,
		"the thread that writes counts for TLS reports cannot be started: raise the limit on threads");
	return NULL;
}

void tallies_stop(struct tallies **slot)
{
	struct tallies *tallies = *slot;
	if (!tallies)
		return;
	lock_take(&tallies->lock);
	tallies->stop = true;
	cond_wake_one(&tallies->wake);
	lock_drop(&tallies->lock);
	pthread_join(tallies->thread, NULL);
	tallies_destroy(tallies);
	*slot = NULL;
}
