/* Keeps what stsgate has learned on disk: entries by policy domain, hop records by host and port, an index of domains
 * by the time at which they are due, events, stories, looks, verdict records, overrides, decisions, and tallies. Hides
 * LMDB.
 *
 * How to use: store_open(); to read, store_view_begin(), store_view_entry() or store_view_hop(), store_view_end(); to
 * change one entry or hop record and wait, store_change_entry() or store_change_hop(); to change several without
 * waiting, store_submit(); store_close().
 *
 * Durability: a change is on disk when its call returns, or when the `done` of its submission is called. After kill -9
 * at any instant, the store opens with every such change. A damaged file is renamed, never deleted; store_moved_aside()
 * returns its new name.
 *
 * Waiting: reading waits only until one of STORE_POOL views is free. Changes that arrive during a commit share the next
 * transaction, up to 256 of them, in the order in which they arrived. So a call waits for two commits at most, unless
 * more than 256 changes are waiting.
 *
 * Threads: any thread may make any call, and several processes may have the store open. No transaction is left open
 * when a call returns, except by store_view_begin(). For what happens when something fails, see design 9.
 *
 * Failures: a function that takes `why` (may be NULL) sets it when it fails. Unless stated otherwise the code is
 * EX_IOERR. */
#ifndef IO_STORE_H
#define IO_STORE_H

#include "decision.h"
#include "entry.h"
#include "event_record.h"
#include "evidence.h"
#include "failure.h"
#include "look.h"
#include "movement.h"
#include "override.h"
#include "revocation.h"
#include "snapshot.h"
#include "story.h"
#include "tlsrpt_send.h"
#include "tlsrpt_tally.h"
#include "verdict_record.h"

#include <sys/types.h>

#define STORE_READERS 126 /* readers that LMDB allows, in all processes together */
#define STORE_POOL 32     /* views that one process may have at a time; store_view_begin() waits for one */
#define STORE_FILE "policies.mdb"

enum store_access {
	STORE_OWNER, /* the daemon: creates the store, sets its size, moves a damaged file aside */
	STORE_GUEST  /* the tool: opens a store that exists, and never sets its size */
};
struct store;
/* Opens the store in a directory. `max_bytes` limits the size of the store; a guest keeps the limit that the owner has
 * set. A process must not open a directory again while it has it open. Returns NULL on failure. The codes are those of
 * sysexits.h: EX_TEMPFAIL if the file could not be checked, or if another owner has the store open.
 *
 * Forks a child that checks the file for damage, so it must be called before threads are started. A guest that runs as
 * root becomes the owner of the store's file (setgid and setuid) and cannot go back. */
struct store *store_open(const char *directory, uint64_t max_bytes, enum store_access access, struct failure *why);
/* Closes the store and sets the pointer to NULL. Returns when all submissions are written and their `done` has
 * returned; `done` may submit more. No other thread may use the store any more. */
void store_close(struct store **store);

/* Opens the store as STORE_OWNER for the daemon, which must answer soon. The check of a large file on a slow disk may
 * take hours. If the store was not closed, but the machine has not been restarted since, the check runs beside the daemon,
 * which calls store_check_continue(). Else the check comes first: `go_on` is called about every second with the progress
 * in percent. If `go_on` returns false, the check stops, the file is not changed, and the result is NULL. */
typedef bool store_go_on(unsigned percent);
struct store *store_open_watched(const char *directory, uint64_t max_bytes, store_go_on *go_on, struct failure *why);
/* Takes in what the check beside the daemon has found: the store is broken if it is damage. Call this every second or so,
 * on the thread that has opened the store; returns at once. */
void store_check_continue(struct store *store);

/* Returns the name to which store_open() moved a damaged file; "" if there was none. Belongs to the store. */
const char *store_moved_aside(const struct store *store);

