/* The table of metrics and its text: the rules of OpenMetrics for names and escapes, size limits, and that each
 * value of a label that core and check know has a name and a place. */
#include "report.h"

#include "cm.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[METRICS_TEXT_MAX];

static const char *odd_name(unsigned value)
{
	return value == 0 ? "plain" : value == 1 ? "a \"quote\", a \\ and\na line" : NULL;
}

static const struct metrics_names odd_names = {.name = {[LABEL_ACTION] = odd_name}};

static int zeroed(void **state)
{
	(void)state;
	for (int m = 0; m < METRIC_COUNT; m++) {
		const enum metrics_label *label = metrics_table[m].label;
		for (unsigned a = 0; a < metrics_label_values(label[0]); a++)
			for (unsigned b = 0; b < metrics_label_values(label[1]); b++)
				for (unsigned c = 0; c < metrics_label_values(label[2]); c++)
					metrics_set((enum metric)m, a, b, c, 0);
	}
	return 0;
}

static void has(const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("not there: `%s` in\n%s", part, text);
}

static void text_is_exact(void **state)
{
	(void)state;
	metrics_add(METRIC_MILTER_ACTIONS, 0, 0, 0, 1);
	metrics_add(METRIC_MILTER_ACTIONS, 1, 0, 0, 2);
	metrics_add(METRIC_MILTER_ACTIONS, 1, 0, 0, UINT64_MAX - 2);
	metrics_add(METRIC_MILTER_ACTIONS, 2, 0, 0, 7); /* has no name */
	metrics_add(METRIC_MAP_REPLIES, 0, 0, 0, 7);    /* nor any of its label's values */
	metrics_set(METRIC_WORKERS, 0, 0, 0, 8);
	size_t len = metrics_render(METRICS_OPENMETRICS, &odd_names, text, sizeof text);
	assert_int_equal(len, strlen(text));
	has("\n# HELP stsgate_milter_actions What the milter did with recipients that it judged.\n"
	    "# TYPE stsgate_milter_actions counter\n"
	    "stsgate_milter_actions_total{action=\"plain\"} 1\n"
	    "stsgate_milter_actions_total{action=\"a \\\"quote\\\", a \\\\ and\\na line\"} 18446744073709551615\n"
	    "# HELP stsgate_map_replies Replies of the TLS policy map (socketmap).\n"
	    "# TYPE stsgate_map_replies counter\n"
	    "# HELP stsgate_delegation_replies Replies of policy delegation. Requests that are not judged count as "
	    "accept.\n"
	    "# TYPE stsgate_delegation_replies counter\n"
	    "# HELP stsgate_events ");
	has("\n# HELP stsgate_workers Event loops that look up, fetch and probe; each has its own thread.\n"
	    "# TYPE stsgate_workers gauge\n"
	    "stsgate_workers 8\n");
	has("\nstsgate_workers_busy 0\n");
	has("\nstsgate_store_writes_total 0\n");
	assert_string_equal(text + len - 7, "\n# EOF\n");
	/* Prometheus: the family of a counter has the name of its samples, and there is no end mark. */
	len = metrics_render(METRICS_PROMETHEUS, &odd_names, text, sizeof text);
	assert_int_equal(len, strlen(text));
	has("\n# HELP stsgate_milter_actions_total What the milter did with recipients that it judged.\n"
	    "# TYPE stsgate_milter_actions_total counter\n"
	    "stsgate_milter_actions_total{action=\"plain\"} 1\n"
	    "stsgate_milter_actions_total{action=\"a \\\"quote\\\", a \\\\ and\\na line\"} 18446744073709551615\n");
	has("\n# TYPE stsgate_workers gauge\nstsgate_workers 8\n");
	assert_null(strstr(text, "# EOF"));
}

