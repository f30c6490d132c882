/* The storm's model (tests/storm/model.h): which answers it takes for right, after what the hosts have done. */
#include "cm.h"

#include "clock.h"
#include "model.h"

#include <stdio.h>
#include <time.h>

/* One domain of each kind; in the world of the model, by number. */
enum {
	WARM_STEADY = 0,
	WARM_NONE = 1,
	WARM_MOODY = 60,
	WARM_TESTING = 70,
	COLD_NONE = 9,
	COLD_STEADY = 19,
	COLD_POLICY = 29, /* its policy host behaves at random */
	COLD_TESTING = 49,
	COLD_MOODY = 59,
	COLD_BAD = 79
};
#define LATER (MODEL_SLACK_MS + 1000) /* everything that has happened is known by then */
#define NOW 0
#define LONG MODEL_WAIT_MS
#define SHORT 100

static void happen(const char *kind, unsigned domain, enum conduct conduct, bool whole)
{
	char host[64];
	snprintf(host, sizeof host, "%s.d%u.example", kind, domain);
	uint16_t port = kind[1] == 'x' ? SERVE_SMTP : SERVE_HTTPS;
	uint32_t address = model_rules()->address(host);
	model_begun(address, port, conduct);
	model_rules()->met(address, port, conduct, whole);
}

static void policy(unsigned domain, enum conduct conduct)
{
	happen("mta-sts", domain, conduct, true);
}

static void hop(unsigned domain, enum conduct conduct)
{
	happen("mx", domain, conduct, conduct <= CONDUCT_OTHER);
}

/* So that two things happen at different times. */
static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
}

static bool map_right(unsigned domain, const char *answer, int64_t after_ms, int64_t took_ms)
{
	int64_t asked_ms = clock_mono_ms() + after_ms;
	return model_map_is_right(domain, answer, asked_ms, asked_ms + took_ms);
}

static bool bound(unsigned domain, unsigned to, int64_t after_ms)
{
	char answer[128];
	snprintf(answer, sizeof answer, "OK secure match=mx.d%u.example servername=hostname", to);
	return map_right(domain, answer, after_ms, SHORT);
}

static bool passed(unsigned domain, int64_t after_ms)
{
	int64_t asked_ms = clock_mono_ms() + after_ms;
	return model_milter_is_right(domain, "c", asked_ms, asked_ms + SHORT);
}

static bool refused(unsigned domain, const char *reason, int64_t after_ms, int64_t took_ms)
{
	char answer[256];
	int64_t asked_ms = clock_mono_ms() + after_ms;
	snprintf(answer, sizeof answer,
		"y451 4.7.5 <d%u.example> MTA-STS policy (enforce): words [%s]; will be retried", domain, reason);
	return model_milter_is_right(domain, answer, asked_ms, asked_ms + took_ms);
}

static void warm_domains_are_known(void **state)
{
	(void)state;
	assert_true(bound(WARM_STEADY, WARM_STEADY, NOW));
	assert_false(bound(WARM_STEADY, 10, NOW)); /* another domain's policy */
	assert_false(map_right(WARM_STEADY, "NOTFOUND ", NOW, SHORT));
	assert_false(map_right(WARM_STEADY, "TEMP first-contact", NOW, LONG));
	assert_false(map_right(WARM_STEADY, "TEMP internal", NOW, LONG));
	assert_true(passed(WARM_STEADY, NOW));
	assert_false(refused(WARM_STEADY, "first-contact", NOW, LONG));
	assert_false(refused(WARM_STEADY, "starttls-not-supported", NOW, SHORT));
	assert_false(refused(WARM_STEADY, "hop-timeout", NOW, LONG));
	assert_false(refused(WARM_STEADY, "not-yet-checked", NOW, SHORT));
	assert_true(refused(WARM_STEADY, "not-yet-checked", NOW, LONG));
	assert_true(map_right(WARM_NONE, "NOTFOUND ", NOW, SHORT));
	assert_false(bound(WARM_NONE, WARM_NONE, NOW));
	assert_true(map_right(WARM_TESTING, "NOTFOUND ", NOW, SHORT));
	assert_false(refused(WARM_TESTING, "starttls-not-supported", NOW, SHORT));
}

