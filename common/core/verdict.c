#include "verdict.h"

#include "judge.h"
#include "schedule.h"
#include "verdict_dane.h"
#include "verdict_hops.h"
#include "verdict_requiretls.h"

#include <string.h>

/* --- overrides (rule 1) ------------------------------------------------------------------------------------------- */

/* Returns whether an override makes the policy stricter: a testing policy is applied as enforce. */
static bool is_stricter(const struct facts *f)
{
	if (facts_override(f) != OVERRIDE_ENFORCE)
		return false;
	const struct policy *policy = facts_policy(f);
	return policy && policy->mode == POLICY_TESTING;
}

/* Returns whether an override releases the mail, whatever is known about the domain. With OVERRIDE_TAG the map releases
 * it at once, while a message that is being accepted is still judged, so that its header can tell. */
static bool is_released(const struct facts *f)
{
	enum override_kind kind = facts_override(f);
	return kind == OVERRIDE_PASS || (kind == OVERRIDE_TAG && f->question.purpose == PURPOSE_MAP);
}

/* Returns whether the map must judge the hops: its answer may lead the MTA only to hosts inside the pin. */
static bool is_pinned_map(const struct facts *f)
{
	const struct policy *policy = facts_policy(f);
	return f->question.purpose == PURPOSE_MAP && facts_pinned(f) && policy && policy->mode == POLICY_ENFORCE;
}

/* Returns whether default_level = verify applies to the map's answer: no enforce policy is in force, nor a testing policy that
 * an override makes stricter. */
static bool is_verify(const struct facts *f)
{
	const struct policy *policy = facts_policy(f);
	return f->question.purpose == PURPOSE_MAP && f->rules->default_verify && !is_stricter(f) &&
	       (!policy || policy->mode != POLICY_ENFORCE);
}

/* Notes in the verdict that it used the override. */
static void override_used(struct verdict *verdict, const struct facts *f)
{
	verdict->override = facts_override(f);
	verdict->override_all = strcmp(f->override.domain, OVERRIDE_ALL) == 0;
}

/* --- the policy as the map publishes it --------------------------------------------------------------------------- */

/* If the names of a policy, with their NULs, have no more octets than this, they fit into any answer of the map. A name
 * takes at most about twice its octets in an answer: that is the case of a name whose labels are single letters. */
#define NAMES_SHORT 256

/* Returns whether the names may be too many for one answer of the map (map_grammar.h, MAP_STS_VALUE_MAX). */
static bool policy_is_long(const struct policy *policy)
{
	return policy->mx.len > NAMES_SHORT;
}

/* Adds to `to` the names in `from` that allow the host: the host's own name and its wildcard. */
static void patterns_of_host(struct names *to, const struct names *from, const char *host)
{
	char wildcard[DOMAIN_SIZE];
	if (names_have(from, host))
		names_add_once(to, host);
	if (mx_wildcard(wildcard, host) && names_have(from, wildcard))
		names_add_once(to, wildcard);
}

/* Sorts the names of a long policy: first the names that allow the known MX hosts, then all other names. An answer
 * that is too short for all of them then holds those that the MTA needs. The MX set may be old or forged, but it
 * changes only the order of the names, never which names there are. */
static void policy_order(struct policy *policy, const struct facts *f)
{
	struct names names = {.count = 0}, first;
	const struct mx_set *mx = &f->entry.mx;
	if (!f->question.no_dane || !policy_is_long(policy)) /* only dialect `sts` may be too short for all names */
		return;
	patterns_of_host(&names, &policy->mx, f->question.host);
	for (const char *host = names_next(&mx->names, NULL); host && f->question.mx_lookup;
		host = names_next(&mx->names, host))
		patterns_of_host(&names, &policy->mx, host);
	names_copy(&first, &names);
	names_sort(&first);
	names_index(&first);
	for (const char *name = names_next(&policy->mx, NULL); name; name = names_next(&policy->mx, name))
		if (!names_have(&first, name))
			names_add(&names, name, strlen(name));
	names_free(&first);
	names_free(&policy->mx);
	policy->mx = names;
}

/* Restricts the names to those of the hops inside the pin. */
static void policy_pin(struct policy *policy, const struct facts *f)
{
	struct names names = {.count = 0};
	if (mx_has_hops(f))
		hops_inside_pin(&names, f);
	names_free(&policy->mx);
	policy->mx = names;
}

