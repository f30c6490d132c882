/* The frame of doctor with groups of this test, some of which misbehave: none of them takes another with it, and nothing
 * but whole reports in printable ASCII gets through. */
#include "cm.h"

#include "doctor_internal.h"
#include "tool.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void doctor_machine(struct doctor *doctor)
{
	doctor_report(doctor, "mode", DOCTOR_OK, "caf\303\251 \033[31mred");
	doctor_report(doctor, "user", DOCTOR_WARN, "%0*d", 2 * DOCTOR_TEXT_SIZE, 0);
	doctor_remedy(doctor, "two\nlines");
}

static int left_behind[2]; /* a pipe; a process that doctor_network() leaves behind holds it open */

/* Crashes after its first finding, while a program that it has started still runs. */
void doctor_network(struct doctor *doctor)
{
	doctor_report(doctor, "resolver", DOCTOR_OK, "answers");
	if (fork() == 0) {
		close(doctor->out);
		pause();
	}
	raise(SIGKILL);
}

/* Reports for a check of another group. */
void doctor_outbound(struct doctor *doctor)
{
	struct doctor_record record = {.check = 0, .result = DOCTOR_FAIL, .text = "forged"};
	if (write(doctor->out, &record, sizeof record) == sizeof record)
		pause();
}

/* Writes half a record. */
void doctor_store(struct doctor *doctor)
{
	if (write(doctor->out, "half", 4) == 4)
		pause();
}

/* Reports too much. */
void doctor_sockets(struct doctor *doctor)
{
	for (;;)
		doctor_report(doctor, "daemon", DOCTOR_OK, "again");
}

/* A check that does not exist. */
void doctor_fleet(struct doctor *doctor)
{
	struct doctor_record record = {.check = (uint16_t)doctor_check_count};
	if (write(doctor->out, &record, sizeof record) == sizeof record)
		pause();
}

/* A remedy without a finding, and a result that does not exist. */
void doctor_postfix(struct doctor *doctor)
{
	doctor_remedy(doctor, "nothing to remedy");
	pause();
}

void doctor_sendmail(struct doctor *doctor)
{
	doctor_report(doctor, "sendmail", (enum doctor_result)(DOCTOR_SKIP + 1), "what");
	pause();
}

static int doctor_call(void *arg)
{
	const char *const *words = arg;
	size_t count = 0;
	while (words[count])
		count++;
	struct options options = {.file = "/dev/null", .json = true};
	return doctor_run(&options, count, (char **)words);
}

static json_t *doctor_checks_of(const char *word, int status)
{
	const char *const words[] = {word, NULL};
	struct tool_run run = tool_call(doctor_call, (void *)words);
	if (run.status != status)
		fail_msg("%s: status %d: %s%s", word, run.status, run.out, run.err);
	json_t *value = tool_json(&run);
	tool_run_free(&run);
	return value;
}

static const char *text_at(const json_t *value, size_t index, const char *member)
{
	return json_string_value(json_object_get(json_array_get(json_object_get(value, "checks"), index), member));
}

static void text_is_printable(void **state)
{
	(void)state;
	json_t *got = doctor_checks_of("machine", 1);
	assert_string_equal(text_at(got, 0, "finding"), "caf?? ?[31mred");
	assert_int_equal(strlen(text_at(got, 1, "finding")), DOCTOR_TEXT_SIZE - 1);
	assert_string_equal(text_at(got, 1, "remedy"), "two?lines");
	assert_string_equal(json_string_value(json_object_get(got, "result")), "warn");
	json_decref(got);
}

static void crash_is_reported(void **state)
{
	(void)state;
	assert_int_equal(pipe(left_behind), 0);
	json_t *got = doctor_checks_of("network", 2);
	assert_string_equal(text_at(got, 0, "finding"), "answers");
	assert_string_equal(text_at(got, 1, "check"), "resolver-large");
	assert_non_null(strstr(text_at(got, 1, "finding"), "signal 9"));
	assert_non_null(text_at(got, 1, "remedy"));
	json_decref(got);
	/* The program that the group had started was ended, too: nobody holds the pipe open. */
	struct pollfd end = {.fd = left_behind[0], .events = POLLIN};
	close(left_behind[1]);
	assert_int_equal(poll(&end, 1, 2000), 1);
	close(left_behind[0]);
}

/* Each of these groups is stopped at once, and reported. */
static void impossible_reports_are_refused(void **state)
{
	(void)state;
	static const char *const groups[] = {"outbound", "store", "sockets", "fleet", "postfix", "sendmail"};
	for (size_t i = 0; i < COUNT(groups); i++) {
		json_t *got = doctor_checks_of(groups[i], 2);
		size_t count = json_array_size(json_object_get(got, "checks"));
		assert_non_null(strstr(text_at(got, count - 1, "finding"), "something impossible"));
		assert_string_equal(text_at(got, count - 1, "group"), groups[i]);
		assert_true(count == 1 || (count == 257 && strcmp(groups[i], "sockets") == 0));
		json_decref(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_printable),
		cmocka_unit_test(crash_is_reported),
		cmocka_unit_test(impossible_reports_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
