/* Properties of the rule of trust (core/fleet_trust.h) over many random worlds: whatever the shared store says, a world that is
 * judged with its hints is not weaker than without them. A failure prints the number of its world. */
#include "cm.h"

#include "fleet_trust.h"
#include "random_world.h"
#undef COUNT
#include "random_draw.h"
#include "schedule.h"

#include <stdlib.h>
#include <string.h>

#define WORLDS 100000
#define SEEN_MAX 3

static unsigned taken[3], unconfirmed, hops_taken, bad_kept;

/* Judges by the store alone. The caller frees `facts`. */
static struct verdict judge_stored(struct facts *facts, const struct random_world *world, const struct entry *entry,
	const struct hop_record *record)
{
	facts_init(facts, &world->question, &world->rules, WORLD_NOW);
	facts_learn_store(facts, entry);
	for (unsigned i = 0; i < WORLD_HOSTS; i++)
		facts_learn_evidence(facts, world->host[i].name, world->question.port, &record[i]);
	struct step step = verdict_next(facts);
	for (int i = 0; i < 200 && step_is_want(&step); i++) {
		facts_learn_nothing(facts, &step.want);
		step = verdict_next(facts);
	}
	return step.verdict;
}

/* A hint that may be true, old, replayed, or dated in the future. */
static void hint_make(struct random_world *w, struct entry *hint)
{
	static const char *const ids[] = {"1", "2", "old"};
	entry_init(hint, w->question.domain);
	struct policy_found found = {.outcome = REASON_OK};
	found.policy.mode = (enum policy_mode)below(w, 3);
	found.policy.max_age_s = below(w, 2) ? 604800 : 60;
	names_add(&found.policy.mx, "*.example.com", strlen("*.example.com"));
	const char *id = chance(w, 50) ? w->entry.record_id : ids[below(w, 3)];
	struct record_found record = {.outcome = REASON_OK, .ttl_s = 300};
	memcpy(record.record.id, id, strnlen(id, RECORD_ID_MAX));
	entry_learn_record(hint, &record, some_time(w));
	entry_learn_policy(hint, &found, id, chance(w, 30) ? w->entry.policy_fetched_at + below(w, 3) : some_time(w));
	policy_found_free(&found);
}

static enum policy_mode mode_of(const struct entry *entry)
{
	return entry->has_policy && entry->policy_expires_at > WORLD_NOW ? entry->policy.mode : POLICY_NONE;
}

static void check_entry(uint64_t seed, const struct random_world *world, const struct entry *before,
	const struct entry *after, enum fleet_trust trust)
{
	bool live = before->has_policy && before->policy_expires_at > WORLD_NOW;
	if (mode_of(after) < mode_of(before))
		fail_msg("world %llu: a weaker policy", (unsigned long long)seed);
	if (live && before->policy.mode == POLICY_ENFORCE && trust == FLEET_TRUST_TAKEN)
		fail_msg("world %llu: a live enforce policy was replaced", (unsigned long long)seed);
	if (trust != FLEET_TRUST_TAKEN)
		return;
	assert_true(after->policy_expires_at <= after->policy_fetched_at + after->policy.max_age_s);
	assert_true(after->policy_fetched_at <= WORLD_NOW);
	assert_true(after->policy_refetch_at <= WORLD_NOW + FLEET_REFETCH_MAX_S);
	if (after->policy.mode != POLICY_ENFORCE)
		assert_string_equal(after->policy_id, before->record_id);
	assert_string_equal(after->domain, world->question.domain);
	assert_int_equal(after->mx.state, before->mx.state);
	taken[after->policy.mode]++;
}

/* Gives the hosts what other nodes have seen of them. */
static bool hops_hint(struct random_world *w, struct hop_record *record)
{
	bool any = false;
	for (unsigned i = 0; i < WORLD_HOSTS; i++) {
		struct hop_record before = record[i];
		struct fleet_seen seen[SEEN_MAX] = {{.node = "mx2"}, {.node = "mx3"}, {.node = "self"}};
		for (unsigned k = 0; k < SEEN_MAX; k++)
			seen[k].seen = (struct evidence){.at = some_time(w),
				.reason = (enum reason[]){
					REASON_OK, REASON_CERT_UNTRUSTED, REASON_HOP_TIMEOUT}[below(w, 3)]};
		fleet_trust_hop(&record[i], seen, below(w, SEEN_MAX + 1), "self", w->rules.probe_ttl_max_s, WORLD_NOW);
		bool changed = memcmp(&before.pkix, &record[i].pkix, sizeof before.pkix) != 0;
		bool known = schedule_age(before.pkix.conclusive.at, WORLD_NOW) <= w->rules.probe_ttl_max_s;
		assert_false(changed && known); /* evidence of our own stays */
		bad_kept += known && reason_class(before.pkix.conclusive.reason) == REASON_BAD;
		if (changed)
			assert_int_equal(reason_class(record[i].pkix.conclusive.reason), REASON_GOOD);
		hops_taken += changed;
		any = any || changed;
	}
	return any;
}

static void world_check(uint64_t seed)
{
	struct random_world world;
	struct entry after, hint;
	struct facts facts, hinted;
	struct hop_record *record = calloc(2 * WORLD_HOSTS, sizeof *record), *with = record + WORLD_HOSTS;
	random_world_make(&world, seed, false);
	for (unsigned i = 0; i < WORLD_HOSTS; i++)
		with[i] = record[i] = world.host[i].record;
	entry_copy(&after, &world.entry);
	memcpy(after.domain, world.question.domain, sizeof after.domain);
	hint_make(&world, &hint);
	enum fleet_trust trust = fleet_trust_entry(&after, &hint, "mx2", "self", WORLD_NOW);
	unconfirmed += trust == FLEET_TRUST_UNCONFIRMED;
	check_entry(seed, &world, &world.entry, &after, trust);
	bool any = hops_hint(&world, with);
	struct verdict plain = judge_stored(&facts, &world, &world.entry, record);
	struct verdict more = judge_stored(&hinted, &world, &after, with);
	/* What an enforce policy holds stays held, unless it only waited for evidence, and another relay has it. */
	bool enforced = plain.has_policy && plain.mode == POLICY_ENFORCE;
	if (enforced && !any && (more.kind != plain.kind || more.reason != plain.reason))
		fail_msg("world %llu: another verdict", (unsigned long long)seed);
	if (enforced && plain.kind == VERDICT_FAIL_ENFORCE && more.kind != VERDICT_FAIL_ENFORCE)
		fail_msg("world %llu: a failure was lifted", (unsigned long long)seed);
	/* Nothing that the shared store says holds mail that would pass, except by an enforce policy that is now known. */
	if (enforced && plain.kind == VERDICT_PASS && verdict_obstructs(&more) > verdict_obstructs(&plain))
		fail_msg("world %llu: mail is held", (unsigned long long)seed);
	facts_free(&facts);
	facts_free(&hinted);
	entry_free(&after);
	entry_free(&hint);
	random_world_free(&world);
	free(record);
}

static void test_never_weaker(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= WORLDS; seed++)
		world_check(seed);
	assert_true(taken[POLICY_NONE] > 10 && taken[POLICY_TESTING] > 10 && taken[POLICY_ENFORCE] > 100);
	assert_true(unconfirmed > 100 && hops_taken > 1000 && bad_kept > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_never_weaker)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
