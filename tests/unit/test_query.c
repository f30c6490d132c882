/* The subcommands that use the network, with fakes for the network: real check, core and store. */
#include "cm.h"

#include "call.h"
#include "store.h"
#include "world.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
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
	json_is_text(got, "mx.0.pattern", "mx.example.com");
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
	json_is_text(got, "mta.postfix",
		"Postfix delivers only to a mail host whose certificate matches its TLSA records; no mail host satisfies that "
		"now, so the message stays in the queue");
	/* Nobody has seen how the host stands by the policy alone. */
	json_is_text(got, "mta.sendmail", "Sendmail delivers only over verified TLS, to mx.example.com");
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

/* default_level = verify: a query probes the mail hosts of a domain without a policy, and shows whether one satisfies it. The
 * milter's verdict stays. */
static void test_default_level(void **state)
{
	(void)state;
	static const struct {
		const char *override;
		enum reason first, second;
		int status;
		const char *map, *level, *reason, *hop, *words;
	} rows[] = {
		{"default_level=verify", REASON_OK, REASON_STARTTLS_MISSING, 0,
			"OK verify match=hostname servername=hostname", "pass", "ok", NULL,
			"default_level = verify: a mail host satisfies it\n"},
		{"default_level=verify", REASON_CERT_EXPIRED, REASON_STARTTLS_MISSING, 1,
			"OK verify match=hostname servername=hostname", "fail-enforce", "certificate-expired",
			"mx.example.com", "default_level = verify: no mail host satisfies it: mx.example.com "},
		{"default_level=verify", REASON_HOP_UNREACHABLE, REASON_STARTTLS_MISSING, 0,
			"OK verify match=hostname servername=hostname", "pass", "hop-unreachable", "mx.example.com",
			"default_level = verify: not known: mx.example.com "},
		{"default_level=none", REASON_CERT_EXPIRED, REASON_STARTTLS_MISSING, 0, "NOTFOUND", NULL, NULL, NULL,
			NULL},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct call call = {.run = query_run, .words = {"example.com"}, .override = rows[i].override};
		world_reset();
		world_dns("example.com", DNS_MX, 3600, (const char *const[]){"10 mx.example.com", "20 mx2.example.com"},
			2);
		world_address("mx.example.com");
		world_address("mx2.example.com");
		world_hop("mx.example.com", rows[i].first, 0x0304);
		world_hop("mx2.example.com", rows[i].second, 0x0304);
		json_t *got = call_for_json(call, rows[i].status);
		json_is_text(got, "verdict", "none");
		json_is_text(got, "reason", "no-record");
		json_is_text(got, "map", rows[i].map);
		assert_int_equal(json_is_null(json_at(got, "default_level")), !rows[i].level);
		assert_int_equal(json_is_true(json_at(got, "map_holds")), i == 1);
		if (rows[i].level) {
			json_is_text(got, "default_level.verdict", rows[i].level);
			json_is_text(got, "default_level.reason", rows[i].reason);
			json_is_text(
				got, "maps.sts", "OK secure match=mx.example.com:mx2.example.com servername=hostname");
		}
		if (rows[i].hop)
			json_is_text(got, "default_level.hop", rows[i].hop);
		json_decref(got);
		struct tool_run run = call_tool(call);
		assert_int_equal(strstr(run.out, "default_level") != NULL, rows[i].words != NULL);
		if (rows[i].words)
			assert_non_null(strstr(run.out, rows[i].words));
		tool_run_free(&run);
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
	assert_non_null(strstr(run.out, "10 mx.example.com  ok mx.example.com\n"));
	assert_non_null(strstr(run.out, "5 mx.evil.example  x no pattern matches\n"));
	assert_non_null(strstr(run.out, "verdict   fail-enforce: mx.evil.example is not a mail host that the policy "
					"allows [mx-not-in-policy], checked 0s ago\n"));
	assert_non_null(strstr(run.out, "advice    Compare the domain's MX records"));
	assert_non_null(strstr(run.out, "`dig MX example.com`")); /* the text of the table says `dig MX DOMAIN` */
	assert_null(strstr(run.out, "DOMAIN"));
	/* the letter does not call the host theirs, and does not say that it was checked */
	assert_non_null(strstr(run.out, "MX records"));
	assert_null(strstr(run.out, "your mail host"));
	assert_null(strstr(run.out, "your\nmail host"));
	assert_null(strstr(run.out, "stsgate query"));
	assert_non_null(strstr(run.out, "          451 4.7.5 <example.com> MTA-STS policy (enforce): mx.evil.example"));
	assert_non_null(strstr(run.out, "          the MTA answers 451 to the recipient, and"));
	tool_run_free(&run);
	run = call_tool(
		(struct call){.run = query_run, .words = {"example.com"}, .override = "tls_required_no=headers"});
	assert_non_null(
		strstr(run.out, "          the MTA answers 451 at the end of the message, unless its header has "
				"`TLS-Required: No`, and"));
	tool_run_free(&run);
}

/* What the host itself shows about the revocation of its certificate. Nobody has decided that it matters. */
static void test_staple(void **state)
{
	(void)state;
	world_honest();
	world_hop_look("mx.example.com", &(struct world_look){.staple = STAPLE_REVOKED});
	struct tool_run run = call_tool((struct call){.run = query_run, .words = {"example.com"}});
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "staple (OCSP): the certificate's authority revoked it at 2030-"));
	assert_non_null(strstr(run.out, "verdict   pass: "));
	tool_run_free(&run);
}

