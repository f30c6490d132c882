#include "evidence.h"

#include "age.h"
#include "ascii.h"

#include <string.h>

void evidence_join_asn(struct evidence *evidence, uint32_t asn)
{
	if (reason_class(evidence->reason) == REASON_GOOD && asn != evidence->asn)
		evidence->asn_other = asn == 0 ? ASN_UNKNOWN : asn;
}

const char *requiretls_name(enum requiretls_offer state)
{
	switch (state) {
	case REQUIRETLS_UNKNOWN:
		return "unknown";
	case REQUIRETLS_ABSENT:
		return "absent";
	case REQUIRETLS_OFFERED:
		return "offered";
	}
	return "";
}

void evidence_join_requiretls(struct evidence *evidence, enum requiretls_offer other)
{
	if (other == REQUIRETLS_ABSENT || evidence->requiretls == REQUIRETLS_UNKNOWN)
		evidence->requiretls = other;
}

int64_t evidence_age(const struct evidence *evidence, int64_t now)
{
	int64_t age = schedule_age(evidence->at, now);
	return evidence->seen_by[0] == '\0' || age > INT64_MAX / 2 ? age : 2 * age;
}

bool evidence_is_conclusive(const struct evidence *evidence)
{
	enum reason_class class = reason_class(evidence->reason);
	return class == REASON_GOOD || class == REASON_BAD;
}

/* Returns whether an inconclusive probe shows that the hop is silent. A local failure and an address that may not be
 * dialled show nothing about the hop (design 4.8). */
static bool is_silence(enum reason reason)
{
	return reason == REASON_HOP_ADDRESS_LOOKUP || reason == REASON_HOP_UNREACHABLE ||
	       reason == REASON_HOP_TIMEOUT || reason == REASON_HOP_GREETING || reason == REASON_HOP_PROTOCOL;
}

bool history_may_be_silent(const struct probe_history *history)
{
	return history->silent_since != 0 && is_silence(history->newest.reason) &&
	       history->silent_probes < SILENT_PROBES;
}

bool history_is_silent(const struct probe_history *history, int64_t now)
{
	if (history->newest.at == 0)
		return false;
	if (history->newest.reason == REASON_HOP_NO_ADDRESS)
		return true;
	return history->silent_since != 0 && is_silence(history->newest.reason) &&
	       history->silent_probes >= SILENT_PROBES && now - history->silent_since >= SILENT_S;
}

void hop_record_learn(struct hop_record *record, const struct evidence *seen)
{
	if (seen->at == 0)
		return;
	record->refused_since = 0;
	struct probe_history *history = seen->tlsa_id == 0 ? &record->pkix : &record->dane;
	enum reason_class class = reason_class(seen->reason);
	bool other = seen->seen_for[0] != '\0';
	/* Evidence from a probe of another host replaces neither newer evidence nor bad evidence. */
	if (other && (seen->at < history->newest.at || reason_class(history->conclusive.reason) == REASON_BAD))
		return;
	/* The clock was set back: evidence that was written while it was ahead is dropped. */
	if (history->newest.at - seen->at > EVIDENCE_LATE_S) {
		struct evidence *const kept[] = {&history->newest, &history->conclusive, &history->good};
		for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
			if (kept[i]->at > seen->at)
				memset(kept[i], 0, sizeof *kept[i]);
	}
	if (seen->at < history->newest.at && history->newest.seen_by[0] == '\0')
		return;
	/* A new TLSA set makes the evidence by the old one useless. */
	if (history->newest.tlsa_id != seen->tlsa_id)
		memset(history, 0, sizeof *history);
	bool silence_goes_on = history->silent_since != 0 && history->silent_since <= seen->at &&
			       seen->at - history->newest.at <= SILENT_GAP_S;
	if (class != REASON_INCONCLUSIVE) {
		history->silent_since = 0;
		history->silent_probes = 0;
	} else if (!silence_goes_on) {
		history->silent_since = seen->at;
		history->silent_probes = 1;
	} else if (history->silent_probes < UINT16_MAX) {
		history->silent_probes++;
	}
	history->newest = *seen;
	if (evidence_is_conclusive(seen))
		history->conclusive = *seen;
	if (class == REASON_GOOD)
		history->good = *seen;
}

bool tlsa_lookup_known(const struct tlsa_lookup *look, int64_t now)
{
	int64_t hard = look->state == TLSA_FAILED ? TLSA_FAILED_S : DANE_HARD_S;
	return look->state != TLSA_UNKNOWN && schedule_age(look->checked_at, now) <= hard;
}

void hop_record_learn_tlsa(struct hop_record *record, const struct tlsa_lookup *look)
{
	int64_t ahead = record->tlsa.checked_at - look->checked_at;
	if (look->checked_at != 0 && (ahead <= 0 || ahead > EVIDENCE_LATE_S))
		record->tlsa = *look;
}

void hop_record_refused(struct hop_record *record, int64_t at)
{
	if (schedule_age(record->refused_since, at) > REFUSED_KNOWN_S)
		record->refused_since = at;
}

int64_t hop_record_newest(const struct hop_record *record)
{
	int64_t at = record->pkix.newest.at;
	if (record->dane.newest.at > at)
		at = record->dane.newest.at;
	return record->tlsa.checked_at > at ? record->tlsa.checked_at : at;
}

static bool name_is(const char *at, size_t len, const char *name)
{
	return len == strlen(name) && ascii_same(at, name, len);
}

bool evidence_by_wildcard_only(const struct evidence *evidence, const char *host)
{
	const char *above = strchr(host, '.');
	bool wildcard = false;
	if (!above || strlen(evidence->names) + strlen(host) + 2 > sizeof evidence->names)
		return false;
	for (const char *at = evidence->names; *(at += strspn(at, " ")); at += strcspn(at, " ")) {
		size_t len = strcspn(at, " ");
		if (name_is(at, len, host))
			return false;
		wildcard = wildcard || (at[0] == '*' && name_is(at + 1, len - 1, above));
	}
	return wildcard;
}
