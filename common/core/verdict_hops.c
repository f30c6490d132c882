#include "judge.h"
#include "schedule.h"

#include <string.h>

enum hop_state { HOP_GOOD, HOP_BAD, HOP_UNKNOWN };

struct hop_opinion {
	enum hop_state state;
	enum reason reason;
	bool unread; /* the store was not asked for its evidence */
	bool beyond; /* one of more than HOPS_MAX: not looked at */
	bool never;  /* nothing at all is known of it */
	bool due;    /* a probe now would not be too early */
};

/* Age at which a hop's newest evidence lets it be probed again (design 5). */
static int64_t probe_age(const struct judge *j, const struct hop_fact *hop)
{
	const struct rules *rules = j->facts->rules;
	const struct evidence *newest = &hop->record.newest;
	bool ahead = j->facts->question.purpose == PURPOSE_REFRESH;
	switch (reason_class(newest->reason)) {
	case REASON_GOOD:
		return schedule_evidence_age(hop->host, j->policy->mode, rules, ahead);
	case REASON_BAD:
		return rules->probe_ttl_fail_s;
	case REASON_UNSURE:
	case REASON_APART:
		break;
	}
	return PROBE_SPACING_S;
}

static struct hop_opinion hop_by_evidence(const struct judge *j, const struct hop_fact *hop)
{
	const struct facts *f = j->facts;
	const struct evidence *newest = &hop->record.newest, *conclusive = &hop->record.conclusive;
	struct hop_opinion o = {.state = HOP_UNKNOWN, .reason = REASON_NOT_YET_CHECKED};

	o.never = newest->at == 0 && !hop->tried;
	o.due = !hop->tried && (f->forced || schedule_age(newest->at, f->now) > probe_age(j, hop));
	if (conclusive->at != 0 && schedule_age(conclusive->at, f->now) <= f->rules->probe_ttl_max_s) {
		o.state = reason_class(conclusive->reason) == REASON_GOOD ? HOP_GOOD : HOP_BAD;
		o.reason = conclusive->reason;
		if (o.state == HOP_BAD) /* rule 4, also when an inconclusive probe came after it */
			o.due = !hop->tried &&
				(f->forced || schedule_age(newest->at, f->now) > f->rules->probe_ttl_fail_s);
		return o;
	}
	if (hop->refused != REASON_NONE)
		o.reason = hop->refused;
	else if (newest->at != 0 && reason_class(newest->reason) == REASON_UNSURE)
		o.reason = newest->reason;
	else
		o.due = !hop->tried; /* what was conclusive is past its hard age */
	return o;
}

/* `place`: how many hops that the policy allows come before this one. */
static struct hop_opinion hop_judge(const struct judge *j, const char *host, unsigned place)
{
	const struct facts *f = j->facts;
	if (!policy_allows(j->policy, host)) /* RFC 8461 4.1; "" stands for what is no host name */
		return (struct hop_opinion){.state = HOP_BAD, .reason = REASON_MX_NOT_IN_POLICY};
	if (!f->rules->probe)
		return (struct hop_opinion){.state = HOP_GOOD};
	const struct hop_fact *hop = facts_hop(f, host, f->question.port);
	if (hop && hop->read)
		return hop_by_evidence(j, hop);
	bool room = place < HOPS_MAX;
	return (struct hop_opinion){
		.state = HOP_UNKNOWN, .reason = REASON_NOT_YET_CHECKED, .unread = room, .beyond = !room};
}

/* The hops that the MTA may use, best preference first. */
struct hop_list {
	unsigned count;
	const char *host[MX_SET_MAX];
	uint16_t preference[MX_SET_MAX];
};

static void hop_list_fill(struct hop_list *list, const struct facts *f)
{
	const struct mx_set *mx = &f->entry.mx;
	list->count = 0;
	if (!f->question.mx_lookup || mx->state == MX_IMPLICIT) {
		list->host[0] = f->question.host;
		list->preference[0] = 0;
		list->count = 1;
		return;
	}
	for (const char *name = names_next(&mx->names, NULL); name && list->count < MX_SET_MAX;
		name = names_next(&mx->names, name)) {
		list->host[list->count] = name;
		list->preference[list->count] = mx->preference[list->count];
		list->count++;
	}
}

/* RFC 5321 5.1: a relay that is an MX itself uses only those of better preference than its own. One that the policy
 * does not name (RFC 8461 4.1) is an MX by forgery only: the MTA knows itself by its addresses, and those are forged
 * with it. */
static void hop_list_cut(struct hop_list *list, const struct names *own, const struct policy *policy)
{
	for (unsigned i = 0; i < list->count; i++) {
		if (!names_cover(own, list->host[i]) || !policy_allows(policy, list->host[i]))
			continue;
		while (i > 0 && list->preference[i - 1] == list->preference[i])
			i--;
		list->count = i;
		return;
	}
}

/* What the hops of a list are, taken together. Indexes; -1: none. */
struct survey {
	int unread, good, unknown;
	int bad_name;            /* not in the policy */
	int bad_seen;            /* by evidence, recent or old */
	int bad_recent, bad_old; /* of these, the first not due and the first due for a probe */
	int unsure_before_good;  /* unknown, at a preference that the MTA tries before or beside the first good one */
	int probe;               /* the first that a probe is needed of */
	bool renewable;          /* some evidence is good enough to judge by, but due */
	struct hop_opinion opinion[MX_SET_MAX];
};

static void note(int *where, unsigned i)
{
	if (*where < 0)
		*where = (int)i;
}

