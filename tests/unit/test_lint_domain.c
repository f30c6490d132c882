/* stsgate lint domain, with the fakes: each mistake of a domain gets its line, and a good domain none. */
#include "cm.h"

#include "call.h"
#include "policy_findings.h"
#include "report_record.h"
#include "world.h"

#include <stdio.h>
#include <string.h>

#define NOW ((int64_t)WORLD_START_S)
#define TEXT(mode, age, mx) "version: STSv1\nmode: " mode "\nmax_age: " age "\n" mx
#define GOOD TEXT("enforce", "604800", "mx: mx.example.com\n")

static void dns_set(const char *name, enum dns_type type, const char *record)
{
	assert_true(world_dns(name, type, 300, &record, record ? 1 : 0));
}

static void policy_is(const char *text)
{
	world_policy("example.com", text, strlen(text));
}

/* A domain without a mistake. */
static void world_good(void)
{
	world_reset();
	dns_set("_mta-sts.example.com", DNS_TXT, "v=STSv1; id=20260101;");
	dns_set("_smtp._tls.example.com", DNS_TXT, "v=TLSRPTv1; rua=mailto:tls@example.com");
	dns_set("example.com", DNS_MX, "10 mx.example.com");
	world_address("mta-sts.example.com");
	world_address("mx.example.com");
	policy_is(GOOD);
	world_hop("mx.example.com", REASON_OK, 0x0304);
	world_hop_names("mx.example.com", "mx.example.com", NOW + 90 * 86400);
	world_validation(true);
}

static void run_has(int status, const char *part)
{
	struct tool_run run = call_tool((struct call){.run = lint_run, .words = {"domain", "Example.com"}});
	if (run.status != status || !strstr(run.out, part))
		fail_msg("`%s`: %d: %s%s", part, run.status, run.out, run.err);
	tool_run_free(&run);
}

static void test_good(void **state)
{
	(void)state;
	world_good();
	struct tool_run run = call_tool((struct call){.run = lint_run, .words = {"domain", "example.com"}});
	assert_string_equal(run.err, "");
	assert_string_equal(run.out,
		"ok       record       _mta-sts.example.com has one valid record, id 20260101, TTL 5m\n"
		"ok       policy-host  mta-sts.example.com has 8.0.1.1\n"
		"ok       https        https://mta-sts.example.com/.well-known/mta-sts.txt: certificate, status, type and size "
		"are right (64 octets)\n"
		"ok       policy       the policy is valid: 1 mx pattern\n"
		"ok       mode         the mode is enforce: senders do not deliver over unprotected connections\n"
		"ok       max-age      max_age is 604800 (7d)\n"
		"ok       mx           example.com has 1 MX record\n"
		"ok       mx-names     each mail host matches an mx pattern of the policy\n"
		"ok       host         mx.example.com offers STARTTLS with TLSv1.3; the certificate is valid for this name "
		"until 2030-06-15T17:46:40Z\n"
		"ok       dane         no mail host has TLSA records\n"
		"ok       tls-reports  _smtp._tls.example.com: \"v=TLSRPTv1; rua=mailto:tls@example.com\"\n");
	assert_int_equal(run.status, 0);
	tool_run_free(&run);
	json_t *got = call_for_json((struct call){.run = lint_run, .words = {"domain", "example.com"}}, 0);
	json_is_text(got, "domain", "example.com");
	json_is_text(got, "result", "ok");
	json_is_text(got, "checks.0.check", "record");
	json_is_nothing(got, "checks.0.remedy");
	assert_int_equal(json_array_size(json_at(got, "checks")), 11);
	json_decref(got);
}

