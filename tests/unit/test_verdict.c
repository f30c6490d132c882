/* Tables of verdicts: each table tests one rule of design 4. A row writes the MX set as words, best preference first.
 * A word is the host's letter, a digit for its preference, and its state:
 *
 *   a1+ good                        a1- bad (no STARTTLS)
 *   a1? unknown, a probe fails      a1! not in the policy
 *   a1~ bad two hours ago, a probe finds it good
 *   a1= bad two hours ago, a probe finds it still bad
 *   a1o good five hours ago (past the soft age), a probe fails
 *   a1x good two days ago (past the hard age), a probe fails */
#include "verdict.h"

#include "schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1900000000)
#define WANTS_MAX 64

struct row {
	const char *hops;
	enum policy_mode mode;
	bool mta_enforces, no_probe;
	enum verdict_kind kind;
	enum reason reason;
	const char *hop;   /* letter of the hop that decided */
	const char *wants; /* the remote wants that are expected: `probe:a`, ... */
};

static struct rules rules_of(const struct row *row)
{
	return (struct rules){
		.probe = !row->no_probe,
		.mta_enforces = row->mta_enforces,
		.probe_ttl_ok_s = 4 * 3600,
		.probe_ttl_fail_s = 60,
		.probe_ttl_max_s = DAY_S,
		.refresh_interval_s = DAY_S,
		.forget_after_s = 180 * DAY_S,
	};
}

/* Returns the word of the host with a letter. */
static const char *word_of(const struct row *row, char letter)
{
	return strchr(row->hops, letter);
}

static struct entry entry_of(const struct row *row)
{
	struct entry e;
	entry_init(&e, "example.com");
	e.record_checked_at = e.policy_fetched_at = e.fetch_tried_at = e.mx.checked_at = NOW - 10;
	e.record_ttl_s = e.mx.ttl_s = 3600;
	memcpy(e.record_id, "7", 2);
	memcpy(e.policy_id, "7", 2);
	e.has_policy = true;
	e.policy.mode = row->mode;
	e.policy.max_age_s = 604800;
	e.policy_expires_at = NOW - 10 + 604800;
	e.mx.state = MX_LISTED;
	e.first_used_day = e.last_used_day = schedule_day(NOW);
	for (const char *w = row->hops; *w; w += w[3] ? 4 : 3) {
		char name[] = {w[0], '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e', '.', 'c', 'o', 'm', '\0'};
		e.mx.preference[e.mx.names.count] = (uint16_t)((w[1] - '0') * 10);
		names_add(&e.mx.names, name, strlen(name));
		if (w[2] != '!')
			names_add(&e.policy.mx, name, strlen(name));
	}
	return e;
}

static void evidence_of(char state, struct hop_record *record)
{
	struct evidence seen = {.at = NOW - 20};
	memset(record, 0, sizeof *record);
	if (state == '~' || state == '=')
		seen.at = NOW - 7200;
	if (state == 'o')
		seen.at = NOW - 5 * 3600;
	if (state == 'x')
		seen.at = NOW - 2 * DAY_S;
	if (state == '-' || state == '~' || state == '=')
		seen.reason = REASON_STARTTLS_MISSING;
	if (state != '?' && state != '!')
		hop_record_learn(record, &seen);
}

static struct evidence probe_of(char state)
{
	struct evidence seen = {.at = NOW, .reason = REASON_HOP_UNREACHABLE};
	if (state == '~')
		seen.reason = REASON_OK;
	if (state == '=')
		seen.reason = REASON_STARTTLS_MISSING;
	return seen;
}

