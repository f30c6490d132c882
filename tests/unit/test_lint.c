/* stsgate lint, the built program, with every vector of the corpus. */
#include "cm.h"

#include "corpus.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Compares a member; NULL and JSON's null are the same. */
static void member_check(const char *name, const json_t *got, const json_t *want, const char *key)
{
	json_t *null = json_null();
	const json_t *left = json_object_get(got, key), *right = json_object_get(want, key);
	if (!left)
		fail_msg("%s: there is no %s", name, key);
	if (!json_equal(left, right ? right : null))
		fail_msg("%s: %s is %s", name, key, json_dumps(left, JSON_ENCODE_ANY));
}

static void status_check(const char *name, const struct tool_run *run, bool yes)
{
	if (run->status != (yes ? 0 : 1))
		fail_msg("%s: exit status %d: %s", name, run->status, run->err);
	if (*run->err)
		fail_msg("%s: on stderr: %s", name, run->err);
}

static void policy_check(const json_t *vector)
{
	const char *name = corpus_name(vector);
	bool accept = json_is_true(json_object_get(vector, "accept"));
	const json_t *strict = json_object_get(vector, "expect"),
		     *accepted = json_object_get(vector, "expect_accepted");
	bool is_strict = json_is_true(json_object_get(strict, "valid"));
	size_t len;
	char *input = corpus_input(vector, &len);
	struct tool_run run = tool_run(input, len, (const char *const[]){"--json", "lint", "policy", "-", NULL});
	json_t *got = tool_json(&run);
	const json_t *want = accepted ? accepted : strict;

	status_check(name, &run, accept);
	assert_int_equal(json_object_size(got), 7);
	assert_int_equal(json_is_true(json_object_get(got, "valid")), accept);
	assert_true(accept || json_is_null(json_object_get(got, "mode")));
	assert_true(accept || json_is_null(json_object_get(got, "max_age")));
	assert_true(accept || json_array_size(json_object_get(got, "mx")) == 0);
	if (accept) {
		member_check(name, got, want, "mode");
		member_check(name, got, want, "mx");
		member_check(name, got, want, "max_age");
	}
	if (accept && !is_strict && json_array_size(json_object_get(got, "tolerated")) == 0)
		fail_msg("%s: what was tolerated is not told", name);
	if ((json_array_size(json_object_get(got, "errors")) == 0) != accept)
		fail_msg("%s: errors: %s", name, run.out);
	json_decref(got);
	tool_run_free(&run);
	free(input);
}

static void test_policies(void **state)
{
	(void)state;
	json_t *vectors = corpus_vectors("vectors/policies.json"), *vector;
	size_t i;
	json_array_foreach(vectors, i, vector) policy_check(vector);
	assert_true(i > 100);
	json_decref(vectors);
}

static void record_check(const json_t *vector)
{
	const char *name = corpus_name(vector);
	const json_t *want = json_object_get(vector, "expect");
	bool valid = json_is_true(json_object_get(want, "valid"));
	const char *text = json_string_value(json_object_get(vector, "input"));
	struct tool_run run = TOOL("lint", "record", "--json", "--", text);
	json_t *got = tool_json(&run);

	status_check(name, &run, valid);
	assert_int_equal(json_object_size(got), 4);
	member_check(name, got, want, "valid");
	member_check(name, got, want, "id");
	assert_int_equal(json_array_size(json_object_get(got, "errors")), valid ? 0 : 1);
	json_decref(got);
	tool_run_free(&run);
}

static void test_records(void **state)
{
	(void)state;
	json_t *vectors = corpus_vectors("vectors/txt_records.json"), *vector;
	size_t i;
	json_array_foreach(vectors, i, vector) record_check(vector);
	assert_true(i > 50);
	json_decref(vectors);
}

