/* dns over zones that are signed, unsigned, signed too long ago, or have lost signatures. And dnssec = auto over
 * servers that pass signatures on, remove them, are silent, or change while it runs. */
#include "clock.h"
#include "cm.h"
#include "dns_await.h"
#include "dns_trial.h"
#include "fake_log.h"
#include "signed_server.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#define SOA "@ SOA ns hostmaster 1 3600 600 86400 60\n"
#define LOOKUP_MS 8000
#define MINUTE_MS (60 * 1000)
#define ANCHOR_DIR "/usr/share/dns" /* a file of dns-root-data */
#define NO_NAMESPACE 77

static const char text_signed[] = SOA "@ NS ns\n"
				      "ns A 192.0.2.1\n"
				      "www A 192.0.2.2\n"
				      "www MX 10 www\n"
				      "_25._tcp.www TLSA 3 1 1 "
				      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
				      "alias CNAME WWW.Signed.\n"
				      "chain CNAME alias\n"
				      "out CNAME www.unsigned.\n"
				      "to-none CNAME none\n"
				      "to-bare CNAME bare\n"
				      "odd CNAME a\\032b\n"
				      "a\\032b A 192.0.2.3\n"
				      "bare A 192.0.2.4\n";
static const char text_unsigned[] = SOA "@ NS ns\n"
					"ns A 192.0.2.1\n"
					"www A 192.0.2.5\n"
					"www TXT text\n"
					"back CNAME www.signed.\n";
static const char text_lapsed[] = SOA "@ NS ns\n"
				      "ns A 192.0.2.1\n"
				      "www A 192.0.2.6\n";
static const char text_root[] = SOA "@ NS ns.signed.\n"
				    "signed NS ns.signed.\n"
				    "unsigned NS ns.unsigned.\n"
				    "lapsed NS ns.lapsed.\n";
static const char text_own[] = SOA "@ NS ns\n"
				   "www A 10.0.0.1\n";
static const struct signed_zone zones[] = {{"local.", text_own, UNSIGNED, NULL}, {"own.", text_own, UNSIGNED, NULL},
	{"signed.", text_signed, SIGNED, "bare.signed."}, {"unsigned.", text_unsigned, UNSIGNED, NULL},
	{"lapsed.", text_lapsed, SIGNED_LONG_AGO, NULL}, {".", text_root, SIGNED, NULL}};

static struct room {
	struct signed_server *server;
	char anchor[64], address[32];
	const char *servers[1];
	struct dns_options options;
} room;

/* The clock, in place of clock_posix.c, so that nothing waits for ten minutes. */
static _Atomic int64_t jump_ms;

int64_t clock_wall_s(void)
{
	return time(NULL);
}

int64_t clock_mono_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + atomic_load(&jump_ms);
}

/* Replaces libunbound's own function. */
static atomic_int failures_left;

int ub_resolve_event(
	struct ub_ctx *ctx, const char *name, int type, int class, void *arg, ub_event_callback_type answered, int *id)
{
	int (*real)(struct ub_ctx *, const char *, int, int, void *, ub_event_callback_type, int *);
	int left = atomic_load(&failures_left);

	while (left > 0 && !atomic_compare_exchange_weak(&failures_left, &left, left - 1))
		;
	if (left > 0)
		return UB_NOMEM;
	*(void **)&real = dlsym(RTLD_NEXT, "ub_resolve_event");
	return real(ctx, name, type, class, arg, answered, id);
}

static int room_open(void **state)
{
	(void)state;
	room.server = signed_server_start(zones, COUNT(zones));
	signed_server_anchor(room.server, ".", room.anchor);
	snprintf(room.address, sizeof room.address, "127.0.0.1@%u", signed_server_port(room.server));
	room.servers[0] = room.address;
	room.options = (struct dns_options){
		.servers = room.servers, .server_count = 1, .validate = DNS_VALIDATE_AUTO, .trust_anchor = room.anchor};
	fake_log_forget();
	atomic_store(&jump_ms, 0);
	atomic_store(&failures_left, 0);
	return 0;
}

