/* core/nearby: which turns together begin a condition, what must stay silent, and when a condition ends. */
#include "nearby.h"

#include "cm.h"

#include <stdio.h>
#include <string.h>

#define WAY 7
#define OTHER_WAY 8

static struct nearby nearby;
static int64_t now;

static int fresh(void **state)
{
	(void)state;
	memset(&nearby, 0, sizeof nearby);
	now = 1000;
	return 0;
}

/* Notes a result at the place with this number, in its own network and below its own registered domain. */
static struct nearby_result result_of(enum nearby_kind kind, unsigned place, uint16_t way)
{
	static char name[DOMAIN_SIZE];
	snprintf(name, sizeof name, "mx.d%u.example", place);
	return (struct nearby_result){.kind = kind,
		.name = name,
		.port = kind == NEARBY_HOP ? 25 : 0,
		.network = kind == NEARBY_RECORD ? 0 : 1000 + place,
		.way = way,
		.was_good = true,
		.authority = ""};
}

static void note(const struct nearby_result *result)
{
	nearby_note(&nearby, result, now);
}

static void turn(enum nearby_kind kind, unsigned place, uint16_t way)
{
	struct nearby_result result = result_of(kind, place, way);
	note(&result);
}

static void hop_by(unsigned place, const char *authority)
{
	struct nearby_result result = result_of(NEARBY_HOP, place, WAY);
	result.authority = authority;
	note(&result);
}

static void only_on(enum nearby_condition condition)
{
	for (int i = 0; i < NEARBY_CONDITIONS; i++)
		if (nearby.state[i].on != (i == (int)condition))
			fail_msg("condition %d is %s", i, nearby.state[i].on ? "on" : "off");
}

static const struct row {
	enum nearby_kind kind;
	enum nearby_condition condition;
} rows[] = {
	{NEARBY_HOP, NEARBY_HOPS_BAD},
	{NEARBY_POLICY_HOST, NEARBY_POLICY_HOSTS_BAD},
	{NEARBY_RECORD, NEARBY_RECORDS_BAD},
};

static void five_places_in_ten_minutes(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		fresh(state);
		for (unsigned place = 0; place < 4; place++, now += 150)
			turn(rows[i].kind, place, WAY);
		only_on(NEARBY_CONDITIONS); /* four places */
		turn(rows[i].kind, 3, WAY);
		only_on(NEARBY_CONDITIONS); /* one of them again */
		turn(rows[i].kind, 4, WAY);
		only_on(rows[i].condition);
		assert_int_equal(nearby.state[rows[i].condition].turned, 5);
		assert_int_equal(nearby.state[rows[i].condition].places, 5);
		assert_int_equal(nearby.state[rows[i].condition].networks, 5);
		assert_int_equal(nearby.state[rows[i].condition].way, WAY);
		assert_int_equal(nearby.state[rows[i].condition].began_at, now);
	}
}

static void slow_turns_are_unrelated(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		fresh(state);
		for (unsigned place = 0; place < 5; place++, now += NEARBY_WINDOW_S / 4 + 1)
			turn(rows[i].kind, place, WAY);
		only_on(NEARBY_CONDITIONS);
		for (unsigned place = 10; place < 15; place++, now += 720) /* over an hour */
			turn(rows[i].kind, place, WAY);
		only_on(NEARBY_CONDITIONS);
	}
}

static void four_networks_are_needed(void **state)
{
	for (unsigned networks = 3; networks <= 4; networks++) {
		fresh(state);
		for (unsigned place = 0; place < 8; place++) {
			struct nearby_result result = result_of(NEARBY_HOP, place, WAY);
			result.network = place % networks + 1;
			note(&result);
		}
		only_on(networks == 4 ? NEARBY_HOPS_BAD : NEARBY_CONDITIONS);
	}
}

/* One provider's hosts have names of one registered domain, whatever networks they are in. Its outage is not near us, but
 * no outage changes the certificates or strips STARTTLS. */
static void one_provider_is_not_many(void **state)
{
	for (int faint = 1; faint >= 0; faint--) {
		char name[DOMAIN_SIZE];
		fresh(state);
		for (unsigned place = 0; place < 100; place++) {
			struct nearby_result result = result_of(NEARBY_HOP, place, WAY);
			snprintf(name, sizeof name, "tenant%u.mail.example", place);
			result.name = name;
			result.faint = faint;
			note(&result);
		}
		only_on(faint ? NEARBY_CONDITIONS : NEARBY_HOPS_BAD);
	}
}

