#include "verdict_log.h"

#include "answer.h"
#include "log.h"

#define QUEUE_ID_SHOWN 64

static bool told_before(struct verdict_logged *told, const char *domain)
{
	uint32_t hash = domain_hash(domain, 0);
	for (unsigned i = 0; i < told->count; i++)
		if (told->domain[i] == hash)
			return true;
	if (told->count < VERDICT_LOGGED_MAX)
		told->domain[told->count++] = hash;
	return false;
}

void verdict_log(const char *frontend, struct span queue_id, const struct verdict *verdict,
	const struct decision *decision, struct verdict_logged *told)
{
	bool none = verdict->kind == VERDICT_NONE;
	if (none && (!verdict_unchecked(verdict) || told_before(told, verdict->domain)))
		return;
	char id[4 * QUEUE_ID_SHOWN + 8] = "", line[ANSWER_LOG_SIZE];
	struct text text;
	if (queue_id.len > 0) {
		text_init(&text, id, sizeof id);
		text_quote(&text, queue_id.at, queue_id.len, QUEUE_ID_SHOWN);
		text_add(&text, ": ");
	}
	text_init(&text, line, sizeof line);
	answer_log(&text, verdict);
	if (decision->would == decision->action)
		log_info("%sfrontend=%s %s action=%s", id, frontend, line, action_name(decision));
	else
		log_info("%sfrontend=%s %s action=%s would=%s", id, frontend, line, action_name(decision),
			action_would_name(decision));
}
