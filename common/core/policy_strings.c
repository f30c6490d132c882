#include "policy_strings.h"

#include "map_grammar.h"
#include "text.h"

#include <string.h>

#define FIELD_SIZE (DOMAIN_SIZE + sizeof "version: ")

static bool received_lines(const struct policy *policy, policy_string_note *note, void *arg)
{
	struct span rest = {policy->text, policy->text_len};
	bool any = false;
	while (rest.len) {
		const char *end = memchr(rest.at, '\n', rest.len);
		size_t len = end ? (size_t)(end - rest.at) : rest.len;
		struct span line = span_trim((struct span){rest.at, len}, " \t\r");
		if (map_policy_line_valid(line)) {
			note(arg, line);
			any = true;
		}
		rest = end ? (struct span){end + 1, rest.len - len - 1} : (struct span){rest.at + len, 0};
	}
	return any;
}

/* Notes the line `name: value`, or `name: number` if `value` is NULL. */
static void field_note(policy_string_note *note, void *arg, const char *name, const char *value, uint32_t number)
{
	char buffer[FIELD_SIZE];
	struct text text;
	text_init(&text, buffer, sizeof buffer);
	text_add(&text, name);
	text_add(&text, ": ");
	if (value)
		text_add(&text, value);
	else
		text_add_number(&text, number);
	note(arg, (struct span){buffer, text.len});
}

void policy_strings(const struct policy *policy, policy_string_note *note, void *arg)
{
	if (received_lines(policy, note, arg))
		return;
	/* The store has no text of this policy because the text was too long, or no line of it can be sent. */
	field_note(note, arg, "version", "STSv1", 0);
	field_note(note, arg, "mode", policy_mode_name(policy->mode), 0);
	for (const char *mx = names_next(&policy->mx, NULL); mx; mx = names_next(&policy->mx, mx))
		field_note(note, arg, "mx", mx, 0);
	field_note(note, arg, "max_age", NULL, policy->max_age_s);
}

const char *policy_pattern_next(const struct policy *policy, const char *previous)
{
	const char *mx = names_next(&policy->mx, previous);
	while (mx && map_word_is_magic((struct span){mx, strlen(mx)}))
		mx = names_next(&policy->mx, mx);
	return mx;
}
