#include "storm.h"

#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FORGOTTEN_S (25 * 3600)

const struct place place[DOMAINS] = {
	[HOP] = {"hop.example", "mx.hop.example", NULL, true},           /* a hop whose conduct changes */
	[POLICY] = {"policy.example", "mx.policy.example", NULL, true},  /* every second policy does not name its hop */
	[MODE] = {"mode.example", "mx.mode.example", NULL, true},        /* all modes in turn; the hop is bad */
	[FORGET] = {"forget.example", "mx.hop.example", NULL, false},    /* the other process forgets it */
	[EXEMPT] = {"exempt.example", "mx.exempt.example", NULL, false}, /* exempt by one of the settings */
	[NOTHING] = {"nothing.example", "mx.nothing.example", NULL, false}, /* without a record */
	[TWO] = {"two.example", "a.two.example", "b.two.example", false},   /* the second hop's conduct changes */
};

static const char *const hop_name[HOPS] = {"mx.hop.example", "b.two.example"};
static const enum reason conducts[] = {REASON_OK, REASON_STARTTLS_MISSING, REASON_HOP_TIMEOUT, REASON_CERT_EXPIRED};

const char *const set_text[SETS] = {"mta_enforces=no", "mta_enforces=yes", "exempt_domains=exempt.example"};

/* --- the world ---------------------------------------------------------------------------------------------------- */

static enum policy_mode mode_of(int at, unsigned version)
{
	static const enum policy_mode turn[] = {POLICY_ENFORCE, POLICY_TESTING, POLICY_NONE};
	return at == MODE ? turn[version % 3] : POLICY_ENFORCE;
}

static bool names_hop(int at, unsigned version)
{
	return at != POLICY || version % 2 == 1;
}

/* Each policy names a host of its own, by which it is recognized. */
static void world_publish(int at, unsigned version)
{
	const struct place *p = &place[at];
	char name[64], text[400];
	const char *record = text;
	int len =
		snprintf(text, sizeof text, "version: STSv1\nmode: %s\nmax_age: 2592000\nmx: %s%s\nmx: v%u.%s\n%s%s\n",
			policy_mode_name(mode_of(at, version)), names_hop(at, version) ? "" : "not-", p->mx, version,
			p->domain, p->worse_mx ? "mx: " : "", p->worse_mx ? p->worse_mx : "");
	world_policy(p->domain, text, (size_t)len);
	snprintf(name, sizeof name, "_mta-sts.%s", p->domain);
	snprintf(text, sizeof text, "v=STSv1; id=%u;", version);
	assert_true(world_dns(name, DNS_TXT, 300, &record, 1));
}

void storm_build(struct storm *storm)
{
	for (int at = 0; at < DOMAINS; at++) {
		const struct place *p = &place[at];
		char mx[2][64];
		const char *records[] = {mx[0], mx[1]};
		snprintf(mx[0], sizeof mx[0], "10 %s", p->mx);
		snprintf(mx[1], sizeof mx[1], "20 %s", p->worse_mx ? p->worse_mx : "");
		assert_true(world_dns(p->domain, DNS_MX, 3600, records, p->worse_mx ? 2 : 1));
		world_address(p->mx);
		world_hop(p->mx, at == MODE ? REASON_STARTTLS_MISSING : REASON_OK, 0x0304);
		storm->now.version[at] = 1;
		if (at != NOTHING)
			world_publish(at, 1);
	}
	world_address(hop_name[HOP_B]);
	world_hop(hop_name[HOP_B], REASON_OK, 0x0304);
	world_delay(200);
}

unsigned storm_random(struct storm *storm, unsigned below)
{
	storm->seed = storm->seed * 1664525u + 1013904223u;
	return (storm->seed >> 8) % below;
}

