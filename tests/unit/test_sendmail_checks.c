/* doctor's checks of Sendmail: each row changes a good configuration and expects exactly these warnings and failures. The
 * base has the lines that m4 makes of README's sendmail.mc with the cf files of 8.17.1.9 and the corrected rule. */
#include "cm.h"

#include "findings.h"
#include "memory.h"
#include "sendmail_checks.h"
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char base_cf[] = "# level 10 config file format\n"
			      "V10/Berkeley\n"
			      "DS\n"
			      "Ksts socket -d5 -T<TMPF> inet:8461@127.0.0.1\n"
			      "DZ8.17.1.9/Debian-2+deb12u2\n"
			      "O StrictTransportSecurity=true\n"
			      "O SetCertAltnames=true\n"
			      "O InputMailFilters=other, stsgate\n"
			      "O CACertPath=/etc/ssl/certs\n"
			      "O CACertFile=/etc/ssl/certs/ca-certificates.crt\n"
			      "#O CRLFile\n"
			      "SSTS_SAN\n"
			      "R$*\t\t\t$: $&{server_name}\n"
			      "R$+\t\t\t$: *.$1\n"
			      "R$={cert_altnames}\t$@ ok\n"
			      "Xother, S=local:/run/other, F=, T=S:1m\n"
			      "Xstsgate, S=inet:8462@127.0.0.1, F=T,\n"
			      "\tT=S:10s;R:30s;E:5m\n";
/* The rule of 8.17 and 8.18.1 */
#define WRONG "R *.$={cert_altnames}\t$@ ok\n"
#define TABLE "Kmailertable hash -o /etc/mail/mailertable\n"
#define COLLECT "tlsrpt = collect\n"
#define REPORTS COLLECT "report_probes = all\nreport_from = a@relay.example\nreport_organization = Relay\n"
#define FILTER "Xstsgate, S=inet:8462@127.0.0.1, "

struct row {
	const char *settings, *cf; /* later lines count */
	const char *wanted;        /* findings_bad() */
	const char *without;       /* lines that begin with this are taken out of the base */
	const char *table;         /* mailertable; NULL: unreadable */
	const char *ca_unreadable;
};

