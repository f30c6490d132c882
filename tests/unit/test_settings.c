#include "fake_log.h"
#include "settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#define TEN "aaaaaaaaaa"

static struct settings *read_text(const char *text, struct failure *why)
{
	return settings_read_text("f", text, strlen(text), why);
}

static const struct settings_row *row_of(const char *name)
{
	for (size_t i = 0; i < settings_table_count; i++)
		if (strcmp(settings_table[i].name, name) == 0)
			return &settings_table[i];
	fail_msg("no row %s", name);
	return NULL;
}

/* Every default is valid, and the struct has the same value as the table. */
static void test_defaults(void **state)
{
	(void)state;
	struct failure why = {0};
	struct settings *settings = settings_read(NULL, false, NULL, 0, &why);
	assert_non_null(settings);
	assert_int_equal(settings->mode, MODE_ENFORCE);
	assert_false(settings->mta_enforces);
	assert_string_equal(settings->milter_socket, "inet:8462@127.0.0.1");
	assert_int_equal(settings->milter_on_fail, ON_FAIL_DEFER);
	assert_int_equal(settings->milter_on_fail_local, CHOICE_EMPTY);
	assert_int_equal(settings->milter_wait, 4);
	assert_int_equal(settings->milter_waiters, 64);
	assert_string_equal(row_of("dnssec")->words, "off on auto"); /* in the order of enum dns_validation */
	assert_int_equal(settings->io_threads, 2);
	assert_int_equal(settings->lookups_max, 10000);
	assert_int_equal(settings->socket_mode, 0660);
	assert_int_equal(settings->store_max_bytes, 1 << 30);
	assert_int_equal(settings->forget_after, 180 * 86400);
	assert_int_equal(settings->exempt_domains.count, 0);
	assert_int_equal(settings->milter_skip_mailers.count, 31);
	assert_string_equal(settings->milter_skip_mailers.item[30], "uucp-uudom");
	settings_free(&settings);
	assert_null(settings);
	settings_free(&settings);
}

