/* stsgate why, on a store with verdict records. */
#include "cm.h"

#include "clock.h"
#include "room.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tool_run why(const char *setting, const char *word, const char *option)
{
	char place[300];

	snprintf(place, sizeof place, "store_path=%s", room);
	return TOOL("-c", "/dev/null", "-o", place, "-o", setting, "why", word, option);
}

/* Checks the status, and that all parts are in the output, in this order. */
static void why_is(const char *word, int status, const char *const *parts)
{
	struct tool_run run = why("mode=enforce", word, NULL);
	const char *at = run.out;

	for (size_t i = 0; parts[i]; i++) {
		const char *found = strstr(at, parts[i]);
		if (!found)
			fail_msg("`%s` is not where it belongs in\n%s%s", parts[i], run.out, run.err);
		at = found + strlen(parts[i]);
	}
	if (run.status != status)
		fail_msg("%d: %s%s", run.status, run.out, run.err);
	tool_run_free(&run);
}
#define WHY_IS(word, status, ...) why_is(word, status, (const char *const[]){__VA_ARGS__, NULL})

struct happened {
	enum verdict_door door;
	const char *domain;
	enum verdict_kind kind;
	enum reason reason;
	enum deed deed, would;
	int ago_s;
	const char *id;
};

static void put(struct store *store, const struct happened *one)
{
	struct verdict verdict = {.kind = one->kind, .reason = one->reason, .has_policy = true, .mode = POLICY_ENFORCE};
	struct verdict_record record;

	snprintf(verdict.domain, sizeof verdict.domain, "%s", one->domain);
	if (reason_class(one->reason) != REASON_GENERAL)
		snprintf(verdict.hop, sizeof verdict.hop, "mx1.%s", one->domain);
	snprintf(verdict.policy_id, sizeof verdict.policy_id, "20261101");
	verdict_record_init(&record, one->door, &verdict, clock_wall_s() - one->ago_s);
	record.deed = one->deed;
	record.would = one->would;
	record.monitor = one->deed != one->would;
	if (one->id)
		verdict_record_queue_id(&record, (struct span){one->id, strlen(one->id)});
	assert_true(store_note_verdicts(store, &record, 1, NULL));
}

static void good_now(struct hop_record *record, void *arg)
{
	struct evidence good = {.at = clock_wall_s() - 5, .reason = REASON_OK};

	(void)arg;
	hop_record_learn(record, &good);
}

static int store_make(void **state)
{
	static const struct happened all[] = {
		{DOOR_MILTER, "example.com", VERDICT_FAIL_ENFORCE, REASON_STARTTLS_MISSING, DEED_QUARANTINE,
			DEED_QUARANTINE, 7200, NULL},
		{DOOR_MILTER, "example.com", VERDICT_FAIL_ENFORCE, REASON_STARTTLS_MISSING, DEED_QUARANTINE,
			DEED_QUARANTINE, 3600, "4dKx2P1zXz"},
		{DOOR_MAP, "example.com", VERDICT_DEFER, REASON_FIRST_CONTACT, DEED_TEMP, DEED_TEMP, 9000, NULL},
		{DOOR_DELEGATION, "monitor.example", VERDICT_FAIL_ENFORCE, REASON_CERT_EXPIRED, DEED_ACCEPT, DEED_DEFER,
			60, "5abc"},
		{DOOR_MILTER, "testing.example", VERDICT_FAIL_TESTING, REASON_CERT_EXPIRED, DEED_TAG, DEED_TAG, 60,
			"6abc"},
		{DOOR_MILTER, "tagged.example", VERDICT_FAIL_ENFORCE, REASON_CERT_EXPIRED, DEED_TAG, DEED_TAG, 60,
			"8abc"},
		{DOOR_MAP, "held.example", VERDICT_FAIL_ENFORCE, REASON_CERT_EXPIRED, DEED_ACCEPT, DEED_ACCEPT, 60,
			NULL},
		{DOOR_MILTER, "", VERDICT_DEFER, REASON_DOMAIN_UNREADABLE, DEED_DEFER, DEED_DEFER, 60, "7abc"},
		{DOOR_MILTER, "xn--bcher-kva.example", VERDICT_DEFER, REASON_MX_LOOKUP, DEED_DEFER, DEED_DEFER, 60,
			NULL},
	};
	int status = room_make(state);
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);

	for (size_t i = 0; i < COUNT(all); i++)
		put(store, &all[i]);
	assert_true(store_change_hop(store, "mx1.example.com", 25, good_now, NULL, NULL));
	const struct override released = {.kind = OVERRIDE_PASS,
		.domain = "xn--bcher-kva.example",
		.begins_at = clock_wall_s() - 60,
		.ends_at = clock_wall_s() + 3600,
		.author = "anna",
		.reason = "ticket 7"};
	assert_true(store_set_override(store, &released, NULL, NULL));
	store_close(&store);
	return status;
}