/* Whether the host offers REQUIRETLS is shown, and changes no verdict. */
static void test_requiretls(void **state)
{
	static const struct {
		enum requiretls_offer offer;
		const char *text;
	} rows[] = {{REQUIRETLS_OFFERED, "AES_256_GCM_SHA384, REQUIRETLS offered\n"},
		{REQUIRETLS_ABSENT, "AES_256_GCM_SHA384, no REQUIRETLS\n"},
		{REQUIRETLS_UNKNOWN, "AES_256_GCM_SHA384\n"}};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		world_honest();
		world_hop_look("mx.example.com", &(struct world_look){.requiretls = rows[i].offer});
		struct tool_run run = call_tool((struct call){.run = query_run, .words = {"example.com"}});
		assert_int_equal(run.status, 0);
		assert_non_null(strstr(run.out, rows[i].text));
		assert_non_null(strstr(run.out, "verdict   pass: "));
		tool_run_free(&run);
		json_t *got = call_for_json((struct call){.run = query_run, .words = {"example.com"}}, 0);
		const json_t *offered = json_at(got, "hops.0.newest.requiretls");
		assert_int_equal(json_is_true(offered), rows[i].offer == REQUIRETLS_OFFERED);
		assert_int_equal(json_is_null(offered), rows[i].offer == REQUIRETLS_UNKNOWN);
		json_decref(got);
	}
}

static void test_text(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"- stored entry of example.com: unknown\n",
		"- MTA-STS record of example.com: found, ",
		"- policy of example.com: fetched, ",
		"- MX records of example.com: listed, ",
		"- probe of mx.example.com:25: good, ",
		"record    found, id 1\n",
		"policy    mode enforce, id 1, max_age 604800 s\n",
		"          mx mx.example.com\n",
		"hop       mx.example.com:25\n          satisfies the policy [ok], ",
		"          STARTTLS, TLSv1.3 ",
		" (0s ago, by a probe)\n",
		"            fresh for another ",
		"verdict   pass: the next hop satisfies the policy [ok], checked 0s ago\n",
		"milter    would accept\n          the MTA accepts the message\n",
		"delegation action=DUNNO\n",
		"map       OK secure match=mx.example.com servername=hostname\n",
		"          Postfix delivers only over verified TLS, to mx.example.com\n",
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
		"\nA paragraph for the domain's postmaster:\n\nOn 2030-03-17 at 17:46:40 UTC, our",
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
}

