/* The decision: may this mail be delivered to its next hop now (RFC 8461 3 to 5; design 4)?
 *
 * verdict_next() is one pure function over the facts of an inquiry. It returns a want (the next fact that the inquiry
 * needs) or the final verdict. After a want, the caller obtains the fact, adds it with a facts_learn_ function and
 * calls verdict_next() again:
 *
 *	facts_init(&facts, &question, &rules, now);
 *	while ((step = verdict_next(&facts)).want.kind != WANT_NOTHING)
 *		...obtain step.want and call facts_learn_...()
 *
 * No function here does I/O, reads a clock or keeps state: equal facts give equal steps. Any thread. */
#ifndef CORE_VERDICT_H
#define CORE_VERDICT_H

#include "facts.h"
#include "step.h"

/* Returns the next fact that the inquiry needs, or its final verdict. Never wants a fact that this inquiry has already
 * tried to obtain, so the loop above ends even if every operation fails. */
struct step verdict_next(const struct facts *facts);

/* Copies the policy in force (facts_policy()) as the map publishes it, with the policy's text if the entry has kept the
 * text. Without a policy in force, `out` becomes the empty policy. The caller frees `out` with policy_free().
 *
 * For map dialect `sts`, the names of all mail hosts stand in for a policy where default_level = verify binds the delivery.
 * Otherwise the names may differ from those of the domain's policy in three ways:
 *
 * - Under DANE, if TLSA lookups failed for some hops or were not made for all, only the names of hops that are known to
 *   have no usable TLSA records remain: see policy_narrow() in verdict_dane.h.
 * - Under an override `pin`, only the names of the hosts inside the pin remain: see hops_inside_pin() in verdict_hops.h.
 * - For map dialect `sts`, the names that allow the known MX hosts come first, because Sendmail cannot read a long
 *   list. */
void verdict_policy_copy(struct policy *out, const struct facts *facts);

/* Returns what the mail hosts are worth under default_level = verify: the verdict on them as if an enforce policy named exactly
 * the domain's MX hosts. VERDICT_PASS with REASON_OK: one of them satisfies it. VERDICT_FAIL_ENFORCE: none does; `hop` and
 * `reason` say which decided. Any other verdict: not known, or there is no host to judge. Only what the facts have counts: a
 * query (PURPOSE_QUERY) with rules->default_verify has probed the hosts. The policy's members are those of the policy in
 * force. */
struct verdict verdict_default(const struct facts *facts);

/* Returns whether a pass must rest on fresh facts. It must if a front end asks before delivery (PURPOSE_DELIVER), an
 * enforce policy is in force, and no map binds the delivery to the policy (mta_enforces = no). It also must if the map
 * asks about a domain with an enforce policy that an override has pinned. Then verdict_next()
 * wants a new MX lookup if the MX set is past its soft age, and a new probe if good evidence is past its soft age,
 * before it returns a pass. */
bool verdict_rests_on_fresh(const struct facts *facts);

/* Returns whether BINDING_DANE_ONLY leaves no hop for the mail: at least one hop has usable TLSA records, and all such
 * hops have bad evidence. Returns false if one of them has no conclusive evidence. Looks at the first HOPS_MAX hops. */
bool verdict_dane_fails(const struct facts *facts);
/* Returns whether BINDING_SECURE leaves no hop for the mail, by what the MTA itself demands (facts_left_to_mta() with
 * mta_enforces): there are hops, and each of them is not allowed by the policy or has bad evidence. Returns false if one
 * of them has no conclusive evidence, and without an enforce policy. An override OVERRIDE_ENFORCE counts for any purpose of
 * the question. */
bool verdict_secure_fails(const struct facts *facts);

#endif
