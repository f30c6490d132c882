/* Judges a recipient for the milter, and controls which milter callbacks may wait or use the check (check.h).
 *
 * The arbiter makes a question from the MTA's macros. It gets the verdict from the store immediately, or waits for a
 * lookup within the limits milter_wait and milter_waiters. A callback uses arbiter->check only between arbiter_enter()
 * and arbiter_leave(), so that a stopping daemon knows when it may free the check. This module does not use libmilter.
 * Its functions may be called on any thread. */
#ifndef MILTER_ARBITER_H
#define MILTER_ARBITER_H

#include "action.h"
#include "check.h"
#include "message.h"
#include "nudge.h"

#include <stdatomic.h>

struct arbiter {
	struct nudge nudge;
	struct check *check;
	atomic_int waiting;  /* callbacks that wait for a lookup */
	atomic_int inside;   /* callbacks between arbiter_enter() and arbiter_leave() */
	atomic_bool hurry;   /* no further callback may wait */
	atomic_bool closing; /* no further callback may use `check` */
};

/* The MTA's information about a recipient; "" if the MTA has sent none. */
struct recipient {
	const char *argument;                /* the argument of RCPT */
	const char *mailer, *host, *address; /* {rcpt_mailer}, {rcpt_host}, {rcpt_addr} */
	const char *client;                  /* {client_addr} */
};

/* Returns whether the caller may use `check` now. If so, the caller must call arbiter_leave() afterwards. */
bool arbiter_enter(struct arbiter *arbiter);
void arbiter_leave(struct arbiter *arbiter);
/* Returns whether the recipient must be judged: milter_skip_mailers does not list its mailer. */
bool arbiter_wanted(const struct settings *settings, const struct recipient *recipient);
/* Judges a recipient of a message. Waits at most for the part of milter_wait that the message has not used up, and adds
 * the time that it waited to message->waited_ms. The caller frees the outcome with outcome_free(). */
void arbiter_judge(struct arbiter *arbiter, struct message *message, enum session_kind kind,
	const struct recipient *recipient, struct outcome *outcome);

/* Lets no further callback wait. Waits until no callback waits any more, for at most `grace_ms` milliseconds. Then gives
 * libmilter 50 ms to send the last replies. */
void arbiter_hurry(struct arbiter *arbiter, uint32_t grace_ms);
/* Lets no further callback use `check`. Returns false if a callback still uses it after `wait_ms` milliseconds. */
bool arbiter_quiesce(struct arbiter *arbiter, uint32_t wait_ms);

#endif
