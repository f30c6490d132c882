/* The object of the status page's overview, from a store: which rows it lists, how they are counted and cut. */
#include "cm.h"

#include "clock.h"
#include "overview.h"
#include "report.h"
#include "room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct config *config;
static struct census *census; /* NULL: there is none yet */
static struct store *store;

struct config *__wrap_check_config(struct check *check);
struct config *__wrap_check_config(struct check *check)
{
	(void)check;
	return config_ref(config);
}

struct census *__wrap_census_latest(struct census_taker *taker);
struct census *__wrap_census_latest(struct census_taker *taker)
{
	(void)taker;
	struct census *copy = census ? malloc(sizeof *copy) : NULL;
	if (copy)
		*copy = *census;
	return copy;
}

static bool events_unreadable;
struct event_record *__real_store_events(struct store *from, size_t *count, struct failure *why);
struct event_record *__wrap_store_events(struct store *from, size_t *count, struct failure *why);
struct event_record *__wrap_store_events(struct store *from, size_t *count, struct failure *why)
{
	if (!events_unreadable)
		return __real_store_events(from, count, why);
	*count = 0;
	failure_set(why, 0, "the events cannot be read");
	return NULL;
}

static int store_make(void **state)
{
	int status = room_make(state);
	struct failure why = {0};
	char place[300], *over[] = {place, (char *)"mode=monitor", (char *)"tlsrpt=collect",
				 (char *)"report_from=a@relay.example", (char *)"report_organization=Relay"};
	snprintf(place, sizeof place, "store_path=%s", room);
	struct settings *settings = settings_read("/dev/null", false, over, COUNT(over), &why);
	config = settings ? config_new(settings, NULL, &why) : NULL;
	assert_non_null(config);
	store = room_open(16 * ROOM_BYTES, STORE_OWNER);
	assert_non_null(store);
	for (unsigned i = 0; i < LABEL_CONDITION_VALUES; i++)
		metrics_set(METRIC_DEGRADED, i, 0, 0, 0);
	return status;
}

static int store_remove(void **state)
{
	store_close(&store);
	config_unref(&config);
	free(census);
	census = NULL;
	return room_remove(state);
}

static json_t *overview(size_t rows)
{
	struct failure why = {0};
	json_t *object = overview_json(&(struct overview_parts){.store = store, .rows = rows}, &why);
	if (!object)
		fail_msg("%s", why.text);
	return object;
}

/* Returns the member at a path such as `waiting.domains.0.reason`. */
static const json_t *at(const json_t *value, const char *path)
{
	char copy[128], *rest = NULL;
	snprintf(copy, sizeof copy, "%s", path);
	for (char *word = strtok_r(copy, ".", &rest); word && value; word = strtok_r(NULL, ".", &rest))
		value = json_is_array(value) ? json_array_get(value, strtoul(word, NULL, 10))
					     : json_object_get(value, word);
	if (!value)
		fail_msg("there is no %s", path);
	return value;
}

static void text_is(const json_t *object, const char *path, const char *text)
{
	assert_string_equal(json_string_value(at(object, path)), text);
}

static void number_is(const json_t *object, const char *path, int64_t number)
{
	assert_true(json_is_integer(at(object, path)));
	if (json_integer_value(at(object, path)) != number)
		fail_msg("%s is %lld", path, (long long)json_integer_value(at(object, path)));
}

struct happened {
	const char *domain, *hop;
	enum verdict_door door;
	enum verdict_kind kind;
	enum reason reason;
	enum deed deed, would;
	int64_t ago_s;
};

static void happen(const struct happened *one)
{
	struct verdict verdict = {.kind = one->kind, .reason = one->reason};
	struct verdict_record record;
	snprintf(verdict.domain, sizeof verdict.domain, "%s", one->domain);
	snprintf(verdict.hop, sizeof verdict.hop, "%s", one->hop);
	verdict_record_init(&record, one->door, &verdict, clock_wall_s() - one->ago_s);
	record.deed = one->deed;
	record.would = one->would;
	record.monitor = one->deed != one->would;
	assert_true(store_note_verdicts(store, &record, 1, NULL));
}

