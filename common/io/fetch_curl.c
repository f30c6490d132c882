#include "fetch_transfer.h"

#include "clock.h"
#include "memory.h"
#include "staple.h"
#include "trust.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define URL_SIZE (FETCH_HOST_SIZE + 64) /* of a policy */
#define PIN_SIZE (FETCH_HOST_SIZE + 16 + FETCH_ADDRESSES_MAX * (ADDRESS_TEXT_SIZE + 3))
/* Each transfer keeps a buffer, even while its host is silent. Most policies are shorter than this; libcurl's default
 * is 16 KiB. */
#define BUFFER_BYTES 4096
#define BUFFER_BYTES_LIST 65536

static int transfer_index; /* the index under which an SSL_CTX keeps its transfer */
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void curl_start_once(void)
{
	curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
	transfer_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

CURLcode transfer_start_curl(void)
{
	pthread_once(&curl_once, curl_start_once);
	return curl_ready;
}

/* --- callbacks of libcurl and OpenSSL ----------------------------------------------------------------------------- */

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	return response_header(&transfer->response, line, size * count) ? size * count : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	if (transfer->headers) /* the status is there, and nothing else counts */
		return 0;
	/* RFC 8461 3.3: only status 200 counts. 0 ends the transfer. */
	if (transfer_status(transfer) != FETCH_STATUS_OK || !response_body(&transfer->response, bytes, size * count))
		return 0;
	return size * count;
}

/* Ends a transfer if libcurl looks up a name in spite of the pinned addresses. */
static int on_resolve(void *resolver, void *reserved, void *arg)
{
	(void)resolver, (void)reserved, (void)arg;
	return 1;
}

/* The certificate is good: OpenSSL ends a handshake with a bad one. */
static void leaf_note(struct transfer *transfer, SSL *ssl)
{
	staple_of(&transfer->staple, ssl, true, clock_wall_s());
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	struct crl_leaf leaf;
	if (!transfer->fetcher->leaf || transfer->headers || sk_X509_num(chain) < 2 ||
		!crl_leaf_read(&leaf, sk_X509_value(chain, 0), sk_X509_value(chain, 1)))
		return;
	transfer->leaf = leaf.leaf;
	transfer->fetcher->leaf(transfer->fetcher->leaf_arg, &leaf);
}

static void on_tls_info(const SSL *ssl, int where, int value)
{
	struct transfer *transfer = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), transfer_index);
	if ((where & SSL_CB_LOOP) && SSL_get_state(ssl) != TLS_ST_BEFORE && SSL_get_state(ssl) != TLS_ST_CW_CLNT_HELLO)
		transfer->tls_answered = true;
	if ((where & SSL_CB_HANDSHAKE_DONE) && !transfer->tls_up) {
		transfer->tls_up = true;
		/* libcurl waits for the socket, and does not see a response that OpenSSL has read ahead. */
		SSL_set_read_ahead((SSL *)(uintptr_t)ssl, 0);
		leaf_note(transfer, (SSL *)(uintptr_t)ssl);
	}
	if (where == SSL_CB_READ_ALERT && (value & 0xff) == SSL3_AD_CLOSE_NOTIFY)
		transfer->tls_closed = true;
}

/* Keeps a description of the first error that OpenSSL finds. Does not change the result. */
static int on_verify(int good, X509_STORE_CTX *ctx)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct transfer *transfer = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), transfer_index);
	X509 *cert = X509_STORE_CTX_get_current_cert(ctx), *leaf = X509_STORE_CTX_get0_cert(ctx);
	char issuer[TRUST_ISSUER_SIZE];
	struct text text;
	if (good || transfer->certificate[0] != '\0' || !cert || !leaf)
		return good;
	text_init(&text, transfer->certificate, sizeof transfer->certificate);
	if (trust_explain(
		    &text, X509_STORE_CTX_get_error(ctx), leaf, sk_X509_num(X509_STORE_CTX_get0_untrusted(ctx)))) {
		trust_issuer(issuer, cert);
		text_quote(&text, issuer, strlen(issuer), TRUST_ISSUER_SIZE);
	}
	return 0;
}