static void different_reasons(void **state)
{
	fresh(state);
	for (unsigned place = 0; place < 8; place++)
		turn(NEARBY_HOP, place, place % 2 ? WAY : OTHER_WAY);
	only_on(NEARBY_CONDITIONS);
	turn(NEARBY_HOP, 0, WAY); /* now the fifth */
	only_on(NEARBY_HOPS_BAD);
}

static void never_good(void **state)
{
	fresh(state);
	for (unsigned place = 0; place < 100; place++) {
		struct nearby_result result = result_of(NEARBY_HOP, place, WAY);
		result.was_good = false;
		result.authority = "Panel";
		note(&result);
	}
	only_on(NEARBY_CONDITIONS);
}

static void good_again_takes_the_turn_back(void **state)
{
	fresh(state);
	for (unsigned place = 0; place < 4; place++)
		turn(NEARBY_HOP, place, WAY);
	turn(NEARBY_HOP, 0, NEARBY_GOOD);
	turn(NEARBY_HOP, 4, WAY);
	only_on(NEARBY_CONDITIONS);
	turn(NEARBY_HOP, 5, WAY);
	only_on(NEARBY_HOPS_BAD);
}

static void ports_are_different_hops(void **state)
{
	fresh(state);
	for (unsigned place = 0; place < 4; place++)
		turn(NEARBY_HOP, place, WAY);
	struct nearby_result result = result_of(NEARBY_HOP, 0, WAY);
	result.port = 587;
	note(&result);
	only_on(NEARBY_HOPS_BAD);
	assert_int_equal(nearby.state[NEARBY_HOPS_BAD].networks, 4);
}

static void one_authority(void **state)
{
	fresh(state);
	for (unsigned place = 0; place < 4; place++)
		hop_by(place, "Interceptor");
	only_on(NEARBY_CONDITIONS);
	hop_by(4, "Interceptor");
	only_on(NEARBY_INTERCEPTED);
	assert_string_equal(nearby.state[NEARBY_INTERCEPTED].authority, "Interceptor");
	for (unsigned place = 5; place < 12; place++)
		hop_by(place, "Interceptor");
	only_on(NEARBY_INTERCEPTED); /* and not for the same hops hops-turned-bad, too */
	assert_int_equal(nearby.state[NEARBY_INTERCEPTED].turned, 12);
	hop_by(20, "Other");
	turn(NEARBY_HOP, 21, WAY);
	only_on(NEARBY_INTERCEPTED);
	assert_int_equal(nearby_member_of(&nearby, NEARBY_HOP, "mx.d20.example", 25), NEARBY_CONDITIONS);
	assert_int_equal(nearby_member_of(&nearby, NEARBY_HOP, "mx.d4.example", 25), NEARBY_INTERCEPTED);
}

/* Self-signed certificates, each by an authority of its own. */
static void many_authorities(void **state)
{
	char authority[16];
	fresh(state);
	for (unsigned place = 0; place < 5; place++) {
		snprintf(authority, sizeof authority, "CA %u", place);
		hop_by(place, authority);
	}
	only_on(NEARBY_HOPS_BAD);
}

/* The hops move to the condition that says more. */
static void interception_takes_over(void **state)
{
	fresh(state);
	turn(NEARBY_HOP, 0, WAY);
	for (unsigned place = 1; place < 5; place++)
		hop_by(place, "Interceptor");
	only_on(NEARBY_HOPS_BAD);
	hop_by(5, "Interceptor"); /* joins what lasts already, and is the fifth */
	only_on(NEARBY_INTERCEPTED);
	assert_int_equal(nearby.state[NEARBY_INTERCEPTED].places, 5);
}

static void ends_below_three(void **state)
{
	fresh(state);
	for (unsigned place = 0; place < 6; place++)
		turn(NEARBY_HOP, place, WAY);
	for (unsigned place = 0; place < 3; place++) {
		turn(NEARBY_HOP, place, NEARBY_GOOD);
		only_on(NEARBY_HOPS_BAD);
	}
	turn(NEARBY_HOP, 3, NEARBY_GOOD);
	only_on(NEARBY_CONDITIONS);
	assert_int_equal(nearby_member_of(&nearby, NEARBY_HOP, "mx.d5.example", 25), NEARBY_CONDITIONS);
}

