#include "probe_smtp.h"

#include "clock.h"
#include "smtp.h"
#include "text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool probe_tell(struct evidence *seen, enum reason reason, const char *words)
{
	struct text text;

	seen->reason = reason;
	text_init(&text, seen->text, sizeof seen->text); /* what does not fit is cut */
	text_add(&text, words);
	return false;
}

/* The wire */

static bool wire_ready(struct wire *wire, short events)
{
	struct pollfd fd = {.fd = wire->fd, .events = events};

	for (;;) {
		int64_t left_ms = wire->deadline_ms - clock_mono_ms();

		if (left_ms <= 0)
			return false;
		int ready = poll(&fd, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
		if (ready > 0)
			return true;
		if (ready < 0 && errno != EINTR)
			return false;
	}
}

enum wire_end wire_send(struct wire *wire, const char *bytes, size_t len)
{
	while (len) {
		ssize_t sent;

		if (!wire_ready(wire, POLLOUT))
			return WIRE_TIMEOUT;
		sent = send(wire->fd, bytes, len, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return WIRE_CLOSED;
		if (sent > 0) {
			bytes += sent;
			len -= (size_t)sent;
		}
	}
	return WIRE_GOOD;
}

enum wire_end wire_receive(struct wire *wire, char *bytes, size_t size, size_t *len)
{
	for (;;) {
		ssize_t got;

		if (!wire_ready(wire, POLLIN))
			return WIRE_TIMEOUT;
		got = recv(wire->fd, bytes, size, 0);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return WIRE_CLOSED;
		if (got > 0) {
			*len = (size_t)got;
			return WIRE_GOOD;
		}
	}
}

void wire_close(struct wire *wire)
{
	close(wire->fd);
	wire->fd = -1;
}

static socklen_t socket_address(struct sockaddr_storage *out, const struct address *address, uint16_t port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof *out);
	if (address->len == 4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, address->bytes, 4);
		return sizeof *in;
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, address->bytes, 16);
	return sizeof *in6;
}

/* What a failed connect says of the hop, and what only of this machine. */
static enum reason reason_of(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		return REASON_HOP_UNREACHABLE;
	case ETIMEDOUT:
		return REASON_HOP_TIMEOUT;
	default:
		return REASON_HOP_INTERNAL;
	}
}

