/* A step under construction: what verdict.c (policy and MX set), verdict_hops.c (the hops of the set) and
 * verdict_dane.c (TLSA records) share. Internal to the verdict; other code includes verdict.h. Pure.
 *
 * Most functions here return a step. A step with a want means: stop judging and return it. A step that wants nothing
 * means: go on (functions that only look for wants), or the final verdict (judge_done() and what ends in it). */
#ifndef CORE_JUDGE_H
#define CORE_JUDGE_H

#include "facts.h"
#include "step.h"

struct judge {
	const struct facts *facts;
	const struct policy *policy; /* the policy in force, or NULL */
	bool eager;       /* want stale facts now instead of noting them for renewal: nobody waits for a quick answer */
	bool needs_fresh; /* no map binds the delivery: a pass under an enforce policy must rest on fresh facts */
	bool unbound;     /* map: DANE is being looked for, and nothing else would bind the delivery */
	bool unenforced;  /* map: no enforce policy is in force, so only DANE may bind the delivery */
	unsigned renew;   /* RENEW_ bits noted so far */
	/* Why the verdict so far holds mail: judge_hold() sets both. REASON_OK and "": nothing bad is known. */
	enum reason bad;
	const char *bad_host;
};

/* Returns the final verdict. `hop` is the hop that decided, or "". */
struct step judge_done(const struct judge *j, enum verdict_kind kind, enum reason reason, const char *hop);
/* Returns a final pass with what binds the delivery. For the map only. */
struct step judge_bound(const struct judge *j, enum binding binding);
/* Returns a want for one fact, with the verdict so far. `port` is 0 for facts about a domain. */
struct step judge_want(const struct judge *j, enum want_kind kind, const char *name, uint16_t port);
/* Keeps the record and the policy fresh (RFC 8461 3.3, 5.1, 10.2): an eager inquiry wants what is due, any other
 * inquiry notes it for renewal. */
struct step judge_keep_fresh(struct judge *j);
/* Returns the verdict for a next hop that cannot satisfy the policy now. Before mail is held, wants a second look at
 * the record, the policy and the MX set if they are old (rule 4). `kind` is the verdict under an enforce policy: a
 * testing policy turns VERDICT_FAIL_ENFORCE into VERDICT_FAIL_TESTING and any other kind into VERDICT_NONE. */
struct step judge_hold(struct judge *j, enum verdict_kind kind, enum reason reason, const char *host);
/* Wants the MX set if the known one is too old. With `settled`, it must be recent enough for DANE (90 minutes);
 * otherwise, its hard age (a day) counts. */
struct step judge_want_mx(struct judge *j, bool settled);
/* Returns whether there are hops to judge: false for a null MX, NXDOMAIN, an unknown set and one that is too large. */
bool mx_has_hops(const struct facts *facts);

/* The hops that the MTA may use, best preference first. The names belong to the facts. */
struct hop_list {
	unsigned count;
	const char *own; /* this relay's own name, if the list was cut there; otherwise "" */
	const char *host[MX_SET_MAX];
	uint16_t preference[MX_SET_MAX];
};
/* Fills the list from the MX set, or with the one host of a question without MX lookup. Cuts it at this relay's own
 * preference (RFC 5321 5.1), so it may be empty. `policy` may be NULL. Call it when judge_want_mx() wants nothing. */
void hop_list_fill(struct hop_list *list, const struct facts *facts, const struct policy *policy);

#endif
