/* Events: a ring (store_ring.c) of at most EVENTS_MAX events, and the number of the newest one. */
#include "memory.h"
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

#define KEY_SIZE (1 + DOMAIN_SIZE)

static int64_t event_last_at(const MDB_val *value)
{
	struct event_record event;
	return event_decode(&event, value->mv_data, value->mv_size) ? event.last_at : INT64_MIN;
}

static struct store_ring ring_of(const struct store *store)
{
	return (struct store_ring){.table = store->events, .records_max = EVENTS_MAX, .last_at = event_last_at};
}

/* --- numbers ------------------------------------------------------------------------------------------------------ */

#define NUMBER_ROW "event-number" /* of the table `meta`: the newest number */

/* Takes the next number. The last one is never exceeded: events beyond it have no number. */
static int number_take(struct store *store, MDB_txn *txn, uint32_t *number)
{
	int result = store_number_read(store, txn, NUMBER_ROW, number);
	if (result != 0 || *number == UINT32_MAX) {
		*number = 0;
		return result;
	}
	++*number;
	return store_number_write(store, txn, NUMBER_ROW, *number);
}

bool store_event_number(struct store *store, uint32_t *number, struct failure *why)
{
	return store_number(store, NUMBER_ROW, number, why);
}

/* --- noting ------------------------------------------------------------------------------------------------------- */

/* An event on its way into the store. */
struct noting {
	const struct event_record *event;
	const struct story *story; /* may be NULL */
	struct event_record noted; /* the event as it is in the store then */
};

static MDB_val key_of(uint8_t buffer[KEY_SIZE], const struct event_record *event)
{
	size_t len = strnlen(event->domain, DOMAIN_MAX);
	buffer[0] = event_number(event->kind);
	memcpy(buffer + 1, event->domain, len);
	return (MDB_val){1 + len, buffer};
}

/* Returns whether a later event belongs to the story of the stored one. */
static bool is_continued(const struct event_record *stored, const struct event_record *later)
{
	/* It was noted before the end, and waited to be written. An end that is far ahead comes from a clock that has since
	 * been set back. */
	if (stored->over_at != 0)
		return later->last_at <= stored->over_at && stored->over_at - later->last_at < EVENT_NEW_AFTER_S;
	return later->last_at - stored->last_at < EVENT_NEW_AFTER_S;
}

int store_event_get(struct store *store, MDB_txn *txn, const struct event_record *like, struct event_record *out)
{
	uint8_t buffer[KEY_SIZE];
	MDB_val key = key_of(buffer, like), value;
	int result = mdb_get(txn, store->events, &key, &value);
	if (result == 0 && event_decode(out, value.mv_data, value.mv_size))
		return 0;
	out->count = 0;
	return result == MDB_NOTFOUND ? 0 : result;
}

int store_event_put(struct store *store, MDB_txn *txn, const struct event_record *event)
{
	uint8_t buffer[KEY_SIZE];
	const struct store_ring ring = ring_of(store);
	struct bytes bytes = event_encode(event);
	MDB_val key = key_of(buffer, event), value = {bytes.len, bytes.at};
	int result = mdb_put(txn, store->events, &key, &value, 0);
	free(bytes.at);
	return result != 0 ? result : store_ring_shrink(store, txn, &ring, &key, INT64_MIN);
}

/* Finds the event of which this one is a part: the newest event of the kind part_of_kind. */
static int part_find(struct store *store, MDB_txn *txn, struct event_record *event)
{
	struct event_record whole;
	MDB_val key = {1, &event->part_of_kind}, value;
	int result = event->part_of_kind != 0 ? mdb_get(txn, store->events, &key, &value) : MDB_NOTFOUND;
	if (result == 0 && event_decode(&whole, value.mv_data, value.mv_size))
		event->part_of = whole.number;
	event->part_of_kind = 0;
	return result == MDB_NOTFOUND ? 0 : result;
}

