/* The networks of a domain: what counts as a movement, how grave it is, what is learned, and the bytes; and that the
 * store's rows leave with the entry. The near misses with a whole inquiry are scenarios (design-5.32-*, design-5.33-*). */
#include "cm.h"

#include "clock.h"
#include "movement.h"
#include "room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW INT64_C(1900000000)
#define HOUR 3600
#define DAY 86400

static struct evidence good_at(const char *address, uint64_t leaf, int64_t age_s)
{
	struct evidence seen = {.at = NOW, .reason = REASON_OK, .leaf = leaf, .not_before = NOW - age_s};
	snprintf(seen.address, sizeof seen.address, "%s", address);
	return seen;
}

static struct mx_place place_at(uint32_t asn, const struct evidence *seen)
{
	struct mx_place place = {.host = "mx.example", .asn = asn, .country = "DE", .seen = seen};
	assert_true(address_parse(&place.address, seen->address));
	return place;
}

static struct mx_places places_of(const struct mx_place *place, size_t count)
{
	return (struct mx_places){
		.place = place, .count = count, .whole = true, .names = 7, .policy_id = "1", .now = NOW};
}

/* A domain that is at home in AS64500. */
static struct domain_networks home_make(void)
{
	struct domain_networks networks = {.domain = "a.example"};
	struct evidence seen = good_at("192.0.2.1", 11, 90 * DAY);
	struct mx_place place = place_at(64500, &seen);
	struct mx_places places = places_of(&place, 1);
	places.now = NOW - DAY;
	assert_true(movement_learn(&networks, &places, false));
	return networks;
}

/* --- judging ------------------------------------------------------------------------------------------------------ */

static void test_how_grave(void **state)
{
	static const struct {
		const char *what;
		uint64_t leaf;
		int64_t age_s;
		enum reason reason;
		bool hostile, renamed, new_policy;
		enum event_severity severity;
	} rows[] = {
		{"a movement alone", 12, 60 * DAY, REASON_OK, false, false, false, EVENT_NOTICE},
		{"a certificate of 47 hours", 12, 47 * HOUR, REASON_OK, false, false, false, EVENT_WARNING},
		{"a certificate of 48 hours", 12, 48 * HOUR, REASON_OK, false, false, false, EVENT_NOTICE},
		{"the old, young certificate", 11, 47 * HOUR, REASON_OK, false, false, false, EVENT_NOTICE},
		{"a young one without number", 0, 47 * HOUR, REASON_OK, false, false, false, EVENT_WARNING},
		{"no date", 12, NOW, REASON_OK, false, false, false, EVENT_NOTICE},
		{"a network with a warning", 12, 60 * DAY, REASON_OK, true, false, false, EVENT_WARNING},
		{"other names", 12, 60 * DAY, REASON_OK, false, true, false, EVENT_WARNING},
		{"other names and a new policy", 12, 60 * DAY, REASON_OK, false, true, true, EVENT_NOTICE},
		{"other names, a new policy, a new certificate", 12, HOUR, REASON_OK, false, true, true, EVENT_NOTICE},
		{"a new policy and a new certificate", 12, HOUR, REASON_OK, false, false, true, EVENT_WARNING},
		{"a new policy", 12, 60 * DAY, REASON_OK, false, false, true, EVENT_NOTICE},
		{"a bad certificate", 12, 60 * DAY, REASON_CERT_EXPIRED, false, false, true, EVENT_ERROR},
		{"bad, new and hostile", 12, HOUR, REASON_CERT_EXPIRED, true, true, false, EVENT_ERROR},
		{"no answer", 12, 60 * DAY, REASON_HOP_TIMEOUT, false, false, false, EVENT_NOTICE},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct domain_networks known = home_make();
		struct evidence seen = good_at("198.51.100.1", rows[i].leaf, rows[i].age_s);
		seen.reason = rows[i].reason;
		struct mx_place place = place_at(64501, &seen);
		place.hostile = rows[i].hostile;
		struct mx_places places = places_of(&place, 1);
		places.names += rows[i].renamed;
		places.policy_id = rows[i].new_policy ? "2" : "1";
		struct movement movement = movement_judge(&known, &places);
		if (!movement.moved || movement.severity != rows[i].severity)
			fail_msg("%s: %d %s", rows[i].what, movement.moved, event_severity_name(movement.severity));
		assert_non_null(movement.before);
		assert_int_equal(movement.before->asn, 64500);
	}
}

