/* Tallies in the store: adding, closed days, listing, forgetting, the bound of the table, a full store, and kill -9. */
#include "cm.h"

#include "clock.h"
#include "room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD "v=TLSRPTv1; rua=mailto:a@example.com"
#define DAY INT64_C(20000)
#define AT(day, second) ((day)*TALLY_DAY_S + (second))
#define NOON 43200
#define STORE_BYTES (16 * ROOM_BYTES)

/* Makes a tally of `total` sessions with one policy. `line` is the policy's only line. */
static struct tlsrpt_tally tally_make(int64_t day, const char *domain, const char *line, int total, int failed)
{
	struct tlsrpt_tally tally;
	tlsrpt_tally_init(&tally, day, domain);
	for (int i = 0; i < total; i++) {
		struct tlsrpt_session session = {.record = RECORD};
		struct tlsrpt_failure failure = {.result = TLSRPT_CERTIFICATE_EXPIRED, .reason = "reason"};
		struct tlsrpt_policy *policy = tlsrpt_session_add(&session, TLSRPT_STS, domain);
		names_add(&policy->strings, line, strlen(line));
		policy->failed = i < failed;
		if (policy->failed)
			tlsrpt_policy_add(policy, &failure);
		tlsrpt_tally_add(&tally, &session);
		tlsrpt_session_free(&session);
	}
	return tally;
}

/* Adds tallies in one transaction, and frees them; returns how many sessions were refused. */
static uint64_t add_all(struct store *store, struct tlsrpt_tally *tally, size_t count, int64_t now)
{
	struct failure why = {.code = 0};
	uint64_t refused;
	if (!store_add_tallies(store, tally, count, now, &refused, &why))
		fail_msg("%s", why.text);
	for (size_t i = 0; i < count; i++)
		tlsrpt_tally_free(&tally[i]);
	return refused;
}

static uint64_t add(struct store *store, struct tlsrpt_tally tally, int64_t now)
{
	return add_all(store, &tally, 1, now);
}

static uint64_t total_of(struct store *store, int64_t day, const char *domain)
{
	struct tlsrpt_tally tally;
	enum store_found found = store_tally(store, day, domain, &tally, NULL);
	uint64_t total = tlsrpt_tally_total(&tally);
	assert_int_not_equal(found, STORE_FAILED);
	assert_int_equal(found == STORE_FOUND, total > 0);
	tlsrpt_tally_free(&tally);
	return total;
}

/* Lists all keys as `day:domain` and `day:domain!` (failed), relative to DAY. */
static const char *listed(struct store *store, struct store_tally_key after, size_t max)
{
	static char text[1024];
	struct store_tally_key key[8];
	size_t count = max, len = 0;
	text[0] = '\0';
	while (count == max) {
		assert_true(store_page_tallies(store, &after, max, key, &count, NULL));
		for (size_t i = 0; i < count; i++)
			len += (size_t)snprintf(text + len, sizeof text - len, "%s%lld:%s%s", len ? " " : "",
				(long long)(key[i].day - DAY), key[i].domain, key[i].failed ? "!" : "");
		if (count > 0)
			after = key[count - 1];
	}
	return text;
}

static void added_to_what_is_there(void **state)
{
	struct store *store = room_open(STORE_BYTES, STORE_OWNER);
	struct tlsrpt_tally tally;
	(void)state;
	assert_int_equal(add(store, tally_make(DAY, "a.example", "one", 2, 0), AT(DAY, NOON)), 0);
	assert_int_equal(add(store, tally_make(DAY, "b.example", "one", 1, 1), AT(DAY, NOON)), 0);
	assert_int_equal(add(store, tally_make(DAY, "a.example", "one", 3, 0), AT(DAY, NOON)), 0);
	assert_int_equal(add(store, tally_make(DAY, "a.example", "two", 1, 0), AT(DAY, NOON)), 0);
	assert_int_equal(add(store, tally_make(DAY + 1, "a.example", "one", 1, 0), AT(DAY + 1, NOON)), 0);
	store_close(&store);
	store = room_open(STORE_BYTES, STORE_OWNER);
	assert_int_equal(store_tally(store, DAY, "a.example", &tally, NULL), STORE_FOUND);
	assert_int_equal(tally.count, 2);
	assert_int_equal(tally.group[0].total, 5);
	assert_int_equal(tally.group[1].total, 1);
	assert_int_equal(tally.day, DAY);
	tlsrpt_tally_free(&tally);
	assert_int_equal(total_of(store, DAY, "b.example"), 1);
	assert_int_equal(total_of(store, DAY, "c.example"), 0);
	assert_int_equal(total_of(store, DAY + 1, "a.example"), 1);
	store_close(&store);
}

