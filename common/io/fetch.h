/* Fetching a policy by HTTPS (RFC 8461 3.3). Hides libcurl.
 *
 * A fetch connects only to the addresses of its caller, who looked them up and judged them. It speaks https only, on
 * port 443, with TLS 1.2 or newer. It checks the DNS names of the SAN only. It follows no redirect, keeps no cookies and
 * no cache, and uses no proxy unless one is set. It rejects any Content-Type but text/plain, any Content-Encoding, and a
 * policy of more than POLICY_BYTES_MAX as a whole. One deadline covers everything. Replaced by a fake in scenarios. */
#ifndef IO_FETCH_H
#define IO_FETCH_H

#include "address.h"
#include "entry.h"
#include "failure.h"
#include "loop.h"

#define FETCH_ADDRESSES_MAX 8
#define FETCH_HEADER_BYTES_MAX 65536

struct trust;
struct fetch_options {
	struct trust *trust; /* outlives the fetcher */
	const char *proxy;   /* NULL for none */
};
/* The settings of fetches. Many threads may use one fetcher at once. */
struct fetcher;
struct fetcher *fetcher_new(const struct fetch_options *options, struct failure *why);
void fetcher_free(struct fetcher **fetcher);

/* What one loop needs for fetches with any fetcher. fetch_line_new() may be called before the loop starts;
 * fetch_line_free() on the loop's thread or after it has ended, when all fetches have been dropped. */
struct fetch_line;
struct fetch_line *fetch_line_new(struct loop *loop);
void fetch_line_free(struct fetch_line **line);

/* Starts GET https://mta-sts.<domain>/.well-known/mta-sts.txt from one of the first FETCH_ADDRESSES_MAX addresses, with
 * a deadline of `timeout_ms`. Copies domain and addresses; the fetcher must outlive the fetch. The wake may drop any
 * fetch and begin others. This and the next two functions belong to the thread of the line's loop. */
struct fetch;
struct fetch *fetch_begin(struct fetcher *fetcher, struct fetch_line *line, const char *domain,
	const struct address *addresses, size_t count, int timeout_ms, struct wake wake);
/* Returns false while the fetch is under way. Then moves the result into `found`, once: the outcome (REASON_OK,
 * POLICY_FETCH, POLICY_INVALID, POLICY_WEBPKI), the policy and its text, `unreached` (refused, unreachable, or silent
 * until the deadline; always false with a proxy), `way`, and `detail` for people ("HTTP status 301", "certificate has
 * expired", ...). */
bool fetch_answer(struct fetch *fetch, struct policy_found *found);
/* Ends a fetch in any state and frees it. Its wake is not called any more. */
void fetch_drop(struct fetch **fetch);

/* Whether RFC 8461 3.2 allows a Content-Type: text/plain in any case, with any parameters. NULL is not allowed. */
bool fetch_media_type_ok(const char *content_type);

#endif
