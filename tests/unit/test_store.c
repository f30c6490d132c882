#include "cm.h"

#include "clock.h"
#include "fields.h"
#include "room.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define READERS 2000 /* sixteen times the number of LMDB's slots */
#define READS 5
#define WRITES 60

static void entries_outlive_a_restart(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct entry entry;

	(void)state;
	assert_true(room_has("policies.dirty"));
	assert_true(room_put(store, "a.example", KIND_USED, 100, NULL));
	assert_true(room_put(store, "b.example", KIND_NEGATIVE, 0, NULL));
	store_close(&store);
	assert_null(store);
	assert_false(room_has("policies.dirty"));
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(room_get(store, "a.example", &entry), STORE_FOUND);
	assert_string_equal(entry.domain, "a.example");
	assert_int_equal(entry.policy.mode, POLICY_ENFORCE);
	assert_int_equal(entry.policy_text_len, 100);
	entry_free(&entry);
	assert_int_equal(room_get(store, "b.example", &entry), STORE_FOUND);
	assert_int_equal(entry.record_outcome, REASON_NO_RECORD);
	assert_int_equal(room_get(store, "c.example", &entry), STORE_ABSENT);
	assert_string_equal(entry.domain, "c.example");
	store_close(&store);
}

static void a_view_is_one_moment(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct store_view *before, *after;
	struct entry entry;

	(void)state;
	assert_true(room_put_due(store, "a.example", 5, NULL));
	before = store_view_begin(store, NULL);
	assert_true(room_put_due(store, "a.example", 6, NULL));
	assert_true(room_put_due(store, "b.example", 7, NULL));
	after = store_view_begin(store, NULL);
	assert_int_equal(store_view_entry(before, "a.example", &entry), STORE_FOUND);
	assert_int_equal(entry.due_at, 5);
	assert_int_equal(store_view_entry(before, "b.example", &entry), STORE_ABSENT);
	assert_int_equal(store_view_entry(after, "a.example", &entry), STORE_FOUND);
	assert_int_equal(entry.due_at, 6);
	assert_int_equal(store_view_entry(after, "b.example", &entry), STORE_FOUND);
	store_view_end(&before);
	assert_null(before);
	store_view_end(&after);
	store_view_end(&after);
	store_close(&store);
}

static void meta_pages(uint8_t out[8192])
{
	FILE *file = fopen(room_file(STORE_FILE), "r");

	assert_non_null(file);
	assert_int_equal(fread(out, 1, 8192, file), 8192);
	fclose(file);
}

static void what_stays_the_same_is_not_written(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	uint8_t before[8192], after[8192];

	(void)state;
	assert_true(room_put_due(store, "a.example", 5, NULL));
	meta_pages(before);
	assert_true(room_put_due(store, "a.example", 5, NULL));
	meta_pages(after);
	assert_memory_equal(before, after, sizeof(before));
	assert_true(room_put_due(store, "a.example", 6, NULL));
	meta_pages(after);
	assert_memory_not_equal(before, after, sizeof(before));
	store_close(&store);
}

static void entry_rename(struct entry *entry, void *arg)
{
	snprintf(entry->domain, sizeof(entry->domain), "%s", (const char *)arg);
	entry->due_at = 77;
}

static void what_would_not_read_back_is_not_written(void **state)
{
	static const char *const names[] = {"other.example", "UPPER.example", ""};
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct failure why;
	struct entry entry;

	(void)state;
	assert_true(room_put_due(store, "a.example", 5, NULL));
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_false(store_change_entry(store, "a.example", entry_rename, (void *)(uintptr_t)names[i], &why));
		assert_int_equal(why.code, EX_SOFTWARE);
		assert_int_equal(room_get(store, "a.example", &entry), STORE_FOUND);
		assert_int_equal(entry.due_at, 5);
	}
	assert_false(room_put(store, "", KIND_NEGATIVE, 0, &why));
	store_close(&store);
}

static void evidence_add(struct hop_record *record, void *arg)
{
	hop_record_learn(record, arg);
}

static enum store_found hop_get(struct store *store, const char *host, uint16_t port, struct hop_record *out)
{
	struct store_view *view = store_view_begin(store, NULL);
	enum store_found found = store_view_hop(view, host, port, out);

	store_view_end(&view);
	return found;
}

