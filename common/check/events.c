#include "events.h"

#include "clock.h"
#include "lock.h"
#include "log.h"
#include "memory.h"
#include "metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The events of one kind and domain that are kept in memory. */
struct pending {
	bool used;
	struct event_record event; /* the part that is not in the store yet; count 0: nothing */
	struct story *story;       /* of that part; owned; may be NULL */
	uint32_t unlogged;         /* how often it happened since it was last logged */
	int64_t logged_ms;         /* when it was last logged */
	enum event_severity logged_severity;
	int64_t written_ms; /* when it was last written to the store */
};

/* An event that was evicted from memory before it was written to the store. */
struct evicted {
	struct event_record event;
	struct story *story; /* owned; may be NULL */
	struct evicted *next;
};

struct hearer {
	events_heard *heard;
	void *arg;
};

struct events {
	struct store *store;
	struct hearer hearer[EVENTS_LISTENERS_MAX];
	unsigned hearers;
	events_fold *fold; /* may be NULL */
	void *fold_arg;
	struct lock lock;
	struct pending pending[EVENTS_PENDING_MAX] GUARDED_BY(lock);
	struct evicted *first GUARDED_BY(lock); /* the oldest evicted event */
	struct evicted *last GUARDED_BY(lock);
	unsigned evicted_count GUARDED_BY(lock);
	int64_t refused_ms GUARDED_BY(lock); /* when the store last refused an evicted event; 0: never */
};

struct events *events_new(struct store *store)
{
	struct events *events = xcalloc(1, sizeof *events);
	events->store = store;
	lock_init(&events->lock);
	return events;
}

void events_listen(struct events *events, events_heard *heard, void *arg)
{
	if (events->hearers == EVENTS_LISTENERS_MAX)
		abort();
	events->hearer[events->hearers++] = (struct hearer){heard, arg};
}

static void listeners_tell(struct events *events, const struct event_record *event, bool written)
{
	for (unsigned i = 0; i < events->hearers; i++)
		events->hearer[i].heard(events->hearer[i].arg, event, written);
}

/* Writes an event with its story, and tells the listeners. Returns false if the store refuses it. */
static bool event_write(struct events *events, struct event_record *event, const struct story *story)
{
	bool written = store_note_sign(events->store, event, story, NULL);
	if (written)
		listeners_tell(events, event, true);
	return written;
}

void events_fold_by(struct events *events, events_fold *fold, void *arg)
{
	events->fold = fold;
	events->fold_arg = arg;
}

static bool is_due(int64_t since_ms, int64_t now_ms)
{
	return since_ms == 0 || now_ms - since_ms >= EVENTS_SPACING_MS;
}

/* --- evicted events ----------------------------------------------------------------------------------------------- */

static struct evicted *evicted_take(struct events *events) REQUIRES(events->lock)
{
	struct evicted *evicted = events->first;
	if (!evicted)
		return NULL;
	events->first = evicted->next;
	if (!evicted->next)
		events->last = NULL;
	events->evicted_count--;
	return evicted;
}

static void evicted_free(struct evicted *evicted)
{
	free(evicted->story);
	free(evicted);
}

/* Takes over the story, and drops it if many events wait already. Drops the oldest event of a full queue. The store's ring
 * holds no more events than this queue, so it would drop that event, too. */
static void evicted_add(struct events *events, const struct event_record *event, struct story *story)
	REQUIRES(events->lock)
{
	struct evicted *evicted = xcalloc(1, sizeof *evicted);
	if (events->evicted_count == EVENTS_MAX)
		evicted_free(evicted_take(events));
	evicted->event = *event;
	if (events->evicted_count < EVENTS_STORIES_MAX)
		evicted->story = story;
	else
		free(story);
	if (events->last)
		events->last->next = evicted;
	else
		events->first = evicted;
	events->last = evicted;
	events->evicted_count++;
}

/* Writes the evicted events to the store. Does nothing if the store refused one within the last minute, unless `all` is
 * true. Returns false if the store refuses one now. */
static bool evicted_write(struct events *events, bool all)
{
	while (true) {
		lock_take(&events->lock);
		bool due = all || is_due(events->refused_ms, clock_mono_ms());
		struct evicted *evicted = due ? evicted_take(events) : NULL;
		lock_drop(&events->lock);
		if (!evicted)
			return true;
		if (!event_write(events, &evicted->event, evicted->story)) {
			lock_take(&events->lock);
			evicted->next = events->first;
			events->first = evicted;
			if (!evicted->next)
				events->last = evicted;
			events->evicted_count++;
			events->refused_ms = clock_mono_ms();
			lock_drop(&events->lock);
			return false;
		}
		evicted_free(evicted);
	}
}

void events_free(struct events **slot)
{
	struct events *events = *slot;
	if (!events)
		return;
	events_write(events, true);
	while (events->first) {
		struct evicted *evicted = events->first;
		events->first = evicted->next;
		evicted_free(evicted);
	}
	for (size_t i = 0; i < EVENTS_PENDING_MAX; i++)
		free(events->pending[i].story);
	lock_destroy(&events->lock);
	free(events);
	*slot = NULL;
}

/* --- events in memory --------------------------------------------------------------------------------------------- */

static struct pending *pending_find(struct events *events, enum event_kind kind, const char *domain)
	REQUIRES(events->lock)
{
	for (size_t i = 0; i < EVENTS_PENDING_MAX; i++) {
		struct pending *p = &events->pending[i];
		if (p->used && p->event.kind == kind && strcmp(p->event.domain, domain) == 0)
			return p;
	}
	return NULL;
}

/* Returns whether `p` is evicted before `other`: unused slots go first, then events that are all in the store, then the
 * event that was logged longest ago. */
