#include "verdict_print.h"

#include "commands.h"

#include <stdio.h>
#include <string.h>

int verdict_shown_status(const struct verdict_shown *shown)
{
	const struct verdict *verdict = shown->front;
	int passed = shown->held ? STATUS_NO : STATUS_YES;
	enum reason reason = verdict->reason;
	bool released = override_releases(verdict->override);
	/* No policy is known, but only because a lookup failed or has not been made yet. */
	bool unknown = reason == REASON_RECORD_LOOKUP || reason == REASON_RESOLVER || reason == REASON_INTERNAL ||
		       reason == REASON_FIRST_CONTACT || reason == REASON_NOT_YET_CHECKED;
	if (released)
		return passed;
	if (!shown->final)
		return STATUS_UNSURE;
	switch (verdict->kind) {
	case VERDICT_NONE:
		return unknown ? STATUS_UNSURE : passed;
	case VERDICT_PASS:
		return (reason != REASON_OK || shown->unconfirmed) && !shown->held ? STATUS_UNSURE : passed;
	case VERDICT_FAIL_TESTING:
		return passed;
	case VERDICT_FAIL_ENFORCE:
	case VERDICT_DEFER:
		break;
	}
	return STATUS_NO;
}

/* Writes the age of the evidence, such as `, checked 2s ago`. */
static const char *age_text(char out[WHEN_SIZE + 32], const struct verdict_shown *shown, const struct view *view)
{
	struct when span;
	int64_t at = shown->evidence_at;
	*out = '\0';
	if (at != 0 && view->began != 0 && at >= view->began)
		snprintf(out, WHEN_SIZE + 32, ", checked %s ago", when_span(&span, view->now - at));
	else if (at != 0)
		snprintf(out, WHEN_SIZE + 32, ", from evidence %s old", when_span(&span, view->now - at));
	return out;
}

void verdict_shown_print(const struct verdict_shown *shown, struct view *view)
{
	char age[WHEN_SIZE + 32];
	const struct verdict *verdict = &shown->verdict;
	const struct advice_names names = {.domain = verdict->domain, .host = verdict->hop};
	const char *subject = *verdict->hop ? verdict->hop : "the next hop", *how = "";
	if (reason_class(verdict->reason) == REASON_GENERAL)
		subject = "";
	if (!shown->final)
		how = " so far";
	else if (shown->left_to_mta)
		how = ", left to the MTA: no mail host is known to be good";
	else if (verdict->kind == VERDICT_PASS && verdict->reason != REASON_OK)
		how = ", unchecked";
	else if (shown->unconfirmed)
		how = ", but no mail host could be checked now";
	line_print("verdict", "%s%s: %s%s%s [%s]%s", verdict_name(verdict->kind), how, subject, *subject ? " " : "",
		reason_sentence(verdict->reason), reason_name(verdict->reason), age_text(age, shown, view));
	if (!view->said[verdict->reason])
		advice_print("advice", "", verdict->reason, &names);
	view->said[verdict->reason] = true;
}

void verdict_shown_letter(const struct verdict_shown *shown)
{
	if (!shown->letter)
		return;
	printf("\nA paragraph for the domain's postmaster:\n\n%s\n", shown->letter);
}

/* Prints whether the mail hosts satisfy default_level = verify. */
static void level_print(const struct verdict *level)
{
	const char *host = *level->hop && reason_class(level->reason) != REASON_GENERAL ? level->hop : "";
	if (level->kind == VERDICT_PASS && level->reason == REASON_OK)
		line_print("", "default_level = verify: a mail host satisfies it");
	else
		line_print("", "default_level = verify: %s: %s%s%s [%s]",
			level->kind == VERDICT_FAIL_ENFORCE ? "no mail host satisfies it" : "not known", host,
			*host ? " " : "", reason_sentence(level->reason), reason_name(level->reason));
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
	line_print("", "%s", preview_milter(preview));
	line_print("delegation", "%s", preview->delegation);
	line_print("map", "%s", preview->map[MAP_PLAIN]);
	for (int i = MAP_PLAIN + 1; i < MAP_DIALECTS; i++)
		if (strcmp(preview->map[i], preview->map[MAP_PLAIN]) != 0)
			line_print("", "%s: %s", map_dialect_name((enum map_dialect)i), preview->map[i]);
	line_print("", "%s", preview->postfix);
	if (preview->has_level)
		level_print(&preview->level);
	if (strcmp(strchr(preview->postfix, ' '), strchr(preview->sendmail, ' ')) != 0)
		line_print("", "%s", preview->sendmail);
}
