/* What the hint of another relay may change (core/fleet_trust.h). */
#include "cm.h"

#include "fleet_trust.h"
#include "schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1760000000)
#define HOUR 3600

static void record_set(struct entry *entry, int64_t at, const char *id)
{
	struct record_found found = {.outcome = *id ? REASON_OK : REASON_NO_RECORD, .ttl_s = 300};
	strncpy(found.record.id, id, RECORD_ID_MAX);
	entry_learn_record(entry, &found, at);
}

static void policy_set(struct entry *entry, int64_t at, enum policy_mode mode, const char *id, uint32_t max_age_s)
{
	struct policy_found found = {.outcome = REASON_OK, .text = strdup("as received"), .text_len = 11};
	found.policy.mode = mode;
	found.policy.max_age_s = max_age_s;
	names_add(&found.policy.mx, id, strlen(id));
	entry_learn_policy(entry, &found, id, at);
	policy_found_free(&found);
}

/* Ages are in minutes. */
static const struct {
	const char *name;
	int ours; /* age of our policy, which lives 10 hours; -1: none */
	enum policy_mode our_mode;
	const char *record; /* the id that our own lookup has found; NULL: there was no lookup */
	int record_age;
	int theirs;
	enum policy_mode mode;
	int hours; /* its max_age */
	enum fleet_trust trust;
} rows[] = {
	{"creates an entry", -1, 0, NULL, 0, 60, POLICY_ENFORCE, 10, FLEET_TRUST_TAKEN},
	{"whatever record we see", -1, 0, "", 0, 60, POLICY_ENFORCE, 10, FLEET_TRUST_TAKEN},
	{"replaces an expired policy", 700, POLICY_ENFORCE, NULL, 0, 60, POLICY_ENFORCE, 10, FLEET_TRUST_TAKEN},
	{"a live enforce policy stays", 60, POLICY_ENFORCE, NULL, 0, 1, POLICY_ENFORCE, 10, FLEET_TRUST_HELD},
	{"also against testing", 60, POLICY_ENFORCE, "2", 0, 1, POLICY_TESTING, 10, FLEET_TRUST_HELD},
	{"also against none", 60, POLICY_ENFORCE, "2", 0, 1, POLICY_NONE, 10, FLEET_TRUST_HELD},
	{"testing becomes enforce", 60, POLICY_TESTING, NULL, 0, 1, POLICY_ENFORCE, 10, FLEET_TRUST_TAKEN},
	{"none becomes enforce", 60, POLICY_NONE, NULL, 0, 1, POLICY_ENFORCE, 10, FLEET_TRUST_TAKEN},
	{"but not by an older fetch", 60, POLICY_TESTING, NULL, 0, 61, POLICY_ENFORCE, 10, FLEET_TRUST_KNOWN},
	{"nor by the same", 60, POLICY_TESTING, NULL, 0, 60, POLICY_ENFORCE, 10, FLEET_TRUST_KNOWN},
	{"testing stays testing", 60, POLICY_TESTING, "2", 0, 1, POLICY_TESTING, 10, FLEET_TRUST_HELD},
	{"and none stays none", 60, POLICY_NONE, "2", 0, 1, POLICY_TESTING, 10, FLEET_TRUST_HELD},
	{"expired, but fetched later", 700, POLICY_NONE, NULL, 0, 800, POLICY_ENFORCE, 90, FLEET_TRUST_KNOWN},
	{"an expired hint", -1, 0, NULL, 0, 600, POLICY_ENFORCE, 10, FLEET_TRUST_OVER},
	{"its last second", -1, 0, NULL, 0, 599, POLICY_ENFORCE, 10, FLEET_TRUST_TAKEN},
	{"a hint from the future", -1, 0, NULL, 0, -2, POLICY_ENFORCE, 10, FLEET_TRUST_OVER},
	{"testing, unconfirmed", -1, 0, NULL, 0, 60, POLICY_TESTING, 10, FLEET_TRUST_UNCONFIRMED},
	{"none, unconfirmed", -1, 0, NULL, 0, 60, POLICY_NONE, 10, FLEET_TRUST_UNCONFIRMED},
	{"testing, another id", -1, 0, "3", 0, 60, POLICY_TESTING, 10, FLEET_TRUST_UNCONFIRMED},
	{"testing, no record", -1, 0, "", 0, 60, POLICY_TESTING, 10, FLEET_TRUST_UNCONFIRMED},
	{"testing, an old lookup", -1, 0, "2", 6, 60, POLICY_TESTING, 10, FLEET_TRUST_UNCONFIRMED},
	{"testing, confirmed", -1, 0, "2", 5, 60, POLICY_TESTING, 10, FLEET_TRUST_TAKEN},
	{"none, confirmed", 700, POLICY_ENFORCE, "2", 0, 60, POLICY_NONE, 10, FLEET_TRUST_TAKEN},
};

