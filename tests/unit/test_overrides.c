/* Overrides: their rules, their bytes, and the store's table of them. */
#include "cm.h"

#include "clock.h"
#include "fields.h"
#include "metrics.h"
#include "override_text.h"
#include "room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1760000000)
#define HOUR 3600

static struct override made(const char *domain, enum override_kind kind, int64_t begins_at, int64_t seconds)
{
	struct override override = {
		.kind = kind, .begins_at = begins_at, .ends_at = begins_at + seconds, .author = "alice"};
	snprintf(override.domain, sizeof override.domain, "%s", domain);
	snprintf(override.reason, sizeof override.reason, "the hop is under repair");
	return override;
}

static void test_validity(void **state)
{
	static const struct {
		const char *domain;
		enum override_kind kind;
		int64_t seconds;
		bool valid;
	} rows[] = {
		{"a.example", OVERRIDE_PASS, HOUR, true},
		{"a.example", OVERRIDE_ENFORCE, OVERRIDE_LONGEST_S, true},
		{"a.example", OVERRIDE_TAG, OVERRIDE_SHORTEST_S, true},
		{"a.example", OVERRIDE_PASS, OVERRIDE_LONGEST_S + 1, false},
		{"a.example", OVERRIDE_PASS, OVERRIDE_SHORTEST_S - 1, false},
		{"a.example", OVERRIDE_PASS, -HOUR, false},
		{"a.example", OVERRIDE_NONE, HOUR, false},
		{"", OVERRIDE_PASS, HOUR, false},
		{OVERRIDE_ALL, OVERRIDE_PASS, HOUR, true},
		{OVERRIDE_ALL, OVERRIDE_TAG, HOUR, true},
		{OVERRIDE_ALL, OVERRIDE_ENFORCE, HOUR, false},
		{"a.example", OVERRIDE_PIN, HOUR, true},
		{OVERRIDE_ALL, OVERRIDE_PIN, HOUR, false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct override override = made(rows[i].domain, rows[i].kind, NOW, rows[i].seconds), back;
		override.asn[0] = rows[i].kind == OVERRIDE_PIN ? 64500 : 0;
		struct bytes bytes = override_encode(&override);
		if (override_is_valid(&override) != rows[i].valid)
			fail_msg("row %zu", i);
		if (override_decode(&back, bytes.at, bytes.len) != rows[i].valid)
			fail_msg("the bytes of row %zu", i);
		free(bytes.at);
	}
}

/* A pin has autonomous systems, and no other kind has. */
static void test_pin(void **state)
{
	static const struct {
		uint32_t asn, other;
		const char *seen_for;
		enum reason place;
	} rows[] = {
		{64500, 0, "", REASON_OK},
		{64501, 0, "", REASON_OK},
		{64502, 0, "", REASON_HOP_ELSEWHERE},
		{64500, 64501, "", REASON_OK},
		{64500, 64502, "", REASON_HOP_ELSEWHERE},
		{64502, 64500, "", REASON_HOP_ELSEWHERE},
		{0, 0, "", REASON_HOP_NETWORK_UNKNOWN},
		{64500, ASN_UNKNOWN, "", REASON_HOP_NETWORK_UNKNOWN},
		{64502, ASN_UNKNOWN, "", REASON_HOP_ELSEWHERE},
		{0, 64502, "", REASON_HOP_ELSEWHERE},
		{0, 64500, "", REASON_HOP_NETWORK_UNKNOWN},
		{64500, 0, "mx.example", REASON_HOP_NETWORK_UNKNOWN},
		{64502, 0, "mx.example", REASON_HOP_ELSEWHERE},
	};
	struct override pin = made("a.example", OVERRIDE_PIN, NOW, HOUR), back;
	char words[OVERRIDE_KIND_SIZE];
	(void)state;
	assert_false(override_is_valid(&pin));
	pin.asn[0] = 64500;
	pin.asn[1] = 64501;
	assert_true(override_is_valid(&pin));
	struct bytes bytes = override_encode(&pin);
	assert_true(override_decode(&back, bytes.at, bytes.len));
	assert_memory_equal(&back, &pin, sizeof back);
	free(bytes.at);
	assert_string_equal(override_kind_words(words, &pin), "pin to AS64500, AS64501");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct evidence seen = {.asn = rows[i].asn, .asn_other = rows[i].other};
		snprintf(seen.seen_for, sizeof seen.seen_for, "%s", rows[i].seen_for);
		if (override_place(&pin, &seen) != rows[i].place)
			fail_msg("row %zu", i);
	}
	for (size_t i = 2; i < OVERRIDE_ASNS_MAX; i++)
		pin.asn[i] = 4294967287 + (uint32_t)i;
	assert_true(override_has_asn(&pin, 4294967294));
	assert_int_equal(strlen(override_kind_words(words, &pin)), strlen("pin to AS64500, AS64501") + 6 * 14);
	back = pin;
	back.asn[7] = 1;
	assert_false(override_same(&pin, &back));
	pin.kind = OVERRIDE_ENFORCE;
	assert_false(override_is_valid(&pin));
}

