/* Judges what the TLSA records of a domain's hops mean for the delivery (RFC 7672; rule 2). Internal to the verdict.
 * Pure.
 *
 * DANE governs a domain only if its MX set is signed, or if the question needs no MX set (facts_dane()). Then a hop
 * with usable TLSA records is judged by those records alone, and the policy judges the other hops. */
#ifndef CORE_VERDICT_DANE_H
#define CORE_VERDICT_DANE_H

#include "judge.h"

/* Looks up TLSA records: returns a want for the hop record or the TLSA records of one of the first HOPS_MAX hops in the
 * list, or a step that wants nothing when the lookups are complete. Notes stale records for renewal; an eager inquiry
 * wants them. Wants nothing if TLSA records cannot change the verdict. */
struct step judge_tlsa(struct judge *j, const struct hop_list *list);
/* Wants the MX set and then the TLSA records of its hops. The map needs these facts for its answer; `stsgate query` and
 * the refresher look them up, too. For `stsgate query` it also wants a probe of each hop with usable TLSA records. */
struct step judge_dane(struct judge *j);
/* Returns the final verdict with what binds the delivery, as the map answers it. Call it when judge_dane() wants
 * nothing more. If nothing binds the delivery, the verdict is VERDICT_NONE with this `reason`. */
struct step judge_binding(struct judge *j, enum reason reason);

/* Returns whether the domain has a hop with usable TLSA records over a signed MX set, so that DANE can protect the delivery.
 * TLS_DEMAND_UNKNOWN if a lookup failed, or hops were not looked up. Call it when judge_dane() wants nothing more. */
enum tls_demand dane_protects(const struct judge *j);

/* Restricts the names of an enforce policy to the hops that the policy allows and that are known to have no usable TLSA
 * records.
 *
 * Does so only if DANE governs the domain, no hop is known to have usable TLSA records, and the TLSA lookup failed for
 * some hops or was not made (hops after the first HOPS_MAX). Such a hop may have TLSA records, and MTA-STS must not
 * rescue a hop that DANE would refuse (RFC 8461 2). So the MTA does not get its name. Otherwise leaves the policy as it
 * is. */
void policy_narrow(struct policy *policy, const struct facts *facts);

#endif
