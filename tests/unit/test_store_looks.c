/* The looks in the store: beside the records of their hops, and never at the cost of anything else. */
#include "cm.h"

#include "clock.h"
#include "fields.h"
#include "room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST "mx.example"

static void hop_learn(struct hop_record *record, void *arg)
{
	hop_record_learn(record, arg);
}

static bool hop_put(struct store *store, const char *host, uint16_t port, int64_t at)
{
	struct evidence seen = {.at = at, .reason = REASON_OK};

	return store_change_hop(store, host, port, hop_learn, &seen, NULL);
}

static struct store_hop_look made(const char *host, uint16_t port, const char *greeting)
{
	struct store_hop_look look = {.port = port, .look = {.at = 100, .rewritten = true, .asn = 64496}};

	snprintf(look.host, sizeof look.host, "%s", host);
	snprintf(look.look.greeting, sizeof look.look.greeting, "%s", greeting);
	snprintf(look.look.fingerprint, sizeof look.look.fingerprint, "0123456789abcdef");
	return look;
}

static bool look_put(struct store *store, const char *host, uint16_t port, const char *greeting)
{
	struct store_hop_look look = made(host, port, greeting);

	return store_put_looks(store, &look, 1, NULL);
}

static const char *greeting_of(struct store *store, const char *host, uint16_t port)
{
	static struct look look;
	enum store_found found = store_look_of(store, host, port, &look);

	assert_int_not_equal(found, STORE_FAILED);
	assert_int_equal(found == STORE_FOUND, look.at == 100);
	return found == STORE_FOUND ? look.greeting : "none";
}

static void kept_beside_its_hop(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct store_hop_look three[] = {made(HOST, 25, "a"), made("other.example", 25, "b"), made(HOST, 465, "c\xff")};
	struct look look;

	(void)state;
	assert_true(hop_put(store, HOST, 25, 100));
	assert_true(hop_put(store, HOST, 465, 100));
	assert_true(store_put_looks(store, three, COUNT(three), NULL)); /* the second one has no hop */
	assert_string_equal(greeting_of(store, HOST, 25), "a");
	assert_string_equal(greeting_of(store, HOST, 465), "c\xff");
	assert_string_equal(greeting_of(store, "other.example", 25), "none");
	assert_true(look_put(store, HOST, 25, "newer"));
	store_close(&store);
	assert_int_equal(room_records("looks"), 2);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(store_look_of(store, HOST, 25, &look), STORE_FOUND);
	assert_string_equal(look.greeting, "newer");
	assert_string_equal(look.fingerprint, "0123456789abcdef");
	assert_true(look.rewritten);
	assert_int_equal(look.asn, 64496);
	assert_true(store_put_looks(store, NULL, 0, NULL));
	store_close(&store);
}

static void what_cannot_be_read_is_absent(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);

	(void)state;
	assert_true(hop_put(store, HOST, 25, 100));
	assert_true(look_put(store, HOST, 25, "a"));
	store_close(&store);
	room_write("looks", LIT(HOST "\0\0\31"), "STSL damaged");
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_string_equal(greeting_of(store, HOST, 25), "none");
	assert_true(look_put(store, HOST, 25, "b"));
	assert_string_equal(greeting_of(store, HOST, 25), "b");
	store_close(&store);
}

/* An earlier version has no table of looks; the tool does not make one. */
static void earlier_version(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);

	(void)state;
	assert_true(hop_put(store, HOST, 25, 100));
	store_close(&store);
	room_table_drop("looks");
	store = room_open(ROOM_BYTES, STORE_GUEST);
	assert_true(look_put(store, HOST, 25, "a"));
	assert_string_equal(greeting_of(store, HOST, 25), "none");
	assert_true(hop_put(store, HOST, 25, 200));
	store_close(&store);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_true(look_put(store, HOST, 25, "a"));
	assert_string_equal(greeting_of(store, HOST, 25), "a");
	store_close(&store);
}

#define FLOOD 3000
static const char *numbered(int i)
{
	static char host[64];

	snprintf(host, sizeof host, "mx%d.example", i);
	return host;
}

static uint64_t used(struct store *store)
{
	struct store_usage usage;

	assert_true(store_usage(store, &usage, NULL));
	return usage.bytes;
}

/* A large look, such as a hostile host can cause. */
static struct store_hop_look *large(int i)
{
	static struct store_hop_look look;

	look = made(numbered(i), 25, "220 mx");
	memset(look.look.ehlo, 'x', sizeof look.look.ehlo - 1);
	memset(look.look.chain, 'y', sizeof look.look.chain - 1);
	return &look;
}

/* Looks stop at three quarters of the limit, and no record leaves for them. A look that is there is renewed. When the
 * store fills up with records, looks leave with their hops. */
static void looks_take_no_room_from_others(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	int64_t now = ROOM_NOW;
	int hops = 0, looks = 0;

	(void)state;
	for (int i = 0; i < FLOOD && used(store) < ROOM_BYTES / 2; i++, hops++)
		assert_true(hop_put(store, numbered(i), 25, now));
	for (int i = 0; i < hops; i++)
		assert_true(store_put_looks(store, large(i), 1, NULL));
	assert_in_range(used(store), ROOM_BYTES / 8 * 5, ROOM_BYTES / 4 * 3);
	for (int i = 0; i < hops; i++)
		looks += strcmp(greeting_of(store, numbered(i), 25), "none") != 0;
	assert_in_range(looks, 1, hops - 1);
	assert_true(look_put(store, numbered(0), 25, "renewed"));
	assert_string_equal(greeting_of(store, numbered(0), 25), "renewed");
	for (int i = 0; i < 400; i++)
		assert_true(room_put(store, numbered(i), KIND_ONCE, 3000, NULL));
	assert_string_equal(greeting_of(store, numbered(0), 25), "none");
	store_close(&store);
	/* Each look that is left is that of a hop that is left. */
	store = room_open(ROOM_BYTES, STORE_OWNER);
	for (int i = 0; i < hops; i++) {
		struct store_view *view = store_view_begin(store, NULL);
		struct hop_record record;
		bool hop = store_view_hop(view, numbered(i), 25, &record) == STORE_FOUND;

		store_view_end(&view);
		assert_true(hop || strcmp(greeting_of(store, numbered(i), 25), "none") == 0);
	}
	store_close(&store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_make, room_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kept_beside_its_hop),
		TEST(what_cannot_be_read_is_absent),
		TEST(earlier_version),
		TEST(looks_take_no_room_from_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
