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
	uint32_t unlogged;         /* how often it happened since it was last logged */
	int64_t logged_ms;         /* when it was last logged */
	int64_t written_ms;        /* when it was last written to the store */
};

/* An event that was evicted from memory before it was written to the store. */
struct evicted {
	struct event_record event;
	struct evicted *next;
};

struct events {
	struct store *store;
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

/* Drops the oldest event of a full queue. The store's ring holds no more events than this queue, so it would drop that
 * event, too. */
static void evicted_add(struct events *events, const struct event_record *event) REQUIRES(events->lock)
{
	struct evicted *evicted = xcalloc(1, sizeof *evicted);
	if (events->evicted_count == EVENTS_MAX)
		free(evicted_take(events));
	evicted->event = *event;
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
		if (!store_note_event(events->store, &evicted->event, NULL)) {
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
		free(evicted);
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
		free(evicted);
	}
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

bool events_note_sign(struct events *events, const struct event_record *event, struct story *story)
{
	struct event_record left = {.count = 0};
	metrics_add(METRIC_EVENTS, event->kind, 0, 0, 1);
	free(story);
	lock_take(&events->lock);
	struct pending *p = pending_find(events, event->kind, event->domain);
	if (!p) {
		p = &events->pending[0];
		for (size_t i = 1; i < EVENTS_PENDING_MAX; i++)
			if (goes_first(&events->pending[i], p))
				p = &events->pending[i];
		left = p->event;
		memset(p, 0, sizeof *p);
	}
	if (p->used && p->event.count > 0)
		event_merge(&p->event, event);
	else
		p->event = *event;
	p->used = true;
	if (left.count > 0)
		evicted_add(events, &left);
	uint32_t times = ++p->unlogged;
	int64_t now_ms = clock_mono_ms();
	if (is_due(p->logged_ms, now_ms)) {
		p->logged_ms = now_ms;
		p->unlogged = 0;
	} else {
		times = 0; /* not logged now */
	}
	lock_drop(&events->lock);
	if (times > 0)
		event_log(event, times);
	return times > 0;
}

void events_tell(enum event_kind kind, const char *domain, const char *detail)
{
	struct event_record event;
	metrics_add(METRIC_EVENTS, kind, 0, 0, 1);
	event_record_init(&event, kind, domain, detail, clock_wall_s());
	event_log(&event, 1);
}

/* --- to the store ------------------------------------------------------------------------------------------------- */

void events_write(struct events *events, bool all)
{
	if (!evicted_write(events, all))
		return;
	for (size_t i = 0; i < EVENTS_PENDING_MAX; i++) {
		struct pending *one = &events->pending[i];
		struct event_record event = {.count = 0};
		int64_t now_ms = clock_mono_ms();
		lock_take(&events->lock);
		if (one->used && (all || is_due(one->written_ms, now_ms)))
			event = one->event;
		if (event.count > 0) { /* counts as written from now on */
			one->event.count = 0;
			one->written_ms = now_ms;
		}
		lock_drop(&events->lock);
		if (event.count == 0 || store_note_event(events->store, &event, NULL))
			continue;
		/* The store refused the event: it is kept for the next time, merged with what has been noted since. */
		lock_take(&events->lock);
		struct pending *p = pending_find(events, event.kind, event.domain);
		if (p) {
			struct event_record later = p->event;
			p->event = event;
			if (later.count > 0)
				event_merge(&p->event, &later);
		}
		lock_drop(&events->lock);
	}
}
