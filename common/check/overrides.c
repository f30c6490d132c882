#include "overrides.h"

#include "clock.h"
#include "lock.h"
#include "log.h"
#include "memory.h"
#include "override_text.h"

#include <stdlib.h>
#include <string.h>

/* The events of one kind in the store, as the last round saw them; `events` is NULL before the first round. */
/* The events of one kind that have been logged. */
struct logged {
	struct event_record *events;
	size_t count;
};

struct overrides {
	struct store *store;
	struct events *events;
	struct lock lock;
	struct override_use use[OVERRIDES_MAX] GUARDED_BY(lock); /* not in the store yet */
	size_t use_count GUARDED_BY(lock);

	/* Only overrides_round() uses these members. */
	struct logged set, cleared;
	bool looked;        /* a round has ended */
	int64_t reminded_s; /* monotonic; 0: never */
};

static const char *described(char out[OVERRIDE_TEXT_SIZE], const struct override *override)
{
	struct text text;
	text_init(&text, out, OVERRIDE_TEXT_SIZE);
	override_describe(&text, override);
	return out;
}

/* --- uses --------------------------------------------------------------------------------------------------------- */

void overrides_used(struct overrides *overrides, const struct verdict *verdict)
{
	const char *domain = verdict->override_all ? OVERRIDE_ALL : verdict->domain;
	if (verdict->override == OVERRIDE_NONE)
		return;
	lock_take(&overrides->lock);
	size_t i = 0;
	while (i < overrides->use_count && strcmp(overrides->use[i].domain, domain) != 0)
		i++;
	if (i < OVERRIDES_MAX) {
		struct override_use *use = &overrides->use[i];
		if (i == overrides->use_count) {
			overrides->use_count++;
			*use = (struct override_use){.uses = 0};
			memcpy(use->domain, domain, strlen(domain) + 1);
		}
		use->uses += use->uses < UINT32_MAX;
		use->used_at = clock_wall_s();
	}
	lock_drop(&overrides->lock);
}

/* Uses that the store does not accept are lost: the metric has counted them. */
static void uses_write(struct overrides *overrides)
{
	lock_take(&overrides->lock);
	size_t count = overrides->use_count;
	struct override_use *use = xmemdup(overrides->use, count * sizeof *use);
	overrides->use_count = 0;
	lock_drop(&overrides->lock);
	store_count_uses(overrides->store, use, count, NULL);
	free(use);
}

struct overrides *overrides_new(struct store *store, struct events *events)
{
	struct overrides *overrides = xcalloc(1, sizeof *overrides);
	overrides->store = store;
	overrides->events = events;
	lock_init(&overrides->lock);
	return overrides;
}

void overrides_free(struct overrides **slot)
{
	struct overrides *overrides = *slot;
	if (!overrides)
		return;
	uses_write(overrides);
	lock_destroy(&overrides->lock);
	free(overrides->set.events);
	free(overrides->cleared.events);
	free(overrides);
	*slot = NULL;
}

/* --- rounds ------------------------------------------------------------------------------------------------------- */

static const struct event_record *event_find_domain(const struct logged *logged, const char *domain)
{
	for (size_t i = 0; i < logged->count; i++)
		if (strcmp(logged->events[i].domain, domain) == 0)
			return &logged->events[i];
	return NULL;
}

/* Removes the rows whose time is over from the store and from `rows`. Returns how many are left. */
static size_t expired_end(struct overrides *overrides, struct override *rows, size_t count, int64_t now)
{
	char text[OVERRIDE_TEXT_SIZE];
	size_t left = 0;
	for (size_t i = 0; i < count; i++) {
		struct override ended = {.kind = OVERRIDE_NONE};
		if (rows[i].ends_at <= now)
			store_clear_override(overrides->store, rows[i].domain, now, &ended, NULL);
		if (ended.kind != OVERRIDE_NONE)
			events_note(overrides->events, EVENT_OVERRIDE_EXPIRED, override_event_domain(&ended),
				described(text, &ended));
		else
			rows[left++] = rows[i];
	}
	return left;
}

/* Logs the events that the tool has written to the store since the last round. The store merges events of the same kind
 * and domain, so if there were several since the last round, only the newest one is logged. */
static void changes_log(struct overrides *overrides, struct logged *logged, enum event_kind kind)
{
	size_t count = 0;
	struct event_record *events = store_events_of(overrides->store, kind, &count, NULL);
	if (!events)
		return;
	for (size_t i = 0; i < count && logged->events; i++) {
		const struct event_record *before = event_find_domain(logged, events[i].domain);
		if (!before || before->last_at != events[i].last_at || before->count != events[i].count)
			events_tell(overrides->events, &events[i]);
	}
	free(logged->events);
	logged->events = events;
	logged->count = count;
}

/* After a start, the log names every override once. */
static void standing_tell(const struct override *rows, size_t count, int64_t now)
{
	char text[OVERRIDE_TEXT_SIZE];
	for (size_t i = 0; i < count; i++)
		if (override_in_force(&rows[i], now) && strcmp(rows[i].domain, OVERRIDE_ALL) != 0)
			log_info("domain=%s an override is in force: %s", rows[i].domain, described(text, &rows[i]));
}

static void remind(struct overrides *overrides, const struct override *rows, size_t count, int64_t now)
{
	char text[OVERRIDE_TEXT_SIZE];
	bool all = count > 0 && strcmp(rows[0].domain, OVERRIDE_ALL) == 0 && override_in_force(&rows[0], now);
	int64_t now_s = clock_mono_ms() / 1000 + 1;
	if (!all) {
		overrides->reminded_s = 0;
	} else if (overrides->reminded_s == 0 || now_s - overrides->reminded_s >= OVERRIDES_REMIND_S) {
		log_warning("an override is in force for all domains: %s; `stsgate override clear '*'` ends it",
			described(text, &rows[0]));
		overrides->reminded_s = now_s;
	}
}

void overrides_round(struct overrides *overrides)
{
	int64_t now = clock_wall_s();
	size_t count = 0;
	uses_write(overrides);
	struct override *rows = store_overrides(overrides->store, &count, NULL);
	if (!rows)
		return;
	changes_log(overrides, &overrides->set, EVENT_OVERRIDE_SET);
	changes_log(overrides, &overrides->cleared, EVENT_OVERRIDE_CLEARED);
	count = expired_end(overrides, rows, count, now);
	if (!overrides->looked)
		standing_tell(rows, count, now);
	overrides->looked = true;
	remind(overrides, rows, count, now);
	free(rows);
}
