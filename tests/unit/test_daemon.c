/* The built daemon from outside: exit status, ready line, signals, and the files that it leaves. */
#include "cm.h"

#include "store.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 16
#define LEFT_OPEN 900 /* a descriptor that a shell left open */
#define TEXT_SIZE 65536
#define SANITIZER_FOUND 66 /* exit status of a program that ThreadSanitizer ended */

static char directory[] = "/tmp/daemon-test-XXXXXX";
static char text[TEXT_SIZE];

static const char *path_of(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *out = path[turn++ % 4];
	snprintf(out, sizeof path[0], "%s/%s", directory, name);
	return out;
}

static void settings_write(const char *more)
{
	FILE *file = fopen(path_of("conf"), "w");
	assert_non_null(file);
	fprintf(file,
		"user = root\nstore_path = %s\nmilter_socket = unix:%s\nsocketmap_socket = unix:%s\n"
		"metrics_socket = unix:%s\nio_threads = 1\ndnssec = off\nstore_max_bytes = 4M\n"
		"probe_helo = relay.example.com\nown_hosts = relay.example.com\n%s",
		path_of("store"), path_of("milter"), path_of("map"), path_of("http"), more);
	fclose(file);
}

/* Sockets for the next daemon, passed as a service manager passes them. */
static struct {
	int fd[3];
	int count;
	const char *names;
	bool to_another; /* process */
} handed;

static void handed_give(void)
{
	char number[16];
	snprintf(number, sizeof number, "%ld", (long)getpid() + handed.to_another);
	setenv("LISTEN_PID", number, 1);
	snprintf(number, sizeof number, "%d", handed.count);
	setenv("LISTEN_FDS", number, 1);
	setenv("LISTEN_FDNAMES", handed.names, 1);
	for (int i = 0; i < handed.count; i++)
		dup2(handed.fd[i], 3 + i);
}