static void test_records(void **state)
{
	(void)state;
	world_good();
	dns_set("_mta-sts.example.com", DNS_TXT, "v=spf1 -all");
	run_has(1,
		"fail     record       _mta-sts.example.com has no TXT record that begins with v=STSv1; it has other ones\n"
		"         Publish a TXT record: _mta-sts.example.com. IN TXT \"v=STSv1; id=1;\"\n");
	dns_set("_mta-sts.example.com", DNS_TXT, NULL);
	run_has(1, "begins with v=STSv1; senders look for no policy\n");
	dns_set("_mta-sts.example.com", DNS_TXT, "v=STSv1; id=2026-01;");
	run_has(1, "fail     record       _mta-sts.example.com: no-id: \"id=2026-01\": the record has no valid id\n"
		   "         Add an id of 1 to 32");
	const char *two[] = {"v=STSv1; id=1", "v=STSv1; id=2"};
	assert_true(world_dns("_mta-sts.example.com", DNS_TXT, 300, two, 2));
	run_has(1, "fail     record       _mta-sts.example.com has more than one record that begins with v=STSv1\n");
	world_dns_outcome("_mta-sts.example.com", DNS_TXT, DNS_FAILED, 0);
	run_has(1, "fail     record       _mta-sts.example.com cannot be looked up: the name servers fail or refuse\n");
	world_dns_outcome("_mta-sts.example.com", DNS_TXT, DNS_BOGUS, 0);
	run_has(1, "cannot be looked up: DNSSEC validation fails\n");
	world_dns_outcome("_mta-sts.example.com", DNS_TXT, DNS_TIMEOUT, 0);
	run_has(2, "unknown  record       _mta-sts.example.com cannot be looked up from here: no answer in time\n");
	world_good();
	dns_set("_smtp._tls.example.com", DNS_TXT, NULL);
	run_has(0, "warn     tls-reports  _smtp._tls.example.com has no record: nobody reports");
	dns_set("_smtp._tls.example.com", DNS_TXT, "v=TLSRPTv1; rua=tls@example.com");
	run_has(0,
		"warn     tls-reports  _smtp._tls.example.com: tls@example.com is neither a mailto: nor an https: address");
	dns_set("_smtp._tls.example.com", DNS_TXT, "v=TLSRPTv1; x=y");
	run_has(0, "warn     tls-reports  _smtp._tls.example.com names no address for reports: it has no rua\n");
	world_resolver(false);
	run_has(2, "cannot be looked up from here: no resolver answers\n");
}

static void test_policy(void **state)
{
	(void)state;
	world_good();
	dns_set("mta-sts.example.com", DNS_A, NULL);
	run_has(1, "fail     policy-host  mta-sts.example.com has no address\n         Give the name an address");
	world_good();
	world_policy_fails("example.com", REASON_POLICY_WEBPKI, "certificate has expired");
	run_has(1, "fail     https        the certificate of mta-sts.example.com: certificate has expired\n"
		   "         The policy host needs a certificate for mta-sts.example.com from a public authority");
	world_policy_fails("example.com", REASON_POLICY_FETCH, "HTTP status 301");
	run_has(1, "fail     https        the policy cannot be fetched: HTTP status 301\n"
		   "         https://mta-sts.example.com/.well-known/mta-sts.txt must answer with status 200");
	policy_is(TEXT("enforced", "604800", "mx: mx 1\nmx: mx.example.com.\n"));
	run_has(1,
		"warn     policy       mx-trailing-dot, line 5: mx.example.com.: the value of an mx line ends with a dot\n");
	run_has(1,
		"fail     policy       bad-mode, line 2: enforced: the value of mode is not enforce, testing or none\n"
		"         Write one of these words, in lower case.\n");
	run_has(1, "fail     policy       bad-mx, line 4: \"mx 1\": ");
	policy_is(TEXT("testing", "86400", "mx: mx.example.com\n"));
	run_has(0, "warn     mode         the mode is testing: ");
	policy_is(TEXT("none", "86400", ""));
	run_has(0, "warn     mode         the mode is none: ");
	policy_is(TEXT("enforce", "86400", "mx: mx.example.com\n"));
	run_has(0, "warn     max-age      max_age is 86400 (1d)\n         Write a week or more");
}

static void test_mx(void **state)
{
	(void)state;
	world_good();
	policy_is(TEXT("enforce", "604800", "mx: mx.example.com\nmx: *.old.example\n"));
	run_has(0, "warn     mx-names     the mx pattern *.old.example matches no mail host\n");
	policy_is(TEXT("enforce", "604800", "mx: *.example.net\n"));
	run_has(1,
		"fail     mx-names     mx.example.com is in the MX records, but no mx pattern of the policy matches it: "
		"senders do not deliver to it\n         Add an mx line for this host");
	world_good();
	dns_set("example.com", DNS_MX, "0 .");
	run_has(0, "warn     mx           example.com has a null MX: it takes no mail\n");
	world_dns_outcome("example.com", DNS_MX, DNS_NODATA, 60);
	dns_set("example.com", DNS_A, "8.0.9.9");
	run_has(1, "ok       mx           example.com has no MX records, so it is its own mail host\n");
	world_dns_outcome("example.com", DNS_MX, DNS_NXDOMAIN, 60);
	run_has(1, "fail     mx           the domain example.com does not exist in DNS\n");
	world_dns_outcome("example.com", DNS_MX, DNS_FAILED, 0);
	run_has(1, "fail     mx           the MX records of example.com cannot be looked up\n");
}

