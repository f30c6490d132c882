/* The store at its limit: what is evicted, in which order, and what stays. */
#include "cm.h"

#include "clock.h"
#include "metrics.h"
#include "room.h"
#include "schedule.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define FULL_BYTES (1024 * 1024)
#define LARGE 3000 /* octets of an entry, so many that the store is soon full */
#define WEEK (7 * ROOM_DAY)

static const char *named(char kind, int number)
{
	static char domain[64];

	snprintf(domain, sizeof(domain), "h%u-%c%d.example", (unsigned)number * 2654435761U % 997, kind, number);
	return domain;
}

static int known(struct store *store, char kind, int count)
{
	int found = 0;

	for (int i = 0; i < count; i++)
		found += room_knows(store, named(kind, i));
	return found;
}

static void file_is_bounded(uint64_t max_bytes)
{
	struct stat file;

	assert_int_equal(stat(room_file(STORE_FILE), &file), 0);
	assert_true((uint64_t)file.st_size <= max_bytes / 4 * 5 + 4096);
}

static void a_flood_of_negatives_takes_no_policy(void **state)
{
	struct store *store = room_open(FULL_BYTES, STORE_OWNER);
	struct failure why;

	(void)state;
	for (int i = 0; i < 40; i++) {
		assert_true(room_put(store, named('u', i), KIND_USED, 200, NULL));
		assert_true(room_put(store, named('o', i), KIND_ONCE, 200, NULL));
		assert_true(room_put(store, named('t', i), KIND_TESTING, 200, NULL));
	}
	for (int i = 0; i < 1000; i++)
		if (!room_put(store, named('n', i), KIND_NEGATIVE, LARGE, &why))
			fail_msg("negative %d: %s", i, why.text);
	assert_int_equal(known(store, 'u', 40), 40);
	assert_int_equal(known(store, 'o', 40), 40);
	assert_int_equal(known(store, 't', 40), 40);
	assert_true(room_knows(store, named('n', 999)));
	file_is_bounded(FULL_BYTES);
	store_close(&store);
}

/* Adds entries of each kind in turn, then policies in use: each kind is nearly gone before the next kind is evicted. */
static void kinds_go_in_their_order(void **state)
{
	static const struct {
		enum kind kind;
		char letter;
		int rank;
	} rows[] = {{KIND_EXPIRED, 'e', 0}, {KIND_NEGATIVE, 'n', 1}, {KIND_TESTING, 't', 2}, {KIND_NONE, 'z', 2},
		{KIND_ONCE, 'o', 3}};
	enum { EACH = 40 };
	struct store *store = room_open(FULL_BYTES, STORE_OWNER);
	int stored = 0;

	(void)state;
	for (int i = 0; i < EACH; i++)
		for (size_t k = 0; k < COUNT(rows); k++)
			assert_true(room_put(store, named(rows[k].letter, i), rows[k].kind, LARGE, NULL));
	while (stored < 2000 && room_put(store, named('u', stored), KIND_USED, LARGE, NULL)) {
		int left[4] = {0};

		stored++;
		if (stored % 4 != 0)
			continue;
		for (size_t k = 0; k < COUNT(rows); k++)
			left[rows[k].rank] += known(store, rows[k].letter, EACH);
		for (int rank = 1; rank < 4; rank++)
			if (left[rank] < (rank == 2 ? 2 * EACH : EACH) && left[rank - 1] > 0)
				fail_msg("after %d: %d of rank %d, but %d of the rank below are left", stored,
					left[rank], rank, left[rank - 1]);
	}
	assert_true(stored > EACH);
	assert_int_equal(known(store, 'u', stored), stored);
	for (size_t k = 0; k < COUNT(rows); k++)
		assert_int_equal(known(store, rows[k].letter, EACH), 0);
	store_close(&store);
}

static uint64_t counted(enum metric metric)
{
	return metrics_read(metric, 0, 0, 0);
}