/* Returns whether this process can no longer read or write the store, and sets `why` (EX_IOERR) then. The causes are
 * damage to the file (LMDB's structure, or the checksums of many values), and a disk error after which LMDB could not
 * open the file again. One damaged value, a full disk, or a single failed read or write is not a cause. The owner
 * should exit: its next start checks the file. */
bool store_is_broken(const struct store *store, struct failure *why);

/* Who has the store in a directory open as its owner. */
enum store_owner_state {
	STORE_OWNED,
	STORE_CLOSED,      /* nobody; the last owner closed it in order */
	STORE_LEFT,        /* nobody; the last owner was killed or crashed, and the file still has to be checked */
	STORE_NEVER_OWNED, /* nobody has ever opened it as owner */
	STORE_OWNER_UNKNOWN
};
/* Finds out by the owner's lock whether a daemon uses the store. Does not open the store; takes the lock for a moment if
 * it is free. Sets `why` if it returns STORE_OWNER_UNKNOWN (EX_NOPERM). */
enum store_owner_state store_owner(const char *directory, struct failure *why);

/* Returns when a process last changed the store in this directory (wall clock, seconds); 0 if there is no store. */
int64_t store_changed_at(const char *directory);

/* Begins to read one consistent state of the store. Returns NULL if the store cannot be read (EX_TEMPFAIL: too many
 * readers). Only one thread may use a view at a time. Do not wait for anything before store_view_end(). */
struct store_view;
struct store_view *store_view_begin(struct store *store, struct failure *why);
/* Call this if you are going to read the whole store with this view. Records with wrong checksums are then absent as always, but
 * do not count as a sign of new damage: you meet every record that was damaged long ago and that nobody has asked for since. */
void store_view_whole(struct store_view *view);
/* Returns the number of the state that the view reads. Each change of the store, by any process, makes a state with a higher
 * number. */
uint64_t store_view_state(const struct store_view *view);
/* Sets `state` to the number of the store's newest state: a view that has read a state with this number has read all that a
 * view would read which begins now. Returns false if that is not known at once, or if the store is broken. Never waits for
 * another process. */
bool store_state(struct store *store, uint64_t *state);
/* Ends a view and sets the pointer to NULL. */
void store_view_end(struct store_view **view);
enum store_found {
	STORE_FOUND,
	STORE_ABSENT, /* also if the value has a wrong checksum, or if a later version wrote it */
	STORE_FAILED
};
/* Reads the entry of a policy domain. Always sets `out`: without an entry, to what entry_init() makes. The caller frees
 * it with entry_free(). */
enum store_found store_view_entry(struct store_view *view, const char *domain, struct entry *out);
/* Reads a hop record. Always sets `out`: without a hop record, to zeros. */
enum store_found store_view_hop(struct store_view *view, const char *host, uint16_t port, struct hop_record *out);

/* A change reads an entry or a hop record, alters it and writes it in one transaction. These functions return true when
 * the change is on disk, or if it altered nothing. They return false and set `why` if the change failed.
 *
 * - `change` gets the stored entry or hop record. If there is none, it gets what entry_init() makes, or a zeroed hop
 *   record.
 * - `change` runs inside the write transaction, possibly on the thread of another caller, so it must be pure and quick.
 *   The store may call it again, with the original entry or hop record.
 * - An entry that a later version of stsgate wrote appears to `change` as absent. It is replaced only if the new entry
 *   has a policy.
 * - A change that fails does not affect changes that share its transaction.
 * - A full store evicts entries and hop records in the order of design 9.5. It never evicts a policy of mode enforce
 *   that is in force and was used on two or more days. If there is still no room, a new entry or hop record is refused;
 *   a stored one may always be renewed.
 * - `why`: EX_TEMPFAIL if the store is full, or if another process keeps it full. */
typedef void store_entry_change(struct entry *entry, void *arg);
typedef void store_hop_change(struct hop_record *record, void *arg);
bool store_change_entry(
	struct store *store, const char *domain, store_entry_change *change, void *arg, struct failure *why);