/* Sets the authorities, and adds the check of the SAN's DNS names to the handshake: libcurl's own check accepts a
 * certificate that has only a CN. */
static CURLcode on_tls(CURL *curl, void *ssl_ctx, void *arg)
{
	struct transfer *transfer = arg;
	X509_STORE *store = trust_store(transfer->fetcher->trust);
	(void)curl;
	SSL_CTX_set_ex_data(ssl_ctx, transfer_index, transfer);
	SSL_CTX_set_read_ahead(ssl_ctx, 1); /* the handshake: one call for each flight, not two for each record */
	SSL_CTX_set_info_callback(ssl_ctx, on_tls_info);
	SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, on_verify);
	SSL_CTX_set1_cert_store(ssl_ctx, store);
	staple_ask(ssl_ctx); /* CURLOPT_SSL_VERIFYSTATUS would demand one, and most policy hosts have none */
	X509_STORE_free(store);
	bool set = trust_check_host(SSL_CTX_get0_param(ssl_ctx), transfer->host);
	return set ? CURLE_OK : CURLE_SSL_CONNECT_ERROR;
}

/* --- options: each function returns false when libcurl refuses one ------------------------------------------------ */

#define SET(option, value) (curl_easy_setopt(transfer->curl, (option), (value)) == CURLE_OK)

/* Sets the rules of RFC 8461 3.3 for TLS. The CA file is set to none, because libcurl would parse it for every
 * transfer; on_tls() sets the authorities. */
static bool transfer_set_tls(struct transfer *transfer)
{
	return SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) && SET(CURLOPT_CAINFO, NULL) &&
	       SET(CURLOPT_CAPATH, NULL) && SET(CURLOPT_SSL_CTX_FUNCTION, on_tls) &&
	       SET(CURLOPT_SSL_CTX_DATA, transfer) && SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       SET(CURLOPT_SSL_SESSIONID_CACHE, 0L) && SET(CURLOPT_PROTOCOLS_STR, "https");
}

/* Sets the rules for TLS and HTTP. A CRL has no TLS. */
static bool transfer_set_rules(struct transfer *transfer)
{
	bool is_list = transfer->response.is_list;
	bool set = is_list ? SET(CURLOPT_PROTOCOLS_STR, "http") && SET(CURLOPT_PATH_AS_IS, 1L)
			   : transfer_set_tls(transfer);
	return set && SET(CURLOPT_FOLLOWLOCATION, 0L) && SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       SET(CURLOPT_HTTP09_ALLOWED, 0L) && SET(CURLOPT_HTTP_CONTENT_DECODING, 0L) &&
	       SET(CURLOPT_USERAGENT, "stsgate") && SET(CURLOPT_FORBID_REUSE, 1L) && SET(CURLOPT_FRESH_CONNECT, 1L);
}

/* Pins the transfer to `addresses`. By default libcurl would keep these addresses for ever, in a cache that all handles
 * of a CURLM share. So the transfer gets a cache of its own (design 7.14). */
