/* What a probe says and concludes before the handshake: the first octet says in which pieces the rest comes in, which
 * is all that the peer ever sends. The conclusion is the one drawn from the whole text, and nothing is said out of
 * turn. */
#include "clock.h"
#include "fuzz.h"
#include "probe_smtp.h"
#include "smtp.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECES_MAX 64
#define INPUT_MAX (PIECES_MAX * (WIRE_BUFFER_SIZE - 1))
#define EHLO "EHLO relay.example.net\r\n"

/* Drawn from the whole text: the reason, and what the peer has been told by then. */
struct conclusion {
	bool good;
	enum reason reason;
	const char *told;
};

static bool reply_take(struct smtp_reader *reply, const char **at, size_t *left)
{
	smtp_reader_init(reply);
	size_t used = smtp_reader_feed(reply, *at, *left);
	*at += used;
	*left -= used;
	return reply->state == SMTP_DONE;
}

static struct conclusion conclude(const char *at, size_t left)
{
	struct smtp_reader reply;
	struct conclusion bad = {false, REASON_HOP_PROTOCOL, ""};

	if (!reply_take(&reply, &at, &left))
		return bad;
	if (reply.code != 220)
		return (struct conclusion){false, reply.code >= 400 ? REASON_HOP_GREETING : REASON_HOP_PROTOCOL, ""};
	bad.told = EHLO "QUIT\r\n";
	if (!reply_take(&reply, &at, &left))
		return bad;
	if (reply.code == 500 || reply.code == 502 || (reply.code == 250 && !reply.starttls))
		bad.reason = REASON_STARTTLS_MISSING;
	else if (reply.code >= 400)
		bad.reason = REASON_HOP_GREETING;
	if (reply.code != 250 || !reply.starttls)
		return bad;
	bad.told = EHLO "STARTTLS\r\nQUIT\r\n";
	if (!reply_take(&reply, &at, &left))
		return bad;
	if (reply.code >= 400)
		bad.reason = REASON_STARTTLS_REFUSED;
	else if (reply.code == 220 && left > 0)
		bad.reason = REASON_STARTTLS_INJECTION;
	else if (reply.code == 220)
		return (struct conclusion){true, REASON_NONE, EHLO "STARTTLS\r\n"};
	return bad;
}

/* All that the peer says, in pieces that stay apart, and then its end. */
static void peer_speak(int fd, const char *bytes, size_t len, size_t piece)
{
	if (piece < len / PIECES_MAX + 1)
		piece = len / PIECES_MAX + 1;
	for (size_t at = 0; at < len; at += piece) {
		size_t some = len - at < piece ? len - at : piece;
		FUZZ_MUST(send(fd, bytes + at, some, MSG_NOSIGNAL) == (ssize_t)some);
	}
	FUZZ_MUST(shutdown(fd, SHUT_WR) == 0);
}

static void must_have_heard(int fd, const char *told)
{
	char heard[1024];
	size_t len = 0;
	ssize_t got;

	while ((got = recv(fd, heard + len, sizeof heard - len, MSG_DONTWAIT)) > 0)
		len += (size_t)got;
	FUZZ_MUST(len == strlen(told) && memcmp(heard, told, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct evidence seen = {.reason = REASON_NONE};
	struct wire wire = {.deadline_ms = clock_mono_ms() + 20000};
	int ends[2];

	if (size == 0 || size > INPUT_MAX)
		return 0;
	const char *said = (const char *)data + 1;
	FUZZ_MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
	peer_speak(ends[0], said, size - 1, 1 + (size_t)data[0]);
	wire.fd = ends[1];
	bool good = smtp_dialogue(&wire, "relay.example.net", &seen);
	struct conclusion conclusion = conclude(said, size - 1);
	FUZZ_MUST(good == conclusion.good && seen.reason == conclusion.reason);
	FUZZ_MUST(memchr(seen.text, '\0', sizeof seen.text));
	must_have_heard(ends[0], conclusion.told);
	wire_close(&wire);
	close(ends[0]);
	return 0;
}