/* No sign is shown only if there is none. */
static void test_signs_that_cannot_be_read(void **state)
{
	(void)state;
	struct failure why = {0};
	events_unreadable = true;
	json_t *object = overview_json(&(struct overview_parts){.store = store, .rows = 100}, &why);
	events_unreadable = false;
	assert_null(object);
	assert_string_equal(why.text, "the events cannot be read");
}

static void test_an_empty_store(void **state)
{
	(void)state;
	json_t *object = overview(100);
	number_is(object, "waiting.count", 0);
	number_is(object, "would_wait.count", 0);
	number_is(object, "signs.count", 0);
	number_is(object, "overrides.count", 0);
	number_is(object, "reports.count", 0);
	text_is(object, "version", PACKAGE_VERSION);
	text_is(object, "state.mode", "monitor");
	assert_true(json_is_null(at(object, "sharing")));
	assert_true(json_is_true(at(object, "state.healthy")));
	assert_true(json_is_true(at(object, "reports.sends")));
	assert_true(json_is_null(at(object, "refresh")) && json_is_null(at(object, "hops")) &&
		    json_is_null(at(object, "counted_at")));
	assert_true(json_is_object(at(object, "plots")));
	json_decref(object);
}

static void test_sharing(void **state)
{
	(void)state;
	metrics_set(METRIC_FLEET_CHANGED, 0, 0, 0, 1796000000);
	json_t *object = overview(100);
	assert_true(json_is_false(at(object, "sharing.works")));
	number_is(object, "sharing.since", 1796000000);
	json_decref(object);
	metrics_set(METRIC_FLEET_UP, 0, 0, 0, 1);
	metrics_set(METRIC_FLEET_NODES, 0, 0, 0, 49);
	metrics_set(METRIC_FLEET_NODES, 1, 0, 0, 1);
	object = overview(100);
	assert_true(json_is_true(at(object, "sharing.works")));
	number_is(object, "sharing.relays", 49);
	number_is(object, "sharing.silent", 1);
	json_decref(object);
	metrics_set(METRIC_FLEET_CHANGED, 0, 0, 0, 0);
}

static void test_conditions_make_it_unhealthy(void **state)
{
	(void)state;
	metrics_set(METRIC_DEGRADED, 0, 0, 0, 1);
	json_t *object = overview(100);
	assert_true(json_is_false(at(object, "state.healthy")));
	text_is(object, "state.conditions.0", counters_names.name[LABEL_CONDITION](0));
	json_decref(object);
}

/* A domain is one row, with its newest reason, however many records it has. */
static void test_domains_whose_mail_waits(void **state)
{
	static const struct happened all[] = {{"a.example", "mx.a.example", DOOR_MILTER, VERDICT_FAIL_ENFORCE,
						      REASON_CERT_EXPIRED, DEED_DEFER, DEED_DEFER, 900},
		{"a.example", "mx.a.example", DOOR_MAP, VERDICT_FAIL_ENFORCE, REASON_STARTTLS_MISSING, DEED_TEMP,
			DEED_TEMP, 60},
		{"b.example", "", DOOR_MILTER, VERDICT_DEFER, REASON_MX_LOOKUP, DEED_QUARANTINE, DEED_QUARANTINE, 600},
		{"old.example", "", DOOR_MILTER, VERDICT_DEFER, REASON_MX_LOOKUP, DEED_DEFER, DEED_DEFER, 3 * 3600},
		{"m.example", "mx.m.example", DOOR_MILTER, VERDICT_FAIL_ENFORCE, REASON_CERT_EXPIRED, DEED_ACCEPT,
			DEED_DEFER, 60},
		{"t.example", "mx.t.example", DOOR_MILTER, VERDICT_FAIL_TESTING, REASON_CERT_EXPIRED, DEED_TAG,
			DEED_TAG, 70}};
	(void)state;
	for (size_t i = 0; i < COUNT(all); i++)
		happen(&all[i]);
	json_t *object = overview(100);
	number_is(object, "waiting.count", 2);
	text_is(object, "waiting.domains.0.domain", "a.example");
	text_is(object, "waiting.domains.0.reason", "starttls-not-supported");
	text_is(object, "waiting.domains.0.sentence", "mx.a.example offers no STARTTLS");
	text_is(object, "waiting.domains.0.frontend", "socketmap");
	number_is(object, "waiting.domains.0.count", 2);
	assert_in_range(json_integer_value(at(object, "waiting.domains.0.last_at")) -
				json_integer_value(at(object, "waiting.domains.0.first_at")),
		839, 841);
	text_is(object, "waiting.domains.1.domain", "b.example");
	text_is(object, "waiting.domains.1.sentence", "the domain's MX records could not be looked up");
	assert_non_null(strstr(json_string_value(at(object, "waiting.domains.1.advice")), "`dig MX b.example`"));
	number_is(object, "would_wait.count", 2);
	text_is(object, "would_wait.domains.0.domain", "m.example");
	text_is(object, "would_wait.domains.0.would", "defer");
	text_is(object, "would_wait.domains.1.domain", "t.example");
	json_decref(object);
	object = overview(1);
	number_is(object, "waiting.count", 2);
	assert_int_equal(json_array_size(at(object, "waiting.domains")), 1);
	json_decref(object);
}