static bool wire_connect(struct wire *wire, const struct address *to, uint16_t port, struct evidence *seen)
{
	struct sockaddr_storage there;
	socklen_t len = socket_address(&there, to, port), size = sizeof(int);
	int error = connect(wire->fd, (struct sockaddr *)&there, len) == 0 ? 0 : errno;

	if (error == EINPROGRESS) {
		if (!wire_ready(wire, POLLOUT))
			return probe_tell(seen, REASON_HOP_TIMEOUT, "no connection in time");
		if (getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
			error = errno;
	}
	return error == 0 || probe_tell(seen, reason_of(error), strerror(error));
}

bool wire_open(
	struct wire *wire, const struct address *to, uint16_t port, const struct address *from, struct evidence *seen)
{
	struct sockaddr_storage here;
	bool good = true;

	wire->used = wire->filled = 0;
	wire->passing = false;
	wire->fd = socket(to->len == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (wire->fd < 0)
		return probe_tell(seen, REASON_HOP_INTERNAL, strerror(errno));
	if (from && bind(wire->fd, (struct sockaddr *)&here, socket_address(&here, from, 0)) != 0)
		good = probe_tell(seen, REASON_HOP_INTERNAL, strerror(errno));
	good = good && wire_connect(wire, to, port, seen);
	if (!good)
		wire_close(wire);
	return good;
}

/* The dialogue */

/* One reply (RFC 5321 4.2). False: `seen` says that it did not come. */
static bool reply_read(struct wire *wire, const char *when, struct smtp_reader *reply, struct evidence *seen)
{
	char words[EVIDENCE_TEXT_SIZE];

	smtp_reader_init(reply);
	for (;;) {
		wire->used += smtp_reader_feed(reply, wire->buffer + wire->used, wire->filled - wire->used);
		if (reply->state != SMTP_MORE)
			break;
		wire->used = wire->filled = 0;
		switch (wire_receive(wire, wire->buffer, sizeof wire->buffer, &wire->filled)) {
		case WIRE_GOOD:
			continue;
		case WIRE_TIMEOUT:
			snprintf(words, sizeof words, "no reply in time %s", when);
			return probe_tell(seen, REASON_HOP_TIMEOUT, words);
		case WIRE_CLOSED:
			snprintf(words, sizeof words, "connection closed %s", when);
			return probe_tell(seen, REASON_HOP_PROTOCOL, words);
		}
	}
	if (reply->state == SMTP_DONE)
		return true;
	snprintf(words, sizeof words, "no SMTP reply %s", when);
	return probe_tell(seen, REASON_HOP_PROTOCOL, words);
}

static bool tell_reply(struct evidence *seen, enum reason reason, const struct smtp_reader *reply)
{
	char words[EVIDENCE_TEXT_SIZE];
	struct text text;

	text_init(&text, words, sizeof words);
	text_add_number(&text, reply->code);
	text_add(&text, " ");
	text_add(&text, reply->first);
	return probe_tell(seen, reason, words);
}

/* RFC 5321 4.2.4, 4.3.2: what a server says that does not know EHLO. Others may mean this relay, or this moment. */
static bool is_unknown_command(const struct smtp_reader *reply)
{
	return reply->code == 500 || reply->code == 502;
}

static bool is_refusal(const struct smtp_reader *reply)
{
	return reply->code >= 400;
}

bool smtp_greets(const struct smtp_reader *reply, struct evidence *seen)
{
	if (reply->code == 220)
		return true;
	return tell_reply(seen, is_refusal(reply) ? REASON_HOP_GREETING : REASON_HOP_PROTOCOL, reply);
}

static bool greeting(struct wire *wire, struct smtp_reader *reply, struct evidence *seen)
{
	return reply_read(wire, "before the greeting", reply, seen) && smtp_greets(reply, seen);
}

static bool command(struct wire *wire, const char *verb, const char *argument, const char *when,
	struct smtp_reader *reply, struct evidence *seen)
{
	char line[512];
	int len = snprintf(line, sizeof line, "%s%s%s\r\n", verb, *argument ? " " : "", argument);

	/* A peer that cannot be written to may have said why before it hung up. */
	if (wire_send(wire, line, (size_t)len) == WIRE_TIMEOUT)
		return probe_tell(seen, REASON_HOP_TIMEOUT, "takes nothing in");
	return reply_read(wire, when, reply, seen);
}

static bool ehlo(struct wire *wire, const char *helo, struct smtp_reader *reply, struct evidence *seen)
{
	if (!command(wire, "EHLO", helo, "to EHLO", reply, seen))
		return false;
	if (reply->code == 250)
		return reply->starttls || probe_tell(seen, REASON_STARTTLS_MISSING, "no STARTTLS in the reply to EHLO");
	if (is_unknown_command(reply)) /* a server without EHLO has no STARTTLS */
		return tell_reply(seen, REASON_STARTTLS_MISSING, reply);
	return tell_reply(seen, is_refusal(reply) ? REASON_HOP_GREETING : REASON_HOP_PROTOCOL, reply);
}

/* RFC 3207 4.2, 6: octets ahead of the handshake were put there by somebody who wants them taken for the protected
 * part. */
static bool nothing_ahead(struct wire *wire, struct evidence *seen)
{
	char octet;

	if (wire->used < wire->filled || recv(wire->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		return probe_tell(seen, REASON_STARTTLS_INJECTION, "plaintext behind the reply to STARTTLS");
	return true;
}

static bool starttls(struct wire *wire, struct smtp_reader *reply, struct evidence *seen)
{
	if (!command(wire, "STARTTLS", "", "to STARTTLS", reply, seen))
		return false;
	if (reply->code == 220)
		return nothing_ahead(wire, seen);
	wire->passing = is_refusal(reply) && reply->code < 500;
	return tell_reply(seen, is_refusal(reply) ? REASON_STARTTLS_REFUSED : REASON_HOP_PROTOCOL, reply);
}

bool smtp_dialogue(struct wire *wire, const char *helo, struct evidence *seen)
{
	static const char quit[] = "QUIT\r\n";
	struct smtp_reader reply;

	if (!greeting(wire, &reply, seen))
		return false;
	if (ehlo(wire, helo, &reply, seen) && starttls(wire, &reply, seen))
		return true;
	send(wire->fd, quit, sizeof quit - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	return false;
}
