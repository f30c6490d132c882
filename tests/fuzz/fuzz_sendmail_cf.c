/* sendmail.cf, and behind a line of %% the text of mailertable. */
#include "doctor_fake.h"
#include "fuzz.h"
#include "memory.h"
#include "sendmail_checks.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static char *words[] = {"mta_enforces=yes", "exempt_domains=example.org .example.net"};
	struct failure why;
	struct settings *settings = settings_read(NULL, false, words, sizeof words / sizeof *words, &why);
	char *text = xstrndup((const char *)bytes, len), *table = strstr(text, "\n%%\n"), *rest = NULL;
	struct names routed = {0}, tls_off = {0}, sts_off = {0};
	struct sendmail_config config;
	FUZZ_MUST(settings);
	if (table) {
		table[1] = '\0';
		for (char *line = strtok_r(table + 4, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
			struct span span = {line, strlen(line)};
			sendmail_route_take(&routed, span);
			sendmail_access_take(&tls_off, &sts_off, span);
		}
	}
	if (sendmail_config_read(&config, text)) {
		struct doctor doctor = {.settings = settings};
		struct sendmail_facts facts = {.config = &config,
			.file = "/etc/mail/sendmail.cf",
			.mailertable_read = table,
			.wildcards = &routed,
			.routed = &routed,
			.access_read = table,
			.tls_off = &tls_off,
			.sts_off = &sts_off};
		sendmail_judge(&doctor, &facts);
		sendmail_is_attached(&config, settings);
	}
	sendmail_config_free(&config);
	names_free(&routed);
	names_free(&tls_off);
	names_free(&sts_off);
	settings_free(&settings);
	return 0;
}
