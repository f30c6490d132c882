#include "fetch_transfer.h"
#include "key_context.h"
#include "loop.h"
#include "memory.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* libcurl ends a transfer at its deadline, and its error message best states what the transfer was waiting for. A
 * transfer that is still open this much later is cut off. */
#define DEADLINE_GRACE_MS 50

struct fetch_line {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer *timer;  /* calls libcurl at the time that libcurl asks for */
	TAILQ_HEAD(, fetch) ended; /* fetches that have ended and whose wakes have not been called yet */
	bool delivering;           /* wakes are being called */
	bool freed;                /* a wake has called fetch_line_free() */
};

struct fetch {
	struct fetch_line *line;
	struct transfer *transfer; /* NULL when it has ended */
	struct loop_timer *timer;  /* cuts the transfer off, or calls the wake of a fetch that could not start */
	struct wake wake;
	bool is_list; /* of a CRL: `list` has the result */
	bool is_post; /* of a report: `posted` has the result */
	struct policy_found found;
	struct fetch_list_found list;
	struct fetch_posted posted;
	bool taken;              /* the result has been moved to the caller */
	bool wake_waits;         /* is in line->ended */
	TAILQ_ENTRY(fetch) next; /* in line->ended */
};

/* --- libcurl and the loop ----------------------------------------------------------------------------------------- */

/* Ends a transfer and keeps its result. Must not be called inside a callback of libcurl, where handles may not be
 * removed. */
static void fetch_end(struct fetch *fetch, CURLcode code)
{
	loop_timer_stop(fetch->timer);
	curl_multi_remove_handle(fetch->line->multi, fetch->transfer->curl);
	if (fetch->is_post)
		transfer_end_post(&fetch->transfer, code, &fetch->posted);
	else if (fetch->is_list)
		transfer_end_list(&fetch->transfer, code, &fetch->list);
	else
		transfer_end(&fetch->transfer, code, &fetch->found);
}

static void line_destroy(struct fetch_line *line)
{
	curl_multi_cleanup(line->multi);
	loop_timer_free(&line->timer);
	free(line);
}

/* Lets libcurl work, collects the fetches that have ended, then calls their wakes. A wake may drop any fetch, begin
 * others, and free the line. No other function lets libcurl work. */
static void line_run(struct fetch_line *line, curl_socket_t fd, int ready)
{
	CURLMsg *message;
	int count;
	OSSL_LIB_CTX *before = OSSL_LIB_CTX_set0_default(key_context()); /* libcurl uses the context of its thread */
	curl_multi_socket_action(line->multi, fd, ready, &count);
	OSSL_LIB_CTX_set0_default(before);
	while ((message = curl_multi_info_read(line->multi, &count))) {
		CURLcode code = message->data.result;
		void *owner = NULL;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
		struct fetch *fetch = owner;
		fetch_end(fetch, code);
		TAILQ_INSERT_TAIL(&line->ended, fetch, next);
		fetch->wake_waits = true;
	}
	line->delivering = true;
	while (!TAILQ_EMPTY(&line->ended)) {
		struct fetch *fetch = TAILQ_FIRST(&line->ended);
		TAILQ_REMOVE(&line->ended, fetch, next);
		fetch->wake_waits = false;
		fetch->wake.call(fetch->wake.arg);
	}
	line->delivering = false;
	if (line->freed)
		line_destroy(line);
}