/* Somebody may paste a command of an advice into a shell. */
static void test_odd_names_are_not_in_commands(void **state)
{
	static const struct happened odd = {"c.example", "$(reboot).c.example", DOOR_MILTER, VERDICT_FAIL_ENFORCE,
		REASON_STARTTLS_MISSING, DEED_DEFER, DEED_DEFER, 60};
	static const struct happened option = {"d.example", "-oProxyCommand", DOOR_MILTER, VERDICT_FAIL_ENFORCE,
		REASON_STARTTLS_MISSING, DEED_DEFER, DEED_DEFER, 50};
	(void)state;
	happen(&odd);
	happen(&option);
	json_t *object = overview(100);
	for (size_t i = 0; i < 2; i++) {
		char path[64];
		snprintf(path, sizeof path, "waiting.domains.%zu.advice", i);
		assert_non_null(strstr(json_string_value(at(object, path)), "-connect HOST:25"));
	}
	text_is(object, "waiting.domains.1.sentence", "\"$(reboot).c.example\" offers no STARTTLS");
	json_decref(object);
}

static void test_signs_that_are_not_over(void **state)
{
	struct event_record sign, other;
	(void)state;
	event_record_init(&sign, EVENT_STARTTLS_LOST, "a.example", "first", clock_wall_s() - 60);
	assert_true(store_note_event(store, &sign, NULL));
	event_record_init(&sign, EVENT_CERTIFICATE_BROKE, "b.example", "second", clock_wall_s());
	assert_true(store_note_event(store, &sign, NULL));
	event_record_init(&other, EVENT_REFRESH_FAILING, "c.example", "no sign", clock_wall_s());
	assert_true(store_note_event(store, &other, NULL));
	json_t *object = overview(1);
	number_is(object, "signs.count", 2);
	text_is(object, "signs.events.0.detail", "second");
	assert_int_equal(json_array_size(at(object, "signs.events")), 1);
	json_decref(object);
}

static void test_overrides_in_force(void **state)
{
	int64_t now = clock_wall_s();
	const struct override all[] = {{.kind = OVERRIDE_PASS,
					       .domain = "a.example",
					       .begins_at = now - 60,
					       .ends_at = now + 3600,
					       .author = "anna",
					       .node = "relay1",
					       .reason = "ticket"},
		{.kind = OVERRIDE_TAG,
			.domain = "b.example",
			.begins_at = now - 7200,
			.ends_at = now - 3600,
			.author = "anna",
			.reason = "over"}};
	(void)state;
	for (size_t i = 0; i < COUNT(all); i++)
		assert_true(store_set_override(store, &all[i], NULL, NULL));
	json_t *object = overview(100);
	number_is(object, "overrides.count", 1);
	text_is(object, "overrides.overrides.0.domain", "a.example");
	text_is(object, "overrides.overrides.0.kind", "pass");
	text_is(object, "overrides.overrides.0.node", "relay1");
	json_decref(object);
}

