#include "page.h"

#include "clock.h"
#include "http_head.h"
#include "json_value.h"
#include "lock.h"
#include "memory.h"
#include "page_domain.h"
#include "page_frame.h"
#include "page_overview.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define PAGE_SIZE (CLIENT_OUTPUT_MAX - HTTP_HEAD_SIZE)
#define REST_FACTOR 3     /* the thread rests so many times as long as a page has taken */
#define REST_MAX_MS 10000 /* but not longer */

struct page_job {
	struct later later; /* the first member */
	struct page_request request;
	struct page_job *next;
	char *reply; /* NULL: the page was not rendered */
	size_t reply_len;
};

struct page {
	struct page_parts parts;
	pthread_t thread;
	struct lock lock;
	struct signal_cond wake;
	bool stop GUARDED_BY(lock);
	struct page_job *first GUARDED_BY(lock); /* those that wait, in the order in which they came */
	size_t waiting GUARDED_BY(lock);
};

static const struct page_kind page_kinds[] = {
	[PAGE_OVERVIEW] = {page_overview_json, page_overview_html},
	[PAGE_DOMAIN] = {page_domain_json, page_domain_html},
};

/* --- rendering ---------------------------------------------------------------------------------------------------- */

/* Renders a page into `out`, an empty text of PAGE_SIZE octets. Returns false if the store cannot be read. */
static bool body_render(
	const struct page *page, const struct page_request *request, size_t rows, struct text *out, struct failure *why)
{
	const struct page_kind *kind = &page_kinds[request->route];
	json_t *object = kind->json(&page->parts, request, rows, why);
	if (!object)
		return false;
	if (request->json) {
		char *line = json_ascii(object);
		text_add(out, line);
		text_add(out, "\n");
		free(line);
	} else {
		kind->html(out, object);
	}
	json_decref(object);
	return true;
}

/* Puts the head before the body, which begins at offset HTTP_HEAD_SIZE of job->reply. */
static void job_finish(
	struct page_job *job, const char *status, const char *type, const char *fields, const struct text *body)
{
	char head[HTTP_HEAD_SIZE];
	size_t len = http_head(head, status, type, body->len, fields);
	job->reply_len = len + (job->request.head ? 0 : body->len);
	memmove(job->reply + len, body->bytes, job->reply_len - len);
	memcpy(job->reply, head, len);
}

static void job_fail(struct page_job *job, const char *status, const char *fields, const char *sentence)
{
	struct text body;
	text_init(&body, job->reply + HTTP_HEAD_SIZE, PAGE_SIZE);
	text_add(&body, sentence);
	text_add(&body, "\n");
	job_finish(job, status, "text/plain; charset=utf-8", fields, &body);
}

static void job_render(const struct page *page, struct page_job *job)
{
	struct failure why = {0};
	struct text body;
	size_t rows = PAGE_ROWS;
	bool done;
	do {
		text_init(&body, job->reply + HTTP_HEAD_SIZE, PAGE_SIZE);
		done = body_render(page, &job->request, rows, &body, &why);
		rows /= 2;
	} while (done && body.cut && rows > 0);
	if (!done)
		job_fail(job, "503 Service Unavailable", page_fields, why.text);
	else if (body.cut)
		job_fail(job, "500 Internal Server Error", page_fields, "the page is too large");
	else
		job_finish(job, "200 OK", job->request.json ? "application/json" : "text/html; charset=utf-8",
			page_fields, &body);
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

/* Waits for a job and takes it. Returns NULL when the thread must end. */
static struct page_job *job_take(struct page *page)
{
	lock_take(&page->lock);
	while (!page->first && !page->stop)
		cond_wait(&page->wake, &page->lock);
	struct page_job *job = page->first;
	if (job) {
		page->first = job->next;
		page->waiting--;
	}
	lock_drop(&page->lock);
	return job;
}

static void rest(struct page *page, int64_t until_ms)
{
	lock_take(&page->lock);
	while (!page->stop && cond_wait_until(&page->wake, &page->lock, until_ms)) {
	}
	lock_drop(&page->lock);
}

static void *page_main(void *arg)
{
	struct page *page = arg;
	struct page_job *job;
	while ((job = job_take(page))) {
		int64_t begun_ms = clock_mono_ms();
		job->reply = xmalloc(HTTP_HEAD_SIZE + PAGE_SIZE);
		job_render(page, job);
		later_ready(&job->later); /* the client's thread owns the job from here on */
		int64_t now_ms = clock_mono_ms(), rest_ms = REST_FACTOR * (now_ms - begun_ms);
		rest(page, now_ms + (rest_ms < REST_MAX_MS ? rest_ms : REST_MAX_MS));
	}
	return NULL;
}

struct page *page_start(const struct page_parts *parts, struct failure *why)
{
	struct page *page = xcalloc(1, sizeof *page);
	page->parts = *parts;
	lock_init(&page->lock);
	cond_init(&page->wake);
	int err = pthread_create(&page->thread, NULL, page_main, page);
	if (err == 0)
		return page;
	failure_set(why, EX_OSERR, "cannot start a thread: %s", strerror(err));
	cond_destroy(&page->wake);
	lock_destroy(&page->lock);
	free(page);
	return NULL;
}

void page_stop(struct page **slot)
{
	struct page *page = *slot;
	if (!page)
		return;
	lock_take(&page->lock);
	page->stop = true;
	cond_wake_all(&page->wake);
	lock_drop(&page->lock);
	pthread_join(page->thread, NULL);
	cond_destroy(&page->wake);
	lock_destroy(&page->lock);
	free(page);
	*slot = NULL;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

bool page_is_on(struct page *page)
{
	if (!page)
		return false;
	struct config *config = check_config(page->parts.check);
	bool on = config->settings->status_page;
	config_unref(&config);
	return on;
}

bool page_ask(struct page *page, struct client *client, const struct page_request *request)
{
	struct page_job *job = xcalloc(1, sizeof *job), **end;
	job->request = *request;
	lock_take(&page->lock);
	bool room = page->waiting < PAGE_WAITING_MAX;
	if (room) {
		later_init(&job->later, client);
		client_wait(client, &job->later, PAGE_WAIT_MS);
		for (end = &page->first; *end; end = &(*end)->next) {
		}
		*end = job;
		page->waiting++;
		cond_wake_all(&page->wake);
	}
	lock_drop(&page->lock);
	if (!room)
		free(job);
	return room;
}

void page_answer(struct client *client, struct later *later)
{
	struct page_job *job = (struct page_job *)later;
	if (client && !job->reply) {
		job->reply = xmalloc(HTTP_HEAD_SIZE + PAGE_SIZE);
		job_fail(job, PAGE_BUSY_STATUS, PAGE_BUSY_FIELDS, PAGE_BUSY_TEXT);
	}
	if (client) {
		client_finish(client);
		client_reply(client, (struct span){job->reply, job->reply_len});
	}
	free(job->reply);
	free(job);
}

bool page_give_up(struct page *page, struct later *later)
{
	struct page_job **at;
	lock_take(&page->lock);
	for (at = &page->first; *at && &(*at)->later != later; at = &(*at)->next) {
	}
	bool waits = *at != NULL;
	if (waits) {
		*at = (*at)->next;
		page->waiting--;
	}
	lock_drop(&page->lock);
	return waits;
}
