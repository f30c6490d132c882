/* The subcommands that use the network, with fakes for the network: real check, core and store. */
#include "cm.h"

#include "call.h"
#include "store.h"
#include "world.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define POLICY(mode, mx) "version: STSv1\nmode: " mode "\nmx: " mx "\nmax_age: 604800\n"
#define ENFORCE POLICY("enforce", "mx.example.com")

static void dns_set(const char *name, enum dns_type type, const char *record)
{
	assert_true(world_dns(name, type, 300, &record, 1));
}

/* An honest domain: record, enforce policy, and one mail host that satisfies it. */
static void world_honest(void)
{
	world_reset();
	dns_set("_mta-sts.example.com", DNS_TXT, "v=STSv1; id=1;");
	dns_set("example.com", DNS_MX, "10 mx.example.com");
	world_address("mx.example.com");
	world_policy("example.com", ENFORCE, strlen(ENFORCE));
	world_hop("mx.example.com", REASON_OK, 0x0304);
}

static void test_honest(void **state)
{
	(void)state;
	world_honest();
	json_t *got = call_for_json((struct call){.run = query_run, .words = {"user@Example.COM"}}, 0);
	json_is_text(got, "domain", "example.com");
	json_is_text(got, "question.asked", "user@Example.COM");
	json_is_text(got, "verdict", "pass");
	json_is_text(got, "policy.mode", "enforce");
	json_is_text(got, "policy.mx.0", "mx.example.com");
	json_is_text(got, "policy.id", "1");
	json_is_text(got, "mx.0.host", "mx.example.com");
	assert_int_equal(json_integer_value(json_at(got, "mx.0.preference")), 10);
	assert_true(json_is_true(json_at(got, "mx.0.allowed")));
	json_is_text(got, "hops.0.newest.protocol", "TLSv1.3");
	json_is_text(got, "milter.action", "accept");
	json_is_nothing(got, "milter.reply");
	json_is_text(got, "map", "OK secure match=mx.example.com servername=hostname");
	static const char *const wants[] = {"entry", "record", "policy", "mx", "evidence", "probe"};
	assert_int_equal(json_array_size(json_at(got, "steps")), COUNT(wants));
	for (size_t i = 0; i < COUNT(wants); i++) {
		char path[32];
		snprintf(path, sizeof path, "steps.%zu.want", i);
		json_is_text(got, path, wants[i]);
	}
	json_is_text(got, "steps.1.outcome", "found");
	json_is_text(got, "steps.2.outcome", "fetched");
	json_is_text(got, "steps.5.outcome", "good");
	json_decref(got);
}

static void test_stripped(void **state)
{
	(void)state;
	world_honest();
	world_hop("mx.example.com", REASON_STARTTLS_MISSING, 0);
	json_t *got = call_for_json((struct call){.run = query_run, .words = {"example.com"}}, 1);
	json_is_text(got, "verdict", "fail-enforce");
	json_is_text(got, "reason", "starttls-not-supported");
	assert_true(json_is_false(json_at(got, "hops.0.newest.starttls")));
	json_is_text(got, "hop", "mx.example.com");
	json_is_text(got, "milter.action", "defer");
	json_is_text(got, "milter.reply",
		"451 4.7.5 <example.com> MTA-STS policy (enforce): mx.example.com offers no STARTTLS "
		"[starttls-not-supported]; will be retried");
	json_is_text(got, "map", "OK secure match=mx.example.com servername=hostname");
	json_decref(got);
}

/* A signed world: the DNSSEC status of each lookup, the TLSA records of each hop, and the answers of the maps. */
static void test_dane(void **state)
{
	(void)state;
	const struct call call = {.run = query_run, .words = {"example.com"}, .override = "dnssec=on"};
	world_honest();
	world_zone("example.com", true);
	dns_set("_25._tcp.mx.example.com", DNS_TLSA, "3 1 1 a");
	world_hop("mx.example.com/dane", REASON_TLSA_MISMATCH, 0x0304);
	json_t *got = call_for_json(call, 1);
	json_is_text(got, "reason", "tlsa-invalid");
	json_is_text(got, "mx_dnssec", "secure");
	assert_true(json_is_true(json_at(got, "dane")));
	json_is_text(got, "hops.0.reason", "tlsa-invalid");
	json_is_text(got, "hops.0.tlsa.state", "usable");
	json_is_text(got, "hops.0.tlsa.dnssec", "secure");
	json_is_text(got, "hops.0.tlsa.base", "mx.example.com");
	assert_int_equal(json_integer_value(json_at(got, "hops.0.tlsa.usable")), 1);
	json_is_text(got, "hops.0.dane.newest.reason", "tlsa-invalid");
	json_is_nothing(got, "hops.0.newest");
	json_is_text(got, "map", "OK dane-only");
	json_is_text(got, "maps.postfix-tlsrpt", "OK dane-only");
	json_is_text(got, "maps.sts", "OK secure match=mx.example.com servername=hostname");
	json_decref(got);
}

