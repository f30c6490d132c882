/* Revocation: the rules, the store's table, and the thread that downloads CRLs, with a DNS and an HTTP server of the test in a
 * network namespace of its own. */
#include "clock.h"
#include "dns_port.h"
#include "events.h"
#include "leaves.h"
#include "netns.h"
#include "pki.h"
#include "revocations.h"
#include "room.h"

#include "cm.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOW INT64_C(1796000000)
#define DAY 86400

/* --- rules -------------------------------------------------------------------------------------------------------- */

static void test_rules(void **state)
{
	struct revocation row = {.leaf = 1, .not_after = NOW + 30 * DAY};
	(void)state;
	assert_int_equal(revocation_now(&row, NOW), REVOCATION_UNKNOWN);
	assert_true(revocation_learn(&row, REVOCATION_GOOD, NOW, NOW + DAY, 0));
	assert_int_equal(revocation_now(&row, NOW + DAY - 1), REVOCATION_GOOD);
	assert_int_equal(revocation_now(&row, NOW + DAY), REVOCATION_UNKNOWN);
	assert_true(revocation_learn(&row, REVOCATION_REVOKED, NOW + DAY, NOW + 2 * DAY, NOW));
	assert_int_equal(row.revoked_at, NOW);
	/* whoever answers for the server sends the older list again */
	assert_false(revocation_learn(&row, REVOCATION_GOOD, NOW, NOW + DAY, 0));
	/* a revocation lasts as long as the certificate, */
	assert_int_equal(revocation_now(&row, NOW + 30 * DAY - 1), REVOCATION_REVOKED);
	assert_int_equal(revocation_now(&row, NOW + 30 * DAY), REVOCATION_UNKNOWN);
	/* or until a newer list does not have it any more */
	assert_true(revocation_learn(&row, REVOCATION_GOOD, NOW + 2 * DAY, NOW + 3 * DAY, 0));
	assert_int_equal(row.revoked_at, 0);
}

