#include "verdict_requiretls.h"

#include "judge.h"
#include "schedule.h"
#include "verdict_dane.h"
#include "verdict_hops.h"

#include <string.h>

/* Returns whether the mail is judged at all. If it is not, the sender must not be refused either: the operator has let the
 * domain out, or nobody knows what protects it. */
static bool is_judged(const struct judge *j, const struct verdict *verdict)
{
	const struct facts *f = j->facts;
	return f->question.has_domain && !f->question.unreadable && f->store == STORE_READ &&
	       verdict->reason != REASON_EXEMPT && !judge_all_exempt(j) && !override_releases(facts_override(f));
}

/* Wants what must be fresh before a sender is refused for good: the record, the policy if the record has a new id, and the MX
 * set and TLSA records of the hops. The caller has set j->eager. */
static struct step want_fresh(struct judge *j)
{
	const struct facts *f = j->facts;
	struct step step = {.want = {.kind = WANT_NOTHING}};
	bool old = schedule_age(f->entry.record_checked_at, f->now) > f->rules->probe_ttl_fail_s;
	if (!f->record_tried && old)
		return judge_want(j, WANT_RECORD, f->question.domain, 0);
	if (j->policy)
		step = judge_keep_fresh(j);
	if (!step_is_want(&step) && f->rules->exempt_hosts.count > 0 && f->question.mx_lookup)
		step = judge_want_mx(j, false);
	return step_is_want(&step) ? step : judge_dane(j);
}

/* Returns whether the domain may have an enforce policy although none is known. The sender must not be refused for good
 * because of a failure that may end. */
static bool policy_is_open(const struct facts *f, const struct verdict *verdict)
{
	const struct entry *entry = &f->entry;
	switch ((int)entry->record_outcome) {
	case REASON_NO_RECORD:
	case REASON_RECORD_INVALID:
	case REASON_RECORD_MANY:
		return false;
	case REASON_OK:
		break;
	default:
		return true;
	}
	if (verdict->has_policy)
		return strcmp(entry->record_id, entry->policy_id) != 0;
	return verdict->reason != REASON_POLICY_INVALID || !f->policy_tried;
}

void step_add_requiretls(struct step *step, const struct facts *facts)
{
	struct verdict *verdict = &step->verdict;
	struct judge j = {
		.facts = facts, .policy = facts_policy(facts), .bad_host = "", .unenforced = true, .eager = true};
	verdict->requiretls = TLS_DEMAND_UNKNOWN;
	if (step_is_want(step) || !is_judged(&j, verdict))
		return;
	if (verdict->has_policy && verdict->mode == POLICY_ENFORCE) {
		verdict->requiretls = TLS_DEMAND_MET;
		return;
	}
	struct step fresh = want_fresh(&j);
	if (step_is_want(&fresh)) {
		step->want = fresh.want;
		verdict->worth_waiting = true;
		return;
	}
	step->renew |= j.renew;
	if (!is_judged(&j, verdict)) /* the MX set is known by now */
		return;
	bool failed = facts->mx_tried && facts->mx_outcome != REASON_OK;
	verdict->requiretls = dane_protects(&j);
	if (verdict->requiretls == TLS_DEMAND_UNMET && (failed || policy_is_open(facts, verdict)))
		verdict->requiretls = TLS_DEMAND_UNKNOWN;
}
