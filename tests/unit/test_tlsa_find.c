/* Which lookups are made for a hop's TLSA records, in which order, and their result (RFC 7672 2.2.2, 2.2.3; spec
 * D-20 to D-24, D-5). DNS and the clock are this program's own. */
#include "cm.h"

#include "clock.h"
#include "lookups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST "mx.example.com"
#define END "end.example.net"
#define AT_HOST "_25._tcp." HOST
#define AT_END "_25._tcp." END
#define LOOKUPS_MAX 5

static const uint8_t good[3 + 32] = {3, 1, 1}, pkix[3 + 32] = {1, 1, 1};

enum records { NO_RECORDS, ADDRESS, GOOD, PKIX, GOOD_AND_PKIX };

/* The lookup that must come next, and its answer. */
struct expected {
	enum dns_type type;
	const char *name;
	enum dns_outcome outcome;
	bool secure;
	uint32_t ttl_s;
	const char *canonical;
	enum records records;
};

#define YES true
#define NO false
/* Versions 14 and 19 of the formatter differ on macros that are initializers. */
/* clang-format off */
#define A(is_secure, ttl) {DNS_A, HOST, DNS_OK, is_secure, ttl, "", ADDRESS}
#define AAAA(is_secure, ttl) {DNS_AAAA, HOST, DNS_OK, is_secure, ttl, "", ADDRESS}
#define ALIAS_A(is_secure) {DNS_A, HOST, DNS_OK, is_secure, 900, END, ADDRESS}
#define NO_AAAA {DNS_AAAA, HOST, DNS_NODATA, true, 900, "", NO_RECORDS}
#define ALIAS_NO_AAAA {DNS_AAAA, HOST, DNS_NODATA, true, 900, END, NO_RECORDS}
#define FAILS(type, name, outcome) {type, name, outcome, false, 0, "", NO_RECORDS}
#define LINK(is_secure) {DNS_CNAME, HOST, DNS_OK, is_secure, 500, "", ADDRESS}
#define TLSA(name, records) {DNS_TLSA, name, DNS_OK, true, 700, "", records}
#define NO_TLSA(name, outcome, is_secure) {DNS_TLSA, name, outcome, is_secure, 60, "", NO_RECORDS}
/* clang-format on */

