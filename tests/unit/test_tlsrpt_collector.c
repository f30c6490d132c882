/* The collector: datagrams received, forwarded and fed. */
#include "tlsrpt_collector.h"

#include "cm.h"

#include "clock.h"
#include "datagram.h"
#include "fake_log.h"
#include "memory.h"
#include "metrics.h"
#include "report.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define BURST 10000
#define WAIT_MS 60000 /* a busy machine may be slow */
#define GOOD                                                                                                           \
	"{\"d\": \"example.com\",\"pr\": \"v=TLSRPTv1; rua=mailto:a@example.com\",\"policies\":["                      \
	"{\"policy-type\":9,\"policy-domain\": \"example.com\",\"failure-details\":[{\"c\":201,\"h\": \"mx\"}],"       \
	"\"t\":1,\"f\":1}]}"

static char directory[] = "/tmp/collector-test-XXXXXX";
static char own[64], other[64]; /* paths of sockets */
static const struct listener_access access_plain = {.uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0620};
static atomic_uint sessions, failed, others;

/* On the collector's thread. */
static void sink(void *arg, const struct tlsrpt_session *session)
{
	bool expected = arg == &sessions && strcmp(session->domain, "example.com") == 0;
	atomic_fetch_add(&others, !expected);
	atomic_fetch_add(&failed, session->policy[0].failed);
	atomic_fetch_add(&sessions, 1);
}

static struct settings settings_of(int mode, char *forward)
{
	return (struct settings){.tlsrpt = mode, .tlsrpt_socket = own, .tlsrpt_forward = forward};
}

static struct tlsrpt_collector *collector_begin(const struct settings *settings)
{
	struct failure why = {.code = 0};
	struct tlsrpt_collector *collector = tlsrpt_collector_new(settings, &access_plain, &why);
	if (!collector || !tlsrpt_collector_start(collector, sink, &sessions, &why))
		fail_msg("%s", why.text);
	atomic_store(&sessions, 0);
	atomic_store(&failed, 0);
	fake_log_forget();
	return collector;
}

static uint64_t counted(enum tlsrpt_datagram fate)
{
	return metrics_read(METRIC_TLSRPT_DATAGRAMS, fate, 0, 0);
}

static void wait_for(enum tlsrpt_datagram fate, uint64_t count)
{
	for (int64_t end = clock_mono_ms() + WAIT_MS; counted(fate) < count && clock_mono_ms() < end;)
		usleep(1000);
	assert_int_equal(counted(fate), count);
}

static void send_text(const char *bytes, size_t len)
{
	struct datagram_sender sender;
	struct failure why;
	assert_true(datagram_sender_open(&sender, own, &why));
	while (!datagram_send(&sender, bytes, len))
		usleep(1000); /* the queue is full */
	datagram_sender_close(&sender);
}

/* Another collector's socket. */
static int other_bind(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", other);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unlink(other);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	struct timeval limit = {.tv_sec = WAIT_MS / 1000};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	return fd;
}

static void other_gets(int fd, const char *expected, size_t len)
{
	static char bytes[TLSRPT_DATAGRAM_MAX + 1];
	assert_int_equal(recv(fd, bytes, sizeof bytes, 0), len);
	assert_memory_equal(bytes, expected, len);
}

/* --- the socket ------------------------------------------------------------------------------------------------------ */

static void the_socket_has_its_mode_and_goes_with_the_collector(void **state)
{
	struct settings settings = settings_of(TLSRPT_COLLECT, "");
	struct stat info;
	(void)state;
	struct tlsrpt_collector *collector = collector_begin(&settings);
	assert_int_equal(stat(own, &info), 0);
	assert_true(S_ISSOCK(info.st_mode));
	assert_int_equal(info.st_mode & 07777, 0620);
	tlsrpt_collector_stop(collector);
	assert_int_equal(stat(own, &info), 0);
	tlsrpt_collector_free(&collector);
	assert_int_not_equal(stat(own, &info), 0);
}

static void a_second_collector_does_not_start(void **state)
{
	struct settings settings = settings_of(TLSRPT_COLLECT, "");
	struct failure why;
	(void)state;
	struct tlsrpt_collector *collector = collector_begin(&settings);
	assert_null(tlsrpt_collector_new(&settings, &access_plain, &why));
	assert_int_equal(why.code, EX_UNAVAILABLE);
	assert_non_null(strstr(why.text, "tlsrpt_socket: cannot listen at `/tmp/"));
	assert_int_equal(access(own, F_OK), 0);
	tlsrpt_collector_free(&collector);
}