static const struct row rows[] = {
	{"", "", "", NULL, NULL, NULL},
	/* the milter */
	{"", "O InputMailFilters=other\n", "warn sendmail-milter", NULL, NULL, NULL},
	{"", "", "warn sendmail-milter", "Xstsgate", NULL, NULL},
	{"", "", "warn sendmail-milter", "O InputMailFilters", NULL, NULL},
	{"mta_enforces = no\n", "", "fail sendmail-milter", "K\nO InputMailFilters", NULL, NULL},
	{"milter_socket =\n", "", "", "Xstsgate", NULL, NULL},
	{"milter_socket = unix:/run/stsgate/milter\n", "Xstsgate, S=local:/run/stsgate/milter, F=T, T=R:30s\n", "",
		NULL, NULL, NULL},
	{"milter_socket = inet:8462\n", "Xstsgate, S=inet:8462@192.0.2.1, F=4, T=R:30s\n", "", NULL, NULL, NULL},
	{"", "Xstsgate, S=inet:8472@127.0.0.1, F=T\n", "warn sendmail-milter", NULL, NULL, NULL},
	{"", FILTER "F=R, T=R:30s\n", "fail sendmail-milter", NULL, NULL, NULL},
	{"", FILTER "T=R:30s\n", "", NULL, NULL, NULL},
	{"mta_enforces = no\n", FILTER "T=R:30s\n", "warn sendmail-milter", "K", NULL, NULL},
	{"", FILTER "F=T\n", "", NULL, NULL, NULL},
	{"milter_wait = 9s\n", FILTER "F=T\n", "warn sendmail-timeouts", NULL, NULL, NULL},
	{"milter_wait = 10s\n", FILTER "F=T, T=C:1m;S:30s\n", "fail sendmail-timeouts", NULL, NULL, NULL},
	{"milter_wait = 10s\n", FILTER "F=T, T=C:1m;R:30s\n", "", NULL, NULL, NULL},
	/* the map */
	{"", "", "fail sendmail-map", "Ksts", NULL, NULL},
	{"mta_enforces = no\n", "", "", "Ksts", NULL, NULL},
	{"mta_enforces = no\ndefault_level = verify\n", "", "fail sendmail-map", "Ksts", NULL, NULL},
	{"mta_enforces = no\n", "", "warn sendmail-map", NULL, NULL, NULL},
	{"", "Ksts socket -d5 -T<TMPF> inet:5461@127.0.0.1\n", "fail sendmail-map", NULL, NULL, NULL},
	{"socketmap_socket =\n", "", "fail sendmail-map", NULL, NULL, NULL},
	{"socketmap_socket = unix:/run/stsgate/map\n", "Ksts socket -d5 -T<TMPF> unix:/run/stsgate/map\n", "", NULL,
		NULL, NULL},
	{"", "O StrictTransportSecurity=false\n", "fail sendmail-map", NULL, NULL, NULL},
	{"", "Ksts socket -d5 inet:8461@127.0.0.1\n", "warn sendmail-map", NULL, NULL, NULL},
	{"lookup_timeout = 5s\n", "", "warn sendmail-timeouts", NULL, NULL, NULL},
	{"lookup_timeout = 5s\n", "Ksts socket -T<TMPF> inet:8461@localhost\n", "", NULL, NULL, NULL},
	/* authorities */
	{"", "", "fail sendmail-ca", "O CACertPath", NULL, NULL},
	{"", "O CACertFile=\n", "fail sendmail-ca", NULL, NULL, NULL},
	{"", "", "fail sendmail-ca", "O CACert", NULL, NULL},
	{"", "", "fail sendmail-ca", NULL, NULL, "Permission denied"},
	{"mta_enforces = no\n", "", "", "O CACert\nKsts", NULL, NULL},
	/* wildcard certificates */
	{"", WRONG, "warn sendmail-wildcard", NULL, NULL, NULL},
	{"", "O SetCertAltnames=false\n", "warn sendmail-wildcard", NULL, NULL, NULL},
	{"mta_enforces = no\n", WRONG, "", "Ksts", NULL, NULL},
	/* routes */
	{"", "DSesmtp:[smart.example]\n", "fail sendmail-routes", NULL, NULL, NULL},
	{"mta_enforces = no\n", "DSsmart.example\n", "fail sendmail-routes", NULL, NULL, NULL},
	{"mta_enforces = no\n", "DSsmart.example\n", "warn sendmail-routes", "Ksts", NULL, NULL},
	{"", TABLE, "warn sendmail-routes", NULL, NULL, NULL},
	{"", TABLE, "", NULL, "# nothing\n\n", NULL},
	{"", TABLE, "warn sendmail-routes", NULL, "Inside.Example\tesmtp:[10.0.0.1]\n", NULL},
	{"exempt_domains = inside.example\n", TABLE, "", NULL, "Inside.Example\tesmtp:[10.0.0.1]\n", NULL},
	{"exempt_domains = inside.example\n", TABLE, "warn sendmail-routes", NULL, ".inside.example esmtp:[10.0.0.1]\n",
		NULL},
	{"exempt_domains = .inside.example\n", TABLE, "", NULL, ".inside.example esmtp:[10.0.0.1]\n", NULL},
	{"", TABLE, "", NULL, "gone.example\terror:5.1.2:550 gone\nhere.example\tLOCAL:\n", NULL},
	{"", TABLE, "fail sendmail-routes", NULL, ".\tesmtp:smart.example\n", NULL},
	{"mta_enforces = no\n", TABLE, "", "Ksts", NULL, NULL},
	/* TLS reports */
	{COLLECT, "", "warn sendmail-tlsrpt", NULL, NULL, NULL},
	{COLLECT "report_probes = all\n", "", "", NULL, NULL, NULL},
	{REPORTS, "", "warn sendmail-signer", NULL, NULL, NULL},
	{REPORTS, "O InputMailFilters=stsgate\n", "warn sendmail-signer", NULL, NULL, NULL},
	{REPORTS, "Xother, S=inet:8891@localhost\n", "", NULL, NULL, NULL},
	{REPORTS, "O InputMailFilters=opendkim, stsgate\nXopendkim, S=local:/run/o\n", "", NULL, NULL, NULL},
	{REPORTS, "O InputMailFilters=stsgate\nXopendkim, S=inet:8891@localhost\n", "warn sendmail-signer", NULL, NULL,
		NULL},
	{REPORTS "report_dkim_key = /k\nreport_dkim_selector = s\n", "", "", NULL, NULL, NULL},
};