static void policies_in_use_stay(void **state)
{
	uint64_t written = counted(METRIC_STORE_WRITES), refused = counted(METRIC_STORE_REFUSED);
	uint64_t evicted = counted(METRIC_STORE_EVICTED);
	struct store *store = room_open(FULL_BYTES, STORE_OWNER);
	struct failure why;
	int stored = 0;

	(void)state;
	while (stored < 2000 && room_put(store, named('u', stored), KIND_USED, LARGE, &why))
		stored++;
	assert_int_equal(why.code, EX_TEMPFAIL);
	assert_non_null(strstr(why.text, "store_max_bytes"));
	assert_true(stored > 80);
	assert_int_equal(counted(METRIC_STORE_WRITES) - written, stored);
	assert_int_equal(counted(METRIC_STORE_REFUSED) - refused, 1);
	assert_int_equal(counted(METRIC_STORE_EVICTED) - evicted, 0);
	assert_false(room_knows(store, named('u', stored)));
	assert_false(room_put(store, "new.example", KIND_NEGATIVE, 0, &why));
	assert_int_equal(why.code, EX_TEMPFAIL);
	assert_false(room_put(store, "new.example", KIND_ONCE, 100, &why));
	assert_int_equal(known(store, 'u', stored), stored);
	for (int i = 0; i < stored; i++) /* stored entries can be renewed */
		assert_true(room_put(store, named('u', i), KIND_USED, LARGE + 10, NULL));
	assert_int_equal(known(store, 'u', stored), stored);
	file_is_bounded(FULL_BYTES);
	/* A policy that expires is evicted. */
	assert_true(room_put(store, named('u', 0), KIND_EXPIRED, LARGE + 10, NULL));
	for (int i = 1; i < 10; i++)
		assert_true(room_put(store, named('u', i), KIND_EXPIRED, LARGE + 10, NULL));
	for (int i = 0; i < 20 && !room_put(store, "new.example", KIND_NEGATIVE, 0, NULL); i++)
		continue; /* each call continues where the one before stopped */
	assert_true(room_knows(store, "new.example"));
	assert_int_equal(counted(METRIC_STORE_EVICTED) - evicted, stored - known(store, 'u', stored));
	store_close(&store);
}

/* A hop record that is about to be stored. */
struct hop_making {
	struct evidence seen;
	bool needed; /* needed by an enforce policy in force */
};

static void hop_make(struct hop_record *record, void *arg)
{
	const struct hop_making *making = arg;

	hop_record_learn(record, &making->seen);
	if (making->needed)
		record->needed_day = schedule_day(ROOM_NOW);
}

static bool hop_put(struct store *store, int number, int64_t at, bool needed)
{
	struct hop_making making = {{.at = at, .reason = REASON_OK}, needed};

	memset(making.seen.names, 'n', sizeof(making.seen.names) - 1);
	return store_change_hop(store, named('h', number), 25, hop_make, &making, NULL);
}

static bool hop_known(struct store *store, int number)
{
	struct store_view *view = store_view_begin(store, NULL);
	struct hop_record record;
	enum store_found found = store_view_hop(view, named('h', number), 25, &record);

	store_view_end(&view);
	return found == STORE_FOUND;
}

static int hops_known(struct store *store, int from, int count)
{
	int found = 0;

	for (int i = 0; i < count; i++)
		found += hop_known(store, from + i);
	return found;
}

static void evidence_of_last_week_goes(void **state)
{
	enum { OLD = 300, FRESH = 2000, NEWEST = 100 };
	struct store *store = room_open(FULL_BYTES, STORE_OWNER);

	(void)state;
	assert_true(room_put(store, "t.example", KIND_TESTING, 100, NULL));
	for (int i = 0; i < OLD; i++)
		assert_true(hop_put(store, i, ROOM_NOW - WEEK - 100, false));
	for (int i = 0; i < FRESH; i++)
		assert_true(hop_put(store, OLD + i, ROOM_NOW - WEEK + 1000 + i, true));
	assert_int_equal(hops_known(store, 0, OLD), 0);
	/* Then hops evict each other, the oldest of those examined first; but before that, records that no policy
	 * needs. */
	assert_false(room_knows(store, "t.example"));
	assert_in_range(hops_known(store, OLD, FRESH), 500, FRESH - 1);
	assert_true(hops_known(store, OLD + FRESH - NEWEST, NEWEST) > NEWEST / 2);
	file_is_bounded(FULL_BYTES);
	store_close(&store);
}

#define POLICIES 300
#define FLOOD_BYTES (2 * 1024 * 1024)

static struct store *policies_stored(void)
{
	struct store *store = room_open(FLOOD_BYTES, STORE_OWNER);

	for (int i = 0; i < POLICIES; i++)
		assert_true(room_put(store, named('o', i), KIND_ONCE, LARGE, NULL));
	return store;
}

