/* Properties of verdict_next() over a million random worlds. Each world is one inquiry with random answers. The oracle
 * states rule 6 a second time, without the code under test. A failure prints the number of its world: STSGATE_SEED
 * sets the first number, STSGATE_WORLDS how many worlds are tested. */
#include "world_run.h"

#include "schedule.h"

#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WORLDS 100000
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WORLDS 100000
#endif
#endif
#ifndef WORLDS
#define WORLDS 1000000
#endif

static uint64_t pinned_seen[5], elsewhere_seen, led_seen, verdicts_seen[5], bindings_seen[4], defers_seen, fails_seen,
	dane_fails_seen, levels_seen[5], demands_seen[4];

/* --- properties --------------------------------------------------------------------------------------------------- */

/* Returns whether the verdict so far is the pass of a hop whose probes the budget has refused for 90 s (design 4.11;
 * see test_refused_for_long in test_verdict). */
static bool is_refused_probe(const struct step *step)
{
	return step->want.kind == WANT_PROBE && step->verdict.kind == VERDICT_PASS &&
	       step->verdict.reason == REASON_PROBE_BUDGET;
}

/* No verdict so far lets mail pass under an enforce policy, and none holds mail under a testing policy. */
static void check_no_leak(const struct run *run)
{
	for (int i = 0; i < run->count - 1; i++) {
		const struct verdict *so_far = &run->steps[i].verdict;
		if (run->live[i])
			HOLDS(run, so_far->kind == VERDICT_DEFER || so_far->kind == VERDICT_FAIL_ENFORCE ||
					   (is_refused_probe(&run->steps[i]) && !oracle_pinned(&run->facts)));
		if (run->testing[i])
			HOLDS(run, so_far->kind != VERDICT_DEFER && so_far->kind != VERDICT_FAIL_ENFORCE);
	}
}

static unsigned place_of(const struct oracle_set *set, const char *host)
{
	unsigned i = 0;
	while (i < set->count && strcmp(set->host[i], host) != 0)
		i++;
	return i;
}

/* Bad evidence older than probe_ttl_fail led to a new probe, whatever that probe saw. */
static void check_evidence_is_fresh(const struct run *run, const struct verdict *v, const struct oracle_set *set)
{
	const struct facts *f = &run->facts;
	unsigned i = place_of(set, v->hop);
	HOLDS(run, i < set->count);
	const struct hop_fact *hop = oracle_fact(f, v->hop);
	HOLDS(run, hop != NULL);
	bool dane = oracle_by_dane(f, set, i);
	const struct probe_history *history = dane ? &hop->record.dane : &hop->record.pkix;
	enum reason reason = oracle_evidence(f, set, i).reason;
	bool elsewhere = v->reason == REASON_HOP_ELSEWHERE;
	HOLDS(run, elsewhere ? oracle_pinned(f) : reason == v->reason);
	HOLDS(run, (dane ? hop->dane_tried : hop->tried) ||
			   schedule_age(history->newest.at, f->now) <= f->rules->probe_ttl_fail_s);
}

/* Rule 4: a failing verdict never rests on stale facts. */
static void check_fail_is_fresh(const struct run *run, const struct verdict *v)
{
	const struct facts *f = &run->facts;
	const struct entry *e = &f->entry;
	bool fetched = f->policy_tried && e->fetch_outcome == REASON_OK;
	HOLDS(run, f->record_tried || fetched || !schedule_record_stale(e, f->now));
	if (!fetched && e->record_outcome == REASON_OK && strcmp(e->record_id, e->policy_id) != 0)
		HOLDS(run, f->policy_tried || schedule_age(e->fetch_tried_at, f->now) < FETCH_SPACING_S);
	if (f->question.mx_lookup)
		HOLDS(run, f->mx_tried || !schedule_mx_stale(e, f->now));
	if (v->reason == REASON_MX_NOT_IN_POLICY)
		return;
	struct oracle_set set = oracle_set(f, oracle_policy(f));
	if (v->reason == REASON_DANE_REQUIRED)
		HOLDS(run, oracle_bound(f, &set));
	else
		check_evidence_is_fresh(run, v, &set);
}