/* Without a policy MTA-STS enforces nothing; the output still shows whether the records match. */
static void test_dane_alone(void **state)
{
	(void)state;
	const struct call call = {.run = query_run, .words = {"example.com"}, .override = "dnssec=on"};
	world_reset();
	dns_set("example.com", DNS_MX, "10 mx.example.com");
	world_address("mx.example.com");
	world_zone("example.com", true);
	dns_set("_25._tcp.mx.example.com", DNS_TLSA, "3 1 1 a");
	world_hop("mx.example.com/dane", REASON_OK, 0x0304);
	json_t *got = call_for_json(call, 0);
	json_is_text(got, "verdict", "none");
	json_is_text(got, "reason", "no-record");
	json_is_text(got, "hops.0.dane.good.protocol", "TLSv1.3");
	json_is_text(got, "map", "OK dane-only");
	json_is_text(got, "maps.sts", "NOTFOUND");
	json_decref(got);
	world_zone("example.com", false);
	got = call_for_json(call, 0);
	json_is_text(got, "mx_dnssec", "insecure");
	json_is_text(got, "hops.0.tlsa.state", "none");
	json_is_text(got, "hops.0.tlsa.dnssec", "insecure");
	json_is_text(got, "map", "NOTFOUND");
	json_decref(got);
}

