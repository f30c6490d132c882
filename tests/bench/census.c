/* census DIRECTORY: the cost of a census of a store (check/census_walk), in CPU time of this thread. */
#include "census_taker.h"
#include "census_walk.h"
#include "clock.h"
#include "lapse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

typedef bool walk_page(struct census_walk *walk, bool *more, struct failure *why);

static struct failure why;

/* Reads one table. Returns ns of CPU time, or a negative number if the store cannot be read. */
static int64_t table_read(struct census_walk *walk, walk_page *page)
{
	int64_t begun_ns = lapse_thread_ns();
	bool more = true;
	while (more)
		if (!page(walk, &more, &why))
			return -1;
	return lapse_thread_ns() - begun_ns;
}

int main(int argc, char **argv)
{
	struct store *store = argc == 2 ? store_open(argv[1], 0, STORE_GUEST, &why) : NULL;
	struct census *census = calloc(1, sizeof *census);
	double per_entry[ROUNDS], per_hop[ROUNDS];
	uint64_t hops = 0;
	if (!store || !census) {
		fprintf(stderr, "usage: census DIRECTORY\n%s\n", why.text);
		return EX_USAGE;
	}
	for (int i = 0; i < ROUNDS; i++) {
		struct census_walk walk;
		census_begin(census, clock_wall_s(), 86400);
		census_walk_begin(&walk, store, census);
		int64_t entries_ns = table_read(&walk, census_walk_entries),
			hops_ns = table_read(&walk, census_walk_hops);
		hops = census->hops[CENSUS_GOOD] + census->hops[CENSUS_BAD] + census->hops[CENSUS_UNKNOWN];
		if (entries_ns < 0 || hops_ns < 0 || census->domains == 0 || hops == 0) {
			fprintf(stderr, "census: %s\n", why.text);
			return EX_SOFTWARE;
		}
		per_entry[i] = (double)entries_ns / (double)census->domains;
		per_hop[i] = (double)hops_ns / (double)hops;
	}
	double entry_ns = lapse_median(per_entry), hop_ns = lapse_median(per_hop);
	double cpu_s = (entry_ns * (double)census->domains + hop_ns * (double)hops) / 1e9;
	double rests_s = (double)((census->domains + hops) / CENSUS_PAGE) * CENSUS_PAUSE_MS / 1000;
	printf("census: %" PRIu64 " domains, %" PRIu64 " mail hosts\n", census->domains, hops);
	printf("  CPU time: %.1f us for each domain, %.1f us for each mail host, %.2f s in all\n", entry_ns / 1000,
		hop_ns / 1000, cpu_s);
	printf("  with its rests it takes %.0f s, and %.1f %% of one core meanwhile\n", cpu_s + rests_s,
		100 * cpu_s / (cpu_s + rests_s));
	store_close(&store);
	free(census);
	return EX_OK;
}