/* A collector that was killed leaves its socket behind. */
static void a_dead_socket_is_replaced(void **state)
{
	struct settings settings = settings_of(TLSRPT_COLLECT, "");
	struct listener dead;
	struct failure why;
	(void)state;
	assert_true(tlsrpt_collector_listener(&dead, &settings, &why) && listener_open(&dead, &access_plain, &why));
	close(dead.fd);
	struct tlsrpt_collector *collector = collector_begin(&settings);
	uint64_t before = counted(DATAGRAM_COUNTED);
	send_text(LIT(GOOD));
	wait_for(DATAGRAM_COUNTED, before + 1);
	tlsrpt_collector_free(&collector);
}

static void long_paths_are_refused(void **state)
{
	char path[200];
	struct settings settings = settings_of(TLSRPT_COLLECT, path);
	struct failure why;
	(void)state;
	memset(path, 'a', sizeof path - 1);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	assert_null(tlsrpt_collector_new(&settings, &access_plain, &why));
	assert_non_null(strstr(why.text, "tlsrpt_forward: a socket's path must not be longer than 107 bytes"));
	settings.tlsrpt_socket = path;
	assert_null(tlsrpt_collector_new(&settings, &access_plain, &why));
	assert_non_null(strstr(why.text, "tlsrpt_socket: a socket's path must not be longer than 107 bytes"));
	assert_int_not_equal(access(own, F_OK), 0);
}

static void a_short_queue_is_told(void **state)
{
	struct settings settings = settings_of(TLSRPT_COLLECT, "");
	struct failure why;
	char log[FAKE_LOG_SIZE], words[64];
	(void)state;
	unsigned most = datagram_queue_max();
	fake_log_forget();
	struct tlsrpt_collector *collector = tlsrpt_collector_new(&settings, &access_plain, &why);
	assert_true(collector && tlsrpt_collector_start(collector, sink, &sessions, &why));
	fake_log_copy(log);
	snprintf(words, sizeof words, "the kernel keeps only %u datagrams", most);
	assert_int_equal(strstr(log, words) != NULL, most > 0 && most < 100);
	tlsrpt_collector_free(&collector);
}

/* Without a path only our own sessions are counted, and they come another way. */
static void without_a_path_there_is_no_socket(void **state)
{
	struct settings settings = settings_of(TLSRPT_COLLECT, "");
	(void)state;
	settings.tlsrpt_socket = "";
	struct tlsrpt_collector *collector = collector_begin(&settings);
	assert_int_not_equal(access(own, F_OK), 0);
	tlsrpt_collector_free(&collector);
}

/* --- receiving ------------------------------------------------------------------------------------------------------- */

/* A sender that does not wait, as libtlsrpt: what the kernel has taken is counted, each datagram once. */
static void a_burst_is_counted_exactly(void **state)
{
	struct settings settings = settings_of(TLSRPT_COLLECT, "");
	struct datagram_sender sender;
	struct failure why;
	unsigned taken = 0;
	(void)state;
	struct tlsrpt_collector *collector = collector_begin(&settings);
	uint64_t before = counted(DATAGRAM_COUNTED);
	assert_true(datagram_sender_open(&sender, own, &why));
	for (unsigned i = 0; i < BURST; i++)
		taken += datagram_send(&sender, LIT(GOOD));
	datagram_sender_close(&sender);
	assert_true(taken > 0);
	wait_for(DATAGRAM_COUNTED, before + taken);
	tlsrpt_collector_free(&collector);
	assert_int_equal(atomic_load(&sessions), taken);
	assert_int_equal(atomic_load(&failed), taken);
	printf("%u of %d datagrams taken by the kernel\n", taken, BURST);
}

/* With a sender that waits, nothing is lost. */
static void patient_senders_lose_nothing(void **state)
{
	struct settings settings = settings_of(TLSRPT_COLLECT, "");
	struct datagram_sender sender;
	struct failure why;
	(void)state;
	struct tlsrpt_collector *collector = collector_begin(&settings);
	uint64_t before = counted(DATAGRAM_COUNTED);
	assert_true(datagram_sender_open(&sender, own, &why));
	assert_int_equal(fcntl(sender.fd, F_SETFL, 0), 0);
	for (unsigned i = 0; i < BURST; i++)
		assert_int_equal(sendto(sender.fd, LIT(GOOD), 0, (struct sockaddr *)&sender.to, sizeof sender.to),
			sizeof GOOD - 1);
	datagram_sender_close(&sender);
	wait_for(DATAGRAM_COUNTED, before + BURST);
	tlsrpt_collector_free(&collector);
	assert_int_equal(atomic_load(&sessions), BURST);
}

static void what_has_arrived_is_counted_at_the_stop(void **state)
{
	struct settings settings = settings_of(TLSRPT_COLLECT, "");
	(void)state;
	for (unsigned turn = 0; turn < 20; turn++) {
		struct tlsrpt_collector *collector = collector_begin(&settings);
		for (unsigned i = 0; i < 5; i++)
			send_text(LIT(GOOD));
		tlsrpt_collector_stop(collector);
		assert_int_equal(atomic_load(&sessions), 5);
		tlsrpt_collector_free(&collector);
	}
}