/* The map answers `dane-only`, and no mail host satisfies that: mail waits in the MTA, whatever the verdict is. */
static void test_dane_fails(void **state)
{
	(void)state;
	static const struct {
		const char *override;
		enum reason first, second;
		int status;
		bool holds;
	} rows[] = {
		{"mta_enforces=yes", REASON_TLSA_MISMATCH, REASON_TLSA_MISMATCH, 1, true},
		{"mta_enforces=no", REASON_TLSA_MISMATCH, REASON_TLSA_MISMATCH, 0, true},
		{"mta_enforces=yes", REASON_TLSA_MISMATCH, REASON_OK, 0, false},
		{"mta_enforces=yes", REASON_STARTTLS_MISSING, REASON_HOP_UNREACHABLE, 0, false},
		{"mode=monitor", REASON_TLSA_MISMATCH, REASON_TLSA_MISMATCH, 0, false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct call call = {.run = query_run, .words = {"example.com"}, .override = rows[i].override};
		world_reset();
		world_validation(true);
		world_dns("example.com", DNS_MX, 3600, (const char *const[]){"10 mx.example.com", "20 mx2.example.com"},
			2);
		world_address("mx.example.com");
		world_address("mx2.example.com");
		world_zone("example.com", true);
		dns_set("_25._tcp.mx.example.com", DNS_TLSA, "3 1 1 a");
		dns_set("_25._tcp.mx2.example.com", DNS_TLSA, "3 1 1 a");
		world_hop("mx.example.com/dane", rows[i].first, 0x0304);
		world_hop("mx2.example.com/dane", rows[i].second, 0x0304);
		json_t *got = call_for_json(call, rows[i].status);
		json_is_text(got, "verdict", "none");
		assert_int_equal(json_is_true(json_at(got, "map_holds")), rows[i].holds);
		json_decref(got);
	}
}

/* If the MTA uses the map, TEMP holds mail that the verdict lets pass. */
static void test_map_holds(void **state)
{
	(void)state;
	static const struct {
		bool policy;
		const char *override, *verdict, *map;
		int status;
	} rows[] = {
		{true, "mta_enforces=yes", "pass", "TEMP dnssec-invalid", 1},
		{false, "mta_enforces=yes", "none", "OK dane", 0},
		{false, "mta_enforces=no", "none", "OK dane", 0},
		{false, "mta_dane=no", "none", "NOTFOUND", 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct call call = {.run = query_run, .words = {"example.com"}, .override = rows[i].override};
		world_reset();
		if (rows[i].policy)
			world_honest();
		world_validation(true);
		dns_set("example.com", DNS_MX, "10 mx.example.com");
		world_address("mx.example.com");
		world_zone("example.com", true);
		world_dns_outcome("_25._tcp.mx.example.com", DNS_TLSA, DNS_FAILED, 60);
		json_t *got = call_for_json(call, rows[i].status);
		json_is_text(got, "verdict", rows[i].verdict);
		json_is_text(got, "map", rows[i].map);
		json_decref(got);
	}
}

/* What the settings do with the same verdict. */
static void test_actions(void **state)
{
	(void)state;
	static const char header[] = "X-STS-Gate: domain=example.com; policy=enforce; verdict=fail-enforce; "
				     "reason=starttls-not-supported; mx=mx.example.com";
	static const struct {
		const char *override, *action, *would, *header, *map;
	} rows[] = {
		{"mode=monitor", "tag", "defer", header, "NOTFOUND"},
		{"milter_on_fail=tag", "tag", "tag", header, "OK secure match=mx.example.com servername=hostname"},
		{"milter_on_fail=quarantine", "quarantine", "quarantine", header,
			"OK secure match=mx.example.com servername=hostname"},
		{"probe=no", "accept", "accept", NULL, "OK secure match=mx.example.com servername=hostname"},
		{"exempt_domains=example.com", "accept", "accept", NULL, "NOTFOUND"},
	};
	world_honest();
	world_hop("mx.example.com", REASON_STARTTLS_MISSING, 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		int status = rows[i].header ? 1 : 0;
		json_t *got = call_for_json(
			(struct call){.run = query_run, .words = {"example.com"}, .override = rows[i].override},
			status);
		json_is_text(got, "milter.action", rows[i].action);
		json_is_text(got, "milter.would", rows[i].would);
		json_is_nothing(got, "milter.reply");
		json_is_text(got, "map", rows[i].map);
		if (rows[i].header)
			json_is_text(got, "milter.header", rows[i].header);
		json_decref(got);
	}
}

static void test_forged_mx(void **state)
{
	(void)state;
	world_honest();
	static const char *const mx[] = {"10 mx.example.com", "5 mx.evil.example"};
	assert_true(world_dns("example.com", DNS_MX, 300, mx, 2));
	struct tool_run run = call_tool((struct call){.run = query_run, .words = {"example.com"}});
	assert_int_equal(run.status, 1);
	assert_non_null(strstr(run.out, "10 mx.example.com, allowed by the policy\n"));
	assert_non_null(strstr(run.out, "5 mx.evil.example, NOT allowed by the policy\n"));
	assert_non_null(strstr(run.out, "verdict   fail-enforce: mx.evil.example is not a mail host that the policy "
					"allows [mx-not-in-policy]\n"));
	assert_non_null(strstr(run.out, "advice    Compare the domain's MX records"));
	assert_non_null(strstr(run.out, "`dig MX example.com`")); /* the text of the table says `dig MX DOMAIN` */
	assert_null(strstr(run.out, "DOMAIN"));
	assert_non_null(strstr(run.out, "          451 4.7.5 <example.com> MTA-STS policy (enforce): mx.evil.example"));
	tool_run_free(&run);
}

static void test_text(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"- stored entry of example.com: unknown\n",
		"- MTA-STS record of example.com: found\n",
		"- policy of example.com: fetched\n",
		"- MX records of example.com: listed\n",
		"- probe of mx.example.com:25: good\n",
		"record    found, id 1\n",
		"policy    mode enforce, id 1, max_age 604800 s\n",
		"          mx mx.example.com\n",
		"hop       mx.example.com:25\n          satisfies the policy [ok], ",
		"          STARTTLS, TLSv1.3 ",
		"verdict   pass: ",
		"milter    would accept\n",
		"map       OK secure match=mx.example.com servername=hostname\n",
	};
	world_honest();
	struct tool_run run = call_tool((struct call){.run = query_run, .words = {"example.com"}});
	assert_int_equal(run.status, 0);
	for (size_t i = 0; i < COUNT(lines); i++)
		if (!strstr(run.out, lines[i]))
			fail_msg("not there: %s\n%s", lines[i], run.out);
	assert_non_null(strstr(run.err, "stsgate: note: "));
	tool_run_free(&run);
}

static void told(const struct call *call, int status, const char *const *lines, size_t count)
{
	struct tool_run run = call_tool(*call);
	assert_int_equal(run.status, status);
	for (size_t i = 0; i < count; i++)
		if (!strstr(run.out, lines[i]))
			fail_msg("not there: %s\n%s", lines[i], run.out);
	tool_run_free(&run);
}

/* The fault of a hop, the advice, and the note that the hop holds no mail with the map. */
static void test_left_to_mta(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"presents a certificate with too weak a key [certificate-key-too-weak]",
		"            to the domain's postmaster: A key in the certificate chain of your mail host is too weak.",
		"            an MTA that uses the map still delivers, to address 8.0.",
		"          does not hold mail: the MTA delivers there over TLS that it verifies itself (mta_enforces)\n",
		"verdict   pass: ",
	};
	static const char *const alone[] = {
		"            an MTA that uses the map still delivers, to address 8.0.",
		"verdict   fail-enforce: mx.example.com presents a certificate with too weak a key",
	};
	struct call call = {.run = query_run, .words = {"example.com"}, .override = "mta_enforces=yes"};
	world_honest();
	world_hop_left_to_mta("mx.example.com", REASON_CERT_WEAK_KEY, 0x0304);
	told(&call, 0, lines, COUNT(lines));
	json_t *got = call_for_json(call, 0);
	assert_true(json_is_true(json_at(got, "hops.0.left_to_mta")));
	json_is_text(got, "hops.0.newest.mta_address", "8.0.1.1");
	json_decref(got);
	call.override = NULL;
	told(&call, 1, alone, COUNT(alone));
	got = call_for_json(call, 1);
	assert_true(json_is_false(json_at(got, "hops.0.left_to_mta")));
	json_decref(got);
}