static void survey_hop(struct survey *s, unsigned i, const struct hop_opinion *o)
{
	if (o->unread)
		note(&s->unread, i);
	switch (o->state) {
	case HOP_GOOD:
		note(&s->good, i);
		s->renewable |= o->due;
		break;
	case HOP_BAD:
		note(o->reason == REASON_MX_NOT_IN_POLICY ? &s->bad_name : &s->bad_seen, i);
		if (o->reason != REASON_MX_NOT_IN_POLICY)
			note(o->due ? &s->bad_old : &s->bad_recent, i);
		break;
	case HOP_UNKNOWN:
		note(&s->unknown, i);
		break;
	}
}

static void survey_take(struct survey *s, const struct judge *j, const struct hop_list *list)
{
	s->unread = s->good = s->bad_name = s->bad_seen = s->unknown = -1;
	s->unsure_before_good = s->probe = s->bad_old = s->bad_recent = -1;
	s->renewable = false;
	unsigned allowed = 0;
	for (unsigned i = 0; i < list->count; i++) {
		s->opinion[i] = hop_judge(j, list->host[i], allowed);
		survey_hop(s, i, &s->opinion[i]);
		allowed += s->opinion[i].reason != REASON_MX_NOT_IN_POLICY;
	}
	for (unsigned i = 0; i < list->count; i++) {
		const struct hop_opinion *o = &s->opinion[i];
		if (o->state != HOP_UNKNOWN)
			continue;
		/* What is beyond those that are looked at cannot hold mail for ever, but cannot be all there is either.
		 */
		bool matters = s->good < 0 || (!o->beyond && list->preference[i] <= list->preference[s->good]);
		if (matters)
			note(&s->unsure_before_good, i);
		/* A hop behind a good one is looked at once; after that in the background. */
		if (o->due && (matters || o->never))
			note(&s->probe, i);
		s->renewable |= o->due;
	}
}

static struct step probe_judge_wants(const struct judge *j, const struct hop_list *list, int i)
{
	return judge_wants(j, WANT_PROBE, list->host[i], j->facts->question.port);
}

/* Bad evidence that is old is looked at again before mail is held by it (rule 4). */
static struct step bad_hop(struct judge *j, const struct hop_list *list, const struct survey *s, int i)
{
	struct step step = judge_held(j, VERDICT_FAIL_ENFORCE, s->opinion[i].reason, list->host[i]);
	if (step_is_want(&step))
		return step;
	if (s->opinion[i].due && j->policy->mode == POLICY_ENFORCE)
		return probe_judge_wants(j, list, i);
	if (s->opinion[i].due)
		step.renew |= RENEW_EVIDENCE;
	return step;
}

/* Rule 6, mta_enforces = no: any bad hop fails, since the MTA would use it as soon as the better ones are blocked. */
static struct step judge_alone(struct judge *j, const struct hop_list *list, const struct survey *s)
{
	if (s->bad_name >= 0)
		return bad_hop(j, list, s, s->bad_name);
	if (s->bad_seen >= 0)
		return bad_hop(j, list, s, s->bad_recent >= 0 ? s->bad_recent : s->bad_old);
	if (s->probe >= 0)
		return probe_judge_wants(j, list, s->probe);
	int unsure = s->unsure_before_good;
	if (unsure >= 0)
		return judge_held(j, VERDICT_DEFER, s->opinion[unsure].reason, list->host[unsure]);
	return judge_done(j, VERDICT_PASS, REASON_NONE, "");
}

/* Rule 6, mta_enforces = yes: the MTA asks our map at delivery, so one good hop is enough and the unknown is left to
 * it. */
static struct step judge_beside_map(struct judge *j, const struct hop_list *list, const struct survey *s)
{
	if (s->good >= 0)
		return judge_done(j, VERDICT_PASS, REASON_NONE, "");
	if (s->probe >= 0)
		return probe_judge_wants(j, list, s->probe);
	if (s->unknown >= 0 && j->policy->mode == POLICY_ENFORCE)
		return judge_done(j, VERDICT_PASS, s->opinion[s->unknown].reason, list->host[s->unknown]);
	if (s->unknown >= 0)
		return judge_done(j, VERDICT_NONE, s->opinion[s->unknown].reason, list->host[s->unknown]);
	int bad = s->bad_old >= 0 ? s->bad_old : s->bad_seen >= 0 ? s->bad_seen : s->bad_name;
	return bad_hop(j, list, s, bad);
}

/* An eager case probes whatever is due. */
static int eager_probe(const struct judge *j, const struct hop_list *list, const struct survey *s)
{
	for (unsigned i = 0; j->eager && i < list->count; i++) {
		if (s->opinion[i].due)
			return (int)i;
	}
	return -1;
}

struct step judge_hops(struct judge *j)
{
	struct hop_list list;
	struct survey s;
	hop_list_fill(&list, j->facts);
	if (j->facts->question.mx_lookup)
		hop_list_cut(&list, &j->facts->rules->own_hosts, j->policy);
	if (list.count == 0)
		return judge_done(j, VERDICT_NONE, REASON_OWN_HOST, "");
	survey_take(&s, j, &list);
	if (s.unread >= 0)
		return judge_wants(j, WANT_EVIDENCE, list.host[s.unread], j->facts->question.port);
	if (s.renewable)
		j->renew |= RENEW_EVIDENCE;
	int due = eager_probe(j, &list, &s);
	if (due >= 0)
		return probe_judge_wants(j, &list, due);
	return j->facts->rules->mta_enforces ? judge_beside_map(j, &list, &s) : judge_alone(j, &list, &s);
}
