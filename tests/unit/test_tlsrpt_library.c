/* The real libtlsrpt and the collector: what the library sends is read, written alike, and counted exactly. Built only
 * where the library is installed (Debian 13 has it, as libtlsrpt0). */
#include "tlsrpt_collector.h"

#include "cm.h"

#include "clock.h"
#include "metrics.h"
#include "report.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BURST 10000
#define WAIT_MS 60000 /* a busy machine may be slow */

/* The functions that Postfix uses (see its tlsrpt.h). */
static struct {
	int (*open)(void **connection, const char *path);
	int (*close)(void **connection);
	int (*begin)(void **request, void *connection, const char *domain, const char *record);
	int (*policy)(void *request, int type, const char *domain);
	int (*string)(void *request, const char *line);
	int (*pattern)(void *request, const char *pattern);
	int (*failure)(void *request, int code, const char *sender, const char *name, const char *helo,
		const char *address, const char *information, const char *reason);
	int (*end_policy)(void *request, int failed);
	int (*end)(void **request); /* sends the datagram */
} library;

static char directory[] = "/tmp/library-test-XXXXXX";
static char path[64];
static atomic_uint good, failed, details;

/* POSIX: a pointer from dlsym() may be that of a function. */
static bool function_find(void *handle, const char *name, void *out)
{
	void *found = dlsym(handle, name);
	memcpy(out, &found, sizeof found);
	return found != NULL;
}

static bool library_load(void)
{
	void *handle = dlopen("libtlsrpt.so.0", RTLD_NOW);
	return handle && function_find(handle, "tlsrpt_open", &library.open) &&
	       function_find(handle, "tlsrpt_close", &library.close) &&
	       function_find(handle, "tlsrpt_init_delivery_request", &library.begin) &&
	       function_find(handle, "tlsrpt_init_policy", &library.policy) &&
	       function_find(handle, "tlsrpt_add_policy_string", &library.string) &&
	       function_find(handle, "tlsrpt_add_mx_host_pattern", &library.pattern) &&
	       function_find(handle, "tlsrpt_add_delivery_request_failure", &library.failure) &&
	       function_find(handle, "tlsrpt_finish_policy", &library.end_policy) &&
	       function_find(handle, "tlsrpt_finish_delivery_request", &library.end);
}

static const char *or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static void policy_send(void *request, const struct tlsrpt_policy *policy)
{
	assert_int_equal(library.policy(request, (int)policy->type, or_null(policy->domain)), 0);
	for (const char *line = NULL; (line = names_next(&policy->strings, line));)
		assert_int_equal(library.string(request, line), 0);
	for (const char *pattern = NULL; (pattern = names_next(&policy->patterns, pattern));)
		assert_int_equal(library.pattern(request, pattern), 0);
	for (size_t i = 0; i < policy->failures; i++) {
		const struct tlsrpt_failure *failure = &policy->failure[i];
		assert_int_equal(
			library.failure(request, tlsrpt_result_code(failure->result), or_null(failure->sender_address),
				or_null(failure->mx_name), or_null(failure->mx_helo), or_null(failure->mx_address),
				or_null(failure->information), or_null(failure->reason)),
			0);
	}
	assert_int_equal(library.end_policy(request, policy->failed), 0);
}

/* Sends a session by the library. Returns whether the kernel has taken it: the library does not wait. */
static bool session_send(void *connection, const struct tlsrpt_session *session)
{
	void *request = NULL;
	assert_int_equal(library.begin(&request, connection, session->domain, session->record), 0);
	for (size_t i = 0; i < session->count; i++)
		policy_send(request, &session->policy[i]);
	return library.end(&request) == 0;
}

static void line_add(struct names *list, const char *line)
{
	names_add(list, line, strlen(line));
}

static struct tlsrpt_session session_make(void)
{
	struct tlsrpt_session session = {
		.domain = "example.com", .record = "v=TLSRPTv1; rua=mailto:\"a\\\"@example.com"};
	struct tlsrpt_policy *policy = tlsrpt_session_add(&session, TLSRPT_STS, "example.com");
	line_add(&policy->strings, "version: STSv1");
	line_add(&policy->strings, "x: \"\\ / \xc3\xa4 <> {}");
	line_add(&policy->patterns, "*.example.com");
	line_add(&policy->patterns, "mx.example.net");
	for (int result = 0; result < TLSRPT_RESULTS; result++) {
		struct tlsrpt_failure failure = {.result = (enum tlsrpt_result)result,
			.sender_address = "192.0.2.1",
			.mx_name = "mx.example.com",
			.mx_helo = "mx \"1\"",
			.mx_address = "2001:db8::1",
			.information = "https://example.com/",
			.reason = "reason"};
		if (result == TLSRPT_DANE_REQUIRED)
			failure = (struct tlsrpt_failure){.result = TLSRPT_DANE_REQUIRED};
		tlsrpt_policy_add(policy, &failure);
	}
	policy->failed = true;
	policy = tlsrpt_session_add(&session, TLSRPT_TLSA, "mx.example.com");
	line_add(&policy->strings, "3 1 1 0123456789ABCDEF");
	tlsrpt_session_add(&session, TLSRPT_NO_POLICY_FOUND, "");
	return session;
}

