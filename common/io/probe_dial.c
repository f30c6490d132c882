#include "probe_dial.h"

#include "memory.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 4096 /* octets in one read */

/* --- a copy of the TLSA records ----------------------------------------------------------------------------------- */

struct dane_copy {
	struct probe_dane dane; /* points to the members below */
	struct tlsa_set set;
	char base[DOMAIN_SIZE];
	char data[]; /* the data of all records */
};

static struct dane_copy *dane_copy(const struct probe_dane *from)
{
	size_t len = 0;
	for (size_t i = 0; i < from->set->count; i++)
		len += from->set->record[i].data.len;
	struct dane_copy *copy = xcalloc(1, sizeof *copy + len);
	char *at = copy->data;
	copy->set = *from->set;
	for (size_t i = 0; i < copy->set.count; i++) {
		struct span *data = &copy->set.record[i].data;
		if (data->len)
			memcpy(at, data->at, data->len);
		data->at = at;
		at += data->len;
	}
	snprintf(copy->base, sizeof copy->base, "%s", from->base);
	copy->dane = (struct probe_dane){.set = &copy->set, .base = copy->base};
	return copy;
}

/* --- the socket --------------------------------------------------------------------------------------------------- */

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

/* Returns the reason for a failed connect(): the hop's fault, or a local failure. */
static enum reason connect_reason(int error)
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

