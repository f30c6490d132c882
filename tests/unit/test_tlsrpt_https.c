/* The sender of reports and addresses of https: with a DNS and an HTTPS server of the test in a network namespace of its own, and
 * the true clock. */
#include "cm.h"

#include "clock.h"
#include "dns_port.h"
#include "gzip.h"
#include "netns.h"
#include "pki.h"
#include "post_server.h"
#include "room.h"
#include "smtp_server.h"
#include "tlsrpt_sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST "reports.example.com"
#define OK_ANSWER "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"

static struct pki_pair ca, good;
static char ca_file[] = "/tmp/stsgate-ca-XXXXXX";
static struct dns_port dns;
static struct smtp_server mta;
static struct post_server server;
static struct loops *loops;
static struct store *store;
static struct config *config;
static struct tlsrpt_sender *sender;

static struct config *config_of(const char *private)
{
	struct failure why = {0};
	char text[1024];
	snprintf(text, sizeof text,
		"tlsrpt = collect\nreport_organization = Example\nreport_from = reports@relay.example\nreport_smtp = %s\n"
		"dns_servers = 127.0.0.1@%u\ndnssec = off\nfetch_ca_file = %s\nfetch_private = %s\nfetch_timeout = 2s\n",
		mta.address, dns.number, ca_file, private);
	struct settings *settings = settings_read_text("test", text, strlen(text), &why);
	struct config *made = settings ? config_new(settings, loops, &why) : NULL;
	if (!made)
		fail_msg("%s", why.text);
	return made;
}

static int begin(void **state)
{
	struct failure why;
	int made = room_make(state);
	smtp_server_start(&mta, NULL);
	loops = loops_new(2, &why);
	store = room_open(16 * ROOM_BYTES, STORE_OWNER);
	config = config_of("yes");
	sender = tlsrpt_sender_new(
		&(struct tlsrpt_sender_options){.store = store, .loop = loops->at[0], .at_once = true});
	return made;
}

static int end(void **state)
{
	tlsrpt_sender_free(&sender);
	config_unref(&config);
	store_close(&store);
	loops_free(&loops);
	smtp_server_stop(&mta);
	return room_remove(state);
}

/* Counts a failed session of yesterday. */
static void count_session(const char *domain, const char *rua)
{
	uint64_t refused = 0;
	int64_t at = clock_wall_s() - 86400;
	struct tlsrpt_tally tally;
	struct tlsrpt_session session = {.count = 0};
	snprintf(session.domain, sizeof session.domain, "%s", domain);
	snprintf(session.record, sizeof session.record, "v=TLSRPTv1; rua=%s", rua);
	struct tlsrpt_policy *policy = tlsrpt_session_add(&session, TLSRPT_NO_POLICY_FOUND, domain);
	policy->failed = true;
	tlsrpt_policy_add(policy, &(struct tlsrpt_failure){.result = TLSRPT_STARTTLS_NOT_SUPPORTED});
	tlsrpt_tally_init(&tally, tlsrpt_day(at), domain);
	tlsrpt_tally_add(&tally, &session);
	assert_true(store_add_tallies(store, &tally, 1, at, &refused, NULL));
	tlsrpt_tally_free(&tally);
	tlsrpt_session_free(&session);
}

/* Makes passes until all POSTs have ended. */
static void passes(void)
{
	struct tlsrpt_pass pass;
	struct failure why = {0};
	do
		if (!tlsrpt_sender_pass(sender, config, &pass, &why))
			fail_msg("%s", why.text);
	while (pass.again && tlsrpt_sender_rest(sender, clock_mono_ms() + 10000));
}

static size_t rows_with(enum tlsrpt_send_state state, struct tlsrpt_send *last)
{
	size_t count = 0, found = 0;
	struct tlsrpt_send *rows = store_tlsrpt_sends(store, &count, NULL);
	for (size_t i = 0; i < count; i++) {
		found += rows[i].state == state;
		if (last && rows[i].state == state)
			*last = rows[i];
	}
	free(rows);
	return found;
}

