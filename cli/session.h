/* The settings, store and check that a command works with. A command that only reads or changes the store calls
 * session_store(). A command that looks up domains calls session_open(), which also makes a config and a check with event
 * loops of its own.
 *
 * If a function fails, it prints a message on stderr, and returns the exit status or stores it in `status`. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "check.h"
#include "commands.h"

#define SESSION_LOOPS 2
#define SESSION_INQUIRIES_MAX 1024

/* Reads the settings file and the overrides. Returns NULL on failure. The caller frees. */
struct settings *session_settings(const struct options *options, int *status);
/* Opens the daemon's store. Returns NULL on failure. The caller closes it. */
struct store *session_store(const struct options *options, int *status);

/* Gives up root in a process without a store, so that data from the network is not parsed as root: the process becomes the
 * daemon's user, or nobody. With a store, store_open() makes it the store's owner. */
void session_leave_root(const struct settings *settings);

struct session {
	struct loops *loops;
	struct config *config;
	struct store *store;
	struct check *check;
	int64_t changed_at; /* the time of the last change to the store before this process opened it */
};
enum session_needs {
	NEEDS_STORE,               /* fails without the daemon's store */
	NEEDS_STORE_IN_BACKGROUND, /* like NEEDS_STORE, but probes use only the background part of the probe budget */
	NEEDS_STORE_ONLY,      /* like NEEDS_STORE, but nothing is looked up: no check, and a config without loops */
	NEEDS_STORE_AND_LOOPS, /* like NEEDS_STORE, but no check: for work that is no inquiry */
	NEEDS_NO_STORE,        /* if the daemon has no store, prints a note and uses an empty temporary store */
	NEEDS_NO_STORE_IN_BACKGROUND /* like NEEDS_NO_STORE, but probes use only that part of the budget */
};
/* Returns 0, or the exit status. After a failure there is nothing to close. `observe` may be NULL: see check_options. */
int session_open(struct session *session, const struct options *options, enum session_needs needs,
	check_observe *observe, void *arg);
void session_close(struct session *session);

/* Returns the longest time, in milliseconds, that one inquiry may take. This is the time if each lookup, the fetch and
 * the probes of all hops run into their timeouts. */
int session_inquiry_ms(const struct settings *settings);

#endif