static void refused_datagrams_are_counted_and_logged_once(void **state)
{
	struct settings settings = settings_of(TLSRPT_COLLECT, "");
	char log[FAKE_LOG_SIZE];
	(void)state;
	struct tlsrpt_collector *collector = collector_begin(&settings);
	uint64_t refused = counted(DATAGRAM_REFUSED), before = counted(DATAGRAM_COUNTED);
	send_text("", 0);
	send_text(LIT("{\"d\":\"example.com\033[1m\"}"));
	send_text(LIT(GOOD "x"));
	send_text(LIT(GOOD));
	wait_for(DATAGRAM_COUNTED, before + 1);
	assert_int_equal(counted(DATAGRAM_REFUSED), refused + 3);
	assert_int_equal(atomic_load(&sessions), 1);
	fake_log_copy(log);
	char *line =
		strstr(log, "warning: tlsrpt_socket: a datagram is not a JSON object, so it was not counted: only");
	assert_non_null(line);
	assert_null(strstr(line + 1, "warning"));
	tlsrpt_collector_free(&collector);
}

static void the_largest_datagram_is_read(void **state)
{
	struct settings settings = settings_of(TLSRPT_COLLECT, "");
	char *large = xmalloc(TLSRPT_DATAGRAM_MAX + 1);
	(void)state;
	memset(large, ' ', TLSRPT_DATAGRAM_MAX + 1);
	memcpy(large, GOOD, sizeof GOOD - 1);
	struct tlsrpt_collector *collector = collector_begin(&settings);
	uint64_t refused = counted(DATAGRAM_REFUSED), before = counted(DATAGRAM_COUNTED);
	send_text(large, TLSRPT_DATAGRAM_MAX + 1);
	for (unsigned i = 0; i < 40; i++) /* more than one burst */
		send_text(large, TLSRPT_DATAGRAM_MAX);
	wait_for(DATAGRAM_COUNTED, before + 40);
	assert_int_equal(counted(DATAGRAM_REFUSED), refused + 1);
	tlsrpt_collector_free(&collector);
	free(large);
}

/* --- forwarding ------------------------------------------------------------------------------------------------------ */

static void valid_datagrams_are_forwarded_unchanged(void **state)
{
	static const char spaced[] = "  " GOOD "\n";
	struct settings settings = settings_of(TLSRPT_COLLECT, other);
	(void)state;
	int fd = other_bind();
	struct tlsrpt_collector *collector = collector_begin(&settings);
	uint64_t forwarded = counted(DATAGRAM_FORWARDED);
	send_text(LIT("{}"));
	send_text(LIT(spaced));
	send_text(LIT(GOOD));
	other_gets(fd, LIT(spaced));
	other_gets(fd, LIT(GOOD));
	wait_for(DATAGRAM_FORWARDED, forwarded + 2);
	tlsrpt_collector_free(&collector);
	close(fd);
}

/* What the other collector misses is lost there and counted here; when it is back, it gets the next one. */
static void a_missing_collector_loses_and_comes_back(void **state)
{
	struct settings settings = settings_of(TLSRPT_COLLECT, other);
	char log[FAKE_LOG_SIZE];
	(void)state;
	unlink(other);
	struct tlsrpt_collector *collector = collector_begin(&settings);
	uint64_t lost = counted(DATAGRAM_NOT_FORWARDED);
	send_text(LIT(GOOD));
	send_text(LIT(GOOD));
	wait_for(DATAGRAM_NOT_FORWARDED, lost + 2);
	assert_int_equal(atomic_load(&sessions), 2);
	int fd = other_bind();
	send_text(LIT(GOOD));
	other_gets(fd, LIT(GOOD));
	close(fd); /* the path stays */
	send_text(LIT(GOOD));
	wait_for(DATAGRAM_NOT_FORWARDED, lost + 3);
	fd = other_bind();
	send_text(LIT(GOOD));
	other_gets(fd, LIT(GOOD));
	tlsrpt_collector_free(&collector);
	close(fd);
	fake_log_copy(log);
	char *line = strstr(log, "warning: tlsrpt_forward: `/tmp/");
	assert_non_null(line);
	assert_non_null(strstr(line, "was not passed on: No such file or directory: start the other collector"));
	assert_null(strstr(line + 1, "warning"));
}