bool store_change_hop(
	struct store *store, const char *host, uint16_t port, store_hop_change *change, void *arg, struct failure *why);

/* One change of a submission. The caller sets the first group of members, with either `entry`, `hop` or
 * `networks`. The rules for `change` above apply to these functions. `networks` gets what the store keeps of the domain's
 * networks, or a zeroed struct with the domain; nothing is written if the store has no entry of the domain. The store
 * sets the second group before it calls `done`. */
typedef void store_networks_change(struct domain_networks *networks, void *arg);
struct store_batch_change {
	const char *domain_or_host;
	uint16_t port; /* of a hop record; else 0 */
	store_entry_change *entry;
	store_hop_change *hop;
	store_networks_change *networks;
	void *arg;

	bool stored;
	struct failure why; /* set only if not stored */
};
/* Changes of one caller that go into one transaction. If the transaction fails, the store makes each change in a
 * transaction of its own. */
struct store_submission {
	struct store_batch_change *change;
	size_t count;
	/* Called once, on the store's own thread, with no lock held. From this call on, the submission belongs to its
	 * caller again. `done` must be quick. It may call store_submit(), but no function that waits for a change. */
	void (*done)(struct store_submission *submission);
};
/* Queues a submission for the store's own thread and returns at once. The submission, and everything that it points to,
 * must stay unchanged until `done` is called. Submissions are written in the order in which they arrive. Starts the
 * thread if store_start_writer() has not, and ends the process if that fails. */
void store_submit(struct store *store, struct store_submission *submission);
/* Reads the networks of a domain, which leave the store together with its entry. Always sets `out`: without networks, to a
 * zeroed struct with the domain. */
enum store_found store_view_networks(struct store_view *view, const char *domain, struct domain_networks *out);

/* Starts the store's own thread, unless it runs already. The thread blocks all signals. Returns false on failure
 * (EX_OSERR). */
bool store_start_writer(struct store *store, struct failure *why);

/* Removes an entry. Returns true also if there was none; `found` (may be NULL) is set to whether there was one. `by`: whose
 * decision it is, which is noted in the same transaction (see below); NULL: it is not noted. */
bool store_forget(
	struct store *store, const char *domain, const struct decision_maker *by, bool *found, struct failure *why);

/* Lists at most `max` domains whose due_at is `now` (wall clock, seconds) or earlier, earliest first. The caller frees
 * `out` with names_free(). */
bool store_due(struct store *store, int64_t now, size_t max, struct names *out, struct failure *why);
/* Lists at most `max` domains in sorted order: those behind `after`, or from the start if `after` is "". To list all
 * domains, repeat the call with the last domain that was listed. The caller frees `out` with names_free(). */
bool store_page(struct store *store, const char *after, size_t max, struct names *out, struct failure *why);
struct store_hop {
	char host[DOMAIN_SIZE];
	uint16_t port;
};
/* Lists hops in the same way. `out` has room for `max` hops. If the host in `after` is "", it lists from the start. */
bool store_page_hops(struct store *store, const struct store_hop *after, size_t max, struct store_hop *out,
	size_t *count, struct failure *why);

struct store_usage {
	uint64_t bytes;     /* in use */
	uint64_t max_bytes; /* the limit */
	uint64_t entries;
};
/* Measures the store. */
bool store_usage(struct store *store, struct store_usage *out, struct failure *why);

struct store_readers {
	unsigned count;  /* views that all processes have in use or keep for the next use; at most STORE_READERS */
	uint64_t behind; /* how many states the oldest view of another process is behind the newest; 0: none is */
	pid_t pid;       /* that process; 0: none */
};
/* Lists who reads the store: while a view is in use, the pages that were changed since cannot be used again. */
bool store_readers(struct store *store, struct store_readers *out, struct failure *why);

/* Events. The store keeps at most EVENTS_MAX events, in at most a 32nd of its limit. Events of the same kind and domain
 * are merged into one. When there are too many, a new event replaces the event with the oldest last_at. Events are
 * written even into a full store. A store that an earlier version made has no table for events until an owner opens it;
 * until then events are dropped. */
