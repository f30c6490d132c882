/* stsgate(1) has a table for each object of JSON that a command writes. This test runs the commands on a store with all
 * kinds of data and compares. Each member that is written must be in the table of its object, with its type, and each row
 * of a table must have been written, with a value other than null.
 *
 * A table is a list between `.\" json: NAME` and `.\" json: end`. Its items are members, and the text of an item begins
 * with the types: `text or null: ...`. A type is text, number, time, boolean, null, pair (a number and a text), `array of TYPE`, `object` (whose
 * members are in the same table, as `item.member`), or the name of another table. The member NAME stands for any name. */
#include "cm.h"

#include "event_record.h"
#include "fleet_node.h"
#include "moving_room.h"
#include "schedule.h"
#include "shared_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_SETTINGS                                                                                                  \
	"tlsrpt = collect\nreport_from = tlsrpt@example.com\nreport_organization = Example\nreport_smtp = 127.0.0.1:1\n" \
	"report_when = always\n"
#define ROWS_MAX 1024

static struct row {
	char object[32], member[40], types[80];
	bool seen;
} rows[ROWS_MAX];
static size_t row_count;

/* Adds rows for the members of an item, which are separated by ` , `. */
static void item_read(const char *object, char *item, const char *text)
{
	const char *end = strchr(text, ':');
	if (!end)
		fail_msg("stsgate(1): no type of %s in %s: %s", item, object, text);
	for (char *member = strtok(item, " ,\n"); member; member = strtok(NULL, " ,\n")) {
		struct row *row = &rows[row_count++];
		assert_true(row_count < ROWS_MAX);
		snprintf(row->object, sizeof row->object, "%s", object);
		snprintf(row->member, sizeof row->member, "%s", member);
		snprintf(row->types, sizeof row->types, "%.*s", (int)(end - text), text);
	}
}

static void manual_read(void)
{
	static const char begin[] = ".\\\" json: ", item[] = ".It Li ";
	const char *srcdir = getenv("srcdir");
	char name[512], line[512], object[32] = "", items[256] = "";
	snprintf(name, sizeof name, "%s/man/stsgate.1", srcdir ? srcdir : ".");
	FILE *page = fopen(name, "r");
	assert_non_null(page);
	while (fgets(line, sizeof line, page)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, begin, strlen(begin)) == 0)
			snprintf(object, sizeof object, "%.31s", line + strlen(begin));
		else if (*items)
			item_read(object, items, line);
		*items = '\0';
		if (*object && strncmp(line, item, strlen(item)) == 0)
			snprintf(items, sizeof items, "%.255s", line + strlen(item));
		if (strcmp(object, "end") == 0)
			*object = '\0';
	}
	fclose(page);
	assert_true(row_count > 0);
}

static struct row *row_find(const char *object, const char *member)
{
	for (size_t i = 0; i < row_count; i++)
		if (strcmp(rows[i].object, object) == 0 &&
			(strcmp(rows[i].member, member) == 0 || strcmp(rows[i].member, "NAME") == 0))
			return &rows[i];
	fail_msg("stsgate(1): the table of %s lacks %s", object, member);
	return NULL;
}

static void object_check(const json_t *value, const char *object, const char *prefix);

