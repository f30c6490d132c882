/* Sockets that the service manager opened: which of them are accepted, their names, and the environment variables
 * afterwards. */
#include "activation.h"

#include "cm.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define FIRST_FD 3

static struct listener map, metrics, off;
static const struct activation_slot places[] = {{.name = "milter", .refused = "opens its own"},
	{.name = "socketmap", .listener = &map}, {.name = "metrics", .listener = &metrics},
	{.name = "delegation", .listener = &off}};

static int listeners_make(void **state)
{
	(void)state;
	struct failure why;
	return listener_init(&map, "socketmap_socket", "inet:1@127.0.0.1", &why) &&
			       listener_init(&metrics, "metrics_socket", "inet:2@127.0.0.1", &why) &&
			       listener_init(&off, "delegation_socket", "", &why)
		       ? 0
		       : -1;
}

/* Also after tests that failed halfway. */
static int listeners_close(void **state)
{
	(void)state;
	listener_close(&map);
	listener_close(&metrics);
	unsetenv("LISTEN_PID");
	return 0;
}

/* Makes the descriptor `fd` listen at an address of its own; returns false if this host has no such address family. */
static bool hand_over(int fd, const void *address, socklen_t len)
{
	int family = ((const struct sockaddr *)address)->sa_family;
	int made = socket(family, SOCK_STREAM, 0);
	if (made < 0 || bind(made, address, len) != 0) {
		close(made);
		return false;
	}
	assert_int_equal(listen(made, 4), 0);
	if (made != fd) {
		assert_int_equal(dup2(made, fd), fd);
		close(made);
	}
	return true;
}

static bool hand_over_inet(int fd)
{
	const struct sockaddr_in any_port = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return hand_over(fd, &any_port, sizeof any_port);
}

static void variables_set(const char *pid, const char *count, const char *names)
{
	char own[16];
	snprintf(own, sizeof own, "%ld", (long)getpid());
	setenv("LISTEN_PID", pid != NULL ? pid : own, 1);
	setenv("LISTEN_PIDFDID", "1", 1);
	setenv("LISTEN_FDS", count, 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

static bool take(struct failure *why)
{
	return activation_take(places, COUNT(places), why);
}

static void variables_are_unset(void **state)
{
	(void)state;
	static const struct {
		const char *pid, *count, *names; /* pid: NULL is this process */
		const char *trouble;             /* NULL: none */
	} rows[] = {
		{NULL, "1", "socketmap", NULL},
		{NULL, "0", "", NULL},
		{"1", "1", "socketmap", NULL},
		{"1", "1", "no such", NULL},
		{"", "1", "socketmap", "environment: LISTEN_PID is not a number: unset it"},
		{"-1", "1", "socketmap", "environment: LISTEN_PID is not a number: unset it"},
		{NULL, "1x", "socketmap", "environment: LISTEN_FDS is not a number: unset it"},
		{NULL, "99999999999999999999", "socketmap", "environment: LISTEN_FDS is not a number: unset it"},
		{NULL, "1", "no such",
			"socket \"no such\" from the service manager: stsgated has no socket of that name"},
		{NULL, "1", "milter", "socket milter from the service manager: opens its own"},
		{NULL, "1", "delegation",
			"socket delegation from the service manager: the setting for this socket is empty"},
		{NULL, "1", "no such", "write FileDescriptorName=socketmap or metrics or delegation"},
		{NULL, "1", "", "socket \"\" from the service manager: stsgated has no socket of that name"},
		{NULL, "4294967295", "socketmap",
			"socket \"\" from the service manager: stsgated has no socket of that name"},
	};
	static const char *const variables[] = {"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct failure why = {.text = ""};
		assert_true(hand_over_inet(FIRST_FD));
		variables_set(rows[i].pid, rows[i].count, rows[i].names);
		assert_int_equal(take(&why), rows[i].trouble == NULL);
		if (rows[i].trouble != NULL) {
			assert_int_equal(why.code, EX_CONFIG);
			if (strstr(why.text, rows[i].trouble) == NULL)
				fail_msg("row %zu: `%s`", i, why.text);
		}
		for (size_t k = 0; k < COUNT(variables); k++)
			assert_null(getenv(variables[k]));
		close(FIRST_FD);
		map.fd = -1;
	}
}

static void another_process_keeps_its_sockets(void **state)
{
	(void)state;
	struct failure why;
	assert_true(hand_over_inet(FIRST_FD));
	variables_set("1", "1", "socketmap");
	assert_true(take(&why));
	assert_int_equal(map.fd, -1);
	assert_string_equal(map.passed, "");
	close(FIRST_FD);
}

static void each_goes_to_the_place_of_its_name(void **state)
{
	(void)state;
	struct failure why;
	assert_true(hand_over_inet(FIRST_FD) && hand_over_inet(FIRST_FD + 1));
	variables_set(NULL, "2", "metrics:socketmap");
	assert_true(take(&why));
	assert_int_equal(metrics.fd, FIRST_FD);
	assert_int_equal(map.fd, FIRST_FD + 1);
	assert_int_equal(off.fd, -1);
	for (int fd = FIRST_FD; fd < FIRST_FD + 2; fd++) {
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		assert_int_not_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	}
}

/* In the form of the settings, as in the ready line. */
static void places_are_told(void **state)
{
	(void)state;
	char expected[64];
	struct failure why;
	struct sockaddr_in bound;
	socklen_t len = sizeof bound;
	assert_true(hand_over_inet(FIRST_FD));
	assert_int_equal(getsockname(FIRST_FD, (struct sockaddr *)&bound, &len), 0);
	struct sockaddr_un abstract = {.sun_family = AF_UNIX};
	snprintf(abstract.sun_path + 1, sizeof abstract.sun_path - 1, "stsgate\n%ld", (long)getpid());
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(abstract.sun_path + 1));
	assert_true(hand_over(FIRST_FD + 1, &abstract, len));
	variables_set(NULL, "2", "socketmap:metrics");
	assert_true(take(&why));
	snprintf(expected, sizeof expected, "inet:%u@127.0.0.1", (unsigned)ntohs(bound.sin_port));
	assert_string_equal(map.passed, expected);
	snprintf(expected, sizeof expected, "unix:\"\\x00stsgate\\x0a%ld\"", (long)getpid());
	assert_string_equal(metrics.passed, expected);
}

static void places_of_ipv6_are_told(void **state)
{
	(void)state;
	char expected[64];
	struct failure why;
	struct sockaddr_in6 bound = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	socklen_t len = sizeof bound;
	if (!hand_over(FIRST_FD, &bound, sizeof bound))
		skip();
	assert_int_equal(getsockname(FIRST_FD, (struct sockaddr *)&bound, &len), 0);
	variables_set(NULL, "1", "socketmap");
	assert_true(take(&why));
	snprintf(expected, sizeof expected, "inet6:%u@::1", (unsigned)ntohs(bound.sin6_port));
	assert_string_equal(map.passed, expected);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, listeners_make, listeners_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(variables_are_unset),
		TEST(another_process_keeps_its_sockets),
		TEST(each_goes_to_the_place_of_its_name),
		TEST(places_are_told),
		TEST(places_of_ipv6_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
