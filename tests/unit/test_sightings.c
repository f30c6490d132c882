/* Sightings: what a certificate seen for one host proves about others, with real TLS; and the limits of the table. */
#include "sightings.h"

#include "clock.h"
#include "cm.h"
#include "policy.h"
#include "probe_await.h"
#include "tls_hop.h"
#include "trust.h"

#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS 8000

static struct pki_pair ca;
static struct trust *trust;
static struct sightings *sightings;
static struct prober *prober;
static struct probe_room room;

static struct address local(void)
{
	struct address address;
	assert_true(address_parse(&address, "127.0.0.1"));
	return address;
}

/* Probes `host` at a hop of its own; returns the port of that hop. */
static uint16_t probed(const char *host, struct tls_hop *hop, enum reason reason)
{
	struct address address = local();
	struct evidence seen;
	tls_hop_start(hop);
	probe_await(&room, prober, host, &address, hop->port, TIMEOUT_MS, NULL, &seen);
	tls_hop_end(hop);
	assert_int_equal(seen.reason, reason);
	return hop->port;
}

static bool found(const char *host, uint16_t port, struct evidence *seen)
{
	struct address address = local();
	int64_t now = clock_wall_s();
	return sightings_find(sightings, &address, port, host, now - 60, now, seen);
}

static void test_wildcard(void **state)
{
	(void)state;
	struct pki_pair leaf =
		pki_issue(&ca, &(struct pki_request){.san = "DNS:*.Tenants.example,DNS:tenants.example"});
	struct tls_hop hop = {.leaf = &leaf};
	struct evidence seen;
	int64_t before = clock_wall_s();
	uint16_t port = probed("one.tenants.example", &hop, REASON_OK);
	for (int i = 1; i <= 40; i++) {
		char host[64];
		snprintf(host, sizeof host, "tenant%d.tenants.example", i);
		assert_true(found(host, port, &seen));
		assert_int_equal(seen.reason, REASON_OK);
		assert_string_equal(seen.seen_for, "one.tenants.example");
		assert_string_equal(seen.address, "127.0.0.1");
		assert_true(seen.at >= before && seen.at <= clock_wall_s());
		assert_true(seen.not_after > clock_wall_s() && seen.protocol >= 0x0303);
	}
	assert_false(found("a.b.tenants.example", port, &seen));
	assert_false(found("tenants.example.org", port, &seen));
	assert_false(found("one.tenants.example", (uint16_t)(port ^ 1), &seen));
	pki_free(&leaf);
}

/* Time: not before `since`, not ahead of the clock, not after the certificate has expired. */
static void test_times(void **state)
{
	(void)state;
	struct pki_pair leaf = pki_issue(&ca, &(struct pki_request){.san = "DNS:*.times.example", .until_s = 3600});
	struct tls_hop hop = {.leaf = &leaf};
	struct address address = local();
	struct evidence seen;
	uint16_t port = probed("one.times.example", &hop, REASON_OK);
	assert_true(found("two.times.example", port, &seen));
	int64_t at = seen.at;
	assert_true(sightings_find(sightings, &address, port, "two.times.example", at, at + 60, &seen));
	assert_false(sightings_find(sightings, &address, port, "two.times.example", at + 1, at + 60, &seen));
	assert_false(sightings_find(sightings, &address, port, "two.times.example", at - 9000, at + 3601, &seen));
	assert_false(sightings_find(sightings, &address, port, "two.times.example", at - 9000, at - 3600, &seen));
	pki_free(&leaf);
}

