/* doctor's checks of Postfix: each row changes a good configuration and expects exactly these warnings and failures. The
 * base is what postconf(1) of Postfix 3.7.11 prints, shortened. */
#include "cm.h"

#include "findings.h"
#include "memory.h"
#include "postfix_checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MILTER "{ inet:127.0.0.1:8462, connect_timeout=10s, command_timeout=30s, default_action=tempfail }"
#define MAP "socketmap:inet:127.0.0.1:8461:postfix"
#define FILTER "regexp:{{/^5(.* TLS is required, but .*)/ 4$1}}"

static const char main_cf[] = "compatibility_level = 3.6\n"
			      "config_directory = /etc/postfix\n"
			      "default_transport = smtp\n"
			      "mail_version = 3.7.11\n"
			      "milter_command_timeout = 30s\n"
			      "milter_connect_timeout = 30s\n"
			      "milter_content_timeout = 300s\n"
			      "milter_default_action = tempfail\n"
			      "milter_protocol = 6\n"
			      "multi_instance_directories =\n"
			      "mydestination = relay.example, localhost\n"
			      "myhostname = relay.example\n"
			      "non_smtpd_milters = " MILTER "\n"
			      "queue_directory = /var/spool/postfix\n"
			      "relay_domains =\n"
			      "relayhost =\n"
			      "smtp_delivery_status_filter = " FILTER "\n"
			      "smtp_dns_support_level = dnssec\n"
			      "smtp_fallback_relay =\n"
			      "smtp_host_lookup = dns\n"
			      "smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt\n"
			      "smtp_tls_CApath =\n"
			      "smtp_tls_mandatory_protocols = >=TLSv1\n"
			      "smtp_tls_policy_maps = " MAP "\n"
			      "smtp_tls_security_level = may\n"
			      "smtpd_milters = " MILTER "\n"
			      "smtpd_policy_service_timeout = 100s\n"
			      "smtpd_recipient_restrictions =\n"
			      "tls_append_default_CA = no\n";
static const char master_cf[] =
	"smtp       inet  n       -       y       -       -       smtpd\n"
	"pickup     unix  n       -       y       60      1       pickup\n"
	"cleanup    unix  n       -       y       -       0       cleanup\n"
	"smtp       unix  -       -       y       -       -       smtp\n"
	"relay      unix  -       -       y       -       -       smtp -o syslog_name=postfix/relay\n"
	"virtual    unix  -       n       n       -       -       virtual\n"
	"lmtp       unix  -       -       y       -       -       lmtp\n";
static const char own_settings[] = "mta_enforces = yes\n";

struct row {
	const char *settings, *main, *master, *overrides;
	const char *wanted; /* findings_bad() */
	const char *ca_unreadable;
};

#define SUBMISSION "submission inet n - y - - smtpd\n"
#define BULK "bulk unix - - y - - smtp\n"
#define DELEGATION "milter_socket =\ndelegation_socket = inet:8463@127.0.0.1\ndelegation_domain = recipient\n"
#define NO_MILTER "smtpd_milters =\nnon_smtpd_milters =\n"
#define COLLECT "tlsrpt = collect\ntlsrpt_socket = /var/spool/postfix/stsgate/tlsrpt\n"
#define REPORTS COLLECT "report_from = tlsrpt@relay.example\nreport_organization = Relay\n"
#define SIGNED REPORTS "report_dkim_key = /k\nreport_dkim_selector = s1\n"
#define TLSRPT "smtp_tlsrpt_enable = yes\nsmtp_tlsrpt_socket_name = stsgate/tlsrpt\n"
#define NEW "mail_version = 3.10.13\n" TLSRPT
#define ASKED "smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:8463, permit_mynetworks\n"

