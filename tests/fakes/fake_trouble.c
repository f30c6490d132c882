/* A store that fails on the world's command: the linker redirects its calls here (--wrap), and this file passes them on. */
#include "store.h"
#include "world.h"

#include <assert.h>
#include <sysexits.h>

#define HELD_MAX 16

struct store_view *__real_store_view_begin(struct store *store, struct failure *why);
struct store_view *__wrap_store_view_begin(struct store *store, struct failure *why);
void __real_store_view_end(struct store_view **view);
void __wrap_store_view_end(struct store_view **view);
void __real_store_submit(struct store *, struct store_submission *);
void __wrap_store_submit(struct store *, struct store_submission *);
bool __real_store_change_entry(struct store *, const char *, store_entry_change *, void *, struct failure *);
bool __wrap_store_change_entry(struct store *, const char *, store_entry_change *, void *, struct failure *);
bool __real_store_change_hop(struct store *, const char *, uint16_t, store_hop_change *, void *, struct failure *);
bool __wrap_store_change_hop(struct store *, const char *, uint16_t, store_hop_change *, void *, struct failure *);

struct store_view *__wrap_store_view_begin(struct store *store, struct failure *why)
{
	if (world_store_state() == WORLD_STORE_BROKEN) {
		failure_set(why, EX_IOERR, "store: cannot be read (a test says so)");
		return NULL;
	}
	struct store_view *view = __real_store_view_begin(store, why);
	if (view)
		world_view_count(1);
	return view;
}

void __wrap_store_view_end(struct store_view **view)
{
	if (*view)
		world_view_count(-1);
	__real_store_view_end(view);
}

static bool refused(struct failure *why)
{
	if (world_store_state() == WORLD_STORE_FULL)
		return failure_set(why, EX_TEMPFAIL, "store: is full (a test says so)");
	return failure_set(why, EX_IOERR, "store: cannot be written (a test says so)");
}

bool __wrap_store_change_entry(
	struct store *store, const char *domain, store_entry_change *change, void *arg, struct failure *why)
{
	if (world_store_state() != WORLD_STORE_WHOLE)
		return refused(why);
	return __real_store_change_entry(store, domain, change, arg, why);
}

static struct lock lock = {PTHREAD_MUTEX_INITIALIZER};
static struct held {
	bool holds;
	struct store *store;
	struct store_submission *submission[HELD_MAX];
	unsigned count;
} held GUARDED_BY(lock);

void world_store_hold(void)
{
	lock_take(&lock);
	held.holds = true;
	lock_drop(&lock);
}

unsigned world_store_held(void)
{
	lock_take(&lock);
	unsigned count = held.count;
	lock_drop(&lock);
	return count;
}

void world_store_let_go(void)
{
	lock_take(&lock);
	struct held all = held;
	held = (struct held){.holds = false};
	lock_drop(&lock);
	for (unsigned i = 0; i < all.count; i++)
		__real_store_submit(all.store, all.submission[i]);
}

static bool submission_held(struct store *store, struct store_submission *submission)
{
	lock_take(&lock);
	bool holds = held.holds;
	if (holds) {
		assert(held.count < HELD_MAX);
		held.store = store;
		held.submission[held.count++] = submission;
	}
	lock_drop(&lock);
	return holds;
}

/* Reports the store's refusal, on its own thread as the real store does. */
void __wrap_store_submit(struct store *store, struct store_submission *submission)
{
	if (submission_held(store, submission))
		return;
	if (world_store_state() == WORLD_STORE_WHOLE) {
		__real_store_submit(store, submission);
		return;
	}
	for (size_t i = 0; i < submission->count; i++) {
		submission->change[i].stored = false;
		refused(&submission->change[i].why);
	}
	submission->done(submission);
}

bool __wrap_store_change_hop(
	struct store *store, const char *host, uint16_t port, store_hop_change *change, void *arg, struct failure *why)
{
	if (world_store_state() != WORLD_STORE_WHOLE)
		return refused(why);
	return __real_store_change_hop(store, host, port, change, arg, why);
}
