#include "overrides.h"

#include "clock.h"
#include "lock.h"
#include "log.h"
#include "memory.h"
#include "override_text.h"

#include <stdlib.h>
#include <string.h>

struct overrides {
	struct store *store;
	struct events *events;
	struct lock lock;
	struct override_use use[OVERRIDES_MAX] GUARDED_BY(lock); /* not in the store yet */
	size_t use_count GUARDED_BY(lock);

	/* Only overrides_round() uses these members. */
	struct override *seen; /* the table as the last round left it; NULL before the first round */
	size_t seen_count;
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
	free(overrides->seen);
	free(overrides);
	*slot = NULL;
}

/* --- rounds ------------------------------------------------------------------------------------------------------- */

static const struct override *row_find(const struct override *rows, size_t count, const char *domain)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(rows[i].domain, domain) == 0)
			return &rows[i];
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

/* Tells that somebody has cleared an override. The tool has noted an event that names the person. */
static void cleared_tell(struct overrides *overrides, const struct override *cleared)
{
	char text[OVERRIDE_TEXT_SIZE];
	size_t count = 0;
	const char *domain = override_event_domain(cleared);
	described(text, cleared);
	struct event_record *events = store_events(overrides->store, &count, NULL);
	for (size_t i = 0; events && i < count; i++)
		if (events[i].kind == EVENT_OVERRIDE_CLEARED && strcmp(events[i].domain, domain) == 0 &&
			events[i].last_at >= cleared->begins_at)
			memcpy(text, events[i].detail, sizeof events[i].detail);
	free(events);
	events_tell(EVENT_OVERRIDE_CLEARED, domain, text);
}

/* Compares the table with what the last round saw. */
static void changes_tell(struct overrides *overrides, const struct override *rows, size_t count, int64_t now)
{
	char text[OVERRIDE_TEXT_SIZE];
	for (size_t i = 0; i < count; i++) {
		const struct override *before = row_find(overrides->seen, overrides->seen_count, rows[i].domain);
		if (!before || !override_same(before, &rows[i]))
			events_tell(EVENT_OVERRIDE_SET, override_event_domain(&rows[i]), described(text, &rows[i]));
	}
	for (size_t i = 0; i < overrides->seen_count; i++) {
		const struct override *before = &overrides->seen[i];
		if (before->ends_at > now && !row_find(rows, count, before->domain))
			cleared_tell(overrides, before);
	}
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
	const struct override *all = row_find(rows, count, OVERRIDE_ALL);
	int64_t now_s = clock_mono_ms() / 1000 + 1;
	if (!all || !override_in_force(all, now)) {
		overrides->reminded_s = 0;
	} else if (overrides->reminded_s == 0 || now_s - overrides->reminded_s >= OVERRIDES_REMIND_S) {
		log_warning("an override is in force for all domains: %s; `stsgate override clear '*'` ends it",
			described(text, all));
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
	count = expired_end(overrides, rows, count, now);
	if (overrides->seen)
		changes_tell(overrides, rows, count, now);
	else
		standing_tell(rows, count, now);
	remind(overrides, rows, count, now);
	free(overrides->seen);
	overrides->seen = rows;
	overrides->seen_count = count;
}