/* Returns whether a value has one of the types. */
static bool value_has_type(const json_t *value, const struct row *row, const char *types)
{
	static const char array[] = "array of ";
	char type[80];
	size_t len = strcspn(types, " ");
	if (strncmp(types, array, strlen(array)) == 0) {
		bool all = json_is_array(value);
		for (size_t i = 0; all && i < json_array_size(value); i++)
			all = value_has_type(json_array_get(value, i), row, types + strlen(array));
		const char *other = strstr(types, " or ");
		return all || (other && value_has_type(value, row, other + 4));
	}
	snprintf(type, sizeof type, "%.*s", (int)len, types);
	bool scalar = true, is = false;
	if (strcmp(type, "text") == 0)
		is = json_is_string(value);
	else if (strcmp(type, "number") == 0 || strcmp(type, "time") == 0)
		is = json_is_integer(value);
	else if (strcmp(type, "boolean") == 0)
		is = json_is_boolean(value);
	else if (strcmp(type, "null") == 0)
		is = json_is_null(value);
	else if (strcmp(type, "pair") == 0)
		is = json_array_size(value) == 2 && json_is_integer(json_array_get(value, 0)) &&
		     json_is_string(json_array_get(value, 1));
	else
		scalar = false;
	if (!scalar && json_is_object(value)) {
		bool inner = strcmp(type, "object") == 0;
		char prefix[48];
		snprintf(prefix, sizeof prefix, "%s.", row->member);
		object_check(value, inner ? row->object : type, inner ? prefix : "");
		is = true;
	}
	return is || (strncmp(types + len, " or ", 4) == 0 && value_has_type(value, row, types + len + 4));
}

static void object_check(const json_t *value, const char *object, const char *prefix)
{
	const char *key;
	json_t *member;
	json_object_foreach((json_t *)value, key, member)
	{
		char path[128];
		snprintf(path, sizeof path, "%s%s", prefix, key);
		struct row *row = row_find(object, path);
		row->seen = row->seen || !json_is_null(member);
		if (!value_has_type(member, row, row->types))
			fail_msg("stsgate(1): %s of %s is not %s: %s", path, object, row->types,
				json_dumps(member, JSON_ENCODE_ANY));
	}
}

/* Runs a command and checks its object. */
static void command_check(struct call call, int status, const char *object)
{
	call.store = call.store ? call.store : one;
	json_t *got = call_for_json(call, status);
	object_check(got, object, "");
	json_decref(got);
}

/* --- data of all kinds -------------------------------------------------------------------------------------------- */

static void hop_fill(struct hop_record *record, void *arg)
{
	struct evidence good = {.at = NOW - 900,
		.protocol = 0x0304,
		.not_before = NOW - 9999,
		.not_after = NOW + 9999,
		.leaf = 7,
		.staple = STAPLE_REVOKED,
		.requiretls = REQUIRETLS_OFFERED,
		.revoked_at = NOW - 5000,
		.asn = 64500,
		.country = "DE",
		.issuers = "CN=Some CA \xff < CN=Root",
		.address = "192.0.2.25",
		.cipher = "TLS_AES_\xff",
		.names = "mx1.used.example \xff",
		.seen_for = "mx9.used.example"};
	struct evidence bad = {
		.at = NOW - 800, .reason = REASON_CERT_UNTRUSTED, .leaf = 7, .chain = 20, .mta_address = "192.0.2.26"};
	struct evidence silent = {.at = NOW - 700, .reason = REASON_HOP_TIMEOUT, .text = "554 \xff no"};
	struct tlsa_lookup tlsa = {.checked_at = NOW,
		.state = TLSA_USABLE,
		.ttl_s = 60,
		.id = 7,
		.count = 2,
		.usable = 1,
		.base = "mx1.used.example"};
	(void)arg;
	*record = (struct hop_record){.refused_since = 0};
	hop_record_learn(record, &good);
	hop_record_learn(record, &bad);
	hop_record_learn(record, &silent);
	memcpy(record->pkix.good.seen_by, "mx2", 4);
	record->others_at = NOW - 600;
	record->others_looked = 5;
	record->others_bad = 2;
	hop_record_learn_tlsa(record, &tlsa);
	good.tlsa_id = bad.tlsa_id = silent.tlsa_id = 7;
	*good.seen_for = '\0';
	hop_record_learn(record, &good);
	hop_record_learn(record, &bad);
	hop_record_learn(record, &silent);
}

