/* The TXT record with the corpus, and rows of this test. */
#include "cm.h"

#include "corpus.h"
#include "record.h"

#include <stdlib.h>
#include <string.h>

static void vectors_agree(void **state)
{
	json_t *vectors = corpus_vectors("vectors/txt_records.json");
	size_t i;
	json_t *vector;

	(void)state;
	json_array_foreach(vectors, i, vector)
	{
		const json_t *expected = json_object_get(vector, "expect");
		struct record record;
		size_t len;
		char *bytes = corpus_input(vector, &len);
		bool valid = record_parse(&record, bytes, len) == RECORD_OK;

		if (valid != json_is_true(json_object_get(expected, "valid")))
			fail_msg("%s: valid is %d", corpus_name(vector), valid);
		if (valid)
			assert_string_equal(record.id, json_string_value(json_object_get(expected, "id")));
		free(bytes);
	}
	assert_int_equal(i, 64);
	json_decref(vectors);
}

static void set_vectors_agree(void **state)
{
	json_t *vectors = corpus_vectors("vectors/txt_record_sets.json");
	size_t i;
	json_t *vector;

	(void)state;
	json_array_foreach(vectors, i, vector)
	{
		const json_t *input = json_object_get(vector, "input");
		const json_t *expected = json_object_get(vector, "expect");
		struct span txt[8];
		struct record record;
		enum record_set set;

		for (size_t n = 0; n < json_array_size(input); n++) {
			const json_t *text = json_array_get(input, n);

			txt[n] = (struct span){json_string_value(text), json_string_length(text)};
		}
		set = record_set_parse(&record, txt, json_array_size(input));
		if ((set == RECORD_SET_ONE) != json_is_true(json_object_get(expected, "available")))
			fail_msg("%s: %d", corpus_name(vector), (int)set);
		assert_string_equal(
			record.id, set == RECORD_SET_ONE ? json_string_value(json_object_get(expected, "id")) : "");
	}
	assert_int_equal(i, 7);
	json_decref(vectors);
}

/* RFC 8461 3.1: of several records, those that do not begin with `v=STSv1;` are discarded. */
static void blanks_give_way_to_plain_records(void **state)
{
	static const struct {
		const char *txt[4];
		enum record_set set;
		const char *id;
	} sets[] = {
		{{"v=STSv1 ; id=1"}, RECORD_SET_ONE, "1"},
		{{"v=STSv1 ; id=1", "v=spf1 -all"}, RECORD_SET_ONE, "1"},
		{{"v=STSv1 ; id=1", "v=STSv1; id=2"}, RECORD_SET_ONE, "2"},
		{{"v=STSv1; id=2", "v=STSv1 ; id=1", "v=STSv1\t; id=3"}, RECORD_SET_ONE, "2"},
		{{"v=STSv1 ; id=1", "v=STSv1;"}, RECORD_SET_INVALID, ""},
		{{"v=STSv1 ; id=1", "v=STSv1 ; id=1"}, RECORD_SET_MANY, ""},
		{{"v=STSv1 ; id=1", "v=STSv1; id=2", "v=STSv1; id=3"}, RECORD_SET_MANY, ""},
		{{"v=STSv1 ;"}, RECORD_SET_INVALID, ""},
		{{"v=STSv1 id=1"}, RECORD_SET_NONE, ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(sets); i++) {
		struct span txt[4];
		size_t count = 0;
		struct record record;

		for (; count < 4 && sets[i].txt[count]; count++)
			txt[count] = (struct span){sets[i].txt[count], strlen(sets[i].txt[count])};
		if (record_set_parse(&record, txt, count) != sets[i].set)
			fail_msg("row %zu", i);
		assert_string_equal(record.id, sets[i].id);
	}
}

struct row {
	const char *bytes;
	size_t len;
	enum record_error error;
};

static const struct row rows[] = {
	{LIT("v=STSv1;id=a"), RECORD_OK},
	{LIT("v=STSv1 \t;\tid=a ; x-y.z=1 ; "), RECORD_OK},
	{LIT("v=STSv1; x=!#~; id=a;"), RECORD_OK},
	{LIT("v=STSv1; id=first; id=not-one;"), RECORD_OK},
	{LIT(""), RECORD_NO_VERSION},
	{LIT(" v=STSv1; id=a"), RECORD_NO_VERSION},
	{LIT("v=STSv12; id=a"), RECORD_NO_VERSION},
	{LIT("v=STSv1"), RECORD_NO_VERSION},
	{LIT("v=STSv1;"), RECORD_NO_ID},
	{LIT("v=STSv1; x=1"), RECORD_NO_ID},
	{LIT("v=STSv1; id=not-one; id=second"), RECORD_NO_ID},
	{LIT("v=STSv1; ID=a"), RECORD_NO_ID},
	{LIT("v=STSv1; id=0123456789012345678901234567890123"), RECORD_NO_ID},
	{LIT("v=STSv1;; id=a"), RECORD_BAD_FIELD},
	{LIT("v=STSv1; id"), RECORD_BAD_FIELD},
	{LIT("v=STSv1; id=a; x=y=z"), RECORD_BAD_FIELD},
	{LIT("v=STSv1; id=a b=c"), RECORD_BAD_FIELD},
	{LIT("v=STSv1; id=a; _x=1"), RECORD_BAD_FIELD},
	{LIT("v=STSv1; id=a; =1"), RECORD_BAD_FIELD},
	{LIT("v=STSv1; id=a\0"), RECORD_BAD_FIELD},
	{LIT("v=STSv1; id=a\n"), RECORD_BAD_FIELD},
	{LIT("v=STSv1; id=a; x=\xe4"), RECORD_BAD_FIELD},
	{LIT("v=STSv1; id=a; x=\x7f"), RECORD_BAD_FIELD},
};

static void rows_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct record record;
		char *bytes =
			malloc(rows[i].len +
				1); /* exactly as long as stated, so that AddressSanitizer sees a read beyond the end */
		enum record_error error;

		memcpy(bytes, rows[i].bytes, rows[i].len);
		bytes = realloc(bytes, rows[i].len ? rows[i].len : 1);
		error = record_parse(&record, bytes, rows[i].len);
		if (error != rows[i].error)
			fail_msg("row %zu `%s`: %s", i, rows[i].bytes, record_error_name(error));
		free(bytes);
	}
}

