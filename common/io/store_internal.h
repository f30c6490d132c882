/* Shared by the files of the store. The rest of the tree includes store.h only. */
#ifndef IO_STORE_INTERNAL_H
#define IO_STORE_INTERNAL_H

#include "lock.h"
#include "store.h"

#include <limits.h>
#include <lmdb.h>
#include <stdatomic.h>

#define STORE_LOCK_SUFFIX "-lock" /* LMDB's own lock file has this behind the file's name */
/* At least the size of LMDB's lock file, which has a line of 64 octets for each reader. */
#define STORE_LOCK_BYTES (64 * (STORE_READERS + 2))
#define STORE_MARKER "policies.dirty" /* exists while an owner has the store open, and after an unclean end */
#define STORE_OWNER_LOCK "policies.owner"
#define STORE_TABLES_MAX 20
#define STORE_LOOK_MAX 128 /* a change examines at most so many entries, and so many hop records, for eviction */
#define STORE_UNREADABLE_BITS 4096
#define HOP_KEY_SIZE (DOMAIN_SIZE + 2)
#define DUE_KEY_SIZE (8 + DOMAIN_SIZE)

/* Results of a write step in addition to LMDB's. */
enum {
	STORE_REFUSED = 1000000, /* the store is full: nothing was written or evicted */
	STORE_UNCHANGED,         /* nothing to write */
	STORE_UNREADABLE,        /* the changed value could not be decoded again */
	STORE_HELD               /* another process reads an older state, whose pages fill the map */
};

/* A slot of the pool: one read transaction, which is reset between uses. */
struct store_view {
	struct store *store;
	MDB_txn *txn; /* NULL until the slot's first use */
	struct store_view *next;
	bool whole; /* see store_view_whole() */
};

/* Makes one change inside the write transaction. It may run on the thread of another caller of store_write(), and again
 * after the transaction failed. So it must be pure and quick, and its effects on `arg` must not change what it does the
 * next time. Returns 0 to commit; STORE_UNCHANGED or STORE_REFUSED if it wrote nothing; any other result to undo the
 * transaction. */
typedef int store_step(struct store *store, MDB_txn *txn, void *arg);

struct store_change {
	store_step *step;
	void *arg;
	bool uncounted; /* in the metrics */
	int result;
	pid_t holder; /* for STORE_HELD: the process that reads the older state */
};

/* The changes of one caller. They go into one transaction. */
struct store_job {
	struct store_change *change;
	size_t count;
	/* NULL: the job is on the stack of a caller that waits for `ended`. */
	struct store_submission *submission;
	bool ended;
	struct store_job *next;
};
struct store_jobs {
	struct store_job *first, *last;
};

/* The ranks of entries and hop records. Lower ranks are evicted first (design 9.5). An enforce policy is "in force"
 * until it expires. */
enum store_rank {
	RANK_EXPIRED,    /* expired policies, hops without new evidence for a week, entries that cannot be read */
	RANK_HOP,        /* hops that no enforce policy in force has needed in the last week */
	RANK_NEGATIVE,   /* domains without a policy */
	RANK_MILD,       /* policies of mode none and testing */
	RANK_HOP_NEEDED, /* hops that an enforce policy in force needed in the last week: a new probe costs only time */
	RANK_USED_ONCE,  /* enforce policies in force, used on one day only; also entries of a later version */
	/* enforce policies in force that were used on more days, or that the operator placed and that were not fetched
	 * since: never evicted */
	RANK_KEPT
};
enum store_rank store_entry_rank(const struct entry *entry, int64_t now);
enum store_rank store_hop_rank(const struct hop_record *record, int64_t now);

/* An entry or hop record that is about to be written. */
struct store_coming {
	MDB_val key; /* the record under this key is not evicted */
	size_t size;
	enum store_rank rank;
	bool is_new; /* it may be refused; one that exists may always be renewed */
};