static void row_make(size_t i, struct entry *ours, struct entry *theirs)
{
	entry_init(ours, "d.example");
	entry_init(theirs, "d.example");
	if (rows[i].ours >= 0)
		policy_set(ours, NOW - rows[i].ours * 60, rows[i].our_mode, "1", 10 * HOUR);
	if (rows[i].record)
		record_set(ours, NOW - rows[i].record_age * 60, rows[i].record);
	record_set(theirs, NOW - rows[i].theirs * 60 - 1, "2");
	policy_set(theirs, NOW - rows[i].theirs * 60, rows[i].mode, "2", (uint32_t)rows[i].hours * HOUR);
}

static void test_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct entry ours, theirs, before;
		row_make(i, &ours, &theirs);
		entry_copy(&before, &ours);
		enum fleet_trust trust = fleet_trust_entry(&ours, &theirs, "mx2", "mx1", NOW);
		if (trust != rows[i].trust)
			fail_msg("%s: %s", rows[i].name, fleet_trust_name(trust));
		struct bytes a = entry_encode(&ours), b = entry_encode(&before);
		bool same = a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
		assert_int_equal(same, trust != FLEET_TRUST_TAKEN);
		free(a.at);
		free(b.at);
		entry_free(&ours);
		entry_free(&theirs);
		entry_free(&before);
	}
}

/* The age counts from the writer's fetch, the writer is named, and our own fetch comes within the hour. */
static void test_what_is_taken(void **state)
{
	(void)state;
	struct entry ours, theirs;
	row_make(0, &ours, &theirs);
	theirs.mx.state = MX_NULL;
	theirs.mx.checked_at = NOW;
	theirs.last_used_day = theirs.first_used_day = schedule_day(NOW);
	theirs.fetch_failures = 3;
	assert_int_equal(fleet_trust_entry(&ours, &theirs, "mx2", "mx1", NOW), FLEET_TRUST_TAKEN);
	assert_int_equal(ours.policy_fetched_at, NOW - HOUR);
	assert_int_equal(ours.policy_expires_at, NOW + 9 * HOUR);
	assert_int_equal(ours.record_checked_at, NOW - HOUR - 1);
	assert_string_equal(ours.record_id, "2");
	assert_string_equal(ours.policy_text, "as received");
	assert_string_equal(ours.policy_from, "mx2");
	assert_in_range(ours.policy_refetch_at, NOW + FLEET_REFETCH_MIN_S, NOW + FLEET_REFETCH_MAX_S);
	assert_int_equal(ours.mx.state, MX_UNKNOWN);
	assert_int_equal(ours.last_used_day, 0);
	assert_int_equal(ours.fetch_tried_at, 0);
	assert_int_equal(ours.fetch_failures, 0);
	assert_int_equal(ours.placed, 0);
	/* what a fetch of our own finds replaces it, and the mark */
	policy_set(&ours, NOW + 1, POLICY_NONE, "3", HOUR);
	assert_string_equal(ours.policy_from, "");
	assert_int_equal(ours.policy_refetch_at, 0);
	entry_free(&ours);
	entry_free(&theirs);
}

/* A record that this relay has looked up later stays, and so does one that the policy of the hint does not belong to. */
static void test_records(void **state)
{
	(void)state;
	struct entry ours, theirs;
	row_make(1, &ours, &theirs);
	assert_int_equal(fleet_trust_entry(&ours, &theirs, "mx2", "mx1", NOW), FLEET_TRUST_TAKEN);
	assert_int_equal(ours.record_checked_at, NOW);
	assert_int_equal(ours.record_outcome, REASON_NO_RECORD);
	entry_free(&ours);
	entry_init(&ours, "d.example");
	record_set(&theirs, NOW - 1, "9");
	assert_int_equal(fleet_trust_entry(&ours, &theirs, "mx2", "mx1", NOW), FLEET_TRUST_TAKEN);
	assert_int_equal(ours.record_checked_at, 0);
	entry_free(&ours);
	entry_free(&theirs);
}