/* A word that is no domain, next hop or address is an error of usage, and the message names it. */
static void test_usage(void **state)
{
	(void)state;
	static const char *const words[] = {"", "a@b@c.example", "foo..bar", "example.com:99999", "[mx.example.com]:0",
		"[mx.example.com", "user@", "@example.com", "-", "\xff\x1b[2J"};
	static command_run *const runs[] = {query_run, show_run, refresh_run, forget_run, export_run};
	world_honest();
	for (size_t i = 0; i < COUNT(words); i++)
		for (size_t k = 0; k < COUNT(runs); k++) {
			struct tool_run run =
				call_tool((struct call){.run = runs[k], .words = {words[i]}, .store = call_directory});
			if (run.status != 64 ||
				!strstr(run.err, *words[i] ? "stsgate: " : "stsgate: \"\" is not a domain"))
				fail_msg("%s: %d %s", words[i], run.status, run.err);
			tool_run_free(&run);
		}
	json_t *got = call_for_json((struct call){.run = query_run, .words = {"localhost"}}, 0);
	json_is_text(got, "question.asked", "localhost");
	json_decref(got);
}

/* Puts a domain into the store, as a first contact does. `status` is that of `warm`. */
static void store_learn_with(const char *domain, int status)
{
	char name[96];
	snprintf(name, sizeof name, "%s/list", call_directory);
	FILE *file = fopen(name, "w");
	assert_non_null(file);
	fprintf(file, "%s\n", domain);
	fclose(file);
	json_decref(call_for_json((struct call){.run = warm_run, .words = {name}, .store = call_directory}, status));
}

static void store_learn(const char *domain)
{
	store_learn_with(domain, 0);
}

/* A mail host breaks after good evidence was stored: query shows that at once. --stored shows the old evidence with its
 * age, and needs neither a resolver nor the mail host. */
static void test_anew(void **state)
{
	(void)state;
	static const char *const letter[] = {"\nA paragraph for the domain's postmaster:\n\n",
		"  On 2030-03-17 at 21:46:40 UTC, our mail relay ",
		" your mail host mx.example.com (8.0.1.1, port 25), ", "Your mail host offers no STARTTLS, but",
		"Turn STARTTLS on at port 25."};
	struct call call = {.run = query_run, .words = {"example.com"}, .store = call_directory};
	world_honest();
	call_store_make();
	store_learn("example.com");
	world_advance(4 * 3600);
	world_hop("mx.example.com", REASON_STARTTLS_MISSING, 0);
	world_resolver(false);
	call.own[0] = (struct own_value){"stored", ""};
	json_t *got = call_for_json(call, 0);
	json_is_text(got, "verdict", "pass");
	json_is_text(got, "source.record", "store");
	json_is_text(got, "hops.0.source", "store");
	assert_int_equal(json_array_size(json_at(got, "steps")), 0);
	assert_int_equal(json_integer_value(json_at(got, "evidence_at")), WORLD_START_S);
	assert_true(json_is_true(json_at(got, "final")));
	json_decref(got);
	struct tool_run run = call_tool(call);
	assert_non_null(
		strstr(run.out, "verdict   pass: the next hop satisfies the policy [ok], from evidence 4h old\n"));
	assert_non_null(strstr(run.out, "(4h ago, from the store)"));
	tool_run_free(&run);
	world_resolver(true);
	call.own[0] = (struct own_value){NULL, NULL};
	got = call_for_json(call, 1);
	json_is_text(got, "reason", "starttls-not-supported");
	json_is_text(got, "source.record", "network");
	json_is_text(got, "hops.0.source", "network");
	assert_int_equal(json_integer_value(json_at(got, "evidence_at")), WORLD_START_S + 4 * 3600);
	json_decref(got);
	run = call_tool(call);
	char *text = strstr(run.out, letter[0]);
	assert_non_null(text);
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		assert_true(end - line <= 72);
		*end = ' ';
	}
	for (size_t i = 1; i < COUNT(letter); i++)
		if (!strstr(text, letter[i]))
			fail_msg("not there: %s\n%s", letter[i], text);
	/* The domain is in the store, so what was learned is stored. */
	tool_run_free(&run);
	call.own[0] = (struct own_value){"stored", ""};
	got = call_for_json(call, 1);
	json_is_text(got, "reason", "starttls-not-supported");
	json_decref(got);
	call_store_remove();
}

