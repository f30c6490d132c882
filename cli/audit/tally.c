#include "tally.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 1024

const char *tally_result_name(enum tally_result result)
{
	static const char *const names[TALLY_RESULTS] = {[TALLY_DELAYED] = "delayed",
		[TALLY_UNCHECKED] = "unchecked",
		[TALLY_TESTING_FAILS] = "testing-fails",
		[TALLY_SATISFIED] = "satisfied",
		[TALLY_NO_POLICY] = "no-policy"};
	return names[result];
}

uint64_t tally_messages(const struct tally_row *row)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < MAILLOG_OUTCOMES; i++)
		sum += row->count[i];
	return sum;
}

void tally_init(struct tally *tally, uint32_t salt)
{
	*tally = (struct tally){.slot_count = SLOTS_FIRST, .salt = salt};
	tally->slots = xcalloc(SLOTS_FIRST, sizeof *tally->slots);
}

void tally_free(struct tally *tally)
{
	for (size_t i = 0; i < tally->count; i++) {
		free(tally->rows[i]->hop);
		free(tally->rows[i]->level_hop);
		free(tally->rows[i]);
	}
	free(tally->rows);
	free(tally->slots);
	*tally = (struct tally){.rows = NULL};
}

/* Returns the slot that has the name, or the free slot where it belongs. A free slot always exists, because at most half
 * of the slots are used. */
static uint32_t *slot_of(const struct tally *tally, const char *name)
{
	size_t at = domain_hash(name, tally->salt) % tally->slot_count;
	while (tally->slots[at] != 0 && strcmp(tally->rows[tally->slots[at] - 1]->name, name) != 0)
		at = (at + 1) % tally->slot_count;
	return &tally->slots[at];
}

struct tally_row *tally_find(const struct tally *tally, const char *name)
{
	uint32_t number = *slot_of(tally, name);
	return number > 0 ? tally->rows[number - 1] : NULL;
}

static void slots_fill(struct tally *tally)
{
	memset(tally->slots, 0, tally->slot_count * sizeof *tally->slots);
	for (size_t i = 0; i < tally->count; i++)
		*slot_of(tally, tally->rows[i]->name) = (uint32_t)i + 1;
}

/* Makes room for one more row. */
static void grow(struct tally *tally)
{
	if (tally->count % SLOTS_FIRST == 0)
		tally->rows = xrealloc(tally->rows, (tally->count + SLOTS_FIRST) * sizeof(struct tally_row *));
	if ((tally->count + 1) * 2 <= tally->slot_count)
		return;
	tally->slot_count *= 2;
	tally->slots = xrealloc(tally->slots, tally->slot_count * sizeof *tally->slots);
	slots_fill(tally);
}

struct tally_row *tally_make(struct tally *tally, const char *name)
{
	struct tally_row *row = tally_find(tally, name);
	if (row || tally->count == TALLY_ROWS_MAX)
		return row;
	size_t size = strlen(name) + 1;
	grow(tally);
	row = xcalloc(1, sizeof *row + size);
	row->result = TALLY_UNCHECKED; /* until it is judged */
	memcpy(row->name, name, size);
	tally->rows[tally->count++] = row;
	*slot_of(tally, name) = (uint32_t)tally->count;
	return row;
}

static int by_messages(const void *a, const void *b)
{
	const struct tally_row *one = *(struct tally_row *const *)a, *two = *(struct tally_row *const *)b;
	uint64_t first = tally_messages(one), second = tally_messages(two);
	if (first != second)
		return first > second ? -1 : 1;
	return strcmp(one->name, two->name);
}

static int by_result(const void *a, const void *b)
{
	const struct tally_row *one = *(struct tally_row *const *)a, *two = *(struct tally_row *const *)b;
	return one->result != two->result ? (int)one->result - (int)two->result : by_messages(a, b);
}

void tally_sort(struct tally *tally, bool judged)
{
	if (tally->count > 0)
		qsort(tally->rows, tally->count, sizeof(struct tally_row *), judged ? by_result : by_messages);
	slots_fill(tally);
}
