/* cold DOMAINS CA-FILE ROW MAP PORT PID: measures first contacts through the map MAP of the socketmap server at PORT, or
 * through policy delegation, which also probes mail hosts. Each domain is new, `world` runs its servers, and each
 * connection has one request in progress. The ceiling alternates with it: a bare libcurl multi loop that fetches from the
 * same policy hosts. It knows the addresses, all transfers share a trust store, and the responses are discarded.
 *
 * cold fetches DOMAINS CA-FILE: measures stsgated's fetches alone, in this process.
 *
 * cold bare DOMAINS CA-FILE, cold ask DOMAINS PORT: makes that many transfers of the ceiling, or questions to the map
 * `postfix`, and measures nothing; for a profiler.
 *
 * cold hold KIND PORT: keeps one first contact in progress on each connection until it is ended, as `silent` does.
 *
 * cold silent KIND PORT PID: measures stsgated while SILENT questions wait for servers that never answer. The names of
 * their domains begin with KIND, see world. */
#include "fetch.h"
#include "lapse.h"
#include "loop.h"
#include "socketmap.h"
#include "trust.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <dirent.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 64
#define PROFILED 2 /* connections, because a profiler is slow and answers must not be late */
#define SILENT 1000
#define NAME_SIZE 64
#define DELEGATION "delegation" /* in place of a map */
#define REPLY_SIZE 1024
#define PATIENCE_MS 120000
#define TIMEOUT_MS 120000L
#define CALM_MS 200         /* of a server that has finished */
#define CALM_CPU_NS 2000000 /* that the server may use in that time */
#define CALM_LOOKS 100

static void die(const char *what)
{
	fprintf(stderr, "cold: %s\n", what);
	exit(EX_UNAVAILABLE);
}

/* Not below one name, because all names below one domain share a quota. */
static void domain_name(char out[NAME_SIZE], const char *kind, unsigned i)
{
	snprintf(out, NAME_SIZE, "%s-%u.example", kind, i);
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in place = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&place, sizeof place) != 0)
		die("cannot connect");
	return fd;
}