/* Answers a want: the store as the row describes it, an unchanged record and an unchanged MX set. */
static void obtain(const struct row *row, struct facts *facts, const struct want *want)
{
	struct hop_record record;
	struct evidence seen;
	struct record_found found = {.ttl_s = 3600, .record = {"7"}};
	struct entry entry = entry_of(row);
	struct mx_found mx = {.set = entry.mx};
	const char *word = word_of(row, want->name[0]);
	switch (want->kind) {
	case WANT_NOTHING:
	case WANT_POLICY:
	case WANT_TLSA:
		fail();
		break;
	case WANT_ENTRY:
		facts_learn_store(facts, &entry);
		break;
	case WANT_EVIDENCE:
		evidence_of(word[2], &record);
		facts_learn_evidence(facts, want->name, want->port, &record);
		break;
	case WANT_RECORD:
		facts_learn_record(facts, &found);
		break;
	case WANT_MX:
		facts_learn_mx(facts, &mx);
		break;
	case WANT_PROBE:
		seen = probe_of(word[2]);
		facts_learn_probe(facts, want->name, want->port, false, &seen);
		break;
	}
	entry_free(&entry);
}

static void note_want(char wants[WANTS_MAX], const struct want *want)
{
	if (!want_is_remote(want->kind))
		return;
	size_t len = strlen(wants);
	const char *blank = len ? " " : "";
	if (want->kind == WANT_PROBE)
		snprintf(wants + len, WANTS_MAX - len, "%sprobe:%c", blank, want->name[0]);
	else
		snprintf(wants + len, WANTS_MAX - len, "%s%s", blank, want_name(want->kind));
}

static void row_check(const struct row *row)
{
	struct rules rules = rules_of(row);
	struct question question;
	question_from_next_hop(&question, "example.com", 11, PURPOSE_DELIVER);
	struct facts facts;
	facts_init(&facts, &question, &rules, NOW);
	char wants[WANTS_MAX] = "";
	struct step step = verdict_next(&facts);
	for (int i = 0; i < 40 && step.want.kind != WANT_NOTHING; i++) {
		note_want(wants, &step.want);
		obtain(row, &facts, &step.want);
		step = verdict_next(&facts);
	}
	const struct verdict *v = &step.verdict;
	bool right = v->kind == row->kind && v->reason == row->reason && strcmp(wants, row->wants) == 0 &&
		     (v->hop[0] == row->hop[0]);
	if (!right)
		print_error("[%s] mode %s mta_enforces %d probe %d: expected %s %s hop '%s' after '%s', seen %s %s hop "
			    "'%s' "
			    "after '%s'\n",
			row->hops, policy_mode_name(row->mode), row->mta_enforces, !row->no_probe,
			verdict_name(row->kind), reason_name(row->reason), row->hop, row->wants, verdict_name(v->kind),
			reason_name(v->reason), v->hop, wants);
	assert_true(right);
	facts_free(&facts);
}

#define PASS VERDICT_PASS, REASON_OK, ""
#define FAIL(hop) VERDICT_FAIL_ENFORCE, REASON_STARTTLS_MISSING, hop
#define FOREIGN(hop) VERDICT_FAIL_ENFORCE, REASON_MX_NOT_IN_POLICY, hop
#define UNREACHED(hop) VERDICT_DEFER, REASON_HOP_UNREACHABLE, hop
#define LEFT(hop) VERDICT_PASS, REASON_HOP_UNREACHABLE, hop

