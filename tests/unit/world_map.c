/* Properties of the map's answers in a random world: rules 2, 7 and 10 and spec D-61, stated a second time. */
#include "world_run.h"

#include "schedule.h"

static enum tlsa_state state_of(const struct facts *f, const char *host)
{
	const struct hop_fact *hop = oracle_fact(f, host);
	return hop && host[0] != '\0' ? hop->record.tlsa.state : TLSA_NONE;
}

struct hops {
	unsigned count, usable, unusable, none, failed, beyond, plain;
};

static struct hops hops_count(const struct facts *f, const struct policy *policy, const struct oracle_set *set)
{
	struct hops hops = {.count = set->count};
	for (unsigned i = 0; i < set->count; i++) {
		enum tlsa_state state = state_of(f, set->host[i]);
		bool other = i >= HOPS_MAX || state == TLSA_USABLE || state == TLSA_FAILED;
		hops.beyond += i >= HOPS_MAX;
		hops.usable += i < HOPS_MAX && state == TLSA_USABLE;
		hops.unusable += i < HOPS_MAX && state == TLSA_UNUSABLE;
		hops.failed += i < HOPS_MAX && state == TLSA_FAILED;
		hops.none += i < HOPS_MAX && (state == TLSA_NONE || state == TLSA_UNKNOWN);
		hops.plain += !other && policy && oracle_allows(policy, set->host[i]);
	}
	return hops;
}

/* RFC 8461 2: the answer `secure` does not allow a hop that has usable TLSA records, nor one whose records are
 * unknown. */
static void check_secure(const struct run *run, const struct oracle_set *set)
{
	struct policy told;
	verdict_policy_copy(&told, &run->facts);
	HOLDS(run, told.mode == POLICY_ENFORCE && told.mx.count > 0);
	for (unsigned i = 0; i < set->count; i++) {
		enum tlsa_state state = state_of(&run->facts, set->host[i]);
		bool known = i < HOPS_MAX && state != TLSA_USABLE && state != TLSA_FAILED && state != TLSA_UNKNOWN;
		HOLDS(run, known || !oracle_allows(&told, set->host[i]));
	}
	policy_free(&told);
}

/* The TLSA records of every hop are within their hard age, or were looked up in this inquiry. */
static void check_looks_are_fresh(const struct run *run, const struct oracle_set *set)
{
	const struct facts *f = &run->facts;
	for (unsigned i = 0; i < set->count && i < HOPS_MAX; i++) {
		const struct hop_fact *hop = oracle_fact(f, set->host[i]);
		if (set->host[i][0] == '\0')
			continue;
		HOLDS(run, hop && hop->read && hop->record.tlsa.state != TLSA_UNKNOWN);
		int64_t age = hop->record.tlsa.state == TLSA_FAILED ? 60 : 5400;
		HOLDS(run, hop->tlsa_tried || schedule_age(hop->record.tlsa.checked_at, f->now) <= age);
	}
}

/* Spec D-61 over signed MX records. */
static void check_signed(const struct run *run, const struct policy *policy, bool enforced)
{
	const struct verdict *v = run_verdict(run);
	struct oracle_set set = oracle_set(&run->facts, policy);
	struct hops hops = hops_count(&run->facts, policy, &set);
	check_looks_are_fresh(run, &set);
	switch (v->binding) {
	case BINDING_SECURE:
		HOLDS(run, enforced);
		check_secure(run, &set);
		return;
	case BINDING_DANE_ONLY:
		HOLDS(run, hops.usable > 0 && (enforced || hops.usable + hops.failed == hops.count));
		return;
	case BINDING_DANE: /* never under an enforce policy: it does not protect hops without records */
		HOLDS(run, !enforced && (hops.usable == 0 || hops.usable + hops.failed < hops.count));
		HOLDS(run, hops.usable + hops.unusable + hops.failed > 0);
		return;
	case BINDING_VERIFY:
		HOLDS(run, false);
		return;
	case BINDING_NONE:
		break;
	}
	if (v->kind == VERDICT_NONE) /* spec D-5: never after a failed lookup */
		HOLDS(run, !enforced && hops.usable + hops.unusable + hops.failed == 0);
	else
		HOLDS(run, enforced && hops.usable + hops.plain == 0);
}

