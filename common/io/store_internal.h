/* What the files of the store share. The rest of the tree sees store.h only. */
#ifndef IO_STORE_INTERNAL_H
#define IO_STORE_INTERNAL_H

#include "lock.h"
#include "store.h"

#include <limits.h>
#include <lmdb.h>
#include <stdatomic.h>

#define STORE_LOCK_SUFFIX "-lock" /* LMDB's own lock file: the file's name with this */
#define STORE_LOCK_BYTES                                                                                               \
	(64 * (STORE_READERS + 2))    /* at least its size: LMDB has a line of 64 octets for each reader */
#define STORE_MARKER "policies.dirty" /* there while an owner has the store open, and after its unclean end */
#define STORE_OWNER_LOCK "policies.owner"
#define STORE_TABLES_MAX 8
#define STORE_LOOK_MAX 128 /* entries, and as many hop records, that one change looks at to evict */
#define STORE_UNREADABLE_BITS 4096
#define HOP_KEY_SIZE (DOMAIN_SIZE + 2)
#define DUE_KEY_SIZE (8 + DOMAIN_SIZE)

/* Results of a write step beside LMDB's own. */
enum {
	STORE_REFUSED = 1000000, /* full: nothing was written, nor evicted for it */
	STORE_UNCHANGED,         /* nothing to write */
	STORE_UNREADABLE,        /* the change made what could not be read back */
	STORE_HELD               /* another process looks at an older state, whose pages fill the map */
};

/* A slot for one read transaction; reset between uses. */
struct store_view {
	struct store *store;
	MDB_txn *txn; /* NULL until the slot's first use */
	struct store_view *next;
};

/* Runs inside the write transaction, perhaps on the thread of another caller of store_write(), and perhaps again after
 * the transaction was given up: it is pure and quick, and what it leaves in `arg` does not alter what it does the next
 * time. Results: 0: commit; STORE_UNCHANGED, STORE_REFUSED: it wrote nothing; any other: take back what it wrote. */
typedef int store_step(struct store *store, MDB_txn *txn, void *arg);

struct store_change {
	store_step *step;
	void *arg;
	int result;
	pid_t holder; /* of STORE_HELD */
};

/* The changes of one caller: they go into one transaction. */
struct store_job {
	struct store_change *change;
	size_t count;
	struct store_submission
		*submission; /* NULL: a caller waits for `ended`, and the job is on that caller's stack */
	bool ended;
	struct store_job *next;
};
struct store_jobs {
	struct store_job *first, *last;
};

/* What records are worth, in the order in which they go. */
enum store_rank {
	RANK_EXPIRED,    /* policies that are over, hops nothing was learned of for a week, what cannot be read */
	RANK_HOP,        /* hops that no live enforce policy has had looked at of late */
	RANK_NEGATIVE,   /* domains without a policy */
	RANK_MILD,       /* policies of mode none and testing */
	RANK_HOP_NEEDED, /* hops of live enforce policies: found out anew, nothing is lost but time */
	RANK_USED_ONCE,  /* live enforce policies used on one day only */
	RANK_KEPT        /* those used on more, or placed by the operator and not refreshed yet: they never go */
};
enum store_rank store_entry_rank(const struct entry *entry, int64_t now);
enum store_rank store_hop_rank(const struct hop_record *record, int64_t now);

/* A record about to be written. */
struct store_coming {
	MDB_val key; /* what stands there stays until then */
	size_t size;
	enum store_rank rank;
	bool is_new; /* it may be refused; else it is renewed */
};

/* What eviction would remove, found in one look. */
struct store_candidate {
	enum store_rank rank;
	bool is_entry; /* else a hop record */
	bool chosen;
	int64_t at;     /* within a rank, earlier goes first */
	int64_t due_at; /* of an entry */
	size_t size;
	size_t key_len;
	uint8_t key[HOP_KEY_SIZE];
};

/* Where eviction stands: a change looks at a few records and goes on there at the next. */
struct store_eviction {
	enum store_rank level;          /* ranks up to this one go; it grows when a whole round found nothing */
	enum store_rank ceiling;        /* that of the change at hand: no rank above it goes for it */
	bool round_freed;               /* something went in this round */
	bool hops_ended, entries_ended; /* a table's end was met in this round */
	unsigned removed;               /* in the transaction under way */
	size_t entry_len, hop_len;
	uint8_t entry_key[HOP_KEY_SIZE], hop_key[HOP_KEY_SIZE];
	size_t count;
	struct store_candidate candidate[2 * STORE_LOOK_MAX];
};

struct store {
	MDB_env *env;
	MDB_dbi entries; /* domain -> entry */
	MDB_dbi hops;    /* host NUL port -> hop record */
	MDB_dbi due;     /* time (8 octets, big endian) domain -> nothing */
	MDB_dbi meta;
	MDB_dbi events; /* kind (an octet) domain -> event */
	MDB_dbi main;
	bool has_events; /* false: a guest of a store that an earlier version made */
	enum store_access access;
	uint64_t max_bytes;
	int directory_fd;
	int owner_fd; /* -1: guest */
	char path[PATH_MAX];
	char aside[PATH_MAX]; /* where a damaged file was moved, or "" */
	atomic_bool broken;   /* LMDB cannot go on in this process; `ruin` says why */
	atomic_bool breaking; /* `ruin` is written, by the thread that was the first to set it */
	char ruin[128];
	/* Records that the checksum of which is wrong, each counted once as far as their hashes differ. */
	_Atomic uint64_t unreadable[STORE_UNREADABLE_BITS / 64];
	atomic_uint unreadable_count;
	unsigned unreadable_known; /* of the look at the start */

