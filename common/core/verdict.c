#include "judge.h"
#include "schedule.h"

#include <string.h>

const struct policy *facts_policy(const struct facts *facts)
{
	const struct entry *entry = &facts->entry;
	bool just_fetched = facts->policy_tried && entry->fetch_outcome == REASON_NONE;
	if (!entry->has_policy || (!just_fetched && facts->now >= entry->policy_expires_at))
		return NULL;
	return &entry->policy;
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

struct step judge_done(const struct judge *j, enum verdict_kind kind, enum reason reason, const char *hop)
{
	return (struct step){.verdict = verdict_make(j, kind, reason, hop), .renew = j->renew};
}

struct step judge_bound(const struct judge *j, enum binding binding)
{
	struct step step = judge_done(j, VERDICT_PASS, REASON_NONE, "");
	step.verdict.binding = binding;
	return step;
}

/* What to say while facts are still wanted (rules 4, 6, 7, 10). A map waits until it is known what binds the delivery,
 * unless nothing may; where only DANE may, it leaves that to the MTA, which looks for itself. */
static struct verdict so_far(const struct judge *j)
{
	const struct facts *f = j->facts;
	struct verdict v;
	if (f->question.purpose == PURPOSE_MAP && f->store == STORE_READ && j->unbound) {
		v = verdict_make(j, VERDICT_NONE, REASON_NOT_YET_CHECKED, "");
		v.worth_waiting = true;
	} else if (f->question.purpose == PURPOSE_MAP && f->store == STORE_READ && j->unenforced) {
		v = verdict_make(j, VERDICT_PASS, REASON_NOT_YET_CHECKED, "");
		v.binding = BINDING_DANE;
		v.worth_waiting = true;
	} else if (f->question.purpose == PURPOSE_MAP && f->store == STORE_READ && j->policy) {
		v = verdict_make(j, VERDICT_DEFER, REASON_NOT_YET_CHECKED, "");
		v.worth_waiting = true;
	} else if (f->store == STORE_UNREAD || !j->policy) {
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

struct step judge_wants(const struct judge *j, enum want_kind kind, const char *name, uint16_t port)
{
	struct step step = {.want = {.kind = kind, .port = port}, .verdict = so_far(j), .renew = j->renew};
	name_copy(step.want.name, name);
	return step;
}

bool step_is_want(const struct step *step)
{
	return step->want.kind != WANT_NOTHING;
}

/* --- no policy in force: discovery (RFC 8461 3.3, 5.1; rule 10) --------------------------------------------------- */

/* Which of many names are to come first depends on the mail hosts. */
static struct step judge_order(struct judge *j)
{
	const struct question *q = &j->facts->question;
	bool matters = q->no_dane && q->mx_lookup && j->policy && j->policy->mode == POLICY_ENFORCE;
	if (matters && policy_is_long(j->policy))
		return judge_wants_mx(j, false);
	return (struct step){.want = {.kind = WANT_NOTHING}};
}

static struct step judge_map(struct judge *j, enum reason reason)
{
	j->unenforced = !j->policy || j->policy->mode != POLICY_ENFORCE;
	struct step step = judge_dane(j);
	if (!step_is_want(&step))
		step = judge_order(j);
	return step_is_want(&step) ? step : judge_binding(j, reason);
}

/* MTA-STS enforces nothing here: all that a message needs to know. A map tells of DANE all the same, and a case in the
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
	bool held = f->question.purpose == PURPOSE_MAP || f->rules->first_contact == FIRST_CONTACT_DEFER;

	if (!f->record_tried) {
		bool stale = schedule_negative_stale(entry, f->now);
		if (f->forced || !schedule_negative_known(entry, held, f->now) || (j->eager && stale))
			return judge_wants(j, WANT_RECORD, domain, 0);
		if (stale)
			j->renew |= RENEW_RECORD;
	}
	if (entry->record_outcome != REASON_NONE)
		return unenforced(j, entry->record_outcome);
	bool may_fetch = f->forced || schedule_fetch_allowed(entry, f->now);
	if (f->record_tried && !f->policy_tried && may_fetch)
		return judge_wants(j, WANT_POLICY, domain, 0);
	enum reason why = entry->fetch_outcome == REASON_NONE ? REASON_POLICY_WAIT : entry->fetch_outcome;
	return unenforced(j, why);
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
			return judge_wants(j, WANT_RECORD, domain, 0);
		j->renew |= RENEW_RECORD;
	}
	bool due = f->forced || id_changed(&f->entry) || schedule_body_stale(&f->entry, f->rules, f->now);
	if (due && fetch_possible(f)) {
		if (j->eager)
			return judge_wants(j, WANT_POLICY, domain, 0);
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
			return judge_wants(j, WANT_RECORD, domain, 0);
		j->renew |= RENEW_RECORD;
	}
	if (id_changed(&f->entry) && fetch_possible(f)) {
		if (at_once)
			return judge_wants(j, WANT_POLICY, domain, 0);
		j->renew |= RENEW_POLICY;
	}
	if (f->question.mx_lookup && !f->question.unreadable && !f->mx_tried && schedule_mx_stale(&f->entry, f->now)) {
		if (at_once)
			return judge_wants(j, WANT_MX, domain, 0);
		j->renew |= RENEW_MX;
	}
	return nothing;
}

/* The verdict of a next hop that cannot keep the policy now; `kind` is what it is under enforce. */
struct step judge_held(struct judge *j, enum verdict_kind kind, enum reason reason, const char *host)
{
	j->bad = reason;
	j->bad_host = host;
	struct step step = second_look(j);
	if (step_is_want(&step))
		return step;
	if (j->policy->mode == POLICY_ENFORCE)
		return judge_done(j, kind, reason, host);
	return judge_done(j, kind == VERDICT_FAIL_ENFORCE ? VERDICT_FAIL_TESTING : VERDICT_NONE, reason, host);
}

/* --- the MX set --------------------------------------------------------------------------------------------------- */

/* The set is not to be had: unknown hops (rule 6), or trouble of ours with a live policy in hand (rule 9). */
static struct step mx_missing(struct judge *j)
{
	const struct facts *f = j->facts;
	if (f->mx_outcome == REASON_RESOLVER)
		return judge_held(j, VERDICT_DEFER, REASON_RESOLVER, "");
	if (f->rules->mta_enforces && j->policy->mode == POLICY_ENFORCE)
		return judge_done(j, VERDICT_PASS, REASON_MX_LOOKUP, "");
	return judge_held(j, VERDICT_DEFER, REASON_MX_LOOKUP, "");
}

struct step judge_wants_mx(struct judge *j, bool settled)
{
	const struct facts *f = j->facts;
	struct step nothing = {.want = {.kind = WANT_NOTHING}};
	bool stale = schedule_mx_stale(&f->entry, f->now), known = schedule_mx_known(&f->entry, f->now);
	bool enough = settled ? schedule_mx_recent(&f->entry, f->now) : known;

	if (!f->mx_tried && (!enough || f->forced || ((j->eager || j->alone) && stale)))
		return judge_wants(j, WANT_MX, f->question.domain, 0);
	if (known && stale)
		j->renew |= RENEW_MX;
	return nothing;
}

bool mx_has_hops(const struct facts *facts)
{
	enum mx_state state = facts->entry.mx.state;
	return !facts->question.mx_lookup || state == MX_LISTED || state == MX_IMPLICIT;
}

/* RFC 7505: no mail goes there at all. A null MX that nobody signed may be forged, to have the message let through
 * before its records are shown again or the MTA return it; so an enforce policy holds the message, as at NXDOMAIN. */
static struct step null_mx(struct judge *j)
{
	const struct entry *entry = &j->facts->entry;
	if (entry->mx.secure && schedule_mx_recent(entry, j->facts->now))
		return judge_done(j, VERDICT_NONE, REASON_NULL_MX, "");
	return judge_held(j, VERDICT_DEFER, REASON_NULL_MX, "");
}

static struct step judge_mx(struct judge *j)
{
	const struct facts *f = j->facts;
	struct step step = judge_wants_mx(j, false);

	if (step_is_want(&step))
		return step;
	if (!schedule_mx_known(&f->entry, f->now))
		return mx_missing(j);
	switch (f->entry.mx.state) {
	case MX_NULL:
		return null_mx(j);
	case MX_NO_DOMAIN:
		return judge_held(j, VERDICT_DEFER, REASON_NO_SUCH_DOMAIN, "");
	case MX_TOO_LARGE:
		if (f->rules->mta_enforces && j->policy->mode == POLICY_ENFORCE)
			return judge_done(j, VERDICT_PASS, REASON_MX_SET_TOO_LARGE, "");
		return judge_held(j, VERDICT_DEFER, REASON_MX_SET_TOO_LARGE, "");
	case MX_UNKNOWN:
	case MX_LISTED:
	case MX_IMPLICIT:
		break;
	}
	return judge_hops(j);
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

/* The map answers for a domain, not for a host: so hosts that the operator has exempted count there only if the domain
 * has no others. */
static struct step map_bound(struct judge *j)
{
	const struct facts *f = j->facts;
	struct step step = {.want = {.kind = WANT_NOTHING}};
	if (f->rules->exempt_hosts.count > 0 && f->question.mx_lookup)
		step = judge_wants_mx(j, false);
	if (step_is_want(&step))
		return step;
	if (judge_all_exempt(j))
		return judge_done(j, VERDICT_NONE, REASON_EXEMPT, "");
	return judge_map(j, REASON_POLICY_MODE_TESTING);
}

static struct step with_policy(struct judge *j)
{
	const struct facts *f = j->facts;
	enum purpose purpose = f->question.purpose;
	struct step step = keep_fresh(j);
	if (step_is_want(&step))
		return step;
	if (purpose != PURPOSE_REFRESH && f->entry.last_used_day != schedule_day(f->now))
		j->renew |= RENEW_USE;
	if (j->policy->mode == POLICY_NONE)
		return unenforced(j, REASON_POLICY_MODE_NONE);
	if (f->question.unreadable) /* whatever its hosts are, they are not known to keep the policy */
		return judge_held(j, VERDICT_DEFER, REASON_NEXT_HOP_UNREADABLE, "");
	if (purpose == PURPOSE_MAP)
		return map_bound(j);
	if (purpose == PURPOSE_REFRESH && !f->forced && !schedule_in_use(&f->entry, f->now))
		return judge_done(j, VERDICT_NONE, REASON_NOT_YET_CHECKED, "");
	return f->question.mx_lookup ? judge_mx(j) : judge_hops(j);
}

/* Rule 9. What was read before the store broke holds. Where the store cannot tell, on_internal_error decides for a
 * message that is being accepted; at delivery mail waits, else a store that has gone would end enforcement. */
static struct step store_broken(const struct judge *j)
{
	const struct facts *f = j->facts;
	bool defer = f->question.purpose == PURPOSE_MAP || f->rules->on_internal_error == ON_INTERNAL_ERROR_DEFER;
	if (j->policy)
		defer = j->policy->mode == POLICY_ENFORCE;
	return judge_done(j, defer ? VERDICT_DEFER : VERDICT_NONE, REASON_INTERNAL, "");
}

bool verdict_rests_on_fresh(const struct facts *facts)
{
	const struct policy *policy = facts_policy(facts);
	return facts->question.purpose == PURPOSE_DELIVER && !facts->rules->mta_enforces && policy &&
	       policy->mode == POLICY_ENFORCE;
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
		return judge_wants(&j, WANT_ENTRY, q->domain, 0);
	if (exempt)
		return judge_done(&j, VERDICT_NONE, REASON_EXEMPT, "");
	j.policy = facts_policy(facts);
	j.alone = verdict_rests_on_fresh(facts);
	if (facts->store == STORE_BROKEN)
		return store_broken(&j);
	return j.policy ? with_policy(&j) : without_policy(&j);
}