/* Rule 6 with mta_enforces = no. */
static const struct row alone[] = {
	{"a1+", POLICY_ENFORCE, false, false, PASS, ""},
	{"a1-", POLICY_ENFORCE, false, false, FAIL("a"), ""},
	{"a1!", POLICY_ENFORCE, false, false, FOREIGN("a"), ""},
	{"a1?", POLICY_ENFORCE, false, false, UNREACHED("a"), "probe:a"},
	{"a1+ b2+", POLICY_ENFORCE, false, false, PASS, ""},
	{"a1+ b2-", POLICY_ENFORCE, false, false, FAIL("b"), ""},
	{"a1- b2+", POLICY_ENFORCE, false, false, FAIL("a"), ""},
	{"a1+ b2!", POLICY_ENFORCE, false, false, FOREIGN("b"), ""},
	{"a1! b2+", POLICY_ENFORCE, false, false, FOREIGN("a"), ""},
	{"a1+ b2?", POLICY_ENFORCE, false, false, PASS, "probe:b"},
	{"a1+ b1?", POLICY_ENFORCE, false, false, UNREACHED("b"), "probe:b"},
	{"a1? b2+", POLICY_ENFORCE, false, false, UNREACHED("a"), "probe:a"},
	{"a1? b2?", POLICY_ENFORCE, false, false, UNREACHED("a"), "probe:a probe:b"},
	{"a1? b2-", POLICY_ENFORCE, false, false, FAIL("b"), ""},
	{"a1? b2!", POLICY_ENFORCE, false, false, FOREIGN("b"), ""},
	/* rule 4: no failing verdict on old evidence */
	{"a1~", POLICY_ENFORCE, false, false, PASS, "probe:a"},
	{"a1=", POLICY_ENFORCE, false, false, FAIL("a"), "probe:a"},
	{"a1+ b2~", POLICY_ENFORCE, false, false, PASS, "probe:b"},
	{"a1- b2~", POLICY_ENFORCE, false, false, FAIL("a"), ""},
	/* past the soft age: probed before the message passes; past the hard age: unknown */
	{"a1o", POLICY_ENFORCE, false, false, PASS, "probe:a"},
	{"a1+ b2o", POLICY_ENFORCE, false, false, PASS, "probe:b"},
	{"a1o b2-", POLICY_ENFORCE, false, false, FAIL("b"), ""},
	{"a1x", POLICY_ENFORCE, false, false, UNREACHED("a"), "probe:a"},
	{"a1+ b1x", POLICY_ENFORCE, false, false, UNREACHED("b"), "probe:b"},
};

/* Rule 6 with mta_enforces = yes. */
static const struct row beside_map[] = {
	{"a1+", POLICY_ENFORCE, true, false, PASS, ""},
	{"a1+ b2-", POLICY_ENFORCE, true, false, PASS, ""},
	{"a1- b2+", POLICY_ENFORCE, true, false, PASS, ""},
	{"a1! b2+", POLICY_ENFORCE, true, false, PASS, ""},
	{"a1? b2+", POLICY_ENFORCE, true, false, PASS, ""},
	{"a1o", POLICY_ENFORCE, true, false, PASS, ""},
	{"a1?", POLICY_ENFORCE, true, false, LEFT("a"), "probe:a"},
	{"a1- b2?", POLICY_ENFORCE, true, false, LEFT("b"), "probe:b"},
	{"a1-", POLICY_ENFORCE, true, false, FAIL("a"), ""},
	{"a1- b2-", POLICY_ENFORCE, true, false, FAIL("a"), ""},
	{"a1!", POLICY_ENFORCE, true, false, FOREIGN("a"), ""},
};

/* Rule 7: a testing policy reports, and delays nothing. */
static const struct row testing[] = {
	{"a1+", POLICY_TESTING, false, false, PASS, ""},
	{"a1-", POLICY_TESTING, false, false, VERDICT_FAIL_TESTING, REASON_STARTTLS_MISSING, "a", ""},
	{"a1!", POLICY_TESTING, false, false, VERDICT_FAIL_TESTING, REASON_MX_NOT_IN_POLICY, "a", ""},
	{"a1+ b2-", POLICY_TESTING, false, false, VERDICT_FAIL_TESTING, REASON_STARTTLS_MISSING, "b", ""},
	{"a1-", POLICY_NONE, false, false, VERDICT_NONE, REASON_POLICY_MODE_NONE, "", ""},
	{"a1!", POLICY_NONE, false, false, VERDICT_NONE, REASON_POLICY_MODE_NONE, "", ""},
};

/* probe = no: only the names of the MX hosts count. */
static const struct row names_only[] = {
	{"a1-", POLICY_ENFORCE, false, true, PASS, ""},
	{"a1? b2?", POLICY_ENFORCE, false, true, PASS, ""},
	{"a1? b2!", POLICY_ENFORCE, false, true, FOREIGN("b"), ""},
	{"a1? b2!", POLICY_TESTING, false, true, VERDICT_FAIL_TESTING, REASON_MX_NOT_IN_POLICY, "b", ""},
};

