#include "signs.h"

#include "lock.h"
#include "memory.h"
#include "sign.h"

#include <stdlib.h>
#include <string.h>

struct signs {
	struct store *store;
	struct events *events;
	const struct conditions *conditions;
	struct lock lock;
	struct store_hop_look *look GUARDED_BY(
		lock); /* good looks that are not in the store yet; room for `look_room` */
	size_t look_count GUARDED_BY(lock), look_room GUARDED_BY(lock);
};

/* A sign with its story. */
struct noted {
	struct event_record event;
	struct story *story;
};

struct signs *signs_new(struct store *store, struct events *events, const struct conditions *conditions)
{
	struct signs *signs = xcalloc(1, sizeof *signs);
	signs->store = store;
	signs->events = events;
	signs->conditions = conditions;
	lock_init(&signs->lock);
	return signs;
}

void signs_free(struct signs **slot)
{
	if (!*slot)
		return;
	signs_write(*slot);
	lock_destroy(&(*slot)->lock);
	free(*slot);
	*slot = NULL;
}

/* --- good looks --------------------------------------------------------------------------------------------------- */

/* Returns the look of a hop that waits to be written, or NULL. */
static struct store_hop_look *look_find(struct signs *signs, const char *host, uint16_t port) REQUIRES(signs->lock)
{
	for (size_t i = 0; i < signs->look_count; i++)
		if (signs->look[i].port == port && strcmp(signs->look[i].host, host) == 0)
			return &signs->look[i];
	return NULL;
}

/* Returns room for the look of a hop, or NULL if too many looks wait: the next good probe brings another one. */
static struct store_hop_look *look_room(struct signs *signs, const char *host, uint16_t port) REQUIRES(signs->lock)
{
	struct store_hop_look *old = look_find(signs, host, port);
	if (old || signs->look_count == SIGNS_LOOKS_MAX)
		return old;
	if (signs->look_count == signs->look_room) {
		signs->look_room = signs->look_room > 0 ? 2 * signs->look_room : 8;
		signs->look = xrealloc(signs->look, signs->look_room * sizeof *signs->look);
	}
	return &signs->look[signs->look_count++];
}

/* Remembers what a good probe saw. A probe of another host has no look of this one. */
static void look_remember(struct signs *signs, const struct found *found)
{
	const struct want *want = &found->want;
	const struct evidence *seen = &found->evidence;
	if (!found->look || reason_class(seen->reason) != REASON_GOOD || seen->seen_for[0] != '\0')
		return;
	lock_take(&signs->lock);
	struct store_hop_look *room = look_room(signs, want->name, want->port);
	if (room) {
		*room = (struct store_hop_look){.port = want->port, .look = *found->look};
		memcpy(room->host, want->name, sizeof room->host);
		room->look.at = seen->at;
	}
	lock_drop(&signs->lock);
}

/* Copies the look of the newest good probe of a hop. Returns false if there is none. */
static bool look_recall(struct signs *signs, const char *host, uint16_t port, struct look *out)
{
	lock_take(&signs->lock);
	const struct store_hop_look *waiting = look_find(signs, host, port);
	if (waiting)
		*out = waiting->look;
	lock_drop(&signs->lock);
	return waiting || store_look_of(signs->store, host, port, out) == STORE_FOUND;
}

void signs_write(struct signs *signs)
{
	lock_take(&signs->lock);
	struct store_hop_look *look = signs->look;
	size_t count = signs->look_count;
	signs->look = NULL;
	signs->look_count = signs->look_room = 0;
	lock_drop(&signs->lock);
	/* Looks that the store refuses are lost: the next good probes bring others. */
	if (count > 0)
		store_put_looks(signs->store, look, count, NULL);
	free(look);
}

/* --- stories ------------------------------------------------------------------------------------------------------ */

static void clock_describe(char out[STORY_CLOCK_SIZE], const struct conditions *conditions, int64_t now)
{
	struct text text;
	text_init(&text, out, STORY_CLOCK_SIZE);
	text_add_time(&text, now);
	if (condition_lasts(conditions, (enum condition)(CONDITION_HEALTH + HEALTH_CLOCK_BEHIND)))
		text_add(&text, "; the clock seems to be behind");
	else if (condition_lasts(conditions, (enum condition)(CONDITION_HEALTH + HEALTH_CLOCK_AHEAD)))
		text_add(&text, "; the clock seems to be ahead");
	else
		text_add(&text, "; nothing shows that the clock is wrong");
}

static void dns_describe(char out[STORY_DNS_SIZE], const struct entry *entry)
{
	struct text text;
	text_init(&text, out, STORY_DNS_SIZE);
	sign_describe_dns(&text, entry);
}

