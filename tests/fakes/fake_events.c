/* Records calls of events_note() and events_note_sign() (--wrap) and passes them on to the real functions. */
#include "fake_events.h"

#include "events.h"
#include "lock.h"

#include <stdio.h>
#include <string.h>

static struct lock lock = {PTHREAD_MUTEX_INITIALIZER};
static char noted[FAKE_EVENTS_SIZE] GLOBAL_GUARDED_BY(lock);

bool __real_events_note(struct events *events, enum event_kind kind, const char *domain, const char *detail);
bool __wrap_events_note(struct events *events, enum event_kind kind, const char *domain, const char *detail);
bool __real_events_note_sign(struct events *events, const struct event_record *event, struct story *story);
bool __wrap_events_note_sign(struct events *events, const struct event_record *event, struct story *story);

bool __wrap_events_note(struct events *events, enum event_kind kind, const char *domain, const char *detail)
{
	lock_take(&lock);
	size_t len = strlen(noted);
	snprintf(noted + len, sizeof noted - len, " %s%s%s", event_name(kind), domain[0] ? ":" : "", domain);
	lock_drop(&lock);
	return __real_events_note(events, kind, domain, detail);
}

bool __wrap_events_note_sign(struct events *events, const struct event_record *event, struct story *story)
{
	lock_take(&lock);
	size_t len = strlen(noted);
	snprintf(noted + len, sizeof noted - len, " %s:%s:%s", event_name(event->kind), event->domain,
		event_severity_name(event->severity));
	lock_drop(&lock);
	return __real_events_note_sign(events, event, story);
}

void fake_events_forget(void)
{
	lock_take(&lock);
	noted[0] = '\0';
	lock_drop(&lock);
}

void fake_events_copy(char out[FAKE_EVENTS_SIZE])
{
	lock_take(&lock);
	memcpy(out, noted, sizeof noted);
	lock_drop(&lock);
}
