#include "verdict.h"

#include "judge.h"
#include "schedule.h"
#include "verdict_dane.h"
#include "verdict_hops.h"

#include <string.h>

/* --- the names of the policy -------------------------------------------------------------------------------------- */

/* Octets of names that every map's answer can hold: a name weighs about twice its octets there, NUL and all, when each
 * of its labels is one letter. */
#define NAMES_SHORT 256

/* Whether a map's answer might not hold all names of the policy (map_grammar.h, MAP_STS_VALUE_MAX). */
static bool policy_is_long(const struct policy *policy)
{
	return policy->mx.len > NAMES_SHORT;
}

static void patterns_of_host(struct names *to, const struct names *from, const char *host)
{
	char wildcard[DOMAIN_SIZE];
	if (names_have(from, host))
		names_add_once(to, host);
	if (mx_wildcard(wildcard, host) && names_have(from, wildcard))
		names_add_once(to, wildcard);
}

/* Puts those names of a long policy first that allow the mail hosts, as they are known. What the MX set says may be old
 * or forged: it changes the order only, never which names there are. */
static void policy_order(struct policy *policy, const struct facts *f)
{
	struct names names = {.count = 0}, first;
	const struct mx_set *mx = &f->entry.mx;
	if (!f->question.no_dane || !policy_is_long(policy)) /* the other dialects take them all */
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

void facts_policy_copy(struct policy *out, const struct facts *facts)
{
	const struct policy *policy = facts_policy(facts);
	*out = (struct policy){.mode = POLICY_NONE};
	if (!policy)
		return;
	policy_copy(out, policy);
	policy_narrow(out, facts);
	policy_order(out, facts);
	policy_set_text(out, facts->entry.policy_text, facts->entry.policy_text_len);
}

/* --- no policy in force: discovery (RFC 8461 3.3, 5.1; rule 10) --------------------------------------------------- */

static struct step judge_map(struct judge *j, enum reason reason)
{
	j->unenforced = !j->policy || j->policy->mode != POLICY_ENFORCE;
	const struct question *q = &j->facts->question;
	struct step step = judge_dane(j);
	/* Which of many names are to come first depends on the mail hosts. */
	bool matters = q->no_dane && q->mx_lookup && j->policy && j->policy->mode == POLICY_ENFORCE;
	if (!step_is_want(&step) && matters && policy_is_long(j->policy))
		step = judge_want_mx(j, false);
	return step_is_want(&step) ? step : judge_binding(j, reason);
}

/* MTA-STS enforces nothing here: all that a message needs to know. A map tells of DANE all the same, and an inquiry in the
 * background looks ahead for it where one has asked before. */
static struct step unenforced(struct judge *j, enum reason reason)
{
	const struct question *q = &j->facts->question;
	bool asked = !q->mx_lookup || j->facts->entry.mx.state != MX_UNKNOWN;
	struct step step = {.want = {.kind = WANT_NOTHING}};
	if (q->unreadable)
		return judge_done(j, VERDICT_NONE, reason, "");
	if (q->purpose == PURPOSE_MAP)
		return judge_map(j, reason);
	if (q->purpose == PURPOSE_QUERY || (q->purpose == PURPOSE_REFRESH && asked))
		step = judge_dane(j);
	return step_is_want(&step) ? step : judge_done(j, VERDICT_NONE, reason, "");
}

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
	bool may_fetch = f->forced || schedule_fetch_allowed(entry, f->now);
	if (f->record_tried && !f->policy_tried && may_fetch)
		return judge_want(j, WANT_POLICY, domain, 0);
	enum reason why = entry->fetch_outcome == REASON_OK ? REASON_POLICY_WAIT : entry->fetch_outcome;
	return unenforced(j, why);
}

/* --- the MX set --------------------------------------------------------------------------------------------------- */

