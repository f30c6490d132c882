#include "refresher.h"

#include "clock.h"
#include "lock.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct refresher {
	struct check *check;
	struct store *store;
	pthread_t thread;
	bool store_failing; /* the thread's own: trouble is told once, and its end */
	struct lock lock;
	struct signal_cond wake;
	bool stop GUARDED_BY(lock);
};

static void refresher_told(struct refresher *refresher, bool read, const struct failure *why)
{
	if (!read && !refresher->store_failing)
		log_error("refresher: the store does not tell what is due: %s", why->text);
	if (read && refresher->store_failing)
		log_info("refresher: the store can be read again");
	refresher->store_failing = !read;
}

static void refresher_look(struct refresher *refresher)
{
	struct names due = {0};
	struct failure why;
	bool read = store_due(refresher->store, clock_wall_s(), REFRESHER_BATCH, &due, &why);
	refresher_told(refresher, read, &why);
	const char *domain = NULL;
	while (read && (domain = names_next(&due, domain)) != NULL)
		if (!check_refresh(refresher->check, domain, false))
			break;
	names_free(&due);
}

static bool refresher_rest(struct refresher *refresher)
{
	int64_t until_ms = clock_mono_ms() + REFRESHER_TICK_MS;
	lock_take(&refresher->lock);
	while (!refresher->stop && cond_wait_until(&refresher->wake, &refresher->lock, until_ms))
		continue;
	bool stop = refresher->stop;
	lock_drop(&refresher->lock);
	return !stop;
}

static void *refresher_main(void *arg)
{
	struct refresher *refresher = arg;
	do
		refresher_look(refresher);
	while (refresher_rest(refresher));
	return NULL;
}

static void refresher_free(struct refresher *refresher)
{
	lock_destroy(&refresher->lock);
	cond_destroy(&refresher->wake);
	free(refresher);
}

struct refresher *refresher_start(struct check *check, struct store *store, struct failure *why)
{
	struct refresher *refresher = calloc(1, sizeof *refresher);
	if (refresher == NULL)
		abort();
	refresher->check = check;
	refresher->store = store;
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
	if (*refresher == NULL)
		return;
	lock_take(&(*refresher)->lock);
	(*refresher)->stop = true;
	cond_wake_all(&(*refresher)->wake);
	lock_drop(&(*refresher)->lock);
	pthread_join((*refresher)->thread, NULL);
	refresher_free(*refresher);
	*refresher = NULL;
}
