/* What TLSA records say of a domain's hops, and what binds the delivery (RFC 7672; rule 2). Internal to verdict. Pure. */
#ifndef CORE_VERDICT_DANE_H
#define CORE_VERDICT_DANE_H

#include "judge.h"

/* Wants what DANE has to say of the hops, and notes what is due. */
struct step judge_tlsa(struct judge *j, const struct hop_list *list);
/* The same with the MX set: for a map's answer, and for those who look ahead for it. */
struct step judge_dane(struct judge *j);
/* What binds the delivery, when judge_dane() wants nothing more. */
struct step judge_binding(struct judge *j, enum reason reason);

/* Leaves of the names of an enforce policy the hops that have no usable TLSA records, when DANE cannot be told of
 * others: a hop of which it cannot be told is bound to no other's name. */
void policy_narrow(struct policy *policy, const struct facts *facts);

#endif
