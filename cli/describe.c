#include "describe.h"
#include "probe.h"
#include "record_json.h"

#include <stdio.h>
#include <string.h>

/* Prints the sentence and the name of a reason. */
static void reason_print(const char *label, enum reason reason)
{
	line_print(label, "%s [%s]", reason_sentence(reason), reason_name(reason));
}

#define ADVICE_SIZE 2048

/* Copies a text of reason.def into `out`, with the names in the places of the words HOST and DOMAIN. */
static const char *advice_fill(char out[ADVICE_SIZE], const char *text, const struct advice_names *names)
{
	struct text filled;
	text_init(&filled, out, ADVICE_SIZE);
	while (*text) {
		bool host = strncmp(text, "HOST", 4) == 0 && *names->host;
		bool domain = strncmp(text, "DOMAIN", 6) == 0 && *names->domain;
		if (host || domain)
			text_add(&filled, host ? names->host : names->domain);
		else
			text_add_bytes(&filled, text, 1);
		text += host ? 4 : domain ? 6 : 1;
	}
	return out;
}

void advice_print(const char *label, const char *indent, enum reason reason, const struct advice_names *names)
{
	char text[ADVICE_SIZE];
	const char *here = reason_here(reason), *there = reason_there(reason);
	if (*here)
		line_print(label, "%s%s%s", indent, *label ? "" : "advice: ", advice_fill(text, here, names));
	if (*there)
		line_print(*here ? "" : label, "%sto the domain's postmaster: %s", indent,
			advice_fill(text, there, names));
}

void record_print(const struct entry *entry)
{
	struct when at, ttl;
	if (entry->record_checked_at == 0) {
		line_print("record", "not looked up yet");
		return;
	}
	if (entry->record_outcome == REASON_OK)
		line_print("record", "found, id %s", entry->record_id);
	else
		reason_print("record", entry->record_outcome);
	line_print("", "looked up %s, TTL %s", when_date(&at, entry->record_checked_at),
		when_span(&ttl, entry->record_ttl_s));
}

void fetch_print(const struct entry *entry, const char *detail)
{
	struct when at;
	if (entry->fetch_tried_at == 0) {
		line_print("fetch", "not tried yet");
		return;
	}
	if (entry->fetch_outcome == REASON_OK)
		line_print("fetch", "the policy was fetched");
	else
		reason_print("fetch", entry->fetch_outcome);
	if (*detail)
		line_print("", "%s", detail);
	line_print("", "tried %s%s%s", when_date(&at, entry->fetch_tried_at), *entry->fetch_tried_id ? " for id " : "",
		entry->fetch_tried_id);
	if (entry->fetch_failures > 1)
		line_print("", "%u failures in a row", entry->fetch_failures);
}

void policy_print(const struct entry *entry, int64_t now)
{
	struct when until, span;
	if (!entry->has_policy) {
		line_print("policy", "no policy is known");
		return;
	}
	const struct policy *policy = &entry->policy;
	bool live = entry->policy_expires_at > now;
	line_print("policy", "mode %s, id %s, max_age %u s", policy_mode_name(policy->mode),
		*entry->policy_id ? entry->policy_id : "unknown", policy->max_age_s);
	line_print("", "fetched %s", when_date(&until, entry->policy_fetched_at));
	line_print("", "%s %s (%s%s%s)", live ? "expires" : "expired", when_date(&until, entry->policy_expires_at),
		live ? "in " : "",
		when_span(&span, live ? entry->policy_expires_at - now : now - entry->policy_expires_at),
		live ? "" : " ago");
	struct quote quote;
	for (const char *mx = NULL; (mx = names_next(&policy->mx, mx));)
		line_print("", "mx %s", quote_string(&quote, mx));
}

static void mx_host_print(const struct entry *entry, const char *host, const char *preference)
{
	const char *allowed = "", *kind = mx_name_is_not_host(host, strlen(host)) ? "(not a host name)" : "";
	if (entry->has_policy && entry->policy.mode != POLICY_NONE)
		allowed =
			policy_allows(&entry->policy, host) ? ", allowed by the policy" : ", NOT allowed by the policy";
	line_print("", "%s%s%s%s%s", preference, host, *host && *kind ? " " : "", kind, allowed);
}