/* A mail host that cannot be reached is never shown as a plain pass. */
static void test_unreachable(void **state)
{
	(void)state;
	static const char *const left[] = {
		"verdict   pass, left to the MTA: no mail host is known to be good: mx.example.com "
		"cannot be reached [hop-unreachable], checked 0s ago\n"};
	static const char *const old[] = {
		"verdict   pass, but no mail host could be checked now: the next hop satisfies the "
		"policy [ok], from evidence 4h old\n"};
	struct call call = {
		.run = query_run, .words = {"example.com"}, .override = "mta_enforces=yes", .store = call_directory};
	world_honest();
	world_hop("mx.example.com", REASON_HOP_UNREACHABLE, 0);
	call_store_make();
	told(&call, 2, left, COUNT(left));
	json_t *got = call_for_json(call, 2);
	assert_true(json_is_true(json_at(got, "left_to_mta")));
	json_decref(got);
	call_store_remove();
	call_store_make();
	world_honest();
	store_learn("example.com");
	world_advance(4 * 3600);
	world_hop("mx.example.com", REASON_HOP_UNREACHABLE, 0);
	told(&call, 2, old, COUNT(old));
	call_store_remove();
}

/* If every mail host fails what the MTA itself demands, the MTA holds the mail. */
static void test_mta_holds(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"          Postfix delivers only over verified TLS, to mx.example.com; no mail host "
		"satisfies that now, so the message stays in the queue\n"};
	struct call call = {.run = query_run, .words = {"example.com"}, .override = "milter_on_fail=tag"};
	world_honest();
	world_hop("mx.example.com", REASON_CERT_EXPIRED, 0x0304);
	told(&call, 1, lines, COUNT(lines));
	json_t *got = call_for_json(call, 1);
	assert_true(json_is_true(json_at(got, "map_holds")));
	json_is_text(got, "mta.milter", "the MTA accepts the message and adds the header field");
	json_is_text(got, "delegation",
		"action=PREPEND X-STS-Gate: policy=enforce; verdict=fail-enforce; reason=certificate-expired");
	json_decref(got);
}

/* What a query learns about a domain that no mail has asked for does not stay in the store. */
static void test_curiosity(void **state)
{
	(void)state;
	world_honest();
	call_store_make();
	const struct call call = {.run = query_run, .words = {"example.com"}, .store = call_directory};
	json_decref(call_for_json(call, 0));
	json_t *got = call_for_json((struct call){.run = list_run, .store = call_directory}, 0);
	assert_int_equal(json_array_size(json_at(got, "domains")), 0);
	json_decref(got);
	struct tool_run run = call_tool((struct call){.run = export_run, .store = call_directory});
	assert_null(strstr(run.out, "\"domain\""));
	tool_run_free(&run);
	/* --stored has nothing to say then. */
	got = call_for_json(
		(struct call){
			.run = query_run, .words = {"example.com"}, .store = call_directory, .own = {{"stored", ""}}},
		2);
	json_is_text(got, "reason", "first-contact");
	assert_true(json_is_false(json_at(got, "final")));
	json_decref(got);
	struct call stored = call;
	stored.own[0] = (struct own_value){"stored", ""};
	run = call_tool(stored);
	assert_non_null(strstr(run.out,
		"note      the store has no entry of the domain: the first message to it starts the lookups\n"));
	tool_run_free(&run);
	call_store_remove();
}

