/* What a subcommand works with: settings, the store, and for checks a config and a check with event loops of its own.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "check.h"
#include "commands.h"

#define SESSION_LOOPS 2
#define SESSION_SLOTS 4 /* inquiries at a time */
#define SESSION_INQUIRIES_MAX 1024

/* NULL on failure; then it was said on stderr and `status` is the exit status. The caller frees. */
struct settings *session_settings(const struct options *options, int *status);
/* The daemon's store. NULL on failure, as above. */
struct store *session_store(const struct settings *settings, int *status);

struct session {
	struct loops *loops;
	struct config *config;
	struct store *store;
	struct check *check;
	int64_t changed_at; /* the store, before this process opened it */
};
enum session_needs {
	NEEDS_STORE,               /* the daemon's store, or nothing */
	NEEDS_STORE_IN_BACKGROUND, /* the same, and nobody waits for the probes: they leave others their part of the budget */
	NEEDS_NO_STORE             /* a temporary one will do, and a note says so */
};
typedef void session_observe(void *arg, const struct want *want, const struct facts *facts);
/* 0, or the exit status after it was said on stderr; then there is nothing to close. */
int session_open(struct session *session, const struct options *options, enum session_needs needs,
	session_observe *observe, void *arg);
void session_close(struct session *session);

/* How long one case may take at most: every lookup, the fetch and the probe of every hop at its time-out. */
int session_case_ms(const struct settings *settings);

#endif
