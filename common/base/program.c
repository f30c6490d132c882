#include "program.h"

#include "clock.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define LOOK_MS 100  /* between two checks of a program that prints nothing */
#define AT_END_MS 20 /* the same after it has closed its error messages: it will soon end */
#define REPORT_FD 3  /* in the child: where it reports why it cannot become the program */
#define CHUNK 4096
#define CHUNKS_MAX 16 /* read at a time */

/* Descriptors of one run; -1: closed. */
struct ends {
	int input;
	int said[2];   /* error messages of the program */
	int report[2]; /* an errno, if the child cannot become the program */
};

/* What is known about a running program. */
struct running {
	pid_t pid;
	int64_t until_ms;  /* when the next signal is due */
	bool asked_to_end; /* it has got SIGTERM, at the limit or because it is to end early */
	bool out_of_time;
	char said[PROGRAM_SAID_MAX];
	size_t said_len;
	bool said_line; /* its first line is complete */
};

static void descriptor_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void ends_close(struct ends *ends)
{
	descriptor_close(&ends->input);
	for (int i = 0; i < 2; i++) {
		descriptor_close(&ends->said[i]);
		descriptor_close(&ends->report[i]);
	}
}

/* Opens all descriptors of a run. The input is a file without a name, so that nobody has to write while the program
 * reads. */
static bool ends_open(struct ends *ends, struct span input)
{
	*ends = (struct ends){-1, {-1, -1}, {-1, -1}};
	ends->input = memfd_create("input", MFD_CLOEXEC);
	return ends->input >= 0 && write(ends->input, input.at, input.len) == (ssize_t)input.len &&
	       lseek(ends->input, 0, SEEK_SET) == 0 && pipe2(ends->report, O_CLOEXEC | O_NONBLOCK) == 0 &&
	       pipe2(ends->said, O_CLOEXEC) == 0 && fcntl(ends->said[0], F_SETFL, O_NONBLOCK) == 0;
}

/* --- the child ---------------------------------------------------------------------------------------------------- */

/* Other threads of the parent may have held any lock, so the child uses only functions that are safe in a signal
 * handler. */

static void signals_reset(void)
{
	sigset_t none;
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL); /* fails for those that cannot be changed */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Gives the child its three descriptors and closes all others, except the one for its report. */
static bool descriptors_set(const struct ends *ends)
{
	int null = open("/dev/null", O_WRONLY);
	if (null < 0 || dup2(ends->input, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
		dup2(ends->said[1], STDERR_FILENO) < 0)
		return false;
	if (ends->report[1] != REPORT_FD && dup3(ends->report[1], REPORT_FD, O_CLOEXEC) < 0)
		return false;
	return close_range(REPORT_FD + 1, UINT_MAX, 0) == 0;
}

static void child_run(const struct program *program, const struct ends *ends)
{
	const struct rlimit none = {0, 0};
	int report_fd = ends->report[1];
	signals_reset();
	umask(077);
	bool good = setsid() >= 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && setrlimit(RLIMIT_CORE, &none) == 0 &&
		    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && chdir("/") == 0;
	if (good && descriptors_set(ends)) {
		report_fd = REPORT_FD;
		execve(program->words[0], program->words, program->environment);
	}
	int error = errno;
	if (write(report_fd, &error, sizeof error) < 0)
		_exit(EX_IOERR);
	_exit(EX_UNAVAILABLE);
}

/* --- the parent --------------------------------------------------------------------------------------------------- */

static void group_signal(pid_t pid, int number)
{
	if (kill(-pid, number) != 0)
		kill(pid, number); /* just after fork() it has no process group yet */
}

/* Keeps the beginning of the first line that is not empty, and drops the rest. */
static void said_keep(struct running *running, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len && !running->said_line; i++) {
		if (bytes[i] == '\n' || running->said_len == sizeof running->said)
			running->said_line = running->said_len > 0;
		else
			running->said[running->said_len++] = bytes[i];
	}
}

