/* Detects from many outcomes that this machine itself has a fault: it cannot reach the network, trusts no authority, or
 * has a wrong clock.
 *
 * One lookup, fetch or probe shows something about one domain only. So this module keeps the last outcome at each of
 * the last HEALTH_PLACES places. A place is a zone or a network, so an outage of one provider affects one place or a
 * few. A condition begins if many places in a row fail in the same way and none succeeds. If a place fails while other
 * places succeed, the failure is the place's own fault, and the place is not counted for a day.
 *
 * Call health_note() for each outcome, and health_look() from time to time; then read `on`. Pure: the caller passes the
 * time and does the locking. */
#ifndef CORE_HEALTH_H
#define CORE_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEALTH_PLACES 128     /* places remembered for each enum health_sense */
#define HEALTH_WINDOW_S 86400 /* older outcomes do not count; a quiet relay fetches each policy once a day */
/* A condition needs this many places in a row that fail in the same way. Even a small relay sees two or three places
 * that fail by their own fault. */
#define HEALTH_FAILING_MIN 8
/* This many certificates that are not valid yet mean that the clock is behind, even if other places succeed. No
 * authority issues such certificates, and few hosts have such a wrong clock. If this machine's clock is four days
 * behind, one certificate in fifteen seems too new. */
#define HEALTH_EARLY_MIN 4
/* At least this many expired certificates, which are also at least one in HEALTH_EXPIRED_PART of all certificates, mean
 * that the clock is ahead. A few hosts in a hundred show an expired certificate at any time. If the clock is five weeks
 * ahead, one in six 90-day certificates seems expired. */
#define HEALTH_EXPIRED_MIN 8
#define HEALTH_EXPIRED_PART 4  /* one in four */
#define HEALTH_AHEAD_S 3600    /* a stored time so far ahead of the clock shows that the clock is behind */
#define HEALTH_CLOCK_STEP_S 60 /* a larger step of the wall clock discards what certificates showed before */

/* The kinds of operations whose outcomes are noted. Each kind has its own places. */
enum health_sense {
	HEALTH_DNS,   /* lookups; a place is about a zone */
	HEALTH_FETCH, /* fetches of policies; a place is the network of a policy host */
	HEALTH_PROBE, /* probes of hops; a place is a network */
	HEALTH_SENSES
};

/* What an outcome shows about this machine. */
enum health_way {
	HEALTH_NOTHING,   /* nothing was tried; not noted */
	HEALTH_WELL,      /* DNS: records, no data, NXDOMAIN. Fetch: a valid certificate. Probe: a good hop */
	HEALTH_UNREACHED, /* DNS: no answer, or SERVFAIL. Otherwise: refused, cut or silent before a certificate came */
	HEALTH_UNTRUSTED, /* DNS: bogus. Otherwise: no trusted authority issued the certificate */
	HEALTH_EARLY,     /* the certificate is not valid yet */
	HEALTH_EXPIRED,   /* the certificate has expired */
	HEALTH_REACHED    /* any other outcome: the network works, and a failure is the fault of the place */
};

/* A fault of this machine. It begins, lasts and ends. */
enum health_condition {
	HEALTH_LOOKUPS_FAIL,      /* HEALTH_DNS, HEALTH_UNREACHED */
	HEALTH_DNS_BOGUS,         /* HEALTH_DNS, HEALTH_UNTRUSTED */
	HEALTH_FETCHES_FAIL,      /* HEALTH_FETCH, HEALTH_UNREACHED */
	HEALTH_FETCHES_UNTRUSTED, /* HEALTH_FETCH, HEALTH_UNTRUSTED */
	HEALTH_PROBES_FAIL,       /* HEALTH_PROBE, HEALTH_UNREACHED */
	HEALTH_PROBES_UNTRUSTED,  /* HEALTH_PROBE, HEALTH_UNTRUSTED */
	HEALTH_CLOCK_BEHIND,
	HEALTH_CLOCK_AHEAD,
	HEALTH_CONDITIONS
};

struct health_now {
	int64_t wall_s; /* wall clock, which may be set */
	int64_t mono_s; /* monotonic clock, which never jumps */
};

/* The last outcome at one place. Times are monotonic. */
struct health_slot {
	uint64_t place;
	int64_t at_s;
	int64_t excused_s; /* when the failure was last found to be the place's own fault */
	enum health_way way;
	bool excused;
};

/* A zeroed struct knows nothing. */
struct health {
	struct health_slot slot[HEALTH_SENSES][HEALTH_PLACES]; /* newest first; HEALTH_NOTHING: unused */
	bool on[HEALTH_CONDITIONS];                            /* the conditions that last */
	bool begun;
	int64_t offset_s;      /* wall clock minus monotonic clock, at the last call */
	int64_t stored_at_s;   /* the latest stored time that was ahead of the wall clock; 0: none */
	int64_t stored_seen_s; /* when such a time was last seen, monotonic */
};

/* Notes one outcome at a place. `place` is any number that identifies it. */
void health_note(struct health *health, enum health_sense sense, enum health_way way, uint64_t place,
	const struct health_now *now);
/* Notes a time that was read from the store, in wall-clock seconds. When it was written, it was not in the future. */
void health_note_time(struct health *health, int64_t at, const struct health_now *now);
/* Returns whether health_note_time() would note a stored time. Cheap: check it before taking a lock. */
bool health_time_is_ahead(int64_t at, int64_t wall_s);
/* Begins and ends conditions (`on`). `count` receives the number of places that support each of them. */
void health_look(struct health *health, const struct health_now *now, unsigned count[HEALTH_CONDITIONS]);

#endif
