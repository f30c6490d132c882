/* The store's file, damaged. What a kill leaves: test_store_crash. */
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

/* Opens, and what opens works. */
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
	assert_int_equal(room_count("policies.mdb.damaged-2", name) / 2, 3); /* file and lock, also in one second */
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
		assert_int_equal(room_count("policies.mdb.damaged-2", NULL) / 2, i + 1); /* file and lock */
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
	assert_int_equal(
		room_count("policies.mdb.damaged-2", NULL) / 2, COUNT(rows) - 1); /* the map's size is ours to say */
}

/* Every page in turn, by other bytes each time: sound enough to use, or moved aside. */
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
		TEST(empty_file_is_a_new_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
