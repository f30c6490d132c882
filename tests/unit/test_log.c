#include "log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char said[2 * LOG_LINE_MAX];
static int saved = -1;
static int pipe_end = -1;

static void capture(void)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	saved = dup(STDERR_FILENO);
	assert_true(saved >= 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	pipe_end = ends[0];
}

/* What was written since capture(), as one string. */
static const char *captured(void)
{
	size_t used = 0;
	ssize_t got;
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	while ((got = read(pipe_end, said + used, sizeof said - 1 - used)) > 0)
		used += (size_t)got;
	said[used] = '\0';
	close(pipe_end);
	return said;
}

/* Checks the form of the time, and returns what follows "2026-01-02T03:04:05.678Z ". */
static const char *after_time(const char *line)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ ";
	for (size_t i = 0; form[i]; i++) {
		if (form[i] == 'd')
			assert_in_range(line[i], '0', '9');
		else
			assert_int_equal(line[i], form[i]);
	}
	return line + strlen(form);
}

static void test_levels(void **state)
{
	(void)state;
	static const struct {
		enum log_level level;
		const char *word;
	} rows[] = {
		{LOG_LEVEL_ERROR, "error: "},
		{LOG_LEVEL_WARNING, "warning: "},
		{LOG_LEVEL_INFO, ""},
		{LOG_LEVEL_DEBUG, "debug: "},
	};
	log_verbose(true);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char want[128];
		snprintf(want, sizeof want, "test[%ld]: %sa=1 b=two\n", (long)getpid(), rows[i].word);
		capture();
		log_write(rows[i].level, "a=%d b=%s", 1, "two");
		assert_string_equal(after_time(captured()), want);
	}
	log_verbose(false);
}

static void test_debug_off(void **state)
{
	(void)state;
	capture();
	log_debug("nothing");
	assert_string_equal(captured(), "");
}

static void test_control_characters(void **state)
{
	(void)state;
	capture();
	log_info("a\nb\r\033[2Jc\x7f\xc2\x9b\td");
	assert_string_equal(strstr(captured(), "]: "), "]: a?b??[2Jc????d\n");
}

static void test_long(void **state)
{
	(void)state;
	char *text = malloc(2 * LOG_LINE_MAX);
	assert_non_null(text);
	memset(text, 'x', 2 * LOG_LINE_MAX - 1);
	text[2 * LOG_LINE_MAX - 1] = '\0';
	capture();
	log_info("%s", text);
	size_t len = strlen(captured());
	assert_in_range(len, LOG_LINE_MAX - 2, LOG_LINE_MAX);
	assert_ptr_equal(strchr(said, '\n'), said + len - 1);
	free(text);
}

/* Logs a warning while JOURNAL_STREAM names the device and inode of stderr, with this difference to the inode and this
 * text after it. */
static const char *said_to_stream(long difference, const char *rest)
{
	struct stat info;
	char stream[80];
	capture();
	assert_int_equal(fstat(STDERR_FILENO, &info), 0);
	snprintf(stream, sizeof stream, "%llu:%llu%s", (unsigned long long)info.st_dev,
		(unsigned long long)info.st_ino + (unsigned long long)difference, rest);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open("test", true);
	log_write(LOG_LEVEL_ERROR, "the store is broken");
	log_write(LOG_LEVEL_WARNING, "a line %d", 1);
	log_write(LOG_LEVEL_INFO, "start");
	unsetenv("JOURNAL_STREAM");
	log_open("test", true);
	return captured();
}

static void test_journal(void **state)
{
	(void)state;
	assert_string_equal(said_to_stream(0, ""), "<3>error: the store is broken\n<4>warning: a line 1\n<6>start\n");
	/* Somebody has redirected stderr, or the variable is not what it should be. */
	assert_non_null(strstr(after_time(said_to_stream(1, "")), "]: error: the store is broken\n"));
	assert_non_null(strstr(after_time(said_to_stream(0, "x")), "]: error: the store is broken\n"));
}

/* The last test: there is no way back. */
static void test_terse(void **state)
{
	(void)state;
	log_terse();
	capture();
	log_info("life cycle");
	assert_string_equal(captured(), "");
	capture();
	log_warning("trouble");
	assert_non_null(strstr(captured(), "warning: trouble\n"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_debug_off),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_terse),
	};
	log_open("test", true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
