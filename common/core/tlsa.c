#include "tlsa.h"

#include <string.h>

#define RDATA_HEAD 3 /* usage, selector, matching type */
#define DER_SEQUENCE 0x30
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

const char *tlsa_state_name(enum tlsa_state state)
{
	switch (state) {
	case TLSA_UNKNOWN:
		return "unknown";
	case TLSA_NONE:
		return "none";
	case TLSA_USABLE:
		return "usable";
	case TLSA_UNUSABLE:
		return "unusable";
	case TLSA_FAILED:
		return "failed";
	}
	return "";
}

/* Returns whether the data can be a certificate or a public key: one DER SEQUENCE of exactly this length. OpenSSL parses
 * its content when it verifies. */
static bool data_is_sequence(struct span data)
{
	const unsigned char *at = (const unsigned char *)data.at;
	if (data.len < 2 || at[0] != DER_SEQUENCE)
		return false;
	if (at[1] < 0x80)
		return data.len - 2 == at[1];
	if (at[1] == 0x81)
		return data.len >= 3 && at[2] >= 0x80 && data.len - 3 == at[2];
	return at[1] == 0x82 && data.len >= 4 && at[2] != 0 && data.len - 4 == ((size_t)at[2] << 8 | at[3]);
}

/* RFC 7672 3.1.3: SMTP does not use PKIX-TA(0) and PKIX-EE(1), which need the public authorities. */
static bool record_take(struct tlsa_record *out, struct span rdata)
{
	const unsigned char *at = (const unsigned char *)rdata.at;
	if (rdata.len <= RDATA_HEAD || rdata.len > TLSA_RDATA_MAX)
		return false;
	*out = (struct tlsa_record){.usage = at[0], .selector = at[1], .matching = at[2]};
	out->data = (struct span){rdata.at + RDATA_HEAD, rdata.len - RDATA_HEAD};
	bool fits = false;
	if (out->matching == TLSA_MATCHING_FULL)
		fits = data_is_sequence(out->data);
	else if (out->matching == TLSA_MATCHING_SHA256)
		fits = out->data.len == 32;
	else if (out->matching == TLSA_MATCHING_SHA512)
		fits = out->data.len == 64;
	return fits && (out->usage == TLSA_USAGE_TA || out->usage == TLSA_USAGE_EE) &&
	       (out->selector == TLSA_SELECTOR_CERT || out->selector == TLSA_SELECTOR_KEY);
}

static int record_order(const struct tlsa_record *a, const struct tlsa_record *b)
{
	if (a->usage != b->usage)
		return a->usage < b->usage ? -1 : 1;
	if (a->selector != b->selector)
		return a->selector < b->selector ? -1 : 1;
	if (a->matching != b->matching)
		return a->matching < b->matching ? -1 : 1;
	if (a->data.len != b->data.len)
		return a->data.len < b->data.len ? -1 : 1;
	return memcmp(a->data.at, b->data.at, a->data.len);
}

/* Inserts the record at its place in the set's order. If the set is full, drops the last record in this order, so that
 * the result does not depend on the order in which the records came. */
static void set_add(struct tlsa_set *set, const struct tlsa_record *record)
{
	size_t at = 0;
	while (at < set->count && record_order(&set->record[at], record) < 0)
		at++;
	if (at == TLSA_SET_MAX || (at < set->count && record_order(&set->record[at], record) == 0))
		return;
	if (set->count < TLSA_SET_MAX)
		set->count++;
	memmove(&set->record[at + 1], &set->record[at], (set->count - 1 - at) * sizeof *record);
	set->record[at] = *record;
}

static uint64_t set_hash(const struct tlsa_set *set)
{
	uint64_t hash = FNV_BASIS;
	for (size_t i = 0; i < set->count; i++) {
		const struct tlsa_record *record = &set->record[i];
		const uint8_t head[] = {record->usage, record->selector, record->matching,
			(uint8_t)(record->data.len >> 8), (uint8_t)record->data.len};
		for (size_t j = 0; j < sizeof head; j++)
			hash = (hash ^ head[j]) * FNV_PRIME;
		for (size_t j = 0; j < record->data.len; j++)
			hash = (hash ^ (uint8_t)record->data.at[j]) * FNV_PRIME;
	}
	return hash ? hash : 1;
}

enum tlsa_state tlsa_set_take(struct tlsa_set *out, const struct span *rdata, size_t count)
{
	/* For each usage and selector, the strongest digest among the well-formed records; 0 if there is none. */
	uint8_t strongest[TLSA_USAGE_EE + 1][TLSA_SELECTOR_KEY + 1] = {{0}};
	struct tlsa_record record;
	memset(out, 0, sizeof *out);
	out->seen = count;
	for (size_t i = 0; i < count; i++) {
		if (!record_take(&record, rdata[i]))
			continue;
		uint8_t *digest = &strongest[record.usage][record.selector];
		if (record.matching > *digest)
			*digest = record.matching;
	}
	for (size_t i = 0; i < count; i++) {
		if (!record_take(&record, rdata[i]))
			continue;
		/* RFC 7671 9: a digest counts only if the records have no stronger one for its usage and selector. */
		if (record.matching == TLSA_MATCHING_FULL ||
			record.matching == strongest[record.usage][record.selector])
			set_add(out, &record);
	}
	if (out->count == 0)
		return count == 0 ? TLSA_NONE : TLSA_UNUSABLE;
	out->id = set_hash(out);
	return TLSA_USABLE;
}

void tlsa_record_text(struct text *t, const struct tlsa_record *record, size_t octets)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t len = record->data.len < octets ? record->data.len : octets;
	text_add_number(t, record->usage);
	text_add(t, " ");
	text_add_number(t, record->selector);
	text_add(t, " ");
	text_add_number(t, record->matching);
	text_add(t, " ");
	for (size_t i = 0; i < len; i++) {
		unsigned octet = (unsigned char)record->data.at[i];
		text_add_bytes(t, (char[]){hex[octet >> 4], hex[octet & 15]}, 2);
	}
	if (len < record->data.len)
		text_add(t, "...");
}