static void first_failure_moves_the_row(void **state)
{
	struct store *store = room_open(STORE_BYTES, STORE_OWNER);
	(void)state;
	add(store, tally_make(DAY, "b.example", "one", 2, 0), AT(DAY, NOON));
	add(store, tally_make(DAY, "a.example", "one", 1, 0), AT(DAY, NOON));
	add(store, tally_make(DAY + 1, "a.example", "one", 1, 0), AT(DAY, NOON));
	add(store, tally_make(DAY, "c.example", "one", 1, 1), AT(DAY, NOON));
	assert_string_equal(listed(store, (struct store_tally_key){.day = 0}, 8),
		"0:a.example 0:b.example 0:c.example! 1:a.example");
	add(store, tally_make(DAY, "a.example", "one", 1, 1), AT(DAY, NOON));
	for (size_t max = 1; max <= 4; max++) {
		assert_string_equal(listed(store, (struct store_tally_key){.day = 0}, max),
			"0:b.example 0:a.example! 0:c.example! 1:a.example");
		assert_string_equal(listed(store, (struct store_tally_key){.day = DAY, .failed = true}, max),
			"0:a.example! 0:c.example! 1:a.example");
		assert_string_equal(listed(store, (struct store_tally_key){.day = DAY + 1}, max), "1:a.example");
	}
	assert_int_equal(total_of(store, DAY, "a.example"), 2);
	store_close(&store);
}

/* The border of a day, and a clock that was set back over it. */
static void closed_days_never_change(void **state)
{
	static const struct {
		const char *what;
		int64_t stored; /* day that is closed explicitly before; 0: none */
		int64_t now;
		int64_t day;   /* of the session */
		int64_t where; /* it is counted */
	} rows[] = {
		{"the last second, written after midnight", 0, AT(DAY + 1, 3), DAY, DAY},
		{"written nine minutes late", 0, AT(DAY + 1, 599), DAY, DAY},
		{"written ten minutes late", 0, AT(DAY + 1, 600), DAY, DAY + 1},
		{"sending had begun", DAY, AT(DAY + 1, 3), DAY, DAY + 1},
		{"the clock was set back by an hour after sending had begun", DAY, AT(DAY, 82800), DAY, DAY + 1},
		{"the clock was set back by two days", DAY + 1, AT(DAY, NOON), DAY, DAY + 2},
		{"a day was closed by a clock that was wrong by years", DAY + 8000, AT(DAY, NOON), DAY, DAY},
		{"a tally of last week", 0, AT(DAY, NOON), DAY - 7, DAY},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct store *store = room_open(STORE_BYTES, STORE_OWNER);
		if (rows[i].stored != 0)
			assert_true(store_close_tallies(store, rows[i].stored, AT(rows[i].stored + 1, 5), NULL));
		assert_int_equal(add(store, tally_make(rows[i].day, "a.example", "one", 1, 0), rows[i].now), 0);
		if (total_of(store, rows[i].where, "a.example") != 1)
			fail_msg("%s: %s", rows[i].what, listed(store, (struct store_tally_key){.day = 0}, 8));
		store_close(&store);
		room_remove(NULL);
		room_make(NULL);
	}
}

/* What has been closed by time alone stays closed, too, if somebody has counted since. */
static void the_clock_is_set_back(void **state)
{
	struct store *store = room_open(STORE_BYTES, STORE_OWNER);
	int64_t closed;
	(void)state;
	assert_true(store_tallies_closed(store, AT(DAY, NOON), &closed, NULL));
	assert_int_equal(closed, DAY - 1);
	add(store, tally_make(DAY, "a.example", "one", 1, 0), AT(DAY, NOON));
	add(store, tally_make(DAY + 1, "a.example", "one", 1, 0), AT(DAY + 1, 700));
	assert_true(store_tallies_closed(store, AT(DAY, 80000), &closed, NULL));
	assert_int_equal(closed, DAY);
	add(store, tally_make(DAY, "a.example", "one", 1, 0), AT(DAY, 80000));
	assert_int_equal(total_of(store, DAY, "a.example"), 1);
	assert_int_equal(total_of(store, DAY + 1, "a.example"), 2);
	/* Closing an older day opens nothing. */
	assert_true(store_close_tallies(store, DAY - 3, AT(DAY, NOON), NULL));
	assert_true(store_tallies_closed(store, AT(DAY, NOON), &closed, NULL));
	assert_int_equal(closed, DAY);
	store_close(&store);
}

