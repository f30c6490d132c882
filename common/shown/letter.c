#include "letter.h"

#include "advice.h"
#include "memory.h"
#include "record_json.h"
#include "text.h"
#include "words.h"

#include <string.h>

#define LETTER_SIZE 8192
#define LETTER_WIDTH 72

/* `On 2026-01-31 at 12:00:00 UTC, our mail relay relay.example.net checked ` */
static void opening_add(struct text *out, const struct letter *letter)
{
	struct when when;
	const char *day = when_date(&when, letter->at), *hour = strchr(day, 'T');
	if (letter->at != 0 && hour) {
		text_add(out, "On ");
		text_add_bytes(out, day, (size_t)(hour - day));
		text_add(out, " at ");
		text_add_bytes(out, hour + 1, strcspn(hour + 1, "Z"));
		text_add(out, " UTC, our mail relay ");
	} else {
		text_add(out, "Our mail relay ");
	}
	text_add(out, letter->relay);
	text_add(out, " checked ");
}

/* `your mail host mx1.example.com (192.0.2.25, port 25), which receives mail for example.com. ` */
static void subject_add(struct text *out, const struct letter *letter)
{
	struct quote quote;
	if (*letter->host == '\0') {
		text_add(out, "your domain ");
		text_add(out, letter->domain);
		text_add(out, ". ");
		return;
	}
	/* Whose host this is, is not known; it was not checked. */
	if (letter->reason == REASON_MX_NOT_IN_POLICY && strcmp(letter->host, letter->domain) != 0) {
		text_add(out, "the MX records of ");
		text_add(out, letter->domain);
		text_add(out, ", which name ");
		text_add(out, letter->host);
		text_add(out, ". ");
		return;
	}
	text_add(out, "your mail host ");
	text_add(out, letter->host);
	text_add(out, " (");
	if (letter->seen && *letter->seen->address) {
		text_add(out, quote_string(&quote, letter->seen->address));
		text_add(out, ", ");
	}
	text_add(out, "port ");
	text_add_number(out, letter->port);
	text_add(out, "), which receives mail for ");
	text_add(out, letter->domain);
	text_add(out, ". ");
}

/* What was seen: the reply or the message of the TLS library, the certificate, what failed in a fetch. */
static void seen_add(struct text *out, const struct letter *letter)
{
	const struct evidence *seen = letter->seen;
	struct quote quote;
	struct when when;
	char protocol[PROTOCOL_SIZE];
	const char *detail = *letter->detail ? letter->detail : seen ? seen->text : "";
	if (*detail) {
		text_add(out, " We saw: ");
		text_add(out, quote_string(&quote, detail));
		text_add(out, ".");
	}
	if (seen && seen->protocol) {
		text_add(out, " The connection used ");
		text_add(out, protocol_name(seen->protocol, protocol));
		text_add(out, ".");
	}
	if (seen && *seen->names) {
		text_add(out, " The certificate is for: ");
		text_add(out, quote_string(&quote, seen->names));
		text_add(out, ".");
	}
	if (seen && *seen->issuers) {
		text_add(out, " The certificate was issued by: ");
		text_add(out, quote_string(&quote, seen->issuers));
		text_add(out, ".");
	}
	if (seen && seen->not_after) {
		text_add(out, " The certificate is valid until ");
		text_add(out, when_date(&when, seen->not_after));
		text_add(out, ".");
	}
}

/* Breaks lines at blanks. A word that is longer than a line stays whole. */
static void wrap(char *text)
{
	size_t start = 0, blank = 0;
	for (size_t i = 0; text[i]; i++) {
		if (text[i] == ' ')
			blank = i;
		if (i - start < LETTER_WIDTH || blank <= start)
			continue;
		text[blank] = '\n';
		start = blank + 1;
	}
}

char *letter_made(const struct letter *letter)
{
	struct text text;
	const struct advice_names names = {.domain = letter->domain, .host = letter->host};
	if (*reason_there(letter->reason) == '\0')
		return NULL;
	char *bytes = xmalloc(LETTER_SIZE);
	text_init(&text, bytes, LETTER_SIZE);
	opening_add(&text, letter);
	subject_add(&text, letter);
	advice_add(&text, reason_there(letter->reason), &names);
	seen_add(&text, letter);
	wrap(bytes);
	return bytes;
}