static bool hop_failed(const struct facts *f, const char *host)
{
	const struct hop_fact *hop = oracle_fact(f, host);
	return oracle_dane(f) && (!hop || hop->record.tlsa.state == TLSA_FAILED);
}

/* Rule 2: no mail passes if every hop is known to be bad, each by its TLSA records or by the policy. */
static void check_pass(const struct run *run, const struct policy *policy)
{
	const struct facts *f = &run->facts;
	struct oracle_set set = oracle_set(f, policy);
	bool any = false;
	if (run_verdict(run)->kind != VERDICT_PASS || !set.known)
		return;
	for (unsigned i = 0; i < set.count; i++) {
		bool dane = oracle_by_dane(f, &set, i);
		bool named = dane || (oracle_dane(f) && i >= HOPS_MAX) || policy_allows(policy, set.host[i]);
		struct evidence seen = oracle_evidence(f, &set, i);
		bool bad = reason_class(seen.reason) == REASON_BAD && seen.at != 0 &&
			   !(dane && seen.reason == REASON_CERT_HOST_MISMATCH && seen.names[0] != '\0') &&
			   !oracle_left(f, &seen) && schedule_age(seen.at, f->now) <= f->rules->probe_ttl_max_s;
		any = any || (named && (!bad || !f->rules->probe)) || hop_failed(f, set.host[i]);
	}
	HOLDS(run, any);
}

/* Returns whether an inconclusive probe came after the good one, so that the next is not due yet. */
static bool tried_lately(const struct facts *f, const struct hop_fact *hop, bool dane)
{
	const struct evidence *newest = dane ? &hop->record.dane.newest : &hop->record.pkix.newest;
	return reason_class(newest->reason) == REASON_INCONCLUSIVE &&
	       schedule_age(newest->at, f->now) <= PROBE_SPACING_S;
}

/* Design 4.7: if no map binds the delivery, a pass rests on facts within their soft age, or on a new attempt in this
 * inquiry. */
static void check_pass_is_fresh(const struct run *run, const struct policy *policy)
{
	const struct facts *f = &run->facts;
	struct oracle_set set = oracle_set(f, policy);
	if (run_verdict(run)->kind != VERDICT_PASS || f->rules->mta_enforces)
		return;
	HOLDS(run, !f->question.mx_lookup || f->mx_tried || !schedule_mx_stale(&f->entry, f->now));
	for (unsigned i = 0; f->rules->probe && i < set.count; i++) {
		const struct hop_fact *hop = oracle_fact(f, set.host[i]);
		bool dane = oracle_by_dane(f, &set, i);
		struct evidence seen = oracle_evidence(f, &set, i);
		if (hop && oracle_hop(f, policy, &set, i) == ORACLE_GOOD && seen.at != 0 &&
			!(dane ? hop->dane_tried : hop->tried))
			HOLDS(run,
				schedule_age(seen.at, f->now) <= (oracle_pinned(f) ? 900 : f->rules->probe_ttl_ok_s) ||
					tried_lately(f, hop, dane) || oracle_silent(f, &set, i));
	}
}

