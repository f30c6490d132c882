/* The policy parser with the corpus: vectors, published files, and rows of this test. */
#include "cm.h"

#include "corpus.h"
#include "domain.h"
#include "finding.h"
#include "policy.h"
#include "policy_findings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "version: STSv1\nmode: enforce\nmax_age: 86400\n"

static void assert_names_json(const char *test, const struct names *names, const json_t *expected)
{
	const char *item = NULL;

	if (names->count != json_array_size(expected))
		fail_msg("%s: %u names", test, names->count);
	for (size_t i = 0; i < json_array_size(expected); i++) {
		item = names_next(names, item);
		if (strcmp(item, json_string_value(json_array_get(expected, i))) != 0)
			fail_msg("%s: name %zu is %s", test, i, item);
	}
}

static void assert_values(const json_t *vector, const struct policy *policy, const struct policy_findings *findings)
{
	const json_t *expected = json_object_get(vector, "expect_accepted");

	if (!expected)
		expected = json_object_get(vector, "expect");
	assert_string_equal(policy_mode_name(policy->mode), json_string_value(json_object_get(expected, "mode")));
	assert_int_equal(policy->max_age_s, json_integer_value(json_object_get(expected, "max_age")));
	assert_names_json(corpus_name(vector), &findings->published, json_object_get(expected, "mx"));
	assert_int_equal(names_have(&findings->tolerated, "max-age-clamped"),
		json_is_true(json_object_get(expected, "max_age_clamped")));
}

/* The vectors name the faults by the strict grammar. Faults that the clean-ups tolerate are no errors here, and a key
 * in the wrong case is an unknown key like any other. */
static bool error_is_forgiven(const char *word)
{
	return !strcmp(word, "leading-wsp") || !strncmp(word, "blank-line", 10) || !strcmp(word, "key-case");
}

static void assert_errors(const json_t *vector, const struct policy_findings *findings)
{
	const json_t *errors = json_object_get(json_object_get(vector, "expect"), "errors");
	uint32_t expected = 0;

	for (size_t i = 0; i < json_array_size(errors); i++) {
		char word[64];

		snprintf(word, sizeof word, "%s", json_string_value(json_array_get(errors, i)));
		for (char *c = word; *c; c++)
			if (*c == '_')
				*c = '-';
		if (error_is_forgiven(word))
			continue;
		expected++;
		if (!names_have(&findings->errors, word))
			fail_msg("%s: %s is not told", corpus_name(vector), word);
	}
	if (!json_array_size(errors)) {
		/* The grammar allows this one, but the size limit does not. */
		assert_true(names_have(&findings->errors, "too-large"));
		expected = 1;
	}
	if (findings->errors.count != expected)
		fail_msg("%s: %u errors told, %u expected", corpus_name(vector), findings->errors.count, expected);
}

static void vectors_agree(void **state)
{
	json_t *vectors = corpus_vectors("vectors/policies.json");
	size_t i;
	json_t *vector;

	(void)state;
	json_array_foreach(vectors, i, vector)
	{
		const json_t *accept = json_object_get(vector, "accept");
		struct policy policy;
		struct policy_findings findings;
		size_t len;
		char *bytes = corpus_input(vector, &len);
		bool valid = policy_parse(&policy, bytes, len, &findings);

		if (!accept)
			accept = json_object_get(json_object_get(vector, "expect"), "valid");
		if (valid != json_is_true(accept))
			fail_msg("%s: valid is %d", corpus_name(vector), valid);
		if (valid)
			assert_values(vector, &policy, &findings);
		else
			assert_errors(vector, &findings);
		assert_int_equal(valid, findings.errors.count == 0);
		policy_free(&policy);
		policy_findings_free(&findings);
		free(bytes);
	}
	assert_int_equal(i, 129);
	json_decref(vectors);
}

enum { SHA = 0, BYTES = 1, STRICT = 7, MODE = 8, N_MX = 9, MAX_AGE = 10, ERRORS = 11, DEVIATIONS = 12, COLUMNS = 13 };

static char *word_next(char **rest)
{
	char *word = *rest;
	char *comma;

	if (!word || !*word)
		return NULL;
	comma = strchr(word, ',');
	*rest = comma ? comma + 1 : NULL;
	if (comma)
		*comma = '\0';
	return word;
}

