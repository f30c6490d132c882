/* Entries and hop records as bytes. */
#include "cm.h"

#include "entry.h"
#include "evidence.h"
#include "fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1760000000)

static struct evidence seen_at(int64_t at, enum reason reason)
{
	return (struct evidence){.at = at, .reason = reason, .protocol = 0x0304};
}

/* Random entries, from a generator with a fixed seed, so that a failure can be repeated. */
static uint64_t dice_state = 88172645463325252;

static uint64_t dice(uint64_t below)
{
	dice_state ^= dice_state << 13;
	dice_state ^= dice_state >> 7;
	dice_state ^= dice_state << 17;
	return dice_state % below;
}

#define MANY_PATTERNS 3000 /* nearly POLICY_BYTES_MAX */

static void dice_id(char id[RECORD_ID_MAX + 1])
{
	static const char letters[] = "abcXYZ0189";
	size_t len = dice(RECORD_ID_MAX + 1);

	memset(id, 0, RECORD_ID_MAX + 1);
	for (size_t i = 0; i < len; i++)
		id[i] = letters[dice(10)];
}

static void dice_names(struct names *names, size_t count, const char *prefix)
{
	char name[64];

	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%sh%u-%zu.example", prefix, (unsigned)dice(1000), i);
		names_add(names, name, strlen(name));
	}
}

static int64_t dice_time(void)
{
	return dice(4) == 0 ? 0 : NOW + (int64_t)dice(1000000);
}

static void dice_policy(struct entry *entry)
{
	entry->has_policy = true;
	entry->policy.mode = (enum policy_mode)dice(3);
	entry->policy.max_age_s = (uint32_t)dice(POLICY_AGE_MAX_S + 1);
	dice_names(&entry->policy.mx, dice(10) == 0 ? MANY_PATTERNS : dice(5), dice(2) ? "*." : "");
	dice_id(entry->policy_id);
	entry->policy_fetched_at = dice_time();
	entry->policy_expires_at = dice_time();
	entry->policy_text_len = (uint32_t)dice(POLICY_TEXT_KEPT + 1);
	entry->policy_text = malloc(entry->policy_text_len + 1);
	for (uint32_t i = 0; i < entry->policy_text_len; i++)
		entry->policy_text[i] = (char)dice(256);
}

static void dice_mx(struct mx_set *set)
{
	set->state = (enum mx_state)dice(6);
	if (set->state == MX_UNKNOWN)
		return;
	set->secure = dice(2);
	set->ttl_s = (uint32_t)dice(UINT32_MAX);
	set->checked_at = dice_time();
	if (set->state != MX_LISTED)
		return;
	dice_names(&set->names, dice(10) == 0 ? MX_SET_MAX - 1 : dice(5), "");
	names_add(&set->names, "", 0);
	if (set->names.count < MX_SET_MAX)
		names_add(&set->names, LIT("\"192.0.2.1\""));
	for (uint32_t i = 0; i < set->names.count; i++)
		set->preference[i] = (uint16_t)dice(65536);
}

static void dice_entry(struct entry *entry)
{
	static const enum reason record[] = {REASON_OK, REASON_NO_RECORD, REASON_RECORD_LOOKUP, REASON_RESOLVER};
	static const enum reason fetch[] = {REASON_OK, REASON_POLICY_FETCH, REASON_POLICY_WEBPKI};

	entry_init(entry, "d.example");
	entry->record_checked_at = dice_time();
	entry->record_outcome = record[dice(COUNT(record))];
	entry->record_ttl_s = (uint32_t)dice(UINT32_MAX);
	dice_id(entry->record_id);
	if (dice(2))
		dice_policy(entry);
	entry->fetch_tried_at = dice_time();
	entry->fetch_outcome = fetch[dice(COUNT(fetch))];
	dice_id(entry->fetch_tried_id);
	entry->fetch_failures = (uint32_t)dice(100);
	entry->refresh_alarm = (uint16_t)dice(3);
	entry->placed = (uint16_t)dice(2);
	entry->has_previous = dice(2);
	entry->previous_mode = entry->has_previous ? (enum policy_mode)dice(3) : POLICY_NONE;
	dice_id(entry->previous_id);
	entry->previous_until = dice_time();
	dice_mx(&entry->mx);
	entry->first_used_day = (int32_t)dice(30000);
	entry->last_used_day = (int32_t)dice(30000);
	entry->due_at = dice_time();
}

