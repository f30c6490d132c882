/* What the outcomes of many look-ups, fetches and probes say of this machine, when they are taken together: that it
 * sees nothing of the world, or that its clock is wrong. One outcome says only something of one domain. Pure.
 *
 * The last outcome of each of the last HEALTH_PLACES places is kept, place by place: one provider's outage is one place
 * or a few. A place that fails while others succeed fails by its own fault, and does not count for a day. */
#ifndef CORE_HEALTH_H
#define CORE_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEALTH_PLACES 128     /* remembered of each sense */
#define HEALTH_WINDOW_S 86400 /* of which time: a quiet relay fetches some policies a day, one for each that it has */
/* So many places in a row fail in the same way, and none succeeds in between: then it is not their fault. A small relay
 * has two or three whose own fault it is. */
#define HEALTH_FAILING_MIN 8
/* No authority issues a certificate for the future, and few hosts have a clock so wrong. But where our own is behind by
 * days, most certificates are older than that: one in fifteen is not. So others may succeed. */
#define HEALTH_EARLY_MIN 4
/* Expired certificates are seen every day, of a few hosts in a hundred. A clock that is ahead by five weeks makes one
 * in six of those that last ninety days, and more each week. */
#define HEALTH_EXPIRED_MIN 8
#define HEALTH_EXPIRED_PART 4  /* one in so many of all places, at least */
#define HEALTH_AHEAD_S 3600    /* a time in the store that lies so far ahead of the clock, or farther, is a sign */
#define HEALTH_CLOCK_STEP_S 60 /* the wall clock was set: what certificates seemed to be before is forgotten */

enum health_sense {
	HEALTH_DNS,   /* look-ups; a place is a zone, about */
	HEALTH_FETCH, /* of policies; a place is a network */
	HEALTH_PROBE, /* of next hops; the same */
	HEALTH_SENSES
};

/* How an outcome came about, as far as that may be this machine's doing. */
enum health_way {
	HEALTH_NOTHING,   /* nothing was tried: it is not noted */
	HEALTH_WELL,      /* DNS: an answer. Else: a certificate that held, whatever came afterwards */
	HEALTH_UNREACHED, /* refused, cut or silent before a certificate came. DNS: no answer, or SERVFAIL */
	HEALTH_UNTRUSTED, /* no authority vouches for the certificate. DNS: bogus */
	HEALTH_EARLY,     /* a certificate that is not valid yet */
	HEALTH_EXPIRED,   /* one that is valid no longer */
	HEALTH_REACHED    /* any other failure: the place's own */
};

/* Conditions begin, last, and end. */
enum health_condition {
	HEALTH_LOOKUPS_FAIL, /* DNS, unreached */
	HEALTH_DNS_BOGUS,
	HEALTH_FETCHES_FAIL,
	HEALTH_FETCHES_UNTRUSTED,
	HEALTH_PROBES_FAIL,
	HEALTH_PROBES_UNTRUSTED,
	HEALTH_CLOCK_BEHIND,
	HEALTH_CLOCK_AHEAD,
	HEALTH_CONDITIONS
};

struct health_now {
	int64_t wall_s, mono_s; /* the second never jumps */
};

struct health_slot {
	uint64_t place;
	int64_t at_s;      /* monotonic, as all times here */
	int64_t excused_s; /* when it was found to be the place's own fault */
	enum health_way way;
	bool excused;
};

/* Zeroed: nothing is known. */
struct health {
	struct health_slot slot[HEALTH_SENSES][HEALTH_PLACES]; /* newest first; HEALTH_NOTHING: unused */
	bool on[HEALTH_CONDITIONS];
	bool begun;
	int64_t offset_s;    /* of the wall clock */
	int64_t stored_at_s; /* the latest time of the store that lay ahead, by the wall clock; 0: none */
	int64_t stored_seen_s;
};

void health_note(struct health *health, enum health_sense sense, enum health_way way, uint64_t place,
	const struct health_now *now);
/* A time that was written when it was now, or past. */
void health_note_time(struct health *health, int64_t at, const struct health_now *now);
/* Whether it lies so far ahead that health_note_time() would make something of it: to be asked first, since mostly it
 * does not. */
bool health_time_is_ahead(int64_t at, int64_t wall_s);
/* Begins and ends conditions: see `on`. `count` gets the places that each rests on. */
void health_look(struct health *health, const struct health_now *now, unsigned count[HEALTH_CONDITIONS]);

#endif
