#include "verdict_hops.h"

#include "schedule.h"
#include "verdict_dane.h"

#include <string.h>

/* A domain is judged in three stages: an opinion of each hop (hop_judge()), a survey of all opinions (survey_take()),
 * and the verdict or the next want that follows from the survey (judge_hops()). */

/* --- one hop ------------------------------------------------------------------------------------------------------ */

enum hop_state { HOP_GOOD, HOP_BAD, HOP_UNKNOWN };

/* The opinion of one hop, and the reason for it. */
struct hop_opinion {
	enum hop_state state;
	enum reason reason;
	bool unread; /* its hop record was not read from the store yet */
	/* Unknown, but holds no mail if another hop is good: it is beyond HOPS_MAX, is silent, has no address, or is
	 * excluded by the map's answer. */
	bool aside;
	bool dane;  /* judged by its TLSA records (RFC 7672), not by the policy */
	bool never; /* no probe of it has ended yet */
	bool due;   /* its evidence is so old that a new probe is allowed */
	bool spent; /* the probe budget has refused its probes for so long that mail no longer waits for one */
	bool old;   /* good, but its evidence is past its soft age */
	/* Good, but the map must not lead the MTA to it: the same answer would let the MTA use a hop that is not known to be
	 * inside the pin. */
	bool shadowed;
};

/* Returns whether an answer of the map binds the delivery. The map itself judges the hops of pinned domains only. */
static bool is_by_map(const struct judge *j)
{
	return j->facts->rules->mta_enforces || j->facts->question.purpose == PURPOSE_MAP;
}

/* Returns the smaller age if the MTA asks again within minutes (design 4.16) or the domain is pinned (design 4.17), otherwise
 * `age`. */
static int64_t age_if_again(const struct facts *f, int64_t age, int64_t age_again)
{
	return (f->again || facts_pinned(f)) && age_again < age ? age_again : age;
}

/* Returns the age that the newest evidence must exceed before the hop is probed again (design 5.4, 5.11). */
static int64_t probe_age(const struct judge *j, const char *host, const struct probe_history *history)
{
	const struct evidence *newest = &history->newest;
	const struct rules *rules = j->facts->rules;
	bool ahead = j->facts->question.purpose == PURPOSE_REFRESH;
	switch (facts_evidence_good(j->facts, newest) ? REASON_GOOD : reason_class(newest->reason)) {
	case REASON_GOOD:
		return age_if_again(
			j->facts, schedule_evidence_age(host, j->policy->mode, rules, ahead), ASKED_AGAIN_GOOD_S);
	case REASON_BAD:
		return rules->probe_ttl_fail_s;
	case REASON_INCONCLUSIVE:
	case REASON_GENERAL:
		break;
	}
	return schedule_silent_age(history);
}

/* Applies an override `pin` to good evidence (rule 1): it counts only from within the pin's autonomous systems. */
static void pin_apply(struct hop_opinion *o, const struct facts *f, const struct evidence *seen)
{
	if (!facts_pinned(f))
		return;
	enum reason reason = override_place(&f->override, seen);
	if (reason == REASON_OK)
		return;
	o->state = reason == REASON_HOP_ELSEWHERE ? HOP_BAD : HOP_UNKNOWN;
	o->reason = reason;
}

/* Returns the opinion of a hop if probe = no: it counts as good. But without a probe nobody knows where it is. */
static struct hop_opinion hop_unprobed(const struct facts *f, bool dane)
{
	if (facts_pinned(f))
		return (struct hop_opinion){.state = HOP_UNKNOWN, .reason = REASON_HOP_NETWORK_UNKNOWN, .dane = dane};
	return (struct hop_opinion){.state = HOP_GOOD, .dane = dane};
}

/* Returns the age at which evidence counts. What another relay has seen does not count where the mail for a pinned domain goes,
 * which must be seen from here, and where no map binds the delivery: there somebody who strips TLS near this relay would
 * get the mail that a probe of its own would have held. */
static int64_t age_of(const struct judge *j, const struct evidence *seen)
{
	const struct facts *f = j->facts;
	bool counts = seen->seen_by[0] == '\0' || (is_by_map(j) && !facts_pinned(f));
	return counts ? evidence_age(seen, f->now) : INT64_MAX;
}

