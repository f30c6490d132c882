/* A list of names in one allocation: NUL-terminated strings, one after the other. The owner calls names_free(). Pure.
 * A zeroed struct is the empty list. */
#ifndef TEXT_NAMES_H
#define TEXT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct names {
	char *bytes;
	uint32_t len; /* with the NULs */
	uint32_t count;
	uint32_t *at; /* where each name begins, of a list in order (names_index()); else NULL */
};

/* Ends the process when memory is out: names_add() never fails. `name` holds no NUL. */
void names_add(struct names *list, const char *name, size_t len);
/* Adds a name that the list does not have yet. */
void names_add_once(struct names *list, const char *name);
/* The first name after `previous` (NULL: the first of all), or NULL at the end. */
const char *names_next(const struct names *list, const char *previous);
/* Looks at every name, or after names_index() at a few. */
bool names_have(const struct names *list, const char *name);
/* Puts a list in the order of its octets, each name once. */
void names_sort(struct names *list);
/* Prepares a list in that order for names_have(); names_add() ends that. Of another list it changes nothing. */
void names_index(struct names *list);
void names_copy(struct names *to, const struct names *from);
void names_free(struct names *list);

/* Whether `domain` equals an item, or ends in an item that begins with a dot (`.example.com`: everything below
 * example.com, not example.com itself). Items and domain in the form of domain_parse(). */
bool names_cover(const struct names *list, const char *domain);

#endif
