/* Many fetches on one loop: pins, drops, wakes. In a network namespace of the program's own. */
#include "clock.h"
#include "fetch.h"
#include "netns.h"
#include "pki.h"
#include "trust.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cm.h"

/* --- the servers -------------------------------------------------------------------------------------------------- */

/* ONE and TWO answer, each with a policy of its own. QUIET accepts connections and sends nothing; MUTE sends nothing
 * after the handshake; FULL accepts no connections, so that SYNs get no answer; nobody listens at DEAD. */
enum place { ONE, TWO, QUIET, MUTE, FULL, DEAD, PLACES };
static const char *const places[PLACES] = {
	"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.9"};
static const char *const hosts[] = {[ONE] = "one.example.com", [TWO] = "two.example.com"};

#define MUTES_MAX 8

static struct {
	int listeners[PLACES];
	int fillers[4]; /* connections that fill the queue of FULL */
	int stop[2];
	pthread_t thread;
	SSL_CTX *ctx;
	SSL *mutes[MUTES_MAX];
	unsigned mute_count;
} server;

static void serve(enum place place, int fd)
{
	struct timeval patience = {.tv_sec = 20};
	char bytes[4096], policy[128], reply[512];
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	SSL *ssl = SSL_new(server.ctx);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1 && SSL_read(ssl, bytes, sizeof bytes) > 0) {
		if (place == MUTE && server.mute_count < MUTES_MAX) {
			server.mutes[server.mute_count++] = ssl;
			return;
		}
		snprintf(
			policy, sizeof policy, "version: STSv1\nmode: enforce\nmx: %s\nmax_age: 86400\n", hosts[place]);
		snprintf(reply, sizeof reply,
			"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s", strlen(policy),
			policy);
		SSL_write(ssl, reply, (int)strlen(reply));
		SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	close(fd);
	ERR_clear_error();
}

static void *server_run(void *arg)
{
	static const enum place served[] = {ONE, TWO, MUTE};
	struct pollfd fds[4] = {{.fd = server.stop[0], .events = POLLIN}};
	sigset_t pipe_signal;
	(void)arg;
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
	for (int i = 0; i < 3; i++)
		fds[i + 1] = (struct pollfd){.fd = server.listeners[served[i]], .events = POLLIN};
	for (;;) {
		poll(fds, 4, -1);
		if (fds[0].revents)
			return NULL;
		for (int i = 0; i < 3; i++)
			if (fds[i + 1].revents)
				serve(served[i], accept(fds[i + 1].fd, NULL, NULL));
	}
}

static struct sockaddr_in place_address(enum place place)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(443)};
	inet_pton(AF_INET, places[place], &address.sin_addr);
	return address;
}

static void server_listen(enum place place)
{
	struct sockaddr_in here = place_address(place);
	server.listeners[place] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(server.listeners[place], (struct sockaddr *)&here, sizeof here), 0);
	assert_int_equal(listen(server.listeners[place], place == FULL ? 0 : 1024), 0);
}

static void server_start(const struct pki_pair *leaf)
{
	struct sockaddr_in full = place_address(FULL);
	server.ctx = pki_server(leaf);
	for (enum place place = ONE; place < DEAD; place++)
		server_listen(place);
	for (int i = 0; i < 4; i++) {
		server.fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(server.fillers[i], (struct sockaddr *)&full, sizeof full);
	}
	assert_int_equal(pipe(server.stop), 0);
	assert_int_equal(pthread_create(&server.thread, NULL, server_run, NULL), 0);
}

static void server_stop(void)
{
	assert_int_equal(write(server.stop[1], "", 1), 1);
	pthread_join(server.thread, NULL);
	for (unsigned i = 0; i < server.mute_count; i++) {
		close(SSL_get_fd(server.mutes[i]));
		SSL_free(server.mutes[i]);
	}
	for (enum place place = ONE; place < DEAD; place++)
		close(server.listeners[place]);
	for (int i = 0; i < 4; i++)
		close(server.fillers[i]);
	close(server.stop[0]);
	close(server.stop[1]);
	SSL_CTX_free(server.ctx);
}

/* --- the loop ----------------------------------------------------------------------------------------------------- */

#define JOBS_MAX 256

