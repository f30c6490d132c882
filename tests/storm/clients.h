/* The clients of the storm: connections to the milter and to the map, each with one question in progress. */
#ifndef STORM_CLIENTS_H
#define STORM_CLIENTS_H

#include <stdint.h>

struct storm {
	unsigned milters, maps; /* connections */
	unsigned per_s;         /* questions a second, all connections together; 0: as many as are answered */
	unsigned domains;
	unsigned first_cold, cold; /* the first contacts of this round: the how-manieth cold domains */
	int64_t ms;
};

struct tally {
	unsigned long answers, wrong, left; /* left: questions whose client hung up */
	unsigned long delayed;              /* answers that delay mail */
	unsigned contacts;                  /* domains asked about for the first time */
	unsigned reloads;
	unsigned map_ms, milter_ms; /* the slowest answers */
	unsigned
		late_ms; /* the longest turn of the clients' loop, which has one thread: more than 100 on a busy machine */
	unsigned memory_kib, descriptors; /* the most that the daemon held */
};

/* Runs one storm, then closes all connections. `reload` is called every RELOAD_MS. */
void clients_run(const struct storm *storm, void (*reload)(unsigned count), struct tally *tally);

#endif