static void test_concerns(void **state)
{
	static const struct {
		uint64_t leaf, tlsa_id;
		enum reason reason;
		const char *text;
		bool concerns;
	} row[] = {
		{7, 0, REASON_OK, "", true},
		{0, 0, REASON_OK, "", true},
		{7, 0, REASON_CERT_EXPIRED, "", false},
		{7, 0, REASON_HOP_TIMEOUT, "", false},
		{7, 5, REASON_OK, "TLSA record 2 0 1 AB... matches", true},
		{7, 5, REASON_OK, "TLSA record 3 1 1 AB... matches", false},
		{7, 5, REASON_OK, "", false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct evidence seen = {.leaf = row[i].leaf, .tlsa_id = row[i].tlsa_id, .reason = row[i].reason};
		snprintf(seen.text, sizeof seen.text, "%s", row[i].text);
		assert_int_equal(revocation_concerns(&seen), row[i].concerns);
	}
}

/* --- the store ---------------------------------------------------------------------------------------------------- */

static void test_store(void **state)
{
	struct store *store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	struct revocation *rows = calloc(REVOCATIONS_MAX + 10, sizeof *rows), read;
	size_t count;
	(void)state;
	assert_non_null(rows);
	for (size_t i = 0; i < REVOCATIONS_MAX + 10; i++)
		rows[i] = (struct revocation){
			.leaf = i + 1, .list = 9, .checked_at = NOW + (int64_t)i, .not_after = NOW + DAY};
	rows[0].state = REVOCATION_REVOKED; /* the oldest, but it stays */
	assert_true(store_put_revocations(store, rows, REVOCATIONS_MAX + 10, NULL));
	struct revocation *all = store_revocations(store, &count, NULL);
	assert_non_null(all);
	assert_int_equal(count, REVOCATIONS_MAX);
	free(all);
	struct store_view *view = store_view_begin(store, NULL);
	assert_int_equal(store_view_revocation(view, 1, &read), STORE_FOUND);
	assert_int_equal(read.state, REVOCATION_REVOKED);
	assert_int_equal(store_view_revocation(view, 2, &read), STORE_ABSENT);
	assert_int_equal(store_view_revocation(view, REVOCATIONS_MAX + 10, &read), STORE_FOUND);
	assert_int_equal(read.checked_at, NOW + REVOCATIONS_MAX + 9);
	store_view_end(&view);
	store_close(&store);
	free(rows);
}

/* Certificates that are revoked and never expire do not keep others out for ever. */
static void test_store_of_revoked(void **state)
{
	struct store *store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	struct revocation *rows = calloc(REVOCATIONS_MAX, sizeof *rows), read;
	(void)state;
	assert_non_null(rows);
	for (size_t i = 0; i < REVOCATIONS_MAX; i++)
		rows[i] = (struct revocation){.leaf = i + 1,
			.list = 9,
			.state = REVOCATION_REVOKED,
			.checked_at = NOW + (int64_t)i,
			.not_after = NOW + 90000 * INT64_C(86400)};
	assert_true(store_put_revocations(store, rows, REVOCATIONS_MAX, NULL));
	rows[0] = (struct revocation){
		.leaf = UINT64_MAX, .list = 8, .checked_at = NOW + 31 * DAY, .not_after = NOW + 90 * DAY};
	assert_true(store_put_revocations(store, rows, 1, NULL));
	struct store_view *view = store_view_begin(store, NULL);
	assert_int_equal(store_view_revocation(view, UINT64_MAX, &read), STORE_FOUND);
	assert_int_equal(store_view_revocation(view, 1, &read), STORE_ABSENT);
	store_view_end(&view);
	store_close(&store);
	free(rows);
}

/* --- servers ------------------------------------------------------------------------------------------------------ */

/* What the server has at `/N.crl`, N being the row, and what becomes of the certificate. */
enum served { LISTED, UNLISTED, OTHER_SERIAL, OTHER_ISSUER, EXPIRED, OTHER_ADDRESS, CUT, LARGE, MISSING, SERVED };

static const struct {
	enum revocation_state state;
	const char *why; /* in these words */
} expected[SERVED] = {
	[LISTED] = {REVOCATION_REVOKED, ""},
	[UNLISTED] = {REVOCATION_GOOD, ""},
	[OTHER_SERIAL] = {REVOCATION_GOOD, ""},
	[OTHER_ISSUER] = {REVOCATION_UNKNOWN, "another authority"},
	[EXPIRED] = {REVOCATION_UNKNOWN, "expired"},
	[OTHER_ADDRESS] = {REVOCATION_UNKNOWN, "another address"},
	[CUT] = {REVOCATION_UNKNOWN, "only a part"},
	[LARGE] = {REVOCATION_UNKNOWN, "larger than 10 MB"},
	[MISSING] = {REVOCATION_UNKNOWN, "HTTP status 404"},
};

static struct pki_pair ca, other_ca, leaf[SERVED], brief;
static struct dns_port dns;
static int http, stop[2];
static pthread_t http_thread;
static atomic_uint requests;
static unsigned char *large; /* the body of LARGE: its 430,000 entries take seconds to make under a sanitizer */
static size_t large_len;

static void send_all(int fd, const void *bytes, size_t len)
{
	for (size_t sent = 0; sent < len;) {
		ssize_t now = send(fd, (const char *)bytes + sent, len - sent, MSG_NOSIGNAL);
		if (now <= 0)
			return;
		sent += (size_t)now;
	}
}

static unsigned char *body_of(enum served served, size_t *len)
{
	struct pki_crl crl = {.revoked = leaf[served].cert, .reason = 1};
	char scope[64];
	snprintf(scope, sizeof scope, "critical,fullname:URI:http://c.example.net/%d.crl",
		served == OTHER_ADDRESS ? 99 : (int)served);
	crl.scope = scope;
	if (served == UNLISTED)
		crl.revoked = NULL;
	else if (served == OTHER_SERIAL)
		crl.revoked = leaf[LISTED].cert;
	else if (served == EXPIRED)
		crl.until_s = -1;
	else if (served == LARGE)
		crl.others = 430000;
	return pki_crl(served == OTHER_ISSUER ? &other_ca : &ca, &crl, len);
}

static void serve(int fd)
{
	static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
	char request[1024], head[128];
	size_t len;
	ssize_t got = recv(fd, request, sizeof request - 1, 0);
	request[got > 0 ? got : 0] = '\0';
	unsigned number = (unsigned)atoi(request + sizeof "GET /" - 1);
	requests++;
	if (number >= MISSING) {
		send_all(fd, missing, sizeof missing - 1);
	} else {
		unsigned char *made = number == LARGE ? NULL : body_of((enum served)number, &len);
		const unsigned char *body = made ? made : large;
		if (!made)
			len = large_len;
		len -= number == CUT;
		send_all(fd, head,
			(size_t)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len));
		send_all(fd, body, len);
		free(made);
	}
	close(fd);
}