	struct lock queue; /* never held with another */
	struct signal_cond told;
	struct signal_cond work; /* for the writer thread */
	struct store_jobs queued GUARDED_BY(queue);
	struct store_jobs ended GUARDED_BY(queue); /* submissions that were written, and not reported yet */
	bool has_leader GUARDED_BY(queue);         /* a thread that writes for those in the queue */
	bool has_writer GUARDED_BY(queue);
	bool stopping GUARDED_BY(queue);
	pthread_t writer_thread;

	struct lock writer; /* one transaction at a time; taken before `pool` */
	struct store_eviction eviction GUARDED_BY(writer);

	struct lock pool;
	struct signal_cond slot_free;
	struct signal_cond all_idle;
	struct store_view slot[STORE_POOL];
	struct store_view *free GUARDED_BY(pool);
	unsigned in_use GUARDED_BY(pool);
	bool closed_for_mapping GUARDED_BY(pool);
};

/* From now on the store is not used by this process: neither read nor written. The first call says why. */
void store_break(struct store *store, const char *what);
/* A value that could not be decoded: where its checksum is wrong it is counted, and the store breaks at too many. */
void store_unreadable(struct store *store, const MDB_val *key, const MDB_val *value);
/* Fills `why` from LMDB's result and returns false. A result that shows damage breaks the store. */
bool store_fail(struct store *store, int result, const char *what, struct failure *why);
/* Takes over the map size that another process has set. */
int store_adopt_size(struct store *store) REQUIRES(store->writer) EXCLUDES(store->pool);

/* After a commit that failed: LMDB refuses all to a process that could not write the file's head, until it opens the
 * file anew. `broken` when that fails, too. */
void store_revive(struct store *store) REQUIRES(store->writer) EXCLUDES(store->pool);
/* The process, but this one, that looks at the oldest state, if that is not the newest; 0: none. */
pid_t store_held_by(struct store *store) REQUIRES(store->writer);

/* Nobody in this process has a view, and none gets one, until the pool is opened again. */
void store_pool_close(struct store *store) REQUIRES(store->writer) EXCLUDES(store->pool);
void store_pool_open(struct store *store) EXCLUDES(store->pool);
void store_pool_init(struct store *store);
void store_pool_free(struct store *store);

/* Commits what `step` does, with the changes of other callers beside it in one transaction, and returns when that is on
 * disk. What fails takes nothing of others with it. */
bool store_write(struct store *store, store_step *step, void *arg, struct failure *why) EXCLUDES(store->writer);

/* Queues a job with a submission for the writer thread, which frees it and its changes. */
void store_submit_job(struct store *store, struct store_job *job) EXCLUDES(store->queue);
/* Returns when all submissions are written and reported, and the thread has ended. */
void store_stop_writer(struct store *store) EXCLUDES(store->queue);

MDB_val store_entry_key(const char *domain);
MDB_val store_hop_key(uint8_t buffer[HOP_KEY_SIZE], const char *host, uint16_t port);
MDB_val store_due_key(uint8_t buffer[DUE_KEY_SIZE], int64_t due_at, const void *domain, size_t len);

/* Octets in use, without what LMDB has free or keeps for readers. */
int store_used(struct store *store, MDB_txn *txn, uint64_t *used);
/* A guest, whatever its settings say, keeps the bound of the owner, who made the map a quarter larger. */
uint64_t store_bound(struct store *store);
/* Room for what is coming. Removes nothing for what has no room in the end. */
int store_make_room(struct store *store, MDB_txn *txn, const struct store_coming *coming, bool *has_room)
	REQUIRES(store->writer);
/* Removes what may go for the change at hand, after the map was full. A store_step without `arg`. */
int store_make_any_room(struct store *store, MDB_txn *txn, void *arg) REQUIRES(store->writer);

/* Whether the file can be trusted, looked at by a child process, since LMDB answers damage with SIGSEGV or SIGBUS.
 * Takes as long as it takes. Damage is proved by what stands in the file alone: by a child that crashed over it or met
 * what must not be there. A child that was ended from outside, or met trouble of the machine, says nothing of it. */
struct store_look_way {
	bool walk;          /* through all of it; else only where it seems cut off */
	int lock_fd;        /* closed in the child; -1: none */
	store_go_on *go_on; /* may be NULL */
};
enum store_health { STORE_SOUND, STORE_DAMAGED, STORE_UNTOLD };
struct store_finding {
	enum store_health health;
	int result;          /* LMDB's or errno; 0 where there is none */
	unsigned unreadable; /* values whose checksum is wrong */
	char words[96];      /* what was found, or what stood in the way */
};
void store_inspect(const char *path, const struct store_look_way *way, struct store_finding *out);
/* Renames file and lock file to `...damaged-<time>`, which is left in store->aside. */
bool store_move_aside(struct store *store, const char *found, struct failure *why);
/* Of reading the file: what stands there is wrong. */
bool store_result_is_damage(int result);

#endif
