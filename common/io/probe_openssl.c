#include "clock.h"
#include "key_context.h"
#include "memory.h"
#include "probe_chain.h"
#include "probe_look.h"
#include "probe_smtp.h"
#include "probe_tls.h"
#include "staple.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define TLS_BYTES_MAX (256 * 1024)       /* octets that a peer may send in one probe */
#define TLS_CHAIN_BYTES_MAX (100 * 1024) /* octets of a peer's certificates */

/* Old protocols and ciphers are offered so that a server with an old version can be distinguished from one whose TLS is
 * broken. Anonymous ciphers are not offered: a server that prefers them would show no certificate, although it has one.
 */
#define CIPHERS "ALL:!aNULL:!eNULL:!LOW:!EXPORT:@SECLEVEL=0"

struct tls {
	SSL *ssl;
	BIO *in, *out; /* owned by `ssl` */
	size_t received;
	struct chain chain;
};

/* A tls_context is an SSL_CTX under another name, so that callers need no headers of OpenSSL. */
struct tls_context *tls_context_new(struct failure *why)
{
	SSL_CTX *ctx = xneed(SSL_CTX_new_ex(key_context(), NULL, TLS_client_method()));
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ctx, TLS_CHAIN_BYTES_MAX);
	staple_ask(ctx);
	if (chain_context(ctx) && SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) == 1 &&
		SSL_CTX_set_max_proto_version(ctx, 0) == 1 && SSL_CTX_set_cipher_list(ctx, CIPHERS) == 1)
		return (struct tls_context *)ctx;
	failure_set(why, EX_SOFTWARE, "OpenSSL does not accept the protocols and ciphers of a probe");
	SSL_CTX_free(ctx);
	return NULL;
}

void tls_context_free(struct tls_context *context)
{
	SSL_CTX_free((SSL_CTX *)context);
}

struct tls *tls_new(struct tls_context *context, struct trust *trust, const char *host, const struct probe_dane *dane)
{
	struct tls *tls = xcalloc(1, sizeof *tls);
	tls->ssl = xneed(SSL_new((SSL_CTX *)context));
	tls->in = xneed(BIO_new(BIO_s_mem()));
	tls->out = xneed(BIO_new(BIO_s_mem()));
	SSL_set_bio(tls->ssl, tls->in, tls->out);
	if (!chain_expect(&tls->chain, tls->ssl, trust, host, dane))
		tls_free(&tls);
	ERR_clear_error();
	return tls;
}

void tls_free(struct tls **tls)
{
	if (!*tls)
		return;
	SSL_free((*tls)->ssl);
	free(*tls);
	*tls = NULL;
}

bool tls_feed(struct tls *tls, const char *bytes, size_t len)
{
	tls->received += len;
	if (tls->received > TLS_BYTES_MAX)
		return false;
	if (len && BIO_write(tls->in, bytes, (int)len) != (int)len)
		abort();
	return true;
}

size_t tls_unsent(struct tls *tls, const char **bytes)
{
	char *at = NULL;
	long len = BIO_get_mem_data(tls->out, &at);
	*bytes = at;
	return len > 0 ? (size_t)len : 0;
}

void tls_sent(struct tls *tls)
{
	if (BIO_reset(tls->out) != 1)
		abort();
}

enum tls_step tls_handshake(struct tls *tls, struct evidence *seen)
{
	enum tls_step step = TLS_DONE;
	ERR_clear_error();
	int result = SSL_connect(tls->ssl);
	if (result != 1 && SSL_get_error(tls->ssl, result) == SSL_ERROR_WANT_READ) {
		step = TLS_MORE;
	} else if (result != 1) {
		unsigned long error = ERR_peek_error();
		int reason = ERR_GET_REASON(error);
		const char *words = ERR_reason_error_string(error);
		bool old = reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION;
		probe_fail(
			seen, old ? REASON_TLS_TOO_OLD : REASON_TLS_FAILED, words ? words : "the TLS handshake failed");
		step = TLS_FAILED;
	}
	ERR_clear_error();
	return step;
}

/* Shows what the host says itself about the revocation of its certificate. No authority that is trusted speaks for a
 * certificate whose chain is bad. */
static void staple_show(const struct tls *tls, struct evidence *seen, struct look *look)
{
	struct staple staple;
	bool issued = tls->chain.untrusted == X509_V_OK && tls->chain.no_match == X509_V_OK;
	staple_of(&staple, tls->ssl, issued, clock_wall_s());
	seen->staple = staple.state;
	seen->staple_demanded = staple.demanded;
	seen->revoked_at = staple.revoked_at;
	look->staple_from = staple.this_update;
	look->staple_until = staple.next_update;
	snprintf(look->staple_why, sizeof look->staple_why, "%s", staple.why ? staple.why : "");
}

bool tls_judge(struct tls *tls, struct evidence *seen, struct look *look)
{
	chain_show(tls->ssl, seen);
	seen->leaf = look_certificates(look, tls->ssl);
	look->not_before = seen->not_before;
	look->not_after = seen->not_after;
	bool good = chain_judge(&tls->chain, tls->ssl, seen);
	/* RFC 8461 7.2. An MTA that demands TLS 1.2 fails before it sees the certificate, so mta_address must be
	 * empty. */
	if (seen->protocol < TLS1_2_VERSION) {
		good = probe_fail(seen, REASON_TLS_TOO_OLD, SSL_get_version(tls->ssl));
		seen->mta_address[0] = '\0';
	}
	staple_show(tls, seen, look);
	ERR_clear_error();
	return good;
}

void tls_names(struct tls *tls, struct names *names)
{
	chain_names(tls->ssl, names);
}

bool tls_leaf(struct tls *tls, struct crl_leaf *leaf)
{
	return chain_leaf(tls->ssl, leaf);
}

enum tls_step tls_read(struct tls *tls, char *bytes, size_t size, size_t *len)
{
	enum tls_step step = TLS_DONE;
	ERR_clear_error();
	int got = SSL_read_ex(tls->ssl, bytes, size, len);
	if (got != 1)
		step = SSL_get_error(tls->ssl, got) == SSL_ERROR_WANT_READ ? TLS_MORE : TLS_FAILED;
	ERR_clear_error();
	return step;
}

void tls_write(struct tls *tls, const char *text)
{
	SSL_write(tls->ssl, text, (int)strlen(text));
	ERR_clear_error();
}

void tls_close_notify(struct tls *tls)
{
	SSL_shutdown(tls->ssl);
	ERR_clear_error();
}
