#include "entry_json.h"

#include "clock.h"
#include "json_value.h"
#include "probe.h"
#include "record_json.h"

/* Returns the history by which the hop is judged. */
static const struct probe_history *hop_history(const struct hop_record *record)
{
	bool by_dane = record->dane.newest.at != 0 && record->dane.newest.tlsa_id == record->tlsa.id;
	return by_dane ? &record->dane : &record->pkix;
}

uint64_t hop_leaf(const struct hop_record *record)
{
	const struct probe_history *history = hop_history(record);
	return history->newest.leaf != 0 ? history->newest.leaf : history->conclusive.leaf;
}

bool hop_revocation(struct store *store, uint64_t leaf, struct revocation *out)
{
	struct store_view *view = store && leaf != 0 ? store_view_begin(store, NULL) : NULL;
	bool found = view && store_view_revocation(view, leaf, out) == STORE_FOUND;
	store_view_end(&view);
	return found;
}

/* Returns whether the hop offered STARTTLS, as JSON. Returns NULL if the probe ended before that was known, or if the
 * port has TLS from the start. */
static json_t *starttls_offered(const struct evidence *evidence, uint16_t port)
{
	if (port == PROBE_PORT_TLS)
		return NULL;
	if (evidence->reason == REASON_STARTTLS_MISSING)
		return json_false();
	bool offered = evidence->protocol || evidence->reason == REASON_STARTTLS_REFUSED ||
		       evidence->reason == REASON_STARTTLS_INJECTION || evidence->reason == REASON_TLS_TOO_OLD ||
		       evidence->reason == REASON_TLS_FAILED;
	return offered ? json_true() : NULL;
}

/* Returns whether the hop offers REQUIRETLS, as JSON, or NULL if that is unknown. */
static json_t *requiretls_offered(const struct evidence *evidence)
{
	return evidence->requiretls == REQUIRETLS_UNKNOWN ? NULL
							  : json_boolean(evidence->requiretls == REQUIRETLS_OFFERED);
}

/* Adds members that are computed from the stored fields. `arg` is the port of a hop. */
static void computed_put(json_t *object, const struct fields *table, const void *record, const void *arg)
{
	if (table == &entry_table) {
		const struct entry *entry = record;
		const char *dnssec = entry->record_secure ? "secure" : "insecure";
		json_put(json_object_get(object, "record"), "dnssec",
			entry->record_checked_at == 0 ? NULL : json_text(dnssec));
	} else if (table == &evidence_table) {
		const struct evidence *evidence = record;
		json_put(object, "sentence", json_text(reason_sentence(evidence->reason)));
		json_put(object, "starttls", starttls_offered(evidence, *(const uint16_t *)arg));
		json_put(object, "requiretls", requiretls_offered(evidence));
		json_put(object, "advice", json_text(reason_here(evidence->reason)));
		json_put(object, "tell_postmaster", json_text(reason_there(evidence->reason)));
	} else if (table == &tlsa_table) {
		const struct tlsa_lookup *look = record;
		const char *dnssec = look->state != TLSA_NONE || look->signed_denial ? "secure" : "insecure";
		json_put(object, "dnssec", json_text(look->state == TLSA_FAILED ? "failed" : dnssec));
	}
}

json_t *entry_json(const struct entry *entry)
{
	return record_show(&entry_table, entry, computed_put, NULL);
}

json_t *evidence_json(const struct evidence *evidence, uint16_t port)
{
	return record_show(&evidence_table, evidence, computed_put, &port);
}

static json_t *revocation_json(struct store *store, uint64_t leaf)
{
	struct revocation row;
	if (!hop_revocation(store, leaf, &row))
		return NULL;
	json_t *object = record_show(&revocation_table, &row, NULL, NULL);
	json_put(object, "state", json_text(revocation_state_name(revocation_now(&row, clock_wall_s()))));
	return object;
}

json_t *hop_json(struct store *store, const char *host, uint16_t port, const struct hop_record *record)
{
	const struct evidence *newest = &hop_history(record)->newest;
	json_t *object = record_show(&hop_table, record, computed_put, &port);
	json_put(object, "host", json_text(host));
	json_put(object, "port", json_integer(port));
	json_put(object, "reason", json_text(reason_name(newest->at ? newest->reason : REASON_NOT_YET_CHECKED)));
	json_put(object, "revocation", revocation_json(store, hop_leaf(record)));
	return object;
}

void members_move(json_t *object, json_t *from, const char *const *names)
{
	for (; *names; names++)
		json_put(object, *names, json_incref(json_object_get(from, *names)));
	json_decref(from);
}
