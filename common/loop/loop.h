/* An event loop: one thread that waits for many descriptors and timers at the same time.
 *
 * Hides libevent. This layer knows nothing of mail: it includes text and base only. A loop goes through loop_new(),
 * loop_start(), loop_stop(), loop_join() and loop_free(), all called by the thread that owns the loop. Any thread may
 * call loop_post() and loop_is_mine(). All other functions are called on the loop's thread. Callbacks run on the loop's
 * thread, and the loop holds no lock then. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "failure.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* Makes a loop without a thread. Returns NULL on failure (EX_OSERR). */
struct loop *loop_new(struct failure *why);
/* Starts the loop's thread. The thread blocks all signals. Fails with EX_OSERR. */
bool loop_start(struct loop *loop, struct failure *why);
/* Asks the thread to end once it has run the tasks posted so far. Does not wait. */
void loop_stop(struct loop *loop);
/* Waits until the thread has ended. Does nothing if no thread was started. */
void loop_join(struct loop *loop);
/* Frees a loop that has been joined or was never started, and sets the pointer to NULL. First runs, on the calling
 * thread, the tasks that have not run yet, and the tasks that they post. All watches and timers must have been freed
 * before, or these tasks must free them. */
void loop_free(struct loop **loop);

/* Returns whether the caller runs on the loop's thread. Also returns true if the loop has no running thread, because
 * then nobody else can use the loop. */
bool loop_is_mine(const struct loop *loop);

/* Work to do on the loop's thread. The caller must keep the memory until `run` is called; from then on `run` owns it.
 * Tasks run in the order in which they were posted. A task posted by another task runs after the loop has looked at its
 * descriptors and timers. */
struct loop_task {
	void (*run)(struct loop_task *task);
	struct loop_task *next; /* used by the loop */
};
/* Submits a task. Never waits. */
void loop_post(struct loop *loop, struct loop_task *task);

/* A watch calls `call` whenever its descriptor is ready, until the watch is freed. `what` is a set of LOOP_READ and
 * LOOP_WRITE. A callback may free its own watch. The caller owns the descriptor, and must keep it open for as long as
 * the watch exists. */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
struct loop_watch;
struct loop_watch *loop_watch_new(
	struct loop *loop, int fd, unsigned what, void (*call)(void *arg, int fd, unsigned what), void *arg);
/* Changes what the watch waits for. 0 pauses it. */
void loop_watch_set(struct loop_watch *watch, unsigned what);
void loop_watch_free(struct loop_watch **watch);

/* A timer calls `call` once, `ms` milliseconds after loop_timer_set(), unless it is stopped or set again before. A new
 * timer is not set. A callback may set or free its own timer. */
struct loop_timer;
struct loop_timer *loop_timer_new(struct loop *loop, void (*call)(void *arg), void *arg);
void loop_timer_set(struct loop_timer *timer, int64_t ms);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer **timer);

/* Returns the libevent base, for a library that needs one (libunbound). */
struct event_base;
struct event_base *loop_base(struct loop *loop);

/* A callback for the end of an operation. The operation calls it once, on the loop's thread: never from inside the
 * function that started the operation, and never after the operation was dropped. */
struct wake {
	void (*call)(void *arg);
	void *arg;
};

/* Several loops that share the work. */
#define LOOPS_MAX 64
struct loops {
	unsigned count;
	struct loop *at[LOOPS_MAX];
};
/* Makes and starts `count` loops, at most LOOPS_MAX. Returns NULL on failure (EX_OSERR). */
struct loops *loops_new(unsigned count, struct failure *why);
/* Stops, joins and frees the loops. All operations on them must have ended. */
void loops_free(struct loops **loops);

#endif
