#include "random_world.h"

#include "schedule.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOMAIN "example.com"
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* splitmix64 */
static uint64_t draw(struct random_world *w)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static unsigned below(struct random_world *w, unsigned limit)
{
	return (unsigned)(draw(w) % limit);
}

static bool chance(struct random_world *w, unsigned percent)
{
	return below(w, 100) < percent;
}

/* A time in the past, most often near one of the ages that matter; seldom never, or in the future. */
static int64_t some_time(struct random_world *w)
{
	static const int64_t ages[] = {0, 1, 30, 59, 60, 61, 65, 200, 295, 299, 300, 301, 600, 601, 3000, 3600, 3601,
		4 * 3600, 4 * 3600 + 2, 12 * 3600, DAY_S - 5, DAY_S, DAY_S + 1, DAY_S + 60, 2 * DAY_S, 40 * DAY_S};
	if (chance(w, 4))
		return 0;
	if (chance(w, 3))
		return WORLD_NOW + 10 + below(w, 2 * DAY_S);
	return WORLD_NOW - ages[below(w, COUNT(ages))];
}

static enum reason some_reason(struct random_world *w, enum reason_class class)
{
	enum reason reason;
	do
		reason = (enum reason)below(w, REASON_COUNT);
	while (reason_class(reason) != class || reason == REASON_PROBE_BUDGET || reason == REASON_NOT_YET_CHECKED ||
		reason == REASON_MX_NOT_IN_POLICY);
	return reason;
}

static enum reason some_sight(struct random_world *w, unsigned good)
{
	if (chance(w, good))
		return REASON_NONE;
	return some_reason(w, chance(w, 50) ? REASON_BAD : REASON_UNSURE);
}

/* Up to three pieces of evidence, oldest first. */
static void host_make(struct random_world *w, struct world_host *host, unsigned good)
{
	host->stored = chance(w, 70);
	int64_t at[3];
	size_t count = 1 + below(w, 3);
	for (size_t i = 0; i < count; i++) {
		at[i] = some_time(w);
		for (size_t j = i; j > 0 && at[j] < at[j - 1]; j--) {
			int64_t swap = at[j];
			at[j] = at[j - 1];
			at[j - 1] = swap;
		}
	}
	for (size_t i = 0; i < count && host->stored; i++) {
		struct evidence seen = {.at = at[i], .reason = some_sight(w, good)};
		if (seen.at == 0)
			continue;
		host->record.pkix.newest = seen;
		if (reason_class(seen.reason) != REASON_UNSURE)
			host->record.pkix.conclusive = seen;
		if (seen.reason == REASON_NONE)
			host->record.pkix.good = seen;
	}
	host->seen = chance(w, 8) ? REASON_PROBE_BUDGET : some_sight(w, good);
}

static void policy_make(struct random_world *w, struct policy *policy)
{
	static const enum policy_mode modes[] = {
		POLICY_ENFORCE, POLICY_ENFORCE, POLICY_ENFORCE, POLICY_TESTING, POLICY_NONE};
	memset(policy, 0, sizeof *policy);
	policy->mode = modes[below(w, COUNT(modes))];
	static const uint32_t ages[] = {0, 60, 7200, 604800, POLICY_AGE_MAX_S};
	policy->max_age_s = ages[below(w, COUNT(ages))];
	unsigned allowed = chance(w, 70) ? 100 : 80;
	for (size_t i = 0; i < WORLD_HOSTS; i++)
		if (chance(w, allowed))
			names_add(&policy->mx, w->host[i].name, strlen(w->host[i].name));
	if (chance(w, 20))
		names_add(&policy->mx, "*." DOMAIN, strlen("*." DOMAIN));
	if (policy->mx.count == 0)
		names_add(&policy->mx, "h0." DOMAIN, strlen("h0." DOMAIN));
}

static void mx_list(struct random_world *w, struct mx_set *set)
{
	static const unsigned sizes[] = {1, 1, 2, 2, 2, 3, 3, 4, 5, 8, 9, 11};
	set->state = MX_LISTED;
	unsigned size = sizes[below(w, COUNT(sizes))], first = below(w, WORLD_HOSTS - size), preference = 0;
	for (unsigned i = 0; i < size; i++) {
		preference += chance(w, 50) ? 0 : 10;
		const char *name = w->host[first + i].name;
		if (chance(w, 1))
			name = "";
		if (chance(w, 2))
			name = "relay.example.net";
		set->preference[set->names.count] = (uint16_t)preference;
		names_add(&set->names, name, strlen(name));
	}
}