static void hops_are_kept_by_host_and_port(void **state)
{
	static const struct {
		const char *host;
		uint16_t port;
	} rows[] = {{"mx.example", 25}, {"mx.example", 587}, {"mx.example", 25 * 256}, {"mx.example.org", 25}};
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct hop_record record;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct evidence seen = {.at = 100 + (int64_t)i, .reason = REASON_OK};

		assert_int_equal(hop_get(store, rows[i].host, rows[i].port, &record), STORE_ABSENT);
		assert_int_equal(record.pkix.newest.at, 0);
		assert_true(store_change_hop(store, rows[i].host, rows[i].port, evidence_add, &seen, NULL));
		seen = (struct evidence){.at = 200 + (int64_t)i, .reason = REASON_HOP_TIMEOUT};
		assert_true(store_change_hop(store, rows[i].host, rows[i].port, evidence_add, &seen, NULL));
	}
	store_close(&store);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(hop_get(store, rows[i].host, rows[i].port, &record), STORE_FOUND);
		assert_int_equal(record.pkix.good.at, 100 + i);
		assert_int_equal(record.pkix.newest.at, 200 + i);
		assert_int_equal(record.pkix.newest.reason, REASON_HOP_TIMEOUT);
	}
	store_close(&store);
}

static void names_are(struct names *names, const char *expected)
{
	char joined[512] = "";

	for (const char *name = names_next(names, NULL); name != NULL; name = names_next(names, name)) {
		strncat(joined, name, sizeof(joined) - strlen(joined) - 1);
		strncat(joined, " ", sizeof(joined) - strlen(joined) - 1);
	}
	assert_string_equal(joined, expected);
	names_free(names);
}

static void due_comes_earliest_first(void **state)
{
	static const struct {
		int64_t now;
		size_t max;
		const char *expected;
	} rows[] = {{9, 10, ""}, {10, 10, "b.example "}, {300, 10, "b.example a.example d.example c.example "},
		{299, 10, "b.example a.example d.example "}, {300, 2, "b.example a.example "}, {300, 0, ""}};
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct names names;

	(void)state;
	assert_true(room_put_due(store, "a.example", 20, NULL));
	assert_true(room_put_due(store, "b.example", 10, NULL));
	assert_true(room_put_due(store, "c.example", 300, NULL));
	assert_true(room_put_due(store, "d.example", 256, NULL));
	assert_true(room_put_due(store, "e.example", 0, NULL));
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(store_due(store, rows[i].now, rows[i].max, &names, NULL));
		names_are(&names, rows[i].expected);
	}
	assert_true(room_put_due(store, "b.example", 400, NULL)); /* later */
	assert_true(room_put_due(store, "a.example", 0, NULL));   /* not at all */
	assert_true(store_due(store, 1000, 10, &names, NULL));
	names_are(&names, "d.example c.example b.example ");
	store_close(&store);
}

static void pages_come_in_order(void **state)
{
	static const struct {
		const char *after;
		size_t max;
		const char *expected;
	} rows[] = {{"", 10, "a.example b.example c.example "}, {"", 2, "a.example b.example "},
		{"b.example", 10, "c.example "}, {"c.example", 10, ""}, {"b", 1, "b.example "},
		{"b.f", 10, "c.example "}, {"zz", 10, ""}, {"", 0, ""}};
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct names names;

	(void)state;
	assert_true(store_page(store, "", 10, &names, NULL));
	names_are(&names, "");
	assert_true(room_put_due(store, "c.example", 1, NULL));
	assert_true(room_put_due(store, "a.example", 2, NULL));
	assert_true(room_put_due(store, "b.example", 3, NULL));
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(store_page(store, rows[i].after, rows[i].max, &names, NULL));
		names_are(&names, rows[i].expected);
	}
	store_close(&store);
}

static void forgotten_is_gone_with_its_due_time(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct names names;
	bool found = false;

	(void)state;
	assert_true(room_put_due(store, "a.example", 5, NULL));
	assert_true(room_put_due(store, "b.example", 5, NULL));
	assert_true(store_forget(store, "a.example", NULL, &found, NULL));
	assert_true(found);
	assert_false(room_knows(store, "a.example"));
	assert_true(store_forget(store, "a.example", NULL, &found, NULL));
	assert_false(found);
	assert_true(store_due(store, 10, 10, &names, NULL));
	names_are(&names, "b.example ");
	store_close(&store);
}

