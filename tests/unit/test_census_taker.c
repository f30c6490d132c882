/* The thread that takes the census, with a real store and with settings that a test chooses. */
#include "census_taker.h"
#include "census_walk.h"
#include "clock.h"
#include "cm.h"
#include "metrics.h"
#include "room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BYTES (64 * 1024 * 1024)

static struct settings settings;
static struct config config = {.settings = &settings, .rules = {.probe_ttl_max_s = 86400}};

struct config *__wrap_check_config(struct check *check);
void __wrap_config_unref(struct config **config);

struct config *__wrap_check_config(struct check *check)
{
	(void)check;
	return &config;
}

void __wrap_config_unref(struct config **slot)
{
	*slot = NULL;
}

static struct failure why;

static void rest(int ms)
{
	nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static void hop_make(struct hop_record *record, void *arg)
{
	struct evidence seen = {
		.at = clock_wall_s(), .reason = *(const enum reason *)arg, .asn = 64500, .country = "DE"};

	snprintf(seen.address, sizeof seen.address, "192.0.2.1");
	hop_record_learn(record, &seen);
}

static void hop_put(struct store *store, const char *host, enum reason reason)
{
	assert_true(store_change_hop(store, host, 25, hop_make, &reason, &why));
}

/* A census of a running thread. */
static struct census *awaited(struct census_taker *taker)
{
	struct census *census = NULL;
	int64_t until_ms = clock_mono_ms() + 60000;

	while (!(census = census_latest(taker)) && clock_mono_ms() < until_ms)
		rest(10);
	assert_non_null(census);
	return census;
}

static struct census_taker *started(struct store *store)
{
	struct census_taker *taker = census_taker_new(NULL, store);

	assert_null(census_latest(taker));
	assert_true(census_taker_start(taker, &why));
	return taker;
}

static void ended(struct census_taker *taker)
{
	census_taker_stop(taker);
	census_taker_free(&taker);
	assert_null(taker);
}

static void an_empty_store(void **state)
{
	struct store *store = room_open(BYTES, STORE_OWNER);
	struct census_taker *taker = started(store);
	struct census *census = awaited(taker);

	(void)state;
	assert_true(census->entries_whole && census->hops_whole);
	assert_int_equal(census->domains, 0);
	assert_int_equal(census->hops[CENSUS_UNKNOWN], 0);
	free(census);
	ended(taker);
	store_close(&store);
}

/* More records than a page has, and the gauges. */
static void several_pages(void **state)
{
	struct store *store = room_open(BYTES, STORE_OWNER);
	char name[64];

	(void)state;
	for (int i = 0; i < CENSUS_PAGE + 1; i++) {
		snprintf(name, sizeof name, "d%d.example", i);
		assert_true(room_put(store, name,
			i == 0   ? KIND_EXPIRED
			: i == 1 ? KIND_NEGATIVE
				 : KIND_USED,
			100, &why));
		snprintf(name, sizeof name, "mx%d.example", i);
		hop_put(store, name, i == 0 ? REASON_STARTTLS_MISSING : REASON_OK);
	}
	assert_true(room_put_due(store, "d7.example", clock_wall_s() - 1000, &why));
	struct census_taker *taker = started(store);
	struct census *census = awaited(taker);

	assert_true(census->entries_whole && census->hops_whole);
	assert_int_equal(census->domains, CENSUS_PAGE + 1);
	assert_int_equal(census->stored[POLICY_ENFORCE], CENSUS_PAGE);
	assert_int_equal(census->in_force[POLICY_ENFORCE], CENSUS_PAGE - 1);
	assert_int_equal(census->without, 1);
	assert_string_equal(census->oldest, "d7.example");
	assert_int_equal(census->hops[CENSUS_GOOD], CENSUS_PAGE);
	assert_int_equal(census->hops[CENSUS_BAD], 1);
	assert_int_equal(census->network_count, 1);
	assert_int_equal(census->network[0].asn, 64500);
	free(census);
	ended(taker);
	assert_int_equal(metrics_read(METRIC_DOMAINS, POLICY_ENFORCE, 0, 0), CENSUS_PAGE - 1);
	assert_int_equal(metrics_read(METRIC_DOMAINS, CENSUS_NO_POLICY, 0, 0), 2);
	assert_int_equal(metrics_read(METRIC_REFRESH_DUE, 0, 0, 0), 1);
	assert_in_range(metrics_read(METRIC_REFRESH_OLDEST, 0, 0, 0), 1000, 1060);
	assert_int_equal(metrics_read(METRIC_HOPS, CENSUS_GOOD, 0, 0), CENSUS_PAGE);
	assert_int_equal(metrics_read(METRIC_HOPS, CENSUS_BAD, 0, 0), 1);
	store_close(&store);
}

static void verdict_put(struct store *store, const char *domain, enum verdict_kind kind, enum deed deed)
{
	struct verdict_record record = {.kind = kind,
		.deed = deed,
		.would = deed,
		.reason = REASON_STARTTLS_MISSING,
		.count = 1,
		.first_at = clock_wall_s(),
		.last_at = clock_wall_s()};

	snprintf(record.domain, sizeof record.domain, "%s", domain);
	assert_true(store_note_verdicts(store, &record, 1, &why));
}

static void sign_put(struct store *store, enum event_kind kind, const char *domain, int64_t over_at)
{
	struct event_record event;

	event_record_init(&event, kind, domain, "a test says so", clock_wall_s());
	event.over_at = over_at;
	assert_true(store_note_event(store, &event, &why));
}

static void report_put(struct store *store, const char *domain, enum tlsrpt_send_state sent, int64_t due_at)
{
	struct tlsrpt_send row = {.day = (int32_t)(clock_wall_s() / 86400) - 1, .state = sent, .next_at = due_at};
	size_t refused;

	snprintf(row.domain, sizeof row.domain, "%s", domain);
	snprintf(row.address, sizeof row.address, "mailto:tls@%s", domain);
	snprintf(row.token, sizeof row.token, "%.*s", TLSRPT_TOKEN_LEN, TLSRPT_TOKEN_LETTERS);
	row.first_at = row.state == TLSRPT_RETRY ? due_at : 0;
	assert_true(store_add_tlsrpt_sends(store, &row, 1, &refused, &why));
	assert_int_equal(refused, 0);
}

/* Mail that waits, signs and reports. */
static void gauges_of_the_rings(void **state)
{
	struct store *store = room_open(BYTES, STORE_OWNER);
	int64_t now = clock_wall_s();
	struct event_record part;

	(void)state;
	verdict_put(store, "a.example", VERDICT_FAIL_ENFORCE, DEED_DEFER);
	verdict_put(store, "b.example", VERDICT_FAIL_ENFORCE, DEED_DEFER);
	verdict_put(store, "c.example", VERDICT_FAIL_TESTING, DEED_ACCEPT);
	sign_put(store, EVENT_STARTTLS_LOST, "a.example", 0);
	sign_put(store, EVENT_STARTTLS_LOST, "b.example", now);
	sign_put(store, EVENT_HOP_MOVED, "b.example", 0);
	sign_put(store, EVENT_STORE_TROUBLE, "", 0); /* is no sign */
	sign_put(store, EVENT_HOPS_TURNED_BAD, "", 0);
	event_record_init(&part, EVENT_CERTIFICATE_BROKE, "c.example", "a test says so", now);
	part.part_of_kind = event_number(EVENT_HOPS_TURNED_BAD);
	assert_true(store_note_event(store, &part, &why));
	assert_int_not_equal(part.part_of, 0);
	report_put(store, "a.example", TLSRPT_WAITING, now - 100);
	report_put(store, "b.example", TLSRPT_RETRY, now - 5000);
	report_put(store, "c.example", TLSRPT_WAITING, now + 5000);
	report_put(store, "d.example", TLSRPT_SENT, now - 9000);
	settings.tlsrpt = TLSRPT_COLLECT;
	settings.report_from = (char[]){"tls@relay.example"};
	settings.report_organization = (char[]){"Example"};
	struct census_taker *taker = started(store);

	free(awaited(taker));
	ended(taker);
	assert_int_equal(metrics_read(METRIC_DOMAINS_WAITING, REASON_STARTTLS_MISSING, 0, 0), 2);
	assert_int_equal(metrics_read(METRIC_DOMAINS_WOULD_WAIT, REASON_STARTTLS_MISSING, 0, 0), 1);
	assert_int_equal(metrics_read(METRIC_SIGNS_OPEN, EVENT_ERROR, 0, 0), 2);
	assert_int_equal(metrics_read(METRIC_SIGNS_OPEN, EVENT_NOTICE, 0, 0), 1);
	assert_int_equal(metrics_read(METRIC_SIGNS_OPEN, EVENT_WARNING, 0, 0), 0);
	assert_int_equal(metrics_read(METRIC_REPORTS_WAITING, 0, 0, 0), 2);
	assert_in_range(metrics_read(METRIC_REPORTS_OLDEST, 0, 0, 0), 5000, 5060);
	/* Without reports, none waits. */
	settings.tlsrpt = TLSRPT_OFF;
	taker = started(store);
	free(awaited(taker));
	ended(taker);
	assert_int_equal(metrics_read(METRIC_REPORTS_WAITING, 0, 0, 0), 0);
	assert_int_equal(metrics_read(METRIC_REPORTS_OLDEST, 0, 0, 0), 0);
	store_close(&store);
}

/* Old damage that nobody has met: the census meets all of it, and must not make the daemon end because of it. */
static void old_damage(void **state)
{
	struct store *store = room_open(BYTES, STORE_OWNER);
	char name[64];

	(void)state;
	assert_true(room_put(store, "whole.example", KIND_USED, 100, &why));
	store_close(&store);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "d%d.example", i);
		room_write("entries", name, strlen(name), "these octets are no entry at all");
	}
	store = room_open(BYTES, STORE_OWNER);
	struct census_taker *taker = started(store);
	struct census *census = awaited(taker);

	assert_int_equal(census->domains, 1);
	assert_true(census->entries_whole);
	assert_false(store_is_broken(store, NULL));
	free(census);
	ended(taker);
	store_close(&store);
}

/* A stop does not wait for the end of a census. */
static void a_stop_ends_it(void **state)
{
	struct store *store = room_open(BYTES, STORE_OWNER);
	char name[64];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "d%d.example", i);
		assert_true(room_put_due(store, name, 0, &why));
	}
	struct census_taker *taker = started(store);

	census_taker_stop(taker);
	assert_null(census_latest(taker));
	census_taker_free(&taker);
	store_close(&store);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, room_make, room_remove)
	const struct CMUnitTest tests[] = {
		ROW(an_empty_store),
		ROW(several_pages),
		ROW(gauges_of_the_rings),
		ROW(old_damage),
		ROW(a_stop_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
