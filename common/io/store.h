/* The policy store. Hides LMDB. It holds entries by domain, hop records by (host, port), an index of domains by due
 * time, and events.
 *
 * Durability: a change is on disk when the call that made it returns, or when `done` of its submission is called. After
 * kill -9 at any instant the store opens with every such change. A file that cannot be opened is moved aside under a
 * dated name, never deleted; store_moved_aside() returns that name.
 *
 * Reading takes one transaction from a pool of reset and renewed readers (MDB_NOTLS), and waits for nothing but a free
 * one. Writing: one transaction at a time; the changes that come meanwhile go into the next one together, up to 256, in
 * the order in which they came. As long as no more than these wait, a call waits for two commits at most.
 *
 * Any thread. Several processes may have the store open. No transaction is left open when a call returns, except views.
 * What happens in trouble: doc/design, section 9. */
#ifndef IO_STORE_H
#define IO_STORE_H

#include "entry.h"
#include "event_record.h"
#include "evidence.h"
#include "failure.h"

#define STORE_READERS 126 /* LMDB's reader slots, of all processes */
#define STORE_POOL 32     /* views at a time in one process; the next one waits */
#define STORE_FILE "policies.mdb"

enum store_access {
	STORE_OWNER, /* the daemon: creates, sets the map size, moves damage aside */
	STORE_GUEST  /* the tool: never creates, never sets the map size */
};
struct store;
/* Opens the store of a directory; NULL on failure. A process has a directory's store open once. Forks a child that
 * looks at the file, so call it before threads are started. A guest that runs as root becomes the store's owner first
 * (setgid and setuid, which it cannot take back). A guest keeps the bound that the owner gave the file, whatever its
 * own `max_bytes` is. */
struct store *store_open(const char *directory, uint64_t max_bytes, enum store_access access, struct failure *why);
/* Closes the store. Returns when all submissions are written and their `done` has returned; `done` may submit again. No
 * other thread uses the store any more. */
void store_close(struct store **store);

/* Opens the store as STORE_OWNER, for the daemon. To look through the file may take hours on a slow disk: meanwhile
 * `go_on` is called about every second with the progress in percent. When it returns false, the look is given up and
 * the file stays as it is. */
typedef bool store_go_on(unsigned percent);
struct store *store_open_watched(const char *directory, uint64_t max_bytes, store_go_on *go_on, struct failure *why);

/* Returns the name to which store_open() moved a damaged file, or "". */
const char *store_moved_aside(const struct store *store);

/* Returns whether this process has given the store up: it can neither read nor write it any more. The causes are damage
 * (LMDB's structure, or the checksums of many records) and a disk that failed so that LMDB could not open the file
 * anew. One damaged record, a full disk, or a read or write that fails now and then do not break the store. The owner
 * should end (EX_IOERR): the next start looks through the file. */
bool store_is_broken(const struct store *store, struct failure *why);

/* Returns when a process last changed the store of this directory, by the clock of that time; 0: there is no store. */
int64_t store_changed_at(const char *directory);

/* Begins one consistent look at the store; NULL if it cannot be read. Wait for nothing between begin and end. */
struct store_view;
struct store_view *store_view_begin(struct store *store, struct failure *why);
void store_view_end(struct store_view **view);
enum store_found { STORE_FOUND, STORE_ABSENT, STORE_FAILED };
enum store_found store_view_entry(struct store_view *view, const char *domain, struct entry *out);
enum store_found store_view_hop(struct store_view *view, const char *host, uint16_t port, struct hop_record *out);

/* A change reads a record, alters it and writes it, in one transaction. False: it failed, and nothing was written.
 *
 * - `change` gets the entry as it is stored, or as entry_init() makes it (a hop record: zeroed) if there is none. It
 *   runs inside the write transaction, perhaps on the thread of another caller, so it must be pure and quick. It may be
 *   called again, on the entry as it was given first.
 * - An entry that a later version wrote is absent to `change`, and stays unless the change leads to a policy.
 * - A change that fails takes no other one with it.
 * - When the store is full, expired entries go first, then negative ones, then modes none and testing. A new entry
 *   never evicts a live enforce policy that was in use on two or more days: it is refused (EX_TEMPFAIL). No other
 *   failure of a change is EX_TEMPFAIL. */