void verdict_policy_copy(struct policy *out, const struct facts *facts)
{
	const struct policy *policy = facts_policy(facts);
	*out = (struct policy){.mode = POLICY_NONE};
	if (is_verify(facts) && facts->question.no_dane)
		mx_names_take(&out->mx, facts);
	if (!policy || is_verify(facts))
		return;
	policy_copy(out, policy);
	if (is_stricter(facts))
		out->mode = POLICY_ENFORCE;
	policy_narrow(out, facts);
	if (is_pinned_map(facts))
		policy_pin(out, facts);
	policy_order(out, facts);
	policy_set_text(out, facts->entry.policy_text, facts->entry.policy_text_len);
}

/* --- what the map answers, and domains without a policy ----------------------------------------------------------- */

/* Wants the MX set if default_level = verify needs it: Sendmail's dialect gets the names of the hosts, and mail for exempt
 * hosts is not bound. */
static struct step verify_want_mx(struct judge *j)
{
	const struct facts *f = j->facts;
	struct step nothing = {.want = {.kind = WANT_NOTHING}};
	bool matters = f->question.no_dane || f->rules->exempt_hosts.count > 0;
	return j->verify && matters && f->question.mx_lookup ? judge_want_mx(j, true) : nothing;
}

/* Judges what binds the delivery, for the map. `reason` explains the verdict if nothing binds it, or if only default_level =
 * verify does. */
static struct step judge_map(struct judge *j, enum reason reason)
{
	const struct question *q = &j->facts->question;
	j->verify = is_verify(j->facts);
	j->unenforced = !j->verify && (!j->policy || j->policy->mode != POLICY_ENFORCE);
	struct step step = verify_want_mx(j);
	if (step_is_want(&step))
		return step;
	if (j->verify && judge_all_exempt(j))
		return judge_done(j, VERDICT_NONE, REASON_EXEMPT, "");
	step = judge_dane(j);
	/* If the policy is too long for this dialect's answer, the MX hosts decide which of its names come first, so
	 * the MX set is wanted: see policy_order(). */
	bool matters = q->no_dane && q->mx_lookup && j->policy && j->policy->mode == POLICY_ENFORCE;
	if (!step_is_want(&step) && matters && policy_is_long(j->policy))
		step = judge_want_mx(j, false);
	return step_is_want(&step) ? step : judge_binding(j, reason);
}

/* Returns the next step for a domain for which MTA-STS enforces nothing. A message needs no more facts. The map must
 * still find out whether DANE binds the delivery. `stsgate query` finds that out, too. So does the refresher if the map
 * has probably asked for the domain before: its MX set is known then, or the question needs none. */
static struct step unenforced(struct judge *j, enum reason reason)
{
	const struct question *q = &j->facts->question;
	bool asked = !q->mx_lookup || j->facts->entry.mx.state != MX_UNKNOWN;
	struct step step = {.want = {.kind = WANT_NOTHING}};
	if (q->unreadable) {
		j->verify = is_verify(j->facts);
		return j->verify ? judge_binding(j, reason) : judge_done(j, VERDICT_NONE, reason, "");
	}
	if (q->purpose == PURPOSE_MAP)
		return judge_map(j, reason);
	if (q->purpose == PURPOSE_QUERY || (q->purpose == PURPOSE_REFRESH && asked))
		step = judge_dane(j);
	return step_is_want(&step) ? step : judge_done(j, VERDICT_NONE, reason, "");
}

/* Performs discovery (RFC 8461 3.3, 5.1; rule 10). No policy is in force, so the record is looked up, and a valid
 * record leads to a fetch. A failed discovery means no policy, and is remembered as such for a while. */
static struct step without_policy(struct judge *j)
{
	const struct facts *f = j->facts;
	const struct entry *entry = &f->entry;
	const char *domain = f->question.domain;
	bool held = f->question.purpose == PURPOSE_MAP || f->rules->first_contact_defers;
	if (!f->record_tried) {
		bool stale = schedule_negative_stale(entry, f->now);
		if (f->forced || !schedule_negative_known(entry, held, f->now) || (j->eager && stale))
			return judge_want(j, WANT_RECORD, domain, 0);
		if (stale)
			j->renew |= RENEW_RECORD;
	}
	if (entry->record_outcome != REASON_OK)
		return unenforced(j, entry->record_outcome);
	/* Only a record that this inquiry has looked up leads to a fetch: a stored record may be withdrawn by now. */
	bool may_fetch = f->forced || schedule_fetch_allowed(entry, f->now);
	if (f->record_tried && !f->policy_tried && may_fetch)
		return judge_want(j, WANT_POLICY, domain, 0);
	enum reason why = entry->fetch_outcome == REASON_OK ? REASON_POLICY_WAIT : entry->fetch_outcome;
	return unenforced(j, why);
}

