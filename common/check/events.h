/* Passes events (things that an operator should know) to the log, the metrics and the store. Events are merged in
 * memory by kind and domain, so that each kind and domain causes at most one log line and one write a minute. Any
 * thread. */
#ifndef CHECK_EVENTS_H
#define CHECK_EVENTS_H

#include "store.h"
#include "story.h"

#define EVENTS_SPACING_MS 60000
#define EVENTS_PENDING_MAX 128 /* kinds and domains in memory at a time */
#define EVENTS_STORIES_MAX 32  /* stories of further events that wait to be written; then events wait without a story */
#define EVENTS_LISTENERS_MAX 4

struct events;
/* The store must outlive the events. */
struct events *events_new(struct store *store);
/* Writes all events first, as far as the store accepts them. */
void events_free(struct events **events);

/* Calls `heard` for each event: when it has been noted, and when it has been written to the store, with its number and all
 * that was merged before (`written`). It is called on the thread that notes or writes, without a lock held; when an event
 * was noted, it must not wait. Call this function before the first event that is to be heard. */
typedef void events_heard(void *arg, const struct event_record *event, bool written);
void events_listen(struct events *events, events_heard *heard, void *arg);

/* Asks `fold` (NULL: nobody) about each event before it is noted. It may set the event's part_of_kind and return true:
 * then the event is counted and stored, but not logged. It is called without a lock held and must not wait. Call this
 * function before the first event that is to be asked about, and after the last. */
typedef bool events_fold(void *arg, struct event_record *event);
void events_fold_by(struct events *events, events_fold *fold, void *arg);

/* Notes an event: counts it, and logs it unless the same kind and domain was logged within the last minute, and no milder
 * than this one. Returns whether it was logged. Never fails and never waits for the store, so event loops and libmilter callbacks may call it.
 * `domain` is "" for an event of the machine or of the store. Untrusted words in `detail` are already quoted. */
bool events_note(struct events *events, enum event_kind kind, const char *domain, const char *detail);

/* The same for an event that is filled already, such as a sign of an attack (core/sign). Takes over `story` (NULL: none),
 * which is from malloc(). A story that waits behind many others is dropped; its event is not. */
bool events_note_sign(struct events *events, const struct event_record *event, struct story *story);

/* Counts and logs an event that another process has already written to the store, and tells the listeners. On the thread
 * that writes events. */
void events_tell(struct events *events, const struct event_record *event);

/* Tells the listeners of an event that the store has changed otherwise, such as a sign that is over. On the thread that
 * writes events. */
void events_changed(struct events *events, const struct event_record *event);

/* Writes noted events to the store: all of them if `all`, otherwise only kinds and domains that were not written within
 * the last minute. Waits for the store. An event that the store refuses is tried again a minute later. */
void events_write(struct events *events, bool all);

#endif