/* Starts the daemon with the test's settings and more arguments; its output goes to the file `log`. */
static pid_t daemon_start(const char *const *more)
{
	const char *arguments[ARGUMENTS_MAX] = {STSGATED_BUILT, "-c", path_of("conf")};
	for (size_t i = 3; *more != NULL; more++)
		arguments[i++] = *more;
	/* Otherwise the log of the previous daemon could be taken for this one's. */
	unlink(path_of("log"));
	pid_t child = fork();
	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int log = open(path_of("log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	if (handed.names != NULL)
		handed_give();
	execv(arguments[0], (char *const *)arguments);
	_exit(127);
}

static const char *log_read(void)
{
	int fd = open(path_of("log"), O_RDONLY);
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	text[len > 0 ? len : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static void rest(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

static void log_wait(const char *words)
{
	for (int i = 0; i < 500; i++, rest())
		if (strstr(log_read(), words) != NULL)
			return;
	fail_msg("`%s` is not in the log: `%s`", words, text);
}

/* Returns the exit status; the daemon is killed after 15 s. */
static int status_of(pid_t child)
{
	int status;
	for (int i = 0; i < 750; i++, rest()) {
		if (waitpid(child, &status, WNOHANG) != child)
			continue;
		if (WIFEXITED(status) && WEXITSTATUS(status) == SANITIZER_FOUND)
			print_error("%s\n", log_read());
		return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return -1;
}

#define RUN(...) status_of(daemon_start((const char *const[]){__VA_ARGS__, NULL}))

static void expect_log(const char *words)
{
	if (strstr(log_read(), words) == NULL)
		fail_msg("`%s` is not in the log: `%s`", words, text);
}

static void settings_are_tested(void **state)
{
	(void)state;
	settings_write("");
	assert_int_equal(RUN("-t"), EX_OK);
	assert_null(strstr(log_read(), "error"));
	expect_log("/conf: ok\n");
	/* The warnings of a start */
	assert_int_equal(RUN("-t", "-o", "mta_enforces=yes", "-o", "socketmap_socket="), EX_OK);
	expect_log("warning: mta_enforces = yes, but socketmap_socket is empty");
	assert_int_equal(RUN("-t", "-o", "default_level=verify", "-o", "socketmap_socket="), EX_OK);
	expect_log("warning: default_level = verify, but socketmap_socket is empty");
	assert_int_equal(RUN("-t", "-o", "socketmap_socket=unix:/nonexistent/map"), EX_CANTCREAT);
	expect_log("-o: socketmap_socket: cannot listen at `unix:/nonexistent/map`: directory `/nonexistent`: No such "
		   "file or directory: create it: install -d -o ");
	assert_int_equal(RUN("-t", "-o", "metrics_socket=unix:/dev/null/http"), EX_CANTCREAT);
	expect_log("/dev/null`: Not a directory: choose another path");
	assert_int_equal(RUN("-t", "-o", "no_such=1"), EX_USAGE);
	assert_int_equal(RUN("-t", "-o", "probe_ca_file=/nonexistent/ca.pem"), EX_NOINPUT);
	expect_log("-o: probe_ca_file: /nonexistent/ca.pem cannot be read: No such file");
	settings_write("probe_ca_file = /nonexistent/ca.pem\n");
	assert_int_equal(RUN("-t"), EX_NOINPUT);
	expect_log("/conf:11: probe_ca_file: /nonexistent/ca.pem cannot be read: No such file");
	assert_int_equal(RUN("-f"), EX_NOINPUT);
	expect_log("/conf:11: probe_ca_file: /nonexistent/ca.pem cannot be read: No such file");
	settings_write("");
	assert_int_equal(RUN("-t", "-o", "store_path=/nonexistent/store"), EX_CANTCREAT);
	expect_log("-o: store_path: `/nonexistent/store`: No such file");
	assert_int_equal(RUN("-t", "-o", "socket_owner=no-such-user"), EX_NOUSER);
	expect_log("socket_owner: this machine has no user `no-such-user`");
	if (geteuid() == 0) {
		assert_int_equal(RUN("-t", "-o", "user=no-such-user"), EX_NOUSER);
		expect_log("user: this machine has no user `no-such-user`");
		assert_int_equal(RUN("-t", "-o", "user=nobody", "-o", "group=no-such-group"), EX_NOUSER);
	}
	assert_int_equal(RUN("-t", "-o", "milter_header=To"), EX_USAGE);
	settings_write("mode = sometimes\n");
	assert_int_equal(RUN("-t"), EX_CONFIG);
	expect_log("/conf:11: mode");
	assert_int_equal(RUN("-t", "-c", "/nonexistent/conf"), EX_NOINPUT);
	assert_int_equal(RUN("-x"), EX_USAGE);
	assert_int_equal(RUN("more"), EX_USAGE);
	assert_int_equal(RUN("-V"), EX_OK);
	expect_log("stsgated " PACKAGE_VERSION "\n");
	assert_int_equal(RUN("--version"), EX_OK);
	expect_log("stsgated " PACKAGE_VERSION "\n");
	assert_int_equal(RUN("-h"), EX_OK);
	expect_log("usage: stsgated [-f]");
	assert_int_equal(RUN("--help"), EX_OK);
	expect_log("  -t             check the settings");
}

/* store_open() forks, so it comes before config_new(), which starts threads. If both would fail, the failure of the
 * store is reported. */
static void the_store_is_opened_first(void **state)
{
	(void)state;
	settings_write("probe_ca_file = /nonexistent/ca.pem\n");
	assert_int_equal(RUN("-f", "-o", "store_path=/nonexistent/store"), EX_CANTCREAT);
	expect_log("store_path: ");
	assert_null(strstr(log_read(), "probe_ca_file"));
}

static const char *exchange(const char *name, const char *request)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 5};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path_of(name));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	shutdown(fd, SHUT_WR);
	size_t used = 0;
	for (ssize_t got; (got = recv(fd, text + used, sizeof text - 1 - used, 0)) > 0;)
		used += (size_t)got;
	text[used] = '\0';
	close(fd);
	return text;
}

static void nothing_is_left_behind(void)
{
	static const char *const names[] = {"milter", "map", "http"};
	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_not_equal(access(path_of(names[i]), F_OK), 0);
}

static void value_is(const struct snapshot_running *running, const char *name, const char *wanted)
{
	struct span value;
	assert_int_equal(snapshot_setting(running, name, &value), SNAPSHOT_VALUE);
	assert_true(span_is(value, wanted));
}

/* The daemon has left in the store which settings it used, and what it counted. */
static void snapshot_is_left(pid_t daemon)
{
	static struct snapshot_running running;
	static struct snapshot_counts counts;
	struct store *store = store_open(path_of("store"), 0, STORE_GUEST, NULL);
	assert_non_null(store);
	assert_int_equal(store_running(store, &running, NULL), STORE_FOUND);
	assert_int_equal(running.pid, daemon);
	assert_true(running.started_at > 0 && running.settings_at >= running.started_at &&
		    running.stopped_at >= running.settings_at);
	assert_string_equal(running.file, path_of("conf"));
	value_is(&running, "mode", "monitor");
	value_is(&running, "socket_mode", "0660"); /* needs a restart */
	assert_int_equal(store_counts(store, &counts, NULL), STORE_FOUND);
	assert_non_null(strstr(counts.lines, "stsgate_map_replies_total notfound 2\n"));
	store_close(&store);
}

static void it_serves_reloads_and_stops(void **state)
{
	(void)state;
	char ready[512];
	settings_write("");
	snprintf(ready, sizeof ready,
		"]: ready: version " PACKAGE_VERSION
		", milter unix:%s, socketmap unix:%s, http unix:%s, store %s, mode enforce\n",
		path_of("milter"), path_of("map"), path_of("http"), path_of("store"));
	pid_t daemon = daemon_start((const char *const[]){"-f", NULL});
	log_wait(ready);
	expect_log("warning: without the map, mail is judged only when a message is accepted");
	assert_string_equal(exchange("map", "16:postfix .example,"), "9:NOTFOUND ,");
	assert_non_null(strstr(exchange("http", "GET /healthz HTTP/1.0\r\n\r\n"), "\r\n\r\nok\n"));
	for (int i = 0; i < 20; i++)
		kill(daemon, SIGHUP);
	log_wait("SIGHUP is ignored");
	settings_write("mode = sometimes\n");
	kill(daemon, SIGUSR1);
	log_wait("error: reload failed; the previous settings stay in effect: ");
	settings_write("mode = monitor\nsocket_mode = 0600\n");
	kill(daemon, SIGUSR1);
	log_wait("reloaded the settings: mode: enforce -> monitor; mode monitor\n");
	log_wait("these changed settings take effect only after a restart: socket_mode\n");
	assert_string_equal(exchange("map", "16:postfix .example,"), "9:NOTFOUND ,");
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
	expect_log("]: stopping\n");
	nothing_is_left_behind();
	snapshot_is_left(daemon);
}

/* Returns what was counted for example.com, today or on the day on which this test began. */
static void sessions_are_stored(int64_t day, uint64_t total, uint64_t failed)
{
	struct tlsrpt_tally tally;
	uint64_t found = 0, found_failed = 0;
	struct store *store = store_open(path_of("store"), 0, STORE_GUEST, NULL);
	assert_non_null(store);
	for (int i = 0; i < 2; i++) {
		store_tally(store, day + i, "example.com", &tally, NULL);
		found += tlsrpt_tally_total(&tally);
		found_failed += tlsrpt_tally_failed(&tally);
		tlsrpt_tally_free(&tally);
	}
	store_close(&store);
	assert_int_equal(found, total);
	assert_int_equal(found_failed, failed);
}

static void datagram_send(const char *name, const char *begin, int failed)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char bytes[512];
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path_of(name));
	int len = snprintf(bytes, sizeof bytes,
		"%s\"d\": \"Example.com\",\"pr\": \"v=TLSRPTv1; rua=mailto:a@example.com\",\"policies\":["
		"{\"policy-type\":9,\"policy-domain\": \"example.com\",\"t\":0,\"f\":%d}]}",
		begin, failed);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(sendto(fd, bytes, (size_t)len, 0, (struct sockaddr *)&address, sizeof address), len);
	close(fd);
}

/* Sessions that came just before a stop are counted, and are in the store afterwards. */
static void sessions_are_collected_up_to_the_stop(void **state)
{
	char more[256];
	struct stat info;
	int64_t day = (int64_t)time(NULL) / TALLY_DAY_S;
	(void)state;
	snprintf(more, sizeof more, "tlsrpt = collect\ntlsrpt_socket = %s\n", path_of("sessions"));
	settings_write(more);
	assert_int_equal(RUN("-t"), EX_OK);
	pid_t daemon = daemon_start((const char *const[]){"-f", NULL});
	snprintf(more, sizeof more, ", tlsrpt collect %s, store ", path_of("sessions"));
	log_wait(more);
	assert_int_equal(stat(path_of("sessions"), &info), 0);
	assert_true(S_ISSOCK(info.st_mode) && (info.st_mode & 0777) == 0660);
	datagram_send("sessions", "{", 1);
	datagram_send("sessions", "{\"dpv\": \"9\",", 1);
	log_wait("warning: tlsrpt_socket: a datagram has another version (dpv) than 1, so it was not counted");
	const char *metrics = exchange("http", "GET /metrics HTTP/1.0\r\n\r\n");
	assert_non_null(strstr(metrics, "stsgate_tlsrpt_datagrams_total{datagram=\"counted\"} 1\n"));
	assert_non_null(strstr(metrics, "stsgate_tlsrpt_datagrams_total{datagram=\"refused\"} 1\n"));
	datagram_send("sessions", "{", 0);
	datagram_send("sessions", "{", 0);
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
	nothing_is_left_behind();
	assert_int_not_equal(access(path_of("sessions"), F_OK), 0);
	sessions_are_stored(day, 3, 1);
}

/* Without a socket, and with the socket of another collector, the daemon makes none. A daemon that does not collect removes
 * what was counted before. */
static void without_a_socket_of_its_own_none_is_made(void **state)
{
	char more[256];
	int64_t day = (int64_t)time(NULL) / TALLY_DAY_S - 1;
	(void)state;
	settings_write("tlsrpt = collect\n");
	pid_t daemon = daemon_start((const char *const[]){"-f", NULL});
	log_wait(", tlsrpt collect, store ");
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
	sessions_are_stored(day, 3, 1);
	snprintf(more, sizeof more, "tlsrpt = feed\ntlsrpt_socket = %s\n", path_of("sessions"));
	settings_write(more);
	daemon = daemon_start((const char *const[]){"-f", NULL});
	snprintf(more, sizeof more, ", tlsrpt feed %s, store ", path_of("sessions"));
	log_wait(more);
	assert_int_not_equal(access(path_of("sessions"), F_OK), 0);
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
	sessions_are_stored(day, 0, 0);
}

/* Mail hosts may refuse such a name, and then count as unknown. */
static void helo_without_a_domain_is_warned_of(void **state)
{
	(void)state;
	settings_write("");
	assert_int_equal(RUN("-t", "-o", "probe_helo=relay"), EX_OK);
	expect_log("warning: probes send EHLO relay, which is not a full host name");
	expect_log("or set probe_helo");
	assert_int_equal(RUN("-t", "-o", "probe_helo=[192.0.2.1]"), EX_OK);
	assert_null(strstr(log_read(), "probes send"));
}

/* Policy delegation does not guess the next hop (design 6.7). */
static void delegation_needs_a_next_hop(void **state)
{
	(void)state;
	static const struct {
		const char *settings, *message;
	} rows[] = {
		{"delegation_socket = unix:/tmp/x\n",
			"conf: delegation_domain (the default): is empty, but delegation_socket is set"},
		{"delegation_domain =\ndelegation_socket = unix:/tmp/x\n",
			"conf:11: delegation_domain: is empty, but delegation_socket is set"},
		{"delegation_domain = 192.0.2.1\n",
			"conf:11: delegation_domain: 192.0.2.1 is neither recipient nor a next hop"},
		{"delegation_domain = example.com, example.org\n",
			"delegation_domain: \"example.com, example.org\" is neither recipient nor a next hop"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		settings_write(rows[i].settings);
		assert_int_equal(RUN("-t"), EX_CONFIG);
		expect_log(rows[i].message);
	}
	settings_write("delegation_domain = [mail.example.com]:587\ndelegation_socket = unix:/tmp/x\n");
	assert_int_equal(RUN("-t"), EX_OK);
}

static void key_write(const char *keys, mode_t mode)
{
	FILE *file = fopen(path_of("key"), "w");
	assert_non_null(file);
	fputs(keys, file);
	fclose(file);
	assert_int_equal(chmod(path_of("key"), mode), 0);
}

/* A shared store that cannot be reached holds nothing up. The keys of the farm are read again by a reload. */
static void sharing_has_its_keys(void **state)
{
	static const char first[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
			  both[] = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\n"
				   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
	char more[512];
	(void)state;
	snprintf(more, sizeof more, "fleet_server = unix:%s\nfleet_key_file = %s\nfleet_node = relay-1\n",
		path_of("nobody"), path_of("key"));
	settings_write(more);
	assert_int_equal(RUN("-t"), EX_NOINPUT);
	assert_int_equal(RUN("-f"), EX_NOINPUT);
	key_write(first, 0644);
	assert_int_equal(RUN("-f"), EX_CONFIG);
	expect_log("has a secret, but every user has rights to it: chmod o= ");
	key_write(first, 0640);
	assert_int_equal(RUN("-t"), EX_OK);
	pid_t daemon = daemon_start((const char *const[]){"-f", NULL});
	log_wait("]: ready: ");
	log_wait(": cannot connect: No such file or directory; nothing is shared until it can be reached\n");
	assert_non_null(strstr(exchange("http", "GET /metrics HTTP/1.0\r\n\r\n"), "\nstsgate_fleet_up 0\n"));
	key_write("no key\n", 0640);
	kill(daemon, SIGUSR1);
	log_wait(
		":1: is not a key: write 64 hexadecimal digits, as `openssl rand -hex 32` prints them; the keys stay as "
		"they are\n");
	key_write(both, 0640);
	kill(daemon, SIGUSR1);
	log_wait("fleet_key_file: key ");
	expect_log(" is accepted, too\n");
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
	unlink(path_of("key"));
}

/* The store was written in the past. A store with a time in the future shows that the clock is behind. */
static void a_clock_behind_its_store_is_told(void **state)
{
	(void)state;
	char file[256];
	settings_write("");
	pid_t daemon = daemon_start((const char *const[]){"-f", NULL});
	log_wait("]: ready: ");
	assert_null(strstr(log_read(), "clock-behind"));
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
	snprintf(file, sizeof file, "%s/policies.mdb", path_of("store"));
	struct timespec four_days_on[2] = {
		{.tv_sec = time(NULL) + 4 * 86400 + 60}, {.tv_sec = time(NULL) + 4 * 86400 + 60}};
	assert_int_equal(utimensat(AT_FDCWD, file, four_days_on, 0), 0);
	daemon = daemon_start((const char *const[]){"-f", NULL});
	log_wait("error: event=clock-behind count=1 this machine's clock is behind");
	expect_log("the last change of the store's file lies 4 days ahead of the clock; set the clock");
	log_wait("]: ready: ");
	assert_non_null(strstr(exchange("http", "GET /healthz HTTP/1.0\r\n\r\n"), "\r\n\r\ndegraded: clock-behind\n"));
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
	assert_int_equal(utimensat(AT_FDCWD, file, NULL, 0), 0);
}

static void map_and_enforcement_need_no_warning(void **state)
{
	(void)state;
	settings_write("mta_enforces = yes\n");
	pid_t daemon = daemon_start((const char *const[]){"-f", NULL});
	log_wait("]: ready: ");
	assert_null(strstr(log_read(), "warning"));
	kill(daemon, SIGINT);
	assert_int_equal(status_of(daemon), EX_OK);
	nothing_is_left_behind();
}

/* Perhaps no map is attached that stops the mail that the milter leaves to it. */
static void enforcement_without_a_map_is_warned_of(void **state)
{
	(void)state;
	settings_write("mta_enforces = yes\n");
	pid_t daemon = daemon_start((const char *const[]){"-f", "-o", "socketmap_socket=", NULL});
	log_wait("]: ready: ");
	expect_log("warning: mta_enforces = yes, but socketmap_socket is empty: ");
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
}

static void start_trouble_is_told(void **state)
{
	(void)state;
	settings_write("");
	pid_t daemon = daemon_start((const char *const[]){"-f", NULL});
	log_wait("]: ready: ");
	/* In the foreground and in the background; the daemon that runs already keeps its sockets. */
	assert_int_equal(RUN("-f"), EX_UNAVAILABLE);
	expect_log("/conf:4: socketmap_socket: cannot listen at `unix:");
	assert_int_equal(RUN("-o", "socketmap_socket="), EX_UNAVAILABLE);
	expect_log("/conf:5: metrics_socket: cannot listen at `unix:");
	assert_int_equal(RUN("-o", "socketmap_socket=", "-o", "metrics_socket="), EX_UNAVAILABLE);
	expect_log("/conf:3: milter_socket: cannot listen at `unix:");
	assert_string_equal(exchange("map", "16:postfix .example,"), "9:NOTFOUND ,");
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
	nothing_is_left_behind();
	/* A failure that occurs only in the background reaches the process that started the daemon. */
	assert_int_not_equal(RUN("-o", "store_path=/nonexistent/store"), EX_OK);
	expect_log("stsgated: -o: store_path: ");
	nothing_is_left_behind();
}

/* Orphans become children of this process (PR_SET_CHILD_SUBREAPER). */
static pid_t child_of_ours(void)
{
	char path[64];
	long child = -1;
	snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	if (fscanf(file, "%ld", &child) != 1)
		child = -1;
	fclose(file);
	return (pid_t)child;
}

static void it_goes_into_the_background_when_ready(void **state)
{
	(void)state;
	settings_write("");
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(RUN("-o", "mta_enforces=yes"), EX_OK);
	pid_t daemon = child_of_ours();
	assert_true(daemon > 0);
	assert_string_equal(exchange("map", "16:postfix .example,"), "9:NOTFOUND ,");
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
	nothing_is_left_behind();
}

/* Its descriptor has a number that the daemon does not need. */
static int socket_at(const char *name, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path_of(name));
	int low = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	int fd = fcntl(low, F_DUPFD_CLOEXEC, 20);
	close(low);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

/* As from a careless shell: in a directory of its own, with a relative name of the settings file, without stdin and
 * stdout, and with a descriptor left open. */
static pid_t background_start_carelessly(const char *program)
{
	pid_t child = fork();
	if (child != 0)
		return child;
	if (chdir(directory) != 0 || dup2(STDERR_FILENO, LEFT_OPEN) < 0)
		_exit(127);
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	execl(program, program, "-c", "conf", (char *)NULL);
	_exit(127);
}

/* Where the next daemon sends its state to the service manager. */
static int notify_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path_of("notify"));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	return fd;
}

/* Waits until the service manager gets these words. */
static void told_wait(int fd, const char *words)
{
#ifdef HAVE_SYSTEMD
	do {
		ssize_t len = recv(fd, text, sizeof text - 1, 0);
		assert_true(len > 0);
		text[len] = '\0';
	} while (strstr(text, words) == NULL);
#else
	(void)fd;
	(void)words;
#endif
}

static void the_background_holds_nothing_of_its_start(void **state)
{
	(void)state;
	char link[64], target[128] = "", *program = realpath(STSGATED_BUILT, NULL);
	struct timeval patience = {.tv_sec = 5};
	settings_write("");
	assert_non_null(program);
	int notify = notify_socket();
	setsockopt(notify, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(status_of(background_start_carelessly(program)), EX_OK);
	unsetenv("NOTIFY_SOCKET");
	free(program);
	pid_t daemon = child_of_ours();
	assert_true(daemon > 0);
	snprintf(link, sizeof link, "/proc/%ld/cwd", (long)daemon);
	assert_true(readlink(link, target, sizeof target - 1) > 0);
	assert_string_equal(target, "/");
	snprintf(link, sizeof link, "/proc/%ld/fd/%d", (long)daemon, LEFT_OPEN);
	assert_int_not_equal(access(link, F_OK), 0);
	assert_string_equal(exchange("map", "16:postfix .example,"), "9:NOTFOUND ,");
	assert_non_null(strstr(exchange("http", "GET /healthz HTTP/1.0\r\n\r\n"), "\r\n\r\nok\n"));
	/* A reload finds the file, although its name is relative to the directory of the start. */
	told_wait(notify, "READY=1");
	kill(daemon, SIGUSR1);
	told_wait(notify, "RELOADING=1");
	told_wait(notify, "settings reloaded");
	close(notify);
	unlink(path_of("notify"));
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
	nothing_is_left_behind();
}

static void sockets_of_the_dead_are_taken_over(void **state)
{
	(void)state;
	settings_write("");
	for (int i = 0; i < 2; i++) {
		pid_t daemon = daemon_start((const char *const[]){"-f", NULL});
		log_wait("]: ready: ");
		kill(daemon, i == 0 ? SIGKILL : SIGTERM);
		assert_int_equal(status_of(daemon), i == 0 ? 1000 + SIGKILL : EX_OK);
	}
	nothing_is_left_behind();
}

static void handed_set(const char *names, int first, int second)
{
	handed.names = names;
	handed.fd[0] = first;
	handed.fd[1] = second;
	handed.count = second >= 0 ? 2 : 1;
}

static unsigned long fdinfo_flags(const char *path)
{
	unsigned long flags = 0;
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "pos: %*d flags: %lo", &flags), 1);
	fclose(file);
	return flags;
}