/* --- a policy in force -------------------------------------------------------------------------------------------- */

/* Judges the MX set itself, and then its hops. */
static struct step judge_mx(struct judge *j)
{
	const struct facts *f = j->facts;
	struct step step = judge_want_mx(j, false);
	if (step_is_want(&step))
		return step;
	bool left = f->rules->mta_enforces && j->policy->mode == POLICY_ENFORCE && !facts_pinned(f);
	if (!schedule_mx_known(&f->entry, f->now)) {
		/* If this machine has no resolver, an enforce policy holds mail in any case (rule 9). If a resolver
		 * answered but the lookup failed, the hops are unknown, and with mta_enforces unknown hops are left to
		 * the MTA (rule 6). */
		if (f->mx_outcome == REASON_RESOLVER)
			return judge_hold(j, VERDICT_DEFER, REASON_RESOLVER, "");
		if (left)
			return judge_done(j, VERDICT_PASS, REASON_MX_LOOKUP, "");
		return judge_hold(j, VERDICT_DEFER, REASON_MX_LOOKUP, "");
	}
	switch (f->entry.mx.state) {
	case MX_NULL:
		/* RFC 7505: the domain takes no mail, so there is nothing to protect. But an attacker can forge a null
		 * MX that is not signed: the message would be let through, and then either be delivered to hosts that
		 * the attacker shows later, or be bounced by the MTA. So an enforce policy holds the message, as it
		 * does at NXDOMAIN (design 4.6). */
		if (f->entry.mx.secure && schedule_mx_recent(&f->entry, f->now))
			return judge_done(j, VERDICT_NONE, REASON_NULL_MX, "");
		return judge_hold(j, VERDICT_DEFER, REASON_NULL_MX, "");
	case MX_NO_DOMAIN:
		return judge_hold(j, VERDICT_DEFER, REASON_NO_SUCH_DOMAIN, "");
	case MX_TOO_LARGE:
		if (left)
			return judge_done(j, VERDICT_PASS, REASON_MX_SET_TOO_LARGE, "");
		return judge_hold(j, VERDICT_DEFER, REASON_MX_SET_TOO_LARGE, "");
	case MX_UNKNOWN:
	case MX_LISTED:
	case MX_IMPLICIT:
		break;
	}
	return judge_hops(j);
}

/* Judges the hops for the map's answer about a pinned domain (rule 1). What would make a message fail, or what leaves open
 * where the mail would go, makes the mail wait: TEMP. `step` is the answer without the pin. */
static struct step pinned_map(struct judge *j, struct step step)
{
	if (step_is_want(&step) || step.verdict.kind != VERDICT_PASS)
		return step;
	enum binding binding = step.verdict.binding;
	step = j->facts->question.mx_lookup ? judge_mx(j) : judge_hops(j);
	if (step_is_want(&step))
		return step;
	step.verdict.binding = step.verdict.kind == VERDICT_PASS ? binding : BINDING_NONE;
	if (step.verdict.kind != VERDICT_PASS)
		step.verdict.kind = VERDICT_DEFER;
	return step;
}

