/* Fetches policies by HTTPS (RFC 8461 3.3), and certificate revocation lists (CRLs) by HTTP, and posts TLS reports by HTTPS
 * (RFC 8460 5.4), on event loops. Hides libcurl.
 *
 * How to use: fetcher_new() once, fetch_line_new() for each loop; then fetch_begin(), wait for the `wake`,
 * fetch_answer(), fetch_drop().
 *
 * A fetch connects only to the addresses that its caller passes. The caller looks them up and decides which of them are
 * allowed. A fetch uses https on port 443, and TLS 1.2 or newer. The DNS names of the certificate's SAN must cover the
 * policy host. A fetch follows no redirect, keeps no cookies and no cache, and uses no proxy unless one is set. It
 * rejects any Content-Type except text/plain, any Content-Encoding, and a policy larger than POLICY_BYTES_MAX. One
 * deadline covers everything. Scenario tests replace this module by a fake. */
#ifndef IO_FETCH_H
#define IO_FETCH_H

#include "address.h"
#include "crl.h"
#include "entry.h"
#include "failure.h"
#include "loop.h"
#include "tlsrpt_send.h"

#define FETCH_ADDRESSES_MAX 8        /* further addresses are ignored */
#define FETCH_HEADER_BYTES_MAX 65536 /* of one response, interim responses and trailers included */

struct trust;
struct fetch_options {
	struct trust *trust; /* the authorities; must outlive the fetcher */
	const char *proxy;   /* http://host:port; NULL: none. Copied */
	/* Called on the loop's thread with the good certificate of a policy host that names its CRL. The leaf is valid only
	 * during the call. May be NULL. */
	void (*leaf)(void *arg, const struct crl_leaf *leaf);
	void *leaf_arg;
};
/* The settings that fetches share. Many threads may use one fetcher at the same time. */
struct fetcher;
/* Creates a fetcher. Returns NULL on failure: EX_CONFIG for a proxy that is not an HTTP proxy, or a libcurl without
 * OpenSSL; EX_OSERR if libcurl cannot start. Any thread. */
struct fetcher *fetcher_new(const struct fetch_options *options, struct failure *why);
/* Frees a fetcher and sets the pointer to NULL. All its fetches must have been dropped. */
void fetcher_free(struct fetcher **fetcher);

/* A line holds the fetches of one loop. They may use different fetchers. */
struct fetch_line;
/* Creates a line. It may be called before the loop starts. */
struct fetch_line *fetch_line_new(struct loop *loop);
/* Frees a line and sets the pointer to NULL. All its fetches must have been dropped. Must be called on the loop's
 * thread, or after that thread has ended. A `wake` may call it. */
void fetch_line_free(struct fetch_line **line);

/* Starts GET https://mta-sts.<domain>/.well-known/mta-sts.txt from one of the first FETCH_ADDRESSES_MAX addresses.
 * Copies domain and addresses. The fetcher must outlive the fetch.
 *
 * Calls `wake` once when the fetch has ended, at the latest shortly after `timeout_ms`, and never from inside this
 * function. `wake` may drop any fetch and begin others.
 *
 * This and the next two functions must be called on the thread of the line's loop. */
struct fetch;
struct fetch *fetch_begin(struct fetcher *fetcher, struct fetch_line *line, const char *domain,
	const struct address *addresses, size_t count, int timeout_ms, struct wake wake);
/* Moves the result into `found` and returns true. Returns false while the fetch is under way, and after the result has
 * been moved. The caller frees `found` with policy_found_free(). The result has:
 *
 * - outcome: REASON_OK, POLICY_FETCH, POLICY_INVALID or POLICY_WEBPKI;
 * - the policy, if REASON_OK; its text, also if POLICY_INVALID;
 * - unreached: no connection could be made, or there was no TLS answer before the deadline; always false with a proxy;
 * - way: what the outcome shows about this machine (core/health);
 * - leaf: the certificate of the policy host, if it names a CRL;
 * - detail: words for people ("HTTP status 301", "certificate has expired"). Untrusted text in it is quoted. */
bool fetch_answer(struct fetch *fetch, struct policy_found *found);
/* Ends and frees a fetch in any state, and sets the pointer to NULL. Its `wake` is not called any more. */
void fetch_drop(struct fetch **fetch);

/* Starts GET of a CRL at port 80, in the same way. The octets are not secret, and the CRL is signed, so there is no TLS.
 * A CRL has at most CRL_BYTES_MAX octets and any Content-Type; redirects are not followed. `newer_than`: if the server says
 * that the CRL has not changed since then, it is not sent again; 0: it is always sent. End it with fetch_drop(). */
struct fetch *fetch_list_begin(struct fetcher *fetcher, struct fetch_line *line, const struct crl_url *url,
	int64_t newer_than, const struct address *addresses, size_t count, int timeout_ms, struct wake wake);
struct fetch_list_found {
	bool received;
	bool unchanged; /* there is nothing newer than `newer_than` */
	char *bytes;    /* if received; the caller frees it */
	size_t len;
	int64_t modified_at; /* the server's time of the CRL, for the next `newer_than`; 0: it does not say */
	char detail[256];    /* if neither received nor unchanged: why, for people. Untrusted text in it is quoted */
};
/* Moves the result into `found` and returns true, as fetch_answer() does. */
bool fetch_list_answer(struct fetch *fetch, struct fetch_list_found *found);

/* Starts POST of a report to an https: address, in the same way, with the same rules for TLS, addresses, proxy and redirects, but on
 * the address's own port. Copies everything. What the server answers does not matter, except its status. End it with
 * fetch_drop(). */
struct fetch *fetch_post_begin(struct fetcher *fetcher, struct fetch_line *line, const struct report_address *to,
	const char *media_type, const void *bytes, size_t len, const struct address *addresses, size_t count,
	int timeout_ms, struct wake wake);
struct fetch_posted {
	/* TLSRPT_DONE: status 200 to 299. TLSRPT_NEVER: a redirect, or a status that says that the request is wrong.
	 * TLSRPT_LATER: anything else. */
	enum tlsrpt_outcome outcome;
	char detail[256]; /* for people: "HTTP status 201", "certificate has expired". Untrusted text in it is quoted */
};
/* Moves the result into `posted` and returns true, as fetch_answer() does. */
bool fetch_post_answer(struct fetch *fetch, struct fetch_posted *posted);

/* Returns whether RFC 8461 3.2 allows a Content-Type: text/plain in upper or lower case, with any parameters. NULL (no
 * header) is not allowed. */
bool fetch_media_type_ok(const char *content_type);

#endif
