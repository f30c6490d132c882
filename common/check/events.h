/* Events on their way to the log, the metrics and the store: what an operator should know. Merged in memory by kind and
 * domain, so that each leaves one line and one write a minute at most. Any thread. */
#ifndef CHECK_EVENTS_H
#define CHECK_EVENTS_H

#include "store.h"

#define EVENTS_SPACING_MS 60000
#define EVENTS_PENDING_MAX 128 /* kinds and domains remembered at a time */

struct events;
struct events *events_new(struct store *store); /* outlives them */
void events_free(struct events **events);       /* after events_write() of all, as far as the store takes them */

/* Never fails, waits for nothing and writes nothing: the event loop and libmilter's callbacks note events, too. An
 * event that EVENTS_PENDING_MAX others within a minute displace waits in a queue. `domain` is "" for the machine or the store as a whole; `detail` has words of others quoted.
 * True: it was said in the log, and not only counted. */
bool events_note(struct events *events, enum event_kind kind, const char *domain, const char *detail);

/* Puts into the store what was noted, but nothing that was written less than a minute ago, unless `all`. Waits for the
 * store. What that does not take is tried again a minute later. */
void events_write(struct events *events, bool all);

#endif