/* Judges a hop by the evidence of its probes. Conclusive evidence within its hard age decides. Without such evidence
 * the hop is unknown, also after an inconclusive probe. */
static struct hop_opinion hop_by_evidence(const struct judge *j, const struct hop_fact *hop)
{
	const struct facts *f = j->facts;
	const struct probe_history *history = facts_history(f, hop);
	const struct evidence *newest = &history->newest, *conclusive = &history->conclusive;
	struct hop_opinion o = {.state = HOP_UNKNOWN, .reason = REASON_NOT_YET_CHECKED};
	o.dane = facts_hop_by_dane(f, hop);
	bool tried = o.dane ? hop->dane_tried : hop->tried;
	o.never = newest->at == 0 && !tried;
	o.spent = !facts_pinned(f) && schedule_refused_long(&hop->record, f->now);
	o.due = !tried && (f->forced || age_of(j, newest) > probe_age(j, hop->host, history));
	if (conclusive->at != 0 && age_of(j, conclusive) <= f->rules->probe_ttl_max_s) {
		o.state = facts_evidence_good(j->facts, conclusive) ? HOP_GOOD : HOP_BAD;
		o.reason = conclusive->reason;
		if (o.state == HOP_GOOD)
			pin_apply(&o, f, conclusive);
		/* A silent hop is not probed again before a pass: its good evidence counts up to the hard age. */
		o.old = o.state == HOP_GOOD && !history_is_silent(history, f->now) &&
			age_of(j, conclusive) > age_if_again(f, f->rules->probe_ttl_ok_s, ASKED_AGAIN_GOOD_S);
		if (o.state != HOP_GOOD) /* rule 4: probe_ttl_fail counts, even if the newest probe was inconclusive */
			o.due = !tried && (f->forced || schedule_age(newest->at, f->now) > f->rules->probe_ttl_fail_s);
		/* If the probe budget has refused a new probe, the old good evidence does not count. Otherwise an
		 * attacker could use up the probe budget, and old evidence would then be enough for a pass (design
		 * 4.7). */
		if (o.old && j->needs_fresh && hop->refused == REASON_PROBE_BUDGET) {
			o.state = HOP_UNKNOWN;
			o.reason = hop->refused;
		}
		return o;
	}
	if (hop->refused != REASON_OK)
		o.reason = hop->refused;
	else if (newest->at != 0 && reason_class(newest->reason) == REASON_INCONCLUSIVE)
		o.reason = newest->reason;
	else
		o.due = !tried; /* the newest evidence is conclusive, but past its hard age, or there is none */
	o.aside = history_is_silent(history, f->now);
	return o;
}

/* Returns whether the MTA may deliver to a hop with this evidence, as far as is known. It does not look whether a certificate
 * is revoked. */
static bool may_be_used(const struct facts *f, const struct evidence *seen)
{
	return seen->at == 0 || facts_evidence_good(f, seen) || seen->reason == REASON_CERT_REVOKED;
}

bool hops_fail_dane(const struct facts *f)
{
	struct hop_list list;
	bool failed = false;
	if (!mx_has_hops(f))
		return false;
	hop_list_fill(&list, f, facts_policy(f));
	for (unsigned i = 0; i < list.count && i < HOPS_MAX; i++) {
		const struct hop_fact *hop = facts_hop(f, list.host[i], f->question.port);
		if (!hop || !facts_hop_by_dane(f, hop))
			continue;
		const struct evidence *seen = &facts_history(f, hop)->conclusive;
		if (may_be_used(f, seen))
			return false;
		failed = true;
	}
	return failed;
}

bool hops_fail_policy(const struct facts *f)
{
	const struct policy *policy = facts_policy(f);
	struct hop_list list;
	if (!policy || policy->mode != POLICY_ENFORCE || !mx_has_hops(f))
		return false;
	hop_list_fill(&list, f, policy);
	for (unsigned i = 0; i < list.count; i++) {
		const struct hop_fact *hop = facts_hop(f, list.host[i], f->question.port);
		const struct evidence *seen = hop ? &facts_history(f, hop)->conclusive : NULL;
		bool dane = hop && facts_hop_by_dane(f, hop);
		if (!dane && !policy_allows(policy, list.host[i]))
			continue;
		if (!seen || may_be_used(f, seen))
			return false;
	}
	return list.count > 0;
}

