/* Which events run the program of event_command, how often, and what it reads. The program itself: test_program. */
#include "cm.h"

#include "clock.h"
#include "event_command.h"
#include "fake_log.h"
#include "lock.h"
#include "memory.h"
#include "program.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUNS_MAX 256

/* --- the world around it: a clock, a check, and programs that only note what they get ------------------------------ */

static struct {
	struct lock lock;
	struct signal_cond changed;
	int64_t now_ms;
	bool closed;  /* programs do not end */
	bool failing; /* programs end with a failure */
	unsigned running, run_count, failed_events;
	char input[RUNS_MAX][8192];
	char words[RUNS_MAX][3][64];
	char environment[RUNS_MAX][3][80];
	char detail[512]; /* of the last event-command-failed */
	uint32_t newest;  /* event number in the store */
	struct settings settings;
	struct config config;
} world;

static uid_t user = 1000;

uid_t __wrap_geteuid(void);
int64_t __wrap_clock_mono_ms(void);
bool __wrap_cond_wait_until(struct signal_cond *cond, struct lock *lock, int64_t deadline_ms);
bool __real_cond_wait_until(struct signal_cond *cond, struct lock *lock, int64_t deadline_ms);
bool __wrap_program_run(const struct program *program, struct failure *why);
bool __wrap_store_event_number(struct store *store, uint32_t *number, struct failure *why);
struct config *__wrap_check_config(struct check *check);
void __wrap_config_unref(struct config **config);
void __wrap_check_event(struct check *check, enum event_kind kind, const char *domain, const char *detail);

uid_t __wrap_geteuid(void)
{
	return user;
}

int64_t __wrap_clock_mono_ms(void)
{
	lock_take(&world.lock);
	int64_t now_ms = world.now_ms;
	lock_drop(&world.lock);
	return now_ms;
}

/* Looks again soon, whatever the fake clock says. */
bool __wrap_cond_wait_until(struct signal_cond *cond, struct lock *lock, int64_t deadline_ms)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	(void)deadline_ms;
	return __real_cond_wait_until(cond, lock, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + 5);
}

struct config *__wrap_check_config(struct check *check)
{
	(void)check;
	return &world.config;
}

void __wrap_config_unref(struct config **config)
{
	*config = NULL;
}

bool __wrap_store_event_number(struct store *store, uint32_t *number, struct failure *why)
{
	(void)store;
	(void)why;
	*number = world.newest;
	return true;
}

void __wrap_check_event(struct check *check, enum event_kind kind, const char *domain, const char *detail)
{
	(void)check;
	lock_take(&world.lock);
	if (kind == EVENT_EVENT_COMMAND_FAILED && domain[0] == '\0')
		world.failed_events++;
	snprintf(world.detail, sizeof world.detail, "%s", detail);
	cond_wake_all(&world.changed);
	lock_drop(&world.lock);
}

bool __wrap_program_run(const struct program *program, struct failure *why)
{
	bool go_on = true;
	lock_take(&world.lock);
	unsigned i = world.run_count++;
	if (world.running++ > 0 || i >= RUNS_MAX || program->limit_ms != EVENT_COMMAND_MS)
		abort();
	snprintf(world.input[i], sizeof world.input[i], "%.*s", (int)program->input.len, program->input.at);
	for (int k = 0; k < 3 && program->words[k]; k++)
		snprintf(world.words[i][k], sizeof world.words[i][k], "%s", program->words[k]);
	for (int k = 0; k < 3 && program->environment[k]; k++)
		snprintf(world.environment[i][k], sizeof world.environment[i][k], "%s", program->environment[k]);
	cond_wake_all(&world.changed);
	while (world.closed && go_on) {
		lock_drop(&world.lock);
		usleep(1000);
		go_on = program->go_on(program->arg);
		lock_take(&world.lock);
	}
	world.running--;
	bool good = !world.failing && go_on;
	cond_wake_all(&world.changed);
	lock_drop(&world.lock);
	return good || failure_set(why, 70, "ended with status 3: \"no route\"");
}

static struct event_command *command;

static void begin(const char *line)
{
	struct failure why;
	world.settings.event_command = (char *)(uintptr_t)line;
	world.settings.event_command_severity = EVENT_WARNING;
	world.config.settings = &world.settings;
	snprintf(world.config.host, sizeof world.config.host, "relay.example.org");
	command = event_command_start(NULL, NULL, &why);
	assert_non_null(command);
}

static unsigned run_count(void)
{
	lock_take(&world.lock);
	unsigned count = world.run_count;
	lock_drop(&world.lock);
	return count;
}

static void programs_end(bool end)
{
	lock_take(&world.lock);
	world.closed = !end;
	lock_drop(&world.lock);
}

