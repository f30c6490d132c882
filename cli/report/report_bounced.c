/* report bounced: an MTA's pipe tells that a report came back. */
#include "clock.h"
#include "output.h"
#include "report_parts.h"
#include "session.h"
#include "tlsrpt_envelope.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#define MAIL_MAX 65536 /* octets of the mail that are examined */
#define MAIL_MS 10000  /* a pipe that stays open for longer brings no mail */
#define ACTION "action:"

/* Reads the mail on standard input, if there is one, to its end. Keeps its first octets. */
static size_t mail_read(char *mail, size_t size)
{
	size_t len = 0;
	char rest[4096];
	int64_t until_ms = clock_mono_ms() + MAIL_MS;
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	if (isatty(STDIN_FILENO))
		return 0;
	while (clock_mono_ms() < until_ms && poll(&input, 1, (int)(until_ms - clock_mono_ms())) > 0) {
		ssize_t got =
			len < size ? read(STDIN_FILENO, mail + len, size - len) : read(STDIN_FILENO, rest, sizeof rest);
		if (got <= 0)
			break;
		len += len < size ? (size_t)got : 0;
	}
	return len;
}

/* Returns whether the mail is a delivery status notification that tells of no failure (RFC 3464 2.3.3): of a delay, for instance. */
static bool mail_is_harmless(struct span mail)
{
	bool has_action = false, failed = false;
	while (mail.len > 0) {
		struct span line = span_trim(span_until(&mail, '\n'), " \t\r");
		if (line.len < strlen(ACTION) || strncasecmp(line.at, ACTION, strlen(ACTION)) != 0)
			continue;
		line = span_trim((struct span){line.at + strlen(ACTION), line.len - strlen(ACTION)}, " \t");
		has_action = true;
		failed = failed ||
			 (line.len >= strlen("failed") && strncasecmp(line.at, "failed", strlen("failed")) == 0);
	}
	return has_action && !failed;
}

/* Returns the token of a word that is the token itself, or the address that the mail came to. */
static bool token_read(char token[TLSRPT_TOKEN_SIZE], const struct settings *settings, const char *word)
{
	struct span span = {word, strlen(word)};
	if (strchr(word, '@') && !tlsrpt_envelope_token(span, settings->report_from, &span))
		return false;
	if (span.len != TLSRPT_TOKEN_LEN)
		return false;
	for (size_t i = 0; i < span.len; i++)
		token[i] = span.at[i] >= 'A' && span.at[i] <= 'Z' ? (char)(span.at[i] - 'A' + 'a') : span.at[i];
	token[span.len] = '\0';
	return true;
}

static void bounced_print(const struct tlsrpt_send *row, const struct tlsrpt_suppression *suppression, bool json)
{
	struct when until;
	struct quote address;
	bool found = row->domain[0] != '\0';
	if (json) {
		json_t *object = json_made(json_object());
		json_put(object, "domain", json_text(row->domain));
		json_put(object, "address", json_text(suppression->address));
		json_put(object, "until", json_when(suppression->until));
		json_print(object);
	} else if (found) {
		printf("%s gets no reports until %s\n", quote_string(&address, suppression->address),
			when_date(&until, suppression->until));
	}
	if (!found)
		fputs("stsgate: note: no report was sent with this token in the last days, so nothing has changed\n",
			stderr);
}

/* The exit status is 0 or EX_TEMPFAIL: for any other, the MTA would send a mail about this mail (spec T-37). */
static int bounced_run_on(const struct options *options, struct store *store, const char *token)
{
	struct tlsrpt_send row = {.day = 0};
	struct tlsrpt_suppression suppression = {.level = 0};
	struct failure why = {0};
	if (token && !store_bounce_tlsrpt(store, token, clock_wall_s(), &row, &suppression, &why)) {
		complain(&why);
		return EX_TEMPFAIL;
	}
	bounced_print(&row, &suppression, options->json);
	return STATUS_YES;
}

int report_bounced(const struct options *options, size_t count, char **words)
{
	static char mail[MAIL_MAX];
	char token[TLSRPT_TOKEN_SIZE];
	int status = EX_TEMPFAIL;
	(void)count;
	size_t len = mail_read(mail, sizeof mail);
	if (mail_is_harmless((struct span){mail, len})) {
		fputs("stsgate: note: the mail tells of no failure, so nothing has changed\n", stderr);
		return STATUS_YES;
	}
	struct settings *settings = session_settings(options, &status);
	struct store *store = settings ? session_store(options, &status) : NULL;
	if (store)
		status = bounced_run_on(options, store, token_read(token, settings, words[0]) ? token : NULL);
	store_close(&store);
	settings_free(&settings);
	return status == STATUS_YES ? status : EX_TEMPFAIL;
}
