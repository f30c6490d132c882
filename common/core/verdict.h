/* The rules of verdict (design 4; RFC 8461 3 to 5). One pure function looks at the facts of an inquiry and says either
 * which fact it wants next or what the verdict is. No I/O, no clock, no globals; any thread. */
#ifndef CORE_VERDICT_H
#define CORE_VERDICT_H

#include "facts.h"
#include "step.h"

/* A copy of facts_policy() with its text, where that was kept; the empty policy when there is none. The caller's to free. Where
 * DANE cannot be told of some hops, and others have no TLSA records, its names are those others (verdict_dane.h). */
void facts_policy_copy(struct policy *out, const struct facts *facts);

struct step verdict_next(const struct facts *facts);

/* Whether a pass must rest on fresh facts only: an enforce policy is in force, and nothing binds the delivery to it.
 * The MX set is then looked up again past its TTL, and a hop is probed again past its soft age, before the message
 * passes. */
bool verdict_rests_on_fresh(const struct facts *facts);

/* Whether no mail host may take mail that is bound by BINDING_DANE_ONLY: every one with usable TLSA records is known
 * to fail by them. False when nothing is known of one. */
bool verdict_dane_fails(const struct facts *facts);

#endif