static void test_what_is_a_movement(void **state)
{
	static const struct {
		const char *what;
		struct {
			uint32_t asn;
			const char *address;
		} at[3];
		bool moved;
	} rows[] = {
		{"home", {{64500, "192.0.2.1"}}, false},
		{"another address at home", {{64500, "203.0.113.9"}}, false},
		{"elsewhere", {{64501, "198.51.100.1"}}, true},
		{"elsewhere in two networks", {{64501, "198.51.100.1"}, {64502, "203.0.113.1"}}, true},
		{"one of two", {{64501, "198.51.100.1"}, {64500, "192.0.2.2"}}, false},
		{"one of three", {{64501, "198.51.100.1"}, {64501, "198.51.100.2"}, {64500, "192.0.2.2"}}, false},
		{"no system is known any more", {{0, "198.51.100.1"}}, false},
		{"nor for one of two", {{64501, "198.51.100.1"}, {0, "198.51.100.2"}}, false},
		{"another family", {{64501, "2001:db8::1"}}, false},
		{"another family at home", {{64500, "2001:db8::1"}}, false},
		{"nowhere", {{0, NULL}}, false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct domain_networks known = home_make();
		struct evidence seen[3];
		struct mx_place place[3];
		size_t count = 0;
		for (; count < 3 && rows[i].at[count].address; count++) {
			seen[count] = good_at(rows[i].at[count].address, 12, 60 * DAY);
			place[count] = place_at(rows[i].at[count].asn, &seen[count]);
		}
		struct mx_places places = places_of(place, count);
		if (movement_judge(&known, &places).moved != rows[i].moved)
			fail_msg("%s", rows[i].what);
		places.whole = false; /* of one mail host nothing is known */
		assert_false(movement_judge(&known, &places).moved);
	}
}

static void test_another_family_of_other_hosts(void **state)
{
	struct domain_networks known = home_make();
	struct evidence seen = good_at("2001:db8::1", 12, 60 * DAY);
	struct mx_place place = place_at(64501, &seen);
	struct mx_places places = places_of(&place, 1);
	(void)state;
	assert_false(movement_judge(&known, &places).moved);
	places.names++;
	assert_true(movement_judge(&known, &places).moved);
}

static void test_without_systems(void **state)
{
	struct domain_networks known = {.domain = "a.example"};
	struct evidence seen = good_at("192.0.2.1", 11, 90 * DAY);
	struct mx_place place = place_at(0, &seen);
	struct mx_places places = places_of(&place, 1);
	(void)state;
	assert_false(movement_judge(&known, &places).moved); /* first contact */
	assert_true(movement_learn(&known, &places, false));
	assert_false(movement_judge(&known, &places).moved);
	seen = good_at("192.0.2.99", 11, 90 * DAY);
	place = place_at(0, &seen);
	assert_false(movement_judge(&known, &places).moved);
	seen = good_at("192.0.3.1", 11, 90 * DAY);
	place = place_at(0, &seen);
	assert_true(movement_judge(&known, &places).moved);
	place.asn = 64500; /* the database has appeared */
	assert_false(movement_judge(&known, &places).moved);
	assert_true(movement_learn(&known, &places, false));
	assert_false(movement_judge(&known, &places).moved);
}

/* --- learning ----------------------------------------------------------------------------------------------------- */

static void test_hosts_move_one_by_one(void **state)
{
	struct domain_networks known = home_make();
	struct evidence seen[2] = {good_at("198.51.100.1", 12, HOUR), good_at("192.0.2.2", 11, 90 * DAY)};
	struct mx_place place[2] = {place_at(64501, &seen[0]), place_at(64500, &seen[1])};
	struct mx_places places = places_of(place, 2);
	(void)state;
	assert_false(movement_judge(&known, &places).moved);
	assert_true(movement_learn(&known, &places, false));
	seen[1] = good_at("198.51.100.2", 12, HOUR);
	place[1] = place_at(64501, &seen[1]);
	struct movement movement = movement_judge(&known, &places);
	assert_true(movement.moved);
	assert_int_equal(movement.severity, EVENT_WARNING); /* its certificate is still new to us */
	assert_true(movement_learn(&known, &places, movement.moved));
	assert_false(movement_judge(&known, &places).moved);
	/* Without a report the network is home a day later. */
	known = home_make();
	seen[1] = good_at("192.0.2.2", 11, 90 * DAY);
	place[1] = place_at(64500, &seen[1]);
	assert_true(movement_learn(&known, &places, false));
	places.count = 1;
	places.now = NOW + DAY - 1;
	assert_true(movement_judge(&known, &places).moved);
	places.now = NOW + DAY;
	assert_false(movement_judge(&known, &places).moved);
}

static void test_only_good_evidence_is_learned(void **state)
{
	struct domain_networks known = home_make(), before = known;
	struct evidence seen = good_at("198.51.100.1", 12, HOUR);
	struct mx_place place = place_at(64501, &seen);
	struct mx_places places = places_of(&place, 1);
	(void)state;
	places.names++;
	seen.reason = REASON_CERT_EXPIRED;
	assert_false(movement_learn(&known, &places, true));
	seen.reason = REASON_HOP_TIMEOUT;
	assert_false(movement_learn(&known, &places, true));
	seen.reason = REASON_OK;
	place.seen = NULL;
	assert_false(movement_learn(&known, &places, true));
	assert_memory_equal(&known, &before, sizeof known);
}

static void test_a_write_a_day(void **state)
{
	struct domain_networks known = home_make();
	struct evidence seen = good_at("192.0.2.1", 11, 90 * DAY);
	struct mx_place place = place_at(64500, &seen);
	struct mx_places places = places_of(&place, 1);
	(void)state;
	places.now = NOW - 1;
	assert_false(movement_learn(&known, &places, false));
	places.now = NOW;
	assert_true(movement_learn(&known, &places, false));
	assert_int_equal(known.network[0].last_at, NOW);
	assert_int_equal(known.network[0].first_at, NOW - DAY);
	assert_false(movement_learn(&known, &places, false));
	seen.leaf = 13;
	assert_true(movement_learn(&known, &places, false));
	places.policy_id = "2";
	assert_true(movement_learn(&known, &places, false));
	assert_string_equal(known.policy_id, "2");
	places.now = NOW - 10 * DAY; /* the clock was ahead */
	assert_true(movement_learn(&known, &places, false));
	assert_int_equal(known.network[0].first_at, NOW - 10 * DAY);
}

static void test_the_oldest_leaves_first(void **state)
{
	struct domain_networks known = home_make();
	struct evidence seen = good_at("192.0.2.1", 11, 90 * DAY);
	struct mx_place place = place_at(64500, &seen);
	struct mx_places places = places_of(&place, 1);
	(void)state;
	for (uint32_t i = 1; i < DOMAIN_NETWORKS_MAX; i++) {
		place.asn = 64500 + i;
		places.now = NOW + i * DAY;
		assert_true(movement_learn(&known, &places, true));
	}
	place.asn = 64500; /* seen again */
	places.now = NOW + 100 * DAY;
	assert_true(movement_learn(&known, &places, true));
	place.asn = 65000;
	assert_true(movement_learn(&known, &places, true));
	assert_non_null(movement_network(&known, 64500, &place.address));
	assert_null(movement_network(&known, 64501, &place.address));
	assert_non_null(movement_network(&known, 64502, &place.address));
	assert_non_null(movement_network(&known, 65000, &place.address));
}

static void test_leaves_are_few(void **state)
{
	struct domain_networks known = home_make();
	struct evidence seen = good_at("192.0.2.1", 11, 90 * DAY);
	struct mx_place place = place_at(64500, &seen);
	struct mx_places places = places_of(&place, 1);
	(void)state;
	for (uint64_t leaf = 100; leaf < 100 + DOMAIN_LEAVES_MAX; leaf++) {
		seen.leaf = leaf;
		assert_true(movement_learn(&known, &places, false));
		assert_false(movement_learn(&known, &places, false));
	}
	assert_int_equal(known.leaf[0], 100 + DOMAIN_LEAVES_MAX - 1);
	assert_int_equal(known.leaf[DOMAIN_LEAVES_MAX - 1], 100);
}

static void test_names_have_no_order(void **state)
{
	(void)state;
	assert_int_equal(movement_name("mx1.example") + movement_name("mx2.example"),
		movement_name("mx2.example") + movement_name("mx1.example"));
	assert_int_not_equal(movement_name("mx1.example"), movement_name("mx2.example"));
}

/* --- bytes and the store ------------------------------------------------------------------------------------------ */

static void test_bytes(void **state)
{
	struct domain_networks known = home_make(), back;
	struct evidence seen = good_at("2001:db8::1", 12, HOUR);
	struct mx_place place = place_at(0, &seen);
	struct mx_places places = places_of(&place, 1);
	(void)state;
	movement_learn(&known, &places, true);
	struct bytes bytes = domain_networks_encode(&known);
	assert_true(domain_networks_decode(&back, bytes.at, bytes.len));
	assert_memory_equal(&known, &back, sizeof known);
	for (size_t i = 0; i < bytes.len; i++) {
		assert_false(domain_networks_decode(&back, bytes.at, i));
		bytes.at[i] ^= 0x40;
		assert_false(domain_networks_decode(&back, bytes.at, bytes.len));
		bytes.at[i] ^= 0x40;
	}
	free(bytes.at);
}

static void test_prefixes(void **state)
{
	static const char *const rows[][2] = {{"192.0.2.77", "192.0.2.0/24"}, {"::ffff:192.0.2.77", "192.0.2.0/24"},
		{"2001:db8:7:1::1", "2001:db8:7::/48"}, {"255.255.255.255", "255.255.255.0/24"},
		{"ffff:ffff:ffff:ffff::", "ffff:ffff:ffff::/48"}};
	char text[ADDRESS_NETWORK_SIZE];
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct address address;
		assert_true(address_parse(&address, rows[i][0]));
		assert_string_equal(address_network_format(address_network(&address), text), rows[i][1]);
	}
}