static void names_same(const struct names *a, const struct names *b)
{
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->len, b->len);
	if (a->len != 0)
		assert_memory_equal(a->bytes, b->bytes, a->len);
}

/* Compares all members, also new ones: first what is owned, which is then made equal, and then the structs as bytes. */
static void entry_same(const struct entry *a, const struct entry *b)
{
	static struct entry x, y;

	names_same(&a->policy.mx, &b->policy.mx);
	names_same(&a->mx.names, &b->mx.names);
	assert_int_equal(a->policy_text == NULL, b->policy_text == NULL);
	assert_int_equal(a->policy_text_len, b->policy_text_len);
	if (a->policy_text != NULL)
		assert_memory_equal(a->policy_text, b->policy_text, a->policy_text_len);
	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	x.policy_text = y.policy_text = NULL;
	x.policy.mx.bytes = y.policy.mx.bytes = x.mx.names.bytes = y.mx.names.bytes = NULL;
	assert_memory_equal(&x, &y, sizeof(x));
}

static void random_entries_come_back(void **state)
{
	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct entry entry, copy, back;
		struct bytes first, second;

		dice_entry(&entry);
		entry_copy(&copy, &entry);
		entry_same(&entry, &copy);
		first = entry_encode(&entry);
		entry_free(&entry);
		assert_true(entry_decode(&back, first.at, first.len));
		entry_same(&copy, &back);
		second = entry_encode(&back);
		assert_int_equal(first.len, second.len);
		assert_memory_equal(first.at, second.at, first.len);
		free(first.at);
		free(second.at);
		entry_free(&copy);
		entry_free(&back);
	}
}

static struct entry full_entry(void)
{
	struct entry entry;

	dice_state = 4711;
	do {
		dice_entry(&entry);
		if (entry.has_policy && entry.mx.state == MX_LISTED && entry.policy.mx.count < 5 &&
			entry.mx.names.count < 5)
			break;
		entry_free(&entry);
	} while (true);
	entry.policy_text_len = entry.policy_text_len < 20 ? entry.policy_text_len : 20;
	return entry;
}

static struct hop_record full_hop(void)
{
	struct hop_record record = {0};
	struct evidence seen = seen_at(NOW, REASON_OK);

	seen.not_before = -6;
	seen.not_after = -5;
	snprintf(seen.issuers, sizeof(seen.issuers), "CN=R1 < CN=\xff");
	seen.chain = -1;
	snprintf(seen.address, sizeof(seen.address), "2001:db8::1");
	snprintf(seen.cipher, sizeof(seen.cipher), "TLS_AES_256_GCM_SHA384");
	snprintf(seen.names, sizeof(seen.names), "mx.example *.example");
	snprintf(seen.seen_for, sizeof(seen.seen_for), "mx2.example");
	hop_record_learn(&record, &seen);
	seen = seen_at(NOW + 1, REASON_CERT_EXPIRED);
	snprintf(seen.text, sizeof(seen.text), "\x7f\xff\n");
	hop_record_learn(&record, &seen);
	seen = seen_at(NOW + 2, REASON_HOP_TIMEOUT);
	hop_record_learn(&record, &seen);
	return record;
}

static void hop_records_come_back(void **state)
{
	struct hop_record record = full_hop(), back;
	record.refused_since = NOW - 5;
	record.needed_day = 20000;
	struct bytes bytes = hop_record_encode(&record), again;

	(void)state;
	assert_true(hop_record_decode(&back, bytes.at, bytes.len));
	assert_int_equal(back.needed_day, 20000);
	assert_int_equal(back.pkix.newest.reason, REASON_HOP_TIMEOUT);
	assert_int_equal(back.pkix.newest.at, NOW + 2);
	assert_int_equal(back.pkix.conclusive.reason, REASON_CERT_EXPIRED);
	assert_string_equal(back.pkix.conclusive.text, "\x7f\xff\n");
	assert_int_equal(back.pkix.good.at, NOW);
	assert_int_equal(back.pkix.good.not_after, -5);
	assert_int_equal(back.pkix.good.not_before, -6);
	assert_string_equal(back.pkix.good.issuers, "CN=R1 < CN=\xff");
	assert_int_equal(back.pkix.good.chain, -1);
	assert_int_equal(back.pkix.good.protocol, 0x0304);
	assert_string_equal(back.pkix.good.address, "2001:db8::1");
	assert_string_equal(back.pkix.good.cipher, "TLS_AES_256_GCM_SHA384");
	assert_string_equal(back.pkix.good.names, "mx.example *.example");
	assert_string_equal(back.pkix.good.seen_for, "mx2.example");
	assert_int_equal(back.refused_since, NOW - 5);
	again = hop_record_encode(&back);
	assert_int_equal(again.len, bytes.len);
	assert_memory_equal(again.at, bytes.at, bytes.len);
	free(bytes.at);
	free(again.at);
}

