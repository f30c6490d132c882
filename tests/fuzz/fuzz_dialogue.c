/* The dialogue of a probe before the handshake. The first octet of the input sets the size of the pieces in which the rest
 * reaches the probe; the rest is everything that the peer sends. The result is the same as for the whole text at once, and
 * the probe sends no command out of turn. */
#include "fuzz.h"
#include "probe_smtp.h"
#include "smtp.h"

#include <stdio.h>
#include <string.h>

#define EHLO "EHLO relay.example.net\r\n"

/* The result for the whole text: the reason, and the commands that the probe has sent by then. */
struct conclusion {
	bool good;
	enum reason reason;
	const char *told;
};

static bool reply_take(struct smtp_reader *reply, const char **at, size_t *left)
{
	smtp_reader_init(reply);
	size_t used = smtp_reader_feed(reply, *at, *left);
	*at += used;
	*left -= used;
	return reply->state == SMTP_DONE;
}

static struct conclusion conclude(const char *at, size_t left)
{
	struct smtp_reader reply;
	struct conclusion bad = {false, REASON_HOP_PROTOCOL, ""};

	if (!reply_take(&reply, &at, &left))
		return bad;
	if (reply.code != 220)
		return (struct conclusion){false, reply.code >= 400 ? REASON_HOP_GREETING : REASON_HOP_PROTOCOL, ""};
	bad.told = EHLO "QUIT\r\n";
	if (!reply_take(&reply, &at, &left))
		return bad;
	if (reply.code == 500 || reply.code == 502 || (reply.code == 250 && !reply.starttls))
		bad.reason = REASON_STARTTLS_MISSING;
	else if (reply.code >= 400)
		bad.reason = REASON_HOP_GREETING;
	if (reply.code != 250 || !reply.starttls)
		return bad;
	bad.told = EHLO "STARTTLS\r\nQUIT\r\n";
	if (!reply_take(&reply, &at, &left))
		return bad;
	if (reply.code >= 400)
		bad.reason = REASON_STARTTLS_REFUSED;
	else if (reply.code == 220 && left > 0)
		bad.reason = REASON_STARTTLS_INJECTION;
	else if (reply.code == 220)
		return (struct conclusion){true, REASON_OK, EHLO "STARTTLS\r\n"};
	return bad;
}

/* Adds the commands of one call; `told` has room for all commands of a dialogue. */
static void heard_add(char told[DIALOGUE_SAY_SIZE], const struct text *say)
{
	FUZZ_MUST(!say->cut && strlen(told) + say->len < DIALOGUE_SAY_SIZE);
	strcat(told, say->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char line[DIALOGUE_SAY_SIZE], told[DIALOGUE_SAY_SIZE] = "";
	struct evidence seen = {.reason = REASON_OK};
	struct look look = {.at = 0};
	struct dialogue dialogue;
	struct text say;
	size_t fed = 0;

	if (size == 0)
		return 0;
	const char *said = (const char *)data + 1;
	size_t len = size - 1, piece = 1 + (size_t)data[0];
	dialogue_begin(&dialogue, "relay.example.net", false, &seen, &look);
	while (dialogue_waits(&dialogue)) {
		size_t some = len - fed < piece ? len - fed : piece;
		text_init(&say, line, sizeof line);
		if (some)
			dialogue_feed(&dialogue, said + fed, some, &say);
		else
			dialogue_fail(&dialogue, PEER_CLOSED, &say);
		heard_add(told, &say);
		fed += some;
	}
	/* Later text of the peer belongs to the handshake, or is ignored. */
	struct conclusion conclusion = conclude(said, fed);
	FUZZ_MUST((dialogue.state == DIALOGUE_READY) == conclusion.good && seen.reason == conclusion.reason);
	FUZZ_MUST(memchr(seen.text, '\0', sizeof seen.text));
	FUZZ_MUST(strcmp(told, conclusion.told) == 0);
	/* What is kept ends within its buffers, and holds no reply but the greeting and that to EHLO. */
	FUZZ_MUST(memchr(look.greeting, '\0', sizeof look.greeting) && memchr(look.ehlo, '\0', sizeof look.ehlo));
	FUZZ_MUST(memchr(look.ehlo_name, '\0', sizeof look.ehlo_name));
	FUZZ_MUST(look.ehlo_name[0] == '\0' || strstr(look.ehlo, look.ehlo_name));
	FUZZ_MUST(strlen(look.greeting) + strlen(look.ehlo) <= fed);
	return 0;
}
