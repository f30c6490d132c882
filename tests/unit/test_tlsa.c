/* Which TLSA records count (RFC 7672 3.1, RFC 7671 9). */
#include "cm.h"

#include "tlsa.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX 100
#define BYTES_MAX (TLSA_RDATA_MAX + 2)

/* A record to be made: that many octets of data, all of them `fill`; with `der` they are in a SEQUENCE of that length.
 * */
struct recipe {
	uint8_t usage, selector, matching;
	uint16_t len;
	uint8_t fill;
	bool der;
};

/* Versions 14 and 19 of the formatter differ on macros that are initializers. */
/* clang-format off */
#define SHA256(usage, selector, fill) {usage, selector, 1, 32, fill, false}
#define SHA512(usage, selector, fill) {usage, selector, 2, 64, fill, false}
#define FULL(usage, selector, len, fill) {usage, selector, 0, len, fill, true}
/* clang-format on */

struct heap {
	size_t count;
	struct span rdata[RECORDS_MAX];
};

static size_t der_head(uint8_t *at, size_t len)
{
	size_t body;

	at[0] = 0x30;
	if (len - 2 < 0x80) {
		at[1] = (uint8_t)(len - 2);
		return 2;
	}
	if (len - 3 < 0x100) {
		at[1] = 0x81;
		at[2] = (uint8_t)(len - 3);
		return 3;
	}
	body = len - 4;
	at[1] = 0x82;
	at[2] = (uint8_t)(body >> 8);
	at[3] = (uint8_t)body;
	return 4;
}

/* In memory of the exact size, so that AddressSanitizer sees a read beyond the end. */
static void heap_add(struct heap *heap, const void *bytes, size_t len)
{
	char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	assert_in_range(heap->count, 0, RECORDS_MAX - 1);
	heap->rdata[heap->count++] = (struct span){copy, len};
}

static void heap_cook(struct heap *heap, const struct recipe *recipe)
{
	uint8_t bytes[BYTES_MAX] = {recipe->usage, recipe->selector, recipe->matching};

	memset(bytes + 3, recipe->fill, recipe->len);
	if (recipe->der)
		der_head(bytes + 3, recipe->len);
	heap_add(heap, bytes, 3u + recipe->len);
}

static void heap_free(struct heap *heap)
{
	for (size_t i = 0; i < heap->count; i++)
		free((char *)heap->rdata[i].at);
	heap->count = 0;
}

/* The records of a set, each shown by the last octet of its data. */
static const char *summary(const struct tlsa_set *set)
{
	static char buffer[2048];
	struct text text;

	text_init(&text, buffer, sizeof buffer);
	for (size_t i = 0; i < set->count; i++) {
		struct tlsa_record last = set->record[i];

		last.data = (struct span){last.data.at + last.data.len - 1, 1};
		text_add(&text, i ? ", " : "");
		tlsa_record_text(&text, &last, 1);
	}
	return buffer;
}

struct row {
	const char *name;
	struct recipe recipes[6];
	size_t count;
	enum tlsa_state state;
	const char *set;
};