/* The library's datagram, octet by octet, but for the version, which that of Debian 13 does not send. */
static void library_writes_the_same(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct tlsrpt_session session = session_make(), back;
	static char bytes[TLSRPT_DATAGRAM_MAX];
	const char *why = "";
	void *connection = NULL;
	size_t len;
	(void)state;
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(library.open(&connection, path), 0);
	assert_true(session_send(connection, &session));
	library.close(&connection);
	ssize_t received = recv(fd, bytes, sizeof bytes, 0);
	close(fd);
	unlink(path);
	assert_true(received > 0);
	char *written = tlsrpt_session_write(&session, &len);
	static const char version[] = "{\"dpv\": \"1\",";
	const char *rest = written + sizeof version - 1;
	assert_memory_equal(written, version, sizeof version - 1);
	char *from = strstr(bytes, "\"d\": ");
	assert_non_null(from);
	assert_int_equal(strlen(rest), (size_t)received - (size_t)(from - bytes));
	assert_memory_equal(rest, from, strlen(rest));
	if (!tlsrpt_session_read(bytes, (size_t)received, &back, &why))
		fail_msg("%s: %.*s", why, (int)received, bytes);
	char *again = tlsrpt_session_write(&back, &len);
	assert_string_equal(written, again);
	free(written);
	free(again);
	tlsrpt_session_free(&session);
	tlsrpt_session_free(&back);
}

static void count(void *arg, const struct tlsrpt_session *session)
{
	(void)arg;
	for (size_t i = 0; i < session->count; i++) {
		atomic_fetch_add(session->policy[i].failed ? &failed : &good, 1);
		atomic_fetch_add(&details, (unsigned)session->policy[i].failures);
	}
}

static uint64_t counted(void)
{
	return metrics_read(METRIC_TLSRPT_DATAGRAMS, DATAGRAM_COUNTED, 0, 0);
}

/* A burst of 10,000 sessions, as fast as the library sends them. It does not wait, and reports each session that the kernel has
 * not taken; all others are counted. */
static void a_burst_of_the_library_is_counted(void **state)
{
	static const struct listener_access access_plain = {.uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0600};
	struct settings settings = {.tlsrpt = TLSRPT_COLLECT, .tlsrpt_socket = path, .tlsrpt_forward = ""};
	struct tlsrpt_session session = session_make();
	struct failure why;
	void *connection = NULL;
	unsigned taken = 0;
	(void)state;
	struct tlsrpt_collector *collector = tlsrpt_collector_new(&settings, &access_plain, &why);
	if (!collector || !tlsrpt_collector_start(collector, count, NULL, &why))
		fail_msg("%s", why.text);
	assert_int_equal(library.open(&connection, path), 0);
	for (unsigned i = 0; i < BURST; i++)
		taken += session_send(connection, &session);
	library.close(&connection);
	for (int64_t end = clock_mono_ms() + WAIT_MS; counted() < taken && clock_mono_ms() < end;)
		usleep(1000);
	tlsrpt_collector_free(&collector);
	printf("%u of %d sessions taken by the kernel\n", taken, BURST);
	assert_true(taken > 0);
	assert_int_equal(counted(), taken);
	assert_int_equal(atomic_load(&failed), taken);
	assert_int_equal(atomic_load(&good), 2 * taken);
	assert_int_equal(atomic_load(&details), TLSRPT_RESULTS * taken);
	assert_int_equal(metrics_read(METRIC_TLSRPT_DATAGRAMS, DATAGRAM_REFUSED, 0, 0), 0);
	tlsrpt_session_free(&session);
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(library_writes_the_same),
		cmocka_unit_test(a_burst_of_the_library_is_counted),
	};
	if (!library_load()) {
		printf("libtlsrpt.so.0 cannot be loaded\n");
		return EXIT_FAILURE;
	}
	if (!mkdtemp(directory))
		return EXIT_FAILURE;
	snprintf(path, sizeof path, "%s/socket", directory);
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