static void change(struct domain_networks *networks, void *arg)
{
	(void)arg;
	char domain[DOMAIN_SIZE];
	memcpy(domain, networks->domain, sizeof domain);
	*networks = home_make();
	memcpy(networks->domain, domain, sizeof domain);
}

static volatile bool written;
static void on_written(struct store_submission *submission)
{
	(void)submission;
	written = true;
}

static void networks_put(struct store *store, const char *domain)
{
	struct store_batch_change one = {.domain_or_host = domain, .networks = change};
	struct store_submission submission = {.change = &one, .count = 1, .done = on_written};
	written = false;
	store_submit(store, &submission);
	while (!written)
		usleep(1000);
}

static bool networks_known(struct store *store, const char *domain)
{
	struct domain_networks networks;
	struct store_view *view = store_view_begin(store, NULL);
	assert_non_null(view);
	enum store_found found = store_view_networks(view, domain, &networks);
	store_view_end(&view);
	assert_string_equal(networks.domain, domain);
	assert_true(found != STORE_FAILED);
	return found == STORE_FOUND && networks.network[0].asn == 64500;
}

static void test_rows_leave_with_their_entry(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	(void)state;
	networks_put(store, "a.example"); /* there is no entry */
	assert_false(networks_known(store, "a.example"));
	assert_true(room_put(store, "a.example", KIND_USED, 100, NULL));
	assert_false(networks_known(store, "a.example"));
	networks_put(store, "a.example");
	assert_true(networks_known(store, "a.example"));
	assert_true(store_forget(store, "a.example", NULL, NULL, NULL));
	assert_false(networks_known(store, "a.example"));
	assert_true(room_put(store, "a.example", KIND_USED, 100, NULL));
	assert_false(networks_known(store, "a.example"));
	networks_put(store, "a.example");
	store_close(&store);
	store = room_open(ROOM_BYTES, STORE_OWNER);
	assert_true(networks_known(store, "a.example"));
	store_close(&store);
}

