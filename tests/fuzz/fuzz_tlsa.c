/* An RRset: records one after the other, each preceded by two octets of length; the rest is one more record. */
#include "fuzz.h"
#include "tlsa.h"

#include <string.h>

#define RECORDS_MAX 200

struct rrset {
	size_t count;
	struct span rdata[RECORDS_MAX];
};

/* Each record in memory of its exact size, so that AddressSanitizer sees a read beyond the end. */
static void rrset_read(struct rrset *rrset, const uint8_t *data, size_t size)
{
	rrset->count = 0;
	while (size >= 2 && rrset->count < RECORDS_MAX) {
		size_t len = (size_t)data[0] << 8 | data[1];
		char *copy;

		data += 2;
		size -= 2;
		len = len < size ? len : size;
		copy = malloc(len ? len : 1);
		FUZZ_MUST(copy);
		memcpy(copy, data, len);
		rrset->rdata[rrset->count++] = (struct span){copy, len};
		data += len;
		size -= len;
	}
}

static void rrset_turn(struct rrset *rrset)
{
	for (size_t i = 0; i < rrset->count / 2; i++) {
		struct span other = rrset->rdata[i];

		rrset->rdata[i] = rrset->rdata[rrset->count - 1 - i];
		rrset->rdata[rrset->count - 1 - i] = other;
	}
}

static void record_holds(const struct tlsa_record *record)
{
	char buffer[64];
	struct text text;
	size_t wants = record->matching == 1 ? 32 : 64;

	FUZZ_MUST(record->usage == 2 || record->usage == 3);
	FUZZ_MUST(record->selector <= 1 && record->matching <= 2);
	FUZZ_MUST(record->data.len > 0 && record->data.len <= TLSA_RDATA_MAX - 3);
	FUZZ_MUST(record->matching == 0 ? record->data.at[0] == 0x30 : record->data.len == wants);
	text_init(&text, buffer, sizeof buffer);
	tlsa_record_text(&text, record, 16);
	FUZZ_MUST(!text.cut && text.len == strlen(buffer));
	FUZZ_MUST(strspn(buffer, "0123456789ABCDEF .") == text.len);
}

/* RFC 7671 9: no weaker digest beside a stronger one. */
static void agility_holds(const struct tlsa_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		for (size_t j = 0; j < set->count; j++) {
			const struct tlsa_record *a = &set->record[i], *b = &set->record[j];
			bool same = a->usage == b->usage && a->selector == b->selector;

			FUZZ_MUST(!same || !a->matching || !b->matching || a->matching == b->matching);
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rrset rrset;
	struct tlsa_set set, turned;

	rrset_read(&rrset, data, size);
	enum tlsa_state state = tlsa_set_take(&set, rrset.rdata, rrset.count);

	FUZZ_MUST(set.seen == rrset.count && set.count <= set.seen && set.count <= TLSA_SET_MAX);
	FUZZ_MUST((state == TLSA_NONE) == (rrset.count == 0) && (state == TLSA_USABLE) == (set.count > 0));
	FUZZ_MUST((set.id == 0) == (set.count == 0));
	for (size_t i = 0; i < set.count; i++)
		record_holds(&set.record[i]);
	agility_holds(&set);
	rrset_turn(&rrset);
	FUZZ_MUST(tlsa_set_take(&turned, rrset.rdata, rrset.count) == state);
	FUZZ_MUST(turned.id == set.id && turned.count == set.count);
	for (size_t i = 0; i < rrset.count; i++)
		free((char *)rrset.rdata[i].at);
	return 0;
}