static const struct row rows[] = {
	{"", "", "", "", "", NULL},
	/* the version */
	{"", "mail_version = 3.3.22\n", "", "", "fail postfix", NULL},
	{"", "mail_version = 2.11.3\n", "", "", "fail postfix", NULL},
	{"", "mail_version = 3.12-20260821\nmulti_instance_directories = /etc/postfix-out\n", "", "", "", NULL},
	/* the milter */
	{"", "smtpd_milters =\n", "", "", "warn postfix-milter", NULL},
	{"mta_enforces = no\n", "smtpd_milters =\nsmtp_tls_policy_maps =\nsmtp_tls_security_level = dane\n", "", "",
		"fail postfix-milter", NULL},
	{"milter_socket =\n", "smtpd_milters =\n", "", "", "", NULL},
	{"", "smtpd_milters = inet:localhost:8462, inet:localhost:11332\n", "", "", "", NULL},
	{"", "smtpd_milters = inet:[::1]:8462\n", "", "", "warn postfix-milter", NULL},
	{"milter_socket = inet6:8462@::1\n", "smtpd_milters = inet:[::1]:8462\n", "", "", "", NULL},
	{"milter_socket = inet:8462\n", "smtpd_milters = inet:192.0.2.1:8462\n", "", "", "", NULL},
	{"", "smtpd_milters = inet:127.0.0.1:84620\n", "", "", "warn postfix-milter", NULL},
	{"", "receive_override_options = no_milters\n", "", "", "warn postfix-milter", NULL},
	{"", "", SUBMISSION, "submission/inet/smtpd_milters =\n", "", NULL},
	{"", "smtpd_milters =\n", SUBMISSION, "submission/inet/smtpd_milters = " MILTER "\n", "", NULL},
	{"mta_enforces = no\n", "smtp_tls_policy_maps =\nsmtp_tls_security_level = dane\n", SUBMISSION,
		"submission/inet/smtpd_milters =\n", "warn postfix-milter", NULL},
	{"mta_enforces = no\n", "smtp_tls_policy_maps =\nsmtp_tls_security_level = dane\n",
		"127.0.0.1:10025 inet n - y - - smtpd\n", "127.0.0.1:10025/inet/smtpd_milters =\n", "", NULL},
	{"mta_enforces = no\n", "smtp_tls_policy_maps =\nsmtp_tls_security_level = dane\nnon_smtpd_milters =\n", "", "",
		"warn postfix-milter", NULL},
	{"", "non_smtpd_milters =\n", "", "", "", NULL},
	{"", "milter_protocol = 4\n", "", "", "warn postfix-milter", NULL},
	{"delegation_socket = inet:8463@127.0.0.1\ndelegation_domain = recipient\n", "smtpd_milters =\n" ASKED, "", "",
		"", NULL},
	{"", "smtpd_milters = {}, { inet:127.0.0.1:8462 }\n", "", "", "", NULL},
	/* UNIX sockets in and outside the chroot */
	{"milter_socket = unix:/var/spool/postfix/stsgate/milter\n", "smtpd_milters = unix:stsgate/milter\n", "", "",
		"", NULL},
	{"milter_socket = unix:/var/spool/postfix/stsgate/milter\n", "smtpd_milters = unix:/stsgate/milter\n", "", "",
		"", NULL},
	{"milter_socket = unix:/var/spool/postfix/stsgate/milter\n",
		"smtpd_milters = unix:/var/spool/postfix/stsgate/milter\n", "", "", "fail postfix-milter", NULL},
	{"milter_socket = unix:/run/stsgate/milter\n", "smtpd_milters = unix:/run/stsgate/milter\n", "", "",
		"fail postfix-milter", NULL},
	{"socketmap_socket = unix:/var/spool/postfix/stsgate/map\n",
		"smtp_tls_policy_maps = socketmap:unix:stsgate/map:postfix\n", "", "", "", NULL},
	{"socketmap_socket = unix:/var/spool/postfix/stsgate/map\n",
		"smtp_tls_policy_maps = socketmap:unix:/var/spool/postfix/stsgate/map:postfix\n", "", "",
		"fail postfix-map", NULL},
	{"socketmap_socket = unix:/run/stsgate/map\n",
		"smtp_tls_policy_maps = socketmap:unix:/var/run/stsgate/map:postfix\n", "", "", "fail postfix-map",
		NULL},
	{"socketmap_socket = unix:/run/stsgate/map\n",
		"smtp_tls_policy_maps = proxy:socketmap:unix:/run/stsgate/map:postfix\n", "", "", "", NULL},
	/* the default action and the timeouts */
	{"", "smtpd_milters = { inet:127.0.0.1:8462, default_action=reject }\n", "", "", "fail postfix-action", NULL},
	{"", "smtpd_milters = { inet:127.0.0.1:8462, { default_action = quarantine } }\n", "", "",
		"warn postfix-action", NULL},
	{"", "smtpd_milters = inet:127.0.0.1:8462\nmilter_default_action = shutdown\n", "", "", "", NULL},
	{"", "smtpd_milters = inet:127.0.0.1:8462\nmilter_default_action = accept\n", "", "", "", NULL},
	{"mta_enforces = no\n",
		"smtp_tls_policy_maps =\nsmtp_tls_security_level = dane\nsmtpd_milters = inet:127.0.0.1:8462\n"
		"milter_default_action = accept\n",
		"", "", "warn postfix-action", NULL},
	{"", "smtpd_milters = { inet:127.0.0.1:8462 command_timeout=4s }\n", "", "", "fail postfix-timeouts", NULL},
	{"", "smtpd_milters = { inet:127.0.0.1:8462 command_timeout=5s }\n", "", "", "warn postfix-timeouts", NULL},
	{"", "smtpd_milters = inet:127.0.0.1:8462\nmilter_command_timeout = 1m\n", "", "", "", NULL},
	{"", "smtpd_milters = { inet:127.0.0.1:8462, command_timeout=1w }\nmilter_content_timeout = 1x\n", "", "", "",
		NULL},
	{"", "smtpd_milters = { inet:127.0.0.1:8462, command_timeout=x }\nmilter_content_timeout = x\n", "", "", "",
		NULL},
	{"milter_wait = 25s\n", "smtpd_milters = inet:127.0.0.1:8462\nmilter_content_timeout = 20s\n", "", "",
		"fail postfix-timeouts", NULL},
	/* the map */
	{"", "smtp_tls_policy_maps =\n", "", "", "fail postfix-map; warn postfix-dane", NULL},
	{"", "smtp_tls_policy_maps = socketmap:inet:127.0.0.1:8642:postfix\n", "", "",
		"fail postfix-map; warn postfix-dane", NULL},
	{"socketmap_socket =\n", "", "", "", "fail postfix-map; warn postfix-dane", NULL},
	{"mta_enforces = no\n", "", "", "", "warn postfix-map", NULL},
	{"mta_enforces = no\nmta_dane = no\n", "smtp_tls_policy_maps =\n", "", "", "", NULL},
	{"mta_enforces = no\nmta_dane = no\ndefault_level = verify\n", "smtp_tls_policy_maps =\n", "", "",
		"fail postfix-map", NULL},
	{"mta_enforces = no\nmta_dane = no\ndefault_level = verify\nsocketmap_socket =\n", "", "", "",
		"fail postfix-map", NULL},
	{"default_level = verify\n", "", "", "", "", NULL},
	{"", "", BULK, "bulk/unix/smtp_tls_policy_maps =\n", "warn postfix-map", NULL},
	{"", "", BULK, "bulk/unix/smtp_bind_address = 192.0.2.1\n", "", NULL},
	{"", "socketmap_max_reply_size = 80000\n", "", "", "warn postfix-map", NULL},
	{"", "socketmap_max_reply_size = 100000\n", "", "", "", NULL},
	/* the order of tables */
	{"", "smtp_tls_policy_maps = lmdb:/etc/postfix/tls, " MAP "\n", "", "", "warn postfix-map-order", NULL},
	{"", "smtp_tls_policy_maps = inline:{ {example.com = may}, {example.org = none} } " MAP "\n", "", "",
		"warn postfix-map-order", NULL},
	{"", "smtp_tls_policy_maps = static:may " MAP "\n", "", "", "fail postfix-map-order", NULL},
	{"", "smtp_tls_policy_maps = " MAP " lmdb:/etc/postfix/tls\n", "", "", "", NULL},
	/* the dialect */
	{"", "smtp_tls_policy_maps = " MAP "-tlsrpt\n", "", "", "fail postfix-dialect", NULL},
	{"", "smtp_tls_policy_maps = " MAP "-tlsrpt\nmail_version = 3.10.5\n", "", "", "fail postfix-dialect", NULL},
	{"", "smtp_tls_policy_maps = socketmap:inet:127.0.0.1:8461:QUERYwithTLSRPT\nmail_version = 3.10.3\n", "", "",
		"fail postfix-dialect", NULL},
	{"", "smtp_tls_policy_maps = " MAP "-tlsrpt\nmail_version = 3.10.6\n", "", "", "", NULL},
	{"", "smtp_tls_policy_maps = " MAP "-tlsrpt\nmail_version = 3.11.0\nsmtp_tls_enforce_sts_mx_patterns = no\n",
		"", "", "warn postfix-dialect", NULL},
	{"", "smtp_tls_policy_maps = socketmap:inet:127.0.0.1:8461:sts\n", "", "", "warn postfix-dialect", NULL},
	{"", "smtp_tls_policy_maps = socketmap:inet:127.0.0.1:8461:QUERY\nmail_version = 3.10.13\n", "", "", "", NULL},
	/* TLS */
	{"", "smtp_tls_security_level =\n", "", "", "fail postfix-level", NULL},
	{"", "smtp_tls_security_level = none\n", "", "", "fail postfix-level", NULL},
	{"", "smtp_tls_security_level =\nsmtp_use_tls = yes\n", "", "", "", NULL},
	{"mta_dane = no\n", "smtp_tls_security_level =\nsmtp_enforce_tls = yes\n", "", "", "", NULL},
	{"", "smtp_tls_security_level = encrypt\n", "", "", "warn postfix-level", NULL},
	{"default_level = verify\n", "smtp_tls_security_level = encrypt\n", "", "", "", NULL},
	{"mta_dane = no\n", "smtp_tls_security_level = encrypt\n", "", "", "", NULL},
	{"dnssec = off\n", "smtp_tls_security_level = secure\n", "", "", "", NULL},
	{"", "smtp_tls_security_level = dane\n", "", "", "", NULL},
	{"", "", "", "smtp/unix/smtp_tls_security_level = none\n", "fail postfix-level", NULL},
	{"", "smtp_tls_CAfile =\n", "", "", "fail postfix-ca", NULL},
	{"", "smtp_tls_CAfile =\ntls_append_default_CA = yes\n", "", "", "", NULL},
	{"", "smtp_tls_CAfile =\nsmtp_tls_CApath = /etc/ssl/certs\n", "", "", "warn postfix-ca", NULL},
	{"", "", "", "", "fail postfix-ca", "No such file or directory"},
	{"mta_enforces = no\nmta_dane = no\n", "smtp_tls_policy_maps =\nsmtp_tls_CAfile =\n", "", "", "", NULL},
	{"", "smtp_tls_mandatory_protocols = >=TLSv1.3\n", "", "", "warn postfix-protocols", NULL},
	{"", "smtp_tls_mandatory_protocols = >=0304\n", "", "", "warn postfix-protocols", NULL},
	{"", "smtp_tls_mandatory_protocols = !SSLv2, !SSLv3, !tlsv1.2\n", "", "", "warn postfix-protocols", NULL},
	{"", "smtp_tls_mandatory_protocols = TLSv1.3\n", "", "", "warn postfix-protocols", NULL},
	{"", "smtp_tls_mandatory_protocols = TLSv1.2:TLSv1.3\n", "", "", "", NULL},
	{"", "smtp_tls_mandatory_protocols = !SSLv2, !SSLv3\n", "", "", "", NULL},
	{"", "smtp_tls_mandatory_protocols =\n", "", "", "", NULL},
	{"", "smtp_delivery_status_filter =\n", "", "", "warn postfix-bounces", NULL},
	/* DANE */
	{"", "smtp_dns_support_level =\n", "", "", "fail postfix-dane", NULL},
	{"", "smtp_dns_support_level = enabled\n", "", "", "fail postfix-dane", NULL},
	{"mta_dane = no\n", "smtp_dns_support_level =\n", "", "", "", NULL},
	{"dnssec = off\n", "smtp_dns_support_level =\n", "", "", "", NULL},
	{"", "smtp_host_lookup = native\n", "", "", "fail postfix-dane", NULL},
	{"mta_enforces = no\n", "smtp_tls_policy_maps =\n", "", "", "warn postfix-dane", NULL},
	/* policy delegation */
	{DELEGATION, NO_MILTER ASKED, "", "", "", NULL},
	{DELEGATION,
		NO_MILTER
		"smtpd_recipient_restrictions = { check_policy_service { inet:localhost:8463, timeout=10s } }\n",
		"", "", "warn postfix-delegation", NULL},
	{DELEGATION,
		NO_MILTER "smtpd_recipient_restrictions = check_policy_service { inet:localhost:8463, timeout=10s }\n",
		"", "", "", NULL},
	{DELEGATION, NO_MILTER, "", "", "warn postfix-delegation", NULL},
	{DELEGATION "mta_enforces = no\nmta_dane = no\n", NO_MILTER "smtp_tls_policy_maps =\n", "", "",
		"fail postfix-delegation", NULL},
	{DELEGATION,
		NO_MILTER "smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination, "
			  "check_policy_service inet:127.0.0.1:8463\n",
		"", "", "warn postfix-delegation", NULL},
	{DELEGATION, NO_MILTER "smtpd_data_restrictions = check_policy_service inet:127.0.0.1:8463\n", "", "",
		"fail postfix-delegation", NULL},
	{DELEGATION, NO_MILTER ASKED "smtpd_policy_service_timeout = 3s\n", "", "", "fail postfix-delegation", NULL},
	{DELEGATION, NO_MILTER ASKED "relayhost = [192.0.2.1]\n", "", "", "warn postfix-delegation", NULL},
	{DELEGATION, NO_MILTER ASKED "transport_maps = hash:/etc/postfix/transport\n", "", "",
		"warn postfix-delegation", NULL},
	{DELEGATION "delegation_domain = smart.example\n", NO_MILTER ASKED, "", "", "warn postfix-delegation", NULL},
	{DELEGATION, NO_MILTER ASKED "virtual_mailbox_domains = box.example\n", "", "", "warn postfix-domains", NULL},
	/* routes */
	{"", "relayhost = [smart.example]:587\n", "", "", "warn postfix-routes", NULL},
	{"", "default_transport = smtp:smart.example\n", "", "", "warn postfix-routes", NULL},
	{"exempt_domains = smart.example\n", "relayhost = [smart.example]:587\n", "", "", "", NULL},
	{"exempt_hosts = .example\n", "relayhost = [smart.example]:587\n", "", "", "", NULL},
	{"", "relayhost = [192.0.2.1]\n", "", "", "", NULL},
	{"", "smtp_fallback_relay = spare.example\n", "", "", "warn postfix-routes", NULL},
	{"mta_dane = no\n", "smtp_dns_support_level = disabled\n", "", "", "fail postfix-routes", NULL},
	{"mta_dane = no\n", "smtp_dns_support_level =\ndisable_dns_lookups = yes\n", "", "", "fail postfix-routes",
		NULL},
	/* transports */
	{"", "", "dovecot unix - n n - - pipe flags=DRhu\n", "", "warn postfix-transports", NULL},
	{"milter_skip_mailers = lmtp virtual dovecot\n", "", "dovecot unix - n n - - pipe flags=DRhu\n", "", "", NULL},
	{"", "content_filter = scan:dummy\n", "scan unix - n n - - pipe flags=Rq\n", "", "", NULL},
	{"", "", "scan unix - n n - - pipe flags=Rq\n", "smtp/inet/content_filter = scan\n", "", NULL},
	/* own and backup domains */
	{"own_hosts = relay.example\n", "relay_domains = inside.example hash:/etc/postfix/relay\n", "", "",
		"warn postfix-domains", NULL},
	{"own_hosts = relay.example\nexempt_domains = inside.example\n", "relay_domains = Inside.Example\n", "", "", "",
		NULL},
	{"own_hosts = .example\nexempt_domains = .inside.example\n", "relay_domains = .inside.example\n", "", "", "",
		NULL},
	{"exempt_domains = inside.example\n", "relay_domains = inside.example\n", "", "", "", NULL},
	{"exempt_domains = inside.example\n", "relay_domains = inside.example\nmyhostname = out.example\n", "", "",
		"warn postfix-domains", NULL},
	{"own_hosts = mx.example\nexempt_domains = inside.example\n", "relay_domains = inside.example\n", "", "",
		"warn postfix-domains", NULL},
	/* TLS reports: each session once */
	{COLLECT, NEW, "", "", "", NULL},
	{COLLECT "report_probes = all\n", NEW, "", "", "warn postfix-tlsrpt", NULL},
	{COLLECT, "", "", "", "warn postfix-tlsrpt", NULL},
	{COLLECT "report_probes = all\n", "", "", "", "", NULL},
	{"tlsrpt = collect\n", NEW, "", "", "warn postfix-tlsrpt", NULL},
	{"tlsrpt = collect\nreport_probes = all\n", NEW, "", "", "", NULL},
	{COLLECT, "mail_version = 3.10.13\n", "", "", "warn postfix-tlsrpt", NULL},
	{COLLECT, NEW "smtp_tlsrpt_enable = no\n", "", "", "warn postfix-tlsrpt", NULL},
	{COLLECT "report_probes = all\n", NEW "smtp_tlsrpt_enable = no\n", "", "", "", NULL},
	{COLLECT, NEW "smtp_tlsrpt_socket_name = run/other\n", "", "", "warn postfix-tlsrpt", NULL},
	{COLLECT, NEW "smtp_tlsrpt_socket_name = /var/spool/postfix/stsgate/tlsrpt\n", "", "", "warn postfix-tlsrpt",
		NULL},
	{COLLECT, NEW "smtp_tlsrpt_socket_name = /stsgate/tlsrpt\n", "", "", "", NULL},
	{COLLECT, NEW, "", "smtp/unix/smtp_tlsrpt_enable = no\n", "warn postfix-tlsrpt", NULL},
	{"", NEW, "", "", "", NULL},
	/* reports on their way */
	{SIGNED, NEW, "", "", "", NULL},
	{SIGNED, NEW "tls_required_enable = no\n", "", "", "warn postfix-reports", NULL},
	{SIGNED, NEW "mail_version = 3.10.3\n", "", "", "warn postfix-reports", NULL},
	{SIGNED, NEW "mail_version = 3.10.4\n", "", "", "", NULL},
	{SIGNED, NEW "mail_version = 3.10.3\nsender_dependent_default_transport_maps = regexp:/etc/postfix/r\n", "", "",
		"", NULL},
	{SIGNED "report_probes = all\n", "", "", "", "warn postfix-reports", NULL},
	{SIGNED "report_probes = all\n", "sender_dependent_default_transport_maps = regexp:/etc/postfix/r\n", "", "",
		"", NULL},
	/* the lines of stsgated(8) */
	{SIGNED "report_probes = all\n", "sender_dependent_default_transport_maps = regexp:{{/^tlsrpt\\+/ tlsrpt:}}\n",
		"tlsrpt unix - - y - - smtp\n",
		"tlsrpt/unix/smtp_tls_policy_maps =\ntlsrpt/unix/smtp_tls_security_level = may\n", "", NULL},
	{"", "sender_dependent_default_transport_maps = regexp:{{/^tlsrpt\\+/ tlsrpt:}}\n",
		"tlsrpt unix - - y - - smtp\n", "tlsrpt/unix/smtp_tls_policy_maps =\n", "warn postfix-map", NULL},
	{SIGNED "report_probes = all\nmta_enforces = no\nmta_dane = no\n", "smtp_tls_policy_maps =\n", "", "", "",
		NULL},
	{SIGNED "report_probes = all\nreport_smtp = 192.0.2.1:25\n", "", "", "", "", NULL},
	/* who signs */
	{REPORTS, NEW, "", "", "warn postfix-signer", NULL},
	{REPORTS, NEW "smtpd_milters = " MILTER " inet:localhost:8891\n", "", "", "", NULL},
	{REPORTS, NEW "smtpd_milters = " MILTER " { unix:opendkim/opendkim.sock, default_action=accept }\n", "", "", "",
		NULL},
	{REPORTS, NEW "smtpd_milters = " MILTER " inet:localhost:11332\n", "", "", "", NULL},
	{REPORTS, NEW "smtpd_milters = " MILTER " inet:localhost:88910\n", "", "", "warn postfix-signer", NULL},
	{REPORTS, NEW, "", "smtp/inet/smtpd_milters = inet:localhost:8891\n", "warn postfix-milter", NULL},
	{REPORTS "report_smtp = 127.0.0.1:10025\n", NEW "smtpd_milters = " MILTER " inet:localhost:8891\n", "", "",
		"warn postfix-signer", NULL},
	{REPORTS "report_smtp = 127.0.0.1:10025\n", NEW, "127.0.0.1:10025 inet n - y - - smtpd\n",
		"127.0.0.1:10025/inet/smtpd_milters = inet:localhost:8891\n", "", NULL},
	{REPORTS, NEW "smtpd_milters = " MILTER " inet:localhost:8891\n", "",
		"smtp/inet/receive_override_options = no_milters\n", "warn postfix-milter; warn postfix-signer", NULL},
};