/* An entry or hop record that may be evicted. */
struct store_candidate {
	enum store_rank rank;
	bool is_entry; /* else a hop record */
	bool chosen;
	int64_t at;     /* within a rank, lower values are evicted first */
	int64_t due_at; /* of an entry */
	size_t size;
	size_t key_len;
	uint8_t key[HOP_KEY_SIZE];
};

/* The state of eviction. Each change examines only a few entries and hop records; the next change continues after the
 * last of them. A round is one pass over all entries and all hop records. */
struct store_eviction {
	enum store_rank level;   /* ranks up to this one are evicted; it rises after a round that freed nothing */
	enum store_rank ceiling; /* the highest rank that the current change may evict */
	bool round_freed;        /* this round has freed something */
	bool hops_ended, entries_ended; /* this round has reached the end of the table */
	unsigned removed;               /* records removed in the current transaction */
	size_t entry_len, hop_len;      /* lengths of the keys at which the next look begins */
	uint8_t entry_key[HOP_KEY_SIZE], hop_key[HOP_KEY_SIZE];
	size_t count;
	struct store_candidate candidate[2 * STORE_LOOK_MAX];
};

/* A check of the file that runs beside its owner. Belongs to the thread that opens and closes the store. */
struct store_beside {
	pid_t pid;
	int fd; /* its reports; -1: there is none */
	unsigned percent;
	int64_t told_ms; /* when the log was last told how far it is */
	bool failed;     /* it could not be finished */
};

struct store {
	MDB_env *env;
	MDB_dbi entries; /* domain -> entry */
	MDB_dbi hops;    /* host NUL port -> hop record */
	MDB_dbi due;     /* due time (8 octets, big endian) domain -> nothing */
	MDB_dbi meta;
	MDB_dbi events;   /* kind (an octet) domain -> event */
	MDB_dbi verdicts; /* front end, kind (an octet each) domain NUL reason -> verdict record */
	MDB_dbi main;
	MDB_dbi networks;            /* domain -> networks of its mail hosts; each of them is a key of `entries`, too */
	bool has_networks;           /* as below */
	MDB_dbi overrides;           /* domain or OVERRIDE_ALL -> override */
	MDB_dbi decisions;           /* about (an octet) domain or OVERRIDE_ALL -> decision */
	MDB_dbi stories;             /* number of an event (4 octets, big endian) -> story */
	MDB_dbi looks;               /* host NUL port -> look; each of them is a key of `hops`, too */
	MDB_dbi revocations;         /* leaf (8 octets, big endian) -> revocation */
	MDB_dbi tallies;             /* day (4 octets, big endian), 1 or 0 (anything failed or not), domain -> tally */
	MDB_dbi tlsrpt_sends;        /* day (4 octets, big endian) domain NUL hash of address -> tlsrpt_send */
	MDB_dbi tlsrpt_suppressions; /* hash of address (8 octets) -> tlsrpt_suppression */
	MDB_dbi steps;               /* number of the step, modulo SNAPSHOT_STEPS -> counts */
	/* false for a guest of a store that an earlier version made */
	bool has_events, has_verdicts, has_overrides, has_stories, has_looks, has_revocations, has_tallies;
	bool has_tlsrpt_sends, has_tlsrpt_suppressions, has_steps, has_decisions;
	_Atomic uint64_t no_overrides; /* LMDB's number of the newest state that is known to have no overrides */
	enum store_access access;
	uint64_t max_bytes;
	int directory_fd;
	int owner_fd; /* holds the owner's lock; -1: guest */
	char path[PATH_MAX];
	char aside[PATH_MAX]; /* the new name of a damaged file, or "" */
	atomic_bool broken;   /* this process can no longer use the store; `cause` states why */
	atomic_bool breaking; /* the thread that sets this first writes `cause`, then sets `broken` */
	char cause[128];
	/* Values with a wrong checksum: one bit for each, by a hash of its key, so that each value is counted once. */
	_Atomic uint64_t unreadable[STORE_UNREADABLE_BITS / 64];
	atomic_uint unreadable_count;
	atomic_uint unreadable_known; /* how many of them the check of the file found */
	int marker_fd;                /* -1: guest */
	atomic_bool doubted;          /* the next start checks the file before it is used */
	struct store_beside beside;