/* The change in the middle of a round. Publishers change the policy before the record. */
void storm_change(struct storm *storm)
{
	storm->changed = 1;
	for (int hop = 0; hop < HOPS; hop++)
		world_hop(hop_name[hop], storm->next.conduct[hop], 0x0304);
	for (int at = 0; at < DOMAINS; at++)
		if (storm->next.version[at] != storm->now.version[at])
			world_publish(at, storm->next.version[at]);
	check_reconfigure(storm->product.check, storm->config[storm->next.set]);
	for (int at = 0; at < DOMAINS; at++)
		check_refresh(storm->product.check, place[at].domain, storm_random(storm, 2) == 0);
}

void storm_plan(struct storm *storm)
{
	storm->next = storm->now;
	for (int hop = 0; hop < HOPS; hop++)
		storm->next.conduct[hop] = conducts[storm_random(storm, 4)];
	for (int at = 0; at < DOMAINS; at++)
		storm->next.version[at] += place[at].republished && storm_random(storm, 2);
	storm->next.set = storm_random(storm, SETS);
	storm->changed = 0;
	storm->over = false;
	for (int at = 0; at < DOMAINS; at++)
		storm->lowest[at] = at == FORGET ? 0 : storm->told[at];
}

void storm_close(struct storm *storm)
{
	static const int64_t steps_s[] = {30, 150, 400, 5 * 3600, FORGOTTEN_S, FORGOTTEN_S};
	for (int hop = 0; hop < HOPS; hop++)
		storm->remembered[hop] |= 1u << storm->now.conduct[hop] | 1u << storm->next.conduct[hop];
	storm->now = storm->next;
	storm->advanced_s = steps_s[storm_random(storm, 6)];
	if (storm->advanced_s == FORGOTTEN_S)
		memset(storm->remembered, 0, sizeof storm->remembered);
	world_advance(storm->advanced_s);
}

/* --- what is right ------------------------------------------------------------------------------------------------ */

static bool set_may(const struct call *call, unsigned set)
{
	const struct storm *storm = call->storm;
	return storm->now.set == set || (call->changed && storm->next.set == set);
}

static bool alone_may(const struct call *call)
{
	return set_may(call, SET_ALONE) || set_may(call, SET_EXEMPT);
}

static unsigned newest(const struct call *call)
{
	const struct storm *storm = call->storm;
	return call->changed ? storm->next.version[call->at] : storm->now.version[call->at];
}

/* A hop's conduct as bits: what it has shown in this round. */
static unsigned shown(const struct call *call, int hop)
{
	const struct storm *storm = call->storm;
	return 1u << storm->now.conduct[hop] | (call->changed ? 1u << storm->next.conduct[hop] : 0);
}

/* Good evidence counts until its hard age. Bad evidence holds mail for a minute, or as long as newer probes are
 * inconclusive. Inconclusive evidence counts for five minutes. */
static bool seen_may(const struct call *call, int hop, enum reason reason)
{
	const struct storm *storm = call->storm;
	unsigned bit = 1u << reason, unsure = 1u << REASON_HOP_TIMEOUT;
	if (shown(call, hop) & bit)
		return true;
	if (!(storm->remembered[hop] & bit))
		return false;
	if (reason == REASON_OK)
		return true;
	if (bit == unsure)
		return storm->advanced_s < 300;
	return storm->advanced_s <= 60 || (shown(call, hop) & unsure);
}

static bool hop_right(const struct call *call, const struct verdict *v)
{
	switch (v->kind) {
	case VERDICT_PASS:
		return seen_may(call, HOP_MX, v->reason) &&
		       (v->reason == REASON_OK || (v->reason == REASON_HOP_TIMEOUT && set_may(call, SET_BESIDE_MAP)));
	case VERDICT_FAIL_ENFORCE:
		return v->reason != REASON_OK && v->reason != REASON_HOP_TIMEOUT && seen_may(call, HOP_MX, v->reason) &&
		       strcmp(v->hop, hop_name[HOP_MX]) == 0;
	case VERDICT_DEFER:
		return v->reason == REASON_HOP_TIMEOUT && seen_may(call, HOP_MX, v->reason) && alone_may(call);
	case VERDICT_NONE:
	case VERDICT_FAIL_TESTING:
		break;
	}
	return false;
}