/* Waits until the programs have been run so often and the last has ended, and a moment longer. */
static void ran(unsigned count)
{
	lock_take(&world.lock);
	while (world.run_count < count || (world.running > 0 && !world.closed))
		cond_wait(&world.changed, &world.lock);
	lock_drop(&world.lock);
	usleep(30000);
	assert_int_equal(run_count(), count);
}

static void pass(int64_t ms)
{
	lock_take(&world.lock);
	world.now_ms += ms;
	lock_drop(&world.lock);
}

static struct event_record event_of(uint32_t number, enum event_kind kind, enum event_severity severity)
{
	struct event_record event;
	event_record_init(&event, kind, "example.com", "mx1.example.com: \"250-x\\x0a\"", 1900000000);
	event.number = number;
	event.severity = severity;
	return event;
}

static void heard(uint32_t number, enum event_severity severity)
{
	struct event_record event = event_of(number, EVENT_STARTTLS_LOST, severity);
	event_command_hear(command, &event, true);
}

static void over(uint32_t number, enum event_severity severity)
{
	struct event_record event = event_of(number, EVENT_STARTTLS_LOST, severity);
	event.over_at = 1900000100;
	event_command_hear(command, &event, true);
}

static json_t *input(unsigned run)
{
	json_error_t error;
	json_t *object = json_loads(world.input[run], JSON_REJECT_DUPLICATES, &error);
	if (!object)
		fail_msg("%s: %s", error.text, world.input[run]);
	assert_ptr_equal(strchr(world.input[run], '\n'), world.input[run] + strlen(world.input[run]) - 1);
	return object;
}

static void check_input(unsigned run, uint32_t number, const char *news, int left_out)
{
	json_t *object = input(run);
	assert_int_equal(json_integer_value(json_object_get(object, "number")), number);
	assert_string_equal(json_string_value(json_object_get(object, "news")), news);
	assert_int_equal(json_integer_value(json_object_get(object, "left_out")), left_out);
	json_decref(object);
}

