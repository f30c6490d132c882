#include "stored.h"

#include "load_save.h"
#include "schedule.h"

#include <string.h>

/* Returns whether the verdict can do without a fact that the store lacks. A probe's result may be unknown: the verdict says
 * so. Where no policy demands anything, only the map's answer depends on MX and TLSA records. */
static bool is_dispensable(const struct facts *facts, const struct want *want)
{
	const struct policy *policy = facts_policy(facts);
	bool of_dane = want->kind == WANT_MX || want->kind == WANT_TLSA;
	return want->kind == WANT_PROBE || (of_dane && (!policy || policy->mode == POLICY_NONE));
}

bool stored_judge(struct store *store, struct facts *facts, bool mta_dane, struct verdict *verdict, bool *final,
	struct failure *why)
{
	struct store_view *view = store_view_begin(store, why);
	struct step step = verdict_next(facts);
	bool known = true;
	if (!view)
		return false;
	while (known && step_is_want(&step)) {
		const struct want *want = &step.want;
		if (!want_is_remote(want->kind))
			load_view(view, facts, want);
		else if (schedule_known(facts, want) || is_dispensable(facts, want))
			facts_learn_nothing(facts, want);
		else
			known = false;
		facts->dane = facts->dane || (mta_dane && facts->entry.mx.secure);
		if (known)
			step = verdict_next(facts);
	}
	store_view_end(&view);
	*verdict = step.verdict;
	*final = known;
	return true;
}

void stored_hops(struct store *store, struct facts *facts)
{
	const struct question *question = &facts->question;
	const struct mx_set *mx = &facts->entry.mx;
	const char *host = NULL;
	struct hop_record record;
	bool listed = question->mx_lookup && mx->state != MX_IMPLICIT;
	struct store_view *view = question->has_domain ? store_view_begin(store, NULL) : NULL;
	if (!view)
		return;
	for (int i = 0; i < HOPS_MAX && (host = listed ? names_next(&mx->names, host)
						: host ? NULL
						       : question->host);
		i++)
		if (!mx_name_is_not_host(host, strlen(host)) && !facts_hop(facts, host, question->port) &&
			store_view_hop(view, host, question->port, &record) == STORE_FOUND)
			facts_learn_evidence(facts, host, question->port, &record);
	store_view_end(&view);
}
