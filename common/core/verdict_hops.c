#include "verdict_hops.h"

#include "schedule.h"
#include "verdict_dane.h"

#include <string.h>

enum hop_state { HOP_GOOD, HOP_BAD, HOP_UNKNOWN };

struct hop_opinion {
	enum hop_state state;
	enum reason reason;
	bool unread; /* the store was not asked for its evidence */
	bool aside; /* holds no mail that has a good hop: one of more than HOPS_MAX, silent, or excluded by the map's answer */
	bool dane;  /* judged by its TLSA records (RFC 7672), not by the policy */
	bool never; /* nothing at all is known of it */
	bool due;   /* a probe now would not be too early */
	bool spent; /* the budget has refused its probes for so long that it holds no more mail */
	bool old;   /* good, but by evidence past its soft age */
};

/* Age at which a hop's newest evidence lets it be probed again (design 5). */
static int64_t probe_age(const struct judge *j, const char *host, const struct probe_history *history)
{
	const struct evidence *newest = &history->newest;
	const struct rules *rules = j->facts->rules;
	bool ahead = j->facts->question.purpose == PURPOSE_REFRESH;
	switch (facts_evidence_good(j->facts, newest) ? REASON_GOOD : reason_class(newest->reason)) {
	case REASON_GOOD:
		return schedule_evidence_age(host, j->policy->mode, rules, ahead);
	case REASON_BAD:
		return rules->probe_ttl_fail_s;
	case REASON_UNSURE:
	case REASON_APART:
		break;
	}
	return schedule_silent_age(history);
}

static struct hop_opinion hop_by_evidence(const struct judge *j, const struct hop_fact *hop)
{
	const struct facts *f = j->facts;
	const struct probe_history *history = facts_history(f, hop);
	const struct evidence *newest = &history->newest, *conclusive = &history->conclusive;
	struct hop_opinion o = {.state = HOP_UNKNOWN, .reason = REASON_NOT_YET_CHECKED};
	o.dane = facts_hop_by_dane(f, hop);
	bool tried = o.dane ? hop->dane_tried : hop->tried;
	o.never = newest->at == 0 && !tried;
	o.spent = schedule_refused_long(&hop->record, f->now);
	o.due = !tried && (f->forced || schedule_age(newest->at, f->now) > probe_age(j, hop->host, history));
	if (conclusive->at != 0 && schedule_age(conclusive->at, f->now) <= f->rules->probe_ttl_max_s) {
		o.state = facts_evidence_good(j->facts, conclusive) ? HOP_GOOD : HOP_BAD;
		o.reason = conclusive->reason;
		o.old = o.state == HOP_GOOD && !history_is_silent(history, f->now) &&
			schedule_age(conclusive->at, f->now) > f->rules->probe_ttl_ok_s;
		if (o.state == HOP_BAD) /* rule 4, also when an inconclusive probe came after it */
			o.due = !tried && (f->forced || schedule_age(newest->at, f->now) > f->rules->probe_ttl_fail_s);
		/* Who uses the budget up must not have a pass rest on old evidence at once. */
		if (o.old && j->needs_fresh && hop->refused != REASON_OK) {
			o.state = HOP_UNKNOWN;
			o.reason = hop->refused;
		}
		return o;
	}
	if (hop->refused != REASON_OK)
		o.reason = hop->refused;
	else if (newest->at != 0 && reason_class(newest->reason) == REASON_UNSURE)
		o.reason = newest->reason;
	else
		o.due = !tried; /* what was conclusive is past its hard age */
	o.aside = history_is_silent(history, f->now);
	return o;
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
		if (seen->at == 0 || facts_evidence_good(f, seen))
			return false;
		failed = true;
	}
	return failed;
}

/* `place`: how many hops that the policy allows come before this one. */
static struct hop_opinion hop_by_policy(const struct judge *j, const char *host, unsigned place)
{
	const struct facts *f = j->facts;
	if (!policy_allows(j->policy, host)) /* RFC 8461 4.1; nor what is no host name */
		return (struct hop_opinion){.state = HOP_BAD, .reason = REASON_MX_NOT_IN_POLICY};
	if (!f->rules->probe)
		return (struct hop_opinion){.state = HOP_GOOD};
	const struct hop_fact *hop = facts_hop(f, host, f->question.port);
	bool room = place < HOPS_MAX;
	struct hop_opinion o = {.state = HOP_UNKNOWN, .reason = REASON_NOT_YET_CHECKED, .unread = room};
	if (hop && hop->read) /* perhaps of another MX set in this inquiry */
		o = hop_by_evidence(j, hop);
	o.aside |= !room && o.state == HOP_UNKNOWN;
	return o;
}

/* The operator vouches for the host, not for the MX records: the policy must name it. */
static bool hop_is_exempt(const struct judge *j, const char *host)
{
	return names_cover(&j->facts->rules->exempt_hosts, host) && policy_allows(j->policy, host);
}

