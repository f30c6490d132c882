#include "verdict.h"

#include "schedule.h"

#include <string.h>

const char *want_name(enum want_kind kind)
{
	switch (kind) {
	case WANT_NOTHING:
		return "nothing";
	case WANT_ENTRY:
		return "entry";
	case WANT_EVIDENCE:
		return "evidence";
	case WANT_RECORD:
		return "record";
	case WANT_POLICY:
		return "policy";
	case WANT_MX:
		return "mx";
	case WANT_PROBE:
		return "probe";
	}
	return "nothing";
}

bool want_is_remote(enum want_kind kind)
{
	return kind == WANT_RECORD || kind == WANT_POLICY || kind == WANT_MX || kind == WANT_PROBE;
}

const char *verdict_name(enum verdict_kind kind)
{
	switch (kind) {
	case VERDICT_NONE:
		return "none";
	case VERDICT_PASS:
		return "pass";
	case VERDICT_FAIL_TESTING:
		return "fail-testing";
	case VERDICT_FAIL_ENFORCE:
		return "fail-enforce";
	case VERDICT_DEFER:
		return "defer";
	}
	return "defer";
}

const struct policy *facts_policy(const struct facts *facts)
{
	const struct entry *entry = &facts->entry;
	bool just_fetched = facts->policy_tried && entry->fetch_outcome == REASON_NONE;
	if (!entry->has_policy || (!just_fetched && facts->now >= entry->policy_expires_at))
		return NULL;
	return &entry->policy;
}

/* A step under construction. `bad` and `bad_host` are what the verdict so far rests on. */
struct judge {
	const struct facts *facts;
	const struct policy *policy; /* NULL: none in force */
	bool eager;                  /* what is due for renewal is wanted now: nobody waits for a quick answer */
	unsigned renew;
	enum reason bad;
	const char *bad_host;
};

/* --- steps ------------------------------------------------------------------------------------------------------- */

static void name_copy(char to[DOMAIN_SIZE], const char *from)
{
	size_t len = strlen(from);
	if (len > DOMAIN_MAX)
		len = DOMAIN_MAX;
	memcpy(to, from, len);
	to[len] = '\0';
}

static struct verdict verdict_make(const struct judge *j, enum verdict_kind kind, enum reason reason, const char *hop)
{
	const struct entry *entry = &j->facts->entry;
	struct verdict v = {.kind = kind, .reason = reason};
	name_copy(v.domain, j->facts->question.domain);
	name_copy(v.hop, hop);
	if (j->policy) {
		v.has_policy = true;
		v.mode = j->policy->mode;
		memcpy(v.policy_id, entry->policy_id, sizeof v.policy_id);
		v.policy_expires_at = entry->policy_expires_at;
	}
	return v;
}

static struct step judged(const struct judge *j, enum verdict_kind kind, enum reason reason, const char *hop)
{
	return (struct step){.verdict = verdict_make(j, kind, reason, hop), .renew = j->renew};
}

/* What to say while facts are still wanted (rules 4, 6, 7, 10). */
static struct verdict so_far(const struct judge *j)
{
	const struct facts *f = j->facts;
	struct verdict v;
	if (f->store == STORE_UNREAD || !j->policy) {
		bool defer = f->question.purpose == PURPOSE_MAP || f->rules->first_contact == FIRST_CONTACT_DEFER;
		v = verdict_make(j, defer ? VERDICT_DEFER : VERDICT_NONE, REASON_FIRST_CONTACT, "");
		v.worth_waiting = true;
	} else if (j->policy->mode != POLICY_ENFORCE) {
		v = verdict_make(j, VERDICT_NONE, REASON_NOT_YET_CHECKED, "");
		v.worth_waiting = f->question.purpose == PURPOSE_QUERY;
	} else if (j->bad != REASON_NONE) {
		v = verdict_make(j, VERDICT_DEFER, j->bad, j->bad_host);
		v.worth_waiting = true;
	} else {
		bool left = f->rules->mta_enforces;
		v = verdict_make(j, left ? VERDICT_PASS : VERDICT_DEFER, REASON_NOT_YET_CHECKED, "");
		v.worth_waiting = true;
	}
	return v;
}

static struct step wanted(const struct judge *j, enum want_kind kind, const char *name, uint16_t port)
{
	struct step step = {.want = {.kind = kind, .port = port}, .verdict = so_far(j), .renew = j->renew};
	name_copy(step.want.name, name);
	return step;
}

static bool is_want(const struct step *step)
{
	return step->want.kind != WANT_NOTHING;
}