/* One value: `text` is a file, `name` the setting, `want` the result of settings_format(). */
static const struct {
	const char *text, *name, *want;
} good[] = {
	{"", "mode", "enforce"},
	{"mode=monitor", "mode", "monitor"},
	{"mode = monitor\n", "mode", "monitor"},
	{"mode\t=\tmonitor \t\n", "mode", "monitor"},
	{"mode = monitor\r\n", "mode", "monitor"},
	{"mode = monitor\r", "mode", "monitor"},
	{"# a comment\n\n  # another\n \t \nmode = monitor", "mode", "monitor"},
	{"mode =\n monitor\n", "mode", "monitor"},
	{"mta_enforces = yes", "mta_enforces", "yes"},
	{"mta_dane = no", "mta_dane", "no"},
	{"milter_on_fail_authenticated =", "milter_on_fail_authenticated", ""},
	{"milter_on_fail_authenticated = quarantine", "milter_on_fail_authenticated", "quarantine"},
	{"milter_on_fail_local = tag", "milter_on_fail_local", "tag"},
	{"milter_tag = off", "milter_tag", "off"},
	{"exempt_domains = a.example,b.example , .c.example\td.example", "exempt_domains",
		"a.example b.example .c.example d.example"},
	{"exempt_domains = a.example\n# between\n\n  b.example\n\tc.example\nmode = monitor\n", "exempt_domains",
		"a.example b.example c.example"},
	{"exempt_domains =", "exempt_domains", ""},
	{"exempt_domains = ,, ,", "exempt_domains", ""},
	{"exempt_domains = b\xc3\xbc"
	 "cher.example",
		"exempt_domains",
		"b\xc3\xbc"
		"cher.example"},
	{"milter_socket =", "milter_socket", ""},
	{"milter_socket = unix:/run/stsgate/with blank", "milter_socket", "unix:/run/stsgate/with blank"},
	{"dns_trust_anchor = /etc/a=b#c", "dns_trust_anchor", "/etc/a=b#c"},
	{"milter_wait = 0", "milter_wait", "0s"},
	{"milter_wait = 25s", "milter_wait", "25s"},
	{"probe_timeout = 90", "probe_timeout", "90s"},
	{"probe_timeout = 5m", "probe_timeout", "5m"},
	{"probe_ttl_ok = 24h", "probe_ttl_ok", "1d"},
	{"forget_after = 3650d", "forget_after", "3650d"},
	{"store_max_bytes = 1048577", "store_max_bytes", "1048577"},
	{"store_max_bytes = 2048k", "store_max_bytes", "2M"},
	{"store_max_bytes = 1024G", "store_max_bytes", "1024G"},
	{"io_threads = 1", "io_threads", "1"},
	{"workers = 64\nlookups_max = 1000000", "lookups_max", "1000000"},
	{"socket_mode = 600", "socket_mode", "0600"},
	{"socket_mode = 0", "socket_mode", "0000"},
	{"socket_owner = postfix", "socket_owner", "postfix"},
	{"socket_owner = postfix:mail", "socket_owner", "postfix:mail"},
	{"socket_owner = :mail", "socket_owner", ":mail"},
	{"milter_header = X-T!", "milter_header", "X-T!"},
	{"dns_servers = 127.0.0.1, ::1@5353 192.0.2.1@53", "dns_servers", "127.0.0.1 ::1@5353 192.0.2.1@53"},
	{"probe_bind = 192.0.2.1 2001:db8::1", "probe_bind", "192.0.2.1 2001:db8::1"},
	{"fetch_proxy = http://proxy.example:3128", "fetch_proxy", "http://proxy.example:3128"},
	{"fetch_proxy = http://[2001:db8::1]:3128", "fetch_proxy", "http://[2001:db8::1]:3128"},
	{"report_smtp = [::1]:10025", "report_smtp", "[::1]:10025"},
	{"report_smtp = mail.example:25", "report_smtp", "mail.example:25"},
	{"report_from = tls.rpt+x@mail-1.example.com", "report_from", "tls.rpt+x@mail-1.example.com"},
	{"report_from = abcdefghijklmnopqrstuvwxyz.6789@a.example", "report_from",
		"abcdefghijklmnopqrstuvwxyz.6789@a.example"},
	{"report_organization = B\xc3\xbcro, Inc.", "report_organization", "B\xc3\xbcro, Inc."},
	{"report_dkim_selector = s1.tls_rpt\nreport_dkim_key = /k", "report_dkim_selector", "s1.tls_rpt"},
	{"tlsrpt = feed\ntlsrpt_socket = /s", "tlsrpt", "feed"},
	{"tls_required_no =", "tls_required_no", ""},
	{"mta_enforces = yes\ntls_required_no = map", "tls_required_no", "map"},
	{"tls_required_no = headers", "tls_required_no", "headers"},
	{"tls_required_no_senders = <>, a.b+c@d.example @e.example", "tls_required_no_senders",
		"<> a.b+c@d.example @e.example"},
	{"tls_required_no_senders =", "tls_required_no_senders", ""},
	{"default_level = verify", "default_level", "verify"},
	{"fleet_server = unix:/s\nfleet_key_file = /k", "fleet_server", "unix:/s"},
	{"fleet_server = inet:6379@127.0.0.9\nfleet_key_file = /k", "fleet_server", "inet:6379@127.0.0.9"},
	{"fleet_server = inet6:6379@::1\nfleet_key_file = /k", "fleet_server", "inet6:6379@::1"},
	{"fleet_server = inet:6379@192.0.2.1\nfleet_key_file = /k\nfleet_plaintext = yes", "fleet_server",
		"inet:6379@192.0.2.1"},
	{"fleet_server = unix:/s\nfleet_key_file = /k\nfleet_node = relay_1.example", "fleet_node", "relay_1.example"},
	{"fleet_server = unix:/s\nfleet_key_file = /k\nfleet_user = u\nfleet_password_file = /p", "fleet_user", "u"},
	{"probe_ttl_ok = 1d\nprobe_ttl_max = 1d", "probe_ttl_ok", "1d"},
	{"socketmap_socket = inet:8462@127.0.0.2", "socketmap_socket", "inet:8462@127.0.0.2"},
	{"socketmap_socket = inet6:8462@::1", "socketmap_socket", "inet6:8462@::1"},
	{"probe_helo = [192.0.2.1]", "probe_helo", "[192.0.2.1]"},
	{"delegation_socket = inet:8463@127.0.0.1\ndelegation_domain = [smart.example]:587", "delegation_domain",
		"[smart.example]:587"},
	{"delegation_domain = recipient", "delegation_domain", "recipient"},
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct failure why = {0};
		char value[512];
		struct settings *settings = read_text(good[i].text, &why);
		if (!settings)
			fail_msg("%s: %s", good[i].text, why.text);
		assert_string_equal(settings_format(settings, row_of(good[i].name), value, sizeof value), good[i].want);
		settings_free(&settings);
	}
}