/* A writer's clock that is ahead by less than CLOCK_SKEW_S does not extend the life. A hint about another domain is none. */
static void test_skew_and_domain(void **state)
{
	(void)state;
	struct entry ours, theirs;
	entry_init(&ours, "d.example");
	entry_init(&theirs, "d.example");
	assert_int_equal(fleet_trust_entry(&ours, &theirs, "mx2", "mx1", NOW), FLEET_TRUST_NO_POLICY);
	policy_set(&theirs, NOW + 60, POLICY_ENFORCE, "2", HOUR);
	memcpy(theirs.domain, "e.example", sizeof "e.example");
	assert_int_equal(fleet_trust_entry(&ours, &theirs, "mx2", "mx1", NOW), FLEET_TRUST_NO_POLICY);
	memcpy(theirs.domain, "d.example", sizeof "d.example");
	assert_int_equal(fleet_trust_entry(&ours, &theirs, "mx2", "mx1", NOW), FLEET_TRUST_TAKEN);
	assert_int_equal(ours.policy_expires_at, NOW + HOUR);
	entry_free(&ours);
	entry_free(&theirs);
}

/* Our own fetch is due at its moment, which differs by domain and by node, and is spread over the whole window. */
static void test_moments(void **state)
{
	(void)state;
	unsigned parts[9] = {0};
	const struct rules rules = {.refresh_interval_s = DAY_S, .forget_after_s = 30 * DAY_S};
	for (unsigned i = 0; i < 900; i++) {
		struct entry ours, theirs;
		char domain[32], node[32];
		snprintf(domain, sizeof domain, "d%u.example", i / 30);
		snprintf(node, sizeof node, "mx%u", i % 30);
		entry_init(&ours, domain);
		entry_init(&theirs, domain);
		policy_set(&theirs, NOW, POLICY_ENFORCE, "2", 100 * DAY_S);
		fleet_trust_entry(&ours, &theirs, "other", node, NOW);
		parts[(ours.policy_refetch_at - NOW - FLEET_REFETCH_MIN_S) / 301]++;
		assert_false(schedule_policy_stale(&ours, &rules, NOW + FLEET_REFETCH_MIN_S - 1));
		assert_true(schedule_policy_stale(&ours, &rules, NOW + FLEET_REFETCH_MAX_S));
		struct facts facts = {.rules = &rules, .now = NOW, .entry = ours}; /* borrows the entry; not freed */
		facts.entry.last_used_day = schedule_day(NOW) - 5;                 /* the record is not due */
		assert_int_equal(schedule_due(&facts), ours.policy_refetch_at);
		entry_free(&ours);
		entry_free(&theirs);
	}
	for (size_t i = 0; i < COUNT(parts); i++)
		assert_in_range(parts[i], 50, 150);
}

/* --- mail hosts --------------------------------------------------------------------------------------------------- */

static struct fleet_seen seen_of(const char *node, int hours, enum reason reason)
{
	struct fleet_seen seen = {.seen = {.at = NOW - hours * HOUR, .reason = reason, .protocol = 0x0304}};
	strcpy(seen.node, node);
	return seen;
}

