/* check/signs: what a sign has in its story, and that floods do not grow anything. The rules of signs are in test_sign and
 * in the scenario cases design-12.*. */
#include "cm.h"

#include "signs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1900000000

static struct story *told;       /* the story of the newest sign */
static struct event_record sign; /* the newest sign */
static unsigned signs_noted;
static size_t looks_put;

bool __wrap_events_note_sign(struct events *events, const struct event_record *event, struct story *story);
bool __wrap_events_note_sign(struct events *events, const struct event_record *event, struct story *story)
{
	(void)events;
	free(told);
	told = story;
	sign = *event;
	signs_noted++;
	return true;
}

bool __wrap_store_put_looks(struct store *store, const struct store_hop_look *look, size_t count, struct failure *why);
bool __wrap_store_put_looks(struct store *store, const struct store_hop_look *look, size_t count, struct failure *why)
{
	(void)store, (void)look, (void)why;
	looks_put += count;
	return true;
}

enum store_found __wrap_store_look_of(struct store *store, const char *host, uint16_t port, struct look *out);
enum store_found __wrap_store_look_of(struct store *store, const char *host, uint16_t port, struct look *out)
{
	(void)store, (void)host, (void)port;
	memset(out, 0, sizeof *out);
	return STORE_ABSENT;
}

static struct conditions conditions;
static struct rules rules;
static struct facts facts;
static struct signs *signs;
static struct signs_held held;

static int set_up(void **state)
{
	struct question question;
	(void)state;
	question_from_domain(&question, "example.com", 11, PURPOSE_DELIVER);
	facts_init(&facts, &question, &rules, NOW);
	facts_learn_store(&facts, NULL);
	signs = signs_new(NULL, NULL, &conditions);
	signs_noted = 0;
	looks_put = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_null(held.mx);
	signs_free(&signs);
	facts_free(&facts);
	free(told);
	told = NULL;
	return 0;
}

static void probed(const char *host, enum reason reason, int64_t at, const char *greeting)
{
	struct found found = {.want = {.kind = WANT_PROBE, .port = 25}, .at = at};
	struct look look = {.rewritten = false};
	snprintf(found.want.name, sizeof found.want.name, "%s", host);
	found.evidence = (struct evidence){.at = at, .reason = reason, .protocol = 0x0304, .address = "192.0.2.1"};
	snprintf(look.greeting, sizeof look.greeting, "%s", greeting);
	found.look = &look;
	facts.now = at;
	if (!facts_hop(&facts, host, 25))
		facts_learn_evidence(&facts, host, 25, NULL);
	signs_note_found(signs, &facts, &found, &held);
	facts_learn_found(&facts, &found);
}

static void a_story_has_both_states(void **state)
{
	(void)state;
	probed("mx1.example.com", REASON_OK, NOW, "220 before");
	probed("mx1.example.com", REASON_STARTTLS_MISSING, NOW + 3600, "220 now");
	assert_int_equal(signs_noted, 1);
	assert_int_equal(sign.kind, EVENT_STARTTLS_LOST);
	assert_string_equal(sign.host, "mx1.example.com");
	assert_int_equal(told->before.at, NOW);
	assert_int_equal(told->now.at, NOW + 3600);
	assert_int_equal(told->now.reason, REASON_STARTTLS_MISSING);
	assert_string_equal(told->before_look.greeting, "220 before"); /* not in the store yet */
	assert_int_equal(told->before_look.at, NOW);
	assert_string_equal(told->now_look.greeting, "220 now");
	assert_non_null(strstr(told->clock, "2030-03-17T18:46:40Z; nothing shows that the clock is wrong"));
	/* the bad look does not replace the good one */
	probed("mx1.example.com", REASON_STARTTLS_MISSING, NOW + 7200, "220 later");
	assert_string_equal(told->before_look.greeting, "220 before");
	assert_string_equal(told->now_look.greeting, "220 later");
	signs_write(signs);
	assert_int_equal(looks_put, 1);
}

static void a_look_of_a_refused_probe_is_none(void **state)
{
	(void)state;
	struct found found = {.want = {.kind = WANT_PROBE, .port = 25, .name = "mx1.example.com"},
		.evidence = {.at = NOW + 60, .reason = REASON_STARTTLS_MISSING}};
	probed("mx1.example.com", REASON_OK, NOW, "220 before");
	found.refused = true;
	signs_note_found(signs, &facts, &found, &held);
	found.refused = false;
	found.untried = true;
	signs_note_found(signs, &facts, &found, &held);
	assert_int_equal(signs_noted, 0);
}

static void waiting_looks_are_bounded(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < SIGNS_LOOKS_MAX + 100; i++) {
			struct found found = {
				.want = {.kind = WANT_PROBE, .port = 25}, .evidence = {.at = NOW, .reason = REASON_OK}};
			struct look look = {.at = 0};
			snprintf(found.want.name, sizeof found.want.name, "mx%u.example.com", i);
			found.look = &look;
			signs_note_found(signs, &facts, &found, &held);
		}
	signs_write(signs);
	assert_int_equal(looks_put, SIGNS_LOOKS_MAX);
	signs_write(signs);
	assert_int_equal(looks_put, SIGNS_LOOKS_MAX);
}

static void looked_up_mx(const char *host)
{
	struct found found = {.want = {.kind = WANT_MX, .name = "example.com"}, .at = facts.now};
	found.mx.outcome = REASON_OK;
	found.mx.set = (struct mx_set){.state = MX_LISTED, .ttl_s = 300};
	names_add(&found.mx.set.names, host, strlen(host));
	signs_note_found(signs, &facts, &found, &held);
	facts_learn_found(&facts, &found);
	mx_found_free(&found.mx);
}

static void fetched(const char *pattern)
{
	struct found found = {.want = {.kind = WANT_POLICY, .name = "example.com"}, .at = facts.now};
	found.policy.outcome = REASON_OK;
	found.policy.policy = (struct policy){.mode = POLICY_ENFORCE, .max_age_s = 604800};
	names_add(&found.policy.policy.mx, pattern, strlen(pattern));
	facts_learn_found(&facts, &found);
	policy_found_free(&found.policy);
}

/* Several MX sets in one inquiry leave one sign, which is noted or dropped at the end. */
static void an_mx_set_waits_for_the_end(void **state)
{
	(void)state;
	fetched("mx1.example.com");
	looked_up_mx("mx1.example.com");
	looked_up_mx("mx.evil.example");
	assert_int_equal(signs_noted, 0);
	assert_non_null(held.mx);
	signs_settle(signs, &facts, &held);
	assert_int_equal(signs_noted, 1);
	assert_int_equal(sign.kind, EVENT_MX_LEFT_POLICY);
	assert_non_null(strstr(told->dns_before, "MX: 0 mx1.example.com (not signed by DNSSEC, TTL 300"));
	assert_non_null(strstr(told->dns_now, "MX: 0 mx.evil.example"));
	signs_settle(signs, &facts, &held);
	assert_int_equal(signs_noted, 1);
	looked_up_mx("mx1.example.com");
	looked_up_mx("mx.evil.example");
	looked_up_mx("mx1.example.com");
	looked_up_mx("mx.other.example");
	fetched("mx.other.example");
	signs_settle(signs, &facts, &held);
	assert_int_equal(signs_noted, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_story_has_both_states, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_look_of_a_refused_probe_is_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waiting_looks_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_mx_set_waits_for_the_end, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
