#include "smtp.h"

#include "ascii.h"
#include "span.h"

#include <string.h>

#define CODE_LEN 3

void smtp_reader_init(struct smtp_reader *reader)
{
	*reader = (struct smtp_reader){.state = SMTP_MORE};
}

/* Takes the keyword off the front of a line, in any case, if a blank or the end follows it. */
static bool keyword_take(struct span *line, const char *keyword)
{
	size_t len = strlen(keyword);
	if (line->len < len || !ascii_same(line->at, keyword, len) ||
		(line->len > len && !ascii_is_blank(line->at[len])))
		return false;
	*line = (struct span){line->at + len, line->len - len};
	return true;
}

/* Reads a line of the reply to EHLO that names an extension. */
static void reader_extension(struct smtp_reader *reader, struct span line)
{
	/* RFC 3207 2: the keyword has no parameters, but a peer that adds some still offers STARTTLS. */
	if (keyword_take(&line, "starttls"))
		reader->starttls = true;
	else if (keyword_take(&line, "requiretls")) /* RFC 8689 2: no parameters; whatever has some is something else */
		reader->requiretls = reader->requiretls || span_trim(line, " \t").len == 0;
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
	} else if (code == 250) {
		reader_extension(reader, (struct span){text, text_len});
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

/* --- kept replies ------------------------------------------------------------------------------------------------- */

void smtp_keep(char *kept, size_t size, const char *bytes, size_t len)
{
	size_t used = strlen(kept);
	for (size_t i = 0; i < len && bytes[i]; i++) {
		if (bytes[i] == '\n' && used > 0 && kept[used - 1] == '\r')
			used--;
		if (used < size - 1)
			kept[used++] = bytes[i];
	}
	kept[used] = '\0';
}

#define MASK_MIN 4 /* a shorter run of `*` or X proves nothing */

/* Takes the next line of a kept reply off the front, without its code. Returns false if there is none. */
static bool line_next(struct span *reply, struct span *line)
{
	if (reply->len == 0)
		return false;
	*line = span_until(reply, '\n');
	size_t head = line->len > CODE_LEN ? CODE_LEN + 1 : line->len;
	*line = (struct span){line->at + head, line->len - head};
	return true;
}

/* Returns whether nothing is left of a greeting but `*`, blanks, and the digits 2 and 0, which some firewalls spare:
 * `220 ****************0*2****`. A greeting that only has a frame of stars around its words has other characters. */
static bool greeting_is_masked(const char *greeting)
{
	struct span rest = {greeting, strlen(greeting)}, line;
	size_t run = 0, longest = 0;
	while (line_next(&rest, &line)) {
		for (size_t i = 0; i < line.len; i++) {
			if (!line.at[i] || !strchr("*20 \t\r", line.at[i]))
				return false;
			run = line.at[i] == '*' ? run + 1 : 0;
			longest = run > longest ? run : longest;
		}
	}
	return longest >= MASK_MIN;
}

/* Returns whether a keyword was overwritten: only X, or X with one more letter at the end (`XXXXXXXA`). Extensions that
 * exist have other letters (`XCLIENT`). */
static bool keyword_is_masked(struct span line)
{
	size_t len = 0, xs = 0;
	while (len < line.len && !ascii_is_blank(line.at[len]))
		len++;
	while (xs < len && line.at[xs] == 'X')
		xs++;
	bool letter = xs + 1 == len && line.at[xs] >= 'A' && line.at[xs] <= 'Z';
	return len >= MASK_MIN && (xs == len || letter);
}

/* Returns whether a server that refuses EHLO names it `XXXX`: it has received the command overwritten. */
static bool command_is_masked(struct span reply)
{
	static const char ends[] = " \t\r\n\"'`<>()[]:,;";
	for (const char *at = reply.at; *at; at += strcspn(at, ends)) {
		at += strspn(at, ends);
		if (span_is((struct span){at, strcspn(at, ends)}, "XXXX"))
			return true;
	}
	return false;
}

bool smtp_is_rewritten(const char *greeting, const char *ehlo)
{
	struct span rest = {ehlo, strlen(ehlo)}, line;
	bool masked = strncmp(greeting, "220", CODE_LEN) == 0 && greeting_is_masked(greeting);
	if (strncmp(ehlo, "500", CODE_LEN) == 0 || strncmp(ehlo, "502", CODE_LEN) == 0)
		return masked || command_is_masked(rest);
	if (strncmp(ehlo, "250", CODE_LEN) != 0)
		return masked;
	line_next(&rest, &line); /* the server's name */
	while (!masked && line_next(&rest, &line))
		masked = keyword_is_masked(line);
	return masked;
}