static void test_mx(void **state)
{
	(void)state;
	json_t *vectors = corpus_vectors("vectors/mx_match.json"), *vector;
	size_t i;
	json_array_foreach(vectors, i, vector)
	{
		const json_t *input = json_object_get(vector, "input"), *want = json_object_get(vector, "expect");
		/* The form in which a policy is read: a pattern has no final dot, and addresses match nothing. */
		if (strcmp(corpus_name(vector), "chasquid-02") == 0 || strcmp(corpus_name(vector), "ours-ip") == 0)
			continue;
		struct tool_run run =
			TOOL("--json", "lint", "mx", "--", json_string_value(json_object_get(input, "pattern")),
				json_string_value(json_object_get(input, "mx")));
		json_t *got = tool_json(&run);
		status_check(corpus_name(vector), &run, json_is_true(json_object_get(want, "match")));
		member_check(corpus_name(vector), got, want, "match");
		json_decref(got);
		tool_run_free(&run);
	}
	assert_true(i > 30);
	json_decref(vectors);
}

/* Texts for people, and requests that fail. */
static const struct {
	const char *words[8];
	const char *input;
	int status;
	const char *out;
} rows[] = {
	{{"lint", "policy", "-"}, "version: STSv1\nmode: enforce\nmx: mx.example.com.\nmax_age: 86400\n", 0,
		"valid\nmode      enforce\nmx        mx.example.com\nmax_age   86400 (1d)\ntolerated "
		"mx-trailing-dot, line 3: mx.example.com.\n          the value of an mx line ends with a dot\n          Remove the dot.\n"},
	{{"lint", "policy", "-"}, "version: STSv1\nmode: off\nmx: mx.example.com\nmax_age: 86400\n", 1,
		"invalid\nerror     bad-mode, line 2: off\n          the value of mode is not enforce, testing or none\n"
		"          Write one of these words, in lower case.\n"},
	{{"lint", "record", "v=STSv1; id=20260101;"}, "", 0, "valid\nid        20260101\n"},
	{{"lint", "record", "v=STSv1;"}, "", 1,
		"invalid\nerror     no-id\n          the record has no valid id\n          Add an id of 1 to 32 letters and "
		"digits, such as id=1. Change it with each change of the policy.\n"},
	{{"lint", "record", "v=STSv1; id=2026 01"}, "", 1,
		"invalid\nerror     bad-field: 01\n          a part of the record is not `name=value`, or a semicolon "
		"between two parts is missing\n          Write it like this: `v=STSv1; id=1`. A value has neither blanks nor "
		"`=`.\n"},
	{{"lint", "record", "--json", "v=STSv1; id=2026-01;"}, "", 1,
		"{\"valid\": false, \"id\": null, \"errors\": [\"no-id\"], \"findings\": [{\"finding\": \"no-id\", \"class\": "
		"\"error\", \"line\": null, \"value\": \"id=2026-01\", \"times\": 1, \"sentence\": \"the record has no valid "
		"id\", \"advice\": \"Add an id of 1 to 32 letters and digits, such as id=1. Change it with each change of the "
		"policy.\"}]}\n"},
	{{"lint", "record", "V=STSv1; id=1"}, "", 1,
		"invalid\nerror     no-version: \"V=STSv1\"\n          the record does not begin with v=STSv1 and a semicolon\n"
		"          Write it like this: `v=STSv1; id=1`. A TXT record with another beginning is no MTA-STS record.\n"},
	{{"lint", "mx", "*.example.com", "MX.example.com."}, "", 0, "match\n"},
	{{"lint", "mx", "*.example.com", "a.b.example.com"}, "", 1, "no match\n"},
	{{"lint", "mx", "*.Example.com.", "A.example.com"}, "", 0, "match\n"},
	{{"lint", "mx", "mx.example.com.", "mx.example.com"}, "", 0, "match\n"},
	{{"lint", "mx", "*.example.com", "mx_1.example.com"}, "", 0, "match\n"},
	{{"lint", "mx", "mx.example.com..", "mx.example.com"}, "", 1,
		"no match: the pattern is invalid, and so is a policy that contains it\n"},
	{{"lint", "mx", "mx*.example.com", "mx1.example.com"}, "", 1,
		"no match: the pattern is invalid, and so is a policy that contains it\n"},
	{{"lint", "mx", "mx_1.example.com", "mx_1.example.com"}, "", 1,
		"no match: the pattern is invalid, and so is a policy that contains it\n"},
	{{"lint", "mx", "192.0.2.1", "192.0.2.1"}, "", 1,
		"no match: the pattern is an IP address, which matches no host\n"},
	{{"lint", "mx", "*.example.com", "192.0.2.1"}, "", 1, "no match: the host is not a valid host name\n"},
	{{"--json", "lint", "mx", "*.*", "a.b"}, "", 1,
		"{\"match\": false, \"error\": \"the pattern is invalid, and so is a policy that contains it\"}\n"},
	{{"lint", "policy", "/nonexistent/policy.txt"}, "", 66, ""},
	{{"lint", "policy", "/"}, "", 66, ""},
	{{"lint", "policy"}, "", 64, ""},
	{{"lint", "mx", "*.example.com"}, "", 64, ""},
	{{"lint", "bogus", "x"}, "", 64, ""},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tool_run run = tool_run(rows[i].input, strlen(rows[i].input), rows[i].words);
		if (run.status != rows[i].status || strcmp(run.out, rows[i].out) != 0)
			fail_msg("row %zu: %d: %s", i, run.status, run.out);
		assert_int_equal(*run.err != '\0', rows[i].status >= 64);
		tool_run_free(&run);
	}
}

