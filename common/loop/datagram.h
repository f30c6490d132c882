/* UNIX datagrams: received on an event loop, and sent without waiting. Knows nothing of mail.
 *
 * The kernel keeps at most net.unix.max_dgram_qlen datagrams for a socket (10, or 512 where systemd has set it), whatever
 * SO_RCVBUF says, and a sender that does not wait loses the next one. So the receiver first takes everything that has arrived,
 * and only then hands it on. */
#ifndef LOOP_DATAGRAM_H
#define LOOP_DATAGRAM_H

#include "failure.h"
#include "loop.h"

#include <stddef.h>
#include <sys/un.h>

/* Returns how many datagrams the kernel keeps for a socket that is made now, or 0 if that is not known. */
unsigned datagram_queue_max(void);

#define DATAGRAM_BURST_BYTES (1 << 20) /* octets that are taken before they are handed on */
#define DATAGRAM_BURST_MAX 2048        /* datagrams, likewise */

/* Called on the loop's thread for each datagram. A datagram that is longer than the receiver's `max` is cut to max + 1
 * octets. */
typedef void datagram_heard(void *arg, const char *bytes, size_t len);

struct datagram_receiver;
/* Receives at a socket that is bound and non-blocking. The caller keeps it open until the receiver is freed. `max` is below
 * DATAGRAM_BURST_BYTES. */
struct datagram_receiver *datagram_receiver_new(
	struct loop *loop, int fd, size_t max, datagram_heard *heard, void *arg);
/* Hands on what has arrived, DATAGRAM_BURST_BYTES at most, frees the receiver, and sets the pointer to NULL. Must be called on the
 * loop's thread, or when it has ended. */
void datagram_receiver_free(struct datagram_receiver **receiver);

struct datagram_sender {
	int fd; /* -1: not open */
	struct sockaddr_un to;
};
/* Prepares for sending to the socket at `path`, which need not be there yet. Fails with EX_CONFIG if the path is too long, and
 * with EX_OSERR. */
bool datagram_sender_open(struct datagram_sender *sender, const char *path, struct failure *why);
/* Sends a datagram to the socket that is at the path now, without waiting. Returns whether the kernel has taken it; otherwise the
 * datagram is lost and errno says why. Any thread. */
bool datagram_send(const struct datagram_sender *sender, const void *bytes, size_t len);
void datagram_sender_close(struct datagram_sender *sender);

#endif