static void a_domain_is_explained(void **state)
{
	(void)state;
	WHY_IS("example.com", 0, "Z  milter  fail-enforce  example.com\n",
		"action    the milter put the message on hold\n",
		"          the message stays in this relay's queue until somebody releases it\n",
		"reason    mx1.example.com offers no STARTTLS [starttls-not-supported]\n",
		"policy    mode enforce, id 20261101\n", "seen      2 times since ", "queue ids 4dKx2P1zXz\n",
		"Z  socketmap  defer  example.com\n", "the map answered TEMP", "[first-contact]\n",
		"\nnow       no policy in force\n", "mx1.example.com satisfies the policy [ok], seen ",
		"a result above is newer than the last verdict", "look now  stsgate query example.com\n",
		"release   postsuper -H QUEUEID && postqueue -i QUEUEID\n");
	struct tool_run run = why("mode=enforce", "example.com", NULL);
	assert_null(strstr(run.out, "let pass")); /* the mail host is good again: nothing has to pass unprotected */
	tool_run_free(&run);
	WHY_IS("user@EXAMPLE.com", 0, "milter  fail-enforce  example.com\n");
	WHY_IS("B\xc3\xbc"
	       "cher.example",
		0, "  milter  defer  xn--bcher-kva.example\n", "[mx-lookup-failed]\n",
		"look now  stsgate query xn--bcher-kva.example\n");
}

static void a_queue_id_is_explained(void **state)
{
	(void)state;
	WHY_IS("4dKx2P1zXz", 0, "  milter  fail-enforce  example.com\n", "look now  stsgate query example.com\n",
		"release   postsuper -H 4dKx2P1zXz && postqueue -i 4dKx2P1zXz\n");
	WHY_IS("5abc", 0, "  delegation  fail-enforce  monitor.example\n",
		"action    policy delegation accepted the message\n",
		"without mode = monitor it would have rejected the recipient for now (451)\n");
	WHY_IS("7abc", 0, "  milter  defer  -\n", "[domain-unreadable]\n");
}

/* The milter accepts what the map holds at delivery, if mta_enforces is set. */
static void the_map_holds_what_was_tagged(void **state)
{
	struct tool_run run = why("mta_enforces=yes", "8abc", NULL);

	(void)state;
	assert_non_null(strstr(run.out,
		"tagged it\n          at delivery the MTA asks the map (mta_enforces), and keeps the message"));
	assert_non_null(strstr(run.out, "let pass  stsgate override set tagged.example pass"));
	assert_non_null(strstr(run.out, "retry     postqueue -i 8abc"));
	tool_run_free(&run);
	run = why("mta_enforces=no", "8abc", NULL);
	assert_non_null(strstr(run.out, "stsgate did not delay it"));
	assert_null(strstr(run.out, "let pass"));
	tool_run_free(&run);
	run = why("mta_enforces=yes", "testing.example", NULL);
	assert_non_null(strstr(run.out, "stsgate did not delay it"));
	tool_run_free(&run);
}

static void what_was_not_delayed_is_not_released(void **state)
{
	(void)state;
	WHY_IS("testing.example", 0, "tagged it\n", "          stsgate did not delay it\n", "to do     ",
		"to the domain's postmaster: ", "look now  ");
	struct tool_run run = why("mode=enforce", "testing.example", NULL);
	assert_null(strstr(run.out, "override"));
	tool_run_free(&run);
	run = why("mode=enforce", "monitor.example", NULL);
	assert_null(strstr(run.out, "override"));
	tool_run_free(&run);
	WHY_IS("held.example", 0, "the map bound the delivery", "probably keeps the mail", "override set held.example",
		"retry     postqueue -i QUEUEID (Sendmail: sendmail -qIQUEUEID)\n");
}

