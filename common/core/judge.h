/* What verdict.c (policy and MX set), verdict_hops.c (the hops of the set) and verdict_dane.c (TLSA records) share
 * while they build a step. Internal to the verdict; other code includes verdict.h. Pure.
 *
 * Most functions here and in the other two headers return a step. If the step has a want, stop judging and return that
 * step. A step without a want has one of two meanings. From judge_keep_fresh(), judge_want_mx(), judge_tlsa() and
 * judge_dane() it means: go on judging. From any other function it is the final verdict. */
#ifndef CORE_JUDGE_H
#define CORE_JUDGE_H

#include "facts.h"
#include "step.h"

struct judge {
	const struct facts *facts;
	const struct policy *policy; /* the policy in force, or NULL */
	bool eager;       /* want stale facts now instead of noting them for renewal: nobody waits for a quick answer */
	bool needs_fresh; /* no map binds the delivery: a pass under an enforce policy must rest on fresh facts */
	bool unbound;     /* no enforce policy and an unsigned MX set: only usable TLSA records can bind the delivery */
	bool unenforced;  /* map: no enforce policy is in force, so only DANE may bind the delivery */
	bool verify; /* map: no enforce policy is in force, and default_level = verify binds what DANE does not bind */
	bool dane_blind;  /* with `verify`: the lookups of the TLSA records of all hops have failed */
	bool dane_unsure; /* with `verify`: a lookup of TLSA records has failed, so that mail no longer waits for them */
	unsigned renew;   /* RENEW_ bits noted so far */
	/* Why the verdict so far holds mail, and for which hop. judge_hold() sets both members. REASON_OK and "":
	 * nothing bad is known. */
	enum reason bad;
	const char *bad_host;
};

/* Returns the final verdict. `hop` is the hop that decided, or "". */
struct step judge_done(const struct judge *j, enum verdict_kind kind, enum reason reason, const char *hop);
/* Returns a final VERDICT_PASS with this binding. For the map only. */
struct step judge_bound(const struct judge *j, enum binding binding);
/* The same with another reason than REASON_OK: why the answer is not a stronger one. */
struct step judge_bound_with(const struct judge *j, enum binding binding, enum reason reason);
/* Returns a want for one fact, with the verdict so far. `port` is 0 for facts about a domain. */
struct step judge_want(const struct judge *j, enum want_kind kind, const char *name, uint16_t port);
/* Keeps the record and the policy fresh (RFC 8461 3.3, 5.1, 10.2). If the record or the policy is due for renewal, an
 * eager inquiry wants it, and any other inquiry notes it for renewal. */
struct step judge_keep_fresh(struct judge *j);
/* Returns the verdict for a next hop that cannot satisfy the policy now. Before an enforce policy holds mail, wants the
 * facts that may have changed (rule 4): the record and the MX set if they are old, and the policy if the record has a
 * new id.
 *
 * `kind` is the verdict under an enforce policy. Under a testing policy, VERDICT_FAIL_ENFORCE becomes
 * VERDICT_FAIL_TESTING, and any other kind becomes VERDICT_NONE. */
struct step judge_hold(struct judge *j, enum verdict_kind kind, enum reason reason, const char *host);
/* Wants the MX set if no set is known or the known set is too old. With `settled`, the limit is the age up to which
 * DANE may rest on the set (90 minutes); otherwise, it is the hard age of the set (a day). An eager inquiry, or one
 * that needs fresh facts, also wants the set past its soft age; any other inquiry then notes it for renewal. */
struct step judge_want_mx(struct judge *j, bool settled);
/* Returns whether there are hops to judge. False for a null MX, for NXDOMAIN, and for an MX set that is unknown or too
 * large. Always true for a question without MX lookup. */
bool mx_has_hops(const struct facts *facts);

/* Adds the names of all mail hosts to an empty list, best preference first. Returns REASON_OK, or why there is none: nobody
 * knows the MX set, or it names no host. Call it when judge_want_mx() wants nothing. */
enum reason mx_names_take(struct names *names, const struct facts *facts);

/* The hops that the MTA may use, best preference first. The names belong to the facts. */
struct hop_list {
	unsigned count;
	const char *own; /* this relay's own name, if the list was cut at it; otherwise "" */
	const char *host[MX_SET_MAX];
	uint16_t preference[MX_SET_MAX];
};
/* Fills the list from the MX set, or with the one host of a question without MX lookup. If this relay's own name is in
 * the MX set, cuts the list at the preference of that name (RFC 5321 5.1), so the list may become empty. Does not cut
 * it at a name that the policy does not allow. `policy` may be NULL. Call it when judge_want_mx() wants nothing. */
void hop_list_fill(struct hop_list *list, const struct facts *facts, const struct policy *policy);

#endif
