/* The store on a disk that fails. Acknowledged changes are there; others are refused with a message. Reading
 * continues, and so does writing when the disk works again. */
#include "cm.h"

#include "faulty_disk.h"
#include "room.h"
#include "store_internal.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define ENTRIES 12
#define LARGE 6000
#define CALLS_MAX 60 /* far more calls of one kind than one change makes */

static const struct {
	enum disk_call call;
	int error;
} faults[] = {{DISK_WRITE, EIO}, {DISK_WRITE, ENOSPC}, {DISK_WRITE, EROFS}, {DISK_WRITE, DISK_SHORT}, {DISK_HEAD, EIO},
	{DISK_HEAD, ENOSPC}, {DISK_HEAD, DISK_SHORT}, {DISK_SYNC, EIO}, {DISK_SYNC, ENOSPC}};

static const char *named(int number)
{
	static _Thread_local char domain[32];

	snprintf(domain, sizeof(domain), "d%d.example", number);
	return domain;
}

static struct store *store_filled(void)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);

	for (int i = 0; i < ENTRIES; i++)
		assert_true(room_put(store, named(i), KIND_USED, i % 2 == 0 ? 100 : LARGE, NULL));
	return store;
}

static int64_t due_of(struct store *store, int number)
{
	struct entry entry;
	int64_t due_at;

	assert_int_equal(room_get(store, named(number), &entry), STORE_FOUND);
	due_at = entry.due_at;
	entry_free(&entry);
	return due_at;
}

static void all_known(struct store *store)
{
	for (int i = 0; i < ENTRIES; i++)
		assert_true(room_knows(store, named(i)));
}

static struct store *reopened(struct store *store)
{
	store_close(&store);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	all_known(store);
	assert_int_equal(room_count("policies.mdb.damaged", NULL), 0);
	return store;
}

static bool is_told(const struct failure *why)
{
	return why->code != EX_SOFTWARE && strstr(why->text, room) != NULL && strstr(why->text, "disk") != NULL;
}

/* Makes each call fail in turn: the first, the second, until a change makes no more calls of that kind. */
static void each_call_fails_in_turn(enum disk_call call, int error)
{
	struct store *store = store_filled();
	unsigned after, failed = 1;
	int64_t due_at = 0;

	for (after = 0; failed > 0 && after < CALLS_MAX; after++) {
		struct failure why = {0};
		bool ok;

		disk_fail((struct disk_fault){call, error, after, 1});
		ok = room_put_due(store, named(1), due_at + 1, &why);
		failed = disk_mend();
		assert_int_equal(ok, failed == 0);
		assert_true(ok || is_told(&why));
		all_known(store);
		assert_int_equal(due_of(store, 1), ok ? due_at + 1 : due_at);
		due_at += 2;
		if (!room_put_due(store, named(1), due_at, &why))
			fail_msg("call %u, error %d: %s", after, error, why.text);
		store = reopened(store);
		assert_int_equal(due_of(store, 1), due_at);
	}
	assert_in_range(after, 2, CALLS_MAX - 1);
	store_close(&store);
}

static void one_call_that_fails_loses_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		each_call_fails_in_turn(faults[i].call, faults[i].error);
		room_remove(NULL);
		room_make(NULL);
	}
}

static void reading_goes_on_while_nothing_can_be_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		struct store *store = store_filled();
		struct failure why;

		disk_fail((struct disk_fault){faults[i].call, faults[i].error, 0, DISK_FOR_EVER});
		for (int turn = 0; turn < 5; turn++) {
			assert_false(room_put_due(store, named(turn), 100, &why));
			assert_true(is_told(&why));
			assert_false(store_is_broken(store, &why));
			all_known(store);
		}
		assert_true(disk_mend() >= 5);
		assert_true(room_put_due(store, named(0), 100, &why));
		store = reopened(store);
		assert_int_equal(due_of(store, 0), 100);
		assert_int_equal(due_of(store, 4), 0);
		store_close(&store);
		room_remove(NULL);
		room_make(NULL);
	}
}

#define CALLERS 16
#define TURNS 10

struct caller {
	struct store *store;
	int number;
	int64_t acknowledged;
	pthread_t thread;
};

static void *changes_make(void *arg)
{
	struct caller *caller = arg;

	for (int turn = 1; turn <= TURNS; turn++)
		if (room_put_due(caller->store, named(100 + caller->number), turn, NULL))
			caller->acknowledged = turn;
	return NULL;
}

