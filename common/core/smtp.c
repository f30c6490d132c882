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

/* Reads one line without its line end. */
static enum smtp_state reader_line(struct smtp_reader *reader, const char *line, size_t len)
{
	/* RFC 5321 4.2: three digits, of which the first is 2 to 5. SMTP has no 1yz replies. */
	if (len < CODE_LEN || line[0] < '2' || line[0] > '5' || !ascii_is_digit(line[1]) || !ascii_is_digit(line[2]))
		return SMTP_MALFORMED;
	int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
	bool more = len > CODE_LEN && line[CODE_LEN] == '-';
	if (reader->first_done && code != reader->code)
		return SMTP_MALFORMED;
	if (len > CODE_LEN && !more && line[CODE_LEN] != ' ')
		return SMTP_MALFORMED;
	reader->code = code;
	const char *text = len > CODE_LEN ? line + CODE_LEN + 1 : "";
	size_t text_len = len > CODE_LEN ? len - CODE_LEN - 1 : 0;
	if (!reader->first_done) {
		size_t kept = text_len < sizeof reader->first ? text_len : sizeof reader->first - 1;
		memcpy(reader->first, text, kept);
		reader->first[kept] = '\0';
		reader->first_done = true;
	} else if (code == 250 && text_len >= KEYWORD_LEN && ascii_same(text, KEYWORD, KEYWORD_LEN) &&
		   (text_len == KEYWORD_LEN || ascii_is_blank(text[KEYWORD_LEN]))) {
		/* RFC 3207 2: the keyword has no parameters, but a peer that adds some still offers STARTTLS. */
		reader->starttls = true;
	}
	return more ? SMTP_MORE : SMTP_DONE;
}

size_t smtp_reader_feed(struct smtp_reader *reader, const char *bytes, size_t len)
{
	size_t taken = 0;
	while (taken < len && reader->state == SMTP_MORE) {
		char octet = bytes[taken++];
		size_t line_len = reader->line_len;
		if (!octet || ++reader->total > SMTP_REPLY_BYTES_MAX || line_len == SMTP_LINE_MAX) {
			reader->state = SMTP_MALFORMED;
			break;
		}
		reader->line[reader->line_len++] = octet;
		if (octet != '\n')
			continue;
		reader->line_len = 0;
		if (line_len && reader->line[line_len - 1] == '\r')
			line_len--;
		reader->state = reader_line(reader, reader->line, line_len);
	}
	return taken;
}