static int room_close(void **state)
{
	(void)state;
	unlink(room.anchor);
	signed_server_stop(room.server);
	return 0;
}

static struct dns *dns_begin(enum dns_validation validate)
{
	struct failure why = {0};

	room.options.validate = validate;
	struct dns *dns = dns_new(&room.options, await_loops_get(), &why);
	if (!dns)
		fail_msg("%s", why.text);
	return dns;
}

static bool log_has(const char *words)
{
	static char said[FAKE_LOG_SIZE];

	fake_log_copy(said);
	return strstr(said, words) != NULL;
}

static const struct row {
	const char *name;
	enum dns_type type;
	enum dns_outcome outcome;
	bool secure;
	size_t count;
	const char *canonical;
} rows[] = {
	{"www.signed", DNS_A, DNS_OK, true, 1, ""},
	{"www.signed", DNS_MX, DNS_OK, true, 1, ""},
	{"_25._tcp.www.signed", DNS_TLSA, DNS_OK, true, 1, ""},
	{"alias.signed", DNS_A, DNS_OK, true, 1, "www.signed"},
	{"chain.signed", DNS_A, DNS_OK, true, 1, "www.signed"},
	{"odd.signed", DNS_A, DNS_OK, true, 1, "a?b.signed"},
	/* the absence is proved: of a type, of a name, of both at the end of a chain */
	{"www.signed", DNS_AAAA, DNS_NODATA, true, 0, ""},
	{"_tcp.www.signed", DNS_TLSA, DNS_NODATA, true, 0, ""},
	{"none.signed", DNS_A, DNS_NXDOMAIN, true, 0, ""},
	{"chain.signed", DNS_AAAA, DNS_NODATA, true, 0, "www.signed"},
	{"to-none.signed", DNS_A, DNS_NXDOMAIN, true, 0, "none.signed"},
	{"none", DNS_A, DNS_NXDOMAIN, true, 0, ""},
	/* proved to be unsigned, in any link of the chain */
	{"www.unsigned", DNS_A, DNS_OK, false, 1, ""},
	{"www.unsigned", DNS_AAAA, DNS_NODATA, false, 0, ""},
	{"none.unsigned", DNS_A, DNS_NXDOMAIN, false, 0, ""},
	{"out.signed", DNS_A, DNS_OK, false, 1, "www.unsigned"},
	{"back.unsigned", DNS_A, DNS_OK, false, 1, "www.signed"},
	/* bogus */
	{"bare.signed", DNS_A, DNS_BOGUS, false, 0, ""},
	{"to-bare.signed", DNS_A, DNS_BOGUS, false, 0, ""},
	{"www.lapsed", DNS_A, DNS_BOGUS, false, 0, ""},
	{"none.lapsed", DNS_A, DNS_BOGUS, false, 0, ""},
	/* names that the root does not know */
	{"www.local", DNS_A, DNS_BOGUS, false, 0, ""},
	{"www.own", DNS_A, DNS_BOGUS, false, 0, ""},
};

static void check_row(struct dns *dns, const struct row *row, bool secure)
{
	struct dns_wait *wait;
	const struct dns_answer *answer = dns_await(&wait, dns, row->name, row->type, LOOKUP_MS);

	if (answer->outcome != row->outcome || answer->secure != secure || answer->count != row->count ||
		strcmp(answer->canonical, row->canonical) != 0)
		fail_msg("%s type %d: %s %ssecure, %zu records, canonical \"%s\"", row->name, (int)row->type,
			dns_outcome_name(answer->outcome), answer->secure ? "" : "not ", answer->count,
			answer->canonical);
	dns_wait_drop(&wait);
}

static enum dns_outcome outcome_of(struct dns *dns, const char *name, bool *secure)
{
	struct dns_wait *wait;
	const struct dns_answer *answer = dns_await(&wait, dns, name, DNS_A, LOOKUP_MS);
	enum dns_outcome outcome = answer->outcome;