/* A stranger can choose domains without a policy and so have thousands of hops examined: these evict each other, but
 * no policy. Hops that enforce policies need evict no policies either, because the policies may be the stranger's
 * own. */
static void hops_take_no_policy(void **state)
{
	enum { FLOOD = 4000, NEWEST = 50 };

	(void)state;
	for (int needed = 0; needed <= 1; needed++) {
		struct store *store = policies_stored();

		for (int i = 0; i < FLOOD; i++)
			if (!hop_put(store, i, ROOM_NOW, needed))
				fail_msg("hop %d is refused", i);
		assert_int_equal(known(store, 'o', POLICIES), POLICIES);
		assert_true(hops_known(store, 0, FLOOD) < FLOOD);
		assert_true(hop_known(store, FLOOD - 1));
		file_is_bounded(FLOOD_BYTES);
		store_close(&store);
		room_remove(NULL);
		room_make(NULL);
	}
}

/* Hops that no enforce policy needs are evicted before hops that one needs, and before domains without a policy. */
static void hops_that_nobody_needs_go_first(void **state)
{
	enum { EACH = 150 };
	struct store *store = room_open(FULL_BYTES, STORE_OWNER);
	int put = 0;

	(void)state;
	for (int i = 0; i < EACH; i++) {
		assert_true(hop_put(store, i, ROOM_NOW, true));
		assert_true(hop_put(store, EACH + i, ROOM_NOW, false));
		assert_true(room_put(store, named('n', i), KIND_NEGATIVE, 300, NULL));
	}
	while (hops_known(store, EACH, EACH) > 0 && put < 2000)
		assert_true(room_put(store, named('u', put++), KIND_USED, LARGE, NULL));
	assert_int_equal(hops_known(store, EACH, EACH), 0);
	assert_int_equal(hops_known(store, 0, EACH), EACH);
	assert_true(known(store, 'n', EACH) > EACH / 2);
	store_close(&store);
}

/* After an import of many policies, none of which has been used yet, all are there when mail comes. */
static void placed_policies_stay(void **state)
{
	enum { PLACED = 100 };
	struct store *store = room_open(FULL_BYTES, STORE_OWNER);

	(void)state;
	for (int i = 0; i < PLACED; i++)
		assert_true(room_put(store, named('p', i), KIND_PLACED, 200, NULL));
	for (int i = 0; i < 1000; i++)
		room_put(store, named('o', i), KIND_ONCE, LARGE, NULL);
	assert_int_equal(known(store, 'p', PLACED), PLACED);
	assert_true(known(store, 'o', 1000) < 1000);
	store_close(&store);
}

/* If removing a small record does not free enough, the record stays. */
static void what_is_refused_evicts_nothing(void **state)
{
	struct store *store = room_open(FULL_BYTES, STORE_OWNER);
	struct failure why;
	uint64_t evicted;
	int stored = 0;

	(void)state;
	assert_true(room_put(store, "e.example", KIND_USED, 10, NULL));
	while (stored < 2000 && room_put(store, named('u', stored), KIND_USED, LARGE, NULL))
		stored++;
	assert_true(room_put(store, "e.example", KIND_EXPIRED, 10, NULL));
	evicted = counted(METRIC_STORE_EVICTED);
	for (int i = 0; i < 50; i++) {
		assert_false(room_put(store, named('x', i), KIND_USED, LARGE, &why));
		assert_int_equal(why.code, EX_TEMPFAIL);
	}
	assert_true(room_knows(store, "e.example"));
	assert_int_equal(counted(METRIC_STORE_EVICTED), evicted);
	store_close(&store);
}

/* The contents of the store, as far as this test has put them there. */
#define DRAWN 300
struct model {
	bool hop[DRAWN], entry[DRAWN];
	enum kind kind[DRAWN];
};

static void model_read(struct store *store, struct model *model)
{
	for (int i = 0; i < DRAWN; i++) {
		model->hop[i] = hop_known(store, i);
		model->entry[i] = room_knows(store, named('d', i));
	}
}

static bool is_enforced(enum kind kind)
{
	return kind == KIND_ONCE || kind == KIND_USED || kind == KIND_PLACED;
}