static const struct row rows[] = {
	{"none", {{0}}, 0, TLSA_NONE, ""},
	/* spec D-31: usages */
	{"3 1 1", {SHA256(3, 1, 0xaa)}, 1, TLSA_USABLE, "3 1 1 AA"},
	{"2 0 1", {SHA256(2, 0, 0xaa)}, 1, TLSA_USABLE, "2 0 1 AA"},
	{"PKIX-TA", {SHA256(0, 1, 0xaa)}, 1, TLSA_UNUSABLE, ""},
	{"PKIX-EE", {SHA256(1, 1, 0xaa)}, 1, TLSA_UNUSABLE, ""},
	{"PKIX beside DANE", {SHA256(1, 1, 0xaa), SHA256(3, 1, 0xbb), SHA256(0, 0, 0xcc)}, 3, TLSA_USABLE, "3 1 1 BB"},
	{"usage 4", {SHA256(4, 1, 0xaa)}, 1, TLSA_UNUSABLE, ""},
	{"usage 255", {SHA256(255, 1, 0xaa)}, 1, TLSA_UNUSABLE, ""},
	/* spec D-32: selectors */
	{"selector 0", {SHA256(3, 0, 0xaa)}, 1, TLSA_USABLE, "3 0 1 AA"},
	{"selector 2", {SHA256(3, 2, 0xaa)}, 1, TLSA_UNUSABLE, ""},
	{"selector 255", {SHA256(3, 255, 0xaa)}, 1, TLSA_UNUSABLE, ""},
	/* spec D-33: matching types and their lengths */
	{"SHA2-512", {SHA512(3, 1, 0xaa)}, 1, TLSA_USABLE, "3 1 2 AA"},
	{"matching type 3", {{3, 1, 3, 48, 0xaa, false}}, 1, TLSA_UNUSABLE, ""},
	{"matching type 255", {{3, 1, 255, 32, 0xaa, false}}, 1, TLSA_UNUSABLE, ""},
	{"31 octets", {{3, 1, 1, 31, 0xaa, false}}, 1, TLSA_UNUSABLE, ""},
	{"33 octets", {{3, 1, 1, 33, 0xaa, false}}, 1, TLSA_UNUSABLE, ""},
	{"63 octets", {{3, 1, 2, 63, 0xaa, false}}, 1, TLSA_UNUSABLE, ""},
	{"65 octets", {{3, 1, 2, 65, 0xaa, false}}, 1, TLSA_UNUSABLE, ""},
	{"SHA2-512's length for SHA2-256", {{3, 1, 1, 64, 0xaa, false}}, 1, TLSA_UNUSABLE, ""},
	{"full key", {FULL(3, 1, 91, 0xaa)}, 1, TLSA_USABLE, "3 1 0 AA"},
	{"full certificate", {FULL(2, 0, 800, 0xaa)}, 1, TLSA_USABLE, "2 0 0 AA"},
	{"full, but no DER", {{3, 1, 0, 91, 0xaa, false}}, 1, TLSA_UNUSABLE, ""},
	{"empty digest", {{3, 1, 1, 0, 0, false}}, 1, TLSA_UNUSABLE, ""},
	{"empty key", {{3, 1, 0, 0, 0, false}}, 1, TLSA_UNUSABLE, ""},
	/* spec D-34: digest agility */
	{"stronger digest", {SHA256(3, 1, 0xaa), SHA512(3, 1, 0xbb)}, 2, TLSA_USABLE, "3 1 2 BB"},
	{"stronger digest first", {SHA512(3, 1, 0xbb), SHA256(3, 1, 0xaa)}, 2, TLSA_USABLE, "3 1 2 BB"},
	{"malformed stronger digest", {SHA256(3, 1, 0xaa), {3, 1, 2, 63, 0xbb, false}}, 2, TLSA_USABLE, "3 1 1 AA"},
	{"unknown digest beside", {SHA256(3, 1, 0xaa), {3, 1, 3, 48, 0xbb, false}}, 2, TLSA_USABLE, "3 1 1 AA"},
	{"full beside digests", {SHA256(3, 1, 0xaa), FULL(3, 1, 91, 0xcc), SHA512(3, 1, 0xbb)}, 3, TLSA_USABLE,
		"3 1 0 CC, 3 1 2 BB"},
	{"full beside the weaker digest", {SHA256(3, 1, 0xaa), FULL(3, 1, 91, 0xcc)}, 2, TLSA_USABLE,
		"3 1 0 CC, 3 1 1 AA"},
	{"agility within a selector", {SHA256(3, 1, 0xaa), SHA512(3, 0, 0xbb)}, 2, TLSA_USABLE, "3 0 2 BB, 3 1 1 AA"},
	{"agility within a usage", {SHA256(3, 1, 0xaa), SHA512(2, 1, 0xbb)}, 2, TLSA_USABLE, "2 1 2 BB, 3 1 1 AA"},
	{"agility everywhere",
		{SHA256(3, 1, 0xaa), SHA512(3, 1, 0xbb), SHA256(2, 1, 0xcc), SHA512(2, 1, 0xdd), SHA256(2, 0, 0xee)}, 5,
		TLSA_USABLE, "2 0 1 EE, 2 1 2 DD, 3 1 2 BB"},
	/* several */
	{"two of a kind", {SHA256(3, 1, 0xbb), SHA256(3, 1, 0xaa)}, 2, TLSA_USABLE, "3 1 1 AA, 3 1 1 BB"},
	{"two of a kind, of two lengths", {FULL(3, 1, 120, 0xaa), FULL(3, 1, 91, 0xbb)}, 2, TLSA_USABLE,
		"3 1 0 BB, 3 1 0 AA"},
	{"the same, turned", {FULL(3, 1, 91, 0xbb), FULL(3, 1, 120, 0xaa)}, 2, TLSA_USABLE, "3 1 0 BB, 3 1 0 AA"},
	{"twice the same", {SHA256(3, 1, 0xaa), SHA256(3, 1, 0xbb), SHA256(3, 1, 0xaa)}, 3, TLSA_USABLE,
		"3 1 1 AA, 3 1 1 BB"},
	{"none of several", {SHA256(1, 1, 0xaa), {3, 1, 1, 5, 0xbb, false}}, 2, TLSA_UNUSABLE, ""},
};