static int socket_at_loopback(unsigned *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int low = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = fcntl(low, F_DUPFD_CLOEXEC, 20);
	close(low);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void given_are_served(pid_t daemon)
{
	char link[64];
	assert_string_equal(exchange("given-map", "16:postfix .example,"), "9:NOTFOUND ,");
	assert_non_null(strstr(exchange("given-http", "GET /healthz HTTP/1.0\r\n\r\n"), "\r\n\r\nok\n"));
	assert_string_equal(exchange("given-asked",
				    "request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=x@[192.0.2.1]\n\n"),
		"action=DUNNO\n\n");
	assert_int_not_equal(access(path_of("map"), F_OK), 0);
	snprintf(link, sizeof link, "/proc/%ld/fdinfo/3", (long)daemon);
	assert_int_equal(fdinfo_flags(link) & (O_NONBLOCK | O_CLOEXEC), O_NONBLOCK | O_CLOEXEC);
}

/* The daemon serves the service manager's sockets, and no others. They stay when the daemon ends, and clients wait
 * there. */
static void sockets_of_the_service_manager_are_served(void **state)
{
	(void)state;
	char ready[512];
	settings_write("delegation_socket = unix:/nonexistent/asked\ndelegation_domain = recipient\n");
	int map = socket_at("given-map", SOCK_STREAM), http = socket_at("given-http", SOCK_STREAM);
	int asked = socket_at("given-asked", SOCK_STREAM);
	assert_true(listen(map, 8) == 0 && listen(http, 8) == 0 && listen(asked, 8) == 0);
	for (int i = 0; i < 2; i++) {
		handed_set("socketmap:metrics:delegation", map, http);
		handed.fd[handed.count++] = asked;
		pid_t daemon = daemon_start((const char *const[]){"-f", NULL});
		snprintf(ready, sizeof ready,
			", milter unix:%s, socketmap unix:%s (from the service manager), "
			"delegation unix:%s (from the service manager), http unix:%s (from the service manager), ",
			path_of("milter"), path_of("given-map"), path_of("given-asked"), path_of("given-http"));
		log_wait(ready);
		given_are_served(daemon);
		kill(daemon, SIGTERM);
		assert_int_equal(status_of(daemon), EX_OK);
		assert_int_equal(access(path_of("given-map"), F_OK), 0);
	}
	handed.names = NULL;
	close(map);
	close(http);
	close(asked);
	nothing_is_left_behind();
}

static void an_address_of_the_service_manager_is_told(void **state)
{
	(void)state;
	char ready[128];
	unsigned port;
	settings_write("");
	int map = socket_at_loopback(&port);
	assert_int_equal(listen(map, 8), 0);
	handed_set("socketmap", map, -1);
	pid_t daemon = daemon_start((const char *const[]){"-f", NULL});
	snprintf(ready, sizeof ready, ", socketmap inet:%u@127.0.0.1 (from the service manager), http unix:", port);
	log_wait(ready);
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
	handed.names = NULL;
	close(map);
	nothing_is_left_behind();
}

static void refused(const char *names, int first, int second, const char *words)
{
	handed_set(names, first, second);
	assert_int_equal(RUN("-f"), EX_CONFIG);
	expect_log(words);
	nothing_is_left_behind();
}

static void sockets_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	static char long_name[400];
	memset(long_name, 'n', sizeof long_name - 1);
	settings_write("");
	int good = socket_at("good", SOCK_STREAM), deaf = socket_at("deaf", SOCK_STREAM);
	int datagram = socket_at("datagram", SOCK_DGRAM);
	assert_int_equal(listen(good, 8), 0);
	refused("milter", good, -1, "error: socket milter from the service manager: libmilter opens its own");
	refused("stsgated.socket", good, -1, "socket stsgated.socket from the service manager: stsgated has no socket");
	refused("", good, -1, "socket \"\" from the service manager: stsgated has no socket of that name");
	refused("socketmap", good, good, "socket \"\" from the service manager: stsgated has no socket of that name");
	refused("socketmap:socketmap", good, good,
		"socket socketmap from the service manager: the service manager passed two sockets");
	refused("delegation", good, -1,
		"socket delegation from the service manager: the setting for this socket is empty");
	refused("socketmap", deaf, -1, "socket socketmap from the service manager: is not a listening stream socket");
	refused("metrics", datagram, -1, "socket metrics from the service manager: is not a listening stream socket");
	refused(long_name, good, -1, "environment: LISTEN_FDNAMES is too long");
	handed_set("milter", good, -1);
	handed.to_another = true;
	pid_t daemon = daemon_start((const char *const[]){"-f", NULL});
	log_wait("]: ready: ");
	assert_null(strstr(log_read(), "of the service manager"));
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
	handed.names = NULL;
	handed.to_another = false;
	close(good);
	close(deaf);
	close(datagram);
}

