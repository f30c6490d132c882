/* Properties of verdict_next() over a million random worlds. The oracle states rule 6 of design 4 again from the facts,
 * without the code under test. STSGATE_WORLDS sets the number of worlds, STSGATE_SEED the first one: a failure prints
 * the number of its world. */
#include "oracle.h"
#include "random_world.h"

#include "schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEPS_MAX 40

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

struct run {
	uint64_t seed;
	struct random_world world;
	struct facts facts;
	struct step steps[STEPS_MAX + 1];
	bool live[STEPS_MAX + 1];    /* a live enforce policy was in the facts at that step */
	bool testing[STEPS_MAX + 1]; /* a live testing policy */
	int count;
	int remote;
};

static uint64_t verdicts_seen[5], defers_seen, fails_seen;

static void say(const struct run *run, const char *what)
{
	print_error("world %llu: %s\n", (unsigned long long)run->seed, what);
	const struct random_world *w = &run->world;
	print_error("  purpose %d probe %d mta_enforces %d first_contact %d forced %d store_broken %d entry %d\n",
		w->question.purpose, w->rules.probe, w->rules.mta_enforces, w->rules.first_contact, w->forced,
		w->store_broken, w->has_entry);
	for (int i = 0; i < run->count; i++) {
		const struct step *s = &run->steps[i];
		print_error("  %2d want %s %s:%u so far %s [%s] hop %s%s%s\n", i, want_name(s->want.kind), s->want.name,
			s->want.port, verdict_name(s->verdict.kind), reason_name(s->verdict.reason), s->verdict.hop,
			run->live[i] ? " (enforce)" : "", run->testing[i] ? " (testing)" : "");
	}
	const struct mx_set *mx = &run->facts.entry.mx;
	print_error("  mx state %d age %lld\n", mx->state, (long long)(run->facts.now - mx->checked_at));
	uint32_t i = 0;
	for (const char *n = names_next(&mx->names, NULL); n; n = names_next(&mx->names, n), i++)
		print_error("    %u %s\n", mx->preference[i], n);
	for (unsigned h = 0; h < run->facts.hop_count; h++) {
		const struct hop_fact *hop = &run->facts.hop[h];
		print_error("    %s:%u read %d tried %d refused %d newest %s conclusive %s age %lld\n", hop->host,
			hop->port, hop->read, hop->tried, hop->refused, reason_name(hop->record.pkix.newest.reason),
			reason_name(hop->record.pkix.conclusive.reason),
			(long long)(run->facts.now - hop->record.pkix.conclusive.at));
	}
}

#define HOLDS(run, condition)                                                                                          \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			say((run), #condition);                                                                        \
			fail();                                                                                        \
		}                                                                                                      \
	} while (0)

/* A case from the question to the verdict */

static void run_start(struct run *run, uint64_t seed)
{
	run->seed = seed;
	run->count = run->remote = 0;
	random_world_make(&run->world, seed);
	facts_init(&run->facts, &run->world.question, &run->world.rules, WORLD_NOW);
	run->facts.forced = run->world.forced;
}

static bool run_step(struct run *run)
{
	const struct policy *policy = oracle_policy(&run->facts);
	struct step *step = &run->steps[run->count];
	run->live[run->count] = policy && policy->mode == POLICY_ENFORCE;
	run->testing[run->count] = policy && policy->mode == POLICY_TESTING;
	*step = verdict_next(&run->facts);
	run->count++;
	if (step->want.kind == WANT_NOTHING)
		return false;
	HOLDS(run, run->count <= STEPS_MAX);
	for (int i = 0; i < run->count - 1; i++)
		HOLDS(run, run->steps[i].want.kind != step->want.kind || run->steps[i].want.port != step->want.port ||
				   strcmp(run->steps[i].want.name, step->want.name) != 0);
	run->remote += want_is_remote(step->want.kind);
	random_world_obtain(&run->world, &run->facts, &step->want);
	return true;
}

/* The properties */

static void check_no_leak(const struct run *run)
{
	for (int i = 0; i < run->count - 1; i++) {
		const struct verdict *so_far = &run->steps[i].verdict;
		if (run->live[i])
			HOLDS(run, so_far->kind == VERDICT_DEFER || so_far->kind == VERDICT_FAIL_ENFORCE);
		if (run->testing[i])
			HOLDS(run, so_far->kind != VERDICT_DEFER && so_far->kind != VERDICT_FAIL_ENFORCE);
	}
}