static void rows_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct heap heap = {0};
		struct tlsa_set set;

		for (size_t j = 0; j < row->count; j++)
			heap_cook(&heap, &row->recipes[j]);
		memset(&set, 0xff, sizeof set);
		enum tlsa_state seen = tlsa_set_take(&set, heap.rdata, heap.count);

		if (seen != row->state || strcmp(summary(&set), row->set) != 0)
			fail_msg("%s: %s, %s", row->name, tlsa_state_name(seen), summary(&set));
		if (set.seen != row->count || (set.id != 0) != (set.count != 0))
			fail_msg("%s: seen %zu, id %llu", row->name, set.seen, (unsigned long long)set.id);
		heap_free(&heap);
	}
}

/* RDATA without data, whatever it begins with, and every truncation of a good record. */
static void short_rdata(void **state)
{
	static const char good[] = "\3\1\1"
				   "0123456789abcdef0123456789abcdef";
	(void)state;

	for (size_t len = 0; len < sizeof good; len++) {
		struct heap heap = {0};
		struct tlsa_set set;

		heap_add(&heap, good, len);
		assert_int_equal(
			tlsa_set_take(&set, heap.rdata, 1), len == sizeof good - 1 ? TLSA_USABLE : TLSA_UNUSABLE);
		heap_free(&heap);
	}
}

struct der_row {
	const char *bytes;
	size_t len;
	bool usable;
};

static const struct der_row ders[] = {
	{LIT("\x30\x00"), true}, /* OpenSSL finds no key in it */
	{LIT("\x30\x01\x00"), true},
	{LIT("\x30"), false},
	{LIT("\x30\x01"), false},
	{LIT("\x30\x00\x00"), false},
	{LIT("\x31\x00"), false},
	{LIT("\x30\x80"), false}, /* no definite length: BER */
	{LIT("\x30\x80\x00\x00"), false},
	{LIT("\x30\x81"), false},
	{LIT("\x30\x81\x01\x00"), false}, /* longer than needed: BER */
	{LIT("\x30\x82\x00"), false},
	{LIT("\x30\x82\x00\x01\x00"), false},
	{LIT("\x30\x83\x00\x00\x01\x00"), false},
	{LIT("\x30\xff\x00"), false},
};

static void der_agrees(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ders); i++) {
		uint8_t bytes[16] = {3, 1, 0};
		struct heap heap = {0};
		struct tlsa_set set;

		memcpy(bytes + 3, ders[i].bytes, ders[i].len);
		heap_add(&heap, bytes, 3 + ders[i].len);
		if (tlsa_set_take(&set, heap.rdata, 1) != (ders[i].usable ? TLSA_USABLE : TLSA_UNUSABLE))
			fail_msg("row %zu", i);
		heap_free(&heap);
	}
}