static void what_cannot_be_read_is_as_if_absent(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct evidence seen = {.at = 100, .reason = REASON_OK};
	struct hop_record record;
	struct entry entry;
	struct names names;

	(void)state;
	assert_true(room_put_due(store, "a.example", 5, NULL));
	assert_true(room_put_due(store, "b.example", 6, NULL));
	assert_true(store_change_hop(store, "mx.example", 25, evidence_add, &seen, NULL));
	store_close(&store);
	assert_int_equal(room_records("hops"), 1);
	room_write("entries", LIT("a.example"), "STSE damaged");
	room_write("hops", LIT("mx.example\0\0\31"), "STSH damaged");
	assert_int_equal(room_records("hops"), 1);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(room_get(store, "a.example", &entry), STORE_ABSENT);
	assert_int_equal(hop_get(store, "mx.example", 25, &record), STORE_ABSENT);
	assert_true(store_due(store, 100, 10, &names, NULL));
	names_are(&names, "b.example ");
	assert_true(room_put_due(store, "a.example", 7, NULL));
	assert_true(store_due(store, 100, 10, &names, NULL));
	names_are(&names, "b.example a.example ");
	store_close(&store);
	assert_int_equal(room_records("due"), 2);
}

/* Replaces an entry by one that a later version might write. */
static struct bytes entry_of_later_version(const char *domain)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct entry entry;
	struct bytes bytes;
	uint64_t sum;

	assert_true(room_put(store, domain, KIND_USED, 100, NULL));
	assert_true(room_put_due(store, domain, 5, NULL));
	assert_int_equal(room_get(store, domain, &entry), STORE_FOUND);
	store_close(&store);
	bytes = entry_encode(&entry);
	entry_free(&entry);
	bytes.at[4] = ENTRY_VERSION + 1;
	sum = fields_sum(bytes.at, bytes.len - sizeof(sum));
	for (size_t i = 0; i < sizeof(sum); i++)
		bytes.at[bytes.len - sizeof(sum) + i] = (uint8_t)(sum >> 8 * i);
	room_write_bytes("entries", domain, strlen(domain), bytes.at, bytes.len);
	return bytes;
}

static bool is_stored(const char *domain, struct bytes bytes)
{
	struct bytes stored = room_read("entries", domain);
	bool same = stored.len == bytes.len && memcmp(stored.at, bytes.at, bytes.len) == 0;

	free(stored.at);
	return same;
}

/* This version sees that entry as absent, but only a policy replaces it: it may be the only knowledge about the
 * domain until the later version runs again. */
static void what_a_later_version_wrote_gives_way_to_a_policy_only(void **state)
{
	struct bytes later = entry_of_later_version("a.example");
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct names names;
	struct entry entry;

	(void)state;
	assert_int_equal(room_get(store, "a.example", &entry), STORE_ABSENT);
	assert_true(room_put(store, "a.example", KIND_NEGATIVE, 0, NULL));
	assert_true(room_put_due(store, "a.example", 9, NULL));
	assert_true(store_due(store, 100, 10, &names, NULL));
	assert_int_equal(names.count, 0);
	store_close(&store);
	assert_true(is_stored("a.example", later));
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_true(room_put(store, "a.example", KIND_USED, 10, NULL));
	assert_int_equal(room_get(store, "a.example", &entry), STORE_FOUND);
	assert_int_equal(entry.policy_text_len, 10);
	entry_free(&entry);
	store_close(&store);
	free(later.at);
}

/* If another version has removed a domain from the index of due times, the next change puts it back. */
static void a_due_key_that_is_missing_comes_back(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct names names;
	struct bytes now, later;

	(void)state;
	assert_true(room_put(store, "a.example", KIND_USED, 10, NULL));
	assert_true(room_put_due(store, "a.example", 5, NULL));
	store_close(&store);
	now = room_read("entries", "a.example");
	later = entry_of_later_version("a.example");
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_true(store_due(
		store, 100, 10, &names, NULL)); /* an earlier version removes the keys of entries that it cannot read */
	store_close(&store);
	assert_int_equal(room_records("due"), 0);
	room_write_bytes("entries", LIT("a.example"), now.at, now.len);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_true(room_put(store, "a.example", KIND_USED, 20, NULL));
	assert_true(store_due(store, 100, 10, &names, NULL));
	names_are(&names, "a.example ");
	store_close(&store);
	free(now.at);
	free(later.at);
}

/* Each write sets three fields of the entry to the same value. */
static void counted(struct entry *entry, void *arg)
{
	uint32_t number = *(const uint32_t *)arg;

	entry->fetch_failures = number;
	entry->record_ttl_s = number;
	entry->due_at = number + 1;
}

