#include "refresher.h"

#include "check_limits.h"
#include "clock.h"
#include "lock.h"
#include "memory.h"
#include "verdicts.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define BEGUN_SLOTS 16384 /* domains whose submission is remembered */

static const struct rate submit_rate = {REFRESHER_A_SECOND, 1000, REFRESHER_A_SECOND};

struct refresher {
	struct check *check;
	struct store *store;
	void (*round_ended)(void *arg);
	void *arg;
	pthread_t thread;
	/* Only the thread uses these members. */
	size_t batch;
	struct bucket bucket; /* a token for each domain that may be submitted */
	struct keyed *begun;  /* the domains that were submitted, each with the time */

	struct lock lock;
	struct signal_cond wake;
	bool stop GUARDED_BY(lock);
};

/* Submits a domain, unless it was submitted within the last REFRESHER_AGAIN_MS. Returns false if no further domain can be
 * submitted now. */
static bool refresher_submit(struct refresher *refresher, const char *domain, int64_t now_ms)
{
	const struct key key = keyed_name(refresher->begun, domain, 0);
	const struct slot *begun = keyed_find(refresher->begun, &key);
	if (begun && now_ms - begun->at_ms < REFRESHER_AGAIN_MS)
		return true;
	if (!bucket_has(&refresher->bucket, &submit_rate, 0))
		return false;
	switch (check_refresh(refresher->check, domain, false)) {
	case CHECK_REFRESH_BEGUN:
		keyed_slot(refresher->begun, &key, now_ms)->at_ms = now_ms;
		bucket_take(&refresher->bucket, &submit_rate);
		return true;
	case CHECK_REFRESH_UNDER_WAY:
		return true;
	case CHECK_REFRESH_NO_ROOM:
		break;
	}
	return false;
}

/* Submits the domains that are due. Returns whether to run again after REFRESHER_SOON_MS. */
static bool refresher_look(struct refresher *refresher)
{
	struct names due = {0};
	struct failure why;
	int64_t now_ms = clock_mono_ms();
	bucket_fill(&refresher->bucket, &submit_rate, now_ms);
	int64_t spent = refresher->bucket.spent;
	bool read = store_due(refresher->store, clock_wall_s(), refresher->batch, &due, &why);
	check_round_ended(refresher->check, read, &why);
	const char *domain = NULL;
	size_t count = 0;
	bool room = true;
	while (read && room && (domain = names_next(&due, domain))) {
		room = refresher_submit(refresher, domain, now_ms);
		count++;
	}
	names_free(&due);
	/* If no domain of a full batch can be submitted, the next batch is larger, so that it also reaches later
	 * domains. */
	bool whole = room && count == refresher->batch;
	bool stuck = whole && refresher->bucket.spent <= spent;
	bool most = refresher->batch >= REFRESHER_BATCH_MAX;
	refresher->batch = !stuck ? REFRESHER_BATCH : most ? REFRESHER_BATCH_MAX : refresher->batch * 2;
	return !room || (whole && !(stuck && most));
}

/* Waits, and meanwhile writes verdicts that were recorded. Returns whether the thread must stop. */
static bool refresher_rest(struct refresher *refresher, int64_t until_ms)
{
	bool stop;
	do {
		check_write_verdicts(refresher->check);
		int64_t tick_ms = clock_mono_ms() + VERDICTS_TICK_MS;
		if (tick_ms > until_ms)
			tick_ms = until_ms;
		lock_take(&refresher->lock);
		while (!refresher->stop && cond_wait_until(&refresher->wake, &refresher->lock, tick_ms))
			continue;
		stop = refresher->stop;
		lock_drop(&refresher->lock);
	} while (!stop && clock_mono_ms() < until_ms);
	return stop;
}

static void *refresher_main(void *arg)
{
	struct refresher *refresher = arg;
	int64_t until_ms;
	do {
		bool more = refresher_look(refresher);
		if (refresher->round_ended)
			refresher->round_ended(refresher->arg);
		until_ms = clock_mono_ms() + (more ? REFRESHER_SOON_MS : REFRESHER_TICK_MS);
	} while (!refresher_rest(refresher, until_ms));
	return NULL;
}

static void refresher_free(struct refresher *refresher)
{
	lock_destroy(&refresher->lock);
	cond_destroy(&refresher->wake);
	keyed_free(&refresher->begun);
	free(refresher);
}

struct refresher *refresher_start(
	struct check *check, struct store *store, void (*round_ended)(void *arg), void *arg, struct failure *why)
{
	struct refresher *refresher = xcalloc(1, sizeof *refresher);
	refresher->check = check;
	refresher->store = store;
	refresher->round_ended = round_ended;
	refresher->arg = arg;
	refresher->batch = REFRESHER_BATCH;
	refresher->begun = keyed_new(BEGUN_SLOTS, NULL);
	refresher->bucket =
		(struct bucket){.spent = (int64_t)submit_rate.most * submit_rate.in_ms, .at_ms = clock_mono_ms()};
	lock_init(&refresher->lock);
	cond_init(&refresher->wake);
	int err = pthread_create(&refresher->thread, NULL, refresher_main, refresher);
	if (err == 0)
		return refresher;
	failure_set(why, EX_OSERR, "cannot start a thread: %s", strerror(err));
	refresher_free(refresher);
	return NULL;
}

void refresher_stop(struct refresher **refresher)
{
	if (!*refresher)
		return;
	lock_take(&(*refresher)->lock);
	(*refresher)->stop = true;
	cond_wake_all(&(*refresher)->wake);
	lock_drop(&(*refresher)->lock);
	pthread_join((*refresher)->thread, NULL);
	refresher_free(*refresher);
	*refresher = NULL;
}