#define KNOWN 60 /* domains, so that the store has some pages */
#define PAGE 4096

static void policy_put(struct entry *entry, void *arg)
{
	struct policy_found found = {.policy = {.mode = POLICY_ENFORCE, .max_age_s = 604800}};
	char mx[64];
	int len = snprintf(mx, sizeof mx, "mx.%s", entry->domain);
	(void)arg;
	names_add(&found.policy.mx, mx, (size_t)len);
	entry_learn_record(entry, &(struct record_found){.record = {.id = "1"}, .ttl_s = 3600}, time(NULL));
	entry_learn_policy(entry, &found, "1", time(NULL));
	policy_found_free(&found);
}

/* Each has an enforce policy in force for KNOWN domains. */
static void store_fill(void)
{
	struct failure why;
	char domain[32];
	struct store *store = store_open(path_of("store"), 4 << 20, STORE_OWNER, &why);
	assert_non_null(store);
	for (int i = 0; i < KNOWN; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		assert_true(store_change_entry(store, domain, policy_put, NULL, &why));
	}
	store_close(&store);
}

/* As with dd conv=notrunc; LMDB's two head pages are kept. */
static void store_zero(void)
{
	static const char zeros[PAGE];
	struct stat file;
	int fd = open(path_of("store/policies.mdb"), O_WRONLY);
	assert_int_equal(fstat(fd, &file), 0);
	for (off_t at = 2 * PAGE; at < file.st_size; at += PAGE)
		assert_int_equal(pwrite(fd, zeros, PAGE, at), PAGE);
	close(fd);
}

