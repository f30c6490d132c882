#include "milter_client.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static uint32_t number(const char *bytes)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof value);
	return ntohl(value);
}

bool milter_client_send(struct milter_client *client, char command, const void *data, size_t len)
{
	char frame[MILTER_REPLY_SIZE];
	uint32_t size = htonl((uint32_t)len + 1);
	if (len + 5 > sizeof frame)
		return false;
	memcpy(frame, &size, 4);
	frame[4] = command;
	if (len > 0)
		memcpy(frame + 5, data, len);
	return send(client->fd, frame, len + 5, MSG_NOSIGNAL) == (ssize_t)(len + 5);
}

static bool read_all(int fd, char *to, size_t len)
{
	while (len > 0) {
		ssize_t got = recv(fd, to, len, 0);
		if (got <= 0)
			return false;
		to += got;
		len -= (size_t)got;
	}
	return true;
}

char milter_client_read(struct milter_client *client, char out[MILTER_REPLY_SIZE], size_t *len)
{
	char head[5];
	if (!read_all(client->fd, head, sizeof head))
		return 0;
	*len = number(head) - 1;
	if (*len >= MILTER_REPLY_SIZE || !read_all(client->fd, out, *len))
		return 0;
	out[*len] = '\0';
	return head[4];
}

static bool negotiate(struct milter_client *client)
{
	uint32_t offer[3] = {htonl(6), htonl(0x1ff), htonl(0x1fffff)};
	char reply[MILTER_REPLY_SIZE];
	size_t len;
	if (!milter_client_send(client, 'O', offer, sizeof offer) || milter_client_read(client, reply, &len) != 'O' ||
		len < 12)
		return false;
	client->actions = number(reply + 4);
	client->steps = number(reply + 8);
	for (size_t at = 12; at + 4 < len; at += 4 + strlen(reply + at + 4) + 1) {
		size_t used = strlen(client->macros);
		snprintf(client->macros + used, sizeof client->macros - used, "%u:%s;", number(reply + at),
			reply + at + 4);
	}
	return true;
}

bool milter_client_connect(struct milter_client *client, const struct sockaddr *address, socklen_t len)
{
	struct timeval patience = {.tv_sec = 10};
	*client = (struct milter_client){.fd = socket(address->sa_family, SOCK_STREAM, 0)};
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(client->fd, address, len) == 0 && negotiate(client))
		return true;
	milter_client_close(client);
	return false;
}

bool milter_client_open(struct milter_client *client, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	return milter_client_connect(client, (struct sockaddr *)&address, sizeof address);
}

void milter_client_close(struct milter_client *client)
{
	close(client->fd);
	client->fd = -1;
}

bool milter_client_macros(struct milter_client *client, char stage, const char *const *pairs)
{
	char data[4096];
	size_t used = 0;
	data[used++] = stage;
	for (; *pairs != NULL; pairs++) {
		size_t len = strlen(*pairs) + 1;
		if (used + len > sizeof data)
			return false;
		memcpy(data + used, *pairs, len);
		used += len;
	}
	return milter_client_send(client, 'D', data, used);
}

bool milter_client_mail_from(struct milter_client *client, const char *sender, const char *address, const char *user)
{
	const char *pairs[7] = {"{mail_addr}", "me@sender.example"};
	const char *names[] = {"{auth_authen}", "{client_addr}"}, *values[] = {user, address};
	size_t used = 2;
	for (size_t i = 0; i < 2; i++) {
		if (values[i] == NULL)
			continue;
		pairs[used++] = names[i];
		pairs[used++] = values[i];
	}
	return milter_client_macros(client, 'M', pairs) && milter_client_send(client, 'M', sender, strlen(sender) + 1);
}

bool milter_client_mail(struct milter_client *client, const char *user)
{
	return milter_client_mail_from(client, "<me@sender.example>", NULL, user);
}

bool milter_client_mail_requiretls(struct milter_client *client, const char *sender)
{
	char data[512];
	int len = snprintf(data, sizeof data, "%s%cSIZE=1%cRequireTLS", sender, '\0', '\0');
	const char *pairs[] = {"{mail_addr}", "me@sender.example", NULL};
	return milter_client_macros(client, 'M', pairs) && milter_client_send(client, 'M', data, (size_t)len + 1);
}

const char *milter_client_rcpt(struct milter_client *client, const char *argument, const char *mailer, const char *host,
	const char *queue_id, char out[MILTER_REPLY_SIZE])
{
	const char *pairs[9] = {"{rcpt_addr}", argument};
	size_t used = 2, len;
	const char *names[] = {"{rcpt_mailer}", "{rcpt_host}", "i"}, *values[] = {mailer, host, queue_id};
	for (size_t i = 0; i < 3; i++) {
		if (values[i] == NULL)
			continue;
		pairs[used++] = names[i];
		pairs[used++] = values[i];
	}
	if (!milter_client_macros(client, 'R', pairs) ||
		!milter_client_send(client, 'R', argument, strlen(argument) + 1))
		return "";
	char letter = milter_client_read(client, out, &len);
	if (letter != 'y')
		snprintf(out, MILTER_REPLY_SIZE, "%c", letter);
	return out;
}

bool milter_client_header(struct milter_client *client, const char *name, const char *value)
{
	char data[2048];
	int len = snprintf(data, sizeof data, "%s%c%s", name, '\0', value);
	return milter_client_send(client, 'L', data, (size_t)len + 1);
}

static void action_describe(char letter, const char *frame, char *line, size_t size)
{
	const char *name = frame + 4;
	if (letter == 'i' || letter == 'm')
		snprintf(line, size, "%s %u %s: %s\n", letter == 'i' ? "insert" : "change", number(frame), name,
			name + strlen(name) + 1);
	else if (letter == 'q')
		snprintf(line, size, "quarantine %s\n", frame);
	else if (letter == 'y')
		snprintf(line, size, "%s", frame);
	else
		snprintf(line, size, "%c", letter);
}

const char *milter_client_end(struct milter_client *client, const char *queue_id, char out[MILTER_REPLY_SIZE])
{
	const char *pairs[] = {"i", queue_id, NULL};
	char frame[MILTER_REPLY_SIZE];
	size_t used = 0, len;
	char letter;
	out[0] = '\0';
	if ((queue_id != NULL && !milter_client_macros(client, 'E', pairs)) ||
		!milter_client_send(client, 'E', NULL, 0))
		return out;
	do {
		letter = milter_client_read(client, frame, &len);
		action_describe(letter, frame, out + used, MILTER_REPLY_SIZE - used);
		used += strlen(out + used);
	} while (letter == 'i' || letter == 'm' || letter == 'q');
	return out;
}
