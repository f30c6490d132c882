/* The limits: quotas, rates, the probe budget, back-off from policy hosts, short memories of failures. */
#include "check_limits.h"

#include "cm.h"
#include "reason.h"

#include <stdio.h>
#include <string.h>

#define START_MS INT64_C(50000)
#define T0 1000000
#define TABLE_SLOTS 65536

/* --- the probe budget --------------------------------------------------------------------------------------------- */

static struct address address(const char *text)
{
	struct address a;
	assert_true(address_parse(&a, text));
	return a;
}

static enum budget_answer take(struct limits *limits, const char *text, int64_t now_ms, unsigned *slot)
{
	struct address a = address(text);
	return limits_probes_begin(limits, &a, 1, BUDGET_FOR_GOOD, now_ms, slot);
}

/* Takes probes and gives them back at once; returns how many the budget allowed. */
static int run_for(struct limits *limits, enum budget_claim claim, const char *text, int64_t now_ms, int tries)
{
	struct address a = address(text);
	int gone = 0;
	for (int i = 0; i < tries; i++) {
		unsigned slot;
		if (limits_probes_begin(limits, &a, 1, claim, now_ms, &slot) != BUDGET_GO)
			continue;
		limits_probe_end(limits, slot);
		gone++;
	}
	return gone;
}

static int run(struct limits *limits, const char *text, int64_t now_ms, int tries)
{
	return run_for(limits, BUDGET_FOR_GOOD, text, now_ms, tries);
}

static void two_at_once(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	unsigned slot[3];
	assert_int_equal(take(limits, "8.8.8.1", T0, &slot[0]), BUDGET_GO);
	assert_int_equal(take(limits, "8.8.8.2", T0, &slot[1]), BUDGET_GO);
	assert_int_equal(take(limits, "8.8.8.3", T0, &slot[2]), BUDGET_BUSY);
	assert_int_equal(take(limits, "8.8.9.1", T0, &slot[2]), BUDGET_GO); /* the next /24 */
	limits_probe_end(limits, slot[0]);
	assert_int_equal(take(limits, "8.8.8.3", T0, &slot[2]), BUDGET_GO);
	limits_free(&limits);
}

static void six_a_minute(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	assert_int_equal(run(limits, "8.8.8.1", T0, 50), BUDGET_A_MINUTE);
	assert_int_equal(run(limits, "8.8.8.200", T0 + 9000, 50), 0);
	assert_int_equal(run(limits, "8.8.8.200", T0 + 10000, 50), 1);
	assert_int_equal(run(limits, "8.8.8.200", T0 + 200000, 50), BUDGET_A_MINUTE);
	assert_int_equal(run(limits, "2001:4860:1::1", T0, 50), BUDGET_A_MINUTE);
	assert_int_equal(run(limits, "2001:4860:1:ffff::1", T0, 50), 0); /* the same /48 */
	assert_int_equal(run(limits, "2001:4860:2::1", T0, 50), BUDGET_A_MINUTE);
	limits_free(&limits);
}

/* A network that is asked for all the time still gets its whole budget: no part of a token is lost. */
static void asking_does_not_stop_the_clock(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	int gone = run(limits, "8.8.8.1", T0, 50);
	for (int64_t ms = 1; ms <= 60000; ms++)
		gone += run(limits, "8.8.8.1", T0 + ms, 1);
	assert_int_equal(gone, 2 * BUDGET_A_MINUTE);
	limits_free(&limits);
}

static void own_networks_have_more(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	assert_int_equal(run(limits, "10.0.0.1", T0, 500), BUDGET_A_MINUTE * BUDGET_PRIVATE_FACTOR);
	limits_free(&limits);
}

/* A hop with one address in a busy network is asked for again and again. That spends nothing of its other network,
 * and nothing of the global rate. */
