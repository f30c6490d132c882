#include "refresher.h"

#include "clock.h"
#include "domain.h"
#include "lock.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define BEGUN_SLOTS 16384
#define BEGUN_TRIES 16

struct begun {
	uint32_t domain; /* its hash */
	int64_t at_ms;   /* 0: never */
};

struct refresher {
	struct check *check;
	struct store *store;
	pthread_t thread;
	/* The thread's own. */
	size_t batch;
	int64_t milli_tokens; /* a token for each domain that may be handed over */
	int64_t filled_at_ms;
	struct begun begun[BEGUN_SLOTS];

	struct lock lock;
	struct signal_cond wake;
	bool stop GUARDED_BY(lock);
};

static void tokens_fill(struct refresher *refresher, int64_t now_ms)
{
	const int64_t full = REFRESHER_A_SECOND * 1000;
	int64_t passed = now_ms - refresher->filled_at_ms;
	if (passed > 1000)
		passed = 1000;
	refresher->milli_tokens += passed * REFRESHER_A_SECOND;
	if (refresher->milli_tokens > full)
		refresher->milli_tokens = full;
	refresher->filled_at_ms = now_ms;
}

/* The domain's slot, or the one in its neighbourhood that is the first to be given up. */
static struct begun *begun_slot(struct refresher *refresher, uint32_t hash)
{
	struct begun *oldest = &refresher->begun[hash % BEGUN_SLOTS];
	for (uint32_t i = 0; i < BEGUN_TRIES; i++) {
		struct begun *begun = &refresher->begun[(hash + i) % BEGUN_SLOTS];
		if (begun->at_ms != 0 && begun->domain == hash)
			return begun;
		if (begun->at_ms < oldest->at_ms)
			oldest = begun;
	}
	return oldest;
}

static bool begun_lately(struct refresher *refresher, const char *domain, int64_t now_ms)
{
	uint32_t hash = domain_hash(domain, 0);
	const struct begun *begun = begun_slot(refresher, hash);
	return begun->at_ms != 0 && begun->domain == hash && now_ms - begun->at_ms < REFRESHER_AGAIN_MS;
}

static void begun_note(struct refresher *refresher, const char *domain, int64_t now_ms)
{
	uint32_t hash = domain_hash(domain, 0);
	*begun_slot(refresher, hash) = (struct begun){.domain = hash, .at_ms = now_ms};
	refresher->milli_tokens -= 1000;
}

/* False: no more can be handed over at this moment. */
static bool refresher_hand(struct refresher *refresher, const char *domain, int64_t now_ms)
{
	if (begun_lately(refresher, domain, now_ms))
		return true;
	if (refresher->milli_tokens < 1000)
		return false;
	switch (check_refresh(refresher->check, domain, false)) {
	case CHECK_REFRESH_BEGUN:
		begun_note(refresher, domain, now_ms);
		return true;
	case CHECK_REFRESH_UNDER_WAY:
		return true;
	case CHECK_REFRESH_NO_ROOM:
		break;
	}
	return false;
}

/* Whether to look again soon. A whole batch of which nothing can be handed over must not hide what comes after it. */
static bool batch_adjust(struct refresher *refresher, bool whole, bool handed)
{
	bool stuck = whole && !handed;
	bool most = refresher->batch >= REFRESHER_BATCH_MAX;
	refresher->batch = !stuck ? REFRESHER_BATCH : most ? REFRESHER_BATCH_MAX : refresher->batch * 2;
	return whole && !(stuck && most);
}

static bool refresher_look(struct refresher *refresher)
{
	struct names due = {0};
	struct failure why;
	int64_t now_ms = clock_mono_ms();
	tokens_fill(refresher, now_ms);
	int64_t tokens = refresher->milli_tokens;
	bool read = store_due(refresher->store, clock_wall_s(), refresher->batch, &due, &why);
	check_round_told(refresher->check, read, &why);
	const char *domain = NULL;
	size_t count = 0;
	bool room = true;
	while (read && room && (domain = names_next(&due, domain)) != NULL) {
		room = refresher_hand(refresher, domain, now_ms);
		count++;
	}
	names_free(&due);
	bool whole = room && count == refresher->batch;
	return batch_adjust(refresher, whole, refresher->milli_tokens < tokens) || !room;
}

static bool refresher_rest(struct refresher *refresher, int rest_ms)
{
	int64_t until_ms = clock_mono_ms() + rest_ms;
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
	bool more;
	do
		more = refresher_look(refresher);
	while (refresher_rest(refresher, more ? REFRESHER_SOON_MS : REFRESHER_TICK_MS));
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
	refresher->batch = REFRESHER_BATCH;
	refresher->filled_at_ms = clock_mono_ms();
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