#define EVENTS_MAX 1024
/* An event is merged into the stored one unless that one is over, or was last seen so long ago. Then it takes its place,
 * with a new number. */
#define EVENT_NEW_AFTER_S 86400
/* Adds an event, or merges it with the stored one of its kind and domain. A new one gets the next number; numbers rise and
 * are never used twice. `event` becomes what is stored then; it is unchanged after a failure. A sign (event_is_sign())
 * gets a story in the same transaction. */
bool store_note_event(struct store *store, struct event_record *event, struct failure *why);
/* The same, with the story of a sign (may be NULL), which is merged with what the store has of it. */
bool store_note_sign(struct store *store, struct event_record *event, const struct story *story, struct failure *why);
/* Makes stored events parts of the newest event of the kind that their part_of_kind names. Skips events that have left the
 * store since they were read. */
bool store_fold_events(struct store *store, const struct event_record *events, size_t count, struct failure *why);
/* Sets `number` to that of the newest event; 0 if there never was one. */
bool store_event_number(struct store *store, uint32_t *number, struct failure *why);
/* Removes the events and the stories whose last_at is before `before` (wall clock, seconds). */
bool store_forget_events(struct store *store, int64_t before, struct failure *why);
/* Returns all events, newest last, except events that cannot be read or that only a later version knows. The caller
 * frees the array with free(). Returns NULL on failure. */
struct event_record *store_events(struct store *store, size_t *count, struct failure *why);
/* Returns the events of one kind, by domain, in the same way. */
struct event_record *store_events_of(struct store *store, enum event_kind kind, size_t *count, struct failure *why);

/* Stories of signs (core/story.h), by number of the event. The store keeps at most STORIES_MAX of them, in at most a 32nd of
 * its limit; those with the oldest last_at leave first. A story stays when its event has left, or another event of the same
 * kind and domain has taken its place. A store that an earlier version made has no table for stories until an owner opens
 * it; until then stories are dropped. */
#define STORIES_MAX 256
/* Reads a story. Always sets `out`, to zeros if there is none. */
enum store_found store_story(struct store *store, uint32_t number, struct story *out, struct failure *why);
/* Changes the story of a stored sign, and its event with it: over_at of story->event is taken over. If the story has left
 * the store, `change` gets one that has only the event. Does nothing if both are gone. The rules for a store_entry_change
 * apply to `change`. `sign` names the event by kind, domain and number. */
typedef void store_story_change(struct story *story, void *arg);
bool store_change_story(struct store *store, const struct event_record *sign, store_story_change *change, void *arg,
	struct failure *why);

/* Verdict records. The store keeps at most VERDICTS_MAX of them, in at most a 32nd of its limit, in the same way as
 * events: equal ones (verdict_record_same()) are merged, and those with the oldest last_at leave first. */
#define VERDICTS_MAX 1024
/* Adds records, or merges them with stored ones, in one transaction. */
bool store_note_verdicts(struct store *store, const struct verdict_record *record, size_t count, struct failure *why);
/* Returns all records, newest first, except those that cannot be read or that only a later version knows. The caller
 * frees the array with free(). Returns NULL on failure. */
struct verdict_record *store_verdicts(struct store *store, size_t *count, struct failure *why);

/* The snapshot that the daemon leaves about itself (snapshot.h). Writing it is not counted in the metrics, and works even
 * if the store is full. */
bool store_put_running(struct store *store, const struct snapshot_running *running, struct failure *why);
/* Writes what was counted since the start, the counts of the hour in which `hour->at` lies, and those of the step of five
 * minutes in which `step->at` lies (NULL: none). The store keeps the last SNAPSHOT_HOURS hours and SNAPSHOT_STEPS steps. */
bool store_put_counts(struct store *store, const struct snapshot_counts *counts, const struct snapshot_counts *hour,
	const struct snapshot_counts *step, struct failure *why);
