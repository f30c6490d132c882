#include "signs.h"

#include "memory.h"
#include "sign.h"

#include <stdlib.h>

struct signs {
	struct store *store;
	struct events *events;
};

struct signs *signs_new(struct store *store, struct events *events)
{
	struct signs *signs = xcalloc(1, sizeof *signs);
	signs->store = store;
	signs->events = events;
	return signs;
}

void signs_free(struct signs **slot)
{
	free(*slot);
	*slot = NULL;
}

void signs_note_found(struct signs *signs, const struct facts *facts, const struct found *found)
{
	struct signs_found shown = {.count = 0};
	const struct want *want = &found->want;
	const struct hop_fact *hop = want->kind == WANT_PROBE ? facts_hop(facts, want->name, want->port) : NULL;
	if (hop && !found->untried)
		sign_hop(&shown, facts->question.domain, want->name, want->port, &hop->record, NULL, &found->evidence,
			found->look);
	for (size_t i = 0; i < shown.count; i++)
		events_note_sign(signs->events, &shown.sign[i], NULL);
}

void signs_write(struct signs *signs)
{
	(void)signs;
}
