#include "tlsrpt_letter.h"

#include "gzip.h"
#include "memory.h"
#include "tlsrpt_mail.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

bool tlsrpt_letter_key(struct dkim_key **key, const struct settings *settings, struct failure *why)
{
	const char *at = strchr(settings->report_from, '@');
	*key = NULL;
	if (settings->report_dkim_key[0] == '\0' || !at)
		return true;
	*key = dkim_key_read(settings->report_dkim_key, at + 1, settings->report_dkim_selector, why);
	return *key || failure_prefix(why, "report_dkim_key");
}

/* Returns a text with another one in front, and frees it. */
static char *preface_add(const char *preface, char *text)
{
	size_t before = preface ? strlen(preface) : 0, len = strlen(text);
	char *both = xmalloc(before + len + 1);
	memcpy(both, preface ? preface : "", before);
	memcpy(both + before, text, len + 1);
	free(text);
	return both;
}

static char *mail_write(const struct tlsrpt_letter *letter, size_t *len)
{
	const struct tlsrpt_report *report = letter->report;
	char file[TLSRPT_FILE_SIZE], *json = tlsrpt_report_json(report);
	char *text = preface_add(letter->preface, tlsrpt_report_text(report));
	struct tlsrpt_mail mail = {.from = report->reporter.from,
		.to = letter->to,
		.domain = report->tally.domain,
		.submitter = report->submitter,
		.id = report->id,
		.unique = report->unique,
		.mark = letter->mark,
		.at = letter->at,
		.text = text,
		.file = tlsrpt_report_file(report, file)};
	unsigned char *gzip = gzip_pack(json, strlen(json), &mail.gzip_len);
	mail.gzip = gzip;
	char *bytes = tlsrpt_mail(&mail, len);
	free(gzip);
	free(text);
	free(json);
	return bytes;
}

char *tlsrpt_letter_write(const struct tlsrpt_letter *letter, size_t *len, struct failure *why)
{
	char *mail = mail_write(letter, len);
	if (!mail)
		failure_set(why, EX_DATAERR, "the sender or the receiver of a report is no mailbox");
	if (!mail || !letter->key)
		return mail;
	char *signed_mail = dkim_sign(letter->key, (struct span){mail, *len}, letter->at, len, why);
	free(mail);
	return signed_mail;
}
