/* Judges what the TLSA records of a domain's hops mean for the delivery (RFC 7672; rule 2). Internal to the verdict.
 * Pure.
 *
 * DANE governs a domain only if its MX set is signed (facts_dane()). Then a hop with usable TLSA records is judged by
 * those records alone, and the policy judges the other hops. */
#ifndef CORE_VERDICT_DANE_H
#define CORE_VERDICT_DANE_H

#include "judge.h"

/* Wants the TLSA records of the listed hops, up to HOPS_MAX, or notes them for renewal. Wants nothing where they
 * cannot change the verdict. */
struct step judge_tlsa(struct judge *j, const struct hop_list *list);
/* Wants the MX set and then the TLSA records of its hops: for the map's answer, and for inquiries that look ahead for
 * it. */
struct step judge_dane(struct judge *j);
/* Returns what binds the delivery, as the map answers it. Call it when judge_dane() wants nothing more. `reason`
 * explains VERDICT_NONE, the verdict if nothing binds the delivery. */
struct step judge_binding(struct judge *j, enum reason reason);

/* Restricts the names of an enforce policy to the hops that are known to have no usable TLSA records, if TLSA lookups
 * failed for other hops. A hop with a failed lookup may be governed by DANE, and MTA-STS must not rescue a hop that
 * DANE would refuse (RFC 8461 2), so the MTA is not given its name. Otherwise leaves the policy as it is. */
void policy_narrow(struct policy *policy, const struct facts *facts);

#endif
