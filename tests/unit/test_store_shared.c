/* The store between owners and guests, and in directories where it must not be opened. */
#include "cm.h"

#include "clock.h"
#include "room.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define NOBODY 65534

static struct failure told;

static bool refused(enum store_access access, int code, const char *words)
{
	struct store *store = store_open(room, ROOM_BYTES, access, &told);

	if (store == NULL)
		return told.code == code && strstr(told.text, words) != NULL;
	store_close(&store);
	return false;
}

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

static void later_schema_is_refused_and_left_alone(void **state)
{
	struct store *store;

	(void)state;
	store_fill(3);
	room_write("meta", LIT("schema"), "2");
	assert_true(refused(STORE_OWNER, EX_CONFIG, "later version of stsgate"));
	assert_true(refused(STORE_GUEST, EX_CONFIG, "later version of stsgate"));
	room_write("meta", LIT("schema"), "1");
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_true(room_knows(store, "d2.example"));
	store_close(&store);
	assert_int_equal(room_count("policies.mdb.damaged", NULL), 0);
}

static void two_owners_are_one_too_many(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);

	(void)state;
	assert_true(refused(STORE_OWNER, EX_TEMPFAIL, "another stsgated is using it"));
	assert_true(room_put(store, "a.example", KIND_USED, 1, NULL));
	assert_true(room_has("policies.dirty"));
	store_close(&store);
	assert_false(refused(STORE_OWNER, EX_TEMPFAIL, "another stsgated is using it"));
}

static void guest_makes_no_store(void **state)
{
	(void)state;
	assert_true(refused(STORE_GUEST, EX_NOINPUT, "start stsgated"));
	assert_int_equal(room_count("policies", NULL), 0);
	file_write(0, "", 0);
	assert_true(refused(STORE_GUEST, EX_NOINPUT, "start stsgated"));
	assert_int_equal(rmdir(room) == 0, false);
	assert_int_equal(room_remove(NULL), 0);
	assert_true(refused(STORE_GUEST, EX_NOINPUT, "start stsgated"));
	assert_int_equal(mkdir(room, 0700), 0);
}

static void guest_does_not_touch_damage(void **state)
{
	uint8_t bytes[30000];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	file_write(0, bytes, sizeof(bytes));
	assert_true(refused(STORE_GUEST, EX_DATAERR, "restart stsgated"));
	assert_int_equal(file_size(STORE_FILE), sizeof(bytes));
}

static bool guest_reads_and_writes(void)
{
	struct failure why;
	struct store *store = store_open(room, ROOM_BYTES, STORE_GUEST, &why);
	bool ok = store != NULL && room_knows(store, "a.example") &&
		  room_put(store, "b.example", KIND_USED, 10, &why) &&
		  store_forget(store, "c.example", NULL, NULL, &why);

	store_close(&store);
	return ok;
}

static void guest_works_beside_the_owner(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);

	(void)state;
	assert_true(room_put(store, "a.example", KIND_USED, 10, NULL));
	assert_true(room_put(store, "c.example", KIND_USED, 10, NULL));
	assert_true(room_child(guest_reads_and_writes));
	assert_true(room_knows(store, "b.example"));
	assert_false(room_knows(store, "c.example"));
	assert_true(room_put(store, "d.example", KIND_USED, 10, NULL));
	assert_true(room_has("policies.dirty")); /* the marker belongs to the owner: the guest leaves it */
	store_close(&store);
}

static uint64_t state_now(struct store *store)
{
	uint64_t state = 0;
	assert_true(store_state(store, &state));
	return state;
}