static void duplicate_is_the_first(void **state)
{
	static const char text[] = "v=STSv1; id=first; id=second";
	struct record record;

	(void)state;
	assert_int_equal(record_parse(&record, text, sizeof text - 1), RECORD_OK);
	assert_string_equal(record.id, "first");
}

static void sets_tell_their_kind(void **state)
{
	static const struct span good = {LIT("v=STSv1; id=a")}, bad = {LIT("v=STSv1; id=")},
				 other = {LIT("v=spf1 -all")};
	struct span many[RECORD_SET_MAX + 1];
	struct record record;

	(void)state;
	assert_int_equal(record_set_parse(&record, (struct span[]){other, bad}, 2), RECORD_SET_INVALID);
	assert_int_equal(record_set_parse(&record, (struct span[]){good, good}, 2), RECORD_SET_MANY);
	assert_string_equal(record.id, "");
	assert_int_equal(record_set_parse(&record, &other, 1), RECORD_SET_NONE);
	assert_int_equal(record_set_parse(&record, NULL, 0), RECORD_SET_NONE);
	for (size_t i = 0; i <= RECORD_SET_MAX; i++)
		many[i] = i ? other : good;
	assert_int_equal(record_set_parse(&record, many, RECORD_SET_MAX), RECORD_SET_ONE);
	assert_string_equal(record.id, "a");
	assert_int_equal(record_set_parse(&record, many, RECORD_SET_MAX + 1), RECORD_SET_MANY);
}

static void errors_have_words(void **state)
{
	(void)state;
	assert_string_equal(record_error_name(RECORD_OK), "ok");
	assert_string_equal(record_error_name(RECORD_NO_VERSION), "no-version");
	assert_string_equal(record_error_name(RECORD_BAD_FIELD), "bad-field");
	assert_string_equal(record_error_name(RECORD_NO_ID), "no-id");
}

/* The mistake is shown as the record has it. */
static void mistakes_have_places(void **state)
{
	static const struct {
		const char *text, *where; /* NULL: nothing is wrong, or something is missing */
		enum record_error error;
	} table[] = {
		{"v=STSv1; id=1", NULL, RECORD_OK},
		{"v=STSv1; id=1; id=-", NULL, RECORD_OK},
		{"v=STSv1;", NULL, RECORD_NO_ID},
		{"v=STSv1; id=a-b ;x=1", "id=a-b", RECORD_NO_ID},
		{"v=STSv1; id=-; id=1", "id=-", RECORD_NO_ID},
		{"v=STSv1; id=1; x = 2;", "x = 2", RECORD_BAD_FIELD},
		{"v=STSv1; id=1 x=2; y=3", "x=2", RECORD_BAD_FIELD},
		{"v=STSv1; ; id=1", "", RECORD_BAD_FIELD},
		{" v=STSv1; id=1", "v=STSv1", RECORD_NO_VERSION},
		{"", "", RECORD_NO_VERSION},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct record record;
		struct span where;

		assert_int_equal(
			record_parse_where(&record, table[i].text, strlen(table[i].text), &where), table[i].error);
		if (table[i].where ? !where.at || !span_is(where, table[i].where) : where.at != NULL)
			fail_msg("row %zu: %.*s", i, (int)where.len, where.at ? where.at : "nothing");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_agree),
		cmocka_unit_test(set_vectors_agree),
		cmocka_unit_test(blanks_give_way_to_plain_records),
		cmocka_unit_test(rows_agree),
		cmocka_unit_test(duplicate_is_the_first),
		cmocka_unit_test(sets_tell_their_kind),
		cmocka_unit_test(errors_have_words),
		cmocka_unit_test(mistakes_have_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