static struct hop_record dane_hop(void)
{
	struct hop_record record = full_hop();
	struct evidence seen = seen_at(NOW - 1, REASON_OK);

	seen.tlsa_id = UINT64_C(0xfedcba9876543210);
	hop_record_learn(&record, &seen);
	seen = seen_at(NOW + 3, REASON_TLSA_MISMATCH);
	memcpy(seen.mta_address, "2001:db8::25", sizeof "2001:db8::25");
	seen.tlsa_id = UINT64_C(0xfedcba9876543210);
	hop_record_learn(&record, &seen);
	record.tlsa = (struct tlsa_lookup){.checked_at = NOW,
		.state = TLSA_USABLE,
		.ttl_s = UINT32_MAX,
		.id = UINT64_C(0xfedcba9876543210),
		.count = 3,
		.usable = 2,
		.base = "mx.example"};
	return record;
}

static void what_dane_says_comes_back(void **state)
{
	struct hop_record record = dane_hop(), back;
	struct bytes bytes = hop_record_encode(&record);

	(void)state;
	assert_int_equal(record.dane.conclusive.reason, REASON_TLSA_MISMATCH);
	assert_int_equal(record.dane.good.at, NOW - 1);
	assert_int_equal(record.pkix.newest.at, NOW + 2);
	assert_true(hop_record_decode(&back, bytes.at, bytes.len));
	assert_memory_equal(&back, &record, sizeof(record));
	assert_string_equal(back.dane.newest.mta_address, "2001:db8::25");
	assert_string_equal(back.pkix.newest.mta_address, ""); /* absent from the record: no MTA accepts the hop */
	free(bytes.at);
	record = (struct hop_record){.tlsa = {.checked_at = NOW, .state = TLSA_NONE, .signed_denial = true}};
	bytes = hop_record_encode(&record);
	assert_true(hop_record_decode(&back, bytes.at, bytes.len));
	assert_memory_equal(&back, &record, sizeof(record));
	free(bytes.at);
}

/* Bytes that no version writes are not accepted. */
static void what_dane_cannot_say_is_refused(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		struct hop_record record = dane_hop(), back;

		if (i == 1) /* evidence by the trust store with a TLSA set */
			record.pkix.good.tlsa_id = 1;
		if (i == 2) /* evidence by two TLSA sets */
			record.dane.good.tlsa_id = 1;
		if (i == 3) /* evidence without a TLSA set among evidence by TLSA records */
			record.dane.newest.tlsa_id = record.dane.conclusive.tlsa_id = record.dane.good.tlsa_id = 0;
		if (i == 4)
			record.tlsa.state = TLSA_UNKNOWN;
		if (i == 5) /* a set without usable records */
			record.tlsa.state = TLSA_UNUSABLE;
		if (i == 6) /* usable records without a set */
			record.tlsa.id = 0;
		if (i == 7) {
			uint16_t wild = TLSA_FAILED + 1;
			memcpy(&record.tlsa.state, &(unsigned){wild}, sizeof(record.tlsa.state));
		}
		struct bytes bytes = hop_record_encode(&record);
		assert_int_equal(hop_record_decode(&back, bytes.at, bytes.len), i == 0);
		free(bytes.at);
	}
}