/* What failed in a fetch stays in the store, with its time. */
static void test_fetch_detail(void **state)
{
	(void)state;
	world_honest();
	world_policy_fails("example.com", REASON_POLICY_FETCH, "HTTP status 500");
	call_store_make();
	store_learn_with("example.com", 2);
	json_t *got =
		call_for_json((struct call){.run = show_run, .words = {"example.com"}, .store = call_directory}, 0);
	json_is_text(got, "fetch.detail", "HTTP status 500");
	json_decref(got);
	got = call_for_json((struct call){.run = list_run, .store = call_directory}, 0);
	json_is_text(got, "domains.0.last_failure_detail", "HTTP status 500");
	json_decref(got);
	struct tool_run run = call_tool((struct call){.run = list_run, .store = call_directory});
	assert_non_null(strstr(run.out, " sts-policy-fetch-error (HTTP status 500)\n"));
	tool_run_free(&run);
	run = call_tool((struct call){.run = export_run, .store = call_directory});
	assert_non_null(strstr(run.out, "\"detail\": \"HTTP status 500\""));
	tool_run_free(&run);
	world_honest();
	world_advance(600);
	json_decref(
		call_for_json((struct call){.run = refresh_run, .words = {"example.com"}, .store = call_directory}, 0));
	got = call_for_json((struct call){.run = show_run, .words = {"example.com"}, .store = call_directory}, 0);
	json_is_nothing(got, "fetch.detail");
	json_decref(got);
	call_store_remove();
}

/* An override releases the mail at the front ends; the verdict and the mail hosts are shown as without it. */
static void test_override(void **state)
{
	(void)state;
	struct call call = {.run = query_run, .words = {"example.com"}, .store = call_directory};
	struct failure why;
	const struct override override = {.kind = OVERRIDE_PASS,
		.domain = "example.com",
		.begins_at = WORLD_START_S,
		.ends_at = WORLD_START_S + 4 * 3600,
		.author = "anna",
		.reason = "their certificate, ticket 7"};
	world_honest();
	call_store_make();
	store_learn("example.com");
	world_hop("mx.example.com", REASON_CERT_EXPIRED, 0x0304);
	struct store *store = store_open(call_directory, 1 << 20, STORE_OWNER, &why);
	assert_true(store_set_override(store, &override, NULL, &why));
	store_close(&store);
	for (int i = 0; i < 2; i++) {
		world_advance(60 * i);
		json_t *got = call_for_json(call, 0);
		json_is_text(got, "verdict", "fail-enforce");
		json_is_text(got, "override.author", "anna");
		json_is_text(got, "milter.action", "accept");
		json_is_text(got, "map", "NOTFOUND");
		json_decref(got);
		call.own[0] = (struct own_value){"stored", ""};
	}
	struct tool_run run = call_tool(call);
	assert_non_null(
		strstr(run.out, "override  pass for example.com until 2030-03-17T21:46:40Z (in 3h 59m), set by anna: "
				"\"their certificate, ticket 7\"\n"));
	assert_true(strstr(run.out, "\noverride ") < strstr(run.out, "\nrecord "));
	assert_true(strstr(run.out, "\nverdict ") < strstr(run.out, "note      the front ends obey the override\n"));
	tool_run_free(&run);
	call_store_remove();
}