static bool goes_first(const struct pending *p, const struct pending *other)
{
	if (p->used != other->used)
		return !p->used;
	if ((p->event.count == 0) != (other->event.count == 0))
		return p->event.count == 0;
	return p->logged_ms < other->logged_ms;
}

static enum log_level level_of(enum event_severity severity)
{
	switch (severity) {
	case EVENT_INFO:
	case EVENT_NOTICE:
		return LOG_LEVEL_INFO;
	case EVENT_WARNING:
		return LOG_LEVEL_WARNING;
	case EVENT_ERROR:
		return LOG_LEVEL_ERROR;
	}
	return LOG_LEVEL_ERROR;
}

static void event_log(const struct event_record *event, uint32_t times)
{
	enum event_kind kind = event->kind;
	log_write(level_of(event->severity), "event=%s%s%s count=%" PRIu32 " %s: %s; %s", event_name(kind),
		event->domain[0] ? " domain=" : "", event->domain, times, event_sentence(kind), event->detail,
		event_advice(kind));
}

bool events_note(struct events *events, enum event_kind kind, const char *domain, const char *detail)
{
	struct event_record event;
	event_record_init(&event, kind, domain, detail, clock_wall_s());
	return events_note_sign(events, &event, NULL);
}

/* Adds a story to that which waits already. Takes it over. */
static void story_join(struct story **waiting, struct story *later)
{
	if (*waiting && later) {
		story_merge(*waiting, later);
		free(later);
	} else if (later) {
		*waiting = later;
	}
}

/* Returns the slot of this kind and domain. If there is none yet, it takes the place of another one, which goes to the
 * evicted events. */
static struct pending *pending_slot(struct events *events, const struct event_record *event) REQUIRES(events->lock)
{
	struct pending *p = pending_find(events, event->kind, event->domain);
	if (p)
		return p;
	p = &events->pending[0];
	for (size_t i = 1; i < EVENTS_PENDING_MAX; i++)
		if (goes_first(&events->pending[i], p))
			p = &events->pending[i];
	if (p->event.count > 0)
		evicted_add(events, &p->event, p->story);
	memset(p, 0, sizeof *p);
	return p;
}

bool events_note_sign(struct events *events, const struct event_record *noted, struct story *story)
{
	struct event_record own = *noted, *event = &own;
	bool folded = events->fold && events->fold(events->fold_arg, event);
	metrics_add(METRIC_EVENTS, event->kind, 0, 0, 1);
	lock_take(&events->lock);
	struct pending *p = pending_slot(events, event);
	if (p->used && p->event.count > 0)
		event_merge(&p->event, event);
	else
		p->event = *event;
	p->used = true;
	story_join(&p->story, story);
	uint32_t times = folded ? 0 : ++p->unlogged;
	int64_t now_ms = clock_mono_ms();
	/* A mild event must not keep a more severe one out of the log. */
	if (times > 0 && (is_due(p->logged_ms, now_ms) || event->severity > p->logged_severity)) {
		p->logged_ms = now_ms;
		p->logged_severity = event->severity;
		p->unlogged = 0;
	} else {
		times = 0; /* not logged now */
	}
	lock_drop(&events->lock);
	if (times > 0)
		event_log(event, times);
	listeners_tell(events, event, false);
	return times > 0;
}

void events_tell(struct events *events, const struct event_record *event)
{
	metrics_add(METRIC_EVENTS, event->kind, 0, 0, 1);
	event_log(event, 1);
	listeners_tell(events, event, true);
}

void events_changed(struct events *events, const struct event_record *event)
{
	listeners_tell(events, event, true);
}

/* --- to the store ------------------------------------------------------------------------------------------------- */

/* Takes what waits in a slot, if it is due: only a part of another event (`part` is true), or only an event that is none. It
 * counts as written from now on. The count is 0 if there is nothing. */
static struct event_record pending_take(
	struct events *events, struct pending *p, bool all, bool part, struct story **story)
{
	struct event_record event = {.count = 0};
	int64_t now_ms = clock_mono_ms();
	*story = NULL;
	lock_take(&events->lock);
	if (p->used && (p->event.part_of_kind != 0) == part && (all || is_due(p->written_ms, now_ms)))
		event = p->event;
	if (event.count > 0) {
		*story = p->story;
		p->story = NULL;
		p->event.count = 0;
		p->written_ms = now_ms;
	}
	lock_drop(&events->lock);
	return event;
}

/* The store refused the event: it is kept for the next time, merged with what has been noted since. Takes the story over. */
static void pending_return(struct events *events, const struct event_record *event, struct story *story)
{
	lock_take(&events->lock);
	struct pending *p = pending_find(events, event->kind, event->domain);
	if (p) {
		struct event_record later = p->event;
		struct story *later_story = p->story;
		p->event = *event;
		p->story = story;
		if (later.count > 0)
			event_merge(&p->event, &later);
		story_join(&p->story, later_story);
	} else {
		free(story);
	}
	lock_drop(&events->lock);
}

/* Events that are parts come last: the store must know the number of the event that they are a part of. */
void events_write(struct events *events, bool all)
{
	if (!evicted_write(events, all))
		return;
	for (size_t i = 0; i < (size_t)2 * EVENTS_PENDING_MAX; i++) {
		struct pending *p = &events->pending[i % EVENTS_PENDING_MAX];
		struct story *story;
		struct event_record event = pending_take(events, p, all, i >= EVENTS_PENDING_MAX, &story);
		if (event.count > 0 && !event_write(events, &event, story))
			pending_return(events, &event, story);
		else
			free(story);
	}
}
