/* What stsgate shows about revocations: show, query --stored and doctor, on a store with certificates of all kinds. */
#include "cm.h"

#include "clock.h"
#include "room.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL "http://c.example.net/13.crl"
#define DAY 86400

static struct tool_run run(const char *setting, const char *command, const char *word)
{
	char place[300];
	snprintf(place, sizeof place, "store_path=%s", room);
	return TOOL("-c", "/dev/null", "-o", place, "-o", setting, command, word);
}

static void shows(const char *setting, const char *command, const char *word, int status, const char *text)
{
	struct tool_run done = run(setting, command, word);
	if (done.status != status || !strstr(done.out, text))
		fail_msg("`%s` (%d) is not in\n%d\n%s%s", text, status, done.status, done.out, done.err);
	tool_run_free(&done);
}

static void hop_make(struct hop_record *record, void *arg)
{
	(void)arg;
	hop_record_learn(record, &(struct evidence){.at = clock_wall_s() - 60, .reason = REASON_OK, .leaf = 7});
}

static void mx_make(struct entry *entry, void *arg)
{
	struct mx_found found = {.outcome = REASON_OK, .set = {.state = MX_LISTED, .ttl_s = 60}};
	(void)arg;
	names_add(&found.set.names, "mx1.a.example", sizeof "mx1.a.example" - 1);
	entry_learn_mx(entry, &found, clock_wall_s());
	mx_found_free(&found);
}

/* Makes the store: a domain, whose mail host shows certificate 7, and what is known about that (NULL: nothing). */
static void make(const struct revocation *row)
{
	struct store *store = room_open(16 * ROOM_BYTES, STORE_OWNER);
	struct failure why;
	assert_non_null(store);
	assert_true(room_put(store, "a.example", KIND_USED, 500, &why));
	assert_true(store_change_entry(store, "a.example", mx_make, NULL, &why));
	assert_true(store_change_hop(store, "mx1.a.example", 25, hop_make, NULL, &why));
	if (row)
		assert_true(store_put_revocations(store, row, 1, &why));
	store_close(&store);
}

static struct revocation row_of(enum revocation_state state, int64_t until_s, const char *why)
{
	int64_t now = clock_wall_s();
	struct revocation row = {.leaf = 7,
		.list = 8,
		.not_after = now + 30 * DAY,
		.serial = "0a",
		.url = URL,
		.state = state,
		.checked_at = now - 10,
		.next_at = now + 3600};
	if (state != REVOCATION_UNKNOWN) {
		row.as_of = now - DAY;
		row.until = now + until_s;
	}
	row.revoked_at = state == REVOCATION_REVOKED ? now - 2 * DAY : 0;
	snprintf(row.why, sizeof row.why, "%s", why);
	return row;
}

static void test_states(void **state)
{
	static const struct {
		enum revocation_state state;
		int64_t until_s;
		const char *why, *shown, *doctor;
		int status;
	} row[] = {
		{REVOCATION_GOOD, DAY, "", "revocation: good until 20", "1 good, 0 revoked, 0 unknown", 0},
		{REVOCATION_GOOD, DAY, "HTTP status 500", "revocation: good until 20", "1 good", 0},
		{REVOCATION_REVOKED, -DAY, "", "revocation: revoked at 20", "0 good, 1 revoked", 1},
		{REVOCATION_GOOD, -DAY, "HTTP status 404", "revocation: unknown since 20",
			"c.example.net/13.crl: HTTP status 404", 1},
		{REVOCATION_UNKNOWN, 0, "HTTP status 404", "revocation: unknown: HTTP status 404",
			"no list of revoked certificates could be read", 1},
		{REVOCATION_UNKNOWN, 0, "", "revocation: unknown: the list has not been read", "0 revoked, 1 unknown",
			0},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct revocation one = row_of(row[i].state, row[i].until_s, row[i].why);
		room_remove(NULL);
		room_make(NULL);
		make(&one);
		shows("revocation=off", "show", "a.example", 0, row[i].shown);
		shows("revocation=off", "show", "a.example", 0, "list: " URL);
		shows("revocation=report", "doctor", "revocation", row[i].status, row[i].doctor);
		shows("revocation=off", "doctor", "revocation", 0, "nothing is looked up");
	}
}

static void test_nothing(void **state)
{
	(void)state;
	make(NULL);
	struct tool_run done = run("revocation=off", "show", "a.example");
	assert_null(strstr(done.out, "revocation:"));
	tool_run_free(&done);
	shows("revocation=report", "doctor", "revocation", 0, "0 good, 0 revoked, 0 unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_states, room_make, room_remove),
		cmocka_unit_test_setup_teardown(test_nothing, room_make, room_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