#define CHECK_ROWS(rows)                                                                                               \
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows)[0]; i++)                                                    \
	row_check(&(rows)[i])

static void test_alone(void **state)
{
	(void)state;
	CHECK_ROWS(alone);
}

static void test_beside_map(void **state)
{
	(void)state;
	CHECK_ROWS(beside_map);
}

static void test_testing(void **state)
{
	(void)state;
	CHECK_ROWS(testing);
}

static void test_names_only(void **state)
{
	(void)state;
	CHECK_ROWS(names_only);
}

/* Nine hops of one preference, the first eight good: the ninth is not probed and holds no mail (design 4.4). */
static void test_more_hops_than_probed(void **state)
{
	(void)state;
	struct row row = {"a1+ b1+ c1+ d1+ e1+ f1+ g1+ h1+ i1?", POLICY_ENFORCE, false, false, PASS, ""};
	row_check(&row);
}

/* Rule 9: if the store breaks after an enforce policy was read from it, mail waits. */
static void test_store_breaks_midway(void **state)
{
	(void)state;
	static const struct {
		enum policy_mode mode;
		enum verdict_kind kind;
	} rows[] = {{POLICY_ENFORCE, VERDICT_DEFER}, {POLICY_TESTING, VERDICT_NONE}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct row row = {.hops = "a1?", .mode = rows[i].mode};
		struct rules rules = rules_of(&row);
		struct entry entry = entry_of(&row);
		struct question question;
		question_from_next_hop(&question, "example.com", 11, PURPOSE_DELIVER);
		struct facts facts;
		facts_init(&facts, &question, &rules, NOW);
		facts_learn_store(&facts, &entry);
		facts_learn_store_broken(&facts);
		struct step step = verdict_next(&facts);
		assert_int_equal(step.want.kind, WANT_NOTHING);
		assert_int_equal(step.verdict.kind, rows[i].kind);
		assert_int_equal(step.verdict.reason, REASON_INTERNAL);
		facts_free(&facts);
		entry_free(&entry);
	}
}

/* The refresher renews good evidence before its soft age ends, a front end only after that (design 5.11). */
static void test_evidence_ahead(void **state)
{
	(void)state;
	struct row row = {.hops = "a1+", .mode = POLICY_ENFORCE};
	struct rules rules = rules_of(&row);
	for (int i = 0; i < 6; i++) {
		static const unsigned hundredths[] = {74, 91, 99};
		struct question question;
		struct facts facts;
		struct entry entry = entry_of(&row);
		question_from_next_hop(&question, "example.com", 11, i < 3 ? PURPOSE_REFRESH : PURPOSE_DELIVER);
		facts_init(&facts, &question, &rules, NOW);
		facts_learn_store(&facts, &entry);
		struct evidence good = {.at = NOW - rules.probe_ttl_ok_s / 100 * hundredths[i % 3]};
		struct hop_record record = {.pkix = {.newest = good, .conclusive = good, .good = good}};
		facts_learn_evidence(&facts, verdict_next(&facts).want.name, 25, &record);
		struct step step = verdict_next(&facts);
		assert_int_equal(step.want.kind, i == 1 || i == 2 ? WANT_PROBE : WANT_NOTHING);
		assert_int_equal(step.renew & RENEW_EVIDENCE, i == 1 || i == 2 ? RENEW_EVIDENCE : 0);
		facts_free(&facts);
		entry_free(&entry);
	}
}

/* A hop whose probes the budget has refused for 90 s holds no mail, not even while another probe is wanted (design
 * 4.11). */