/* Files that are refused, with the whole message. */
static const struct {
	const char *text, *message;
} bad[] = {
	{"\nmilter_on_fail = dfer", "f:2: milter_on_fail = \"dfer\": is not one of defer, tag, quarantine"},
	{"mode =", "f:1: mode = \"\": is not one of enforce, monitor"},
	{"mode = enforce monitor", "f:1: mode = \"enforce monitor\": is not one of enforce, monitor"},
	{"mode = tag # x",
		"f:1: mode = \"tag # x\" (a comment needs a line of its own): is not one of enforce, monitor"},
	{"milter_sockt = x", "f:1: there is no setting \"milter_sockt\"; did you mean milter_socket?"},
	{"Mode = monitor", "f:1: there is no setting \"Mode\"; did you mean mode?"},
	{"something_else = x", "f:1: there is no setting \"something_else\"; stsgate.conf(5) lists them"},
	{"mode monitor", "f:1: \"mode monitor\" is not of the form name = value"},
	{"= monitor", "f:1: \"\" is not of the form name = value"},
	{" mode = monitor", "f:1: begins with a blank, but there is no setting before it to continue"},
	{"mode = monitor\n#\nmode = monitor", "f:3: mode is already set in line 1; keep one of the two"},
	{"mode = mon\x01itor", "f:1: contains the control character 0x01; settings are plain text"},
	{"\nmode = mon\ritor", "f:2: contains the control character 0x0d; settings are plain text"},
	{"mode = mon\x7fitor", "f:1: contains the control character 0x7f; settings are plain text"},
	{"probe = maybe", "f:1: probe = \"maybe\": is not yes or no"},
	{"probe =", "f:1: probe = \"\": is not yes or no"},
	{"probe = YES", "f:1: probe = \"YES\": is not yes or no"},
	{"milter_wait =", "f:1: milter_wait = \"\": is not a duration such as 90s, 5m, 4h or 180d"},
	{"milter_wait = -1", "f:1: milter_wait = \"-1\": is not a duration such as 90s, 5m, 4h or 180d"},
	{"milter_wait = 4 s", "f:1: milter_wait = \"4 s\": is not a duration such as 90s, 5m, 4h or 180d"},
	{"milter_wait = 4w", "f:1: milter_wait = \"4w\": is not a duration such as 90s, 5m, 4h or 180d"},
	{"milter_wait = 26", "f:1: milter_wait = \"26\": is not between 0s and 25s"},
	{"probe_timeout = 0", "f:1: probe_timeout = \"0\": is not between 1s and 5m"},
	{"forget_after = 213503982334602d",
		"f:1: forget_after = \"213503982334602d\": is not a duration such as 90s, 5m, 4h or 180d"},
	{"forget_after = 4294967297s", "f:1: forget_after = \"4294967297s\": is not between 1d and 3650d"},
	{"store_max_bytes =", "f:1: store_max_bytes = \"\": is not a size such as 64k, 512M or 1G"},
	{"store_max_bytes = 1T", "f:1: store_max_bytes = \"1T\": is not a size such as 64k, 512M or 1G"},
	{"store_max_bytes = 1023k", "f:1: store_max_bytes = \"1023k\": is not between 1M and 1024G"},
	{"io_threads =", "f:1: io_threads = \"\": is not a number"},
	{"io_threads = 4k", "f:1: io_threads = \"4k\": is not a number"},
	{"io_threads = 99999999999999999999", "f:1: io_threads = \"99999999999999999999\": is not a number"},
	{"io_threads = 65", "f:1: io_threads = \"65\": is not between 1 and 64"},
	{"socket_mode =", "f:1: socket_mode = \"\": is not a file mode such as 0660"},
	{"socket_mode = 0800", "f:1: socket_mode = \"0800\": is not a file mode such as 0660"},
	{"socket_mode = 1777", "f:1: socket_mode = \"1777\": is not between 0000 and 0777"},
	{"\nmilter_socket = 8462",
		"f:2: milter_socket = \"8462\": is not inet:port@host, inet6:port@host or unix:path"},
	{"socketmap_socket = inet:0@127.0.0.1",
		"f:1: socketmap_socket = \"inet:0@127.0.0.1\": the port must be a number "
		"from 1 to 65535, as in inet:8462@127.0.0.1"},
	{"metrics_socket = unix:stsgate", "f:1: metrics_socket = \"unix:stsgate\": a socket's path must begin with /"},
	{"socketmap_socket = inet:8462@127.0.0.1",
		"f:1: socketmap_socket = \"inet:8462@127.0.0.1\": is also the address of "
		"milter_socket; give each setting its own address"},
	{"milter_socket = inet:8461",
		"f: socketmap_socket = \"inet:8461@127.0.0.1\" (the default): is also the address of "
		"milter_socket; give each setting its own address"},
	{"milter_socket = unix:/a\nmetrics_socket = local:/a",
		"f:2: metrics_socket = \"local:/a\": is also the address of milter_socket; give each setting its own address"},
	{"metrics_socket = inet:8461@127.0.0.1",
		"f:1: metrics_socket = \"inet:8461@127.0.0.1\": is also the address of "
		"socketmap_socket; give each setting its own address"},
	{"delegation_domain = recipient\ndelegation_socket = inet:8461@127.0.0.1",
		"f:2: delegation_socket = \"inet:8461@127.0.0.1\": is also the address of socketmap_socket; give each "
		"setting its own address"},
	{"delegation_socket = 8463",
		"f:1: delegation_socket = \"8463\": is not inet:port@host, inet6:port@host or unix:path"},
	{"socket_owner = a:b:c", "f:1: socket_owner = \"a:b:c\": is not user, user:group or :group"},
	{"socket_owner = -b", "f:1: socket_owner = \"-b\": is not user, user:group or :group"},
	{"socket_owner = :", "f:1: socket_owner = \":\": is not user, user:group or :group"},
	{"socket_owner = a b", "f:1: socket_owner = \"a b\": is not user, user:group or :group"},
	{"socket_owner = a:", "f:1: socket_owner = \"a:\": is not user, user:group or :group"},
	{"milter_header = X Y", "f:1: milter_header = \"X Y\": is not the name of a header field: 1 to 64 printable "
				"characters, no blank, no colon"},
	{"milter_header = X:", "f:1: milter_header = \"X:\": is not the name of a header field: 1 to 64 printable "
			       "characters, no blank, no colon"},
	{"milter_header =",
		"f:1: milter_header = \"\": is not the name of a header field: 1 to 64 printable characters, no "
		"blank, no colon"},
	{"store_path =", "f:1: store_path = \"\": must be a path that begins with /"},
	{"store_path = store", "f:1: store_path = \"store\": must be a path that begins with /"},
	{"dns_trust_anchor = key", "f:1: dns_trust_anchor = \"key\": must be a path that begins with /"},
	{"fetch_ca_file = ca", "f:1: fetch_ca_file = \"ca\": must be a path that begins with /"},
	{"probe_ca_file = ca", "f:1: probe_ca_file = \"ca\": must be a path that begins with /"},
	{"event_command = alarm --to me",
		"f:1: event_command = \"alarm --to me\": must begin with the path of a program, which begins with /"},
	{"event_command = /a 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
		"f:1: event_command = \"/a 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\": has more than 16 words; write a "
		"script that runs the command"},
	{"event_command_severity = bad",
		"f:1: event_command_severity = \"bad\": is not one of info, notice, warning, error"},
	{"dns_servers = ::1 resolver.example",
		"f:1: dns_servers = \"::1 resolver.example\": \"resolver.example\" is not an address or address@port"},
	{"dns_servers = 127.0.0.1@",
		"f:1: dns_servers = \"127.0.0.1@\": \"127.0.0.1@\" is not an address or address@port"},
	{"dns_servers = 127.0.0.1@65536",
		"f:1: dns_servers = \"127.0.0.1@65536\": \"127.0.0.1@65536\" is not an address or address@port"},
	{"probe_bind = eth0", "f:1: probe_bind = \"eth0\": \"eth0\" is not an address: write one "
			      "such as 192.0.2.1 or 2001:db8::1"},
	{"probe_bind = 192.0.2.1 192.0.2.2",
		"f:1: probe_bind = \"192.0.2.1 192.0.2.2\": has two addresses of one family; "
		"give at most one IPv4 and one IPv6 address"},
	{"fetch_proxy = https://proxy.example:3128",
		"f:1: fetch_proxy = \"https://proxy.example:3128\": is not of the form http://host:port"},
	{"fetch_proxy = http://proxy.example",
		"f:1: fetch_proxy = \"http://proxy.example\": is not of the form http://host:port"},
	{"fetch_proxy = http://u:p@proxy.example:1",
		"f:1: fetch_proxy = \"http://u:p@proxy.example:1\": is not of the form http://host:port"},
	{"fetch_proxy = http://[::1:1", "f:1: fetch_proxy = \"http://[::1:1\": is not of the form http://host:port"},
	{"fetch_proxy = http://[", "f:1: fetch_proxy = \"http://[\": is not of the form http://host:port"},
	{"report_smtp =", "f:1: report_smtp = \"\": is not of the form host:port"},
	{"report_smtp = mail.example", "f:1: report_smtp = \"mail.example\": is not of the form host:port"},
	{"report_smtp = :25", "f:1: report_smtp = \":25\": is not of the form host:port"},
	{"report_smtp = ::1:25", "f:1: report_smtp = \"::1:25\": is not of the form host:port"},
	{"tls_required_no = map",
		"f:1: tls_required_no = \"map\": can be map only with mta_enforces = yes; write headers or ignore"},
	{"tls_required_no_senders = a@example",
		"f:1: tls_required_no_senders = \"a@example\": \"a@example\" is not user@example.com, @example.com or <>"},
	{"tls_required_no_senders = <a@b.example>",
		"f:1: tls_required_no_senders = \"<a@b.example>\": \"<a@b.example>\" is not user@example.com, "
		"@example.com or <>"},
	{"tls_required_no_senders = .a@b.example",
		"f:1: tls_required_no_senders = \".a@b.example\": \".a@b.example\" is not user@example.com, "
		"@example.com or <>"},
	{"tlsrpt_socket = /a\ntlsrpt_forward = /a",
		"f:2: tlsrpt_forward = \"/a\": is also tlsrpt_socket; name the socket of another collector"},
	{"tlsrpt_socket = /" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "1234567",
		"f:1: tlsrpt_socket = \"/" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
		"1234567\": a socket's path must not be longer than 107 bytes"},
	{"report_from = example.com",
		"f:1: report_from = \"example.com\": is not an address such as tlsrpt@example.com"},
	{"report_from = a@example", "f:1: report_from = \"a@example\": is not an address such as tlsrpt@example.com"},
	{"report_from = <a@b.example>",
		"f:1: report_from = \"<a@b.example>\": is not an address such as tlsrpt@example.com"},
	{"report_from = a@b.example, c@b.example",
		"f:1: report_from = \"a@b.example, c@b.example\": is not an address such as tlsrpt@example.com"},
	{"report_from = a..b@b.example",
		"f:1: report_from = \"a..b@b.example\": is not an address such as tlsrpt@example.com"},
	{"report_from = @b.example", "f:1: report_from = \"@b.example\": is not an address such as tlsrpt@example.com"},
	{"report_from = a@b.example.",
		"f:1: report_from = \"a@b.example.\": is not an address such as tlsrpt@example.com"},
	{"report_from = a@b_c.example",
		"f:1: report_from = \"a@b_c.example\": is not an address such as tlsrpt@example.com"},
	{"report_from = abcdefghijklmnopqrstuvwxyz.67890@a.example",
		"f:1: report_from = \"abcdefghijklmnopqrstuvwxyz.67890@a.example\": has more than 31 characters before @"},
	{"report_organization = a\tb", "f:1: report_organization = \"a\tb\": has a control character"},
	{"report_organization = \xff", "f:1: report_organization = \"\xff\": is not valid UTF-8"},
	{"report_dkim_selector = a;b\nreport_dkim_key = /k",
		"f:1: report_dkim_selector = \"a;b\": is not a selector: letters, digits, hyphens and dots, such as tlsrpt1"},
	{"report_dkim_selector = .a\nreport_dkim_key = /k",
		"f:1: report_dkim_selector = \".a\": is not a selector: letters, digits, hyphens and dots, such as tlsrpt1"},
	{"report_dkim_key = /k", "f: report_dkim_selector = \"\" (the default): is needed with report_dkim_key"},
	{"fleet_server = unix:/s",
		"f: fleet_key_file = \"\" (the default): is needed with fleet_server: name a file with the key that all "
		"relays of the site have"},
	{"fleet_server = inet:6379@localhost\nfleet_key_file = /k",
		"f:1: fleet_server = \"inet:6379@localhost\": must have an address after @, as in inet:6379@127.0.0.1; names "
		"are not looked up"},
	{"fleet_server = inet:6379\nfleet_key_file = /k",
		"f:1: fleet_server = \"inet:6379\": must have an address after @, as in inet:6379@127.0.0.1; names are not "
		"looked up"},
	{"fleet_server = inet:6379@192.0.2.1\nfleet_key_file = /k",
		"f:1: fleet_server = \"inet:6379@192.0.2.1\": is on another machine, and nothing encrypts the way there; name "
		"the end of a tunnel on this machine, or set fleet_plaintext = yes"},
	{"fleet_server = inet6:6379@::ffff:127.0.0.1\nfleet_key_file = /k",
		"f:1: fleet_server = \"inet6:6379@::ffff:127.0.0.1\": is on another machine, and nothing encrypts the way "
		"there; name the end of a tunnel on this machine, or set fleet_plaintext = yes"},
	{"fleet_server = unix:/s\nfleet_key_file = /k\nfleet_user = u",
		"f: fleet_password_file = \"\" (the default): is needed with fleet_user"},
	{"fleet_server = unix:/s\nfleet_key_file = /k\nfleet_node = [relay]",
		"f:3: fleet_node = \"[relay]\": is not 1 to 64 letters, digits, dots, hyphens and underscores"},
	{"fleet_server = unix:/s\nfleet_key_file = /k\nfleet_name = "
	 "a1234567890123456789012345678901234567890123456789012345678901234",
		"f:3: fleet_name = \"a1234567890123456789012345678901234567890123456789012345678901234\": is longer than 64 "
		"characters"},
	{"report_dkim_selector = a", "f: report_dkim_key = \"\" (the default): is needed with report_dkim_selector"},
	{"tlsrpt = feed",
		"f: tlsrpt_socket = \"\" (the default): is needed with tlsrpt = feed: name the socket of the other collector"},
	{"probe_ttl_max = 1h",
		"f: probe_ttl_ok = \"4h\" (the default): is longer than probe_ttl_max; make it shorter, or "
		"make probe_ttl_max longer"},
	{"probe_ttl_ok = 1m\nprobe_ttl_max = 1h\nprobe_ttl_fail = 2h",
		"f:3: probe_ttl_fail = \"2h\": is longer than probe_ttl_max; make it shorter, or make probe_ttl_max longer"},
	{"milter_header = subject",
		"f:1: milter_header = \"subject\": is a field that mail needs, and the "
		"milter would remove it from every message; choose another name, such as X-STS-Gate"},
	{"milter_header = Content-Type", "f:1: milter_header = \"Content-Type\": is a field that mail needs, and the "
					 "milter would remove it from every message; choose another name, such as "
					 "X-STS-Gate"},
	{"probe_helo = a b", "f:1: probe_helo = \"a b\": is not a host name: write one such as relay.example.com"},
	{"user =", "f:1: user = \"\": is not the name of a user or group"},
	{"group = -x", "f:1: group = \"-x\": is not the name of a user or group"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct failure why = {0};
		if (read_text(bad[i].text, &why))
			fail_msg("%s: is taken", bad[i].text);
		assert_string_equal(why.text, bad[i].message);
		assert_int_equal(why.code, EX_CONFIG);
		assert_null(read_text(bad[i].text, NULL));
	}
}