/* Describes what DNS says about the domain before this result and with it. */
static void story_add_dns(struct story *story, const struct facts *facts, const struct found *found)
{
	struct entry after;
	entry_copy(&after, &facts->entry);
	if (found->want.kind == WANT_RECORD)
		entry_learn_record(&after, &found->record, found->at);
	else if (found->want.kind == WANT_MX)
		entry_learn_mx(&after, &found->mx, found->at);
	dns_describe(story->dns_before, &facts->entry);
	dns_describe(story->dns_now, &after);
	entry_free(&after);
}

static struct story *story_of(const struct signs *signs, const struct event_record *sign, const struct facts *facts,
	const struct found *found, const struct sign_probe *probe)
{
	struct story *story = story_new(sign);
	const struct evidence *good = probe ? sign_good_before(probe->record, probe->seen) : NULL;
	if (good)
		story->before = *good;
	if (probe)
		story->now = *probe->seen;
	if (probe && probe->good)
		story->before_look = *probe->good;
	if (probe && probe->look)
		story->now_look = *probe->look;
	story_add_dns(story, facts, found);
	clock_describe(story->clock, signs->conditions, facts->now);
	return story;
}

/* --- noting signs ------------------------------------------------------------------------------------------------- */

static void noted_free(struct noted *noted)
{
	if (noted)
		free(noted->story);
	free(noted);
}

/* Keeps a sign until its inquiry has ended. An earlier one leaves. */
static void hold(struct signs_held *held, const struct event_record *sign, struct story *story)
{
	noted_free(held->mx);
	held->mx = xcalloc(1, sizeof *held->mx);
	*held->mx = (struct noted){*sign, story};
}

void signs_note_domain(
	struct signs *signs, const struct event_record *sign, const struct facts *facts, const struct evidence *seen)
{
	struct story *story = story_new(sign);
	if (seen)
		story->now = *seen;
	if (seen && reason_class(seen->reason) == REASON_GOOD)
		look_recall(signs, sign->host, sign->port, &story->now_look);
	dns_describe(story->dns_now, &facts->entry);
	clock_describe(story->clock, signs->conditions, facts->now);
	events_note_sign(signs->events, sign, story);
}

void signs_settle(struct signs *signs, const struct facts *facts, struct signs_held *held)
{
	struct noted *noted = held->mx;
	if (!noted)
		return;
	held->mx = NULL;
	if (sign_mx_is_outside(facts)) {
		events_note_sign(signs->events, &noted->event, noted->story);
		noted->story = NULL;
	}
	noted_free(noted);
}

/* Compares what a probe saw with the look of the good probe before it. That look is read only if there is something to
 * compare. `good` has room for it. */
static void probe_compare(struct signs *signs, struct signs_found *shown, const struct facts *facts,
	const struct found *found, struct sign_probe *probe, struct look *good)
{
	const struct want *want = &found->want;
	const struct hop_fact *hop = facts_hop(facts, want->name, want->port);
	if (!hop || !sign_good_before(&hop->record, &found->evidence))
		return;
	*probe = (struct sign_probe){.domain = facts->question.domain,
		.host = want->name,
		.port = want->port,
		.record = &hop->record,
		.seen = &found->evidence,
		.look = found->look};
	if (found->look && look_recall(signs, want->name, want->port, good))
		probe->good = good;
	sign_hop(shown, probe);
}

static void found_compare(struct signs *signs, struct signs_found *shown, const struct facts *facts,
	const struct found *found, struct sign_probe *probe, struct look *good)
{
	switch (found->want.kind) {
	case WANT_RECORD:
		sign_record(shown, facts, &found->record);
		break;
	case WANT_POLICY:
		sign_policy(shown, facts, &found->policy, found->record_id);
		break;
	case WANT_MX:
		sign_mx(shown, facts, &found->mx);
		break;
	case WANT_PROBE:
		probe_compare(signs, shown, facts, found, probe, good);
		break;
	case WANT_NOTHING:
	case WANT_ENTRY:
	case WANT_EVIDENCE:
	case WANT_TLSA:
		break;
	}
}

void signs_note_found(
	struct signs *signs, const struct facts *facts, const struct found *found, struct signs_held *held)
{
	struct sign_probe probe = {.seen = NULL};
	struct signs_found shown;
	struct look good;
	shown.count = 0;
	if (found->untried || found->refused)
		return;
	found_compare(signs, &shown, facts, found, &probe, &good);
	for (size_t i = 0; i < shown.count; i++) {
		const struct event_record *sign = &shown.sign[i];
		struct story *story = story_of(signs, sign, facts, found, probe.seen ? &probe : NULL);
		if (sign->kind == EVENT_MX_LEFT_POLICY)
			hold(held, sign, story);
		else
			events_note_sign(signs->events, sign, story);
	}
	if (found->want.kind == WANT_PROBE)
		look_remember(signs, found);
}
