#include "judge.h"

#include "schedule.h"

#include <string.h>

/* Copies a name, cut to the longest that a domain may have. */
static void name_copy(char to[DOMAIN_SIZE], const char *from)
{
	size_t len = strlen(from);
	if (len > DOMAIN_MAX)
		len = DOMAIN_MAX;
	memcpy(to, from, len);
	to[len] = '\0';
}

struct step judge_done(const struct judge *j, enum verdict_kind kind, enum reason reason, const char *hop)
{
	const struct entry *entry = &j->facts->entry;
	struct step step = {.verdict = {.kind = kind, .reason = reason}, .renew = j->renew};
	struct verdict *v = &step.verdict;
	name_copy(v->domain, j->facts->question.domain);
	name_copy(v->hop, hop);
	if (j->policy) {
		v->has_policy = true;
		v->mode = j->policy->mode;
		memcpy(v->policy_id, entry->policy_id, sizeof v->policy_id);
		v->policy_expires_at = entry->policy_expires_at;
	}
	return step;
}

struct step judge_bound(const struct judge *j, enum binding binding)
{
	struct step step = judge_done(j, VERDICT_PASS, REASON_OK, "");
	step.verdict.binding = binding;
	return step;
}

struct step judge_bound_with(const struct judge *j, enum binding binding, enum reason reason)
{
	struct step step = judge_bound(j, binding);
	step.verdict.reason = reason;
	return step;
}

/* Chooses the verdict so far, which a front end uses if its time is up before the fact arrives (rules 4, 6, 7, 10).
 *
 * The map answers TEMP (VERDICT_DEFER) until it is known what binds the delivery, with three exceptions. If nothing binds
 * the delivery yet (`unbound`), the map answers as if there were no policy. If only DANE may bind the delivery
 * (`unenforced`), the map answers `dane`, because the MTA looks up the TLSA records itself. With default_level = verify a
 * host that only DANE can verify would fail `verify`, so the map waits for the TLSA records; but if a lookup of them has
 * failed (`dane_unsure`), it no longer waits, because it may fail each time. If those of all hops have failed, the answer is
 * `dane-only`, because the MTA looks them up itself; otherwise it is `verify`. */
struct step judge_want(const struct judge *j, enum want_kind kind, const char *name, uint16_t port)
{
	const struct facts *f = j->facts;
	bool map = f->question.purpose == PURPOSE_MAP, waits = true;
	struct step step;
	if (map && f->store == STORE_READ && j->verify && j->dane_blind) {
		step = judge_bound_with(j, BINDING_DANE_ONLY, REASON_NOT_YET_CHECKED);
	} else if (map && f->store == STORE_READ && j->verify) {
		step = j->dane_unsure ? judge_bound_with(j, BINDING_VERIFY, REASON_NOT_YET_CHECKED)
				      : judge_done(j, VERDICT_DEFER, REASON_NOT_YET_CHECKED, "");
	} else if (map && f->store == STORE_READ && j->unbound) {
		step = judge_done(j, VERDICT_NONE, REASON_NOT_YET_CHECKED, "");
	} else if (map && f->store == STORE_READ && j->unenforced) {
		step = judge_bound_with(j, BINDING_DANE, REASON_NOT_YET_CHECKED);
	} else if (map && f->store == STORE_READ && j->policy) {
		step = judge_done(j, VERDICT_DEFER, REASON_NOT_YET_CHECKED, "");
	} else if (f->store == STORE_UNREAD || !j->policy) {
		bool defer = map || f->rules->first_contact_defers;
		step = judge_done(j, defer ? VERDICT_DEFER : VERDICT_NONE, REASON_FIRST_CONTACT, "");
	} else if (j->policy->mode != POLICY_ENFORCE) {
		step = judge_done(j, VERDICT_NONE, REASON_NOT_YET_CHECKED, "");
		waits = f->question.purpose == PURPOSE_QUERY; /* a testing policy never delays mail (rule 7) */
	} else if (j->bad != REASON_OK) {
		step = judge_done(j, VERDICT_DEFER, j->bad, j->bad_host);
	} else {
		bool left = f->rules->mta_enforces && !facts_pinned(f);
		step = judge_done(j, left ? VERDICT_PASS : VERDICT_DEFER, REASON_NOT_YET_CHECKED, "");
	}
	step.verdict.worth_waiting = waits;
	step.want.kind = kind;
	step.want.port = port;
	name_copy(step.want.name, name);
	return step;
}

/* --- keeping a policy in force fresh (RFC 8461 3.3, 5.1, 10.2) ---------------------------------------------------- */

/* Returns whether the newest record announces another policy than the stored one. */
static bool id_changed(const struct entry *entry)
{
	return entry->record_outcome == REASON_OK && entry->record_checked_at != 0 &&
	       strcmp(entry->record_id, entry->policy_id) != 0;
}

/* Returns whether this inquiry may fetch the policy: once, and not within five minutes of the last fetch. */
static bool fetch_possible(const struct facts *f)
{
	return !f->policy_tried && (f->forced || schedule_fetch_allowed(&f->entry, f->now));
}

