#include "override.h"

#include "utf8.h"

#include <string.h>

static const char *const kinds[] = {[OVERRIDE_NONE] = "none",
	[OVERRIDE_PASS] = "pass",
	[OVERRIDE_TAG] = "tag",
	[OVERRIDE_ENFORCE] = "enforce",
	[OVERRIDE_PIN] = "pin"};

const char *override_kind_name(enum override_kind kind)
{
	return kinds[kind];
}

enum override_kind override_kind_by_name(struct span name)
{
	for (int kind = OVERRIDE_PASS; kind <= OVERRIDE_PIN; kind++)
		if (span_is(name, kinds[kind]))
			return (enum override_kind)kind;
	return OVERRIDE_NONE;
}

bool override_text_is_valid(struct span text, size_t size)
{
	if (text.len == 0 || text.len >= size || !utf8_is_valid(text.at, text.len))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		/* C0 and DEL; and C1, which is 0xc2 and an octet below 0xa0 in UTF-8 */
		if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)text.at[i + 1] < 0xa0))
			return false;
	}
	return true;
}

bool override_is_valid(const struct override *override)
{
	int64_t length = override->ends_at - override->begins_at;
	bool all = strcmp(override->domain, OVERRIDE_ALL) == 0;
	bool pin = override->kind == OVERRIDE_PIN;
	if (override->kind == OVERRIDE_NONE || (all && !override_releases(override->kind)) ||
		pin != (override->asn[0] != 0))
		return false;
	return override->domain[0] && override->author[0] && override->reason[0] && override->begins_at > 0 &&
	       length >= OVERRIDE_SHORTEST_S && length <= OVERRIDE_LONGEST_S;
}

bool override_in_force(const struct override *override, int64_t now)
{
	return override->kind != OVERRIDE_NONE && override->begins_at <= now + OVERRIDE_AHEAD_S &&
	       now < override->ends_at;
}

bool override_same(const struct override *a, const struct override *b)
{
	return a->kind == b->kind && a->begins_at == b->begins_at && a->ends_at == b->ends_at &&
	       strcmp(a->domain, b->domain) == 0 && strcmp(a->author, b->author) == 0 &&
	       strcmp(a->reason, b->reason) == 0 && strcmp(a->node, b->node) == 0 &&
	       memcmp(a->asn, b->asn, sizeof a->asn) == 0;
}

bool override_has_asn(const struct override *override, uint32_t asn)
{
	for (size_t i = 0; i < OVERRIDE_ASNS_MAX && override->asn[i] != 0; i++)
		if (override->asn[i] == asn)
			return true;
	return false;
}

enum reason override_place(const struct override *override, const struct evidence *seen)
{
	uint32_t other = seen->asn_other == ASN_UNKNOWN ? 0 : seen->asn_other;
	if ((seen->asn != 0 && !override_has_asn(override, seen->asn)) ||
		(other != 0 && !override_has_asn(override, other)))
		return REASON_HOP_ELSEWHERE;
	bool known = seen->asn != 0 && seen->asn_other != ASN_UNKNOWN && !seen->seen_for[0];
	return known ? REASON_OK : REASON_HOP_NETWORK_UNKNOWN;
}

bool override_releases(enum override_kind kind)
{
	return kind == OVERRIDE_PASS || kind == OVERRIDE_TAG;
}