static const struct row {
	const char *name;
	struct expected lookups[LOOKUPS_MAX];
	enum tlsa_state state;
	const char *base;
	uint32_t ttl_s;
	bool denied, broken;
} rows[] = {
	/* D-20: addresses first; a host without one, or with unsigned ones, is not asked further */
	{"signed host", {A(YES, 900), NO_AAAA, TLSA(AT_HOST, GOOD)}, TLSA_USABLE, HOST, 700, NO, NO},
	{"unsigned host", {A(NO, 900), AAAA(NO, 800)}, TLSA_NONE, "", 800, NO, NO},
	{"unsigned A", {A(NO, 900), AAAA(YES, 900)}, TLSA_NONE, "", 900, NO, NO},
	{"unsigned AAAA", {A(YES, 900), AAAA(NO, 900)}, TLSA_NONE, "", 900, NO, NO},
	{"AAAA only", {{DNS_A, HOST, DNS_NODATA, true, 400, "", NO_RECORDS}, AAAA(YES, 900), TLSA(AT_HOST, GOOD)},
		TLSA_USABLE, HOST, 400, NO, NO},
	{"no address", {{DNS_A, HOST, DNS_NODATA, true, 400, "", NO_RECORDS}, NO_AAAA}, TLSA_NONE, "", 400, NO, NO},
	{"no host",
		{{DNS_A, HOST, DNS_NXDOMAIN, true, 40, "", NO_RECORDS},
			{DNS_AAAA, HOST, DNS_NXDOMAIN, true, 40, "", NO_RECORDS}},
		TLSA_NONE, "", 40, NO, NO},
	/* D-5: a failure is no answer; but the MTA uses the addresses of the other family */
	{"A fails", {FAILS(DNS_A, HOST, DNS_FAILED), AAAA(YES, 900), TLSA(AT_HOST, GOOD)}, TLSA_USABLE, HOST, 0, NO,
		NO},
	{"AAAA fails", {A(YES, 900), FAILS(DNS_AAAA, HOST, DNS_BOGUS), TLSA(AT_HOST, GOOD)}, TLSA_USABLE, HOST, 0, NO,
		NO},
	{"A fails, no TLSA", {FAILS(DNS_A, HOST, DNS_FAILED), AAAA(YES, 900), NO_TLSA(AT_HOST, DNS_NODATA, YES)},
		TLSA_NONE, "", 0, YES, NO},
	{"A fails, no AAAA", {FAILS(DNS_A, HOST, DNS_TIMEOUT), NO_AAAA}, TLSA_FAILED, "", 0, NO, NO},
	{"no A, AAAA fails", {{DNS_A, HOST, DNS_NODATA, true, 9, "", NO_RECORDS}, FAILS(DNS_AAAA, HOST, DNS_BOGUS)},
		TLSA_FAILED, "", 0, NO, NO},
	{"both fail", {FAILS(DNS_A, HOST, DNS_FAILED), FAILS(DNS_AAAA, HOST, DNS_FAILED)}, TLSA_FAILED, "", 0, NO, NO},
	{"no resolver", {FAILS(DNS_A, HOST, DNS_BROKEN), FAILS(DNS_AAAA, HOST, DNS_BROKEN)}, TLSA_FAILED, "", 0, NO,
		YES},
	{"TLSA fails", {A(YES, 900), NO_AAAA, FAILS(DNS_TLSA, AT_HOST, DNS_FAILED)}, TLSA_FAILED, "", 0, NO, NO},
	{"TLSA bogus", {A(YES, 900), NO_AAAA, FAILS(DNS_TLSA, AT_HOST, DNS_BOGUS)}, TLSA_FAILED, "", 0, NO, NO},
	{"TLSA silent", {A(YES, 900), NO_AAAA, FAILS(DNS_TLSA, AT_HOST, DNS_TIMEOUT)}, TLSA_FAILED, "", 0, NO, NO},
	{"no resolver at TLSA", {A(YES, 900), NO_AAAA, FAILS(DNS_TLSA, AT_HOST, DNS_BROKEN)}, TLSA_FAILED, "", 0, NO,
		YES},
	/* D-21, D-22: for an alias, the end of the chain, then the host's own name */
	{"alias", {ALIAS_A(YES), ALIAS_NO_AAAA, TLSA(AT_END, GOOD)}, TLSA_USABLE, END, 700, NO, NO},
	{"alias, denied at the end",
		{ALIAS_A(YES), ALIAS_NO_AAAA, NO_TLSA(AT_END, DNS_NXDOMAIN, YES), TLSA(AT_HOST, GOOD)}, TLSA_USABLE,
		HOST, 60, NO, NO},
	{"alias, unsigned at the end",
		{ALIAS_A(YES), ALIAS_NO_AAAA, {DNS_TLSA, AT_END, DNS_OK, false, 60, "", GOOD}, TLSA(AT_HOST, GOOD)},
		TLSA_USABLE, HOST, 60, NO, NO},
	{"alias, denied twice",
		{ALIAS_A(YES), ALIAS_NO_AAAA, NO_TLSA(AT_END, DNS_NODATA, YES), NO_TLSA(AT_HOST, DNS_NODATA, YES)},
		TLSA_NONE, "", 60, YES, NO},
	{"alias, unusable at the end", {ALIAS_A(YES), ALIAS_NO_AAAA, TLSA(AT_END, PKIX)}, TLSA_UNUSABLE, END, 700, NO,
		NO},
	{"alias, failure at the end", {ALIAS_A(YES), ALIAS_NO_AAAA, FAILS(DNS_TLSA, AT_END, DNS_FAILED)}, TLSA_FAILED,
		"", 0, NO, NO},
	{"alias, failure at the host",
		{ALIAS_A(YES), ALIAS_NO_AAAA, NO_TLSA(AT_END, DNS_NODATA, YES), FAILS(DNS_TLSA, AT_HOST, DNS_BOGUS)},
		TLSA_FAILED, "", 0, NO, NO},
	{"alias into an unsigned zone", {ALIAS_A(NO), ALIAS_NO_AAAA, LINK(YES), TLSA(AT_HOST, GOOD)}, TLSA_USABLE, HOST,
		500, NO, NO},
	{"alias in an unsigned zone", {ALIAS_A(NO), ALIAS_NO_AAAA, LINK(NO)}, TLSA_NONE, "", 500, NO, NO},
	{"alias whose link fails", {ALIAS_A(NO), ALIAS_NO_AAAA, FAILS(DNS_CNAME, HOST, DNS_BOGUS)}, TLSA_FAILED, "", 0,
		NO, NO},
	{"alias of itself",
		{{DNS_A, HOST, DNS_OK, true, 900, HOST, ADDRESS}, NO_AAAA, NO_TLSA(AT_HOST, DNS_NODATA, YES)},
		TLSA_NONE, "", 60, YES, NO},
	/* D-23: the TLSA name itself is an alias: the base domain stays the same */
	{"alias at the TLSA name",
		{A(YES, 900), NO_AAAA, {DNS_TLSA, AT_HOST, DNS_OK, true, 300, "_dane.example.org", GOOD}}, TLSA_USABLE,
		HOST, 300, NO, NO},
	{"alias at the TLSA name into an unsigned zone",
		{A(YES, 900), NO_AAAA, {DNS_TLSA, AT_HOST, DNS_OK, false, 300, "_dane.example.org", GOOD}}, TLSA_NONE,
		"", 300, NO, NO},
	/* D-24, and whether the records are usable */
	{"no TLSA", {A(YES, 900), NO_AAAA, NO_TLSA(AT_HOST, DNS_NXDOMAIN, YES)}, TLSA_NONE, "", 60, YES, NO},
	{"no TLSA in an unsigned zone", {A(YES, 900), NO_AAAA, NO_TLSA(AT_HOST, DNS_NODATA, NO)}, TLSA_NONE, "", 60, NO,
		NO},
	{"none usable", {A(YES, 900), NO_AAAA, TLSA(AT_HOST, PKIX)}, TLSA_UNUSABLE, HOST, 700, NO, NO},
	{"one usable", {A(YES, 900), NO_AAAA, TLSA(AT_HOST, GOOD_AND_PKIX)}, TLSA_USABLE, HOST, 700, NO, NO},
	/* D-52: the shortest TTL of all */
	{"TTL of A", {A(YES, 100), AAAA(YES, 900), TLSA(AT_HOST, GOOD)}, TLSA_USABLE, HOST, 100, NO, NO},
	{"TTL of AAAA", {A(YES, 900), AAAA(YES, 200), TLSA(AT_HOST, GOOD)}, TLSA_USABLE, HOST, 200, NO, NO},
};

