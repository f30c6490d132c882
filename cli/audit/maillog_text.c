#include "maillog_text.h"

#define JOURNAL_FIRST "__CURSOR=" /* how the output of `journalctl -o export` begins */
#define SIZE_OCTETS 8             /* of the size of a binary field; little-endian */

void maillog_text_begin(struct maillog_text *text, maillog_take *take, void *arg)
{
	text->take = take;
	text->arg = arg;
	text->state = TEXT_LINE;
	text->begun = text->journal = false;
	text->len = text->program_len = text->message_len = 0;
}

static void octet_keep(struct maillog_text *text, char octet)
{
	if (text->len < sizeof text->line)
		text->line[text->len++] = octet;
}

/* --- the journal -------------------------------------------------------------------------------------------------- */

static size_t copy(char *to, size_t size, struct span from)
{
	size_t len = from.len < size ? from.len : size;
	if (len > 0)
		memcpy(to, from.at, len);
	return len;
}

static void field_take(struct maillog_text *text, struct span name, struct span value)
{
	if (span_is(name, "MESSAGE"))
		text->message_len = copy(text->message, sizeof text->message, value);
	else if (span_is(name, "SYSLOG_IDENTIFIER"))
		text->program_len = copy(text->program, sizeof text->program, value);
}

static void entry_end(struct maillog_text *text)
{
	if (text->program_len > 0 && text->message_len > 0)
		text->take(text->arg, (struct span){text->program, text->program_len},
			(struct span){text->message, text->message_len});
	text->program_len = text->message_len = 0;
}

/* A line of the journal is `NAME=value`, the name of a binary field, or empty at the end of an entry. */
static void journal_line(struct maillog_text *text)
{
	const char *equals = memchr(text->line, '=', text->len);
	size_t name = equals ? (size_t)(equals - text->line) : text->len;
	if (equals)
		field_take(text, (struct span){text->line, name}, (struct span){equals + 1, text->len - name - 1});
	else if (name == 0)
		entry_end(text);
	text->len = 0;
	if (equals || name == 0)
		return;
	text->state = TEXT_SIZE;
	text->len = text->name = name;
	text->size = 0;
	text->sized = 0;
}

static void binary_end(struct maillog_text *text)
{
	field_take(text, (struct span){text->line, text->name},
		(struct span){text->line + text->name, text->len - text->name});
	text->len = 0;
	text->state = TEXT_LINE;
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

static void line_end(struct maillog_text *text)
{
	if (!text->begun)
		text->journal = text->len >= strlen(JOURNAL_FIRST) &&
				memcmp(text->line, JOURNAL_FIRST, strlen(JOURNAL_FIRST)) == 0;
	text->begun = true;
	if (text->journal) {
		journal_line(text);
		return;
	}
	text->take(text->arg, (struct span){.at = NULL}, (struct span){text->line, text->len});
	text->len = 0;
}

static void octet_feed(struct maillog_text *text, char octet)
{
	switch (text->state) {
	case TEXT_LINE:
		if (octet == '\n')
			line_end(text);
		else
			octet_keep(text, octet);
		break;
	case TEXT_SIZE:
		text->size |= (uint64_t)(unsigned char)octet << 8 * text->sized++;
		if (text->sized == SIZE_OCTETS)
			text->state = text->size > 0 ? TEXT_DATA : TEXT_DATA_END;
		break;
	case TEXT_DATA:
		octet_keep(text, octet);
		if (--text->size == 0)
			text->state = TEXT_DATA_END;
		break;
	case TEXT_DATA_END: /* a newline */
		binary_end(text);
		break;
	}
}

void maillog_text_feed(struct maillog_text *text, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		octet_feed(text, bytes[i]);
}

void maillog_text_end(struct maillog_text *text)
{
	if (text->state == TEXT_DATA_END)
		binary_end(text);
	else if (text->state == TEXT_LINE && text->len > 0)
		line_end(text);
	entry_end(text);
}