/* The better hop is good. A worse one that is bad fails the domain unless the MTA asks the map. A hop that is
 * unknown is probed in the background. */
static bool two_right(const struct call *call, const struct verdict *v)
{
	if (v->kind == VERDICT_FAIL_ENFORCE)
		return alone_may(call) && v->reason != REASON_OK && v->reason != REASON_HOP_TIMEOUT &&
		       seen_may(call, HOP_B, v->reason) && strcmp(v->hop, hop_name[HOP_B]) == 0;
	unsigned unsure = (shown(call, HOP_B) | call->storm->remembered[HOP_B]) & 1u << REASON_HOP_TIMEOUT;
	bool harmless = seen_may(call, HOP_B, REASON_OK) || unsure || call->storm->advanced_s == FORGOTTEN_S;
	return v->kind == VERDICT_PASS && v->reason == REASON_OK && (set_may(call, SET_BESIDE_MAP) || harmless);
}

static bool verdict_is(const struct verdict *v, enum verdict_kind kind, enum reason reason)
{
	return v->kind == kind && v->reason == reason;
}

/* A host that was never good has the smallest part of the probe budget (design 5.15). On a busy machine, more of its probes
 * than that fall into one minute of the world's clock. Then mail waits, or passes unchecked if the world's clock has jumped by
 * 90 s since the refusal (design 4.11). */
static bool is_out_of_budget(const struct verdict *v)
{
	return v->reason == REASON_PROBE_BUDGET &&
	       (v->kind == VERDICT_DEFER || v->kind == VERDICT_PASS || v->mode == POLICY_TESTING);
}

static bool delivery_right(const struct call *call, const struct verdict *v, unsigned version)
{
	enum policy_mode mode = mode_of(call->at, version);
	if (mode == POLICY_NONE)
		return verdict_is(v, VERDICT_NONE, REASON_POLICY_MODE_NONE);
	if (!names_hop(call->at, version))
		return verdict_is(v, VERDICT_FAIL_ENFORCE, REASON_MX_NOT_IN_POLICY);
	switch (call->at) {
	case HOP:
	case FORGET:
		return hop_right(call, v);
	case TWO:
		return two_right(call, v);
	case MODE:
		return is_out_of_budget(v) ||
		       verdict_is(v, mode == POLICY_ENFORCE ? VERDICT_FAIL_ENFORCE : VERDICT_FAIL_TESTING,
			       REASON_STARTTLS_MISSING);
	default:
		return verdict_is(v, VERDICT_PASS, REASON_OK);
	}
}

/* The policy in a map reply is one that was published, and is complete. */
static bool map_right(const struct call *call, const struct outcome *outcome, unsigned version)
{
	const struct place *p = &place[call->at];
	const struct policy *policy = &outcome->policy;
	char own[64], mx[64];
	switch (mode_of(call->at, version)) {
	case POLICY_NONE:
		return verdict_is(&outcome->verdict, VERDICT_NONE, REASON_POLICY_MODE_NONE);
	case POLICY_TESTING:
		return verdict_is(&outcome->verdict, VERDICT_NONE, REASON_POLICY_MODE_TESTING);
	case POLICY_ENFORCE:
		break;
	}
	snprintf(own, sizeof own, "v%u.%s", version, p->domain);
	snprintf(mx, sizeof mx, "%s%s", names_hop(call->at, version) ? "" : "not-", p->mx);
	return verdict_is(&outcome->verdict, VERDICT_PASS, REASON_OK) && policy->mode == POLICY_ENFORCE &&
	       policy->mx.count == (p->worse_mx ? 3 : 2) && names_have(&policy->mx, own) && names_have(&policy->mx, mx);
}

