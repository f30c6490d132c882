#include "names.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 64

/* The capacity is not stored: it is the power of two that holds `len`. */
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
	if (!list->bytes || names_capacity(list->len) < needed) {
		char *bytes = realloc(list->bytes, names_capacity(needed));

		if (!bytes)
			abort();
		list->bytes = bytes;
	}
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
	for (const char *item = names_next(list, NULL); item; item = names_next(list, item))
		if (!strcmp(item, name))
			return true;
	return false;
}

void names_copy(struct names *to, const struct names *from)
{
	*to = (struct names){0};
	if (!from->len)
		return;
	to->bytes = malloc(names_capacity(from->len));
	if (!to->bytes)
		abort();
	memcpy(to->bytes, from->bytes, from->len);
	to->len = from->len;
	to->count = from->count;
}

void names_free(struct names *list)
{
	free(list->bytes);
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