static void test_hosts(void **state)
{
	(void)state;
	world_good();
	world_hop_look("mx.example.com", &(struct world_look){.requiretls = REQUIRETLS_OFFERED});
	run_has(0,
		"ok       host         mx.example.com offers STARTTLS with TLSv1.3, and REQUIRETLS; the certificate is valid");
	world_good();
	world_hop("mx.example.com", REASON_STARTTLS_MISSING, 0);
	run_has(1, "fail     host         mx.example.com offers no STARTTLS [starttls-not-supported]\n         ");
	world_hop("mx.example.com", REASON_HOP_TIMEOUT, 0);
	run_has(2, "unknown  host         mx.example.com ");
	world_good();
	world_hop_names("mx.example.com", "mx.example.com", NOW + 13 * 86400);
	run_has(0, "warn     certificate  the certificate of mx.example.com expires in 13d, on ");
	world_hop_names("mx.example.com", "*.example.com", NOW + 90 * 86400);
	run_has(0,
		"warn     certificate  the certificate of mx.example.com covers it only by a wildcard: Sendmail before");
	world_good();
	dns_set("mx.example.com", DNS_A, NULL);
	run_has(1, "fail     host         mx.example.com ");
}

/* TLSA records: a signed host, with and without a signed domain. */
static void test_dane(void **state)
{
	(void)state;
	static const char tlsa[] = "3 1 1 a";
	world_good();
	world_zone("mx.example.com", true);
	dns_set("_25._tcp.mx.example.com", DNS_TLSA, tlsa);
	world_hop("mx.example.com/dane", REASON_OK, 0x0304);
	run_has(0,
		"warn     dane         mx.example.com matches its TLSA records, but DNSSEC does not secure the MX records\n");
	world_zone("example.com", true);
	run_has(0, "ok       dane         mx.example.com matches its TLSA records\n");
	world_hop("mx.example.com/dane", REASON_TLSA_MISMATCH, 0x0304);
	run_has(1, "fail     dane         mx.example.com, by its TLSA records, ");
	world_dns_outcome("_25._tcp.mx.example.com", DNS_TLSA, DNS_FAILED, 0);
	run_has(1,
		"fail     dane         the TLSA records of mx.example.com cannot be looked up: senders that do DANE hold mail");
	world_good();
	world_validation(false);
	run_has(0, "skip     dane         DANE is not checked: the resolver here does not validate DNSSEC\n");
}

static void test_usage(void **state)
{
	(void)state;
	struct tool_run run = call_tool((struct call){.run = lint_run, .words = {"domain", "192.0.2.1"}});
	assert_int_equal(run.status, 64);
	assert_string_equal(run.err, "stsgate: 192.0.2.1 is not a domain that can have a policy\n");
	tool_run_free(&run);
}

static void test_report_records(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum report_record record;
		const char *where;
	} rows[] = {
		{"v=TLSRPTv1; rua=mailto:a@b.example", REPORT_RECORD_OK, NULL},
		{"v=TLSRPTv1 ;rua=https://b.example/x?y=z , MAILTO:a@b.example ; x=1;", REPORT_RECORD_OK, NULL},
		{"v=TLSRPTv1;x=y; rua=https://b.example", REPORT_RECORD_OK, NULL},
		{"v=TLSRPTv1;", REPORT_RECORD_NO_RUA, NULL},
		{"v=TLSRPTv1; ruax=mailto:a@b", REPORT_RECORD_NO_RUA, NULL},
		{"v=TLSRPTv1", REPORT_RECORD_NONE, NULL},
		{"v=TLSRPTv11; rua=mailto:a@b", REPORT_RECORD_NONE, NULL},
		{"v=STSv1; id=1", REPORT_RECORD_NONE, NULL},
		{"", REPORT_RECORD_NONE, NULL},
		{";", REPORT_RECORD_NONE, NULL},
		{"v=TLSRPTv1; rua=", REPORT_RECORD_BAD_URI, ""},
		{"v=TLSRPTv1; rua=mailto:b.example", REPORT_RECORD_BAD_URI, "mailto:b.example"},
		{"v=TLSRPTv1; rua=mailto:@b", REPORT_RECORD_BAD_URI, "mailto:@b"},
		{"v=TLSRPTv1; rua=https:///", REPORT_RECORD_BAD_URI, "https:///"},
		{"v=TLSRPTv1; rua=http://b.example", REPORT_RECORD_BAD_URI, "http://b.example"},
		{"v=TLSRPTv1; rua=mailto:a@b, x", REPORT_RECORD_BAD_URI, "x"},
		{"v=TLSRPTv1; rua=mailto:a b@c", REPORT_RECORD_BAD_URI, "mailto:a b@c"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span where;
		enum report_record record = report_record_parse(rows[i].text, strlen(rows[i].text), &where);
		if (record != rows[i].record || (where.at != NULL) != (rows[i].where != NULL) ||
			(where.at && !span_is(where, rows[i].where)))
			fail_msg("%s: %d", rows[i].text, (int)record);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_records),
		cmocka_unit_test(test_policy), cmocka_unit_test(test_mx), cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_dane), cmocka_unit_test(test_usage), cmocka_unit_test(test_report_records)};
	return cmocka_run_group_tests(tests, call_directory_make, call_directory_remove);
}
