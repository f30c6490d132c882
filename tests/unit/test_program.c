/* Programs of the operator's: what they get, how they end, and what they leave behind. */
#include "cm.h"

#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS 20000

static char directory[] = "/tmp/program-test-XXXXXX";
static char path_env[] = "PATH=/usr/bin:/bin", name_env[] = "STSGATE_EVENT=starttls-lost";
static char *environment[] = {path_env, name_env, NULL};

static const char *file(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *out = path[turn++ % 4];
	snprintf(out, sizeof path[0], "%s/%s", directory, name);
	return out;
}

/* Returns what a program has written into a file, without a newline at its end. */
static const char *text_of(const char *name)
{
	static char text[8192];
	FILE *in = fopen(file(name), "r");
	size_t len = in ? fread(text, 1, sizeof text - 1, in) : 0;
	if (in)
		fclose(in);
	while (len > 0 && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	return text;
}

static struct program of(char **words, const char *input)
{
	return (struct program){
		.words = words, .environment = environment, .input = {input, strlen(input)}, .limit_ms = LIMIT_MS};
}

/* Runs a script that finds the test's directory in $1. */
static bool shell(const char *script, const char *input, struct failure *why)
{
	char sh[] = "/bin/sh", c[] = "-c", zero[] = "sh", *copy = strdup(script);
	char *words[] = {sh, c, copy, zero, directory, NULL};
	const struct program program = of(words, input);
	*why = (struct failure){0};
	bool good = program_run(&program, why);
	free(copy);
	return good;
}

static void its_input_and_environment(void **state)
{
	struct failure why;
	(void)state;
	assert_true(shell("cat >$1/input; env | sort >$1/env; pwd >$1/pwd", "{\"a\":1}\n", &why));
	assert_string_equal(text_of("input"), "{\"a\":1}");
	/* the shell adds PWD, and perhaps others of its own */
	assert_non_null(strstr(text_of("env"), "STSGATE_EVENT=starttls-lost"));
	assert_non_null(strstr(text_of("env"), path_env));
	assert_null(strstr(text_of("env"), "HOME="));
	assert_string_equal(text_of("pwd"), "/");
}

static void a_long_input(void **state)
{
	struct failure why;
	char *input = malloc(1000001);
	(void)state;
	memset(input, 'x', 1000000);
	input[1000000] = '\0';
	assert_true(shell("wc -c >$1/count", input, &why));
	assert_int_equal(atol(text_of("count")), 1000000);
	assert_true(shell("exit 0", input, &why)); /* it need not read it */
	free(input);
}

static void no_descriptor_is_left(void **state)
{
	struct failure why;
	(void)state;
	int kept = open("/", O_RDONLY);
	assert_true(kept >= 0 && dup2(kept, 700) == 700);
	assert_true(shell("ls /proc/self/fd >$1/fds; ls -l /proc/$$/fd >$1/links", "", &why));
	assert_string_equal(text_of("fds"), "0\n1\n2\n3"); /* 3: the directory that ls reads */
	assert_null(strstr(text_of("links"), "700"));
	close(700);
	close(kept);
}

static void its_rights(void **state)
{
	struct failure why;
	struct stat made;
	(void)state;
	umask(0);
	signal(SIGPIPE, SIG_IGN);
	assert_true(shell("touch $1/made; ulimit -c >$1/core; grep -E '^(Sig(Blk|Ign|Cgt)|NoNewPrivs)' "
			  "/proc/self/status >$1/status; ps -o sid= -p $$ >$1/sid; echo $$ >$1/pid",
		"", &why));
	signal(SIGPIPE, SIG_DFL);
	umask(022);
	assert_int_equal(stat(file("made"), &made), 0);
	assert_int_equal(made.st_mode & 0777, 0600);
	assert_string_equal(text_of("core"), "0");
	const char *status = text_of("status");
	assert_non_null(strstr(status, "NoNewPrivs:\t1"));
	assert_non_null(strstr(status, "SigBlk:\t0000000000000000"));
	const char *ignored = strstr(status, "SigIgn:");
	assert_non_null(ignored);
	/* posix_spawn(), by which make runs this test, ignores two signals that belong to the C library. */
	assert_int_equal(strtoull(ignored + strlen("SigIgn:"), NULL, 16) & ~UINT64_C(0x180000000), 0);
	long pid = atol(text_of("pid"));
	assert_int_equal(atol(text_of("sid")), pid);
	assert_true(getsid(0) != pid);
}

static void its_failures(void **state)
{
	static const struct {
		const char *script, *why;
	} rows[] = {
		{"exit 3", "ended with status 3"},
		{"echo out; echo; echo 'first line' >&2; echo second >&2; exit 4",
			"ended with status 4: \"first line\""},
		{"printf 'a\\033[2Jb\\n' >&2; exit 5", "ended with status 5: \"a\\x1b[2Jb\""},
		{"kill -9 $$", "was killed by signal 9"},
		{"echo no newline >&2; kill -15 $$", "was killed by signal 15: \"no newline\""},
		{"no-such-program-here", "ended with status 127: \"sh: 1: no-such-program-here: not found\""},
	};
	struct failure why;
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_false(shell(rows[i].script, "", &why));
		assert_int_equal(why.code, EX_SOFTWARE);
		assert_string_equal(why.text, rows[i].why);
	}
}