/* The final verdict under an enforce policy is the oracle's. */
static void check_enforce(const struct run *run, const struct policy *policy)
{
	const struct facts *f = &run->facts;
	const struct verdict *v = run_verdict(run);
	check_pass(run, policy);
	check_pass_is_fresh(run, policy);
	bool set_unknown = v->reason == REASON_MX_LOOKUP || v->reason == REASON_MX_SET_TOO_LARGE;
	bool left_to_mta = f->rules->mta_enforces && v->kind == VERDICT_PASS && set_unknown && !oracle_pinned(f);
	HOLDS(run, left_to_mta || v->kind == oracle_kind(f, policy));
	HOLDS(run, v->has_policy && v->mode == POLICY_ENFORCE);
	HOLDS(run, strcmp(v->policy_id, f->entry.policy_id) == 0);
	if (v->kind == VERDICT_FAIL_ENFORCE) {
		struct oracle_set set = oracle_set(f, policy);
		unsigned i = place_of(&set, v->hop);
		bool bad = v->reason == REASON_DANE_REQUIRED || oracle_hop(f, policy, &set, i) == ORACLE_BAD;
		fails_seen++;
		dane_fails_seen += oracle_by_dane(f, &set, i);
		HOLDS(run, reason_class(v->reason) == REASON_BAD && bad);
		check_fail_is_fresh(run, v);
	}
	if (v->kind == VERDICT_DEFER) {
		defers_seen++;
		HOLDS(run, v->reason != REASON_OK);
	}
}

static void check_testing(const struct run *run)
{
	const struct verdict *v = run_verdict(run);
	HOLDS(run, v->kind == VERDICT_NONE || v->kind == VERDICT_PASS || v->kind == VERDICT_FAIL_TESTING);
	HOLDS(run, v->has_policy && v->mode == POLICY_TESTING);
	if (v->kind == VERDICT_FAIL_TESTING)
		HOLDS(run, reason_class(v->reason) == REASON_BAD);
}

/* Rule 9: without a policy in force, mail waits only if the store itself cannot be read. */
static void check_without_policy(const struct run *run)
{
	const struct verdict *v = run_verdict(run);
	bool blind = run->world.store_broken && run->world.rules.internal_error_defers;
	HOLDS(run, v->kind == VERDICT_NONE || (v->kind == VERDICT_DEFER && blind && v->reason == REASON_INTERNAL));
	HOLDS(run, v->reason != REASON_OK);
	if (run->world.store_broken && run->world.question.has_domain && v->reason != REASON_EXEMPT)
		HOLDS(run, (v->kind == VERDICT_DEFER) == blind);
}

/* Rule 10: while discovery is not finished, milter_first_contact decides the verdict so far. */
static void check_first_contact(const struct run *run)
{
	const struct rules *rules = &run->world.rules;
	for (int i = 0; i < run->count - 1; i++) {
		const struct step *s = &run->steps[i];
		if (run->live[i] || run->testing[i] || !want_is_remote(s->want.kind) || run->world.store_broken)
			continue;
		if (s->want.kind != WANT_RECORD && s->want.kind != WANT_POLICY)
			continue;
		bool defer = rules->first_contact_defers;
		HOLDS(run, s->verdict.kind == (defer ? VERDICT_DEFER : VERDICT_NONE));
		HOLDS(run, s->verdict.reason == REASON_FIRST_CONTACT);
		HOLDS(run, s->verdict.worth_waiting);
	}
}

/* Returns whether the store knows the hop's TLSA records, if DANE governs, and a probe judged in the right way. */
static bool is_stored(const struct facts *f, const struct oracle_set *set, const struct world_host *host)
{
	const struct hop_record *record = &host->record;
	bool dane = oracle_by_dane(f, set, place_of(set, host->name));
	if (oracle_dane(f) && !tlsa_lookup_known(&record->tlsa, f->now))
		return false;
	if (record->tlsa.state == TLSA_FAILED && oracle_dane(f))
		return true;
	return dane ? record->dane.newest.at != 0 && record->dane.newest.tlsa_id == record->tlsa.id
		    : record->pkix.newest.at != 0;
}

static bool is_fresh(const struct facts *f, const struct oracle_set *set, const struct world_host *host)
{
	bool dane = oracle_by_dane(f, set, place_of(set, host->name));
	const struct probe_history *history = dane ? &host->record.dane : &host->record.pkix;
	return schedule_age(history->conclusive.at, f->now) <= f->rules->probe_ttl_ok_s;
}