static void mx_make(struct random_world *w, struct mx_set *set)
{
	static const uint32_t ttls[] = {0, 300, 3600, 86400};
	static const enum mx_state states[] = {MX_IMPLICIT, MX_NULL, MX_NO_DOMAIN, MX_TOO_LARGE};
	memset(set, 0, sizeof *set);
	set->ttl_s = ttls[below(w, COUNT(ttls))];
	if (chance(w, 80))
		mx_list(w, set);
	else
		set->state = states[below(w, COUNT(states))];
}

static void id_make(struct random_world *w, char id[RECORD_ID_MAX + 1])
{
	snprintf(id, RECORD_ID_MAX + 1, "%u", below(w, 3));
}

static void entry_policy_make(struct random_world *w, struct entry *entry)
{
	entry->has_policy = true;
	policy_make(w, &entry->policy);
	id_make(w, entry->policy_id);
	entry->policy_fetched_at = some_time(w);
	entry->policy_expires_at = entry->policy_fetched_at + entry->policy.max_age_s;
	if (chance(w, 60))
		entry->policy_expires_at = WORLD_NOW + 1 + below(w, 30 * DAY_S);
	entry->fetch_tried_at = entry->policy_fetched_at;
	memcpy(entry->fetch_tried_id, entry->policy_id, sizeof entry->fetch_tried_id);
}

static void entry_make(struct random_world *w)
{
	static const enum reason outcomes[] = {REASON_NONE, REASON_NONE, REASON_NONE, REASON_NO_RECORD,
		REASON_RECORD_INVALID, REASON_RECORD_MANY, REASON_RECORD_LOOKUP, REASON_RESOLVER};
	static const enum reason fetches[] = {
		REASON_POLICY_FETCH, REASON_POLICY_INVALID, REASON_POLICY_WEBPKI, REASON_RESOLVER};
	struct entry *entry = &w->entry;
	entry_init(entry, DOMAIN);
	w->has_entry = chance(w, 85);
	entry->record_checked_at = some_time(w);
	entry->record_outcome = outcomes[below(w, COUNT(outcomes))];
	entry->record_ttl_s = below(w, 2) * 3600;
	if (entry->record_outcome == REASON_NONE)
		id_make(w, entry->record_id);
	if (chance(w, 80))
		entry_policy_make(w, entry);
	if (chance(w, 25)) {
		entry->fetch_tried_at = some_time(w);
		entry->fetch_outcome = fetches[below(w, COUNT(fetches))];
		entry->fetch_failures = 1 + below(w, 5);
		id_make(w, entry->fetch_tried_id);
	}
	if (chance(w, 80)) {
		mx_make(w, &entry->mx);
		entry->mx.checked_at = some_time(w);
	}
	entry->first_used_day = schedule_day(WORLD_NOW) - (int)below(w, 5);
	entry->last_used_day = schedule_day(WORLD_NOW) - (int)below(w, 3);
}

static void answers_make(struct random_world *w)
{
	static const enum reason records[] = {
		REASON_NO_RECORD, REASON_RECORD_INVALID, REASON_RECORD_MANY, REASON_RECORD_LOOKUP, REASON_RESOLVER};
	static const enum reason fetches[] = {
		REASON_POLICY_FETCH, REASON_POLICY_INVALID, REASON_POLICY_WEBPKI, REASON_RESOLVER};
	w->record.outcome = chance(w, 70) ? REASON_NONE : records[below(w, COUNT(records))];
	w->record.ttl_s = below(w, 2) * 3600;
	id_make(w, w->record.record.id);
	w->policy.outcome = chance(w, 70) ? REASON_NONE : fetches[below(w, COUNT(fetches))];
	if (w->policy.outcome == REASON_NONE)
		policy_make(w, &w->policy.policy);
	w->mx.outcome = chance(w, 85) ? REASON_NONE : chance(w, 50) ? REASON_MX_LOOKUP : REASON_RESOLVER;
	if (w->mx.outcome == REASON_NONE)
		mx_make(w, &w->mx.set);
}

