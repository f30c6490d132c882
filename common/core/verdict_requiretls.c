#include "verdict_requiretls.h"

#include "judge.h"
#include "verdict_dane.h"

/* Returns whether the mail was judged at all. If it was not, nobody knows whether the sender's demand can be met. */
static bool is_judged(const struct facts *facts, const struct verdict *verdict)
{
	enum reason reason = verdict->reason;
	return facts->question.has_domain && !facts->question.unreadable && facts->store == STORE_READ &&
	       reason != REASON_EXEMPT && reason != REASON_OVERRIDE;
}

/* Returns whether the domain may have an enforce policy although none is known. The sender must not be refused for good
 * because of a failure that may end. */
static bool policy_is_open(const struct verdict *verdict)
{
	if (verdict->has_policy)
		return false;
	switch ((int)verdict->reason) {
	case REASON_NO_RECORD:
	case REASON_RECORD_INVALID:
	case REASON_RECORD_MANY:
	case REASON_POLICY_INVALID:
	case REASON_POLICY_MODE_NONE:
		return false;
	default:
		return true;
	}
}

void step_add_requiretls(struct step *step, const struct facts *facts)
{
	struct verdict *verdict = &step->verdict;
	struct judge j = {.facts = facts, .policy = facts_policy(facts), .bad_host = "", .unenforced = true};
	verdict->requiretls = TLS_DEMAND_UNKNOWN;
	if (step_is_want(step) || !is_judged(facts, verdict))
		return;
	if (verdict->has_policy && verdict->mode == POLICY_ENFORCE) {
		verdict->requiretls = TLS_DEMAND_MET;
		return;
	}
	struct step dane = judge_dane(&j);
	if (step_is_want(&dane)) {
		step->want = dane.want;
		verdict->worth_waiting = true;
		return;
	}
	step->renew |= j.renew;
	verdict->requiretls = dane_protects(&j);
	if (verdict->requiretls == TLS_DEMAND_UNMET && policy_is_open(verdict))
		verdict->requiretls = TLS_DEMAND_UNKNOWN;
}