/* A clock that was ten days ahead has closed days. Nobody sends reports, so nothing but what is counted later corrects that. */
static void the_clock_was_ahead(void **state)
{
	struct store *store = room_open(STORE_BYTES, STORE_OWNER);
	(void)state;
	add(store, tally_make(DAY + 10, "a.example", "one", 1, 0), AT(DAY + 10, NOON));
	add(store, tally_make(DAY, "a.example", "one", 1, 0), AT(DAY, NOON));
	assert_int_equal(total_of(store, DAY, "a.example"), 1);
	add(store, tally_make(DAY + 7, "a.example", "one", 1, 0), AT(DAY + 7, NOON));
	assert_int_equal(total_of(store, DAY + 7, "a.example"), 1);
	store_close(&store);
}

static void old_days_are_forgotten(void **state)
{
	struct store *store = room_open(STORE_BYTES, STORE_OWNER);
	char domain[64];
	(void)state;
	struct tlsrpt_tally old[1100];
	for (int i = 0; i < 1100; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		old[i] = tally_make(DAY - 1, domain, "one", 1, i % 2);
	}
	assert_int_equal(add_all(store, old, COUNT(old), AT(DAY - 1, NOON)), 0);
	add(store, tally_make(DAY, "a.example", "one", 1, 0), AT(DAY, NOON));
	add(store, tally_make(DAY + 1, "a.example", "one", 1, 1), AT(DAY + 1, NOON));
	assert_true(store_forget_tallies(store, DAY, NULL));
	assert_string_equal(listed(store, (struct store_tally_key){.day = 0}, 8), "0:a.example 1:a.example!");
	assert_true(store_forget_tallies(store, DAY, NULL));
	assert_true(store_forget_tallies(store, DAY + 2, NULL));
	assert_string_equal(listed(store, (struct store_tally_key){.day = 0}, 8), "");
	store_close(&store);
}

static size_t rows_of(struct store *store, int64_t day, bool failed)
{
	struct store_tally_key key[64], after = {.day = day, .failed = failed};
	size_t count = COUNT(key), rows = 0;
	while (count == COUNT(key)) {
		assert_true(store_page_tallies(store, &after, COUNT(key), key, &count, NULL));
		for (size_t i = 0; i < count; i++)
			rows += key[i].day == day && key[i].failed == failed;
		if (count > 0)
			after = key[count - 1];
	}
	return rows;
}

#define BIG 600 /* octets of a policy's line */
static uint64_t flood(struct store *store, int64_t day, const char *name, int count, int failed)
{
	char line[BIG + 1], domain[64];
	uint64_t refused = 0;
	memset(line, 'x', BIG);
	line[BIG] = '\0';
	for (int i = 0; i < count;) {
		struct tlsrpt_tally some[20];
		size_t n = 0;
		for (; n < COUNT(some) && i < count; n++, i++) {
			snprintf(domain, sizeof domain, "%s%d.example", name, i);
			some[n] = tally_make(day, domain, line, 1, failed);
		}
		refused += add_all(store, some, n, AT(day, NOON));
	}
	return refused;
}