/* If the store knows all facts, there is no remote want. */
static void check_served_from_store(const struct run *run)
{
	const struct random_world *w = &run->world;
	const struct entry *e = &w->entry;
	if (!w->has_entry || w->store_broken || w->evidence_broken)
		return;
	bool live = e->has_policy && e->policy_expires_at > WORLD_NOW + STEPS_MAX * 4;
	bool over = !e->has_policy || e->policy_expires_at <= WORLD_NOW;
	if (over && schedule_negative_known(e, false, WORLD_NOW))
		HOLDS(run, run->remote == 0);
	if (live && e->policy.mode == POLICY_NONE)
		HOLDS(run, run->remote == 0);
	const struct verdict *first = run_verdict(run);
	if (live && e->policy.mode == POLICY_TESTING)
		HOLDS(run, first->kind != VERDICT_DEFER && !first->worth_waiting);
	if (run->remote == 0 || !live || e->policy.mode != POLICY_ENFORCE || !schedule_mx_known(e, WORLD_NOW))
		return;
	/* There was a remote want. Then the stored facts alone must not have been enough for a pass on fresh facts. */
	struct facts f;
	facts_init(&f, &w->question, &w->rules, WORLD_NOW);
	f.dane = w->dane;
	facts_learn_store(&f, e);
	struct oracle_set set = oracle_set(&f, &f.entry.policy);
	bool looked_at = !schedule_mx_stale(e, WORLD_NOW); /* design 4.7 */
	for (unsigned i = 0; i <= WORLD_HOSTS; i++) {
		const struct world_host *host = &w->host[i];
		bool listed = false;
		for (unsigned k = 0; k < set.count && k < HOPS_MAX; k++)
			listed = listed || strcmp(set.host[k], host->name) == 0;
		if (!listed)
			continue;
		facts_learn_evidence(&f, host->name, w->question.port, &host->record);
		looked_at = looked_at && host->stored && is_stored(&f, &set, host) && is_fresh(&f, &set, host);
	}
	bool would_pass = looked_at && oracle_kind(&f, &f.entry.policy) == VERDICT_PASS;
	facts_free(&f);
	HOLDS(run, !would_pass || w->rules.mta_enforces);
}

/* Rule 9: a local failure under an enforce policy makes mail wait; on_internal_error decides only if no policy was
 * read. */
static void check_evidence_broken(const struct run *run)
{
	const struct verdict *v = run_verdict(run);
	if (run->live[run->count - 1])
		HOLDS(run, v->kind == VERDICT_DEFER && v->reason == REASON_INTERNAL && v->has_policy);
	if (run->testing[run->count - 1])
		HOLDS(run, v->kind == VERDICT_NONE);
}

/* Without an enforce policy no MX record, TLSA record or probe ever holds a message. */
static void check_never_held(const struct run *run)
{
	for (int i = 0; i < run->count; i++) {
		const struct verdict *v = &run->steps[i].verdict;
		bool contact = v->reason == REASON_FIRST_CONTACT || run->facts.store == STORE_BROKEN;
		if (!run->live[i] && !contact)
			HOLDS(run, v->kind != VERDICT_DEFER && v->kind != VERDICT_FAIL_ENFORCE);
		HOLDS(run, run->live[i] || run->testing[i] || !(run->steps[i].want.kind > WANT_POLICY));
		HOLDS(run, v->binding == BINDING_NONE);
	}
}

static void check_deliver(const struct run *run)
{
	const struct facts *f = &run->facts;
	const struct policy *policy = oracle_policy(f);
	check_never_held(run);
	if (!run->world.rules.mta_enforces || oracle_pinned(f))
		check_no_leak(run);
	check_first_contact(run);
	if (!oracle_pinned(f))
		check_served_from_store(run);
	if (run->world.evidence_broken && f->store == STORE_BROKEN)
		check_evidence_broken(run);
	else if (!policy || run->world.store_broken)
		check_without_policy(run);
	else if (policy->mode == POLICY_ENFORCE)
		check_enforce(run, policy);
	else if (policy->mode == POLICY_TESTING)
		check_testing(run);
	else
		HOLDS(run, run_verdict(run)->kind == VERDICT_NONE);
}