/* Rule 4: a failing verdict never rests on stale facts. */
static void check_fail_is_fresh(const struct run *run, const struct verdict *v)
{
	const struct facts *f = &run->facts;
	const struct entry *e = &f->entry;
	bool fetched = f->policy_tried && e->fetch_outcome == REASON_NONE;
	HOLDS(run, f->record_tried || fetched || !schedule_record_stale(e, f->now));
	if (!fetched && e->record_outcome == REASON_NONE && strcmp(e->record_id, e->policy_id) != 0)
		HOLDS(run, f->policy_tried || schedule_age(e->fetch_tried_at, f->now) < FETCH_SPACING_S);
	if (f->question.mx_lookup)
		HOLDS(run, f->mx_tried || !schedule_mx_stale(e, f->now));
	if (v->reason == REASON_MX_NOT_IN_POLICY)
		return;
	const struct hop_fact *hop = NULL;
	for (unsigned i = 0; i < f->hop_count; i++)
		if (strcmp(f->hop[i].host, v->hop) == 0)
			hop = &f->hop[i];
	HOLDS(run, hop != NULL);
	HOLDS(run, hop->record.pkix.conclusive.reason == v->reason);
	/* Bad evidence older than that was probed again, whatever that probe saw. */
	HOLDS(run, hop->tried || schedule_age(hop->record.pkix.newest.at, f->now) <= f->rules->probe_ttl_fail_s);
}

static void check_enforce(const struct run *run, const struct policy *policy)
{
	const struct facts *f = &run->facts;
	const struct verdict *v = &run->steps[run->count - 1].verdict;
	bool set_unknown = v->reason == REASON_MX_LOOKUP || v->reason == REASON_MX_SET_TOO_LARGE;
	bool left_to_mta = f->rules->mta_enforces && v->kind == VERDICT_PASS && set_unknown;
	HOLDS(run, left_to_mta || v->kind == oracle_kind(f, policy));
	HOLDS(run, v->has_policy && v->mode == POLICY_ENFORCE);
	HOLDS(run, strcmp(v->policy_id, f->entry.policy_id) == 0);
	if (v->kind == VERDICT_FAIL_ENFORCE) {
		fails_seen++;
		HOLDS(run, reason_class(v->reason) == REASON_BAD && oracle_hop(f, policy, v->hop) == ORACLE_BAD);
		check_fail_is_fresh(run, v);
	}
	if (v->kind == VERDICT_DEFER) {
		defers_seen++;
		HOLDS(run, v->reason != REASON_NONE);
	}
}

static void check_testing(const struct run *run)
{
	const struct verdict *v = &run->steps[run->count - 1].verdict;
	HOLDS(run, v->kind == VERDICT_NONE || v->kind == VERDICT_PASS || v->kind == VERDICT_FAIL_TESTING);
	HOLDS(run, v->has_policy && v->mode == POLICY_TESTING);
	if (v->kind == VERDICT_FAIL_TESTING)
		HOLDS(run, reason_class(v->reason) == REASON_BAD);
}

/* No policy in force: a delay only where the store itself cannot tell (rule 9). */
static void check_without_policy(const struct run *run)
{
	const struct verdict *v = &run->steps[run->count - 1].verdict;
	bool blind = run->world.store_broken && run->world.rules.on_internal_error == ON_INTERNAL_ERROR_DEFER;
	HOLDS(run, v->kind == VERDICT_NONE || (v->kind == VERDICT_DEFER && blind && v->reason == REASON_INTERNAL));
	HOLDS(run, v->reason != REASON_NONE);
	if (run->world.store_broken && run->world.question.has_domain && v->reason != REASON_EXEMPT)
		HOLDS(run, (v->kind == VERDICT_DEFER) == blind);
}

/* Unfinished without a policy: what milter_first_contact says (rule 10), or on_internal_error. */
static void check_first_contact(const struct run *run)
{
	const struct rules *rules = &run->world.rules;
	for (int i = 0; i < run->count - 1; i++) {
		const struct step *s = &run->steps[i];
		if (run->live[i] || run->testing[i] || !want_is_remote(s->want.kind) || run->world.store_broken)
			continue;
		if (s->want.kind != WANT_RECORD && s->want.kind != WANT_POLICY)
			continue;
		bool defer = rules->first_contact == FIRST_CONTACT_DEFER;
		HOLDS(run, s->verdict.kind == (defer ? VERDICT_DEFER : VERDICT_NONE));
		HOLDS(run, s->verdict.reason == REASON_FIRST_CONTACT);
		HOLDS(run, s->verdict.worth_waiting);
	}
}

