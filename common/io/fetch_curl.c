#include "fetch.h"

#include "clock.h"
#include "fetch_response.h"
#include "trust.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define HOST_SIZE (sizeof "mta-sts." + DOMAIN_MAX)
#define URL_SIZE (HOST_SIZE + 64)
#define PIN_SIZE (HOST_SIZE + 16 + FETCH_ADDRESSES_MAX * (ADDRESS_TEXT_SIZE + 3))
#define STATUS_OK 200

struct fetcher {
	struct trust *trust;
	char *proxy; /* "" none: libcurl would take one from the environment */
};

/* One fetch. */
struct transfer {
	struct fetcher *fetcher;
	CURL *curl;
	struct curl_slist *pins;
	char host[HOST_SIZE];
	char error[CURL_ERROR_SIZE];
	char certificate[192]; /* what is wrong with it; "" nothing */
	int timeout_ms;
	int64_t deadline_ms;
	bool answered; /* the peer took part in a TLS handshake */
	bool spoken;   /* which ended well */
	bool ended;    /* the peer said that nothing more would come */
	struct response response;
};

static int transfer_index; /* of a transfer in its SSL_CTX */
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void curl_start(void)
{
	curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
	transfer_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* What libcurl calls */

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;

	return response_header(&transfer->response, line, size * count) ? size * count : 0;
}

static long transfer_status(struct transfer *transfer)
{
	long status = 0;

	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;

	/* RFC 8461 3.3: nothing but 200 counts. 0 ends the transfer. */
	if (transfer_status(transfer) != STATUS_OK || !response_body(&transfer->response, bytes, size * count))
		return 0;
	return size * count;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct transfer *transfer = arg;

	(void)a, (void)b, (void)c, (void)d;
	return clock_mono_ms() >= transfer->deadline_ms;
}

/* Addresses are pinned, so libcurl has nothing to look up; if it tries all the same, the transfer ends. */
static int on_resolve(void *resolver, void *reserved, void *arg)
{
	(void)resolver, (void)reserved, (void)arg;
	return 1;
}

static void on_tls_info(const SSL *ssl, int where, int value)
{
	struct transfer *transfer = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), transfer_index);

	if ((where & SSL_CB_LOOP) && SSL_get_state(ssl) != TLS_ST_BEFORE && SSL_get_state(ssl) != TLS_ST_CW_CLNT_HELLO)
		transfer->answered = true;
	if (where & SSL_CB_HANDSHAKE_DONE)
		transfer->spoken = true;
	if (where == SSL_CB_READ_ALERT && (value & 0xff) == SSL3_AD_CLOSE_NOTIFY)
		transfer->ended = true;
}

/* Judges nothing: what OpenSSL finds first is kept for people. */
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

/* libcurl's own check would take a certificate with nothing but a CN: the check inside the handshake is ours. */
static CURLcode on_tls(CURL *curl, void *ssl_ctx, void *arg)
{
	struct transfer *transfer = arg;
	X509_STORE *store = trust_store(transfer->fetcher->trust);
	bool set;

	(void)curl;
	SSL_CTX_set_ex_data(ssl_ctx, transfer_index, transfer);
	SSL_CTX_set_info_callback(ssl_ctx, on_tls_info);
	SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, on_verify);
	SSL_CTX_set1_cert_store(ssl_ctx, store);
	X509_STORE_free(store);
	set = trust_check_host(SSL_CTX_get0_param(ssl_ctx), transfer->host);
	return set ? CURLE_OK : CURLE_SSL_CONNECT_ERROR;
}

/* Setting a transfer up. Each of these is false when libcurl does not take an option. */

#define SET(option, value) (curl_easy_setopt(transfer->curl, (option), (value)) == CURLE_OK)

static bool transfer_set_tls(struct transfer *transfer)
{
	/* No CA file of libcurl's: it would be parsed for every fetch. */
	return SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) && SET(CURLOPT_CAINFO, NULL) &&
	       SET(CURLOPT_CAPATH, NULL) && SET(CURLOPT_SSL_CTX_FUNCTION, on_tls) &&
	       SET(CURLOPT_SSL_CTX_DATA, transfer) && SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
}

static bool transfer_set_limits(struct transfer *transfer)
{
	return SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_TIMEOUT_MS, (long)transfer->timeout_ms) &&
	       SET(CURLOPT_CONNECTTIMEOUT_MS, (long)transfer->timeout_ms) && SET(CURLOPT_NOPROGRESS, 0L) &&
	       SET(CURLOPT_XFERINFOFUNCTION, on_progress) && SET(CURLOPT_XFERINFODATA, transfer) &&
	       SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, transfer) &&
	       SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, transfer) &&
	       SET(CURLOPT_ERRORBUFFER, transfer->error);
}

