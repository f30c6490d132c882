#include "entry.h"
#include "evidence.h"
#include "fields.h"

#include <string.h>

#define HOP_MAGIC "STSH"
#define HOP_VERSION 1

#define MEMBER(type, name) offsetof(type, name), sizeof(((type *)0)->name)
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool take_reason(struct span in, void *member, size_t size)
{
	enum reason reason = field_reason(in);

	memcpy(member, &reason, size);
	return true;
}

static const struct field evidence_fields[] = {
	{1, field_put_i64, field_take_time, MEMBER(struct evidence, at)},
	{2, field_put_reason, take_reason, MEMBER(struct evidence, reason)},
	{3, field_put_u16, field_take_u16, MEMBER(struct evidence, protocol)},
	{4, field_put_u32, field_take_u32, MEMBER(struct evidence, chain)},
	{5, field_put_i64, field_take_i64, MEMBER(struct evidence, not_after)},
	{6, field_put_text, field_take_text, MEMBER(struct evidence, address)},
	{7, field_put_text, field_take_text, MEMBER(struct evidence, cipher)},
	{8, field_put_text, field_take_text, MEMBER(struct evidence, names)},
	{9, field_put_text, field_take_text, MEMBER(struct evidence, text)},
	{10, field_put_u64, field_take_u64, MEMBER(struct evidence, tlsa_id)},
	{11, field_put_text, field_take_text, MEMBER(struct evidence, mta_address)},
	{20, field_put_text, field_take_text, MEMBER(struct evidence, seen_for)},
};

static void put_evidence(struct fields_out *out, uint16_t tag, const void *member, size_t size)
{
	const struct evidence *evidence = member;
	size_t begun;

	(void)size;
	if (evidence->at == 0)
		return;
	begun = fields_begin(out, tag);
	fields_put(out, evidence_fields, COUNT(evidence_fields), evidence);
	fields_end(out, begun);
}

/* What a later version saw, for a reason that is not known here, is no evidence. */
static bool take_evidence(struct span in, void *member, size_t size)
{
	struct evidence *evidence = member;

	if (!fields_take(in, evidence_fields, COUNT(evidence_fields), evidence))
		return false;
	if (evidence->at == 0 || evidence->reason == REASON_COUNT || reason_class(evidence->reason) == REASON_APART)
		memset(evidence, 0, size);
	return true;
}

static void put_state(struct fields_out *out, uint16_t tag, const void *member, size_t size)
{
	enum tlsa_state state;
	uint16_t number;

	memcpy(&state, member, size);
	number = (uint16_t)state;
	field_put_u16(out, tag, &number, sizeof(number));
}

static bool take_state(struct span in, void *member, size_t size)
{
	uint16_t number;
	enum tlsa_state state;

	if (!field_take_u16(in, &number, sizeof(number)) || number > TLSA_FAILED)
		return false;
	state = (enum tlsa_state)number;
	memcpy(member, &state, size);
	return true;
}

static void put_flag(struct fields_out *out, uint16_t tag, const void *member, size_t size)
{
	uint16_t number = *(const bool *)member;

	(void)size;
	field_put_u16(out, tag, &number, sizeof(number));
}

static bool take_flag(struct span in, void *member, size_t size)
{
	uint16_t number;

	(void)size;
	if (!field_take_u16(in, &number, sizeof(number)) || number > 1)
		return false;
	*(bool *)member = number == 1;
	return true;
}

static const struct field tlsa_fields[] = {
	{1, field_put_i64, field_take_time, MEMBER(struct tlsa_look, checked_at)},
	{2, put_state, take_state, MEMBER(struct tlsa_look, state)},
	{3, field_put_u32, field_take_u32, MEMBER(struct tlsa_look, ttl_s)},
	{4, field_put_u64, field_take_u64, MEMBER(struct tlsa_look, id)},
	{5, field_put_u16, field_take_u16, MEMBER(struct tlsa_look, count)},
	{6, field_put_u16, field_take_u16, MEMBER(struct tlsa_look, usable)},
	{7, put_flag, take_flag, MEMBER(struct tlsa_look, signed_denial)},
	{8, field_put_text, field_take_text, MEMBER(struct tlsa_look, base)},
};

static void put_tlsa(struct fields_out *out, uint16_t tag, const void *member, size_t size)
{
	const struct tlsa_look *look = member;
	size_t begun;

	(void)size;
	if (look->checked_at == 0)
		return;
	begun = fields_begin(out, tag);
	fields_put(out, tlsa_fields, COUNT(tlsa_fields), look);
	fields_end(out, begun);
}

static bool take_tlsa(struct span in, void *member, size_t size)
{
	struct tlsa_look *look = member;

	(void)size;
	if (!fields_take(in, tlsa_fields, COUNT(tlsa_fields), look))
		return false;
	return look->checked_at != 0 && look->state != TLSA_UNKNOWN && (look->id != 0) == (look->state == TLSA_USABLE);
}

