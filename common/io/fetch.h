/* Fetching a policy by HTTPS (RFC 8461 3.3). Hides libcurl. Addresses come from our own DNS, judged by the caller, and
 * are pinned. https only, port 443, no redirect, no cache, no cookies, no proxy unless set, TLS 1.2 or newer, SAN only,
 * text/plain, POLICY_BYTES_MAX refused whole, one deadline over everything, no Content-Encoding. A fetcher may be used
 * by many threads at once. Replaced by a fake in scenario tests. */
#ifndef IO_FETCH_H
#define IO_FETCH_H

#include "address.h"
#include "entry.h"
#include "failure.h"

#define FETCH_ADDRESSES_MAX 8
#define FETCH_HEADER_BYTES_MAX 65536

struct trust;
struct fetch_options {
	struct trust *trust; /* outlives the fetcher */
	const char *proxy;   /* NULL: none */
};
struct fetcher;
struct fetcher *fetcher_new(const struct fetch_options *options, struct failure *why);
void fetcher_free(struct fetcher **fetcher);

/* GET https://mta-sts.<domain>/.well-known/mta-sts.txt from one of the addresses; fills outcome (REASON_NONE,
 * POLICY_FETCH, POLICY_INVALID, POLICY_WEBPKI), the policy and its text, `unreached` (refused, unreachable, or silent
 * to the end; never told of a proxy), and `detail` for people ("HTTP status 301", "certificate has expired", ...). */
void fetch_policy(struct fetcher *fetcher, const char *domain, const struct address *addresses, size_t count,
	int timeout_ms, struct policy_found *found);

/* Whether a Content-Type is one that RFC 8461 3.2 takes: text/plain in any case, with any parameters. NULL: no. */
bool fetch_media_type_ok(const char *content_type);

#endif