static void test_bytes(void **state)
{
	(void)state;
	struct failure why = {0};
	assert_null(settings_read_text("f", "mode = \0monitor", 15, &why));
	assert_string_equal(why.text, "f:1: contains the control character 0x00; settings are plain text");

	char *large = malloc(SETTINGS_FILE_MAX + 1);
	assert_non_null(large);
	memset(large, '\n', SETTINGS_FILE_MAX + 1);
	struct settings *settings = settings_read_text("f", large, SETTINGS_FILE_MAX, &why);
	assert_non_null(settings);
	settings_free(&settings);
	assert_null(settings_read_text("f", large, SETTINGS_FILE_MAX + 1, &why));
	assert_string_equal(why.text, "f: is longer than 1048576 bytes");
	free(large);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_file(void **state)
{
	(void)state;
	char path[] = "/tmp/test_settings.XXXXXX";
	char want[128];
	struct failure why = {0};
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);

	write_file(path, "mode = monitor\nio_threads = 3\n");
	char *overrides[] = {"io_threads=4", " io_threads = 5 ", "exempt_domains="};
	struct settings *settings = settings_read(path, true, overrides, 3, &why);
	assert_non_null(settings);
	assert_int_equal(settings->mode, MODE_MONITOR);
	assert_int_equal(settings->io_threads, 5);
	settings_free(&settings);

	write_file(path, "io_threads = 65\n");
	assert_null(settings_read(path, false, NULL, 0, &why));
	snprintf(want, sizeof want, "%s:1: io_threads = \"65\": is not between 1 and 64", path);
	assert_string_equal(why.text, want);

	unlink(path);
	settings = settings_read(path, false, NULL, 0, &why);
	assert_non_null(settings);
	settings_free(&settings);
	assert_null(settings_read(path, true, NULL, 0, &why));
	snprintf(want, sizeof want, "%s: cannot be opened: No such file or directory", path);
	assert_string_equal(why.text, want);
	assert_int_equal(why.code, EX_NOINPUT);
	assert_null(settings_read("/", true, NULL, 0, &why));
	assert_string_equal(why.text, "/: cannot be read: Is a directory");
	assert_int_equal(why.code, EX_NOINPUT);
}