/* Port 465: the output does not mention STARTTLS. */
static void test_tls_first(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"hop       mx.example.com:465\n", "            TLS from the start, TLSv1.3 "};
	const struct call call = {.run = query_run, .words = {"[mx.example.com]:465"}};
	world_honest();
	dns_set("_mta-sts.mx.example.com", DNS_TXT, "v=STSv1; id=1;");
	world_policy("mx.example.com", ENFORCE, strlen(ENFORCE));
	told(&call, 0, lines, COUNT(lines));
	json_t *got = call_for_json(call, 0);
	json_is_nothing(got, "hops.0.newest.starttls");
	json_is_text(got, "map", "OK secure match=mx.example.com servername=hostname");
	json_decref(got);
}

/* Failures of discovery: the verdict is none each time, but with different certainty. */
static void test_discovery(void **state)
{
	(void)state;
	world_honest();
	world_policy_fails("example.com", REASON_POLICY_FETCH, "HTTP status 500");
	json_t *got = call_for_json((struct call){.run = query_run, .words = {"example.com"}}, 0);
	json_is_text(got, "verdict", "none");
	json_is_text(got, "fetch.outcome", "sts-policy-fetch-error");
	json_is_text(got, "fetch.detail", "HTTP status 500");
	json_is_text(got, "steps.2.detail", "HTTP status 500");
	json_is_nothing(got, "policy");
	json_is_text(got, "map", "NOTFOUND");
	json_decref(got);

	got = call_for_json((struct call){.run = query_run, .words = {"plain.example"}}, 0);
	json_is_text(got, "reason", "no-record");
	json_decref(got);

	world_dns_outcome("_mta-sts.example.com", DNS_TXT, DNS_FAILED, 0);
	got = call_for_json((struct call){.run = query_run, .words = {"example.com"}}, 2);
	json_is_text(got, "reason", "record-lookup-failed");
	json_decref(got);

	world_resolver(false);
	got = call_for_json((struct call){.run = query_run, .words = {"example.com"}}, 2);
	json_decref(got);
}

