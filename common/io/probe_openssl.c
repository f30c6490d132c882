#include "probe.h"

#include "clock.h"
#include "probe_chain.h"
#include "probe_smtp.h"
#include "smtp.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define TLS_BYTES_MAX (256 * 1024)       /* that a peer may send in one probe */
#define TLS_CHAIN_BYTES_MAX (100 * 1024) /* of its certificates */
#define QUIT_WAIT_MS 2000

/* Old protocols and ciphers are offered, to tell "too old" from "broken". Anonymous ones are not: servers that prefer
 * them would show us no certificate, though they have one for everybody who asks for it. */
#define CIPHERS "ALL:!aNULL:!eNULL:!LOW:!EXPORT:@SECLEVEL=0"

struct prober {
	struct trust *trust;
	SSL_CTX *ctx;
	char *helo;
	struct address bind4, bind6;
	void (*shown)(void *arg, const struct probe_shown *shown);
	void *shown_arg;
};

struct tls {
	struct wire *wire;
	SSL *ssl;
	BIO *in, *out; /* the SSL's */
	size_t received;
	struct chain chain;
};

/* TLS over two memory buffers, so that all that touches the socket is the wire: its deadline, and no SIGPIPE. */

static bool tls_open(
	struct tls *tls, struct prober *prober, struct wire *wire, const char *host, const struct probe_dane *dane)
{
	tls->wire = wire;
	tls->ssl = SSL_new(prober->ctx);
	tls->in = BIO_new(BIO_s_mem());
	tls->out = BIO_new(BIO_s_mem());
	if (!tls->ssl || !tls->in || !tls->out)
		abort();
	SSL_set_bio(tls->ssl, tls->in, tls->out);
	return chain_expect(&tls->chain, tls->ssl, prober->trust, host, dane);
}

static enum wire_end tls_flush(struct tls *tls)
{
	char *bytes;
	long len = BIO_get_mem_data(tls->out, &bytes);
	enum wire_end end = wire_send(tls->wire, bytes, (size_t)len);

	if (BIO_reset(tls->out) != 1)
		abort();
	return end;
}

static enum wire_end tls_fill(struct tls *tls)
{
	char bytes[WIRE_BUFFER_SIZE];
	size_t len = 0;
	enum wire_end end = wire_receive(tls->wire, bytes, sizeof bytes, &len);

	tls->received += len;
	if (end != WIRE_GOOD)
		return end;
	if (tls->received > TLS_BYTES_MAX)
		return WIRE_CLOSED;
	if (BIO_write(tls->in, bytes, (int)len) != (int)len)
		abort();
	return WIRE_GOOD;
}

/* Runs one of OpenSSL's calls to its end. WIRE_GOOD: it has ended, `result` says how. */
static enum wire_end tls_run(struct tls *tls, int (*call)(SSL *), int *result)
{
	for (;;) {
		enum wire_end end;

		ERR_clear_error();
		*result = call(tls->ssl);
		bool more = SSL_get_error(tls->ssl, *result) == SSL_ERROR_WANT_READ;
		end = tls_flush(tls);
		if (!more)
			return WIRE_GOOD;
		if (end == WIRE_GOOD)
			end = tls_fill(tls);
		if (end != WIRE_GOOD)
			return end;
	}
}

static bool tell_broken(struct evidence *seen)
{
	unsigned long error = ERR_peek_error();
	int reason = ERR_GET_REASON(error);
	const char *words = ERR_reason_error_string(error);
	bool old = reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION;

	return probe_tell(
		seen, old ? REASON_TLS_TOO_OLD : REASON_TLS_FAILED, words ? words : "the TLS handshake failed");
}

static bool tls_handshake(struct tls *tls, struct evidence *seen)
{
	int result;
	bool good = false;

	switch (tls_run(tls, SSL_connect, &result)) {
	case WIRE_GOOD:
		good = result == 1 || tell_broken(seen);
		break;
	case WIRE_CLOSED: /* somebody may be cutting it: nothing can be delivered under the policy */
		tls->wire->passing = tls->received <= TLS_BYTES_MAX;
		good = probe_tell(seen, REASON_TLS_FAILED,
			tls->received > TLS_BYTES_MAX ? "too many octets in the TLS handshake"
						      : "connection cut in the TLS handshake");
		break;
	case WIRE_TIMEOUT:
		good = probe_tell(seen, REASON_HOP_TIMEOUT, "no end of the TLS handshake in time");
		break;
	}
	ERR_clear_error();
	return good;
}

static int wait_octet(SSL *ssl)
{
	char octet;

	return SSL_peek(ssl, &octet, 1);
}

/* Where TLS comes first: a host that refuses this relay is not ready, whatever its certificate. */
static bool tls_greeting(struct tls *tls, struct evidence *seen)
{
	struct smtp_reader reply;
	char bytes[512];
	int got = 1;

	smtp_reader_init(&reply);
	while (reply.state == SMTP_MORE) {
		enum wire_end end = tls_run(tls, wait_octet, &got);

		if (end == WIRE_TIMEOUT)
			return probe_tell(seen, REASON_HOP_TIMEOUT, "no greeting in time, behind the TLS handshake");
		if (end == WIRE_GOOD && got > 0)
			got = SSL_read(tls->ssl, bytes, sizeof bytes);
		if (end != WIRE_GOOD || got <= 0)
			return probe_tell(seen, REASON_HOP_PROTOCOL, "connection closed before the greeting");
		smtp_reader_feed(&reply, bytes, (size_t)got);
	}
	if (reply.state == SMTP_MALFORMED)
		return probe_tell(seen, REASON_HOP_PROTOCOL, "no SMTP reply before the greeting");
	return smtp_greets(&reply, seen);
}

