#include "tlsrpt_mail.h"

#include "age.h"
#include "ascii.h"
#include "memory.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MAX 16384 /* octets of everything but text and file */
#define VALUE_MAX 700    /* octets of one string in the header; so a line has less than 998 */
#define BASE64_LINE 57   /* octets in a line of base64: 76 characters (RFC 2045 6.8) */
#define QUOTED_LINE 75   /* characters before the = at the end of a line (RFC 2045 6.7) */

/* Adds a string on one line. */
static void value_add(struct text *out, const char *value)
{
	for (size_t i = 0; value[i] && i < VALUE_MAX; i++)
		text_add_bytes(out, ascii_is_printable(value[i]) ? &value[i] : "?", 1);
}

/* Adds `before`, which may have several lines, the string, and `after`. */
static void field_add(struct text *out, const char *before, const char *value, const char *after)
{
	text_add(out, before);
	value_add(out, value);
	text_add(out, after);
}

/* Adds a date such as `Sat, 31 Jan 2026 12:00:00 +0000` (RFC 5322 3.3). */
static void date_add(struct text *out, int64_t at)
{
	static const char days[] = "ThuFriSatSunMonTueWed", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char iso[64];
	struct text text;
	text_init(&text, iso, sizeof iso);
	text_add_time(&text, at < 0 ? 0 : at); /* 2026-01-31T12:00:00Z */
	int month = (iso[5] - '0') * 10 + iso[6] - '0';
	text_add(out, "Date: ");
	text_add_bytes(out, days + (at < 0 ? 0 : at / DAY_S) % 7 * 3, 3);
	text_add(out, ", ");
	text_add_bytes(out, iso + 8, 2);
	text_add(out, " ");
	text_add_bytes(out, months + (month - 1) * 3, 3);
	text_add(out, " ");
	text_add_bytes(out, iso, 4);
	text_add(out, " ");
	text_add_bytes(out, iso + 11, 8);
	text_add(out, " +0000\r\n");
}

static void header_add(struct text *out, const struct tlsrpt_mail *mail)
{
	field_add(out, "From: <", mail->from, ">\r\n");
	field_add(out, "To: <", mail->to, ">\r\n");
	date_add(out, mail->at);
	field_add(out, "Message-ID: <", mail->id, ">\r\n");
	field_add(out, "Subject: ", mail->mark ? mail->mark : "", mail->mark ? " " : "");
	field_add(out, "Report Domain: ", mail->domain, "\r\n");
	field_add(out, " Submitter: ", mail->submitter, "\r\n");
	field_add(out, " Report-ID: <", mail->id, ">\r\n");
	field_add(out, "TLS-Report-Domain: ", mail->domain, "\r\n");
	field_add(out, "TLS-Report-Submitter: ", mail->submitter, "\r\n");
	text_add(out, "TLS-Required: No\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
		      "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n");
	field_add(out, " boundary=\"=_", mail->unique, "\"\r\n\r\n");
}

/* Adds a line of text as quoted-printable (RFC 2045 6.7). */
static void line_add(struct text *out, struct span line)
{
	size_t column = 0;
	for (size_t i = 0; i < line.len; i++) {
		char c = line.at[i], code[8];
		bool blank = c == ' ' && i + 1 < line.len;
		bool plain = blank || (ascii_is_printable(c) && c != ' ' && c != '=');
		snprintf(code, sizeof code, plain ? "%c" : "=%02X", plain ? c : (unsigned char)c);
		if (column + strlen(code) > QUOTED_LINE) {
			text_add(out, "=\r\n");
			column = 0;
		}
		text_add(out, code);
		column += strlen(code);
	}
	text_add(out, "\r\n");
}

/* Adds the text. No line of it looks like a boundary, because `=` is encoded. */
static void text_part_add(struct text *out, const struct tlsrpt_mail *mail)
{
	field_add(out, "--=_", mail->unique, "\r\n");
	text_add(out, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
	for (struct span rest = {mail->text, strlen(mail->text)}; rest.len > 0;)
		line_add(out, span_until(&rest, '\n'));
}

static void base64_add(struct text *out, const unsigned char *bytes, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < len; i += 3) {
		uint32_t bits = (uint32_t)bytes[i] << 16 | (i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0) |
				(i + 2 < len ? bytes[i + 2] : 0);
		char four[] = {digits[bits >> 18], digits[bits >> 12 & 63], i + 1 < len ? digits[bits >> 6 & 63] : '=',
			i + 2 < len ? digits[bits & 63] : '='};
		text_add_bytes(out, four, sizeof four);
		if ((i + 3) % BASE64_LINE == 0 || i + 3 >= len)
			text_add(out, "\r\n");
	}
}

static void file_part_add(struct text *out, const struct tlsrpt_mail *mail)
{
	field_add(out, "\r\n--=_", mail->unique, "\r\n");
	text_add(out, "Content-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n"
		      "Content-Disposition: attachment;\r\n");
	field_add(out, " filename=\"", mail->file, "\"\r\n\r\n");
	base64_add(out, mail->gzip, mail->gzip_len);
	field_add(out, "\r\n--=_", mail->unique, "--\r\n");
}

/* Returns how many octets the text needs at most: three for each octet, and the ends of lines that are broken. */
static size_t text_room(const char *text)
{
	size_t len = 3 * strlen(text);
	return len + 3 * (len / (QUOTED_LINE - 2) + 1);
}

char *tlsrpt_mail(const struct tlsrpt_mail *mail, size_t *len)
{
	char host[DOMAIN_SIZE];
	if (!report_mailbox_read(host, mail->from, strlen(mail->from)) ||
		!report_mailbox_read(host, mail->to, strlen(mail->to)))
		return NULL;
	size_t size = HEADER_MAX + text_room(mail->text) + mail->gzip_len / BASE64_LINE * 78 + 80;
	char *bytes = xmalloc(size);
	struct text out;
	text_init(&out, bytes, size);
	header_add(&out, mail);
	text_part_add(&out, mail);
	file_part_add(&out, mail);
	*len = out.len;
	return bytes;
}