/* The table has a 16th of the store: what leaves first, and what is refused. */
static void the_table_is_bounded(void **state)
{
	struct store *store = room_open(2 * ROOM_BYTES, STORE_OWNER); /* 128 KiB: some 130 rows at a page's half */
	(void)state;
	assert_int_equal(flood(store, DAY, "old", 60, 0), 0);
	assert_int_equal(flood(store, DAY, "bad", 10, 1), 0);
	/* Rows without failures take the place of such rows of older days, and then are refused. */
	assert_int_not_equal(flood(store, DAY + 1, "new", 400, 0), 0);
	assert_int_equal(rows_of(store, DAY, false), 0);
	assert_int_equal(rows_of(store, DAY, true), 10);
	size_t fit = rows_of(store, DAY + 1, false);
	assert_in_range(fit, 60, 250);
	/* What is there is still counted. */
	assert_int_equal(add(store, tally_make(DAY + 1, "bad1.example", "x", 1, 0), AT(DAY + 1, NOON)), 1);
	assert_int_equal(flood(store, DAY + 1, "new", 1, 0), 0);
	assert_int_equal(total_of(store, DAY + 1, "new0.example"), 2);
	/* A failure takes the place of a row without one, on the same day, too. */
	assert_int_equal(flood(store, DAY + 1, "worse", 20, 1), 0);
	assert_int_equal(rows_of(store, DAY + 1, true), 20);
	assert_in_range(rows_of(store, DAY + 1, false), 1, fit - 15);
	/* A flood of failures removes no failure, and is refused in the end. */
	assert_int_not_equal(flood(store, DAY + 1, "flood", 400, 1), 0);
	assert_int_equal(rows_of(store, DAY, true), 10);
	assert_int_equal(rows_of(store, DAY + 1, false), 0);
	assert_int_equal(total_of(store, DAY + 1, "worse3.example"), 1);
	/* Two days later the first day has been reported, so its failures leave, too. */
	assert_int_equal(flood(store, DAY + 2, "later", 5, 1), 5);
	assert_int_equal(flood(store, DAY + 3, "later", 5, 1), 0);
	assert_in_range(rows_of(store, DAY, true), 0, 9);
	store_close(&store);
}

/* Rows that a wrong clock has made far in the future make room for those of today. */
static void a_wrong_clock_fills_nothing_for_ever(void **state)
{
	struct store *store = room_open(2 * ROOM_BYTES, STORE_OWNER);
	(void)state;
	assert_int_not_equal(flood(store, DAY + 9000, "far", 400, 1), 0);
	assert_int_equal(flood(store, DAY, "a", 40, 0), 0);
	assert_int_equal(rows_of(store, DAY, false), 40);
	store_close(&store);
}

static int policies_of(struct store *store)
{
	int known = 0;
	char domain[64];
	for (int i = 0; i < 1000; i++) {
		snprintf(domain, sizeof domain, "policy%d.example", i);
		known += room_knows(store, domain);
	}
	return known;
}

/* Policies in force never leave for tallies, and a store that is full of them refuses nearly all. */
static void a_full_store_keeps_its_policies(void **state)
{
	const enum kind kinds[] = {KIND_USED, KIND_ONCE};
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
		struct failure why;
		char domain[64];
		for (int n = 0; n < 1000; n++) {
			snprintf(domain, sizeof domain, "policy%d.example", n);
			room_put(store, domain, kinds[i], 2000, &why);
		}
		int policies = policies_of(store);
		assert_in_range(policies, 50, 999);
		assert_in_range(flood(store, DAY, "a", 200, 1), kinds[i] == KIND_USED ? 180 : 150, 200);
		assert_int_equal(policies_of(store), policies);
		store_close(&store);
		room_remove(NULL);
		room_make(NULL);
	}
}

/* In a store that is full of what may leave, tallies find room. */
static void a_full_store_makes_room(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct failure why;
	char domain[64];
	(void)state;
	for (int i = 0; i < 1500; i++) {
		snprintf(domain, sizeof domain, "negative%d.example", i);
		room_put(store, domain, KIND_NEGATIVE, 0, &why);
	}
	for (int i = 0; i < 200; i++) {
		snprintf(domain, sizeof domain, "testing%d.example", i);
		room_put(store, domain, KIND_TESTING, 2000, &why);
	}
	assert_int_equal(add(store, tally_make(DAY, "a.example", "one", 1, 0), AT(DAY, NOON)), 0);
	store_close(&store);
}

static void what_cannot_be_read_is_empty(void **state)
{
	struct store *store = room_open(STORE_BYTES, STORE_OWNER);
	(void)state;
	add(store, tally_make(DAY, "a.example", "one", 3, 0), AT(DAY, NOON));
	store_close(&store);
	room_write("tlsrpt_tallies", LIT("\0\0\x4e\x20\0a.example"), "STST damaged");
	room_write("tlsrpt_tallies", LIT("\0\0\x4e\x20\0"), "no domain");
	room_write("tlsrpt_tallies", LIT("\0"), "short");
	room_write("meta", LIT("tlsrpt_closed"), "damaged");
	store = room_open(STORE_BYTES, STORE_OWNER);
	assert_int_equal(total_of(store, DAY, "a.example"), 0);
	add(store, tally_make(DAY, "a.example", "one", 2, 0), AT(DAY, NOON));
	assert_int_equal(total_of(store, DAY, "a.example"), 2);
	assert_string_equal(listed(store, (struct store_tally_key){.day = 0}, 8), "0:a.example");
	assert_true(store_forget_tallies(store, DAY + 1, NULL));
	store_close(&store);
	assert_int_equal(room_records("tlsrpt_tallies"), 0);
}

