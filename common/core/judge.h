/* A step under construction, and the hops that it is about: what verdict.c (policy and MX set), verdict_hops.c (the hops
 * taken together) and verdict_dane.c (what TLSA records say) share. Internal to verdict. Pure. */
#ifndef CORE_JUDGE_H
#define CORE_JUDGE_H

#include "facts.h"
#include "step.h"

/* `bad` and `bad_host` are what the verdict so far rests on. */
struct judge {
	const struct facts *facts;
	const struct policy *policy; /* NULL: none in force */
	bool eager;                  /* what is due for renewal is wanted now: nobody waits for a quick answer */
	bool needs_fresh; /* nothing binds the delivery: a pass under an enforce policy rests on fresh facts only */
	bool unbound;     /* DANE is still looked for, and what there is binds nobody if it is not found */
	bool unenforced;  /* a map knows that no enforce policy is in force; only DANE may bind */
	unsigned renew;
	enum reason bad;
	const char *bad_host;
};

/* The verdict is final. */
struct step judge_done(const struct judge *j, enum verdict_kind kind, enum reason reason, const char *hop);
/* The delivery is bound. */
struct step judge_bound(const struct judge *j, enum binding binding);
/* A fact is wanted; the verdict so far comes with it. */
struct step judge_want(const struct judge *j, enum want_kind kind, const char *name, uint16_t port);
/* Notes what is due for renewal of record and policy, or wants it when the inquiry is eager. */
struct step judge_keep_fresh(struct judge *j);
/* The verdict of a next hop that cannot keep the policy now; `kind` is what it is under enforce. First comes a second
 * look (rule 4). */
struct step judge_hold(struct judge *j, enum verdict_kind kind, enum reason reason, const char *host);
/* Wants the MX set, unless that in hand will do; `settled`: it must be good enough for DANE to rest on. */
struct step judge_want_mx(struct judge *j, bool settled);
/* Whether the MX set has hops to judge. */
bool mx_has_hops(const struct facts *facts);

/* The hops that the MTA may use, best preference first; at least one once judge_want_mx() wants nothing. */
struct hop_list {
	unsigned count;
	const char *own; /* our own host's name, where the list was cut at it; "" otherwise */
	const char *host[MX_SET_MAX];
	uint16_t preference[MX_SET_MAX];
};
/* Cut at our own host's preference (RFC 5321 5.1); `policy` may be NULL. */
void hop_list_fill(struct hop_list *list, const struct facts *facts, const struct policy *policy);

#endif
