/* The check of the file beside an owner: when it is enough, and what follows from what it finds (design 9.19). An owner is
 * killed by ending a child without store_close(). */
#include "cm.h"

#include "room.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ENTRIES 60
#define WAIT_MS 60000
#define MARKER "policies.dirty"

static void (*in_child)(void); /* called in the child before it checks; NULL: nothing */
static pid_t child;            /* the newest one */
static unsigned calls;         /* of go_on: a check came first */

pid_t __real_fork(void);
pid_t __wrap_fork(void);

pid_t __wrap_fork(void)
{
	pid_t pid = __real_fork();
	if (pid == 0 && in_child)
		in_child();
	child = pid;
	return pid;
}

static bool count_calls(unsigned percent)
{
	calls += percent > 0; /* the look at the head of the file tells nothing */
	return true;
}

static struct store *opened(void)
{
	struct failure why = {0};
	calls = 0;
	struct store *store = store_open_watched(room, ROOM_BYTES, count_calls, &why);
	if (!store)
		fail_msg("%s", why.text);
	return store;
}

static void named(char out[32], int number)
{
	snprintf(out, 32, "d%d.example", number);
}

static void all_known(struct store *store)
{
	char domain[32];
	for (int i = 0; i < ENTRIES; i++) {
		named(domain, i);
		assert_true(room_knows(store, domain));
	}
}

static off_t marker_size(void)
{
	struct stat file;
	return stat(room_file(MARKER), &file) == 0 ? file.st_size : -1;
}

static bool nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	return true;
}

/* Takes in what the check finds: it has ended when the marker is no longer empty, or when the store is broken. */
static void check_end(struct store *store)
{
	for (int ms = 0; ms < WAIT_MS && marker_size() == 0 && !store_is_broken(store, NULL) && nap(); ms += 2)
		store_check_continue(store);
}