static void state_counts_the_changes_of_all(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	(void)state;
	assert_true(room_put(store, "a.example", KIND_USED, 10, NULL));
	assert_true(room_put(store, "c.example", KIND_USED, 10, NULL));
	uint64_t before = state_now(store);
	struct store_view *view = store_view_begin(store, NULL);
	assert_int_equal(store_view_state(view), before);
	assert_int_equal(state_now(store), before);
	assert_true(room_child(guest_reads_and_writes));
	assert_true(state_now(store) > before);
	assert_int_equal(store_view_state(view), before);
	store_view_end(&view);
	before = state_now(store);
	assert_true(room_put(store, "d.example", KIND_USED, 10, NULL));
	assert_true(state_now(store) > before);
	store_close(&store);
}

static bool guest_became_nobody(void)
{
	gid_t groups[8];

	return guest_reads_and_writes() && getuid() == NOBODY && geteuid() == NOBODY && getgid() == NOBODY &&
	       setuid(0) != 0 && getgroups(8, groups) == 1 && groups[0] == NOBODY;
}

static void guest_of_root_becomes_the_owner(void **state)
{
	static const char *const names[] = {STORE_FILE, STORE_FILE "-lock", "policies.owner"};
	struct store *store;

	(void)state;
	if (geteuid() != 0)
		skip();
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_true(room_put(store, "a.example", KIND_USED, 10, NULL));
	store_close(&store);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(chown(room_file(names[i]), NOBODY, NOBODY), 0);
	assert_int_equal(chown(room, NOBODY, NOBODY), 0);
	assert_true(room_child(guest_became_nobody));
}