/* Callers share commits, some of which fail: each caller gets the result of its own change. */
static void a_shared_commit_that_fails_is_told_to_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++)
		for (unsigned after = 0; after < 6; after++) {
			struct caller caller[CALLERS];
			struct store *store = room_open(ROOM_BYTES, STORE_OWNER);

			disk_fail((struct disk_fault){faults[i].call, faults[i].error, after, 1 + after});
			for (int k = 0; k < CALLERS; k++) {
				caller[k] = (struct caller){.store = store, .number = k};
				assert_int_equal(pthread_create(&caller[k].thread, NULL, changes_make, &caller[k]), 0);
			}
			for (int k = 0; k < CALLERS; k++)
				pthread_join(caller[k].thread, NULL);
			assert_true(disk_mend() > 0);
			store_close(&store);
			store = room_open(ROOM_BYTES, STORE_OWNER);
			for (int k = 0; k < CALLERS; k++)
				assert_int_equal(due_of(store, 100 + k), caller[k].acknowledged);
			store_close(&store);
			room_remove(NULL);
			room_make(NULL);
		}
}

struct looker {
	struct store *store;
	atomic_bool *stop;
	unsigned looks, failed;
	pthread_t thread;
};

static void *looks_make(void *arg)
{
	struct looker *looker = arg;

	for (; !atomic_load(looker->stop); looker->looks++)
		looker->failed += !room_knows(looker->store, named(1));
	return NULL;
}

/* Readers between a failed commit and LMDB's opening the file again: none may report damage. */
static void who_reads_meanwhile_meets_no_damage(void **state)
{
	enum { LOOKERS = 4, FAILURES = 300 };
	struct looker looker[LOOKERS];
	struct store *store = store_filled();
	atomic_bool stop = false;
	struct failure why;

	(void)state;
	for (int i = 0; i < LOOKERS; i++) {
		looker[i] = (struct looker){.store = store, .stop = &stop};
		assert_int_equal(pthread_create(&looker[i].thread, NULL, looks_make, &looker[i]), 0);
	}
	for (int i = 0; i < FAILURES; i++) {
		disk_fail((struct disk_fault){DISK_HEAD, EIO, 0, 1});
		assert_false(room_put_due(store, named(1), 100 + i, &why));
		disk_mend();
	}
	atomic_store(&stop, true);
	for (int i = 0; i < LOOKERS; i++) {
		pthread_join(looker[i].thread, NULL);
		assert_int_equal(looker[i].failed, 0);
	}
	assert_false(store_is_broken(store, &why));
	store_close(&store);
}

static void a_disk_that_fails_at_the_start_is_no_damage(void **state)
{
	static const enum disk_call calls[] = {DISK_WRITE, DISK_HEAD, DISK_SYNC};

	(void)state;
	for (size_t i = 0; i < COUNT(calls); i++) {
		struct store *store;
		struct failure why = {0};
		unsigned failed = 1;

		for (unsigned after = 0; failed > 0; after++) {
			disk_fail((struct disk_fault){calls[i], EIO, after, 1});
			store = store_open(room, ROOM_BYTES, STORE_OWNER, &why);
			failed = disk_mend();
			assert_true(store != NULL || (failed > 0 && is_told(&why)));
			store_close(&store);
			assert_int_equal(room_count("policies.mdb.damaged", NULL), 0);
			unlink(room_file(STORE_FILE));
		}
		store = store_filled();
		store = reopened(store);
		store_close(&store);
		room_remove(NULL);
		room_make(NULL);
	}
}

/* Even if the store is closed in order: the disk may not have what the kernel shows until the machine restarts. */
static void after_a_failed_write_the_next_start_checks(void **state)
{
	struct failure why;

	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++) {
		struct store *store = store_filled();
		disk_fail((struct disk_fault){faults[i].call, faults[i].error, 0, DISK_FOR_EVER});
		assert_false(room_put_due(store, named(1), 300 + (int64_t)i, &why));
		disk_mend();
		store_close(&store);
		assert_true(room_has("policies.dirty") == (faults[i].error == EIO || faults[i].error == DISK_SHORT));
		store = room_open(ROOM_BYTES, STORE_OWNER);
		all_known(store);
		store_close(&store);
		assert_false(room_has("policies.dirty"));
	}
}

/* Mounts a file system below `room`, for this process only. Returns false if that is not possible here. */
static bool disk_mount(const char *options)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", room, "tmpfs", 0, options) == 0;
}