static void a_report_is_posted(void **state)
{
	struct tlsrpt_send row;
	const char *why;
	size_t len;
	(void)state;
	count_session("a.example", "https://" HOST ":8443/in?x");
	post_server_start(&server, &good, 8443, OK_ANSWER);
	passes();
	passes();
	post_server_stop(&server);
	assert_int_equal(rows_with(TLSRPT_SENT, &row), 1);
	assert_string_equal(row.detail, "HTTP status 201");
	assert_int_equal(server.connections, 1);
	assert_int_equal(strncmp(server.head, LIT("POST /in?x HTTP/1.1\r\n")), 0);
	char *json = gzip_unpack((struct span){(char *)server.body, server.body_len}, 65536, &len, &why);
	assert_non_null(json);
	assert_non_null(memmem(json, len, LIT("\"policy-domain\": \"a.example\"")));
	free(json);
	assert_int_equal(mta.connections, 0);
}

static void a_private_address_gets_nothing(void **state)
{
	struct tlsrpt_send row;
	(void)state;
	count_session("a.example", "https://" HOST "/");
	config_unref(&config);
	config = config_of("no");
	post_server_start(&server, &good, 443, OK_ANSWER);
	passes();
	post_server_stop(&server);
	assert_int_equal(server.connections, 0);
	assert_int_equal(rows_with(TLSRPT_RETRY, &row), 1);
	assert_non_null(strstr(row.detail, HOST " "));
}

/* Ten reports for a silent server, and one by mail. */
static void a_silent_server_holds_nobody_up(void **state)
{
	struct tlsrpt_pass pass;
	struct failure why = {0};
	char domain[32];
	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		count_session(domain, "https://" HOST "/");
	}
	count_session("mail.example", "mailto:a@mail.example");
	post_server_start(&server, &good, 443, "");
	int64_t begun_ms = clock_mono_ms();
	assert_true(tlsrpt_sender_pass(sender, config, &pass, &why));
	assert_true(clock_mono_ms() - begun_ms < 1500);
	assert_int_equal(mta.messages, 1);
	assert_int_equal(rows_with(TLSRPT_SENT, NULL), 1);
	assert_int_equal(rows_with(TLSRPT_SENDING, NULL), TLSRPT_POSTINGS_MAX);
	assert_int_equal(pass.waiting, 10 - TLSRPT_POSTINGS_MAX);
	passes();
	post_server_stop(&server);
	assert_int_equal(rows_with(TLSRPT_RETRY, NULL), 10);
	assert_int_equal(rows_with(TLSRPT_SENDING, NULL), 0);
}

static void a_stop_ends_what_is_under_way(void **state)
{
	struct tlsrpt_pass pass;
	struct failure why = {0};
	struct tlsrpt_send row;
	(void)state;
	count_session("a.example", "https://" HOST "/");
	post_server_start(&server, &good, 443, "");
	assert_true(tlsrpt_sender_pass(sender, config, &pass, &why));
	assert_int_equal(rows_with(TLSRPT_SENDING, NULL), 1);
	int64_t begun_ms = clock_mono_ms();
	tlsrpt_sender_stop(sender);
	assert_false(tlsrpt_sender_rest(sender, begun_ms + 60000));
	tlsrpt_sender_free(&sender);
	assert_true(clock_mono_ms() - begun_ms < 1500);
	post_server_stop(&server);
	assert_int_equal(rows_with(TLSRPT_RETRY, &row), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(a_report_is_posted, begin, end),
		cmocka_unit_test_setup_teardown(a_private_address_gets_nothing, begin, end),
		cmocka_unit_test_setup_teardown(a_silent_server_holds_nobody_up, begin, end),
		cmocka_unit_test_setup_teardown(a_stop_ends_what_is_under_way, begin, end)};
	netns_enter();
	ca = pki_ca("test authority");
	good = pki_issue(&ca, &(struct pki_request){.san = "DNS:" HOST});
	pki_write_temporary(&ca, ca_file);
	dns_port_open(&dns, dns_port_loopback, NULL);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	dns_port_close(&dns);
	unlink(ca_file);
	pki_free(&ca);
	pki_free(&good);
	return failed;
}