static void test_refused_for_long(void **state)
{
	(void)state;
	static const struct {
		int64_t ago;
		const char *hops;
		enum policy_mode mode;
		enum verdict_kind so_far;
		enum reason reason;
	} rows[] = {
		{REFUSED_WAIT_S, "a1?", POLICY_ENFORCE, VERDICT_DEFER, REASON_NOT_YET_CHECKED},
		{REFUSED_WAIT_S + 1, "a1?", POLICY_ENFORCE, VERDICT_PASS, REASON_PROBE_BUDGET},
		{REFUSED_WAIT_S + 1, "a1?", POLICY_TESTING, VERDICT_NONE, REASON_NOT_YET_CHECKED},
		{REFUSED_WAIT_S + 1, "a1? b2+", POLICY_ENFORCE, VERDICT_PASS, REASON_PROBE_BUDGET},
		{REFUSED_WAIT_S + 1, "a1? b1x", POLICY_ENFORCE, VERDICT_DEFER, REASON_NOT_YET_CHECKED},
		{REFUSED_WAIT_S + 1, "a1? b2-", POLICY_ENFORCE, VERDICT_FAIL_ENFORCE, REASON_STARTTLS_MISSING},
		{REFUSED_WAIT_S + 1, "a1? b2!", POLICY_ENFORCE, VERDICT_FAIL_ENFORCE, REASON_MX_NOT_IN_POLICY},
		{REFUSED_KNOWN_S + 1, "a1?", POLICY_ENFORCE, VERDICT_DEFER, REASON_NOT_YET_CHECKED},
		{-CLOCK_SKEW_S - 1, "a1?", POLICY_ENFORCE, VERDICT_DEFER, REASON_NOT_YET_CHECKED},
		{NOW, "a1?", POLICY_ENFORCE, VERDICT_DEFER, REASON_NOT_YET_CHECKED},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct row row = {.hops = rows[i].hops, .mode = rows[i].mode};
		struct rules rules = rules_of(&row);
		struct question question;
		struct facts facts;
		struct step step;
		question_from_next_hop(&question, "example.com", 11, PURPOSE_DELIVER);
		facts_init(&facts, &question, &rules, NOW);
		while ((step = verdict_next(&facts)).want.kind == WANT_ENTRY || step.want.kind == WANT_EVIDENCE) {
			obtain(&row, &facts, &step.want);
			if (step.want.kind == WANT_EVIDENCE && step.want.name[0] == 'a')
				facts_hop(&facts, step.want.name, 25)->record.refused_since = NOW - rows[i].ago;
		}
		assert_int_equal(step.verdict.kind, rows[i].so_far);
		assert_int_equal(step.verdict.reason, rows[i].reason);
		if (step.want.kind == WANT_PROBE)
			assert_int_equal(step.verdict.worth_waiting, rows[i].mode == POLICY_ENFORCE);
		facts_free(&facts);
	}
}

/* Without a map, good evidence past its soft age does not pass while the budget refuses a new probe. After 90 s of
 * refusals mail passes, as for a hop that was never probed. With a map nothing waits. */
static void test_refused_when_old(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct row row = {.hops = "a1o", .mode = POLICY_ENFORCE, .mta_enforces = i > 1};
		struct rules rules = rules_of(&row);
		struct evidence refused = {.at = NOW, .reason = REASON_PROBE_BUDGET};
		struct question question;
		struct facts facts;
		struct step step;
		question_from_next_hop(&question, "example.com", 11, PURPOSE_DELIVER);
		facts_init(&facts, &question, &rules, NOW);
		while ((step = verdict_next(&facts)).want.kind != WANT_NOTHING) {
			if (step.want.kind == WANT_PROBE)
				facts_learn_probe(&facts, step.want.name, 25, false, &refused);
			else
				obtain(&row, &facts, &step.want);
			if (facts_hop(&facts, "a.example.com", 25) && i % 2 == 1)
				facts_hop(&facts, "a.example.com", 25)->record.refused_since = NOW - REFUSED_WAIT_S - 1;
		}
		assert_int_equal(step.verdict.kind, i == 0 ? VERDICT_DEFER : VERDICT_PASS);
		assert_int_equal(step.verdict.reason, i > 1 ? REASON_OK : REASON_PROBE_BUDGET);
		facts_free(&facts);
	}
}

