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
	unsigned renew;
	enum reason bad;
	const char *bad_host;
};

bool step_is_want(const struct step *step);
/* The verdict is final. */
struct step judge_done(const struct judge *j, enum verdict_kind kind, enum reason reason, const char *hop);
/* A fact is wanted; the verdict so far comes with it. */
struct step judge_wants(const struct judge *j, enum want_kind kind, const char *name, uint16_t port);
/* The verdict of a next hop that cannot keep the policy now; `kind` is what it is under enforce. First comes a second
 * look (rule 4). */
struct step judge_held(struct judge *j, enum verdict_kind kind, enum reason reason, const char *host);
/* Rule 6. */
struct step judge_hops(struct judge *j);

#endif
