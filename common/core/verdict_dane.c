#include "verdict_dane.h"

#include "schedule.h"

#include <string.h>

static bool is_enforced(const struct policy *policy)
{
	return policy && policy->mode == POLICY_ENFORCE;
}

/* Returns the state of a hop's TLSA records; TLSA_NONE if nothing was learned about the hop. */
static enum tlsa_state hop_state(const struct facts *f, const char *host)
{
	const struct hop_fact *hop = facts_hop(f, host, f->question.port);
	return hop ? hop->record.tlsa.state : TLSA_NONE;
}

/* --- looking up TLSA records (RFC 7672 2.2) ----------------------------------------------------------------------- */

/* Wants the hop record and the TLSA records of one hop, or notes the records for renewal. */
static struct step hop_tlsa(struct judge *j, const char *host)
{
	const struct facts *f = j->facts;
	uint16_t port = f->question.port;
	const struct hop_fact *hop = facts_hop(f, host, port);
	struct step nothing = {.want = {.kind = WANT_NOTHING}};
	if (mx_name_is_not_host(host, strlen(host))) /* not a host name, so it has no TLSA records */
		return nothing;
	if (!hop || !hop->read)
		return judge_want(j, WANT_EVIDENCE, host, port);
	if (hop->tlsa_tried)
		return nothing;
	bool stale = f->forced || schedule_tlsa_stale(&hop->record.tlsa, f->now);
	if (!tlsa_lookup_known(&hop->record.tlsa, f->now) || (j->eager && stale))
		return judge_want(j, WANT_TLSA, host, port);
	if (stale)
		j->renew |= RENEW_TLSA;
	return nothing;
}

/* Returns how many hops there are whose TLSA lookup has failed lately: within the time for which a failure is remembered
 * (design 5.6). */
static unsigned lookups_failed(const struct facts *f, const struct hop_list *list)
{
	unsigned failed = 0;
	for (unsigned i = 0; i < list->count && i < HOPS_MAX; i++) {
		const struct hop_fact *hop = facts_hop(f, list->host[i], f->question.port);
		failed += hop && hop->record.tlsa.state == TLSA_FAILED &&
			  schedule_age(hop->record.tlsa.checked_at, f->now) <= NEGATIVE_HELD_HARD_S;
	}
	return failed;
}

/* If the MX set is unsigned, it may be forged, and the TLSA records of its hops prove nothing about the domain. Under
 * an enforce policy only MTA-STS counts then, and the records are not looked up. Without an enforce policy they are:
 * the map's answer `dane` lets the MTA use the records, which is better than nothing (spec D-61). The answer `verify` is
 * better than that, so with default_level = verify they are not looked up either. */
struct step judge_tlsa(struct judge *j, const struct hop_list *list)
{
	const struct facts *f = j->facts;
	struct step step = {.want = {.kind = WANT_NOTHING}};
	bool may_matter = f->dane && !f->question.no_dane;
	bool else_bound = f->question.purpose == PURPOSE_DELIVER || is_enforced(j->policy) || j->verify;
	if (!may_matter || (!facts_dane(f) && else_bound))
		return step;
	j->unbound = !facts_dane(f);
	unsigned failed = j->verify ? lookups_failed(f, list) : 0;
	j->dane_unsure = failed > 0;
	j->dane_blind = failed > 0 && failed == list->count;
	for (unsigned i = 0; i < list->count && i < HOPS_MAX && !step_is_want(&step); i++) {
		step = hop_tlsa(j, list->host[i]);
		/* If nothing else binds the delivery, the first hop with usable records decides the answer. The first
		 * failed lookup ends the search, too: eight silent name servers would keep the inquiry open for
		 * minutes. */
		enum tlsa_state state = hop_state(f, list->host[i]);
		if (j->unbound && (state == TLSA_USABLE || state == TLSA_FAILED))
			break;
		/* With default_level = verify, usable records of one hop are enough for `dane-only`. */
		if (j->verify && state == TLSA_USABLE)
			break;
	}
	return step;
}

/* Returns whether the MX set is recent enough for DANE, or the question needs none. */
static bool mx_is_settled(const struct facts *f)
{
	return !f->question.mx_lookup || schedule_mx_recent(&f->entry, f->now);
}