typedef void store_entry_change(struct entry *entry, void *arg);
typedef void store_hop_change(struct hop_record *record, void *arg);
bool store_change_entry(
	struct store *store, const char *domain, store_entry_change *change, void *arg, struct failure *why);
bool store_change_hop(
	struct store *store, const char *host, uint16_t port, store_hop_change *change, void *arg, struct failure *why);

/* One of several changes that are written together; `entry`, `hop` and `arg` are as above. The store sets `stored` and
 * `why` before it calls `done`. */
struct store_batch_change {
	const char *domain_or_host;
	uint16_t port; /* 0: an entry */
	store_entry_change *entry;
	store_hop_change *hop;
	void *arg;
	bool stored;
	struct failure why; /* set only if not stored */
};
/* Changes of one caller, for one transaction. If the transaction fails, each change is made alone. */
struct store_submission {
	struct store_batch_change *change;
	size_t count;
	/* Called once, on the store's own thread, with no lock held. It must be quick. It may call store_submit(), but
	 * no call that waits for a change. The submission is the caller's again. */
	void (*done)(struct store_submission *submission);
};
/* Queues a submission for the store's own thread, and waits for nothing. The submission and everything that it points
 * to must stay as they are until `done` is called. Submissions are written in the order in which they came. Starts the
 * thread unless store_start_writer() has, and ends the process if that fails. */
void store_submit(struct store *store, struct store_submission *submission);
/* Starts the store's own thread, which blocks all signals, unless it runs already. False on failure (EX_OSERR). */
bool store_start_writer(struct store *store, struct failure *why);

/* Removes an entry. True also when there was none; `found` (may be NULL) is set to whether there was one. */
bool store_forget(struct store *store, const char *domain, bool *found, struct failure *why);

/* Lists domains whose due_at is at or before `now`, earliest first, at most `max`. The caller frees `out`. */
bool store_due(struct store *store, int64_t now, size_t max, struct names *out, struct failure *why);
/* Lists at most `max` domains behind `after` ("": from the start), in order. No transaction is held between pages. The
 * caller frees `out`. */
bool store_page(struct store *store, const char *after, size_t max, struct names *out, struct failure *why);
/* Lists hops in the same way, into `out`, which has room for `max`. A `host` of "" in `after`: from the start. */
struct store_hop {
	char host[DOMAIN_SIZE];
	uint16_t port;
};
bool store_page_hops(struct store *store, const struct store_hop *after, size_t max, struct store_hop *out,
	size_t *count, struct failure *why);

struct store_usage {
	uint64_t bytes;     /* in use */
	uint64_t max_bytes; /* that it may take */
	uint64_t entries;
};
/* Measures the store. Waits for nothing but a free reader. */
bool store_usage(struct store *store, struct store_usage *out, struct failure *why);

/* Events: a ring, in which events of one kind and domain are merged. A new event takes the place of the one with the
 * oldest last_at when there are EVENTS_MAX others, or when the ring takes more than a 32nd of the store's bound. Events
 * are written into a full store, too. A store that an earlier version made has no table for them until its owner opens
 * it: then events are dropped, and there are none. */
#define EVENTS_MAX 1024
/* Adds an event, or merges it with one of its kind and domain. */
bool store_note_event(struct store *store, const struct event_record *event, struct failure *why);
/* Removes the events whose last_at is before `before`. */
bool store_forget_events(struct store *store, int64_t before, struct failure *why);
/* Returns all events, newest last, without those that cannot be read or that only a later version knows. The caller
 * frees them. NULL on failure. */
struct event_record *store_events(struct store *store, size_t *count, struct failure *why);

#endif
