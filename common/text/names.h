/* A list of names in one allocation: NUL-terminated strings, one after the other.
 *
 * A zeroed struct is the empty list; the owner frees a list with names_free(). names_add() ends the process if memory
 * runs out, so no function here fails. Pure. */
#ifndef TEXT_NAMES_H
#define TEXT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct names {
	char *bytes;
	uint32_t len; /* octets, with the NULs */
	uint32_t count;
	uint32_t *at; /* offset of each name, if the list is indexed (names_index()); otherwise NULL */
};

/* Appends a name, which must hold no NUL. Pointers to names of the list become invalid. */
void names_add(struct names *list, const char *name, size_t len);
/* Appends a name, unless the list has it already. */
void names_add_once(struct names *list, const char *name);
/* Returns the name after `previous`, the first name for NULL, and NULL at the end. */
const char *names_next(const struct names *list, const char *previous);
/* Returns whether the list has the name. Uses the index if there is one; otherwise compares every name. */
bool names_have(const struct names *list, const char *name);
/* Sorts the list by octets, and removes duplicates. */
void names_sort(struct names *list);
/* Builds an index, so that names_have() needs a few comparisons only. Does nothing if the list is not sorted.
 * names_add() drops the index. */
void names_index(struct names *list);
/* Makes `to` an independent copy, with the index. */
void names_copy(struct names *to, const struct names *from);
/* Frees what the list owns, and makes it the empty list. */
void names_free(struct names *list);

/* Returns whether the list covers the domain: an item equals the domain, or an item begins with a dot and the domain
 * ends in that item. So `.example.com` covers everything below example.com, but not example.com itself. Items and
 * domain must have the form of domain_parse(). */
bool names_cover(const struct names *list, const char *domain);

#endif