/* Judges a domain whose policy is in force. */
static struct step with_policy(struct judge *j)
{
	const struct facts *f = j->facts;
	enum purpose purpose = f->question.purpose;
	struct step step = judge_keep_fresh(j);
	if (step_is_want(&step))
		return step;
	if (purpose != PURPOSE_REFRESH && f->entry.last_used_day != schedule_day(f->now))
		j->renew |= RENEW_USE;
	if (j->policy->mode == POLICY_NONE)
		return unenforced(j, REASON_POLICY_MODE_NONE);
	if (f->question.unreadable && is_verify(f))
		return unenforced(j, REASON_POLICY_MODE_TESTING);
	if (f->question.unreadable) /* nobody knows which hosts get the mail, so they cannot be checked */
		return judge_hold(j, VERDICT_DEFER, REASON_NEXT_HOP_UNREADABLE, "");
	if (purpose == PURPOSE_MAP) {
		/* The map answers for a domain, not for a host. So exempt hosts count only if all hosts of the domain
		 * are exempt (design 4.10). */
		if (f->rules->exempt_hosts.count > 0 && f->question.mx_lookup)
			step = judge_want_mx(j, false);
		if (step_is_want(&step))
			return step;
		if (judge_all_exempt(j))
			return judge_done(j, VERDICT_NONE, REASON_EXEMPT, "");
		step = judge_map(j, REASON_POLICY_MODE_TESTING);
		return is_pinned_map(f) ? pinned_map(j, step) : step;
	}
	if (purpose == PURPOSE_REFRESH && !f->forced && !schedule_in_use(&f->entry, f->now))
		return judge_done(j, VERDICT_NONE, REASON_NOT_YET_CHECKED, "");
	return f->question.mx_lookup ? judge_mx(j) : judge_hops(j);
}

/* --- the public functions ----------------------------------------------------------------------------------------- */

bool verdict_rests_on_fresh(const struct facts *facts)
{
	const struct policy *policy = facts_policy(facts);
	if (is_pinned_map(facts))
		return true;
	return facts->question.purpose == PURPOSE_DELIVER && !facts->rules->mta_enforces && policy &&
	       (policy->mode == POLICY_ENFORCE || is_stricter(facts));
}

bool verdict_dane_fails(const struct facts *facts)
{
	return hops_fail_dane(facts);
}

bool verdict_secure_fails(const struct facts *facts)
{
	struct rules rules = *facts->rules; /* borrows the lists; not freed */
	struct facts bound = *facts;        /* borrows the entry and the hops; not freed */
	bool enforce = facts->override.kind == OVERRIDE_ENFORCE && override_in_force(&facts->override, facts->now);
	rules.mta_enforces = true;
	bound.rules = &rules;
	if (enforce && bound.entry.policy.mode == POLICY_TESTING)
		bound.entry.policy.mode = POLICY_ENFORCE;
	return hops_fail_policy(&bound);
}

/* Looks at these cases in this order: a store that was not read yet, an override that releases the mail, no policy
 * domain, an exempt domain, a broken store, and then the policy in force or its absence. A refresh reads the entry of an
 * exempt domain nevertheless: when the refresh saves the entry, the domain is no longer due. A query reads it to show what
 * the store knows. */
static struct step judge(const struct facts *facts)
{
	const struct question *q = &facts->question;
	struct judge j = {.facts = facts, .bad_host = ""};
	j.eager = facts->forced || q->purpose == PURPOSE_REFRESH || q->purpose == PURPOSE_QUERY;
	bool acts = q->purpose == PURPOSE_DELIVER || q->purpose == PURPOSE_MAP;
	bool exempt = names_cover(&facts->rules->exempt_domains, q->domain);

	if (!q->has_domain && !q->unreadable)
		return judge_done(&j, VERDICT_NONE, REASON_NO_POLICY_DOMAIN, "");
	if (!q->has_domain && facts->store == STORE_UNREAD && acts) {
		/* only an override for all domains could release such mail */
		struct step step = judge_want(&j, WANT_ENTRY, "", 0);
		step.verdict = judge_done(&j, VERDICT_DEFER, REASON_DOMAIN_UNREADABLE, "").verdict;
		return step;
	}
	if (q->has_domain && facts->store == STORE_UNREAD &&
		(!exempt || q->purpose == PURPOSE_REFRESH || q->purpose == PURPOSE_QUERY))
		return judge_want(&j, WANT_ENTRY, q->domain, 0);
	j.policy = facts_policy(facts);
	if (is_released(facts))
		return judge_done(&j, VERDICT_PASS, REASON_OVERRIDE, "");
	if (!q->has_domain)
		return judge_done(&j, VERDICT_DEFER, REASON_DOMAIN_UNREADABLE, "");
	if (exempt) {
		j.policy = NULL;
		return judge_done(&j, VERDICT_NONE, REASON_EXEMPT, "");
	}
	j.needs_fresh = verdict_rests_on_fresh(facts);
	if (facts->store == STORE_BROKEN) {
		/* Rule 9. A policy that was read before the store broke still applies. If no policy was read,
		 * on_internal_error decides for a message that is being accepted. At delivery (the map), mail waits in
		 * any case: otherwise a broken store would end all enforcement. */
		bool defer = q->purpose == PURPOSE_MAP || facts->rules->internal_error_defers;
		if (j.policy)
			defer = j.policy->mode == POLICY_ENFORCE || is_verify(facts);
		return judge_done(&j, defer ? VERDICT_DEFER : VERDICT_NONE, REASON_INTERNAL, "");
	}
	return j.policy ? with_policy(&j) : without_policy(&j);
}

