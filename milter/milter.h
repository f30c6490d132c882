/* The milter. Hides libmilter, of which a process has one. RCPT is answered from the store; a first contact is waited
 * for within milter_wait, after a nudge, by milter_waiters callbacks at most. Callbacks of one session may come on
 * different threads. */
#ifndef MILTER_MILTER_H
#define MILTER_MILTER_H

#include "check.h"
#include "listener.h"

/* Registers and listens; connections wait until milter_run(). Before any thread is started, as root if need be. */
bool milter_open(const struct listener *listener, const struct listener_access *access, struct failure *why);
/* Serves until milter_stop(), or until libmilter fails (false). In a thread with all signals blocked: libmilter waits
 * for HUP, INT and TERM itself. */
bool milter_run(struct check *check);
/* Waits until libmilter serves: before, it would lose a stop. Tells the log when this process may not connect to its
 * own socket, as the nudge must. False when it does not serve within MILTER_START_MS. */
#define MILTER_START_MS 5000
bool milter_await(struct failure *why);
/* Lets no more callbacks wait and those that do finish, for at most `grace_ms`; then makes milter_run() end. */
void milter_stop(uint32_t grace_ms);
/* Callbacks that wait for a look-up now. Any thread. */
unsigned milter_waiting(void);
/* Waits until no callback uses `check` any more; afterwards none will. False when `wait_ms` have passed: then check
 * must not be freed. */
bool milter_quiesce(uint32_t wait_ms);
/* Removes the UNIX socket, which libmilter leaves behind. */
void milter_close(void);

#endif
