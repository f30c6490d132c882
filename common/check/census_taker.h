/* Takes a census of the store again and again, on a thread of its own, and sets the gauges that show what the store holds.
 *
 * The thread reads CENSUS_PAGE records, rests for CENSUS_PAUSE_MS, and so on, so that it takes a few percent of one core at
 * most, however large the store is. A census of a store with a million domains takes two minutes. After each census the thread
 * rests for as long as it took, and for CENSUS_EVERY_MS at least, so that a store that is larger than the memory is not read
 * from the disk all the time. Mail that waits and signs of an attack are looked at every CENSUS_MAIL_MS. */
#ifndef CHECK_CENSUS_TAKER_H
#define CHECK_CENSUS_TAKER_H

#include "census.h"
#include "check.h"

#define CENSUS_PAUSE_MS 20
#define CENSUS_EVERY_MS 60000 /* at least */
#define CENSUS_MAIL_MS 10000

struct census_taker;
/* Makes a taker that has no census yet. Check and store must outlive it. */
struct census_taker *census_taker_new(struct check *check, struct store *store);
/* Starts the thread. Returns false on failure (EX_OSERR). */
bool census_taker_start(struct census_taker *taker, struct failure *why);
/* Stops and joins the thread. Does nothing if it was not started. */
void census_taker_stop(struct census_taker *taker);
/* Frees the taker, whose thread must not run, and sets the pointer to NULL. Does nothing if the pointer is NULL. */
void census_taker_free(struct census_taker **taker);

/* Returns a copy of the newest complete census, which the caller frees with free(). Returns NULL if there is none yet: for some
 * seconds after the start, or if the store could not be read. Waits only for a copy of some 200 KB. Any thread. */
struct census *census_latest(struct census_taker *taker);

#endif
