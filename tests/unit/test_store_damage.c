/* A damaged file of the store. For what kill -9 leaves, see test_store_crash. */
#include "cm.h"

#include "clock.h"
#include "room.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void store_fill(int entries)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	char domain[32];

	for (int i = 0; i < entries; i++) {
		snprintf(domain, sizeof(domain), "d%d.example", i);
		assert_true(room_put(store, domain, KIND_USED, 700, NULL));
	}
	store_close(&store);
}

static void mark_unclean(void)
{
	int fd = open(room_file("policies.dirty"), O_WRONLY | O_CREAT, 0640);

	assert_true(fd >= 0);
	close(fd);
}

static void file_write(off_t at, const void *bytes, size_t len)
{
	int fd = open(room_file(STORE_FILE), O_WRONLY | O_CREAT, 0640);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), len);
	close(fd);
}

static off_t file_size(const char *name)
{
	struct stat file;

	return stat(room_file(name), &file) == 0 ? file.st_size : -1;
}

static uint32_t dice_state = 12345;

static void dice_bytes(uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		dice_state = dice_state * 1664525 + 1013904223;
		out[i] = (uint8_t)(dice_state >> 24);
	}
}

/* Opens the store, and checks that it works. */
static void opens_and_works(void)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);

	assert_true(room_put(store, "new.example", KIND_USED, 10, NULL));
	store_close(&store);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_true(room_knows(store, "new.example"));
	store_close(&store);
}

static void random_bytes_are_moved_aside(void **state)
{
	uint8_t bytes[30000], moved[30000];
	char name[256];
	FILE *file;

	(void)state;
	dice_bytes(bytes, sizeof(bytes));
	for (int i = 0; i < 3; i++) {
		unlink(room_file(STORE_FILE));
		file_write(0, bytes, sizeof(bytes));
		opens_and_works();
	}
	assert_int_equal(
		room_count("policies.mdb.damaged-2", name) / 2, 3); /* file and lock file, even twice in one second */
	file = fopen(room_file(name), "r");
	assert_non_null(file);
	assert_int_equal(fread(moved, 1, sizeof(moved), file), sizeof(bytes));
	fclose(file);
	assert_memory_equal(bytes, moved, sizeof(bytes));
}

static void cut_off_is_moved_aside(void **state)
{
	static const struct {
		int eighths;
		bool unclean;
	} rows[] = {{4, true}, {4, false}, {7, true}, {1, false}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		off_t size;

		unlink(room_file(STORE_FILE));
		store_fill(100);
		size = file_size(STORE_FILE) / 8 * rows[i].eighths / 4096 * 4096;
		assert_int_equal(truncate(room_file(STORE_FILE), size), 0);
		if (rows[i].unclean)
			mark_unclean();
		opens_and_works();
		assert_int_equal(room_count("policies.mdb.damaged-2", NULL) / 2, i + 1); /* file and lock file */
	}
}

static void header_claims_are_not_believed(void **state)
{
	static const struct {
		off_t at; /* in each of the two meta pages, on a 64-bit machine */
		uint64_t value;
	} rows[] = {
		{16, 0}, {20, 7}, {32, UINT64_MAX / 2}, {136, UINT64_C(1) << 50}, {80, 0x7fffffff}, {128, 0x7fffffff}};

	(void)state;
	if (sizeof(void *) != 8)
		skip();
	for (size_t i = 0; i < COUNT(rows); i++) {
		unlink(room_file(STORE_FILE));
		store_fill(20);
		for (off_t page = 0; page <= 4096; page += 4096)
			file_write(page + rows[i].at, &rows[i].value, i < 2 ? 4 : 8);
		mark_unclean();
		opens_and_works();
	}
	assert_int_equal(room_count("policies.mdb.damaged-2", NULL) / 2,
		COUNT(rows) - 1); /* the size of the map is taken from the settings */
}

/* Damages every page in turn, with other octets each time: the store is either usable or moved aside. */
static void damaged_pages_end_no_daemon(void **state)
{
	uint8_t bytes[4096];
	int moved = 0;
	off_t pages;

	(void)state;
	store_fill(60);
	pages = file_size(STORE_FILE) / 4096;
	assert_true(pages > 10);
	for (off_t page = 2; page < pages; page++) {
		unlink(room_file(STORE_FILE));
		store_fill(60);
		dice_bytes(bytes, sizeof(bytes));
		file_write(page * 4096, bytes, sizeof(bytes));
		mark_unclean();
		opens_and_works();
	}
	moved = room_count("policies.mdb.damaged-2", NULL);
	assert_true(moved > pages);
}

#define DOMAINS 60

static void named(char out[32], int number)
{
	snprintf(out, 32, "d%d.example", number);
}

static int reads_that_failed(struct store *store)
{
	int failed = 0;
	char domain[32];
	struct entry entry;

	for (int i = 0; i < DOMAINS; i++) {
		named(domain, i);
		switch (room_get(store, domain, &entry)) {
		case STORE_FAILED:
			failed++;
			break;
		case STORE_FOUND:
		case STORE_ABSENT:
			entry_free(&entry);
			break;
		}
	}
	return failed;
}

static void pages_zero(off_t from)
{
	static const uint8_t zeros[4096];

	for (off_t at = from * 4096; at < file_size(STORE_FILE); at += 4096)
		file_write(at, zeros, sizeof(zeros));
}

/* Pages are overwritten with zeros under an open store: no read returns STORE_ABSENT, nothing is written, and the
 * next start finds the damage. */
