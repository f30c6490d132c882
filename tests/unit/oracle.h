/* The oracle of the property test: rule 6 of design 4 stated again from the facts of a case, without the code under
 * test. */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include "verdict.h"

/* The policy in force: unexpired, or fetched in this case (max_age 0). */
const struct policy *oracle_policy(const struct facts *f);

/* The set that rule 6 looks at. */
struct oracle_set {
	bool known;
	bool nothing; /* null MX, or all cut away at our own host */
	unsigned count;
	const char *host[MX_SET_MAX];
	unsigned preference[MX_SET_MAX];
};
struct oracle_set oracle_set(const struct facts *f, const struct policy *policy);

enum oracle_hop { ORACLE_GOOD, ORACLE_BAD, ORACLE_UNKNOWN };
bool oracle_allows(const struct policy *policy, const char *host);
/* What the hop numbered `i` is by what it has, TLSA records or the policy (design rule 2). */
enum oracle_hop oracle_hop(
	const struct facts *f, const struct policy *policy, const struct oracle_set *set, unsigned i);

/* Whether DANE governs; whether it does at that hop; whether it does at one at least and the map binds the MTA to
 * those. */
bool oracle_dane(const struct facts *f);
bool oracle_by_dane(const struct facts *f, const struct oracle_set *set, unsigned i);
/* Holds no mail beside a good hop, and is not probed before a message passes. */
bool oracle_silent(const struct facts *f, const struct oracle_set *set, unsigned i);
bool oracle_bound(const struct facts *f, const struct oracle_set *set);
/* NULL: it was not asked for. */
const struct hop_fact *oracle_fact(const struct facts *f, const char *host);
/* The newest conclusive evidence by the rule of that hop; at 0: there is none. */
struct evidence oracle_evidence(const struct facts *f, const struct oracle_set *set, unsigned i);
/* Rule 6: bad by our demands, and left to an MTA that the map binds. */
bool oracle_left(const struct facts *f, const struct evidence *seen);

/* What the verdict must be under an enforce policy. */
enum verdict_kind oracle_kind(const struct facts *f, const struct policy *policy);

#endif
