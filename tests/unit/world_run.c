#include "world_run.h"

static void history_say(const char *name, const struct probe_history *history, int64_t now)
{
	print_error("      %s newest %s conclusive %s age %lld id %llu\n", name, reason_name(history->newest.reason),
		reason_name(history->conclusive.reason), (long long)(now - history->conclusive.at),
		(unsigned long long)history->conclusive.tlsa_id);
}

static void hop_say(const struct hop_fact *hop, int64_t now)
{
	const struct tlsa_lookup *look = &hop->record.tlsa;
	print_error("    %s:%u read %d tried %d dane_tried %d tlsa_tried %d refused %d\n", hop->host, hop->port,
		hop->read, hop->tried, hop->dane_tried, hop->tlsa_tried, hop->refused);
	print_error("      tlsa %s age %lld id %llu\n", tlsa_state_name(look->state),
		(long long)(now - look->checked_at), (unsigned long long)look->id);
	history_say("pkix", &hop->record.pkix, now);
	history_say("dane", &hop->record.dane, now);
}

static void facts_say(const struct facts *f)
{
	const struct mx_set *mx = &f->entry.mx;
	print_error("  mx state %d secure %d age %lld\n", mx->state, mx->secure, (long long)(f->now - mx->checked_at));
	uint32_t i = 0;
	for (const char *n = names_next(&mx->names, NULL); n; n = names_next(&mx->names, n), i++)
		print_error("    %u %s\n", mx->preference[i], n);
	for (unsigned h = 0; h < f->hop_count; h++)
		hop_say(&f->hop[h], f->now);
}

void run_say(const struct run *run, const char *what)
{
	print_error("world %llu: %s\n", (unsigned long long)run->seed, what);
	const struct random_world *w = &run->world;
	print_error("  purpose %d probe %d mta_enforces %d first_contact %d forced %d store_broken %d entry %d dane %d "
		    "no_dane %d\n",
		w->question.purpose, w->rules.probe, w->rules.mta_enforces, w->rules.first_contact_defers, w->forced,
		w->store_broken, w->has_entry, w->dane, w->question.no_dane);
	for (int i = 0; i < run->count; i++) {
		const struct step *s = &run->steps[i];
		print_error("  %2d want %s%s %s:%u so far %s [%s] %s hop %s%s%s\n", i, s->want.dane ? "dane " : "",
			want_name(s->want.kind), s->want.name, s->want.port, verdict_name(s->verdict.kind),
			reason_name(s->verdict.reason), binding_name(s->verdict.binding), s->verdict.hop,
			run->live[i] ? " (enforce)" : "", run->testing[i] ? " (testing)" : "");
	}
	facts_say(&run->facts);
}

static void run_start(struct run *run, uint64_t seed, bool hostile)
{
	run->seed = seed;
	run->count = run->remote = 0;
	random_world_make(&run->world, seed, hostile);
	facts_init(&run->facts, &run->world.question, &run->world.rules, WORLD_NOW);
	run->facts.forced = run->world.forced;
	run->facts.dane = run->world.dane;
}

static bool run_step(struct run *run)
{
	const struct policy *policy = oracle_policy(&run->facts);
	struct step *step = &run->steps[run->count];
	run->live[run->count] = policy && policy->mode == POLICY_ENFORCE;
	run->testing[run->count] = policy && policy->mode == POLICY_TESTING;
	run->dane[run->count] = oracle_dane(&run->facts);
	*step = verdict_next(&run->facts);
	run->count++;
	if (step->want.kind == WANT_NOTHING)
		return false;
	HOLDS(run, run->count <= STEPS_MAX);
	for (int i = 0; i < run->count - 1; i++)
		HOLDS(run, !want_same(&run->steps[i].want, &step->want));
	run->remote += want_is_remote(step->want.kind);
	random_world_obtain(&run->world, &run->facts, &step->want);
	return true;
}

void run_make(struct run *run, uint64_t seed, bool hostile)
{
	run_start(run, seed, hostile);
	while (run_step(run))
		;
}

static void policy_raise(struct policy *policy)
{
	if (policy->mode == POLICY_TESTING)
		policy->mode = POLICY_ENFORCE;
}

void run_make_under(struct run *run, uint64_t seed, enum override_kind override, bool strict)
{
	run_start(run, seed, false);
	run->world.override = override;
	if (strict) {
		policy_raise(&run->world.entry.policy);
		policy_raise(&run->world.policy.policy);
	}
	while (run_step(run))
		;
}

void run_make_level(struct run *run, uint64_t seed, bool hostile)
{
	run_start(run, seed, hostile);
	run->world.rules.default_verify = true;
	while (run_step(run))
		;
}

void run_make_requiretls(struct run *run, uint64_t seed, bool hostile)
{
	run_start(run, seed, hostile);
	run->facts.question.requiretls = true;
	while (run_step(run))
		;
}

void run_free(struct run *run)
{
	facts_free(&run->facts);
	random_world_free(&run->world);
}

const struct verdict *run_verdict(const struct run *run)
{
	return &run->steps[run->count - 1].verdict;
}