/* If only the name is wrong, the sighting counts for other hosts. If anything else is wrong, it counts for none. */
static void test_soundness(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		struct pki_request request;
		int tls_max;
		bool plain, stranger;
		enum reason reason;
		bool counts;
	} rows[] = {
		{"another name", {.san = "DNS:*.sound.example"}, 0, false, false, REASON_CERT_HOST_MISMATCH, true},
		{"an expired one", {.san = "DNS:*.sound.example", .from_s = -7200, .until_s = -60}, 0, false, false,
			REASON_CERT_EXPIRED, false},
		{"a future one", {.san = "DNS:*.sound.example", .from_s = 3600}, 0, false, false,
			REASON_CERT_NOT_YET_VALID, false},
		{"a stranger's", {.san = "DNS:*.sound.example"}, 0, false, true, REASON_CERT_UNTRUSTED, false},
		{"an old protocol", {.san = "DNS:*.sound.example"}, TLS1_1_VERSION, false, false, REASON_TLS_TOO_OLD,
			false},
		{"no STARTTLS", {.san = "DNS:*.sound.example"}, 0, true, false, REASON_STARTTLS_MISSING, false},
		{"a common name", {.cn = "two.sound.example"}, 0, false, false, REASON_CERT_HOST_MISMATCH, false},
		{"an address", {.san = "IP:127.0.0.1"}, 0, false, false, REASON_CERT_HOST_MISMATCH, false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pki_pair leaf = pki_issue(rows[i].stranger ? NULL : &ca, &rows[i].request);
		struct tls_hop hop = {.leaf = &leaf, .tls_max = rows[i].tls_max, .plain = rows[i].plain};
		struct evidence seen;
		uint16_t port = probed("mx.other.example", &hop, rows[i].reason);
		if (found("two.sound.example", port, &seen) != rows[i].counts)
			fail_msg("%s: %s", rows[i].what, rows[i].counts ? "not seen" : "seen");
		if (rows[i].counts)
			assert_int_equal(seen.reason + seen.chain, 0);
		assert_false(found("mx.other.example", port, &seen));
		pki_free(&leaf);
	}
}

/* A certificate with more names than the table keeps, and than the stored evidence has room for. */
static void test_many_names(void **state)
{
	(void)state;
	static char san[64 * 1024];
	size_t len = 0;
	for (int i = 0; i < 1500; i++)
		len += (size_t)snprintf(
			san + len, sizeof san - len, "%sDNS:host-number-%d.many.example", i ? "," : "", i);
	struct pki_pair leaf = pki_issue(&ca, &(struct pki_request){.san = san});
	struct tls_hop hop = {.leaf = &leaf};
	struct evidence seen;
	uint16_t port = probed("host-number-0.many.example", &hop, REASON_OK);
	assert_true(found("host-number-400.many.example", port, &seen));
	assert_true(strlen(seen.names) < EVIDENCE_NAMES_SIZE);
	assert_false(found("host-number-1499.many.example", port, &seen));
	pki_free(&leaf);
}

