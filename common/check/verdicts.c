#include "verdicts.h"

#include "clock.h"
#include "lock.h"
#include "memory.h"

#include <stdlib.h>

/* The verdicts of one record that are kept in memory. */
struct pending {
	bool used;
	struct verdict_record record; /* the part that is not in the store yet; count 0: nothing */
	int64_t written_ms;           /* when it was last written to the store; 0: never */
};

struct verdicts {
	struct store *store;
	struct lock lock;
	struct pending pending[VERDICTS_PENDING_MAX] GUARDED_BY(lock);
	int64_t tick_ms GUARDED_BY(lock); /* when verdicts_write() last wrote; 0: never */
	unsigned unwritten GUARDED_BY(lock);
	struct verdict_record batch[VERDICTS_A_SECOND]; /* used by verdicts_write() only, while `writing` is set */
	bool writing GUARDED_BY(lock);
};

struct verdicts *verdicts_new(struct store *store)
{
	struct verdicts *verdicts = xcalloc(1, sizeof *verdicts);
	verdicts->store = store;
	lock_init(&verdicts->lock);
	return verdicts;
}

static struct pending *pending_find(struct verdicts *verdicts, const struct verdict_record *record)
	REQUIRES(verdicts->lock)
{
	for (size_t i = 0; i < VERDICTS_PENDING_MAX; i++)
		if (verdicts->pending[i].used && verdict_record_same(&verdicts->pending[i].record, record))
			return &verdicts->pending[i];
	return NULL;
}

/* Returns a slot that is unused or whose record is all in the store, the one that was written longest ago; NULL if there
 * is none. */
static struct pending *pending_spare(struct verdicts *verdicts) REQUIRES(verdicts->lock)
{
	struct pending *spare = NULL;
	for (size_t i = 0; i < VERDICTS_PENDING_MAX; i++) {
		struct pending *p = &verdicts->pending[i];
		if (!p->used)
			return p;
		if (p->record.count == 0 && (!spare || p->written_ms < spare->written_ms))
			spare = p;
	}
	return spare;
}

/* Adds a record to what is in memory, or drops it if there is no room. */
static void pending_add(struct verdicts *verdicts, const struct verdict_record *record) REQUIRES(verdicts->lock)
{
	struct pending *p = pending_find(verdicts, record);
	if (!p) {
		p = pending_spare(verdicts);
		if (!p)
			return;
		*p = (struct pending){.used = true};
	}
	verdicts->unwritten += p->record.count == 0;
	if (p->record.count > 0)
		verdict_record_merge(&p->record, record);
	else
		p->record = *record;
}

void verdicts_note(struct verdicts *verdicts, const struct verdict_record *record)
{
	lock_take(&verdicts->lock);
	pending_add(verdicts, record);
	lock_drop(&verdicts->lock);
}

/* Moves the records that are due into the batch and returns their number. */
static size_t batch_take(struct verdicts *verdicts, bool all, int64_t now_ms) REQUIRES(verdicts->lock)
{
	size_t count = 0;
	for (size_t i = 0; i < VERDICTS_PENDING_MAX && count < VERDICTS_A_SECOND; i++) {
		struct pending *p = &verdicts->pending[i];
		bool due = all || p->written_ms == 0 || now_ms - p->written_ms >= VERDICTS_SPACING_MS;
		if (!p->used || p->record.count == 0 || !due)
			continue;
		verdicts->batch[count++] = p->record;
		p->record.count = 0; /* counts as written from now on */
		p->written_ms = now_ms;
		verdicts->unwritten--;
	}
	return count;
}

/* Puts records that the store has refused back, merged with what has been noted since. */
static void batch_return(struct verdicts *verdicts, size_t count) REQUIRES(verdicts->lock)
{
	for (size_t i = 0; i < count; i++) {
		struct pending *p = pending_find(verdicts, &verdicts->batch[i]);
		struct verdict_record later = {.count = 0};
		if (p && p->record.count > 0) {
			later = p->record;
			p->record.count = 0;
			verdicts->unwritten--;
		}
		pending_add(verdicts, &verdicts->batch[i]);
		if (later.count > 0)
			pending_add(verdicts, &later);
	}
}

/* Writes one batch. Returns whether there may be more to write now. */
static bool batch_write(struct verdicts *verdicts, bool all)
{
	int64_t now_ms = clock_mono_ms();
	lock_take(&verdicts->lock);
	bool due = all || verdicts->tick_ms == 0 || now_ms - verdicts->tick_ms >= VERDICTS_TICK_MS;
	size_t count = 0;
	if (due && !verdicts->writing && verdicts->unwritten > 0) {
		verdicts->tick_ms = now_ms;
		count = batch_take(verdicts, all, now_ms);
		verdicts->writing = count > 0;
	}
	lock_drop(&verdicts->lock);
	if (count == 0)
		return false;
	bool written = store_note_verdicts(verdicts->store, verdicts->batch, count, NULL);
	lock_take(&verdicts->lock);
	if (!written)
		batch_return(verdicts, count);
	verdicts->writing = false;
	lock_drop(&verdicts->lock);
	return written;
}

void verdicts_write(struct verdicts *verdicts)
{
	batch_write(verdicts, false);
}

void verdicts_free(struct verdicts **slot)
{
	struct verdicts *verdicts = *slot;
	if (!verdicts)
		return;
	while (batch_write(verdicts, true))
		continue;
	lock_destroy(&verdicts->lock);
	free(verdicts);
	*slot = NULL;
}
