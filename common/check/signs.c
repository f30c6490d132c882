#include "signs.h"

#include "memory.h"
#include "sign.h"

#include <stdlib.h>
#include <string.h>

struct signs {
	struct store *store;
	struct events *events;
	const struct conditions *conditions;
};

/* A sign with its story. */
struct noted {
	struct event_record event;
	struct story *story;
};

struct signs *signs_new(struct store *store, struct events *events, const struct conditions *conditions)
{
	struct signs *signs = xcalloc(1, sizeof *signs);
	*signs = (struct signs){store, events, conditions};
	return signs;
}

void signs_free(struct signs **slot)
{
	free(*slot);
	*slot = NULL;
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

static void found_compare(
	struct signs_found *shown, const struct facts *facts, const struct found *found, struct sign_probe *probe)
{
	const struct want *want = &found->want;
	const struct hop_fact *hop;
	switch (want->kind) {
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
		hop = facts_hop(facts, want->name, want->port);
		if (!hop)
			break;
		*probe = (struct sign_probe){.domain = facts->question.domain,
			.host = want->name,
			.port = want->port,
			.record = &hop->record,
			.seen = &found->evidence,
			.look = found->look};
		sign_hop(shown, probe);
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
	struct signs_found shown = {.count = 0};
	struct sign_probe probe = {.seen = NULL};
	if (found->untried || found->refused)
		return;
	found_compare(&shown, facts, found, &probe);
	for (size_t i = 0; i < shown.count; i++) {
		const struct event_record *sign = &shown.sign[i];
		struct story *story = story_of(signs, sign, facts, found, probe.seen ? &probe : NULL);
		if (sign->kind == EVENT_MX_LEFT_POLICY)
			hold(held, sign, story);
		else
			events_note_sign(signs->events, sign, story);
	}
}

void signs_write(struct signs *signs)
{
	(void)signs;
}
