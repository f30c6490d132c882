/* What a census counts, over tables of entries, hop records and verdict records. */
#include "census.h"
#include "cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1800000000
#define HARD_S 86400
#define HOUR_S 3600

static struct census *census;

static int begin(void **state)
{
	(void)state;
	census = malloc(sizeof *census);
	assert_non_null(census);
	census_begin(census, NOW, HARD_S);
	return 0;
}

static int end(void **state)
{
	(void)state;
	free(census);
	return 0;
}

static struct entry with_policy(const char *domain, enum policy_mode mode, int64_t left_s)
{
	struct entry entry;

	entry_init(&entry, domain);
	entry.record_checked_at = entry.fetch_tried_at = entry.policy_fetched_at = NOW - HOUR_S;
	entry.has_policy = true;
	entry.policy.mode = mode;
	entry.policy_expires_at = NOW + left_s;
	return entry;
}

static void domains_by_mode(void **state)
{
	static const struct {
		enum policy_mode mode;
		int64_t left_s;
	} rows[] = {{POLICY_ENFORCE, HOUR_S}, {POLICY_ENFORCE, 1}, {POLICY_ENFORCE, 0}, {POLICY_TESTING, HOUR_S},
		{POLICY_TESTING, -HOUR_S}, {POLICY_NONE, HOUR_S}};
	struct entry entry;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		entry = with_policy("a.example", rows[i].mode, rows[i].left_s);
		census_entry(census, &entry);
	}
	entry_init(&entry, "b.example");
	census_entry(census, &entry);
	assert_int_equal(census->domains, COUNT(rows) + 1);
	assert_int_equal(census->stored[POLICY_ENFORCE], 3);
	assert_int_equal(census->stored[POLICY_TESTING], 2);
	assert_int_equal(census->stored[POLICY_NONE], 1);
	assert_int_equal(census->without, 1);
	assert_int_equal(census->in_force[POLICY_ENFORCE], 2);
	assert_int_equal(census->in_force[POLICY_TESTING], 1);
	assert_int_equal(census->in_force[POLICY_NONE], 1);
}

