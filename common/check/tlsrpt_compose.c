#include "tlsrpt_compose.h"

#include "gzip.h"
#include "tlsrpt_letter.h"

#include <stdlib.h>
#include <string.h>

bool tlsrpt_compose_has_failures(const struct tlsrpt_tally *tally, const char *address)
{
	const struct tlsrpt_reporter nobody = {"", "", ""};
	struct tlsrpt_report report;
	tlsrpt_report_init(&report, &nobody, tally, address);
	bool failures = tlsrpt_tally_has_failures(&report.tally);
	tlsrpt_report_free(&report);
	return failures;
}

static char *mail_make(const struct settings *settings, const struct tlsrpt_report *report, const char *to, int64_t at,
	size_t *len, struct failure *why)
{
	struct dkim_key *key;
	if (!tlsrpt_letter_key(&key, settings, why))
		return NULL;
	const struct tlsrpt_letter letter = {.report = report, .to = to, .key = key, .at = at};
	char *mail = tlsrpt_letter_write(&letter, len, why);
	dkim_key_free(&key);
	return mail;
}

static char *body_make(const struct tlsrpt_report *report, size_t *len)
{
	char *json = tlsrpt_report_json(report);
	char *packed = (char *)gzip_pack(json, strlen(json), len);
	free(json);
	return packed;
}

char *tlsrpt_compose(const struct config *config, const struct tlsrpt_tally *tally, const struct report_address *to,
	int64_t at, size_t *len, struct failure *why)
{
	const struct settings *settings = config->settings;
	const struct tlsrpt_reporter reporter = {settings->report_organization, settings->report_from, config->host};
	struct tlsrpt_report report;
	tlsrpt_report_init(&report, &reporter, tally, to->text);
	char *made = to->by_mail ? mail_make(settings, &report, to->text + strlen("mailto:"), at, len, why)
				 : body_make(&report, len);
	tlsrpt_report_free(&report);
	return made;
}