/* The override `enforce` binds the MTA to a testing policy: if no mail host satisfies it, the MTA holds the mail. */
static void test_override_enforce(void **state)
{
	(void)state;
	struct call call = {
		.run = query_run, .words = {"example.com"}, .override = "mta_enforces=yes", .store = call_directory};
	struct failure why;
	const struct override override = {.kind = OVERRIDE_ENFORCE,
		.domain = "example.com",
		.begins_at = WORLD_START_S,
		.ends_at = WORLD_START_S + 4 * 3600,
		.author = "anna",
		.reason = "they asked for it"};
	world_honest();
	world_policy("example.com", POLICY("testing", "mx.example.com"), strlen(POLICY("testing", "mx.example.com")));
	world_hop("mx.example.com", REASON_CERT_EXPIRED, 0x0304);
	call_store_make();
	store_learn("example.com");
	json_t *got = call_for_json(call, 0);
	assert_true(json_is_false(json_at(got, "map_holds")));
	json_decref(got);
	struct store *store = store_open(call_directory, 1 << 20, STORE_OWNER, &why);
	assert_true(store_set_override(store, &override, NULL, &why));
	store_close(&store);
	got = call_for_json(call, 1);
	assert_true(json_is_true(json_at(got, "map_holds")));
	json_decref(got);
	call_store_remove();
}

/* Each address of a mail host is shown, with what a probe saw there. The host offers REQUIRETLS only if both addresses do. */
static void test_addresses(void **state)
{
	(void)state;
	static const char *const lines[] = {"          addresses: 3\n",
		"            8.0.9.1: satisfies the policy [ok], TLSv1.3 TLS_AES_256_GCM_SHA384, no REQUIRETLS\n",
		"            8.0.9.2: presents an expired certificate [certificate-expired], TLSv1.2 ",
		"            8.0.9.3: not probed (at most two addresses of a host are probed)\n"};
	static const char *const addresses[] = {"8.0.9.1", "8.0.9.2", "8.0.9.3"};
	const struct call call = {.run = query_run, .words = {"example.com"}};
	world_honest();
	assert_true(world_dns("mx.example.com", DNS_A, 300, addresses, COUNT(addresses)));
	world_hop("mx.example.com/8.0.9.2", REASON_CERT_EXPIRED, 0x0303);
	world_hop_look("mx.example.com", &(struct world_look){.requiretls = REQUIRETLS_ABSENT});
	world_hop_look("mx.example.com/8.0.9.2", &(struct world_look){.requiretls = REQUIRETLS_OFFERED});
	told(&call, 1, lines, COUNT(lines));
	json_t *got = call_for_json(call, 1);
	json_is_text(got, "hops.0.addresses.1.evidence.reason", "certificate-expired");
	assert_true(json_is_true(json_at(got, "hops.0.addresses.1.evidence.requiretls")));
	assert_true(json_is_false(json_at(got, "hops.0.newest.requiretls")));
	json_is_text(got, "hops.0.addresses.2.address", "8.0.9.3");
	json_is_nothing(got, "hops.0.addresses.2.evidence");
	json_decref(got);
}

static struct {
	int fd;
	size_t len;
	char text[32768];
} terminal;

/* Reads what the tool writes to its terminal. Opens the gate of the fetch only when the beginning of that step is there. */
static void *terminal_read(void *arg)
{
	ssize_t got;
	(void)arg;
	while (terminal.len + 1 < sizeof terminal.text &&
		(got = read(terminal.fd, terminal.text + terminal.len, sizeof terminal.text - 1 - terminal.len)) > 0) {
		terminal.len += (size_t)got;
		if (strstr(terminal.text, "- policy of example.com ..."))
			world_gate_open("fetch example.com");
	}
	return NULL;
}

static int call_on_terminal(void *arg)
{
	pthread_t thread;
	int out = dup(STDOUT_FILENO);
	terminal.fd = posix_openpt(O_RDWR | O_NOCTTY);
	if (terminal.fd < 0 || grantpt(terminal.fd) != 0 || unlockpt(terminal.fd) != 0)
		return 98;
	int slave = open(ptsname(terminal.fd), O_RDWR | O_NOCTTY);
	world_gate_shut("fetch example.com");
	if (slave < 0 || dup2(slave, STDOUT_FILENO) < 0 || pthread_create(&thread, NULL, terminal_read, NULL) != 0)
		return 99;
	int status = call_run(arg);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(slave);
	pthread_join(thread, NULL);
	printf("%s", terminal.text);
	return status;
}

