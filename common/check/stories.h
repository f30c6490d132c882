/* Goes on with the stories of signs: counts what becomes of a domain's mail while a sign is open, notes changes of its
 * verdict, and finds out when a sign is over.
 *
 * At most STORIES_OPEN_MAX signs are followed at a time; the one that was seen longest ago makes room for a new one, and
 * is followed again when there is room. The table is in memory. At the start, and when another process has noted a sign,
 * it is read from the store; counts are written to the store within seconds. If mail was not counted for a time, the story
 * says so. While no sign is open, a front end pays one atomic read for each verdict. Any thread. */
#ifndef CHECK_STORIES_H
#define CHECK_STORIES_H

#include "events.h"
#include "report.h"

#define STORIES_OPEN_MAX 256
#define STORIES_A_ROUND 32 /* stories written in one round */

struct stories;
/* Listens to the events. Store and events must outlive the stories. */
struct stories *stories_new(struct store *store, struct events *events);
/* Frees what stories_write() has not written. The events must not note or write anything any more. */
void stories_free(struct stories **stories);

/* Returns whether any sign is open. */
bool stories_are_open(struct stories *stories);
/* Notes a verdict on which a front end acts. Never waits for the store. */
void stories_note_verdict(struct stories *stories, const struct verdict_seen *seen);
/* Ends an open sign that no fact about a domain or a mail host can end. Never waits for the store. */
void stories_end(struct stories *stories, enum event_kind kind, const char *domain);
/* Finds out which signs are over, and writes the stories that have changed: STORIES_A_ROUND of them, or `all`. Notes
 * signs-over when the last sign of a domain is over. Waits for the store. One thread at a time. */
void stories_write(struct stories *stories, bool all);

#endif