static void test_texts(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {{"until noon", true}, {"", false},
		{"Gr\xc3\xbc\xc3\x9f"
		 "e \xe2\x9c\x93",
			true},
		{"a\nb", false}, {"\x1b[2J", false}, {"\x7f", false},
		{"\xc2\x9b"
		 "2J",
			false},
		{"\xc2\xa0", true}, {"\xff", false}, {"\xc2", false}};
	char longest[OVERRIDE_REASON_SIZE + 1];
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (override_text_is_valid((struct span){rows[i].text, strlen(rows[i].text)}, 65) != rows[i].valid)
			fail_msg("row %zu", i);
	memset(longest, 'r', sizeof longest);
	assert_true(override_text_is_valid((struct span){longest, OVERRIDE_REASON_SIZE - 1}, OVERRIDE_REASON_SIZE));
	assert_false(override_text_is_valid((struct span){longest, OVERRIDE_REASON_SIZE}, OVERRIDE_REASON_SIZE));
}

static void test_kinds(void **state)
{
	(void)state;
	for (int kind = OVERRIDE_PASS; kind <= OVERRIDE_PIN; kind++) {
		const char *name = override_kind_name((enum override_kind)kind);
		assert_int_equal(override_kind_by_name((struct span){name, strlen(name)}), kind);
	}
	assert_int_equal(override_kind_by_name((struct span){"none", 4}), OVERRIDE_NONE);
	assert_int_equal(override_kind_by_name((struct span){"", 0}), OVERRIDE_NONE);
	assert_true(override_releases(OVERRIDE_PASS) && override_releases(OVERRIDE_TAG));
	assert_false(override_releases(OVERRIDE_ENFORCE) || override_releases(OVERRIDE_NONE));
	assert_false(override_releases(OVERRIDE_PIN));
}

static void test_time(void **state)
{
	struct override override = made("a.example", OVERRIDE_PASS, NOW, HOUR);
	(void)state;
	assert_true(override_in_force(&override, NOW));
	assert_true(override_in_force(&override, NOW + HOUR - 1));
	assert_false(override_in_force(&override, NOW + HOUR));
	assert_true(override_in_force(&override, NOW - OVERRIDE_AHEAD_S));
	assert_false(override_in_force(&override, NOW - OVERRIDE_AHEAD_S - 1));
}

static void test_damaged_bytes(void **state)
{
	struct override override = made("a.example", OVERRIDE_TAG, NOW, HOUR), back;
	override.uses = 7;
	override.used_at = NOW + 5;
	struct bytes bytes = override_encode(&override);
	(void)state;
	assert_true(override_decode(&back, bytes.at, bytes.len));
	assert_memory_equal(&back, &override, sizeof back);
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.at[i] ^= 0x20;
		assert_false(override_decode(&back, bytes.at, bytes.len));
		bytes.at[i] ^= 0x20;
		assert_false(override_decode(&back, bytes.at, i));
	}
	free(bytes.at);
	/* right sums, wrong texts */
	const struct {
		const char *domain, *author, *reason;
	} rows[] = {{"A b", "alice", "r"}, {"a.example", "\033[2J", "r"}, {"a.example", "alice", "a\nb"}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(override.domain, sizeof override.domain, "%s", rows[i].domain);
		snprintf(override.author, sizeof override.author, "%s", rows[i].author);
		snprintf(override.reason, sizeof override.reason, "%s", rows[i].reason);
		bytes = override_encode(&override);
		if (override_decode(&back, bytes.at, bytes.len))
			fail_msg("row %zu", i);
		free(bytes.at);
	}
}

static void test_description(void **state)
{
	char words[OVERRIDE_TEXT_SIZE];
	struct text text;
	struct override override = made(OVERRIDE_ALL, OVERRIDE_PASS, NOW, HOUR);
	(void)state;
	snprintf(override.reason, sizeof override.reason,
		"Gr\xc3\xbc\xc3\x9f"
		"e");
	text_init(&text, words, sizeof words);
	override_describe(&text, &override);
	assert_string_equal(
		words, "pass for all domains until 2025-10-09T09:53:20Z, set by alice: \"Gr\\xc3\\xbc\\xc3\\x9fe\"");
	assert_string_equal(override_event_domain(&override), "");
}

