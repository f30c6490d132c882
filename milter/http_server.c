#include "http_server.h"

#include "clock.h"
#include "http_accept.h"
#include "http_head.h"
#include "memory.h"
#include "override_text.h"
#include "page.h"
#include "page_frame.h"
#include "report.h"
#include "text.h"
#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name that the store never contains: looking it up reads the store and finds nothing. */
#define HEALTH_NAME "healthz.invalid"

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

_Static_assert(HTTP_HEAD_SIZE + METRICS_TEXT_MAX <= CLIENT_OUTPUT_MAX,
	"the buffer of a slow client must hold the whole reply");

struct http_server {
	struct service service; /* the first member (front_end.h) */
	struct store *store;
	void (*collect)(void *arg);
	void *collect_arg;
	struct page *page;                             /* NULL: there is no status page */
	char reply[HTTP_HEAD_SIZE + METRICS_TEXT_MAX]; /* the head ends and the body starts at offset HTTP_HEAD_SIZE */
};

struct http_request {
	bool valid;
	bool known_method;
	bool head;
	struct span path; /* without the query */
};

static size_t span_find(struct span in, char wanted)
{
	const char *found = memchr(in.at, wanted, in.len);
	return found ? (size_t)(found - in.at) : in.len;
}

static struct span span_after(struct span in, size_t len)
{
	return (struct span){in.at + len, in.len - len};
}

/* method SP request-target SP HTTP-version (RFC 9112 3) */
static struct http_request request_parse(struct span line)
{
	struct http_request request = {.valid = false};
	size_t method_len = span_find(line, ' ');
	if (method_len == line.len)
		return request;
	struct span method = {line.at, method_len};
	struct span rest = span_after(line, method_len + 1);
	size_t target_len = span_find(rest, ' ');
	if (target_len == rest.len)
		return request;
	struct span target = {rest.at, target_len};
	struct span version = span_after(rest, target_len + 1);
	request.valid = span_is(version, "HTTP/1.1") || span_is(version, "HTTP/1.0");
	request.head = span_is(method, "HEAD");
	request.known_method = request.head || span_is(method, "GET");
	request.path = (struct span){target.at, span_find(target, '?')};
	return request;
}

/* Sends the head of a reply, followed by the body in http->reply. If `head`, the request was HEAD, and the body is not
 * sent. `fields`: further header fields, each with its end of line. */
static void http_send(struct http_server *http, struct client *client, const char *status, const char *type,
	const char *fields, size_t body_len, bool head)
{
	char text[HTTP_HEAD_SIZE];
	size_t len = http_head(text, status, type, body_len, fields);
	char *reply = http->reply + HTTP_HEAD_SIZE - len;
	memcpy(reply, text, len);
	client_reply(client, (struct span){reply, len + (head ? 0 : body_len)});
	client_finish(client);
}

static void http_reply_with(struct http_server *http, struct client *client, const char *status, const char *fields,
	const char *text, bool head)
{
	int len = snprintf(http->reply + HTTP_HEAD_SIZE, METRICS_TEXT_MAX, "%s\n", text);
	http_send(http, client, status, TYPE_TEXT, fields, (size_t)len, head);
}

static void http_reply(struct http_server *http, struct client *client, const char *status, const char *text, bool head)
{
	http_reply_with(http, client, status, "", text, head);
}

static void http_metrics(struct http_server *http, struct client *client, bool head, enum metrics_format format)
{
	http->collect(http->collect_arg);
	size_t len = metrics_render(format, &counters_names, http->reply + HTTP_HEAD_SIZE, METRICS_TEXT_MAX);
	if (len > 0)
		http_send(http, client, "200 OK", format == METRICS_OPENMETRICS ? TYPE_OPENMETRICS : TYPE_PROMETHEUS,
			"", len, head);
	else
		http_reply(http, client, "500 Internal Server Error", "the metrics do not fit into the reply buffer",
			head);
}

/* Adds a line while the shared store cannot be reached: a farm that silently shares nothing looks healthy. */
static void sharing_add(struct text *text)
{
	int64_t since = (int64_t)metrics_read(METRIC_FLEET_CHANGED, 0, 0, 0);
	struct when when;
	if (since == 0 || metrics_read(METRIC_FLEET_UP, 0, 0, 0) != 0)
		return;
	text_add(text, "\nsharing: off since ");
	text_add(text, when_date(&when, since));
}

/* Answers /healthz. Returns 503 and the cause if the store cannot be read. Otherwise returns 200 even if the daemon is
 * degraded, because stopping or restarting it would repair nothing (design 6.10). A second line names an override for
 * all domains, another one says since when nothing is shared. */