static void send_all(int fd, const char *words)
{
	size_t len = strlen(words);
	if (send(fd, words, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("cannot send");
}

static void ask_map(int fd, const char *map, const char *domain)
{
	char payload[2 * NAME_SIZE], request[sizeof payload + 16];
	snprintf(payload, sizeof payload, "%s %s", map, domain);
	snprintf(request, sizeof request, "%zu:%s,", strlen(payload), payload);
	send_all(fd, request);
}

/* Policy delegation: each question comes from a client with its own address. */
static void ask_delegation(int fd, const char *domain, unsigned i)
{
	char request[512];
	snprintf(request, sizeof request,
		"request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=10.%u.%u.1\ninstance=%u\n"
		"sender=me@sender.example\nrecipient=user@%s\n\n",
		i / 256, i % 256, i, domain);
	send_all(fd, request);
}

static void ask(int fd, const char *map, const char *domain, unsigned i)
{
	if (strcmp(map, DELEGATION) == 0)
		ask_delegation(fd, domain, i);
	else
		ask_map(fd, map, domain);
}

/* --- through the map ---------------------------------------------------------------------------------------------- */

struct connection {
	int fd;
	int64_t sent_ns;
	size_t got;
	char reply[REPLY_SIZE];
};

struct load {
	const char *map, *kind;
	unsigned next, end, under_way, temps;
	unsigned connections; /* 0: CONNECTIONS */
	bool any;             /* answers may be anything */
	struct lapses lapses;
};

static void request_send(struct load *load, struct connection *connection)
{
	char domain[NAME_SIZE];
	if (load->next == load->end)
		return;
	domain_name(domain, load->kind, load->next);
	connection->got = 0;
	connection->sent_ns = lapse_now_ns();
	ask(connection->fd, load->map, domain, load->next++);
	load->under_way++;
}

static bool starts_with(const struct connection *connection, size_t at, const char *words)
{
	size_t len = strlen(words);
	return connection->got >= at + len && memcmp(connection->reply + at, words, len) == 0;
}

/* Returns true if the answer is complete. Counts TEMP; ends the program if the answer is otherwise not the expected one. */
static bool reply_is_whole(struct load *load, const struct connection *connection)
{
	struct span payload, in = {connection->reply, connection->got};
	size_t used = 0;
	bool delegation = strcmp(load->map, DELEGATION) == 0, good;
	if (delegation && !memmem(in.at, in.len, "\n\n", 2))
		return false;
	if (!delegation && netstring_read(in, REPLY_SIZE, &payload, &used) != NETSTRING_OK)
		return false;
	if (delegation)
		good = starts_with(connection, 0, "action=DUNNO\n");
	else
		good = starts_with(connection, (size_t)(payload.at - connection->reply), "OK secure match=");
	if (!delegation && starts_with(connection, (size_t)(payload.at - connection->reply), "TEMP ")) {
		load->temps++;
		good = true;
	}
	if (!good && !load->any) {
		fprintf(stderr, "cold: %.*s\n", (int)in.len, in.at);
		die("a wrong answer");
	}
	return true;
}

static void reply_read(struct load *load, struct connection *connection)
{
	ssize_t got = recv(connection->fd, connection->reply + connection->got, REPLY_SIZE - connection->got, 0);
	if (got <= 0)
		die("the server hung up");
	connection->got += (size_t)got;
	if (!reply_is_whole(load, connection))
		return;
	lapses_add(&load->lapses, lapse_now_ns() - connection->sent_ns);
	load->under_way--;
	request_send(load, connection);
}

/* Background work after an answer is part of its cost. */
static void await_calm(pid_t pid)
{
	int64_t before = lapse_process_ns(pid), now;
	for (int i = 0; i < CALM_LOOKS; i++, before = now) {
		nanosleep(&(struct timespec){.tv_nsec = CALM_MS * 1000000L}, NULL);
		now = lapse_process_ns(pid);
		if (now - before < CALM_CPU_NS)
			return;
	}
}

/* Asks until all questions are answered. */
static void load_run(struct load *load, uint16_t port)
{
	struct connection connection[CONNECTIONS];
	struct epoll_event events[CONNECTIONS];
	unsigned connections = load->connections > 0 ? load->connections : CONNECTIONS;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < connections; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connection[i]};
		connection[i].fd = connect_to(port);
		epoll_ctl(epoll, EPOLL_CTL_ADD, connection[i].fd, &event);
	}
	for (unsigned i = 0; i < connections; i++)
		request_send(load, &connection[i]);
	while (load->under_way > 0) {
		int ready = epoll_wait(epoll, events, CONNECTIONS, PATIENCE_MS);
		if (ready <= 0)
			die("no answer");
		for (int i = 0; i < ready; i++)
			reply_read(load, events[i].data.ptr);
	}
	for (unsigned i = 0; i < connections; i++)
		close(connection[i].fd);
	close(epoll);
}

static struct seen map_round(
	const char *map, const char *kind, unsigned from, unsigned count, uint16_t port, pid_t pid, unsigned *temps)
{
	struct load load = {.map = map, .kind = kind, .next = from, .end = from + count};
	int64_t cpu_ns = lapse_process_ns(pid);
	struct seen_from start = seen_begin(pid);
	load_run(&load, port);
	struct seen seen = seen_end(&start, count, &load.lapses);
	await_calm(pid);
	seen.cpu_us = (double)(lapse_process_ns(pid) - cpu_ns) / 1e3 / count;
	*temps += load.temps;
	return seen;
}

static int hold(const char *kind, uint16_t port)
{
	struct load load = {.map = "postfix", .kind = kind, .end = UINT32_MAX, .any = true};
	load_run(&load, port);
	return EX_OK;
}

static int ask_only(unsigned count, uint16_t port)
{
	struct load load = {.map = "postfix", .kind = "profiled", .end = count, .connections = PROFILED};
	load_run(&load, port);
	free(load.lapses.ns);
	return load.temps == 0 ? EX_OK : EX_TEMPFAIL;
}

/* --- the bare loop ------------------------------------------------------------------------------------------------ */

static X509_STORE *store;

static CURLcode on_tls(CURL *curl, void *ctx, void *arg)
{
	(void)curl, (void)arg;
	SSL_CTX_set1_cert_store(ctx, store);
	return CURLE_OK;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	(void)bytes, (void)arg;
	return size * count;
}

struct transfer {
	CURL *curl;
	struct curl_slist *pin;
	int64_t begun_ns;
};