/* RFC 7672 3.2.2: a certificate under a trust anchor may name the next-hop domain instead of the host. */
static void test_dane_names(void **state)
{
	(void)state;
	static const struct {
		const char *names;
		enum reason reason;
		enum verdict_kind kind;
	} rows[] = {
		{"example.com", REASON_CERT_HOST_MISMATCH, VERDICT_PASS},
		{"other.example *.com example.com", REASON_CERT_HOST_MISMATCH, VERDICT_PASS},
		{"*.com", REASON_CERT_HOST_MISMATCH, VERDICT_PASS},
		{"", REASON_CERT_HOST_MISMATCH, VERDICT_FAIL_ENFORCE},
		{"example.co www.example.com *.example.com xexample.com", REASON_CERT_HOST_MISMATCH,
			VERDICT_FAIL_ENFORCE},
		{"example.com", REASON_CERT_EXPIRED, VERDICT_FAIL_ENFORCE},
		{"example.com", REASON_TLSA_MISMATCH, VERDICT_FAIL_ENFORCE},
	};
	enum { DANE_ROWS = sizeof rows / sizeof rows[0] };
	struct row row = {.hops = "a1+", .mode = POLICY_ENFORCE};
	struct rules rules = rules_of(&row);
	for (size_t i = 0; i < 2 * DANE_ROWS; i++) {
		bool dane = i < DANE_ROWS;
		struct question question;
		struct facts facts;
		struct entry entry = entry_of(&row);
		entry.mx.secure = true;
		question_from_next_hop(&question, "example.com", 11, PURPOSE_DELIVER);
		facts_init(&facts, &question, &rules, NOW);
		facts.dane = true;
		facts_learn_store(&facts, &entry);
		struct evidence seen = {.at = NOW, .reason = rows[i % DANE_ROWS].reason, .tlsa_id = dane ? 5 : 0};
		snprintf(seen.names, sizeof seen.names, "%s", rows[i % DANE_ROWS].names);
		struct hop_record record = {.tlsa = {.checked_at = NOW, .ttl_s = 300, .state = TLSA_NONE}};
		if (dane)
			record.tlsa.state = TLSA_USABLE;
		record.tlsa.id = dane ? 5 : 0;
		hop_record_learn(&record, &seen);
		facts_learn_evidence(&facts, verdict_next(&facts).want.name, 25, &record);
		struct step step = verdict_next(&facts);
		assert_int_equal(step.want.kind, WANT_NOTHING);
		assert_int_equal(step.verdict.kind, dane ? rows[i].kind : VERDICT_FAIL_ENFORCE);
		facts_free(&facts);
		entry_free(&entry);
	}
}