/* Derived from the strict errors in the index: a file is accepted if no error remains after ignoring blanks at the
 * beginning of a line, empty lines, and a bad mx (with the missing mx that follows from it) whose only fault, by the
 * index, is the final dot. */
static bool file_is_readable(char *errors, const char *deviations)
{
	bool dots = strstr(deviations, "mx_trailing_dot") != NULL;

	for (char *word = word_next(&errors); word; word = word_next(&errors)) {
		bool forgiven = !strcmp(word, "leading_wsp") || !strncmp(word, "blank_line", 10) ||
				(dots && (!strcmp(word, "bad_mx") || !strcmp(word, "no_mx")));

		if (!forgiven)
			return false;
	}
	return true;
}

static void row_split(char *row, char *columns[COLUMNS])
{
	for (int i = 0; i < COLUMNS; i++) {
		columns[i] = row;
		row += strcspn(row, "\t");
		if (*row)
			*row++ = '\0';
	}
}

static void assert_file(char *columns[COLUMNS])
{
	struct policy policy;
	struct policy_findings findings;
	char name[64];
	size_t len;
	char *bytes;
	bool valid;

	snprintf(name, sizeof name, "policies/%s.txt", columns[SHA]);
	bytes = corpus_read(name, &len);
	assert_int_equal(len, strtol(columns[BYTES], NULL, 10));
	valid = policy_parse(&policy, bytes, len, &findings);
	if (valid != file_is_readable(columns[ERRORS], columns[DEVIATIONS]))
		fail_msg("%s: valid is %d", name, valid);
	if (!strcmp(columns[STRICT], "valid")) {
		uint32_t max_age_s = (uint32_t)strtoul(columns[MAX_AGE], NULL, 10);

		assert_string_equal(policy_mode_name(policy.mode), columns[MODE]);
		assert_int_equal(findings.published.count, strtol(columns[N_MX], NULL, 10));
		assert_int_equal(policy.max_age_s, max_age_s > POLICY_AGE_MAX_S ? POLICY_AGE_MAX_S : max_age_s);
	} else if (valid) {
		assert_true(findings.tolerated.count > 0);
	}
	policy_free(&policy);
	policy_findings_free(&findings);
	free(bytes);
}

static void published_files_agree(void **state)
{
	size_t len;
	char *index = corpus_read("policies.tsv", &len);
	char *row = strchr(index, '\n') + 1;
	int files = 0;

	(void)state;
	for (char *end; (end = strchr(row, '\n')); row = end + 1, files++) {
		char *columns[COLUMNS];

		*end = '\0';
		row_split(row, columns);
		assert_file(columns);
	}
	assert_int_equal(files, 225);
	free(index);
}

/* Each name is found again, and each finding has its texts. */
static void findings_have_names(void **state)
{
	(void)state;
	for (enum finding finding = 0; finding < FINDING_COUNT; finding++) {
		const char *name = finding_name(finding), *sentence = finding_sentence(finding);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
		assert_int_equal(finding_by_name(name), finding);
		assert_true(*sentence && sentence[strlen(sentence) - 1] != '.' && *finding_advice(finding));
		assert_true(finding_text(finding) == FINDING_POLICY || finding_class(finding) == FINDING_ERROR);
	}
	assert_int_equal(finding_by_name("bad"), FINDING_COUNT);
}

struct row {
	const char *bytes;
	size_t len;
	const char *tolerated; /* the words, comma after each */
	const char *errors;
	const char *mx;
};