	*secure = answer->secure;
	dns_wait_drop(&wait);
	return outcome;
}

static void hide_system_anchor(void)
{
	struct stat there;
	int as_root = geteuid() == 0;

	if (stat(ANCHOR_DIR, &there) != 0)
		return;
	if (unshare(as_root ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("none", ANCHOR_DIR, "tmpfs", 0, NULL) != 0)
		_exit(as_root ? 1 : NO_NAMESPACE);
}

/* Tests */

static void test_on(void **state)
{
	(void)state;
	struct dns *dns = dns_begin(DNS_VALIDATE_ON);
	assert_true(dns_validates(dns));
	for (size_t i = 0; i < COUNT(rows); i++)
		check_row(dns, &rows[i], rows[i].secure);
	dns_free(&dns);
}

/* Under the real root, sites serve some domains internally. Here no other domain belongs to that root. */
static void test_private_domains(void **state)
{
	(void)state;
	bool secure;
	room.options.trust_anchor = NULL;
	struct dns *dns = dns_begin(DNS_VALIDATE_ON);
	assert_int_equal(outcome_of(dns, "www.local", &secure), DNS_OK);
	assert_false(secure);
	assert_int_equal(outcome_of(dns, "www.own", &secure), DNS_BOGUS);
	dns_free(&dns);
}

static void test_off(void **state)
{
	(void)state;
	struct dns *dns = dns_begin(DNS_VALIDATE_OFF);
	assert_false(dns_validates(dns));
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].outcome != DNS_BOGUS)
			check_row(dns, &rows[i], false);
	bool secure;
	assert_int_equal(outcome_of(dns, "bare.signed", &secure), DNS_OK);
	assert_int_equal(outcome_of(dns, "www.lapsed", &secure), DNS_OK);
	assert_false(log_has("dnssec"));
	dns_free(&dns);
}

static void test_auto_over_honest_servers(void **state)
{
	(void)state;
	struct dns *dns = dns_begin(DNS_VALIDATE_AUTO);
	assert_true(dns_validates(dns));
	assert_true(log_has("dnssec = auto: DNS answers are validated\n"));
	for (size_t i = 0; i < COUNT(rows); i++)
		check_row(dns, &rows[i], rows[i].secure);
	dns_free(&dns);
}

static void test_auto_over_stripping_servers(void **state)
{
	(void)state;
	signed_server_mood(room.server, SERVER_STRIPS);
	struct dns *dns = dns_begin(DNS_VALIDATE_AUTO);
	assert_false(dns_validates(dns));
	assert_true(log_has("warning: dnssec = auto: DNS answers are not validated and DANE is not evaluated: "
			    "DNSKEY of . is bogus: the DNS servers remove signatures"));
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].outcome != DNS_BOGUS)
			check_row(dns, &rows[i], false);
	/* A change a moment later is not noticed yet. */
	signed_server_mood(room.server, SERVER_HONEST);
	bool secure;
	assert_int_equal(outcome_of(dns, "ns.signed", &secure), DNS_OK);
	assert_false(secure);
	assert_false(dns_validates(dns));
	dns_free(&dns);
}

static unsigned log_count(const char *words)
{
	static char said[FAKE_LOG_SIZE];
	unsigned count = 0;

	fake_log_copy(said);
	for (const char *at = said; (at = strstr(at, words)); at++)
		count++;
	return count;
}

/* A machine that started with a wrong clock, or in another network, must not stay without DANE until somebody
 * reloads: lookups start another trial, and the log has one warning. */