static void hop_fill_plain(struct hop_record *record, void *arg)
{
	struct evidence good = {.at = NOW - 900,
		.protocol = 0x0304,
		.cipher = "TLS_AES_128_GCM_SHA256",
		.names = "mx2.used.example",
		.issuers = "CN=R1",
		.text = "x"};
	(void)arg;
	*record = (struct hop_record){.refused_since = 0};
	hop_record_learn(record, &good);
}

static void fetch_fail(struct entry *entry, void *arg)
{
	(void)arg;
	snprintf(entry->fetch_detail, sizeof entry->fetch_detail, "HTTP status 404");
	entry->fetch_staple = STAPLE_REVOKED;
	entry->fetch_revoked_at = NOW - 5000;
	snprintf(entry->policy_from, sizeof entry->policy_from, "mx2");
	entry->policy_refetch_at = NOW + 900;
}

static void look_fill(struct look *look, int64_t at)
{
	*look = (struct look){.at = at,
		.address = "192.0.2.25",
		.greeting = "220 mx1.used.example ESMTP",
		.ehlo = "250-mx1.used.example\n250 STARTTLS",
		.ehlo_tls = "250 mx1.used.example",
		.from = "192.0.2.1",
		.ehlo_name = "mx1.used.example",
		.fingerprint = "00aa",
		.spki = "00bb",
		.serial = "01",
		.authority = "An Authority",
		.chain = "CN=mx1.used.example; CN=An Authority",
		.not_before = NOW - 9999,
		.not_after = NOW + 9999,
		.dns = "A 192.0.2.25",
		.asn = 64500,
		.as_name = "EXAMPLE",
		.staple_from = NOW - 9000,
		.staple_until = NOW + 9000,
		.staple_why = "it is too old"};
}

/* Notes a sign with a story that has all members. */
static void story_note(struct store *store, struct event_record *event)
{
	struct failure why = {0};
	struct story *story = story_new(event);
	story->before = (struct evidence){.at = NOW - 9000, .protocol = 0x0304};
	story->now = (struct evidence){.at = NOW - 3600, .reason = REASON_STARTTLS_MISSING};
	look_fill(&story->before_look, NOW - 9000);
	look_fill(&story->now_look, NOW - 3600);
	look_fill(&story->first_look, NOW - 3900);
	snprintf(story->dns_before, sizeof story->dns_before, "MX 10 mx1.used.example");
	snprintf(story->dns_now, sizeof story->dns_now, "MX 10 mx1.used.example");
	snprintf(story->clock, sizeof story->clock, "seems right");
	assert_true(store_note_sign(store, event, story, &why));
	free(story);
}

/* The domain that is asked about with --stored has been in a network. */
static void networks_fill(struct domain_networks *networks, void *arg)
{
	(void)arg;
	networks->network[0] = (struct domain_network){.first_at = NOW - 9999,
		.last_at = NOW - 99,
		.asn = 64500,
		.prefix = 1,
		.country = "DE",
		.families = NETWORK_IPV6};
}

static void on_put(struct store_submission *submission)
{
	(void)submission;
}

/* Is written before the store is closed. */
static void networks_put(struct store *store)
{
	static struct store_batch_change change = {.domain_or_host = "used.example", .networks = networks_fill};
	static struct store_submission submission = {.change = &change, .count = 1, .done = on_put};
	store_submit(store, &submission);
}

