#include "dns_wait.h"

#include "lock.h"
#include "memory.h"

#include <stddef.h>
#include <stdlib.h>
#include <time.h>

struct dns_wait {
	struct dns *dns;
	struct loop *loop;
	char *name;
	enum dns_type type;
	int timeout_ms;
	struct loop_task begin, end;
	struct dns_query *query; /* used by the loop's thread */
	struct lock lock;
	struct signal_cond answered;
	const struct dns_answer *answer GUARDED_BY(lock);
};

static void wait_look(void *arg)
{
	struct dns_wait *wait = arg;
	lock_take(&wait->lock);
	wait->answer = dns_query_answer(wait->query);
	if (wait->answer)
		cond_wake_all(&wait->answered);
	lock_drop(&wait->lock);
}

static void wait_begin(struct loop_task *task)
{
	struct dns_wait *wait = (struct dns_wait *)((char *)task - offsetof(struct dns_wait, begin));
	struct wake wake = {wait_look, wait};
	wait->query = dns_query_begin(wait->dns, wait->loop, wait->name, wait->type, wait->timeout_ms, wake);
	wait_look(wait);
}

static void wait_end(struct loop_task *task)
{
	struct dns_wait *wait = (struct dns_wait *)((char *)task - offsetof(struct dns_wait, end));
	dns_query_drop(&wait->query);
	cond_destroy(&wait->answered);
	lock_destroy(&wait->lock);
	free(wait->name);
	free(wait);
}

struct dns_wait *dns_wait_begin(
	struct dns *dns, struct loop *loop, const char *name, enum dns_type type, int timeout_ms)
{
	struct dns_wait *wait = xcalloc(1, sizeof *wait);
	*wait = (struct dns_wait){.dns = dns,
		.loop = loop,
		.name = xstrdup(name),
		.type = type,
		.timeout_ms = timeout_ms,
		.begin = {.run = wait_begin},
		.end = {.run = wait_end}};
	lock_init(&wait->lock);
	cond_init(&wait->answered);
	loop_post(loop, &wait->begin);
	return wait;
}

const struct dns_answer *dns_wait_answer(struct dns_wait *wait, int wait_ms)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t deadline_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + wait_ms;
	lock_take(&wait->lock);
	while (!wait->answer && cond_wait_until(&wait->answered, &wait->lock, deadline_ms))
		continue;
	const struct dns_answer *answer = wait->answer;
	lock_drop(&wait->lock);
	return answer;
}

void dns_wait_drop(struct dns_wait **wait)
{
	if (*wait)
		loop_post((*wait)->loop, &(*wait)->end);
	*wait = NULL;
}
