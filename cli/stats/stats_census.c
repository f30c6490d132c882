/* stats: the census of the store. The tool takes it itself, so that it needs no daemon. */
#include "census_walk.h"
#include "clock.h"
#include "memory.h"
#include "stats.h"

#include <stdlib.h>

typedef bool walk_page(struct census_walk *walk, bool *more, struct failure *why);

/* Reads one table, or as much of it as the time allows. */
static bool table_read(struct census_walk *walk, walk_page *page, struct failure *why)
{
	int64_t until_ms = clock_mono_ms() + STATS_TABLE_MS;
	bool more = true, read = true;
	while (read && more && clock_mono_ms() < until_ms)
		read = page(walk, &more, why);
	return read;
}

struct census *stats_census(struct store *store, const struct settings *settings, bool entries, struct failure *why)
{
	struct census *census = xcalloc(1, sizeof *census);
	struct census_walk walk;
	census_begin(census, clock_wall_s(), settings->probe_ttl_max);
	census_walk_begin(&walk, store, census);
	bool read =
		(!entries || table_read(&walk, census_walk_entries, why)) && table_read(&walk, census_walk_hops, why);
	census_end(census);
	if (read)
		return census;
	free(census);
	return NULL;
}
