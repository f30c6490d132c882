/* start STSGATED CONFIGURATION PORT STORE COUNT: measures the time from exec to stsgated's first answer, with a store of
 * COUNT domains that fill made, after a clean stop and after kill -9; also its memory without LMDB's map. */
#include "lapse.h"
#include "stock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define REPLY_SIZE 1024
#define PATIENCE_MS 20000
#define QUESTIONS 50000     /* before memory is measured */
#define KEPT_WITH_POLICY 10 /* domain 10 has a policy (stock.h) */

static void die(const char *what)
{
	fprintf(stderr, "start: %s\n", what);
	exit(EX_UNAVAILABLE);
}

static pid_t daemon_start(const char *program, const char *configuration)
{
	pid_t pid = fork();
	if (pid < 0)
		die("cannot fork");
	if (pid > 0)
		return pid;
	int log = open("/dev/null", O_WRONLY);
	if (log < 0 || dup2(log, STDERR_FILENO) < 0)
		_exit(EX_OSERR);
	execl(program, program, "-f", "-c", configuration, (char *)NULL);
	_exit(EX_OSERR);
}

static void daemon_end(pid_t pid, int signal)
{
	int status;
	if (kill(pid, signal) != 0 || waitpid(pid, &status, 0) != pid)
		die("stsgated had ended");
}

/* A socket that connects to a port where nobody listens may be given that port for itself, and so connect to itself. */
static bool is_own(int fd, const struct sockaddr_in *place)
{
	struct sockaddr_in own;
	socklen_t len = sizeof own;
	return getsockname(fd, (struct sockaddr *)&own, &len) == 0 && own.sin_port == place->sin_port;
}

/* Retries until a server listens. */
static int connection_open(uint16_t port)
{
	struct sockaddr_in place = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int64_t until_ns = lapse_now_ns() + (int64_t)PATIENCE_MS * 1000000;
	int yes = 1;
	while (lapse_now_ns() < until_ns) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&place, sizeof place) == 0 && !is_own(fd, &place)) {
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
			return fd;
		}
		close(fd);
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	}
	die("stsgated does not listen");
	return -1;
}

/* The socket listens before the store is open, so the time ends with the answer. */
static void ask(int fd, unsigned i)
{
	struct stock subject;
	char payload[STOCK_NAME_SIZE + 16], request[STOCK_NAME_SIZE + 32], reply[REPLY_SIZE];
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	stock_name(&subject, i);
	snprintf(payload, sizeof payload, "postfix %s", subject.domain);
	int len = snprintf(request, sizeof request, "%zu:%s,", strlen(payload), payload);
	if (send(fd, request, (size_t)len, MSG_NOSIGNAL) != len || poll(&poll_fd, 1, PATIENCE_MS) != 1)
		die("no answer");
	ssize_t got = recv(fd, reply, sizeof reply - 1, 0);
	if (got <= 0)
		die("stsgated hung up");
	reply[got] = '\0';
	if (strstr(reply, subject.hops > 0 ? ":OK secure match=" : ":NOTFOUND ") == NULL)
		die("a wrong answer");
}

/* Resident kilobytes of the process: all, and those of the mapped store. */
static void memory_read(pid_t pid, long *all, long *map)
{
	char name[64], line[512];
	bool mapped = false;
	snprintf(name, sizeof name, "/proc/%ld/smaps", (long)pid);
	FILE *file = fopen(name, "r");
	if (file == NULL)
		die("/proc tells nothing of memory");
	*all = *map = 0;
	while (fgets(line, sizeof line, file) != NULL) {
		long kilobytes;
		if (sscanf(line, "Rss: %ld kB", &kilobytes) == 1) {
			*all += kilobytes;
			*map += mapped ? kilobytes : 0;
		} else if (strchr(line, '-') != NULL && strchr(line, '-') < strchr(line, ' ')) {
			mapped = strstr(line, "/" STORE_FILE "\n") != NULL;
		}
	}
	fclose(file);
}

struct subject {
	const char *program, *configuration, *store;
	uint16_t port;
	unsigned count;
};

static void fact(const struct subject *subject, const char *name, double value)
{
	char key[32];
	snprintf(key, sizeof key, "start.%u", subject->count);
	fact_put(key, name, value);
}

/* From exec to the first answer. The daemon is left running. */
static double first_answer_ms(const struct subject *subject, pid_t *pid, int *fd)
{
	int64_t begun_ns = lapse_now_ns();
	*pid = daemon_start(subject->program, subject->configuration);
	*fd = connection_open(subject->port);
	ask(*fd, KEPT_WITH_POLICY);
	return (double)(lapse_now_ns() - begun_ns) / 1e6;
}

/* Waits until the daemon has checked the store beside its answers. Only then is the next start after kill -9 like that
 * of a daemon that has run for a while. */
static void check_wait(const struct subject *subject)
{
	char path[4096];
	struct stat file = {.st_size = 0};
	snprintf(path, sizeof path, "%s/policies.dirty", subject->store);
	for (int ms = 0; ms < PATIENCE_MS && file.st_size == 0; ms++) {
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		if (stat(path, &file) != 0)
			die("stsgated has no store");
	}
	if (file.st_size == 0)
		die("the store was not checked");
}

static double starts_ms(const struct subject *subject, int signal)
{
	double ms[ROUNDS];
	pid_t pid;
	int fd;
	for (size_t i = 0; i < ROUNDS; i++) {
		first_answer_ms(subject, &pid, &fd);
		close(fd);
		check_wait(subject);
		daemon_end(pid, signal);
		ms[i] = first_answer_ms(subject, &pid, &fd);
		close(fd);
		daemon_end(pid, SIGTERM);
	}
	return lapse_median(ms);
}

static void memory_print(const struct subject *subject)
{
	char path[4096];
	struct stat file;
	uint64_t state = 1;
	long all, map;
	pid_t pid;
	int fd;
	first_answer_ms(subject, &pid, &fd);
	for (unsigned i = 0; i < QUESTIONS; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		ask(fd, (unsigned)((state >> 33) % subject->count));
	}
	memory_read(pid, &all, &map);
	close(fd);
	daemon_end(pid, SIGTERM);
	snprintf(path, sizeof path, "%s/" STORE_FILE, subject->store);
	if (stat(path, &file) != 0)
		die("there is no store");
	printf("  resident %.1f MiB beside the map, %.1f MiB of the map; %.0f octets of file for each domain\n",
		(double)(all - map) / 1024, (double)map / 1024, (double)file.st_size / subject->count);
	fact(subject, "beside_mib", (double)(all - map) / 1024);
}

int main(int argc, char **argv)
{
	if (argc != 6)
		return EX_USAGE;
	struct subject subject = {
		argv[1], argv[2], argv[4], (uint16_t)strtoul(argv[3], NULL, 10), (unsigned)strtoul(argv[5], NULL, 10)};
	if (subject.count <= KEPT_WITH_POLICY)
		return EX_USAGE;
	printf("start: %u domains; ms from exec to the first answer\n", subject.count);
	double stopped_ms = starts_ms(&subject, SIGTERM), killed_ms = starts_ms(&subject, SIGKILL);
	printf("  after a clean stop %.0f, after kill -9 %.0f\n", stopped_ms, killed_ms);
	fact(&subject, "stopped_ms", stopped_ms);
	fact(&subject, "killed_ms", killed_ms);
	memory_print(&subject);
	return EX_OK;
}