static void http_health(struct http_server *http, struct client *client, bool head)
{
	struct failure why;
	struct store_view *view = store_view_begin(http->store, &why);
	struct entry entry = {0};
	struct override all = {.kind = OVERRIDE_NONE};
	enum store_found found = view ? store_view_entry(view, HEALTH_NAME, &entry) : STORE_FAILED;
	if (view && found == STORE_FAILED)
		failure_set(&why, 0, "the store cannot be read");
	if (found != STORE_FAILED)
		store_view_override(view, "", clock_wall_s(), &all);
	store_view_end(&view);
	if (found == STORE_FOUND)
		entry_free(&entry);
	if (found == STORE_FAILED) {
		http_reply(http, client, "503 Service Unavailable", why.text, head);
		return;
	}
	char words[512 + OVERRIDE_TEXT_SIZE];
	struct text text;
	text_init(&text, words, sizeof words);
	for (unsigned i = 0; i < LABEL_CONDITION_VALUES; i++) {
		const char *name = counters_names.name[LABEL_CONDITION](i);
		if (!name || metrics_read(METRIC_DEGRADED, i, 0, 0) == 0)
			continue;
		text_add(&text, text.len == 0 ? "degraded: " : " ");
		text_add(&text, name);
	}
	if (text.len == 0)
		text_add(&text, "ok");
	if (all.kind != OVERRIDE_NONE) {
		text_add(&text, "\noverride: ");
		override_describe(&text, &all);
	}
	sharing_add(&text);
	http_reply(http, client, "200 OK", words, head);
}

/* Answers a request for the status page. It has the domains of this relay's mail, so it is only for this machine. */
static void http_page(
	struct http_server *http, struct client *client, const struct page_request *request, struct span head)
{
	if (!client_is_local(client)) {
		http_reply(http, client, "403 Forbidden", "the status page is only for clients on this machine",
			request->head);
	} else if (!page_host_is_local(head)) {
		http_reply(http, client, "403 Forbidden",
			"the status page has only the names localhost, 127.0.0.1 and [::1]", request->head);
	} else if (request->route == PAGE_STYLE) {
		size_t len = strlen(page_style);
		memcpy(http->reply + HTTP_HEAD_SIZE, page_style, len);
		http_send(http, client, "200 OK", "text/css; charset=utf-8", page_fields, len, request->head);
	} else if (!page_ask(http->page, client, request)) {
		http_reply_with(http, client, PAGE_BUSY_STATUS, PAGE_BUSY_FIELDS, PAGE_BUSY_TEXT, request->head);
	}
}

static void http_answer(void *arg, struct client *client, struct later *later)
{
	(void)arg;
	page_answer(client, later);
}

static bool http_give_up(void *arg, struct later *later)
{
	struct http_server *http = arg;
	return page_give_up(http->page, later);
}

/* Returns the length of the request's head including its empty line, or 0 if the head is not complete. A bare LF ends a
 * line, too (RFC 9112 2.2). */
static size_t head_len(struct span in)
{
	size_t from = 0;
	for (;;) {
		size_t line = span_find(span_after(in, from), '\n');
		size_t next = from + line + 1;
		if (next > in.len)
			return 0;
		if (from > 0 && (line == 0 || (line == 1 && in.at[from] == '\r')))
			return next;
		from = next;
	}
}

static size_t http_input(void *arg, struct client *client, struct span in)
{
	struct http_server *http = arg;
	size_t len = head_len(in);
	if (len == 0)
		return 0;
	struct span line = {in.at, span_find(in, '\n')};
	if (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	struct http_request request = request_parse(line);
	struct span head = {in.at, len};
	struct page_request page = {.head = request.head};
	if (!request.valid) {
		http_reply(http, client, "400 Bad Request", "not an HTTP/1 request", false);
		return len;
	}
	if (!request.known_method) {
		http_reply_with(http, client, "405 Method Not Allowed", "Allow: GET, HEAD\r\n",
			"only GET and HEAD are allowed", false);
		return len;
	}
	bool has_page = page_is_on(http->page);
	if (has_page)
		page_request_route(&page, request.path);
	if (span_is(request.path, "/metrics")) {
		http_metrics(http, client, request.head,
			http_accepts_openmetrics(head) ? METRICS_OPENMETRICS : METRICS_PROMETHEUS);
	} else if (span_is(request.path, "/healthz")) {
		http_health(http, client, request.head);
	} else if (page.route != PAGE_NONE) {
		page.json = http_accepts_json(head);
		http_page(http, client, &page, head);
	} else {
		http_reply(http, client, "404 Not Found",
			has_page ? "only /, /domain/NAME, /healthz and /metrics exist"
				 : "only /healthz and /metrics exist",
			request.head);
	}
	return len;
}

struct service *http_server_new(const struct front_end_parts *parts)
{
	struct http_server *http = xcalloc(1, sizeof *http);
	http->store = parts->store;
	http->collect = parts->collect;
	http->collect_arg = parts->collect_arg;
	http->page = parts->page;
	http->service = (struct service){.name = "http",
		.input_max = HTTP_REQUEST_MAX,
		.clients_max = HTTP_CLIENTS_MAX,
		.idle_ms = CLIENT_PARTIAL_MS,
		.partial_ms = CLIENT_PARTIAL_MS,
		.arg = http,
		.input = http_input,
		.answer = http_answer,
		.give_up = http_give_up};
	return &http->service;
}
