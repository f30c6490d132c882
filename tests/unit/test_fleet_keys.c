/* The keys of a farm: files that are accepted and refused, values that are opened and ignored, and the change of a key. */
#include "age.h"
#include "fleet_keys.h"
#include "memory.h"

#include "cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define FIRST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SECOND "ffeeddccbbaa99887766554433221100FFEEDDCCBBAA99887766554433221100"
#define NOW 1700000000
#define PLACE "farm:entry:example.com"

static char directory[64], path[96];

static const char *file_write(const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	chmod(path, mode);
	return path;
}

static struct fleet_keys *keys_of(const char *text)
{
	struct failure why;
	struct fleet_keys *keys = fleet_keys_read(file_write(text, 0640), &why);
	if (!keys)
		fail_msg("%s", why.text);
	return keys;
}

static int begin(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/stsgate-keys-XXXXXX");
	snprintf(path, sizeof path, "%s/key", mkdtemp(directory));
	return 0;
}

static int end(void **state)
{
	(void)state;
	unlink(path);
	rmdir(directory);
	return 0;
}

static void files_are_judged(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		int code; /* 0: the file is good */
		const char *says;
	} row[] = {
		{FIRST "\n", 0600, 0, ""},
		{FIRST, 0440, 0, ""},
		{FIRST " \r\n\n" SECOND "\n", 0640, 0, ""},
		{FIRST "\n", 0604, EX_NOPERM, "chmod o="},
		{FIRST "\n", 0602, EX_NOPERM, "chmod o="},
		{"", 0600, EX_CONFIG, "has no key"},
		{"\n\n", 0600, EX_CONFIG, "has no key"},
		{FIRST "0\n", 0600, EX_CONFIG, ":1: is not a key"},
		{FIRST "\nsecret\n", 0600, EX_CONFIG, ":2: is not a key"},
		{"g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", 0600, EX_CONFIG, ":1: is not"},
		{FIRST "\n" SECOND "\n\n" FIRST "\n", 0600, EX_CONFIG, ":4: there are more than two keys"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct failure why = {.code = 0};
		struct fleet_keys *keys = fleet_keys_read(file_write(row[i].text, row[i].mode), &why);
		assert_int_equal(keys != NULL, row[i].code == 0);
		assert_int_equal(why.code, row[i].code);
		assert_non_null(strstr(why.text, row[i].says));
		assert_null(strstr(why.text, "secret\n"));
		fleet_keys_free(&keys);
	}
	struct failure why;
	assert_null(fleet_keys_read("/nonexistent/key", &why));
	assert_int_equal(why.code, EX_NOINPUT);
	assert_null(fleet_keys_read(directory, &why));
	assert_int_equal(why.code, EX_CONFIG);
}

/* Seals a small object. */
static char *sealed(const struct fleet_keys *keys, const char *place, int64_t at, size_t *len)
{
	json_t *object = json_pack("{s:s, s:i}", "text", "h\xc3\xa9llo", "number", 7);
	char *bytes = fleet_seal_value(keys, place, "relay-1.example.com", at, object, len);
	json_decref(object);
	assert_non_null(bytes);
	return bytes;
}

static enum fleet_ignored judged(const struct fleet_keys *keys, const char *place, const char *bytes, size_t len)
{
	struct fleet_written written;
	enum fleet_ignored ignored;
	/* In memory of its own, so that a look beyond the end is noticed. */
	char *copy = xmemdup(bytes, len);
	json_t *object = fleet_open_value(keys, place, copy, len, NOW, &written, &ignored);
	assert_int_equal(object != NULL, ignored == FLEET_TAKEN);
	json_decref(object);
	free(copy);
	return ignored;
}

