/* The check of the file after an unclean end: what proves damage, and what does not. The test acts in the child
 * process at fork(), and makes the parent's clock jump. */
#include "cm.h"

#include "clock.h"
#include "faulty_disk.h"
#include "room.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#define ENTRIES 40
#define HOUR_MS 3600000

static void (*in_child)(void); /* called in the child before it checks; NULL: nothing */
static pid_t child;
static int64_t clock_ahead_ms;
static unsigned calls, calls_wanted;

pid_t __real_fork(void);
pid_t __wrap_fork(void);
int64_t __real_clock_mono_ms(void);
int64_t __wrap_clock_mono_ms(void);

pid_t __wrap_fork(void)
{
	pid_t pid = __real_fork();

	if (pid == 0 && in_child != NULL)
		in_child();
	child = pid;
	return pid;
}

/* An hour passes between two readings of the clock. */
int64_t __wrap_clock_mono_ms(void)
{
	clock_ahead_ms += HOUR_MS;
	return __real_clock_mono_ms() + clock_ahead_ms;
}

static void named(char out[32], int number)
{
	snprintf(out, 32, "d%d.example", number);
}

/* Makes a store with ENTRIES entries, and the marker of an owner that has not closed it. */
static int store_left(void **state)
{
	char domain[32];
	struct store *store;

	room_make(state);
	in_child = NULL;
	store = room_open(ROOM_BYTES, STORE_OWNER);
	for (int i = 0; i < ENTRIES; i++) {
		named(domain, i);
		assert_true(room_put(store, domain, KIND_USED, 700, NULL));
	}
	store_close(&store);
	close(open(room_file("policies.dirty"), O_WRONLY | O_CREAT, 0640));
	calls = 0;
	return 0;
}

static void all_known(struct store *store)
{
	char domain[32];

	for (int i = 0; i < ENTRIES; i++) {
		named(domain, i);
		assert_true(room_knows(store, domain));
	}
}

/* The next start, without disturbance, finds all entries. */
static void nothing_is_lost(void)
{
	struct store *store;

	assert_int_equal(room_count("policies.mdb.damaged", NULL), 0);
	in_child = NULL;
	disk_mend();
	store = room_open(ROOM_BYTES, STORE_OWNER);
	all_known(store);
	store_close(&store);
}

/* The store does not open, and file and marker stay as they are. */
static void is_left_alone(store_go_on *go_on, const char *words)
{
	struct failure why = {0};

	assert_null(store_open_watched(room, ROOM_BYTES, go_on, &why));
	assert_int_equal(why.code, EX_TEMPFAIL);
	if (strstr(why.text, words) == NULL)
		fail_msg("`%s` is not in: %s", words, why.text);
	assert_true(room_has("policies.dirty"));
	nothing_is_lost();
}

static void child_stops(void)
{
	raise(SIGSTOP);
}

static bool wait_then_let_go(unsigned percent)
{
	(void)percent;
	if (++calls >= calls_wanted) /* it may not have stopped yet when it is continued for the first time */
		kill(child, SIGCONT);
	return true;
}

/* Hours pass, and the child has not read an octet yet. */
static void a_slow_disk_is_no_damage(void **state)
{
	struct failure why = {0};
	struct store *store;

	(void)state;
	in_child = child_stops;
	calls_wanted = 2;
	store = store_open_watched(room, ROOM_BYTES, wait_then_let_go, &why);
	if (store == NULL)
		fail_msg("%s", why.text);
	assert_true(calls >= calls_wanted);
	assert_int_equal(room_count("policies.mdb.damaged", NULL), 0);
	all_known(store);
	store_close(&store);
}

static unsigned furthest;

static bool percent_keep(unsigned percent)
{
	assert_true(percent >= furthest && percent <= 100);
	furthest = percent;
	return true;
}

static void it_tells_how_far_it_is(void **state)
{
	struct failure why = {0};
	struct store *store = store_open_watched(room, ROOM_BYTES, percent_keep, &why);

	(void)state;
	assert_non_null(store);
	assert_int_equal(furthest, 100);
	store_close(&store);
}

static bool stop_at_once(unsigned percent)
{
	(void)percent;
	return false;
}

static void a_stop_meanwhile_leaves_it(void **state)
{
	(void)state;
	in_child = child_stops;
	is_left_alone(stop_at_once, "the check was stopped before it was finished");
	assert_int_equal(kill(child, 0), -1);
}

static int signal_sent;

static bool signal_send(unsigned percent)
{
	(void)percent;
	kill(child, signal_sent);
	kill(child, SIGCONT);
	return true;
}

static void a_child_ended_from_outside_is_no_damage(void **state)
{
	static const int signals[] = {SIGKILL, SIGTERM, SIGHUP, SIGXCPU};

	for (size_t i = 0; i < COUNT(signals); i++) {
		in_child = child_stops;
		signal_sent = signals[i];
		is_left_alone(signal_send, "was killed by signal");
		room_remove(state);
		store_left(state);
	}
}

static void child_fails_to_read(int error)
{
	disk_fail((struct disk_fault){DISK_READ, error, 2, DISK_FOR_EVER});
}

static void child_reads_eio(void)
{
	child_fails_to_read(EIO);
}

static void child_reads_estale(void)
{
	child_fails_to_read(ESTALE);
}

static void a_disk_that_does_not_give_it_is_no_damage(void **state)
{
	in_child = child_reads_eio;
	is_left_alone(NULL, "check whether its disk is failing");
	room_remove(state);
	store_left(state);
	in_child = child_reads_estale;
	is_left_alone(NULL, strerror(ESTALE));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* these need the whole address space */
static void child_has_no_memory(void)
{
	setrlimit(RLIMIT_AS, &(struct rlimit){1, 1});
}

static void too_little_memory_is_no_damage(void **state)
{
	(void)state;
	in_child = child_has_no_memory;
	is_left_alone(NULL, strerror(ENOMEM));
}
#endif

static void child_dies(void)
{
	raise(SIGKILL);
}

static void a_tool_says_so_too(void **state)
{
	struct failure why = {0};

	(void)state;
	in_child = child_dies;
	assert_null(store_open(room, ROOM_BYTES, STORE_GUEST, &why));
	assert_int_equal(why.code, EX_TEMPFAIL);
	nothing_is_lost();
}

static void child_crashes(void)
{
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

static void a_crash_is_damage(void **state)
{
	struct store *store;

	(void)state;
	in_child = child_crashes;
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(room_count("policies.mdb.damaged-2", NULL) / 2, 1);
	assert_false(room_knows(store, "d1.example"));
	store_close(&store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_left, room_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_slow_disk_is_no_damage),
		TEST(it_tells_how_far_it_is),
		TEST(a_stop_meanwhile_leaves_it),
		TEST(a_child_ended_from_outside_is_no_damage),
		TEST(a_disk_that_does_not_give_it_is_no_damage),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		TEST(too_little_memory_is_no_damage),
#endif
		TEST(a_tool_says_so_too),
		TEST(a_crash_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