struct step judge_dane(struct judge *j)
{
	const struct facts *f = j->facts;
	struct step step = {.want = {.kind = WANT_NOTHING}};
	struct hop_list list;
	if (!f->dane || f->question.no_dane)
		return step;
	if (f->question.mx_lookup)
		step = judge_want_mx(j, true);
	if (step_is_want(&step) || !mx_is_settled(f) || !mx_has_hops(f))
		return step;
	hop_list_fill(&list, f, j->policy);
	step = judge_tlsa(j, &list);
	if (step_is_want(&step) || f->question.purpose != PURPOSE_QUERY || !f->rules->probe)
		return step;
	/* An operator's query also probes the hops, to show whether their certificates match. No mail waits for it. */
	for (unsigned i = 0; i < list.count && i < HOPS_MAX; i++) {
		const struct hop_fact *hop = facts_hop(f, list.host[i], f->question.port);
		if (!hop || hop->dane_tried || !facts_hop_by_dane(f, hop))
			continue;
		step = judge_want(j, WANT_PROBE, list.host[i], f->question.port);
		step.want.dane = true;
		break;
	}
	return step;
}

/* --- what binds the delivery (spec D-61) -------------------------------------------------------------------------- */

/* The number of a domain's hops in each state. */
struct census {
	unsigned usable, unusable, none, failed;
	unsigned beyond;         /* hops after the first HOPS_MAX, which are not examined */
	unsigned plain;          /* hops that the policy allows and that are known to have no usable records */
	const char *failed_host; /* the first hop whose lookup failed, or "" */
};

/* Returns whether the policy allows the hop, and the hop is known to have no usable TLSA records. */
static bool hop_is_plain(const struct facts *f, const struct policy *policy, const char *host)
{
	enum tlsa_state state = hop_state(f, host);
	return (state == TLSA_NONE || state == TLSA_UNUSABLE) && policy && policy_allows(policy, host);
}

/* Counts the hops of a list. `policy` may be NULL: then no hop is plain. */
static struct census census_take(const struct facts *f, const struct policy *policy, const struct hop_list *list)
{
	struct census census = {.failed_host = ""};
	for (unsigned i = 0; i < list->count && i < HOPS_MAX; i++) {
		census.plain += hop_is_plain(f, policy, list->host[i]);
		switch (hop_state(f, list->host[i])) {
		case TLSA_USABLE:
			census.usable++;
			break;
		case TLSA_UNUSABLE:
			census.unusable++;
			break;
		case TLSA_UNKNOWN:
		case TLSA_NONE:
			census.none++;
			break;
		case TLSA_FAILED:
			if (census.failed++ == 0)
				census.failed_host = list->host[i];
			break;
		}
	}
	if (list->count > HOPS_MAX)
		census.beyond = list->count - HOPS_MAX;
	return census;
}

/* Chooses the binding under an enforce policy over a signed MX set.
 *
 * The answer `dane` is never right here: it leaves hops without TLSA records to opportunistic TLS. If a hop has usable
 * records, the answer is `dane-only`. Otherwise it is `secure`, but not for hops whose TLSA lookup failed: for such a
 * hop, MTA-STS might rescue a failing DANE check (RFC 8461 2). So policy_narrow() reduces the names to those of the
 * plain hops (design 4.1). If there is no plain hop, mail waits. */
static struct step bind_enforced(struct judge *j, const struct census *c)
{
	if (c->usable > 0)
		return judge_bound(j, BINDING_DANE_ONLY);
	if (c->failed + c->beyond == 0 || c->plain > 0)
		return judge_bound(j, BINDING_SECURE);
	enum reason reason = c->failed > 0 ? REASON_TLSA_LOOKUP : REASON_MX_SET_TOO_LARGE;
	return judge_done(j, VERDICT_DEFER, reason, c->failed_host);
}

/* Chooses the binding without an enforce policy. With the answer `dane`, the MTA looks up the TLSA records of each hop
 * itself. If the MTA's own lookup fails, the MTA skips that hop. A lookup that fails only here holds no mail (design
 * 4.3). */
static struct step bind_unenforced(struct judge *j, const struct census *c, enum reason reason)
{
	if (!facts_dane(j->facts))
		return c->usable > 0 ? judge_bound(j, BINDING_DANE) : judge_done(j, VERDICT_NONE, reason, "");
	if (c->usable > 0 && c->none + c->unusable + c->beyond == 0)
		return judge_bound(j, BINDING_DANE_ONLY);
	if (c->usable + c->unusable + c->failed > 0)
		return judge_bound(j, BINDING_DANE);
	return judge_done(j, VERDICT_NONE, reason, "");
}

/* Chooses the binding without an enforce policy, but with default_level = verify (design 4.19). A host with usable TLSA
 * records is bound to these, as under an enforce policy; all else to a valid certificate. Sendmail's dialect has no word
 * for that: it gets the names of the mail hosts, so there must be some. */