static char *joined(const char *a, const char *b)
{
	char *text = xmalloc(strlen(a) + strlen(b) + 1);
	strcpy(text, a);
	return strcat(text, b);
}

/* Later settings of stsgate.conf replace earlier ones here, as a file may not have a setting twice. */
static struct settings *settings_of(const char *text)
{
	struct failure why = {0};
	char *words[16];
	size_t count = 0;
	char *copy = joined(own_settings, text), *rest = NULL;
	for (char *line = strtok_r(copy, "\n", &rest); line && count < COUNT(words); line = strtok_r(NULL, "\n", &rest))
		words[count++] = line;
	struct settings *settings = settings_read(NULL, false, words, count, &why);
	if (!settings)
		fail_msg("%s", why.text);
	free(copy);
	return settings;
}

static void row_judge(const struct row *row)
{
	struct postfix_config config;
	struct settings *settings = settings_of(row->settings);
	struct doctor doctor = {.settings = settings};
	findings_clear();
	assert_true(postfix_config_read(
		&config, joined(main_cf, row->main), joined(master_cf, row->master), joined(row->overrides, "")));
	struct postfix_facts facts = {.config = &config, .host = "relay.example", .ca_unreadable = row->ca_unreadable};
	postfix_judge(&doctor, &facts);
	postfix_config_free(&config);
	settings_free(&settings);
}