/* Equal evidence is written once, and read back in all its places. */
static void evidence_is_written_once(void **state)
{
	static const struct {
		enum reason seen[3];
		unsigned written;
	} rows[] = {
		{{REASON_OK, REASON_OK, REASON_OK}, 1},
		{{REASON_OK, REASON_OK, REASON_HOP_TIMEOUT}, 2},
		{{REASON_OK, REASON_OK, REASON_CERT_EXPIRED}, 2},
		{{REASON_OK, REASON_CERT_EXPIRED, REASON_HOP_TIMEOUT}, 3},
		{{REASON_CERT_EXPIRED, REASON_CERT_EXPIRED, REASON_CERT_EXPIRED}, 1},
		{{REASON_HOP_TIMEOUT, REASON_HOP_TIMEOUT, REASON_HOP_TIMEOUT}, 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hop_record record = {0}, back;
		for (int k = 0; k < 3; k++) {
			struct evidence seen = seen_at(NOW + k, rows[i].seen[k]);
			memset(seen.names, 'x', sizeof(seen.names) - 1);
			hop_record_learn(&record, &seen);
		}
		struct bytes bytes = hop_record_encode(&record);
		assert_int_equal(bytes.len / sizeof(record.pkix.newest.names), rows[i].written);
		assert_true(hop_record_decode(&back, bytes.at, bytes.len));
		assert_memory_equal(&back, &record, sizeof(record));
		free(bytes.at);
	}
}

/* Decodes a copy of the exact size, so that the address sanitizer detects a read past the end. */
static bool decodes(bool hop, const uint8_t *at, size_t len)
{
	uint8_t *tight = malloc(len != 0 ? len : 1);
	struct entry entry;
	struct hop_record record;
	bool ok;

	memcpy(tight, at, len);
	ok = hop ? hop_record_decode(&record, tight, len) : entry_decode(&entry, tight, len);
	if (!hop)
		entry_free(&entry);
	free(tight);
	return ok;
}

static void damage_is_refused(bool hop, struct bytes bytes)
{
	assert_true(decodes(hop, bytes.at, bytes.len));
	for (size_t len = 0; len < bytes.len; len++)
		assert_false(decodes(hop, bytes.at, len));
	for (size_t bit = 0; bit < bytes.len * 8; bit++) {
		bytes.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(decodes(hop, bytes.at, bytes.len));
		bytes.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(bytes.at);
}

static void every_flip_and_cut_is_refused(void **state)
{
	struct entry entry = full_entry();
	struct hop_record record = full_hop();

	(void)state;
	damage_is_refused(false, entry_encode(&entry));
	damage_is_refused(true, hop_record_encode(&record));
	entry_free(&entry);
}

/* Makes a record as another version may write it: the fields of `bytes` and one more. */
static struct fields_out framed(
	struct bytes bytes, const char *magic, uint16_t version, uint16_t tag, const char *value, size_t len)
{
	struct fields_out out;
	struct span body = {NULL, 0};
	size_t begun;

	if (bytes.len != 0)
		assert_true(fields_frame_open((struct span){(const char *)bytes.at, bytes.len}, magic, 1, &body));
	fields_frame_begin(&out, magic, version);
	fields_bytes(&out, body.at, body.len);
	if (tag != 0) {
		begun = fields_begin(&out, tag);
		fields_bytes(&out, value, len);
		fields_end(&out, begun);
	}
	fields_frame_end(&out);
	return out;
}

static void unknown_fields_are_skipped(void **state)
{
	static const uint16_t tags[] = {26, 1000, UINT16_MAX};
	struct entry entry = full_entry(), back;
	struct bytes bytes = entry_encode(&entry);

	(void)state;
	for (size_t i = 0; i < COUNT(tags); i++) {
		struct fields_out more = framed(bytes, "STSE", 1, tags[i], "later", 5);

		assert_true(entry_decode(&back, more.at, more.len));
		entry_same(&entry, &back);
		entry_free(&back);
		free(more.at);
	}
	free(bytes.at);
	entry_free(&entry);
}

static void other_versions_and_magics_are_refused(void **state)
{
	static const struct {
		const char *magic;
		uint16_t version;
		bool ok, newer;
	} rows[] = {{"STSE", 1, true, false}, {"STSE", 2, false, true}, {"STSE", 0, false, false},
		{"STSH", 1, false, false}, {"STSH", 2, false, false}, {"XXXX", 2, false, false}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fields_out out = framed((struct bytes){NULL, 0}, rows[i].magic, rows[i].version, 1, "a.b", 3);

		assert_int_equal(decodes(false, out.at, out.len), rows[i].ok);
		assert_int_equal(entry_is_newer(out.at, out.len), rows[i].newer);
		out.at[8] ^= 1; /* damaged, not from a later version */
		assert_false(entry_is_newer(out.at, out.len));
		free(out.at);
	}
}

static void tags_ascend_and_come_once(void **state)
{
	struct entry entry;
	struct bytes bytes;

	(void)state;
	entry_init(&entry, "example.com");
	entry.due_at = NOW;
	bytes = entry_encode(&entry);
	for (uint16_t tag = 1; tag <= 21; tag++) {
		struct fields_out out = framed(bytes, "STSE", 1, tag, "\0\0\0\0\0\0\0\0", 8);

		assert_false(decodes(false, out.at, out.len));
		free(out.at);
	}
	free(bytes.at);
	entry_free(&entry);
}

static void bad_values_are_refused(void **state)
{
	static const struct {
		uint16_t tag;
		const char *value;
		size_t len;
		bool ok;
	} rows[] = {
		{2, LIT("\1\0\0\0\0\0\0\0"), true},
		{2, LIT("\1\0\0\0\0\0\0"), false},
		{2, LIT("\1\0\0\0\0\0\0\0\0"), false},
		{2, LIT("\0\0\0\0\0\0\0\x80"), false},
		{2, LIT("\0\0\0\0\0\0\2\0"), false},
		{3, LIT("no-record"), true},
		{4, LIT("\1\0\0"), false},
		{5, LIT("20160831085700Z"), true},
		{5, LIT(""), false},
		{5, LIT("a-b"), false},
		{5, LIT("a\0b"), false},
		{5, LIT("123456789012345678901234567890123"), false},
		{6, LIT("\2\1\0\0\0a.example\0"), true},
		{6, LIT("\3\1\0\0\0a.example\0"), false},
		{6, LIT("\2\1\0\0\0a.example"), false},
		{6, LIT("\2\1\0\0\0a b\0"), false},
		{6, LIT("\2\1\0\0\0\0"), false},
		{6, LIT("\2\377\377\377\377a\0"), false},
		{6, LIT("\2\1\0\0"), false},
		{15, LIT("\2"), true},
		{15, LIT("\3"), false},
		{15, LIT("\2\0"), false},
		{18, LIT("\1\1\1\0\0\0\1\0\0\0\0\0\0\0\1\0a.example\0"), true},
		{18, LIT("\1\1\1\0\0\0\1\0\0\0\0\0\0\0\1\0\0"), true},
		{18, LIT("\1\1\1\0\0\0\1\0\0\0\0\0\0\0\1\0a.example"), false},
		{18, LIT("\1\1\1\0\0\0\1\0\0\0\0\0\0\0\1"), false},
		{18, LIT("\1\1\1\0\0\0\1\0\0\0\0\0\0\0\1\0A.example\0"), false},
		{18, LIT("\1\1\1\0\0\0\1\0\0\0\0\0\0\0\1\0a..b\0"), false},
		{18, LIT("\1\1\1\0\0\0\1\0\0\0\0\0\0\0\1\0a.\0"), false},
		{18, LIT("\2\1\1\0\0\0\1\0\0\0\0\0\0\0\1\0a.example\0"), false},
		{18, LIT("\5\0\1\0\0\0\1\0\0\0\0\0\0\0"), true},
		{18, LIT("\6\0\1\0\0\0\1\0\0\0\0\0\0\0"), false},
		{18, LIT("\0\0\1\0\0\0\1\0\0\0\0\0\0\0"), false},
		{18, LIT("\1\2\1\0\0\0\1\0\0\0\0\0\0\0"), false},
		{18, LIT("\1\1\1\0\0\0\1\0\0\0\0\0\0"), false},
		{19, LIT("\1\0\0\0"), true},
		{19, LIT("\0\0\0\x80"), false},
	};
	struct entry entry;
	struct bytes bytes;

	(void)state;
	entry_init(&entry, "example.com");
	bytes = entry_encode(&entry);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fields_out out = framed(bytes, "STSE", 1, rows[i].tag, rows[i].value, rows[i].len);

		if (decodes(false, out.at, out.len) != rows[i].ok)
			fail_msg("row %zu (tag %u)", i, rows[i].tag);
		free(out.at);
	}
	free(bytes.at);
}

static void bad_domains_are_refused(void **state)
{
	static const char *const rows[] = {"", ".", "a.", ".a", "a..b", "A.b", "a%b.c", "a b", "a/b",
		"1234567890123456789012345678901234567890123456789012345678901234.b"};
	char longest[DOMAIN_MAX + 2];
	struct fields_out out;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		out = framed((struct bytes){NULL, 0}, "STSE", 1, 1, rows[i], strlen(rows[i]));
		assert_false(decodes(false, out.at, out.len));
		free(out.at);
	}
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 2 == 0 ? 'a' : '.';
	longest[DOMAIN_MAX] = 'b';
	for (size_t len = DOMAIN_MAX; len <= DOMAIN_MAX + 1; len++) {
		out = framed((struct bytes){NULL, 0}, "STSE", 1, 1, longest, len);
		assert_int_equal(decodes(false, out.at, out.len), len == DOMAIN_MAX);
		free(out.at);
	}
	out = framed((struct bytes){NULL, 0}, "STSE", 1, 0, NULL, 0);
	assert_false(decodes(false, out.at, out.len)); /* no domain at all */
	free(out.at);
}