/* Under the id of a record, the policy of that moment was fetched, or one that was published a little later. */
static bool with_policy_right(const struct call *call, const struct outcome *outcome, unsigned id)
{
	const struct verdict *v = &outcome->verdict;
	const struct storm *storm = call->storm;
	/* Before mail is held, a newer policy is looked up (RFC 8461 5), at most every five minutes. */
	if (v->kind == VERDICT_FAIL_ENFORCE && storm->advanced_s > 360 && id < storm->now.version[call->at])
		return false;
	for (unsigned version = id; version <= newest(call); version++) {
		if (v->mode != mode_of(call->at, version))
			continue;
		if (call->purpose == PURPOSE_MAP ? map_right(call, outcome, version) : delivery_right(call, v, version))
			return true;
	}
	return false;
}

static bool so_far_right(const struct call *call, const struct verdict *v)
{
	if (!v->has_policy)
		return v->reason == REASON_FIRST_CONTACT &&
		       v->kind == (call->purpose == PURPOSE_MAP ? VERDICT_DEFER : VERDICT_NONE) &&
		       (call->lowest == 0 || call->may_be_new);
	if (v->mode != POLICY_ENFORCE)
		return verdict_is(v, VERDICT_NONE, REASON_NOT_YET_CHECKED);
	return v->kind == VERDICT_DEFER ||
	       (verdict_is(v, VERDICT_PASS, REASON_NOT_YET_CHECKED) && set_may(call, SET_BESIDE_MAP));
}

static bool outcome_right(const struct call *call, const struct outcome *outcome)
{
	const struct verdict *v = &outcome->verdict;
	unsigned id = (unsigned)strtoul(v->policy_id, NULL, 10);
	if (strcmp(v->domain, place[call->at].domain) != 0)
		return false;
	if (call->at == EXEMPT && v->reason == REASON_EXEMPT)
		return v->kind == VERDICT_NONE && (outcome->final || !call->at_once) && set_may(call, SET_EXEMPT);
	if (call->at == EXEMPT && !set_may(call, SET_ALONE) && !set_may(call, SET_BESIDE_MAP))
		return call->may_be_new && !outcome->final;
	if (v->has_policy && (id < call->lowest || id > newest(call) || id == 0))
		return false;
	if (!outcome->final)
		return so_far_right(call, v);
	if (call->at == NOTHING)
		return verdict_is(v, VERDICT_NONE, REASON_NO_RECORD) && !v->has_policy;
	return v->has_policy && with_policy_right(call, outcome, id);
}

static void wrong_keep(const struct call *call, const struct outcome *outcome)
{
	struct storm *storm = call->storm;
	const struct verdict *v = &outcome->verdict;
	lock_take(&storm->lock);
	if (storm->wrong++ == 0)
		snprintf(storm->first_wrong, sizeof storm->first_wrong,
			"%s %s: %s %s hop=%s id=%s mode=%d final=%d, known=%u now=%u next=%u changed=%d set=%u,%u "
			"conduct=%s,%s;%s,%s remembered=%x,%x advanced=%lld",
			v->domain, call->purpose == PURPOSE_MAP ? "map" : "deliver", verdict_name(v->kind),
			reason_name(v->reason), v->hop, v->policy_id, v->has_policy ? (int)v->mode : -1, outcome->final,
			call->lowest, storm->now.version[call->at], storm->next.version[call->at], call->changed,
			storm->now.set, storm->next.set, reason_name(storm->now.conduct[0]),
			reason_name(storm->next.conduct[0]), reason_name(storm->now.conduct[1]),
			reason_name(storm->next.conduct[1]), storm->remembered[0], storm->remembered[1],
			(long long)storm->advanced_s);
	lock_drop(&storm->lock);
}

static void told_raise(atomic_uint *told, unsigned version)
{
	unsigned old = *told;
	while (old < version && !atomic_compare_exchange_weak(told, &old, version))
		;
}

void storm_judge(struct call *call, struct outcome *outcome)
{
	struct storm *storm = call->storm;
	call->changed = storm->changed;
	if (!outcome_right(call, outcome))
		wrong_keep(call, outcome);
	if (outcome->verdict.has_policy && outcome->final)
		told_raise(&storm->told[call->at], (unsigned)strtoul(outcome->verdict.policy_id, NULL, 10));
	if (outcome->final)
		storm->kinds[outcome->verdict.kind]++;
	outcome_free(outcome);
}