/* --- the store ---------------------------------------------------------------------------------------------------- */

static enum override_kind in_force(struct store *store, const char *domain, int64_t now)
{
	struct store_view *view = store_view_begin(store, NULL);
	struct override override;
	assert_non_null(view);
	enum store_found found = store_view_override(view, domain, now, &override);
	store_view_end(&view);
	assert_int_equal(found, override.kind == OVERRIDE_NONE ? STORE_ABSENT : STORE_FOUND);
	return override.kind;
}

static size_t rows_of(struct store *store, struct override *first)
{
	size_t count = 0;
	struct override *rows = store_overrides(store, &count, NULL);
	assert_non_null(rows);
	if (count > 0)
		*first = rows[0];
	free(rows);
	return count;
}

static void set(struct store *store, const char *domain, enum override_kind kind, int64_t begins_at, int64_t seconds)
{
	struct override override = made(domain, kind, begins_at, seconds);
	struct failure why = {0};
	if (!store_set_override(store, &override, NULL, &why))
		fail_msg("%s: %s", domain, why.text);
}

static void test_own_before_all(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct override first, cleared;
	(void)state;
	assert_int_equal(in_force(store, "a.example", NOW), OVERRIDE_NONE);
	assert_int_equal(rows_of(store, &first), 0);
	set(store, "a.example", OVERRIDE_TAG, NOW, HOUR);
	assert_int_equal(in_force(store, "a.example", NOW), OVERRIDE_TAG);
	assert_int_equal(in_force(store, "b.example", NOW), OVERRIDE_NONE);
	assert_int_equal(in_force(store, "", NOW), OVERRIDE_NONE);
	set(store, OVERRIDE_ALL, OVERRIDE_PASS, NOW, 2 * HOUR);
	assert_int_equal(in_force(store, "a.example", NOW), OVERRIDE_TAG);
	assert_int_equal(in_force(store, "b.example", NOW), OVERRIDE_PASS);
	assert_int_equal(in_force(store, "", NOW), OVERRIDE_PASS);
	assert_int_equal(in_force(store, "a.example", NOW + HOUR), OVERRIDE_PASS);
	assert_int_equal(in_force(store, "a.example", NOW + 2 * HOUR), OVERRIDE_NONE);
	store_close(&store);
	store = room_open(ROOM_BYTES, STORE_OWNER); /* they outlive the daemon */
	assert_int_equal(rows_of(store, &first), 2);
	assert_string_equal(first.domain, OVERRIDE_ALL);
	assert_string_equal(first.author, "alice");
	assert_true(store_clear_override(store, "a.example", NOW, &cleared, NULL));
	assert_int_equal(cleared.kind, OVERRIDE_NONE); /* it ends later */
	assert_true(store_clear_override(store, "a.example", INT64_MAX, &cleared, NULL));
	assert_int_equal(cleared.kind, OVERRIDE_TAG);
	assert_true(store_clear_override(store, "a.example", INT64_MAX, &cleared, NULL));
	assert_int_equal(cleared.kind, OVERRIDE_NONE);
	assert_int_equal(in_force(store, "a.example", NOW), OVERRIDE_PASS);
	assert_true(store_clear_override(store, OVERRIDE_ALL, INT64_MAX, &cleared, NULL));
	assert_int_equal(in_force(store, "a.example", NOW), OVERRIDE_NONE);
	store_close(&store);
}

/* A running daemon sees what a tool in another process changes: here a second view of the same store. */
static void test_seen_at_once(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct override cleared;
	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(in_force(store, "a.example", NOW), OVERRIDE_NONE);
		set(store, "a.example", OVERRIDE_PASS, NOW, HOUR);
		assert_int_equal(in_force(store, "a.example", NOW), OVERRIDE_PASS);
		assert_true(store_clear_override(store, "a.example", INT64_MAX, &cleared, NULL));
	}
	store_close(&store);
}

static void test_replaced(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct override one = made("a.example", OVERRIDE_TAG, NOW, HOUR), other = one, replaced;
	const struct override_use use[] = {{"a.example", 3, NOW + 9}, {"absent.example", 1, NOW}};
	(void)state;
	assert_true(store_set_override(store, &one, &replaced, NULL));
	assert_int_equal(replaced.kind, OVERRIDE_NONE);
	assert_true(store_count_uses(store, use, COUNT(use), NULL));
	assert_true(store_count_uses(store, use, 1, NULL));
	assert_int_equal(rows_of(store, &one), 1);
	assert_true(one.uses == 6 && one.used_at == NOW + 9);
	other.kind = OVERRIDE_PASS;
	assert_true(store_set_override(store, &other, &replaced, NULL));
	assert_int_equal(replaced.kind, OVERRIDE_TAG);
	assert_int_equal(replaced.uses, 6);
	assert_int_equal(rows_of(store, &one), 1);
	assert_true(one.kind == OVERRIDE_PASS && one.uses == 0);
	store_close(&store);
}