static void too_much_is_refused(void **state)
{
	struct entry entry;

	(void)state;
	for (int over = 0; over < 6; over++) {
		struct bytes bytes;

		entry_init(&entry, "example.com");
		entry.has_policy = true;
		entry.mx.state = MX_LISTED;
		dice_names(&entry.policy.mx, MANY_PATTERNS, "");
		while (over == 1 && entry.policy.mx.len <= POLICY_BYTES_MAX)
			names_add(&entry.policy.mx, "b", 1);
		dice_names(&entry.mx.names, MX_SET_MAX, "");
		entry.policy_text_len = over == 2 ? POLICY_TEXT_KEPT + 1 : POLICY_TEXT_KEPT;
		entry.policy_text = calloc(1, entry.policy_text_len + 1);
		entry.policy.max_age_s = over == 3 ? POLICY_AGE_MAX_S + 1 : POLICY_AGE_MAX_S;
		entry.due_at = over == 4 ? FIELDS_TIME_MAX + 1 : FIELDS_TIME_MAX;
		entry.last_used_day = over == 5 ? INT32_MAX : 1;
		bytes = entry_encode(&entry);
		assert_int_equal(decodes(false, bytes.at, bytes.len), over == 0);
		free(bytes.at);
		entry_free(&entry);
	}
}

