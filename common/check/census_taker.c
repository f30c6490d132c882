#include "census_taker.h"

#include "census_gauges.h"
#include "census_walk.h"
#include "clock.h"
#include "lock.h"
#include "memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct census_taker {
	struct check *check;
	struct store *store;
	pthread_t thread;
	bool started;
	/* Only the thread uses these members. */
	struct census *census; /* the one that is being taken */
	int64_t mail_ms;       /* when mail is looked at next */

	struct lock lock;
	struct signal_cond wake;
	struct census *latest GUARDED_BY(lock); /* NULL: none yet */
	bool stop GUARDED_BY(lock);
};

/* Waits, and meanwhile looks at mail when that is due. Returns false if the thread must stop. */
static bool taker_rest(struct census_taker *taker, int64_t until_ms)
{
	bool stop;
	do {
		if (clock_mono_ms() >= taker->mail_ms) {
			census_gauges_mail(taker->store, clock_wall_s());
			taker->mail_ms = clock_mono_ms() + CENSUS_MAIL_MS;
		}
		int64_t wake_ms = taker->mail_ms < until_ms ? taker->mail_ms : until_ms;
		lock_take(&taker->lock);
		while (!taker->stop && cond_wait_until(&taker->wake, &taker->lock, wake_ms))
			continue;
		stop = taker->stop;
		lock_drop(&taker->lock);
	} while (!stop && clock_mono_ms() < until_ms);
	return !stop;
}

typedef bool walk_page(struct census_walk *walk, bool *more, struct failure *why);

/* Reads one table, page by page. Returns false if the store cannot be read, or the thread must stop. */
static bool table_read(struct census_taker *taker, struct census_walk *walk, walk_page *page)
{
	bool more = true, goes_on = true;
	while (more && goes_on)
		goes_on = page(walk, &more, NULL) && taker_rest(taker, clock_mono_ms() + CENSUS_PAUSE_MS);
	return goes_on;
}

static void census_publish(struct census_taker *taker)
{
	struct census *spare;
	census_end(taker->census);
	census_gauges_set(taker->census);
	lock_take(&taker->lock);
	spare = taker->latest;
	taker->latest = taker->census;
	lock_drop(&taker->lock);
	taker->census = spare ? spare : xcalloc(1, sizeof *spare);
}

static void census_take(struct census_taker *taker)
{
	struct config *config = check_config(taker->check);
	int64_t now = clock_wall_s();
	struct census_walk walk;
	census_gauges_reports(taker->store, settings_send_reports(config->settings), now);
	census_begin(taker->census, now, config->rules.probe_ttl_max_s);
	config_unref(&config);
	census_walk_begin(&walk, taker->store, taker->census);
	if (table_read(taker, &walk, census_walk_entries) && table_read(taker, &walk, census_walk_hops))
		census_publish(taker);
}

static void *taker_main(void *arg)
{
	struct census_taker *taker = arg;
	int64_t until_ms;
	do {
		int64_t begun_ms = clock_mono_ms();
		census_take(taker);
		int64_t ended_ms = clock_mono_ms(), took_ms = ended_ms - begun_ms;
		until_ms = ended_ms + (took_ms > CENSUS_EVERY_MS ? took_ms : CENSUS_EVERY_MS);
	} while (taker_rest(taker, until_ms));
	return NULL;
}

struct census_taker *census_taker_new(struct check *check, struct store *store)
{
	struct census_taker *taker = xcalloc(1, sizeof *taker);
	taker->check = check;
	taker->store = store;
	taker->census = xcalloc(1, sizeof *taker->census);
	lock_init(&taker->lock);
	cond_init(&taker->wake);
	return taker;
}

bool census_taker_start(struct census_taker *taker, struct failure *why)
{
	int err = pthread_create(&taker->thread, NULL, taker_main, taker);
	taker->started = err == 0;
	return taker->started || failure_set(why, EX_OSERR, "cannot start a thread: %s", strerror(err));
}

void census_taker_stop(struct census_taker *taker)
{
	if (!taker || !taker->started)
		return;
	lock_take(&taker->lock);
	taker->stop = true;
	cond_wake_all(&taker->wake);
	lock_drop(&taker->lock);
	pthread_join(taker->thread, NULL);
	taker->started = false;
}

void census_taker_free(struct census_taker **slot)
{
	struct census_taker *taker = *slot;
	if (!taker)
		return;
	cond_destroy(&taker->wake);
	lock_destroy(&taker->lock);
	free(taker->latest);
	free(taker->census);
	free(taker);
	*slot = NULL;
}

struct census *census_latest(struct census_taker *taker)
{
	struct census *copy = xmalloc(sizeof *copy);
	lock_take(&taker->lock);
	bool known = taker->latest != NULL;
	if (known)
		memcpy(copy, taker->latest, sizeof *copy);
	lock_drop(&taker->lock);
	if (known)
		return copy;
	free(copy);
	return NULL;
}