static void rows_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		row_judge(&rows[i]);
		if (strcmp(findings_bad(), rows[i].wanted) != 0)
			fail_msg("row %zu (%s%s%s%s): `%s`, not `%s`\n%s", i, rows[i].settings, rows[i].main,
				rows[i].master, rows[i].overrides, findings_bad(), rows[i].wanted, findings_all());
	}
}

/* The findings quote what main.cf has; nothing in it can write to the terminal. */
static void text_is_quoted(void **state)
{
	struct row row = {"", "relayhost = \x1b[31m.example\nmail_version = 3.7\x07\nsmtp_tls_security_level = \x9b\n",
		"\x1b[0m inet n - y - - smtpd\n", "", "", NULL};
	(void)state;
	row_judge(&row);
	for (const char *at = findings_all(); *at; at++)
		if (*at != '\n' && (*at < 0x20 || *at > 0x7e))
			fail_msg("octet %d in: %s", *at, findings_all());
}

static void directory_is_told(void **state)
{
	struct postfix_config config;
	struct settings *settings = settings_of("");
	struct doctor doctor = {.settings = settings};
	(void)state;
	for (int named = 0; named <= 1; named++) {
		struct postfix_facts facts = {
			.config = &config, .host = "", .directory = named ? "/etc/postfix-out" : NULL};
		findings_clear();
		assert_true(postfix_config_read(&config, joined(main_cf, ""), joined(master_cf, ""), joined("", "")));
		postfix_judge(&doctor, &facts);
		assert_non_null(strstr(
			findings_all(), named ? "settings in /etc/postfix-out\n" : "settings in /etc/postfix\n"));
		postfix_config_free(&config);
	}
	settings_free(&settings);
}