static void transfer_begin(struct transfer *transfer, CURLM *multi, const char *kind, unsigned i)
{
	char domain[NAME_SIZE], host[NAME_SIZE + 8], url[2 * NAME_SIZE], pin[2 * NAME_SIZE];
	CURL *curl = transfer->curl;
	domain_name(domain, kind, i);
	snprintf(host, sizeof host, "mta-sts.%s", domain);
	snprintf(url, sizeof url, "https://%s/.well-known/mta-sts.txt", host);
	snprintf(pin, sizeof pin, "%s:443:127.16.%u.1", host, i % 256); /* world serves all names on all addresses */
	curl_slist_free_all(transfer->pin);
	transfer->pin = curl_slist_append(NULL, pin);
	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_RESOLVE, transfer->pin);
	curl_easy_setopt(curl, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_tls);
	curl_easy_setopt(curl, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	transfer->begun_ns = lapse_now_ns();
	curl_multi_add_handle(multi, curl);
}

static struct seen bare_round(const char *kind, unsigned from, unsigned count)
{
	struct transfer transfer[CONNECTIONS] = {0};
	struct lapses lapses = {0};
	CURLM *multi = curl_multi_init();
	unsigned next = 0, done = 0;
	int running, left;
	struct seen_from start = seen_begin(getpid());
	for (; next < CONNECTIONS && next < count; next++) {
		transfer[next].curl = curl_easy_init();
		transfer_begin(&transfer[next], multi, kind, from + next);
	}
	while (done < count) {
		CURLMsg *message;
		curl_multi_perform(multi, &running);
		while ((message = curl_multi_info_read(multi, &left)) != NULL) {
			struct transfer *ended;
			if (message->data.result != CURLE_OK)
				die(curl_easy_strerror(message->data.result));
			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &ended);
			lapses_add(&lapses, lapse_now_ns() - ended->begun_ns);
			curl_multi_remove_handle(multi, ended->curl);
			done++;
			if (next < count)
				transfer_begin(ended, multi, kind, from + next++);
		}
		if (done < count)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		curl_easy_cleanup(transfer[i].curl);
		curl_slist_free_all(transfer[i].pin);
	}
	curl_multi_cleanup(multi);
	return seen_end(&start, count, &lapses);
}

/* --- fetches alone --------------------------------------------------------------------------------------------------- */

struct fetches {
	struct fetcher *fetcher;
	struct fetch_line *line;
	const char *kind;
	unsigned next, end, done;
	struct lapses lapses;
};

struct fetching {
	struct fetches *all;
	struct fetch *fetch;
	int64_t begun_ns;
};

static void on_fetched(void *arg);

static void fetching_begin(struct fetching *fetching)
{
	struct fetches *all = fetching->all;
	char domain[NAME_SIZE], pin[NAME_SIZE];
	struct address address;
	domain_name(domain, all->kind, all->next);
	snprintf(pin, sizeof pin, "127.16.%u.1", all->next++ % 256);
	address_parse(&address, pin);
	fetching->begun_ns = lapse_now_ns();
	fetching->fetch = fetch_begin(
		all->fetcher, all->line, domain, &address, 1, (int)TIMEOUT_MS, (struct wake){on_fetched, fetching});
}

static void on_fetched(void *arg)
{
	struct fetching *fetching = arg;
	struct policy_found found;
	if (!fetch_answer(fetching->fetch, &found) || found.outcome != REASON_OK)
		die(found.detail[0] != '\0' ? found.detail : "a fetch failed");
	policy_found_free(&found);
	fetch_drop(&fetching->fetch);
	lapses_add(&fetching->all->lapses, lapse_now_ns() - fetching->begun_ns);
	fetching->all->done++;
	if (fetching->all->next < fetching->all->end)
		fetching_begin(fetching);
}

/* The loop runs in this thread. */
static struct seen fetch_round(struct fetcher *fetcher, const char *kind, unsigned from, unsigned count)
{
	struct fetching fetching[CONNECTIONS];
	struct failure why;
	struct loop *loop = loop_new(&why);
	if (!loop)
		die(why.text);
	struct fetches all = {
		.fetcher = fetcher, .line = fetch_line_new(loop), .kind = kind, .next = from, .end = from + count};
	struct seen_from start = seen_begin(getpid());
	for (unsigned i = 0; i < CONNECTIONS && i < count; i++) {
		fetching[i] = (struct fetching){.all = &all};
		fetching_begin(&fetching[i]);
	}
	while (all.done < count)
		event_base_loop(loop_base(loop), EVLOOP_ONCE);
	struct seen seen = seen_end(&start, count, &all.lapses);
	fetch_line_free(&all.line);
	loop_free(&loop);
	return seen;
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

/* What CPU time alone does not show. */
struct effort {
	double kernel_us; /* CPU time in the kernel */
	double switches;  /* context switches of all threads */
};

/* One line of the table. */
struct row {
	struct seen seen[ROUNDS];
	struct effort effort; /* of all rounds */
};

static double switches_of(pid_t pid, const char *thread)
{
	char path[96], line[128];
	double all = 0, number;
	snprintf(path, sizeof path, "/proc/%lld/task/%.20s/status", (long long)pid, thread);
	FILE *file = fopen(path, "r");
	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "voluntary_ctxt_switches: %lf", &number) == 1 ||
			sscanf(line, "nonvoluntary_ctxt_switches: %lf", &number) == 1)
			all += number;
	if (file)
		fclose(file);
	return all;
}