/* DNS and the clock */

static struct {
	const struct row *row;
	unsigned asked;
	int64_t now_ms, takes_ms;
	int timeout_ms[LOOKUPS_MAX];
	char name[DOMAIN_SIZE + 16];
} room;

int64_t clock_mono_ms(void)
{
	return room.now_ms;
}

static struct dns_answer *answer_made(const struct expected *lookup)
{
	static const struct dns_rr address = {(const uint8_t *)"\10\1\1\1", 4};
	static const struct dns_rr rrs[] = {{good, sizeof good}, {pkix, sizeof pkix}};
	struct dns_answer *answer = calloc(1, sizeof *answer + 2 * sizeof answer->rr[0]);
	assert_non_null(answer);
	answer->outcome = lookup->outcome;
	answer->secure = lookup->secure;
	answer->ttl_s = lookup->ttl_s;
	snprintf(answer->canonical, sizeof answer->canonical, "%s", lookup->canonical);
	if (lookup->records == ADDRESS)
		answer->rr[answer->count++] = address;
	if (lookup->records == GOOD || lookup->records == GOOD_AND_PKIX)
		answer->rr[answer->count++] = rrs[0];
	if (lookup->records == PKIX || lookup->records == GOOD_AND_PKIX)
		answer->rr[answer->count++] = rrs[1];
	return answer;
}

struct dns_query {
	struct dns_answer *answer;
};

struct dns_query *dns_query_begin(
	struct dns *dns, struct loop *loop, const char *name, enum dns_type type, int timeout_ms, struct wake wake)
{
	(void)loop;
	(void)wake;
	(void)dns;
	const struct expected *lookup = &room.row->lookups[room.asked];
	if (room.asked == LOOKUPS_MAX || !lookup->name)
		fail_msg("%s: look-up %u of type %d for %s: too many", room.row->name, room.asked, (int)type, name);
	if (lookup->type != type || strcmp(lookup->name, name) != 0)
		fail_msg("%s: look-up %u is type %d for %s", room.row->name, room.asked, (int)type, name);
	room.timeout_ms[room.asked++] = timeout_ms;
	room.now_ms += room.takes_ms;
	struct dns_query *query = calloc(1, sizeof *query);
	assert_non_null(query);
	query->answer = answer_made(lookup);
	return query;
}

const struct dns_answer *dns_query_answer(struct dns_query *query)
{
	return query->answer;
}

void dns_query_drop(struct dns_query **query)
{
	free((*query)->answer);
	free(*query);
	*query = NULL;
}

/* Tests */

static struct lookups lookups;

static void find(struct tlsa_found *found, const struct row *row, int64_t deadline_ms)
{
	room.row = row;
	room.asked = 0;
	memset(found, 0xff, sizeof *found);
	lookups_end(&lookups);
	lookups_begin(&lookups, NULL, NULL, (struct wake){NULL, NULL});
	tlsa_find(found, &lookups, HOST, 25, deadline_ms);
	assert_true(lookups_over(&lookups));
	if (room.asked < LOOKUPS_MAX && row->lookups[room.asked].name)
		fail_msg("%s: no look-up %u", row->name, room.asked);
}

