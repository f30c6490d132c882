/* Recognizes an attack or a fault near this relay (core/nearby) where a lookup, fetch or probe has ended, begins and ends
 * the conditions that follow, and folds the single signs of the hops and domains concerned into their event.
 *
 * An event that is folded is counted and stored, but neither logged nor passed on: the event of the condition stands for
 * it. Nothing here waits, except turns_write(). Any thread. */
#ifndef CHECK_TURNS_H
#define CHECK_TURNS_H

#include "conditions.h"
#include "events.h"
#include "obtain.h"
#include "stories.h"

/* A place that was last found good longer ago than this may have changed at any time since, so it is no turn. */
#define TURN_GOOD_S (7 * 86400)
#define TURN_NAMES_MAX 4 /* places that the event names */
/* While a condition lasts, its event is noted again at this interval, since a sign that nobody has seen for a day is over. */
#define TURNS_AGAIN_S 21600

struct turns;
/* All arguments must outlive the turns. `stories` may be NULL; otherwise the stories of conditions end with the conditions.
 * From now on `events` folds the events for which turns_fold() returns true. */
struct turns *turns_new(
	struct store *store, struct events *events, struct conditions *conditions, struct stories *stories);
void turns_free(struct turns **turns);

/* Notes a result beside the facts, which have not learned it yet. Call it once for each operation, however many inquiries
 * share the result, and before the signs of the result are noted. */
void turns_note_found(struct turns *turns, const struct facts *facts, const struct found *found);
/* Returns whether a condition of core/nearby stands for this event: the event is a sign of a place that belongs to the
 * condition, or it reports the same trouble in less detail. Then sets its part_of_kind. */
bool turns_fold(struct turns *turns, struct event_record *event);
/* Ends conditions because time has passed. Call it every few seconds. */
void turns_review(struct turns *turns);
/* Folds the signs that were stored in the minutes before a condition began. Call it after events_write(). Waits for the
 * store. */
void turns_write(struct turns *turns);

#endif