static struct trust *trust;
static struct fetcher *fetcher;
static struct loop *loop;
static struct fetch_line *line;

/* One fetch. It belongs to the loop's thread until the last awaited wake. */
struct job {
	struct fetch *fetch;
	struct policy_found found;
	unsigned wakes;
};
static struct job jobs[JOBS_MAX];
static bool beginning;
static unsigned awaited; /* the number of wakes after which `arrived` is posted */
static sem_t arrived;
static void (*on_wake)(struct job *job); /* what the test does inside a wake */

static void woken(void *arg)
{
	struct job *job = arg;
	assert_false(beginning);
	job->wakes++;
	if (on_wake)
		on_wake(job);
	if (awaited && --awaited == 0)
		sem_post(&arrived);
}

static void job_begin(struct job *job, const char *domain, enum place place, int timeout_ms)
{
	struct address address;
	assert_true(address_parse(&address, places[place]));
	beginning = true;
	job->fetch =
		fetch_begin(fetcher, line, domain, &address, 1, timeout_ms, (struct wake){.call = woken, .arg = job});
	beginning = false;
}

/* Begins a fetch that fails before it starts. */
static void job_begin_nowhere(struct job *job)
{
	beginning = true;
	job->fetch = fetch_begin(fetcher, line, "example.com", NULL, 0, 1000, (struct wake){.call = woken, .arg = job});
	beginning = false;
}

static void job_take(struct job *job)
{
	assert_true(fetch_answer(job->fetch, &job->found));
	assert_false(fetch_answer(job->fetch, &job->found));
	fetch_drop(&job->fetch);
	assert_null(job->fetch);
}

struct errand {
	struct loop_task task; /* first */
	void (*run)(void);
	sem_t done;
};

static void errand_run(struct loop_task *task)
{
	struct errand *errand = (struct errand *)task;
	errand->run();
	sem_post(&errand->done);
}

/* Runs a function on the loop's thread and waits until it returns. */
static void on_loop(void (*run)(void))
{
	struct errand errand = {.task = {.run = errand_run}, .run = run};
	sem_init(&errand.done, 0, 0);
	loop_post(loop, &errand.task);
	sem_wait(&errand.done);
	sem_destroy(&errand.done);
}

static void wait_for_wakes(void)
{
	sem_wait(&arrived);
}

static void drop_all(void)
{
	for (unsigned i = 0; i < JOBS_MAX; i++) {
		fetch_drop(&jobs[i].fetch);
		policy_found_free(&jobs[i].found);
		memset(&jobs[i], 0, sizeof jobs[i]);
	}
}

static int line_start(void **state)
{
	struct failure why;
	(void)state;
	memset(jobs, 0, sizeof jobs);
	on_wake = NULL;
	awaited = 0;
	loop = loop_new(&why);
	assert_non_null(loop);
	line = fetch_line_new(loop);
	assert_true(loop_start(loop, &why));
	return 0;
}

static int line_stop(void **state)
{
	(void)state;
	on_loop(drop_all);
	loop_stop(loop);
	loop_join(loop);
	fetch_line_free(&line);
	loop_free(&loop);
	return 0;
}

/* --- many at once, pins ------------------------------------------------------------------------------------------- */

static void check_job(const struct job *job, enum place place)
{
	if (place != ONE && place != TWO) {
		assert_int_equal(job->found.outcome, REASON_POLICY_FETCH);
		assert_true(job->found.unreached);
		assert_int_equal(job->found.way, HEALTH_UNREACHED);
		return;
	}
	if (job->found.outcome != REASON_OK)
		fail_msg("%s", job->found.detail);
	assert_true(policy_allows(&job->found.policy, hosts[place]));
	assert_int_equal(job->found.policy.mx.count, 1);
}

/* Two hundred fetches of one host name: each uses its own address only, and silent ones do not delay the others. */
static const enum place many_places[] = {ONE, QUIET, TWO, DEAD, FULL};
enum { MANY = 200, PATIENT_MS = 100000 };

static enum place many_place(unsigned i)
{
	return many_places[i % 5];
}

static void many_begin(void)
{
	on_wake = job_take;
	awaited = MANY / 5 * 3;
	for (unsigned i = 0; i < MANY; i++)
		job_begin(&jobs[i], "example.com", many_place(i), PATIENT_MS);
}

