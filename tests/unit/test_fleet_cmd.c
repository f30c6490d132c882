/* fleet list and fleet test, against a shared store of the test's own. */
#include "cm.h"

#include "clock.h"
#include "fleet_node.h"
#include "server_info.h"
#include "shared_store.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/stsgate-fleet-cmd-XXXXXX";
static char settings[96], key[96], password[96];
static struct fleet_keys *keys;

static void file_write(const char *name, const char *text, mode_t mode)
{
	FILE *file = fopen(name, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
	assert_int_equal(chmod(name, mode), 0);
}

static void settings_write(const char *more)
{
	char text[600];
	snprintf(text, sizeof text,
		"user = root\nfleet_key_file = %s\nfleet_node = relay1\nfleet_name = farm\nstore_path = /nonexistent\n%s",
		key, more);
	file_write(settings, text, 0644);
}

static int directory_make(void **state)
{
	(void)state;
	struct failure why;
	assert_non_null(mkdtemp(directory));
	snprintf(settings, sizeof settings, "%s/stsgate.conf", directory);
	snprintf(key, sizeof key, "%s/key", directory);
	snprintf(password, sizeof password, "%s/password", directory);
	file_write(key, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", 0600);
	file_write(password, "secret\n", 0600);
	settings_write("");
	keys = fleet_keys_read(key, &why);
	assert_non_null(keys);
	return 0;
}

static int directory_remove(void **state)
{
	(void)state;
	fleet_keys_free(&keys);
	unlink(settings);
	unlink(key);
	unlink(password);
	return rmdir(directory);
}

/* Puts a node there that was seen some seconds ago, and whose clock is ahead of the server's. */
static void node_put(const struct shared_store *store, const char *name, int64_t ago_s, int64_t lag_s, int64_t ahead_s)
{
	size_t len;
	int64_t now = clock_wall_s() + store->ahead_s + ahead_s - ago_s;
	struct fleet_node node = {.version = "0.2.0",
		.seen_at = now,
		.started_at = now - 1000,
		.entries = 4711,
		.decided_at = lag_s < 0 ? 0 : now - lag_s,
		.clock_known = true,
		.ahead_s = ahead_s};
	snprintf(node.name, sizeof node.name, "%s", name);
	char *sealed = fleet_node_seal(keys, "farm", &node, &len);
	SHARED_STORE_TELL(store, "HSET", "farm:nodes", name, sealed);
	free(sealed);
}

static struct tool_run run(const struct shared_store *store, const char *a, const char *b, const char *c)
{
	return TOOL("-c", settings, "-o", store ? store->setting : "fleet_server=", a, b, c);
}

/* Runs a command; its output must have each of the texts. */
static void says(const struct shared_store *store, int status, const char *a, const char *b, const char *c,
	const char *const *texts)
{
	struct tool_run got = run(store, a, b, c);
	for (size_t i = 0; texts[i]; i++)
		if (!strstr(got.out, texts[i]) && !strstr(got.err, texts[i]))
			fail_msg("`%s` is not in `%s%s`", texts[i], got.out, got.err);
	if (got.status != status)
		fail_msg("status %d: %s%s", got.status, got.out, got.err);
	tool_run_free(&got);
}
#define SAYS(store, status, a, b, c, ...) says(store, status, a, b, c, (const char *const[]){__VA_ARGS__, NULL})

/* --- list --------------------------------------------------------------------------------------------------------- */

static void test_list(void **state)
{
	(void)state;
	struct shared_store store = {0};
	shared_store_start(&store);
	SAYS(&store, 1, "fleet", NULL, NULL, "no node of the farm farm is known");
	node_put(&store, "relay2", 3, -1, 0);
	node_put(&store, "relay1", 5, 12, 0);
	SAYS(&store, 0, "fleet", NULL, NULL, "relay1 *                         current  0.2.0",
		"       4711        12s  right\n", "\nrelay2                           current ",
		"      never  right\n");
	node_put(&store, "relay3", 300, 5, 0);
	node_put(&store, "slow", 2, 5, -3600);
	SAYS(&store, 1, "fleet", "list", NULL, "relay3                           silent   0.2.0           ",
		"slow                             current  0.2.0", "1h behind\n");
	shared_store_stop(&store);
}

static void test_gone_is_no_fault(void **state)
{
	(void)state;
	struct shared_store store = {0};
	shared_store_start(&store);
	node_put(&store, "relay1", 1, 0, 0);
	node_put(&store, "old", 100000, 0, 0);
	SAYS(&store, 0, "fleet", "list", NULL, "old                              gone ");
	shared_store_stop(&store);
}

static void test_list_json(void **state)
{
	(void)state;
	struct shared_store store = {.ahead_s = 20};
	shared_store_start(&store);
	node_put(&store, "relay1", 0, 7, -20);
	SHARED_STORE_TELL(&store, "HSET", "farm:nodes", "evil\033[31m", "hello");
	struct tool_run got = run(&store, "--json", "fleet", NULL);
	assert_int_equal(got.status, 1);
	json_t *value = tool_json(&got), *node = json_array_get(json_object_get(value, "nodes"), 0);
	json_t *ignored = json_array_get(json_object_get(value, "ignored"), 0);
	assert_string_equal(
		json_string_value(json_object_get(value, "server")), store.setting + strlen("fleet_server="));
	assert_string_equal(json_string_value(json_object_get(node, "node")), "relay1");
	assert_true(json_is_true(json_object_get(node, "self")));
	assert_int_equal(json_integer_value(json_object_get(node, "lag")), 7);
	assert_int_equal(json_integer_value(json_object_get(node, "domains")), 4711);
	assert_int_equal(json_integer_value(json_object_get(node, "clock_ahead")), -20);
	/* by the server's clock, on which it was seen just now */
	assert_in_range(json_integer_value(json_object_get(value, "now")) -
				json_integer_value(json_object_get(node, "seen_at")),
		0, 19);
	assert_string_equal(json_string_value(json_object_get(ignored, "why")), "unsigned");
	assert_null(strchr(got.out, '\033'));
	json_decref(value);
	tool_run_free(&got);
	got = run(&store, "fleet", NULL, NULL);
	assert_non_null(strstr(got.out, "ignored: \"evil\\x1b[31m\": it is not signed"));
	tool_run_free(&got);
	shared_store_stop(&store);
}

static void test_not_shared(void **state)
{
	(void)state;
	struct shared_store store = {.refused = " HLEN "};
	SAYS(NULL, 1, "fleet", NULL, NULL, "nothing is shared: the setting fleet_server is empty");
	SAYS(NULL, 1, "fleet", "test", NULL, "nothing is shared");
	SAYS(NULL, 64, "fleet", "sing", NULL, "fleet: unknown word sing", "usage: stsgate fleet");
	shared_store_start(&store);
	SAYS(&store, 69, "fleet", NULL, NULL, "the shared store refuses HLEN: \"NOPERM");
	shared_store_stop(&store);
	SAYS(&store, 69, "fleet", NULL, NULL, "fleet_server: unix:/tmp/stsgate-shared-");
}

/* --- test --------------------------------------------------------------------------------------------------------- */

static void test_all_well(void **state)
{
	(void)state;
	struct shared_store store = {0};
	shared_store_start(&store);
	node_put(&store, "relay1", 1, 0, 0);
	SAYS(&store, 0, "fleet", "test", NULL, "ok    fleet-settings      this relay is relay1; key ",
		"ok    fleet-server ", "ok    fleet-values ", "ok    fleet-channel ", "ok    fleet-clock ",
		"ok    fleet-memory        redis 7.0.15 uses 1024k of 256M",
		"ok    fleet-nodes         1 node was seen");
	SAYS(&store, 0, "doctor", "--quick", "fleet", "ok    fleet-settings ");
	shared_store_stop(&store);
	SAYS(&store, 1, "fleet", "test", NULL, "warn  fleet-server        fleet_server: unix:/tmp/stsgate-shared-",
		"      start the server there, and let the user root connect to it");
	SAYS(NULL, 0, "doctor", "fleet-clock", NULL, "skip  fleet-clock         fleet_server is empty");
}

static void test_login(void **state)
{
	(void)state;
	struct shared_store store = {.password = "secret"};
	char more[200];
	shared_store_start(&store);
	snprintf(more, sizeof more, "fleet_user = stsgate\nfleet_password_file = %s\n", password);
	settings_write(more);
	SAYS(&store, 0, "fleet", "test", NULL, "ok    fleet-server ");
	file_write(password, "wrong\n", 0600);
	SAYS(&store, 1, "fleet", "test", NULL, "warn  fleet-server ", "WRONGPASS");
	file_write(password, "secret\n", 0644);
	SAYS(&store, 2, "fleet", "test", NULL, "fail  fleet-settings      fleet_password_file: ", "      chmod 0640 ");
	file_write(password, "secret\n", 0600);
	settings_write("");
	shared_store_stop(&store);
}

static void test_keys(void **state)
{
	(void)state;
	struct shared_store store = {0};
	shared_store_start(&store);
	file_write(key, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", 0644);
	SAYS(&store, 2, "fleet", "test", NULL, "fail  fleet-settings      fleet_key_file: ", "      chmod 0640 ");
	file_write(key, "0011\n", 0600);
	SAYS(&store, 2, "fleet", "test", NULL, "fail  fleet-settings ", "openssl rand -hex 32");
	unlink(key);
	SAYS(&store, 2, "fleet", "test", NULL, "fail  fleet-settings ", "put the file there");
	file_write(key,
		"ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
		0600);
	SAYS(&store, 0, "fleet", "test", NULL, " signs, and values of key ");
	file_write(key, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", 0600);
	shared_store_stop(&store);
}

static void test_faults(void **state)
{
	(void)state;
	static const struct {
		struct shared_store store;
		const char *line, *remedy;
	} rows[] = {
		{{.refused = " SET "}, "warn  fleet-values        a value cannot be written: \"NOPERM",
			"ACL SETUSER default ~farm:* &farm:* +@all -@dangerous +info"},
		{{.refused = " GET "}, "warn  fleet-values        a value that was written cannot be read: \"NOPERM",
			"ACL SETUSER"},
		{{.refused = " DEL "}, "warn  fleet-values        a value cannot be removed: \"NOPERM", "ACL SETUSER"},
		{{.lie = "hello"}, "warn  fleet-values        what was read is not what was written", "make sure"},
		{{.refused = " PUBLISH "}, "warn  fleet-channel ", "&farm:* +publish +subscribe"},
		{{.refused = " SUBSCRIBE "}, "warn  fleet-channel ", "&farm:* +publish +subscribe"},
		{{.refused = " INFO "}, "skip  fleet-memory ", ""},
		{{.refused = " TIME "}, "skip  fleet-clock ", ""},
		{{.ahead_s = 7200}, "warn  fleet-clock         the server's clock is 2h ahead of this machine's",
			"are ignored by the others"},
		{{.ahead_s = -30}, "warn  fleet-clock         the server's clock is 30s behind this machine's",
			"the later of two decisions"},
		{{.info = "redis_version:7.0.15\r\nused_memory:10\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n"},
			"warn  fleet-memory        redis 7.0.15 has no limit of memory", "volatile-lru"},
		{{.info = "valkey_version:8.1.1\r\nredis_version:7.2.4\r\nused_memory:10\r\nmaxmemory:1000\r\nmaxmemory_policy:noeviction\r\n"},
			"warn  fleet-memory        when the server's memory is full, it takes no changes",
			"volatile-lru"},
		{{.info = "used_memory:10\r\nmaxmemory:1000\r\nmaxmemory_policy:allkeys-lru\r\n"},
			"warn  fleet-memory        when the server's memory is full, it may remove decisions",
			"volatile-lru"},
		{{.info = "role:slave\r\n"}, "warn  fleet-memory        fleet_server is a replica", "that it follows"},
		{{.info = "rdb_last_bgsave_status:err\r\n"},
			"warn  fleet-memory        the server cannot write its data to the disk", "its log"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct shared_store store = rows[i].store;
		shared_store_start(&store);
		SAYS(&store, strncmp(rows[i].line, "skip", 4) == 0 ? 0 : 1, "fleet", "test", NULL, rows[i].line,
			rows[i].remedy);
		shared_store_stop(&store);
	}
}

static void test_other_nodes(void **state)
{
	(void)state;
	struct shared_store store = {0};
	shared_store_start(&store);
	node_put(&store, "relay2", 120, 0, 0);
	SAYS(&store, 1, "fleet", "test", NULL, "warn  fleet-nodes         relay2 was last seen 2m ago",
		"stsgate doctor sharing");
	SHARED_STORE_TELL(&store, "HSET", "farm:nodes", "relay3", "stsgate1 00000000 00 {}");
	SAYS(&store, 1, "fleet", "test", NULL,
		"warn  fleet-nodes         what relay3 says is ignored: ", "fleet_name of its own");
	shared_store_stop(&store);
}

/* --- INFO --------------------------------------------------------------------------------------------------------- */

static void test_server_info(void **state)
{
	(void)state;
	struct server_info info;
	static const char text[] =
		"# Server\r\nvalkey_version:8.1.1\nredis_version:7.2.4\r\nmaxmemory:12\r\nused_memory:7\r\nmaxmemory:13\r\n"
		"maxmemory_policy:volatile-ttl\r\nrole:slave\r\naof_last_write_status:err";
	server_info_read(&info, (struct span){text, sizeof text - 1});
	assert_string_equal(info.name, "valkey");
	assert_string_equal(info.version, "8.1.1");
	assert_string_equal(info.policy, "volatile-ttl");
	assert_true(info.memory_known && info.replica && info.save_failed);
	assert_int_equal(info.limit, 12);
	assert_int_equal(info.used, 7);
	static const char *const bad[] = {"", "maxmemory", "maxmemory:\nused_memory:1", "maxmemory:1x\nused_memory:1",
		"maxmemory:1234567890123456789\nused_memory:1", "maxmemory:1", "used_memory:1", "redis_version:a b",
		"redis_version:\033[31m", "redis_version:123456789012345678901234567890123", "xredis_version:7"};
	for (size_t i = 0; i < COUNT(bad); i++) {
		server_info_read(&info, (struct span){bad[i], strlen(bad[i])});
		assert_false(info.memory_known);
		assert_string_equal(info.version, "");
		assert_string_equal(info.name, "redis");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_list), cmocka_unit_test(test_gone_is_no_fault),
		cmocka_unit_test(test_list_json), cmocka_unit_test(test_not_shared), cmocka_unit_test(test_all_well),
		cmocka_unit_test(test_login), cmocka_unit_test(test_keys), cmocka_unit_test(test_faults),
		cmocka_unit_test(test_other_nodes), cmocka_unit_test(test_server_info)};
	return cmocka_run_group_tests(tests, directory_make, directory_remove);
}