/* What the store knows is served from the store: no remote want. */
static void check_served_from_store(const struct run *run)
{
	const struct random_world *w = &run->world;
	const struct entry *e = &w->entry;
	if (!w->has_entry || w->store_broken || w->evidence_broken)
		return;
	bool live = e->has_policy && e->policy_expires_at > WORLD_NOW + STEPS_MAX * 4;
	bool over = !e->has_policy || e->policy_expires_at <= WORLD_NOW;
	if (over && schedule_negative_known(e, WORLD_NOW))
		HOLDS(run, run->remote == 0);
	if (live && e->policy.mode == POLICY_NONE)
		HOLDS(run, run->remote == 0);
	const struct verdict *first = &run->steps[run->count - 1].verdict;
	if (live && e->policy.mode == POLICY_TESTING)
		HOLDS(run, first->kind != VERDICT_DEFER && !first->worth_waiting);
	if (run->remote == 0 || !live || e->policy.mode != POLICY_ENFORCE || !schedule_mx_known(e, WORLD_NOW))
		return;
	/* Judged by what was stored, the case would have passed, and no hop was never looked at: nothing to wait for.
	 */
	struct facts f;
	facts_init(&f, &w->question, &w->rules, WORLD_NOW);
	facts_learn_store(&f, e);
	struct oracle_set set = oracle_set(&f, &f.entry.policy);
	bool looked_at = true;
	for (unsigned i = 0; i < WORLD_HOSTS; i++) {
		const struct world_host *host = &w->host[i];
		bool listed = false;
		for (unsigned k = 0; k < set.count && k < HOPS_MAX; k++)
			listed = listed || strcmp(set.host[k], host->name) == 0;
		if (!listed)
			continue;
		looked_at = looked_at && host->stored && host->record.pkix.newest.at != 0;
		facts_learn_evidence(&f, host->name, w->question.port, &host->record);
	}
	bool would_pass = looked_at && oracle_kind(&f, &f.entry.policy) == VERDICT_PASS;
	facts_free(&f);
	HOLDS(run, !would_pass || w->rules.mta_enforces);
}

/* Rule 9: trouble of ours with a live enforce policy in hand waits; on_internal_error decides only without one. */
static void check_evidence_broken(const struct run *run)
{
	const struct verdict *v = &run->steps[run->count - 1].verdict;
	if (run->live[run->count - 1])
		HOLDS(run, v->kind == VERDICT_DEFER && v->reason == REASON_INTERNAL && v->has_policy);
	if (run->testing[run->count - 1])
		HOLDS(run, v->kind == VERDICT_NONE);
}

static void check_deliver(const struct run *run)
{
	const struct facts *f = &run->facts;
	const struct policy *policy = oracle_policy(f);
	if (!run->world.rules.mta_enforces)
		check_no_leak(run);
	check_first_contact(run);
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
		HOLDS(run, run->steps[run->count - 1].verdict.kind == VERDICT_NONE);
}

/* Purpose map stops at the policy (rule 7); unfinished it is TEMP (rule 10). */
static void check_map(const struct run *run)
{
	const struct entry *e = &run->world.entry;
	const struct policy *policy = oracle_policy(&run->facts);
	const struct verdict *v = &run->steps[run->count - 1].verdict;
	for (int i = 0; i < run->count; i++) {
		enum want_kind kind = run->steps[i].want.kind;
		HOLDS(run, kind != WANT_MX && kind != WANT_PROBE && kind != WANT_EVIDENCE);
		if (want_is_remote(kind) && !run->world.store_broken)
			HOLDS(run, run->steps[i].verdict.kind == VERDICT_DEFER);
	}
	if (run->world.store_broken)
		return;
	HOLDS(run, v->kind == (policy && policy->mode == POLICY_ENFORCE ? VERDICT_PASS : VERDICT_NONE));
	if (run->world.has_entry && e->has_policy && e->policy_expires_at > WORLD_NOW + STEPS_MAX * 4)
		HOLDS(run, run->remote == 0);
}

static void check_no_question(const struct run *run)
{
	const struct verdict *v = &run->steps[0].verdict;
	HOLDS(run, run->count == 1 && v->kind == VERDICT_NONE && !v->has_policy);
	bool exempt = run->world.question.has_domain;
	HOLDS(run, v->reason == (exempt ? REASON_EXEMPT : REASON_NO_POLICY_DOMAIN));
}

static void run_world(struct run *run, uint64_t seed)
{
	run_start(run, seed);
	while (run_step(run))
		;
	verdicts_seen[run->steps[run->count - 1].verdict.kind]++;
	const struct random_world *w = &run->world;
	bool exempt = names_cover(&w->rules.exempt_domains, w->question.domain);
	if (!w->question.has_domain || (exempt && w->question.purpose == PURPOSE_DELIVER))
		check_no_question(run);
	else if (w->question.purpose == PURPOSE_DELIVER)
		check_deliver(run);
	else if (w->question.purpose == PURPOSE_MAP && !exempt)
		check_map(run);
	facts_free(&run->facts);
	random_world_free(&run->world);
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
		run_world(&run, seed + i);
	for (size_t i = 0; i < 5; i++)
		print_message("%s: %llu\n", verdict_name((enum verdict_kind)i), (unsigned long long)verdicts_seen[i]);
	/* The worlds are worth something only when every verdict comes up. */
	for (size_t i = 0; i < 5 && worlds >= 10000; i++)
		assert_true(verdicts_seen[i] > worlds / 1000);
	if (worlds >= 10000)
		assert_true(defers_seen > worlds / 1000 && fails_seen > worlds / 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_worlds)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
