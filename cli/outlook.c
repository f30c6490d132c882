#include "outlook.h"

#include "socketmap.h"

#include <stdlib.h>
#include <string.h>

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
	*outlook = (struct outlook){.decision = action_decide(settings, SESSION_SMTP, verdict->kind)};
	if (outlook->decision.action == ACTION_REFUSE) {
		text_init(&text, outlook->reply, sizeof outlook->reply);
		text_add(&text, "451 4.7.5 ");
		answer_reply(&text, verdict);
	} else if (outlook->decision.tag) {
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

void tell_outlook(const struct outlook *outlook)
{
	const struct decision *decision = &outlook->decision;
	const char *action = action_name(decision);
	if (decision->would == decision->action)
		tell("milter", "would %s", action);
	else
		tell("milter", "would %s; without mode = monitor it would %s", action, action_would_name(decision));
	if (*outlook->reply)
		tell("", "%s", outlook->reply);
	if (*outlook->header)
		tell("", "%s", outlook->header);
	tell("map", "%s", outlook->map);
}

json_t *describe_milter(const struct outlook *outlook)
{
	json_t *object = json_made(json_object());
	json_put(object, "action", json_text(action_name(&outlook->decision)));
	json_put(object, "would", json_text(action_would_name(&outlook->decision)));
	json_put(object, "reply", json_text(outlook->reply));
	json_put(object, "header", json_text(outlook->header));
	return object;
}
