#include "outlook.h"

#include "socketmap.h"

#include <stdlib.h>
#include <string.h>

static enum milter_action action_on_fail(const struct settings *settings, bool transient)
{
	if (settings->milter_on_fail == ON_FAIL_TAG)
		return MILTER_TAG;
	/* What passes by itself is never held. */
	return settings->milter_on_fail == ON_FAIL_DEFER || transient ? MILTER_DEFER : MILTER_QUARANTINE;
}

static enum milter_action action_find(enum verdict_kind kind, const struct settings *settings)
{
	enum milter_action action = MILTER_ACCEPT;
	switch (kind) {
	case VERDICT_NONE:
	case VERDICT_PASS:
		action = settings->milter_tag == TAG_ALL ? MILTER_TAG : MILTER_ACCEPT;
		break;
	case VERDICT_FAIL_TESTING:
		action = MILTER_TAG;
		break;
	case VERDICT_FAIL_ENFORCE:
	case VERDICT_DEFER:
		action = action_on_fail(settings, kind == VERDICT_DEFER);
		break;
	}
	if (settings->mode == MODE_MONITOR && action != MILTER_ACCEPT)
		action = MILTER_TAG;
	return action == MILTER_TAG && settings->milter_tag == TAG_OFF ? MILTER_ACCEPT : action;
}

static void map_fill(struct outlook *outlook, const struct facts *facts, bool monitor)
{
	outlook->map = malloc(SOCKETMAP_REPLY_MAX + 1);
	if (!outlook->map)
		abort();
	struct facts by_map = *facts;
	by_map.question.purpose = PURPOSE_MAP;
	struct step step = verdict_next(&by_map);
	struct text text;
	text_init(&text, outlook->map, SOCKETMAP_REPLY_MAX + 1);
	answer_socketmap(&text, &step.verdict, facts_policy(&by_map), monitor);
}

void outlook_init(struct outlook *outlook, const struct verdict *verdict, const struct facts *facts,
	const struct settings *settings)
{
	struct text text;
	*outlook = (struct outlook){.action = action_find(verdict->kind, settings)};
	if (outlook->action == MILTER_DEFER) {
		text_init(&text, outlook->reply, sizeof outlook->reply);
		text_add(&text, "451 4.7.5 ");
		answer_reply(&text, verdict);
	} else if (outlook->action != MILTER_ACCEPT && settings->milter_tag != TAG_OFF) {
		char value[ANSWER_HEADER_SIZE];
		text_init(&text, value, sizeof value);
		answer_header(&text, verdict, true);
		text_init(&text, outlook->header, sizeof outlook->header);
		text_add(&text, settings->milter_header);
		text_add(&text, ": ");
		text_add(&text, value);
	}
	map_fill(outlook, facts, settings->mode == MODE_MONITOR);
}

void outlook_free(struct outlook *outlook)
{
	free(outlook->map);
	outlook->map = NULL;
}

static const char *action_name(enum milter_action action)
{
	switch (action) {
	case MILTER_ACCEPT:
		return "accept";
	case MILTER_TAG:
		return "tag";
	case MILTER_DEFER:
		return "defer";
	case MILTER_QUARANTINE:
		return "quarantine";
	}
	return "accept";
}

void tell_outlook(const struct outlook *outlook)
{
	tell("milter", "would %s%s", action_name(outlook->action),
		outlook->action == MILTER_ACCEPT ? " the recipient" : "");
	if (*outlook->reply)
		tell("", "%s", outlook->reply);
	if (*outlook->header)
		tell("", "%s", outlook->header);
	tell("map", "%s", outlook->map);
}

json_t *describe_milter(const struct outlook *outlook)
{
	json_t *object = json_made(json_object());
	json_put(object, "action", json_text(action_name(outlook->action)));
	json_put(object, "reply", json_text(outlook->reply));
	json_put(object, "header", json_text(outlook->header));
	return object;
}
