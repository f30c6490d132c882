#include "events.h"

#include "clock.h"
#include "lock.h"
#include "log.h"
#include "memory.h"
#include "metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct pending {
	bool used;
	struct event_record event; /* what the store has not been given yet: a count of 0 when it has all */
	uint32_t unsaid;           /* in the log */
	int64_t said_ms, written_ms;
};

/* An event that others displaced from memory before it was written. */
struct left {
	struct event_record event;
	struct left *next;
};

struct events {
	struct store *store;
	struct lock lock;
	struct pending pending[EVENTS_PENDING_MAX] GUARDED_BY(lock);
	struct left *left_first GUARDED_BY(lock); /* the oldest */
	struct left *left_last GUARDED_BY(lock);
	unsigned left_count GUARDED_BY(lock);
	int64_t left_failed_ms GUARDED_BY(lock); /* when the store did not take one; 0: it did since */
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

/* --- the queue of what is left --------------------------------------------------------------------------------------- */

static struct left *left_unlink(struct events *events) REQUIRES(events->lock)
{
	struct left *left = events->left_first;
	if (!left)
		return NULL;
	events->left_first = left->next;
	if (!left->next)
		events->left_last = NULL;
	events->left_count--;
	return left;
}

/* The store's ring holds no more than this queue: the oldest is dropped here, as it would be there. */
static void left_add(struct events *events, const struct event_record *event) REQUIRES(events->lock)
{
	struct left *left = xcalloc(1, sizeof *left);
	if (events->left_count == EVENTS_MAX)
		free(left_unlink(events));
	left->event = *event;
	if (events->left_last)
		events->left_last->next = left;
	else
		events->left_first = left;
	events->left_last = left;
	events->left_count++;
}

/* NULL: there is none, or the store did not take one within the last minute. */
static struct left *left_take(struct events *events, bool all)
{
	lock_take(&events->lock);
	bool due = all || is_due(events->left_failed_ms, clock_mono_ms());
	struct left *left = due ? left_unlink(events) : NULL;
	lock_drop(&events->lock);
	return left;
}

static void left_return(struct events *events, struct left *left)
{
	lock_take(&events->lock);
	left->next = events->left_first;
	events->left_first = left;
	if (!left->next)
		events->left_last = left;
	events->left_count++;
	events->left_failed_ms = clock_mono_ms();
	lock_drop(&events->lock);
}

/* False: the store does not take them now. */
static bool left_write(struct events *events, bool all)
{
	for (struct left *left; (left = left_take(events, all)); free(left))
		if (!store_note_event(events->store, &left->event, NULL)) {
			left_return(events, left);
			return false;
		}
	return true;
}

void events_free(struct events **events)
{
	if (!*events)
		return;
	events_write(*events, true);
	for (struct left *left; (left = left_take(*events, true));)
		free(left);
	lock_destroy(&(*events)->lock);
	free(*events);
	*events = NULL;
}

/* --- in memory (under the lock) ----------------------------------------------------------------------------------- */

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

/* Before another in the order in which they give way: unused, then what is written, then what was said first. */
static bool gives_way(const struct pending *p, const struct pending *than)
{
	if (p->used != than->used)
		return !p->used;
	if ((p->event.count == 0) != (than->event.count == 0))
		return p->event.count == 0;
	return p->said_ms < than->said_ms;
}

static struct pending *pending_replace(struct events *events, struct event_record *left) REQUIRES(events->lock)
{
	struct pending *slot = &events->pending[0];
	for (size_t i = 1; i < EVENTS_PENDING_MAX; i++)
		if (gives_way(&events->pending[i], slot))
			slot = &events->pending[i];
	*left = slot->event;
	memset(slot, 0, sizeof *slot);
	return slot;
}

static void pending_add(struct pending *p, const struct event_record *event)
{
	if (p->used && p->event.count > 0)
		event_merge(&p->event, event);
	else
		p->event = *event;
	p->used = true;
}

/* How often it happened since it was said; 0: it is not to be said now. */
static uint32_t pending_say(struct pending *p, int64_t now_ms)
{
	uint32_t times = ++p->unsaid;
	if (!is_due(p->said_ms, now_ms))
		return 0;
	p->said_ms = now_ms;
	p->unsaid = 0;
	return times;
}

/* --- to the log and to the store ---------------------------------------------------------------------------------- */

static enum log_level level_of(enum event_kind kind)
{
	switch (event_severity(kind)) {
	case EVENT_INFO:
		return LOG_LEVEL_INFO;
	case EVENT_WARNING:
		return LOG_LEVEL_WARNING;
	case EVENT_ERROR:
		return LOG_LEVEL_ERROR;
	}
	return LOG_LEVEL_ERROR;
}

static void event_say(const struct event_record *event, uint32_t times)
{
	log_write(level_of(event->kind), "event=%s%s%s count=%" PRIu32 " %s: %s; %s", event_name(event->kind),
		event->domain[0] ? " domain=" : "", event->domain, times, event_sentence(event->kind), event->detail,
		event_advice(event->kind));
}

bool events_note(struct events *events, enum event_kind kind, const char *domain, const char *detail)
{
	struct event_record event, left = {.count = 0};
	metrics_add(METRIC_EVENTS, kind, 0, 0, 1);
	event_record_init(&event, kind, domain, detail, clock_wall_s());
	lock_take(&events->lock);
	struct pending *p = pending_find(events, kind, domain);
	if (!p)
		p = pending_replace(events, &left);
	pending_add(p, &event);
	if (left.count > 0)
		left_add(events, &left);
	uint32_t times = pending_say(p, clock_mono_ms());
	lock_drop(&events->lock);
	if (times > 0)
		event_say(&event, times);
	return times > 0;
}

/* The next that is due, which counts as written from now on. */
static bool pending_take(struct events *events, bool all, size_t *from, struct event_record *out)
{
	bool found = false;
	int64_t now_ms = clock_mono_ms();
	lock_take(&events->lock);
	for (; *from < EVENTS_PENDING_MAX && !found; (*from)++) {
		struct pending *p = &events->pending[*from];
		if (!p->used || p->event.count == 0 || !(all || is_due(p->written_ms, now_ms)))
			continue;
		*out = p->event;
		p->event.count = 0;
		p->written_ms = now_ms;
		found = true;
	}
	lock_drop(&events->lock);
	return found;
}

static void pending_return(struct events *events, const struct event_record *event)
{
	lock_take(&events->lock);
	struct pending *p = pending_find(events, event->kind, event->domain);
	if (p && p->event.count > 0) {
		struct event_record later = p->event;
		p->event = *event;
		event_merge(&p->event, &later);
	} else if (p) {
		p->event = *event;
	}
	lock_drop(&events->lock);
}

void events_write(struct events *events, bool all)
{
	struct event_record event;
	if (!left_write(events, all))
		return;
	for (size_t from = 0; pending_take(events, all, &from, &event);)
		if (!store_note_event(events->store, &event, NULL))
			pending_return(events, &event);
}