static void own_address_is_told(void **state)
{
	struct row row = {"milter_socket = unix:/var/spool/postfix/stsgate/milter\nsocketmap_socket = inet6:99@::1\n",
		"smtpd_milters =\nsmtp_tls_policy_maps =\n", "", "", "", NULL};
	(void)state;
	row_judge(&row);
	assert_non_null(strstr(findings_all(), "smtpd_milters = { unix:stsgate/milter, "));
	assert_non_null(strstr(findings_all(), "smtp_tls_policy_maps = socketmap:inet:[::1]:99:postfix"));
}

/* Tables before the map, and what they answer for the domains in the store. */
static void answers_decide(void **state)
{
	static const struct {
		const char *answers[2]; /* NULL: not asked */
		const char *wanted, *words;
	} cases[] = {
		{{"a.example\tmay\nb.example\tsecure match=x\n", ""}, "warn postfix-map-order",
			"policies (1 in all): \"a.example (may)\"; tables: lmdb:/a, regexp:/b"},
		{{"", "a.example\tnone\nb.example\tencrypt ciphers=high"}, "warn postfix-map-order",
			"policies (2 in all): \"a.example (none)\", \"b.example (encrypt)\"; tables"},
		{{"b.example\tsecure\nc.example\tdane-only\nmay\n\n\t\t\n", ""}, "",
			"weaken no enforce policy of the store (3 in all)"},
		{{"", NULL}, "warn postfix-map-order", "an answer of a table before stsgated's map replaces"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct postfix_config config;
		struct settings *settings = settings_of("");
		struct doctor doctor = {.settings = settings};
		struct names tables = {0};
		struct postfix_facts facts = {.config = &config, .host = "relay.example"};
		findings_clear();
		assert_true(postfix_config_read(&config,
			joined(main_cf, "smtp_tls_policy_maps = lmdb:/a, regexp:/b " MAP "\n"), joined(master_cf, ""),
			joined("", "")));
		postfix_tables_ahead(&config, settings, &tables);
		assert_int_equal(tables.count, 2);
		assert_true(names_have(&tables, "regexp:/b"));
		for (size_t k = 0; k < 2; k++) {
			facts.ahead[k].asked = cases[i].answers[k] ? 3 : 0;
			postfix_answers_take(&facts.ahead[k], cases[i].answers[k] ? cases[i].answers[k] : "");
		}
		postfix_judge(&doctor, &facts);
		if (strcmp(findings_bad(), cases[i].wanted) != 0 || !strstr(findings_all(), cases[i].words))
			fail_msg("case %zu: %s", i, findings_all());
		for (size_t k = 0; k < 2; k++)
			names_free(&facts.ahead[k].weak);
		names_free(&tables);
		postfix_config_free(&config);
		settings_free(&settings);
	}
}

/* Tables of relay_domains: what they know of the domains in the store. */
static void tables_of_domains_decide(void **state)
{
	static const struct {
		const char *keys; /* NULL: not asked */
		const char *wanted, *words;
	} cases[] = {
		{NULL, "", "names no domain to be judged; its tables were not asked"},
		{"", "", "names no domain to be judged\n"},
		{"inside.example\tOK\nother.example\t\n", "warn postfix-domains",
			"strangers: inside.example, other.example\n"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct postfix_config config;
		struct settings *settings = settings_of("own_hosts = relay.example\n");
		struct doctor doctor = {.settings = settings};
		struct names tables = {0};
		struct postfix_facts facts = {.config = &config, .host = "", .inward_asked = cases[i].keys ? 3 : 0};
		findings_clear();
		assert_true(postfix_config_read(&config, joined(main_cf, "relay_domains = hash:/a, ldap:/b\n"),
			joined(master_cf, ""), joined("", "")));
		postfix_tables_in(&config, "relay_domains", &tables);
		assert_int_equal(tables.count, 2);
		postfix_keys_take(&facts.inward, cases[i].keys ? cases[i].keys : "");
		postfix_judge(&doctor, &facts);
		if (strcmp(findings_bad(), cases[i].wanted) != 0 || !strstr(findings_all(), cases[i].words))
			fail_msg("case %zu: %s", i, findings_all());
		names_free(&facts.inward);
		names_free(&tables);
		postfix_config_free(&config);
		settings_free(&settings);
	}
}

/* What is unknown is not called unsigned. */
static void unknown_signers_are_told(void **state)
{
	static const struct {
		const char *settings, *main, *words;
	} cases[] = {
		{REPORTS, NEW, "warn postfix-signer nothing signs the reports"},
		{REPORTS, NEW "smtpd_milters = " MILTER " inet:localhost:88910\n", "it is unknown whether a milter"},
		{REPORTS, NEW "content_filter = scan:dummy\n", "it is unknown whether a milter"},
		{REPORTS "report_smtp = mail.example:25\n", NEW, "it is unknown whether a milter"},
		{REPORTS, NEW "smtpd_milters = " MILTER " inet:localhost:8891\n",
			"OpenDKIM at inet:localhost:8891 may sign"},
		{REPORTS, NEW "smtpd_milters = unix:/run/my-dkim\n", "a DKIM signer at unix:/run/my-dkim may sign"},
		{COLLECT, NEW "smtp_tlsrpt_enable = no\n", "smtp_tlsrpt_socket_name = stsgate/tlsrpt\n"},
		{"tlsrpt = collect\ntlsrpt_socket = /run/t\n", NEW, "smtp_tlsrpt_socket_name = /run/t\n"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct row row = {cases[i].settings, cases[i].main, "", "", "", NULL};
		row_judge(&row);
		if (!strstr(findings_all(), cases[i].words))
			fail_msg("case %zu lacks `%s`: %s", i, cases[i].words, findings_all());
	}
}

static void odd_output_is_survived(void **state)
{
	static const char *const odd[] = {
		"", "\n\n", "=", "= = =\n", "/", "//=\n", "a/b/c", "a b c d e f g h", "x\n/y/z = 1\n{"};
	struct postfix_config config;
	(void)state;
	for (size_t i = 0; i < COUNT(odd); i++) {
		assert_false(postfix_config_read(&config, xstrdup(odd[i]), xstrdup(odd[i]), xstrdup(odd[i])));
		postfix_config_free(&config);
	}
}

static void items_keep_their_braces(void **state)
{
	static const char list[] = " a, {b, c={d e}} ,,inline:{x y}z }w {open ";
	static const char *const items[] = {"a", "{b, c={d e}}", "inline:{x y}z", "}w", "{open "};
	struct span rest = {list, sizeof list - 1}, item;
	size_t count = 0;
	(void)state;
	for (; postfix_item(&rest, &item); count++)
		if (count >= COUNT(items) || !span_is(item, items[count]))
			fail_msg("item %zu: %.*s", count, (int)item.len, item.at);
	assert_int_equal(count, COUNT(items));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_agree),
		cmocka_unit_test(text_is_quoted),
		cmocka_unit_test(directory_is_told),
		cmocka_unit_test(own_address_is_told),
		cmocka_unit_test(answers_decide),
		cmocka_unit_test(tables_of_domains_decide),
		cmocka_unit_test(unknown_signers_are_told),
		cmocka_unit_test(odd_output_is_survived),
		cmocka_unit_test(items_keep_their_braces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
