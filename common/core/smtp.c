#include "smtp.h"

#include "ascii.h"

#include <string.h>

#define CODE_LEN 3
#define KEYWORD "starttls"
#define KEYWORD_LEN (sizeof KEYWORD - 1)

void smtp_reader_init(struct smtp_reader *reader)
{
	*reader = (struct smtp_reader){.state = SMTP_MORE};
}

static void reader_text(struct smtp_reader *reader, const char *text, size_t len)
{
	if (!reader->first_done) {
		size_t kept = len < sizeof reader->first ? len : sizeof reader->first - 1;
		memcpy(reader->first, text, kept);
		reader->first[kept] = '\0';
		reader->first_done = true;
	} else if (reader->code == 250 && len >= KEYWORD_LEN && ascii_same(text, KEYWORD, KEYWORD_LEN) &&
		   (len == KEYWORD_LEN || ascii_is_blank(text[KEYWORD_LEN]))) {
		/* RFC 3207 2: the keyword has no parameters; a peer that adds some still offers it. */
		reader->starttls = true;
	}
}

/* One line without its end. */
static enum smtp_state reader_line(struct smtp_reader *reader, const char *line, size_t len)
{
	/* RFC 5321 4.2: three digits, the first 2 to 5; 1yz does not exist in SMTP. */
	if (len < CODE_LEN || line[0] < '2' || line[0] > '5' || !ascii_is_digit(line[1]) || !ascii_is_digit(line[2]))
		return SMTP_MALFORMED;
	int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
	bool more = len > CODE_LEN && line[CODE_LEN] == '-';
	if (reader->first_done && code != reader->code)
		return SMTP_MALFORMED;
	if (len > CODE_LEN && !more && line[CODE_LEN] != ' ')
		return SMTP_MALFORMED;
	reader->code = code;
	if (len > CODE_LEN)
		reader_text(reader, line + CODE_LEN + 1, len - CODE_LEN - 1);
	else
		reader_text(reader, "", 0);
	return more ? SMTP_MORE : SMTP_DONE;
}

static enum smtp_state reader_octet(struct smtp_reader *reader, char octet)
{
	size_t len = reader->line_len;
	if (!octet || ++reader->total > SMTP_REPLY_BYTES_MAX || len == SMTP_LINE_MAX)
		return SMTP_MALFORMED;
	reader->line[reader->line_len++] = octet;
	if (octet != '\n')
		return SMTP_MORE;
	reader->line_len = 0;
	if (len && reader->line[len - 1] == '\r')
		len--;
	return reader_line(reader, reader->line, len);
}

size_t smtp_reader_feed(struct smtp_reader *reader, const char *bytes, size_t len)
{
	size_t taken = 0;
	while (taken < len && reader->state == SMTP_MORE)
		reader->state = reader_octet(reader, bytes[taken++]);
	return taken;
}