/* What the nodes have seen, and what is taken over. Ages are in hours; evidence counts for 24 hours. */
static const struct {
	const char *name;
	int own; /* age of our own evidence; -1: none */
	enum reason own_reason;
	struct {
		const char *node;
		int hours;
		enum reason reason;
	} seen[4];
	const char *from; /* the node whose evidence is taken over; "": none */
	unsigned looked, bad;
} hops[] = {
	{"good", -1, 0, {{"mx2", 3, REASON_OK}}, "mx2", 1, 0},
	{"the newest", -1, 0, {{"mx2", 3, REASON_OK}, {"mx3", 2, REASON_OK}, {"mx4", 4, REASON_OK}}, "mx3", 3, 0},
	{"half of its life", -1, 0, {{"mx2", 12, REASON_OK}}, "mx2", 0, 0},
	{"is over", -1, 0, {{"mx2", 13, REASON_OK}}, "", 0, 0},
	{"bad", -1, 0, {{"mx2", 3, REASON_CERT_UNTRUSTED}}, "", 1, 1},
	{"bad since", -1, 0, {{"mx2", 3, REASON_OK}, {"mx3", 2, REASON_STARTTLS_MISSING}}, "", 2, 1},
	{"bad at the same second", -1, 0, {{"mx3", 3, REASON_CERT_EXPIRED}, {"mx2", 3, REASON_OK}}, "", 2, 1},
	{"good since", -1, 0, {{"mx2", 2, REASON_OK}, {"mx3", 3, REASON_STARTTLS_MISSING}}, "mx2", 2, 1},
	{"our own counts", 5, REASON_OK, {{"mx2", 1, REASON_OK}}, "", 1, 0},
	{"also if it is bad", 5, REASON_CERT_EXPIRED, {{"mx2", 1, REASON_OK}}, "", 1, 0},
	{"also if it is inconclusive", 5, REASON_HOP_TIMEOUT, {{"mx2", 1, REASON_OK}}, "", 1, 0},
	{"ours is too old", 25, REASON_CERT_EXPIRED, {{"mx2", 1, REASON_OK}}, "mx2", 1, 0},
	{"our own value", -1, 0, {{"mx1", 1, REASON_OK}}, "", 0, 0},
	{"inconclusive", -1, 0, {{"mx2", 1, REASON_HOP_TIMEOUT}}, "", 0, 0},
	{"from the future", -1, 0, {{"mx2", -1, REASON_OK}}, "", 0, 0},
	{"long ago", -1, 0, {{"mx2", 7, REASON_CERT_EXPIRED}, {"mx3", 6, REASON_CERT_EXPIRED}}, "", 1, 1},
};

static void test_hops(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hops); i++) {
		struct hop_record record = {.refused_since = 0};
		struct fleet_seen seen[4];
		size_t count = 0;
		struct evidence own = {.at = NOW - hops[i].own * HOUR, .reason = hops[i].own_reason};
		if (hops[i].own >= 0)
			hop_record_learn(&record, &own);
		for (; count < 4 && hops[i].seen[count].node; count++)
			seen[count] = seen_of(
				hops[i].seen[count].node, hops[i].seen[count].hours, hops[i].seen[count].reason);
		fleet_trust_hop(&record, seen, count, "mx1", DAY_S, NOW);
		const struct evidence *newest = &record.pkix.newest;
		if (strcmp(newest->seen_by, hops[i].from) != 0 || record.others_looked != hops[i].looked ||
			record.others_bad != hops[i].bad)
			fail_msg("%s: from %s, %d of %d", hops[i].name, newest->seen_by, record.others_bad,
				record.others_looked);
		if (hops[i].from[0] == '\0' && hops[i].own >= 0)
			assert_memory_equal(newest, &own, sizeof own);
		if (hops[i].from[0] == '\0' && hops[i].own < 0)
			assert_int_equal(newest->at, 0);
		if (hops[i].from[0] != '\0')
			assert_memory_equal(&record.pkix.good, newest, sizeof *newest);
	}
}

/* Its age counts twice, and a probe of our own replaces it, even if the other clock is ahead. */
static void test_others_age(void **state)
{
	(void)state;
	struct hop_record record = {.refused_since = 0};
	struct fleet_seen seen = seen_of("mx2", 0, REASON_OK);
	seen.seen.at = NOW + 50;
	assert_true(fleet_trust_hop(&record, &seen, 1, "mx1", DAY_S, NOW));
	assert_int_equal(record.pkix.newest.at, NOW);
	assert_int_equal(evidence_age(&record.pkix.newest, NOW + 100), 200);
	assert_int_equal(evidence_age(&record.pkix.newest, NOW - 61), INT64_MAX);
	hop_record_learn(&record, &(struct evidence){.at = NOW - 2, .reason = REASON_HOP_TIMEOUT});
	assert_int_equal(record.pkix.newest.reason, REASON_HOP_TIMEOUT);
	assert_string_equal(record.pkix.conclusive.seen_by, "mx2");
	hop_record_learn(&record, &(struct evidence){.at = NOW - 1, .reason = REASON_CERT_EXPIRED});
	assert_string_equal(record.pkix.conclusive.seen_by, "");
	assert_int_equal(evidence_age(&record.pkix.newest, NOW), 1);
	/* nothing was there, and nothing is there now: no change */
	assert_false(fleet_trust_hop(&(struct hop_record){.others_at = 0}, NULL, 0, "mx1", DAY_S, NOW));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rule),
		cmocka_unit_test(test_what_is_taken),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_skew_and_domain),
		cmocka_unit_test(test_moments),
		cmocka_unit_test(test_hops),
		cmocka_unit_test(test_others_age),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