/* What a change may have evicted. */
static void cost_is_fair(const struct model *before, const struct model *after, int skip, bool refused, bool policy)
{
	for (int i = 0; i < DRAWN; i++) {
		bool lost = before->entry[i] && !after->entry[i] && i != skip;

		if (refused && (lost || (before->hop[i] && !after->hop[i])))
			fail_msg("a refused change evicted number %d", i);
		if (lost && (before->kind[i] == KIND_USED || before->kind[i] == KIND_PLACED))
			fail_msg("a policy in use went, number %d", i);
		if (lost && is_enforced(before->kind[i]) && !policy)
			fail_msg("a live enforce policy went for what is none, number %d", i);
	}
}

/* Changes of all kinds in random order, in a store that has room for only a part of them. */
static void no_change_costs_more_than_it_is_worth(void **state)
{
	struct store *store = room_open(FULL_BYTES, STORE_OWNER);
	struct model before = {.hop = {false}}, after;
	uint32_t dice = 4711;
	int refused = 0;

	(void)state;
	for (int step = 0; step < 600; step++) {
		dice = dice * 1664525 + 1013904223;
		int number = (int)(dice >> 8) % DRAWN;
		bool hop = dice >> 30 == 0, needed = dice >> 29 & 1, ok;
		enum kind kind = dice >> 28 & 1 ? KIND_USED : (enum kind)((dice >> 16) % KIND_COUNT);

		if (kind == KIND_NEGATIVE && before.entry[number]) /* would leave the policy unchanged */
			kind = before.kind[number];
		for (int i = 0; hop && i < 20; i++) /* small, so there are several */
			hop_put(store, (number + i) % DRAWN, ROOM_NOW, needed);
		ok = hop || room_put(store, named('d', number), kind, LARGE + dice % 5000, NULL);
		after = before;
		model_read(store, &after);
		cost_is_fair(&before, &after, hop || !ok ? -1 : number, !ok, !hop && is_enforced(kind));
		before = after;
		if (ok && !hop)
			before.kind[number] = kind;
		refused += !ok;
	}
	assert_true(refused > 0);
	file_is_bounded(FULL_BYTES);
	store_close(&store);
}

static void evicted_is_due_no_more(void **state)
{
	struct store *store = room_open(FULL_BYTES, STORE_OWNER);
	struct names names;

	(void)state;
	for (int i = 0; i < 600; i++) {
		assert_true(room_put(store, named('n', i), KIND_NEGATIVE, LARGE, NULL));
		assert_true(room_put_due(store, named('n', i), 1000 + i, NULL));
	}
	assert_true(store_page(store, "", 100000, &names, NULL));
	assert_true(names.count < 600);
	for (const char *name = names_next(&names, NULL); name != NULL; name = names_next(&names, name))
		assert_true(store_forget(store, name, NULL, NULL, NULL));
	names_free(&names);
	store_close(&store);
	assert_int_equal(room_records("due"), 0);
}

/* LMDB frees no pages that an open view may still read. */
static void an_old_view_costs_room_but_nothing_else(void **state)
{
	struct store *store = room_open(FULL_BYTES, STORE_OWNER);
	struct store_view *view;
	struct failure why;
	struct entry entry;
	int written = 0;

	(void)state;
	for (int i = 0; i < 50; i++)
		assert_true(room_put(store, named('u', i), KIND_USED, 400, NULL));
	view = store_view_begin(store, NULL);
	while (written < 2000 && room_put_due(store, named('u', written % 50), 1 + written, NULL))
		written++;
	assert_true(written < 2000);
	assert_false(room_put_due(store, named('u', 0), 77777, &why));
	assert_int_equal(why.code, EX_TEMPFAIL);
	assert_int_equal(store_view_entry(view, named('u', 7), &entry), STORE_FOUND);
	entry_free(&entry);
	store_view_end(&view);
	assert_true(room_put_due(store, named('u', 0), 77777, NULL));
	assert_int_equal(known(store, 'u', 50), 50);
	store_close(&store);
}

static void view_hold(int fd)
{
	struct failure why;
	struct store *store = store_open(room, FULL_BYTES, STORE_GUEST, &why);
	struct store_view *view = store == NULL ? NULL : store_view_begin(store, &why);

	if (view != NULL && write(fd, "v", 1) == 1)
		sleep(60);
}

static void a_dead_guest_frees_its_view(void **state)
{
	struct store *store = room_open(FULL_BYTES, STORE_OWNER);
	char told;
	pid_t pid;
	int fd;

	(void)state;
	for (int i = 0; i < 50; i++)
		assert_true(room_put(store, named('u', i), KIND_USED, 400, NULL));
	pid = room_spawn(view_hold, &fd);
	assert_int_equal(read(fd, &told, 1), 1);
	room_kill(pid);
	close(fd);
	for (int i = 0; i < 2000; i++)
		assert_true(room_put_due(store, named('u', i % 50), 1 + i, NULL));
	store_close(&store);
}

