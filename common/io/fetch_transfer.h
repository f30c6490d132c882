/* One transfer of a policy with libcurl: fetch_curl.c sets it up and checks certificates, fetch_result.c says what its
 * end means, fetch_line.c runs many of them on one loop. Private to these files. */
#ifndef IO_FETCH_TRANSFER_H
#define IO_FETCH_TRANSFER_H

#include "domain.h"
#include "fetch.h"
#include "fetch_response.h"

#include <curl/curl.h>

#define FETCH_HOST_SIZE (sizeof "mta-sts." + DOMAIN_MAX)
#define FETCH_STATUS_OK 200

struct fetcher {
	struct trust *trust;
	char *proxy; /* "" for none: libcurl would take one from the environment */
};

struct transfer {
	struct fetcher *fetcher;
	CURL *curl;
	CURLSH *share;           /* holds the addresses pinned for this transfer */
	struct curl_slist *pins; /* the same as text */
	char host[FETCH_HOST_SIZE];
	char error[CURL_ERROR_SIZE];
	char certificate[192]; /* what is wrong with it; "" for nothing */
	int timeout_ms;
	bool answered; /* the peer took part in a TLS handshake */
	bool spoken;   /* the handshake succeeded */
	bool ended;    /* the peer sent close_notify */
	struct response response;
};

/* Starts libcurl as a whole, once. Any thread. */
CURLcode transfer_start_curl(void);

/* Prepares a transfer; the deadline runs from the moment when libcurl starts it. NULL when there is nothing to start:
 * then `found` holds the result. */
struct transfer *transfer_new(struct fetcher *fetcher, const char *domain, const struct address *addresses,
	size_t count, int timeout_ms, struct policy_found *found);
/* The HTTP status; 0 before there is one. */
long transfer_status(const struct transfer *transfer);
/* Fills `found` from a transfer that ended with `code` and frees the transfer. The handle has left its CURLM. */
void transfer_end(struct transfer **transfer, CURLcode code, struct policy_found *found);
/* Frees a transfer whose result nobody wants. The handle has left its CURLM. */
void transfer_free(struct transfer **transfer);

#endif
