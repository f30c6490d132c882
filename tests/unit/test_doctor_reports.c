/* doctor: the key record in DNS, compared with a key. A server on this machine answers. */
#include "cm.h"

#include "dkim.h"
#include "dns_port.h"
#include "doctor_reports.h"
#include "findings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY "test-doctor-reports.pem"
#define PUBLIC "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" /* RFC 8463 A.2 */

bool doctor_wants(const struct doctor *doctor, const char *check)
{
	(void)doctor, (void)check;
	return true;
}

/* What the server answers. */
struct zone {
	unsigned rcode;
	const char *text[3]; /* TXT records, of 255 octets at most */
	char asked[256];     /* the name of the last question, with dots; not that of a control query */
};

static size_t respond(void *arg, const uint8_t *query, size_t len, uint8_t reply[DNS_PORT_MAX], bool udp)
{
	struct zone *zone = arg;
	size_t end = 12, count = 0;
	(void)udp;
	char name[sizeof zone->asked] = "";
	for (; end < len && query[end] > 0; end += 1 + (size_t)query[end])
		snprintf(name + strlen(name), sizeof name - strlen(name), "%.*s.", query[end],
			(const char *)query + end + 1);
	if (!strstr(name, ".invalid."))
		memcpy(zone->asked, name, sizeof name);
	end += 5;
	memcpy(reply, query, end);
	memcpy(reply + 2, (uint8_t[]){0x81, (uint8_t)(0x80 | zone->rcode), 0, 1}, 4);
	memset(reply + 6, 0, 6);
	for (; count < COUNT(zone->text) && zone->text[count]; count++) {
		size_t text = strlen(zone->text[count]);
		const uint8_t record[] = {0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, (uint8_t)(text + 1), (uint8_t)text};
		memcpy(reply + end, record, sizeof record);
		memcpy(reply + end + sizeof record, zone->text[count], text);
		end += sizeof record + text;
	}
	reply[7] = (uint8_t)count;
	return end;
}

static void look(struct zone *zone)
{
	struct dns_port port;
	struct failure why = {0};
	char server[64];
	dns_port_open(&port, respond, zone);
	snprintf(server, sizeof server, "dns_servers = 127.0.0.1@%u", port.number);
	char *words[] = {"tlsrpt = collect", "report_from = a@relay.example", "report_organization = Relay",
		"report_dkim_selector = s1", NULL, server};
	char *key = realpath(KEY, NULL), line[4200];
	snprintf(line, sizeof line, "report_dkim_key = %s", key);
	words[4] = line;
	struct settings *settings = settings_read(NULL, false, words, COUNT(words), &why);
	if (!settings)
		fail_msg("%s", why.text);
	struct doctor doctor = {.settings = settings};
	findings_clear();
	doctor_report_dns(&doctor);
	free(key);
	settings_free(&settings);
	dns_port_close(&port);
}

static void records_are_compared(void **state)
{
	static const struct {
		struct zone zone;
		const char *wanted, *words;
	} row[] = {
		{{.text = {"v=DKIM1; k=ed25519; s=tlsrpt; p=" PUBLIC}}, "", "for reports (s=tlsrpt)"},
		{{.text = {"v=DKIM1; k=ed25519; p=" PUBLIC}}, "", "for all services"},
		{{.text = {"v=spf1 -all", "p=AAAA", "p=" PUBLIC}}, "", "for all services"},
		{{.text = {"v=DKIM1; s=email; p=" PUBLIC}}, "warn report-dns", "its s= does not allow tlsrpt"},
		{{.text = {"v=DKIM1; t=y; p=" PUBLIC}}, "warn report-dns", "its flag t=y"},
		{{.text = {"v=DKIM1; h=sha1; p=" PUBLIC}}, "warn report-dns", "its h= does not allow sha256"},
		{{.text = {"v=DKIM1; p="}}, "warn report-dns", "says that the key is revoked"},
		{{.text = {"v=DKIM1; p=AAAA"}}, "warn report-dns",
			"\n> publish at s1._domainkey.relay.example a TXT record: v=DKIM1; k=ed25519; s=tlsrpt:email; p=" PUBLIC},
		{{.rcode = 0}, "warn report-dns", "s1._domainkey.relay.example has no TXT record"},
		{{.rcode = 3}, "warn report-dns", "s1._domainkey.relay.example has no TXT record"},
		{{.rcode = 2}, "", "cannot be looked up: "},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct zone zone = row[i].zone;
		look(&zone);
		if (strcmp(findings_bad(), row[i].wanted) != 0 || !strstr(findings_all(), row[i].words))
			fail_msg("row %zu: %s", i, findings_all());
		assert_string_equal(zone.asked, "s1._domainkey.relay.example.");
	}
}

static int key_write(void **state)
{
	FILE *file = fopen(KEY, "w");
	(void)state;
	/* RFC 8463 A.2 */
	fputs("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
	      "-----END PRIVATE KEY-----\n",
		file);
	return fclose(file);
}

static int key_remove(void **state)
{
	(void)state;
	return unlink(KEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(records_are_compared)};
	return cmocka_run_group_tests(tests, key_write, key_remove);
}
