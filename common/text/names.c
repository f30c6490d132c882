#include "names.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 64

/* Returns how much memory is allocated for a list of `len` octets. The capacity is not stored: it is the next power of
 * two, at least CAPACITY_MIN. */
static size_t names_capacity(size_t len)
{
	size_t capacity = CAPACITY_MIN;
	while (capacity < len)
		capacity *= 2;
	return capacity;
}

void names_add(struct names *list, const char *name, size_t len)
{
	size_t needed = (size_t)list->len + len + 1;
	if (len >= UINT32_MAX || needed > UINT32_MAX)
		abort();
	free(list->at);
	list->at = NULL;
	if (!list->bytes || names_capacity(list->len) < needed)
		list->bytes = xrealloc(list->bytes, names_capacity(needed));
	if (len)
		memcpy(list->bytes + list->len, name, len);
	list->bytes[needed - 1] = '\0';
	list->len = (uint32_t)needed;
	list->count++;
}

const char *names_next(const struct names *list, const char *previous)
{
	const char *next = previous ? previous + strlen(previous) + 1 : list->bytes;
	if (!list->bytes || next >= list->bytes + list->len)
		return NULL;
	return next;
}

bool names_have(const struct names *list, const char *name)
{
	if (!list->at) {
		for (const char *item = names_next(list, NULL); item; item = names_next(list, item))
			if (!strcmp(item, name))
				return true;
		return false;
	}
	uint32_t low = 0, high = list->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(list->bytes + list->at[middle], name);
		if (!order)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

void names_add_once(struct names *list, const char *name)
{
	if (!names_have(list, name))
		names_add(list, name, strlen(name));
}

static int names_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void names_sort(struct names *list)
{
	struct names sorted = {0};
	const char **item, *name = NULL;
	if (!list->count)
		return;
	item = xcalloc(list->count, sizeof *item);
	for (uint32_t i = 0; i < list->count; i++)
		item[i] = name = names_next(list, name);
	qsort(item, list->count, sizeof *item, names_order);
	for (uint32_t i = 0; i < list->count; i++)
		if (!i || strcmp(item[i - 1], item[i]) != 0)
			names_add(&sorted, item[i], strlen(item[i]));
	free(item);
	names_free(list);
	*list = sorted;
}

void names_index(struct names *list)
{
	const char *before = NULL, *name = NULL;
	uint32_t *at;
	if (!list->count || list->at)
		return;
	at = xcalloc(list->count, sizeof *at);
	for (uint32_t i = 0; i < list->count; i++) {
		name = names_next(list, name);
		if (before && strcmp(before, name) >= 0) {
			free(at);
			return;
		}
		at[i] = (uint32_t)(name - list->bytes);
		before = name;
	}
	list->at = at;
}

void names_copy(struct names *to, const struct names *from)
{
	*to = (struct names){0};
	if (!from->len)
		return;
	to->bytes = xmalloc(names_capacity(from->len));
	memcpy(to->bytes, from->bytes, from->len);
	to->len = from->len;
	to->count = from->count;
	if (!from->at)
		return;
	to->at = xmemdup(from->at, from->count * sizeof *to->at);
}

void names_free(struct names *list)
{
	free(list->bytes);
	free(list->at);
	*list = (struct names){0};
}

bool names_cover(const struct names *list, const char *domain)
{
	size_t domain_len = strlen(domain);
	for (const char *item = names_next(list, NULL); item; item = names_next(list, item)) {
		size_t item_len = strlen(item);
		if (!strcmp(item, domain))
			return true;
		if (item[0] == '.' && domain_len > item_len && !strcmp(domain + domain_len - item_len, item))
			return true;
	}
	return false;
}
