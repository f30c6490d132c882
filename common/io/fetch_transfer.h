/* One transfer of a policy, a CRL or a report with libcurl. fetch_curl.c sets it up and checks certificates, fetch_result.c makes the
 * result when it has ended, and fetch_line.c runs many transfers on one loop. Private to these files. */
#ifndef IO_FETCH_TRANSFER_H
#define IO_FETCH_TRANSFER_H

#include "domain.h"
#include "fetch.h"
#include "fetch_response.h"

#include <curl/curl.h>

#define FETCH_HOST_SIZE (sizeof "mta-sts." + DOMAIN_MAX)
#define FETCH_STATUS_OK 200
#define FETCH_STATUS_UNCHANGED 304

struct fetcher {
	struct trust *trust;
	char *proxy; /* "": none; it is always set, or libcurl would use one from the environment */
	void (*leaf)(void *arg, const struct crl_leaf *leaf);
	void *leaf_arg;
};

struct transfer {
	struct fetcher *fetcher;
	CURL *curl;
	CURLSH *share;              /* holds the addresses pinned for this transfer */
	struct curl_slist *pins;    /* the pinned addresses as text */
	struct curl_slist *headers; /* of a report; else NULL */
	char host[FETCH_HOST_SIZE];
	uint16_t port; /* CRL_URL_PORT: plain HTTP, of a CRL; else 443 */
	char error[CURL_ERROR_SIZE];
	char certificate[192]; /* the first error of the certificates, for people; "": none */
	int timeout_ms;
	bool tls_answered;  /* the peer has answered in the TLS handshake */
	bool tls_up;        /* the handshake succeeded */
	bool tls_closed;    /* the peer sent close_notify */
	int64_t newer_than; /* of a CRL */
	uint64_t leaf;      /* policy_found.leaf */
	struct staple staple;
	struct response response;
};

/* Initializes libcurl, once. Any thread. */
CURLcode transfer_start_curl(void);

/* Prepares a transfer. `timeout_ms` counts from the moment when libcurl starts it. Returns NULL if the transfer cannot
 * be started; then `found` has the result. */
struct transfer *transfer_new(struct fetcher *fetcher, const char *domain, const struct address *addresses,
	size_t count, int timeout_ms, struct policy_found *found);
/* The same for a CRL; see fetch_list_begin(). */
struct transfer *transfer_new_list(struct fetcher *fetcher, const struct crl_url *url, int64_t newer_than,
	const struct address *addresses, size_t count, int timeout_ms, struct policy_found *found);
/* Sets `found` from the transfer of a CRL that has ended, and frees the transfer, as transfer_end() does. */
void transfer_end_list(struct transfer **transfer, CURLcode code, struct fetch_list_found *found);
/* The same for a report; see fetch_post_begin(). */
struct transfer *transfer_new_post(struct fetcher *fetcher, const struct report_address *to, const char *media_type,
	const void *bytes, size_t len, const struct address *addresses, size_t count, int timeout_ms,
	struct policy_found *found);
/* Sets `posted` from the transfer of a report that has ended, and frees the transfer, as transfer_end() does. */
void transfer_end_post(struct transfer **transfer, CURLcode code, struct fetch_posted *posted);
/* Returns the HTTP status; 0 if there is none yet. */
long transfer_status(const struct transfer *transfer);
/* Sets `found` from a transfer that ended with `code`, and frees the transfer. Its handle must have been removed from
 * its CURLM. */
void transfer_end(struct transfer **transfer, CURLcode code, struct policy_found *found);
/* Frees a transfer without a result. Its handle must have been removed from its CURLM. */
void transfer_free(struct transfer **transfer);

#endif
