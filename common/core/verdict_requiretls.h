/* Judges whether a message with REQUIRETLS can reach its next hop (RFC 8689 4.2.1). Internal to the verdict. Pure. */
#ifndef CORE_VERDICT_REQUIRETLS_H
#define CORE_VERDICT_REQUIRETLS_H

#include "facts.h"
#include "step.h"

/* Sets step->verdict.requiretls. If the step is final but the domain has no enforce policy in force, wants the MX set and the
 * TLSA records of its hops first. The verdict so far is then the final one, with TLS_DEMAND_UNKNOWN. */
void step_add_requiretls(struct step *step, const struct facts *facts);

#endif