static const struct {
	const char *override, *message;
} bad_overrides[] = {
	{"io_threads", "-o: \"io_threads\" is not of the form name=value"},
	{"io_thread=3", "-o: there is no setting \"io_thread\"; did you mean io_threads?"},
	{"io_threads=0", "-o: io_threads = \"0\": is not between 1 and 64"},
	{"mode=monitor\n", "-o: contains a control character"},
	{"milter_header=a:",
		"-o: milter_header = \"a:\": is not the name of a header field: 1 to 64 printable characters, no "
		"blank, no colon"},
};

static void test_overrides(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_overrides / sizeof *bad_overrides; i++) {
		struct failure why = {0};
		char *override = strdup(bad_overrides[i].override);
		assert_null(settings_read(NULL, false, &override, 1, &why));
		assert_string_equal(why.text, bad_overrides[i].message);
		assert_int_equal(why.code, EX_USAGE);
		free(override);
	}
}

/* Any value is accepted and ignored; a warning names each place. */
static void obsolete_settings_are_ignored_with_a_warning(void **state)
{
	(void)state;
	static const char sentence[] = "has no effect since 0.2.0: lookups no longer hold threads; remove it; see "
				       "io_threads and lookups_max";
	static const char file[] = "mode = monitor\nworkers = as many as it\n  takes\n";
	char log[FAKE_LOG_SIZE], want[256];
	struct failure why = {0};
	struct settings *settings = read_text(file, &why);
	assert_non_null(settings);
	assert_int_equal(settings->mode, MODE_MONITOR);
	fake_log_forget();
	settings_warn(settings);
	fake_log_copy(log);
	snprintf(want, sizeof want, "warning: f:2: workers %s\n", sentence);
	assert_string_equal(log, want);
	settings_free(&settings);

	char *overrides[] = {"workers=64"};
	settings = settings_read(NULL, false, overrides, 1, &why);
	assert_non_null(settings);
	fake_log_forget();
	settings_warn(settings);
	fake_log_copy(log);
	snprintf(want, sizeof want, "warning: -o: workers %s\n", sentence);
	assert_string_equal(log, want);
	settings_free(&settings);

	settings = read_text("# workers = 64", &why);
	assert_non_null(settings);
	fake_log_forget();
	settings_warn(settings);
	fake_log_copy(log);
	assert_string_equal(log, "");
	settings_free(&settings);

	assert_string_equal(settings_obsolete("workers"), sentence);
	assert_null(settings_obsolete("io_threads"));
}