/* Every size from none to enough: either the whole text, or a length of 0; never a byte beyond the end. */
static void text_keeps_its_bounds(void **state)
{
	(void)state;
	size_t len = metrics_render(METRICS_OPENMETRICS, &counters_names, text, sizeof text);
	assert_true(len > 1000);
	for (size_t size = 0; size <= len + 1; size++) {
		char *small = malloc(size > 0 ? size : 1);
		assert_non_null(small);
		assert_int_equal(
			metrics_render(METRICS_OPENMETRICS, &counters_names, small, size), size > len ? len : 0);
		if (size > len)
			assert_string_equal(small, text);
		free(small);
	}
}

static void values_have_cells_of_their_own(void **state)
{
	(void)state;
	unsigned verdicts = metrics_label_values(LABEL_VERDICT), reasons = metrics_label_values(LABEL_REASON);
	for (unsigned a = 0; a < metrics_label_values(LABEL_PURPOSE); a++)
		for (unsigned b = 0; b < verdicts; b++)
			for (unsigned c = 0; c < reasons; c++)
				metrics_add(METRIC_VERDICTS, a, b, c, 1 + (a * verdicts + b) * reasons + c);
	for (unsigned a = 0; a < metrics_label_values(LABEL_PURPOSE); a++)
		for (unsigned b = 0; b < verdicts; b++)
			for (unsigned c = 0; c < reasons; c++)
				assert_int_equal(
					metrics_read(METRIC_VERDICTS, a, b, c), 1 + (a * verdicts + b) * reasons + c);
}

static bool name_valid(const char *name)
{
	return strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name) && strncmp(name, "stsgate_", 8) == 0;
}

static void table_is_sound(void **state)
{
	(void)state;
	for (int m = 0; m < METRIC_COUNT; m++) {
		const struct metrics_row *row = &metrics_table[m];
		size_t len = strlen(row->name);
		bool total = len > 6 && strcmp(row->name + len - 6, "_total") == 0;
		assert_true(name_valid(row->name));
		assert_int_equal(total, row->type == METRICS_COUNTER);
		assert_true(row->sentence[0] != '\0' && row->sentence[strlen(row->sentence) - 1] == '.');
		for (int other = 0; other < m; other++)
			assert_string_not_equal(row->name, metrics_table[other].name);
		/* No label follows an unused one. */
		assert_true(row->label[0] != LABEL_NONE || row->label[1] == LABEL_NONE);
		assert_true(row->label[1] != LABEL_NONE || row->label[2] == LABEL_NONE);
	}
}

/* Every verdict and every reason of core appears. The buffer suffices even for a daemon that has counted everything. */
static void everything_has_a_name_and_fits(void **state)
{
	(void)state;
	for (int m = 0; m < METRIC_COUNT; m++) {
		const enum metrics_label *label = metrics_table[m].label;
		for (unsigned a = 0; a < metrics_label_values(label[0]); a++)
			for (unsigned b = 0; b < metrics_label_values(label[1]); b++)
				for (unsigned c = 0; c < metrics_label_values(label[2]); c++)
					metrics_set((enum metric)m, a, b, c, UINT64_MAX);
	}
	assert_true(metrics_render(METRICS_OPENMETRICS, &counters_names, text, sizeof text) > 0);
	static const char *const purposes[] = {"deliver", "map", "query", "refresh"};
	for (int reason = 0; reason < REASON_COUNT; reason++)
		for (int verdict = 0; verdict <= VERDICT_DEFER; verdict++)
			for (int purpose = 0; purpose < 4; purpose++) {
				char sample[200];
				snprintf(sample, sizeof sample,
					"\nstsgate_verdicts_total{purpose=\"%s\",verdict=\"%s\",reason=\"%s\"} ",
					purposes[purpose], verdict_name((enum verdict_kind)verdict),
					reason_name((enum reason)reason));
				has(sample);
			}
	has("\nstsgate_probes_total{reason=\"starttls-not-supported\"} ");
	has("\nstsgate_milter_actions_total{action=\"accept\"} ");
	has("\nstsgate_milter_actions_total{action=\"tag\"} ");
	has("\nstsgate_milter_actions_total{action=\"quarantine\"} ");
	has("\nstsgate_milter_actions_total{action=\"defer\"} ");
	has("\nstsgate_map_replies_total{reply=\"ok\"} ");
	has("\nstsgate_map_replies_total{reply=\"notfound\"} ");
	has("\nstsgate_map_replies_total{reply=\"temp\"} ");
	has("\nstsgate_build_info{version=\"" PACKAGE_VERSION "\"} ");
}

