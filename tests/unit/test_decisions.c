/* Decisions of operators: which one wins, and the store's table of them. */
#include "cm.h"

#include "age.h"
#include "clock.h"
#include "decision.h"
#include "json_value.h"
#include "record_json.h"
#include "room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW INT64_C(1760000000)
#define HOUR 3600

static struct override wanted(const char *domain, enum override_kind kind, int64_t begins_at)
{
	struct override override = {.kind = kind,
		.begins_at = begins_at,
		.ends_at = begins_at + HOUR,
		.author = "alice",
		.node = "relay1",
		.reason = "the hop is under repair"};
	snprintf(override.domain, sizeof override.domain, "%s", domain);
	return override;
}

/* A decision about an override: kind OVERRIDE_NONE clears it. */
static struct decision_record made(
	const char *domain, enum override_kind kind, const char *node, int64_t made_ms, int64_t knew_ms)
{
	struct override override = wanted(domain, kind, made_ms / 1000);
	struct decision_record decision;
	snprintf(override.node, sizeof override.node, "%s", node);
	decision_init(&decision, DECISION_OVERRIDE, domain, &(struct decision_maker){"alice", node},
		kind == OVERRIDE_NONE ? NULL : &override);
	decision.made_ms = made_ms;
	decision.knew_ms = knew_ms;
	return decision;
}

static struct decision_record forget(const char *domain, const char *node, int64_t made_ms)
{
	struct decision_record decision;
	decision_init(&decision, DECISION_FORGET, domain, &(struct decision_maker){"bob", node}, NULL);
	decision.made_ms = made_ms;
	return decision;
}

/* --- the rules ---------------------------------------------------------------------------------------------------- */

static void test_validity(void **state)
{
	struct decision_record good = made("a.example", OVERRIDE_PASS, "relay1", NOW * 1000, 0), bad;
	(void)state;
	assert_true(decision_is_valid(&good));
	struct decision_record other = forget("a.example", "relay1", NOW * 1000);
	assert_true(decision_is_valid(&other));
	other = made(OVERRIDE_ALL, OVERRIDE_NONE, "relay1", NOW * 1000, NOW * 1000 - 1);
	assert_true(decision_is_valid(&other));
	other = forget(OVERRIDE_ALL, "relay1", NOW * 1000);
	assert_false(decision_is_valid(&other));
#define BAD(change)                                                                                                    \
	do {                                                                                                           \
		bad = good;                                                                                            \
		change;                                                                                                \
		if (decision_is_valid(&bad))                                                                           \
			fail_msg("valid: %s", #change);                                                                \
	} while (0)
	BAD(bad.about = (enum decision_about)0);
	BAD(bad.about = (enum decision_about)3);
	BAD(bad.about = DECISION_FORGET);
	BAD(bad.domain[0] = '\0');
	BAD(bad.domain[0] = 'b');
	BAD(bad.author[0] = '\0');
	BAD(bad.author[0] = 'A');
	BAD(bad.node[0] = '\0');
	BAD(bad.node[0] = 'R');
	BAD(bad.node[0] = bad.override.node[0] = ' ');
	BAD(bad.made_ms = 0);
	BAD(bad.knew_ms = -1);
	BAD(bad.knew_ms = bad.made_ms);
	BAD(bad.override.ends_at = bad.override.begins_at + OVERRIDE_LONGEST_S + 1);
}

/* All members are the same: padding is not compared. */
static void assert_same(const struct decision_record *a, const struct decision_record *b)
{
	struct bytes left = decision_encode(a), right = decision_encode(b);
	assert_int_equal(left.len, right.len);
	assert_memory_equal(left.at, right.at, left.len);
	free(left.at);
	free(right.at);
}

static void test_bytes(void **state)
{
	const struct decision_record all[] = {made("a.example", OVERRIDE_TAG, "relay1", NOW * 1000 + 7, NOW * 1000),
		made(OVERRIDE_ALL, OVERRIDE_NONE, "relay-2.example", NOW * 1000, 0),
		forget("a.example", "relay1", NOW * 1000)};
	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		struct decision_record back;
		struct bytes bytes = decision_encode(&all[i]);
		assert_true(decision_decode(&back, bytes.at, bytes.len));
		assert_same(&back, &all[i]);
		for (size_t len = 0; len < bytes.len; len++)
			assert_false(decision_decode(&back, bytes.at, len));
		assert_int_equal(back.made_ms, 0);
		free(bytes.at);
	}
}