struct step judge_keep_fresh(struct judge *j)
{
	const struct facts *f = j->facts;
	const char *domain = f->question.domain;
	struct step nothing = {.want = {.kind = WANT_NOTHING}};
	if (!f->record_tried && (f->forced || schedule_record_stale(&f->entry, f->now))) {
		if (j->eager)
			return judge_want(j, WANT_RECORD, domain, 0);
		j->renew |= RENEW_RECORD;
	}
	bool due = f->forced || id_changed(&f->entry) || schedule_policy_stale(&f->entry, f->rules, f->now);
	if (due && fetch_possible(f)) {
		if (j->eager)
			return judge_want(j, WANT_POLICY, domain, 0);
		j->renew |= RENEW_POLICY;
	}
	return nothing;
}

/* Wants the facts that may be out of date, before a verdict holds mail (rule 4; RFC 8461 5): the record and the MX set
 * if they are old, and the policy if the record has a new id. A testing policy holds no mail, so there the old facts
 * are only noted for renewal (rule 7), except in an eager inquiry. */
static struct step second_look(struct judge *j)
{
	const struct facts *f = j->facts;
	const char *domain = f->question.domain;
	struct step nothing = {.want = {.kind = WANT_NOTHING}};
	bool at_once = j->eager || j->policy->mode == POLICY_ENFORCE;
	if (!f->record_tried && schedule_age(f->entry.record_checked_at, f->now) > f->rules->probe_ttl_fail_s) {
		if (at_once)
			return judge_want(j, WANT_RECORD, domain, 0);
		j->renew |= RENEW_RECORD;
	}
	if (id_changed(&f->entry) && fetch_possible(f)) {
		if (at_once)
			return judge_want(j, WANT_POLICY, domain, 0);
		j->renew |= RENEW_POLICY;
	}
	if (f->question.mx_lookup && !f->question.unreadable && !f->mx_tried && schedule_mx_stale(&f->entry, f->now)) {
		if (at_once)
			return judge_want(j, WANT_MX, domain, 0);
		j->renew |= RENEW_MX;
	}
	return nothing;
}

struct step judge_hold(struct judge *j, enum verdict_kind kind, enum reason reason, const char *host)
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

struct step judge_want_mx(struct judge *j, bool settled)
{
	const struct facts *f = j->facts;
	struct step nothing = {.want = {.kind = WANT_NOTHING}};
	bool stale = schedule_mx_stale(&f->entry, f->now), known = schedule_mx_known(&f->entry, f->now);
	bool enough = settled ? schedule_mx_recent(&f->entry, f->now) : known;
	if (!f->mx_tried && (!enough || f->forced || ((j->eager || j->needs_fresh) && stale)))
		return judge_want(j, WANT_MX, f->question.domain, 0);
	if (known && stale)
		j->renew |= RENEW_MX;
	return nothing;
}

bool mx_has_hops(const struct facts *facts)
{
	enum mx_state state = facts->entry.mx.state;
	return !facts->question.mx_lookup || state == MX_LISTED || state == MX_IMPLICIT;
}

enum reason mx_names_take(struct names *names, const struct facts *f)
{
	const struct mx_set *mx = &f->entry.mx;
	if (f->question.unreadable)
		return REASON_NEXT_HOP_UNREADABLE;
	if (!f->question.mx_lookup) {
		names_add_once(names, f->question.host);
		return REASON_OK;
	}
	if (!schedule_mx_known(&f->entry, f->now))
		return f->mx_outcome == REASON_RESOLVER ? REASON_RESOLVER : REASON_MX_LOOKUP;
	switch (mx->state) {
	case MX_IMPLICIT:
		names_add_once(names, f->question.host);
		return REASON_OK;
	case MX_LISTED:
		break;
	case MX_NULL:
		return REASON_NULL_MX;
	case MX_NO_DOMAIN:
		return REASON_NO_SUCH_DOMAIN;
	case MX_TOO_LARGE:
		return REASON_MX_SET_TOO_LARGE;
	case MX_UNKNOWN:
		return REASON_MX_LOOKUP;
	}
	for (const char *name = names_next(&mx->names, NULL); name; name = names_next(&mx->names, name))
		if (!mx_name_is_not_host(name, strlen(name)) && strchr(name, '.'))
			names_add_once(names, name);
	return names->count > 0 ? REASON_OK : REASON_HOP_NO_ADDRESS;
}

void hop_list_fill(struct hop_list *list, const struct facts *f, const struct policy *policy)
{
	const struct mx_set *mx = &f->entry.mx;
	list->count = 0;
	list->own = "";
	if (!f->question.mx_lookup || mx->state == MX_IMPLICIT) {
		list->host[0] = f->question.host;
		list->preference[0] = 0;
		list->count = 1;
	}
	for (const char *name = list->count ? NULL : names_next(&mx->names, NULL); name && list->count < MX_SET_MAX;
		name = names_next(&mx->names, name)) {
		list->host[list->count] = name;
		list->preference[list->count] = mx->preference[list->count];
		list->count++;
	}
	if (!f->question.mx_lookup)
		return;
	/* A relay that is listed in the MX set uses only hosts of better preference than its own (RFC 5321 5.1; design
	 * 4.5). But if the policy does not allow this relay's name (RFC 8461 4.1), somebody has forged the name into
	 * the set, and the list is not cut. The MTA would not cut its own list there either: an MTA recognizes itself
	 * by its addresses, and the forger controls the address of that name. */
	for (unsigned i = 0; i < list->count; i++) {
		const char *host = list->host[i];
		if (!names_cover(&f->rules->own_hosts, host) || (policy && !policy_allows(policy, host)))
			continue;
		while (i > 0 && list->preference[i - 1] == list->preference[i])
			i--;
		list->own = host;
		list->count = i;
		return;
	}
}