static const struct row rows[] = {
	{LIT(HEAD "mx: a.example\n"), "", "", "a.example,"},
	{LIT(HEAD " mx: a.example\n"), "blanks-trimmed,", "", "a.example,"},
	{LIT(HEAD "mx: a.example\t \n"), "blanks-trimmed,", "", "a.example,"},
	{LIT(HEAD "\n\nmx: a.example\r\n \r\n"), "empty-line,", "", "a.example,"},
	{LIT(HEAD "mx: A.Example.\nmx: a.example"), "mx-trailing-dot,", "", "a.example,"},
	{LIT(HEAD "mx: *.A.example."), "mx-trailing-dot,", "", "*.a.example,"},
	{LIT(HEAD "mx: a.example.."), "", "bad-mx,no-mx,", ""},
	{LIT(HEAD "mx: ."), "", "bad-mx,no-mx,", ""},
	{LIT(HEAD "mx: 192.0.2.1\nmx: a.example"), "ip-literal,", "", "a.example,"},
	{LIT(HEAD "mx: 192.0.2.1."), "mx-trailing-dot,ip-literal,", "no-mx,", ""},
	{LIT(HEAD "mx: [192.0.2.1]"), "", "bad-mx,no-mx,", ""},
	{LIT("version: STSv1\nmode: none\nmax_age: 1\nmx: 192.0.2.1"), "ip-literal,", "", ""},
	{LIT("version: STSv1\nmode: none\nmax_age: 9999999999"), "max-age-clamped,", "", ""},
	{LIT("version: STSv1\nmode: none\nmax_age: 1\nmode: \x01"), "", "bad-ext-value,", ""},
	{LIT(HEAD "mx: a.example\nmax_age: 1d\nmode: off\nversion: 9\n"), "", "", "a.example,"},
	{LIT(HEAD "mx: a.example\nx: a\tb\n"), "", "bad-ext-value,", "a.example,"},
	{LIT(HEAD "mx: a.example\nx: \xed\xa0\x80\n"), "", "bad-ext-value,", "a.example,"},
	{LIT(HEAD "mx: a.example\nx: \xc0\xaf\n"), "", "bad-ext-value,", "a.example,"},
	{LIT(HEAD "mx: a.example\nx: \xf4\x90\x80\x80\n"), "", "bad-ext-value,", "a.example,"},
	{LIT(HEAD "mx: a.example\nx: \xf0\x9f\x93\xa7\n"), "", "", "a.example,"},
	{LIT(HEAD "mx: a.example\nx: \xe2\x82"), "", "bad-ext-value,", "a.example,"},
	{LIT(HEAD "mx: a.example\nx: \x7f"), "", "bad-ext-value,", "a.example,"},
	{LIT(HEAD "mx: a.example\r"), "", "bare-cr,bad-mx,no-mx,", ""},
	{LIT(HEAD "mx : a.example\n"), "", "wsp-before-colon,", "a.example,"},
	{LIT("\xef\xbb\xbf" HEAD "mx: a.example"), "", "bom,", "a.example,"},
	{LIT("v\0e\0r\0"), "", "no-colon,missing-version,missing-mode,missing-max-age,no-mx,", ""},
	{LIT(""), "", "missing-version,missing-mode,missing-max-age,no-mx,", ""},
	{LIT("version: STSv1\nmode: none\nmax_age:"), "", "bad-max-age,", ""},
	{LIT(HEAD "mx: a123456789012345678901234567890123456789012345678901234567890123.example"), "", "bad-mx,no-mx,",
		""},
};

static void join(char out[512], const struct names *names)
{
	size_t len = 0;

	out[0] = '\0';
	for (const char *item = names_next(names, NULL); item; item = names_next(names, item))
		len += (size_t)snprintf(out + len, 512 - len, "%s,", item);
}

static void rows_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy policy;
		struct policy_findings findings;
		char words[512];
		bool valid = policy_parse(&policy, rows[i].bytes, rows[i].len, &findings);

		assert_int_equal(valid, !*rows[i].errors);
		join(words, &findings.tolerated);
		if (strcmp(words, rows[i].tolerated) != 0)
			fail_msg("row %zu tolerates %s", i, words);
		join(words, &findings.errors);
		if (strcmp(words, rows[i].errors) != 0)
			fail_msg("row %zu refuses %s", i, words);
		join(words, &policy.mx);
		if (strcmp(words, valid ? rows[i].mx : "") != 0)
			fail_msg("row %zu has mx %s", i, words);
		policy_free(&policy);
		policy_findings_free(&findings);
	}
}

/* `count` distinct patterns, each twice. */
static bool parse_many(unsigned count, struct policy_findings *findings)
{
	char *body = malloc(POLICY_BYTES_MAX);
	size_t len = (size_t)snprintf(body, POLICY_BYTES_MAX, HEAD);
	struct policy policy;
	bool valid;

	for (unsigned i = 0; i < 2 * count; i++)
		len += (size_t)snprintf(body + len, POLICY_BYTES_MAX - len, "mx: m%u.example\n", i % count);
	valid = policy_parse(&policy, body, len, findings);
	assert_int_equal(policy.mx.count, valid ? count : 0);
	policy_free(&policy);
	free(body);
	return valid;
}