/* Around the lengths at which DER's length field grows, and at the limit; one octet too few or too many is not DER. */
static void der_lengths(void **state)
{
	static const uint16_t lens[] = {2, 129, 131, 258, 260, 300, TLSA_RDATA_MAX - 3};
	(void)state;

	for (size_t i = 0; i < COUNT(lens); i++)
		for (int off = -1; off <= 1; off++) {
			uint8_t bytes[BYTES_MAX] = {3, 0, 0};
			struct heap heap = {0};
			struct tlsa_set set;

			der_head(bytes + 3, lens[i]);
			heap_add(&heap, bytes, (size_t)(3 + lens[i] + off));
			if ((tlsa_set_take(&set, heap.rdata, 1) == TLSA_USABLE) != (off == 0))
				fail_msg("length %u%+d", lens[i], off);
			heap_free(&heap);
		}
}

static void longest(void **state)
{
	static const struct recipe over = FULL(3, 0, TLSA_RDATA_MAX - 2, 0xaa);
	struct heap heap = {0};
	struct tlsa_set set;
	(void)state;

	heap_cook(&heap, &over);
	assert_int_equal(heap.rdata[0].len, TLSA_RDATA_MAX + 1);
	assert_int_equal(tlsa_set_take(&set, heap.rdata, 1), TLSA_UNUSABLE);
	heap_free(&heap);
}

/* A fixed sequence: every run is the same. */
static unsigned random_next(uint32_t *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16;
}

static void shuffle(struct heap *heap, uint32_t *seed)
{
	for (size_t i = heap->count; i > 1; i--) {
		size_t j = random_next(seed) % i;
		struct span other = heap->rdata[j];

		heap->rdata[j] = heap->rdata[i - 1];
		heap->rdata[i - 1] = other;
	}
}

static void same_set(const struct tlsa_set *a, const struct tlsa_set *b)
{
	assert_int_equal(a->count, b->count);
	assert_true(a->id == b->id);
	for (size_t i = 0; i < a->count; i++) {
		assert_int_equal(a->record[i].matching, b->record[i].matching);
		assert_int_equal(a->record[i].data.len, b->record[i].data.len);
		assert_memory_equal(a->record[i].data.at, b->record[i].data.at, a->record[i].data.len);
	}
}

/* Of too many records the same ones are kept, whatever their order. */
static void bounded(void **state)
{
	struct heap heap = {0};
	struct tlsa_set set, again;
	uint32_t seed = 1;
	(void)state;

	for (uint8_t i = 0; i < RECORDS_MAX; i++)
		heap_cook(&heap, &(struct recipe)SHA256(3, 1, i));
	shuffle(&heap, &seed);
	assert_int_equal(tlsa_set_take(&set, heap.rdata, heap.count), TLSA_USABLE);
	assert_int_equal(set.count, TLSA_SET_MAX);
	assert_int_equal(set.seen, RECORDS_MAX);
	for (size_t i = 0; i < TLSA_SET_MAX; i++)
		assert_int_equal(set.record[i].data.at[0], i);
	for (int round = 0; round < 20; round++) {
		shuffle(&heap, &seed);
		tlsa_set_take(&again, heap.rdata, heap.count);
		same_set(&set, &again);
	}
	heap_free(&heap);
}

/* A weaker digest is not kept in place of a stronger one that exceeded the limit. */
static void agility_beyond_the_bound(void **state)
{
	struct heap heap = {0};
	struct tlsa_set set;
	(void)state;

	for (uint8_t i = 0; i < 50; i++)
		heap_cook(&heap, &(struct recipe)SHA256(3, 1, i));
	heap_cook(&heap, &(struct recipe)SHA512(3, 1, 0xbb));
	assert_int_equal(tlsa_set_take(&set, heap.rdata, heap.count), TLSA_USABLE);
	assert_string_equal(summary(&set), "3 1 2 BB");
	heap_free(&heap);
}