static void check_no_question(const struct run *run)
{
	const struct verdict *v = &run->steps[0].verdict;
	HOLDS(run, run->count == 1 && v->kind == VERDICT_NONE && !v->has_policy);
	bool exempt = run->world.question.has_domain;
	HOLDS(run, v->reason == (exempt ? REASON_EXEMPT : REASON_NO_POLICY_DOMAIN));
}

/* --- overrides (rule 1) ------------------------------------------------------------------------------------------- */

#define OVERRIDDEN_WORLDS 16 /* one world in so many is repeated under each override */
#define LEVEL_WORLDS 4       /* one world in so many is repeated with default_level = verify */
#define DEMAND_WORLDS 8      /* one world in so many is repeated with REQUIRETLS */

static bool same_verdict(const struct verdict *a, const struct verdict *b)
{
	return a->kind == b->kind && a->reason == b->reason && a->binding == b->binding &&
	       strcmp(a->hop, b->hop) == 0 && a->worth_waiting == b->worth_waiting;
}

/* The same wants and verdicts, one by one. */
static void check_same(const struct run *run, const struct run *other)
{
	HOLDS(run, run->count == other->count);
	for (int i = 0; i < run->count; i++)
		HOLDS(run, want_same(&run->steps[i].want, &other->steps[i].want) &&
				   same_verdict(&run->steps[i].verdict, &other->steps[i].verdict));
}

/* Returns whether nothing but the override was needed for the verdict. */
static bool is_released(const struct run *run)
{
	const struct verdict *v = run_verdict(run);
	return run->count == 2 && run->steps[0].want.kind == WANT_ENTRY && v->kind == VERDICT_PASS &&
	       v->reason == REASON_OVERRIDE && v->binding == BINDING_NONE && v->override_all;
}

/* Rule 1: under an enforce policy the map leads the MTA only to hops inside the pin. */
static void check_pinned_map(const struct run *run)
{
	const struct facts *f = &run->facts;
	const struct verdict *v = run_verdict(run);
	const struct policy *policy = oracle_policy(f);
	struct oracle_set set = oracle_set(f, policy);
	struct policy told;
	HOLDS(run, v->kind == VERDICT_PASS || v->kind == VERDICT_DEFER);
	HOLDS(run, (v->kind == VERDICT_PASS) == (v->binding == BINDING_SECURE || v->binding == BINDING_DANE_ONLY));
	if (v->kind == VERDICT_DEFER && v->hop[0] == '\0')
		return;
	verdict_policy_copy(&told, f);
	uint32_t led = 0;
	for (unsigned i = 0; i < set.count; i++) {
		bool to = oracle_led_to(f, policy, &set, i);
		if (v->kind == VERDICT_DEFER)
			HOLDS(run, !to || v->reason == REASON_TLSA_LOOKUP);
		if (v->binding == BINDING_SECURE)
			HOLDS(run, to == names_have(&told.mx, set.host[i]));
		led += to;
	}
	HOLDS(run, v->binding != BINDING_SECURE || (told.mx.count > 0 && told.mx.count <= led));
	HOLDS(run, v->kind != VERDICT_PASS || led > 0);
	led_seen += v->kind == VERDICT_PASS;
	policy_free(&told);
}

static void check_pin(const struct run *plain, uint64_t seed, bool found)
{
	static struct run run;
	bool live = false, judged = false;
	run_make_under(&run, seed, OVERRIDE_PIN, false);
	for (int i = 0; i < run.count; i++) {
		live = live || run.live[i];
		judged = judged || run.live[i] || run.testing[i];
		HOLDS(&run, run.steps[i].verdict.override == OVERRIDE_NONE ||
				    (found && run.steps[i].verdict.override == OVERRIDE_PIN));
	}
	bool map = run.world.question.purpose == PURPOSE_MAP;
	if (!found || !judged || (map && !live))
		check_same(&run, plain);
	else if (!map)
		check_deliver(&run);
	else if (run.live[run.count - 1] && run.facts.store != STORE_BROKEN)
		check_pinned_map(&run);
	pinned_seen[run_verdict(&run)->kind]++;
	elsewhere_seen += run_verdict(&run)->reason == REASON_HOP_ELSEWHERE;
	run_free(&run);
}

