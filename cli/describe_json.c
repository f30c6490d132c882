#include "describe.h"
#include "probe.h"

#include <stdio.h>
#include <string.h>

const char *describe_mx_state(enum mx_state state)
{
	switch (state) {
	case MX_UNKNOWN:
		return "unknown";
	case MX_LISTED:
		return "listed";
	case MX_IMPLICIT:
		return "implicit";
	case MX_NULL:
		return "null";
	case MX_NO_DOMAIN:
		return "no-domain";
	case MX_TOO_LARGE:
		return "too-large";
	}
	return "unknown";
}

const char *describe_protocol(uint16_t protocol, char out[PROTOCOL_SIZE])
{
	static const char *const names[] = {"SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
	snprintf(out, PROTOCOL_SIZE, "0x%04x", protocol);
	return protocol >= 0x0300 && protocol <= 0x0304 ? names[protocol - 0x0300] : out;
}

json_t *describe_record(const struct entry *entry)
{
	bool looked = entry->record_checked_at != 0;
	json_t *object = json_made(json_object());
	json_put(object, "outcome",
		!looked ? NULL
			: json_text(
				  entry->record_outcome == REASON_NONE ? "found" : reason_name(entry->record_outcome)));
	json_put(object, "id", json_text(entry->record_id));
	json_put(object, "ttl", looked ? json_integer(entry->record_ttl_s) : NULL);
	json_put(object, "checked_at", json_when(entry->record_checked_at));
	return object;
}

json_t *describe_fetch(const struct entry *entry, const char *detail)
{
	bool tried = entry->fetch_tried_at != 0;
	json_t *object = json_made(json_object());
	json_put(object, "outcome",
		!tried ? NULL
		       : json_text(
				 entry->fetch_outcome == REASON_NONE ? "fetched" : reason_name(entry->fetch_outcome)));
	json_put(object, "detail", json_text(detail));
	json_put(object, "id", json_text(entry->fetch_tried_id));
	json_put(object, "tried_at", json_when(entry->fetch_tried_at));
	json_put(object, "failures", json_integer(entry->fetch_failures));
	return object;
}

json_t *describe_policy(const struct entry *entry)
{
	if (!entry->has_policy)
		return NULL;
	json_t *object = json_made(json_object());
	json_put(object, "mode", json_text(policy_mode_name(entry->policy.mode)));
	json_put(object, "mx", json_names(&entry->policy.mx));
	json_put(object, "max_age", json_integer(entry->policy.max_age_s));
	json_put(object, "id", json_text(entry->policy_id));
	json_put(object, "fetched_at", json_when(entry->policy_fetched_at));
	json_put(object, "expires_at", json_when(entry->policy_expires_at));
	return object;
}

static json_t *mx_host(const struct entry *entry, const char *host, json_t *preference)
{
	json_t *object = json_made(json_object());
	json_put(object, "host", json_text(host));
	json_put(object, "preference", preference);
	json_put(object, "allowed",
		entry->has_policy && entry->policy.mode != POLICY_NONE
			? json_boolean(policy_allows(&entry->policy, host))
			: NULL);
	return object;
}

json_t *describe_mx(const struct entry *entry)
{
	const struct mx_set *mx = &entry->mx;
	json_t *array = json_made(json_array());
	unsigned i = 0;
	for (const char *name = NULL; mx->state == MX_LISTED && (name = names_next(&mx->names, name)) && i < MX_SET_MAX;
		i++)
		json_add(array, mx_host(entry, name, json_integer(mx->preference[i])));
	if (mx->state == MX_IMPLICIT)
		json_add(array, mx_host(entry, entry->domain, NULL));
	return array;
}

static json_t *san_names(const char *names)
{
	json_t *array = json_made(json_array());
	while (*(names += strspn(names, " "))) {
		size_t len = strcspn(names, " ");
		json_add(array, json_text_bytes(names, len));
		names += len;
	}
	return array;
}

/* Whether STARTTLS was offered; null when the probe did not come that far, or TLS comes first. */
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

static json_t *evidence_object(const struct evidence *evidence, uint16_t port)
{
	if (evidence->at == 0)
		return NULL;
	char protocol[PROTOCOL_SIZE];
	json_t *object = json_made(json_object());
	json_put(object, "at", json_when(evidence->at));
	json_put(object, "reason", json_text(reason_name(evidence->reason)));
	json_put(object, "sentence", json_text(reason_sentence(evidence->reason)));
	json_put(object, "address", json_text(evidence->address));
	json_put(object, "starttls", starttls_offered(evidence, port));
	json_put(object, "protocol",
		evidence->protocol ? json_text(describe_protocol(evidence->protocol, protocol)) : NULL);
	json_put(object, "cipher", json_text(evidence->cipher));
	json_put(object, "chain_error", json_integer(evidence->chain));
	json_put(object, "certificate_names", san_names(evidence->names));
	json_put(object, "not_after", json_when(evidence->not_after));
	json_put(object, "text", json_text(evidence->text));
	json_put(object, "advice", json_text(reason_advice(evidence->reason)));
	json_put(object, "mta_address", *evidence->mta_address ? json_text(evidence->mta_address) : NULL);
	json_put(object, "seen_for", json_text(evidence->seen_for));
	return object;
}

static json_t *trials_object(const struct trials *trials, uint16_t port)
{
	json_t *object = json_made(json_object());
	json_put(object, "newest", evidence_object(&trials->newest, port));
	json_put(object, "conclusive", evidence_object(&trials->conclusive, port));
	json_put(object, "good", evidence_object(&trials->good, port));
	json_put(object, "silent_since", json_when(trials->silent_since));
	json_put(object, "silent_probes", json_integer(trials->silent_probes));
	return object;
}

json_t *describe_hop(const char *host, uint16_t port, const struct hop_record *record)
{
	bool by_dane = record->dane.newest.at != 0 && record->dane.newest.tlsa_id == record->tlsa.id;
	const struct evidence *newest = by_dane ? &record->dane.newest : &record->pkix.newest;
	json_t *object = trials_object(&record->pkix, port);
	json_put(object, "host", json_text(host));
	json_put(object, "port", json_integer(port));
	json_put(object, "reason", json_text(reason_name(newest->at ? newest->reason : REASON_NOT_YET_CHECKED)));
	json_put(object, "tlsa", describe_tlsa(&record->tlsa));
	json_put(object, "dane", record->dane.newest.at != 0 ? trials_object(&record->dane, port) : NULL);
	return object;
}