static bool dial_connect(struct dial *dial)
{
	bool four = dial->address.len == 4;
	const struct address *from = four ? &dial->prober->bind4 : &dial->prober->bind6;
	struct sockaddr_storage here, there;
	socklen_t len = socket_address(&there, &dial->address, dial->port);
	dial->fd = socket(four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (dial->fd < 0)
		return probe_fail(&dial->seen, REASON_HOP_INTERNAL, strerror(errno));
	if (from->len && bind(dial->fd, (struct sockaddr *)&here, socket_address(&here, from, 0)) != 0)
		return probe_fail(&dial->seen, REASON_HOP_INTERNAL, strerror(errno));
	if (connect(dial->fd, (struct sockaddr *)&there, len) != 0 && errno != EINPROGRESS)
		return probe_fail(&dial->seen, connect_reason(errno), strerror(errno));
	return true;
}

void dial_begin(struct dial *dial, const struct prober *prober, const char *host, const struct address *address,
	uint16_t port, const struct probe_dane *dane)
{
	memset(dial, 0, sizeof *dial);
	dial->prober = prober;
	dial->address = *address;
	dial->port = port;
	dial->dane = dane ? dane_copy(dane) : NULL;
	snprintf(dial->host, sizeof dial->host, "%s", host);
	dial->seen.tlsa_id = dane ? dane->set->id : 0;
	address_format(address, dial->seen.address);
	memcpy(dial->look.address, dial->seen.address, sizeof dial->look.address);
	dial->stage = dial_connect(dial) ? DIAL_CONNECT : DIAL_OVER;
}

/* Sends octets after those that are still unsent, and keeps what the socket does not accept yet. Returns false if the
 * connection cannot be written to. */
static bool dial_send(struct dial *dial, const char *bytes, size_t len)
{
	ssize_t sent = 0;
	if (len && !dial->unsent_len)
		sent = send(dial->fd, bytes, len, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	size_t taken = sent > 0 ? (size_t)sent : 0;
	if (taken == len)
		return true;
	dial->unsent = xrealloc(dial->unsent, dial->unsent_len + len - taken);
	memcpy(dial->unsent + dial->unsent_len, bytes + taken, len - taken);
	dial->unsent_len += len - taken;
	return true;
}

static bool dial_send_tls(struct dial *dial)
{
	const char *bytes;
	size_t len = tls_unsent(dial->tls, &bytes);
	bool good = dial_send(dial, bytes, len);
	tls_sent(dial->tls);
	return good;
}

void dial_close(struct dial *dial)
{
	if (dial->fd >= 0)
		close(dial->fd);
	dial->fd = -1;
	tls_free(&dial->tls);
	free(dial->dane);
	free(dial->unsent);
	dial->dane = NULL;
	dial->unsent = NULL;
	dial->unsent_len = 0;
}

unsigned dial_wants(const struct dial *dial)
{
	if (dial->stage == DIAL_ANSWERED || dial->stage == DIAL_OVER)
		return 0;
	return dial->stage == DIAL_CONNECT || dial->unsent_len ? DIAL_WRITE : DIAL_READ;
}

static void failed(struct dial *dial, enum reason reason, const char *words)
{
	probe_fail(&dial->seen, reason, words);
	dial->stage = DIAL_OVER;
}

/* --- the stages, the last one first ------------------------------------------------------------------------------- */

static void quit_go(struct dial *dial)
{
	char reply[512];
	size_t len;
	enum tls_step step = tls_read(dial->tls, reply, sizeof reply, &len);
	if (step == TLS_DONE)
		tls_close_notify(dial->tls);
	if (!dial_send_tls(dial) || step != TLS_MORE)
		dial->stage = DIAL_OVER;
}

void dial_quit(struct dial *dial)
{
	dial->stage = DIAL_QUIT;
	tls_write(dial->tls, "QUIT\r\n");
	if (dial_send_tls(dial))
		quit_go(dial);
	else
		dial->stage = DIAL_OVER;
}

/* Ends the dial with a complete answer. First it reports the certificate to the prober's `shown`, if the certificate
 * has no fault other than its name, and to its `leaf`, if it is good. */
static void answered(struct dial *dial)
{
	const struct prober *prober = dial->prober;
	const struct evidence *seen = &dial->seen;
	struct names names = {.bytes = NULL};
	struct crl_leaf leaf;
	/* The name is checked last: a certificate with a wrong name has no other fault. */
	bool named = seen->reason == REASON_CERT_HOST_MISMATCH && dial->port != PROBE_PORT_TLS;
	if (!dial->dane && (seen->reason == REASON_OK || named))
		tls_names(dial->tls, &names);
	if (prober->shown && names.count > 0)
		prober->shown(
			prober->shown_arg, &(struct probe_shown){dial->host, &dial->address, dial->port, seen, &names});
	names_free(&names);
	if (prober->leaf && seen->reason == REASON_OK && tls_leaf(dial->tls, &leaf))
		prober->leaf(prober->leaf_arg, &leaf);
	dial->stage = DIAL_ANSWERED;
}

/* Notes whether the host offers REQUIRETLS. A host that refuses EHLO, or answers with something else, may offer it to others. */
static void requiretls_note(struct evidence *seen, const struct smtp_reader *reply)
{
	if (reply->state == SMTP_DONE && reply->code == 250)
		seen->requiretls = reply->requiretls ? REQUIRETLS_OFFERED : REQUIRETLS_ABSENT;
}

/* Reads the reply to EHLO inside TLS. Whatever comes, the certificate is as good or as bad as it was; if it is bad, the reply
 * shows who is at the other end. */
static void ehlo_go(struct dial *dial, bool closed)
{
	char bytes[512];
	struct smtp_reader *reply = &dial->dialogue.reply;
	struct look *look = &dial->look;
	bool bad = dial->seen.reason != REASON_OK;
	while (reply->state == SMTP_MORE) {
		size_t len = 0;
		enum tls_step step = closed ? TLS_FAILED : tls_read(dial->tls, bytes, sizeof bytes, &len);
		bool sent = closed || dial_send_tls(dial);
		if (step == TLS_MORE && sent)
			return;
		if (step != TLS_DONE)
			break;
		len = smtp_reader_feed(reply, bytes, len);
		smtp_keep(look->ehlo_tls, sizeof look->ehlo_tls, bytes, bad ? len : 0);
	}
	requiretls_note(&dial->seen, reply);
	answered(dial);
}

static void ehlo_begin(struct dial *dial)
{
	char line[DIALOGUE_SAY_SIZE];
	struct text say;
	text_init(&say, line, sizeof line);
	text_add(&say, "EHLO ");
	text_add(&say, dial->prober->helo);
	text_add(&say, "\r\n");
	smtp_reader_init(&dial->dialogue.reply);
	dial->stage = DIAL_EHLO;
	tls_write(dial->tls, line);
	ehlo_go(dial, !dial_send_tls(dial));
}

/* Port 465: reads the greeting. A host that rejects this relay is not a good hop, even if its certificate is good. */
static void greeting_go(struct dial *dial, bool closed)
{
	char bytes[512], line[DIALOGUE_SAY_SIZE];
	struct text say;
	text_init(&say, line, sizeof line); /* stays empty: behind TLS the dialogue sends no commands */
	while (dialogue_waits(&dial->dialogue)) {
		size_t len = 0;
		enum tls_step step = closed ? TLS_FAILED : tls_read(dial->tls, bytes, sizeof bytes, &len);
		bool sent = closed || dial_send_tls(dial);
		if (step == TLS_MORE && sent)
			return;
		if (step == TLS_DONE)
			dialogue_feed(&dial->dialogue, bytes, len, &say);
		else
			dialogue_fail(&dial->dialogue, PEER_CLOSED, &say);
	}
	answered(dial);
}

/* TLS is up, and the certificates are judged. */
static void judged(struct dial *dial, bool good)
{
	if (dial->port != PROBE_PORT_TLS) {
		ehlo_begin(dial);
	} else if (good) {
		dial->stage = DIAL_GREETING;
		dialogue_begin(&dial->dialogue, dial->prober->helo, true, &dial->seen, &dial->look);
		greeting_go(dial, false);
	} else {
		answered(dial);
	}
}

static void handshake_go(struct dial *dial, bool closed)
{
	enum tls_step step = closed ? TLS_MORE : tls_handshake(dial->tls, &dial->seen);
	bool sent = !closed && dial_send_tls(dial);
	switch (step) {
	case TLS_MORE:
		if (sent)
			break;
		/* Either the hop is at fault, or somebody on the path cuts connections. In both cases mail cannot be
		 * delivered under the policy. */
		dial->temporary = true;
		failed(dial, REASON_TLS_FAILED, "connection cut in the TLS handshake");
		break;
	case TLS_FAILED:
		dial->stage = DIAL_OVER;
		break;
	case TLS_DONE:
		judged(dial, tls_judge(dial->tls, &dial->seen, &dial->look));
		break;
	}
}

static void handshake_begin(struct dial *dial)
{
	const struct prober *prober = dial->prober;
	dial->tls = tls_new(prober->context, prober->trust, dial->host, dial->dane ? &dial->dane->dane : NULL);
	if (dial->tls) {
		dial->stage = DIAL_HANDSHAKE;
		handshake_go(dial, false);
	} else {
		failed(dial, REASON_HOP_INTERNAL, "OpenSSL does not accept the host name or the TLSA records");
	}
}

static void plain_go(struct dial *dial, const char *bytes, size_t len, bool closed)
{
	char line[DIALOGUE_SAY_SIZE], octet;
	struct dialogue *dialogue = &dial->dialogue;
	struct text say;
	text_init(&say, line, sizeof line);
	if (closed)
		dialogue_fail(dialogue, PEER_CLOSED, &say);
	else
		dialogue_feed(dialogue, bytes, len, &say);
	/* A failure to send is ignored: the peer may have sent its reason before it closed the connection. */
	dial_send(dial, say.bytes, say.len);
	if (dialogue->state == DIALOGUE_READY && dial->unsent_len == 0) {
		if (recv(dial->fd, &octet, 1, MSG_PEEK) <= 0) {
			handshake_begin(dial);
			return;
		}
		text_init(&say, line, sizeof line);
		dialogue_fail(dialogue, PEER_AHEAD, &say);
		dial_send(dial, say.bytes, say.len);
	}
	if (dialogue->state == DIALOGUE_FAILED) {
		dial->temporary = dialogue->temporary;
		dial->stage = DIAL_OVER;
	}
}

/* Notes this machine's address in the connection. */
static void from_note(struct dial *dial)
{
	struct sockaddr_storage here;
	socklen_t size = sizeof here;
	struct address address = {.len = 0};
	if (getsockname(dial->fd, (struct sockaddr *)&here, &size) != 0)
		return;
	if (here.ss_family == AF_INET) {
		address.len = 4;
		memcpy(address.bytes, &((struct sockaddr_in *)&here)->sin_addr, 4);
	} else {
		address.len = 16;
		memcpy(address.bytes, &((struct sockaddr_in6 *)&here)->sin6_addr, 16);
	}
	address_format(&address, dial->look.from);
}

static void connect_go(struct dial *dial)
{
	socklen_t size = sizeof(int);
	int error = 0;
	if (getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		error = errno;
	if (error == 0)
		from_note(dial);
	if (error != 0) {
		failed(dial, connect_reason(error), strerror(error));
	} else if (dial->port == PROBE_PORT_TLS) { /* RFC 8314 3.3 */
		handshake_begin(dial);
	} else {
		dial->stage = DIAL_PLAIN;
		dialogue_begin(&dial->dialogue, dial->prober->helo, false, &dial->seen, &dial->look);
	}
}

enum passed { PASSED_NOTHING, PASSED_SOME, PASSED_END };

/* Sends unsent octets, if there are any; else reads once. */
static enum passed dial_pass(struct dial *dial, char bytes[READ_SIZE], size_t *len)
{
	*len = 0;
	if (dial->unsent_len) {
		char *rest = dial->unsent;
		size_t rest_len = dial->unsent_len;
		dial->unsent = NULL;
		dial->unsent_len = 0;
		bool sent = dial_send(dial, rest, rest_len);
		free(rest);
		if (dial->unsent_len)
			return PASSED_NOTHING;
		return sent || dial->stage == DIAL_PLAIN ? PASSED_SOME : PASSED_END;
	}
	ssize_t got = recv(dial->fd, bytes, READ_SIZE, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return PASSED_NOTHING;
	if (got <= 0)
		return PASSED_END;
	*len = (size_t)got;
	return PASSED_SOME;
}

void dial_go(struct dial *dial)
{
	char bytes[READ_SIZE];
	size_t len = 0;
	enum passed passed = dial->stage == DIAL_CONNECT ? PASSED_SOME : dial_pass(dial, bytes, &len);
	if (passed == PASSED_NOTHING)
		return;
	bool too_many = dial->tls && !tls_feed(dial->tls, bytes, len);
	bool closed = passed == PASSED_END || too_many;
	switch (dial->stage) {
	case DIAL_CONNECT:
		connect_go(dial);
		break;
	case DIAL_PLAIN:
		plain_go(dial, bytes, len, closed);
		break;
	case DIAL_HANDSHAKE:
		if (too_many)
			failed(dial, REASON_TLS_FAILED, "too many octets in the TLS handshake");
		else
			handshake_go(dial, closed);
		break;
	case DIAL_GREETING:
		greeting_go(dial, closed);
		break;
	case DIAL_EHLO:
		ehlo_go(dial, closed);
		break;
	case DIAL_QUIT:
		if (closed)
			dial->stage = DIAL_OVER;
		else
			quit_go(dial);
		break;
	case DIAL_ANSWERED:
	case DIAL_OVER:
		break;
	}
}

void dial_late(struct dial *dial)
{
	char line[DIALOGUE_SAY_SIZE];
	struct text say;
	text_init(&say, line, sizeof line);
	switch (dial->stage) {
	case DIAL_CONNECT:
		failed(dial, REASON_HOP_TIMEOUT, "no connection before the deadline");
		break;
	case DIAL_PLAIN:
		dialogue_fail(&dial->dialogue, dial->unsent_len ? PEER_DEAF : PEER_SILENT, &say);
		dial_send(dial, say.bytes, say.len);
		break;
	case DIAL_HANDSHAKE:
		failed(dial, REASON_HOP_TIMEOUT, "the TLS handshake did not end before the deadline");
		break;
	case DIAL_GREETING:
		dialogue_fail(&dial->dialogue, PEER_SILENT, &say);
		break;
	case DIAL_EHLO:
		answered(dial);
		return;
	case DIAL_ANSWERED:
	case DIAL_QUIT:
	case DIAL_OVER:
		break;
	}
	dial->stage = DIAL_OVER;
}
