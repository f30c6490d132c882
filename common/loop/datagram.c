#include "datagram.h"

#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

unsigned datagram_queue_max(void)
{
	unsigned most = 0;
	FILE *file = fopen("/proc/sys/net/unix/max_dgram_qlen", "re");
	if (file && fscanf(file, "%u", &most) != 1)
		most = 0;
	if (file)
		fclose(file);
	return most;
}

struct datagram_receiver {
	struct loop_watch *watch;
	int fd;
	size_t max;
	datagram_heard *heard;
	void *arg;
	size_t count;
	size_t len[DATAGRAM_BURST_MAX];
	char bytes[DATAGRAM_BURST_BYTES]; /* one datagram after the other */
};

static bool datagram_receive(struct datagram_receiver *receiver, size_t used)
{
	ssize_t len;
	do
		len = recv(receiver->fd, receiver->bytes + used, receiver->max + 1, MSG_DONTWAIT);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return false;
	receiver->len[receiver->count++] = (size_t)len;
	return true;
}

static void burst_receive(struct datagram_receiver *receiver)
{
	size_t used = 0, at = 0;
	receiver->count = 0;
	while (receiver->count < DATAGRAM_BURST_MAX && used + receiver->max < DATAGRAM_BURST_BYTES &&
		datagram_receive(receiver, used))
		used += receiver->len[receiver->count - 1];
	for (size_t i = 0; i < receiver->count; at += receiver->len[i++])
		receiver->heard(receiver->arg, receiver->bytes + at, receiver->len[i]);
}

static void on_readable(void *arg, int fd, unsigned what)
{
	(void)fd;
	(void)what;
	burst_receive(arg);
}

struct datagram_receiver *datagram_receiver_new(struct loop *loop, int fd, size_t max, datagram_heard *heard, void *arg)
{
	struct datagram_receiver *receiver = xmalloc(sizeof *receiver); /* not zeroed: most of it is never used */
	receiver->fd = fd;
	receiver->max = max;
	receiver->heard = heard;
	receiver->arg = arg;
	receiver->watch = loop_watch_new(loop, fd, LOOP_READ, on_readable, receiver);
	return receiver;
}

void datagram_receiver_free(struct datagram_receiver **slot)
{
	if (!*slot)
		return;
	burst_receive(*slot);
	loop_watch_free(&(*slot)->watch);
	free(*slot);
	*slot = NULL;
}

bool datagram_sender_open(struct datagram_sender *sender, const char *path, struct failure *why)
{
	*sender = (struct datagram_sender){.fd = -1, .to = {.sun_family = AF_UNIX}};
	if (strlen(path) >= sizeof sender->to.sun_path)
		return failure_set(why, EX_CONFIG, "a socket's path must not be longer than %zu bytes",
			sizeof sender->to.sun_path - 1);
	memcpy(sender->to.sun_path, path, strlen(path) + 1);
	sender->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return sender->fd >= 0 || failure_set(why, EX_OSERR, "cannot open a socket: %s", strerror(errno));
}

bool datagram_send(const struct datagram_sender *sender, const void *bytes, size_t len)
{
	ssize_t sent;
	do
		sent = sendto(sender->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&sender->to,
			sizeof sender->to);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)len;
}

void datagram_sender_close(struct datagram_sender *sender)
{
	if (sender->fd >= 0)
		close(sender->fd);
	sender->fd = -1;
}
