#include "tlsrpt_compose.h"

#include "dkim.h"
#include "gzip.h"
#include "memory.h"
#include "tlsrpt_mail.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

uint64_t tlsrpt_compose_sessions(const struct tlsrpt_tally *tally, const char *address, uint64_t *failed)
{
	const struct tlsrpt_reporter nobody = {"", "", ""};
	struct tlsrpt_report report;
	tlsrpt_report_init(&report, &nobody, tally, address);
	uint64_t total = tlsrpt_tally_total(&report.tally);
	*failed = tlsrpt_tally_failed(&report.tally);
	tlsrpt_report_free(&report);
	return total;
}

/* Replaces the mail by a signed one, if there is a key. */
static char *sign(
	const struct settings *settings, const char *domain, int64_t at, char *mail, size_t *len, struct failure *why)
{
	if (!mail || settings->report_dkim_key[0] == '\0')
		return mail;
	struct dkim_key *key = dkim_key_read(settings->report_dkim_key, domain, settings->report_dkim_selector, why);
	char *with = key ? dkim_sign(key, (struct span){mail, *len}, at, len, why) : NULL;
	dkim_key_free(&key);
	free(mail);
	return with;
}

static char *mail_make(const struct config *config, const struct tlsrpt_report *report, const char *to, int64_t at,
	const unsigned char *gzip, size_t gzip_len, size_t *len, struct failure *why)
{
	char file[TLSRPT_FILE_SIZE];
	char *text = tlsrpt_report_text(report);
	const struct tlsrpt_mail mail = {.from = report->reporter.from,
		.to = to,
		.domain = report->tally.domain,
		.submitter = report->submitter,
		.id = report->id,
		.unique = report->unique,
		.at = at,
		.text = text,
		.file = tlsrpt_report_file(report, file),
		.gzip = gzip,
		.gzip_len = gzip_len};
	char *made = tlsrpt_mail(&mail, len);
	free(text);
	if (!made)
		failure_set(why, EX_SOFTWARE, "the sender or the receiver is not a mailbox");
	return sign(config->settings, report->submitter, at, made, len, why);
}

char *tlsrpt_compose(const struct config *config, const struct tlsrpt_tally *tally, const struct report_address *to,
	int64_t at, size_t *len, struct failure *why)
{
	const struct settings *settings = config->settings;
	const struct tlsrpt_reporter reporter = {settings->report_organization, settings->report_from, config->host};
	struct tlsrpt_report report;
	tlsrpt_report_init(&report, &reporter, tally, to->text);
	char *json = tlsrpt_report_json(&report);
	char *packed = (char *)gzip_pack(json, strlen(json), len), *made = packed;
	if (to->by_mail) {
		made = mail_make(
			config, &report, to->text + strlen("mailto:"), at, (unsigned char *)packed, *len, len, why);
		free(packed);
	}
	free(json);
	tlsrpt_report_free(&report);
	return made;
}
