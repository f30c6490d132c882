/* The nodes as the daemon counts them, over a link that is written here: it obeys HSET, HLEN, HGETALL and HDEL. */
#include "clock.h"
#include "cm.h"
#include "fake_log.h"
#include "fleet_node.h"
#include "fleet_nodes.h"
#include "metrics.h"
#include "room.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROWS 8
#define WAIT_S 60

/* What the link knows; the loop's thread uses it, and the test before and after. */
struct link {
	bool up;
	long long more; /* that HLEN claims beyond what is there */
	int64_t octets; /* of memory that the hash takes */
	char *field[ROWS], *value[ROWS];
};
static atomic_uint written, counted, removed;
static struct fleet_keys *keys;

bool link_is_up(const struct link *link)
{
	return link->up;
}

bool link_clock(const struct link *link, int64_t *ahead_s)
{
	*ahead_s = 30;
	return link->up;
}

static void field_set(struct link *link, const char *name, const char *value)
{
	for (size_t i = 0; i < ROWS; i++)
		if (!link->field[i] || strcmp(link->field[i], name) == 0) {
			free(link->field[i]);
			free(link->value[i]);
			link->field[i] = strdup(name);
			link->value[i] = strdup(value);
			return;
		}
}

static size_t fields_list(const struct link *link, struct link_reply *item)
{
	size_t count = 0;
	for (size_t i = 0; i < ROWS && link->field[i]; i++) {
		item[count++] =
			(struct link_reply){.kind = LINK_BYTES, .bytes = link->field[i], .len = strlen(link->field[i])};
		item[count++] =
			(struct link_reply){.kind = LINK_BYTES, .bytes = link->value[i], .len = strlen(link->value[i])};
	}
	return count;
}

void link_ask(struct link *link, int64_t deadline_ms, link_answered *answered, void *arg, size_t count,
	const char *const *word)
{
	struct link_reply item[2 * ROWS], reply = {.kind = LINK_NUMBER};
	(void)deadline_ms;
	(void)count;
	assert_string_equal(word[strcmp(word[0], "MEMORY") == 0 ? 2 : 1], "farm:nodes");
	if (strcmp(word[0], "HGET") == 0) {
		reply.kind = LINK_NIL;
		for (size_t i = 0; i < ROWS && link->field[i]; i++)
			if (strcmp(link->field[i], word[2]) == 0)
				reply = (struct link_reply){
					.kind = LINK_BYTES, .bytes = link->value[i], .len = strlen(link->value[i])};
	} else if (strcmp(word[0], "HSET") == 0) {
		field_set(link, word[2], word[3]);
		atomic_fetch_add(&written, 1);
	} else if (strcmp(word[0], "HDEL") == 0) {
		assert_string_equal(word[2], "forgotten");
		atomic_fetch_add(&removed, 1);
	} else if (strcmp(word[0], "HLEN") == 0) {
		reply.number = link->more + (long long)fields_list(link, item) / 2;
		atomic_fetch_add(&counted, 1);
	} else if (strcmp(word[0], "MEMORY") == 0) {
		reply.number = link->octets;
	} else {
		assert_string_equal(word[0], "HGETALL");
		reply.kind = LINK_LIST;
		reply.item = item;
		reply.count = fields_list(link, item);
	}
	if (answered)
		answered(arg, &reply);
}

/* --- the farm ----------------------------------------------------------------------------------------------------- */

struct farm {
	struct fleet_base base;
	struct link link;
	struct fleet_nodes *nodes;
};

static void node_put(struct link *link, const char *name, int64_t ago_s)
{
	size_t len;
	int64_t now = clock_wall_s() - ago_s;
	struct fleet_node node = {
		.version = "0.1.0", .seen_at = now, .started_at = now, .clock_known = true, .ahead_s = -30};
	snprintf(node.name, sizeof node.name, "%s", name);
	char *sealed = fleet_node_seal(keys, "farm", &node, &len);
	field_set(link, name, sealed);
	free(sealed);
}

static void farm_begin(struct farm *farm)
{
	struct failure why;
	struct settings *settings = settings_read(NULL, false, NULL, 0, NULL);
	atomic_store(&written, 0);
	atomic_store(&counted, 0);
	atomic_store(&removed, 0);
	farm->base = (struct fleet_base){.settings = settings,
		.store = room_open(ROOM_BYTES, STORE_OWNER),
		.loop = loop_new(&why),
		.link = &farm->link,
		.keys = keys,
		.prefix = "farm",
		.node = "relay1"};
	farm->nodes = fleet_nodes_new(&farm->base);
	fleet_nodes_decided(farm->nodes, clock_wall_s() - 10);
	assert_true(loop_start(farm->base.loop, &why));
}

static void farm_end(struct farm *farm)
{
	struct settings *settings = (struct settings *)farm->base.settings;
	loop_stop(farm->base.loop);
	loop_join(farm->base.loop);
	fleet_nodes_free(&farm->nodes);
	loop_free(&farm->base.loop);
	store_close(&farm->base.store);
	settings_free(&settings);
}

static void link_clear(struct link *link)
{
	for (size_t i = 0; i < ROWS; i++) {
		free(link->field[i]);
		free(link->value[i]);
	}
}

