#include "describe.h"

#include "probe.h"
#include "record_json.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

/* Prints the sentence and the name of a reason. */
static void reason_print(const char *label, enum reason reason)
{
	line_print(label, "%s [%s]", reason_sentence(reason), reason_name(reason));
}

#define ADVICE_SIZE 2048

static const char *advice_fill(char out[ADVICE_SIZE], const char *text, const struct advice_names *names)
{
	struct text filled;
	text_init(&filled, out, ADVICE_SIZE);
	advice_add(&filled, text, names);
	return out;
}

void advice_print(const char *label, const char *indent, enum reason reason, const struct advice_names *names)
{
	char text[ADVICE_SIZE];
	if (*reason_here(reason))
		line_print(label, "%s%s%s", indent,
			*label ? "" : "advice: ", advice_fill(text, reason_here(reason), names));
}

void there_print(const char *label, const char *indent, enum reason reason, const struct advice_names *names)
{
	char text[ADVICE_SIZE];
	if (*reason_there(reason))
		line_print(label, "%sto the domain's postmaster: %s", indent,
			advice_fill(text, reason_there(reason), names));
}

/* Prints advice unless it was printed for the same reason before. */
static void advice_once(struct view *view, const char *indent, enum reason reason, const struct advice_names *names)
{
	if (!view->said[reason]) {
		advice_print("", indent, reason, names);
		if (reason != view->letter)
			there_print("", indent, reason, names);
	}
	view->said[reason] = true;
}

/* --- ages --------------------------------------------------------------------------------------------------------- */

#define LEARNED_SIZE 128
/* Writes when a fact was learned, such as `2026-01-31T12:00:00Z (2s ago, by a probe)`. `how` is where a fact comes from that
 * this command has looked up itself. Returns `out`. */
static const char *learned(char out[LEARNED_SIZE], const struct view *view, int64_t at, const char *how)
{
	struct when date, span;
	const char *source = at >= view->began ? how : "from the store";
	if (view->began == 0)
		source = "";
	snprintf(out, LEARNED_SIZE, "%s (%s ago%s%s)", when_date(&date, at), when_span(&span, view->now - at),
		*source ? ", " : "", source);
	return out;
}

/* Writes a TTL and what is left of it, such as `TTL 5m (4m 58s left)`. Returns `out`. */
static const char *ttl_left(char out[LEARNED_SIZE], const struct view *view, int64_t at, uint32_t ttl_s)
{
	struct when ttl, left;
	int64_t left_s = at + ttl_s - view->now;
	snprintf(out, LEARNED_SIZE, "TTL %s (%s%s)", when_span(&ttl, ttl_s),
		left_s > 0 ? when_span(&left, left_s) : "over", left_s > 0 ? " left" : "");
	return out;
}

static const char *dnssec_words(bool secure)
{
	return secure ? "secured by DNSSEC" : "not secured by DNSSEC";
}

/* --- parts of an entry -------------------------------------------------------------------------------------------- */

void record_print(const struct entry *entry, const struct view *view)
{
	char at[LEARNED_SIZE], ttl[LEARNED_SIZE];
	if (entry->record_checked_at == 0) {
		line_print("record", "not looked up yet");
		return;
	}
	if (entry->record_outcome == REASON_OK)
		line_print("record", "found, id %s", entry->record_id);
	else
		reason_print("record", entry->record_outcome);
	learned(at, view, entry->record_checked_at, "from DNS");
	if (entry->record_outcome == REASON_RECORD_LOOKUP || entry->record_outcome == REASON_RESOLVER)
		line_print("", "looked up %s", at);
	else
		line_print("", "looked up %s, %s, %s", at,
			ttl_left(ttl, view, entry->record_checked_at, entry->record_ttl_s),
			dnssec_words(entry->record_secure));
}

/* Prints what a host's staple says about the revocation of its certificate. */
static void staple_print(const char *indent, enum staple_state state, bool demanded, int64_t revoked_at)
{
	struct when at;
	switch (state) {
	case STAPLE_NONE:
		if (demanded)
			line_print("", "%sno staple (OCSP), although the certificate demands one", indent);
		break;
	case STAPLE_GOOD:
		line_print("", "%sstaple (OCSP): not revoked", indent);
		break;
	case STAPLE_REVOKED:
		line_print("", "%sstaple (OCSP): the certificate's authority revoked it at %s", indent,
			when_date(&at, revoked_at));
		break;
	case STAPLE_UNUSABLE:
		line_print("", "%sstaple (OCSP): unusable, so it proves nothing", indent);
		break;
	}
}

