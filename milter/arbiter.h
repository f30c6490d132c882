/* Judging a recipient for the milter: which question its macros ask, from the store at once or after a wait within
 * bounds. Knows nothing of libmilter. Any thread. */
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
	atomic_int waiting;  /* callbacks that wait for a look-up */
	atomic_int inside;   /* callbacks that may use `check` */
	atomic_bool hurry;   /* none begins to wait */
	atomic_bool closing; /* none begins to use `check` */
};

/* What the MTA tells of a recipient; "" is nothing. */
struct recipient {
	const char *argument;                /* of RCPT */
	const char *mailer, *host, *address; /* {rcpt_mailer}, {rcpt_host}, {rcpt_addr} */
	const char *client;                  /* {client_addr} */
};

/* Whether `check` may be used now; then arbiter_leave() must follow. */
bool arbiter_enter(struct arbiter *arbiter);
void arbiter_leave(struct arbiter *arbiter);
/* Whether a recipient by this mailer is judged at all. */
bool arbiter_wanted(const struct settings *settings, const struct recipient *recipient);
/* Waits for what is left of the message's milter_wait at most. The caller frees the outcome. */
void arbiter_judge(struct arbiter *arbiter, struct message *message, enum session_kind kind,
	const struct recipient *recipient, struct outcome *outcome);

/* None begins to wait any more; those that do have `grace_ms` to finish. */
void arbiter_hurry(struct arbiter *arbiter, uint32_t grace_ms);
/* None begins to use `check` any more. False when some still did after `wait_ms`. */
bool arbiter_quiesce(struct arbiter *arbiter, uint32_t wait_ms);

#endif