static void wait_for(atomic_uint *count)
{
	struct timespec moment = {.tv_nsec = 20000000};
	for (int i = 0; atomic_load(count) == 0; i++) {
		assert_true(i < WAIT_S * 50);
		nanosleep(&moment, NULL);
	}
}

static uint64_t gauge(enum fleet_node_state state)
{
	return metrics_read(METRIC_FLEET_NODES, state, 0, 0);
}

static void test_nodes_are_counted(void **state)
{
	(void)state;
	struct farm farm = {.link = {.up = true}};
	struct fleet_node own;
	node_put(&farm.link, "relay2", 20);
	node_put(&farm.link, "silent", 300);
	node_put(&farm.link, "gone", 2 * NODE_GONE_S);
	node_put(&farm.link, "forgotten", NODE_FORGET_S + 100);
	field_set(&farm.link, "stranger", "hello");
	farm_begin(&farm);
	wait_for(&counted);
	farm_end(&farm);
	assert_int_equal(atomic_load(&written), 1);
	assert_int_equal(atomic_load(&removed), 1);
	assert_int_equal(gauge(FLEET_NODE_CURRENT), 2);
	assert_int_equal(gauge(FLEET_NODE_SILENT), 1);
	size_t i = 0;
	while (strcmp(farm.link.field[i], "relay1") != 0)
		i++;
	assert_int_equal(fleet_node_open(keys, "farm", "relay1", 6, farm.link.value[i], strlen(farm.link.value[i]),
				 clock_wall_s(), &own),
		FLEET_TAKEN);
	assert_string_equal(own.version, PACKAGE_VERSION);
	assert_in_range(clock_wall_s() - own.seen_at, 0, WAIT_S);
	assert_in_range(fleet_node_lag_s(&own), 10, 10 + WAIT_S);
	assert_true(own.clock_known);
	assert_int_equal(own.ahead_s, -30); /* the server is ahead */
	link_clear(&farm.link);
}

/* Cloned machines have one name. What an earlier process of this relay has left is no twin. */
static void test_twin(void **state)
{
	(void)state;
	static const int64_t ago_s[] = {-30, 5};
	static char lines[FAKE_LOG_SIZE];
	for (size_t i = 0; i < COUNT(ago_s); i++) {
		struct farm farm = {.link = {.up = true}};
		fake_log_forget();
		node_put(&farm.link, "relay1", ago_s[i]);
		farm_begin(&farm);
		wait_for(&written);
		farm_end(&farm);
		fake_log_copy(lines);
		assert_int_equal(
			strstr(lines, "another relay of the farm has the name relay1, too") != NULL, ago_s[i] < 0);
		link_clear(&farm.link);
	}
}

/* A hash that somebody has filled is not read. */
static void test_flood(void **state)
{
	(void)state;
	struct farm farm = {.link = {.up = true, .more = NODES_MAX}};
	farm_begin(&farm);
	wait_for(&counted);
	farm_end(&farm);
	assert_int_equal(gauge(FLEET_NODE_CURRENT), 0);
	link_clear(&farm.link);
	farm = (struct farm){.link = {.up = true, .octets = 100 << 20}};
	uint64_t before = metrics_read(METRIC_FLEET_IGNORED, FLEET_OVERSIZED, 0, 0);
	farm_begin(&farm);
	wait_for(&counted);
	farm_end(&farm);
	assert_int_equal(gauge(FLEET_NODE_CURRENT), 0);
	assert_int_equal(metrics_read(METRIC_FLEET_IGNORED, FLEET_OVERSIZED, 0, 0), before + 1);
	link_clear(&farm.link);
}

static void test_link_is_down(void **state)
{
	(void)state;
	struct farm farm = {.link = {.up = false}};
	struct timespec moment = {.tv_sec = 1, .tv_nsec = 500000000};
	metrics_set(METRIC_FLEET_NODES, FLEET_NODE_CURRENT, 0, 0, 7);
	farm_begin(&farm);
	nanosleep(&moment, NULL);
	farm_end(&farm);
	assert_int_equal(atomic_load(&written), 0);
	assert_int_equal(gauge(FLEET_NODE_CURRENT), 0);
	link_clear(&farm.link);
}

static int keys_begin(void **state)
{
	(void)state;
	char path[] = "/tmp/stsgate-key-XXXXXX", text[64];
	struct failure why;
	int fd = mkstemp(path);
	memset(text, 'a', sizeof text);
	assert_int_equal(write(fd, text, sizeof text), (int)sizeof text);
	close(fd);
	keys = fleet_keys_read(path, &why);
	unlink(path);
	return keys ? 0 : -1;
}

static int keys_end(void **state)
{
	(void)state;
	fleet_keys_free(&keys);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nodes_are_counted, room_make, room_remove),
		cmocka_unit_test_setup_teardown(test_twin, room_make, room_remove),
		cmocka_unit_test_setup_teardown(test_flood, room_make, room_remove),
		cmocka_unit_test_setup_teardown(test_link_is_down, room_make, room_remove)};
	return cmocka_run_group_tests(tests, keys_begin, keys_end);
}