static void data_make(void)
{
	struct failure why = {0};
	struct event_record event;
	store_fill(one);
	struct store *store = store_at(one);
	assert_true(store_change_hop(store, "mx1.used.example", 25, hop_fill, NULL, &why));
	assert_true(store_change_entry(store, "used.example", fetch_fail, NULL, &why));
	assert_true(store_change_hop(store, "mx2.used.example", 25, hop_fill_plain, NULL, &why));
	const struct revocation revocation = {.leaf = 7,
		.list = 8,
		.not_after = NOW + 9999,
		.serial = "0a",
		.url = "http://c.example.net/13.crl",
		.state = REVOCATION_REVOKED,
		.as_of = NOW - 99,
		.until = NOW + 99,
		.revoked_at = NOW - 999,
		.checked_at = NOW - 9,
		.next_at = NOW + 9,
		.why = "HTTP status 404"};
	assert_true(store_put_revocations(store, &revocation, 1, &why));
	event_record_init(&event, EVENT_STORE_TROUBLE, "", "the disk is full", NOW - 10);
	assert_true(store_note_event(store, &event, &why));
	struct verdict verdict = {.kind = VERDICT_FAIL_ENFORCE,
		.reason = REASON_CERT_UNTRUSTED,
		.domain = "used.example",
		.hop = "mx1.used.example",
		.has_policy = true,
		.mode = POLICY_ENFORCE,
		.policy_id = "1"};
	struct verdict_record record;
	verdict_record_init(&record, DOOR_MILTER, &verdict, NOW - 60);
	record.would = DEED_QUARANTINE;
	verdict_record_queue_id(&record, (struct span){"4dKx2P1zXz", 10});
	assert_true(store_note_verdicts(store, &record, 1, &why));
	event_record_init(&event, EVENT_REFRESH_FAILING, "used.example", "half of it", NOW - 3600);
	assert_true(store_note_event(store, &event, &why));
	event_record_init(&event, EVENT_STARTTLS_LOST, "used.example", "no STARTTLS", NOW - 3600);
	snprintf(event.host, sizeof event.host, "mx1.used.example");
	event.port = 25;
	event.over_at = NOW - 60;
	event.part_of = 1;
	story_note(store, &event);
	networks_put(store);
	store_close(&store);
}

static void world_make(void)
{
	const struct network network = {.asn = 64500, .as_name = "Example"};
	struct address address;
	address_parse(&address, "8.9.1.1");
	world_network(&address, &network);
	static const char text[] = POLICY("enforce", "mx.example.com");
	const char *record = "v=STSv1; id=1;", *mx = "10 mx.example.com";
	assert_true(world_dns("_mta-sts.example.com", DNS_TXT, 300, &record, 1));
	assert_true(world_dns("example.com", DNS_MX, 300, &mx, 1));
	world_address("mx.example.com");
	world_policy("example.com", text, strlen(text));
	world_hop("mx.example.com", REASON_STARTTLS_MISSING, 0);
	assert_true(world_dns("_mta-sts.broken.example", DNS_TXT, 300, &record, 1));
	world_policy_fails("broken.example", REASON_POLICY_FETCH, "HTTP status 500");
	assert_true(world_dns("broken.example", DNS_MX, 300, &mx, 1));
}

#define MAILLOG                                                                                                        \
	"Nov 30 06:09:52 relay postfix/smtp[1]: A1: to=<ann@example.com>, relay=mx.example.com[192.0.2.25]:25, "       \
	"tls=may:none, dsn=2.0.0, status=sent (250 ok)\n"

static void override_make(void)
{
	struct failure why = {0};
	struct store *store = store_at(one);
	const struct override override = {.kind = OVERRIDE_PASS,
		.domain = OVERRIDE_ALL,
		.begins_at = NOW - 60,
		.ends_at = NOW + 3600,
		.author = "operator",
		.reason = "a test"};
	assert_true(store_set_override(store, &override, NULL, &why));
	store_close(&store);
}

/* --- the commands ------------------------------------------------------------------------------------------------- */

static void export_check(void)
{
	struct tool_run run = exported(one, NULL);
	for (char *line = strtok(run.out, "\n"); line; line = strtok(NULL, "\n")) {
		json_error_t error;
		json_t *got = json_loads(line, 0, &error);
		assert_non_null(got);
		const char *kind = json_object_get(got, "stsgate") ? "export-header" : "export-hop";
		object_check(got, json_object_get(got, "domain") ? "export-domain" : kind, "");
		json_decref(got);
	}
	tool_run_free(&run);
}