static void expect_reply(const char *request, const char *begins)
{
	const char *reply = exchange("map", request);
	const char *colon = strchr(reply, ':');
	if (colon == NULL || strncmp(colon + 1, begins, strlen(begins)) != 0)
		fail_msg("%s is answered %s, not %s", request, reply, begins);
}

/* While the store was checked, the daemon asked for patience: the check may take longer than a start may. */
static void expect_patience(int fd)
{
#ifdef HAVE_SYSTEMD
	unsigned asked = 0;
	for (ssize_t got; (got = recv(fd, text, sizeof text - 1, MSG_DONTWAIT)) >= 0;) {
		text[got] = '\0';
		asked += strstr(text, "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=checking the store: ") != NULL;
	}
	assert_true(asked > 0);
#endif
	unsetenv("NOTIFY_SOCKET");
	close(fd);
}

/* Pages are zeroed under the running daemon: enforcement goes on with TEMP, whatever on_internal_error is. The daemon
 * ends so that a service manager starts it again, and the next start finds the damage. */
static void a_store_that_breaks_ends_the_daemon(void **state)
{
	(void)state;
	settings_write("mta_dane = no\ndns_servers = 127.0.0.1@1\non_internal_error = accept\n");
	store_fill();
	pid_t daemon = daemon_start((const char *const[]){"-f", NULL});
	log_wait("]: ready: ");
	expect_reply("18:postfix d7.example,", "OK secure match=mx.d7.example");
	store_zero();
	expect_reply("18:postfix d7.example,", "TEMP internal");
	expect_reply("18:postfix d8.example,", "TEMP internal");
	assert_non_null(strstr(exchange("http", "GET /healthz HTTP/1.0\r\n\r\n"), " 503 "));
	assert_int_equal(status_of(daemon), EX_IOERR);
	expect_log(
		"exiting with status 74, so that the next start checks the store; mail that needs the map waits until then");
	assert_int_equal(access(path_of("store/policies.dirty"), F_OK), 0);
	int words = notify_socket();
	daemon = daemon_start((const char *const[]){"-f", NULL});
	log_wait("]: ready: ");
	expect_log("/policies.mdb.damaged-");
	expect_patience(words);
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
	assert_int_not_equal(access(path_of("store/policies.dirty"), F_OK), 0);
}