static void a_value_is_opened(void **state)
{
	struct fleet_keys *keys = keys_of(FIRST "\n");
	struct fleet_written written;
	enum fleet_ignored ignored;
	size_t len;
	(void)state;
	char *bytes = sealed(keys, PLACE, NOW - 5, &len);
	assert_int_equal(strlen(bytes), len);
	/* What another program computes: printf '%s\0%s' PLACE PAYLOAD | openssl dgst -sha256 -mac HMAC -macopt hexkey:KEY */
	assert_string_equal(bytes,
		"stsgate1 cc43e592 990deeade53d77b027adcd8e3c2d78541a1911b2ab5e9f9cc3f36c349c5e7f8d "
		"{\"text\":\"h\xc3\xa9llo\",\"number\":7,\"schema\":1,\"node\":\"relay-1.example.com\","
		"\"at\":1699999995}");
	json_t *object = fleet_open_value(keys, PLACE, bytes, len, NOW, &written, &ignored);
	assert_int_equal(ignored, FLEET_TAKEN);
	assert_string_equal(json_string_value(json_object_get(object, "text")), "h\xc3\xa9llo");
	assert_string_equal(written.node, "relay-1.example.com");
	assert_int_equal(written.at, NOW - 5);
	json_decref(object);
	free(bytes);
	fleet_keys_free(&keys);
}

static void changed_values_are_ignored(void **state)
{
	struct fleet_keys *keys = keys_of(FIRST "\n");
	size_t len;
	(void)state;
	char *bytes = sealed(keys, PLACE, NOW, &len);
	for (size_t i = 0; i < len; i++) {
		bytes[i] ^= 1;
		assert_int_not_equal(judged(keys, PLACE, bytes, len), FLEET_TAKEN);
		bytes[i] ^= 1;
	}
	for (size_t cut = 0; cut < len; cut++)
		assert_int_not_equal(judged(keys, PLACE, bytes, cut), FLEET_TAKEN);
	assert_int_equal(judged(keys, PLACE, bytes, len), FLEET_TAKEN);
	assert_int_equal(judged(keys, "farm:entry:example.net", bytes, len), FLEET_FOREIGN);
	assert_int_equal(judged(keys, PLACE, "hello", 5), FLEET_UNSIGNED);
	assert_int_equal(judged(keys, PLACE, "", 0), FLEET_UNSIGNED);
	char *huge = xcalloc(1, FLEET_VALUE_MAX + 1);
	assert_int_equal(judged(keys, PLACE, huge, FLEET_VALUE_MAX + 1), FLEET_OVERSIZED);
	free(huge);
	struct fleet_keys *others = keys_of(SECOND "\n");
	assert_int_equal(judged(others, PLACE, bytes, len), FLEET_FOREIGN);
	fleet_keys_free(&others);
	free(bytes);
	fleet_keys_free(&keys);
}

/* Well sealed, by a node of another version or with a wrong clock. */
static void payloads_are_judged(void **state)
{
	static const struct {
		const char *name;
		const char *value; /* of this member, as JSON; NULL: it is missing */
		enum fleet_ignored ignored;
	} row[] = {
		{"number", "8", FLEET_TAKEN},
		{"later", "{\"version\": [3]}", FLEET_TAKEN},
		{"schema", "2", FLEET_UNREADABLE},
		{"schema", "\"1\"", FLEET_UNREADABLE},
		{"schema", NULL, FLEET_UNREADABLE},
		{"node", NULL, FLEET_UNREADABLE},
		{"node", "7", FLEET_UNREADABLE},
		{"node", "\"\"", FLEET_UNREADABLE},
		{"node", "\"a b\"", FLEET_UNREADABLE},
		{"node", "\"0123456789012345678901234567890123456789012345678901234567890123\"", FLEET_TAKEN},
		{"node", "\"01234567890123456789012345678901234567890123456789012345678901234\"", FLEET_UNREADABLE},
		{"at", NULL, FLEET_UNREADABLE},
		{"at", "-1", FLEET_UNREADABLE},
		{"at", "1700000000.5", FLEET_UNREADABLE},
		{"at", "1700000060", FLEET_TAKEN},
		{"at", "1700000061", FLEET_FUTURE},
		{"at", "9223372036854775807", FLEET_FUTURE},
	};
	struct fleet_keys *keys = keys_of(FIRST "\n");
	(void)state;
	assert_int_equal(CLOCK_SKEW_S, 60);
	for (size_t i = 0; i < COUNT(row); i++) {
		size_t len;
		json_t *object = json_pack("{s:i, s:s, s:i}", "schema", FLEET_SCHEMA, "node", "a", "at", NOW);
		if (row[i].value)
			json_object_set_new(object, row[i].name, json_loads(row[i].value, JSON_DECODE_ANY, NULL));
		else
			json_object_del(object, row[i].name);
		char *payload = json_dumps(object, JSON_COMPACT);
		char *bytes = fleet_seal_payload(keys, PLACE, payload, strlen(payload), &len);
		if (judged(keys, PLACE, bytes, len) != row[i].ignored)
			fail_msg("%s = %s", row[i].name, row[i].value ? row[i].value : "(missing)");
		free(bytes);
		free(payload);
		json_decref(object);
	}
	static const char *const other[] = {
		"[]", "{", "{} {}", "null", "{\"at\":1,\"at\":1}", "{\"node\":\"\\u0000\"}"};
	for (size_t i = 0; i < COUNT(other); i++) {
		size_t len;
		char *bytes = fleet_seal_payload(keys, PLACE, other[i], strlen(other[i]), &len);
		assert_int_equal(judged(keys, PLACE, bytes, len), FLEET_UNREADABLE);
		free(bytes);
	}
	fleet_keys_free(&keys);
}