static bool transfer_set_pins(struct transfer *transfer, const struct address *addresses, size_t count)
{
	char pin[PIN_SIZE], address[ADDRESS_TEXT_SIZE];
	struct text text;
	text_init(&text, pin, sizeof pin);
	text_add(&text, transfer->host);
	for (size_t i = 0; i < count && i < FETCH_ADDRESSES_MAX; i++) {
		if (i == 0) {
			text_add(&text, ":");
			text_add_number(&text, transfer->port);
		}
		text_add(&text, i == 0 ? ":" : ",");
		text_add(&text, addresses[i].len == 16 ? "[" : "");
		text_add(&text, address_format(&addresses[i], address));
		text_add(&text, addresses[i].len == 16 ? "]" : "");
	}
	transfer->pins = xneed(curl_slist_append(NULL, pin));
	transfer->share = xneed(curl_share_init());
	return curl_share_setopt(transfer->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) == CURLSHE_OK &&
	       SET(CURLOPT_SHARE, transfer->share) && SET(CURLOPT_RESOLVE, transfer->pins) &&
	       SET(CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
}

/* Sets all options of a transfer. With a proxy the addresses are not used, because the proxy looks up the policy host
 * itself; the checks of the certificate and the deadline are the same. libcurl looks up the proxy's name with the
 * system's resolver in a thread, and CURLOPT_QUICK_EXIT keeps it from waiting for that thread at the end. */
static bool transfer_set(struct transfer *transfer, const char *url, const struct address *addresses, size_t count)
{
	const char *proxy = transfer->fetcher->proxy;
	bool is_list = transfer->response.is_list;
	return transfer_set_rules(transfer) && SET(CURLOPT_NOSIGNAL, 1L) &&
	       SET(CURLOPT_TIMEOUT_MS, (long)transfer->timeout_ms) &&
	       SET(CURLOPT_CONNECTTIMEOUT_MS, (long)transfer->timeout_ms) && SET(CURLOPT_NOPROGRESS, 1L) &&
	       SET(CURLOPT_BUFFERSIZE, is_list ? (long)BUFFER_BYTES_LIST : (long)BUFFER_BYTES) &&
	       SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, transfer) &&
	       SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, transfer) &&
	       SET(CURLOPT_ERRORBUFFER, transfer->error) && SET(CURLOPT_PROXY, proxy) && SET(CURLOPT_NOPROXY, "") &&
	       (*proxy ? SET(CURLOPT_HTTPPROXYTUNNEL, is_list ? 0L : 1L) && SET(CURLOPT_QUICK_EXIT, 1L)
		       : transfer_set_pins(transfer, addresses, count)) &&
	       SET(CURLOPT_URL, url);
}

/* --- the life of a transfer --------------------------------------------------------------------------------------- */

void transfer_free(struct transfer **slot)
{
	struct transfer *transfer = *slot;
	if (!transfer)
		return;
	curl_easy_cleanup(transfer->curl);
	curl_share_cleanup(transfer->share);
	curl_slist_free_all(transfer->pins);
	curl_slist_free_all(transfer->headers);
	response_free(&transfer->response);
	free(transfer);
	*slot = NULL;
}

static void refuse(struct policy_found *found, const char *words)
{
	struct text detail;
	memset(found, 0, sizeof *found);
	found->outcome = REASON_POLICY_FETCH;
	text_init(&detail, found->detail, sizeof found->detail);
	text_add(&detail, words);
}

static struct transfer *transfer_make(struct fetcher *fetcher, size_t count, int timeout_ms, struct policy_found *found)
{
	if (count == 0) {
		refuse(found, "no usable address");
		return NULL;
	}
	struct transfer *transfer = xcalloc(1, sizeof *transfer);
	transfer->curl = xneed(curl_easy_init());
	transfer->fetcher = fetcher;
	transfer->timeout_ms = timeout_ms > 0 ? timeout_ms : 1;
	return transfer;
}

static void option_refused(struct transfer **transfer, struct policy_found *found)
{
	refuse(found, "libcurl does not accept an option");
	transfer_free(transfer);
}

struct transfer *transfer_new(struct fetcher *fetcher, const char *domain, const struct address *addresses,
	size_t count, int timeout_ms, struct policy_found *found)
{
	char url[URL_SIZE];
	struct transfer *transfer = transfer_make(fetcher, count, timeout_ms, found);
	if (!transfer)
		return NULL;
	transfer->port = 443;
	snprintf(transfer->host, sizeof transfer->host, "mta-sts.%s", domain);
	snprintf(url, sizeof url, "https://%s/.well-known/mta-sts.txt", transfer->host);
	if (!transfer_set(transfer, url, addresses, count))
		option_refused(&transfer, found);
	return transfer;
}