static void rules_make(struct random_world *w)
{
	w->rules = (struct rules){
		.probe = !chance(w, 10),
		.mta_enforces = chance(w, 15),
		.first_contact = chance(w, 50) ? FIRST_CONTACT_DEFER : FIRST_CONTACT_ACCEPT,
		.on_internal_error = chance(w, 50) ? ON_INTERNAL_ERROR_DEFER : ON_INTERNAL_ERROR_ACCEPT,
		.probe_ttl_ok_s = 4 * 3600,
		.probe_ttl_fail_s = 60,
		.probe_ttl_max_s = DAY_S,
		.refresh_interval_s = DAY_S,
		.forget_after_s = 180 * DAY_S,
	};
	names_add(&w->rules.own_hosts, "relay.example.net", strlen("relay.example.net"));
	const char *exempt = chance(w, 2) ? DOMAIN : "example.org";
	names_add(&w->rules.exempt_domains, exempt, strlen(exempt));
}

static void question_make(struct random_world *w)
{
	static const enum purpose others[] = {PURPOSE_MAP, PURPOSE_REFRESH, PURPOSE_QUERY};
	struct question *q = &w->question;
	enum purpose purpose = chance(w, 80) ? PURPOSE_DELIVER : others[below(w, COUNT(others))];
	const char *hop = chance(w, 93) ? DOMAIN : "[" DOMAIN "]:587";
	if (chance(w, 1))
		hop = "[192.0.2.1]";
	question_from_next_hop(q, hop, strlen(hop), purpose);
}

void random_world_make(struct random_world *w, uint64_t seed)
{
	memset(w, 0, sizeof *w);
	w->random = seed * 0xd1342543de82ef95u + 1;
	unsigned good = chance(w, 40) ? 95 : chance(w, 50) ? 75 : 40;
	for (unsigned i = 0; i < WORLD_HOSTS - 1; i++)
		snprintf(w->host[i].name, sizeof w->host[i].name, "h%x." DOMAIN, i);
	snprintf(w->host[WORLD_HOSTS - 1].name, DOMAIN_SIZE, DOMAIN);
	for (unsigned i = 0; i < WORLD_HOSTS; i++)
		host_make(w, &w->host[i], good);
	rules_make(w);
	question_make(w);
	entry_make(w);
	answers_make(w);
	w->store_broken = chance(w, 2);
	w->evidence_broken = chance(w, 1);
	w->forced = w->question.purpose == PURPOSE_REFRESH && chance(w, 50);
}

void random_world_free(struct random_world *w)
{
	names_free(&w->rules.own_hosts);
	names_free(&w->rules.exempt_domains);
	entry_free(&w->entry);
	policy_found_free(&w->policy);
	mx_found_free(&w->mx);
}

static struct world_host *host_find(struct random_world *w, const char *name)
{
	for (size_t i = 0; i < WORLD_HOSTS; i++)
		if (strcmp(w->host[i].name, name) == 0)
			return &w->host[i];
	return NULL;
}

static void evidence_obtain(struct random_world *w, struct facts *facts, const struct want *want)
{
	const struct world_host *host = host_find(w, want->name);
	assert(host);
	if (w->evidence_broken)
		facts_learn_store_broken(facts);
	else
		facts_learn_evidence(facts, want->name, want->port, host->stored ? &host->record : NULL);
}

static void probe_obtain(struct random_world *w, struct facts *facts, const struct want *want)
{
	const struct world_host *host = host_find(w, want->name);
	assert(host);
	struct evidence seen = {.at = facts->now, .reason = host->seen};
	facts_learn_probe(facts, want->name, want->port, false, &seen);
}

void random_world_obtain(struct random_world *w, struct facts *facts, const struct want *want)
{
	if (want_is_remote(want->kind))
		facts->now += below(w, 4);
	switch (want->kind) {
	case WANT_NOTHING:
		return;
	case WANT_ENTRY:
		if (w->store_broken)
			facts_learn_store_broken(facts);
		else
			facts_learn_store(facts, w->has_entry ? &w->entry : NULL);
		return;
	case WANT_EVIDENCE:
		evidence_obtain(w, facts, want);
		return;
	case WANT_RECORD:
		facts_learn_record(facts, &w->record);
		return;
	case WANT_POLICY:
		facts_learn_policy(facts, &w->policy, facts->entry.record_id);
		return;
	case WANT_MX:
		facts_learn_mx(facts, &w->mx);
		return;
	case WANT_TLSA: /* the worlds are without DANE: test_verdict_dane has those */
		assert(false);
		return;
	case WANT_PROBE:
		probe_obtain(w, facts, want);
		return;
	}
}