/* A failure that is found after reading: the message begins with the place of the setting. */
static void test_locate(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"store_path: is full", "f:3: store_path: is full"},
		{"user: is unknown", "f: user (the default): is unknown"},
		{"group: is unknown", "-o: group: is unknown"},
		{"store: store_path: is full", "store: store_path: is full"},
		{"store_path", "f:3: store_path"},
		{"store_pat: x", "store_pat: x"},
		{"", ""},
	};
	char path[] = "/tmp/test_settings.XXXXXX", *overrides[] = {"group=x"};
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	write_file(path, "mode = monitor\n# none\nstore_path = /x\n");
	struct settings *settings = settings_read(path, true, overrides, 1, NULL);
	unlink(path);
	assert_non_null(settings);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct failure why;
		char want[256];
		const char *rest = rows[i].want;
		bool in_file = rest[0] == 'f' && rest[1] == ':';
		failure_set(&why, EX_OSERR, "%s", rows[i].text);
		assert_false(settings_locate(settings, &why));
		snprintf(want, sizeof want, "%s%s", in_file ? path : "", in_file ? rest + 1 : rest);
		assert_string_equal(why.text, want);
		assert_int_equal(why.code, EX_OSERR);
	}
	settings_free(&settings);
}

/* The text of settings_format() is read as the same value. */
static void test_format(void **state)
{
	(void)state;
	struct settings *settings = settings_read(NULL, false, NULL, 0, NULL);
	assert_non_null(settings);
	for (size_t i = 0; i < settings_table_count; i++) {
		char value[512], line[600], again[512];
		settings_format(settings, &settings_table[i], value, sizeof value);
		snprintf(line, sizeof line, "%s = %s", settings_table[i].name, value);
		struct settings *second = read_text(line, NULL);
		assert_non_null(second);
		assert_string_equal(settings_format(second, &settings_table[i], again, sizeof again), value);
		settings_free(&second);
	}
	char cut[8];
	assert_string_equal(settings_format(settings, row_of("milter_skip_mailers"), cut, sizeof cut), "local v");
	settings_free(&settings);
}

