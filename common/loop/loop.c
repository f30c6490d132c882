#include "loop.h"

#include "lock.h"
#include "log.h"
#include "memory.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct loop {
	struct event_base *base;
	struct event *posted; /* waits for the reading end of `wake` */
	int wake[2];
	pthread_t thread;
	atomic_bool running; /* the thread was started and not joined yet */
	struct lock lock;    /* guards the members below; no other lock is taken while it is held */
	struct loop_task *first GUARDED_BY(lock);
	struct loop_task **last GUARDED_BY(lock);
	bool stop GUARDED_BY(lock);
};

static _Thread_local const struct loop *loop_of_thread;

/* --- posted tasks ------------------------------------------------------------------------------------------------- */

/* Runs the tasks posted so far. Returns whether there were any. */
static bool tasks_run(struct loop *loop, bool *stop)
{
	lock_take(&loop->lock);
	struct loop_task *first = loop->first;
	loop->first = NULL;
	loop->last = &loop->first;
	*stop = loop->stop;
	lock_drop(&loop->lock);
	for (struct loop_task *task = first, *next; task; task = next) {
		next = task->next;
		task->run(task);
	}
	return first != NULL;
}

static void on_posted(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;
	char bytes[64];
	bool stop;
	(void)what;
	/* What comes after a short read wakes the loop again. */
	while (read(fd, bytes, sizeof bytes) == sizeof bytes)
		continue;
	tasks_run(loop, &stop);
	if (stop)
		event_base_loopbreak(loop->base);
}

static void loop_wake(struct loop *loop) REQUIRES(loop->lock)
{
	/* If the pipe is full, the loop wakes up anyway. */
	while (write(loop->wake[1], "", 1) < 0 && errno == EINTR)
		continue;
}

void loop_post(struct loop *loop, struct loop_task *task)
{
	task->next = NULL;
	lock_take(&loop->lock);
	bool first = !loop->first;
	*loop->last = task;
	loop->last = &task->next;
	/* The lock is still held here: once it is dropped, the task may run, and then the loop may be freed. */
	if (first)
		loop_wake(loop);
	lock_drop(&loop->lock);
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

struct loop *loop_new(struct failure *why)
{
	struct loop *loop = xcalloc(1, sizeof *loop);
	lock_init(&loop->lock);
	loop->wake[0] = loop->wake[1] = -1;
	loop->last = &loop->first;
	bool made = pipe2(loop->wake, O_NONBLOCK | O_CLOEXEC) == 0;
	loop->base = made ? event_base_new() : NULL;
	if (loop->base)
		loop->posted = event_new(loop->base, loop->wake[0], EV_READ | EV_PERSIST, on_posted, loop);
	if (loop->posted && event_add(loop->posted, NULL) == 0)
		return loop;
	failure_set(why, EX_OSERR, "cannot set up an event loop: %s", strerror(errno));
	loop_free(&loop);
	return NULL;
}

static void *loop_main(void *arg)
{
	struct loop *loop = arg;
	loop_of_thread = loop;
	if (event_base_dispatch(loop->base) < 0)
		log_error("an event loop ended with an error");
	return NULL;
}

bool loop_start(struct loop *loop, struct failure *why)
{
	sigset_t all, before;
	atomic_store(&loop->running, true);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(&loop->thread, NULL, loop_main, loop);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err == 0)
		return true;
	atomic_store(&loop->running, false);
	return failure_set(why, EX_OSERR, "cannot start the thread of an event loop: %s", strerror(err));
}

void loop_stop(struct loop *loop)
{
	lock_take(&loop->lock);
	loop->stop = true;
	loop_wake(loop);
	lock_drop(&loop->lock);
}

void loop_join(struct loop *loop)
{
	if (!atomic_load(&loop->running))
		return;
	pthread_join(loop->thread, NULL);
	atomic_store(&loop->running, false);
}

bool loop_is_mine(const struct loop *loop)
{
	return loop_of_thread == loop || !atomic_load(&loop->running);
}

struct event_base *loop_base(struct loop *loop)
{
	return loop->base;
}

