/* The hops of a domain under its policy, each by itself and taken together (rule 6). Internal to verdict. Pure. */
#ifndef CORE_VERDICT_HOPS_H
#define CORE_VERDICT_HOPS_H

#include "judge.h"

struct step judge_hops(struct judge *j);
/* Whether the operator has exempted every host that the MTA may use (exempt_hosts), and the policy names each. Known
 * only when judge_wants_mx() wants nothing. */
bool judge_all_exempt(const struct judge *j);
/* As verdict_dane_fails(). */
bool hops_fail_dane(const struct facts *facts);

#endif