/* A change of keys in a farm: the new key second, then first, then alone. All nodes understand each other all the time. */
static void keys_are_changed(void **state)
{
	static const char *const stage[] = {FIRST "\n", FIRST "\n" SECOND "\n", SECOND "\n" FIRST "\n", SECOND "\n"};
	struct failure why;
	struct fleet_keys *ahead = keys_of(stage[0]), *behind = keys_of(stage[0]);
	char id[FLEET_KEYS_MAX][FLEET_KEY_ID_SIZE], second[FLEET_KEYS_MAX][FLEET_KEY_ID_SIZE];
	(void)state;
	assert_int_equal(fleet_key_ids(ahead, id), 1);
	for (size_t i = 1; i < COUNT(stage); i++) {
		size_t len;
		assert_true(fleet_keys_reread(ahead, file_write(stage[i], 0600), &why));
		char *from_ahead = sealed(ahead, PLACE, NOW, &len);
		assert_int_equal(judged(behind, PLACE, from_ahead, len), FLEET_TAKEN);
		char *from_behind = sealed(behind, PLACE, NOW, &len);
		assert_int_equal(judged(ahead, PLACE, from_behind, len), FLEET_TAKEN);
		assert_true(fleet_keys_reread(behind, path, &why));
		free(from_ahead);
		free(from_behind);
	}
	assert_int_equal(fleet_key_ids(ahead, second), 1);
	assert_string_not_equal(id[0], second[0]);
	/* A bad file leaves the keys as they are. */
	assert_false(fleet_keys_reread(ahead, file_write("", 0600), &why));
	assert_int_equal(fleet_key_ids(ahead, id), 1);
	assert_string_equal(id[0], second[0]);
	fleet_keys_free(&ahead);
	fleet_keys_free(&behind);
}

static void a_value_has_a_largest_length(void **state)
{
	struct fleet_keys *keys = keys_of(FIRST "\n");
	size_t len;
	(void)state;
	char *text = xcalloc(1, FLEET_VALUE_MAX + 1);
	memset(text, 'x', FLEET_VALUE_MAX - 200);
	for (size_t more = 0; more < 200; more++) {
		text[FLEET_VALUE_MAX - 200 + more] = 'x';
		json_t *object = json_pack("{s:s}", "text", text);
		char *bytes = fleet_seal_value(keys, PLACE, "a", NOW, object, &len);
		assert_int_equal(bytes != NULL, len <= FLEET_VALUE_MAX);
		if (bytes && len == FLEET_VALUE_MAX)
			assert_int_equal(judged(keys, PLACE, bytes, len), FLEET_TAKEN);
		json_decref(object);
		free(bytes);
	}
	assert_true(len > FLEET_VALUE_MAX);
	free(text);
	fleet_keys_free(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_judged),
		cmocka_unit_test(a_value_is_opened),
		cmocka_unit_test(changed_values_are_ignored),
		cmocka_unit_test(payloads_are_judged),
		cmocka_unit_test(keys_are_changed),
		cmocka_unit_test(a_value_has_a_largest_length),
	};
	return cmocka_run_group_tests_name("fleet_keys", tests, begin, end);
}
