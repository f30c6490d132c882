#include "smtp_server.h"

#include "cm.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct talk {
	struct smtp_server *server;
	int fd;
	char in[SMTP_SERVER_BYTES];
	size_t len;
};

/* Waits for octets or the stop. */
static bool more(struct talk *talk)
{
	struct pollfd fds[2] = {{.fd = talk->fd, .events = POLLIN}, {.fd = talk->server->stop[0], .events = POLLIN}};
	if (talk->len >= sizeof talk->in - 1 || poll(fds, 2, 20000) <= 0 || fds[1].revents)
		return false;
	ssize_t got = recv(talk->fd, talk->in + talk->len, sizeof talk->in - 1 - talk->len, 0);
	talk->len += got > 0 ? (size_t)got : 0;
	talk->in[talk->len] = '\0';
	return got > 0;
}

static bool say(struct talk *talk, const char *reply, const char *usual)
{
	char line[1024];
	const char *text = reply ? reply : usual;
	if (text[0] == '\0')
		while (more(talk))
			;
	if (text[0] == '\0' || text[0] == '-')
		return false;
	snprintf(line, sizeof line, "%s\r\n", text);
	return send(talk->fd, line, strlen(line), MSG_NOSIGNAL) > 0;
}

/* Takes everything up to `end` off the input. */
static bool take(struct talk *talk, const char *end, char *out, size_t size)
{
	const char *found;
	talk->in[talk->len] = '\0';
	while (!(found = strstr(talk->in, end)))
		if (!more(talk))
			return false;
	size_t len = (size_t)(found - talk->in), used = len + strlen(end);
	snprintf(out, size, "%.*s", (int)len, talk->in);
	memmove(talk->in, talk->in + used, talk->len - used + 1);
	talk->len -= used;
	return true;
}

static bool command(struct talk *talk, const char *line)
{
	struct smtp_server *server = talk->server;
	const struct smtp_script *script = &server->script;
	size_t len = strlen(server->commands);
	snprintf(server->commands + len, sizeof server->commands - len, "%s\n", line);
	if (strncasecmp(line, "EHLO", 4) == 0)
		return say(talk, script->ehlo, "250-test\r\n250-PIPELINING\r\n250 SIZE 10000000");
	if (strncasecmp(line, "MAIL", 4) == 0)
		return say(talk, script->mail, "250 2.1.0 Ok");
	if (strncasecmp(line, "RCPT", 4) == 0)
		return say(talk, script->rcpt, "250 2.1.5 Ok");
	if (strncasecmp(line, "DATA", 4) == 0) {
		if (!say(talk, script->data, "354 go on"))
			return false;
		if (!take(talk, "\r\n.\r\n", server->message, sizeof server->message))
			return false;
		server->messages += !script->end || script->end[0] == '2';
		return say(talk, script->end, "250 2.0.0 Ok: queued as 4X");
	}
	say(talk, NULL, "221 bye");
	return false;
}

static void serve(struct smtp_server *server, int fd)
{
	static _Thread_local struct talk talk;
	char line[1024];
	talk = (struct talk){.server = server, .fd = fd};
	server->commands[0] = server->message[0] = '\0';
	server->connections++;
	bool goes_on = say(&talk, server->script.greeting, "220 test ESMTP");
	while (goes_on && take(&talk, "\r\n", line, sizeof line))
		goes_on = command(&talk, line);
	close(fd);
}

static void *server_run(void *arg)
{
	struct smtp_server *server = arg;
	struct pollfd fds[2] = {{.fd = server->listener, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
	while (poll(fds, 2, -1) > 0 && !fds[1].revents)
		serve(server, accept(server->listener, NULL, NULL));
	return NULL;
}

void smtp_server_start(struct smtp_server *server, const struct smtp_script *script)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof here;
	memset(server, 0, sizeof *server);
	if (script)
		server->script = *script;
	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&here, sizeof here), 0);
	assert_int_equal(listen(server->listener, 8), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&here, &len), 0);
	snprintf(server->address, sizeof server->address, "127.0.0.1:%d", ntohs(here.sin_port));
	assert_int_equal(pipe(server->stop), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

void smtp_server_stop(struct smtp_server *server)
{
	assert_int_equal(write(server->stop[1], "", 1), 1);
	pthread_join(server->thread, NULL);
	close(server->listener);
	close(server->stop[0]);
	close(server->stop[1]);
}