void mx_print(const struct entry *entry)
{
	struct when at, ttl;
	const struct mx_set *mx = &entry->mx;
	unsigned i = 0;
	switch (mx->state) {
	case MX_UNKNOWN:
		line_print("mx", "not looked up yet");
		return;
	case MX_LISTED:
		line_print("mx", "%u mail host%s", mx->names.count, mx->names.count == 1 ? "" : "s");
		for (const char *name = NULL; (name = names_next(&mx->names, name)) && i < MX_SET_MAX; i++) {
			char preference[16];
			snprintf(preference, sizeof preference, "%u ", mx->preference[i]);
			mx_host_print(entry, name, preference);
		}
		break;
	case MX_IMPLICIT:
		line_print("mx", "no MX records: the domain itself is its mail host");
		mx_host_print(entry, entry->domain, "");
		break;
	case MX_NULL:
		reason_print("mx", REASON_NULL_MX);
		break;
	case MX_NO_DOMAIN:
		reason_print("mx", REASON_NO_SUCH_DOMAIN);
		break;
	case MX_TOO_LARGE:
		reason_print("mx", REASON_MX_SET_TOO_LARGE);
		break;
	}
	line_print("", "looked up %s, TTL %s%s", when_date(&at, mx->checked_at), when_span(&ttl, mx->ttl_s),
		mx->secure ? ", secured by DNSSEC" : ", not secured by DNSSEC");
}

const char *tlsa_state_text(const struct tlsa_lookup *look)
{
	switch (look ? look->state : TLSA_UNKNOWN) {
	case TLSA_UNKNOWN:
		break;
	case TLSA_NONE:
		return look->signed_denial ? "none, proven by DNSSEC" : "none secured by DNSSEC";
	case TLSA_USABLE:
		return "usable";
	case TLSA_UNUSABLE:
		return "none of them usable";
	case TLSA_FAILED:
		return "lookup or validation failed";
	}
	return "unknown";
}

static void evidence_print(const char *label, const struct evidence *evidence, uint16_t port, int64_t now,
	const struct advice_names *names)
{
	struct when at, span;
	struct quote quote;
	char protocol[PROTOCOL_SIZE];
	line_print("", "%s%s [%s], %s (%s ago)", label, reason_sentence(evidence->reason),
		reason_name(evidence->reason), when_date(&at, evidence->at), when_span(&span, now - evidence->at));
	if (*evidence->seen_for)
		line_print("", "  seen at address %s for host %s, whose certificate also covers this host",
			quote_string(&quote, evidence->address), evidence->seen_for);
	else if (*evidence->address)
		line_print("", "  address %s", quote_string(&quote, evidence->address));
	if (evidence->protocol)
		line_print("", "  %s %s %s", port == PROBE_PORT_TLS ? "TLS from the start," : "STARTTLS,",
			protocol_name(evidence->protocol, protocol), quote_string(&quote, evidence->cipher));
	if (*evidence->names)
		line_print("", "  certificate names: %s", quote_string(&quote, evidence->names));
	if (evidence->not_after)
		line_print("", "  certificate valid until %s", when_date(&at, evidence->not_after));
	if (evidence->chain)
		line_print("", "  certificate verification: OpenSSL error %d", (int)evidence->chain);
	if (*evidence->text)
		line_print("", "  message: %s", quote_string(&quote, evidence->text));
	if (reason_class(evidence->reason) == REASON_BAD)
		advice_print("", "  ", evidence->reason, names);
	if (*evidence->mta_address)
		line_print("", "  an MTA that uses the map still delivers, to address %s",
			quote_string(&quote, evidence->mta_address));
}