static void nothing_is_lost_by_asking(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	struct address pair[2] = {address("8.8.8.1"), address("2001:4860:1::1")};
	unsigned slot[2], busy[BUDGET_AT_ONCE];
	for (int i = 0; i < BUDGET_AT_ONCE; i++)
		assert_int_equal(take(limits, "2001:4860:1::2", T0, &busy[i]), BUDGET_GO);
	for (int i = 0; i < 2 * BUDGET_GLOBAL_A_MINUTE; i++)
		assert_int_equal(limits_probes_begin(limits, pair, 2, BUDGET_FOR_GOOD, T0, slot), BUDGET_BUSY);
	limits_probe_end(limits, busy[0]);
	assert_int_equal(limits_probes_begin(limits, pair, 2, BUDGET_FOR_GOOD, T0, slot), BUDGET_GO);
	limits_probe_end(limits, slot[0]);
	limits_probe_end(limits, slot[1]);
	assert_int_equal(run(limits, "8.8.8.1", T0, 50), BUDGET_A_MINUTE - 1);
	limits_free(&limits);
}

/* Two addresses of one hop in one network count as two probes. */
static void one_network_twice(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	struct address pair[2] = {address("8.8.8.1"), address("8.8.8.2")};
	unsigned slot[2], more;
	assert_int_equal(limits_probes_begin(limits, pair, 2, BUDGET_FOR_GOOD, T0, slot), BUDGET_GO);
	assert_int_equal(take(limits, "8.8.8.3", T0, &more), BUDGET_BUSY);
	limits_probe_end(limits, slot[0]);
	assert_int_equal(limits_probes_begin(limits, pair, 2, BUDGET_FOR_GOOD, T0, slot), BUDGET_BUSY);
	assert_int_equal(take(limits, "8.8.8.3", T0, &more), BUDGET_GO);
	limits_free(&limits);
}

/* More networks than slots: networks that share a slot get less, and what was taken is given back. */
static void a_full_table_holds(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	int gone = 0;
	for (int i = 0; i < 4 * TABLE_SLOTS; i++) {
		struct address a = {.len = 4, .bytes = {(uint8_t)(11 + i / 65536), (uint8_t)(i / 256), (uint8_t)i, 1}};
		unsigned slot;
		if (limits_probes_begin(limits, &a, 1, BUDGET_FOR_GOOD, T0, &slot) == BUDGET_GO) {
			gone++;
			limits_probe_end(limits, slot);
		}
	}
	assert_true(gone > 0);
	assert_true(gone <= BUDGET_GLOBAL_A_MINUTE);
	assert_int_equal(run(limits, "8.8.8.1", T0 + 600000, 50), BUDGET_A_MINUTE);
	limits_free(&limits);
}

static struct address scattered(unsigned i)
{
	uint32_t network = i * 2654435761u >> 8;
	return (struct address){
		.len = 16, .bytes = {0x2a, 0, 0, (uint8_t)(network >> 16), (uint8_t)(network >> 8), (uint8_t)network}};
}

/* New networks all the time, for minutes: as many as the global rate allows and many more that it refuses. None of
 * them finds its budget spent by others that share its slot. */
static void a_flood_shares_no_slot(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	unsigned next = 0;
	for (int i = 0; i < 30; i++) {
		unsigned gone = 0, slot;
		for (unsigned until = next + 2 * TABLE_SLOTS; next < until; next++) {
			struct address a = scattered(next);
			enum budget_answer answer =
				limits_probes_begin(limits, &a, 1, BUDGET_FOR_GOOD, T0 + 10000 * i, &slot);
			assert_int_not_equal(answer, BUDGET_SPENT);
			if (answer == BUDGET_GO)
				limits_probe_end(limits, slot);
			gone += answer == BUDGET_GO;
		}
		assert_int_equal(gone, i == 0 ? BUDGET_GLOBAL_A_MINUTE : BUDGET_GLOBAL_A_MINUTE / 6);
	}
	limits_free(&limits);
}