static void what_the_program_gets(void **state)
{
	(void)state;
	begin("/usr/local/lib/alarm  --to\tpostmaster");
	heard(1, EVENT_ERROR);
	ran(1);
	assert_string_equal(world.words[0][0], "/usr/local/lib/alarm");
	assert_string_equal(world.words[0][1], "--to");
	assert_string_equal(world.words[0][2], "postmaster");
	assert_string_equal(
		world.environment[0][0], "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	assert_string_equal(world.environment[0][1], "LANG=C.UTF-8");
	assert_string_equal(world.environment[0][2], "STSGATE_EVENT=starttls-lost");
	check_input(0, 1, "new", 0);
	json_t *object = input(0);
	assert_string_equal(json_string_value(json_object_get(object, "kind")), "starttls-lost");
	assert_string_equal(json_string_value(json_object_get(object, "detail")), "mx1.example.com: \"250-x\\x0a\"");
	assert_string_equal(json_string_value(json_object_get(object, "relay")), "relay.example.org");
	assert_string_equal(json_string_value(json_object_get(object, "version")), PACKAGE_VERSION);
	json_decref(object);
}

static void which_events(void **state)
{
	struct event_record event;
	(void)state;
	world.newest = 5;
	begin("/bin/alarm");
	heard(5, EVENT_ERROR); /* an earlier process knew it */
	heard(0, EVENT_ERROR);
	event = event_of(6, EVENT_EVENT_COMMAND_FAILED, EVENT_ERROR);
	event_command_hear(command, &event, true);
	event = event_of(7, EVENT_STARTTLS_LOST, EVENT_ERROR);
	event_command_hear(command, &event, false);
	event.part_of = 3;
	event_command_hear(command, &event, true);
	heard(8, EVENT_NOTICE);
	ran(0);
	heard(9, EVENT_WARNING);
	ran(1);
	check_input(0, 9, "new", 0);
	heard(9, EVENT_WARNING); /* once more, and nothing new about it */
	ran(1);
	heard(9, EVENT_ERROR);
	ran(2);
	check_input(1, 9, "worse", 0);
	heard(9, EVENT_ERROR);
	over(9, EVENT_ERROR);
	over(9, EVENT_ERROR);
	ran(3);
	check_input(2, 9, "over", 0);
	heard(8, EVENT_ERROR); /* was only a notice */
	ran(4);
	check_input(3, 8, "worse", 0);
	over(8, EVENT_NOTICE);
	over(5, EVENT_ERROR);
	ran(5);
	check_input(4, 5, "over", 0);
	world.settings.event_command_severity = EVENT_ERROR;
	heard(10, EVENT_WARNING);
	ran(5);
	world.settings.event_command_severity = EVENT_INFO;
	pass(3600000);
	heard(11, EVENT_INFO);
	ran(6);
	heard(15, EVENT_ERROR);
	heard(14, EVENT_ERROR); /* the tool has written it, before the daemon wrote 15 */
	ran(8);
	check_input(7, 14, "new", 0);
	heard(7, EVENT_ERROR); /* it was a part of another event, and goes on after that one */
	ran(9);
	check_input(8, 7, "new", 0);
}

static void without_the_setting(void **state)
{
	(void)state;
	begin("");
	heard(1, EVENT_ERROR);
	ran(0);
	world.settings.event_command = (char *)(uintptr_t) "/bin/alarm"; /* a reload */
	heard(1, EVENT_ERROR);
	ran(0);
	heard(2, EVENT_ERROR);
	ran(1);
}

static void never_as_root(void **state)
{
	(void)state;
	begin("/bin/alarm");
	user = 0;
	heard(1, EVENT_ERROR);
	ran(0);
	fake_log_forget();
	event_command_warn(&world.settings);
	char said[FAKE_LOG_SIZE];
	fake_log_copy(said);
	assert_non_null(strstr(said, "warning: event_command is not run, because stsgated runs as root"));
	user = 1000;
	fake_log_forget();
	event_command_warn(&world.settings);
	fake_log_copy(said);
	assert_non_null(strstr(said, "warning: event_command: /bin/alarm cannot be run: No such file"));
	world.settings.event_command = (char *)(uintptr_t) "/bin/sh -c true";
	fake_log_forget();
	event_command_warn(&world.settings);
	fake_log_copy(said);
	assert_string_equal(said, "");
}

static void failures_are_events(void **state)
{
	(void)state;
	world.failing = true;
	begin("/bin/alarm");
	heard(12, EVENT_ERROR);
	ran(1);
	lock_take(&world.lock);
	while (world.failed_events == 0)
		cond_wait(&world.changed, &world.lock);
	assert_int_equal(world.failed_events, 1);
	lock_drop(&world.lock);
	assert_string_equal(world.detail, "/bin/alarm for event 12 (starttls-lost) ended with status 3: \"no route\"");
}

/* One at a time, the worst first; what finds no place is counted. */
static void one_at_a_time(void **state)
{
	(void)state;
	programs_end(false);
	begin("/bin/alarm");
	heard(1, EVENT_WARNING);
	ran(1);
	for (uint32_t i = 2; i < 2 + EVENT_COMMAND_WAITING + 4; i++)
		heard(i, EVENT_WARNING);
	heard(100, EVENT_ERROR); /* takes the place of the newest warning */
	ran(1);
	programs_end(true);
	ran(4);
	check_input(1, 100, "new", 5);
	check_input(2, 2, "new", 0);
	check_input(3, 3, "new", 0);
}

/* Warnings leave a third of the programs to errors, in a minute and in an hour. */
static void the_rates(void **state)
{
	(void)state;
	begin("/bin/alarm");
	for (uint32_t i = 1; i <= 5; i++)
		heard(i, EVENT_WARNING);
	ran(4);
	for (uint32_t i = 6; i <= 8; i++)
		heard(i, EVENT_ERROR);
	ran(6);
	check_input(4, 6, "new", 0);
	pass(10000);
	ran(7);
	check_input(6, 8, "new", 0);
	pass(30000);
	ran(8);
	check_input(7, 5, "new", 0);
	for (uint32_t minute = 0; minute < 70; minute++) {
		pass(60000);
		for (uint32_t i = 0; i < 10; i++)
			heard(1000 + 10 * minute + i, EVENT_WARNING);
		usleep(3000);
	}
	usleep(50000);
	/* in 70 minutes: 60 + 70 at most, of which errors have 20 */
	assert_in_range(run_count(), 50, 8 + 40 + 70);
	unsigned before = run_count();
	for (uint32_t i = 0; i < 4; i++)
		heard(5000 + i, EVENT_ERROR);
	ran(before + 4);
}

static void a_stop_ends_the_program(void **state)
{
	(void)state;
	programs_end(false);
	begin("/bin/alarm");
	heard(1, EVENT_ERROR);
	ran(1);
	heard(2, EVENT_ERROR);
	event_command_stop(command);
	heard(3, EVENT_ERROR);
	event_command_join(command);
	heard(4, EVENT_ERROR);
	assert_int_equal(world.run_count, 1);
}

static int world_begin(void **state)
{
	(void)state;
	memset(&world, 0, sizeof world);
	lock_init(&world.lock);
	cond_init(&world.changed);
	world.now_ms = 1000000;
	user = 1000;
	return 0;
}

static int world_end(void **state)
{
	(void)state;
	event_command_join(command);
	event_command_free(&command);
	cond_destroy(&world.changed);
	lock_destroy(&world.lock);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_begin, world_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_the_program_gets),
		TEST(which_events),
		TEST(without_the_setting),
		TEST(never_as_root),
		TEST(failures_are_events),
		TEST(one_at_a_time),
		TEST(the_rates),
		TEST(a_stop_ends_the_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