static void damage_under_an_open_store_breaks_it(void **state)
{
	struct store *store;
	struct names due;
	struct failure why;
	struct store_usage usage;

	(void)state;
	store_fill(DOMAINS);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(reads_that_failed(store), 0);
	assert_false(store_is_broken(store, &why));
	pages_zero(2);
	assert_int_equal(reads_that_failed(store), DOMAINS);
	assert_true(store_is_broken(store, &why));
	assert_non_null(strstr(why.text, STORE_FILE));
	assert_false(room_put(store, "new.example", KIND_USED, 10, &why));
	assert_false(store_due(store, ROOM_NOW, 10, &due, &why));
	assert_false(store_usage(store, &usage, &why));
	store_close(&store);
	assert_true(room_has("policies.dirty"));
	opens_and_works();
	assert_int_equal(room_count("policies.mdb.damaged-2", NULL) / 2, 1);
}

/* The index of due times is a table of its own. If an entry that it names cannot be read because of damage, the entry
 * does not count as removed. */
static void damage_leaves_the_list_of_what_is_due(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct names due;
	struct failure why;
	char domain[32];

	(void)state;
	for (int i = 0; i < DOMAINS; i++) {
		named(domain, i);
		assert_true(room_put(store, domain, KIND_USED, 700, NULL));
		assert_true(room_put_due(store, domain, 1000 + i, NULL));
	}
	store_close(&store);
	room_table_zero("entries");
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_false(store_due(store, ROOM_NOW, 10, &due, &why));
	assert_true(store_is_broken(store, &why));
	store_close(&store);
	assert_int_equal(room_records("due"), DOMAINS);
}

/* Records with wrong checksums count as absent. Many of them are a sign of damage, so the daemon ends and its next
 * start checks the file. If LMDB can walk the file, it is kept, and the same records do not end the daemon again. */
/* Adds a row to each table of TLS reports. */
static void reports_fill(void)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct tlsrpt_session session = {.domain = "a.example", .record = "v=TLSRPTv1; rua=mailto:a@b.example"};
	struct tlsrpt_suppression suppression;
	struct report_address address;
	struct tlsrpt_tally tally;
	struct tlsrpt_send row;
	uint64_t refused_sessions;
	size_t refused;
	tlsrpt_tally_init(&tally, 20787, session.domain);
	tlsrpt_session_add(&session, TLSRPT_NO_POLICY_FOUND, session.domain);
	tlsrpt_tally_add(&tally, &session);
	assert_true(store_add_tallies(store, &tally, 1, 20787 * 86400, &refused_sessions, NULL));
	assert_true(report_address_read(&address, LIT("mailto:a@b.example")));
	tlsrpt_send_init(&row, 20787, session.domain, &address, "abcdefghijklmnop2345", 0);
	tlsrpt_send_begin(&row, 20787 * 86400);
	assert_true(store_add_tlsrpt_sends(store, &row, 1, &refused, NULL));
	assert_true(store_bounce_tlsrpt(store, "abcdefghijklmnop2345", 20787 * 86400, &row, &suppression, NULL));
	assert_int_equal(suppression.level, 1);
	tlsrpt_session_free(&session);
	tlsrpt_tally_free(&tally);
	store_close(&store);
}

static void damage_in_the_tables_of_reports_is_found(void **state)
{
	static const char *const tables[] = {"tlsrpt_tallies", "tlsrpt_sends", "tlsrpt_suppressions"};
	(void)state;
	for (size_t i = 0; i < COUNT(tables); i++) {
		reports_fill();
		room_table_zero(tables[i]);
		mark_unclean();
		opens_and_works();
		assert_int_equal(room_count("policies.mdb.damaged-2", NULL) / 2, i + 1);
	}
}

static void damage_in_the_steps_is_found(void **state)
{
	(void)state;
	static const struct snapshot_counts counts = {.at = 300, .lines = "stsgate_map_replies_total ok 1\n"};
	struct store *store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	assert_true(store_put_counts(store, &counts, &counts, &counts, NULL));
	store_close(&store);
	room_table_zero("steps");
	mark_unclean();
	opens_and_works();
	assert_int_equal(room_count("policies.mdb.damaged-2", NULL) / 2, 1);
}

static void many_wrong_checksums_break_it_once(void **state)
{
	enum { WRONG = 16 };
	struct store *store;
	struct failure why;
	char domain[32];

	(void)state;
	store_fill(DOMAINS);
	for (int i = 0; i < WRONG; i++) {
		named(domain, i);
		room_write("entries", domain, strlen(domain), "these octets are no entry at all");
	}
	store = room_open(ROOM_BYTES, STORE_OWNER);
	for (int turn = 0; turn < 3; turn++)
		for (int i = 0; i < WRONG - 1; i++) {
			named(domain, i);
			assert_false(room_knows(store, domain));
		}
	assert_false(store_is_broken(store, &why));
	assert_int_equal(reads_that_failed(store), DOMAINS - WRONG);
	assert_true(store_is_broken(store, &why));
	store_close(&store);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(reads_that_failed(store), 0);
	assert_false(store_is_broken(store, &why));
	assert_true(room_knows(store, "d20.example"));
	store_close(&store);
	assert_int_equal(room_count("policies.mdb.damaged-2", NULL), 0);
}

static void empty_file_is_a_new_store(void **state)
{
	(void)state;
	file_write(0, "", 0);
	opens_and_works();
	assert_int_equal(room_count("policies.mdb.damaged", NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_make, room_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(random_bytes_are_moved_aside),
		TEST(cut_off_is_moved_aside),
		TEST(header_claims_are_not_believed),
		TEST(damaged_pages_end_no_daemon),
		TEST(damage_under_an_open_store_breaks_it),
		TEST(damage_leaves_the_list_of_what_is_due),
		TEST(damage_in_the_tables_of_reports_is_found),
		TEST(damage_in_the_steps_is_found),
		TEST(many_wrong_checksums_break_it_once),
		TEST(empty_file_is_a_new_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
