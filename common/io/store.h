/* The policy store. Hides LMDB. Entries by domain, hop records by (host, port), an index by due time. It opens after
 * kill -9 at any instant with every acknowledged change; what cannot be opened is moved aside under a dated name, never
 * deleted, and told by store_moved_aside(). A read takes one transaction from a pool of reset and renewed readers
 * (MDB_NOTLS) and waits for nothing but a free slot. A change is on disk when its call returns. One transaction at a
 * time is written: what comes meanwhile goes into the next together, up to 256 changes in the order in which they came;
 * while no more wait, a call waits for two commits at most. Several processes may have it open. Any thread. No
 * transaction is left open when a call returns, views apart. What happens in trouble: doc/design, section 9. */
#ifndef IO_STORE_H
#define IO_STORE_H

#include "entry.h"
#include "event_record.h"
#include "evidence.h"
#include "failure.h"

#define STORE_READERS 126 /* LMDB's reader slots; we pool fewer */
#define STORE_POOL 32     /* views at a time in one process; the next waits */
#define STORE_FILE "policies.mdb"

enum store_access {
	STORE_OWNER, /* the daemon: creates, sets the map size, moves damage aside */
	STORE_GUEST  /* the tool: never creates, never sets the map size */
};
struct store;
/* NULL on failure. STORE_GUEST run as root becomes the store's owner first (setgid, setuid for good). Forks a child
 * that looks at the file: call it before threads are started. A process has a directory's store open once.
 * A guest keeps the bound that the owner gave the file; its own `max_bytes` does not matter. */
struct store *store_open(const char *directory, uint64_t max_bytes, enum store_access access, struct failure *why);
/* Returns when all submissions are written and their `done` has returned. Nobody else uses the store any more, but `done`
 * may submit again. */
void store_close(struct store **store);

/* The daemon's way: as STORE_OWNER. While the file is looked through, which may take hours on a slow disk, `go_on` is
 * called about every second, with how far it is in percent; false gives up, and leaves the file as it is. */
typedef bool store_go_on(unsigned percent);
struct store *store_open_watched(const char *directory, uint64_t max_bytes, store_go_on *go_on, struct failure *why);

/* The name to which store_open() moved a damaged file, "" if it did not. */
const char *store_moved_aside(const struct store *store);

/* The store is not used any more by this process, which can neither read nor write it: damage was met (LMDB's
 * structure, or the checksums of many records), or the disk failed so that LMDB could not open the file anew. One
 * damaged record, a full disk and a read or write that fails now and then do not break it. Who owns it should end
 * (EX_IOERR): the next start looks through the file. */
bool store_is_broken(const struct store *store, struct failure *why);

/* When a process last changed the store of this directory, by the clock of that time; 0: there is none. */
int64_t store_changed_at(const char *directory);

/* One consistent look. Do not wait for anything between begin and end. NULL: the store cannot be read (`why`). */
struct store_view;
struct store_view *store_view_begin(struct store *store, struct failure *why);
void store_view_end(struct store_view **view);
enum store_found { STORE_FOUND, STORE_ABSENT, STORE_FAILED };
enum store_found store_view_entry(struct store_view *view, const char *domain, struct entry *out);
enum store_found store_view_hop(struct store_view *view, const char *host, uint16_t port, struct hop_record *out);

/* Read, change, write, commit. An absent entry comes to `change` as entry_init() makes it. `change` runs inside the
 * write transaction, perhaps on the thread of another caller: it must be pure and quick; it may be called again, on the
 * entry as it was given first. What a later version of ours wrote is absent to `change`, and stays unless the change
 * leads to a policy. A change that fails takes no other with it. False when nothing was written. When the
 * store is full: expired entries go first, then negatives, then none and testing; a new entry never evicts a live
 * enforce policy in use on two or more days (then EX_TEMPFAIL, and the entry is not stored). No
 * other failure of a change is EX_TEMPFAIL. */
typedef void store_entry_change(struct entry *entry, void *arg);
typedef void store_hop_change(struct hop_record *record, void *arg);
bool store_change_entry(
	struct store *store, const char *domain, store_entry_change *change, void *arg, struct failure *why);
bool store_change_hop(
	struct store *store, const char *host, uint16_t port, store_hop_change *change, void *arg, struct failure *why);

/* One of several changes that are written together. The store sets `stored` and `why` before `done` is called; `change`,
 * `arg` and results are as above. */
struct store_batch_change {
	const char *domain_or_host;
	uint16_t port; /* 0: an entry */
	store_entry_change *entry;
	store_hop_change *hop;
	void *arg;
	bool stored;
	struct failure why; /* set only if not stored */
};
/* Changes of one caller, in one transaction. Should the transaction fail, each change is made alone. */
struct store_submission {
	struct store_batch_change *change;
	size_t count;
	/* Called once, on the store's own thread, with no lock held. It must be quick, and may call store_submit(), but
	 * not a call that waits for a change. The submission is the caller's again. */
	void (*done)(struct store_submission *submission);
};
/* Queues the submission for a thread of the store's own, and waits for nothing. The submission and everything it points
 * to stay as they are until `done` is called. Submissions are written in the order in which they came. Starts the
 * thread if store_start_writer() has not, and ends the process if that is impossible. */
void store_submit(struct store *store, struct store_submission *submission);
/* Starts the thread, which blocks all signals. Once is enough. */
bool store_start_writer(struct store *store, struct failure *why);

/* True also when there was none; `found` says which. */
bool store_forget(struct store *store, const char *domain, bool *found, struct failure *why);

/* Domains whose due_at is at or before `now`, earliest first, at most `max`. */
bool store_due(struct store *store, int64_t now, size_t max, struct names *out, struct failure *why);
/* The names of at most `max` domains after `after` ("" : from the start), in order. For lists: no transaction is held
 * between pages. */
bool store_page(struct store *store, const char *after, size_t max, struct names *out, struct failure *why);
/* The same of hops: fills `out`, which has room for `max`. A `host` of "" in `after`: from the start. */
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
/* Waits for nothing but a free slot. */
bool store_usage(struct store *store, struct store_usage *out, struct failure *why);

/* Events: a ring, merged per kind and domain. A new one puts out the one with the oldest last_at when there are
 * EVENTS_MAX others, or when the ring takes too much of the store (a 32nd of its bound). It is written also into a
 * store that is full. A store without the table for them (of an earlier version, seen by a guest) takes and has none.
 */
#define EVENTS_MAX 1024
bool store_note_event(struct store *store, const struct event_record *event, struct failure *why);
/* Those whose last_at is before `before`. */
bool store_forget_events(struct store *store, int64_t before, struct failure *why);
/* All, newest last; what cannot be read and what only a later version knows is left out. The caller frees; NULL: `why`.
 */
struct event_record *store_events(struct store *store, size_t *count, struct failure *why);

#endif