/* Returns the base without some lines, and with others behind it. */
static char *text_of(const struct row *row)
{
	char *text = xcalloc(1, sizeof base_cf + strlen(row->cf) + 1);
	bool out = false;
	for (const char *line = base_cf; *line;) {
		size_t len = strcspn(line, "\n") + 1;
		if (line[0] != '\t')
			out = false;
		for (const char *no = row->without; no && line[0] != '\t';) {
			size_t no_len = strcspn(no, "\n");
			out |= strncmp(line, no, no_len) == 0;
			no = no[no_len] ? no + no_len + 1 : NULL;
		}
		if (!out)
			strncat(text, line, len);
		line += len;
	}
	return strcat(text, row->cf);
}

static struct settings *settings_of(const char *text)
{
	struct failure why = {0};
	char *words[16] = {"mta_enforces = yes"}, *copy = xstrdup(text), *rest = NULL;
	size_t count = 1;
	for (char *line = strtok_r(copy, "\n", &rest); line && count < COUNT(words); line = strtok_r(NULL, "\n", &rest))
		words[count++] = line;
	struct settings *settings = settings_read(NULL, false, words, count, &why);
	if (!settings)
		fail_msg("%s", why.text);
	free(copy);
	return settings;
}

static bool sts_missing; /* of Sendmail */

static void row_judge(const struct row *row, const struct names *wildcards)
{
	struct sendmail_config config;
	struct names routed = {0};
	struct settings *settings = settings_of(row->settings);
	struct doctor doctor = {.settings = settings};
	findings_clear();
	assert_true(sendmail_config_read(&config, text_of(row)));
	char *table = xstrdup(row->table ? row->table : ""), *rest = NULL;
	for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		sendmail_route_take(&routed, (struct span){line, strlen(line)});
	free(table);
	struct sendmail_facts facts = {.config = &config,
		.file = "/etc/mail/sendmail.cf",
		.ca_unreadable = row->ca_unreadable,
		.sts_missing = sts_missing,
		.wildcards = wildcards,
		.mailertable_read = row->table,
		.routed = &routed};
	sendmail_judge(&doctor, &facts);
	names_free(&routed);
	sendmail_config_free(&config);
	settings_free(&settings);
}

static void rows_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		row_judge(&rows[i], NULL);
		if (strcmp(findings_bad(), rows[i].wanted) != 0)
			fail_msg("row %zu (%s%s): `%s`, not `%s`\n%s", i, rows[i].settings, rows[i].cf, findings_bad(),
				rows[i].wanted, findings_all());
	}
}

static void wildcards_are_named(void **state)
{
	struct row row = {"", WRONG, "", NULL, NULL, NULL};
	struct names hosts = {0};
	(void)state;
	row_judge(&row, &hosts);
	assert_non_null(strstr(findings_all(), "certificate: none yet\n"));
	for (int i = 0; i < 10; i++) {
		char host[32];
		snprintf(host, sizeof host, "mx%d.example.net", i);
		names_add(&hosts, host, strlen(host));
	}
	row_judge(&row, &hosts);
	assert_non_null(strstr(findings_all(), "certificate: mx0.example.net, mx1.example.net, "));
	assert_non_null(strstr(findings_all(), "mx7.example.net and 2 more\n"));
	assert_non_null(
		strstr(findings_all(), "sed -i 's/^R \\*\\.\\($={cert_altnames}\\)/R$+\\t\\t\\t$: *.$1\\nR\\1/' "
				       "/etc/mail/sendmail.cf\n"));
	names_free(&hosts);
}

