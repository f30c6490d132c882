#include "store_server.h"

#include "cm.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void server_open(struct store_server *server)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	strcpy(server->directory, "/tmp/stsgate-fleet-XXXXXX");
	assert_non_null(mkdtemp(server->directory));
	snprintf(server->path, sizeof server->path, "%s/store", server->directory);
	snprintf(server->setting, sizeof server->setting, "fleet_server=unix:%s", server->path);
	memcpy(at.sun_path, server->path, strlen(server->path) + 1);
	server->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listening, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(server->listening, 16), 0);
}

void server_close(struct store_server *server)
{
	close(server->listening);
	unlink(server->path);
	rmdir(server->directory);
}

int server_accept(struct store_server *server, int ms)
{
	struct pollfd ready = {.fd = server->listening, .events = POLLIN};
	return poll(&ready, 1, ms) == 1 ? accept(server->listening, NULL, NULL) : -1;
}

/* Reads a line without its end. Returns false at the end of the connection. */
static bool line_read(int fd, char *line, size_t size)
{
	size_t len = 0;
	for (;;) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		assert_int_equal(poll(&ready, 1, SERVER_PATIENCE_MS), 1);
		if (len == size || recv(fd, line + len, 1, 0) != 1)
			return false;
		if (line[len] == '\n')
			break;
		len++;
	}
	line[len - 1] = '\0';
	return true;
}

bool server_read(int fd, char *words, size_t size)
{
	static char line[300000];
	size_t len = 0;
	if (!line_read(fd, line, sizeof line))
		return false;
	assert_int_equal(line[0], '*');
	words[0] = '\0';
	for (int left = atoi(line + 1); left > 0; left--) {
		assert_true(line_read(fd, line, sizeof line));
		assert_int_equal(line[0], '$');
		assert_true(line_read(fd, line, sizeof line));
		len += (size_t)snprintf(words + len, size - len, "%s%s", len > 0 ? " " : "", line);
		assert_true(len < size);
	}
	return true;
}

void server_expect(int fd, const char *words)
{
	char got[4096];
	assert_true(server_read(fd, got, sizeof got));
	assert_string_equal(got, words);
}

void server_write(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		bytes += sent;
		len -= (size_t)sent;
	}
}

void server_say(int fd, const char *reply)
{
	server_write(fd, reply, strlen(reply));
}

void server_greet(int fd, long ahead_s)
{
	char reply[96], number[32];
	server_expect(fd, "TIME");
	snprintf(number, sizeof number, "%ld", (long)time(NULL) + ahead_s);
	snprintf(reply, sizeof reply, "*2\r\n$%zu\r\n%s\r\n$1\r\n0\r\n", strlen(number), number);
	server_say(fd, reply);
}
