#include "describe.h"
#include "probe.h"
#include "record_json.h"

#include <stdio.h>
#include <string.h>

void tell_reason(const char *label, const char *hop, enum reason reason)
{
	tell(label, "%s%s%s [%s]", hop, *hop ? " " : "", reason_sentence(reason), reason_name(reason));
}

void tell_record(const struct entry *entry)
{
	struct when at, ttl;
	if (entry->record_checked_at == 0) {
		tell("record", "not looked up yet");
		return;
	}
	if (entry->record_outcome == REASON_OK)
		tell("record", "found, id %s", entry->record_id);
	else
		tell_reason("record", "", entry->record_outcome);
	tell("", "looked up %s, TTL %s", when_date(&at, entry->record_checked_at),
		when_span(&ttl, entry->record_ttl_s));
}

void tell_fetch(const struct entry *entry, const char *detail)
{
	struct when at;
	if (entry->fetch_tried_at == 0) {
		tell("fetch", "not tried yet");
		return;
	}
	if (entry->fetch_outcome == REASON_OK)
		tell("fetch", "the policy was fetched");
	else
		tell_reason("fetch", "", entry->fetch_outcome);
	if (*detail)
		tell("", "%s", detail);
	tell("", "tried %s%s%s", when_date(&at, entry->fetch_tried_at), *entry->fetch_tried_id ? " for id " : "",
		entry->fetch_tried_id);
	if (entry->fetch_failures > 1)
		tell("", "%u failures in a row", entry->fetch_failures);
}

void tell_policy(const struct entry *entry, int64_t now)
{
	struct when until, span;
	if (!entry->has_policy) {
		tell("policy", "none is known");
		return;
	}
	const struct policy *policy = &entry->policy;
	bool live = entry->policy_expires_at > now;
	tell("policy", "mode %s, id %s, max_age %u s", policy_mode_name(policy->mode),
		*entry->policy_id ? entry->policy_id : "unknown", policy->max_age_s);
	tell("", "fetched %s", when_date(&until, entry->policy_fetched_at));
	tell("", "%s %s (%s%s%s)", live ? "expires" : "expired", when_date(&until, entry->policy_expires_at),
		live ? "in " : "",
		when_span(&span, live ? entry->policy_expires_at - now : now - entry->policy_expires_at),
		live ? "" : " ago");
	struct quote quote;
	for (const char *mx = NULL; (mx = names_next(&policy->mx, mx));)
		tell("", "mx %s", quote_string(&quote, mx));
}

static void mx_state_tell(const struct entry *entry)
{
	switch (entry->mx.state) {
	case MX_UNKNOWN:
		tell("mx", "not looked up yet");
		break;
	case MX_LISTED:
		tell("mx", "%u mail host%s", entry->mx.names.count, entry->mx.names.count == 1 ? "" : "s");
		break;
	case MX_IMPLICIT:
		tell("mx", "no MX records: the domain itself is its mail host");
		break;
	case MX_NULL:
		tell_reason("mx", "", REASON_NULL_MX);
		break;
	case MX_NO_DOMAIN:
		tell_reason("mx", "", REASON_NO_SUCH_DOMAIN);
		break;
	case MX_TOO_LARGE:
		tell_reason("mx", "", REASON_MX_SET_TOO_LARGE);
		break;
	}
}

static void mx_host_tell(const struct entry *entry, const char *host, const char *preference)
{
	const char *allowed = "", *kind = mx_name_is_received(host, strlen(host)) ? "(no host name)" : "";
	if (entry->has_policy && entry->policy.mode != POLICY_NONE)
		allowed =
			policy_allows(&entry->policy, host) ? ", allowed by the policy" : ", NOT allowed by the policy";
	tell("", "%s%s%s%s%s", preference, host, *host && *kind ? " " : "", kind, allowed);
}

void tell_mx(const struct entry *entry)
{
	struct when at, ttl;
	const struct mx_set *mx = &entry->mx;
	mx_state_tell(entry);
	unsigned i = 0;
	for (const char *name = NULL; mx->state == MX_LISTED && (name = names_next(&mx->names, name)) && i < MX_SET_MAX;
		i++) {
		char preference[16];
		snprintf(preference, sizeof preference, "%u ", mx->preference[i]);
		mx_host_tell(entry, name, preference);
	}
	if (mx->state == MX_IMPLICIT)
		mx_host_tell(entry, entry->domain, "");
	if (mx->state != MX_UNKNOWN)
		tell("", "looked up %s, TTL %s%s", when_date(&at, mx->checked_at), when_span(&ttl, mx->ttl_s),
			mx->secure ? ", DNSSEC-secure" : ", not signed");
}

const char *describe_tlsa_state(const struct tlsa_look *look)
{
	switch (look ? look->state : TLSA_UNKNOWN) {
	case TLSA_UNKNOWN:
		break;
	case TLSA_NONE:
		return look->signed_denial ? "none, which DNSSEC proves" : "none that is signed";
	case TLSA_USABLE:
		return "usable";
	case TLSA_UNUSABLE:
		return "signed, but none usable";
	case TLSA_FAILED:
		return "could not be looked up or validated";
	}
	return "unknown";
}

static void tlsa_tell(const struct tlsa_look *look, int64_t now)
{
	struct when at, span, ttl;
	struct quote quote;
	if (look->checked_at == 0)
		return;
	tell("", "TLSA records: %s, looked up %s (%s ago), TTL %s", describe_tlsa_state(look),
		when_date(&at, look->checked_at), when_span(&span, now - look->checked_at),
		when_span(&ttl, look->ttl_s));
	if (look->count > 0)
		tell("", "  %u of %u at %s count", look->usable, look->count, quote_string(&quote, look->base));
}