static void build_is_judged(void **state)
{
	struct row row = rows[0], none = {"mta_enforces = no\n", "", "", "Ksts", NULL, NULL};
	(void)state;
	sts_missing = true;
	row_judge(&row, NULL);
	assert_string_equal(findings_bad(), "fail sendmail-map");
	row_judge(&none, NULL);
	assert_string_equal(findings_bad(), "");
	sts_missing = false;
}

static void access_is_judged(void **state)
{
	static const struct {
		const char *lines, *wanted, *words;
	} cases[] = {
		{"# STS:x.example NO\nSTS:x.example OK\nTry_TLS:y.example\tYES\nConnect:10 RELAY\n", "",
			"neither STARTTLS nor MTA-STS off"},
		{"try_tls:mx.example\tno\nTry_TLS:\tNO\n", "warn sendmail-access",
			"(Try_TLS) for: mx.example, all; mail"},
		{"STS:x.example NO\nTry_TLS:mx.example NO\n", "warn sendmail-access; warn sendmail-access",
			"(STS) for: x.example; nothing"},
	};
	struct sendmail_config config;
	struct settings *settings = settings_of("");
	struct doctor doctor = {.settings = settings};
	struct row row = {"", "", "", NULL, NULL, NULL};
	(void)state;
	assert_true(sendmail_config_read(&config, text_of(&row)));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct names routed = {0}, tls_off = {0}, sts_off = {0};
		struct sendmail_facts facts = {.config = &config,
			.file = "/etc/mail/sendmail.cf",
			.routed = &routed,
			.access_read = true,
			.tls_off = &tls_off,
			.sts_off = &sts_off};
		for (struct span rest = {cases[i].lines, strlen(cases[i].lines)}; rest.len > 0;)
			sendmail_access_take(&tls_off, &sts_off, span_until(&rest, '\n'));
		findings_clear();
		sendmail_judge(&doctor, &facts);
		if (strcmp(findings_bad(), cases[i].wanted) != 0 || !strstr(findings_all(), cases[i].words))
			fail_msg("case %zu: %s", i, findings_all());
		names_free(&tls_off);
		names_free(&sts_off);
	}
	sendmail_config_free(&config);
	settings_free(&settings);
}

static void text_is_quoted(void **state)
{
	struct row row = {"", "DS\x1b[31m\nDZ8.17\x07\nO CACertFile=\x9b\n", "", NULL, NULL, "\x21"};
	(void)state;
	row_judge(&row, NULL);
	for (const char *at = findings_all(); *at; at++)
		if (*at != '\n' && (*at < 0x20 || *at > 0x7e))
			fail_msg("octet %d in: %s", *at, findings_all());
}

static void versions_compare(void **state)
{
	static const struct {
		const char *cf;
		bool since;
	} versions[] = {{"DZ8.17.1.9/Debian\n", false}, {"DZ8.18.1\n", false}, {"DZ8.18.2\n", true}, {"DZ8.19\n", true},
		{"DZ9.0.0\n", true}, {"DZnone\n", false}};
	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct sendmail_config config;
		assert_true(sendmail_config_read(&config, xstrdup(versions[i].cf)));
		assert_int_equal(sendmail_since(&config, 8, 18, 2), versions[i].since);
		sendmail_config_free(&config);
	}
}

static void attachment_is_seen(void **state)
{
	static const struct {
		const char *without;
		bool attached;
	} cases[] = {{NULL, true}, {"Ksts", true}, {"X", true}, {"X\nKsts", false}};
	struct settings *settings = settings_of("");
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sendmail_config config;
		struct row row = {"", "", "", cases[i].without, NULL, NULL};
		assert_true(sendmail_config_read(&config, text_of(&row)));
		assert_int_equal(sendmail_is_attached(&config, settings), cases[i].attached);
		sendmail_config_free(&config);
	}
	settings_free(&settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_agree),
		cmocka_unit_test(wildcards_are_named),
		cmocka_unit_test(build_is_judged),
		cmocka_unit_test(access_is_judged),
		cmocka_unit_test(text_is_quoted),
		cmocka_unit_test(versions_compare),
		cmocka_unit_test(attachment_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