static void policies_that_expire(void **state)
{
	static const struct {
		const char *what;
		enum policy_mode mode;
		int64_t left_s;
		enum reason record, fetch;
		bool refreshed;
		bool failing, expiring;
	} rows[] = {
		{"the fetch fails", POLICY_ENFORCE, HOUR_S, REASON_OK, REASON_POLICY_FETCH, true, true, true},
		{"the lookup fails", POLICY_TESTING, HOUR_S, REASON_RECORD_LOOKUP, REASON_OK, true, true, true},
		{"just a day", POLICY_ENFORCE, CENSUS_EXPIRES_S, REASON_OK, REASON_POLICY_FETCH, true, true, true},
		{"a day and a second", POLICY_ENFORCE, CENSUS_EXPIRES_S + 1, REASON_OK, REASON_POLICY_FETCH, true, true,
			false},
		{"it has expired", POLICY_ENFORCE, 0, REASON_OK, REASON_POLICY_FETCH, true, true, false},
		{"binds nobody", POLICY_NONE, HOUR_S, REASON_OK, REASON_POLICY_FETCH, true, true, false},
		{"nothing fails", POLICY_ENFORCE, HOUR_S, REASON_OK, REASON_OK, true, false, false},
		{"nobody uses it", POLICY_ENFORCE, HOUR_S, REASON_OK, REASON_POLICY_FETCH, false, true, false},
		{"the record is gone", POLICY_ENFORCE, HOUR_S, REASON_NO_RECORD, REASON_POLICY_FETCH, true, false,
			false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct entry entry = with_policy("a.example", rows[i].mode, rows[i].left_s);

		census_begin(census, NOW, HARD_S);
		entry.record_outcome = rows[i].record;
		entry.fetch_outcome = rows[i].fetch;
		entry.due_at = rows[i].refreshed ? NOW + HOUR_S : 0;
		census_entry(census, &entry);
		if (census->failing != rows[i].failing || census->expiring != rows[i].expiring)
			fail_msg("%s", rows[i].what);
	}
}

static void domains_that_are_due(void **state)
{
	static const struct {
		const char *domain;
		int64_t due_at;
	} rows[] = {{"never.example", 0}, {"later.example", NOW + 1}, {"now.example", NOW},
		{"first.example", NOW - HOUR_S}, {"second.example", NOW - HOUR_S}, {"third.example", NOW - 60}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct entry entry = with_policy(rows[i].domain, POLICY_ENFORCE, HOUR_S);

		entry.due_at = rows[i].due_at;
		census_entry(census, &entry);
	}
	assert_int_equal(census->due, 4);
	assert_int_equal(census->oldest_due_at, NOW - HOUR_S);
	assert_string_equal(census->oldest, "first.example");
}

static void hops_by_evidence(void **state)
{
	static const struct {
		const char *what;
		int pkix_ago_s, dane_ago_s; /* -1: there is no such evidence */
		enum reason pkix, dane;
		enum tlsa_state tlsa;
		int tlsa_ago_s;
		bool other_set;
		enum census_hop expected;
	} rows[] = {
		{"no evidence", -1, -1, REASON_OK, REASON_OK, TLSA_NONE, 0, false, CENSUS_UNKNOWN},
		{"good", 60, -1, REASON_OK, REASON_OK, TLSA_NONE, 0, false, CENSUS_GOOD},
		{"bad", 60, -1, REASON_STARTTLS_MISSING, REASON_OK, TLSA_NONE, 0, false, CENSUS_BAD},
		{"good, at its hard age", HARD_S, -1, REASON_OK, REASON_OK, TLSA_NONE, 0, false, CENSUS_GOOD},
		{"good, too old", HARD_S + 1, -1, REASON_OK, REASON_OK, TLSA_NONE, 0, false, CENSUS_UNKNOWN},
		{"good by TLSA records only", 60, 60, REASON_CERT_UNTRUSTED, REASON_OK, TLSA_USABLE, 60, false,
			CENSUS_GOOD},
		{"bad by TLSA records only", 60, 60, REASON_OK, REASON_TLSA_MISMATCH, TLSA_USABLE, 60, false,
			CENSUS_BAD},
		{"TLSA records too old", 60, 60, REASON_CERT_UNTRUSTED, REASON_OK, TLSA_USABLE, DANE_HARD_S + 1, false,
			CENSUS_BAD},
		{"evidence by other TLSA records", 60, 60, REASON_OK, REASON_TLSA_MISMATCH, TLSA_USABLE, 60, true,
			CENSUS_GOOD},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hop_record record = {.tlsa = {.state = rows[i].tlsa, .id = 7}};

		if (rows[i].tlsa != TLSA_NONE)
			record.tlsa.checked_at = NOW - rows[i].tlsa_ago_s;
		if (rows[i].pkix_ago_s >= 0)
			record.pkix.conclusive =
				(struct evidence){.at = NOW - rows[i].pkix_ago_s, .reason = rows[i].pkix};
		if (rows[i].dane_ago_s >= 0)
			record.dane.conclusive = (struct evidence){.at = NOW - rows[i].dane_ago_s,
				.reason = rows[i].dane,
				.tlsa_id = rows[i].other_set ? 6 : 7};
		if (census_hop_state(&record, NOW, HARD_S) != rows[i].expected)
			fail_msg("%s", rows[i].what);
		census_hop(census, &record);
	}
	assert_int_equal(census->hops[CENSUS_GOOD], 4);
	assert_int_equal(census->hops[CENSUS_BAD], 3);
	assert_int_equal(census->hops[CENSUS_UNKNOWN], 2);
	assert_int_equal(census->located, 0);
}

/* A hop that was good at an address, and is good or bad now. */
static void hop_at(const char *address, uint32_t asn, const char *country, bool bad)
{
	struct hop_record record = {.pkix = {.good = {.at = NOW - HOUR_S, .asn = asn}}};

	snprintf(record.pkix.good.address, sizeof record.pkix.good.address, "%s", address);
	snprintf(record.pkix.good.country, sizeof record.pkix.good.country, "%s", country);
	record.pkix.conclusive = record.pkix.good;
	if (bad) {
		record.pkix.conclusive.at = NOW - 60;
		record.pkix.conclusive.reason = REASON_STARTTLS_MISSING;
	}
	census_hop(census, &record);
}

static void networks(void **state)
{
	static const struct census_network expected[] = {
		{64501, 0, 3, 2, 1, "DE"},
		{0, 0, 2, 2, 0, ""},
		{64500, 0, 2, 1, 1, ""},
		{0, 0, 1, 1, 0, ""},
	};
	static const struct census_country countries[] = {{"DE", 4}, {"FR", 1}};

	(void)state;
	hop_at("192.0.2.1", 64500, "DE", false);
	hop_at("192.0.2.2", 64500, "FR", true);
	hop_at("198.51.100.1", 64501, "DE", false);
	hop_at("2001:db8::1", 64501, "DE", true);
	hop_at("2001:db8:1::1", 64501, "DE", false);
	hop_at("203.0.113.1", 0, "", false);
	hop_at("203.0.113.200", 0, "", false);
	hop_at("203.0.112.1", 0, "", false);
	hop_at("no address", 64502, "DE", false);
	census_end(census);
	assert_int_equal(census->located, 8);
	assert_int_equal(census->other_networks, 0);
	assert_int_equal(census->network_count, COUNT(expected));
	for (size_t i = 0; i < COUNT(expected); i++) {
		const struct census_network *network = &census->network[i];

		if (network->asn != expected[i].asn || network->hops != expected[i].hops ||
			network->good != expected[i].good || network->bad != expected[i].bad ||
			strcmp(network->country, expected[i].country) != 0)
			fail_msg("network %zu: %u with %u hops", i, network->asn, network->hops);
		assert_int_equal(network->prefix != 0, network->asn == 0);
	}
	assert_int_equal(census->country_count, COUNT(countries));
	for (size_t i = 0; i < COUNT(countries); i++) {
		assert_string_equal(census->country[i].country, countries[i].country);
		assert_int_equal(census->country[i].hops, countries[i].hops);
	}
}

/* Strangers choose the networks: there is room for a fixed number, and what has none is counted together. */
static void networks_without_end(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2 * CENSUS_NETWORKS_MAX; i++)
		hop_at("192.0.2.1", 1 + i * 7919 % 1000003, "DE", false);
	hop_at("192.0.2.1", 1, "DE", false); /* the first of them */
	census_end(census);
	assert_int_equal(census->network_count, CENSUS_NETWORKS_MAX);
	assert_int_equal(census->other_networks, CENSUS_NETWORKS_MAX);
	assert_int_equal(census->located, 2 * CENSUS_NETWORKS_MAX + 1);
	assert_int_equal(census->network[0].asn, 1);
	assert_int_equal(census->network[0].hops, 2);
	assert_int_equal(census->country[0].hops, census->located);
}

