/* One fetch on a loop of its own, which the test waits for: for tests of the real fetch. */
#ifndef UNIT_FETCH_AWAIT_H
#define UNIT_FETCH_AWAIT_H

#include "fetch.h"
#include "loop.h"

#include <assert.h>

struct fetch_awaited {
	struct loop_task task; /* first */
	struct loop *loop;
	struct fetcher *fetcher;
	struct fetch_line *line;
	struct fetch *fetch;
	const char *domain;
	const struct address *addresses;
	size_t count;
	int timeout_ms;
	struct policy_found *found;
	bool beginning;
};

static inline void fetch_await_end(void *arg)
{
	struct fetch_awaited *awaited = arg;
	assert(!awaited->beginning);
	bool answered = fetch_answer(awaited->fetch, awaited->found);
	assert(answered);
	(void)answered;
	fetch_drop(&awaited->fetch);
	loop_stop(awaited->loop);
}

static inline void fetch_await_begin(struct loop_task *task)
{
	struct fetch_awaited *awaited = (struct fetch_awaited *)task;
	awaited->beginning = true;
	awaited->fetch = fetch_begin(awaited->fetcher, awaited->line, awaited->domain, awaited->addresses,
		awaited->count, awaited->timeout_ms, (struct wake){.call = fetch_await_end, .arg = awaited});
	awaited->beginning = false;
}

static inline void fetch_await(struct fetcher *fetcher, const char *domain, const struct address *addresses,
	size_t count, int timeout_ms, struct policy_found *found)
{
	struct failure why;
	struct fetch_awaited awaited = {.task = {.run = fetch_await_begin},
		.loop = loop_new(&why),
		.fetcher = fetcher,
		.domain = domain,
		.addresses = addresses,
		.count = count,
		.timeout_ms = timeout_ms,
		.found = found};
	awaited.line = fetch_line_new(awaited.loop);
	bool started = loop_start(awaited.loop, &why);
	assert(started);
	(void)started;
	loop_post(awaited.loop, &awaited.task);
	loop_join(awaited.loop);
	fetch_line_free(&awaited.line);
	loop_free(&awaited.loop);
}

#endif
