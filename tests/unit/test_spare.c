/* When free memory is given back to the system; and that an idle message keeps only the settings of its generation. */
#include "cm.h"

#include "config.h"
#include "loop.h"
#include "spare.h"

#include <stdio.h>

static void rows_agree(void **state)
{
	static const struct {
		const char *what;
		struct spare_seen
			seen; /* the last time was at 1,000,000 ms, with 1000 changes, and 3 generations ended */
		bool due;
	} rows[] = {
		{"nothing has happened", {0, 1000, 3, 2000000}, false},
		{"a little work", {0, 1000 + SPARE_CHANGES - 1, 3, 2000000}, false},
		{"much work", {0, 1000 + SPARE_CHANGES, 3, 2000000}, true},
		{"much work, some lookups", {SPARE_OPEN_MAX, 1000 + SPARE_CHANGES, 3, 2000000}, true},
		{"much work goes on", {300, 1000 + SPARE_CHANGES, 3, 2000000}, false},
		{"much less work than before", {100, 1000 + SPARE_CHANGES, 3, 2000000}, true},
		{"a little less work than before", {101, 1000 + SPARE_CHANGES, 3, 2000000}, false},
		{"much work, too soon", {0, 1000 + SPARE_CHANGES, 3, 1000000 + SPARE_REST_MS - 1}, false},
		{"much work, no longer too soon", {0, 1000 + SPARE_CHANGES, 3, 1000000 + SPARE_REST_MS}, true},
		{"a generation has ended", {0, 1000, 4, 2000000}, true},
		{"a generation has ended, too soon", {0, 1000, 4, 1000001}, false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct spare spare = {.changes = 1000, .ended = 3, .at_ms = 1000000, .peak = 4 * 100};
		if (spare_is_due(&spare, &rows[i].seen) != rows[i].due)
			fail_msg("%s", rows[i].what);
		if (rows[i].due && spare_is_due(&spare, &rows[i].seen))
			fail_msg("%s: due twice", rows[i].what);
	}
}

static void a_holder_keeps_only_the_settings(void **state)
{
	char servers[] = "dns_servers=127.0.0.1@1", dnssec[] = "dnssec=off", exempt[] = "exempt_domains=a.example";
	char *overrides[] = {servers, dnssec, exempt};
	struct failure why;
	(void)state;
	struct loops *loops = loops_new(1, &why);
	struct settings *settings = settings_read(NULL, false, overrides, COUNT(overrides), &why);
	struct config *config = config_new(settings, loops, &why), *reference = config_ref(config);
	unsigned ended = config_ended();
	struct config *kept = config_keep(reference);
	assert_non_null(kept->dns);
	assert_int_equal(config_ended(), ended);
	config_unref(&config); /* a reload */
	assert_int_equal(config_ended(), ended + 1);
	assert_null(kept->dns);
	assert_null(kept->fetcher);
	assert_null(kept->prober);
	assert_string_equal(kept->settings->exempt_domains.item[0], "a.example");
	config_release(&kept);
	assert_null(kept);
	config_release(&kept);
	loops_free(&loops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_agree), cmocka_unit_test(a_holder_keeps_only_the_settings)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
