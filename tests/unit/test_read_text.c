/* Reading other programs and files: bounded in size and time, whatever they do. */
#include "cm.h"

#include "read_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char *shell(const char *script, int input, bool may_find_nothing, int seconds, struct failure *why)
{
	return program_text(
		(const char *const[]){"/bin/sh", "-c", script, NULL}, input, may_find_nothing, seconds, why);
}

static void output_is_returned(void **state)
{
	struct failure why;
	(void)state;
	char *text = shell("printf 'a\\0b\\n'; echo noise >&2", -1, 0, 10, &why);
	assert_non_null(text);
	assert_string_equal(text, "a?b\n");
	free(text);
	text = shell("exit 1", -1, true, 10, &why);
	assert_string_equal(text, "");
	free(text);
	assert_null(shell("echo cannot open >&2; exit 1", -1, true, 10, &why));
	assert_string_equal(why.text, "/bin/sh: \"cannot open\"");
	assert_null(shell("exit 2", -1, true, 10, &why));
}

static void failures_have_their_words(void **state)
{
	static const struct {
		const char *script, *words;
	} rows[] = {
		{"echo one >&2; printf 'two\\033[0m\\n' >&2; exit 2", "/bin/sh: \"two\\x1b[0m\""},
		{"exit 1", "/bin/sh: failed"},
		{"kill -9 $$", "/bin/sh: failed"},
		{"exec sleep 60", "/bin/sh: did not end within 1 s"},
		{"yes | head -c 5000000", "/bin/sh: printed too much"},
	};
	struct failure why;
	time_t start = time(NULL);
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = shell(rows[i].script, -1, false, i == 3 ? 1 : 10, &why);
		if (text || strcmp(why.text, rows[i].words) != 0)
			fail_msg("row %zu: %s", i, why.text);
	}
	assert_null(program_text((const char *const[]){"/nonexistent/postconf", NULL}, -1, false, 1, &why));
	assert_string_equal(why.text, "/nonexistent/postconf: No such file or directory");
	assert_true(time(NULL) - start < 30);
}

/* A program that goes on after it has closed its output is killed at the end of its time, too. */
static void silent_program_ends(void **state)
{
	struct failure why;
	(void)state;
	assert_null(shell("exec 1>&- 2>&-; exec sleep 60", -1, 0, 1, &why));
	assert_string_equal(why.text, "/bin/sh: did not end within 1 s");
}

static void world_is_small(void **state)
{
	struct failure why;
	(void)state;
	setenv("MAIL_CONFIG", "/etc/pf", 1);
	setenv("LD_STSGATE", "x", 1);
	char *text = program_text((const char *const[]){"/usr/bin/env", NULL}, -1, false, 10, &why);
	assert_string_equal(text, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\nMAIL_CONFIG=/etc/pf\n");
	free(text);
	FILE *file = tmpfile();
	fputs("key\n", file);
	rewind(file);
	text = shell("cat", fileno(file), false, 10, &why);
	assert_string_equal(text, "key\n");
	free(text);
	text = shell("cat", -1, false, 10, &why);
	assert_string_equal(text, "");
	free(text);
	fclose(file);
}

static void files_are_read(void **state)
{
	char name[] = "/tmp/stsgate-read-XXXXXX", path[64];
	struct failure why;
	int fd = mkstemp(name);
	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a\0b", 3), 3);
	char *text = file_text(name, &why);
	assert_string_equal(text, "a?b");
	free(text);
	assert_int_equal(ftruncate(fd, READ_TEXT_MAX + 1), 0);
	assert_null(file_text(name, &why));
	assert_int_equal(why.code, EFBIG);
	close(fd);
	unlink(name);
	assert_null(file_text(name, &why));
	assert_int_equal(why.code, ENOENT);
	assert_int_equal(mkfifo(name, 0600), 0);
	assert_null(file_text(name, &why));
	unlink(name);
	assert_null(program_find("stsgate-no-such-program", path, sizeof path));
	assert_non_null(program_find("env", path, sizeof path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_is_returned),
		cmocka_unit_test(failures_have_their_words),
		cmocka_unit_test(silent_program_ends),
		cmocka_unit_test(world_is_small),
		cmocka_unit_test(files_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
