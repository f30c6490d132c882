/* Properties of a verdict whose message demands REQUIRETLS (RFC 8689 4.2.1), in a random world. */
#include "world_run.h"

#include "names.h"

/* How many hops have usable TLSA records, and of how many that is not known. */
struct records {
	unsigned usable, open;
};

static struct records records_count(const struct facts *f, const struct oracle_set *set)
{
	struct records records = {0, 0};
	for (unsigned i = 0; i < set->count; i++) {
		const struct hop_fact *hop = i < HOPS_MAX ? oracle_fact(f, set->host[i]) : NULL;
		bool host = set->host[i][0] != '\0';
		enum tlsa_state state = hop ? hop->record.tlsa.state : TLSA_UNKNOWN;
		records.usable += host && state == TLSA_USABLE;
		records.open += host && (state == TLSA_FAILED || state == TLSA_UNKNOWN);
	}
	return records;
}

/* The demand asks for nothing, and changes nothing, until the verdict without it is there. */
static void check_verdict_first(const struct run *run, const struct run *plain)
{
	int last = plain->count - 1;
	HOLDS(run, run->count >= plain->count);
	for (int i = 0; i <= last; i++) {
		const struct verdict *v = &run->steps[i].verdict, *without = &plain->steps[i].verdict;
		HOLDS(run, without->requiretls == TLS_DEMAND_NONE && v->requiretls != TLS_DEMAND_NONE);
		HOLDS(run, i == last || want_same(&run->steps[i].want, &plain->steps[i].want));
		HOLDS(run, v->kind == without->kind && v->reason == without->reason && v->binding == without->binding);
		HOLDS(run, strcmp(v->hop, without->hop) == 0 && v->override == without->override);
	}
	/* Beyond that, what is old is looked up again, but no hop is probed. */
	enum want_kind more = run->steps[last].want.kind;
	HOLDS(run, more != WANT_PROBE && more != WANT_ENTRY);
}

/* A permanent refusal needs proof: nothing that could protect the delivery is there, and no lookup has failed. */
static void check_unmet(const struct run *run, const struct oracle_set *set)
{
	const struct facts *f = &run->facts;
	const struct policy *policy = oracle_policy(f);
	enum reason record = f->entry.record_outcome;
	bool governs = oracle_dane(f);
	HOLDS(run, f->question.has_domain && !f->question.unreadable && f->store == STORE_READ);
	HOLDS(run, !names_cover(&f->rules->exempt_domains, f->question.domain));
	HOLDS(run, run_verdict(run)->reason != REASON_OVERRIDE);
	HOLDS(run, !policy || policy->mode != POLICY_ENFORCE);
	HOLDS(run, facts_override(f) != OVERRIDE_PASS && facts_override(f) != OVERRIDE_TAG);
	HOLDS(run, record != REASON_RECORD_LOOKUP && record != REASON_RESOLVER);
	HOLDS(run, f->record_tried || f->now - f->entry.record_checked_at <= (int64_t)f->rules->probe_ttl_fail_s);
	HOLDS(run,
		policy || record != REASON_OK || (f->policy_tried && f->entry.fetch_outcome == REASON_POLICY_INVALID));
	HOLDS(run, !policy || record != REASON_OK || strcmp(f->entry.record_id, f->entry.policy_id) == 0);
	HOLDS(run, !f->mx_tried || f->mx_outcome == REASON_OK);
	struct records records = records_count(f, set);
	HOLDS(run, !f->dane || set->known);
	HOLDS(run, !governs || (records.usable == 0 && records.open == 0));
}

void check_requiretls(const struct run *run, const struct run *plain)
{
	const struct facts *f = &run->facts;
	const struct policy *policy = oracle_policy(f);
	const struct oracle_set set = oracle_set(f, policy);
	bool enforced = policy && policy->mode == POLICY_ENFORCE;
	check_verdict_first(run, plain);
	switch (run_verdict(run)->requiretls) {
	case TLS_DEMAND_NONE:
		HOLDS(run, false);
		break;
	case TLS_DEMAND_MET:
		HOLDS(run, enforced || (oracle_dane(f) && records_count(f, &set).usable > 0));
		break;
	case TLS_DEMAND_UNMET:
		check_unmet(run, &set);
		break;
	case TLS_DEMAND_UNKNOWN:
		break;
	}
}