	struct lock queue;         /* never held together with another lock */
	struct signal_cond leader; /* the leader has finished: its jobs have ended, and another thread may lead */
	struct signal_cond work;   /* for the writer thread */
	struct store_jobs queued GUARDED_BY(queue);
	/* submissions that are written, but whose `done` has not been called */
	struct store_jobs ended GUARDED_BY(queue);
	bool has_leader GUARDED_BY(queue); /* a thread is writing for all that wait */
	bool has_writer GUARDED_BY(queue);
	bool stopping GUARDED_BY(queue);
	pthread_t writer_thread;

	struct lock writer; /* held during a write transaction; taken before `pool` */
	struct store_eviction eviction GUARDED_BY(writer);

	struct lock pool;
	struct signal_cond slot_free;
	struct signal_cond all_idle;
	struct store_view slot[STORE_POOL];
	struct store_view *free GUARDED_BY(pool);
	unsigned in_use GUARDED_BY(pool);
	bool closed_for_mapping GUARDED_BY(pool);
};

/* Ends the use of the store by this process: from now on it is neither read nor written. `what` is the cause; only that
 * of the first call is kept. Any thread. */
void store_break(struct store *store, const char *what);
/* Call this for a value that could not be decoded. If its checksum is wrong, the value is counted. Too many such values
 * break the store. */
void store_unreadable(struct store *store, const MDB_val *key, const MDB_val *value);
/* Sets `why` from a result of LMDB or an errno and returns false. A result that shows damage breaks the store. */
bool store_fail(struct store *store, int result, const char *what, struct failure *why);

/* A number in a row of the table `meta`; 0: there is none. store_number() reads it in a view of its own. The others return 0 or
 * LMDB's error. */
int store_number_read(const struct store *store, MDB_txn *txn, const char *row, uint32_t *number);
int store_number_write(const struct store *store, MDB_txn *txn, const char *row, uint32_t number);
bool store_number(struct store *store, const char *row, uint32_t *number, struct failure *why);
/* Adopts the map size that another process has set. */
int store_adopt_size(struct store *store) REQUIRES(store->writer) EXCLUDES(store->pool);

/* Opens the file again after a failed commit, if necessary. If LMDB could not write the head of the file, every call
 * returns MDB_PANIC until the file is opened again. If that fails, too, the store breaks. */
void store_revive(struct store *store) REQUIRES(store->writer) EXCLUDES(store->pool);
/* Returns the other process that reads the oldest state of the store. Returns 0 if no other process reads a state older
 * than the newest. */
pid_t store_held_by(struct store *store) REQUIRES(store->writer);
/* Drops the views of processes that have ended without ending them. LMDB keeps the states of such views, and the file grows
 * meanwhile. Any thread. */
void store_drop_dead_views(struct store *store) EXCLUDES(store->pool);

/* Waits until no view is in use, and holds back new ones until store_pool_open(). */
void store_pool_close(struct store *store) REQUIRES(store->writer) EXCLUDES(store->pool);
void store_pool_open(struct store *store) EXCLUDES(store->pool);
/* Make and destroy all locks of the store and the pool of views. */
void store_pool_init(struct store *store);
void store_pool_free(struct store *store);

/* Commits the change that `step` makes, possibly in one transaction with those of other callers. Returns when it is on
 * disk. A change that fails does not affect the others. */
bool store_write(struct store *store, store_step *step, void *arg, struct failure *why) EXCLUDES(store->writer);
/* Does the same, but does not count the change in the metrics. */
bool store_write_uncounted(struct store *store, store_step *step, void *arg, struct failure *why)
	EXCLUDES(store->writer);

/* Changes the networks of a domain. A store_step; `arg` is a struct store_batch_change. */
int store_networks_step(struct store *store, MDB_txn *txn, void *arg) REQUIRES(store->writer);
/* Removes the networks of a domain whose entry is being removed. */
int store_networks_remove(struct store *store, MDB_txn *txn, const MDB_val *key);