/* --- no policy in force: discovery (RFC 8461 3.3, 5.1; rule 10) --------------------------------------------------- */

/* A resolver of ours that is dead is our trouble (rule 9), a domain's that is dead is not. */
static enum reason public_reason(enum reason outcome)
{
	return outcome == REASON_RESOLVER ? REASON_INTERNAL : outcome;
}

static struct step without_policy(struct judge *j)
{
	const struct facts *f = j->facts;
	const struct entry *entry = &f->entry;
	const char *domain = f->question.domain;

	if (!f->record_tried) {
		bool stale = schedule_negative_stale(entry, f->now);
		if (!schedule_negative_known(entry, f->now) || (j->eager && stale))
			return wanted(j, WANT_RECORD, domain, 0);
		if (stale)
			j->renew |= RENEW_RECORD;
	}
	if (entry->record_outcome != REASON_NONE)
		return judged(j, VERDICT_NONE, public_reason(entry->record_outcome), "");
	bool may_fetch = f->forced || schedule_fetch_allowed(entry, f->now);
	if (f->record_tried && !f->policy_tried && may_fetch)
		return wanted(j, WANT_POLICY, domain, 0);
	enum reason why = entry->fetch_outcome == REASON_NONE ? REASON_POLICY_WAIT : entry->fetch_outcome;
	return judged(j, VERDICT_NONE, public_reason(why), "");
}

/* --- keeping a policy in force fresh (RFC 8461 3.3, 5.1, 10.2) -----------------------------------------------------
 */

static bool id_changed(const struct entry *entry)
{
	return entry->record_outcome == REASON_NONE && entry->record_checked_at != 0 &&
	       strcmp(entry->record_id, entry->policy_id) != 0;
}

static bool fetch_possible(const struct facts *f)
{
	return !f->policy_tried && (f->forced || schedule_fetch_allowed(&f->entry, f->now));
}

/* Notes what is due, or wants it when the case is eager. */
static struct step keep_fresh(struct judge *j)
{
	const struct facts *f = j->facts;
	const char *domain = f->question.domain;
	struct step nothing = {.want = {.kind = WANT_NOTHING}};

	if (!f->record_tried && (f->forced || schedule_record_stale(&f->entry, f->now))) {
		if (j->eager)
			return wanted(j, WANT_RECORD, domain, 0);
		j->renew |= RENEW_RECORD;
	}
	bool due = f->forced || id_changed(&f->entry) || schedule_body_stale(&f->entry, f->rules, f->now);
	if (due && fetch_possible(f)) {
		if (j->eager)
			return wanted(j, WANT_POLICY, domain, 0);
		j->renew |= RENEW_POLICY;
	}
	return nothing;
}

/* Rule 4: before a verdict that holds mail, the record and the MX set are looked at again, and a policy whose id has
 * changed is fetched (RFC 8461 5). A testing policy holds nothing, so there the background does it (rule 7). */
static struct step second_look(struct judge *j)
{
	const struct facts *f = j->facts;
	const char *domain = f->question.domain;
	struct step nothing = {.want = {.kind = WANT_NOTHING}};
	bool at_once = j->eager || j->policy->mode == POLICY_ENFORCE;

	if (!f->record_tried && schedule_age(f->entry.record_checked_at, f->now) > f->rules->probe_ttl_fail_s) {
		if (at_once)
			return wanted(j, WANT_RECORD, domain, 0);
		j->renew |= RENEW_RECORD;
	}
	if (id_changed(&f->entry) && fetch_possible(f)) {
		if (at_once)
			return wanted(j, WANT_POLICY, domain, 0);
		j->renew |= RENEW_POLICY;
	}
	if (f->question.mx_lookup && !f->mx_tried && schedule_mx_stale(&f->entry, f->now)) {
		if (at_once)
			return wanted(j, WANT_MX, domain, 0);
		j->renew |= RENEW_MX;
	}
	return nothing;
}

/* The verdict of a next hop that cannot keep the policy now; `kind` is what it is under enforce. */
static struct step held(struct judge *j, enum verdict_kind kind, enum reason reason, const char *host)
{
	j->bad = reason;
	j->bad_host = host;
	struct step step = second_look(j);
	if (is_want(&step))
		return step;
	if (j->policy->mode == POLICY_ENFORCE)
		return judged(j, kind, reason, host);
	return judged(j, kind == VERDICT_FAIL_ENFORCE ? VERDICT_FAIL_TESTING : VERDICT_NONE, reason, host);
}

/* --- hops --------------------------------------------------------------------------------------------------------- */