/* Return how many octets the lines of one hour or one step may have, so that all hours stay within a 16th of the store's limit,
 * and so do all steps. A store with no room for lines of steps keeps none. */
size_t store_hour_room(struct store *store);
size_t store_step_room(struct store *store);
/* Read the snapshot. `hour` is a number of hours since the epoch, `step` one of steps. Always set `out`, to zeros if nothing was found. */
enum store_found store_running(struct store *store, struct snapshot_running *out, struct failure *why);
enum store_found store_counts(struct store *store, struct snapshot_counts *out, struct failure *why);
enum store_found store_hour(struct store *store, int64_t hour, struct snapshot_counts *out, struct failure *why);
/* A store that an earlier version made has no table for steps until an owner opens it; until then it has none. */
enum store_found store_step_counts(struct store *store, int64_t step, struct snapshot_counts *out, struct failure *why);

/* Looks (core/look.h) of the newest good probes, by hop. A look leaves the store together with the record of its hop. Looks
 * take no room from other facts: if the store is fuller than three quarters of its limit, the look of a hop that has none
 * yet is left out. A store that an earlier version made has no table for looks until an owner opens it; until then it
 * keeps none. */
struct store_hop_look {
	char host[DOMAIN_SIZE];
	uint16_t port;
	struct look look;
};
/* Reads the look of a hop. Always sets `out`, to zeros if there is none. Waits for a view, but for no change. */
enum store_found store_look_of(struct store *store, const char *host, uint16_t port, struct look *out);
/* Keeps looks, in one transaction. A look whose hop has no record in the store, or for which there is no room, is left
 * out; that is no failure. */
bool store_put_looks(struct store *store, const struct store_hop_look *look, size_t count, struct failure *why);

/* Overrides (core/override.h): at most one for each policy domain, and one for all domains (OVERRIDE_ALL). They stay in
 * the store until they are replaced or cleared; one that has ended, or has not begun, does not apply. They are written
 * even into a full store. A store that an earlier version made has no table for overrides until an owner opens it; until
 * then it has none, and setting one fails (EX_TEMPFAIL). */
#define OVERRIDES_MAX 256
/* Reads the override that is in force at `now` (wall clock, seconds): that of the domain itself, otherwise the one for
 * all domains. `domain` may be "": then only the latter. Sets only out->kind if there is none. */
enum store_found store_view_override(struct store_view *view, const char *domain, int64_t now, struct override *out);
/* Returns all overrides, in force or not, the one for all domains first and the others by name. The caller frees the
 * array with free(). Returns NULL on failure. */
struct override *store_overrides(struct store *store, size_t *count, struct failure *why);
/* Sets an override, and notes the decision (see below) if the override names its node. `replaced` (may be NULL) becomes the one
 * that it replaces; its kind is OVERRIDE_NONE if there was none. Fails (EX_TEMPFAIL) if there are OVERRIDES_MAX others that have
 * not ended. */
bool store_set_override(
	struct store *store, const struct override *override, struct override *replaced, struct failure *why);
/* Removes the override of a domain (or OVERRIDE_ALL) if it ends at `ends_by` (wall clock, seconds) or earlier. `cleared`
 * becomes what was removed; its kind is OVERRIDE_NONE if nothing was. Returns true in both cases. */
bool store_clear_override(
	struct store *store, const char *domain, int64_t ends_by, struct override *cleared, struct failure *why);
/* Removes the override of a domain (or OVERRIDE_ALL) by an operator's decision, which is noted. Otherwise the same. */
bool store_lift_override(struct store *store, const char *domain, const struct decision_maker *by,
	struct override *cleared, struct failure *why);
/* How often an override was used since this was last written. */
struct override_use {
	char domain[DOMAIN_SIZE]; /* or OVERRIDE_ALL */
	uint32_t uses;
	int64_t used_at;
};
/* Adds uses to the overrides of these domains, in one transaction. */
bool store_count_uses(struct store *store, const struct override_use *use, size_t count, struct failure *why);

