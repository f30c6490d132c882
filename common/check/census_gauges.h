/* Sets the gauges that show what the store holds: domains, mail hosts, mail that waits, signs of an attack, TLS reports. Reads
 * some tables of the store as a whole, so it is for a thread that nobody waits for. Any thread. */
#ifndef CHECK_CENSUS_GAUGES_H
#define CHECK_CENSUS_GAUGES_H

#include "census.h"
#include "store.h"

/* Sets the gauges of a census that is complete. */
void census_gauges_set(const struct census *census);
/* Sets those of mail that waits or would wait, and those of signs, from the store. What cannot be read keeps its last values. */
void census_gauges_mail(struct store *store, int64_t now);
/* Sets those of TLS reports. `sent`: this daemon sends reports; otherwise none waits. */
void census_gauges_reports(struct store *store, bool sent, int64_t now);

#endif