static void test_auto_tries_again(void **state)
{
	(void)state;
	bool secure;
	signed_server_mood(room.server, SERVER_STRIPS);
	struct dns *dns = dns_begin(DNS_VALIDATE_AUTO);
	assert_false(dns_validates(dns));
	atomic_fetch_add(&jump_ms, 10 * MINUTE_MS);
	assert_int_equal(
		outcome_of(dns, "www.signed", &secure), DNS_OK); /* the second trial gets no signatures either */
	signed_server_mood(room.server, SERVER_HONEST);
	int64_t begun_ms = clock_mono_ms();
	while (!dns_validates(dns)) {
		assert_in_range(clock_mono_ms() - begun_ms, 0, 60000 + 60 * MINUTE_MS);
		if (clock_mono_ms() - begun_ms < 40 * MINUTE_MS)
			atomic_fetch_add(&jump_ms, 10 * MINUTE_MS);
		assert_int_equal(outcome_of(dns, "www.unsigned", &secure), DNS_OK);
		usleep(20 * 1000);
	}
	assert_int_equal(log_count("warning: dnssec = auto"), 1);
	assert_int_equal(log_count("dnssec = auto: DNS answers are validated\n"), 1);
	for (size_t i = 0; i < COUNT(rows); i++)
		check_row(dns, &rows[i], rows[i].secure);
	dns_free(&dns);
}

static void test_waits_between_trials(void **state)
{
	static const int64_t minutes[] = {10, 20, 40, 60, 60, 60};
	int64_t wait_ms = 0;
	(void)state;
	for (size_t i = 0; i < COUNT(minutes); i++) {
		wait_ms = trial_wait_ms(wait_ms);
		assert_int_equal(wait_ms, minutes[i] * MINUTE_MS);
	}
}

/* With off and with on there is no trial. */
static void test_settled_by_the_setting(void **state)
{
	(void)state;
	bool secure;
	struct dns *dns = dns_begin(DNS_VALIDATE_OFF);
	atomic_fetch_add(&jump_ms, 70 * MINUTE_MS);
	assert_int_equal(outcome_of(dns, "www.signed", &secure), DNS_OK);
	usleep(200 * 1000);
	assert_int_equal(outcome_of(dns, "www.signed", &secure), DNS_OK);
	assert_false(secure);
	assert_false(dns_validates(dns));
	dns_free(&dns);
}

/* libunbound fails and is not used for a second; lookups meanwhile end at once. Validation stays on. */
static void test_libunbound_fails(void **state)
{
	static const enum dns_validation validations[] = {DNS_VALIDATE_ON, DNS_VALIDATE_AUTO, DNS_VALIDATE_OFF};
	(void)state;
	for (size_t v = 0; v < COUNT(validations); v++) {
		bool secure, validates = validations[v] != DNS_VALIDATE_OFF;
		fake_log_forget();
		struct dns *dns = dns_begin(validations[v]);
		assert_int_equal(outcome_of(dns, "www.signed", &secure), DNS_OK);
		atomic_store(&failures_left, 1);
		int64_t begun_ms = clock_mono_ms();
		assert_int_equal(outcome_of(dns, "ns.signed", &secure), DNS_BROKEN);
		assert_int_equal(atomic_load(&failures_left), 0);
		assert_true(log_has("error: DNS lookups fail: error from libunbound: out of memory\n"));
		while (outcome_of(dns, "ns.signed", &secure) != DNS_OK) {
			assert_in_range(clock_mono_ms() - begun_ms, 0, 60000);
			usleep(10 * 1000);
		}
		assert_in_range(clock_mono_ms() - begun_ms, 999, 61000);
		assert_int_equal(secure, validates);
		assert_int_equal(dns_validates(dns), validates);
		assert_int_equal(log_count("error: DNS lookups fail"), 1);
		dns_free(&dns);
	}
}

/* If libunbound fails repeatedly, the pauses grow. */
static void test_libunbound_fails_on(void **state)
{
	(void)state;
	bool secure;
	struct dns *dns = dns_begin(DNS_VALIDATE_ON);
	atomic_store(&failures_left, INT_MAX);
	int64_t begun_ms = clock_mono_ms();
	while (clock_mono_ms() - begun_ms < 1500) {
		assert_int_equal(outcome_of(dns, "www.signed", &secure), DNS_BROKEN);
		usleep(10 * 1000);
	}
	assert_in_range(
		log_count("error: DNS lookups fail: error from libunbound: "), 1, 4); /* at once, after 1 s, 2 s, ... */
	atomic_store(&failures_left, 0);
	while (outcome_of(dns, "www.signed", &secure) != DNS_OK) {
		assert_in_range(clock_mono_ms() - begun_ms, 0, 60000);
		usleep(10 * 1000);
	}
	assert_true(secure);
	dns_free(&dns);
}