/* As the shared store has it. */
static void test_json(void **state)
{
	struct decision_record pin = made("a.example", OVERRIDE_PIN, "relay1", NOW * 1000, 0), back;
	struct failure why = {0};
	(void)state;
	pin.override.asn[0] = 64500;
	pin.override.asn[1] = 4200000000;
	json_t *object = json_made(json_object());
	record_export(object, &decision_table, &pin);
	const struct input in = {object, "", NOW, &why};
	memset(&back, 0, sizeof back);
	assert_true(record_read(&in, &decision_table, &back));
	assert_same(&back, &pin);
	assert_true(decision_is_valid(&back));
	json_t *override = json_object_get(object, "override");
	static const char *const bad[] = {
		"[1,2,3,4,5,6,7,8,9]", "[0]", "[4294967296]", "[1.5]", "[\"1\"]", "{}", "7", "null"};
	for (size_t i = 0; i < COUNT(bad); i++) {
		json_object_set_new(override, "asn", json_loads(bad[i], JSON_DECODE_ANY, NULL));
		memset(&back, 0, sizeof back);
		if (record_read(&in, &decision_table, &back))
			fail_msg("%s is read", bad[i]);
		assert_non_null(strstr(why.text, "asn"));
	}
	json_decref(object);
}

static void test_later_wins(void **state)
{
	struct decision_record a = made("a.example", OVERRIDE_PASS, "relay1", 1000, 0), b = a;
	(void)state;
	assert_false(decision_is_later(&a, &b));
	assert_true(decision_is_same(&a, &b));
	b.made_ms = 1001;
	assert_true(decision_is_later(&b, &a) && !decision_is_later(&a, &b) && !decision_is_same(&a, &b));
	b.made_ms = 1000;
	strcpy(b.node, "relay2");
	assert_true(decision_is_later(&b, &a) && !decision_is_later(&a, &b) && !decision_is_same(&a, &b));
}

static void test_date(void **state)
{
	struct decision_record known = made("a.example", OVERRIDE_PASS, "relay1", NOW * 1000 + 5, 0), one = known;
	(void)state;
	decision_date(&one, NULL, NOW);
	assert_true(one.made_ms == NOW * 1000 && one.knew_ms == 0);
	decision_date(&one, &known, NOW); /* in the same second, but later than what it replaces */
	assert_true(one.made_ms == NOW * 1000 + 6 && one.knew_ms == known.made_ms);
	decision_date(&one, &known, NOW + 1);
	assert_true(one.made_ms == (NOW + 1) * 1000 && one.knew_ms == known.made_ms);
	decision_date(&one, &known, NOW - CLOCK_SKEW_S);
	assert_true(one.made_ms == NOW * 1000 + 6);
	decision_date(&one, &known, NOW - CLOCK_SKEW_S - 1); /* the clock was set back: what is known is not believed */
	assert_true(one.made_ms == (NOW - CLOCK_SKEW_S - 1) * 1000 && one.knew_ms == 0);
}

static void test_ahead_and_over(void **state)
{
	struct decision_record one = made("a.example", OVERRIDE_PASS, "relay1", NOW * 1000 + 999, 0);
	(void)state;
	assert_false(decision_is_ahead(&one, NOW - CLOCK_SKEW_S));
	assert_true(decision_is_ahead(&one, NOW - CLOCK_SKEW_S - 1));
	one.override.begins_at = NOW + 100;
	assert_true(decision_is_ahead(&one, NOW));
	assert_false(decision_is_over(&one, NOW + DECISION_KEPT_S));
	assert_true(decision_is_over(&one, NOW + DECISION_KEPT_S + 1));
}