/* Design rule 2: where there are usable TLSA records, they alone count, and the policy for the other hops. judge_tlsa()
 * has looked for them. */
static struct hop_opinion hop_judge(const struct judge *j, const char *host, unsigned index, unsigned place)
{
	const struct facts *f = j->facts;
	const struct hop_fact *hop = facts_hop(f, host, f->question.port);
	if (hop_is_exempt(j, host))
		return (struct hop_opinion){.state = HOP_GOOD, .reason = REASON_EXEMPT};
	if (strcmp(host, MX_ROOT) == 0) /* RFC 7505 3: no host, whatever stands beside it */
		return (struct hop_opinion){.state = HOP_UNKNOWN, .reason = REASON_HOP_NO_ADDRESS, .aside = true};
	if (!facts_dane(f) || mx_name_is_received(host, strlen(host)))
		return hop_by_policy(j, host, place);
	if (hop && facts_hop_by_dane(f, hop))
		return f->rules->probe ? hop_by_evidence(j, hop)
				       : (struct hop_opinion){.state = HOP_GOOD, .dane = true};
	if (index >= HOPS_MAX || !hop) {
		/* Its TLSA records are not looked up, so a name that the policy allows is all it has. */
		if (!policy_allows(j->policy, host))
			return (struct hop_opinion){.state = HOP_BAD, .reason = REASON_MX_NOT_IN_POLICY};
		return (struct hop_opinion){.state = HOP_UNKNOWN, .reason = REASON_NOT_YET_CHECKED, .aside = true};
	}
	if (hop->record.tlsa.state != TLSA_FAILED)
		return hop_by_policy(j, host, place);
	/* The lookup of its TLSA records failed, so nobody can say whether DANE governs this hop. An answer of the map
	 * excludes the hop: `dane-only` has the MTA skip it, and `secure` then names only the others (policy_narrow()).
	 * Without a map nothing excludes it: whoever can make that lookup fail must not have the hop's other faults
	 * overlooked. So a name outside the policy and bad evidence count, and nothing makes the hop good. */
	bool excluded = f->rules->mta_enforces && j->policy->mode == POLICY_ENFORCE;
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

/* What the hops of a list are, taken together. Indexes; -1: none. */
struct survey {
	int unread, good, unknown;
	int bad_name;            /* not in the policy */
	int bad_seen;            /* by evidence, recent or old */
	int bad_recent, bad_old; /* of these, the first not due and the first due for a probe */
	int unsure_before_good;  /* unknown, at a preference that the MTA tries before or beside the first good one */
	int spent;               /* the same, but nobody waits for it any more */
	int probe;               /* the first that a probe is needed of */
	bool renewable;          /* some evidence is good enough to judge by, but due */
	struct hop_opinion opinion[MX_SET_MAX];
};

static void note_first(int *where, unsigned i)
{
	if (*where < 0)
		*where = (int)i;
}

static void survey_hop(struct survey *s, unsigned i, const struct hop_opinion *o)
{
	if (o->unread)
		note_first(&s->unread, i);
	switch (o->state) {
	case HOP_GOOD:
		note_first(&s->good, i);
		s->renewable |= o->due;
		break;
	case HOP_BAD:
		note_first(o->reason == REASON_MX_NOT_IN_POLICY ? &s->bad_name : &s->bad_seen, i);
		if (o->reason != REASON_MX_NOT_IN_POLICY)
			note_first(o->due ? &s->bad_old : &s->bad_recent, i);
		break;
	case HOP_UNKNOWN:
		note_first(&s->unknown, i);
		break;
	}
}

static void survey_take(struct survey *s, const struct judge *j, const struct hop_list *list)
{
	s->unread = s->good = s->bad_name = s->bad_seen = s->unknown = -1;
	s->unsure_before_good = s->spent = s->probe = s->bad_old = s->bad_recent = -1;
	s->renewable = false;
	unsigned allowed = 0;
	bool dane = false;
	for (unsigned i = 0; i < list->count; i++) {
		s->opinion[i] = hop_judge(j, list->host[i], i, allowed);
		allowed += s->opinion[i].reason != REASON_MX_NOT_IN_POLICY;
		dane = dane || s->opinion[i].dane;
	}
	/* Where the map says `dane-only`, the MTA passes over hops without usable TLSA records (spec D-66). */
	bool by_dane_only = dane && j->facts->rules->mta_enforces && j->policy->mode == POLICY_ENFORCE;
	for (unsigned i = 0; by_dane_only && i < list->count; i++)
		if (!s->opinion[i].dane && !s->opinion[i].aside)
			s->opinion[i] = (struct hop_opinion){.state = HOP_BAD, .reason = REASON_DANE_REQUIRED};
	for (unsigned i = 0; i < list->count; i++)
		survey_hop(s, i, &s->opinion[i]);
	for (unsigned i = 0; i < list->count; i++) {
		const struct hop_opinion *o = &s->opinion[i];
		if (o->old && o->due && j->needs_fresh)
			note_first(&s->probe, i);
		if (o->state != HOP_UNKNOWN)
			continue;
		/* What stands aside cannot hold mail for ever, but cannot be all there is either. */
		bool matters = s->good < 0 || (!o->aside && list->preference[i] <= list->preference[s->good]);
		if (matters)
			note_first(o->spent ? &s->spent : &s->unsure_before_good, i);
		/* A hop behind a good one is looked at once; after that in the background. */
		if (o->due && (matters || o->never))
			note_first(&s->probe, i);
		s->renewable |= o->due;
	}
}

/* What was seen for other hosts will do while it is no older than what this probe is to renew, nor than a probe of this
 * host that came to nothing; where one saw bad evidence, only another one tells whether that is over (SNI may select
 * another certificate). */
static int64_t seen_since(const struct judge *j, const char *host, const struct probe_history *history)
{
	const struct facts *f = j->facts;
	int64_t age = schedule_evidence_age(host, POLICY_ENFORCE, f->rules, f->question.purpose == PURPOSE_REFRESH);
	if (f->forced || reason_class(history->conclusive.reason) == REASON_BAD)
		return 0;
	return history->newest.at > f->now - age ? history->newest.at : f->now - age;
}

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

/* Bad evidence that is old is looked at again before mail is held by it (rule 4). */
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

/* Of hops that nothing bad is known of, only what our own limits kept from being checked: that delays mail for a minute
 * or two, no longer. */
static struct step pass_unchecked(const struct judge *j, const struct hop_list *list, int i)
{
	bool enforce = j->policy->mode == POLICY_ENFORCE;
	return judge_done(j, enforce ? VERDICT_PASS : VERDICT_NONE, REASON_PROBE_BUDGET, list->host[i]);
}

/* The verdict so far does not wait either, where the budget has refused all that is wanted for long. */
static struct step want_probe_without_map(const struct judge *j, const struct hop_list *list, const struct survey *s)
{
	struct step step = want_probe(j, list, s, s->probe);
	bool spent = s->unsure_before_good < 0;
	for (unsigned i = 0; i < list->count; i++)
		spent = spent && (!s->opinion[i].due || s->opinion[i].spent);
	if (spent && j->policy->mode == POLICY_ENFORCE) {
		step.verdict = pass_unchecked(j, list, s->probe).verdict;
		step.verdict.worth_waiting = true;
	}
	return step;
}

/* Rule 6, mta_enforces = no: any bad hop fails, since the MTA would use it as soon as the better ones are blocked. */
static struct step judge_without_map(struct judge *j, const struct hop_list *list, const struct survey *s)
{
	if (s->bad_name >= 0)
		return hold_for_bad_hop(j, list, s, s->bad_name);
	if (s->bad_seen >= 0)
		return hold_for_bad_hop(j, list, s, s->bad_recent >= 0 ? s->bad_recent : s->bad_old);
	if (s->probe >= 0)
		return want_probe_without_map(j, list, s);
	int unsure = s->unsure_before_good;
	if (unsure >= 0)
		return judge_hold(j, VERDICT_DEFER, s->opinion[unsure].reason, list->host[unsure]);
	return s->spent >= 0 ? pass_unchecked(j, list, s->spent) : judge_done(j, VERDICT_PASS, REASON_OK, "");
}

/* Rule 6, mta_enforces = yes: the MTA asks our map at delivery, so one good hop is enough and the unknown is left to
 * it. */
static struct step judge_with_map(struct judge *j, const struct hop_list *list, const struct survey *s)
{
	if (s->good >= 0)
		return judge_done(j, VERDICT_PASS, REASON_OK, "");
	if (s->probe >= 0)
		return want_probe(j, list, s, s->probe);
	if (s->unknown >= 0 && j->policy->mode == POLICY_ENFORCE)
		return judge_done(j, VERDICT_PASS, s->opinion[s->unknown].reason, list->host[s->unknown]);
	if (s->unknown >= 0)
		return judge_done(j, VERDICT_NONE, s->opinion[s->unknown].reason, list->host[s->unknown]);
	int bad = s->bad_old >= 0 ? s->bad_old : s->bad_seen >= 0 ? s->bad_seen : s->bad_name;
	return hold_for_bad_hop(j, list, s, bad);
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
		/* The MX set has no host better than this relay itself. Where only a wildcard of an enforce policy
		 * names this relay, and nobody signed the set, somebody may have forged this relay's name into it, to
		 * have the message let through. */
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
	for (unsigned i = 0; j->eager && i < list.count; i++) /* an eager case probes whatever is due */
		if (s.opinion[i].due)
			return want_probe(j, &list, &s, (int)i);
	return j->facts->rules->mta_enforces ? judge_with_map(j, &list, &s) : judge_without_map(j, &list, &s);
}
