/* Requests to the HTTP service: the head, any text after it, and the response. This file replaces the event loop and the
 * store. */
#include "fuzz.h"
#include "http_server.h"
#include "page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct client {
	unsigned replies, ended;
	int status;
	bool body;
};

/* A response is complete: it has its length, and nothing follows it. */
void client_reply(struct client *client, struct span bytes)
{
	size_t told = 0, head = 0;
	while (head + 4 <= bytes.len && memcmp(bytes.at + head, "\r\n\r\n", 4) != 0)
		head++;
	FUZZ_MUST(head > 0 && head + 4 <= bytes.len && head < 1024);
	char text[1024] = "";
	memcpy(text, bytes.at, head);
	const char *length = strstr(text, "\r\nContent-Length: ");
	FUZZ_MUST(length && sscanf(length, "\r\nContent-Length: %zu", &told) == 1);
	FUZZ_MUST(sscanf(text, "HTTP/1.1 %3d ", &client->status) == 1);
	client->body = bytes.len > head + 4;
	FUZZ_MUST(told > 0 && (!client->body || told == bytes.len - head - 4));
	client->replies++;
}

void client_finish(struct client *client)
{
	client->ended++;
}

bool client_is_local(const struct client *client)
{
	(void)client;
	return true;
}

bool page_is_on(struct page *page)
{
	(void)page;
	return true;
}

/* Answers at once. */
bool page_ask(struct page *page, struct client *client, const struct page_request *request)
{
	(void)page;
	FUZZ_MUST(request->route == PAGE_OVERVIEW || request->route == PAGE_DOMAIN);
	FUZZ_MUST((request->name_len > 0) == (request->route == PAGE_DOMAIN));
	FUZZ_MUST(request->name_len <= PAGE_NAME_MAX && request->name[request->name_len] == '\0');
	client->status = 200;
	client->body = !request->head;
	client->replies++;
	client->ended++;
	return true;
}

void page_answer(struct client *client, struct later *later)
{
	(void)client;
	(void)later;
}

bool page_give_up(struct page *page, struct later *later)
{
	(void)page;
	(void)later;
	return true;
}

struct store_view {
	int unused;
};

struct store_view *store_view_begin(struct store *store, struct failure *why)
{
	static struct store_view view;
	(void)store;
	(void)why;
	return &view;
}

void store_view_end(struct store_view **view)
{
	*view = NULL;
}

enum store_found store_view_override(struct store_view *view, const char *domain, int64_t now, struct override *out)
{
	(void)view;
	(void)domain;
	(void)now;
	out->kind = OVERRIDE_NONE;
	return STORE_ABSENT;
}

enum store_found store_view_entry(struct store_view *view, const char *domain, struct entry *out)
{
	(void)view;
	(void)domain;
	(void)out;
	return STORE_ABSENT;
}

static void collect(void *arg)
{
	(void)arg;
}

static bool begins(const char *bytes, size_t len, const char *word)
{
	return len >= strlen(word) && memcmp(bytes, word, strlen(word)) == 0;
}

/* Facts about the daemon are returned only for requests with the exact path. */
static void status_must_fit(const struct client *client, const char *bytes, size_t len)
{
	bool get = begins(bytes, len, "GET "), head = begins(bytes, len, "HEAD ");
	const char *path = bytes + (get ? 4 : 5);
	size_t left = get ? len - 4 : head ? len - 5 : 0;
	bool known = begins(path, left, "/healthz") || begins(path, left, "/metrics") || begins(path, left, "/ ") ||
		     begins(path, left, "/?") || begins(path, left, "/domain/") || begins(path, left, "/style.css");
	FUZZ_MUST(client->status == 200 || client->status == 400 || client->status == 403 || client->status == 404 ||
		  client->status == 405);
	FUZZ_MUST(client->status != 200 || ((get || head) && known));
	FUZZ_MUST((client->status != 404 && client->status != 403) || get || head);
	FUZZ_MUST(client->status != 405 || !(get || head));
	FUZZ_MUST(client->body || head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct service *service = http_server_new(&(struct front_end_parts){.collect = collect});
	const char *bytes = (const char *)data;
	size_t used = 0, whole = size < HTTP_REQUEST_MAX ? size : HTTP_REQUEST_MAX;

	/* As the octets arrive: the first response is that to the shortest request, and more octets do not change it. */
	for (size_t len = 0; len < whole && used == 0;) {
		len += 1 + len / 16;
		len = len < whole ? len : whole;
		struct client client = {0}, later = {0};
		used = service->input(service->arg, &client, (struct span){bytes, len});
		FUZZ_MUST(used <= len && client.replies == (used > 0) && client.ended == (used > 0));
		if (used == 0)
			continue;
		status_must_fit(&client, bytes, used);
		FUZZ_MUST(service->input(service->arg, &later, (struct span){bytes, whole}) == used);
		FUZZ_MUST(later.status == client.status && later.body == client.body);
	}
	free(service);
	return 0;
}
