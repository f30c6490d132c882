/* Judges the hops of a domain against its policy: first each hop, then all of them together (rule 6). Internal to the
 * verdict. Pure. */
#ifndef CORE_VERDICT_HOPS_H
#define CORE_VERDICT_HOPS_H

#include "judge.h"

/* Returns the final verdict on the hops, or a want for the next fact that the verdict needs. Requires a policy of mode
 * testing or enforce, and an MX set that has hops (mx_has_hops()). */
struct step judge_hops(struct judge *j);
/* Returns whether the operator has exempted every host that the MTA may use (exempt_hosts), and the policy allows each
 * of them. False if the MX set is not known; call it when judge_want_mx() wants nothing. */
bool judge_all_exempt(const struct judge *j);
/* Adds to `names` the hops of a pinned domain to which the map's answer `secure` may lead the MTA: those that are good and
 * inside the pin. Leaves out a hop whose name is also in the certificate of a hop elsewhere, because Postfix before 3.10.5
 * would accept the hop elsewhere for it (design 10). */
void hops_inside_pin(struct names *names, const struct facts *facts);
/* See verdict_secure_fails() and verdict_dane_fails(). */
bool hops_fail_policy(const struct facts *facts);
bool hops_fail_dane(const struct facts *facts);

#endif