static void a_flood_of_messages(void **state)
{
	struct failure why;
	(void)state;
	assert_false(shell("yes 'this is a long line of text' | head -c 3000000 >&2; exit 7", "", &why));
	assert_string_equal(why.text, "ended with status 7: \"this is a long line of text\"");
	assert_false(shell("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 7", "", &why));
	assert_true(strlen(why.text) < 256);
	assert_true(shell("yes | head -c 3000000", "", &why)); /* nobody reads its output */
}

static void what_cannot_be_run(void **state)
{
	struct failure why;
	char absent[128], plain[128];
	(void)state;
	snprintf(absent, sizeof absent, "%s", file("absent"));
	snprintf(plain, sizeof plain, "%s", file("plain"));
	FILE *out = fopen(plain, "w");
	fputs("echo hello\n", out);
	fclose(out);
	char *words[] = {absent, NULL};
	struct program program = of(words, "");
	assert_false(program_run(&program, &why));
	assert_int_equal(why.code, EX_OSERR);
	assert_string_equal(why.text, "cannot be run: No such file or directory");
	words[0] = plain;
	assert_false(program_run(&program, &why));
	assert_string_equal(why.text, "cannot be run: Permission denied");
	chmod(plain, 0755);
	assert_false(program_run(&program, &why)); /* no shell guesses what it is */
	assert_string_equal(why.text, "cannot be run: Exec format error");
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_gone(const char *name)
{
	pid_t pid = (pid_t)atol(text_of(name));
	assert_true(pid > 0);
	for (int i = 0; i < 100; i++) {
		char letter = 'Z', path[64];
		snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
		FILE *in = fopen(path, "r");
		if (in && fscanf(in, "%*d (%*[^)]) %c", &letter) != 1)
			letter = 'Z';
		if (in)
			fclose(in);
		if (!in || letter == 'Z')
			return true; /* without a parent, it waits for init to collect it */
		usleep(20000);
	}
	return false;
}

/* The time limit ends the program and what it has started, also if it does not obey SIGTERM. */
static void the_time_limit(void **state)
{
	static const struct {
		const char *script;
		int64_t least_ms, most_ms;
	} rows[] = {
		{"echo waiting >&2; sleep 60 & echo $! >$1/child; wait", 300, 300 + PROGRAM_GRACE_MS / 2},
		{"echo waiting >&2; trap '' TERM; sleep 60 & echo $! >$1/child; while :; do sleep 1; done",
			300 + PROGRAM_GRACE_MS, 300 + 3 * PROGRAM_GRACE_MS},
		{"echo waiting >&2; exec 2>&-; sleep 60 & echo $! >$1/child; wait", 300, 300 + PROGRAM_GRACE_MS / 2},
		{"echo waiting >&2; trap 'exit 0' TERM; sleep 60 & echo $! >$1/child; wait", 300,
			300 + PROGRAM_GRACE_MS / 2},
	};
	struct failure why;
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char sh[] = "/bin/sh", c[] = "-c", zero[] = "sh", *copy = strdup(rows[i].script);
		char *words[] = {sh, c, copy, zero, directory, NULL};
		struct program program = of(words, "");
		program.limit_ms = 300;
		int64_t begun_ms = now_ms();
		assert_false(program_run(&program, &why));
		int64_t took_ms = now_ms() - begun_ms;
		assert_string_equal(why.text, "did not end within 0 s: waiting");
		assert_true(took_ms >= rows[i].least_ms && took_ms <= rows[i].most_ms);
		assert_true(is_gone("child"));
		free(copy);
	}
}

static void what_it_leaves_is_killed(void **state)
{
	struct failure why;
	(void)state;
	int64_t begun_ms = now_ms();
	assert_true(shell("sleep 60 & echo $! >$1/child", "", &why));
	assert_true(now_ms() - begun_ms < 5000); /* nobody waits for it, although it holds the error messages open */
	assert_true(is_gone("child"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie */
	assert_int_equal(errno, ECHILD);
}

static bool not_long(void *arg)
{
	return ++*(int *)arg < 3;
}

static void ended_early(void **state)
{
	struct failure why;
	int asked = 0;
	char sleep_path[] = "/bin/sleep", seconds[] = "60";
	char *words[] = {sleep_path, seconds, NULL};
	struct program program = of(words, "");
	(void)state;
	program.go_on = not_long;
	program.arg = &asked;
	int64_t begun_ms = now_ms();
	assert_false(program_run(&program, &why));
	assert_true(now_ms() - begun_ms < 5000);
	assert_string_equal(why.text, "was ended early");
}

/* Another child of the process is left alone. */
static void other_children(void **state)
{
	struct failure why;
	int status;
	(void)state;
	pid_t other = fork();
	if (other == 0)
		_exit(9);
	assert_true(shell("exit 0", "", &why));
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(WEXITSTATUS(status), 9);
}

static int make(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int clear(void **state)
{
	char command[160];
	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", directory);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_input_and_environment),
		cmocka_unit_test(a_long_input),
		cmocka_unit_test(no_descriptor_is_left),
		cmocka_unit_test(its_rights),
		cmocka_unit_test(its_failures),
		cmocka_unit_test(a_flood_of_messages),
		cmocka_unit_test(what_cannot_be_run),
		cmocka_unit_test(the_time_limit),
		cmocka_unit_test(what_it_leaves_is_killed),
		cmocka_unit_test(ended_early),
		cmocka_unit_test(other_children),
	};
	return cmocka_run_group_tests(tests, make, clear);
}