/* Mostly the three are one: what stands in another place of the record is not written twice. */
enum same { CONCLUSIVE_IS_NEWEST = 1, GOOD_IS_NEWEST = 2, GOOD_IS_CONCLUSIVE = 4 };

struct stored {
	struct hop_record record;
	uint16_t same, dane_same;
};

static const struct field hop_fields[] = {
	{1, put_evidence, take_evidence, MEMBER(struct stored, record.pkix.newest)},
	{2, put_evidence, take_evidence, MEMBER(struct stored, record.pkix.conclusive)},
	{3, put_evidence, take_evidence, MEMBER(struct stored, record.pkix.good)},
	{4, field_put_u16, field_take_u16, MEMBER(struct stored, same)},
	{5, put_evidence, take_evidence, MEMBER(struct stored, record.dane.newest)},
	{6, put_evidence, take_evidence, MEMBER(struct stored, record.dane.conclusive)},
	{7, put_evidence, take_evidence, MEMBER(struct stored, record.dane.good)},
	{8, field_put_u16, field_take_u16, MEMBER(struct stored, dane_same)},
	{9, put_tlsa, take_tlsa, MEMBER(struct stored, record.tlsa)},
	{10, field_put_i64, field_take_time, MEMBER(struct stored, record.refused_since)},
	{11, field_put_u32, field_take_u32, MEMBER(struct stored, record.needed_day)},
	{20, field_put_i64, field_take_time, MEMBER(struct stored, record.pkix.silent_since)},
	{21, field_put_u16, field_take_u16, MEMBER(struct stored, record.pkix.silent_probes)},
	{22, field_put_i64, field_take_time, MEMBER(struct stored, record.dane.silent_since)},
	{23, field_put_u16, field_take_u16, MEMBER(struct stored, record.dane.silent_probes)},
};

/* Takes `evidence` out of the record when it equals `other`. */
static uint16_t same_as(struct evidence *evidence, const struct evidence *other, enum same flag)
{
	if (evidence->at == 0 || memcmp(evidence, other, sizeof(*evidence)) != 0)
		return 0;
	evidence->at = 0;
	return flag;
}

static uint16_t same_taken_out(struct trials *stored, const struct trials *trials)
{
	uint16_t same = same_as(&stored->good, &trials->newest, GOOD_IS_NEWEST);

	same |= same_as(&stored->good, &trials->conclusive, GOOD_IS_CONCLUSIVE);
	same |= same_as(&stored->conclusive, &trials->newest, CONCLUSIVE_IS_NEWEST);
	return same;
}

struct bytes hop_record_encode(const struct hop_record *record)
{
	struct stored stored = {.record = *record};
	struct fields_out out;

	stored.same = same_taken_out(&stored.record.pkix, &record->pkix);
	stored.dane_same = same_taken_out(&stored.record.dane, &record->dane);
	fields_frame_begin(&out, HOP_MAGIC, HOP_VERSION);
	fields_put(&out, hop_fields, COUNT(hop_fields), &stored);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

static void same_restore(struct trials *trials, uint16_t same)
{
	if (same & CONCLUSIVE_IS_NEWEST)
		trials->conclusive = trials->newest;
	if (same & GOOD_IS_NEWEST)
		trials->good = trials->newest;
	else if (same & GOOD_IS_CONCLUSIVE)
		trials->good = trials->conclusive;
}

static bool is_conclusive(const struct evidence *evidence)
{
	enum reason_class class = reason_class(evidence->reason);

	return class == REASON_GOOD || class == REASON_BAD;
}

/* All were judged in one way: by the trust store, or by one TLSA set. */
static bool trials_valid(const struct trials *trials, bool dane)
{
	const struct evidence *const all[] = {&trials->newest, &trials->conclusive, &trials->good};
	uint64_t id = 0;

	for (size_t i = 0; i < COUNT(all); i++) {
		if (all[i]->at == 0)
			continue;
		if ((all[i]->tlsa_id != 0) != dane || (id != 0 && all[i]->tlsa_id != id))
			return false;
		id = all[i]->tlsa_id;
	}
	return is_conclusive(&trials->conclusive) && reason_class(trials->good.reason) == REASON_GOOD;
}

bool hop_record_decode(struct hop_record *out, const void *bytes, size_t len)
{
	struct stored stored;
	struct span body;

	memset(out, 0, sizeof(*out));
	if (!fields_frame_open((struct span){bytes, len}, HOP_MAGIC, HOP_VERSION, &body))
		return false;
	memset(&stored, 0, sizeof(stored));
	if (!fields_take(body, hop_fields, COUNT(hop_fields), &stored))
		return false;
	same_restore(&stored.record.pkix, stored.same);
	same_restore(&stored.record.dane, stored.dane_same);
	if (!trials_valid(&stored.record.pkix, false) || !trials_valid(&stored.record.dane, true))
		return false;
	*out = stored.record;
	return true;
}
