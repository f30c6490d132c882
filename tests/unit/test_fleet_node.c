/* What a node says of itself: sealed and opened, hostile values, ages by the server's clock. */
#include "cm.h"
#include "fleet_node.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW INT64_C(1900000000)

static struct fleet_keys *keys, *others;

static struct fleet_keys *keys_make(char digit)
{
	char path[] = "/tmp/stsgate-key-XXXXXX", text[65];
	struct failure why;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	memset(text, digit, 64);
	text[64] = '\n';
	assert_int_equal(write(fd, text, 65), 65);
	close(fd);
	struct fleet_keys *made = fleet_keys_read(path, &why);
	unlink(path);
	assert_non_null(made);
	return made;
}

static int keys_begin(void **state)
{
	(void)state;
	keys = keys_make('a');
	others = keys_make('b');
	return 0;
}

static int keys_end(void **state)
{
	(void)state;
	fleet_keys_free(&keys);
	fleet_keys_free(&others);
	return 0;
}

static enum fleet_ignored opened(const char *field, const char *sealed, struct fleet_node *out)
{
	return fleet_node_open(keys, "farm", field, strlen(field), sealed, strlen(sealed), NOW, out);
}

static void test_round_trip(void **state)
{
	(void)state;
	const struct fleet_node nodes[] = {
		{"relay1.example.com", "0.2.0", NOW, NOW - 100, 12034, NOW - 30, true, -7},
		{"a", "1.0~rc1", NOW - 5, NOW - 5, 0, 0, false, 0},
	};
	for (size_t i = 0; i < COUNT(nodes); i++) {
		struct fleet_node out;
		size_t len;
		char *sealed = fleet_node_seal(keys, "farm", &nodes[i], &len);
		assert_non_null(sealed);
		assert_int_equal(len, strlen(sealed));
		assert_int_equal(opened(nodes[i].name, sealed, &out), FLEET_TAKEN);
		assert_string_equal(out.name, nodes[i].name);
		assert_string_equal(out.version, nodes[i].version);
		assert_int_equal(out.seen_at, nodes[i].seen_at);
		assert_int_equal(out.started_at, nodes[i].started_at);
		assert_int_equal(out.entries, nodes[i].entries);
		assert_int_equal(out.decided_at, nodes[i].decided_at);
		assert_int_equal(out.clock_known, nodes[i].clock_known);
		assert_int_equal(out.ahead_s, nodes[i].ahead_s);
		/* It is this node's, in this hash, by this key. */
		assert_int_equal(opened("another", sealed, &out), FLEET_FOREIGN);
		assert_int_equal(
			fleet_node_open(keys, "other", nodes[i].name, strlen(nodes[i].name), sealed, len, NOW, &out),
			FLEET_FOREIGN);
		assert_int_equal(
			fleet_node_open(others, "farm", nodes[i].name, strlen(nodes[i].name), sealed, len, NOW, &out),
			FLEET_FOREIGN);
		free(sealed);
	}
}