/* Judges a hop by MTA-STS: the policy must allow its name, and its evidence decides. `place` is the number of hops
 * before it that the policy allows. Of the hops that the policy allows, only the first HOPS_MAX are probed (design
 * 4.4). */
static struct hop_opinion hop_by_policy(const struct judge *j, const char *host, unsigned place)
{
	const struct facts *f = j->facts;
	if (!policy_allows(j->policy, host)) /* RFC 8461 4.1; no policy allows a name that is not a host name */
		return (struct hop_opinion){.state = HOP_BAD, .reason = REASON_MX_NOT_IN_POLICY};
	if (!f->rules->probe)
		return hop_unprobed(f, false);
	const struct hop_fact *hop = facts_hop(f, host, f->question.port);
	bool room = place < HOPS_MAX;
	struct hop_opinion o = {.state = HOP_UNKNOWN, .reason = REASON_NOT_YET_CHECKED, .unread = room};
	if (hop && hop->read) /* also if it was read for an earlier MX set of this inquiry */
		o = hop_by_evidence(j, hop);
	o.aside |= !room && o.state == HOP_UNKNOWN;
	return o;
}

/* Returns whether the host passes unchecked: the operator has exempted it, and the policy, if there is one, allows its name.
 * The name still counts, because the operator vouches for the host, not for the MX records that lead to it (design 4.10). */
static bool hop_is_exempt(const struct judge *j, const char *host)
{
	bool counts = j->policy && j->policy->mode != POLICY_NONE && !(j->verify && j->policy->mode == POLICY_TESTING);
	bool named = !counts || policy_allows(j->policy, host);
	return named && names_cover(&j->facts->rules->exempt_hosts, host);
}

/* Judges one hop. If the hop has usable TLSA records and DANE governs the domain, only these records count; otherwise
 * only the policy counts (rule 2). judge_tlsa() has looked up the records before. `index` is the hop's position in the
 * list, `place` its position among the hops that the policy allows. */
static struct hop_opinion hop_judge(const struct judge *j, const char *host, unsigned index, unsigned place)
{
	const struct facts *f = j->facts;
	const struct hop_fact *hop = facts_hop(f, host, f->question.port);
	if (hop_is_exempt(j, host))
		return (struct hop_opinion){.state = HOP_GOOD, .reason = REASON_EXEMPT};
	if (strcmp(host, MX_ROOT) == 0) /* among other MX records, `MX 0 .` names no host (RFC 7505 3) */
		return (struct hop_opinion){.state = HOP_UNKNOWN, .reason = REASON_HOP_NO_ADDRESS, .aside = true};
	if (!facts_dane(f) || mx_name_is_not_host(host, strlen(host)))
		return hop_by_policy(j, host, place);
	if (hop && facts_hop_by_dane(f, hop))
		return f->rules->probe ? hop_by_evidence(j, hop) : hop_unprobed(f, true);
	if (index >= HOPS_MAX || !hop) {
		/* Its TLSA records are not looked up (design 4.4), so nothing can make it good. */
		if (!policy_allows(j->policy, host))
			return (struct hop_opinion){.state = HOP_BAD, .reason = REASON_MX_NOT_IN_POLICY};
		return (struct hop_opinion){.state = HOP_UNKNOWN, .reason = REASON_NOT_YET_CHECKED, .aside = true};
	}
	if (hop->record.tlsa.state != TLSA_FAILED)
		return hop_by_policy(j, host, place);
	/* The TLSA lookup failed, so nobody knows whether DANE governs this hop.
	 *
	 * The map's answer excludes such a hop: the MTA skips it at `dane-only`, and `secure` lists only the names of
	 * other hops (policy_narrow()).
	 *
	 * Without a map nothing excludes it. An attacker who can make that lookup fail must not thereby hide the hop's
	 * other faults. So a name outside the policy and bad evidence count, and nothing makes the hop good (design
	 * 4.2). */
	bool excluded = is_by_map(j) && j->policy->mode == POLICY_ENFORCE;
	struct hop_opinion o = {.state = HOP_UNKNOWN, .reason = REASON_TLSA_LOOKUP, .aside = true};
	if (excluded)
		return o;
	o = hop_by_policy(j, host, place);
	o.spent = o.aside = false;
	if (o.state == HOP_GOOD) {
		o.state = HOP_UNKNOWN;
		o.reason = REASON_TLSA_LOOKUP;
	}
	return o;
}