/* A tool that is stopped while it reads (Ctrl-Z in a pager) keeps the state that it reads. The file must not grow for
 * it; changes are refused with its process number; nothing is evicted; and reading continues. */
static void a_stopped_guest_is_named_and_costs_nothing(void **state)
{
	struct store *store = room_open(FULL_BYTES, STORE_OWNER);
	struct failure why;
	char told, pid_text[32];
	int written = 0;
	pid_t pid;
	int fd;

	(void)state;
	for (int i = 0; i < 50; i++) {
		assert_true(room_put(store, named('o', i), KIND_ONCE, 400, NULL));
		assert_true(room_put(store, named('n', i), KIND_NEGATIVE, 400, NULL));
	}
	pid = room_spawn(view_hold, &fd);
	assert_int_equal(read(fd, &told, 1), 1);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	while (written < 5000 && room_put_due(store, named('o', written % 50), 1 + written, &why))
		written++;
	assert_in_range(written, 1, 4999);
	snprintf(pid_text, sizeof(pid_text), "process %ld ", (long)pid);
	for (int i = 0; i < 50; i++) {
		assert_false(room_put(store, named('x', i), KIND_USED, LARGE, &why));
		assert_int_equal(why.code, EX_TEMPFAIL);
		assert_non_null(strstr(why.text, pid_text));
	}
	assert_int_equal(known(store, 'o', 50), 50);
	assert_int_equal(known(store, 'n', 50), 50);
	file_is_bounded(FULL_BYTES);
	room_kill(pid);
	close(fd);
	assert_true(room_put(store, named('x', 0), KIND_USED, LARGE, NULL));
	assert_int_equal(known(store, 'o', 50), 50);
	assert_int_equal(known(store, 'n', 50), 50);
	store_close(&store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_make, room_remove)

/* Limits the size of files to `bytes`; 0: no limit. */
static void disk_end(rlim_t bytes)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes > 0 ? bytes : limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
}

static bool full_disk_is_told_and_survived(void)
{
	struct failure why = {0};
	struct stat file;
	int count = 0;

	signal(SIGXFSZ, SIG_IGN);
	disk_end(10000);
	struct store *store = store_open(room, FULL_BYTES, STORE_OWNER, &why);
	if (store != NULL || strstr(why.text, "disk is full") == NULL)
		return false;
	disk_end(0);
	store = room_open(FULL_BYTES, STORE_OWNER);
	while (count < 20 && room_put(store, named('u', count), KIND_USED, LARGE, &why))
		count++;
	if (count < 20 || stat(room_file(STORE_FILE), &file) != 0)
		return false;
	disk_end((rlim_t)file.st_size + 1000);
	while (count < 100 && room_put(store, named('u', count), KIND_USED, LARGE, &why))
		count++;
	if (count == 100 || strstr(why.text, "disk is full") == NULL || known(store, 'u', count) != count)
		return false;
	disk_end(0);
	bool good = room_put(store, named('v', 0), KIND_USED, LARGE, &why) && known(store, 'u', count) == count;
	store_close(&store);
	store = room_open(FULL_BYTES, STORE_OWNER);
	good = good && known(store, 'u', count) == count && known(store, 'v', 1) == 1;
	store_close(&store);
	return good;
}

static void a_full_disk_takes_nothing(void **state)
{
	(void)state;
	assert_true(room_child(full_disk_is_told_and_survived));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_flood_of_negatives_takes_no_policy),
		TEST(kinds_go_in_their_order),
		TEST(policies_in_use_stay),
		TEST(evidence_of_last_week_goes),
		TEST(hops_take_no_policy),
		TEST(hops_that_nobody_needs_go_first),
		TEST(placed_policies_stay),
		TEST(what_is_refused_evicts_nothing),
		TEST(no_change_costs_more_than_it_is_worth),
		TEST(evicted_is_due_no_more),
		TEST(an_old_view_costs_room_but_nothing_else),
		TEST(a_dead_guest_frees_its_view),
		TEST(a_stopped_guest_is_named_and_costs_nothing),
		TEST(a_full_disk_takes_nothing),
	};

	/* There are thousands of commits, and none of them must survive a crash. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