/* On a terminal a step is printed when it begins, so that a slow step is visible while it runs. */
static void test_terminal(void **state)
{
	(void)state;
	world_honest();
	struct call asked = {.run = query_run, .words = {"example.com"}};
	struct tool_run run = tool_call(call_on_terminal, &asked);
	assert_int_equal(run.status, 0);
	if (!strstr(run.out, "- policy of example.com ... fetched, "))
		fail_msg("%s", run.out);
	tool_run_free(&run);
}

/* No resolver answers while the MX records are known: that proves nothing about the mail host. */
static void test_dead_resolver(void **state)
{
	(void)state;
	const struct call call = {.run = query_run, .words = {"example.com"}, .store = call_directory};
	world_honest();
	call_store_make();
	store_learn("example.com");
	world_advance(60);
	world_resolver(false);
	json_t *got = call_for_json(call, 2);
	json_is_text(got, "steps.5.want", "probe");
	json_is_text(got, "steps.5.outcome", "resolver-unavailable");
	json_is_text(got, "hops.0.newest.reason", "ok");
	json_decref(got);
	call_store_remove();
}

/* An exempt domain: query shows what the store knows, and refresh says why it looks nothing up. */
static void test_exempt(void **state)
{
	(void)state;
	struct call call = {.run = query_run,
		.words = {"example.com"},
		.override = "exempt_domains=example.com",
		.store = call_directory};
	world_honest();
	call_store_make();
	store_learn("example.com");
	json_t *got = call_for_json(call, 0);
	json_is_text(got, "reason", "exempt");
	json_is_text(got, "policy.mode", "enforce");
	json_is_text(got, "hops.0.host", "mx.example.com");
	json_decref(got);
	call.run = refresh_run;
	struct tool_run run = call_tool(call);
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "note      the domain is in exempt_domains, so it is not looked up\n"));
	tool_run_free(&run);
	call_store_remove();
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

/* The commands find in the store what a first contact has put there. */
static void test_store(void **state)
{
	(void)state;
	world_honest();
	call_store_make();
	store_learn("example.com");
	json_t *got = call_for_json((struct call){.run = list_run, .store = call_directory}, 0);
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
	/* All facts are in the store, and all are looked up again. */
	got = call_for_json((struct call){.run = query_run, .words = {"example.com"}, .store = call_directory}, 0);
	assert_int_equal(json_array_size(json_at(got, "steps")), 6);
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
	store_learn("example.com");
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

/* A refresh renews what is known, and probes nobody for default_level = verify. */
static void test_default_level_refresh(void **state)
{
	(void)state;
	world_reset();
	call_store_make();
	dns_set("example.com", DNS_MX, "10 mx.example.com");
	world_address("mx.example.com");
	world_hop("mx.example.com", REASON_STARTTLS_MISSING, 0x0304);
	store_learn("example.com");
	struct tool_run run = call_tool((struct call){.run = refresh_run,
		.words = {"example.com"},
		.override = "default_level=verify",
		.store = call_directory});
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "verdict   none: the domain publishes no MTA-STS record [no-record]"));
	assert_non_null(strstr(run.out, "map       OK verify match=hostname servername=hostname\n"));
	assert_null(strstr(run.out, "probe"));
	tool_run_free(&run);
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
	store_learn("example.com");
	dns_set("_mta-sts.example.com", DNS_TXT, "v=STSv1; id=2;");
	world_policy("example.com", POLICY("testing", "*.example.com"), strlen(POLICY("testing", "*.example.com")));
	got = call_for_json((struct call){.run = refresh_run, .words = {"example.com"}, .store = call_directory}, 0);
	json_is_text(got, "domains.0.policy.mode", "testing");
	json_is_text(got, "domains.0.hops.0.host", "mx.example.com");
	json_is_text(got, "domains.0.verdict", "pass");
	json_is_text(got, "domains.0.mx.0.pattern", "*.example.com");
	json_decref(got);
	world_policy_fails("example.com", REASON_POLICY_WEBPKI, "certificate has expired");
	struct tool_run run = call_tool(
		(struct call){.run = refresh_run, .words = {"example.com", "other.example"}, .store = call_directory});
	assert_int_equal(run.status, 2);
	assert_non_null(strstr(run.out, "fetch     the policy host's certificate is not valid [sts-webpki-invalid]\n"
					"          certificate has expired\n"));
	assert_non_null(strstr(run.out, "other.example: not in the store"));
	assert_non_null(strstr(run.out, "\nhop       mx.example.com:25\n"));
	assert_non_null(strstr(run.out, "\nverdict   pass: the next hop satisfies the policy [ok], checked 0s ago\n"));
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
	snprintf(seen.seen_by, sizeof seen.seen_by, "relay2");
	*record = (struct hop_record){.refused_since = 0};
	hop_record_learn(record, &seen);
	record->others_at = seen.at;
	record->others_looked = 50;
	record->others_bad = 12;
}

