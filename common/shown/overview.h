/* The overview of the status page, as a JSON object: is mail waiting, are there signs of an attack, which overrides are in
 * force, are policies fresh and mail hosts well, are reports sent. stsgated(8) describes its members. Any thread. */
#ifndef SHOWN_OVERVIEW_H
#define SHOWN_OVERVIEW_H

#include "census_taker.h"
#include "check.h"
#include "failure.h"
#include "store.h"

#include <jansson.h>

struct overview_parts {
	struct check *check;
	struct store *store;
	struct census_taker *census;
	size_t rows; /* that each list may have; `count` beside a list tells how many there are */
};

/* Reads what the store and the metrics of this process have. Returns the object, which the caller owns, or NULL if the store
 * cannot be read. */
json_t *overview_json(const struct overview_parts *parts, struct failure *why);

#endif
