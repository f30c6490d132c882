#include "probe_smtp.h"

#include <stdio.h>
#include <string.h>

bool probe_fail(struct evidence *seen, enum reason reason, const char *words)
{
	struct text text;
	seen->reason = reason;
	text_init(&text, seen->text, sizeof seen->text);
	text_add(&text, words);
	return false;
}

void dialogue_begin(
	struct dialogue *dialogue, const char *helo, bool behind_tls, struct evidence *seen, struct look *look)
{
	dialogue->state = DIALOGUE_GREETING;
	dialogue->behind_tls = behind_tls;
	dialogue->temporary = false;
	dialogue->helo = helo;
	dialogue->seen = seen;
	dialogue->look = look;
	smtp_reader_init(&dialogue->reply);
}

bool dialogue_waits(const struct dialogue *dialogue)
{
	return dialogue->state < DIALOGUE_READY;
}

/* Ends the dialogue with a reason, and adds QUIT. Adds no QUIT if there was no greeting, or if TLS is up: then the
 * owner of the connection sends QUIT. */
static void failed(struct dialogue *dialogue, enum reason reason, const char *words, struct text *say)
{
	if (dialogue->state != DIALOGUE_GREETING && !dialogue->behind_tls)
		text_add(say, "QUIT\r\n");
	dialogue->state = DIALOGUE_FAILED;
	probe_fail(dialogue->seen, reason, words);
}

static void failed_by_reply(struct dialogue *dialogue, enum reason reason, struct text *say)
{
	char words[EVIDENCE_TEXT_SIZE];
	struct text text;
	text_init(&text, words, sizeof words);
	text_add_number(&text, dialogue->reply.code);
	text_add(&text, " ");
	text_add(&text, dialogue->reply.first);
	failed(dialogue, reason, words, say);
}

void dialogue_fail(struct dialogue *dialogue, enum dialogue_trouble trouble, struct text *say)
{
	static const char *const replies[] = {
		"greeting", "reply to EHLO", "reply to STARTTLS", "reply to STARTTLS", "reply"};
	const char *expected = replies[dialogue->state];
	char words[EVIDENCE_TEXT_SIZE];
	switch (trouble) {
	case PEER_CLOSED:
		snprintf(words, sizeof words, "connection closed before the %s", expected);
		failed(dialogue, REASON_HOP_PROTOCOL, words, say);
		break;
	case PEER_SILENT:
		snprintf(words, sizeof words, "no %s before the deadline%s", expected,
			dialogue->behind_tls ? ", after the TLS handshake" : "");
		failed(dialogue, REASON_HOP_TIMEOUT, words, say);
		break;
	case PEER_DEAF:
		failed(dialogue, REASON_HOP_TIMEOUT, "a command could not be sent before the deadline", say);
		break;
	case PEER_MALFORMED:
		snprintf(words, sizeof words, "the %s is not SMTP", expected);
		failed(dialogue, REASON_HOP_PROTOCOL, words, say);
		break;
	case PEER_AHEAD:
		failed(dialogue, REASON_STARTTLS_INJECTION, "plaintext after the reply to STARTTLS", say);
		break;
	}
}

/* Keeps octets of the greeting and of the reply to EHLO, which are complete or not. */
static void look_keep(const struct dialogue *dialogue, const char *bytes, size_t len)
{
	struct look *look = dialogue->look;
	if (dialogue->state == DIALOGUE_GREETING)
		smtp_keep(look->greeting, sizeof look->greeting, bytes, len);
	else if (dialogue->state == DIALOGUE_EHLO)
		smtp_keep(look->ehlo, sizeof look->ehlo, bytes, len);
}

/* Keeps the first word of the reply to EHLO, which is the server's name (RFC 5321 4.1.1.1). */
static void name_keep(struct look *look, const char *first)
{
	size_t len = strcspn(first, " \t");
	snprintf(look->ehlo_name, sizeof look->ehlo_name, "%.*s", (int)len, first);
}

/* Handles a complete reply: the next command, or the end of the dialogue. */
static void take_reply(struct dialogue *dialogue, struct text *say)
{
	const struct smtp_reader *reply = &dialogue->reply;
	/* A server that does not know EHLO has no STARTTLS (RFC 5321 4.2.4, 4.3.2). Other codes may reject only this
	 * relay, or only at this moment. */
	bool is_unknown_command = reply->code == 500 || reply->code == 502;
	bool refused = reply->code >= 400;
	enum reason otherwise = refused ? REASON_HOP_GREETING : REASON_HOP_PROTOCOL;
	dialogue->look->rewritten = smtp_is_rewritten(dialogue->look->greeting, dialogue->look->ehlo);
	switch (dialogue->state) {
	case DIALOGUE_GREETING:
		if (reply->code != 220) {
			failed_by_reply(dialogue, otherwise, say);
		} else if (dialogue->behind_tls) {
			dialogue->state = DIALOGUE_READY;
		} else {
			dialogue->state = DIALOGUE_EHLO;
			text_add(say, "EHLO ");
			text_add(say, dialogue->helo);
			text_add(say, "\r\n");
		}
		break;
	case DIALOGUE_EHLO:
		if (reply->code == 250)
			name_keep(dialogue->look, reply->first);
		if (reply->code == 250 && reply->starttls) {
			dialogue->state = DIALOGUE_STARTTLS;
			text_add(say, "STARTTLS\r\n");
		} else if (reply->code == 250) {
			failed(dialogue, REASON_STARTTLS_MISSING, "no STARTTLS in the reply to EHLO", say);
		} else {
			failed_by_reply(dialogue, is_unknown_command ? REASON_STARTTLS_MISSING : otherwise, say);
		}
		break;
	case DIALOGUE_STARTTLS:
		if (reply->code == 220) {
			dialogue->state = DIALOGUE_READY;
		} else {
			dialogue->temporary = refused && reply->code < 500;
			failed_by_reply(dialogue, refused ? REASON_STARTTLS_REFUSED : REASON_HOP_PROTOCOL, say);
		}
		break;
	case DIALOGUE_READY:
	case DIALOGUE_FAILED:
		break;
	}
}

void dialogue_feed(struct dialogue *dialogue, const char *bytes, size_t len, struct text *say)
{
	while (len && dialogue_waits(dialogue)) {
		size_t taken = smtp_reader_feed(&dialogue->reply, bytes, len);
		look_keep(dialogue, bytes, taken);
		bytes += taken;
		len -= taken;
		if (dialogue->reply.state == SMTP_MALFORMED)
			dialogue_fail(dialogue, PEER_MALFORMED, say);
		if (dialogue->reply.state != SMTP_DONE)
			continue;
		take_reply(dialogue, say);
		if (dialogue_waits(dialogue))
			smtp_reader_init(&dialogue->reply);
	}
	/* RFC 3207 4.2, 6: somebody has injected octets before the handshake, hoping that they are taken for octets
	 * protected by TLS. */
	if (len && dialogue->state == DIALOGUE_READY && !dialogue->behind_tls)
		dialogue_fail(dialogue, PEER_AHEAD, say);
}