/* Decisions (core/decision.h): the newest one about each override and each forgotten domain. At most DECISIONS_MAX, in at most a
 * 32nd of the store's limit; forgets leave first, and of these the oldest. They are written even into a full store. A store that an earlier version made
 * has no table for decisions until an owner opens it; until then none is noted, and none is taken in. */
#define DECISIONS_MAX 1024
enum store_taken {
	STORE_TAKEN,
	STORE_KNOWN,   /* it is in the store */
	STORE_EARLIER, /* the store has a later one */
	STORE_NO_ROOM  /* OVERRIDES_MAX others have not ended, or DECISIONS_MAX decisions leave after it */
};
/* What store_take_decision() has done. */
struct store_decided {
	enum store_taken taken;
	struct decision_record known; /* about the same, before; without a domain: there was none */
	struct override replaced;     /* the override that has left; its kind is OVERRIDE_NONE if none has */
	bool forgotten;               /* an entry has left */
};
/* Takes in the decision of another relay, which must be valid, and not ahead of the clock: sets or removes the override, or removes
 * the entry if decision_forgets() it, and keeps the decision, in one transaction. */
bool store_take_decision(
	struct store *store, const struct decision_record *decision, struct store_decided *out, struct failure *why);
/* Returns all decisions, by what they are about and by domain. The caller frees the array with free(). Returns NULL on failure. */
struct decision_record *store_decisions(struct store *store, size_t *count, struct failure *why);
/* Reads the newest decision about something. Always sets `out`, to zeros if there is none. */
enum store_found store_view_decision(
	struct store_view *view, enum decision_about about, const char *domain, struct decision_record *out);
/* Sets `number` to a number that changes whenever a decision is written, by any process. Cheap. */
bool store_decisions_number(struct store *store, uint32_t *number, struct failure *why);
/* Removes decisions that are over. */
bool store_forget_decisions(struct store *store, int64_t now, struct failure *why);

/* Revocations (core/revocation.h): what is known about single certificates. At most REVOCATIONS_MAX of them, in at most a
 * 32nd of the store's limit. Certificates that were not looked up for the longest time leave first; a revoked one counts as
 * looked up 30 days later than it was, if it is valid for so long. */
#define REVOCATIONS_MAX 8192
/* Adds or replaces what is known about certificates, in one transaction. Does nothing in a store that an earlier version
 * made. */
bool store_put_revocations(struct store *store, const struct revocation *revocation, size_t count, struct failure *why);
/* Reads what is known about one certificate. Always sets `out`: out->leaf is 0 if nothing is. */
enum store_found store_view_revocation(struct store_view *view, uint64_t leaf, struct revocation *out);
/* Returns all of them, in no useful order. The caller frees the array with free(). Returns NULL on failure. */
struct revocation *store_revocations(struct store *store, size_t *count, struct failure *why);

/* Tallies (core/tlsrpt_tally.h): one for each domain and UTC day, in at most a 16th of the store's limit. When there are too
 * many, a new one takes the place of those that are three days old, and then of domains without failures: those of the oldest
 * day leave first, and those of the same day leave only for a tally with failures. If there is no room then, or the store is so
 * full that a policy would have to leave, what is to be added is refused. A store that an earlier version made has no table for
 * tallies until an owner opens it; until then it keeps none. */
/* Adds what was counted to the rows of the domains, in one transaction, so that after kill -9 each count is in the store once or
 * not at all. What belongs to a closed day is added to the first open day. `now`: wall clock, seconds. `refused` becomes the
 * number of sessions for which there was no room; that is no failure. */
bool store_add_tallies(struct store *store, const struct tlsrpt_tally *tally, size_t count, int64_t now,
	uint64_t *refused, struct failure *why);
