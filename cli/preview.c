#include "preview.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

/* Returns the payload of the map's reply. The caller frees. */
static char *map_payload(enum map_dialect dialect, const struct facts *facts, bool monitor)
{
	struct facts by_map = *facts; /* borrows from `facts`; not freed */
	struct policy policy;
	struct text text;
	char *payload = xmalloc(MAP_REPLY_MAX + 1);
	by_map.question.purpose = PURPOSE_MAP;
	by_map.question.no_dane = dialect == MAP_STS;
	struct step step = verdict_next(&by_map);
	verdict_policy_copy(&policy, &by_map);
	bool secure = step.verdict.binding == BINDING_SECURE;
	const struct map_source source = {
		.verdict = &step.verdict, .policy = secure ? &policy : NULL, .monitor = monitor};
	text_init(&text, payload, MAP_REPLY_MAX + 1);
	map_reply(&text, dialect, &source);
	policy_free(&policy);
	/* The socketmap protocol wants a blank after a word without text. */
	if (text.len > 0 && payload[text.len - 1] == ' ')
		payload[text.len - 1] = '\0';
	return payload;
}

void preview_init(struct preview *preview, const struct verdict *verdict, const struct facts *facts,
	const struct settings *settings)
{
	struct text text;
	*preview = (struct preview){.decision = action_decide(settings, SESSION_SMTP, verdict)};
	if (preview->decision.action == ACTION_REFUSE) {
		text_init(&text, preview->reply, sizeof preview->reply);
		text_add(&text, "451 4.7.5 ");
		answer_reply(&text, verdict);
	} else if (preview->decision.tag) {
		char value[ANSWER_HEADER_SIZE];
		text_init(&text, value, sizeof value);
		answer_header(&text, verdict, true);
		text_init(&text, preview->header, sizeof preview->header);
		text_add(&text, settings->milter_header);
		text_add(&text, ": ");
		text_add(&text, value);
	}
	for (int i = 0; i < MAP_DIALECTS; i++)
		preview->map[i] = map_payload((enum map_dialect)i, facts, settings->mode == MODE_MONITOR);
	preview->dane_fails = strcmp(preview->map[MAP_PLAIN], "OK dane-only") == 0 && verdict_dane_fails(facts);
}

void preview_free(struct preview *preview)
{
	for (int i = 0; i < MAP_DIALECTS; i++) {
		free(preview->map[i]);
		preview->map[i] = NULL;
	}
}

bool preview_holds(const struct preview *preview)
{
	return preview->dane_fails || strncmp(preview->map[MAP_PLAIN], "TEMP ", strlen("TEMP ")) == 0;
}

void preview_print(const struct preview *preview)
{
	const struct decision *decision = &preview->decision;
	const char *action = action_name(decision);
	if (decision->would == decision->action)
		line_print("milter", "would %s", action);
	else
		line_print(
			"milter", "would %s; without mode = monitor it would %s", action, action_would_name(decision));
	if (*preview->reply)
		line_print("", "%s", preview->reply);
	if (*preview->header)
		line_print("", "%s", preview->header);
	line_print("map", "%s%s", preview->map[MAP_PLAIN],
		preview->dane_fails ? " (no mail host passes DANE now, so the MTA defers)" : "");
	for (int i = MAP_PLAIN + 1; i < MAP_DIALECTS; i++)
		if (strcmp(preview->map[i], preview->map[MAP_PLAIN]) != 0)
			line_print("", "%s: %s", map_dialect_name((enum map_dialect)i), preview->map[i]);
}

void preview_put(json_t *object, const struct preview *preview)
{
	json_t *milter = json_made(json_object()), *maps = json_made(json_object());
	json_put(milter, "action", json_text(action_name(&preview->decision)));
	json_put(milter, "would", json_text(action_would_name(&preview->decision)));
	json_put(milter, "reply", json_text(preview->reply));
	json_put(milter, "header", json_text(preview->header));
	for (int i = 0; i < MAP_DIALECTS; i++)
		json_put(maps, map_dialect_name((enum map_dialect)i), json_text(preview->map[i]));
	json_put(object, "milter", milter);
	json_put(object, "map", json_text(preview->map[MAP_PLAIN]));
	json_put(object, "maps", maps);
	json_put(object, "map_holds", json_boolean(preview_holds(preview)));
}
