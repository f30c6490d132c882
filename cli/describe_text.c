#include "describe.h"
#include "probe.h"

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
	if (entry->record_outcome == REASON_NONE)
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
	if (entry->fetch_outcome == REASON_NONE)
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
			describe_protocol(evidence->protocol, protocol), quote_string(&quote, evidence->cipher));
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
	tell_tlsa(&record->tlsa, now);
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