/* Each loop reads the trust anchor when the loop is used first, or when validation is switched on. */
static void test_anchor_that_is_lost_for_a_while(void **state)
{
	(void)state;
	char away[80];
	snprintf(away, sizeof away, "%s.away", room.anchor);
	struct dns *dns = dns_begin(DNS_VALIDATE_ON);
	assert_int_equal(rename(room.anchor, away), 0);
	bool secure;
	assert_int_equal(outcome_of(dns, "www.signed", &secure), DNS_OK);
	struct loop *second = await_loops_get()->at[1];
	struct dns_wait *wait;
	assert_int_equal(dns_await_on(&wait, dns, second, "www.signed", DNS_A, LOOKUP_MS)->outcome, DNS_BROKEN);
	dns_wait_drop(&wait);
	assert_int_equal(log_count("error: DNS lookups fail: dns_trust_anchor: "), 1);
	assert_int_equal(rename(away, room.anchor), 0);
	atomic_fetch_add(&jump_ms, 1000);
	const struct dns_answer *answer = dns_await_on(&wait, dns, second, "www.signed", DNS_A, LOOKUP_MS);
	assert_int_equal(answer->outcome, DNS_OK);
	assert_true(answer->secure);
	dns_wait_drop(&wait);
	dns_free(&dns);
}

/* An attacker, or a new forwarder, cannot switch validation off: the domain becomes bogus, not insecure. */
static void test_never_lowered(void **state)
{
	(void)state;
	struct dns *dns = dns_begin(DNS_VALIDATE_AUTO);
	assert_true(dns_validates(dns));
	signed_server_mood(room.server, SERVER_STRIPS);
	bool secure;
	assert_int_equal(outcome_of(dns, "www.signed", &secure), DNS_BOGUS);
	assert_int_equal(outcome_of(dns, "none.signed", &secure), DNS_BOGUS);
	assert_true(dns_validates(dns));
	dns_free(&dns);
}

/* Both possible answers for `invalid.` in a validating context show that the resolver is alive. */
static void test_dead_while_validating(void **state)
{
	(void)state;
	for (int mood = SERVER_HONEST; mood <= SERVER_STRIPS; mood++) {
		bool secure;
		signed_server_mood(room.server, SERVER_HONEST);
		struct dns *dns = dns_begin(DNS_VALIDATE_AUTO);
		signed_server_mood(room.server, (enum server_mood)mood);
		outcome_of(dns, "www.unsigned", &secure); /* starts the control query */
		signed_server_mood(room.server, SERVER_SILENT);
		struct dns_wait *wait;
		const struct dns_answer *answer = dns_await(&wait, dns, "ns.signed", DNS_A, 1000);
		assert_int_equal(answer->outcome, DNS_TIMEOUT); /* the servers were alive a moment ago */
		dns_wait_drop(&wait);
		usleep(5100 * 1000); /* by then the answer to the control query no longer counts */
		assert_int_equal(outcome_of(dns, "ns.unsigned", &secure), DNS_BROKEN);
		assert_true(dns_validates(dns));
		dns_free(&dns);
	}
}

static void test_auto_over_silent_servers(void **state)
{
	bool secure;
	(void)state;
	signed_server_mood(room.server, SERVER_SILENT);
	int64_t begun_ms = clock_mono_ms();
	struct dns *dns = dns_begin(DNS_VALIDATE_AUTO);
	assert_in_range(clock_mono_ms() - begun_ms, 1499, 10000);
	assert_false(dns_validates(dns));
	assert_true(log_has("warning: dnssec = auto: the DNS servers do not answer"));
	signed_server_mood(room.server, SERVER_HONEST);
	while (outcome_of(dns, "www.signed", &secure) != DNS_OK)
		assert_in_range(clock_mono_ms() - begun_ms, 0, 60000);
	while (!dns_validates(dns)) {
		assert_in_range(clock_mono_ms() - begun_ms, 0, 60000);
		assert_int_equal(outcome_of(dns, "www.signed", &secure), DNS_OK);
		usleep(20 * 1000);
	}
	assert_true(log_has("dnssec = auto: DNS answers are validated\n"));
	for (size_t i = 0; i < COUNT(rows); i++)
		check_row(dns, &rows[i], rows[i].secure);
	dns_free(&dns);
}

