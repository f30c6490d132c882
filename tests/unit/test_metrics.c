/* The table of metrics and its text: the rules of OpenMetrics for names and escapes, size limits, and that each
 * value of a label that core and check know has a name and a place. */
#include "report.h"
#include "timing.h"

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
	    "# HELP stsgate_tls_required Messages with a TLS-Required header field, by what became of their sender's wish: "
	    "honoured, left-to-mta (tls_required_no = map) or ignored. Fields that are not valid, and messages that also "
	    "demand REQUIRETLS, count as ignored.\n"
	    "# TYPE stsgate_tls_required counter\n"
	    "# HELP stsgate_requiretls Recipients of messages with REQUIRETLS, by whether the demand can be met: met, unmet "
	    "(the domain has neither an enforce policy nor usable TLSA records) or unknown.\n"
	    "# TYPE stsgate_requiretls counter\n"
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

/* A histogram: the buckets of the text count all shorter durations, too. Durations of other label values do not appear. */
static void histogram_text_is_exact(void **state)
{
	(void)state;
	static const int64_t us[] = {-5, 0, 100, 101, 4999, 5000, 30000000, 30000001, 30000000000};
	for (size_t i = 0; i < sizeof us / sizeof *us; i++)
		metrics_observe(METRIC_ANSWER_SECONDS, DOOR_MAP, 0, us[i]);
	metrics_observe(METRIC_STEP_SECONDS, TIMING_COUNT, 0, 7); /* has no name */
	static const char family[] = "\n# TYPE stsgate_answer_seconds histogram\n"
				     "stsgate_answer_seconds_bucket{front_end=\"socketmap\",le=\"0.0001\"} 3\n"
				     "stsgate_answer_seconds_bucket{front_end=\"socketmap\",le=\"0.0005\"} 4\n"
				     "stsgate_answer_seconds_bucket{front_end=\"socketmap\",le=\"0.001\"} 4\n"
				     "stsgate_answer_seconds_bucket{front_end=\"socketmap\",le=\"0.005\"} 6\n"
				     "stsgate_answer_seconds_bucket{front_end=\"socketmap\",le=\"0.01\"} 6\n"
				     "stsgate_answer_seconds_bucket{front_end=\"socketmap\",le=\"0.05\"} 6\n"
				     "stsgate_answer_seconds_bucket{front_end=\"socketmap\",le=\"0.1\"} 6\n"
				     "stsgate_answer_seconds_bucket{front_end=\"socketmap\",le=\"0.5\"} 6\n"
				     "stsgate_answer_seconds_bucket{front_end=\"socketmap\",le=\"1.0\"} 6\n"
				     "stsgate_answer_seconds_bucket{front_end=\"socketmap\",le=\"5.0\"} 6\n"
				     "stsgate_answer_seconds_bucket{front_end=\"socketmap\",le=\"10.0\"} 6\n"
				     "stsgate_answer_seconds_bucket{front_end=\"socketmap\",le=\"30.0\"} 7\n"
				     "stsgate_answer_seconds_bucket{front_end=\"socketmap\",le=\"+Inf\"} 9\n"
				     "stsgate_answer_seconds_sum{front_end=\"socketmap\"} 30060.010201\n"
				     "stsgate_answer_seconds_count{front_end=\"socketmap\"} 9\n"
				     "# HELP stsgate_step_seconds ";
	for (int format = METRICS_PROMETHEUS; format <= METRICS_OPENMETRICS; format++) {
		metrics_render((enum metrics_format)format, &counters_names, text, sizeof text);
		has(family);
		has("\n# TYPE stsgate_step_seconds histogram\n");
		assert_null(strstr(text, "\nstsgate_step_seconds"));
	}
}

static void durations_have_quantiles(void **state)
{
	(void)state;
	static struct metrics_values values;
	struct metrics_durations durations;
	metrics_copy(&values);
	metrics_durations(&durations, &values, METRIC_STEP_SECONDS, TIMING_PROBE, 0);
	assert_int_equal(durations.count, 0);
	assert_int_equal(metrics_quantile_us(&durations, 0.5), -1);
	for (int i = 0; i < 98; i++)
		metrics_observe(METRIC_STEP_SECONDS, TIMING_PROBE, 0, 200000);
	metrics_observe(METRIC_STEP_SECONDS, TIMING_PROBE, 0, 2000000);
	metrics_observe(METRIC_STEP_SECONDS, TIMING_PROBE, 0, 40000000);
	metrics_observe(METRIC_STEP_SECONDS, TIMING_TLSA, 0, 1);
	metrics_copy(&values);
	metrics_durations(&durations, &values, METRIC_STEP_SECONDS, TIMING_PROBE, 0);
	assert_int_equal(durations.count, 100);
	assert_int_equal(durations.sum_us, 98 * 200000 + 42000000);
	assert_int_equal(metrics_quantile_us(&durations, 0), 100000);
	assert_int_equal(metrics_quantile_us(&durations, 0.49), 300000); /* half of the bucket from 0.1 to 0.5 s */
	assert_int_equal(metrics_quantile_us(&durations, 0.98), 500000);
	assert_int_equal(metrics_quantile_us(&durations, 0.99), 5000000);
	assert_int_equal(metrics_quantile_us(&durations, 1), 30000000); /* no more is known of longer ones */
}

/* Every size from none to enough: either the whole text, or a length of 0; never a byte beyond the end. */
static void text_keeps_its_bounds(void **state)
{
	(void)state;
	metrics_observe(METRIC_ANSWER_SECONDS, DOOR_MILTER, 0, 1);
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
		/* A histogram has one label or more, and LE behind them. */
		int last = METRICS_LABELS_MAX - 1;
		while (last > 0 && row->label[last] == LABEL_NONE)
			last--;
		assert_int_equal(row->label[last] == LABEL_LE, row->type == METRICS_HISTOGRAM);
		for (int i = 0; i < last; i++)
			assert_int_not_equal(row->label[i], LABEL_LE);
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
	has("\nstsgate_answer_seconds_count{front_end=\"milter\"} ");
	has("\nstsgate_answer_seconds_count{front_end=\"delegation\"} ");
	for (enum timing timing = 0; timing < TIMING_COUNT; timing++) {
		char sample[64];
		snprintf(sample, sizeof sample, "\nstsgate_step_seconds_count{step=\"%s\"} ", timing_name(timing));
		has(sample);
	}
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
		TEST(histogram_text_is_exact),
		TEST(durations_have_quantiles),
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