static void test_a_flood_evicts_rows_too(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	char domain[32];
	(void)state;
	assert_true(room_put(store, "kept.example", KIND_USED, 100, NULL));
	networks_put(store, "kept.example");
	for (int i = 0; i < 600; i++) {
		snprintf(domain, sizeof domain, "n%d.example", i);
		assert_true(room_put(store, domain, KIND_NEGATIVE, 3000, NULL));
		networks_put(store, domain);
	}
	int entries = 0;
	for (int i = 0; i < 600; i++) {
		snprintf(domain, sizeof domain, "n%d.example", i);
		entries += room_knows(store, domain);
		assert_true(room_knows(store, domain) || !networks_known(store, domain));
	}
	assert_true(networks_known(store, "kept.example"));
	store_close(&store);
	assert_true(entries > 0 && entries < 600);
	assert_true(room_records("networks") <= (size_t)entries + 1);
}

/* The tool opens a store that an earlier version has made. */
static void test_a_store_without_the_table(void **state)
{
	struct store *store = room_open(ROOM_BYTES, STORE_OWNER);
	(void)state;
	assert_true(room_put(store, "a.example", KIND_USED, 100, NULL));
	store_close(&store);
	room_table_drop("networks");
	store = room_open(0, STORE_GUEST);
	networks_put(store, "a.example");
	assert_false(networks_known(store, "a.example"));
	assert_true(store_forget(store, "a.example", NULL, NULL, NULL));
	store_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_how_grave),
		cmocka_unit_test(test_what_is_a_movement),
		cmocka_unit_test(test_another_family_of_other_hosts),
		cmocka_unit_test(test_without_systems),
		cmocka_unit_test(test_hosts_move_one_by_one),
		cmocka_unit_test(test_only_good_evidence_is_learned),
		cmocka_unit_test(test_a_write_a_day),
		cmocka_unit_test(test_the_oldest_leaves_first),
		cmocka_unit_test(test_leaves_are_few),
		cmocka_unit_test(test_names_have_no_order),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test_setup_teardown(test_rows_leave_with_their_entry, room_make, room_remove),
		cmocka_unit_test_setup_teardown(test_a_flood_evicts_rows_too, room_make, room_remove),
		cmocka_unit_test_setup_teardown(test_a_store_without_the_table, room_make, room_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