/* dns_new() does not wait. What is in the store counts as validated until the trial has ended, or has been given its
 * time. */
static void test_auto_at_once(void **state)
{
	static const enum server_mood moods[] = {SERVER_HONEST, SERVER_STRIPS, SERVER_SILENT};
	(void)state;
	room.options.at_once = true;
	for (size_t i = 0; i < COUNT(moods); i++) {
		fake_log_forget();
		signed_server_mood(room.server, SERVER_SILENT);
		int64_t begun_ms = clock_mono_ms();
		struct dns *dns = dns_begin(DNS_VALIDATE_AUTO);
		assert_true(dns_is_deciding(dns) || clock_mono_ms() - begun_ms > 1400);
		assert_true(dns_validates(dns) || !dns_is_deciding(dns));
		signed_server_mood(room.server, moods[i]); /* libunbound asks again */
		while (dns_is_deciding(dns)) {
			assert_in_range(clock_mono_ms() - begun_ms, 0, 60000);
			usleep(10 * 1000);
		}
		if (moods[i] == SERVER_SILENT) {
			assert_true(clock_mono_ms() - begun_ms >= 1499);
			assert_true(log_has("warning: dnssec = auto: the DNS servers do not answer"));
		}
		assert_true(moods[i] == SERVER_HONEST || !dns_validates(dns));
		dns_free(&dns);
	}
}

/* The first servers were dead at the start. The trial then finds servers that remove signatures, and no further trial
 * follows at once. */
static void test_auto_undecided_then_stripping(void **state)
{
	bool secure;
	(void)state;
	signed_server_mood(room.server, SERVER_SILENT);
	struct dns *dns = dns_begin(DNS_VALIDATE_AUTO);
	int64_t begun_ms = clock_mono_ms();
	signed_server_mood(room.server, SERVER_STRIPS);
	while (!log_has("DNSKEY of . is bogus")) {
		assert_in_range(clock_mono_ms() - begun_ms, 0, 60000);
		outcome_of(dns, "www.signed", &secure);
		usleep(20 * 1000);
	}
	assert_int_equal(outcome_of(dns, "www.signed", &secure), DNS_OK);
	assert_false(dns_validates(dns));
	dns_free(&dns);
}

/* A site's own anchor is tried with its own zone, because the root is not signed for it. */
static void test_anchor_below_the_root(void **state)
{
	(void)state;
	unlink(room.anchor);
	signed_server_anchor(room.server, "signed.", room.anchor);
	struct dns *dns = dns_begin(DNS_VALIDATE_AUTO);
	assert_true(dns_validates(dns));
	check_row(dns, &(struct row){"www.signed", DNS_A, DNS_OK, true, 1, ""}, true);
	check_row(dns, &(struct row){"www.lapsed", DNS_A, DNS_OK, false, 1, ""}, false);
	dns_free(&dns);
	signed_server_mood(room.server, SERVER_STRIPS);
	fake_log_forget();
	dns = dns_begin(DNS_VALIDATE_AUTO);
	assert_false(dns_validates(dns));
	assert_true(log_has("DNSKEY of signed. is bogus"));
	dns_free(&dns);
}

