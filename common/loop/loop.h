/* An event loop: one thread that waits for many descriptors and timers at once. Hides libevent. Knows nothing of mail:
 * this layer includes only text and base.
 *
 * loop_new(), loop_start(), loop_stop(), loop_join() and loop_free() belong to the thread that owns the loop. Any
 * thread may call loop_post() and loop_is_mine(). Everything else is called on the loop's thread. Callbacks run on the
 * loop's thread, with no lock held. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "failure.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* NULL on failure (EX_OSERR). */
struct loop *loop_new(struct failure *why);
/* Starts the thread, which blocks all signals. */
bool loop_start(struct loop *loop, struct failure *why);
/* Makes the thread end after the tasks that have been posted so far. */
void loop_stop(struct loop *loop);
/* Waits until the thread has ended. */
void loop_join(struct loop *loop);
/* After loop_join(), or when the loop was never started. Runs the tasks that are still posted on the calling thread,
 * also those that they post. All watches and timers must have been freed by then. */
void loop_free(struct loop **loop);

/* Whether the caller runs on the loop's thread. Also true when the loop has not been started or has been joined: then
 * nobody else can be on it. */
bool loop_is_mine(const struct loop *loop);

/* Something to do on the loop's thread. The memory is the caller's until `run` is called. Tasks run in the order in
 * which they were posted. A task that a task posts runs after the loop has looked at its descriptors and timers. */
struct loop_task {
	void (*run)(struct loop_task *task);
	struct loop_task *next; /* the loop's */
};
void loop_post(struct loop *loop, struct loop_task *task);

/* Calls `call` whenever the descriptor is ready, until the watch is freed. A callback may free its own watch. The
 * descriptor stays the caller's and must be open as long as the watch lives. */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
struct loop_watch;
struct loop_watch *loop_watch_new(
	struct loop *loop, int fd, unsigned what, void (*call)(void *arg, int fd, unsigned what), void *arg);
/* 0: pauses. */
void loop_watch_set(struct loop_watch *watch, unsigned what);
void loop_watch_free(struct loop_watch **watch);

/* Calls `call` once, `ms` from now, unless it is stopped or set anew before. A callback may set or free its own timer. */
struct loop_timer;
struct loop_timer *loop_timer_new(struct loop *loop, void (*call)(void *arg), void *arg);
void loop_timer_set(struct loop_timer *timer, int64_t ms);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer **timer);

/* For libraries that take a libevent base (libunbound) and for modules of this layer. */
struct event_base;
struct event_base *loop_base(struct loop *loop);

/* Whom to call when an operation that was begun has ended: on the loop's thread, and never from inside the call that
 * began the operation. Once per operation, and not after the operation was dropped. */
struct wake {
	void (*call)(void *arg);
	void *arg;
};

/* Several loops, each with its share of the work. */
#define LOOPS_MAX 64
struct loops {
	unsigned count;
	struct loop *at[LOOPS_MAX];
};
/* `count` loops, started. NULL on failure. */
struct loops *loops_new(unsigned count, struct failure *why);
/* Stops, joins and frees them. Operations on them have ended by then. */
void loops_free(struct loops **loops);

#endif