static void patterns_are_counted(void **state)
{
	struct policy_findings findings;

	(void)state;
	static const unsigned counts[] = {1, POLICY_MX_FEW, POLICY_MX_FEW + 1, 256, 257, 1500};
	for (size_t i = 0; i < COUNT(counts); i++) {
		assert_true(parse_many(counts[i], &findings));
		assert_int_equal(findings.published.count, 2 * counts[i]);
		policy_findings_free(&findings);
	}
}

/* The largest number of patterns that a body can hold, each of which counts. */
static void every_pattern_of_the_largest_counts(void **state)
{
	static const char letters[] = "zyxwvutsrqponmlkjihgfedcba9876543210";
	char *body = malloc(POLICY_BYTES_MAX), name[] = "aaa.a";
	size_t len = (size_t)snprintf(body, POLICY_BYTES_MAX, "version:STSv1\nmode:enforce\nmax_age:1\nmx:*.b\n");
	unsigned count = 1;
	struct policy policy, copy;

	(void)state;
	for (; len + 9 <= POLICY_BYTES_MAX; count++) {
		name[0] = letters[count % 36];
		name[1] = letters[count / 36 % 36];
		name[2] = letters[count / 1296 % 36];
		memcpy(body + len, "mx:", 3);
		memcpy(body + len + 3, name, 5);
		body[len + 8] = '\n';
		len += 9;
	}
	assert_true(policy_parse(&policy, body, len, NULL));
	assert_int_equal(policy.mx.count, count);
	policy_copy(&copy, &policy);
	policy_free(&policy);
	for (unsigned i = 1; i < count; i++) {
		name[0] = letters[i % 36];
		name[1] = letters[i / 36 % 36];
		name[2] = letters[i / 1296 % 36];
		assert_true(policy_allows(&copy, name));
	}
	assert_true(policy_allows(&copy, "x.b"));
	assert_false(policy_allows(&copy, "x.y.b"));
	assert_false(policy_allows(&copy, "b"));
	assert_false(policy_allows(&copy, ""));
	assert_false(policy_allows(&copy, ".b"));
	assert_false(policy_allows(&copy, "aaaa.a"));
	policy_free(&copy);
	free(body);
}

static void size_is_bounded(void **state)
{
	static const char body[] = HEAD "mx: a.example\nx: ";
	char *bytes = malloc(POLICY_BYTES_MAX + 1);
	struct policy policy;
	struct policy_findings findings;

	(void)state;
	memset(bytes, 'x', POLICY_BYTES_MAX + 1);
	memcpy(bytes, body, sizeof body - 1);
	assert_true(policy_parse(&policy, bytes, POLICY_BYTES_MAX, NULL));
	policy_free(&policy);
	assert_false(policy_parse(&policy, bytes, POLICY_BYTES_MAX + 1, &findings));
	assert_int_equal(findings.errors.count, 1);
	assert_true(names_have(&findings.errors, "too-large"));
	policy_findings_free(&findings);
	free(bytes);
}

static void copies_are_apart(void **state)
{
	static const char body[] = HEAD "mx: *.a.example\nmx: b.example\n";
	struct policy policy, copy;

	(void)state;
	assert_true(policy_parse(&policy, body, sizeof body - 1, NULL));
	policy_copy(&copy, &policy);
	policy_free(&policy);
	assert_int_equal(policy.mx.count, 0);
	assert_int_equal(copy.mode, POLICY_ENFORCE);
	assert_int_equal(copy.max_age_s, 86400);
	assert_true(policy_allows(&copy, "x.a.example"));
	assert_true(policy_allows(&copy, "b.example"));
	assert_false(policy_allows(&copy, "a.example"));
	assert_false(policy_allows(&copy, "x.y.a.example"));
	policy_free(&copy);
}