#define ALL(count) ((count) == ENTRIES)
static int known(struct store *store)
{
	int count = 0;

	for (int i = 0; i < ENTRIES; i++)
		count += room_knows(store, named(i));
	return count;
}

/* Writes until nothing more fits. */
static void disk_fill(void)
{
	static const char octets[4096];
	FILE *file = fopen(room_file("filler"), "w");

	setvbuf(file, NULL, _IONBF, 0);
	while (fwrite(octets, 1, sizeof(octets), file) == sizeof(octets))
		continue;
	fclose(file);
}

static bool a_full_disk_is_survived(void)
{
	struct failure why = {0};
	struct store *store;
	bool good;

	if (!disk_mount("size=512k,mode=700"))
		return false;
	store = store_filled();
	disk_fill();
	for (int i = 0; i < 200 && room_put(store, named(1000 + i), KIND_USED, LARGE, &why); i++)
		continue;
	good = why.code == EX_IOERR && is_told(&why) && ALL(known(store));
	store_close(&store);
	/* The store opens on the full disk, too. */
	store = store_open(room, ROOM_BYTES, STORE_OWNER, &why);
	good = good && store != NULL && ALL(known(store)) && room_count("policies.mdb.damaged", NULL) == 0;
	unlink(room_file("filler"));
	good = good && room_put(store, named(2000), KIND_USED, LARGE, &why) && room_knows(store, named(2000));
	store_close(&store);
	return good;
}

/* LMDB maps its lock file. If there is no room for it, a failure must be returned, and SIGBUS must not end the
 * process. */
static bool no_room_for_the_lock_file_is_told(void)
{
	struct failure why = {0};
	struct store *store;
	bool good;

	if (!disk_mount("size=512k,mode=700"))
		return false;
	store = store_filled();
	store_close(&store);
	unlink(room_file(STORE_FILE STORE_LOCK_SUFFIX));
	disk_fill();
	good = store_open(room, ROOM_BYTES, STORE_OWNER, &why) == NULL && why.code == EX_IOERR && is_told(&why) &&
	       room_count("policies.mdb.damaged", NULL) == 0;
	unlink(room_file("filler"));
	store = store_open(room, ROOM_BYTES, STORE_OWNER, &why);
	good = good && store != NULL && ALL(known(store));
	store_close(&store);
	return good;
}

static bool read_only_is_told(void)
{
	struct failure why = {0};
	struct store *store;
	bool good;

	if (!disk_mount("size=512k,mode=700"))
		return false;
	store = store_filled();
	store_close(&store);
	if (mount(NULL, room, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0)
		return false;
	good = store_open(room, ROOM_BYTES, STORE_OWNER, &why) == NULL && why.code == EX_CANTCREAT &&
	       strstr(why.text, "mount it writable") != NULL;
	good = good && store_open(room, ROOM_BYTES, STORE_GUEST, &why) == NULL &&
	       strstr(why.text, "mount it writable") != NULL;
	if (mount(NULL, room, NULL, MS_REMOUNT, NULL) != 0)
		return false;
	store = store_open(room, ROOM_BYTES, STORE_OWNER, &why);
	good = good && store != NULL && ALL(known(store));
	store_close(&store);
	return good;
}

static bool may_mount(void)
{
	return disk_mount("size=64k");
}

static void on_a_disk_of_its_own(bool (*body)(void))
{
	if (!room_child(may_mount))
		skip();
	assert_true(room_child(body));
}

static void a_full_disk(void **state)
{
	(void)state;
	on_a_disk_of_its_own(a_full_disk_is_survived);
}

static void a_full_disk_without_a_lock_file(void **state)
{
	(void)state;
	on_a_disk_of_its_own(no_room_for_the_lock_file_is_told);
}

static void a_read_only_file_system(void **state)
{
	(void)state;
	on_a_disk_of_its_own(read_only_is_told);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_make, room_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_call_that_fails_loses_nothing),
		TEST(reading_goes_on_while_nothing_can_be_written),
		TEST(a_shared_commit_that_fails_is_told_to_each),
		TEST(who_reads_meanwhile_meets_no_damage),
		TEST(a_disk_that_fails_at_the_start_is_no_damage),
		TEST(after_a_failed_write_the_next_start_checks),
		TEST(a_full_disk),
		TEST(a_full_disk_without_a_lock_file),
		TEST(a_read_only_file_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