/* Only names that OpenSSL's host check accepts, or fewer. */
static void test_as_the_host_check(void **state)
{
	(void)state;
	static const char *const names[] = {"mx.example.com", "*.example.com", "*.com", "*", "*.", "m*.example.com",
		"*x.example.com", "mx.*.com", "*.*.com", "xn--mx-xka.example.com", "*.xn--mx-xka.com",
		"mx_1.example.com", "*.mx_1.com", ".example.com", "example.com.", "-.example.com", "*.example.com.",
		"**.example.com", "xn--*.example.com", "1.2.3.4", "*.2.3.4", "MX.EXAMPLE.COM", "*.b.c.example.com"};
	static const char *const hosts[] = {"mx.example.com", "example.com", "a.mx.example.com", "com", "mx.com",
		"xn--mx-xka.example.com", "mx.xn--mx-xka.com", "mx_1.example.com", "a.mx_1.com", "-.example.com",
		"mx1.example.com", "1.2.3.4", "a.b.c.example.com", "b.c.example.com", "mx.example.com.org",
		"m.example.com"};
	unsigned both = 0;
	for (size_t n = 0; n < COUNT(names); n++) {
		char san[80];
		snprintf(san, sizeof san, "DNS:%s", names[n]);
		struct pki_pair leaf = pki_issue(&ca, &(struct pki_request){.san = san});
		for (size_t h = 0; h < COUNT(hosts); h++) {
			bool ours = certificate_covers(names[n], hosts[h]);
			bool openssl =
				X509_check_host(leaf.cert, hosts[h], 0,
					X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
					NULL) == 1;
			if (ours && !openssl)
				fail_msg("%s covers %s", names[n], hosts[h]);
			both += ours;
		}
		pki_free(&leaf);
	}
	assert_true(both >= 10);
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static struct address numbered(unsigned number)
{
	return (struct address){
		.len = 4, .bytes = {9, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static void noted(struct sightings *table, unsigned address, const char *host, const char *name, size_t padding)
{
	struct evidence seen = {.not_after = clock_wall_s() + 3600, .protocol = 0x0304};
	struct address at = numbered(address);
	struct names names = {.bytes = NULL};
	names_add(&names, name, strlen(name));
	for (size_t i = 0; i < padding; i++)
		names_add(&names, "padding.example", 15);
	sightings_note(table, &(struct probe_shown){host, &at, 25, &seen, &names});
	names_free(&names);
}

static bool known(struct sightings *table, unsigned address, const char *host)
{
	struct evidence seen;
	struct address at = numbered(address);
	int64_t now = clock_wall_s();
	return sightings_find(table, &at, 25, host, now - 3600, now, &seen);
}

static void test_room(void **state)
{
	(void)state;
	struct sightings *table = sightings_new();
	/* Sightings that have replaced a probe stay, whatever strangers' hosts show. */
	noted(table, 1, "a.useful.example", "*.useful.example", 0);
	assert_true(known(table, 1, "b.useful.example"));
	for (unsigned i = 2; i < 3 * SIGHTINGS_MAX; i++)
		noted(table, i, "mx.stranger.example", "*.stranger.example", 0);
	assert_true(known(table, 1, "c.useful.example"));
	assert_true(known(table, 3 * SIGHTINGS_MAX - 1, "mx.stranger.example"));
	unsigned left = 0;
	for (unsigned i = 1; i < 3 * SIGHTINGS_MAX; i++)
		left += known(table, i, i == 1 ? "a.useful.example" : "mx.stranger.example");
	assert_int_equal(left, SIGHTINGS_MAX);
	sightings_free(&table);

	/* One address has a limited number of sightings, and the bytes of all names are limited. */
	table = sightings_new();
	noted(table, 1, "a.useful.example", "*.useful.example", 0);
	assert_true(known(table, 1, "b.useful.example"));
	for (unsigned i = 0; i < 50; i++) {
		char name[40], host[40];
		snprintf(name, sizeof name, "*.s%u.example", i);
		snprintf(host, sizeof host, "mx.s%u.example", i);
		noted(table, 1, host, name, 0);
	}
	left = 0;
	for (unsigned i = 0; i < 50; i++) {
		char host[40];
		snprintf(host, sizeof host, "mx.s%u.example", i);
		left += known(table, 1, host);
	}
	assert_int_equal(left, SIGHTINGS_OF_ADDRESS - 1);
	assert_true(known(table, 1, "b.useful.example"));
	for (unsigned i = 2; i < 600; i++)
		noted(table, i, "mx.big.example", "*.big.example", 500);
	left = 0;
	for (unsigned i = 2; i < 600; i++)
		left += known(table, i, "mx.big.example");
	assert_in_range(left, 1, SIGHTINGS_BYTES_MAX / (500 * 16));
	sightings_free(&table);
}

static void test_dialled(void **state)
{
	(void)state;
	struct sightings *table = sightings_new();
	struct address pair[2] = {numbered(1), numbered(2)}, other[2] = {numbered(2), numbered(3)};
	assert_true(sightings_dial(table, pair, 2, 25));
	assert_false(sightings_dial(table, other, 2, 25));
	assert_true(sightings_dial(table, other, 2, 587));
	assert_true(sightings_dial(table, &other[1], 1, 25));
	sightings_hang_up(table, pair, 2, 25);
	assert_false(sightings_dial(table, other, 2, 25));
	sightings_hang_up(table, &other[1], 1, 25);
	assert_true(sightings_dial(table, other, 2, 25));
	sightings_hang_up(table, other, 2, 25);
	/* Without a free slot nobody waits. */
	for (unsigned i = 0; i < 2 * SIGHTINGS_DIALLED_MAX; i++) {
		struct address one = numbered(i);
		assert_true(sightings_dial(table, &one, 1, 25));
	}
	sightings_free(&table);
}

static int set_up(void **state)
{
	struct failure why = {0};
	char file[] = "/tmp/stsgate-sightings-XXXXXX";
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	ca = pki_ca("an authority");
	pki_write_temporary(&ca, file);
	trust = trust_new(file, &why);
	unlink(file);
	sightings = sightings_new();
	prober = prober_new(
		&(struct probe_options){
			.trust = trust, .helo = "relay.example", .shown = sightings_note, .shown_arg = sightings},
		&why);
	probe_room_open(&room);
	return trust && prober ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	probe_room_close(&room);
	prober_free(&prober);
	sightings_free(&sightings);
	trust_free(&trust);
	pki_free(&ca);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wildcard),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_soundness),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_as_the_host_check),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_dialled),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
