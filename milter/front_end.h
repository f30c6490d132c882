/* The description of a front end: a row of the table in front_ends.c.
 *
 * A front end is either a service on the server's event loop (`service_new`), or it has a thread of its own (`open`,
 * `start`, `stop`, `close`). The unused members are NULL. */
#ifndef MILTER_FRONT_END_H
#define MILTER_FRONT_END_H

#include "census_taker.h"
#include "check.h"
#include "client.h"
#include "listener.h"
#include "store.h"

struct page;

/* The parts of the daemon that a service may use. They outlive the service. */
struct front_end_parts {
	struct check *check;
	struct store *store;
	struct census_taker *census;
	void (*collect)(void *arg); /* sets the metrics that are gauges; call it on the server's first thread */
	void *collect_arg;
	struct page *page; /* NULL: there is no status page */
};

#define NO_GAUGE (-1)

struct front_end {
	const char *name;       /* in the daemon's line "ready: ..." */
	const char *fd_name;    /* FileDescriptorName= in its socket unit (activation.h) */
	const char *refused;    /* why it cannot use a socket from the service manager; NULL: it can */
	const char *setting;    /* the name of the setting with its address */
	size_t value;           /* the offset of that setting's value in struct settings */
	bool for_mta;           /* Postfix connects to it, perhaps from a chroot */
	int gauge;              /* the metric that shows its load; or NO_GAUGE */
	unsigned (*load)(void); /* returns the load; NULL: the load is the number of clients */

	/* For a front end on the event loop: allocates the service, which must be the first member of the allocated
	 * struct. The daemon frees it with free() when the server's threads have ended. */
	struct service *(*service_new)(const struct front_end_parts *parts);
	bool on_all_threads; /* each thread of the server has such a service; otherwise only the first one */

	/* For a front end with its own thread. The main thread calls these functions in this order; the process may still
	 * be root at `open`. `stop` lets waiting callbacks finish for at most `grace_ms` milliseconds. It returns false
	 * if a thread has not ended and may still use the check. */
	bool (*open)(const struct listener *listener, const struct listener_access *access, struct failure *why);
	bool (*start)(struct check *check, struct failure *why);
	bool (*stop)(uint32_t grace_ms);
	void (*close)(void);
};

#endif
