#include "query_shown.h"

#include "clock.h"
#include "conditions.h"
#include "entry_json.h"
#include "json_value.h"
#include "networks_shown.h"
#include "open_signs.h"
#include "overrides_shown.h"
#include "report.h"
#include "stored.h"

#include <string.h>

void query_shown_init(struct query_shown *shown, const struct verdict *verdict, bool final, const struct facts *facts,
	struct store *store, const struct config *config)
{
	preview_init(&shown->preview, verdict, facts, config->settings);
	verdict_shown_init(
		&shown->verdict, verdict, final, &shown->preview, facts, shown->stored ? 0 : shown->began, config);
	shown->facts = facts;
	shown->store = store;
	shown->now = clock_wall_s();
}

void query_shown_free(struct query_shown *shown)
{
	verdict_shown_free(&shown->verdict);
	preview_free(&shown->preview);
}

/* Returns where a fact comes from: `network` if this command has looked it up, `store`, or null. */
static json_t *source_json(const struct query_shown *shown, int64_t at)
{
	return at == 0 ? NULL : json_text(at >= shown->began ? "network" : "store");
}

static json_t *question_json(const struct query_shown *shown)
{
	const struct question *question = &shown->facts->question;
	json_t *object = json_made(json_object());
	json_put(object, "asked", json_text_bytes(shown->asked, strlen(shown->asked)));
	json_put(object, "domain", json_text(question->domain));
	json_put(object, "host", json_text(question->host));
	json_put(object, "port", question->has_domain ? json_integer(question->port) : NULL);
	json_put(object, "mx_lookup", json_boolean(question->mx_lookup));
	json_put(object, "stored", json_boolean(shown->stored));
	return object;
}

static void facts_put(json_t *object, const struct query_shown *shown)
{
	const struct facts *facts = shown->facts;
	const struct entry *entry = &facts->entry;
	json_t *hops = json_made(json_array()), *source = json_made(json_object());
	for (unsigned i = 0; i < facts->hop_count; i++) {
		const struct hop_fact *hop = &facts->hop[i];
		json_t *described = hop_json(shown->store, hop->host, hop->port, &hop->record);
		json_put(described, "left_to_mta",
			json_boolean(facts_left_to_mta(facts, &facts_history(facts, hop)->conclusive)));
		json_put(described, "source", source_json(shown, facts_history(facts, hop)->newest.at));
		json_put(described, "addresses", json_made(json_array()));
		json_add(hops, described);
	}
	static const char *const names[] = {"record", "fetch", "policy", "mx_state", "mx", NULL};
	members_move(object, entry_json(entry), names);
	json_put(source, "record", source_json(shown, entry->record_checked_at));
	json_put(source, "policy", source_json(shown, entry->policy_fetched_at));
	json_put(source, "mx", source_json(shown, entry->mx.checked_at));
	json_put(object, "mx_dnssec",
		entry->mx.state == MX_UNKNOWN ? NULL : json_text(entry->mx.secure ? "secure" : "insecure"));
	json_put(object, "source", source);
	json_put(object, "dane", json_boolean(facts->dane));
	json_put(object, "hops", hops);
}

json_t *query_json(const struct query_shown *shown)
{
	const struct override *override = &shown->facts->override;
	int64_t now = shown->now;
	json_t *object = json_made(json_object()), *degraded = json_made(json_array());
	for (unsigned kind = 0; kind < CONDITION_COUNT; kind++)
		if (metrics_read(METRIC_DEGRADED, kind, 0, 0) != 0)
			json_add(degraded, json_text(counters_names.name[LABEL_CONDITION](kind)));
	json_put(object, "domain", json_text(shown->facts->question.domain));
	json_put(object, "question", question_json(shown));
	json_put(object, "steps", json_made(json_array()));
	facts_put(object, shown);
	verdict_shown_put(object, &shown->verdict);
	json_put(object, "override", override_in_force(override, now) ? override_json(override, now) : NULL);
	json_put(object, "degraded", degraded);
	json_put(object, "signs", open_signs_json(shown->store, shown->facts->question.domain));
	json_put(object, "networks", networks_json(shown->store, shown->facts->question.domain));
	preview_put(object, &shown->preview);
	return object;
}

json_t *stored_json(struct store *store, const struct config *config, const struct question *question,
	const char *asked, struct failure *why)
{
	struct query_shown shown = {.asked = asked, .stored = true, .began = INT64_MAX};
	struct facts facts;
	struct verdict verdict;
	bool final;
	json_t *object = NULL;
	facts_init(&facts, question, &config->rules, clock_wall_s());
	facts.dane = config_dane(config);
	if (stored_judge(store, &facts, config->settings->mta_dane, &verdict, &final, why)) {
		stored_hops(store, &facts);
		query_shown_init(&shown, &verdict, final, &facts, store, config);
		object = query_json(&shown);
		query_shown_free(&shown);
	}
	facts_free(&facts);
	return object;
}