void fetch_print(const struct entry *entry, const struct view *view)
{
	char at[LEARNED_SIZE];
	if (entry->fetch_tried_at == 0) {
		line_print("fetch", "not tried yet");
		return;
	}
	if (entry->fetch_outcome == REASON_OK)
		line_print("fetch", "the policy was fetched");
	else
		reason_print("fetch", entry->fetch_outcome);
	if (*entry->fetch_detail)
		line_print("", "%s", entry->fetch_detail);
	staple_print("", entry->fetch_staple, false, entry->fetch_revoked_at);
	line_print("", "tried %s%s%s", learned(at, view, entry->fetch_tried_at, "by HTTPS"),
		*entry->fetch_tried_id ? " for id " : "", entry->fetch_tried_id);
	if (entry->fetch_failures > 1)
		line_print("", "%u failures in a row", entry->fetch_failures);
}

void policy_print(const struct entry *entry, const struct view *view)
{
	struct when until, span;
	char at[LEARNED_SIZE];
	if (!entry->has_policy) {
		line_print("policy", "no policy is known");
		return;
	}
	const struct policy *policy = &entry->policy;
	int64_t left_s = entry->policy_expires_at - view->now;
	line_print("policy", "mode %s, id %s, max_age %u s", policy_mode_name(policy->mode),
		*entry->policy_id ? entry->policy_id : "unknown", policy->max_age_s);
	line_print("", "fetched %s", learned(at, view, entry->policy_fetched_at, "by HTTPS"));
	line_print("", "%s %s (%s%s%s)", left_s > 0 ? "expires" : "expired",
		when_date(&until, entry->policy_expires_at), left_s > 0 ? "in " : "",
		when_span(&span, left_s > 0 ? left_s : -left_s), left_s > 0 ? "" : " ago");
	struct quote quote;
	for (const char *mx = NULL; (mx = names_next(&policy->mx, mx));)
		line_print("", "mx %s", quote_string(&quote, mx));
}

/* Returns whether the terminal shows UTF-8. Leaves the locale of this process alone. */
static bool shows_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool utf8 = locale && strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
	if (locale)
		freelocale(locale);
	return utf8;
}

/* Writes the pattern of the policy that allows the host, after a check mark. Returns `out`. */
static const char *pattern_text(char out[DOMAIN_SIZE + 64], const struct policy *policy, const char *host)
{
	char pattern[DOMAIN_SIZE];
	bool utf8 = shows_utf8(), allowed = policy_pattern(pattern, policy, host);
	const char *mark = utf8 ? (allowed ? "\xe2\x9c\x93" : "\xe2\x9c\x97") : allowed ? "ok" : "x";
	snprintf(out, DOMAIN_SIZE + 64, "  %s %s", mark, allowed ? pattern : "no pattern matches");
	return out;
}

static void mx_host_print(const struct entry *entry, const char *host, const char *preference)
{
	char pattern[DOMAIN_SIZE + 64] = "";
	const char *kind = mx_name_is_not_host(host, strlen(host)) ? "(not a host name)" : "";
	if (entry->has_policy && entry->policy.mode != POLICY_NONE)
		pattern_text(pattern, &entry->policy, host);
	line_print("", "%s%s%s%s%s", preference, host, *host && *kind ? " " : "", kind, pattern);
}

void mx_print(const struct entry *entry, const struct view *view)
{
	char at[LEARNED_SIZE], ttl[LEARNED_SIZE];
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
	line_print("", "looked up %s, %s, %s", learned(at, view, mx->checked_at, "from DNS"),
		ttl_left(ttl, view, mx->checked_at, mx->ttl_s), dnssec_words(mx->secure));
}

/* --- hops --------------------------------------------------------------------------------------------------------- */

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

/* Prints how long conclusive evidence is fresh, and how long it counts. */
static void evidence_life_print(const struct evidence *evidence, const struct view *view)
{
	struct when fresh, counts;
	const struct rules *rules = view->rules;
	if (!rules || !evidence_is_conclusive(evidence))
		return;
	bool good = reason_class(evidence->reason) == REASON_GOOD;
	int64_t age_s = view->now - evidence->at;
	int64_t soft_s = (int64_t)(good ? rules->probe_ttl_ok_s : rules->probe_ttl_fail_s) - age_s;
	int64_t hard_s = (int64_t)rules->probe_ttl_max_s - age_s;
	if (hard_s <= 0)
		line_print("", "  too old to count (probe_ttl_max)");
	else if (soft_s <= 0)
		line_print("", "  due for a new probe; counts for another %s", when_span(&counts, hard_s));
	else
		line_print("", "  fresh for another %s, counts for another %s", when_span(&fresh, soft_s),
			when_span(&counts, hard_s));
}

