#include "watch.h"

#include "lapse.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define READY_MS 60000
#define STOP_MS 60000
#define POLL_MS 20
#define TROUBLE_MAX 50 /* lines printed */

static pid_t daemon_pid;
static bool has_ended;
static int ended_with;
static pthread_t log_thread;
static _Atomic bool ready;
static _Atomic unsigned trouble;

static void pause_ms(unsigned ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* Words that no line of the log may have, whatever strangers do. */
static bool is_trouble(const char *line)
{
	static const char *const words[] = {"Sanitizer", "runtime error:", "Assertion", "cannot be read",
		"READERS_FULL", "reason=internal", "resolver-unavailable", "probe-budget"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strstr(line, words[i]))
			return true;
	return false;
}

static void *log_read(void *arg)
{
	FILE *log = arg, *copy = getenv("STORM_LOG") ? fopen(getenv("STORM_LOG"), "w") : NULL;
	char line[4096];
	while (fgets(line, sizeof line, log)) {
		if (strstr(line, "]: ready: "))
			ready = true;
		if (is_trouble(line) && atomic_fetch_add(&trouble, 1) < TROUBLE_MAX)
			printf("log: %s", line);
		if (!ready)
			fputs(line, stderr);
		if (copy)
			fputs(line, copy);
	}
	if (copy)
		fclose(copy);
	fclose(log);
	return NULL;
}

unsigned watch_trouble(void)
{
	return trouble;
}

bool watch_is_running(void)
{
	if (!has_ended && waitpid(daemon_pid, &ended_with, WNOHANG) == daemon_pid)
		has_ended = true;
	return !has_ended;
}

pid_t watch_start(const char *program, const char *conf)
{
	int ends[2];
	if (pipe(ends) != 0 || (daemon_pid = fork()) < 0)
		abort();
	if (daemon_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		execl(program, program, "-f", "-c", conf, (char *)NULL);
		_exit(EX_UNAVAILABLE);
	}
	close(ends[1]);
	if (pthread_create(&log_thread, NULL, log_read, fdopen(ends[0], "r")) != 0)
		abort();
	for (unsigned waited_ms = 0; !ready; waited_ms += POLL_MS) {
		if (waited_ms > READY_MS || !watch_is_running()) {
			fprintf(stderr, "storm: stsgated is not ready\n");
			exit(EX_UNAVAILABLE);
		}
		pause_ms(POLL_MS);
	}
	return daemon_pid;
}

int watch_stop(void)
{
	if (watch_is_running())
		kill(daemon_pid, SIGTERM);
	for (unsigned waited_ms = 0; watch_is_running(); waited_ms += POLL_MS) {
		if (waited_ms > STOP_MS)
			kill(daemon_pid, SIGKILL);
		pause_ms(POLL_MS);
	}
	pthread_join(log_thread, NULL);
	return WIFEXITED(ended_with) ? WEXITSTATUS(ended_with) : -1;
}

static unsigned descriptors(void)
{
	char path[64];
	unsigned count = 0;
	snprintf(path, sizeof path, "/proc/%lld/fd", (long long)daemon_pid);
	DIR *dir = opendir(path);
	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count > 2 ? count - 2 : 0; /* . and .. */
}

struct held watch_held(void)
{
	struct held held = {.descriptors = descriptors(), .cpu_ms = lapse_process_ns(daemon_pid) / 1000000};
	char path[64], line[256];
	snprintf(path, sizeof path, "/proc/%lld/status", (long long)daemon_pid);
	FILE *file = fopen(path, "r");
	while (file && fgets(line, sizeof line, file)) {
		sscanf(line, "RssAnon: %u", &held.memory_kib);
		sscanf(line, "Threads: %u", &held.threads);
	}
	if (file)
		fclose(file);
	return held;
}