static void test_no_domain(void **state)
{
	(void)state;
	world_honest();
	json_t *got = call_for_json((struct call){.run = query_run, .words = {"[192.0.2.1]:25"}}, 0);
	json_is_nothing(got, "domain");
	json_is_nothing(got, "question.port");
	json_is_text(got, "reason", "no-policy-domain");
	json_decref(got);
	got = call_for_json((struct call){.run = query_run, .words = {"[mx.example.com]:587"}}, 0);
	json_is_text(got, "domain", "mx.example.com");
	assert_int_equal(json_integer_value(json_at(got, "question.port")), 587);
	assert_true(json_is_false(json_at(got, "question.mx_lookup")));
	json_decref(got);
	/* Bytes that are not UTF-8 are quoted. */
	got = call_for_json((struct call){.run = query_run, .words = {"\xff\x1b[2J"}}, 0);
	json_is_text(got, "question.asked", "\"\\xff\\x1b[2J\"");
	json_decref(got);
}

static void *time_pass(void *arg)
{
	(void)arg;
	if (world_gate_await("fetch example.com", 1, 20000))
		world_advance(3600);
	usleep(300000);
	world_gate_open("fetch example.com");
	return NULL;
}

static int call_stuck(void *arg)
{
	pthread_t thread;
	world_gate_shut("fetch example.com");
	if (pthread_create(&thread, NULL, time_pass, NULL) != 0)
		return 99;
	int status = call_run(arg);
	pthread_join(thread, NULL);
	return status;
}

/* A step that never ends: the tool gives up and reports that. */
static void test_stuck(void **state)
{
	(void)state;
	world_honest();
	struct call asked = {.run = query_run, .words = {"example.com"}, .json = true};
	struct tool_run run = tool_call(call_stuck, &asked);
	json_t *got = tool_json(&run);
	assert_int_equal(run.status, 2);
	assert_true(json_is_false(json_at(got, "final")));
	json_is_text(got, "reason", "first-contact");
	json_decref(got);
	tool_run_free(&run);
}

/* query fills the daemon's store; the other commands find its results there. */
static void test_store(void **state)
{
	(void)state;
	world_honest();
	call_store_make();
	json_t *got =
		call_for_json((struct call){.run = query_run, .words = {"example.com"}, .store = call_directory}, 0);
	json_decref(got);
	got = call_for_json((struct call){.run = list_run, .store = call_directory}, 0);
	assert_int_equal(json_array_size(json_at(got, "domains")), 1);
	json_is_text(got, "domains.0.domain", "example.com");
	json_is_text(got, "domains.0.mode", "enforce");
	json_is_text(got, "domains.0.id", "1");
	json_is_nothing(got, "domains.0.last_failure");
	json_decref(got);
	got = call_for_json((struct call){.run = show_run, .words = {"Example.com."}, .store = call_directory}, 0);
	json_is_text(got, "policy_text", ENFORCE);
	json_is_text(got, "hops.0.host", "mx.example.com");
	json_is_text(got, "hops.0.reason", "ok");
	json_decref(got);
	/* All facts are in the store: no step uses the network. */
	got = call_for_json((struct call){.run = query_run, .words = {"example.com"}, .store = call_directory}, 0);
	assert_int_equal(json_array_size(json_at(got, "steps")), 2);
	json_is_text(got, "steps.0.outcome", "known");
	json_decref(got);
	call_store_remove();
}

/* Facts from before the clock was set back are from the future: the output reports that, whatever else failed because
 * of it. */
static void test_clock_behind(void **state)
{
	(void)state;
	const struct call asked = {.run = query_run, .words = {"example.com"}, .store = call_directory};
	world_honest();
	call_store_make();
	json_t *got = call_for_json(asked, 0);
	assert_int_equal(json_array_size(json_at(got, "degraded")), 0);
	json_decref(got);
	world_set_back(4 * 86400);
	world_policy_fails("example.com", REASON_POLICY_WEBPKI, "certificate is not yet valid");
	struct tool_run run = call_tool(asked);
	assert_non_null(strstr(run.out, "clock     this machine's clock is behind: "));
	assert_non_null(strstr(run.out, "; set the clock (`timedatectl`)"));
	tool_run_free(&run);
	world_advance(1);
	world_set_back(86400);
	got = call_for_json(asked, 0);
	json_is_text(got, "degraded.0", "clock-behind");
	json_is_text(got, "policy.mode", "enforce");
	json_decref(got);
	call_store_remove();
}