static void many_check(void)
{
	for (unsigned i = 0; i < MANY; i++) {
		bool silent = many_place(i) == QUIET || many_place(i) == FULL;
		assert_int_equal(jobs[i].wakes, !silent);
		if (!silent)
			check_job(&jobs[i], many_place(i));
	}
}

static void test_many(void **state)
{
	(void)state;
	on_loop(many_begin);
	wait_for_wakes();
	many_check();
}

static void silent_begin(void)
{
	on_wake = job_take;
	awaited = 3;
	job_begin(&jobs[0], "example.com", QUIET, 300);
	job_begin(&jobs[1], "example.com", FULL, 300);
	job_begin(&jobs[2], "example.com", MUTE, 300);
}

static void silent_check(void)
{
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(jobs[i].found.outcome, REASON_POLICY_FETCH);
		assert_ptr_equal(strstr(jobs[i].found.detail, "no policy within 300 ms: "), jobs[i].found.detail);
		assert_int_equal(jobs[i].wakes, 1);
	}
	check_job(&jobs[0], QUIET);
	check_job(&jobs[1], FULL);
}

static void test_deadline(void **state)
{
	int64_t begun_ms = clock_mono_ms();
	(void)state;
	on_loop(silent_begin);
	wait_for_wakes();
	if (clock_mono_ms() - begun_ms > 15000)
		fail_msg("took %d ms", (int)(clock_mono_ms() - begun_ms));
	silent_check();
}

static enum place next_place;

static void next_begin(void)
{
	on_wake = job_take;
	awaited = 1;
	job_begin(&jobs[0], "example.com", next_place, PATIENT_MS);
}

static void next_check(void)
{
	check_job(&jobs[0], next_place);
	drop_all();
}

/* An address that was pinned for one fetch is not used for a later one. */
static void test_one_after_the_other(void **state)
{
	static const enum place order[] = {ONE, TWO, DEAD, TWO, ONE, DEAD};
	(void)state;
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		next_place = order[i];
		on_loop(next_begin);
		wait_for_wakes();
		next_check();
	}
}

static unsigned round_number;

static void round_begin(void)
{
	char domain[32];
	on_wake = job_take;
	awaited = JOBS_MAX;
	for (unsigned i = 0; i < JOBS_MAX; i++) {
		snprintf(domain, sizeof domain, "d%u-%u.example.com", round_number, i);
		job_begin(&jobs[i], domain, DEAD, PATIENT_MS);
	}
}

static size_t memory_after_round(void)
{
	round_number++;
	on_loop(round_begin);
	wait_for_wakes();
	on_loop(drop_all);
#ifdef __GLIBC__
	return mallinfo2().uordblks;
#else
	return 0;
#endif
}

/* The line keeps nothing about a host after its fetch. */
static void test_nothing_is_kept(void **state)
{
	(void)state;
	memory_after_round();
	size_t before = memory_after_round();
	size_t after = before;
	for (int i = 0; i < 4; i++)
		after = memory_after_round();
	if (after > before + JOBS_MAX * 4 * 32)
		fail_msg("%zu octets more after %d fetches", after - before, JOBS_MAX * 4);
}

/* --- drops and wakes ---------------------------------------------------------------------------------------------- */

static void states_begin(void)
{
	for (unsigned i = 0; i < PLACES; i++)
		job_begin(&jobs[i], "example.com", (enum place)i, PATIENT_MS);
	job_begin_nowhere(&jobs[PLACES]);
}

static void states_begin_and_drop(void)
{
	states_begin();
	drop_all();
}

static void pause_a_little(void)
{
	usleep(200 * 1000);
}

static unsigned late_wakes;

static void count_late(struct job *job)
{
	(void)job;
	late_wakes++;
}

/* Drops fetches before they start, while they connect, in the handshake, after the request, and after their end. */
static void test_drops(void **state)
{
	(void)state;
	on_loop(states_begin_and_drop);
	for (int i = 0; i < 2; i++) {
		on_loop(states_begin);
		pause_a_little();
		on_loop(drop_all);
	}
	late_wakes = 0;
	on_wake = count_late;
	pause_a_little();
	on_loop(drop_all);
	assert_int_equal(late_wakes, 0);
}