/* --- all hops together -------------------------------------------------------------------------------------------- */

/* The opinions of all hops, and the index of the first hop of each kind, in order of preference. An index of -1 means
 * that there is no such hop. */
struct survey {
	int unread, good, unknown;
	int bad_name;            /* the policy does not allow its name */
	int bad_seen;            /* bad evidence */
	int revoked;             /* like bad_seen, for a revoked certificate: the map cannot keep the MTA from it */
	int bad_recent, bad_old; /* bad evidence that is not due, or due, for a new probe */
	int unsure_before_good;  /* unknown, and the MTA would try it before or beside the first good hop */
	int spent;               /* like unsure_before_good, but mail no longer waits for its probe: see hop_opinion */
	int probe;               /* needs a probe before the verdict */
	bool renewable;          /* the evidence of some hop suffices for the verdict, but is due for renewal */
	struct hop_opinion opinion[MX_SET_MAX];
};

/* Notes an index, unless an earlier one was noted. */
static void note_first(int *where, unsigned i)
{
	if (*where < 0)
		*where = (int)i;
}

/* Notes one hop by its state. */
static void survey_hop(struct survey *s, unsigned i, const struct hop_opinion *o)
{
	if (o->unread)
		note_first(&s->unread, i);
	switch (o->state) {
	case HOP_GOOD:
		if (!o->shadowed)
			note_first(&s->good, i);
		s->renewable |= o->due;
		break;
	case HOP_BAD:
		note_first(o->reason == REASON_MX_NOT_IN_POLICY ? &s->bad_name : &s->bad_seen, i);
		if (o->reason != REASON_MX_NOT_IN_POLICY)
			note_first(o->due ? &s->bad_old : &s->bad_recent, i);
		if (o->reason == REASON_CERT_REVOKED)
			note_first(&s->revoked, i);
		break;
	case HOP_UNKNOWN:
		note_first(&s->unknown, i);
		break;
	}
}

/* Returns whether the certificate that a hop has shown may cover another host. The names in evidence are cut to fit. */
static bool may_cover(const struct judge *j, const char *host, const char *other)
{
	const struct hop_fact *hop = facts_hop(j->facts, host, j->facts->question.port);
	const struct evidence *seen = hop ? &facts_history(j->facts, hop)->conclusive : NULL;
	return seen &&
	       (strlen(seen->names) + strlen(other) + 2 > sizeof seen->names || facts_certificate_covers(seen, other));
}

/* Returns whether an answer of the map that leads the MTA to the good hop `k` would let it use hop `i` as well, although that
 * one is not known to be inside the pin. The answer `dane-only` lets the MTA use every hop with usable TLSA records. The
 * answer `secure` names hop `k`, and Postfix before 3.10.5 accepts any host whose certificate has that name (design
 * 10). */
static bool is_shadowed(
	const struct survey *s, const struct judge *j, const struct hop_list *list, unsigned k, unsigned i)
{
	const struct hop_opinion *o = &s->opinion[i];
	bool outside = o->reason == REASON_HOP_ELSEWHERE || o->reason == REASON_HOP_NETWORK_UNKNOWN;
	if (o->dane)
		return outside || (o->state == HOP_UNKNOWN && !o->aside);
	return outside && may_cover(j, list->host[i], list->host[k]);
}

/* Marks the good hops of a pinned domain to which the map must not lead the MTA. */
static void shadows_mark(struct survey *s, const struct judge *j, const struct hop_list *list)
{
	for (unsigned k = 0; k < list->count; k++)
		for (unsigned i = 0; i < list->count && s->opinion[k].state == HOP_GOOD; i++)
			s->opinion[k].shadowed = s->opinion[k].shadowed || is_shadowed(s, j, list, k, i);
}