/* Reads all error messages that are there. */
static void said_read(struct running *running, int *fd)
{
	char chunk[CHUNK];
	ssize_t len = 1;
	for (int i = 0; *fd >= 0 && len > 0 && i < CHUNKS_MAX; i++) {
		len = read(*fd, chunk, sizeof chunk);
		if (len > 0)
			said_keep(running, chunk, (size_t)len);
	}
	if (len == 0)
		descriptor_close(fd);
}

/* Sends the signal that is due, if one is. */
static void running_limit(struct running *running, const struct program *program)
{
	int64_t now_ms = clock_mono_ms();
	bool out_of_time = now_ms >= running->until_ms;
	if (running->asked_to_end) {
		if (out_of_time)
			group_signal(running->pid, SIGKILL);
	} else if (out_of_time || (program->go_on && !program->go_on(program->arg))) {
		running->asked_to_end = true;
		running->out_of_time = out_of_time;
		running->until_ms = now_ms + PROGRAM_GRACE_MS;
		group_signal(running->pid, SIGTERM);
	}
}

/* Returns whether the program has ended. Its process ID stays in use, so that its group can be killed. */
static bool has_ended(pid_t pid)
{
	siginfo_t end = {.si_pid = 0};
	return waitid(P_PID, (id_t)pid, &end, WEXITED | WNOHANG | WNOWAIT) != 0 || end.si_pid == pid;
}

/* Waits for the end of the program, and collects its status. */
static int running_watch(struct running *running, const struct program *program, int *said_fd)
{
	int status = 0;
	bool ended = false;
	while (!ended) {
		struct pollfd readable = {.fd = *said_fd, .events = POLLIN};
		poll(&readable, 1, *said_fd >= 0 ? LOOK_MS : AT_END_MS);
		ended = has_ended(running->pid);
		said_read(running, said_fd);
		if (!ended)
			running_limit(running, program);
	}
	kill(-running->pid, SIGKILL);
	while (waitpid(running->pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

/* Returns whether the program ended with status 0; otherwise describes its end. */
static bool running_judge(const struct running *running, int64_t limit_ms, int status, struct failure *why)
{
	char words[5 * PROGRAM_SAID_MAX], how[64];
	struct text text;
	if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 && !running->asked_to_end)
		return true;
	if (running->asked_to_end && !running->out_of_time)
		snprintf(how, sizeof how, "was ended early");
	else if (running->out_of_time)
		snprintf(how, sizeof how, "did not end within %lld s", (long long)(limit_ms / 1000));
	else if (status >= 0 && WIFSIGNALED(status))
		snprintf(how, sizeof how, "was killed by signal %d", WTERMSIG(status));
	else
		snprintf(how, sizeof how, "ended with status %d", status >= 0 ? WEXITSTATUS(status) : status);
	text_init(&text, words, sizeof words);
	text_add(&text, how);
	if (running->said_len > 0) {
		text_add(&text, ": ");
		text_quote(&text, running->said, running->said_len, sizeof words);
	}
	return failure_set(why, EX_SOFTWARE, "%s", words);
}

bool program_run(const struct program *program, struct failure *why)
{
	struct ends ends;
	struct running running = {.until_ms = clock_mono_ms() + program->limit_ms};
	int error = 0;
	running.pid = ends_open(&ends, program->input) ? fork() : -1;
	if (running.pid == 0)
		child_run(program, &ends);
	if (running.pid < 0) {
		error = errno;
		ends_close(&ends);
		return failure_set(why, EX_OSERR, "cannot be run: %s", strerror(error));
	}
	descriptor_close(&ends.said[1]);
	descriptor_close(&ends.report[1]);
	int status = running_watch(&running, program, &ends.said[0]);
	bool reported = read(ends.report[0], &error, sizeof error) == sizeof error;
	ends_close(&ends);
	if (reported)
		return failure_set(why, EX_OSERR, "cannot be run: %s", strerror(error));
	return running_judge(&running, program->limit_ms, status, why);
}