/* Repeats a world under each override, and compares. */
static void check_overrides(const struct run *plain, uint64_t seed)
{
	static struct run run, strict;
	const struct random_world *w = &plain->world;
	bool acts = w->question.purpose == PURPOSE_DELIVER || w->question.purpose == PURPOSE_MAP;
	bool found = acts && plain->steps[0].want.kind == WANT_ENTRY && !w->store_broken;
	run_make_under(&run, seed, OVERRIDE_PASS, false);
	HOLDS(&run, !found || (is_released(&run) && run_verdict(&run)->override == OVERRIDE_PASS));
	if (!found)
		check_same(&run, plain);
	run_free(&run);
	run_make_under(&run, seed, OVERRIDE_TAG, false);
	if (found && w->question.purpose == PURPOSE_MAP)
		HOLDS(&run, is_released(&run) && run_verdict(&run)->override == OVERRIDE_TAG);
	else
		check_same(&run, plain);
	for (int i = 0; i < run.count && w->question.purpose == PURPOSE_DELIVER; i++) {
		const struct verdict *v = &run.steps[i].verdict;
		bool holds = v->kind == VERDICT_DEFER || v->kind == VERDICT_FAIL_ENFORCE;
		HOLDS(&run, (v->override == OVERRIDE_TAG) == (found && i > 0 && holds));
	}
	run_free(&run);
	run_make_under(&run, seed, OVERRIDE_ENFORCE, false);
	run_make_under(&strict, seed, OVERRIDE_NONE, true);
	check_same(&run, found ? &strict : plain);
	for (int i = 0; i < run.count; i++)
		HOLDS(&run, (run.steps[i].verdict.override == OVERRIDE_ENFORCE) == (found && run.testing[i]));
	run_free(&run);
	run_free(&strict);
	check_pin(plain, seed, found && !names_cover(&w->rules.exempt_domains, w->question.domain));
}

/* Repeats a world with default_level = verify. It changes the map's answers only; a query looks at more, but says the same. */
static void check_default_level(const struct run *plain, uint64_t seed)
{
	static struct run run;
	const struct random_world *w = &plain->world;
	bool exempt = names_cover(&w->rules.exempt_domains, w->question.domain);
	bool map = w->question.purpose == PURPOSE_MAP;
	run_make_level(&run, seed, false);
	if (w->question.purpose != PURPOSE_QUERY && (!map || exempt || !w->question.has_domain))
		check_same(&run, plain);
	else if (map && run.live[run.count - 1] == plain->live[plain->count - 1])
		check_level(&run, plain);
	levels_seen[run_verdict(&run)->binding] += map;
	run_free(&run);
}

/* Repeats a world with a message that demands REQUIRETLS. */
static void check_demand(const struct run *plain, uint64_t seed)
{
	static struct run run;
	run_make_requiretls(&run, seed, false);
	check_requiretls(&run, plain);
	demands_seen[run_verdict(&run)->requiretls]++;
	run_free(&run);
}

static void check_world(struct run *run, uint64_t seed)
{
	run_make(run, seed, false);
	verdicts_seen[run_verdict(run)->kind]++;
	bindings_seen[run_verdict(run)->binding]++;
	const struct random_world *w = &run->world;
	bool exempt = names_cover(&w->rules.exempt_domains, w->question.domain);
	if (!w->question.has_domain || (exempt && w->question.purpose == PURPOSE_DELIVER))
		check_no_question(run);
	else if (w->question.purpose == PURPOSE_DELIVER)
		check_deliver(run);
	else if (w->question.purpose == PURPOSE_MAP && !exempt)
		check_map(run);
	if (seed % OVERRIDDEN_WORLDS == 0)
		check_overrides(run, seed);
	if (seed % LEVEL_WORLDS == 0)
		check_default_level(run, seed);
	if (seed % DEMAND_WORLDS == 0 && run->world.question.purpose == PURPOSE_DELIVER)
		check_demand(run, seed);
	run_free(run);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);
	return value ? strtoull(value, NULL, 10) : otherwise;
}