static void on_ready(void *arg, int fd, unsigned what)
{
	line_run(arg, fd, (what & LOOP_READ ? CURL_CSELECT_IN : 0) | (what & LOOP_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *arg)
{
	line_run(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wanted(CURLM *multi, long ms, void *arg)
{
	struct fetch_line *line = arg;
	(void)multi;
	if (ms < 0)
		loop_timer_stop(line->timer);
	else
		loop_timer_set(line->timer, ms);
	return 0;
}

static int on_socket_wanted(CURL *curl, curl_socket_t fd, int what, void *arg, void *arg_of_fd)
{
	struct fetch_line *line = arg;
	struct loop_watch *watch = arg_of_fd;
	unsigned wanted = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
	(void)curl;
	if (what == CURL_POLL_REMOVE)
		loop_watch_free(&watch);
	else if (watch)
		loop_watch_set(watch, wanted);
	else
		curl_multi_assign(line->multi, fd, loop_watch_new(line->loop, fd, wanted, on_ready, line));
	return 0;
}

/* Connections are neither shared nor kept, because their certificate was checked for one host. */
struct fetch_line *fetch_line_new(struct loop *loop)
{
	struct fetch_line *line = xcalloc(1, sizeof *line);
	transfer_start_curl();
	line->multi = xneed(curl_multi_init());
	line->loop = loop;
	TAILQ_INIT(&line->ended);
	line->timer = loop_timer_new(loop, on_timer, line);
	curl_multi_setopt(line->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
	curl_multi_setopt(line->multi, CURLMOPT_SOCKETDATA, line);
	curl_multi_setopt(line->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
	curl_multi_setopt(line->multi, CURLMOPT_TIMERDATA, line);
	curl_multi_setopt(line->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	curl_multi_setopt(line->multi, CURLMOPT_MAXCONNECTS, 1L);
	return line;
}

void fetch_line_free(struct fetch_line **slot)
{
	if (*slot && (*slot)->delivering)
		(*slot)->freed = true;
	else if (*slot)
		line_destroy(*slot);
	*slot = NULL;
}

/* --- fetches ------------------------------------------------------------------------------------------------------ */

static void on_fetch_timer(void *arg)
{
	struct fetch *fetch = arg;
	if (fetch->transfer)
		fetch_end(fetch, CURLE_OPERATION_TIMEDOUT);
	fetch->wake.call(fetch->wake.arg);
}

static struct fetch *fetch_new(struct fetch_line *line, struct wake wake)
{
	struct fetch *fetch = xcalloc(1, sizeof *fetch);
	fetch->line = line;
	fetch->wake = wake;
	fetch->timer = loop_timer_new(line->loop, on_fetch_timer, fetch);
	return fetch;
}

static void fetch_start(struct fetch *fetch, int timeout_ms)
{
	loop_timer_set(fetch->timer, fetch->transfer ? (int64_t)timeout_ms + DEADLINE_GRACE_MS : 0);
	/* This makes libcurl ask for a timer; the transfer starts when the timer fires. */
	if (fetch->transfer && (curl_easy_setopt(fetch->transfer->curl, CURLOPT_PRIVATE, fetch) != CURLE_OK ||
				       curl_multi_add_handle(fetch->line->multi, fetch->transfer->curl) != CURLM_OK))
		abort();
}

struct fetch *fetch_begin(struct fetcher *fetcher, struct fetch_line *line, const char *domain,
	const struct address *addresses, size_t count, int timeout_ms, struct wake wake)
{
	struct fetch *fetch = fetch_new(line, wake);
	fetch->transfer = transfer_new(fetcher, domain, addresses, count, timeout_ms, &fetch->found);
	fetch_start(fetch, timeout_ms);
	return fetch;
}

struct fetch *fetch_list_begin(struct fetcher *fetcher, struct fetch_line *line, const struct crl_url *url,
	int64_t newer_than, const struct address *addresses, size_t count, int timeout_ms, struct wake wake)
{
	struct fetch *fetch = fetch_new(line, wake);
	fetch->is_list = true;
	fetch->transfer = transfer_new_list(fetcher, url, newer_than, addresses, count, timeout_ms, &fetch->found);
	memcpy(fetch->list.detail, fetch->found.detail, sizeof fetch->list.detail);
	fetch_start(fetch, timeout_ms);
	return fetch;
}

struct fetch *fetch_post_begin(struct fetcher *fetcher, struct fetch_line *line, const struct report_address *to,
	const char *media_type, const void *bytes, size_t len, const struct address *addresses, size_t count,
	int timeout_ms, struct wake wake)
{
	struct fetch *fetch = fetch_new(line, wake);
	fetch->is_post = true;
	fetch->transfer =
		transfer_new_post(fetcher, to, media_type, bytes, len, addresses, count, timeout_ms, &fetch->found);
	fetch->posted.outcome = TLSRPT_LATER;
	memcpy(fetch->posted.detail, fetch->found.detail, sizeof fetch->posted.detail);
	fetch_start(fetch, timeout_ms);
	return fetch;
}

bool fetch_answer(struct fetch *fetch, struct policy_found *found)
{
	if (fetch->transfer || fetch->taken)
		return false;
	fetch->taken = true;
	*found = fetch->found;
	return true;
}

bool fetch_list_answer(struct fetch *fetch, struct fetch_list_found *found)
{
	if (fetch->transfer || fetch->taken)
		return false;
	fetch->taken = true;
	*found = fetch->list;
	return true;
}

bool fetch_post_answer(struct fetch *fetch, struct fetch_posted *posted)
{
	if (fetch->transfer || fetch->taken)
		return false;
	fetch->taken = true;
	*posted = fetch->posted;
	return true;
}

void fetch_drop(struct fetch **slot)
{
	struct fetch *fetch = *slot;
	if (!fetch)
		return;
	if (fetch->wake_waits)
		TAILQ_REMOVE(&fetch->line->ended, fetch, next);
	if (fetch->transfer)
		curl_multi_remove_handle(fetch->line->multi, fetch->transfer->curl);
	transfer_free(&fetch->transfer);
	loop_timer_free(&fetch->timer);
	if (!fetch->taken) {
		policy_found_free(&fetch->found);
		free(fetch->list.bytes);
	}
	free(fetch);
	*slot = NULL;
}