static bool unprivileged(void)
{
	return geteuid() != 0 || (setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
}

static bool not_writable(void)
{
	return unprivileged() && refused(STORE_OWNER, EX_CANTCREAT, "not writable") &&
	       strstr(told.text, room) != NULL && strstr(told.text, "store_path") != NULL;
}

static void directory_not_writable_is_told(void **state)
{
	(void)state;
	assert_int_equal(chmod(room, 0555), 0);
	assert_true(room_child(not_writable));
	assert_int_equal(room_count("policies", NULL), 0);
}

static bool not_ours(void)
{
	return unprivileged() && refused(STORE_OWNER, EX_CANTCREAT, "give it to the user");
}

static void foreign_file_is_left_alone(void **state)
{
	(void)state;
	store_fill(3);
	assert_int_equal(chmod(room_file(STORE_FILE), 0400), 0);
	assert_int_equal(chmod(room_file("policies.owner"), 0666), 0);
	assert_int_equal(chmod(room, 0777), 0);
	assert_true(room_child(not_ours));
	assert_int_equal(room_count("policies.mdb.damaged", NULL), 0);
	assert_int_equal(chmod(room_file(STORE_FILE), 0640), 0);
	opens_and_works();
}

static void directory_is_made_but_not_its_parents(void **state)
{
	char kept[256], parent[300];
	struct stat file;

	(void)state;
	snprintf(kept, sizeof(kept), "%s", room);
	snprintf(parent, sizeof(parent), "%s/new", kept);
	snprintf(room, sizeof(room), "%.200s/new/deep", kept);
	assert_true(refused(STORE_OWNER, EX_CANTCREAT, "cannot be created"));
	snprintf(room, sizeof(room), "%.250s", parent);
	opens_and_works();
	assert_int_equal(stat(room, &file), 0);
	assert_int_equal(file.st_mode & 07777 & ~0700, 0);
	assert_int_equal(stat(room_file(STORE_FILE), &file), 0);
	assert_int_equal(file.st_mode & 07777 & ~0640, 0);
	assert_int_equal(room_remove(NULL), 0);
	snprintf(room, sizeof(room), "%s", kept);
	file_write(0, "x", 1);
	snprintf(room, sizeof(room), "%.200s/%s", kept, STORE_FILE);
	assert_true(refused(STORE_OWNER, EX_CANTCREAT, "store_path must name a directory"));
	snprintf(room, sizeof(room), "%s", kept);
}

/* Reads at the start, and again after the file has grown beyond the map with which it was opened; then writes. */
static void read_again(int fd)
{
	struct failure why;
	struct store *store = store_open(room, ROOM_BYTES, STORE_GUEST, &why);
	bool ok = store != NULL && room_knows(store, "d0.example");

	if (!ok || write(fd, "1", 1) != 1)
		return;
	for (int i = 0; i < 2000 && !room_has("grown"); i++)
		usleep(10000);
	if (room_knows(store, "d0.example") && room_knows(store, "large999.example") &&
		room_put(store, "guest.example", KIND_USED, 10, &why))
		ok = write(fd, "2", 1) == 1;
}

static void map_that_outgrows_a_guest_is_taken_over(void **state)
{
	struct store *store;
	char word = 0, domain[32];
	pid_t pid;
	int fd;

	(void)state;
	store_fill(10);
	pid = room_spawn(read_again, &fd);
	assert_int_equal(read(fd, &word, 1), 1);
	store = room_open(8 * ROOM_BYTES, STORE_OWNER);
	for (int i = 0; i < 1000; i++) {
		snprintf(domain, sizeof(domain), "large%d.example", i);
		assert_true(room_put(store, domain, KIND_USED, 3000, NULL));
	}
	assert_true(file_size(STORE_FILE) > 2 * ROOM_BYTES);
	close(open(room_file("grown"), O_WRONLY | O_CREAT, 0600));
	assert_int_equal(read(fd, &word, 1), 1);
	assert_int_equal(word, '2');
	room_kill(pid);
	close(fd);
	assert_true(room_knows(store, "guest.example"));
	store_close(&store);
}

/* Fills the file beyond the map of a later owner with a lower limit. */
static void fill_when_told(int fd)
{
	struct failure why;
	struct store *store = store_open(room, ROOM_BYTES, STORE_GUEST, &why);
	char domain[32];
	bool ok = store != NULL && write(fd, "1", 1) == 1;

	for (int i = 0; ok && i < 2000 && !room_has("go"); i++)
		usleep(10000);
	for (int i = 0; ok && i < 1000; i++) {
		snprintf(domain, sizeof(domain), "large%d.example", i);
		ok = room_put(store, domain, KIND_USED, 3000, &why);
	}
	if (ok && write(fd, "2", 1) == 1)
		store_close(&store);
}

static void map_that_outgrows_the_owner_is_taken_over(void **state)
{
	struct store *store = room_open(8 * ROOM_BYTES, STORE_OWNER);
	char word = 0;
	pid_t pid;
	int fd;

	(void)state;
	assert_true(room_put(store, "d0.example", KIND_USED, 10, NULL));
	store_close(&store);
	pid = room_spawn(fill_when_told, &fd);
	assert_int_equal(read(fd, &word, 1), 1);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_true(room_knows(store, "d0.example"));
	close(open(room_file("go"), O_WRONLY | O_CREAT, 0600));
	assert_int_equal(read(fd, &word, 1), 1);
	assert_int_equal(word, '2');
	room_kill(pid);
	close(fd);
	assert_true(file_size(STORE_FILE) > 2 * ROOM_BYTES);
	assert_true(room_put(store, "d0.example", KIND_USED, 20, NULL));
	assert_true(room_knows(store, "large999.example"));
	assert_true(room_knows(store, "d0.example"));
	store_close(&store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_make, room_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(later_schema_is_refused_and_left_alone),
		TEST(two_owners_are_one_too_many),
		TEST(guest_makes_no_store),
		TEST(guest_does_not_touch_damage),
		TEST(guest_works_beside_the_owner),
		TEST(state_counts_the_changes_of_all),
		TEST(guest_of_root_becomes_the_owner),
		TEST(directory_not_writable_is_told),
		TEST(foreign_file_is_left_alone),
		TEST(directory_is_made_but_not_its_parents),
		TEST(map_that_outgrows_a_guest_is_taken_over),
		TEST(map_that_outgrows_the_owner_is_taken_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