/* Spec D-61 over unsigned MX records. */
static void check_unsigned(const struct run *run, const struct policy *policy, bool enforced)
{
	const struct verdict *v = run_verdict(run);
	struct oracle_set set = oracle_set(&run->facts, policy);
	bool usable = hops_count(&run->facts, policy, &set).usable > 0;
	if (enforced)
		HOLDS(run, v->binding == BINDING_SECURE);
	else
		HOLDS(run, v->binding == (usable ? BINDING_DANE : BINDING_NONE));
	HOLDS(run, v->kind == (v->binding == BINDING_NONE ? VERDICT_NONE : VERDICT_PASS));
}

static void check_dane(const struct run *run, const struct policy *policy, bool enforced)
{
	const struct facts *f = &run->facts;
	const struct mx_set *mx = &f->entry.mx;
	const struct verdict *v = run_verdict(run);
	bool lookup = f->question.mx_lookup, settled = schedule_age(mx->checked_at, f->now) <= 5400;
	HOLDS(run, (v->kind == VERDICT_PASS) == (v->binding != BINDING_NONE));
	if (lookup && (mx->state == MX_UNKNOWN || !settled)) {
		bool dead = f->mx_outcome == REASON_RESOLVER;
		enum verdict_kind kind = enforced ? VERDICT_DEFER : dead ? VERDICT_NONE : VERDICT_PASS;
		HOLDS(run, f->mx_tried && v->kind == kind &&
				   v->binding == (kind == VERDICT_PASS ? BINDING_DANE : BINDING_NONE));
	} else if (lookup && mx->state == MX_TOO_LARGE && mx->secure) {
		HOLDS(run, enforced ? v->kind == VERDICT_DEFER : v->binding == BINDING_DANE);
	} else if (lookup && mx->state != MX_LISTED && mx->state != MX_IMPLICIT) {
		HOLDS(run, v->binding == (enforced ? BINDING_SECURE : BINDING_NONE) && v->kind != VERDICT_DEFER);
	} else if (lookup && !mx->secure) {
		check_unsigned(run, policy, enforced);
	} else {
		check_signed(run, policy, enforced);
	}
}

/* Without DANE, the map needs nothing but the policy (rule 7). */
static void check_without_dane(const struct run *run, bool enforced)
{
	const struct entry *e = &run->world.entry;
	const struct verdict *v = run_verdict(run);
	for (int i = 0; i < run->count; i++) {
		enum want_kind kind = run->steps[i].want.kind;
		HOLDS(run, kind != WANT_MX && kind != WANT_EVIDENCE && kind != WANT_TLSA);
		HOLDS(run, run->steps[i].verdict.binding != BINDING_DANE);
		HOLDS(run, run->steps[i].verdict.binding != BINDING_DANE_ONLY);
	}
	if (run->world.store_broken)
		return;
	HOLDS(run, v->kind == (enforced ? VERDICT_PASS : VERDICT_NONE));
	HOLDS(run, v->binding == (enforced ? BINDING_SECURE : BINDING_NONE));
	if (run->world.has_entry && e->has_policy && e->policy_expires_at > WORLD_NOW + (int64_t)STEPS_MAX * 4)
		HOLDS(run, run->remote == 0);
}

/* The verdict so far is TEMP (rule 10), with two exceptions for domains without an enforce policy. While the MX set is
 * looked up, and over signed MX records, the answer is `dane`, because the MTA looks the TLSA records up itself. Over
 * unsigned ones nothing binds the delivery until TLSA records are found, so the answer is the one for no policy. */
static void check_unfinished(const struct run *run)
{
	for (int i = 0; i < run->count - 1; i++) {
		const struct step *s = &run->steps[i];
		bool over = (s->want.kind == WANT_TLSA || s->want.kind == WANT_MX) && !run->live[i];
		bool unbound = over && s->want.kind == WANT_TLSA && !run->dane[i];
		enum verdict_kind kind = unbound ? VERDICT_NONE : over ? VERDICT_PASS : VERDICT_DEFER;
		HOLDS(run, s->want.kind != WANT_PROBE);
		if (want_is_remote(s->want.kind) && !run->world.store_broken)
			HOLDS(run, s->verdict.kind == kind &&
					   s->verdict.binding == (kind == VERDICT_PASS ? BINDING_DANE : BINDING_NONE));
	}
}

/* --- default_level = verify (design 4.19) ------------------------------------------------------------------------- */

/* How much an answer of the map demands of a delivery. */
static int demand(const struct verdict *v)
{
	static const int demands[] = {[BINDING_NONE] = 0,
		[BINDING_DANE] = 1,
		[BINDING_VERIFY] = 2,
		[BINDING_SECURE] = 3,
		[BINDING_DANE_ONLY] = 3};
	return v->kind == VERDICT_DEFER ? 4 : demands[v->binding];
}