/* Each claim leaves a part to the more urgent claims, however often it asks. */
static void each_leaves_something(void **state)
{
	(void)state;
	static const enum budget_claim claims[] = {
		BUDGET_FOR_BAD, BUDGET_FOR_BACKGROUND, BUDGET_FOR_NEW, BUDGET_FOR_GOOD};
	static const int of_six[] = {2, 3, 4, 6}, more[] = {2, 1, 1, 2};
	struct limits *limits = limits_new();
	for (int i = 0; i < 4; i++) {
		int64_t now_ms = T0 + 600000 * i;
		assert_int_equal(run_for(limits, claims[i], "8.8.8.1", now_ms, 50), of_six[i]);
		assert_int_equal(run_for(limits, claims[i], "8.8.8.1", now_ms + 9000, 50), 0);
		assert_int_equal(
			run_for(limits, claims[i], "10.0.0.1", now_ms, 500), of_six[i] * BUDGET_PRIVATE_FACTOR);
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(run_for(limits, claims[i], "8.8.9.1", T0, 50), more[i]);
	/* Together they get no more than one of them could alone. */
	assert_int_equal(run(limits, "8.8.9.1", T0 + 9999, 50), 0);
	limits_free(&limits);
}

/* The same for the global rate. */
static void each_leaves_something_of_all(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	int gone = 0;
	for (int i = 0; i < 2 * BUDGET_GLOBAL_A_MINUTE && gone < BUDGET_GLOBAL_A_MINUTE; i++) {
		struct address a = {
			.len = 16, .bytes = {0x2a, 0, 0, (uint8_t)(i / 65536), (uint8_t)(i / 256), (uint8_t)i}};
		unsigned slot;
		if (limits_probes_begin(limits, &a, 1, BUDGET_FOR_BACKGROUND, T0, &slot) == BUDGET_GO) {
			limits_probe_end(limits, slot);
			gone++;
		}
	}
	assert_int_equal(gone, BUDGET_GLOBAL_A_MINUTE / 2);
	limits_free(&limits);
}

/* A claim with a waiter finds one place free; the two addresses of one hop do not count against each other. */
static void background_has_one_place(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	struct address pair[2] = {address("8.8.8.1"), address("8.8.8.2")};
	unsigned slot[3];
	assert_int_equal(limits_probes_begin(limits, &pair[0], 1, BUDGET_FOR_BACKGROUND, T0, &slot[0]), BUDGET_GO);
	assert_int_equal(limits_probes_begin(limits, &pair[1], 1, BUDGET_FOR_BACKGROUND, T0, &slot[1]), BUDGET_BUSY);
	assert_int_equal(limits_probes_begin(limits, &pair[1], 1, BUDGET_FOR_NEW, T0, &slot[1]), BUDGET_GO);
	limits_probe_end(limits, slot[0]);
	assert_int_equal(limits_probes_begin(limits, &pair[0], 1, BUDGET_FOR_BACKGROUND, T0, &slot[0]), BUDGET_BUSY);
	limits_probe_end(limits, slot[1]);
	assert_int_equal(limits_probes_begin(limits, pair, 2, BUDGET_FOR_BACKGROUND, T0 + 60000, slot), BUDGET_GO);
	limits_free(&limits);
}

/* --- back-off ----------------------------------------------------------------------------------------------------- */

static struct address address_of(unsigned number)
{
	struct address address = {.len = 4};
	memcpy(address.bytes, &number, 4);
	return address;
}

static enum backoff_way way(struct limits *limits, unsigned host, bool asked, int64_t now_ms, struct backoff_try *try)
{
	struct address address = address_of(host);
	return limits_fetch_begin(limits, &address, asked, now_ms, try);
}

static bool begin(struct limits *limits, unsigned host, bool asked, int64_t now_ms, struct backoff_try *try)
{
	return way(limits, host, asked, now_ms, try) == BACKOFF_GO;
}

static bool goes(struct limits *limits, unsigned host, bool asked, int64_t now_ms)
{
	struct backoff_try try;
	bool go = begin(limits, host, asked, now_ms, &try);
	if (go)
		limits_fetch_end(limits, &try, BACKOFF_UNPROVED, now_ms);
	return go;
}

static void host_fails(struct limits *limits, unsigned host, int64_t now_ms)
{
	struct backoff_try try;
	assert_true(begin(limits, host, true, now_ms, &try));
	limits_fetch_end(limits, &try, BACKOFF_UNREACHED, now_ms);
}

/* Any number of fetches at a time while they succeed; one at a time after a failure; any number again after a
 * success. */
static void one_fetch_at_a_time(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	struct backoff_try first, second, third;
	assert_true(begin(limits, 1, false, START_MS, &first));
	assert_true(begin(limits, 1, false, START_MS, &second));
	limits_fetch_end(limits, &first, BACKOFF_UNREACHED, START_MS);
	assert_true(begin(limits, 1, false, START_MS, &first));
	assert_true(first.alone);
	assert_int_equal(way(limits, 1, false, START_MS + 3600000, &third), BACKOFF_FAIL);
	assert_int_equal(way(limits, 1, true, START_MS + 3600000, &third), BACKOFF_WAIT); /* somebody waits */
	assert_true(goes(limits, 2, false, START_MS));                                    /* another host */
	limits_fetch_end(
		limits, &second, BACKOFF_UNREACHED, START_MS); /* was under way before: counts as the same failure */
	assert_false(begin(limits, 1, false, START_MS, &third));
	limits_fetch_end(limits, &first, BACKOFF_REACHED, START_MS);
	assert_true(begin(limits, 1, false, START_MS, &first));
	assert_true(begin(limits, 1, false, START_MS, &second));
	limits_free(&limits);
}

/* In back-off no fetch waits; one try at a time is allowed. */
static void back_off_fails_at_once(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	struct backoff_try first, second;
	host_fails(limits, 1, START_MS);
	host_fails(limits, 1, START_MS);
	assert_int_equal(way(limits, 1, true, START_MS, &first), BACKOFF_FAIL);
	assert_int_equal(way(limits, 1, true, START_MS + BACKOFF_ASKED_MS, &first), BACKOFF_GO);
	assert_int_equal(way(limits, 1, true, START_MS + BACKOFF_ASKED_MS, &second), BACKOFF_FAIL);
	limits_fetch_end(limits, &first, BACKOFF_REACHED, START_MS + BACKOFF_ASKED_MS);
	assert_int_equal(way(limits, 1, false, START_MS + BACKOFF_ASKED_MS, &second), BACKOFF_GO);
	limits_free(&limits);
}

/* 5 s, 10 s, up to ten minutes. With a waiter, 5 s at most. */
static void back_off_grows(void **state)
{
	(void)state;
	static const int64_t waits_ms[] = {0, 5000, 10000, 20000, 40000, 80000, 160000, 320000, 600000, 600000, 600000};
	struct limits *limits = limits_new();
	int64_t now_ms = START_MS;
	for (size_t i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
		host_fails(limits, 1, now_ms);
		int64_t asked_ms = waits_ms[i] < BACKOFF_ASKED_MS ? waits_ms[i] : BACKOFF_ASKED_MS;
		assert_true(i == 0 || !goes(limits, 1, false, now_ms + waits_ms[i] - 1));
		assert_true(i == 0 || !goes(limits, 1, true, now_ms + asked_ms - 1));
		assert_true(goes(limits, 1, true, now_ms + asked_ms));
		assert_true(goes(limits, 1, false, now_ms + waits_ms[i]));
		now_ms += waits_ms[i];
	}
	limits_free(&limits);
}

/* More failing hosts than slots: some are forgotten, no working host is delayed, and nothing else happens. */
static void more_hosts_fail_than_there_is_room(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	unsigned held = 0;
	for (unsigned i = 0; i < 3 * BACKOFF_SLOTS; i++) {
		host_fails(limits, i, START_MS + i);
		host_fails(limits, i, START_MS + i);
	}
	for (unsigned i = 0; i < 3 * BACKOFF_SLOTS; i++)
		held += !goes(limits, i, false, START_MS + 1);
	assert_in_range(held, BACKOFF_SLOTS * 9 / 10, BACKOFF_SLOTS);
	for (unsigned i = 3 * BACKOFF_SLOTS; i < 4 * BACKOFF_SLOTS; i++)
		assert_true(goes(limits, i, false, START_MS + 1));
	limits_free(&limits);
}

struct visited {
	unsigned slots, held, value;
	struct key key;
	struct bucket bucket;
};

static void visit(void *arg, const struct slot *slot)
{
	struct visited *visited = arg;
	visited->slots++;
	visited->held += slot->held;
	visited->value += slot->value;
	visited->key = slot->key;
	visited->bucket = slot->bucket;
}

static struct visited visits(struct limits *limits, enum limit_kind kind)
{
	struct visited visited = {.slots = 0};
	limits_each(limits, kind, visit, &visited);
	return visited;
}

/* --- memories ----------------------------------------------------------------------------------------------------- */

static unsigned missed(struct limits *limits, const char *domain, int64_t now_ms)
{
	return limits_remembered(limits, LIMIT_MX_FAILURES, domain, 0, now_ms);
}

static void failed_lookups_are_remembered(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	const int64_t until_ms = START_MS + LIMITS_MX_FAILURE_MS;
	assert_int_equal(missed(limits, "example.com", START_MS), REASON_OK);
	limits_remember(limits, LIMIT_MX_FAILURES, "example.com", 0, REASON_MX_LOOKUP, until_ms);
	assert_int_equal(missed(limits, "example.com", until_ms - 1), REASON_MX_LOOKUP);
	assert_int_equal(missed(limits, "example.com", until_ms), REASON_OK);
	for (unsigned i = 0; i < 20000; i++) { /* never counts for another name, however full the table is */
		char name[32];
		snprintf(name, sizeof name, "d%u.example", i);
		assert_int_equal(missed(limits, name, START_MS), REASON_OK);
		limits_remember(limits, LIMIT_MX_FAILURES, name, 0, REASON_RESOLVER, until_ms);
		assert_int_equal(missed(limits, name, START_MS), REASON_RESOLVER);
	}
	limits_free(&limits);
}

static bool once(struct limits *limits, enum limit_kind kind, const char *name, uint32_t salt, int64_t now_ms)
{
	return limits_once(limits, kind, name, salt, now_ms, LIMITS_RENEWAL_MS);
}

static bool again(struct limits *limits, const char *name, int64_t now_ms)
{
	return limits_again(limits, LIMIT_BOUND, name, 25, now_ms, 100, 1000);
}

static void again_after_a_while(void **state)
{
	static const struct {
		int at_ms;
		bool again;
	} rows[] = {{0, false}, {99, false}, {100, true}, {150, false}, {199, false}, {200, true}, {1199, true},
		{2199, false}, {2298, false}, {3198, true}, {9000, false}};

	(void)state;
	struct limits *limits = limits_new();
	for (size_t i = 0; i < COUNT(rows); i++)
		if (again(limits, "example.com", START_MS + rows[i].at_ms) != rows[i].again)
			fail_msg("row %zu", i);
	assert_false(again(limits, "example.org", START_MS + 9000));
	limits_free(&limits);
}

static void once_in_a_while(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	assert_true(once(limits, LIMIT_RENEWALS, "example.com", 25, START_MS));
	assert_false(once(limits, LIMIT_RENEWALS, "example.com", 25, START_MS + LIMITS_RENEWAL_MS - 1));
	assert_true(once(limits, LIMIT_RENEWALS, "example.com", 587, START_MS));
	assert_true(once(limits, LIMIT_RENEWALS, "example.org", 25, START_MS));
	assert_true(once(limits, LIMIT_WILDCARDS, "example.com", 25, START_MS));
	assert_true(once(limits, LIMIT_RENEWALS, "example.com", 25, START_MS + LIMITS_RENEWAL_MS));
	assert_false(once(limits, LIMIT_RENEWALS, "example.com", 25, START_MS + LIMITS_RENEWAL_MS));
	limits_free(&limits);
}

/* A full table forgets the value that ends first, not one that is kept for a day. */
static void the_longest_memory_stays(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	limits_remember(limits, LIMIT_WILDCARDS, "kept.example", 0, 1, START_MS + LIMITS_WILDCARD_EVENT_MS);
	for (unsigned i = 0; i < 20000; i++) {
		char name[32];
		snprintf(name, sizeof name, "d%u.example", i);
		assert_true(limits_once(limits, LIMIT_WILDCARDS, name, 0, START_MS + i, LIMITS_WILDCARD_LOOK_MS));
	}
	assert_false(once(limits, LIMIT_WILDCARDS, "kept.example", 0, START_MS + LIMITS_WILDCARD_EVENT_MS - 1));
	limits_free(&limits);
}

/* --- rates and quotas --------------------------------------------------------------------------------------------- */

static unsigned taken(struct limits *limits, uint64_t key, unsigned tries, int64_t now_ms)
{
	unsigned count = 0;
	while (tries-- > 0)
		count += limits_rate(limits, LIMIT_CLIENT_RATE, key, now_ms);
	return count;
}

static void a_rate_by_client(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	assert_int_equal(taken(limits, 7, 5000, START_MS), CLIENT_BURST);
	assert_int_equal(taken(limits, 8, 500, START_MS), 500); /* another's */
	assert_int_equal(taken(limits, 0, 5000, START_MS), 5000);
	assert_int_equal(taken(limits, 7, 5000, START_MS + 9), 0);
	assert_int_equal(taken(limits, 7, 5000, START_MS + 10), 1);
	assert_int_equal(taken(limits, 7, 5000, START_MS + 1010), 100);
	assert_int_equal(taken(limits, 7, 5000, START_MS + 500), 0); /* two threads' clocks out of order */
	assert_int_equal(taken(limits, 7, 5000, START_MS + 86400000), CLIENT_BURST);
	unsigned slowly = 0;
	for (int64_t ms = 0; ms < 10000; ms++)
		slowly += taken(limits, 7, 1, START_MS + 86400000 + ms);
	assert_in_range(slowly, 998, 1000);
	limits_free(&limits);
}

static void a_quota_by_key(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	assert_true(limits_hold(limits, LIMIT_NETWORK_FETCHES, 7, 2));
	assert_true(limits_hold(limits, LIMIT_NETWORK_FETCHES, 7, 2));
	assert_false(limits_hold(limits, LIMIT_NETWORK_FETCHES, 7, 2));
	assert_true(limits_hold(limits, LIMIT_NETWORK_FETCHES, 7, 3)); /* each call has its own limit */
	assert_true(limits_hold(limits, LIMIT_NETWORK_FETCHES, 8, 0)); /* 0 counts as 1 */
	assert_false(limits_hold(limits, LIMIT_NETWORK_FETCHES, 8, 0));
	assert_true(limits_hold(limits, LIMIT_CLIENT_INQUIRIES, 7, 1)); /* another kind */
	limits_release(limits, LIMIT_NETWORK_FETCHES, 7);
	limits_release(limits, LIMIT_NETWORK_FETCHES, 7);
	assert_true(limits_hold(limits, LIMIT_NETWORK_FETCHES, 7, 2));
	assert_false(limits_hold(limits, LIMIT_NETWORK_FETCHES, 7, 2));
	for (int i = 0; i < 100; i++)
		assert_true(limits_hold(limits, LIMIT_NETWORK_FETCHES, 0, 1));
	limits_release(limits, LIMIT_NETWORK_FETCHES, 0);
	limits_free(&limits);
}

/* Many more keys than slots: keys that find no slot are refused, keys that hold one keep it, and nothing is left
 * behind. */
static void a_full_quota_refuses(void **state)
{
	(void)state;
	enum { KEYS = 200000 };
	static bool held[KEYS + 1];
	struct limits *limits = limits_new();
	for (int round = 0; round < 2; round++) {
		unsigned count = 0;
		for (uint64_t key = 1; key <= KEYS; key++) {
			held[key] = limits_hold(limits, LIMIT_CLIENT_INQUIRIES, key, 1);
			assert_true(held[key] || key > 10000);
			count += held[key];
		}
		assert_in_range(count, 10000, TABLE_SLOTS);
		for (uint64_t key = 1; key <= KEYS; key++) {
			assert_false(limits_hold(limits, LIMIT_CLIENT_INQUIRIES, key, 1));
			if (held[key])
				assert_true(limits_hold(limits, LIMIT_CLIENT_INQUIRIES, key, 2));
		}
		for (uint64_t key = 1; key <= KEYS; key++)
			for (int i = 0; held[key] && i < 2; i++)
				limits_release(limits, LIMIT_CLIENT_INQUIRIES, key);
		assert_int_equal(visits(limits, LIMIT_CLIENT_INQUIRIES).slots, 0);
	}
	limits_free(&limits);
}

/* A client that has used up its rate gets no new one, however many other clients come. */
static void a_spent_rate_is_kept(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	for (uint64_t key = 1; key <= 10; key++)
		assert_int_equal(taken(limits, key, 1000, START_MS), CLIENT_BURST);
	for (uint64_t key = 1000; key < 200000; key++)
		taken(limits, key, 1, START_MS);
	for (uint64_t key = 1; key <= 10; key++)
		assert_int_equal(taken(limits, key, 1000, START_MS), 0);
	limits_free(&limits);
}

/* --- inspection --------------------------------------------------------------------------------------------------- */

static void an_operator_sees(void **state)
{
	(void)state;
	struct limits *limits = limits_new();
	struct address host = address("2001:4860:1::1");
	unsigned slot;
	for (unsigned i = 0; i < LIMIT_KINDS; i++)
		assert_int_equal(visits(limits, i).slots, 0);
	limits_hold(limits, LIMIT_NETWORK_FETCHES, 7, 2);
	limits_hold(limits, LIMIT_NETWORK_FETCHES, 7, 2);
	struct visited seen = visits(limits, LIMIT_NETWORK_FETCHES);
	assert_true(seen.slots == 1 && seen.held == 2 && seen.key.low == 7);
	limits_release(limits, LIMIT_NETWORK_FETCHES, 7);
	limits_release(limits, LIMIT_NETWORK_FETCHES, 7);
	assert_int_equal(visits(limits, LIMIT_NETWORK_FETCHES).slots, 0);
	assert_int_equal(limits_probes_begin(limits, &host, 1, BUDGET_FOR_GOOD, T0, &slot), BUDGET_GO);
	limits_probe_end(limits, slot);
	seen = visits(limits, LIMIT_PROBES);
	assert_true(seen.slots == 1 && seen.held == 0 && seen.key.low == address_network(&host));
	assert_int_equal(seen.bucket.spent, 60000); /* one probe of the six that a minute allows */
	struct backoff_try try;
	limits_fetch_begin(limits, &host, true, T0, &try);
	limits_fetch_end(limits, &try, BACKOFF_UNREACHED, T0);
	seen = visits(limits, LIMIT_BACKOFF);
	assert_true(seen.slots == 1 && seen.value == 1);
	assert_int_equal(seen.key.high, 0x2001486000010000);
	assert_int_equal(seen.key.low, 1);
	limits_free(&limits);
	assert_null(limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_at_once),
		cmocka_unit_test(six_a_minute),
		cmocka_unit_test(asking_does_not_stop_the_clock),
		cmocka_unit_test(own_networks_have_more),
		cmocka_unit_test(nothing_is_lost_by_asking),
		cmocka_unit_test(one_network_twice),
		cmocka_unit_test(a_full_table_holds),
		cmocka_unit_test(a_flood_shares_no_slot),
		cmocka_unit_test(each_leaves_something),
		cmocka_unit_test(each_leaves_something_of_all),
		cmocka_unit_test(background_has_one_place),
		cmocka_unit_test(one_fetch_at_a_time),
		cmocka_unit_test(back_off_fails_at_once),
		cmocka_unit_test(back_off_grows),
		cmocka_unit_test(more_hosts_fail_than_there_is_room),
		cmocka_unit_test(failed_lookups_are_remembered),
		cmocka_unit_test(once_in_a_while),
		cmocka_unit_test(again_after_a_while),
		cmocka_unit_test(the_longest_memory_stays),
		cmocka_unit_test(a_rate_by_client),
		cmocka_unit_test(a_quota_by_key),
		cmocka_unit_test(a_full_quota_refuses),
		cmocka_unit_test(a_spent_rate_is_kept),
		cmocka_unit_test(an_operator_sees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
