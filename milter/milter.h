/* The milter, as a front end. Only this module calls libmilter. A process can have only one milter.
 *
 * If possible, the reply to RCPT comes from the store immediately. Otherwise the callback waits for a lookup, for at most
 * milter_wait. At most milter_waiters callbacks wait at the same time (design 6.3). libmilter calls the callbacks of one
 * session one after the other, but perhaps on different threads.
 *
 * The order of calls is milter_open(); milter_run() on its own thread; milter_await(); milter_stop(); milter_quiesce();
 * milter_close(). */
#ifndef MILTER_MILTER_H
#define MILTER_MILTER_H

#include "check.h"
#include "listener.h"

/* Registers the callbacks and listens. Connections wait until milter_run(). Call it before any thread is started; the
 * process may still be root. */
bool milter_open(const struct listener *listener, const struct listener_access *access, struct failure *why);
/* Serves until milter_stop(). Returns false if libmilter fails. Call it on a thread with all signals blocked, because
 * libmilter waits for HUP, INT and TERM itself. */
bool milter_run(struct check *check);
/* Waits until libmilter serves, because libmilter ignores a stop that comes earlier. Returns false if libmilter does not
 * serve within MILTER_START_MS milliseconds. If this process cannot connect to its own socket (nudge.h), logs a warning
 * and returns true without waiting. */
#define MILTER_START_MS 5000
bool milter_await(struct failure *why);
/* Lets no further callback wait, lets waiting ones finish for at most `grace_ms` milliseconds, and then makes
 * milter_run() return. */
void milter_stop(uint32_t grace_ms);
/* Returns how many callbacks wait for a lookup now. Any thread. */
unsigned milter_waiting(void);
/* Lets no further callback use the check, and waits until no callback uses it any more. Returns false if a callback still
 * uses it after `wait_ms` milliseconds: the check must then not be freed. */
bool milter_quiesce(uint32_t wait_ms);
/* Removes the UNIX socket's file, which libmilter leaves behind. */
void milter_close(void);

#endif