/* Forms an opinion of every hop and notes the first hop of each kind. The order of the four passes matters: each needs
 * the result of the one before. */
static void survey_take(struct survey *s, const struct judge *j, const struct hop_list *list)
{
	s->unread = s->good = s->bad_name = s->bad_seen = s->revoked = s->unknown = -1;
	s->unsure_before_good = s->spent = s->probe = s->bad_old = s->bad_recent = -1;
	s->renewable = false;
	unsigned allowed = 0;
	bool dane = false;
	for (unsigned i = 0; i < list->count; i++) {
		s->opinion[i] = hop_judge(j, list->host[i], i, allowed);
		allowed += s->opinion[i].reason != REASON_MX_NOT_IN_POLICY;
		dane = dane || s->opinion[i].dane;
	}
	/* If one hop has usable TLSA records, the map answers `dane-only`, and the MTA skips every hop without usable
	 * records (spec D-66). So such a hop cannot take the mail, whether or not the policy allows it. */
	bool by_map = is_by_map(j) && j->policy->mode == POLICY_ENFORCE, by_dane_only = dane && by_map;
	for (unsigned i = 0; by_dane_only && i < list->count; i++)
		if (!s->opinion[i].dane && !s->opinion[i].aside)
			s->opinion[i] = (struct hop_opinion){.state = HOP_BAD, .reason = REASON_DANE_REQUIRED};
	if (by_map && facts_pinned(j->facts))
		shadows_mark(s, j, list);
	for (unsigned i = 0; i < list->count; i++)
		survey_hop(s, i, &s->opinion[i]);
	for (unsigned i = 0; i < list->count; i++) {
		const struct hop_opinion *o = &s->opinion[i];
		if (o->old && o->due && j->needs_fresh)
			note_first(&s->probe, i);
		if (o->state != HOP_UNKNOWN)
			continue;
		/* A hop that is `aside` holds mail only if there is no good hop. One that may be outside a pin holds mail in any
		 * position: the MTA would use it as soon as an attacker blocks the better ones. */
		bool matters = s->good < 0 || (!o->aside && list->preference[i] <= list->preference[s->good]) ||
			       o->reason == REASON_HOP_NETWORK_UNKNOWN;
		if (matters)
			note_first(o->spent ? &s->spent : &s->unsure_before_good, i);
		/* An unknown hop behind a good one is probed once before the verdict, and later in the background. */
		if (o->due && (matters || o->never))
			note_first(&s->probe, i);
		s->renewable |= o->due;
	}
}

/* --- wants and verdicts ------------------------------------------------------------------------------------------- */

/* Returns the earliest time of a sighting that may replace this probe (design 5.16), or 0 if no sighting may. A
 * sighting is a certificate that a probe of another host has seen at the hop's address. It must not be older than the
 * soft age of evidence, nor than the newest probe of the hop itself. If the hop's own evidence is bad, only a new probe
 * shows whether the fault is gone, because SNI may select another certificate for the hop's name. A forced refresh also
 * needs a new probe, and so does a pinned domain: what was inferred may lack the network. */
static int64_t seen_since(const struct judge *j, const char *host, const struct probe_history *history)
{
	const struct facts *f = j->facts;
	int64_t age = schedule_evidence_age(host, POLICY_ENFORCE, f->rules, f->question.purpose == PURPOSE_REFRESH);
	age = age_if_again(f, age, ASKED_AGAIN_GOOD_S);
	if (f->forced || facts_pinned(f) || reason_class(history->conclusive.reason) == REASON_BAD)
		return 0;
	return history->newest.at > f->now - age ? history->newest.at : f->now - age;
}