/* Each place of a mistake is named, and at most ten of one mistake. */
static void test_places(void **state)
{
	(void)state;
	char body[1024] = "mode: off\n# no\nx: \x01\n";
	for (int i = 0; i < 13; i++)
		strcat(body, "mx: a b\x1b\n");
	struct tool_run run = tool_run(body, strlen(body), (const char *const[]){"lint", "policy", "-", NULL});
	assert_int_equal(run.status, 1);
	assert_non_null(strstr(run.out, "error     bad-mode, line 1: off\n          the value of mode"));
	assert_non_null(strstr(run.out, "error     no-colon, line 2: \"# no\"\n          a line has no colon\n"));
	assert_non_null(strstr(run.out, "error     bad-ext-value, line 3: \"\\x01\"\n"));
	assert_non_null(strstr(run.out, "error     bad-mx, line 4: \"a b\\x1b\"\n          bad-mx, line 5: "));
	assert_non_null(strstr(run.out, "bad-mx, line 13: \"a b\\x1b\"\n          and in 3 more lines\n"));
	assert_non_null(strstr(run.out, "error     missing-version\n"));
	tool_run_free(&run);
	run = tool_run(body, strlen(body), (const char *const[]){"--json", "lint", "policy", "-", NULL});
	json_t *got = tool_json(&run), *findings = json_object_get(got, "findings");
	const json_t *first = json_array_get(findings, 0), *mx = json_array_get(findings, 3);
	assert_int_equal(json_array_size(findings), 16);
	assert_string_equal(json_string_value(json_object_get(first, "finding")), "bad-mode");
	assert_string_equal(json_string_value(json_object_get(first, "value")), "off");
	assert_int_equal(json_integer_value(json_object_get(first, "line")), 1);
	assert_int_equal(json_integer_value(json_object_get(mx, "times")), 13);
	json_decref(got);
	tool_run_free(&run);
}

/* A body with one octet too many is refused completely, however long it is. */
static void test_large(void **state)
{
	(void)state;
	static const char head[] = "version: STSv1\nmode: none\nmax_age: 1\nx: ";
	static char body[200000];
	memset(body, 'x', sizeof body);
	memcpy(body, head, sizeof head - 1);
	struct tool_run fits = tool_run(body, 65536, (const char *const[]){"lint", "policy", "-", NULL});
	struct tool_run over = tool_run(body, 65537, (const char *const[]){"lint", "policy", "-", NULL});
	struct tool_run far = tool_run(body, sizeof body, (const char *const[]){"lint", "policy", "-", NULL});
	assert_int_equal(fits.status, 0);
	assert_int_equal(strncmp(over.out, LIT("invalid\nerror     too-large\n")), 0);
	assert_string_equal(far.out, over.out);
	tool_run_free(&fits);
	tool_run_free(&over);
	tool_run_free(&far);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_policies), cmocka_unit_test(test_records),
		cmocka_unit_test(test_mx), cmocka_unit_test(test_rows), cmocka_unit_test(test_places),
		cmocka_unit_test(test_large)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