static struct step judge_mx(struct judge *j)
{
	const struct facts *f = j->facts;
	struct step step = judge_want_mx(j, false);
	if (step_is_want(&step))
		return step;
	bool left = f->rules->mta_enforces && j->policy->mode == POLICY_ENFORCE;
	if (!schedule_mx_known(&f->entry, f->now)) {
		/* Unknown hops (rule 6), or trouble of ours with a live policy in hand (rule 9). */
		if (f->mx_outcome == REASON_RESOLVER)
			return judge_hold(j, VERDICT_DEFER, REASON_RESOLVER, "");
		if (left)
			return judge_done(j, VERDICT_PASS, REASON_MX_LOOKUP, "");
		return judge_hold(j, VERDICT_DEFER, REASON_MX_LOOKUP, "");
	}
	switch (f->entry.mx.state) {
	case MX_NULL:
		/* RFC 7505: no mail goes there at all. A null MX that nobody signed may be forged, to have the message
		 * let through before its records are shown again or the MTA return it; so an enforce policy holds the
		 * message, as at NXDOMAIN. */
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

/* --- the whole ---------------------------------------------------------------------------------------------------- */

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
	if (f->question.unreadable) /* whatever its hosts are, they are not known to keep the policy */
		return judge_hold(j, VERDICT_DEFER, REASON_NEXT_HOP_UNREADABLE, "");
	if (purpose == PURPOSE_MAP) {
		/* The map answers for a domain, not for a host: so hosts that the operator has exempted count there
		 * only if the domain has no others. */
		if (f->rules->exempt_hosts.count > 0 && f->question.mx_lookup)
			step = judge_want_mx(j, false);
		if (step_is_want(&step))
			return step;
		if (judge_all_exempt(j))
			return judge_done(j, VERDICT_NONE, REASON_EXEMPT, "");
		return judge_map(j, REASON_POLICY_MODE_TESTING);
	}
	if (purpose == PURPOSE_REFRESH && !f->forced && !schedule_in_use(&f->entry, f->now))
		return judge_done(j, VERDICT_NONE, REASON_NOT_YET_CHECKED, "");
	return f->question.mx_lookup ? judge_mx(j) : judge_hops(j);
}

bool verdict_rests_on_fresh(const struct facts *facts)
{
	const struct policy *policy = facts_policy(facts);
	return facts->question.purpose == PURPOSE_DELIVER && !facts->rules->mta_enforces && policy &&
	       policy->mode == POLICY_ENFORCE;
}

bool verdict_dane_fails(const struct facts *facts)
{
	return hops_fail_dane(facts);
}

struct step verdict_next(const struct facts *facts)
{
	const struct question *q = &facts->question;
	struct judge j = {.facts = facts, .bad_host = ""};
	j.eager = facts->forced || q->purpose == PURPOSE_REFRESH || q->purpose == PURPOSE_QUERY;

	if (!q->has_domain && q->unreadable)
		return judge_done(&j, VERDICT_DEFER, REASON_DOMAIN_UNREADABLE, "");
	if (!q->has_domain)
		return judge_done(&j, VERDICT_NONE, REASON_NO_POLICY_DOMAIN, "");
	/* The refresher's case reads the entry all the same, which then leaves the list of what is due. */
	bool exempt = names_cover(&facts->rules->exempt_domains, q->domain);
	if (facts->store == STORE_UNREAD && (!exempt || q->purpose == PURPOSE_REFRESH))
		return judge_want(&j, WANT_ENTRY, q->domain, 0);
	if (exempt)
		return judge_done(&j, VERDICT_NONE, REASON_EXEMPT, "");
	j.policy = facts_policy(facts);
	j.needs_fresh = verdict_rests_on_fresh(facts);
	if (facts->store == STORE_BROKEN) {
		/* Rule 9. What was read before the store broke holds. Where the store cannot tell, on_internal_error
		 * decides for a message that is being accepted; at delivery mail waits, else a store that has gone
		 * would end enforcement. */
		bool defer = q->purpose == PURPOSE_MAP || facts->rules->internal_error_defers;
		if (j.policy)
			defer = j.policy->mode == POLICY_ENFORCE;
		return judge_done(&j, defer ? VERDICT_DEFER : VERDICT_NONE, REASON_INTERNAL, "");
	}
	return j.policy ? with_policy(&j) : without_policy(&j);
}