static void found_values_are_counted(void **state)
{
	(void)state;
	struct found found = {.want.kind = WANT_RECORD, .record.outcome = REASON_NO_RECORD};
	counters_found(&found);
	found = (struct found){.want.kind = WANT_POLICY, .policy.outcome = REASON_POLICY_WEBPKI};
	counters_found(&found);
	found = (struct found){.want.kind = WANT_MX};
	counters_found(&found);
	counters_found(&found);
	found = (struct found){.want.kind = WANT_TLSA, .tlsa.state = TLSA_UNUSABLE};
	counters_found(&found);
	found = (struct found){.want.kind = WANT_PROBE, .evidence = {.at = 1, .reason = REASON_CERT_EXPIRED}};
	counters_found(&found);
	found = (struct found){
		.want = {.kind = WANT_PROBE, .dane = true}}; /* the records are gone, so the hop is not probed */
	counters_found(&found);
	assert_int_equal(metrics_read(METRIC_RECORD_LOOKUPS, REASON_NO_RECORD, 0, 0), 1);
	assert_int_equal(metrics_read(METRIC_POLICY_FETCHES, REASON_POLICY_WEBPKI, 0, 0), 1);
	assert_int_equal(metrics_read(METRIC_MX_LOOKUPS, REASON_OK, 0, 0), 2);
	assert_int_equal(metrics_read(METRIC_TLSA_LOOKUPS, TLSA_UNUSABLE, 0, 0), 1);
	assert_int_equal(metrics_read(METRIC_PROBES, REASON_CERT_EXPIRED, 0, 0), 1);
	assert_int_equal(metrics_read(METRIC_PROBES, REASON_OK, 0, 0), 0);
}

static void actions_are_counted_by_what_is_done(void **state)
{
	(void)state;
	counters_action(&(struct decision){.action = ACTION_ACCEPT, .would = ACTION_REFUSE});
	counters_action(&(struct decision){.action = ACTION_ACCEPT, .tag = true});
	counters_action(&(struct decision){.action = ACTION_HOLD, .tag = true});
	counters_action(&(struct decision){.action = ACTION_REFUSE});
	for (unsigned deed = DEED_ACCEPT; deed <= DEED_DEFER; deed++)
		assert_int_equal(metrics_read(METRIC_MILTER_ACTIONS, deed, 0, 0), 1);
}

#define ADDERS 4
#define ADDITIONS 50000

static void *adder(void *arg)
{
	(void)arg;
	for (int i = 0; i < ADDITIONS; i++)
		metrics_add(METRIC_STORE_WRITES, 0, 0, 0, 1);
	return NULL;
}

static void no_addition_is_lost(void **state)
{
	(void)state;
	pthread_t thread[ADDERS];
	for (int i = 0; i < ADDERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, adder, NULL), 0);
	assert_true(metrics_render(METRICS_OPENMETRICS, &counters_names, text, sizeof text) > 0);
	for (int i = 0; i < ADDERS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(metrics_read(METRIC_STORE_WRITES, 0, 0, 0), ADDERS * ADDITIONS);
}

#define TEST(name) cmocka_unit_test_setup(name, zeroed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text_is_exact),
		TEST(text_keeps_its_bounds),
		TEST(values_have_cells_of_their_own),
		TEST(table_is_sound),
		TEST(everything_has_a_name_and_fits),
		TEST(found_values_are_counted),
		TEST(actions_are_counted_by_what_is_done),
		TEST(no_addition_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