static void overrides_check(void)
{
	struct override used = {.kind = OVERRIDE_TAG,
		.domain = "used.example",
		.begins_at = NOW - 60,
		.ends_at = NOW + 3600,
		.author = "alice",
		.reason = "r",
		.uses = 3,
		.used_at = NOW - 10};
	struct failure why = {0};
	struct store *store = store_at(one);
	assert_true(store_set_override(store, &used, NULL, &why));
	store_close(&store);
	command_check((struct call){.run = override_run, .words = {"list"}}, 0, "overrides");
	command_check((struct call){.run = why_run, .words = {"used.example"}}, 0, "why");
	command_check((struct call){.run = override_run,
			      .words = {"set", "used.example", "pass"},
			      .own = {{"for", "4h"}, {"reason", "agreed"}}},
		0, "override-set");
	command_check((struct call){.run = override_run, .words = {"clear", "used.example"}}, 0, "override-clear");
}

/* A node of the farm, and something else in its place. */
static void fleet_check(void)
{
	struct shared_store store = {0};
	struct failure why;
	struct fleet_node node = {.name = "relay1",
		.version = "0.2.0",
		.seen_at = NOW,
		.started_at = NOW - 100,
		.entries = 1,
		.decided_at = NOW - 1,
		.clock_known = true};
	char key[96], settings[512];
	size_t len;
	snprintf(key, sizeof key, "%s/fleet.key", call_directory);
	FILE *out = fopen(key, "w");
	assert_non_null(out);
	for (int i = 0; i < 64; i++)
		fputc('a', out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(key, 0600), 0);
	struct fleet_keys *keys = fleet_keys_read(key, &why);
	assert_non_null(keys);
	shared_store_start(&store);
	char *sealed = fleet_node_seal(keys, "stsgate", &node, &len);
	SHARED_STORE_TELL(&store, "HSET", "stsgate:nodes", "relay1", sealed);
	SHARED_STORE_TELL(&store, "HSET", "stsgate:nodes", "stranger", "hello");
	snprintf(settings, sizeof settings, "user = root\nfleet_key_file = %s\n", key);
	file_write(settings, strlen(settings));
	command_check((struct call){.run = fleet_run, .settings = file, .override = store.setting}, 1, "fleet");
	shared_store_stop(&store);
	fleet_keys_free(&keys);
	free(sealed);
	unlink(key);
}

/* A report in a mail: members of all kinds. */
#define RECEIVED                                                                                                          \
	"From: tls@reports.example\nTLS-Report-Submitter: reports.example\nContent-Type: application/tlsrpt+json\n\n"     \
	"{\"organization-name\":\"Reports\",\"contact-info\":\"tls@reports.example\",\"report-id\":\"1\",\"date-range\":" \
	"{\"start-datetime\":\"2026-11-29T00:00:00Z\",\"end-datetime\":\"2026-11-29T23:59:59Z\"},\"policies\":["          \
	"{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"example.com\",\"policy-string\":[\"mode: testing\"],"   \
	"\"mx-host\":[\"mx1.example.com\"]},\"summary\":{\"total-successful-session-count\":1,"                           \
	"\"total-failure-session-count\":1},\"failure-details\":[{\"result-type\":\"certificate-expired\","               \
	"\"receiving-mx-hostname\":\"mx1.example.com\",\"receiving-ip\":\"192.0.2.1\",\"failed-session-count\":1,"        \
	"\"failure-reason-code\":\"it is over\"}]}]}"