/* Returns a want for a probe of hop `i`. */
static struct step want_probe(const struct judge *j, const struct hop_list *list, const struct survey *s, int i)
{
	struct step step = judge_want(j, WANT_PROBE, list->host[i], j->facts->question.port);
	const struct hop_fact *hop = facts_hop(j->facts, list->host[i], j->facts->question.port);
	const struct probe_history *history = facts_history(j->facts, hop);
	step.want.dane = s->opinion[i].dane;
	step.want.standing = STANDING_NEW;
	if (history->good.at != 0)
		step.want.standing = STANDING_GOOD;
	else if (reason_class(history->conclusive.reason) == REASON_BAD)
		step.want.standing = STANDING_BAD;
	step.want.seen_since = step.want.dane ? 0 : seen_since(j, list->host[i], history);
	return step;
}

/* Returns the verdict for a domain whose hop `i` is bad, or a want. Under an enforce policy, a new probe must confirm
 * old bad evidence before that evidence holds mail (rule 4). A testing policy holds no mail, so there the old evidence
 * is only noted for renewal. */
static struct step hold_for_bad_hop(struct judge *j, const struct hop_list *list, const struct survey *s, int i)
{
	struct step step = judge_hold(j, VERDICT_FAIL_ENFORCE, s->opinion[i].reason, list->host[i]);
	if (step_is_want(&step))
		return step;
	if (s->opinion[i].due && j->policy->mode == POLICY_ENFORCE)
		return want_probe(j, list, s, i);
	if (s->opinion[i].due)
		step.renew |= RENEW_EVIDENCE;
	return step;
}

/* Lets mail pass unchecked because the probe budget, a limit of this machine, has refused the probe of hop `i` again
 * and again. Nothing bad is known about the hops, and mail has waited for REFUSED_WAIT_S (design 4.11). */
static struct step pass_unchecked(const struct judge *j, const struct hop_list *list, int i)
{
	bool enforce = j->policy->mode == POLICY_ENFORCE;
	return judge_done(j, enforce ? VERDICT_PASS : VERDICT_NONE, REASON_PROBE_BUDGET, list->host[i]);
}

/* Rule 6 with mta_enforces = no: one bad hop fails the domain, because the MTA would use that hop as soon as an
 * attacker blocks the better ones. Without a bad hop, mail waits for every unknown hop that the MTA would try before
 * or beside the first good one. */
static struct step judge_without_map(struct judge *j, const struct hop_list *list, const struct survey *s)
{
	if (s->bad_name >= 0)
		return hold_for_bad_hop(j, list, s, s->bad_name);
	/* Prefers a hop whose bad evidence is recent: old evidence would need a new probe before it holds mail. */
	if (s->bad_seen >= 0)
		return hold_for_bad_hop(j, list, s, s->bad_recent >= 0 ? s->bad_recent : s->bad_old);
	int unsure = s->unsure_before_good;
	if (s->probe >= 0) {
		struct step step = want_probe(j, list, s, s->probe);
		/* If every probe that is due has been refused by the probe budget for long enough, the verdict so far
		 * is a pass. So the mail does not wait any longer when a front end's deadline passes. */
		bool spent = unsure < 0;
		for (unsigned i = 0; i < list->count; i++)
			spent = spent && (!s->opinion[i].due || s->opinion[i].spent);
		if (spent && j->policy->mode == POLICY_ENFORCE) {
			step.verdict = pass_unchecked(j, list, s->probe).verdict;
			step.verdict.worth_waiting = true;
		}
		return step;
	}
	if (unsure >= 0)
		return judge_hold(j, VERDICT_DEFER, s->opinion[unsure].reason, list->host[unsure]);
	return s->spent >= 0 ? pass_unchecked(j, list, s->spent) : judge_done(j, VERDICT_PASS, REASON_OK, "");
}

/* Rule 6 with mta_enforces = yes: at delivery the map binds the MTA to hops that satisfy the policy. So one good hop
 * is enough for a pass, and unknown hops are left to the MTA. A revoked certificate satisfies the policy in the MTA's eyes,
 * so there one such hop fails the domain as without the map (design 4.18). */
