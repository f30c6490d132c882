/* Addresses to listen on: which are opened, which are left alone, and the failure texts. */
#include "listener.h"

#include "cm.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

static char directory[] = "/tmp/listener-test-XXXXXX";
static const struct listener_access access_plain = {.uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0640};

static bool opens(struct listener *listener, const char *text, struct failure *why)
{
	return listener_init(listener, "some_socket", text, why) && listener_open(listener, &access_plain, why);
}

static const char *text_in(const char *name)
{
	static char text[128];
	snprintf(text, sizeof text, "unix:%s/%s", directory, name);
	return text;
}

static void a_unix_socket_has_its_mode_and_goes_with_its_listener(void **state)
{
	(void)state;
	struct failure why;
	struct listener listener;
	struct stat info;
	assert_true(opens(&listener, text_in("a"), &why));
	assert_int_equal(stat(listener.place.path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0640);
	listener_close(&listener);
	assert_int_not_equal(stat(listener.place.path, &info), 0);
}

static void a_socket_in_use_is_left_alone(void **state)
{
	(void)state;
	struct failure why;
	struct listener first, second;
	assert_true(opens(&first, text_in("b"), &why));
	assert_false(opens(&second, text_in("b"), &why));
	assert_int_equal(why.code, EX_UNAVAILABLE);
	assert_non_null(strstr(why.text, "some_socket: cannot listen at `unix:"));
	assert_non_null(strstr(why.text, "Address already in use"));
	assert_int_equal(access(first.place.path, F_OK), 0);
	listener_close(&first);
}

static void a_dead_socket_is_replaced(void **state)
{
	(void)state;
	struct failure why;
	struct listener first, second;
	assert_true(opens(&first, text_in("c"), &why));
	close(first.fd);
	assert_true(opens(&second, text_in("c"), &why));
	listener_close(&second);
}

static void what_is_no_socket_is_left_alone(void **state)
{
	(void)state;
	struct failure why;
	struct listener listener;
	const char *path = text_in("d") + strlen("unix:");
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_false(opens(&listener, text_in("d"), &why));
	assert_int_equal(why.code, EX_CANTCREAT);
	assert_non_null(strstr(why.text, "exists and is not a socket"));
	assert_int_equal(unlink(listener.place.path), 0);
}

static void a_missing_directory_is_told(void **state)
{
	(void)state;
	struct failure why;
	struct listener listener;
	assert_false(opens(&listener, text_in("no/e"), &why));
	assert_int_equal(why.code, EX_CANTCREAT);
	assert_non_null(strstr(why.text, "some_socket: cannot listen at `unix:"));
	assert_non_null(strstr(why.text, "No such file or directory: create it: install -d -o "));
}

static void a_taken_port_is_told(void **state)
{
	(void)state;
	struct failure why;
	struct listener listener;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	char text[64];
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(text, sizeof text, "inet:%u@127.0.0.1", ntohs(address.sin_port));
	assert_false(opens(&listener, text, &why));
	assert_int_equal(why.code, EX_UNAVAILABLE);
	assert_non_null(strstr(why.text, text));
	assert_non_null(strstr(why.text, "another program listens there"));
	close(fd);
	assert_true(opens(&listener, text, &why));
	listener_close(&listener);
}

static void an_address_of_others_is_told(void **state)
{
	(void)state;
	struct failure why;
	struct listener listener;
	assert_false(opens(&listener, "inet:1@192.0.2.1", &why));
	assert_int_equal(why.code, EX_UNAVAILABLE);
	assert_non_null(strstr(why.text, "this machine does not have that address"));
}

static void a_listener_everywhere_is_reached_at_the_loopback(void **state)
{
	(void)state;
	struct failure why;
	struct listener listener;
	struct sockaddr_storage address;
	socklen_t len;
	assert_true(listener_init(&listener, "some_socket", "inet:8462", &why));
	assert_true(listener_address(&listener, true, &address, &len, &why));
	assert_int_equal(((struct sockaddr_in *)&address)->sin_addr.s_addr, htonl(INADDR_ANY));
	assert_true(listener_address(&listener, false, &address, &len, &why));
	assert_int_equal(((struct sockaddr_in *)&address)->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	assert_true(listener_init(&listener, "some_socket", "", &why));
	assert_false(listener_on(&listener));
}

static void owners_are_looked_up(void **state)
{
	(void)state;
	struct failure why;
	struct listener_access found;
	assert_true(listener_access_find(&found, "", 0660, NULL, &why));
	assert_true(found.uid == (uid_t)-1 && found.gid == (gid_t)-1);
	assert_true(listener_access_find(&found, "root", 0660, NULL, &why));
	assert_true(found.uid == 0 && found.gid == (gid_t)-1);
	assert_true(listener_access_find(&found, "root:mail", 0660, NULL, &why));
	assert_int_equal(found.gid, getgrnam("mail")->gr_gid);
	assert_false(listener_access_find(&found, "no-such-user", 0660, NULL, &why));
	assert_int_equal(why.code, EX_NOUSER);
	assert_non_null(strstr(why.text, "socket_owner: this machine has no user `no-such-user`"));
	assert_false(listener_access_find(&found, "root:no-such-group", 0660, NULL, &why));
	assert_int_equal(why.code, EX_NOUSER);
}

/* If somebody replaces a socket between its creation and the change of its owner, the replacement is not changed. */
static void only_a_socket_of_the_maker_is_given_away(void **state)
{
	(void)state;
	struct failure why;
	struct socket_file file;
	struct stat info;
	char victim[128], path[128];
	if (geteuid() != 0)
		skip();
	snprintf(victim, sizeof victim, "%s/victim", directory);
	snprintf(path, sizeof path, "%s/f", directory);
	int fd = open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_true(socket_file_init(&file, path, NULL, &why));
	for (int hard = 0; hard < 2; hard++) {
		assert_int_equal(hard ? link(victim, path) : symlink(victim, path), 0);
		assert_false(socket_file_give(&file, 1, 1, &why));
		assert_int_equal(why.code, EX_CANTCREAT);
		assert_non_null(strstr(why.text, "something has replaced the socket"));
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(fstat(fd, &info), 0);
	assert_true(info.st_uid == 0 && info.st_gid == getegid());
	close(fd);
	assert_int_equal(unlink(victim), 0);
}

static int directory_make(void **state)
{
	(void)state;
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int directory_remove(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_unix_socket_has_its_mode_and_goes_with_its_listener),
		cmocka_unit_test(a_socket_in_use_is_left_alone),
		cmocka_unit_test(a_dead_socket_is_replaced),
		cmocka_unit_test(what_is_no_socket_is_left_alone),
		cmocka_unit_test(a_missing_directory_is_told),
		cmocka_unit_test(a_taken_port_is_told),
		cmocka_unit_test(an_address_of_others_is_told),
		cmocka_unit_test(a_listener_everywhere_is_reached_at_the_loopback),
		cmocka_unit_test(owners_are_looked_up),
		cmocka_unit_test(only_a_socket_of_the_maker_is_given_away),
	};
	return cmocka_run_group_tests(tests, directory_make, directory_remove);
}