/* The id is that of the set: order, duplicates and unusable records change nothing; every octet does. */
static void id_is_of_the_set(void **state)
{
	uint32_t seed = 7;
	(void)state;

	for (int round = 0; round < 200; round++) {
		size_t count = 1 + random_next(&seed) % 12;
		struct heap heap = {0};
		struct tlsa_set set, again;

		for (size_t i = 0; i < count; i++)
			heap_cook(&heap,
				&(struct recipe){(uint8_t)(2 + random_next(&seed) % 2),
					(uint8_t)(random_next(&seed) % 2), 1, 32, (uint8_t)(round + 31 * i), false});
		assert_int_equal(tlsa_set_take(&set, heap.rdata, heap.count), TLSA_USABLE);
		heap_add(&heap, heap.rdata[0].at, heap.rdata[0].len);
		heap_cook(&heap, &(struct recipe)SHA256(1, 1, 0xee));
		shuffle(&heap, &seed);
		tlsa_set_take(&again, heap.rdata, heap.count);
		same_set(&set, &again);
		((char *)set.record[0].data.at)[random_next(&seed) % 32] ^= (char)(1 << random_next(&seed) % 8);
		tlsa_set_take(&again, heap.rdata, heap.count);
		assert_true(again.id != set.id);
		heap_free(&heap);
	}
}

/* Usage, selector and matching type are part of the id, too. */
static void id_of_the_head(void **state)
{
	static const struct recipe recipes[] = {SHA256(3, 1, 0xaa), SHA256(2, 1, 0xaa), SHA256(3, 0, 0xaa),
		FULL(3, 1, 32, 0xaa), FULL(3, 1, 64, 0xaa), SHA512(3, 1, 0xaa)};
	uint64_t ids[COUNT(recipes)];
	(void)state;

	for (size_t i = 0; i < COUNT(recipes); i++) {
		struct heap heap = {0};
		struct tlsa_set set;

		heap_cook(&heap, &recipes[i]);
		assert_int_equal(tlsa_set_take(&set, heap.rdata, 1), TLSA_USABLE);
		ids[i] = set.id;
		for (size_t j = 0; j < i; j++)
			assert_true(ids[j] != ids[i]);
		heap_free(&heap);
	}
}

static void record_text(void **state)
{
	static const struct tlsa_record record = {3, 1, 1, {LIT("\xab\x01\xfe\x9c")}};
	static const struct tlsa_record far = {255, 10, 2, {LIT("\x00")}};
	char buffer[64];
	struct text text;
	(void)state;

	text_init(&text, buffer, sizeof buffer);
	tlsa_record_text(&text, &record, 4);
	assert_string_equal(buffer, "3 1 1 AB01FE9C");
	text_add(&text, "; ");
	tlsa_record_text(&text, &record, 3);
	assert_string_equal(buffer, "3 1 1 AB01FE9C; 3 1 1 AB01FE...");
	text_init(&text, buffer, sizeof buffer);
	tlsa_record_text(&text, &far, 4);
	assert_string_equal(buffer, "255 10 2 00");
	text_init(&text, buffer, 9);
	tlsa_record_text(&text, &record, 4);
	assert_string_equal(buffer, "3 1 1 AB");
	assert_true(text.cut);
}

static void state_names(void **state)
{
	static const char *const names[] = {"unknown", "none", "usable", "unusable", "failed"};
	(void)state;

	for (int i = TLSA_UNKNOWN; i <= TLSA_FAILED; i++)
		assert_string_equal(tlsa_state_name((enum tlsa_state)i), names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_agree),
		cmocka_unit_test(short_rdata),
		cmocka_unit_test(der_agrees),
		cmocka_unit_test(der_lengths),
		cmocka_unit_test(longest),
		cmocka_unit_test(bounded),
		cmocka_unit_test(agility_beyond_the_bound),
		cmocka_unit_test(id_is_of_the_set),
		cmocka_unit_test(id_of_the_head),
		cmocka_unit_test(record_text),
		cmocka_unit_test(state_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