static struct step judge_with_map(struct judge *j, const struct hop_list *list, const struct survey *s)
{
	if (s->revoked >= 0)
		return hold_for_bad_hop(j, list, s, s->revoked);
	if (s->good >= 0)
		return judge_done(j, VERDICT_PASS, REASON_OK, "");
	if (s->probe >= 0)
		return want_probe(j, list, s, s->probe);
	if (s->unknown >= 0 && j->policy->mode == POLICY_ENFORCE)
		return judge_done(j, VERDICT_PASS, s->opinion[s->unknown].reason, list->host[s->unknown]);
	if (s->unknown >= 0)
		return judge_done(j, VERDICT_NONE, s->opinion[s->unknown].reason, list->host[s->unknown]);
	/* All hops are bad. Old bad evidence comes first, because a new probe may find its hop good. */
	int bad = s->bad_old >= 0 ? s->bad_old : s->bad_seen >= 0 ? s->bad_seen : s->bad_name;
	return hold_for_bad_hop(j, list, s, bad);
}

/* Rule 1: the map leads the MTA only to hops that are good and inside the pin, so one of them is enough for a pass. The MTA
 * itself knows no autonomous systems, so unknown hops are not left to it. */
static struct step judge_pinned(struct judge *j, const struct hop_list *list, const struct survey *s)
{
	if (s->probe >= 0)
		return want_probe(j, list, s, s->probe);
	if (s->good >= 0)
		return judge_done(j, VERDICT_PASS, REASON_OK, "");
	int bad = s->bad_old >= 0 ? s->bad_old : s->bad_seen;
	if (bad < 0 && s->unknown >= 0)
		return judge_hold(j, VERDICT_DEFER, s->opinion[s->unknown].reason, list->host[s->unknown]);
	return hold_for_bad_hop(j, list, s, bad >= 0 ? bad : s->bad_name);
}

void hops_inside_pin(struct names *names, const struct facts *f)
{
	struct judge j = {.facts = f, .policy = facts_policy(f), .needs_fresh = true, .bad_host = ""};
	struct hop_list list;
	struct survey s;
	hop_list_fill(&list, f, j.policy);
	survey_take(&s, &j, &list);
	for (unsigned i = 0; i < list.count; i++)
		if (s.opinion[i].state == HOP_GOOD && !s.opinion[i].shadowed && !s.opinion[i].dane)
			names_add_once(names, list.host[i]);
}

bool judge_all_exempt(const struct judge *j)
{
	const struct facts *f = j->facts;
	struct hop_list list;
	if (f->rules->exempt_hosts.count == 0 || !mx_has_hops(f) ||
		(f->question.mx_lookup && !schedule_mx_known(&f->entry, f->now)))
		return false;
	hop_list_fill(&list, f, j->policy);
	for (unsigned i = 0; i < list.count; i++)
		if (!hop_is_exempt(j, list.host[i]))
			return false;
	return list.count > 0;
}

struct step judge_hops(struct judge *j)
{
	struct hop_list list;
	struct survey s;
	hop_list_fill(&list, j->facts, j->policy);
	if (list.count == 0) {
		/* The MX set has no host better than this relay itself (design 4.5). If the set is unsigned and only a
		 * wildcard of the policy allows this relay's name, an attacker may have forged the name into the set
		 * so that the message is let through. */
		bool named = j->facts->entry.mx.secure || names_have(&j->policy->mx, list.own);
		return named ? judge_done(j, VERDICT_NONE, REASON_OWN_HOST, "")
			     : judge_hold(j, VERDICT_DEFER, REASON_OWN_HOST, list.own);
	}
	if (judge_all_exempt(j))
		return judge_done(j, VERDICT_NONE, REASON_EXEMPT, list.host[0]);
	struct step step = judge_tlsa(j, &list);
	if (step_is_want(&step))
		return step;
	survey_take(&s, j, &list);
	if (s.unread >= 0)
		return judge_want(j, WANT_EVIDENCE, list.host[s.unread], j->facts->question.port);
	if (s.renewable)
		j->renew |= RENEW_EVIDENCE;
	for (unsigned i = 0; j->eager && i < list.count; i++) /* an eager inquiry probes every hop that is due */
		if (s.opinion[i].due)
			return want_probe(j, &list, &s, (int)i);
	if (!is_by_map(j))
		return judge_without_map(j, &list, &s);
	return facts_pinned(j->facts) ? judge_pinned(j, &list, &s) : judge_with_map(j, &list, &s);
}
