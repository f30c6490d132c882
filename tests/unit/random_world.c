#include "random_draw.h"

#include "schedule.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 32

static const char *host_name(const struct random_world *w, unsigned i, char name[NAME_SIZE])
{
	if (i == w->names - 1)
		snprintf(name, NAME_SIZE, DOMAIN);
	else
		snprintf(name, NAME_SIZE, "h%x." DOMAIN, i);
	return name;
}

static void policy_make(struct random_world *w, struct policy *policy)
{
	static const enum policy_mode modes[] = {
		POLICY_ENFORCE, POLICY_ENFORCE, POLICY_ENFORCE, POLICY_TESTING, POLICY_NONE};
	memset(policy, 0, sizeof *policy);
	policy->mode = modes[below(w, COUNT(modes))];
	static const uint32_t ages[] = {0, 60, 7200, 604800, POLICY_AGE_MAX_S};
	policy->max_age_s = ages[below(w, COUNT(ages))];
	static const unsigned few[] = {100, 50, 20};
	unsigned allowed = w->hostile ? few[below(w, COUNT(few))] : chance(w, 70) ? 100 : 80;
	char name[NAME_SIZE];
	for (unsigned i = 0; i < w->names; i++) {
		host_name(w, i, name);
		if (chance(w, allowed))
			names_add(&policy->mx, name, strlen(name));
	}
	if (chance(w, 20))
		names_add(&policy->mx, "*." DOMAIN, strlen("*." DOMAIN));
	if (policy->mx.count == 0)
		names_add(&policy->mx, "h0." DOMAIN, strlen("h0." DOMAIN));
}