/* Whoever has the key may be of another version, or faulty. */
static void test_hostile(void **state)
{
	(void)state;
	static const char *const objects[] = {"{}", "{\"version\": \"0.2.0\", \"started_at\": 1, \"entries\": -1}",
		"{\"version\": \"0.2.0\", \"started_at\": 1900000001, \"entries\": 1}",
		"{\"version\": \"\\u001b[31m\", \"started_at\": 1, \"entries\": 1}",
		"{\"version\": \"\", \"started_at\": 1, \"entries\": 1}",
		"{\"version\": \"123456789012345678901234567890123\", \"started_at\": 1, \"entries\": 1}",
		"{\"version\": 2, \"started_at\": 1, \"entries\": 1}",
		"{\"version\": \"0.2.0\", \"started_at\": 1, \"entries\": 1, \"decided_at\": 1900000001}",
		"{\"version\": \"0.2.0\", \"started_at\": 1, \"entries\": 1, \"decided_at\": \"x\"}",
		"{\"version\": \"0.2.0\", \"started_at\": 1, \"entries\": 1, \"ahead\": 99999999999}"};
	struct fleet_node out;
	size_t len;
	for (size_t i = 0; i < COUNT(objects); i++) {
		json_t *object = json_loads(objects[i], 0, NULL);
		assert_non_null(object);
		char *sealed = fleet_seal_value(keys, "farm:nodes a", "a", NOW, object, &len);
		json_decref(object);
		assert_non_null(sealed);
		assert_int_equal(opened("a", sealed, &out), FLEET_UNREADABLE);
		free(sealed);
	}
	/* sealed for the place of a by the node b */
	json_t *object = json_loads("{\"version\": \"0.2.0\", \"started_at\": 1, \"entries\": 1}", 0, NULL);
	char *sealed = fleet_seal_value(keys, "farm:nodes a", "b", NOW, object, &len);
	assert_int_equal(opened("a", sealed, &out), FLEET_UNREADABLE);
	free(sealed);
	sealed = fleet_seal_value(keys, "farm:nodes a", "a", NOW + 3600, object, &len);
	assert_int_equal(opened("a", sealed, &out), FLEET_FUTURE);
	free(sealed);
	json_decref(object);
	assert_int_equal(opened("a", "hello", &out), FLEET_UNSIGNED);
	assert_int_equal(fleet_node_open(keys, "farm", "a\0b", 3, "hello", 5, NOW, &out), FLEET_UNREADABLE);
	assert_int_equal(opened("", "hello", &out), FLEET_UNREADABLE);
	char name[NODE_NAME_SIZE + 10];
	memset(name, 'a', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_int_equal(opened(name, "hello", &out), FLEET_UNREADABLE);
}

static void test_ages(void **state)
{
	(void)state;
	static const struct {
		int64_t seen_at, ahead_s, server_now;
		bool clock_known;
		int64_t age_s;
		enum fleet_node_state state;
	} rows[] = {
		{NOW, 0, NOW, true, 0, FLEET_NODE_CURRENT},
		{NOW, 0, NOW + NODE_SILENT_S, true, NODE_SILENT_S, FLEET_NODE_CURRENT},
		{NOW, 0, NOW + NODE_SILENT_S + 1, true, NODE_SILENT_S + 1, FLEET_NODE_SILENT},
		{NOW, 0, NOW + NODE_GONE_S, true, NODE_GONE_S, FLEET_NODE_SILENT},
		{NOW, 0, NOW + NODE_GONE_S + 1, true, NODE_GONE_S + 1, FLEET_NODE_GONE},
		{NOW, 30, NOW, true, 30, FLEET_NODE_CURRENT},              /* its clock is ahead */
		{NOW - 7200, -7200, NOW + 5, true, 5, FLEET_NODE_CURRENT}, /* two hours behind, and yet it is here */
		{NOW - 7200, 0, NOW + 5, false, 7205, FLEET_NODE_SILENT},  /* nobody knows that its clock is wrong */
		{NOW, 0, NOW - 30, true, 0, FLEET_NODE_CURRENT},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fleet_node node = {
			.seen_at = rows[i].seen_at, .ahead_s = rows[i].ahead_s, .clock_known = rows[i].clock_known};
		assert_int_equal(fleet_node_age_s(&node, rows[i].server_now), rows[i].age_s);
		assert_int_equal(fleet_node_state(rows[i].age_s), rows[i].state);
	}
	struct fleet_node node = {.seen_at = NOW, .decided_at = NOW - 20};
	assert_int_equal(fleet_node_lag_s(&node), 20);
	node.decided_at = NOW + 5;
	assert_int_equal(fleet_node_lag_s(&node), 0);
	node.decided_at = 0;
	assert_int_equal(fleet_node_lag_s(&node), -1);
	assert_string_equal(fleet_node_state_name(FLEET_NODE_GONE), "gone");
	assert_null(fleet_node_state_name(FLEET_NODE_STATES));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_hostile), cmocka_unit_test(test_ages)};
	return cmocka_run_group_tests(tests, keys_begin, keys_end);
}