/* Closes a day, and the days before it, before the sending of its reports begins (tlsrpt_day_closed()). */
bool store_close_tallies(struct store *store, int64_t day, int64_t now, struct failure *why);
/* Sets `day` to the newest closed day; -1: none. */
bool store_tallies_closed(struct store *store, int64_t now, int64_t *day, struct failure *why);
struct store_tally_key {
	int64_t day;
	bool failed; /* tlsrpt_tally_has_failures() */
	char domain[DOMAIN_SIZE];
};
/* Lists the keys of at most `max` tallies behind `after`, sorted by day; within a day the domains without failures come first.
 * `after` zeroed: from the start. `after` with an empty domain: from the start of the day, or of its domains with failures. */
bool store_page_tallies(struct store *store, const struct store_tally_key *after, size_t max,
	struct store_tally_key *out, size_t *count, struct failure *why);
/* Reads the tally of a domain on a day. Always sets `out`, which the caller frees, to an empty tally if there is none. */
enum store_found store_tally(
	struct store *store, int64_t day, const char *domain, struct tlsrpt_tally *out, struct failure *why);
/* Removes the tallies of all days before `before`; INT64_MAX: all. The store keeps three full days: see TALLY_DAYS_KEPT. */
#define TALLY_DAYS_KEPT 3
bool store_forget_tallies(struct store *store, int64_t before, struct failure *why);

/* Rows of reports (core/tlsrpt_send.h): at most TLSRPT_SENDS_MAX, in at most a 32nd of the store's limit. They leave
 * TLSRPT_SENDS_KEPT_DAYS after their day. A new row is refused if there is no room: without it, nobody would know that the report
 * was sent. Such a report waits. A store that an earlier version made has no table for them until an owner opens it. */
#define TLSRPT_SENDS_MAX 16384
/* Adds rows that wait, in one transaction. Leaves a row that is there already as it is. Sets `refused` to how many found no
 * room. */
bool store_add_tlsrpt_sends(
	struct store *store, const struct tlsrpt_send *row, size_t count, size_t *refused, struct failure *why);
/* Changes the stored row with the day, domain and address of `row`. `change` returns whether it has changed the row; otherwise
 * nothing is written. The other rules for a store_entry_change apply to it. `row` becomes what is stored then. Sets `changed` to
 * what `change` has returned; false if there is no such row. */
typedef bool store_tlsrpt_send_change(struct tlsrpt_send *row, void *arg);
bool store_change_tlsrpt_send(struct store *store, struct tlsrpt_send *row, store_tlsrpt_send_change *change, void *arg,
	bool *changed, struct failure *why);
/* Returns all rows, by day and domain. The caller frees the array with free(). Returns NULL on failure. */
struct tlsrpt_send *store_tlsrpt_sends(struct store *store, size_t *count, struct failure *why);
/* Removes the rows of days before `day`, and suppressions that ended before `now` and are forgotten. */
bool store_forget_tlsrpt_sends(struct store *store, int32_t day, int64_t now, struct failure *why);

/* Suppressed addresses: at most TLSRPT_SUPPRESSIONS_MAX, in at most a 32nd of the store's limit; the one that ends first makes
 * room. */
#define TLSRPT_SUPPRESSIONS_MAX 4096
/* Takes in that the report with this token has bounced: suppresses its address and ends its row. Sets `suppression`, and `row` to
 * the report. Both are zeroed if no row has this token; that is no failure. */
bool store_bounce_tlsrpt(struct store *store, const char *token, int64_t now, struct tlsrpt_send *row,
	struct tlsrpt_suppression *suppression, struct failure *why);
/* Reads what is known about an address. Always sets `out`, to zeros if nothing is. */
enum store_found store_tlsrpt_suppression(
	struct store *store, const char *address, struct tlsrpt_suppression *out, struct failure *why);
/* Returns all suppressions, in no useful order, as store_tlsrpt_sends() does. */
struct tlsrpt_suppression *store_tlsrpt_suppressions(struct store *store, size_t *count, struct failure *why);

#endif