static void test_socket(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		bool good;
		int family;
		const char *host;
		uint16_t port;
		const char *path;
	} rows[] = {
		{"", true, SOCKET_OFF, "", 0, ""},
		{"inet:1", true, SOCKET_INET, "", 1, ""},
		{"inet:65535@localhost", true, SOCKET_INET, "localhost", 65535, ""},
		{"inet6:25@::1", true, SOCKET_INET6, "::1", 25, ""},
		{"inet6:25@localhost", true, SOCKET_INET6, "localhost", 25, ""},
		{"unix:/run/x", true, SOCKET_UNIX, "", 0, "/run/x"},
		{"local:/run/x", true, SOCKET_UNIX, "", 0, "/run/x"},
		{"inet:65536", false, 0, "", 0, ""},
		{"inet:123456", false, 0, "", 0, ""},
		{"inet:", false, 0, "", 0, ""},
		{"inet:smtp@localhost", false, 0, "", 0, ""},
		{"inet:25@", false, 0, "", 0, ""},
		{"inet:25@a b", false, 0, "", 0, ""},
		{"inet:25@::1", false, 0, "", 0, ""},
		{"inet6:25@[::1]", false, 0, "", 0, ""},
		{"inet6:25@127.0.0.1", false, 0, "", 0, ""},
		{"unix:", false, 0, "", 0, ""},
		{"tcp:25@localhost", false, 0, "", 0, ""},
		{"/run/x", false, 0, "", 0, ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct settings_socket out;
		struct failure why = {0};
		assert_int_equal(settings_socket_parse(&out, rows[i].value, &why), rows[i].good);
		assert_int_equal(why.text[0] != '\0', !rows[i].good);
		if (!rows[i].good)
			continue;
		assert_int_equal(out.family, rows[i].family);
		assert_string_equal(out.host, rows[i].host);
		assert_int_equal(out.port, rows[i].port);
		assert_string_equal(out.path, rows[i].path);
	}
}

