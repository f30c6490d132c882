/* Stories of signs: a ring (store_ring.c) of at most STORIES_MAX stories. */
#include "memory.h"
#include "store_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SIZE 4

static MDB_val key_of(uint8_t buffer[KEY_SIZE], uint32_t number)
{
	for (size_t i = 0; i < KEY_SIZE; i++)
		buffer[i] = (uint8_t)(number >> (8 * (KEY_SIZE - 1 - i)));
	return (MDB_val){KEY_SIZE, buffer};
}

static int64_t story_last_at(const MDB_val *value)
{
	struct story *story = xmalloc(sizeof *story);
	int64_t at = story_decode(story, value->mv_data, value->mv_size) ? story->event.last_at : INT64_MIN;
	free(story);
	return at;
}

static struct store_ring ring_of(const struct store *store)
{
	return (struct store_ring){.table = store->stories, .records_max = STORIES_MAX, .last_at = story_last_at};
}

/* Reads a story; its event has no number if there is none that can be read. */
static int story_get(struct store *store, MDB_txn *txn, uint32_t number, struct story *out)
{
	uint8_t buffer[KEY_SIZE];
	MDB_val key = key_of(buffer, number), value;
	int result = mdb_get(txn, store->stories, &key, &value);
	if (result == 0 && story_decode(out, value.mv_data, value.mv_size) && out->event.number == number)
		return 0;
	memset(out, 0, sizeof *out);
	return result == MDB_NOTFOUND ? 0 : result;
}

static int story_put(struct store *store, MDB_txn *txn, const struct story *story)
{
	uint8_t buffer[KEY_SIZE];
	const struct store_ring ring = ring_of(store);
	struct bytes bytes = story_encode(story);
	MDB_val key = key_of(buffer, story->event.number), value = {bytes.len, bytes.at};
	int result = mdb_put(txn, store->stories, &key, &value, 0);
	free(bytes.at);
	return result != 0 ? result : store_ring_shrink(store, txn, &ring, &key, INT64_MIN);
}

int store_story_note(struct store *store, MDB_txn *txn, const struct event_record *event, const struct story *story)
{
	if (!store->has_stories || event->number == 0)
		return 0;
	struct story *stored = xmalloc(sizeof *stored), *plain = story ? NULL : story_new(event);
	int result = story_get(store, txn, event->number, stored);
	const struct story *later = story ? story : plain;
	if (result == 0 && stored->event.number == 0)
		*stored = *later;
	else if (result == 0)
		story_merge(stored, later);
	stored->event = *event;
	if (result == 0)
		result = story_put(store, txn, stored);
	free(stored);
	free(plain);
	return result;
}

int store_story_continued(
	struct store *store, MDB_txn *txn, const struct event_record *sign, const struct event_record *later)
{
	char line[STORY_LINE_SIZE];
	if (!store->has_stories || sign->number == 0)
		return 0;
	struct story *story = xmalloc(sizeof *story);
	int result = story_get(store, txn, sign->number, story);
	if (result == 0 && story->event.number != 0) {
		snprintf(line, sizeof line, "not seen for a day; it goes on as event %" PRIu32, later->number);
		story_add_line(&story->lines, later->first_at, line);
		story->event.over_at = later->first_at;
		result = story_put(store, txn, story);
	}
	free(story);
	return result;
}

int store_stories_forget(struct store *store, MDB_txn *txn, int64_t before)
{
	const struct store_ring ring = ring_of(store);
	return store->has_stories ? store_ring_shrink(store, txn, &ring, NULL, before) : 0;
}

/* --- changing ----------------------------------------------------------------------------------------------------- */

struct changing {
	const struct event_record *sign;
	store_story_change *change;
	void *arg;
};

/* Writes the event of a changed story, if the store still has this event. */
static int event_follow(struct store *store, MDB_txn *txn, const struct event_record *changed)
{
	struct event_record event;
	int result = store_event_get(store, txn, changed, &event);
	if (result != 0 || event.count == 0 || event.number != changed->number || event.over_at == changed->over_at)
		return result;
	event.over_at = changed->over_at;
	return store_event_put(store, txn, &event);
}

static int change_step(struct store *store, MDB_txn *txn, void *arg)
{
	const struct changing *changing = arg;
	const struct event_record *sign = changing->sign;
	struct story *story = xmalloc(sizeof *story);
	int result = story_get(store, txn, sign->number, story);
	if (result == 0 && story->event.number == 0)
		result = store_event_get(store, txn, sign, &story->event);
	if (result == 0 && (story->event.count == 0 || story->event.number != sign->number))
		result = STORE_UNCHANGED;
	if (result == 0) {
		changing->change(story, changing->arg);
		result = story_put(store, txn, story);
	}
	if (result == 0)
		result = event_follow(store, txn, &story->event);
	free(story);
	return result;
}

bool store_change_story(struct store *store, const struct event_record *sign, store_story_change *change, void *arg,
	struct failure *why)
{
	struct changing changing = {sign, change, arg};
	return !store->has_stories || sign->number == 0 || store_write(store, change_step, &changing, why);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

enum store_found store_story(struct store *store, uint32_t number, struct story *out, struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	memset(out, 0, sizeof *out);
	if (!view)
		return STORE_FAILED;
	int result = store->has_stories ? story_get(store, view->txn, number, out) : 0;
	store_view_end(&view);
	if (result != 0) {
		store_fail(store, result, "cannot be read", why);
		return STORE_FAILED;
	}
	return out->event.number != 0 ? STORE_FOUND : STORE_ABSENT;
}