static void unknown_reasons_of_an_entry_mean_look_again(void **state)
{
	static const struct {
		uint16_t tag;
		const char *name;
		enum reason record, fetch;
	} rows[] = {
		{3, "record-many", REASON_RECORD_MANY, REASON_OK},
		{3, "ok", REASON_OK, REASON_OK},
		{3, "none", REASON_OK, REASON_OK}, /* as version 0.1 wrote it */
		{3, "record-haunted", REASON_RECORD_LOOKUP, REASON_OK},
		{3, "tls-too-old", REASON_RECORD_LOOKUP, REASON_OK},
		{12, "sts-webpki-invalid", REASON_OK, REASON_POLICY_WEBPKI},
		{12, "ok", REASON_OK, REASON_OK},
		{12, "none", REASON_OK, REASON_OK},
		{12, "sts-haunted", REASON_OK, REASON_POLICY_FETCH},
		{12, "tls-too-old", REASON_OK, REASON_POLICY_FETCH},
	};
	struct entry entry;
	struct bytes bytes;

	(void)state;
	entry_init(&entry, "example.com");
	bytes = entry_encode(&entry);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fields_out out = framed(bytes, "STSE", 1, rows[i].tag, rows[i].name, strlen(rows[i].name));

		assert_true(entry_decode(&entry, out.at, out.len));
		assert_int_equal(entry.record_outcome, rows[i].record);
		assert_int_equal(entry.fetch_outcome, rows[i].fetch);
		entry_free(&entry);
		free(out.at);
	}
	free(bytes.at);
}

static struct fields_out evidence_named(uint16_t tag, const char *reason)
{
	struct fields_out value = {NULL, 0, 0}, out;
	size_t begun = fields_begin(&value, 1);

	fields_number(&value, NOW, 8);
	fields_end(&value, begun);
	begun = fields_begin(&value, 2);
	fields_bytes(&value, reason, strlen(reason));
	fields_end(&value, begun);
	out = framed((struct bytes){NULL, 0}, "STSH", 1, tag, (const char *)value.at, value.len);
	free(value.at);
	return out;
}