static void ends_unseen(void **state)
{
	fresh(state);
	for (unsigned place = 0; place < 5; place++)
		turn(NEARBY_HOP, place, WAY);
	for (unsigned i = 0; i < 10; i++) { /* lasts while three of them are seen bad */
		now += NEARBY_FORGET_S / 2;
		for (unsigned place = 0; place < 3; place++) {
			struct nearby_result result = result_of(NEARBY_HOP, place, WAY);
			result.was_good = false; /* as it is after the turn */
			note(&result);
		}
		only_on(NEARBY_HOPS_BAD);
	}
	assert_int_equal(nearby.state[NEARBY_HOPS_BAD].places, 3);
	now += NEARBY_FORGET_S;
	nearby_review(&nearby, now);
	only_on(NEARBY_HOPS_BAD);
	now++;
	nearby_review(&nearby, now);
	only_on(NEARBY_CONDITIONS);
}

/* One provider's outage is not everybody's: the others are well. */
static void faint_turns(void **state)
{
	for (unsigned well = 0; well <= 6; well++) {
		fresh(state);
		for (unsigned place = 0; place < 4; place++) {
			struct nearby_result result = result_of(NEARBY_RECORD, place, WAY);
			result.faint = true;
			note(&result);
		}
		for (unsigned place = 0; place < well; place++)
			turn(NEARBY_RECORD, 100 + place, NEARBY_GOOD);
		struct nearby_result result = result_of(NEARBY_RECORD, 4, WAY);
		result.faint = true;
		note(&result);
		only_on(well <= 5 ? NEARBY_RECORDS_BAD : NEARBY_CONDITIONS);
	}
}

static void flood(void **state)
{
	fresh(state);
	for (unsigned place = 0; place < 12; place++)
		hop_by(place, "Interceptor");
	for (unsigned i = 0; i < 10000; i++, now += i % 4 == 0) {
		struct nearby_result result = result_of(NEARBY_HOP, 1000 + i, (uint16_t)(100 + i));
		note(&result);
	}
	/* The members stayed, and further ones are counted. */
	only_on(NEARBY_INTERCEPTED);
	assert_int_equal(nearby.state[NEARBY_INTERCEPTED].places, 12);
	for (unsigned place = 20; place < 10020; place++)
		hop_by(place, "Interceptor");
	only_on(NEARBY_INTERCEPTED);
	assert_int_equal(nearby.state[NEARBY_INTERCEPTED].turned, 10012);
	assert_int_equal(nearby.state[NEARBY_INTERCEPTED].places, NEARBY_TURNS_MAX);
	unsigned members = 0;
	for (const struct nearby_turn *member = NULL; (member = nearby_member(&nearby, NEARBY_INTERCEPTED, member));)
		members++;
	assert_int_equal(members, NEARBY_TURNS_MAX);
}

/* One network with many bad hosts does not crowd out others. */
static void one_network_has_few_places(void **state)
{
	fresh(state);
	for (unsigned place = 0; place < 4; place++)
		turn(NEARBY_HOP, place, WAY);
	for (unsigned place = 100; place < 1100; place++) {
		struct nearby_result result = result_of(NEARBY_HOP, place, OTHER_WAY);
		result.network = 5;
		note(&result);
	}
	only_on(NEARBY_CONDITIONS);
	turn(NEARBY_HOP, 4, WAY);
	only_on(NEARBY_HOPS_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(five_places_in_ten_minutes),
		cmocka_unit_test(slow_turns_are_unrelated),
		cmocka_unit_test(four_networks_are_needed),
		cmocka_unit_test(one_provider_is_not_many),
		cmocka_unit_test(different_reasons),
		cmocka_unit_test(never_good),
		cmocka_unit_test(good_again_takes_the_turn_back),
		cmocka_unit_test(ports_are_different_hops),
		cmocka_unit_test(one_authority),
		cmocka_unit_test(many_authorities),
		cmocka_unit_test(interception_takes_over),
		cmocka_unit_test(ends_below_three),
		cmocka_unit_test(ends_unseen),
		cmocka_unit_test(faint_turns),
		cmocka_unit_test(flood),
		cmocka_unit_test(one_network_has_few_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
