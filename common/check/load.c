#include "load.h"

#include "clock.h"
#include "senses.h"

static void load_entry(struct facts *facts, struct trouble *trouble, struct store_view *view)
{
	struct entry entry;
	enum store_found found = view ? store_view_entry(view, facts->question.domain, &entry) : STORE_FAILED;
	if (found == STORE_FAILED)
		trouble_began(trouble, TROUBLE_READING, "an entry cannot be read");
	else
		trouble_ended(trouble, TROUBLE_READING);
	switch (found) {
	case STORE_FOUND:
		senses_time(trouble, entry_newest(&entry), facts->question.domain);
		facts_learn_store(facts, &entry);
		entry_free(&entry);
		break;
	case STORE_ABSENT:
		facts_learn_store(facts, NULL);
		break;
	case STORE_FAILED:
		facts_learn_store_broken(facts);
		break;
	}
}

static void load_hop(struct facts *facts, struct store_view *view, const struct want *want)
{
	struct hop_record record;
	bool found = view && store_view_hop(view, want->name, want->port, &record) == STORE_FOUND;
	facts_learn_evidence(facts, want->name, want->port, found ? &record : NULL);
}

void load(struct store *store, struct trouble *trouble, struct store_view **view, struct facts *facts,
	const struct want *want)
{
	struct failure why;
	if (!*view) {
		*view = store_view_begin(store, &why);
		if (!*view)
			trouble_began(trouble, TROUBLE_READING, why.text);
		facts->now = clock_wall_s(); /* what is read may be newer than the step before */
	}
	if (want->kind == WANT_EVIDENCE)
		load_hop(facts, *view, want);
	else
		load_entry(facts, trouble, *view);
}