/* A tally of one session of a domain that gets reports, and a report that is to be sent again. */
static void tally_make(void)
{
	static const char record[] = "v=TLSRPTv1; rua=mailto:tls@used.example";
	struct tlsrpt_session session = {.domain = "used.example"};
	struct report_address address[REPORT_ADDRESSES_MAX];
	struct tlsrpt_tally tally;
	struct tlsrpt_send row;
	struct failure why = {0};
	uint64_t refused;
	size_t rows_refused;
	struct store *store = store_at(one);
	memcpy(session.record, record, sizeof record);
	tlsrpt_session_add(&session, TLSRPT_NO_POLICY_FOUND, "used.example");
	tlsrpt_tally_init(&tally, tlsrpt_day(NOW) - 1, "used.example");
	tlsrpt_tally_add(&tally, &session);
	assert_true(store_add_tallies(store, &tally, 1, NOW - 86400, &refused, &why));
	assert_int_equal(report_record_addresses(record, strlen(record), address), 1);
	tlsrpt_send_init(
		&row, (int32_t)tlsrpt_day(NOW) - 1, "used.example", &address[0], "aaaaaaaaaaaaaaaaaaaa", NOW - 60);
	tlsrpt_send_begin(&row, NOW - 60);
	tlsrpt_send_end(&row, TLSRPT_LATER, "connection refused", NOW + 1);
	assert_true(store_add_tlsrpt_sends(store, &row, 1, &rows_refused, &why));
	tlsrpt_tally_free(&tally);
	tlsrpt_session_free(&session);
	store_close(&store);
}

/* The MTA does not serve. */
static void report_send_check(void)
{
	struct failure why = {0};
	size_t count = 0;
	file_write(LIT(REPORT_SETTINGS));
	command_check((struct call){.run = report_run, .words = {"send"}, .settings = file}, 2, "report-send");
	struct store *store = store_at(one);
	struct tlsrpt_send *sends = store_tlsrpt_sends(store, &count, &why);
	store_close(&store);
	assert_int_equal(count, 1);
	command_check((struct call){.run = report_run, .words = {"bounced", sends[0].token}, .settings = file}, 0,
		"report-bounced");
	command_check(
		(struct call){.run = report_run, .words = {"bounced", "none"}, .settings = file}, 0, "report-bounced");
	free(sends);
}

/* The MTA does not serve. The key is that of RFC 8463 A.2. */
static void report_test_check(void)
{
	char key[96], settings[512];
	snprintf(key, sizeof key, "%s/key.pem", call_directory);
	FILE *pem = fopen(key, "w");
	assert_non_null(pem);
	fputs("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	      "-----END PRIVATE KEY-----\n",
		pem);
	assert_int_equal(fclose(pem), 0);
	snprintf(settings, sizeof settings,
		"user = root\nreport_from = a@used.example\nreport_smtp = 127.0.0.1:1\nreport_dkim_key = %s\n"
		"report_dkim_selector = s1\n",
		key);
	file_write(settings, strlen(settings));
	command_check((struct call){.run = report_run, .words = {"test", "b@used.example"}, .settings = file}, 2,
		"report-test");
	assert_int_equal(unlink(key), 0);
}

