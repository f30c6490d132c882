/* Reads a store for a census (core/census.h), page by page. Each page is a short view of the store, so a long walk keeps no old
 * state of the store alive, and what changes meanwhile may be seen or not.
 *
 * The struct census is the caller's: census_begin(), then either or both of the functions below until `more` is false, then
 * census_end(). They set entries_whole and hops_whole at the end. One thread at a time. */
#ifndef CHECK_CENSUS_WALK_H
#define CHECK_CENSUS_WALK_H

#include "census.h"
#include "store.h"

#define CENSUS_PAGE 256 /* entries or hop records in one page */

struct census_walk {
	struct store *store;
	struct census *census;
	/* What was read last. */
	char domain[DOMAIN_SIZE];
	struct store_hop hop;
	struct store_hop page[CENSUS_PAGE];
};
/* Begins a walk. Both must outlive it. */
void census_walk_begin(struct census_walk *walk, struct store *store, struct census *census);
/* Read the next page. Set `more` to whether there may be another one. Return false if the store cannot be read. */
bool census_walk_entries(struct census_walk *walk, bool *more, struct failure *why);
bool census_walk_hops(struct census_walk *walk, bool *more, struct failure *why);

#endif