static void evidence_fits_its_place(void **state)
{
	static const struct {
		uint16_t tag;
		const char *reason;
		bool ok;
		bool kept;
	} rows[] = {
		{1, "hop-timeout", true, true},
		{1, "hop-haunted", true, false},
		{1, "no-record", true, false}, /* not a reason about hops */
		{2, "certificate-expired", true, true},
		{2, "hop-haunted", true, false},
		{2, "hop-timeout", false, false},
		{3, "ok", true, true},
		{1, "none", true, true}, /* as version 0.1 wrote it */
		{2, "none", true, true},
		{3, "none", true, true},
		{3, "certificate-expired", false, false},
	};
	struct hop_record record;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fields_out out = evidence_named(rows[i].tag, rows[i].reason);
		const struct evidence *const place[] = {
			&record.pkix.newest, &record.pkix.conclusive, &record.pkix.good};

		assert_int_equal(hop_record_decode(&record, out.at, out.len), rows[i].ok);
		assert_int_equal(place[rows[i].tag - 1]->at, rows[i].kept ? NOW : 0);
		free(out.at);
	}
}

/* The bytes of version 1 are the same on every machine. */
static const char golden_entry[] =
	"535453450100010009000000642e6578616d706c650200080000000078e768000000000400040000000403020105000100000031060011"
	"00"
	"000002803a09002a2e642e6578616d706c65000800080000000078e7680000000009000800000080b2f0680000000012001d0000000100"
	"10"
	"0e00000178e768000000000b0a6d782e642e6578616d706c6500140004000000924f0000d77ac60b1d7c645d";
static const char golden_hop[] =
	"5354534801000100470000000100080000000078e7680000000002001300000063657274696669636174652d6578706972656403000200"
	"00"
	"0003030400040000000a000000050008000000feffffffffffffff0400020000000100aaa57885383c971e";

static void is_golden(struct bytes bytes, const char *golden)
{
	char *hex = calloc(1, 2 * bytes.len + 1);

	for (size_t i = 0; i < bytes.len; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes.at[i]);
	assert_string_equal(hex, golden);
	free(hex);
	free(bytes.at);
}

static void byte_order_is_fixed(void **state)
{
	struct entry entry;
	struct hop_record record = {0};

	(void)state;
	entry_init(&entry, "d.example");
	entry.record_checked_at = NOW;
	entry.record_ttl_s = 0x01020304;
	snprintf(entry.record_id, sizeof(entry.record_id), "1");
	entry.has_policy = true;
	entry.policy.mode = POLICY_ENFORCE;
	entry.policy.max_age_s = 604800;
	names_add(&entry.policy.mx, LIT("*.d.example"));
	entry.policy_fetched_at = NOW;
	entry.policy_expires_at = NOW + 604800;
	entry.mx.state = MX_LISTED;
	entry.mx.ttl_s = 3600;
	entry.mx.checked_at = NOW + 1;
	entry.mx.preference[0] = 0x0a0b;
	names_add(&entry.mx.names, LIT("mx.d.example"));
	entry.last_used_day = 20370;
	is_golden(entry_encode(&entry), golden_entry);
	entry_free(&entry);
	hop_record_learn(&record,
		&(struct evidence){
			.at = NOW, .reason = REASON_CERT_EXPIRED, .protocol = 0x0303, .chain = 10, .not_after = -2});
	is_golden(hop_record_encode(&record), golden_hop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_entries_come_back),
		cmocka_unit_test(hop_records_come_back),
		cmocka_unit_test(evidence_is_written_once),
		cmocka_unit_test(what_dane_says_comes_back),
		cmocka_unit_test(what_dane_cannot_say_is_refused),
		cmocka_unit_test(every_flip_and_cut_is_refused),
		cmocka_unit_test(unknown_fields_are_skipped),
		cmocka_unit_test(other_versions_and_magics_are_refused),
		cmocka_unit_test(tags_ascend_and_come_once),
		cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(bad_domains_are_refused),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(unknown_reasons_of_an_entry_mean_look_again),
		cmocka_unit_test(evidence_fits_its_place),
		cmocka_unit_test(byte_order_is_fixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