static void a_first_contact_waits_to_the_end(void **state)
{
	(void)state;
	assert_true(map_right(COLD_NONE, "TEMP first-contact", NOW, LONG));
	assert_false(map_right(COLD_NONE, "TEMP first-contact", NOW, SHORT));
	assert_true(refused(COLD_NONE, "first-contact", NOW, LONG));
	assert_false(refused(COLD_NONE, "first-contact", NOW, SHORT));
	assert_true(passed(COLD_NONE, NOW));
	assert_true(passed(COLD_TESTING, NOW));
}

static void a_policy_that_was_fetched_stays(void **state)
{
	(void)state;
	assert_false(bound(COLD_STEADY, COLD_STEADY, NOW)); /* nobody has asked its policy host */
	assert_false(map_right(COLD_STEADY, "NOTFOUND ", NOW, SHORT));
	assert_false(passed(COLD_STEADY, NOW));
	policy(COLD_STEADY, CONDUCT_GOOD);
	assert_true(bound(COLD_STEADY, COLD_STEADY, NOW));
	assert_true(map_right(COLD_STEADY, "TEMP first-contact", NOW, LONG));
	assert_false(map_right(COLD_STEADY, "TEMP first-contact", LATER, LONG));
	assert_false(passed(COLD_STEADY, NOW)); /* nobody has probed its mail host */
	hop(COLD_STEADY, CONDUCT_GOOD);
	assert_true(passed(COLD_STEADY, NOW));

	policy(COLD_POLICY, CONDUCT_REFUSE);
	assert_true(map_right(COLD_POLICY, "NOTFOUND ", NOW, SHORT));
	assert_true(passed(COLD_POLICY, NOW));
	assert_false(bound(COLD_POLICY, COLD_POLICY, NOW));
	policy(COLD_POLICY, CONDUCT_GOOD);
	assert_true(map_right(COLD_POLICY, "NOTFOUND ", NOW, SHORT));
	assert_false(map_right(COLD_POLICY, "NOTFOUND ", LATER, SHORT));
	assert_false(passed(COLD_POLICY, LATER));
}

static void the_newest_evidence_decides(void **state)
{
	(void)state;
	policy(COLD_BAD, CONDUCT_GOOD);
	hop(COLD_BAD, CONDUCT_OTHER);
	assert_true(refused(COLD_BAD, "certificate-host-mismatch", NOW, SHORT));
	assert_false(refused(COLD_BAD, "starttls-not-supported", NOW, SHORT));
	assert_false(passed(COLD_BAD, NOW));

	policy(COLD_MOODY, CONDUCT_GOOD);
	hop(COLD_MOODY, CONDUCT_SILENT);
	assert_true(refused(COLD_MOODY, "hop-timeout", NOW, SHORT));
	assert_false(passed(COLD_MOODY, NOW));
	assert_true(passed(WARM_MOODY, NOW));
	nap();
	hop(WARM_MOODY, CONDUCT_CLEAR);
	assert_true(passed(WARM_MOODY, NOW)); /* the daemon may not know yet */
	assert_true(refused(WARM_MOODY, "starttls-not-supported", NOW, SHORT));
	assert_false(passed(WARM_MOODY, LATER));
	nap();
	hop(WARM_MOODY, CONDUCT_GOOD);
	assert_true(passed(WARM_MOODY, LATER));
	assert_false(refused(WARM_MOODY, "starttls-not-supported", LATER, SHORT));
}

static int world(void **state)
{
	(void)state;
	model_init(1000, 60);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(warm_domains_are_known),
		cmocka_unit_test(a_first_contact_waits_to_the_end), cmocka_unit_test(a_policy_that_was_fetched_stays),
		cmocka_unit_test(the_newest_evidence_decides)};
	return cmocka_run_group_tests(tests, world, NULL);
}