/* Overwrites the pages with this domain with zeros. */
static void store_spoil(const char *domain)
{
	char page[PAGE];
	struct stat file;
	int fd = open(path_of("store/policies.mdb"), O_RDWR);
	assert_int_equal(fstat(fd, &file), 0);
	for (off_t at = 2 * PAGE; at < file.st_size; at += PAGE) {
		assert_int_equal(pread(fd, page, PAGE, at), PAGE);
		if (memmem(page, PAGE, domain, strlen(domain)) == NULL)
			continue;
		memset(page, 0, PAGE);
		assert_int_equal(pwrite(fd, page, PAGE, at), PAGE);
	}
	close(fd);
}

/* The store of a killed daemon is used at once and checked meanwhile; damage that is found then ends the daemon. */
static void after_a_kill_it_answers_at_once(void **state)
{
	(void)state;
	settings_write("mta_dane = no\ndns_servers = 127.0.0.1@1\n");
	store_fill();
	for (int turn = 0; turn < 2; turn++) {
		pid_t daemon = daemon_start((const char *const[]){"-f", NULL});
		log_wait("]: ready: ");
		expect_reply("18:postfix d7.example,", "OK secure match=mx.d7.example");
		if (turn > 0) {
			expect_log("so the store is used at once and checked for damage meanwhile");
			log_wait("the check has found no damage");
		}
		kill(daemon, SIGKILL);
		assert_int_equal(status_of(daemon), 1000 + SIGKILL);
	}
	store_spoil("d7.example");
	assert_int_equal(RUN("-f"), EX_IOERR);
	expect_log("so that the next start checks the store");
	pid_t daemon = daemon_start((const char *const[]){"-f", NULL});
	log_wait("]: ready: ");
	expect_log("checking it for damage");
	expect_log("/policies.mdb.damaged-");
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
}

