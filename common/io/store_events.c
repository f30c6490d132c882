/* Events: a ring (store_ring.c) of at most EVENTS_MAX events. */
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

static int note_step(struct store *store, MDB_txn *txn, void *arg)
{
	const struct event_record *event = arg;
	const struct store_ring ring = ring_of(store);
	struct event_record merged;
	uint8_t buffer[KEY_SIZE];
	size_t len = strlen(event->domain);
	MDB_val key = {1 + len, buffer}, value;
	buffer[0] = event_number(event->kind);
	memcpy(buffer + 1, event->domain, len);
	int result = mdb_get(txn, store->events, &key, &value);
	if (result != 0 && result != MDB_NOTFOUND)
		return result;
	if (result == 0 && event_decode(&merged, value.mv_data, value.mv_size))
		event_merge(&merged, event);
	else
		merged = *event;
	struct bytes bytes = event_encode(&merged);
	value = (MDB_val){bytes.len, bytes.at};
	result = mdb_put(txn, store->events, &key, &value, 0);
	free(bytes.at);
	return result != 0 ? result : store_ring_shrink(store, txn, &ring, &key, INT64_MIN);
}

bool store_note_event(struct store *store, const struct event_record *event, struct failure *why)
{
	struct event_record copy = *event;
	return !store->has_events || store_write(store, note_step, &copy, why);
}

static int forget_step(struct store *store, MDB_txn *txn, void *arg)
{
	const int64_t *before = arg;
	const struct store_ring ring = ring_of(store);
	return store_ring_shrink(store, txn, &ring, NULL, *before);
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
	return (left->last_at > right->last_at) - (left->last_at < right->last_at);
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