/* The first wake drops all other fetches. Some of them have ended in the same turn of the loop, because they have the
 * same deadline. */
static void drop_others(struct job *job)
{
	for (unsigned i = 0; i < JOBS_MAX; i++)
		if (&jobs[i] != job)
			fetch_drop(&jobs[i].fetch);
	job_take(job);
}

static void others_begin(void)
{
	on_wake = drop_others;
	awaited = 1;
	for (unsigned i = 0; i < 50; i++)
		job_begin(&jobs[i], "example.com", QUIET, 200);
}

static void others_begin_nowhere(void)
{
	on_wake = drop_others;
	awaited = 1;
	for (unsigned i = 0; i < 50; i++)
		job_begin_nowhere(&jobs[i]);
}

static void one_wake_only(void)
{
	unsigned wakes = 0;
	for (unsigned i = 0; i < 50; i++)
		wakes += jobs[i].wakes;
	assert_int_equal(wakes, 1);
	drop_all();
}

static void test_drops_in_wakes(void **state)
{
	(void)state;
	on_loop(others_begin);
	wait_for_wakes();
	one_wake_only();
	on_loop(others_begin_nowhere);
	wait_for_wakes();
	one_wake_only();
}

/* Each wake begins the next fetch, of a different kind. */
static void begin_next(struct job *job)
{
	unsigned next = (unsigned)(job - jobs) + 1;
	job_take(job);
	if (awaited == 1)
		return;
	if (next % 3 == 0)
		job_begin_nowhere(&jobs[next]);
	else
		job_begin(&jobs[next], "example.com", next % 3 == 1 ? DEAD : ONE, PATIENT_MS);
}

static void chain_begin(void)
{
	on_wake = begin_next;
	awaited = 30;
	job_begin_nowhere(&jobs[0]);
}

static void chain_check(void)
{
	for (unsigned i = 0; i < 30; i++) {
		assert_int_equal(jobs[i].wakes, 1);
		if (i % 3 == 0)
			assert_string_equal(jobs[i].found.detail, "no usable address");
		else
			check_job(&jobs[i], i % 3 == 1 ? DEAD : ONE);
	}
}

static void test_begins_in_wakes(void **state)
{
	(void)state;
	on_loop(chain_begin);
	wait_for_wakes();
	chain_check();
}

static void free_line(struct job *job)
{
	drop_others(job);
	fetch_line_free(&line);
	assert_null(line);
}

static void last_begin(void)
{
	on_wake = free_line;
	awaited = 1;
	for (unsigned i = 0; i < 10; i++)
		job_begin(&jobs[i], "example.com", QUIET, 200);
}

static void test_free_in_wake(void **state)
{
	(void)state;
	on_loop(last_begin);
	wait_for_wakes();
}

/* --- main --------------------------------------------------------------------------------------------------------- */

static struct pki_pair ca, leaf;

static int set_up(void **state)
{
	char ca_file[] = "/tmp/stsgate-test-fetch-XXXXXX";
	struct failure why = {0};
	(void)state;
	ca = pki_ca("test");
	leaf = pki_issue(&ca, &(struct pki_request){.san = "DNS:mta-sts.example.com"});
	pki_write_temporary(&ca, ca_file);
	trust = trust_new(ca_file, &why);
	unlink(ca_file);
	assert_non_null(trust);
	fetcher = fetcher_new(&(struct fetch_options){.trust = trust}, &why);
	assert_non_null(fetcher);
	sem_init(&arrived, 0, 0);
	server_start(&leaf);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	server_stop();
	fetcher_free(&fetcher);
	trust_free(&trust);
	pki_free(&ca);
	pki_free(&leaf);
	return 0;
}

#define ON_LINE(test) cmocka_unit_test_setup_teardown(test, line_start, line_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_LINE(test_many),
		ON_LINE(test_deadline),
		ON_LINE(test_one_after_the_other),
		ON_LINE(test_nothing_is_kept),
		ON_LINE(test_drops),
		ON_LINE(test_drops_in_wakes),
		ON_LINE(test_begins_in_wakes),
		ON_LINE(test_free_in_wake),
	};
	netns_enter();
	alarm(120);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