static void test_conflicts(void **state)
{
	static const struct {
		const char *what;
		int64_t later_ms, knew_ms, lost_ms;
		enum override_kind later, lost;
		bool conflict;
	} rows[] = {
		{"it knew the lost one", 9000, 5000, 5000, OVERRIDE_PASS, OVERRIDE_TAG, false},
		{"it knew a later one", 9000, 5000, 4000, OVERRIDE_PASS, OVERRIDE_TAG, false},
		{"it knew an earlier one", 9000, 5000, 6000, OVERRIDE_PASS, OVERRIDE_TAG, true},
		{"it knew none", 9000, 0, 6000, OVERRIDE_PASS, OVERRIDE_TAG, true},
		{"it clears", 9000, 0, 6000, OVERRIDE_NONE, OVERRIDE_TAG, true},
		{"the lost one cleared", 9000, 0, 6000, OVERRIDE_TAG, OVERRIDE_NONE, true},
		{"both clear", 9000, 0, 6000, OVERRIDE_NONE, OVERRIDE_NONE, false},
		{"the lost one had ended", 4000000, 0, 6000, OVERRIDE_PASS, OVERRIDE_TAG, false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct decision_record later =
			made("a.example", rows[i].later, "relay1", rows[i].later_ms, rows[i].knew_ms);
		struct decision_record lost = made("a.example", rows[i].lost, "relay2", rows[i].lost_ms, 0);
		if (decision_conflicts(&later, &lost) != rows[i].conflict)
			fail_msg("%s", rows[i].what);
	}
	struct decision_record a = forget("a.example", "relay1", 9000), b = forget("a.example", "relay2", 6000);
	assert_false(decision_conflicts(&a, &b));
}

static void test_forgets(void **state)
{
	struct decision_record one = forget("a.example", "relay1", NOW * 1000 + 500);
	struct entry entry;
	(void)state;
	entry_init(&entry, "a.example");
	assert_true(decision_forgets(&one, &entry));
	entry.record_checked_at = NOW + 1;
	assert_false(decision_forgets(&one, &entry));
	entry.has_policy = true;
	entry.policy_fetched_at = NOW; /* what was looked up since does not keep the policy */
	assert_true(decision_forgets(&one, &entry));
	entry.policy_fetched_at = NOW + 1;
	assert_false(decision_forgets(&one, &entry));
}

/* --- the store ---------------------------------------------------------------------------------------------------- */

static enum override_kind in_force(struct store *store, const char *domain)
{
	struct store_view *view = store_view_begin(store, NULL);
	struct override override;
	assert_non_null(view);
	store_view_override(view, domain, clock_wall_s(), &override);
	store_view_end(&view);
	return override.kind;
}

static struct decision_record known(struct store *store, enum decision_about about, const char *domain)
{
	struct store_view *view = store_view_begin(store, NULL);
	struct decision_record decision;
	assert_non_null(view);
	enum store_found found = store_view_decision(view, about, domain, &decision);
	store_view_end(&view);
	assert_int_equal(found, decision.domain[0] ? STORE_FOUND : STORE_ABSENT);
	return decision;
}

static size_t count_of(struct store *store)
{
	size_t count = 0;
	struct decision_record *rows = store_decisions(store, &count, NULL);
	assert_non_null(rows);
	free(rows);
	return count;
}

static uint32_t number_of(struct store *store)
{
	uint32_t number = 7;
	assert_true(store_decisions_number(store, &number, NULL));
	return number;
}

static enum store_taken take(struct store *store, struct decision_record decision, struct store_decided *out)
{
	struct failure why = {0};
	assert_true(decision_is_valid(&decision));
	if (!store_take_decision(store, &decision, out, &why))
		fail_msg("%s", why.text);
	return out->taken;
}

/* The tool's changes note who decided, in the same transaction. */
static void test_own(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct override override = wanted("a.example", OVERRIDE_PASS, clock_wall_s()), cleared;
	const struct decision_maker by = {"bob", "relay1"};
	bool found;
	(void)state;
	assert_int_equal(number_of(store), 0);
	assert_true(store_set_override(store, &override, NULL, NULL));
	struct decision_record set = known(store, DECISION_OVERRIDE, "a.example");
	assert_true(decision_is_valid(&set) && override_same(&set.override, &override) && set.knew_ms == 0);
	assert_int_equal(number_of(store), 1);
	assert_true(store_lift_override(store, "a.example", &by, &cleared, NULL));
	assert_int_equal(cleared.kind, OVERRIDE_PASS);
	struct decision_record lifted = known(store, DECISION_OVERRIDE, "a.example");
	assert_true(lifted.override.kind == OVERRIDE_NONE && lifted.knew_ms == set.made_ms);
	assert_true(decision_is_later(&lifted, &set));
	assert_string_equal(lifted.author, "bob");
	assert_int_equal(in_force(store, "a.example"), OVERRIDE_NONE);
	assert_true(store_lift_override(store, "b.example", &by, &cleared, NULL)); /* another relay may have one */
	assert_int_equal(cleared.kind, OVERRIDE_NONE);
	assert_string_equal(known(store, DECISION_OVERRIDE, "b.example").author, "bob");
	assert_true(room_put(store, "c.example", KIND_USED, 100, NULL));
	assert_true(store_forget(store, "c.example", &by, &found, NULL) && found);
	assert_true(store_forget(store, "d.example", &by, &found, NULL) && !found);
	assert_true(store_forget(store, "e.example", NULL, &found, NULL));
	assert_string_equal(known(store, DECISION_FORGET, "c.example").node, "relay1");
	assert_string_equal(known(store, DECISION_FORGET, "d.example").node, "relay1");
	assert_int_equal(count_of(store), 4);
	uint32_t number = number_of(store);
	assert_true(store_clear_override(store, "a.example", INT64_MAX, &cleared, NULL)); /* by time: no decision */
	override.node[0] = '\0';
	assert_true(store_set_override(store, &override, NULL, NULL)); /* nobody's */
	assert_int_equal(number_of(store), number);
	store_close(&store);
	store = room_open(ROOM_BYTES, STORE_GUEST);
	assert_int_equal(count_of(store), 4);
	store_close(&store);
}

static void test_taken(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	int64_t now_ms = clock_wall_s() * 1000;
	struct decision_record one = made("a.example", OVERRIDE_TAG, "relay2", now_ms - 5000, 0), older = one;
	struct store_decided out;
	(void)state;
	assert_int_equal(take(store, one, &out), STORE_TAKEN);
	assert_true(out.known.domain[0] == '\0' && out.replaced.kind == OVERRIDE_NONE);
	assert_int_equal(in_force(store, "a.example"), OVERRIDE_TAG);
	uint32_t number = number_of(store);
	assert_int_equal(take(store, one, &out), STORE_KNOWN);
	older.made_ms -= 1000;
	assert_int_equal(take(store, older, &out), STORE_EARLIER);
	assert_true(decision_is_same(&out.known, &one));
	assert_int_equal(number_of(store), number);
	struct decision_record lifted = made("a.example", OVERRIDE_NONE, "relay3", now_ms - 1000, 0);
	assert_int_equal(take(store, lifted, &out), STORE_TAKEN);
	assert_int_equal(out.replaced.kind, OVERRIDE_TAG);
	assert_int_equal(in_force(store, "a.example"), OVERRIDE_NONE);
	assert_int_equal(take(store, one, &out), STORE_EARLIER); /* a replay brings nothing back */
	assert_int_equal(in_force(store, "a.example"), OVERRIDE_NONE);
	struct override ours = wanted("a.example", OVERRIDE_PASS, now_ms / 1000);
	assert_true(store_set_override(store, &ours, NULL, NULL));
	struct decision_record mine = known(store, DECISION_OVERRIDE, "a.example");
	assert_int_equal(mine.knew_ms, lifted.made_ms);
	assert_int_equal(take(store, lifted, &out), STORE_EARLIER);
	assert_int_equal(in_force(store, "a.example"), OVERRIDE_PASS);
	/* One that has ended replaces another, but does not begin again. */
	struct decision_record ended = made("b.example", OVERRIDE_PASS, "relay2", now_ms - 2 * HOUR * 1000, 0);
	struct decision_record before = made("b.example", OVERRIDE_TAG, "relay3", now_ms - 3 * HOUR * 1000, 0);
	before.override.ends_at += 9 * HOUR;
	assert_int_equal(take(store, before, &out), STORE_TAKEN);
	assert_int_equal(in_force(store, "b.example"), OVERRIDE_TAG);
	assert_int_equal(take(store, ended, &out), STORE_TAKEN);
	assert_int_equal(out.replaced.kind, OVERRIDE_TAG);
	assert_int_equal(in_force(store, "b.example"), OVERRIDE_NONE);
	store_close(&store);
}

static void test_taken_forget(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	int64_t now_ms = clock_wall_s() * 1000;
	struct store_decided out;
	(void)state;
	assert_true(room_put(store, "a.example", KIND_USED, 100, NULL));
	struct entry entry;
	assert_int_equal(room_get(store, "a.example", &entry), STORE_FOUND);
	int64_t fetched_ms = entry.policy_fetched_at * 1000;
	entry_free(&entry);
	assert_int_equal(take(store, forget("a.example", "relay2", fetched_ms - 1000), &out), STORE_TAKEN);
	assert_false(out.forgotten); /* it was fetched since */
	assert_true(room_knows(store, "a.example"));
	assert_int_equal(take(store, forget("a.example", "relay2", now_ms), &out), STORE_TAKEN);
	assert_true(out.forgotten);
	assert_false(room_knows(store, "a.example"));
	assert_int_equal(take(store, forget("a.example", "relay2", now_ms), &out), STORE_KNOWN);
	store_close(&store);
}

/* The bounds of what this relay decides itself apply to what comes from elsewhere. */
static void test_bound_of_overrides(void **state)
{
	struct store *store = room_open(16 * ROOM_BYTES, STORE_OWNER);
	int64_t now_ms = clock_wall_s() * 1000;
	struct store_decided out;
	char domain[32];
	(void)state;
	for (int i = 0; i < OVERRIDES_MAX; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		assert_int_equal(take(store, made(domain, OVERRIDE_TAG, "relay2", now_ms, 0), &out), STORE_TAKEN);
	}
	struct decision_record more = made("more.example", OVERRIDE_PASS, "relay2", now_ms, 0);
	assert_int_equal(take(store, more, &out), STORE_NO_ROOM);
	assert_int_equal(in_force(store, "more.example"), OVERRIDE_NONE);
	assert_true(known(store, DECISION_OVERRIDE, "more.example").domain[0] == '\0'); /* it may come again */
	assert_int_equal(take(store, made("d7.example", OVERRIDE_NONE, "relay2", now_ms + 1, 0), &out), STORE_TAKEN);
	assert_int_equal(take(store, more, &out), STORE_TAKEN);
	store_close(&store);
}

/* A long list of forgotten domains leaves the decisions about overrides alone. */
static void test_bound_of_decisions(void **state)
{
	struct store *store = room_open(16 * ROOM_BYTES, STORE_OWNER);
	int64_t now_ms = clock_wall_s() * 1000;
	struct store_decided out;
	char domain[32];
	(void)state;
	assert_int_equal(take(store, made("o.example", OVERRIDE_NONE, "relay2", now_ms - 99000, 0), &out), STORE_TAKEN);
	for (int i = 0; i < DECISIONS_MAX + 9; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		assert_int_equal(take(store, forget(domain, "relay2", now_ms - 50000 + i), &out), STORE_TAKEN);
	}
	assert_int_equal(count_of(store), DECISIONS_MAX);
	assert_string_equal(known(store, DECISION_OVERRIDE, "o.example").node, "relay2");
	assert_true(known(store, DECISION_FORGET, "d9.example").domain[0] == '\0');
	assert_true(known(store, DECISION_FORGET, "d10.example").domain[0] != '\0');
	assert_int_equal(take(store, forget("early.example", "relay2", now_ms - 60000), &out), STORE_NO_ROOM);
	assert_int_equal(take(store, made("p.example", OVERRIDE_NONE, "relay2", now_ms - 60000, 0), &out), STORE_TAKEN);
	store_close(&store);
}

/* A small store keeps fewer decisions: what has left does not come back again and again. */
static void test_bound_of_bytes(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	int64_t now_ms = clock_wall_s() * 1000;
	struct store_decided out;
	char domain[32];
	size_t count, left = 0;
	(void)state;
	for (int i = 0; i < DECISIONS_MAX; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		assert_int_equal(take(store, forget(domain, "relay2", now_ms - 50000 + i), &out), STORE_TAKEN);
	}
	count = count_of(store);
	assert_true(count > 100 && count < DECISIONS_MAX);
	for (int i = 0; i < DECISIONS_MAX; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		left += take(store, forget(domain, "relay2", now_ms - 50000 + i), &out) == STORE_NO_ROOM;
	}
	assert_int_equal(left, DECISIONS_MAX - count);
	assert_int_equal(count_of(store), count);
	store_close(&store);
}

static void test_over(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	int64_t now = clock_wall_s();
	struct store_decided out;
	(void)state;
	take(store, forget("a.example", "relay2", (now - DECISION_KEPT_S - 9) * 1000), &out);
	take(store, made("b.example", OVERRIDE_PASS, "relay2", (now - DECISION_KEPT_S - 9) * 1000, 0), &out);
	take(store, made("c.example", OVERRIDE_NONE, "relay2", (now - DECISION_KEPT_S + 9) * 1000, 0), &out);
	assert_int_equal(count_of(store), 3);
	assert_true(store_forget_decisions(store, now, NULL));
	assert_int_equal(count_of(store), 1);
	assert_true(known(store, DECISION_OVERRIDE, "c.example").domain[0] != '\0');
	store_close(&store);
}

/* What is dated ahead of the clock was written before the clock was set back. It does not count. */
static void test_clock_set_back(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	int64_t now_ms = clock_wall_s() * 1000;
	struct store_decided out;
	(void)state;
	take(store, made("a.example", OVERRIDE_PASS, "relay2", now_ms + INT64_C(86400000), 0), &out);
	assert_int_equal(take(store, made("a.example", OVERRIDE_TAG, "relay3", now_ms, 0), &out), STORE_TAKEN);
	assert_int_equal(in_force(store, "a.example"), OVERRIDE_TAG);
	store_close(&store);
}

static void test_damaged_row(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct decision_record one = made("a.example", OVERRIDE_PASS, "relay2", clock_wall_s() * 1000, 0);
	struct store_decided out;
	(void)state;
	assert_int_equal(take(store, one, &out), STORE_TAKEN);
	store_close(&store);
	room_write("decisions", "\1a.example", 10, "no decision");
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_int_equal(count_of(store), 0);
	assert_int_equal(take(store, one, &out), STORE_TAKEN);
	assert_int_equal(count_of(store), 1);
	store_close(&store);
}

/* A store that an earlier version made: the tool works, and nothing is noted. */
static void test_earlier_version(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	struct override override = wanted("a.example", OVERRIDE_PASS, clock_wall_s()), cleared;
	const struct decision_maker by = {"bob", "relay1"};
	struct decision_record one = made("a.example", OVERRIDE_PASS, "relay2", clock_wall_s() * 1000, 0);
	struct store_decided out;
	struct failure why = {0};
	(void)state;
	store_close(&store);
	room_table_drop("decisions");
	store = room_open(ROOM_BYTES, STORE_GUEST);
	assert_true(store_set_override(store, &override, NULL, NULL));
	assert_int_equal(in_force(store, "a.example"), OVERRIDE_PASS);
	assert_true(store_lift_override(store, "a.example", &by, &cleared, NULL));
	assert_int_equal(cleared.kind, OVERRIDE_PASS);
	assert_true(store_forget(store, "a.example", &by, NULL, NULL));
	assert_true(store_forget_decisions(store, NOW, NULL));
	assert_int_equal(count_of(store), 0);
	assert_int_equal(known(store, DECISION_OVERRIDE, "a.example").made_ms, 0);
	assert_false(store_take_decision(store, &one, &out, &why));
	assert_non_null(strstr(why.text, "restart stsgated"));
	store_close(&store);
}

/* Makes decisions of several relays about a few domains, close to each other in time. No two are the same. */
static size_t mixed_make(struct decision_record *all, size_t count, unsigned *seed)
{
	static const enum override_kind kinds[] = {OVERRIDE_NONE, OVERRIDE_PASS, OVERRIDE_TAG, OVERRIDE_ENFORCE};
	int64_t now_ms = clock_wall_s() * 1000;
	size_t made_count = 0;
	for (size_t i = 0; i < count; i++) {
		char domain[32], node[32];
		snprintf(domain, sizeof domain, "d%d.example", rand_r(seed) % 3);
		snprintf(node, sizeof node, "relay%d", rand_r(seed) % 4);
		int64_t ms = now_ms - rand_r(seed) % 8;
		all[made_count] = rand_r(seed) % 4 == 0 ? forget(domain, node, ms)
							: made(domain, kinds[rand_r(seed) % COUNT(kinds)], node, ms, 0);
		size_t same = 0;
		while (!decision_is_same(&all[same], &all[made_count]))
			same++;
		made_count += same == made_count;
	}
	return made_count;
}

static void mixed_take(struct store *store, const struct decision_record *all, size_t count, unsigned *seed)
{
	struct store_decided out;
	for (size_t i = 0; i < 3 * count; i++) /* some twice, some not yet */
		take(store, all[(size_t)rand_r(seed) % count], &out);
	for (size_t i = 0; i < count; i++)
		take(store, all[i], &out);
}

/* Relays that get the same decisions in different orders, some of them twice, end with the same ones. */
static void test_any_order(void **state)
{
	unsigned seed = 20261130;
	(void)state;
	for (int round = 0; round < 5; round++) {
		struct decision_record all[24], *rows[2];
		enum override_kind kinds[2][3];
		size_t count = mixed_make(all, COUNT(all), &seed), row_count[2];
		for (size_t relay = 0; relay < 2; relay++) {
			struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
			mixed_take(store, all, count, &seed);
			rows[relay] = store_decisions(store, &row_count[relay], NULL);
			assert_non_null(rows[relay]);
			for (int i = 0; i < 3; i++)
				kinds[relay][i] = in_force(
					store, (const char *const[]){"d0.example", "d1.example", "d2.example"}[i]);
			store_close(&store);
			assert_int_equal(unlink(room_file(STORE_FILE)), 0);
		}
		assert_int_equal(row_count[0], row_count[1]);
		assert_memory_equal(rows[0], rows[1], row_count[0] * sizeof *rows[0]);
		assert_memory_equal(kinds[0], kinds[1], sizeof kinds[0]);
		free(rows[0]);
		free(rows[1]);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, room_make, room_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_validity), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_json), cmocka_unit_test(test_later_wins), cmocka_unit_test(test_date),
		cmocka_unit_test(test_ahead_and_over), cmocka_unit_test(test_conflicts), cmocka_unit_test(test_forgets),
		TEST(test_own), TEST(test_taken), TEST(test_taken_forget), TEST(test_bound_of_overrides),
		TEST(test_bound_of_decisions), TEST(test_bound_of_bytes), TEST(test_over), TEST(test_clock_set_back),
		TEST(test_any_order), TEST(test_damaged_row), TEST(test_earlier_version)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