void loop_free(struct loop **slot)
{
	struct loop *loop = *slot;
	bool stop;
	if (!loop)
		return;
	while (tasks_run(loop, &stop))
		continue;
	if (loop->posted)
		event_free(loop->posted);
	if (loop->base)
		event_base_free(loop->base);
	for (int i = 0; i < 2; i++)
		if (loop->wake[i] >= 0)
			close(loop->wake[i]);
	lock_destroy(&loop->lock);
	free(loop);
	*slot = NULL;
}

/* --- watches ------------------------------------------------------------------------------------------------------ */

struct loop_watch {
	struct event *event;
	struct event_base *base;
	int fd;
	unsigned what;
	void (*call)(void *arg, int fd, unsigned what);
	void *arg;
};

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct loop_watch *watch = arg;
	unsigned ready = (what & EV_READ ? LOOP_READ : 0) | (what & EV_WRITE ? LOOP_WRITE : 0);
	watch->call(watch->arg, fd, ready);
}

void loop_watch_set(struct loop_watch *watch, unsigned what)
{
	if (watch->what == what)
		return;
	watch->what = what;
	event_del(watch->event);
	short events = (short)((what & LOOP_READ ? EV_READ : 0) | (what & LOOP_WRITE ? EV_WRITE : 0));
	if (events == 0)
		return;
	if (event_assign(watch->event, watch->base, watch->fd, (short)(events | EV_PERSIST), on_ready, watch) != 0 ||
		event_add(watch->event, NULL) != 0)
		abort();
}

struct loop_watch *loop_watch_new(
	struct loop *loop, int fd, unsigned what, void (*call)(void *arg, int fd, unsigned what), void *arg)
{
	struct loop_watch *watch = xcalloc(1, sizeof *watch);
	watch->base = loop->base;
	watch->fd = fd;
	watch->call = call;
	watch->arg = arg;
	watch->event = xneed(event_new(loop->base, fd, EV_PERSIST, on_ready, watch));
	loop_watch_set(watch, what);
	return watch;
}

void loop_watch_free(struct loop_watch **watch)
{
	if (!*watch)
		return;
	event_free((*watch)->event);
	free(*watch);
	*watch = NULL;
}

/* --- timers ------------------------------------------------------------------------------------------------------- */

struct loop_timer {
	struct event *event;
	void (*call)(void *arg);
	void *arg;
};

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *timer = arg;
	(void)fd;
	(void)what;
	timer->call(timer->arg);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*call)(void *arg), void *arg)
{
	struct loop_timer *timer = xcalloc(1, sizeof *timer);
	timer->call = call;
	timer->arg = arg;
	timer->event = xneed(event_new(loop->base, -1, 0, on_time, timer));
	return timer;
}

void loop_timer_set(struct loop_timer *timer, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
	if (event_add(timer->event, &wait) != 0)
		abort();
}

void loop_timer_stop(struct loop_timer *timer)
{
	event_del(timer->event);
}

void loop_timer_free(struct loop_timer **timer)
{
	if (!*timer)
		return;
	event_free((*timer)->event);
	free(*timer);
	*timer = NULL;
}

/* --- several loops ------------------------------------------------------------------------------------------------ */

struct loops *loops_new(unsigned count, struct failure *why)
{
	struct loops *loops = xcalloc(1, sizeof *loops);
	for (unsigned i = 0; i < count && i < LOOPS_MAX; i++) {
		loops->at[i] = loop_new(why);
		loops->count += loops->at[i] != NULL;
		if (loops->at[i] && loop_start(loops->at[i], why))
			continue;
		loops_free(&loops);
		return NULL;
	}
	return loops;
}

void loops_free(struct loops **loops)
{
	struct loops *l = *loops;
	if (!l)
		return;
	for (unsigned i = 0; i < l->count; i++)
		loop_stop(l->at[i]);
	for (unsigned i = 0; i < l->count; i++)
		loop_join(l->at[i]);
	/* Repeat until all loops are empty: a task of one loop may post a task to another. */
	for (bool ran = true, stop; ran;) {
		ran = false;
		for (unsigned i = 0; i < l->count; i++)
			ran = tasks_run(l->at[i], &stop) || ran;
	}
	for (unsigned i = 0; i < l->count; i++)
		loop_free(&l->at[i]);
	free(l);
	*loops = NULL;
}
