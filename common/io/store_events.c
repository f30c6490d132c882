/* Events: a ring of at most EVENTS_MAX events, in a small part of the store. Events may use the part of the map above
 * the store's limit, so that the event "the store is full" can be written into a full store. */
#include "memory.h"
#include "store_internal.h"

#include <stdlib.h>
#include <string.h>

#define KEY_SIZE (1 + DOMAIN_SIZE)
#define KEY_LONGEST 511 /* the longest key that LMDB accepts */
/* the octets of all events are at most 1/SHARE of the limit; their pages are half empty at worst */
#define SHARE 32
#define RECORD_OVERHEAD 16 /* about what LMDB adds to each event: node header and index */

/* The result of a walk over the ring. */
struct ring {
	size_t count, bytes;
	bool has_oldest;
	int64_t oldest_at;
	MDB_val oldest; /* key of the oldest event other than `spare` */
};

static int ring_look(struct store *store, MDB_txn *txn, const MDB_val *spare, struct ring *ring)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int result = mdb_cursor_open(txn, store->events, &cursor);
	*ring = (struct ring){0};
	if (result != 0)
		return result;
	while ((result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		struct event_record event;
		/* An event that cannot be read counts as the oldest. */
		int64_t at = event_decode(&event, value.mv_data, value.mv_size) ? event.last_at : INT64_MIN;
		bool spared = key.mv_size == spare->mv_size && memcmp(key.mv_data, spare->mv_data, key.mv_size) == 0;
		ring->count++;
		ring->bytes += key.mv_size + value.mv_size + RECORD_OVERHEAD;
		if (spared || (ring->has_oldest && at >= ring->oldest_at))
			continue;
		ring->has_oldest = true;
		ring->oldest_at = at;
		ring->oldest = key;
	}
	mdb_cursor_close(cursor);
	return result == MDB_NOTFOUND ? 0 : result;
}

/* Removes the oldest events until the ring is within its limits and has no events older than `before`. The event with
 * the key `spare` stays. */
static int ring_shrink(struct store *store, MDB_txn *txn, const MDB_val *spare, int64_t before)
{
	size_t bytes_max = (size_t)(store_bound(store) / SHARE);
	uint8_t copy[KEY_LONGEST]; /* LMDB does not accept a key that lies in a page that it changes */
	struct ring ring;
	int result;
	while ((result = ring_look(store, txn, spare, &ring)) == 0) {
		bool small = ring.count <= EVENTS_MAX && ring.bytes <= bytes_max;
		if (!ring.has_oldest || (small && ring.oldest_at >= before))
			return 0;
		MDB_val key = {ring.oldest.mv_size, copy};
		if (key.mv_size > sizeof copy)
			return MDB_CORRUPTED;
		memcpy(copy, ring.oldest.mv_data, key.mv_size);
		result = mdb_del(txn, store->events, &key, NULL);
		if (result != 0)
			return result;
	}
	return result;
}

static int note_step(struct store *store, MDB_txn *txn, void *arg)
{
	const struct event_record *event = arg;
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
	return result != 0 ? result : ring_shrink(store, txn, &key, INT64_MIN);
}

bool store_note_event(struct store *store, const struct event_record *event, struct failure *why)
{
	struct event_record copy = *event;
	return !store->has_events || store_write(store, note_step, &copy, why);
}

static int forget_step(struct store *store, MDB_txn *txn, void *arg)
{
	const int64_t *before = arg;
	const MDB_val nothing = {0, NULL};
	return ring_shrink(store, txn, &nothing, *before);
}

bool store_forget_events(struct store *store, int64_t before, struct failure *why)
{
	return !store->has_events || store_write(store, forget_step, &before, why);
}

static int event_compare(const void *a, const void *b)
{
	const struct event_record *left = a, *right = b;
	return (left->last_at > right->last_at) - (left->last_at < right->last_at);
}

struct event_record *store_events(struct store *store, size_t *count, struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	MDB_cursor *cursor = NULL;
	MDB_val key, value;
	*count = 0;
	if (!view)
		return NULL;
	struct event_record *out = xcalloc(EVENTS_MAX, sizeof *out);
	int result = store->has_events ? mdb_cursor_open(view->txn, store->events, &cursor) : 0;
	while (result == 0 && cursor && *count < EVENTS_MAX) {
		result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
		if (result == 0)
			*count += event_decode(&out[*count], value.mv_data, value.mv_size);
	}
	if (cursor)
		mdb_cursor_close(cursor);
	store_view_end(&view);
	if (result == 0 || result == MDB_NOTFOUND) {
		qsort(out, *count, sizeof *out, event_compare);
		return out;
	}
	free(out);
	store_fail(store, result, "cannot be read", why);
	return NULL;
}