static double kernel_us(pid_t pid)
{
	char path[64];
	unsigned long ticks = 0;
	snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
	FILE *file = fopen(path, "r");
	if (file && fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %lu", &ticks) != 1)
		ticks = 0;
	if (file)
		fclose(file);
	return (double)ticks * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static struct effort effort_of(pid_t pid)
{
	struct effort effort = {.kernel_us = kernel_us(pid)};
	char path[64];
	snprintf(path, sizeof path, "/proc/%lld/task", (long long)pid);
	DIR *dir = opendir(path);
	for (struct dirent *thread; dir && (thread = readdir(dir)) != NULL;)
		effort.switches += switches_of(pid, thread->d_name);
	if (dir)
		closedir(dir);
	return effort;
}

static void row_add(struct row *row, unsigned round, struct seen seen, pid_t pid, struct effort before)
{
	struct effort now = effort_of(pid);
	row->seen[round] = seen;
	row->effort.kernel_us += now.kernel_us - before.kernel_us;
	row->effort.switches += now.switches - before.switches;
}

static void row_print(const char *name, const char *key, const char *server, struct row *row, double domains)
{
	struct seen seen = seen_median(row->seen);
	char place[128];
	printf("  %-22s %8.0f %9.0f %9.1f %9.0f %9.1f %9.1f", name, seen.cpu_us, row->effort.kernel_us / domains,
		row->effort.switches / domains, seen.per_s, seen.p50_us / 1e3, seen.p99_us / 1e3);
	seen_put(key, server, &seen);
	snprintf(place, sizeof place, "%s.%s", key, server);
	fact_put(place, "kernel_us", row->effort.kernel_us / domains);
	fact_put(place, "switches", row->effort.switches / domains);
}

static void store_read(const char *ca_file)
{
	store = X509_STORE_new();
	if (!store || X509_STORE_load_file(store, ca_file) != 1)
		die("cannot read the authority's certificate");
}

static void rows_print(const char *name, struct row *bare, struct row *row, unsigned domains, unsigned temps)
{
	char key[64] = "cold.";
	double ratio[ROUNDS];
	for (unsigned i = 0; i < ROUNDS; i++)
		ratio[i] = row->seen[i].cpu_us / bare->seen[i].cpu_us;
	for (size_t i = 0, at = strlen(key); name[i] && at < sizeof key - 1; i++)
		if (isalnum((unsigned char)name[i]))
			key[at++] = name[i];
	row_print("bare libcurl loop", key, "bare", bare, domains);
	printf("\n");
	row_print(name, key, "gate", row, domains);
	printf("   x %.2f%s", lapse_median(ratio), temps == 0 ? "\n" : "");
	if (temps > 0)
		printf(", %u TEMP\n", temps);
	fact_put(key, "ratio", lapse_median(ratio));
	fact_put(key, "temps", temps);
}

/* Before the first round of each row, so that one-time work is done before. */
static int cold(unsigned count, const char *ca_file, const char *name, const char *map, uint16_t port, pid_t pid)
{
	struct row bare = {.effort = {0}}, row = {.effort = {0}};
	char kind[NAME_SIZE / 2];
	store_read(ca_file);
	snprintf(kind, sizeof kind, "%s-%lld", map, (long long)pid);
	unsigned temps = 0;
	map_round(map, kind, count * ROUNDS, CONNECTIONS, port, pid, &temps);
	temps = 0;
	bare_round(kind, count * ROUNDS, CONNECTIONS);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct effort own = effort_of(getpid());
		row_add(&bare, i, bare_round(kind, i * count, count), getpid(), own);
		struct effort before = effort_of(pid);
		row_add(&row, i, map_round(map, kind, i * count, count, port, pid, &temps), pid, before);
	}
	rows_print(name, &bare, &row, count * ROUNDS, temps);
	return EX_OK;
}

static int fetches(unsigned count, const char *ca_file)
{
	struct row bare = {.effort = {0}}, row = {.effort = {0}};
	struct failure why;
	struct trust *trust = trust_new(ca_file, &why);
	struct fetcher *fetcher = trust ? fetcher_new(&(struct fetch_options){.trust = trust}, &why) : NULL;
	if (!fetcher)
		die(why.text);
	store_read(ca_file);
	fetch_round(fetcher, "fetch", count * ROUNDS, CONNECTIONS);
	bare_round("fetch", count * ROUNDS, CONNECTIONS);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct effort before = effort_of(getpid());
		row_add(&bare, i, bare_round("fetch", i * count, count), getpid(), before);
		before = effort_of(getpid());
		row_add(&row, i, fetch_round(fetcher, "fetch", i * count, count), getpid(), before);
	}
	rows_print("fetches alone", &bare, &row, count * ROUNDS, 0);
	return EX_OK;
}