static void certificate_print(const char *indent, const struct evidence *evidence)
{
	char deeper[32];
	struct when until;
	struct quote quote;
	if (*evidence->names)
		line_print("", "%s  certificate names: %s", indent, quote_string(&quote, evidence->names));
	if (*evidence->issuers)
		line_print("", "%s  issued by: %s", indent, quote_string(&quote, evidence->issuers));
	if (evidence->not_before)
		line_print("", "%s  certificate valid from %s", indent, when_date(&until, evidence->not_before));
	if (evidence->not_after)
		line_print("", "%s  certificate valid until %s", indent, when_date(&until, evidence->not_after));
	snprintf(deeper, sizeof deeper, "%s  ", indent);
	staple_print(deeper, evidence->staple, evidence->staple_demanded, evidence->revoked_at);
	if (evidence->chain)
		line_print("", "%s  certificate verification: OpenSSL error %d", indent, (int)evidence->chain);
}

#define NETWORK_TEXT_SIZE 64
/* Writes the network of the address, such as ` in AS64500 (DE)`, or "" if it is unknown. Returns `out`. */
static const char *network_text(char out[NETWORK_TEXT_SIZE], const struct evidence *evidence)
{
	const char *country = evidence->country;
	out[0] = '\0';
	if (evidence->asn != 0)
		snprintf(out, NETWORK_TEXT_SIZE, " in AS%u%s%s%s", (unsigned)evidence->asn, *country ? " (" : "",
			country, *country ? ")" : "");
	return out;
}

/* Returns what to append to the words about TLS, or "" if nothing is known. */
static const char *requiretls_text(const struct evidence *evidence)
{
	static const char *const texts[] = {
		[REQUIRETLS_UNKNOWN] = "",
		[REQUIRETLS_ABSENT] = ", no REQUIRETLS",
		[REQUIRETLS_OFFERED] = ", REQUIRETLS offered",
	};
	return texts[evidence->requiretls];
}

static void evidence_print(const char *label, const struct evidence *evidence, uint16_t port, struct view *view,
	const struct advice_names *names)
{
	char at[LEARNED_SIZE];
	struct quote quote;
	char protocol[PROTOCOL_SIZE], network[NETWORK_TEXT_SIZE];
	line_print("", "%s%s [%s], %s", label, reason_sentence(evidence->reason), reason_name(evidence->reason),
		learned(at, view, evidence->at, "by a probe"));
	if (*evidence->seen_for)
		line_print("", "  seen at address %s for host %s, whose certificate also covers this host",
			quote_string(&quote, evidence->address), evidence->seen_for);
	else if (*evidence->address)
		line_print(
			"", "  address %s%s", quote_string(&quote, evidence->address), network_text(network, evidence));
	if (*evidence->seen_by)
		line_print("", "  seen by relay %s, so it counts for half of its life", evidence->seen_by);
	if (evidence->protocol)
		line_print("", "  %s %s %s%s", port == PROBE_PORT_TLS ? "TLS from the start," : "STARTTLS,",
			protocol_name(evidence->protocol, protocol), quote_string(&quote, evidence->cipher),
			requiretls_text(evidence));
	certificate_print("", evidence);
	if (*evidence->text)
		line_print("", "  message: %s", quote_string(&quote, evidence->text));
	if (reason_class(evidence->reason) == REASON_BAD)
		advice_once(view, "  ", evidence->reason, names);
	if (*evidence->mta_address)
		line_print("", "  an MTA that uses the map still delivers, to address %s",
			quote_string(&quote, evidence->mta_address));
	evidence_life_print(evidence, view);
}

void address_print(const char *address, const struct evidence *seen)
{
	char protocol[PROTOCOL_SIZE];
	struct quote cipher;
	line_print("", "  %s: %s [%s]%s%s%s%s%s", address, reason_sentence(seen->reason), reason_name(seen->reason),
		seen->protocol ? ", " : "", seen->protocol ? protocol_name(seen->protocol, protocol) : "",
		*seen->cipher ? " " : "", *seen->cipher ? quote_string(&cipher, seen->cipher) : "",
		requiretls_text(seen));
	certificate_print("  ", seen);
}