static void test_socket_path_length(void **state)
{
	(void)state;
	char value[120] = "unix:/";
	struct settings_socket out;
	memset(value + 6, 'x', 107);
	assert_false(settings_socket_parse(&out, value, NULL));
	value[5 + 107] = '\0';
	assert_true(settings_socket_parse(&out, value, NULL));
	assert_int_equal(strlen(out.path), 107);
}

static void a_command_has_words(void **state)
{
	static const struct {
		const char *value, *words[4];
	} rows[] = {
		{"", {NULL}}, {" \t", {NULL}}, {"/bin/true", {"/bin/true"}},
		{" /bin/alarm \t--to  me ", {"/bin/alarm", "--to", "me"}},
		{"/bin/alarm 'a b'", {"/bin/alarm", "'a", "b'"}}, /* no shell reads it */
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char value[64], *words[SETTINGS_WORDS_MAX + 1];
		size_t count = 0;
		snprintf(value, sizeof value, "%s", rows[i].value);
		while (rows[i].words[count])
			count++;
		assert_int_equal(settings_words(value, words), count);
		for (size_t k = 0; k < count; k++)
			assert_string_equal(words[k], rows[i].words[k]);
		assert_null(words[count]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_has_words),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(obsolete_settings_are_ignored_with_a_warning),
		cmocka_unit_test(test_locate),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_socket_path_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