static void test_tables(void **state)
{
	(void)state;
	data_make();
	world_make();
	manual_read();
	command_check((struct call){.run = list_run}, 0, "list");
	command_check((struct call){.run = list_run, .own = {{"count", ""}}}, 0, "list");
	command_check((struct call){.run = show_run, .words = {"used.example"}}, 0, "show");
	command_check((struct call){.run = stats_run, .own = {{"networks", ""}}}, 0, "stats-networks");
	command_check((struct call){.run = query_run, .words = {"used.example"}, .own = {{"stored", ""}}}, 2, "query");
	command_check((struct call){.run = show_run, .words = {"bare.example"}}, 0, "show");
	command_check((struct call){.run = show_run, .words = {"expired.example"}}, 0, "show");
	command_check((struct call){.run = show_run, .words = {"long.example"}}, 0, "show");
	overrides_check();
	command_check((struct call){.run = events_run}, 0, "events");
	command_check((struct call){.run = events_run, .own = {{"all", ""}}}, 0, "events");
	command_check((struct call){.run = events_run, .words = {"show", "1"}}, 0, "event-shown");
	command_check((struct call){.run = events_run, .words = {"show", "3"}}, 0, "event-shown");
	command_check((struct call){.run = why_run, .words = {"used.example"}}, 0, "why");
	command_check((struct call){.run = why_run, .words = {"4dKx2P1zXz"}}, 0, "why");
	export_check();
	command_check((struct call){.run = query_run, .words = {"example.com"}}, 1, "query");
	command_check(
		(struct call){.run = query_run, .words = {"example.com"}, .override = "mode=monitor"}, 1, "query");
	command_check((struct call){.run = query_run, .words = {"[192.0.2.1]"}}, 0, "query");
	command_check((struct call){.run = query_run, .words = {"broken.example"}, .override = "default_level=verify"},
		1, "query");
	command_check((struct call){.run = query_run, .words = {"broken.example"}}, 0, "query");
	file_write("example.com\n", strlen("example.com\n"));
	command_check((struct call){.run = warm_run, .words = {file}}, 0, "warm");
	command_check((struct call){.run = refresh_run, .words = {"example.com", "absent.example"}}, 1, "refresh");
	command_check((struct call){.run = query_run, .words = {"example.com"}, .own = {{"stored", ""}}}, 1, "query");
	command_check((struct call){.run = show_run, .words = {"example.com"}}, 0, "show");
	command_check((struct call){.run = why_run, .words = {"example.com"}}, 1, "why");
	file_write(LIT(MAILLOG));
	command_check((struct call){.run = audit_run, .words = {file}, .own = {{"maillog", ""}}}, 1, "audit");
	file_write(LIT("plain.example\n"));
	command_check((struct call){.run = audit_run, .words = {file}}, 0, "audit");
	file_write(HEADER, strlen(HEADER));
	command_check((struct call){.run = import_run, .words = {file}}, 0, "import");
	command_check((struct call){.run = forget_run, .words = {"used.example"}}, 0, "forget");
	tally_make();
	command_check((struct call){.run = report_run, .words = {"list"}}, 0, "report-list");
	file_write(LIT(RECEIVED));
	command_check((struct call){.run = report_run, .words = {"read", file}}, 1, "report-read");
	report_send_check();
	report_test_check();
	fleet_check();
	int lock = daemon_at(one);
	command_check((struct call){.run = settings_run}, 0, "settings");
	command_check((struct call){.run = stats_run}, 0, "stats");
	close(lock);
	daemon_stops(one);
	command_check((struct call){.run = stats_run}, 0, "stats");
	command_check((struct call){.run = doctor_run, .words = {"mode"}, .override = "mode=monitor"}, 1, "doctor");
	file_write("version: STSv1\nmode: off\n", strlen("version: STSv1\nmode: off\n"));
	command_check((struct call){.run = lint_run, .words = {"policy", file}}, 1, "lint-policy");
	file_write(POLICY("enforce", "a.example"), strlen(POLICY("enforce", "a.example")));
	command_check((struct call){.run = lint_run, .words = {"policy", file}}, 0, "lint-policy");
	command_check((struct call){.run = lint_run, .words = {"domain", "example.com"}}, 1, "lint-domain");
	command_check((struct call){.run = lint_run, .words = {"record", "v=STSv1; id=1;"}}, 0, "lint-record");
	command_check((struct call){.run = lint_run, .words = {"record", "v=STSv1"}}, 1, "lint-record");
	command_check((struct call){.run = lint_run, .words = {"mx", "*.a.example", "b.a.example"}}, 0, "lint-mx");
	command_check((struct call){.run = lint_run, .words = {"mx", "*", "b.a.example"}}, 1, "lint-mx");
	override_make();
	command_check((struct call){.run = query_run, .words = {"example.com"}}, 0, "query");
	for (size_t i = 0; i < row_count; i++)
		if (!rows[i].seen)
			fail_msg("stsgate(1): no command has written %s of %s", rows[i].member, rows[i].object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {ON_STORES(test_tables)};
	return cmocka_run_group_tests(tests, call_directory_make, call_directory_remove);
}