/* --- silent ------------------------------------------------------------------------------------------------------- */

static unsigned resident_kib(pid_t pid)
{
	char path[64], line[256];
	unsigned kib = 0;
	snprintf(path, sizeof path, "/proc/%lld/status", (long long)pid);
	FILE *file = fopen(path, "r");
	while (file && fgets(line, sizeof line, file))
		sscanf(line, "VmRSS: %u", &kib);
	if (file)
		fclose(file);
	return kib;
}

static unsigned descriptors(pid_t pid)
{
	char path[64];
	unsigned count = 0;
	snprintf(path, sizeof path, "/proc/%lld/fd", (long long)pid);
	DIR *dir = opendir(path);
	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

static int silent(const char *kind, uint16_t port, pid_t pid)
{
	static int fd[SILENT];
	char name[NAME_SIZE];
	const char *map = strcmp(kind, "quiet-smtp") == 0 ? DELEGATION : "postfix";
	int64_t cpu_ns = lapse_process_ns(pid);
	unsigned kib = resident_kib(pid), before = descriptors(pid);
	for (unsigned i = 0; i < SILENT; i++) {
		fd[i] = connect_to(port);
		domain_name(name, kind, i);
		ask(fd[i], map, name, i);
	}
	/* Each question has a connection to its client and one to the silent server. */
	unsigned most = before, now;
	for (int calm = 0; calm < CALM_LOOKS && most < before + 2 * SILENT; calm++) {
		nanosleep(&(struct timespec){.tv_nsec = CALM_MS * 1000000L}, NULL);
		now = descriptors(pid);
		most = now > most ? now : most;
	}
	unsigned more = most - before, more_kib = resident_kib(pid) - kib;
	if (more < 2 * SILENT * 9 / 10)
		die("the questions do not wait for silent servers");
	printf("  %-22s %8u %9.1f %9u %9.2f\n", kind + strlen("quiet-"), more_kib, (double)more_kib / SILENT, more,
		(double)(lapse_process_ns(pid) - cpu_ns) / 1e6 / SILENT);
	return EX_OK;
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (argc == 5 && strcmp(argv[1], "silent") == 0)
		return silent(argv[2], (uint16_t)strtoul(argv[3], NULL, 10), (pid_t)strtol(argv[4], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "hold") == 0)
		return hold(argv[2], (uint16_t)strtoul(argv[3], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "ask") == 0)
		return ask_only((unsigned)strtoul(argv[2], NULL, 10), (uint16_t)strtoul(argv[3], NULL, 10));
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (argc == 4 && strcmp(argv[1], "bare") == 0) {
		store_read(argv[3]);
		bare_round("profiled", 0, (unsigned)strtoul(argv[2], NULL, 10));
		return EX_OK;
	}
	if (argc == 4 && strcmp(argv[1], "fetches") == 0)
		return fetches((unsigned)strtoul(argv[2], NULL, 10), argv[3]);
	if (argc != 7)
		return EX_USAGE;
	return cold((unsigned)strtoul(argv[1], NULL, 10), argv[2], argv[3], argv[4],
		(uint16_t)strtoul(argv[5], NULL, 10), (pid_t)strtol(argv[6], NULL, 10));
}