static int note_step(struct store *store, MDB_txn *txn, void *arg)
{
	struct noting *noting = arg;
	struct event_record *noted = &noting->noted, before = {.count = 0};
	int result = store_event_get(store, txn, noting->event, noted);
	if (result != 0)
		return result;
	if (noted->count > 0 && is_continued(noted, noting->event)) {
		int64_t over_at = noted->over_at;
		event_merge(noted, noting->event);
		noted->over_at = over_at;
	} else {
		before = *noted;
		*noted = *noting->event;
		noted->number = 0;
	}
	if (noted->number == 0)
		result = number_take(store, txn, &noted->number);
	if (result == 0 && before.count > 0 && before.over_at == 0 && event_is_sign(before.kind))
		result = store_story_continued(store, txn, &before, noted);
	if (result == 0)
		result = part_find(store, txn, noted);
	if (result == 0)
		result = store_event_put(store, txn, noted);
	if (result == 0 && event_is_sign(noted->kind))
		result = store_story_note(store, txn, noted, noting->story);
	return result;
}

bool store_note_sign(struct store *store, struct event_record *event, const struct story *story, struct failure *why)
{
	struct noting noting = {.event = event, .story = story};
	if (!store->has_events)
		return true;
	if (!store_write(store, note_step, &noting, why))
		return false;
	*event = noting.noted;
	return true;
}

bool store_note_event(struct store *store, struct event_record *event, struct failure *why)
{
	return store_note_sign(store, event, NULL, why);
}

struct folding {
	const struct event_record *event;
	size_t count;
};

static int fold_step(struct store *store, MDB_txn *txn, void *arg)
{
	const struct folding *folding = arg;
	int result = 0;
	for (size_t i = 0; i < folding->count && result == 0; i++) {
		const struct event_record *event = &folding->event[i];
		struct event_record stored;
		result = store_event_get(store, txn, event, &stored);
		if (result != 0 || stored.count == 0 || stored.number != event->number)
			continue;
		stored.part_of_kind = event->part_of_kind;
		result = part_find(store, txn, &stored);
		if (result == 0)
			result = store_event_put(store, txn, &stored);
	}
	return result;
}

bool store_fold_events(struct store *store, const struct event_record *events, size_t count, struct failure *why)
{
	struct folding folding = {events, count};
	return !store->has_events || store_write(store, fold_step, &folding, why);
}

static int forget_step(struct store *store, MDB_txn *txn, void *arg)
{
	const int64_t *before = arg;
	const struct store_ring ring = ring_of(store);
	int result = store_ring_shrink(store, txn, &ring, NULL, *before);
	return result != 0 ? result : store_stories_forget(store, txn, *before);
}

bool store_forget_events(struct store *store, int64_t before, struct failure *why)
{
	return !store->has_events || store_write(store, forget_step, &before, why);
}

static bool event_read(void *out, const MDB_val *value)
{
	return event_decode(out, value->mv_data, value->mv_size);
}

static int event_compare(const void *a, const void *b)
{
	const struct event_record *left = a, *right = b;
	int order = (left->last_at > right->last_at) - (left->last_at < right->last_at);
	return order != 0 ? order : (left->number > right->number) - (left->number < right->number);
}

struct event_record *store_events(struct store *store, size_t *count, struct failure *why)
{
	const struct store_rows rows = {.table = store->events,
		.has_table = store->has_events,
		.max = EVENTS_MAX,
		.size = sizeof(struct event_record),
		.decode = event_read};
	struct event_record *events = store_rows_read(store, &rows, count, why);
	if (events)
		qsort(events, *count, sizeof *events, event_compare);
	return events;
}

struct event_record *store_events_of(struct store *store, enum event_kind kind, size_t *count, struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	MDB_cursor *cursor = NULL;
	uint8_t number = event_number(kind);
	MDB_val key = {1, &number}, value;
	*count = 0;
	if (!view)
		return NULL;
	struct event_record *out = xcalloc(1, sizeof *out);
	int result = store->has_events ? mdb_cursor_open(view->txn, store->events, &cursor) : MDB_NOTFOUND;
	if (result == 0)
		result = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	while (result == 0 && *(const uint8_t *)key.mv_data == number) {
		out = xrealloc(out, (*count + 1) * sizeof *out);
		*count += event_decode(&out[*count], value.mv_data, value.mv_size);
		result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	if (cursor)
		mdb_cursor_close(cursor);
	store_view_end(&view);
	if (result == 0 || result == MDB_NOTFOUND)
		return out;
	free(out);
	store_fail(store, result, "cannot be read", why);
	return NULL;
}