/* Whatever the bytes are: a policy that was read keeps the promises of the header, with findings or without. */
static void assert_promises(const char *bytes, size_t len)
{
	struct policy policy, again;
	struct policy_findings findings;
	bool valid = policy_parse(&policy, bytes, len, &findings);

	assert_int_equal(policy_parse(&again, bytes, len, NULL), valid);
	assert_int_equal(valid, !findings.errors.count);
	assert_int_equal(again.mx.count, policy.mx.count);
	for (const char *mx = names_next(&policy.mx, NULL); mx; mx = names_next(&policy.mx, mx)) {
		struct domain domain;
		const char *name = mx[0] == '*' ? mx + 2 : mx;

		assert_true(domain_parse(&domain, name, strlen(name)));
		assert_string_equal(domain.name, name);
	}
	if (valid && policy.mode != POLICY_NONE)
		assert_true(policy.mx.count > 0);
	policy_free(&policy);
	policy_free(&again);
	policy_findings_free(&findings);
}

static void mutations_keep_promises(void **state)
{
	static const char body[] =
		"version: STSv1\r\nmode: testing\nmx: *.A.example.\nmx: 192.0.2.1\nmax_age: 99\nx: \xc3\xa4";
	static const char spice[] = "\r\n\t :*.-0aA\x80\xff";
	uint32_t random = 8461;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char bytes[sizeof body];

		memcpy(bytes, body, sizeof body);
		for (uint32_t flips = corpus_random(&random) % 4; flips; flips--)
			bytes[corpus_random(&random) % (sizeof body - 1)] =
				spice[corpus_random(&random) % sizeof spice];
		assert_promises(bytes, sizeof body - 1 - corpus_random(&random) % 3);
	}
}

/* A policy of one pattern gives the same result for the host, if both can be read. */
static bool allows_as_read(const char *pattern, const char *mx, bool match)
{
	char body[512];
	struct policy policy;
	struct domain host;
	int len = snprintf(body, sizeof body, "version: STSv1\nmode: enforce\nmax_age: 86400\nmx: %s\n", pattern);

	if (!mx_is_pattern(pattern, strlen(pattern)) || !domain_is_grammatical(mx, strlen(mx)) ||
		!domain_parse(&host, mx, strlen(mx)) || !policy_parse(&policy, body, (size_t)len, NULL))
		return false;
	if (policy_allows(&policy, host.name) != match)
		fail_msg("%s, %s: allowed is %d", pattern, mx, !match);
	policy_free(&policy);
	return true;
}

static void mx_vectors_agree(void **state)
{
	json_t *vectors = corpus_vectors("vectors/mx_match.json");
	size_t i;
	unsigned read = 0;
	json_t *vector;

	(void)state;
	json_array_foreach(vectors, i, vector)
	{
		const json_t *input = json_object_get(vector, "input");
		bool match = mx_matches(json_string_value(json_object_get(input, "pattern")),
			json_string_value(json_object_get(input, "mx")));

		if (match != json_is_true(json_object_get(json_object_get(vector, "expect"), "match")))
			fail_msg("%s: match is %d", corpus_name(vector), match);
		read += allows_as_read(json_string_value(json_object_get(input, "pattern")),
			json_string_value(json_object_get(input, "mx")), match);
	}
	assert_int_equal(i, 35);
	assert_true(read >= 15);
	json_decref(vectors);
}

static void mx_edges(void **state)
{
	(void)state;
	assert_false(mx_matches("*.example.com", "*.example.com"));
	assert_true(mx_matches("*.example.com", "a_b.example.com"));
	assert_false(mx_matches("a_b.example.com", "a_b.example.com"));
	assert_false(mx_matches("*.example.com", "\"a.example.com\""));
	assert_false(mx_matches("a.example", "a.example.."));
	assert_false(mx_matches("", ""));
	assert_false(mx_matches("*.", "a."));
	assert_false(mx_is_pattern("a.example\0", 10));
	assert_true(mx_is_pattern("*.example", 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_agree),
		cmocka_unit_test(published_files_agree),
		cmocka_unit_test(findings_have_names),
		cmocka_unit_test(rows_agree),
		cmocka_unit_test(patterns_are_counted),
		cmocka_unit_test(every_pattern_of_the_largest_counts),
		cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(copies_are_apart),
		cmocka_unit_test(mutations_keep_promises),
		cmocka_unit_test(mx_vectors_agree),
		cmocka_unit_test(mx_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
