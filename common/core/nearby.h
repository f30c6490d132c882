/* Detects an attack or a fault near this relay: many places that were good turn bad in the same way within minutes.
 *
 * One mail host that turns bad may be at fault itself, or somebody attacks it. If many hosts that have nothing in common
 * turn bad alike at the same time, the cause is what they share: this relay, its resolver, or the path on which its
 * connections leave. A turn is a place that was good and is now bad in some way. A place is a mail host, the policy host
 * of a domain, or the record of a domain.
 *
 * A condition begins when at least NEARBY_PLACES_MIN places in NEARBY_NETWORKS_MIN networks have turned in one way within
 * NEARBY_WINDOW_S. Turns that an outage of one large provider may explain (faint) must also lie below as many registered
 * domains. From then on these places are its members, and so is every place that turns in this way. A member leaves when
 * it is seen good, when it is seen bad in another way, or when nobody has looked at it for NEARBY_FORGET_S. The condition
 * ends when fewer than NEARBY_LASTS_MIN members are left.
 *
 * A place that was never good is no turn: the same default certificate is installed on many hosts. A host that many
 * domains share is one place. All tables have a fixed size. Pure: the caller passes the time, in seconds of a clock that
 * never jumps, and does the locking. */
#ifndef CORE_NEARBY_H
#define CORE_NEARBY_H

#include "domain.h"

#define NEARBY_PLACES_MIN 5
#define NEARBY_NETWORKS_MIN 4
#define NEARBY_WINDOW_S 600
#define NEARBY_LASTS_MIN 3
#define NEARBY_FORGET_S 3600
/* Turns remembered of each kind of place. If all are used, the oldest one leaves, members of a condition last. */
#define NEARBY_TURNS_MAX 128
/* Turns remembered in one network or below one registered domain: more of them prove nothing. So one provider with many
 * hosts cannot crowd the others out. */
#define NEARBY_RELATED_MAX 32
/* A faint turn may come from the outage of one large provider, which affects several networks. It counts only while at
 * least half of this many last results about places of its kind are bad and faint. */
#define NEARBY_RESULTS 10
#define NEARBY_AUTHORITY_SIZE 128

enum nearby_kind { NEARBY_HOP, NEARBY_POLICY_HOST, NEARBY_RECORD, NEARBY_KINDS };

enum nearby_condition {
	NEARBY_INTERCEPTED,      /* hops show certificates of one authority that is not trusted */
	NEARBY_HOPS_BAD,         /* hops are bad for one reason; without those that count for NEARBY_INTERCEPTED */
	NEARBY_POLICY_HOSTS_BAD, /* fetches fail in one way */
	NEARBY_RECORDS_BAD,      /* records have disappeared, or their lookups fail in one way */
	NEARBY_CONDITIONS        /* also: none of them */
};

#define NEARBY_GOOD 0

/* The result of one lookup, fetch or probe. */
struct nearby_result {
	enum nearby_kind kind;
	const char *name; /* host or domain, in the form of domain_parse() */
	uint16_t port;    /* of a hop; otherwise 0 */
	/* Any number that identifies the network of the address. 0: the place has no address of its own, and its registered
	 * domain stands for the network. */
	uint64_t network;
	uint16_t way;          /* NEARBY_GOOD, or any number for the way in which the place is bad */
	bool was_good;         /* what was known about the place before this result */
	bool faint;            /* see NEARBY_RESULTS */
	const char *authority; /* who issued a certificate that is not trusted, or ""; untrusted text */
};

/* A place that was good and is now bad. Times are those that the caller passed. */
struct nearby_turn {
	bool used;
	bool faint;
	uint16_t port;
	uint16_t way;
	enum nearby_condition member_of;
	int64_t turned_at;
	int64_t seen_at; /* when it was last seen bad */
	uint64_t network;
	uint32_t owner; /* a hash of the registered domain */
	char name[DOMAIN_SIZE];
	char authority[NEARBY_AUTHORITY_SIZE];
};

struct nearby_state {
	bool on;
	uint16_t way;
	int64_t began_at;
	unsigned turned;                       /* places that have become members since it began */
	unsigned places, networks;             /* members now, and their networks */
	char authority[NEARBY_AUTHORITY_SIZE]; /* NEARBY_INTERCEPTED only; untrusted text */
};

/* A zeroed struct knows nothing. */
struct nearby {
	struct nearby_turn turn[NEARBY_KINDS][NEARBY_TURNS_MAX];
	bool any[NEARBY_KINDS];     /* false, as nearly always: no turn of the kind is in use */
	uint16_t bad[NEARBY_KINDS]; /* the last NEARBY_RESULTS results, newest in bit 0: 1 if bad and faint */
	struct nearby_state state[NEARBY_CONDITIONS];
};

/* Adds a result, and begins and ends conditions. Costs at most a few comparisons for each pair of turns. */
void nearby_note(struct nearby *nearby, const struct nearby_result *result, int64_t now_s);
/* Ends conditions because time has passed. Call it from time to time. */
void nearby_review(struct nearby *nearby, int64_t now_s);
/* Returns the condition of which the place is a member now, or NEARBY_CONDITIONS. */
enum nearby_condition nearby_member_of(
	const struct nearby *nearby, enum nearby_kind kind, const char *name, uint16_t port);
/* Returns the member of a condition that follows `before` (NULL: the first), or NULL. */
const struct nearby_turn *nearby_member(
	const struct nearby *nearby, enum nearby_condition condition, const struct nearby_turn *before);

#endif
