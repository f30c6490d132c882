/* A step under construction: what verdict.c (policy and MX set) and verdict_hops.c (the hops taken together) share.
 * Internal to verdict. */
#ifndef CORE_JUDGE_H
#define CORE_JUDGE_H

#include "verdict.h"

/* `bad` and `bad_host` are what the verdict so far rests on. */
struct judge {
	const struct facts *facts;
	const struct policy *policy; /* NULL: none in force */
	bool eager;                  /* what is due for renewal is wanted now: nobody waits for a quick answer */
	bool alone;      /* nothing binds the delivery: a pass under an enforce policy rests on fresh facts only */
	bool unbound;    /* DANE is still looked for, and what there is binds nobody if it is not found */
	bool unenforced; /* a map knows that no enforce policy is in force; only DANE may bind */
	unsigned renew;
	enum reason bad;
	const char *bad_host;
};

bool step_is_want(const struct step *step);
/* The verdict is final. */
struct step judge_done(const struct judge *j, enum verdict_kind kind, enum reason reason, const char *hop);
/* The delivery is bound. */
struct step judge_bound(const struct judge *j, enum binding binding);
/* A fact is wanted; the verdict so far comes with it. */
struct step judge_wants(const struct judge *j, enum want_kind kind, const char *name, uint16_t port);
/* The verdict of a next hop that cannot keep the policy now; `kind` is what it is under enforce. First comes a second
 * look (rule 4). */
struct step judge_held(struct judge *j, enum verdict_kind kind, enum reason reason, const char *host);
/* Whether the operator has exempted every host that the MTA may use (exempt_hosts), and the policy names each. Known only
 * when judge_wants_mx() wants nothing. */
bool judge_all_exempt(const struct judge *j);
/* Rule 6. */
struct step judge_hops(struct judge *j);
/* Wants the MX set, unless that in hand will do; `settled`: it must be good enough for DANE to rest on. */
struct step judge_wants_mx(struct judge *j, bool settled);
/* Whether the MX set has hops to judge. */
bool mx_has_hops(const struct facts *facts);

/* The hops that the MTA may use, best preference first; at least one once judge_wants_mx() wants nothing. */
struct hop_list {
	unsigned count;
	const char *own; /* our own host's name, where the list was cut at it; "" otherwise */
	const char *host[MX_SET_MAX];
	uint16_t preference[MX_SET_MAX];
};
/* Cut at our own host's preference (RFC 5321 5.1); `policy` may be NULL. */
void hop_list_fill(struct hop_list *list, const struct facts *facts, const struct policy *policy);

/* Rule 2: wants what DANE has to say of the hops, and notes what is due. */
struct step judge_tlsa(struct judge *j, const struct hop_list *list);
/* The same with the MX set: for a map's answer, and for those who look ahead for it. */
struct step judge_dane(struct judge *j);
/* What binds the delivery, when judge_dane() wants nothing more. */
struct step judge_binding(struct judge *j, enum reason reason);

/* Leaves of the names of an enforce policy the hops that have no usable TLSA records, when DANE cannot be told of
 * others: a hop of which it cannot be told is bound to no other's name. */
void policy_narrow(struct policy *policy, const struct facts *facts);

/* Whether a map's answer might not hold all names of the policy (map_grammar.h, MAP_STS_VALUE_MAX). */
bool policy_is_long(const struct policy *policy);
/* Puts those names of a long policy first that allow the mail hosts, as they are known. */
void policy_order(struct policy *policy, const struct facts *facts);

#endif