static void report_put(const char *domain, enum tlsrpt_send_state state, int64_t next_at)
{
	struct tlsrpt_send row = {
		.day = (int32_t)(clock_wall_s() / 86400 - 1), .state = state, .next_at = next_at, .attempts = 1};
	size_t refused = 0;
	snprintf(row.domain, sizeof row.domain, "%s", domain);
	snprintf(row.address, sizeof row.address, "mailto:tls@%s", domain);
	snprintf(row.host, sizeof row.host, "%s", domain);
	snprintf(row.token, sizeof row.token, "%.*s", TLSRPT_TOKEN_LEN, "abcdefghijklmnopqrstuvwxyz");
	snprintf(row.detail, sizeof row.detail, "because");
	assert_true(store_add_tlsrpt_sends(store, &row, 1, &refused, NULL));
	assert_int_equal(refused, 0);
}

static void test_reports(void **state)
{
	int64_t now = clock_wall_s();
	(void)state;
	report_put("a.example", TLSRPT_SENT, 0);
	report_put("b.example", TLSRPT_WAITING, now - 500);
	report_put("c.example", TLSRPT_WAITING, now + 500);
	report_put("d.example", TLSRPT_GIVEN_UP, 0);
	json_t *object = overview(100);
	number_is(object, "reports.sent", 1);
	number_is(object, "reports.waiting", 1);
	number_is(object, "reports.oldest_due_at", now - 500);
	number_is(object, "reports.count", 1);
	text_is(object, "reports.failed.0.domain", "d.example");
	text_is(object, "reports.failed.0.detail", "because");
	assert_true(json_is_null(at(object, "reports.failed.0.next_at")));
	json_decref(object);
}

static void test_the_newest_census(void **state)
{
	(void)state;
	census = calloc(1, sizeof *census);
	assert_non_null(census);
	census->at = 1700000000;
	census->domains = 100;
	census->in_force[POLICY_ENFORCE] = 30;
	census->in_force[POLICY_TESTING] = 20;
	census->in_force[POLICY_NONE] = 5;
	census->due = 3;
	census->failing = 2;
	census->expiring = 1;
	census->oldest_due_at = 1699990000;
	snprintf(census->oldest, sizeof census->oldest, "late.example");
	census->hops[CENSUS_GOOD] = 7;
	census->hops[CENSUS_BAD] = 1;
	census->network_count = 2;
	census->network[0] = (struct census_network){.asn = 64496, .hops = 5, .good = 4, .bad = 1, .country = "DE"};
	census->network[1] = (struct census_network){.prefix = 0, .hops = 3};
	json_t *object = overview(1);
	number_is(object, "counted_at", 1700000000);
	number_is(object, "domains.count", 100);
	number_is(object, "domains.enforce", 30);
	number_is(object, "domains.testing", 20);
	number_is(object, "domains.none", 5);
	number_is(object, "domains.no-policy", 45);
	number_is(object, "refresh.due", 3);
	text_is(object, "refresh.oldest", "late.example");
	number_is(object, "refresh.expiring", 1);
	number_is(object, "hops.good", 7);
	number_is(object, "hops.unknown", 0);
	number_is(object, "networks.count", 2);
	assert_int_equal(json_array_size(at(object, "networks.networks")), 1);
	number_is(object, "networks.networks.0.asn", 64496);
	text_is(object, "networks.networks.0.country", "DE");
	assert_true(json_is_null(at(object, "networks.networks.0.prefix")));
	json_decref(object);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_make, store_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_empty_store),
		TEST(test_signs_that_cannot_be_read),
		TEST(test_sharing),
		TEST(test_conditions_make_it_unhealthy),
		TEST(test_domains_whose_mail_waits),
		TEST(test_odd_names_are_not_in_commands),
		TEST(test_signs_that_are_not_over),
		TEST(test_overrides_in_force),
		TEST(test_reports),
		TEST(test_the_newest_census),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