static bool transfer_set_http(struct transfer *transfer)
{
	return SET(CURLOPT_PROTOCOLS_STR, "https") && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
	       SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && SET(CURLOPT_HTTP09_ALLOWED, 0L) &&
	       SET(CURLOPT_HTTP_CONTENT_DECODING, 0L) && SET(CURLOPT_USERAGENT, "stsgate") &&
	       SET(CURLOPT_FORBID_REUSE, 1L);
}

/* A proxy looks the name up by itself, so the addresses judged and pinned here do not bind it; and its own name, if it
 * has one, is looked up by libcurl with the system's resolver. Certificate and deadline hold as without it. */
static bool transfer_set_way(struct transfer *transfer)
{
	const char *proxy = transfer->fetcher->proxy;

	if (!SET(CURLOPT_PROXY, proxy) || !SET(CURLOPT_NOPROXY, ""))
		return false;
	if (*proxy)
		return SET(CURLOPT_HTTPPROXYTUNNEL, 1L);
	return SET(CURLOPT_RESOLVE, transfer->pins) && SET(CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
}

static bool transfer_set(struct transfer *transfer)
{
	char url[URL_SIZE];

	snprintf(url, sizeof url, "https://%s/.well-known/mta-sts.txt", transfer->host);
	return transfer_set_http(transfer) && transfer_set_limits(transfer) && transfer_set_tls(transfer) &&
	       transfer_set_way(transfer) && SET(CURLOPT_URL, url);
}

static struct curl_slist *pins_new(const char *host, const struct address *addresses, size_t count)
{
	char pin[PIN_SIZE], address[ADDRESS_TEXT_SIZE];
	struct text text;

	text_init(&text, pin, sizeof pin);
	text_add(&text, host);
	for (size_t i = 0; i < count && i < FETCH_ADDRESSES_MAX; i++) {
		text_add(&text, i == 0 ? ":443:" : ",");
		text_add(&text, addresses[i].len == 16 ? "[" : "");
		text_add(&text, address_format(&addresses[i], address));
		text_add(&text, addresses[i].len == 16 ? "]" : "");
	}
	struct curl_slist *pins = curl_slist_append(NULL, pin);
	if (!pins)
		abort();
	return pins;
}

/* What came of it */

static void tell_webpki(struct transfer *transfer, struct text *detail)
{
	long error = X509_V_OK;

	curl_easy_getinfo(transfer->curl, CURLINFO_SSL_VERIFYRESULT, &error);
	if (transfer->certificate[0] != '\0')
		text_add(detail, transfer->certificate);
	else if (error != X509_V_OK)
		text_add(detail, X509_verify_cert_error_string(error));
	else
		text_quote(detail, transfer->error, strlen(transfer->error), 160);
}

static void tell_trouble(struct transfer *transfer, CURLcode code, struct text *detail)
{
	const char *words = transfer->error[0] ? transfer->error : curl_easy_strerror(code);

	if (code == CURLE_OPERATION_TIMEDOUT || clock_mono_ms() >= transfer->deadline_ms) {
		text_add(detail, "no policy within ");
		text_add_number(detail, transfer->timeout_ms);
		text_add(detail, " ms: ");
	}
	text_quote(detail, words, strlen(words), 160);
}

static enum reason transfer_judge(struct transfer *transfer, CURLcode code, struct text *detail)
{
	const struct response *response = &transfer->response;
	long status = transfer_status(transfer);

	if (code == CURLE_PEER_FAILED_VERIFICATION) {
		tell_webpki(transfer, detail);
		return REASON_POLICY_WEBPKI;
	}
	if (response->headers_too_long) {
		text_add(detail, "headers too large");
	} else if (status != 0 && status != STATUS_OK) {
		response_refuse_status(&transfer->response, status, detail);
	} else if (response->too_large) {
		text_add(detail, "policy too large");
	} else if (code != CURLE_OK) {
		tell_trouble(transfer, code, detail);
	} else if (!response->framed && !transfer->ended) {
		/* libcurl takes this for the end of the body, but anybody on the way can cut a connection. */
		text_add(detail, "the connection was cut");
	} else if (!response_refuse(response, detail)) {
		return REASON_NONE;
	}
	return REASON_POLICY_FETCH;
}

static void take_body(struct response *response, struct policy_found *found, struct text *detail)
{
	struct policy_findings findings = {.errors = {.bytes = NULL}};
	const char *word = NULL;

	if (!policy_parse(&found->policy, response->body ? response->body : "", response->body_len, &findings)) {
		found->outcome = REASON_POLICY_INVALID;
		while ((word = names_next(&findings.errors, word))) {
			text_add(detail, detail->len ? " " : "");
			text_add(detail, word);
		}
	}
	policy_findings_free(&findings);
	found->text = response->body;
	found->text_len = (uint32_t)response->body_len;
	response->body = NULL;
}

/* With a proxy it says nothing of the policy host. */
static bool transfer_unreached(const struct transfer *transfer, CURLcode code)
{
	bool silent = code == CURLE_OPERATION_TIMEDOUT || code == CURLE_ABORTED_BY_CALLBACK;

	if (*transfer->fetcher->proxy)
		return false;
	return code == CURLE_COULDNT_CONNECT || (silent && !transfer->answered);
}

static enum health_way certificate_way(const struct transfer *transfer)
{
	long error = X509_V_OK;

	curl_easy_getinfo(transfer->curl, CURLINFO_SSL_VERIFYRESULT, &error);
	switch (error) {
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return HEALTH_EARLY;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return HEALTH_EXPIRED;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
		return HEALTH_UNTRUSTED;
	default:
		return HEALTH_REACHED;
	}
}

/* With a proxy, too: where that fails, no policy host is reached. */
static enum health_way transfer_way(const struct transfer *transfer, CURLcode code)
{
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return certificate_way(transfer);
	if (code == CURLE_OK || transfer->spoken)
		return HEALTH_WELL;
	return transfer->answered ? HEALTH_REACHED : HEALTH_UNREACHED;
}

static void transfer_run(struct transfer *transfer, struct policy_found *found, struct text *detail)
{
	transfer->curl = curl_easy_init();
	if (!transfer->curl)
		abort();
	if (transfer_set(transfer)) {
		CURLcode code = curl_easy_perform(transfer->curl);
		found->outcome = transfer_judge(transfer, code, detail);
		found->unreached = transfer_unreached(transfer, code);
		found->way = transfer_way(transfer, code);
	} else {
		found->outcome = REASON_POLICY_FETCH;
		text_add(detail, "libcurl does not take an option");
	}
	if (found->outcome == REASON_NONE)
		take_body(&transfer->response, found, detail);
	curl_easy_cleanup(transfer->curl);
}

void fetch_policy(struct fetcher *fetcher, const char *domain, const struct address *addresses, size_t count,
	int timeout_ms, struct policy_found *found)
{
	struct transfer transfer = {.fetcher = fetcher, .timeout_ms = timeout_ms > 0 ? timeout_ms : 1};
	struct text detail;

	memset(found, 0, sizeof *found);
	text_init(&detail, found->detail, sizeof found->detail);
	if (count == 0) {
		found->outcome = REASON_POLICY_FETCH;
		text_add(&detail, "no usable address");
		return;
	}
	snprintf(transfer.host, sizeof transfer.host, "mta-sts.%s", domain);
	transfer.deadline_ms = clock_mono_ms() + transfer.timeout_ms;
	transfer.pins = pins_new(transfer.host, addresses, count);
	transfer_run(&transfer, found, &detail);
	curl_slist_free_all(transfer.pins);
	response_free(&transfer.response);
}

/* The fetcher */

/* Told at start, not by every fetch: a libcurl whose TLS library is not OpenSSL does not take our checks. */
static bool fetcher_try(struct fetcher *fetcher, struct failure *why)
{
	struct transfer transfer = {.fetcher = fetcher, .curl = curl_easy_init()};
	bool good;

	if (!transfer.curl)
		abort();
	good = transfer_set_tls(&transfer) && transfer_set_http(&transfer);
	curl_easy_cleanup(transfer.curl);
	return good ||
	       failure_set(why, EX_CONFIG, "libcurl (%s) takes no TLS checks of ours; it must be built with OpenSSL",
		       curl_version());
}

static bool proxy_ok(const char *proxy, struct failure *why)
{
	if (strncmp(proxy, "http://", 7) == 0 || !strstr(proxy, "://"))
		return true;
	return failure_set(
		why, EX_CONFIG, "fetch_proxy: \"%s\": only an HTTP proxy is possible; write http://host:port", proxy);
}

struct fetcher *fetcher_new(const struct fetch_options *options, struct failure *why)
{
	struct fetcher *fetcher = calloc(1, sizeof *fetcher);

	if (!fetcher || !(fetcher->proxy = strdup(options->proxy ? options->proxy : "")))
		abort();
	fetcher->trust = options->trust;
	pthread_once(&curl_once, curl_start);
	if (curl_ready != CURLE_OK)
		failure_set(why, EX_OSERR, "libcurl cannot start: %s", curl_easy_strerror(curl_ready));
	else if (proxy_ok(fetcher->proxy, why) && fetcher_try(fetcher, why))
		return fetcher;
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