/* Returns whether some lookup of TLSA records has failed in this world, or fails now. */
static bool lookup_fails(const struct random_world *w)
{
	bool fails = false;
	for (unsigned i = 0; i <= WORLD_HOSTS; i++)
		fails = fails || w->host[i].record.tlsa.state == TLSA_FAILED || w->host[i].look.state == TLSA_FAILED;
	return fails;
}

/* While facts are missing the answer is TEMP. It is another one only if a lookup of TLSA records has failed, so that no mail
 * waits for such lookups again and again. */
static void check_level_unfinished(const struct run *run)
{
	for (int i = 0; i < run->count - 1; i++) {
		const struct step *s = &run->steps[i];
		HOLDS(run, s->want.kind != WANT_PROBE);
		HOLDS(run, s->verdict.binding != BINDING_SECURE && s->verdict.binding != BINDING_DANE);
		if (s->verdict.binding != BINDING_NONE)
			HOLDS(run, s->want.kind >= WANT_EVIDENCE && !run->live[i] && run->dane[i] &&
					   lookup_fails(&run->world));
		else if (s->want.kind != WANT_ENTRY)
			HOLDS(run, s->verdict.kind == VERDICT_DEFER);
	}
}

/* Sendmail's dialect needs the names of the mail hosts, so that it can wait for them. */
static void check_level_names(const struct run *run)
{
	const struct facts *f = &run->facts;
	struct policy told;
	verdict_policy_copy(&told, f);
	struct oracle_set set = oracle_set(f, NULL);
	HOLDS(run, (run_verdict(run)->kind == VERDICT_DEFER) == (told.mx.count == 0));
	for (unsigned i = 0; i < set.count && told.mx.count > 0; i++)
		HOLDS(run, names_have(&told.mx, set.host[i]) || !strchr(set.host[i], '.') || strlen(set.host[i]) < 2);
	policy_free(&told);
}

void check_level(const struct run *run, const struct run *plain)
{
	const struct facts *f = &run->facts;
	const struct verdict *v = run_verdict(run);
	const struct policy *policy = oracle_policy(f);
	bool broken = run->world.store_broken || f->store == STORE_BROKEN || plain->facts.store == STORE_BROKEN;
	check_level_unfinished(run);
	if (run->live[run->count - 1]) {
		HOLDS(run, v->kind == run_verdict(plain)->kind && v->binding == run_verdict(plain)->binding);
		return;
	}
	if (broken) {
		HOLDS(run, demand(v) >= demand(&(struct verdict){.binding = BINDING_VERIFY}));
		return;
	}
	/* The clock may have run into another MX lookup in one of the two. */
	bool same = f->question.no_dane || f->mx_tried == plain->facts.mx_tried;
	HOLDS(run, !same || demand(v) >= demand(run_verdict(plain)));
	HOLDS(run, demand(v) >= demand(&(struct verdict){.binding = BINDING_VERIFY}) && v->binding != BINDING_SECURE);
	if (f->question.no_dane) {
		HOLDS(run, v->binding == BINDING_VERIFY || v->kind == VERDICT_DEFER);
		check_level_names(run);
		return;
	}
	struct oracle_set set = oracle_set(f, policy);
	bool settled = !f->question.mx_lookup || schedule_age(f->entry.mx.checked_at, f->now) <= 5400;
	bool governs = oracle_dane(f) && settled && set.known;
	bool usable = governs && hops_count(f, policy, &set).usable > 0;
	bool blind = governs && set.count > 0 && hops_count(f, policy, &set).failed == set.count;
	HOLDS(run, v->kind == VERDICT_PASS && v->binding == (usable || blind ? BINDING_DANE_ONLY : BINDING_VERIFY));
	HOLDS(run, (usable || blind) == (v->reason == REASON_OK));
}

void check_map(const struct run *run)
{
	const struct facts *f = &run->facts;
	const struct policy *policy = oracle_policy(f);
	bool enforced = policy && policy->mode == POLICY_ENFORCE;
	check_unfinished(run);
	if (!f->dane || f->question.no_dane)
		check_without_dane(run, enforced);
	else if (f->store == STORE_BROKEN)
		HOLDS(run, run_verdict(run)->binding == BINDING_NONE &&
				   (!enforced || run_verdict(run)->kind == VERDICT_DEFER));
	else
		check_dane(run, policy, enforced);
}