static void test_anchor_that_cannot_be_read(void **state)
{
	struct failure why = {0};
	(void)state;
	room.options.validate = DNS_VALIDATE_AUTO;
	room.options.trust_anchor = "/nonexistent/root.key";
	assert_null(dns_new(&room.options, await_loops_get(), &why));
	assert_int_equal(why.code, EX_NOINPUT);
	assert_non_null(strstr(why.text, "dns_trust_anchor: /nonexistent/root.key"));
	room.options.trust_anchor = "/etc/passwd";
	assert_null(dns_new(&room.options, await_loops_get(), &why));
	assert_int_equal(why.code, EX_CONFIG);
}

/* Runs before any thread exists: a child that sees no files of dns-root-data, and whose servers do not answer. */
static void test_system_anchor_missing(void **state)
{
	(void)state;
	pid_t child = fork();
	assert_int_not_equal(child, -1);
	if (child == 0) {
		const char *servers[1] = {"127.0.0.1@1"};
		struct dns_options options = {.servers = servers, .server_count = 1, .validate = DNS_VALIDATE_AUTO};
		struct failure why = {0};
		hide_system_anchor();
		struct dns *dns = dns_new(&options, await_loops_get(), &why);
		bool good = dns && !dns_validates(dns) &&
			    log_has("warning: dnssec = auto: DNS answers are not validated and DANE is not evaluated: "
				    "dns_trust_anchor: /usr/share/dns/root.key cannot be read: No such file");
		dns_free(&dns);
		options.validate = DNS_VALIDATE_ON;
		dns = dns_new(&options, await_loops_get(), &why);
		_exit(good && !dns && why.code == EX_NOINPUT ? 0 : 1);
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_NAMESPACE)
		skip();
	assert_int_equal(status, 0);
}

#define THREADS 8
#define LOOKUPS 200

static void *lookups_run(void *dns)
{
	for (int i = 0; i < LOOKUPS; i++) {
		const struct row *row = &rows[i % COUNT(rows)];
		bool validated = dns_validates(dns);
		struct dns_wait *wait;
		const struct dns_answer *answer =
			dns_await_on(&wait, dns, await_loops_get()->at[i % 2], row->name, row->type, LOOKUP_MS);
		/* A lookup that began with validation ends with it. */
		if (validated && (answer->outcome != row->outcome || answer->secure != row->secure))
			abort();
		dns_wait_drop(&wait);
		usleep(1000);
	}
	return NULL;
}

/* Lookups continue while the trial is repeated and validation is switched on. */
static void test_switched_on_under_load(void **state)
{
	pthread_t threads[THREADS];
	bool secure;
	(void)state;
	signed_server_mood(room.server, SERVER_SILENT);
	int64_t begun_ms = clock_mono_ms();
	struct dns *dns = dns_begin(DNS_VALIDATE_AUTO);
	signed_server_mood(room.server, SERVER_HONEST);
	while (outcome_of(dns, "www.signed", &secure) != DNS_OK)
		assert_in_range(clock_mono_ms() - begun_ms, 0, 60000);
	while (clock_mono_ms() - begun_ms < 9900)
		usleep(10 * 1000);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, lookups_run, dns), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_true(dns_validates(dns));
	dns_free(&dns);
}

int main(void)
{
#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_open, room_close)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_system_anchor_missing),
		IN_ROOM(test_on),
		IN_ROOM(test_private_domains),
		IN_ROOM(test_off),
		IN_ROOM(test_auto_over_honest_servers),
		IN_ROOM(test_auto_over_stripping_servers),
		IN_ROOM(test_auto_tries_again),
		cmocka_unit_test(test_waits_between_trials),
		IN_ROOM(test_settled_by_the_setting),
		IN_ROOM(test_libunbound_fails),
		IN_ROOM(test_libunbound_fails_on),
		IN_ROOM(test_anchor_that_is_lost_for_a_while),
		IN_ROOM(test_never_lowered),
		IN_ROOM(test_dead_while_validating),
		IN_ROOM(test_auto_over_silent_servers),
		IN_ROOM(test_auto_at_once),
		IN_ROOM(test_auto_undecided_then_stripping),
		IN_ROOM(test_anchor_below_the_root),
		IN_ROOM(test_anchor_that_cannot_be_read),
		IN_ROOM(test_switched_on_under_load),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