/* Queues a job with a submission for the writer thread, which frees the job and its changes. */
void store_submit_job(struct store *store, struct store_job *job) EXCLUDES(store->queue);
/* Ends the writer thread. Returns when all submissions are written, their `done` has returned, and the thread has
 * ended. */
void store_stop_writer(struct store *store) EXCLUDES(store->queue);

/* Return the keys of the tables. They point to `domain` or into `buffer`. */
MDB_val store_entry_key(const char *domain);
MDB_val store_hop_key(uint8_t buffer[HOP_KEY_SIZE], const char *host, uint16_t port);
MDB_val store_due_key(uint8_t buffer[DUE_KEY_SIZE], int64_t due_at, const void *domain, size_t len);

/* A table with a fixed number of records and a small part of the store's limit. */
struct store_ring {
	MDB_dbi table;
	size_t records_max;
	int64_t (*last_at)(const MDB_val *value); /* returns a record's time, INT64_MIN if it cannot be read */
};
/* Removes the oldest records until the ring is within its limits and has no records older than `before`. The record with
 * the key `spare` (NULL: none) stays. */
int store_ring_shrink(
	struct store *store, MDB_txn *txn, const struct store_ring *ring, const MDB_val *spare, int64_t before);
/* Sets `floor` to the time that a further record of `size` octets, with its key, must exceed to stay: that of the record that leaves
 * first, or INT64_MIN if there is room. */
int store_ring_floor(struct store *store, MDB_txn *txn, const struct store_ring *ring, size_t size, int64_t *floor);
/* Reads the event of the same kind and domain; its count is 0 if there is none that can be read. */
int store_event_get(struct store *store, MDB_txn *txn, const struct event_record *like, struct event_record *out);
/* Writes an event; the oldest ones make room. */
int store_event_put(struct store *store, MDB_txn *txn, const struct event_record *event);
/* Writes the story of a sign, which has its number already, merged with what is stored. `story` may be NULL. */
int store_story_note(struct store *store, MDB_txn *txn, const struct event_record *event, const struct story *story);
/* Ends the story of a sign that was not seen for so long that `later` is another event. */
int store_story_continued(
	struct store *store, MDB_txn *txn, const struct event_record *sign, const struct event_record *later);
/* Removes the stories whose last_at is before `before`. */
int store_stories_forget(struct store *store, MDB_txn *txn, int64_t before);

/* Notes a decision of this relay. `by` may be NULL: nothing is noted. */
int store_decision_note(struct store *store, MDB_txn *txn, enum decision_about about, const char *domain,
	const struct decision_maker *by, const struct override *override);
/* Writes the override of a domain. `replaced` becomes the one that was there. Sets `has_room` to false, and writes nothing, if
 * OVERRIDES_MAX others have not ended. */
int store_override_put(
	struct store *store, MDB_txn *txn, const struct override *override, struct override *replaced, bool *has_room);
/* Removes the override of a domain. `removed` becomes what was there. Returns STORE_UNCHANGED if there was none. */
int store_override_remove(struct store *store, MDB_txn *txn, const char *domain, struct override *removed);
/* Removes the entry of a domain, with all that belongs to it, if the decision forgets it (NULL: in any case). Returns
 * STORE_UNCHANGED if there was none or it stays. */
int store_entry_remove(struct store *store, MDB_txn *txn, const char *domain, const struct decision_record *forget);

/* The rows of a small table, as an array of structs. */
struct store_rows {
	MDB_dbi table;
	bool has_table; /* false: there are no rows */
	size_t max;
	size_t size; /* of a struct */
	bool (*decode)(void *out, const MDB_val *value);
};
/* Returns all rows that `decode` can read, in the order of their keys: an array of `count` structs, which the caller frees
 * with free(). Returns NULL on failure. */
void *store_rows_read(struct store *store, const struct store_rows *rows, size_t *count, struct failure *why);