static struct step bind_verify(struct judge *j, enum reason reason)
{
	const struct facts *f = j->facts;
	struct names names = {.count = 0};
	struct hop_list list;
	if (facts_dane(f) && mx_is_settled(f) && mx_has_hops(f)) {
		hop_list_fill(&list, f, j->policy);
		struct census census = census_take(f, NULL, &list);
		/* If all lookups failed, the MTA finds out itself whether the hops have records, and uses no hop whose
		 * lookup fails there, too (RFC 7672 2.1). `verify` would let an authority vouch for them. */
		if (census.usable > 0 || (census.failed > 0 && census.failed == list.count))
			return judge_bound(j, BINDING_DANE_ONLY);
	}
	if (!f->question.no_dane)
		return judge_bound_with(j, BINDING_VERIFY, reason);
	enum reason missing = mx_names_take(&names, f);
	names_free(&names);
	return missing == REASON_OK ? judge_bound_with(j, BINDING_VERIFY, reason)
				    : judge_done(j, VERDICT_DEFER, missing, "");
}

struct step judge_binding(struct judge *j, enum reason reason)
{
	if (j->verify)
		return bind_verify(j, reason);
	const struct facts *f = j->facts;
	struct hop_list list;
	bool enforced = is_enforced(j->policy), dane = f->dane && !f->question.no_dane;
	if (dane && !mx_is_settled(f)) {
		/* The MX set could not be looked up, so nobody here knows whether DANE governs (spec D-5, D-61). Under
		 * an enforce policy mail waits. Without an enforce policy, `dane` leaves the decision to the MTA: the
		 * MTA either has found MX records already, or holds the mail because it has found none (design 4.3). If
		 * this machine has no resolver, nothing binds the delivery (rules 9 and 10). */
		bool broken = f->mx_outcome == REASON_RESOLVER;
		if (enforced)
			return judge_done(j, VERDICT_DEFER, broken ? REASON_RESOLVER : REASON_MX_LOOKUP, "");
		return broken ? judge_done(j, VERDICT_NONE, reason, "") : judge_bound(j, BINDING_DANE);
	}
	if (!dane || (enforced && !facts_dane(f)))
		return enforced ? judge_bound(j, BINDING_SECURE) : judge_done(j, VERDICT_NONE, reason, "");
	if (!mx_has_hops(f)) { /* no hops at all, or more than an entry keeps */
		bool large = f->entry.mx.state == MX_TOO_LARGE && f->entry.mx.secure;
		if (enforced)
			return large ? judge_done(j, VERDICT_DEFER, REASON_MX_SET_TOO_LARGE, "")
				     : judge_bound(j, BINDING_SECURE);
		return large ? judge_bound(j, BINDING_DANE) : judge_done(j, VERDICT_NONE, reason, "");
	}
	hop_list_fill(&list, f, j->policy);
	struct census census = census_take(f, j->policy, &list);
	return enforced ? bind_enforced(j, &census) : bind_unenforced(j, &census, reason);
}

enum tls_demand dane_protects(const struct judge *j)
{
	const struct facts *f = j->facts;
	struct hop_list list;
	if (!f->dane)
		return TLS_DEMAND_UNMET;
	if (!mx_is_settled(f) || !mx_has_hops(f))
		return TLS_DEMAND_UNKNOWN;
	if (!facts_dane(f))
		return TLS_DEMAND_UNMET;
	hop_list_fill(&list, f, j->policy);
	struct census census = census_take(f, j->policy, &list);
	if (census.usable > 0)
		return TLS_DEMAND_MET;
	return census.failed + census.beyond > 0 ? TLS_DEMAND_UNKNOWN : TLS_DEMAND_UNMET;
}

void policy_narrow(struct policy *policy, const struct facts *f)
{
	struct hop_list list;
	struct names names = {.count = 0};
	if (!facts_dane(f) || !mx_has_hops(f) || policy->mode != POLICY_ENFORCE)
		return;
	hop_list_fill(&list, f, policy);
	struct census census = census_take(f, policy, &list);
	if (census.usable > 0 || census.failed + census.beyond == 0)
		return;
	for (unsigned i = 0; i < list.count && i < HOPS_MAX; i++)
		if (hop_is_plain(f, policy, list.host[i]))
			names_add(&names, list.host[i], strlen(list.host[i]));
	names_free(&policy->mx);
	policy->mx = names;
}
