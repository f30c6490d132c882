/* What a front end is to the daemon: a row of front_ends.c. */
#ifndef MILTER_FRONT_END_H
#define MILTER_FRONT_END_H

#include "check.h"
#include "client.h"
#include "listener.h"
#include "store.h"

/* What a service may use. All of it outlives the service. */
struct front_end_parts {
	struct check *check;
	struct store *store;
	void (*collect)(void *arg); /* sets the metrics that are gauges; on the event loop's thread */
	void *collect_arg;
};

#define NO_GAUGE (-1)

struct front_end {
	const char *name;    /* in the log line that says that the daemon is ready */
	const char *handed;  /* FileDescriptorName= of its socket unit (activation.h) */
	const char *refused; /* why it takes no such socket; NULL: it does */
	const char *setting; /* where it listens */
	size_t value;        /* of that setting, in struct settings */
	bool for_mta;        /* Postfix connects to it, possibly from a chroot */
	int gauge;           /* the metric that counts its clients, or what `load` returns; or NO_GAUGE */
	unsigned (*load)(void);

	/* Of a front end on the event loop. The service is the first member of what is allocated; the daemon frees it
	 * with free() when the server's thread has ended. */
	struct service *(*service_new)(const struct front_end_parts *parts);

	/* Of a front end with a thread of its own; NULL elsewhere. They are called in this order, by the main thread,
	 * `open` as root if need be. `stop` lets what waits finish for at most `grace_ms`; it returns false when a
	 * thread that did not end may still use check. */
	bool (*open)(const struct listener *listener, const struct listener_access *access, struct failure *why);
	bool (*start)(struct check *check, struct failure *why);
	bool (*stop)(uint32_t grace_ms);
	void (*close)(void);
};

#endif