/* Adds a key to a page. Returns false if the page is full. */
typedef bool store_page_take(const MDB_val *key, void *arg);
/* Passes the keys behind `after` (empty: from the start) to `take` until the page is full. */
bool store_page_read(
	struct store *store, MDB_dbi dbi, MDB_val after, store_page_take *take, void *arg, struct failure *why);

/* Removes the look of a hop, if there is one: call this wherever a hop record is removed. */
int store_look_remove(struct store *store, MDB_txn *txn, MDB_val *key);

/* Computes the octets in use. Does not count free pages and pages that LMDB keeps only for readers of older states. */
int store_used(struct store *store, MDB_txn *txn, uint64_t *used);
/* Returns the limit of the store's size. A guest uses the limit that the owner has set: four fifths of the map. */
uint64_t store_bound(struct store *store);
/* Near the store's limit: evicts records to make room for `coming`. Sets `has_room` to whether there is enough room
 * then. If there is not, and `coming` is new, it removes nothing. */
int store_make_room(struct store *store, MDB_txn *txn, const struct store_coming *coming, bool *has_room)
	REQUIRES(store->writer);
/* Evicts some records of ranks up to RANK_NEGATIVE, after LMDB's map was full. A store_step; `arg` is not used. */
int store_make_any_room(struct store *store, MDB_txn *txn, void *arg) REQUIRES(store->writer);

/* Checks the store's file in a child process, because LMDB may crash with SIGSEGV or SIGBUS on a damaged file. There is
 * no deadline. Only the contents of the file prove damage: the child crashed while it read them, or it found something
 * impossible. If the child was killed from outside, or met a local failure, that proves nothing. */
enum store_look_way {
	LOOK_OPEN,  /* read the whole file only if it seems to be cut off */
	LOOK_WALK,  /* read the whole file */
	LOOK_BESIDE /* the same while others use the file; holds no state of it for longer than LOOK_BESIDE_S */
};
#define LOOK_BESIDE_S 60
enum store_health {
	STORE_SOUND,
	STORE_DAMAGED,
	STORE_UNCHECKED /* the file could not be checked */
};
struct store_finding {
	enum store_health health;
	int result;          /* LMDB's or an errno; 0: none */
	unsigned unreadable; /* values with a wrong checksum */
	char words[96];      /* what was found, or what prevented the check */
};
/* Returns when the check has ended. `go_on` may be NULL. */
void store_inspect(const char *path, enum store_look_way way, store_go_on *go_on, struct store_finding *out);
/* Notes how many records with wrong checksums a check has found, and logs it. */
void store_know_unreadable(struct store *store, unsigned count);
/* Starts a check that runs beside the owner; store_check_continue() takes in what it finds. If it cannot start, that is
 * what it has found. */
void store_beside_begin(struct store *store);
/* Ends the check, if it has not ended, without a result. Returns whether there was one. */
bool store_beside_stop(struct store *store);
/* Renames the file and LMDB's lock file to `...damaged-<time>` and leaves the new name in store->aside. `found`
 * describes the damage; it becomes a part of the text of `why`. */
bool store_move_aside(struct store *store, const char *found, struct failure *why);
/* Returns whether a result of LMDB means that the file's contents are wrong. */
bool store_result_is_damage(int result);

/* The marker of an owner (store_marker.c). */
bool store_marker_found(const struct store *store);
/* Returns whether the marker was left by a process that ended in this boot of the machine, without any doubt about the
 * file, and the file is still the same. */
bool store_marker_is_trusted(const struct store *store);
/* Creates the marker, or empties it. */
bool store_marker_set(struct store *store, struct failure *why);
/* Writes into the marker that the file need not be checked if only this process ends. Does nothing after
 * store_marker_doubt(). */
void store_marker_trust(struct store *store);
/* Empties the marker: however this process ends, the next start checks the file. Any thread. */
void store_marker_doubt(struct store *store);
void store_marker_remove(struct store *store);

#endif
