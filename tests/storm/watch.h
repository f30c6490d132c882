/* The daemon under the storm: starts it, reads its log, and measures what it holds. */
#ifndef STORM_WATCH_H
#define STORM_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Starts the program in the background; what it logs is searched for trouble. Returns its process id, once it is ready.
 * Ends this process if it does not become ready. */
pid_t watch_start(const char *program, const char *conf);
/* Asks it to end, and waits. Returns its exit status, or -1 if it was ended by a signal. */
int watch_stop(void);
bool watch_is_running(void);
/* Returns how many lines of its log told of trouble; they were printed. */
unsigned watch_trouble(void);

/* What the process holds. */
struct held {
	unsigned descriptors, threads;
	unsigned memory_kib; /* resident, without what is mapped from files */
	int64_t cpu_ms;
};
struct held watch_held(void);

#endif