/* What an override releases already needs no other. */
static void the_override_in_force_is_shown(void **state)
{
	(void)state;
	WHY_IS("xn--bcher-kva.example", 0, "override  pass until ", "set by anna: \"ticket 7\"\n", "look now  ");
	struct tool_run run = why("mode=enforce", "xn--bcher-kva.example", NULL);
	assert_null(strstr(run.out, "override set"));
	tool_run_free(&run);
}

static void nothing_is_recorded(void **state)
{
	(void)state;
	WHY_IS("other.example", 1, "other.example  nothing is recorded\n", "the MTA's own log has the reason\n",
		"look now  stsgate query other.example\n");
	WHY_IS("4dKx2P1zX", 1, "4dKx2P1zX  nothing is recorded\n", "if all were rejected, ask for the domain");
	struct tool_run run = why("mta_enforces=yes", "4dKx2P1zX", NULL);
	assert_non_null(strstr(run.out, "mta_enforces"));
	tool_run_free(&run);
	run = why("mta_enforces=yes", "other.example", NULL); /* no policy: nothing is demanded of the MTA */
	assert_null(strstr(run.out, "mta_enforces"));
	tool_run_free(&run);
}

static void neither_domain_nor_id(void **state)
{
	static const char *const words[] = {
		"", "a b", "..", "\033[2J", "[192.0.2.1]", "user@", "a@b c.example", "123456789012345678901234"};

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		struct tool_run run = why("mode=enforce", words[i], NULL);

		if (run.status != 64 || !strstr(run.err, "is neither a domain") || strchr(run.err, '\033') || *run.out)
			fail_msg("%s: %d: %s%s", words[i], run.status, run.out, run.err);
		tool_run_free(&run);
	}
}

static void as_json(void **state)
{
	struct tool_run run = why("mode=enforce", "example.com", "--json");
	json_t *object = tool_json(&run), *first = json_array_get(json_object_get(object, "verdicts"), 0);

	(void)state;
	assert_int_equal(run.status, 0);
	assert_string_equal(json_string_value(json_object_get(object, "domain")), "example.com");
	assert_int_equal(json_array_size(json_object_get(object, "verdicts")), 2);
	assert_int_equal(json_integer_value(json_object_get(first, "count")), 2);
	assert_string_equal(json_string_value(json_array_get(json_object_get(first, "queue_ids"), 0)), "4dKx2P1zXz");
	assert_string_equal(json_string_value(json_object_get(first, "action")), "quarantine");
	assert_string_equal(
		json_string_value(json_object_get(first, "happened")), "the milter put the message on hold");
	assert_non_null(strstr(json_string_value(json_object_get(first, "where")), "until somebody releases it"));
	assert_true(json_is_null(json_object_get(first, "without_monitor")));
	assert_true(json_is_true(json_object_get(first, "delays")));
	assert_true(json_is_true(json_object_get(object, "repaired")));
	const json_t *commands = json_object_get(object, "commands"), *last = json_array_get(commands, 1);
	assert_int_equal(json_array_size(commands), 2);
	assert_string_equal(json_string_value(json_object_get(last, "purpose")), "release");
	assert_string_equal(
		json_string_value(json_object_get(last, "command")), "postsuper -H QUEUEID && postqueue -i QUEUEID");
	json_decref(object);
	tool_run_free(&run);
	run = why("mode=enforce", "other.example", "--json");
	object = tool_json(&run);
	assert_int_equal(run.status, 1);
	assert_int_equal(json_array_size(json_object_get(object, "verdicts")), 0);
	json_decref(object);
	tool_run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_domain_is_explained),
		cmocka_unit_test(a_queue_id_is_explained),
		cmocka_unit_test(the_map_holds_what_was_tagged),
		cmocka_unit_test(what_was_not_delayed_is_not_released),
		cmocka_unit_test(the_override_in_force_is_shown),
		cmocka_unit_test(nothing_is_recorded),
		cmocka_unit_test(neither_domain_nor_id),
		cmocka_unit_test(as_json),
	};

	return cmocka_run_group_tests(tests, store_make, room_remove);
}