enum hop_state { HOP_GOOD, HOP_BAD, HOP_UNKNOWN };

struct hop_opinion {
	enum hop_state state;
	enum reason reason;
	bool unread; /* the store was not asked for its evidence */
	bool never;  /* nothing at all is known of it */
	bool due;    /* a probe now would not be too early */
};

/* Age at which a hop's newest evidence lets it be probed again (design 5). */
static int64_t probe_age(const struct judge *j, const struct evidence *newest)
{
	const struct rules *rules = j->facts->rules;
	switch (reason_class(newest->reason)) {
	case REASON_GOOD:
		return j->policy->mode == POLICY_TESTING ? DAY_S : rules->probe_ttl_ok_s;
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
	o.due = !hop->tried && (f->forced || schedule_age(newest->at, f->now) > probe_age(j, newest));
	if (conclusive->at != 0 && schedule_age(conclusive->at, f->now) <= f->rules->probe_ttl_max_s) {
		o.state = reason_class(conclusive->reason) == REASON_GOOD ? HOP_GOOD : HOP_BAD;
		o.reason = conclusive->reason;
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

static struct hop_opinion hop_judge(const struct judge *j, const char *host)
{
	const struct facts *f = j->facts;
	if (!policy_allows(j->policy, host)) /* RFC 8461 4.1; "" stands for what is no host name */
		return (struct hop_opinion){.state = HOP_BAD, .reason = REASON_MX_NOT_IN_POLICY};
	if (!f->rules->probe)
		return (struct hop_opinion){.state = HOP_GOOD};
	const struct hop_fact *hop = facts_hop(f, host, f->question.port);
	if (hop && hop->read)
		return hop_by_evidence(j, hop);
	bool room = f->hop_count < HOPS_MAX;
	return (struct hop_opinion){.state = HOP_UNKNOWN, .reason = REASON_NOT_YET_CHECKED, .unread = room};
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

/* RFC 5321 5.1: a relay that is an MX itself uses only those of better preference than its own. */
static void hop_list_cut(struct hop_list *list, const struct names *own)
{
	for (unsigned i = 0; i < list->count; i++) {
		if (!names_cover(own, list->host[i]))
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
	for (unsigned i = 0; i < list->count; i++) {
		s->opinion[i] = hop_judge(j, list->host[i]);
		survey_hop(s, i, &s->opinion[i]);
	}
	for (unsigned i = 0; i < list->count; i++) {
		const struct hop_opinion *o = &s->opinion[i];
		if (o->state != HOP_UNKNOWN)
			continue;
		bool matters = s->good < 0 || list->preference[i] <= list->preference[s->good];
		if (matters)
			note(&s->unsure_before_good, i);
		/* A hop behind a good one is looked at once; after that in the background. */
		if (o->due && (matters || o->never))
			note(&s->probe, i);
		s->renewable |= o->due;
	}
}

static struct step probe_wanted(const struct judge *j, const struct hop_list *list, int i)
{
	return wanted(j, WANT_PROBE, list->host[i], j->facts->question.port);
}

/* Bad evidence that is old is looked at again before mail is held by it (rule 4). */
static struct step bad_hop(struct judge *j, const struct hop_list *list, const struct survey *s, int i)
{
	struct step step = held(j, VERDICT_FAIL_ENFORCE, s->opinion[i].reason, list->host[i]);
	if (is_want(&step))
		return step;
	if (s->opinion[i].due && j->policy->mode == POLICY_ENFORCE)
		return probe_wanted(j, list, i);
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
		return probe_wanted(j, list, s->probe);
	int unsure = s->unsure_before_good;
	if (unsure >= 0)
		return held(j, VERDICT_DEFER, s->opinion[unsure].reason, list->host[unsure]);
	return judged(j, VERDICT_PASS, REASON_NONE, "");
}

/* Rule 6, mta_enforces = yes: the MTA asks our map at delivery, so one good hop is enough and the unknown is left to
 * it. */
static struct step judge_beside_map(struct judge *j, const struct hop_list *list, const struct survey *s)
{
	if (s->good >= 0)
		return judged(j, VERDICT_PASS, REASON_NONE, "");
	if (s->probe >= 0)
		return probe_wanted(j, list, s->probe);
	if (s->unknown >= 0 && j->policy->mode == POLICY_ENFORCE)
		return judged(j, VERDICT_PASS, s->opinion[s->unknown].reason, list->host[s->unknown]);
	if (s->unknown >= 0)
		return judged(j, VERDICT_NONE, s->opinion[s->unknown].reason, list->host[s->unknown]);
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

static struct step judge_hops(struct judge *j)
{
	struct hop_list list;
	struct survey s;
	hop_list_fill(&list, j->facts);
	if (j->facts->question.mx_lookup)
		hop_list_cut(&list, &j->facts->rules->own_hosts);
	if (list.count == 0)
		return judged(j, VERDICT_NONE, REASON_OWN_HOST, "");
	survey_take(&s, j, &list);
	if (s.unread >= 0)
		return wanted(j, WANT_EVIDENCE, list.host[s.unread], j->facts->question.port);
	if (s.renewable)
		j->renew |= RENEW_EVIDENCE;
	int due = eager_probe(j, &list, &s);
	if (due >= 0)
		return probe_wanted(j, &list, due);
	return j->facts->rules->mta_enforces ? judge_beside_map(j, &list, &s) : judge_alone(j, &list, &s);
}

/* --- the MX set --------------------------------------------------------------------------------------------------- */

/* The set is not to be had: unknown hops (rule 6), or trouble of ours with a live policy in hand (rule 9). */
static struct step mx_missing(struct judge *j)
{
	const struct facts *f = j->facts;
	if (f->mx_outcome == REASON_RESOLVER)
		return held(j, VERDICT_DEFER, REASON_INTERNAL, "");
	if (f->rules->mta_enforces && j->policy->mode == POLICY_ENFORCE)
		return judged(j, VERDICT_PASS, REASON_MX_LOOKUP, "");
	return held(j, VERDICT_DEFER, REASON_MX_LOOKUP, "");
}

static struct step judge_mx(struct judge *j)
{
	const struct facts *f = j->facts;
	bool stale = schedule_mx_stale(&f->entry, f->now), known = schedule_mx_known(&f->entry, f->now);

	if (!f->mx_tried && (!known || (j->eager && stale)))
		return wanted(j, WANT_MX, f->question.domain, 0);
	if (!known)
		return mx_missing(j);
	if (stale)
		j->renew |= RENEW_MX;
	switch (f->entry.mx.state) {
	case MX_NULL: /* RFC 7505: no mail goes there at all */
		return judged(j, VERDICT_NONE, REASON_NULL_MX, "");
	case MX_NO_DOMAIN:
		return held(j, VERDICT_DEFER, REASON_NO_SUCH_DOMAIN, "");
	case MX_TOO_LARGE:
		return held(j, VERDICT_DEFER, REASON_MX_SET_TOO_LARGE, "");
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
	struct step step = keep_fresh(j);
	if (is_want(&step))
		return step;
	if (purpose != PURPOSE_REFRESH && f->entry.last_used_day != schedule_day(f->now))
		j->renew |= RENEW_USE;
	if (j->policy->mode == POLICY_NONE)
		return judged(j, VERDICT_NONE, REASON_POLICY_MODE_NONE, "");
	if (purpose == PURPOSE_MAP && j->policy->mode == POLICY_TESTING)
		return judged(j, VERDICT_NONE, REASON_POLICY_MODE_TESTING, "");
	if (purpose == PURPOSE_MAP)
		return judged(j, VERDICT_PASS, REASON_NONE, "");
	if (purpose == PURPOSE_REFRESH && !f->forced && !schedule_in_use(&f->entry, f->now))
		return judged(j, VERDICT_NONE, REASON_NOT_YET_CHECKED, "");
	return f->question.mx_lookup ? judge_mx(j) : judge_hops(j);
}

struct step verdict_next(const struct facts *facts)
{
	const struct question *q = &facts->question;
	struct judge j = {.facts = facts, .bad_host = ""};
	j.eager = facts->forced || q->purpose == PURPOSE_REFRESH || q->purpose == PURPOSE_QUERY;

	if (!q->has_domain)
		return judged(&j, VERDICT_NONE, REASON_NO_POLICY_DOMAIN, "");
	if (names_cover(&facts->rules->exempt_domains, q->domain))
		return judged(&j, VERDICT_NONE, REASON_EXEMPT, "");
	if (facts->store == STORE_UNREAD)
		return wanted(&j, WANT_ENTRY, q->domain, 0);
	if (facts->store == STORE_BROKEN) {
		bool defer = facts->rules->on_internal_error == ON_INTERNAL_ERROR_DEFER;
		return judged(&j, defer ? VERDICT_DEFER : VERDICT_NONE, REASON_INTERNAL, "");
	}
	j.policy = facts_policy(facts);
	return j.policy ? with_policy(&j) : without_policy(&j);
}