/* An owner that ends without store_close(), like after kill -9. `checked`: after the check beside it has ended. */
static void owner_dies(bool checked)
{
	void (*later)(void) = in_child;
	int status;
	in_child = NULL;
	pid_t pid = fork();
	if (pid == 0) {
		struct store *store = store_open_watched(room, ROOM_BYTES, count_calls, NULL);
		if (store && checked)
			check_end(store);
		_exit(!store || !room_put(store, "last.example", KIND_USED, 700, NULL));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	in_child = later;
}

/* Makes a store with ENTRIES entries, which its owner has left behind. */
static int store_left(void **state)
{
	char domain[32];
	room_make(state);
	in_child = NULL;
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	for (int i = 0; i < ENTRIES; i++) {
		named(domain, i);
		assert_true(room_put(store, domain, KIND_USED, 700, NULL));
	}
	store_close(&store);
	owner_dies(false);
	return 0;
}

/* Opening a store forks twice: for a look at the head of the file, and for the check beside its owner. */
static void child_stops(void)
{
	if (child != 0)
		raise(SIGSTOP);
}

/* The check cannot go on, and the store is read and written. */
static void the_store_is_used_at_once(void **state)
{
	(void)state;
	child = 0;
	in_child = child_stops;
	struct store *store = opened();
	in_child = NULL;
	assert_int_equal(calls, 0);
	all_known(store);
	assert_true(room_knows(store, "last.example"));
	assert_true(room_put(store, "new.example", KIND_USED, 700, NULL));
	store_check_continue(store);
	assert_int_equal(marker_size(), 0);
	assert_int_equal(kill(child, 0), 0);
	for (int ms = 0; ms < WAIT_MS && marker_size() == 0 && nap(); ms += 2) {
		kill(child, SIGCONT);
		store_check_continue(store);
	}
	assert_true(marker_size() > 0);
	assert_int_equal(kill(child, 0), -1);
	assert_false(store_is_broken(store, NULL));
	store_close(&store);
	assert_false(room_has(MARKER));
	store = opened();
	assert_true(room_knows(store, "new.example"));
	store_close(&store);
}

static void the_next_start_checks_first(void)
{
	struct store *store = opened();
	assert_true(calls > 0);
	store_close(&store);
}

static void marker_write(const char *text)
{
	int fd = open(room_file(MARKER), O_WRONLY | O_CREAT | O_TRUNC, 0640);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void another_boot_is_checked_first(void **state)
{
	(void)state;
	char line[256] = "";
	int fd = open(room_file(MARKER), O_RDONLY);
	assert_true(read(fd, line, sizeof line - 1) > 40);
	close(fd);
	assert_memory_equal(line, "boot ", 5);
	line[8] = line[8] == 'a' ? 'b' : 'a';
	marker_write(line);
	the_next_start_checks_first();
}

static void an_unknown_marker_is_no_proof(void **state)
{
	static const char *const texts[] = {"", "boot", "boot 0 file 0 0\n", "\n"};
	for (size_t i = 0; i < COUNT(texts); i++) {
		marker_write(texts[i]);
		the_next_start_checks_first();
		room_remove(state);
		store_left(state);
	}
}

/* A copy of the directory of a store in use need not be whole. */
static void a_copy_is_checked_first(void **state)
{
	(void)state;
	char command[1024];
	snprintf(command, sizeof command, "cd %s && cp policies.mdb copy && mv copy policies.mdb", room);
	assert_int_equal(system(command), 0);
	the_next_start_checks_first();
}

/* The same if the copy gets the number of the inode that the removed store had. */
static void a_copy_with_the_same_inode_is_checked_first(void **state)
{
	char command[1024];
	struct stat before, after;
	(void)state;
	assert_int_equal(stat(room_file(STORE_FILE), &before), 0);
	snprintf(command, sizeof command,
		"cd %s && cp policies.mdb copy && i=$(stat -c %%i policies.mdb) && rm policies.mdb && "
		"for n in $(seq 100); do : >new$n; [ $(stat -c %%i new$n) != $i ] || break; done && "
		"cp copy new$n && mv new$n policies.mdb && rm -f new* copy",
		room);
	assert_int_equal(system(command), 0);
	assert_int_equal(stat(room_file(STORE_FILE), &after), 0);
	if (before.st_ino != after.st_ino)
		skip();
	the_next_start_checks_first();
}

/* The damage that ends a daemon may be what ends the next one, too. */
static void an_end_before_the_check_is_over(void **state)
{
	(void)state;
	owner_dies(false);
	assert_int_equal(marker_size(), 0);
	the_next_start_checks_first();
}

static void a_second_end_after_the_check(void **state)
{
	(void)state;
	owner_dies(true);
	struct store *store = opened();
	assert_int_equal(calls, 0);
	all_known(store);
	store_close(&store);
}

/* A stop in order leaves the check to the next start, which is as fast. */
static void a_stop_before_the_check_is_over(void **state)
{
	(void)state;
	for (int turn = 0; turn < 3; turn++) {
		child = 0;
		in_child = child_stops;
		struct store *store = opened();
		in_child = NULL;
		assert_int_equal(calls, 0);
		store_close(&store);
		assert_int_equal(kill(child, 0), -1);
		assert_true(marker_size() > 0);
	}
	struct store *store = opened();
	check_end(store);
	store_close(&store);
	assert_false(room_has(MARKER));
}

static void leaf_spoil(void)
{
	char page[4096];
	int fd = open(room_file(STORE_FILE), O_RDWR);
	struct stat file;
	assert_int_equal(fstat(fd, &file), 0);
	for (off_t at = 2 * 4096; at < file.st_size; at += 4096) {
		assert_int_equal(pread(fd, page, sizeof page, at), sizeof page);
		if (memmem(page, sizeof page, "d7.example", 10) && !memmem(page, sizeof page, "\0entries", 8)) {
			memset(page + 10, 0xff, 200); /* kind of page, free space, offsets of records */
			assert_int_equal(pwrite(fd, page, sizeof page, at), sizeof page);
		}
	}
	close(fd);
}

/* It counts as damage under the running daemon: nothing is read or written any more, and the next start, which checks
 * first, moves the file aside. */
static void damage_that_it_finds_breaks_the_store(void **state)
{
	struct failure why;
	(void)state;
	leaf_spoil();
	struct store *store = opened();
	assert_int_equal(calls, 0);
	assert_false(store_is_broken(store, &why));
	check_end(store);
	assert_true(store_is_broken(store, &why));
	assert_false(room_put(store, "new.example", KIND_USED, 10, &why));
	store_close(&store);
	assert_int_equal(marker_size(), 0);
	assert_int_equal(room_count("policies.mdb.damaged", NULL), 0);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(room_count("policies.mdb.damaged-2", NULL) / 2, 1);
	store_close(&store);
}

static void wrong_checksums_that_it_finds_are_known(void **state)
{
	enum { WRONG = 20 };
	struct failure why;
	char domain[32];
	(void)state;
	struct store *store = opened();
	check_end(store);
	store_close(&store);
	for (int i = 0; i < WRONG; i++) {
		named(domain, i);
		room_write("entries", domain, strlen(domain), "these octets are no entry at all");
	}
	owner_dies(false);
	store = opened();
	check_end(store);
	for (int i = 0; i < WRONG; i++) {
		named(domain, i);
		assert_false(room_knows(store, domain));
	}
	assert_false(store_is_broken(store, &why));
	store_close(&store);
}

static void child_dies(void)
{
	if (child != 0)
		raise(SIGKILL);
}

/* It proves nothing: the store stays in use, and a check comes first next time, even after a stop in order. */
static void a_check_that_cannot_be_finished(void **state)
{
	(void)state;
	child = 0;
	in_child = child_dies;
	struct store *store = opened();
	in_child = NULL;
	for (int ms = 0; ms < WAIT_MS && kill(child, 0) == 0 && nap(); ms += 2)
		store_check_continue(store);
	assert_false(store_is_broken(store, NULL));
	all_known(store);
	store_close(&store);
	assert_int_equal(marker_size(), 0);
	the_next_start_checks_first();
}

/* Returns how far the oldest state that another process reads lies behind the newest. */
static uint64_t behind(struct store *store)
{
	struct store_readers readers;
	assert_true(room_put(store, "new.example", KIND_USED, 10, NULL));
	assert_true(room_put(store, "newer.example", KIND_USED, 10, NULL));
	assert_true(store_readers(store, &readers, NULL));
	return readers.behind;
}

/* Otherwise the file grows until somebody notices that the reader is dead. */
static void the_check_holds_no_state_after_its_end(void **state)
{
	(void)state;
	child = 0;
	in_child = child_stops;
	struct store *store = opened();
	in_child = NULL;
	for (int ms = 0; ms < WAIT_MS && marker_size() == 0 && nap(); ms += 2) {
		kill(child, SIGCONT);
		store_check_continue(store);
	}
	assert_true(marker_size() > 0);
	assert_int_equal(behind(store), 0);
	store_close(&store);
}

/* The check reads one state of the store while the owner writes others. */
static void writing_meanwhile_disturbs_nothing(void **state)
{
	char domain[32];
	(void)state;
	struct store *store = opened();
	for (int i = 0; marker_size() == 0 && i < 5000; i++) {
		snprintf(domain, sizeof domain, "w%d.example", i % 100);
		assert_true(room_put(store, domain, KIND_USED, 200 + i % 700, NULL));
		store_check_continue(store);
	}
	check_end(store);
	assert_true(marker_size() > 0);
	assert_false(store_is_broken(store, NULL));
	all_known(store);
	store_close(&store);
}

/* In a child, which cannot see the kernel's name of the boot: as in a service with ProcSubset=pid. */
static bool hidden_boot(const char *given)
{
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("/dev/null", "/proc/sys/kernel/random/boot_id", NULL, MS_BIND, NULL) != 0)
		return false;
	if (given)
		setenv("STSGATED_BOOT_ID", given, 1);
	else
		unsetenv("STSGATED_BOOT_ID");
	return true;
}

enum { CHECKED_BESIDE, CHECKED_FIRST, NOT_POSSIBLE };

static int start_hidden(const char *given)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		if (!hidden_boot(given))
			_exit(NOT_POSSIBLE);
		calls = 0;
		struct store *store = store_open_watched(room, ROOM_BYTES, count_calls, NULL);
		if (store && calls == 0)
			check_end(store);
		store_close(&store);
		_exit(calls > 0 ? CHECKED_FIRST : CHECKED_BESIDE);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The unit passes the name of the boot to a service that cannot see it. */
static void the_name_of_the_boot_may_be_given(void **state)
{
	char boot[64] = "", other[64];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY);
	if (fd < 0 || read(fd, boot, 36) != 36)
		skip();
	close(fd);
	memcpy(other, boot, sizeof other);
	other[0] = other[0] == '0' ? '1' : '0';
	const struct {
		const char *given;
		int outcome;
	} rows[] = {{boot, CHECKED_BESIDE}, {other, CHECKED_FIRST}, {NULL, CHECKED_FIRST}, {"", CHECKED_FIRST},
		{"7b5e0fa9", CHECKED_FIRST}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		int outcome = start_hidden(rows[i].given);
		if (outcome == NOT_POSSIBLE)
			skip();
		assert_int_equal(outcome, rows[i].outcome);
		room_remove(state);
		store_left(state);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_left, room_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_store_is_used_at_once),
		TEST(another_boot_is_checked_first),
		TEST(an_unknown_marker_is_no_proof),
		TEST(a_copy_is_checked_first),
		TEST(a_copy_with_the_same_inode_is_checked_first),
		TEST(an_end_before_the_check_is_over),
		TEST(a_second_end_after_the_check),
		TEST(a_stop_before_the_check_is_over),
		TEST(damage_that_it_finds_breaks_the_store),
		TEST(wrong_checksums_that_it_finds_are_known),
		TEST(the_check_holds_no_state_after_its_end),
		TEST(a_check_that_cannot_be_finished),
		TEST(writing_meanwhile_disturbs_nothing),
		TEST(the_name_of_the_boot_may_be_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