static void history_print(
	const struct probe_history *history, uint16_t port, int64_t now, const struct advice_names *names)
{
	struct when at, span;
	const struct evidence *newest = &history->newest, *conclusive = &history->conclusive, *good = &history->good;
	if (newest->at != 0)
		evidence_print("", newest, port, now, names);
	if (history->silent_since != 0)
		line_print("", "no answer since %s (%s ago), in %u probe%s%s", when_date(&at, history->silent_since),
			when_span(&span, now - history->silent_since), history->silent_probes,
			history->silent_probes == 1 ? "" : "s",
			history_is_silent(history, now)
				? "; mail goes to the domain's other mail hosts if one of them is good"
				: "");
	if (conclusive->at && conclusive->at != newest->at)
		evidence_print("newest conclusive result: ", conclusive, port, now, names);
	if (good->at && good->at != conclusive->at && good->at != newest->at)
		evidence_print("newest good result: ", good, port, now, names);
}

void hop_print(const char *domain, const char *host, uint16_t port, const struct hop_record *record, int64_t now)
{
	const struct advice_names names = {.domain = domain, .host = host};
	struct when at, span, ttl;
	struct quote quote;
	const struct tlsa_lookup *tlsa = &record->tlsa;
	line_print("hop", "%s:%u", host, port);
	if (tlsa->checked_at != 0)
		line_print("", "TLSA records: %s, looked up %s (%s ago), TTL %s", tlsa_state_text(tlsa),
			when_date(&at, tlsa->checked_at), when_span(&span, now - tlsa->checked_at),
			when_span(&ttl, tlsa->ttl_s));
	if (tlsa->checked_at != 0 && tlsa->count > 0)
		line_print(
			"", "  %u of %u at %s are usable", tlsa->usable, tlsa->count, quote_string(&quote, tlsa->base));
	if (record->pkix.newest.at == 0 && record->dane.newest.at == 0)
		line_print("", "not probed yet");
	if (record->dane.newest.at != 0)
		line_print("", "checked against %s TLSA records:",
			record->dane.newest.tlsa_id == tlsa->id ? "these" : "earlier");
	history_print(&record->dane, port, now, &names);
	if (record->dane.newest.at != 0 && record->pkix.newest.at != 0)
		line_print("", "checked against the certificate authorities:");
	history_print(&record->pkix, port, now, &names);
	if (record->pkix.good.at != 0 && evidence_by_wildcard_only(&record->pkix.good, host))
		line_print("",
			"  the certificate covers the host only by a wildcard, which Sendmail before 8.18.2 never matches");
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

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

/* Adds members that are computed from the stored fields. `arg` is the port of a hop. */
static void computed_put(json_t *object, const struct fields *table, const void *record, const void *arg)
{
	if (table == &evidence_table) {
		const struct evidence *evidence = record;
		json_put(object, "sentence", json_text(reason_sentence(evidence->reason)));
		json_put(object, "starttls", starttls_offered(evidence, *(const uint16_t *)arg));
		json_put(object, "advice", json_text(reason_here(evidence->reason)));
		json_put(object, "tell_postmaster", json_text(reason_there(evidence->reason)));
	} else if (table == &tlsa_table) {
		const struct tlsa_lookup *look = record;
		const char *dnssec = look->state != TLSA_NONE || look->signed_denial ? "secure" : "insecure";
		json_put(object, "dnssec", json_text(look->state == TLSA_FAILED ? "failed" : dnssec));
	}
}

json_t *entry_json(const struct entry *entry, const char *detail)
{
	json_t *object = record_show(&entry_table, entry, computed_put, NULL);
	json_put(json_object_get(object, "fetch"), "detail", json_text(detail));
	return object;
}

json_t *hop_json(const char *host, uint16_t port, const struct hop_record *record)
{
	bool by_dane = record->dane.newest.at != 0 && record->dane.newest.tlsa_id == record->tlsa.id;
	const struct evidence *newest = by_dane ? &record->dane.newest : &record->pkix.newest;
	json_t *object = record_show(&hop_table, record, computed_put, &port);
	json_put(object, "host", json_text(host));
	json_put(object, "port", json_integer(port));
	json_put(object, "reason", json_text(reason_name(newest->at ? newest->reason : REASON_NOT_YET_CHECKED)));
	return object;
}

void members_move(json_t *object, json_t *from, const char *const *names)
{
	for (; *names; names++)
		json_put(object, *names, json_incref(json_object_get(from, *names)));
	json_decref(from);
}