/* A refresh stores a new policy although nothing is due, and reports a failure without deleting the policy. */
static void test_refresh(void **state)
{
	(void)state;
	world_honest();
	call_store_make();
	json_t *got =
		call_for_json((struct call){.run = refresh_run, .words = {"example.com"}, .store = call_directory}, 1);
	assert_true(json_is_false(json_at(got, "domains.0.found")));
	json_decref(got);
	json_decref(
		call_for_json((struct call){.run = query_run, .words = {"example.com"}, .store = call_directory}, 0));
	dns_set("_mta-sts.example.com", DNS_TXT, "v=STSv1; id=2;");
	world_policy("example.com", POLICY("testing", "*.example.com"), strlen(POLICY("testing", "*.example.com")));
	got = call_for_json((struct call){.run = refresh_run, .words = {"example.com"}, .store = call_directory}, 0);
	json_is_text(got, "domains.0.policy.mode", "testing");
	json_decref(got);
	world_policy_fails("example.com", REASON_POLICY_WEBPKI, "certificate has expired");
	struct tool_run run = call_tool(
		(struct call){.run = refresh_run, .words = {"example.com", "other.example"}, .store = call_directory});
	assert_int_equal(run.status, 2);
	assert_non_null(strstr(run.out, "fetch     the policy host's certificate is not valid [sts-webpki-invalid]\n"
					"          certificate has expired\n"));
	assert_non_null(strstr(run.out, "other.example: not in the store"));
	tool_run_free(&run);
	got = call_for_json((struct call){.run = show_run, .words = {"example.com"}, .store = call_directory}, 0);
	json_is_text(got, "policy.id", "2");
	json_is_text(got, "previous.mode", "enforce");
	json_is_text(got, "fetch.outcome", "sts-webpki-invalid");
	json_decref(got);
	call_store_remove();
}

static void hop_seen_for(struct hop_record *record, void *arg)
{
	struct evidence seen = {.at = *(int64_t *)arg, .protocol = 0x0304, .address = "8.8.8.1"};
	snprintf(seen.seen_for, sizeof seen.seen_for, "mx.other.example");
	*record = (struct hop_record){.refused_since = 0};
	hop_record_learn(record, &seen);
}

/* The output marks evidence that was seen at its address for another host. */
static void test_seen_for(void **state)
{
	(void)state;
	struct failure why;
	int64_t at = world_wall_s() - 60;
	world_honest();
	call_store_make();
	json_decref(
		call_for_json((struct call){.run = query_run, .words = {"example.com"}, .store = call_directory}, 0));
	struct store *store = store_open(call_directory, 1 << 20, STORE_OWNER, &why);
	assert_non_null(store);
	assert_true(store_change_hop(store, "mx.example.com", 25, hop_seen_for, &at, &why));
	store_close(&store);
	struct tool_run run =
		call_tool((struct call){.run = query_run, .words = {"example.com"}, .store = call_directory});
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "seen at address 8.8.8.1 for host mx.other.example, whose certificate also "
					"covers this host\n"));
	tool_run_free(&run);
	json_t *got =
		call_for_json((struct call){.run = show_run, .words = {"example.com"}, .store = call_directory}, 0);
	json_is_text(got, "hops.0.newest.seen_for", "mx.other.example");
	json_decref(got);
	call_store_remove();
}

static void test_no_trace(void **state)
{
	(void)state;
	world_honest();
	json_decref(call_for_json((struct call){.run = query_run, .words = {"example.com"}}, 0));
	DIR *files = opendir(call_directory);
	unsigned count = 0;
	while (readdir(files))
		count++;
	closedir(files);
	assert_int_equal(count, 2); /* "." and ".." */
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_honest), cmocka_unit_test(test_stripped),
		cmocka_unit_test(test_dane), cmocka_unit_test(test_dane_alone), cmocka_unit_test(test_map_holds),
		cmocka_unit_test(test_left_to_mta), cmocka_unit_test(test_tls_first), cmocka_unit_test(test_dane_fails),
		cmocka_unit_test(test_actions), cmocka_unit_test(test_forged_mx), cmocka_unit_test(test_text),
		cmocka_unit_test(test_discovery), cmocka_unit_test(test_no_domain), cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_no_trace), cmocka_unit_test(test_seen_for), cmocka_unit_test(test_store),
		cmocka_unit_test(test_clock_behind), cmocka_unit_test(test_refresh)};
	return cmocka_run_group_tests(tests, call_directory_make, call_directory_remove);
}