/* As root, for a daemon that becomes `nobody`: its own directory, a directory of root, and the store. */
static struct passwd *nobody;

static void nobodys_make(const char *name)
{
	assert_int_equal(mkdir(path_of(name), 0755), 0);
	assert_int_equal(chown(path_of(name), nobody->pw_uid, nobody->pw_gid), 0);
}

static bool room_of_nobody(void)
{
	if (geteuid() != 0)
		return false;
	nobody = getpwnam("nobody");
	const struct group *group = nobody != NULL ? getgrgid(nobody->pw_gid) : NULL;
	assert_non_null(group);
	assert_int_equal(chmod(directory, 0755), 0);
	nobodys_make("run");
	nobodys_make("held");
	FILE *file = fopen(path_of("conf"), "w");
	assert_non_null(file);
	fprintf(file,
		"user = nobody\ngroup = %s\nstore_path = %s\nmilter_socket = unix:%s\nsocketmap_socket = unix:%s\n"
		"tlsrpt = collect\ntlsrpt_socket = %s/run/tlsrpt\n"
		"metrics_socket =\nio_threads = 1\ndnssec = off\nstore_max_bytes = 4M\n",
		group->gr_name, path_of("held"), path_of("run/milter"), path_of("run/map"), directory);
	fclose(file);
	return true;
}

static void directory_clear(const char *name)
{
	DIR *directory_in = opendir(path_of(name));
	for (const struct dirent *file; directory_in != NULL && (file = readdir(directory_in)) != NULL;)
		if (file->d_name[0] != '.')
			unlinkat(dirfd(directory_in), file->d_name, 0);
	if (directory_in != NULL)
		closedir(directory_in);
	rmdir(path_of(name));
}

static void room_of_nobody_end(void)
{
	directory_clear("run");
	directory_clear("held");
	assert_int_equal(chmod(directory, 0700), 0);
}

static void belongs(const char *path, uid_t uid, gid_t gid)
{
	struct stat info;
	assert_int_equal(lstat(path, &info), 0);
	assert_true(S_ISSOCK(info.st_mode));
	assert_int_equal(info.st_uid, uid);
	assert_int_equal(info.st_gid, gid);
	assert_int_equal(info.st_mode & 07777, 0660);
}

/* As an MTA with its own user in this group. */
static bool connects(const char *path, gid_t gid)
{
	pid_t child = fork();
	if (child == 0) {
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (setgroups(0, NULL) != 0 || setgid(gid) != 0 || setuid(1) != 0)
			_exit(2);
		_exit(connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : 1);
	}
	int status = status_of(child);
	assert_in_range(status, 0, 1);
	return status == 0;
}

static pid_t ready_with(const char *override)
{
	pid_t daemon = daemon_start((const char *const[]){"-f", override != NULL ? "-o" : NULL, override, NULL});
	log_wait("]: ready: ");
	assert_null(strstr(log_read(), "cannot connect to its own socket"));
	return daemon;
}

static void stop(pid_t daemon)
{
	kill(daemon, SIGTERM);
	assert_int_equal(status_of(daemon), EX_OK);
}

