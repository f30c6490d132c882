/* The oracle of the property test: rule 6 stated a second time from the facts of an inquiry, without the code under
 * test. */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include "verdict.h"

/* Returns the policy in force: not expired, or fetched in this inquiry (max_age 0). */
const struct policy *oracle_policy(const struct facts *f);

/* The hops that rule 6 applies to. */
struct oracle_set {
	bool known;   /* the MX set is known */
	bool nothing; /* there are no hops: a null MX, or no host better than this relay */
	unsigned count;
	const char *host[MX_SET_MAX];
	unsigned preference[MX_SET_MAX];
};
struct oracle_set oracle_set(const struct facts *f, const struct policy *policy);

enum oracle_hop { ORACLE_GOOD, ORACLE_BAD, ORACLE_UNKNOWN };
bool oracle_allows(const struct policy *policy, const char *host);
/* Judges hop `i` by its TLSA records or by the policy (rule 2). */
enum oracle_hop oracle_hop(
	const struct facts *f, const struct policy *policy, const struct oracle_set *set, unsigned i);

/* Returns whether DANE governs the domain. */
bool oracle_dane(const struct facts *f);
/* Returns whether DANE governs hop `i`. */
bool oracle_by_dane(const struct facts *f, const struct oracle_set *set, unsigned i);
/* Returns whether hop `i` is silent: it holds no mail if another hop is good, and is not probed before a pass. */
bool oracle_silent(const struct facts *f, const struct oracle_set *set, unsigned i);
/* Returns whether the map binds the MTA to hops that DANE governs: there is one, and mta_enforces is set. */
bool oracle_bound(const struct facts *f, const struct oracle_set *set);
/* Returns what is known about a host, or NULL. */
const struct hop_fact *oracle_fact(const struct facts *f, const char *host);
/* Returns the newest conclusive evidence that was judged as the hop is now; at == 0 if there is none. */
struct evidence oracle_evidence(const struct facts *f, const struct oracle_set *set, unsigned i);
/* Returns whether bad evidence is left to the MTA, which the map binds (design 4.12). */
bool oracle_left(const struct facts *f, const struct evidence *seen);

/* Returns whether the domain is pinned, to the autonomous systems 64500 and 64502 (rule 1). */
bool oracle_pinned(const struct facts *f);
/* Returns whether hop `i` is good, by its evidence, but not known to be inside the pin: `elsewhere` or not. */
bool oracle_outside(const struct facts *f, const struct oracle_set *set, unsigned i, bool *elsewhere);
/* Returns whether the map may lead the MTA to hop `i` of a pinned domain. */
bool oracle_led_to(const struct facts *f, const struct policy *policy, const struct oracle_set *set, unsigned i);
/* Returns the verdict that is right under an enforce policy. */
enum verdict_kind oracle_kind(const struct facts *f, const struct policy *policy);

#endif
