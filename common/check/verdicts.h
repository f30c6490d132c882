/* Collects verdict records (verdict_record.h) in memory and passes them to the store: a new one within about a
 * second, a repeated one every VERDICTS_SPACING_MS. At most VERDICTS_A_SECOND records are written per second, in one
 * transaction, so a flood of domains costs neither more writes nor more memory. Records that are not
 * written yet are lost by kill -9. Any thread. */
#ifndef CHECK_VERDICTS_H
#define CHECK_VERDICTS_H

#include "store.h"

#define VERDICTS_TICK_MS 1000
#define VERDICTS_SPACING_MS 10000
#define VERDICTS_A_SECOND 64
#define VERDICTS_PENDING_MAX                                                                                           \
	256 /* different records in memory; a further one is dropped while none of them is written */

struct verdicts;
/* The store must outlive the verdicts. */
struct verdicts *verdicts_new(struct store *store);
/* Writes all records first, as far as the store accepts them. */
void verdicts_free(struct verdicts **verdicts);

/* Notes a record with one verdict. Never fails and never waits for the store. */
void verdicts_note(struct verdicts *verdicts, const struct verdict_record *record);

/* Writes the records that are due. Does nothing if it did so less than VERDICTS_TICK_MS ago. Waits for the store. Records
 * that the store refuses are tried again. */
void verdicts_write(struct verdicts *verdicts);

#endif