static int say_quit(SSL *ssl)
{
	return SSL_write(ssl, "QUIT\r\n", 6);
}

static int hear_goodbye(SSL *ssl)
{
	char reply[512];

	return SSL_read(ssl, reply, sizeof reply);
}

/* Good manners: what comes of it changes nothing. */
static void tls_quit(struct tls *tls)
{
	int64_t until_ms = clock_mono_ms() + QUIT_WAIT_MS;
	int result;

	if (tls->wire->deadline_ms > until_ms)
		tls->wire->deadline_ms = until_ms;
	if (tls_run(tls, say_quit, &result) == WIRE_GOOD && result > 0 &&
		tls_run(tls, hear_goodbye, &result) == WIRE_GOOD && result > 0) {
		SSL_shutdown(tls->ssl);
		tls_flush(tls);
	}
	ERR_clear_error();
}

/* The probe */

static void probe_tls(struct prober *prober, struct wire *wire, const char *host, const struct probe_dane *dane,
	bool tls_first, struct evidence *seen, struct names *names)
{
	struct tls tls = {.received = 0};

	if (!tls_open(&tls, prober, wire, host, dane)) {
		probe_tell(seen, REASON_HOP_INTERNAL, "OpenSSL does not take the host name or the TLSA records");
	} else if (tls_handshake(&tls, seen)) {
		chain_show(tls.ssl, seen);
		bool good = chain_judge(&tls.chain, tls.ssl, seen);
		/* RFC 8461 7.2. An MTA that insists on it does not come to see the certificate. */
		if (seen->protocol < TLS1_2_VERSION) {
			good = probe_tell(seen, REASON_TLS_TOO_OLD, SSL_get_version(tls.ssl));
			seen->mta_address[0] = '\0';
		}
		if (good && (!tls_first || tls_greeting(&tls, seen)))
			seen->reason = REASON_NONE;
		/* A name that is wrong comes behind all that may be wrong with a certificate. */
		bool named = seen->reason == REASON_CERT_HOST_MISMATCH && !tls_first;
		if (!dane && (seen->reason == REASON_NONE || named))
			chain_names(tls.ssl, names);
		tls_quit(&tls);
	}
	SSL_free(tls.ssl);
}

bool probe_address(struct prober *prober, const char *host, const struct address *address, uint16_t port,
	int timeout_ms, const struct probe_dane *dane, struct evidence *seen)
{
	const struct address *from = address->len == 4 ? &prober->bind4 : &prober->bind6;
	struct names names = {.bytes = NULL};
	struct wire wire;

	memset(seen, 0, sizeof *seen);
	seen->tlsa_id = dane ? dane->set->id : 0;
	address_format(address, seen->address);
	wire.deadline_ms = clock_mono_ms() + timeout_ms;
	if (!wire_open(&wire, address, port, from->len ? from : NULL, seen))
		return false;
	bool tls_first = port == PROBE_PORT_TLS;
	if (tls_first || smtp_dialogue(&wire, prober->helo, seen))
		probe_tls(prober, &wire, host, dane, tls_first, seen, &names);
	wire_close(&wire);
	if (prober->shown && names.count > 0)
		prober->shown(prober->shown_arg, &(struct probe_shown){host, address, port, seen, &names});
	names_free(&names);
	return wire.passing;
}

/* The prober */

static SSL_CTX *context_new(struct failure *why)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx)
		abort();
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ctx, TLS_CHAIN_BYTES_MAX);
	if (chain_context(ctx) && SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) == 1 &&
		SSL_CTX_set_max_proto_version(ctx, 0) == 1 && SSL_CTX_set_cipher_list(ctx, CIPHERS) == 1)
		return ctx;
	failure_set(why, EX_SOFTWARE, "OpenSSL does not take the protocols and ciphers of a probe");
	SSL_CTX_free(ctx);
	return NULL;
}

static bool helo_ok(const char *helo, struct failure *why)
{
	size_t len = strlen(helo);

	for (size_t i = 0; i < len; i++)
		if (helo[i] <= ' ' || helo[i] > '~')
			return failure_set(why, EX_CONFIG, "probe_helo: a blank or a character outside ASCII in it");
	if (len == 0 || len > 255)
		return failure_set(why, EX_CONFIG, "probe_helo: %s; give a host name", len ? "too long" : "empty");
	return true;
}

struct prober *prober_new(const struct probe_options *options, struct failure *why)
{
	struct prober *prober = calloc(1, sizeof *prober);

	if (!prober || !(prober->helo = strdup(options->helo)))
		abort();
	prober->bind4 = options->bind4;
	prober->bind6 = options->bind6;
	prober->trust = options->trust;
	prober->shown = options->shown;
	prober->shown_arg = options->shown_arg;
	if (helo_ok(prober->helo, why) && (prober->ctx = context_new(why)))
		return prober;
	prober_free(&prober);
	return NULL;
}

void prober_free(struct prober **prober)
{
	if (!prober || !*prober)
		return;
	SSL_CTX_free((*prober)->ctx);
	free((*prober)->helo);
	free(*prober);
	*prober = NULL;
}