struct reading {
	struct store *store;
	pthread_barrier_t all; /* start at the same time */
	atomic_int wrong;
};

static void *reader(void *arg)
{
	struct reading *reading = arg;
	uint32_t last = 0;

	pthread_barrier_wait(&reading->all);
	for (int i = 0; i < READS; i++) {
		struct store_view *view = store_view_begin(reading->store, NULL);
		struct entry first, second;

		if (view == NULL || store_view_entry(view, "a.example", &first) != STORE_FOUND) {
			atomic_fetch_add(&reading->wrong, 1);
			store_view_end(&view);
			continue;
		}
		sched_yield();
		if (store_view_entry(view, "a.example", &second) != STORE_FOUND ||
			first.fetch_failures != second.fetch_failures || first.record_ttl_s != first.fetch_failures ||
			first.due_at != (int64_t)first.fetch_failures + 1 || first.fetch_failures < last)
			atomic_fetch_add(&reading->wrong, 1);
		last = first.fetch_failures;
		store_view_end(&view);
	}
	return NULL;
}

static void many_read_while_one_writes(void **state)
{
	struct reading reading = {.store = room_open(ROOM_BYTES, STORE_OWNER)};
	static pthread_t thread[READERS];
	pthread_attr_t small;
	struct entry entry;
	uint32_t number = 0;

	(void)state;
	assert_true(store_change_entry(reading.store, "a.example", counted, &number, NULL));
	pthread_barrier_init(&reading.all, NULL, READERS);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 * 1024);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&thread[i], &small, reader, &reading), 0);
	while (number < WRITES) {
		number++;
		assert_true(store_change_entry(reading.store, "a.example", counted, &number, NULL));
	}
	for (int i = 0; i < READERS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(atomic_load(&reading.wrong), 0);
	assert_int_equal(room_get(reading.store, "a.example", &entry), STORE_FOUND);
	assert_int_equal(entry.fetch_failures, WRITES);
	store_close(&reading.store);
}

static void *writer(void *arg)
{
	struct reading *reading = arg;
	char domain[32];

	for (int i = 0; i < 10; i++) {
		snprintf(domain, sizeof(domain), "d%d.example", i);
		if (!room_put(reading->store, domain, KIND_USED, 50, NULL))
			atomic_fetch_add(&reading->wrong, 1);
	}
	return NULL;
}

static void many_may_write(void **state)
{
	struct reading reading = {.store = room_open(ROOM_BYTES, STORE_OWNER)};
	pthread_t thread[8];
	struct names names;

	(void)state;
	for (size_t i = 0; i < COUNT(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, writer, &reading), 0);
	for (size_t i = 0; i < COUNT(thread); i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(atomic_load(&reading.wrong), 0);
	assert_true(store_page(reading.store, "", 100, &names, NULL));
	assert_int_equal(names.count, 10);
	names_free(&names);
	store_close(&reading.store);
}

static atomic_bool got_view;

static void *late_reader(void *arg)
{
	struct store_view *view = store_view_begin(arg, NULL);

	atomic_store(&got_view, view != NULL);
	store_view_end(&view);
	return NULL;
}

static void one_view_too_many_waits(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct store_view *view[STORE_POOL];
	pthread_t thread;

	(void)state;
	atomic_store(&got_view, false);
	for (int i = 0; i < STORE_POOL; i++)
		assert_non_null(view[i] = store_view_begin(store, NULL));
	assert_int_equal(pthread_create(&thread, NULL, late_reader, store), 0);
	usleep(50000);
	assert_false(atomic_load(&got_view));
	store_view_end(&view[0]);
	pthread_join(thread, NULL);
	assert_true(atomic_load(&got_view));
	for (int i = 1; i < STORE_POOL; i++)
		store_view_end(&view[i]);
	store_close(&store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_make, room_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(entries_outlive_a_restart),
		TEST(a_view_is_one_moment),
		TEST(what_stays_the_same_is_not_written),
		TEST(what_would_not_read_back_is_not_written),
		TEST(hops_are_kept_by_host_and_port),
		TEST(due_comes_earliest_first),
		TEST(pages_come_in_order),
		TEST(forgotten_is_gone_with_its_due_time),
		TEST(what_cannot_be_read_is_as_if_absent),
		TEST(many_read_while_one_writes),
		TEST(many_may_write),
		TEST(one_view_too_many_waits),
		TEST(what_a_later_version_wrote_gives_way_to_a_policy_only),
		TEST(a_due_key_that_is_missing_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