/* The output marks evidence that was seen at its address for another host, and by another relay. */
static void test_seen_for(void **state)
{
	(void)state;
	struct failure why;
	int64_t at = world_wall_s() - 60;
	world_honest();
	call_store_make();
	store_learn("example.com");
	struct store *store = store_open(call_directory, 1 << 20, STORE_OWNER, &why);
	assert_non_null(store);
	assert_true(store_change_hop(store, "mx.example.com", 25, hop_seen_for, &at, &why));
	store_close(&store);
	struct tool_run run =
		call_tool((struct call){.run = show_run, .words = {"example.com"}, .store = call_directory});
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.out, "seen at address 8.8.8.1 for host mx.other.example, whose certificate also "
					"covers this host\n"));
	assert_non_null(strstr(run.out, "seen by relay relay2, so it counts for half of its life\n"));
	assert_non_null(strstr(run.out, "12 of 50 other relays see this host bad, as of 20"));
	tool_run_free(&run);
	json_t *got =
		call_for_json((struct call){.run = show_run, .words = {"example.com"}, .store = call_directory}, 0);
	json_is_text(got, "hops.0.newest.seen_for", "mx.other.example");
	json_is_text(got, "hops.0.newest.seen_by", "relay2");
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
		cmocka_unit_test(test_default_level), cmocka_unit_test(test_default_level_refresh),
		cmocka_unit_test(test_left_to_mta), cmocka_unit_test(test_tls_first), cmocka_unit_test(test_dane_fails),
		cmocka_unit_test(test_actions), cmocka_unit_test(test_forged_mx), cmocka_unit_test(test_text),
		cmocka_unit_test(test_staple), cmocka_unit_test(test_requiretls), cmocka_unit_test(test_discovery),
		cmocka_unit_test(test_no_domain), cmocka_unit_test(test_stuck), cmocka_unit_test(test_no_trace),
		cmocka_unit_test(test_seen_for), cmocka_unit_test(test_store), cmocka_unit_test(test_clock_behind),
		cmocka_unit_test(test_refresh), cmocka_unit_test(test_usage), cmocka_unit_test(test_anew),
		cmocka_unit_test(test_unreachable), cmocka_unit_test(test_mta_holds),
		cmocka_unit_test(test_override_enforce), cmocka_unit_test(test_curiosity),
		cmocka_unit_test(test_fetch_detail), cmocka_unit_test(test_dead_resolver),
		cmocka_unit_test(test_exempt), cmocka_unit_test(test_override), cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_terminal)};
	setenv("LC_ALL", "C", 1);
	return cmocka_run_group_tests(tests, call_directory_make, call_directory_remove);
}
