#include "decision.h"

#include "age.h"

#include <string.h>

const char *decision_about_name(enum decision_about about)
{
	return about == DECISION_FORGET ? "forget" : "override";
}

static void text_take(char *out, size_t size, const char *text)
{
	size_t len = strlen(text);
	if (len < size)
		memcpy(out, text, len + 1);
}

void decision_init(struct decision_record *decision, enum decision_about about, const char *domain,
	const struct decision_maker *by, const struct override *override)
{
	memset(decision, 0, sizeof *decision);
	decision->about = about;
	text_take(decision->domain, sizeof decision->domain, domain);
	text_take(decision->author, sizeof decision->author, by->author);
	text_take(decision->node, sizeof decision->node, by->node);
	if (!override)
		return;
	decision->override = *override;
	decision->override.uses = 0;
	decision->override.used_at = 0;
}

void decision_date(struct decision_record *decision, const struct decision_record *known, int64_t now)
{
	bool believed = known && !decision_is_ahead(known, now);
	decision->knew_ms = believed ? known->made_ms : 0;
	decision->made_ms = now * 1000;
	if (decision->made_ms <= decision->knew_ms)
		decision->made_ms = decision->knew_ms + 1;
}

bool decision_is_valid(const struct decision_record *decision)
{
	const struct override *override = &decision->override;
	bool forget = decision->about == DECISION_FORGET;
	if ((!forget && decision->about != DECISION_OVERRIDE) || !decision->domain[0] || !decision->author[0] ||
		!node_name_is_valid((struct span){decision->node, strlen(decision->node)}) || decision->made_ms <= 0 ||
		decision->knew_ms < 0 || decision->knew_ms >= decision->made_ms)
		return false;
	if (forget && strcmp(decision->domain, OVERRIDE_ALL) == 0)
		return false;
	if (override->kind == OVERRIDE_NONE)
		return true;
	return !forget && override_is_valid(override) && strcmp(override->domain, decision->domain) == 0 &&
	       strcmp(override->author, decision->author) == 0 && strcmp(override->node, decision->node) == 0;
}

bool decision_is_ahead(const struct decision_record *decision, int64_t now)
{
	return decision->made_ms / 1000 > now + CLOCK_SKEW_S ||
	       (decision->override.kind != OVERRIDE_NONE && decision->override.begins_at > now + CLOCK_SKEW_S);
}

bool decision_is_over(const struct decision_record *decision, int64_t now)
{
	return now - decision->made_ms / 1000 > DECISION_KEPT_S;
}

bool decision_is_later(const struct decision_record *a, const struct decision_record *b)
{
	return a->made_ms != b->made_ms ? a->made_ms > b->made_ms : strcmp(a->node, b->node) > 0;
}

bool decision_is_same(const struct decision_record *a, const struct decision_record *b)
{
	return a->about == b->about && strcmp(a->domain, b->domain) == 0 && a->made_ms == b->made_ms &&
	       strcmp(a->node, b->node) == 0;
}

bool decision_conflicts(const struct decision_record *later, const struct decision_record *lost)
{
	const struct override *a = &later->override, *b = &lost->override;
	if (later->about == DECISION_FORGET || lost->made_ms <= later->knew_ms || decision_is_same(later, lost))
		return false;
	if (a->kind == OVERRIDE_NONE && b->kind == OVERRIDE_NONE)
		return false;
	return b->kind == OVERRIDE_NONE || b->ends_at > later->made_ms / 1000;
}

bool decision_forgets(const struct decision_record *decision, const struct entry *entry)
{
	int64_t at = entry->has_policy ? entry->policy_fetched_at : entry_newest(entry);
	return at <= decision->made_ms / 1000;
}