static void test_worlds(void **state)
{
	(void)state;
	static struct run run;
	uint64_t seed = from_environment("STSGATE_SEED", 1), worlds = from_environment("STSGATE_WORLDS", WORLDS);
	print_message("worlds %llu to %llu\n", (unsigned long long)seed, (unsigned long long)(seed + worlds - 1));
	for (uint64_t i = 0; i < worlds; i++)
		check_world(&run, seed + i);
	for (size_t i = 0; i < 5; i++)
		print_message("%s: %llu\n", verdict_name((enum verdict_kind)i), (unsigned long long)verdicts_seen[i]);
	for (size_t i = 0; i < 4; i++)
		print_message("%s: %llu\n", binding_name((enum binding)i), (unsigned long long)bindings_seen[i]);
	print_message("by DANE failed: %llu\n", (unsigned long long)dane_fails_seen);
	for (size_t i = 0; i < 5; i++)
		print_message(
			"pinned: %s: %llu\n", verdict_name((enum verdict_kind)i), (unsigned long long)pinned_seen[i]);
	print_message(
		"pinned: elsewhere %llu, led %llu\n", (unsigned long long)elsewhere_seen, (unsigned long long)led_seen);
	print_message("default_level = verify: verify %llu, dane-only %llu, none %llu\n",
		(unsigned long long)levels_seen[BINDING_VERIFY], (unsigned long long)levels_seen[BINDING_DANE_ONLY],
		(unsigned long long)levels_seen[BINDING_NONE]);
	if (worlds >= 10000)
		assert_true(
			levels_seen[BINDING_VERIFY] > worlds / 1000 && levels_seen[BINDING_DANE_ONLY] > worlds / 1000);
	assert_int_equal(levels_seen[BINDING_DANE], 0);
	for (size_t i = TLS_DEMAND_MET; i < 4; i++) {
		print_message("REQUIRETLS: %s: %llu\n", tls_demand_name((enum tls_demand)i),
			(unsigned long long)demands_seen[i]);
		assert_true(worlds < 10000 || demands_seen[i] > worlds / 1000);
	}
	/* The worlds are a good test only if every verdict and binding occurs. */
	for (size_t i = 0; i < 5 && worlds >= 10000; i++)
		assert_true(verdicts_seen[i] > worlds / 1000);
	for (size_t i = 0; i < 4 && worlds >= 10000; i++)
		assert_true(bindings_seen[i] > worlds / 1000);
	if (worlds >= 10000)
		assert_true(
			defers_seen > worlds / 1000 && fails_seen > worlds / 1000 && dane_fails_seen > worlds / 1000);
	if (worlds >= 10000)
		assert_true(elsewhere_seen > worlds / 1000 && led_seen > worlds / 1000);
}

/* The inquiry ends even if many hosts and the clock give a different answer each time. */
static void test_hostile_worlds(void **state)
{
	(void)state;
	static struct run run;
	uint64_t seed = from_environment("STSGATE_SEED", 1), worlds = from_environment("STSGATE_WORLDS", WORLDS) / 4;
	int longest = 0;
	for (uint64_t i = 0; i < worlds; i++) {
		run_make(&run, seed + i, true);
		longest = run.count > longest ? run.count : longest;
		run_free(&run);
		if ((seed + i) % LEVEL_WORLDS != 0)
			continue;
		run_make_level(&run, seed + i, true);
		longest = run.count > longest ? run.count : longest;
		run_free(&run);
		run_make_requiretls(&run, seed + i, true);
		longest = run.count > longest ? run.count : longest;
		run_free(&run);
	}
	print_message("the longest: %d steps\n", longest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_worlds), cmocka_unit_test(test_hostile_worlds)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