/* Rule 6 with a map: a hop fails a probe's demands, but satisfies the MTA's own (design 4.12). */
static void test_left_to_mta(void **state)
{
	(void)state;
	static const struct {
		enum reason reason;
		const char *names, *mta_address;
		bool left;
	} rows[] = {
		{REASON_CERT_WEAK_KEY, "", "192.0.2.1", true},
		{REASON_CERT_WEAK_KEY, "", "", false},
		{REASON_STARTTLS_MISSING, "", "192.0.2.1", true},
		/* a certificate for another name that the policy allows: Postfix before 3.10.5 accepts it */
		{REASON_CERT_HOST_MISMATCH, "mx2.example.com", "", true},
		{REASON_CERT_HOST_MISMATCH, "other.example *.example.com", "", true},
		{REASON_CERT_HOST_MISMATCH, "mx2.example.org a.wild.example", "", true},
		{REASON_CERT_HOST_MISMATCH, "*.wild.example", "", true},
		{REASON_CERT_HOST_MISMATCH, "*.example.org a.b.wild.example wild.example *.com x?example.com", "",
			false},
		{REASON_CERT_HOST_MISMATCH, "", "", false},
		{REASON_CERT_EXPIRED, "mx2.example.com", "", false},
		{REASON_CERT_UNTRUSTED, "mx2.example.com", "", false},
		{REASON_HOP_TIMEOUT, "", "192.0.2.1", false},
		{REASON_OK, "", "192.0.2.1", false},
	};
	struct row row = {.hops = "a1+", .mode = POLICY_ENFORCE};
	for (size_t i = 0; i < 4 * (sizeof rows / sizeof rows[0]); i++) {
		size_t at = i / 4;
		struct rules rules = rules_of(&row);
		struct entry entry = entry_of(&row);
		struct question question;
		struct facts facts;
		rules.mta_enforces = (i & 1) == 0;
		entry.policy.mode = (i & 2) == 0 ? POLICY_ENFORCE : POLICY_TESTING;
		names_add(&entry.policy.mx, "mx2.example.com", strlen("mx2.example.com"));
		names_add(&entry.policy.mx, "*.wild.example", strlen("*.wild.example"));
		question_from_next_hop(&question, "example.com", 11, PURPOSE_DELIVER);
		facts_init(&facts, &question, &rules, NOW);
		facts_learn_store(&facts, &entry);
		struct evidence seen = {.at = NOW, .reason = rows[at].reason};
		snprintf(seen.names, sizeof seen.names, "%s", rows[at].names);
		snprintf(seen.mta_address, sizeof seen.mta_address, "%s", rows[at].mta_address);
		if (facts_left_to_mta(&facts, &seen) != (rows[at].left && (i & 3) == 0))
			fail_msg("row %zu", at);
		seen.tlsa_id = 5;
		if (seen.reason == REASON_CERT_HOST_MISMATCH)
			assert_false(facts_left_to_mta(&facts, &seen));
		facts_free(&facts);
		entry_free(&entry);
	}
}

/* A policy is in force before its expiry, not at it; one that this inquiry fetched is, even with max_age 0 (spec
 * S-55). */
static void test_policy_in_force(void **state)
{
	(void)state;
	struct row row = {.hops = "a1+", .mode = POLICY_ENFORCE};
	struct facts facts = {.store = STORE_READ, .now = NOW, .entry = entry_of(&row)};
	facts.entry.policy_expires_at = NOW + 1;
	assert_ptr_equal(facts_policy(&facts), &facts.entry.policy);
	facts.entry.policy_expires_at = NOW;
	assert_null(facts_policy(&facts));
	facts.policy_tried = true;
	assert_ptr_equal(facts_policy(&facts), &facts.entry.policy);
	facts.entry.fetch_outcome = REASON_POLICY_FETCH;
	assert_null(facts_policy(&facts));
	facts_free(&facts);
}

/* default_level = verify, by a query: the hosts are judged as if an enforce policy named exactly these (design 4.19). The
 * verdict itself stays, so only the hosts are looked at here. A certificate for another host of the domain does not count. */