static struct verdict_record recorded(
	const char *domain, enum verdict_door door, enum verdict_kind kind, enum deed deed, enum deed would, int ago_s)
{
	struct verdict_record record = {.door = door,
		.kind = kind,
		.deed = deed,
		.would = would,
		.monitor = deed != would,
		.reason = kind == VERDICT_DEFER ? REASON_NOT_YET_CHECKED : REASON_STARTTLS_MISSING,
		.last_at = NOW - ago_s};

	snprintf(record.domain, sizeof record.domain, "%s", domain);
	return record;
}

static void mail_by_reason(void **state)
{
	const struct verdict_record records[] = {
		recorded("a.example", DOOR_MILTER, VERDICT_FAIL_ENFORCE, DEED_DEFER, DEED_DEFER, 10),
		recorded("b.example", DOOR_MILTER, VERDICT_FAIL_ENFORCE, DEED_ACCEPT, DEED_DEFER, 10),
		/* the same domain and reason at another front end */
		recorded("a.example", DOOR_MAP, VERDICT_FAIL_ENFORCE, DEED_ACCEPT, DEED_ACCEPT, 10),
		recorded("a.example", DOOR_MAP, VERDICT_DEFER, DEED_TEMP, DEED_TEMP, 10),
		recorded("c.example", DOOR_MAP, VERDICT_DEFER, DEED_TEMP, DEED_TEMP, VERDICT_WAITS_S),
		recorded("d.example", DOOR_MILTER, VERDICT_FAIL_TESTING, DEED_ACCEPT, DEED_ACCEPT, 10),
		recorded("e.example", DOOR_MILTER, VERDICT_FAIL_TESTING, DEED_TAG, DEED_TAG, VERDICT_WAITS_S),
		recorded("f.example", DOOR_MILTER, VERDICT_PASS, DEED_ACCEPT, DEED_ACCEPT, 10),
	};
	struct census_mail mail;

	(void)state;
	census_mail(&mail, records, COUNT(records), NOW);
	for (unsigned reason = 0; reason < REASON_COUNT; reason++) {
		assert_int_equal(mail.waiting[reason],
			reason == REASON_STARTTLS_MISSING || reason == REASON_NOT_YET_CHECKED ? 1 : 0);
		assert_int_equal(mail.would_wait[reason], reason == REASON_STARTTLS_MISSING ? 2 : 0);
	}
	census_mail(&mail, NULL, 0, NOW);
	assert_int_equal(mail.waiting[REASON_STARTTLS_MISSING], 0);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		ROW(domains_by_mode),
		ROW(policies_that_expire),
		ROW(domains_that_are_due),
		ROW(hops_by_evidence),
		ROW(networks),
		ROW(networks_without_end),
		ROW(mail_by_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
