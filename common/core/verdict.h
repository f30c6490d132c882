/* The decision: may this mail be delivered to its next hop now (RFC 8461 3 to 5; design 4)?
 *
 * verdict_next() is one pure function over the facts of an inquiry. The caller obtains the fact that it wants, adds
 * the fact with a facts_learn_ function, and calls it again, until it returns a final verdict:
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

/* Copies the policy as the map publishes it: facts_policy() with its text, if the text was kept. Without a policy in
 * force, `out` becomes the empty policy. The caller frees it with policy_free().
 *
 * The names may differ from the domain's policy in two ways. If TLSA lookups failed for some hops, only the names of
 * hops that are known to have no usable TLSA records remain (verdict_dane.h). For map dialect `sts`, names that allow
 * the known MX hosts come first, because Sendmail's answer cannot hold a long list. */
void verdict_policy_copy(struct policy *out, const struct facts *facts);

/* Returns whether a pass must rest on fresh facts: an enforce policy is in force, and no map binds the delivery to it.
 * Then verdict_next() wants a new MX lookup past the TTL, and a new probe past the soft age, before the message
 * passes. */
bool verdict_rests_on_fresh(const struct facts *facts);

/* Returns whether BINDING_DANE_ONLY leaves no hop for the mail: at least one hop has usable TLSA records, and every
 * such hop is known to fail them. False if nothing is known about one of them. */
bool verdict_dane_fails(const struct facts *facts);

#endif
