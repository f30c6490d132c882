#include "outlook.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

static char *map_answer(enum map_dialect dialect, const struct facts *facts, bool monitor)
{
	struct facts by_map = *facts; /* owns nothing */
	struct policy policy;
	struct text text;
	char *answer = xmalloc(MAP_REPLY_MAX + 1);
	by_map.question.purpose = PURPOSE_MAP;
	by_map.question.no_dane = dialect == MAP_STS;
	struct step step = verdict_next(&by_map);
	facts_policy_copy(&policy, &by_map);
	bool secure = step.verdict.binding == BINDING_SECURE;
	const struct map_source source = {
		.verdict = &step.verdict, .policy = secure ? &policy : NULL, .monitor = monitor};
	text_init(&text, answer, MAP_REPLY_MAX + 1);
	map_reply(&text, dialect, &source);
	policy_free(&policy);
	return answer;
}

static void map_fill(struct outlook *outlook, const struct facts *facts, bool monitor)
{
	for (int i = 0; i < MAP_DIALECTS; i++)
		outlook->map[i] = map_answer((enum map_dialect)i, facts, monitor);
}

void outlook_init(struct outlook *outlook, const struct verdict *verdict, const struct facts *facts,
	const struct settings *settings)
{
	struct text text;
	*outlook = (struct outlook){.decision = action_decide(settings, SESSION_SMTP, verdict)};
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
	outlook->dane_fails = strcmp(outlook->map[MAP_PLAIN], "OK dane-only") == 0 && verdict_dane_fails(facts);
}

void outlook_free(struct outlook *outlook)
{
	for (int i = 0; i < MAP_DIALECTS; i++) {
		free(outlook->map[i]);
		outlook->map[i] = NULL;
	}
}

bool outlook_holds(const struct outlook *outlook)
{
	return outlook->dane_fails || strncmp(outlook->map[MAP_PLAIN], "TEMP ", strlen("TEMP ")) == 0;
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
	tell("map", "%s%s", outlook->map[MAP_PLAIN],
		outlook->dane_fails ? " (no mail host passes that now: the MTA waits)" : "");
	for (int i = MAP_PLAIN + 1; i < MAP_DIALECTS; i++)
		if (strcmp(outlook->map[i], outlook->map[MAP_PLAIN]) != 0)
			tell("", "%s: %s", map_dialect_name((enum map_dialect)i), outlook->map[i]);
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

json_t *describe_maps(const struct outlook *outlook)
{
	json_t *object = json_made(json_object());
	for (int i = 0; i < MAP_DIALECTS; i++)
		json_put(object, map_dialect_name((enum map_dialect)i), json_text(outlook->map[i]));
	return object;
}