static void test_default_level(void **state)
{
	(void)state;
	static const struct {
		const char *hops;
		enum verdict_kind kind;
		enum reason reason;
		const char *hop, *wants;
	} rows[] = {
		{"a1+", PASS, ""},
		{"a1+ b2-", PASS, ""},
		{"a1- b2+", PASS, ""},
		{"a1-", FAIL("a"), ""},
		{"a1- b2-", FAIL("a"), ""},
		{"a1! b2!", FAIL("a"), "probe:a probe:b"}, /* no policy, so every name counts */
		{"a1~", PASS, "probe:a"},
		{"a1=", FAIL("a"), "probe:a"},
		{"a1?", LEFT("a"), "probe:a"},
		{"a1- b2?", LEFT("b"), "probe:b"},
	};
	static const enum policy_mode modes[] = {POLICY_NONE, POLICY_TESTING};
	for (size_t i = 0; i < 3 * (sizeof rows / sizeof rows[0]); i++) {
		size_t at = i / 3;
		struct row row = {.hops = rows[at].hops, .mode = i % 3 == 2 ? POLICY_NONE : modes[i % 3]};
		struct rules rules = rules_of(&row);
		struct question question;
		struct facts facts;
		struct step step;
		char wants[WANTS_MAX] = "";
		rules.default_verify = true;
		question_from_next_hop(&question, "example.com", 11, PURPOSE_QUERY);
		facts_init(&facts, &question, &rules, NOW);
		while ((step = verdict_next(&facts)).want.kind != WANT_NOTHING) {
			note_want(wants, &step.want);
			obtain(&row, &facts, &step.want);
			if (step.want.kind == WANT_ENTRY && i % 3 == 2)
				facts.entry.has_policy = false;
			struct hop_fact *hop = facts_hop(&facts, step.want.name, 25);
			if (step.want.kind == WANT_PROBE && strchr(row.hops, '!'))
				hop->record.pkix.conclusive =
					(struct evidence){.at = NOW, .reason = REASON_STARTTLS_MISSING};
		}
		struct verdict v = verdict_default(&facts);
		if (v.kind != rows[at].kind || v.reason != rows[at].reason || v.hop[0] != rows[at].hop[0] ||
			(i % 3 == 0 && strcmp(wants, rows[at].wants) != 0))
			fail_msg("row %zu.%zu: %s %s hop '%s' after '%s'", at, i % 3, verdict_name(v.kind),
				reason_name(v.reason), v.hop, wants);
		assert_int_equal(step.verdict.binding, BINDING_NONE);
		assert_int_equal(v.has_policy, i % 3 != 2);
		facts_free(&facts);
	}
}

/* Postfix compares the certificate with the name of the host that shows it, so here nothing is left to it that only the other
 * names of a policy would excuse (design 4.12). */
static void test_default_level_names(void **state)
{
	(void)state;
	struct row row = {.hops = "a1+ b2-", .mode = POLICY_TESTING, .mta_enforces = true};
	struct rules rules = rules_of(&row);
	for (int i = 0; i < 2; i++) {
		struct entry entry = entry_of(&row);
		struct question question;
		struct facts facts;
		struct hop_record bad, other = {.pkix = {.newest = {.at = 0}}};
		struct evidence seen = {.at = NOW, .reason = REASON_CERT_HOST_MISMATCH};
		snprintf(seen.names, sizeof seen.names, "%s", i == 0 ? "b.example.com" : "a.example.com");
		rules.default_verify = true;
		entry.policy.mode = i == 0 ? POLICY_TESTING : POLICY_ENFORCE;
		question_from_next_hop(&question, "example.com", 11, PURPOSE_QUERY);
		facts_init(&facts, &question, &rules, NOW);
		facts_learn_store(&facts, &entry);
		evidence_of('-', &bad);
		hop_record_learn(&other, &seen);
		facts_learn_evidence(&facts, "a.example.com", 25, &other);
		facts_learn_evidence(&facts, "b.example.com", 25, &bad);
		struct verdict v = verdict_default(&facts);
		assert_int_equal(v.kind, VERDICT_FAIL_ENFORCE);
		assert_int_equal(facts_left_to_mta(&facts, &seen), i == 1);
		facts_free(&facts);
		entry_free(&entry);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_beside_map),
		cmocka_unit_test(test_testing),
		cmocka_unit_test(test_names_only),
		cmocka_unit_test(test_more_hops_than_probed),
		cmocka_unit_test(test_store_breaks_midway),
		cmocka_unit_test(test_evidence_ahead),
		cmocka_unit_test(test_refused_for_long),
		cmocka_unit_test(test_refused_when_old),
		cmocka_unit_test(test_dane_names),
		cmocka_unit_test(test_left_to_mta),
		cmocka_unit_test(test_policy_in_force),
		cmocka_unit_test(test_default_level),
		cmocka_unit_test(test_default_level_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