static void test_bound(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct override first, more = made("more.example", OVERRIDE_PASS, clock_wall_s(), HOUR);
	struct failure why = {0};
	char domain[32];
	(void)state;
	for (int i = 0; i < OVERRIDES_MAX; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		set(store, domain, OVERRIDE_PASS, clock_wall_s(), i == 7 ? OVERRIDE_SHORTEST_S : HOUR);
	}
	assert_false(store_set_override(store, &more, NULL, &why));
	assert_non_null(strstr(why.text, "256"));
	set(store, "d3.example", OVERRIDE_TAG, clock_wall_s(), HOUR); /* replacing one is always possible */
	set(store, "d7.example", OVERRIDE_PASS, clock_wall_s() - 2 * HOUR, HOUR);
	assert_true(store_set_override(store, &more, NULL, &why)); /* in the place of the one that has ended */
	assert_int_equal(rows_of(store, &first), OVERRIDES_MAX);
	assert_int_equal(in_force(store, "more.example", clock_wall_s()), OVERRIDE_PASS);
	store_close(&store);
}

/* A store that is full of policies that may not be evicted still takes overrides. */
static void test_full_store(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct failure why;
	char domain[32];
	int stored = 0;
	(void)state;
	do
		snprintf(domain, sizeof domain, "u%d.example", stored++);
	while (room_put(store, domain, KIND_USED, 3000, &why));
	for (int i = 0; i < OVERRIDES_MAX; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		set(store, domain, OVERRIDE_PASS, clock_wall_s(), HOUR);
	}
	store_close(&store);
}

static void test_damaged_row(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct override row = made("a.example", OVERRIDE_PASS, NOW, HOUR);
	(void)state;
	set(store, "a.example", OVERRIDE_PASS, NOW, HOUR);
	store_close(&store);
	room_write("overrides", "a.example", 9, "no override");
	struct bytes bytes = override_encode(&row);
	room_write_bytes("overrides", "b.example", 9, bytes.at, bytes.len); /* under another domain's key */
	free(bytes.at);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(in_force(store, "a.example", NOW), OVERRIDE_NONE);
	assert_int_equal(in_force(store, "b.example", NOW), OVERRIDE_NONE);
	set(store, "a.example", OVERRIDE_TAG, NOW, HOUR);
	assert_int_equal(in_force(store, "a.example", NOW), OVERRIDE_TAG);
	store_close(&store);
}

/* A store that an earlier version made: it has no overrides, and none can be set until its owner has opened it. */
static void test_earlier_version(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct override row = made("a.example", OVERRIDE_PASS, clock_wall_s(), HOUR), cleared, first;
	const struct override_use use = {"a.example", 1, NOW};
	struct failure why = {0};
	(void)state;
	store_close(&store);
	room_table_drop("overrides");
	store = room_open(ROOM_BYTES, STORE_GUEST);
	assert_int_equal(in_force(store, "a.example", clock_wall_s()), OVERRIDE_NONE);
	assert_int_equal(rows_of(store, &first), 0);
	assert_false(store_set_override(store, &row, NULL, &why));
	assert_non_null(strstr(why.text, "restart stsgated"));
	assert_true(store_clear_override(store, "a.example", INT64_MAX, &cleared, NULL));
	assert_int_equal(cleared.kind, OVERRIDE_NONE);
	assert_true(store_count_uses(store, &use, 1, NULL));
	store_close(&store);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_true(store_set_override(store, &row, NULL, &why));
	assert_int_equal(in_force(store, "a.example", clock_wall_s()), OVERRIDE_PASS);
	store_close(&store);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, room_make, room_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_validity), cmocka_unit_test(test_pin),
		cmocka_unit_test(test_texts), cmocka_unit_test(test_kinds), cmocka_unit_test(test_time),
		cmocka_unit_test(test_damaged_bytes), cmocka_unit_test(test_description), TEST(test_own_before_all),
		TEST(test_seen_at_once), TEST(test_replaced), TEST(test_bound), TEST(test_full_store),
		TEST(test_damaged_row), TEST(test_earlier_version)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