static void history_print(
	const struct probe_history *history, uint16_t port, struct view *view, const struct advice_names *names)
{
	struct when at, span;
	const struct evidence *newest = &history->newest, *conclusive = &history->conclusive, *good = &history->good;
	if (newest->at != 0)
		evidence_print("", newest, port, view, names);
	if (history->silent_since != 0)
		line_print("", "no answer since %s (%s ago), in %u probe%s%s", when_date(&at, history->silent_since),
			when_span(&span, view->now - history->silent_since), history->silent_probes,
			history->silent_probes == 1 ? "" : "s",
			history_is_silent(history, view->now)
				? "; mail goes to the domain's other mail hosts if one of them is good"
				: "");
	if (conclusive->at && (conclusive->at != newest->at || conclusive->reason != newest->reason))
		evidence_print("newest conclusive result: ", conclusive, port, view, names);
	if (good->at && good->at != conclusive->at && good->at != newest->at)
		evidence_print("newest good result: ", good, port, view, names);
}

static void tlsa_print(const struct tlsa_lookup *tlsa, const struct view *view)
{
	char at[LEARNED_SIZE], ttl[LEARNED_SIZE];
	struct quote quote;
	if (tlsa->checked_at == 0)
		return;
	line_print("", "TLSA records: %s, looked up %s, %s", tlsa_state_text(tlsa),
		learned(at, view, tlsa->checked_at, "from DNS"), ttl_left(ttl, view, tlsa->checked_at, tlsa->ttl_s));
	if (tlsa->count > 0)
		line_print(
			"", "  %u of %u at %s are usable", tlsa->usable, tlsa->count, quote_string(&quote, tlsa->base));
}

static void revocation_unknown_print(const struct revocation *row)
{
	struct when at;
	if (row->as_of != 0)
		line_print(
			"", "revocation: unknown since %s, when the newest answer expired", when_date(&at, row->until));
	else if (row->why[0] == '\0')
		line_print("", "revocation: unknown: the list has not been read since the certificate was first seen");
	if (row->why[0] != '\0')
		line_print("", "%s%s", row->as_of != 0 ? "  " : "revocation: unknown: ", row->why);
	if (row->next_at != 0)
		line_print("", "  the list is due again at %s", when_date(&at, row->next_at));
}

static void revocation_print(uint64_t leaf, const struct view *view)
{
	struct when at;
	struct revocation row;
	if (!hop_revocation(view->store, leaf, &row)) {
		if (view->revocation && leaf != 0)
			line_print("",
				"revocation: not looked up: the certificate names no list, or expires within ten days, or "
				"the daemon has not seen it yet");
		return;
	}
	switch (revocation_now(&row, view->now)) {
	case REVOCATION_REVOKED:
		line_print("", "revocation: revoked at %s", when_date(&at, row.revoked_at));
		break;
	case REVOCATION_GOOD:
		line_print("", "revocation: good until %s", when_date(&at, row.until));
		break;
	case REVOCATION_UNKNOWN:
		revocation_unknown_print(&row);
		break;
	}
	line_print("", "  list: %s", row.url);
}

/* Prints how many of the other relays of the site see the host bad. */
static void others_print(const struct hop_record *record)
{
	struct when at;
	if (record->others_looked > 0)
		line_print("", "%u of %u other relays see this host bad, as of %s", record->others_bad,
			record->others_looked, when_date(&at, record->others_at));
}

void hop_print(const char *domain, const char *host, uint16_t port, const struct hop_record *record, struct view *view)
{
	const struct advice_names names = {.domain = domain, .host = host};
	line_print("hop", "%s:%u", host, port);
	tlsa_print(&record->tlsa, view);
	if (record->pkix.newest.at == 0 && record->dane.newest.at == 0)
		line_print("", "not probed yet");
	if (record->dane.newest.at != 0)
		line_print("", "checked against %s TLSA records:",
			record->dane.newest.tlsa_id == record->tlsa.id ? "these" : "earlier");
	history_print(&record->dane, port, view, &names);
	if (record->dane.newest.at != 0 && record->pkix.newest.at != 0)
		line_print("", "checked against the certificate authorities:");
	history_print(&record->pkix, port, view, &names);
	others_print(record);
	revocation_print(hop_leaf(record), view);
	if (record->pkix.good.at != 0 && evidence_by_wildcard_only(&record->pkix.good, host))
		line_print("",
			"  the certificate covers the host only by a wildcard, which Sendmail before 8.18.2 never matches");
}
