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

/* Mostly the three are one: what stands in another place of the record is not written twice. */
enum same { CONCLUSIVE_IS_NEWEST = 1, GOOD_IS_NEWEST = 2, GOOD_IS_CONCLUSIVE = 4 };

struct stored {
	struct hop_record record;
	uint16_t same;
};

static const struct field hop_fields[] = {
	{1, put_evidence, take_evidence, MEMBER(struct stored, record.newest)},
	{2, put_evidence, take_evidence, MEMBER(struct stored, record.conclusive)},
	{3, put_evidence, take_evidence, MEMBER(struct stored, record.good)},
	{4, field_put_u16, field_take_u16, MEMBER(struct stored, same)},
};

/* Takes `evidence` out of the record when it equals `other`. */
static uint16_t same_as(struct evidence *evidence, const struct evidence *other, enum same flag)
{
	if (evidence->at == 0 || memcmp(evidence, other, sizeof(*evidence)) != 0)
		return 0;
	evidence->at = 0;
	return flag;
}

struct bytes hop_record_encode(const struct hop_record *record)
{
	struct stored stored = {.record = *record};
	struct fields_out out;

	stored.same |= same_as(&stored.record.good, &record->newest, GOOD_IS_NEWEST);
	stored.same |= same_as(&stored.record.good, &record->conclusive, GOOD_IS_CONCLUSIVE);
	stored.same |= same_as(&stored.record.conclusive, &record->newest, CONCLUSIVE_IS_NEWEST);
	fields_frame_begin(&out, HOP_MAGIC, HOP_VERSION);
	fields_put(&out, hop_fields, COUNT(hop_fields), &stored);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

static void same_restore(struct hop_record *record, uint16_t same)
{
	if (same & CONCLUSIVE_IS_NEWEST)
		record->conclusive = record->newest;
	if (same & GOOD_IS_NEWEST)
		record->good = record->newest;
	else if (same & GOOD_IS_CONCLUSIVE)
		record->good = record->conclusive;
}

static bool is_conclusive(const struct evidence *evidence)
{
	enum reason_class class = reason_class(evidence->reason);

	return class == REASON_GOOD || class == REASON_BAD;
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
	same_restore(&stored.record, stored.same);
	if (!is_conclusive(&stored.record.conclusive) || reason_class(stored.record.good.reason) != REASON_GOOD)
		return false;
	*out = stored.record;
	return true;
}