static void *http_run(void *arg)
{
	struct pollfd fds[2] = {{.fd = http, .events = POLLIN}, {.fd = stop[0], .events = POLLIN}};
	while (poll(fds, 2, -1) > 0 && !fds[1].revents)
		serve(accept(http, NULL, NULL));
	return arg;
}

static int servers_start(void **state)
{
	struct sockaddr_in here = {
		.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;
	(void)state;
	ca = pki_ca("authority");
	other_ca = pki_ca("other authority");
	for (int i = 0; i < SERVED; i++) {
		char points[64];
		snprintf(points, sizeof points, "URI:http://c.example.net/%d.crl", i);
		leaf[i] = pki_issue(&ca, &(struct pki_request){.crl = points});
	}
	large = body_of(LARGE, &large_len);
	brief = pki_issue(
		&ca, &(struct pki_request){.crl = "URI:http://c.example.net/0.crl", .until_s = 10 * DAY - 60});
	http = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(http, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	assert_int_equal(bind(http, (struct sockaddr *)&here, sizeof here), 0);
	assert_int_equal(listen(http, 16), 0);
	assert_int_equal(pipe(stop), 0);
	assert_int_equal(pthread_create(&http_thread, NULL, http_run, NULL), 0);
	dns_port_open(&dns, dns_port_loopback, NULL);
	return 0;
}

static int servers_stop(void **state)
{
	(void)state;
	assert_int_equal(write(stop[1], "", 1), 1);
	pthread_join(http_thread, NULL);
	close(http);
	dns_port_close(&dns);
	pki_free(&ca);
	pki_free(&other_ca);
	pki_free(&brief);
	free(large);
	for (int i = 0; i < SERVED; i++)
		pki_free(&leaf[i]);
	return 0;
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

static struct config *config_of(void *arg)
{
	return config_ref(arg);
}

static struct config *config_make(const char *revocation, const char *private, const struct loops *loops)
{
	char servers[64], setting[64], probe[64];
	struct failure why;
	snprintf(servers, sizeof servers, "dns_servers=127.0.0.1@%u", dns.number);
	snprintf(setting, sizeof setting, "revocation=%s", revocation);
	snprintf(probe, sizeof probe, "probe_private=%s", private);
	char dnssec[] = "dnssec=off", *overrides[] = {servers, setting, probe, dnssec};
	struct settings *settings = settings_read(NULL, false, overrides, COUNT(overrides), &why);
	assert_non_null(settings);
	struct config *config = config_new(settings, loops, &why);
	if (!config)
		fail_msg("%s", why.text);
	return config;
}

static struct crl_leaf read_leaf(const struct pki_pair *pair)
{
	struct crl_leaf read;
	assert_true(crl_leaf_read(&read, pair->cert, ca.cert));
	return read;
}

static struct revocation row_of(struct store *store, uint64_t id)
{
	struct revocation row;
	struct store_view *view = store_view_begin(store, NULL);
	assert_non_null(view);
	store_view_revocation(view, id, &row);
	store_view_end(&view);
	return row;
}

/* Waits until the store has an answer for the certificate, or the cause why not. */
static struct revocation row_await(struct store *store, uint64_t id)
{
	struct revocation row = row_of(store, id);
	for (int i = 0; i < 1200 && row.state == REVOCATION_UNKNOWN && row.why[0] == '\0'; i++) {
		usleep(50 * 1000);
		row = row_of(store, id);
	}
	return row;
}

static void hop_make(struct hop_record *record, void *arg)
{
	const uint64_t *id = arg;
	hop_record_learn(record, &(struct evidence){.at = clock_wall_s() - 60, .reason = REASON_OK, .leaf = *id});
}

static enum reason hop_reason(struct store *store, const char *host)
{
	struct hop_record record;
	struct store_view *view = store_view_begin(store, NULL);
	assert_int_equal(store_view_hop(view, host, 25, &record), STORE_FOUND);
	store_view_end(&view);
	return record.pkix.conclusive.reason;
}

static void check_rows(struct store *store)
{
	for (int i = 0; i < SERVED; i++) {
		struct revocation row = row_await(store, read_leaf(&leaf[i]).leaf);
		if (row.state != expected[i].state || !strstr(row.why, expected[i].why) ||
			(row.why[0] != '\0') != (expected[i].why[0] != '\0'))
			fail_msg("%d: %s, %s", i, revocation_state_name(row.state), row.why);
		assert_int_equal(row.revoked_at != 0, i == LISTED);
		int64_t wait_s = row.next_at - row.checked_at;
		if (expected[i].why[0])
			assert_in_range(wait_s, CRL_RETRY_S - 2, CRL_RETRY_S + 2);
		else
			assert_in_range(wait_s, 3 * DAY, 4 * DAY); /* half of a week */
	}
	assert_int_equal(row_of(store, read_leaf(&brief).leaf).leaf, 0);
}

static void check_event(struct store *store, struct events *events)
{
	size_t count;
	events_write(events, true);
	struct event_record *event = store_events(store, &count, NULL);
	assert_int_equal(count, 2); /* about a mail host and about a policy host */
	for (size_t i = 0; i < count; i++) {
		bool policy = event[i].domain[0] != '\0';
		assert_int_equal(event[i].kind, EVENT_CERTIFICATE_REVOKED);
		assert_string_equal(event[i].host, policy ? "mta-sts.example.com" : "mx1.example.com");
		assert_int_equal(event[i].port, policy ? 443 : 25);
	}
	assert_non_null(strstr(event->detail, "http://c.example.net/0.crl"));
	free(event);
}

static void check_judge(struct revocations *revocations, const struct config *config, bool enforce)
{
	struct evidence seen = {.at = 1, .reason = REASON_OK, .leaf = read_leaf(&leaf[LISTED]).leaf};
	assert_int_equal(revocations_judge(revocations, config->settings, &seen), enforce);
	assert_int_equal(seen.reason, enforce ? REASON_CERT_REVOKED : REASON_OK);
	assert_int_equal(strncmp(seen.text, "revoked 20", 10) == 0, enforce);
	for (int i = UNLISTED; i < SERVED; i++) {
		seen = (struct evidence){.at = 1, .reason = REASON_OK, .leaf = read_leaf(&leaf[i]).leaf};
		assert_false(revocations_judge(revocations, config->settings, &seen));
	}
}

/* The fetch of a policy from a host with this certificate. */
static void check_policy(struct revocations *revocations, const struct config *config, enum served shown, bool fails)
{
	struct policy_found found = {
		.outcome = REASON_OK, .leaf = read_leaf(&leaf[shown]).leaf, .text = strdup("x"), .text_len = 1};
	revocations_judge_policy(revocations, config->settings, "example.com", &found);
	assert_int_equal(found.outcome, fails ? REASON_POLICY_WEBPKI : REASON_OK);
	assert_int_equal(found.text == NULL, fails);
	assert_int_equal(strstr(found.detail, "revoked the certificate at 20") != NULL, fails);
	policy_found_free(&found);
	/* the same by its own staple */
	found = (struct policy_found){.outcome = REASON_OK, .staple = {.state = STAPLE_REVOKED, .revoked_at = NOW}};
	if (shown != LISTED)
		return;
	revocations_judge_policy(revocations, config->settings, "example.com", &found);
	assert_int_equal(found.outcome, fails ? REASON_POLICY_WEBPKI : REASON_OK);
	assert_int_equal(strstr(found.detail, "staple") != NULL, fails);
}

static void run(const char *setting)
{
	bool enforce = strcmp(setting, "enforce") == 0;
	struct failure why;
	struct store *store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	struct events *events = events_new(store);
	struct loops *loops = loops_new(1, &why);
	struct config *config = config_make(setting, "yes", loops);
	struct fetch_line *fetches = fetch_line_new(loops->at[0]);
	struct revocations *revocations = revocations_new(store, events);
	uint64_t ids[] = {read_leaf(&leaf[LISTED]).leaf, read_leaf(&leaf[UNLISTED]).leaf};
	requests = 0;
	assert_true(store_change_hop(store, "mx1.example.com", 25, hop_make, &ids[0], NULL));
	assert_true(store_change_hop(store, "mx2.example.com", 25, hop_make, &ids[1], NULL));
	assert_true(revocations_start(revocations, config_of, config, loops->at[0], fetches, &why));
	for (int i = 0; i < SERVED; i++) {
		struct crl_leaf read = read_leaf(&leaf[i]);
		leaves_note(config->leaves, &read);
		leaves_note(config->leaves, &read);
	}
	struct crl_leaf read = read_leaf(&brief);
	leaves_note(config->leaves, &read);
	check_rows(store);
	/* the certificates are shown again: nothing is due */
	for (int i = 0; i < SERVED; i++) {
		read = read_leaf(&leaf[i]);
		leaves_note(config->leaves, &read);
	}
	usleep(1200 * 1000);
	assert_int_equal(requests, SERVED);
	check_judge(revocations, config, enforce);
	for (int i = 0; i < SERVED; i++)
		check_policy(revocations, config, (enum served)i, enforce && i == LISTED);
	revocations_free(&revocations);
	check_event(store, events);
	assert_int_equal(hop_reason(store, "mx1.example.com"), enforce ? REASON_CERT_REVOKED : REASON_OK);
	assert_int_equal(hop_reason(store, "mx2.example.com"), REASON_OK);
	config_unref(&config);
	fetch_line_free(&fetches);
	loops_free(&loops);
	events_free(&events);
	store_close(&store);
}

static void test_report(void **state)
{
	(void)state;
	run("report");
}

static void test_enforce(void **state)
{
	(void)state;
	run("enforce");
}

/* Addresses that may not be dialled are not dialled, and a stop cuts a download off. */
static void test_private(void **state)
{
	struct failure why;
	struct store *store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	struct events *events = events_new(store);
	struct loops *loops = loops_new(1, &why);
	struct config *config = config_make("enforce", "no", loops);
	struct fetch_line *fetches = fetch_line_new(loops->at[0]);
	struct revocations *revocations = revocations_new(store, events);
	struct crl_leaf read = read_leaf(&leaf[LISTED]);
	(void)state;
	requests = 0;
	assert_true(revocations_start(revocations, config_of, config, loops->at[0], fetches, &why));
	leaves_note(config->leaves, &read);
	struct revocation row = row_await(store, read.leaf);
	assert_int_equal(row.state, REVOCATION_UNKNOWN);
	assert_non_null(strstr(row.why, "c.example.net has"));
	assert_int_equal(requests, 0);
	read = read_leaf(&leaf[UNLISTED]);
	leaves_note(config->leaves, &read);
	usleep(1100 * 1000);
	revocations_free(&revocations);
	config_unref(&config);
	fetch_line_free(&fetches);
	loops_free(&loops);
	events_free(&events);
	store_close(&store);
}

/* The same certificate comes with another certificate of its authority, so another list is asked. What was known about it
 * stays, also while that list cannot be reached. */
static void test_other_chain(void **state)
{
	struct failure why;
	struct store *store = room_open(64 * ROOM_BYTES, STORE_OWNER);
	struct events *events = events_new(store);
	struct loops *loops = loops_new(1, &why);
	struct config *config = config_make("enforce", "no", loops);
	struct fetch_line *fetches = fetch_line_new(loops->at[0]);
	struct revocations *revocations = revocations_new(store, events);
	struct crl_leaf read = read_leaf(&leaf[LISTED]);
	struct revocation row = {.leaf = read.leaf,
		.list = read.list + 1,
		.state = REVOCATION_REVOKED,
		.not_after = read.not_after,
		.as_of = clock_wall_s() - DAY,
		.until = clock_wall_s() + DAY};
	(void)state;
	memcpy(row.serial, read.serial, sizeof row.serial);
	assert_true(store_put_revocations(store, &row, 1, NULL));
	assert_true(revocations_start(revocations, config_of, config, loops->at[0], fetches, &why));
	leaves_note(config->leaves, &read);
	for (int i = 0; i < 1200 && row.why[0] == '\0'; i++) {
		usleep(50 * 1000);
		row = row_of(store, read.leaf);
	}
	assert_non_null(strstr(row.why, "c.example.net has"));
	assert_true(row.list == read.list && row.state == REVOCATION_REVOKED);
	revocations_free(&revocations);
	config_unref(&config);
	fetch_line_free(&fetches);
	loops_free(&loops);
	events_free(&events);
	store_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_concerns),
		cmocka_unit_test_setup_teardown(test_store, room_make, room_remove),
		cmocka_unit_test_setup_teardown(test_store_of_revoked, room_make, room_remove),
		cmocka_unit_test_setup_teardown(test_report, room_make, room_remove),
		cmocka_unit_test_setup_teardown(test_enforce, room_make, room_remove),
		cmocka_unit_test_setup_teardown(test_private, room_make, room_remove),
		cmocka_unit_test_setup_teardown(test_other_chain, room_make, room_remove),
	};

	netns_enter();
	alarm(120);
	return cmocka_run_group_tests(tests, servers_start, servers_stop);
}