/* A collector that does not read loses sessions, and delays nothing here. */
static void a_slow_collector_delays_nothing(void **state)
{
	struct settings settings = settings_of(TLSRPT_COLLECT, other);
	(void)state;
	int fd = other_bind();
	struct tlsrpt_collector *collector = collector_begin(&settings);
	uint64_t before = counted(DATAGRAM_COUNTED), forwarded = counted(DATAGRAM_FORWARDED),
		 lost = counted(DATAGRAM_NOT_FORWARDED);
	for (unsigned i = 0; i < 2000; i++)
		send_text(LIT(GOOD));
	wait_for(DATAGRAM_COUNTED, before + 2000);
	tlsrpt_collector_free(&collector);
	assert_true(counted(DATAGRAM_NOT_FORWARDED) > lost);
	assert_int_equal(counted(DATAGRAM_NOT_FORWARDED) - lost + counted(DATAGRAM_FORWARDED) - forwarded, 2000);
	close(fd);
}

/* It is counted: nobody must be able to hide a failure. It stays here: the other collector could end. */
static void invalid_utf8_is_counted_and_stays_here(void **state)
{
	static const char hostile[] =
		"{\"d\":\"example.com\",\"pr\":\"v\",\"policies\":[{\"policy-type\":9,\"failure-details\":["
		"{\"c\":201,\"h\":\"mx\xff\"}],\"t\":1,\"f\":1}]}";
	struct settings settings = settings_of(TLSRPT_COLLECT, other);
	(void)state;
	int fd = other_bind();
	struct tlsrpt_collector *collector = collector_begin(&settings);
	uint64_t lost = counted(DATAGRAM_NOT_FORWARDED);
	send_text(LIT(hostile));
	send_text(LIT(GOOD));
	other_gets(fd, LIT(GOOD));
	wait_for(DATAGRAM_NOT_FORWARDED, lost + 1);
	assert_int_equal(atomic_load(&sessions), 2);
	tlsrpt_collector_free(&collector);
	close(fd);
}

/* --- feeding --------------------------------------------------------------------------------------------------------- */

static void own_sessions_are_fed(void **state)
{
	struct settings settings = settings_of(TLSRPT_FEED, "");
	struct tlsrpt_session session = {.domain = "example.com", .record = "v=TLSRPTv1; rua=mailto:a@example.com"};
	char log[FAKE_LOG_SIZE], *line = xmalloc(TLSRPT_DATAGRAM_MAX);
	(void)state;
	tlsrpt_session_add(&session, TLSRPT_STS, "example.com")->failed = true;
	snprintf(other, sizeof other, "%s", own); /* the other collector is at tlsrpt_socket */
	struct tlsrpt_collector *collector = collector_begin(&settings);
	assert_int_not_equal(access(own, F_OK), 0);
	uint64_t fed = counted(DATAGRAM_FED), lost = counted(DATAGRAM_NOT_FED);
	tlsrpt_collector_feed(collector, &session);
	assert_int_equal(counted(DATAGRAM_NOT_FED), lost + 1);
	fake_log_copy(log);
	assert_non_null(strstr(log, "warning: tlsrpt_socket: `/tmp/"));
	int fd = other_bind();
	tlsrpt_collector_feed(collector, &session);
	assert_int_equal(counted(DATAGRAM_FED), fed + 1);
	size_t len;
	char *expected = tlsrpt_session_write(&session, &len);
	other_gets(fd, expected, len);
	memset(line, 'a', TLSRPT_DATAGRAM_MAX);
	names_add(&session.policy[0].strings, line, TLSRPT_DATAGRAM_MAX);
	tlsrpt_collector_feed(collector, &session);
	assert_int_equal(counted(DATAGRAM_NOT_FED), lost + 2);
	tlsrpt_collector_free(&collector);
	tlsrpt_session_free(&session);
	free(expected);
	free(line);
	close(fd);
	unlink(own);
	snprintf(other, sizeof other, "%s/other", directory);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(own, sizeof own, "%s/own", directory);
	snprintf(other, sizeof other, "%s/other", directory);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(atomic_load(&others), 0);
	unlink(other);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_socket_has_its_mode_and_goes_with_the_collector),
		cmocka_unit_test(a_second_collector_does_not_start),
		cmocka_unit_test(a_dead_socket_is_replaced),
		cmocka_unit_test(long_paths_are_refused),
		cmocka_unit_test(a_short_queue_is_told),
		cmocka_unit_test(without_a_path_there_is_no_socket),
		cmocka_unit_test(a_burst_is_counted_exactly),
		cmocka_unit_test(patient_senders_lose_nothing),
		cmocka_unit_test(what_has_arrived_is_counted_at_the_stop),
		cmocka_unit_test(refused_datagrams_are_counted_and_logged_once),
		cmocka_unit_test(the_largest_datagram_is_read),
		cmocka_unit_test(valid_datagrams_are_forwarded_unchanged),
		cmocka_unit_test(a_missing_collector_loses_and_comes_back),
		cmocka_unit_test(a_slow_collector_delays_nothing),
		cmocka_unit_test(invalid_utf8_is_counted_and_stays_here),
		cmocka_unit_test(own_sessions_are_fed),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