static void rows_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct tlsa_found found;
		find(&found, row, 60000);
		const struct tlsa_lookup *look = &found.look;
		if (look->state != row->state || strcmp(look->base, row->base) != 0 || look->ttl_s != row->ttl_s)
			fail_msg("%s: %s, base \"%s\", TTL %u", row->name, tlsa_state_name(look->state), look->base,
				look->ttl_s);
		if (look->state == TLSA_NONE && look->signed_denial != row->denied)
			fail_msg("%s: denied %d", row->name, look->signed_denial);
		if (found.broken != row->broken)
			fail_msg("%s: broken %d", row->name, found.broken);
		bool usable = look->state == TLSA_USABLE;
		if ((look->id != 0) != usable || look->usable != usable ||
			(look->count != 0) != (look->base[0] != '\0'))
			fail_msg("%s: id, count %u, usable %u", row->name, look->count, look->usable);
	}
}

/* All lookups share one deadline. After it each is still begun, since the cache may have the answer. */
static void one_deadline(void **state)
{
	(void)state;
	struct tlsa_found found;
	room.now_ms = 1000;
	room.takes_ms = 6000;
	find(&found, &rows[0], 1000 + 8000);
	assert_int_equal(room.timeout_ms[0], 8000);
	assert_int_equal(room.timeout_ms[1], 2000);
	assert_int_equal(room.timeout_ms[2], 1);
	assert_int_equal(found.look.state, TLSA_USABLE);
	room.takes_ms = 0;
	find(&found, &rows[0], room.now_ms + 3600 * 1000);
	assert_int_equal(room.timeout_ms[0], DNS_TIMEOUT_MS);
}

/* D-86: the port in use. A name that is too long for DNS is not looked up. */
static void ports_and_long_names(void **state)
{
	static const struct row port = {
		.name = "port", .lookups = {A(YES, 900), NO_AAAA, TLSA("_587._tcp." HOST, GOOD)}};
	struct row longest = {.name = "long",
		.lookups = {{DNS_A, room.name, DNS_OK, true, 900, "", ADDRESS},
			{DNS_AAAA, room.name, DNS_NODATA, true, 900, "", NO_RECORDS}}};
	struct tlsa_found found;
	(void)state;
	room.row = &port;
	room.asked = 0;
	lookups_end(&lookups);
	lookups_begin(&lookups, NULL, NULL, (struct wake){NULL, NULL});
	tlsa_find(&found, &lookups, HOST, 587, room.now_ms + 1000);
	assert_int_equal(found.look.state, TLSA_USABLE);
	assert_int_equal(room.asked, 3);
	for (size_t len = 0; len < DOMAIN_MAX; len++)
		room.name[len] = len % 50 == 49 ? '.' : 'a';
	room.row = &longest;
	room.asked = 0;
	lookups_end(&lookups);
	lookups_begin(&lookups, NULL, NULL, (struct wake){NULL, NULL});
	tlsa_find(&found, &lookups, room.name, 25, room.now_ms + 1000);
	assert_int_equal(found.look.state, TLSA_NONE);
	assert_int_equal(room.asked, 2);
}

/* What a look keeps of the lookups. */
static void described(void **state)
{
	static const struct row good_row = {
		.name = "good", .lookups = {A(YES, 900), NO_AAAA, TLSA(AT_HOST, GOOD_AND_PKIX)}};
	static const struct row alias_row = {
		.name = "alias", .lookups = {ALIAS_A(NO), FAILS(DNS_AAAA, HOST, DNS_BOGUS), LINK(NO)}};
	static const char alias_words[] =
		HOST " A alias of " END " 8.1.1.1 (TTL 900, not validated); " HOST
		     " AAAA bogus (TTL 0, not validated); " HOST " CNAME [4 octets] (TTL 500, not validated)";
	static const char words[] =
		HOST " A 8.1.1.1 (TTL 900, validated); " HOST " AAAA nodata (TTL 900, validated); " AT_HOST
		     " TLSA [3 1 1 0000000000000000...] [35 octets] (TTL 700, validated)";
	char buffer[512], small[40];
	struct tlsa_found found;
	struct text text;
	(void)state;
	find(&found, &good_row, 60000);
	text_init(&text, buffer, sizeof buffer);
	lookups_describe(&lookups, &text);
	assert_string_equal(buffer, words);
	text_init(&text, small, sizeof small);
	lookups_describe(&lookups, &text);
	assert_memory_equal(small, words, sizeof small - 1);
	find(&found, &alias_row, 60000);
	text_init(&text, buffer, sizeof buffer);
	lookups_describe(&lookups, &text);
	assert_string_equal(buffer, alias_words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_agree),
		cmocka_unit_test(one_deadline),
		cmocka_unit_test(ports_and_long_names),
		cmocka_unit_test(described),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	lookups_end(&lookups);
	return failed;
}