static void sockets_of_a_daemon_started_as_root_are_its_users(void **state)
{
	(void)state;
	if (!room_of_nobody())
		skip();
	pid_t daemon = ready_with(NULL);
	belongs(path_of("run/milter"), nobody->pw_uid, nobody->pw_gid);
	belongs(path_of("run/map"), nobody->pw_uid, nobody->pw_gid);
	belongs(path_of("run/tlsrpt"), nobody->pw_uid, nobody->pw_gid);
	assert_true(connects(path_of("run/map"), nobody->pw_gid));
	assert_true(connects(path_of("run/milter"), nobody->pw_gid));
	assert_false(connects(path_of("run/map"), 1));
	stop(daemon);
	assert_int_not_equal(access(path_of("run/map"), F_OK), 0);
	assert_int_not_equal(access(path_of("run/milter"), F_OK), 0);
	assert_int_not_equal(access(path_of("run/tlsrpt"), F_OK), 0);
	/* If socket_owner names only a part, the rest is the daemon's own, so that the daemon reaches its milter. */
	daemon = ready_with("socket_owner=:daemon");
	belongs(path_of("run/milter"), nobody->pw_uid, 1);
	assert_true(connects(path_of("run/map"), 1));
	stop(daemon);
	/* The same in place of a stale socket that belongs to another user. */
	for (int i = 0; i < 2; i++) {
		daemon = ready_with("socket_owner=daemon");
		belongs(path_of("run/milter"), 1, nobody->pw_gid);
		belongs(path_of("run/map"), 1, nobody->pw_gid);
		belongs(path_of("run/tlsrpt"), 1, nobody->pw_gid);
		kill(daemon, i == 0 ? SIGKILL : SIGTERM);
		assert_int_equal(status_of(daemon), i == 0 ? 1000 + SIGKILL : EX_OK);
	}
	room_of_nobody_end();
}

/* The daemon's user may prepare traps before root makes the sockets. */
static void planted_links_lead_root_nowhere(void **state)
{
	(void)state;
	char override[256];
	struct stat info;
	if (!room_of_nobody())
		skip();
	int victim = open(path_of("victim"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(symlink(path_of("victim"), path_of("run/map")), 0);
	assert_int_equal(RUN("-f"), EX_CANTCREAT);
	expect_log("exists and is not a socket");
	assert_int_equal(unlink(path_of("run/map")), 0);
	assert_int_equal(fstat(victim, &info), 0);
	assert_true(info.st_uid == 0 && info.st_gid == 0);
	close(victim);
	/* The user's link leads to a directory of root: root makes and removes nothing there. */
	assert_int_equal(mkdir(path_of("vault"), 0755), 0);
	assert_int_equal(symlink(path_of("vault"), path_of("run/link")), 0);
	int stale = socket_at("vault/map", SOCK_STREAM);
	close(stale);
	snprintf(override, sizeof override, "socketmap_socket=unix:%s/run/link/map", directory);
	assert_int_equal(RUN("-f", "-o", override), EX_CANTCREAT);
	expect_log("Permission denied: nobody must be able to write there: chown nobody ");
	assert_int_equal(RUN("-t", "-o", override), EX_CANTCREAT);
	assert_int_equal(access(path_of("vault/map"), F_OK), 0);
	assert_int_not_equal(access(path_of("run/milter"), F_OK), 0);
	unlink(path_of("vault/map"));
	unlink(path_of("run/link"));
	unlink(path_of("victim"));
	assert_int_equal(rmdir(path_of("vault")), 0);
	room_of_nobody_end();
}

/* In a directory where only root may write, such as /run, root makes the sockets; they are left at the end and taken
 * over by the next daemon. */
static void sockets_in_roots_own_directory_are_made_by_root(void **state)
{
	(void)state;
	char path[64], override[128];
	struct stat info;
	bool roots = stat("/run", &info) == 0 && info.st_uid == 0 && (info.st_mode & 022) == 0;
	if (!roots || !room_of_nobody())
		skip();
	snprintf(path, sizeof path, "/run/stsgate-test-%ld", (long)getpid());
	snprintf(override, sizeof override, "milter_socket=unix:%s", path);
	for (int i = 0; i < 2; i++) {
		pid_t daemon = ready_with(override);
		belongs(path, nobody->pw_uid, nobody->pw_gid);
		assert_true(connects(path, nobody->pw_gid));
		stop(daemon);
	}
	assert_int_equal(unlink(path), 0);
	room_of_nobody_end();
}

static int directory_make(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	return 0;
}

static int directory_remove(void **state)
{
	(void)state;
	static const char *const names[] = {
		"conf", "log", "notify", "given-map", "given-http", "given-asked", "good", "deaf", "datagram"};
	for (size_t i = 0; i < COUNT(names); i++)
		unlink(path_of(names[i]));
	directory_clear("store");
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_tested),
		cmocka_unit_test(the_store_is_opened_first),
		cmocka_unit_test(it_serves_reloads_and_stops),
		cmocka_unit_test(sessions_are_collected_up_to_the_stop),
		cmocka_unit_test(without_a_socket_of_its_own_none_is_made),
		cmocka_unit_test(helo_without_a_domain_is_warned_of),
		cmocka_unit_test(delegation_needs_a_next_hop),
		cmocka_unit_test(sharing_has_its_keys),
		cmocka_unit_test(a_clock_behind_its_store_is_told),
		cmocka_unit_test(map_and_enforcement_need_no_warning),
		cmocka_unit_test(enforcement_without_a_map_is_warned_of),
		cmocka_unit_test(start_trouble_is_told),
		cmocka_unit_test(it_goes_into_the_background_when_ready),
		cmocka_unit_test(the_background_holds_nothing_of_its_start),
		cmocka_unit_test(sockets_of_the_dead_are_taken_over),
		cmocka_unit_test(sockets_of_the_service_manager_are_served),
		cmocka_unit_test(an_address_of_the_service_manager_is_told),
		cmocka_unit_test(sockets_that_do_not_fit_are_refused),
		cmocka_unit_test(a_store_that_breaks_ends_the_daemon),
		cmocka_unit_test(after_a_kill_it_answers_at_once),
		cmocka_unit_test(sockets_of_a_daemon_started_as_root_are_its_users),
		cmocka_unit_test(planted_links_lead_root_nowhere),
		cmocka_unit_test(sockets_in_roots_own_directory_are_made_by_root),
	};
	return cmocka_run_group_tests(tests, directory_make, directory_remove);
}