struct transfer *transfer_new_list(struct fetcher *fetcher, const struct crl_url *url, int64_t newer_than,
	const struct address *addresses, size_t count, int timeout_ms, struct policy_found *found)
{
	char text[sizeof "http://" + DOMAIN_SIZE + CRL_URL_SIZE];
	struct transfer *transfer = transfer_make(fetcher, count, timeout_ms, found);
	if (!transfer)
		return NULL;
	transfer->response.is_list = true;
	transfer->port = CRL_URL_PORT;
	transfer->newer_than = newer_than;
	snprintf(transfer->host, sizeof transfer->host, "%s", url->host);
	snprintf(text, sizeof text, "http://%s%s", url->host, url->text + url->path_at);
	bool set = transfer_set(transfer, text, addresses, count) && SET(CURLOPT_FILETIME, 1L) &&
		   (newer_than == 0 || (SET(CURLOPT_TIMECONDITION, (long)CURL_TIMECOND_IFMODSINCE) &&
					       SET(CURLOPT_TIMEVALUE_LARGE, (curl_off_t)newer_than)));
	if (!set)
		option_refused(&transfer, found);
	return transfer;
}

/* libcurl would wait a second for an answer to `Expect` before it sends a large body. */
static bool transfer_set_post(struct transfer *transfer, const char *media_type, const void *bytes, size_t len)
{
	char type[128];
	snprintf(type, sizeof type, "Content-Type: %s", media_type);
	transfer->headers = xneed(curl_slist_append(NULL, type));
	xneed(curl_slist_append(transfer->headers, "Expect:"));
	return SET(CURLOPT_POST, 1L) && SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len) &&
	       SET(CURLOPT_COPYPOSTFIELDS, bytes) && SET(CURLOPT_HTTPHEADER, transfer->headers);
}

struct transfer *transfer_new_post(struct fetcher *fetcher, const struct report_address *to, const char *media_type,
	const void *bytes, size_t len, const struct address *addresses, size_t count, int timeout_ms,
	struct policy_found *found)
{
	char url[sizeof "https://:65535/" + DOMAIN_SIZE + REPORT_ADDRESS_SIZE];
	struct transfer *transfer = transfer_make(fetcher, count, timeout_ms, found);
	if (!transfer)
		return NULL;
	const char *path = to->text + to->path_at;
	transfer->port = to->port;
	snprintf(transfer->host, sizeof transfer->host, "%s", to->host);
	snprintf(url, sizeof url, "https://%s:%u%s%s", to->host, to->port, *path == '/' ? "" : "/", path);
	if (!transfer_set(transfer, url, addresses, count) || !transfer_set_post(transfer, media_type, bytes, len))
		option_refused(&transfer, found);
	return transfer;
}

/* --- the fetcher -------------------------------------------------------------------------------------------------- */

struct fetcher *fetcher_new(const struct fetch_options *options, struct failure *why)
{
	struct fetcher *fetcher = xcalloc(1, sizeof *fetcher);
	fetcher->proxy = xstrdup(options->proxy ? options->proxy : "");
	fetcher->trust = options->trust;
	fetcher->leaf = options->leaf;
	fetcher->leaf_arg = options->leaf_arg;
	CURLcode started = transfer_start_curl();
	bool proxy_ok = strncmp(fetcher->proxy, "http://", 7) == 0 || !strstr(fetcher->proxy, "://");
	if (started != CURLE_OK) {
		failure_set(why, EX_OSERR, "libcurl cannot start: %s", curl_easy_strerror(started));
	} else if (!proxy_ok) {
		failure_set(why, EX_CONFIG,
			"fetch_proxy: \"%s\": only HTTP proxies are supported; write http://host:port", fetcher->proxy);
	} else {
		/* Try the options now: if libcurl's TLS library is not OpenSSL, fail at the start and not at each
		 * fetch. */
		struct transfer transfer = {.fetcher = fetcher, .curl = xneed(curl_easy_init())};
		bool good = transfer_set_rules(&transfer);
		curl_easy_cleanup(transfer.curl);
		if (good)
			return fetcher;
		failure_set(why, EX_CONFIG,
			"libcurl (%s) does not let stsgated check certificates; use a libcurl that is built with OpenSSL",
			curl_version());
	}
	fetcher_free(&fetcher);
	return NULL;
}

void fetcher_free(struct fetcher **fetcher)
{
	if (!fetcher || !*fetcher)
		return;
	free((*fetcher)->proxy);
	free(*fetcher);
	*fetcher = NULL;
}