/* An earlier version has no table of tallies; the tool does not make one. */
static void earlier_version(void **state)
{
	struct store *store = room_open(STORE_BYTES, STORE_OWNER);
	int64_t closed;
	(void)state;
	assert_true(room_put(store, "a.example", KIND_USED, 100, NULL));
	store_close(&store);
	room_table_drop("tlsrpt_tallies");
	store = room_open(STORE_BYTES, STORE_GUEST);
	assert_int_equal(total_of(store, DAY, "a.example"), 0);
	assert_string_equal(listed(store, (struct store_tally_key){.day = 0}, 8), "");
	assert_int_equal(add(store, tally_make(DAY, "a.example", "one", 1, 0), AT(DAY, NOON)), 0);
	assert_true(store_forget_tallies(store, DAY + 1, NULL));
	assert_true(store_tallies_closed(store, AT(DAY, NOON), &closed, NULL));
	assert_true(room_knows(store, "a.example"));
	store_close(&store);
	store = room_open(STORE_BYTES, STORE_OWNER);
	add(store, tally_make(DAY, "a.example", "one", 1, 0), AT(DAY, NOON));
	store_close(&store);
	store = room_open(STORE_BYTES, STORE_GUEST);
	assert_int_equal(total_of(store, DAY, "a.example"), 1);
	store_close(&store);
}

/* --- kill -9 ------------------------------------------------------------------------------------------------------ */

#define EACH 3 /* sessions of each transaction, in each of two domains */
static void add_for_ever(int fd)
{
	struct store *store = store_open(room, STORE_BYTES, STORE_OWNER, NULL);
	for (;;) {
		struct tlsrpt_tally tally[] = {
			tally_make(DAY, "a.example", "one", EACH, 1), tally_make(DAY, "b.example", "two", EACH, 0)};
		uint64_t refused;
		if (!store || !store_add_tallies(store, tally, 2, AT(DAY, NOON), &refused, NULL) || refused > 0 ||
			write(fd, "+", 1) != 1)
			_exit(1);
		tlsrpt_tally_free(&tally[0]);
		tlsrpt_tally_free(&tally[1]);
	}
}

static void killed_at_any_moment(void **state)
{
	uint64_t acknowledged = 0, flights = 0;
	(void)state;
	srand((unsigned)getpid());
	for (int round = 0; round < 8; round++) {
		int fd;
		char bytes[256];
		pid_t pid = room_spawn(add_for_ever, &fd);
		ssize_t got = read(fd, bytes, 1);
		assert_int_equal(got, 1);
		usleep((useconds_t)(rand() % 20000));
		room_kill(pid);
		for (; got > 0; got = read(fd, bytes, sizeof bytes))
			acknowledged += (uint64_t)got;
		close(fd);
		struct store *store = room_open(STORE_BYTES, STORE_OWNER);
		uint64_t a = total_of(store, DAY, "a.example"), b = total_of(store, DAY, "b.example");
		store_close(&store);
		flights++; /* a transaction may be on disk although the child could not say so */
		assert_int_equal(a, b);
		assert_int_equal(a % EACH, 0);
		assert_in_range(a / EACH, acknowledged, acknowledged + flights);
		flights = a / EACH - acknowledged;
	}
	assert_true(acknowledged > 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_make, room_remove)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(killed_at_any_moment),
		TEST(added_to_what_is_there),
		TEST(first_failure_moves_the_row),
		TEST(closed_days_never_change),
		TEST(the_clock_is_set_back),
		TEST(the_clock_was_ahead),
		TEST(old_days_are_forgotten),
		TEST(the_table_is_bounded),
		TEST(a_wrong_clock_fills_nothing_for_ever),
		TEST(a_full_store_keeps_its_policies),
		TEST(a_full_store_makes_room),
		TEST(what_cannot_be_read_is_empty),
		TEST(earlier_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