/* Judges with the policy's mode raised to enforce. The copy borrows what the facts own, so it is not freed. */
static struct step judge_strictly(const struct facts *facts)
{
	struct facts strict = *facts;
	strict.entry.policy.mode = POLICY_ENFORCE;
	struct step step = judge(&strict);
	override_used(&step.verdict, facts);
	return step;
}

/* Returns whether the verdict would be another one without the pin. The map's answers about a pinned domain have fewer
 * names. */
static bool pin_matters(const struct facts *facts, const struct verdict *v)
{
	struct facts plain = *facts; /* borrows what the facts own; not freed */
	if (is_pinned_map(facts) && v->binding == BINDING_SECURE)
		return true;
	plain.override.kind = OVERRIDE_NONE;
	struct step step = judge(&plain);
	return step.verdict.kind != v->kind || step.verdict.reason != v->reason;
}

/* --- what default_level = verify would do ------------------------------------------------------------------------- */

/* Judges the hops as under an enforce policy that names exactly the domain's mail hosts. That is what the map's answers
 * `verify` and `dane-only` demand, because the MTA takes the names of the hosts from DNS. */
static struct step judge_by_default(const struct facts *facts)
{
	struct rules rules = *facts->rules; /* borrows the lists; not freed */
	struct facts named = *facts;        /* borrows what the facts own, but for the policy */
	rules.mta_enforces = true;
	named.rules = &rules;
	named.question.purpose = PURPOSE_QUERY;
	named.by_host_name = true;
	named.record_tried = named.policy_tried = true;
	named.entry.has_policy = true;
	named.entry.policy = (struct policy){.mode = POLICY_ENFORCE};
	named.entry.policy_expires_at = INT64_MAX;
	mx_names_take(&named.entry.policy.mx, facts);
	struct step step = judge(&named);
	names_free(&named.entry.policy.mx);
	return step;
}

struct verdict verdict_default(const struct facts *facts)
{
	struct verdict verdict = judge_by_default(facts).verdict;
	const struct policy *policy = facts_policy(facts);
	verdict.has_policy = policy != NULL;
	verdict.mode = policy ? policy->mode : POLICY_NONE;
	verdict.policy_id[0] = '\0';
	verdict.policy_expires_at = 0;
	return verdict;
}

/* Returns whether a query also wants to know whether the mail hosts satisfy default_level = verify. No mail waits for it, so
 * it may probe them. */
static bool asks_default(const struct facts *f)
{
	const struct policy *policy = facts_policy(f);
	const struct question *q = &f->question;
	return q->purpose == PURPOSE_QUERY && f->rules->default_verify && f->store == STORE_READ && q->has_domain &&
	       !q->unreadable && (!policy || policy->mode != POLICY_ENFORCE) &&
	       !names_cover(&f->rules->exempt_domains, q->domain);
}

/* The next step of a query, with what it wants to know for default_level = verify before it ends. */
static struct step query_more(const struct facts *facts, struct step step)
{
	struct step more = judge_by_default(facts);
	if (!step_is_want(&more))
		return step;
	more.verdict = step.verdict;
	more.verdict.worth_waiting = true;
	return more;
}

static struct step judge_with_override(const struct facts *facts)
{
	if (is_stricter(facts))
		return judge_strictly(facts);
	struct step step = judge(facts);
	if (!step_is_want(&step) && asks_default(facts))
		return query_more(facts, step);
	const struct verdict *v = &step.verdict;
	bool tagged =
		facts_override(facts) == OVERRIDE_TAG && (v->kind == VERDICT_FAIL_ENFORCE || v->kind == VERDICT_DEFER);
	if (tagged || is_released(facts) || (facts_pinned(facts) && pin_matters(facts, v)))
		override_used(&step.verdict, facts);
	return step;
}

struct step verdict_next(const struct facts *facts)
{
	struct step step = judge_with_override(facts);
	if (facts->question.requiretls)
		step_add_requiretls(&step, facts);
	return step;
}