static void mx_list(struct random_world *w, struct mx_set *set)
{
	static const unsigned sizes[] = {1, 1, 2, 2, 2, 3, 3, 4, 5, 8, 9, 11};
	set->state = MX_LISTED;
	unsigned size = w->hostile ? 1 + below(w, w->names - 1) : sizes[below(w, COUNT(sizes))];
	unsigned first = below(w, w->names - size), preference = 0;
	char own[NAME_SIZE];
	for (unsigned i = 0; i < size; i++) {
		preference += chance(w, 50) ? 0 : 10;
		const char *name = host_name(w, first + i, own);
		if (chance(w, 1))
			name = "";
		if (chance(w, 2))
			name = OWN_HOST;
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
	set->secure = chance(w, 60);
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
	static const enum reason outcomes[] = {REASON_OK, REASON_OK, REASON_OK, REASON_NO_RECORD, REASON_RECORD_INVALID,
		REASON_RECORD_MANY, REASON_RECORD_LOOKUP, REASON_RESOLVER};
	static const enum reason fetches[] = {
		REASON_POLICY_FETCH, REASON_POLICY_INVALID, REASON_POLICY_WEBPKI, REASON_RESOLVER};
	struct entry *entry = &w->entry;
	entry_init(entry, DOMAIN);
	w->has_entry = chance(w, 85);
	entry->record_checked_at = some_time(w);
	entry->record_outcome = outcomes[below(w, COUNT(outcomes))];
	entry->record_ttl_s = below(w, 2) * 3600;
	if (entry->record_outcome == REASON_OK)
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
	w->record.outcome = chance(w, 70) ? REASON_OK : records[below(w, COUNT(records))];
	w->record.ttl_s = below(w, 2) * 3600;
	id_make(w, w->record.record.id);
	w->policy.outcome = chance(w, 70) ? REASON_OK : fetches[below(w, COUNT(fetches))];
	if (w->policy.outcome == REASON_OK)
		policy_make(w, &w->policy.policy);
	w->mx.outcome = chance(w, 85) ? REASON_OK : chance(w, 50) ? REASON_MX_LOOKUP : REASON_RESOLVER;
	if (w->mx.outcome == REASON_OK)
		mx_make(w, &w->mx.set);
}

static void rules_make(struct random_world *w)
{
	w->rules = (struct rules){
		.probe = !chance(w, 10),
		.mta_enforces = chance(w, 15),
		.first_contact_defers = chance(w, 50),
		.internal_error_defers = chance(w, 50),
		.probe_ttl_ok_s = 4 * 3600,
		.probe_ttl_fail_s = 60,
		.probe_ttl_max_s = DAY_S,
		.refresh_interval_s = DAY_S,
		.forget_after_s = 180 * DAY_S,
	};
	names_add(&w->rules.own_hosts, OWN_HOST, strlen(OWN_HOST));
	const char *exempt = chance(w, 2) ? DOMAIN : "example.org";
	names_add(&w->rules.exempt_domains, exempt, strlen(exempt));
}

static void question_make(struct random_world *w)
{
	static const enum purpose others[] = {PURPOSE_MAP, PURPOSE_MAP, PURPOSE_MAP, PURPOSE_REFRESH, PURPOSE_QUERY};
	struct question *q = &w->question;
	enum purpose purpose = chance(w, 65) ? PURPOSE_DELIVER : others[below(w, COUNT(others))];
	const char *hop = chance(w, 93) ? DOMAIN : "[" DOMAIN "]:587";
	if (chance(w, 1))
		hop = "[192.0.2.1]";
	question_from_next_hop(q, hop, strlen(hop), purpose);
	q->no_dane = chance(w, 10);
}

/* Chooses how likely good probes and usable TLSA records are in this world. */
static void mood_make(struct random_world *w)
{
	static const unsigned usable[] = {0, 0, 30, 60, 95};
	static const unsigned trouble[] = {0, 15, 50, 95};
	w->good = chance(w, 40) ? 95 : chance(w, 50) ? 75 : 40;
	w->usable = usable[below(w, COUNT(usable))];
	w->tlsa_trouble = trouble[below(w, COUNT(trouble))];
}

static void hosts_make(struct random_world *w)
{
	char name[NAME_SIZE];
	for (unsigned i = 0; i < WORLD_HOSTS; i++) {
		snprintf(w->host[i].name, sizeof w->host[i].name, "%s", host_name(w, i, name));
		host_make(w, &w->host[i]);
	}
	snprintf(w->host[WORLD_HOSTS].name, sizeof w->host[WORLD_HOSTS].name, OWN_HOST);
	host_make(w, &w->host[WORLD_HOSTS]);
}

void random_world_make(struct random_world *w, uint64_t seed, bool hostile)
{
	memset(w, 0, sizeof *w);
	w->random = seed * 0xd1342543de82ef95u + 1;
	w->hostile = hostile;
	w->names = hostile ? WORLD_NAMES_HOSTILE : WORLD_HOSTS;
	w->dane = chance(w, 50);
	mood_make(w);
	if (!hostile)
		hosts_make(w);
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

/* Finds a host. In a hostile world each call makes a new one. */
static const struct world_host *host_find(struct random_world *w, const char *name)
{
	if (w->hostile) {
		host_make(w, &w->host[0]);
		return &w->host[0];
	}
	for (size_t i = 0; i <= WORLD_HOSTS; i++)
		if (strcmp(w->host[i].name, name) == 0)
			return &w->host[i];
	assert(false);
	return NULL;
}

static void entry_obtain(const struct random_world *w, struct facts *facts)
{
	const struct override override = {.kind = w->override,
		.domain = OVERRIDE_ALL,
		.begins_at = WORLD_NOW - 60,
		.ends_at = INT64_MAX,
		.asn = {w->override == OVERRIDE_PIN ? 64500 : 0, w->override == OVERRIDE_PIN ? 64502 : 0}};
	if (w->override != OVERRIDE_NONE)
		facts_learn_override(facts, &override);
	facts_learn_store(facts, w->has_entry ? &w->entry : NULL);
}

static void evidence_obtain(struct random_world *w, struct facts *facts, const struct want *want)
{
	const struct world_host *host = host_find(w, want->name);
	if (w->evidence_broken)
		facts_learn_store_broken(facts);
	else
		facts_learn_evidence(facts, want->name, want->port, host->stored ? &host->record : NULL);
}

static void tlsa_obtain(struct facts *facts, const struct want *want, const struct tlsa_lookup *look)
{
	struct tlsa_lookup found = *look;
	found.checked_at = facts->now;
	facts_learn_tlsa(facts, want->name, want->port, &found);
}

/* Answers a probe. One by TLSA records looks the records up again, and is judged by what it finds. */
static void probe_obtain(struct random_world *w, struct facts *facts, const struct want *want)
{
	const struct world_host *host = host_find(w, want->name);
	struct evidence seen = {.at = facts->now, .reason = host->seen};
	if (want->dane) {
		tlsa_obtain(facts, want, &host->look_of_probe);
		bool usable = host->look_of_probe.state == TLSA_USABLE;
		seen = usable ? host->seen_by_dane : (struct evidence){.at = 0};
		seen.at = usable ? facts->now : 0;
		seen.tlsa_id = host->look_of_probe.id;
	}
	place_copy(&seen, &host->place);
	facts_learn_probe(facts, want->name, want->port, want->dane, &seen);
}

static void clock_run(struct random_world *w, struct facts *facts)
{
	facts->now += below(w, 4);
	if (w->hostile && chance(w, 10))
		facts->now += (int64_t)below(w, 4 * DAY_S) - 2 * DAY_S;
}

void random_world_obtain(struct random_world *w, struct facts *facts, const struct want *want)
{
	if (want_is_remote(want->kind))
		clock_run(w, facts);
	switch (want->kind) {
	case WANT_NOTHING:
		return;
	case WANT_ENTRY:
		if (w->store_broken)
			facts_learn_store_broken(facts);
		else
			entry_obtain(w, facts);
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
	case WANT_TLSA:
		tlsa_obtain(facts, want, &host_find(w, want->name)->look);
		return;
	case WANT_PROBE:
		probe_obtain(w, facts, want);
		return;
	}
}