static void evidence_tell(const char *label, const struct evidence *evidence, uint16_t port, int64_t now)
{
	struct when at, span;
	struct quote quote;
	char protocol[PROTOCOL_SIZE];
	tell("", "%s%s [%s], %s (%s ago)", label, reason_sentence(evidence->reason), reason_name(evidence->reason),
		when_date(&at, evidence->at), when_span(&span, now - evidence->at));
	if (*evidence->seen_for)
		tell("", "  seen at address %s for host %s; the certificate covers this host, too",
			quote_string(&quote, evidence->address), evidence->seen_for);
	else if (*evidence->address)
		tell("", "  address %s", quote_string(&quote, evidence->address));
	if (evidence->protocol)
		tell("", "  %s %s %s", port == PROBE_PORT_TLS ? "TLS at once," : "STARTTLS, then",
			protocol_name(evidence->protocol, protocol), quote_string(&quote, evidence->cipher));
	if (*evidence->names)
		tell("", "  certificate for %s", quote_string(&quote, evidence->names));
	if (evidence->not_after)
		tell("", "  certificate until %s", when_date(&at, evidence->not_after));
	if (evidence->chain)
		tell("", "  chain and name check: OpenSSL's error %d", (int)evidence->chain);
	if (*evidence->text)
		tell("", "  in its words: %s", quote_string(&quote, evidence->text));
	if (reason_class(evidence->reason) == REASON_BAD)
		tell("", "  advice: %s", reason_advice(evidence->reason));
	if (*evidence->mta_address)
		tell("", "  an MTA that asks the map delivers at %s all the same",
			quote_string(&quote, evidence->mta_address));
}

static void silence_tell(const struct trials *trials, int64_t now)
{
	struct when at, span;
	if (trials->silent_since == 0)
		return;
	tell("", "silent since %s (%s ago), probed %u time%s since%s", when_date(&at, trials->silent_since),
		when_span(&span, now - trials->silent_since), trials->silent_probes,
		trials->silent_probes == 1 ? "" : "s",
		trials_silent(trials, now) ? ": mail goes to the domain's other hosts, if one of them is good" : "");
}

static void trials_tell(const struct trials *trials, uint16_t port, int64_t now)
{
	const struct evidence *newest = &trials->newest, *conclusive = &trials->conclusive, *good = &trials->good;
	if (newest->at != 0)
		evidence_tell("", newest, port, now);
	silence_tell(trials, now);
	if (conclusive->at && conclusive->at != newest->at)
		evidence_tell("before, conclusively: ", conclusive, port, now);
	if (good->at && good->at != conclusive->at && good->at != newest->at)
		evidence_tell("when it was good: ", good, port, now);
}

void tell_hop(const char *host, uint16_t port, const struct hop_record *record, int64_t now)
{
	tell("hop", "%s:%u", host, port);
	tlsa_tell(&record->tlsa, now);
	if (record->pkix.newest.at == 0 && record->dane.newest.at == 0)
		tell("", "was not probed yet");
	if (record->dane.newest.at != 0)
		tell("", "by %s TLSA records:", record->dane.newest.tlsa_id == record->tlsa.id ? "these" : "earlier");
	trials_tell(&record->dane, port, now);
	if (record->dane.newest.at != 0 && record->pkix.newest.at != 0)
		tell("", "by the certificate authorities:");
	trials_tell(&record->pkix, port, now);
	if (record->pkix.good.at != 0 && evidence_by_wildcard_only(&record->pkix.good, host))
		tell("", "  its certificate names it by a wildcard alone, which Sendmail before 8.18.2 does not match");
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

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

static const char *dnssec_word(const struct tlsa_look *look)
{
	if (look->state == TLSA_FAILED)
		return "failed";
	return look->state != TLSA_NONE || look->signed_denial ? "secure" : "insecure";
}

/* What follows from the fields. `arg` is the port of a hop. */
static void more_describe(json_t *object, const struct fields *table, const void *record, const void *arg)
{
	if (table == &evidence_table) {
		const struct evidence *evidence = record;
		json_put(object, "sentence", json_text(reason_sentence(evidence->reason)));
		json_put(object, "starttls", starttls_offered(evidence, *(const uint16_t *)arg));
		json_put(object, "advice", json_text(reason_advice(evidence->reason)));
	} else if (table == &tlsa_table) {
		json_put(object, "dnssec", json_text(dnssec_word(record)));
	}
}

json_t *describe_entry(const struct entry *entry, const char *detail)
{
	json_t *object = record_show(&entry_table, entry, more_describe, NULL);
	json_put(json_object_get(object, "fetch"), "detail", json_text(detail));
	return object;
}

void described_put(json_t *object, json_t *described, const char *const *names)
{
	for (; *names; names++)
		json_put(object, *names, json_incref(json_object_get(described, *names)));
	json_decref(described);
}

json_t *describe_hop(const char *host, uint16_t port, const struct hop_record *record)
{
	bool by_dane = record->dane.newest.at != 0 && record->dane.newest.tlsa_id == record->tlsa.id;
	const struct evidence *newest = by_dane ? &record->dane.newest : &record->pkix.newest;
	json_t *object = record_show(&hop_table, record, more_describe, &port);
	json_put(object, "host", json_text(host));
	json_put(object, "port", json_integer(port));
	json_put(object, "reason", json_text(reason_name(newest->at ? newest->reason : REASON_NOT_YET_CHECKED)));
	return object;
}
