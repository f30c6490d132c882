#include "cm.h"

#include "gzip.h"
#include "report_mail.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A text that grows. */
struct page {
	char *at;
	size_t len;
};

static void add_bytes(struct page *page, const void *bytes, size_t len)
{
	page->at = realloc(page->at, page->len + len + 1);
	assert_non_null(page->at);
	memcpy(page->at + page->len, bytes, len);
	page->len += len;
	page->at[page->len] = '\0';
}

static void add(struct page *page, const char *text)
{
	add_bytes(page, text, strlen(text));
}

/* Lines of 76 characters. */
static void add_base64(struct page *page, const unsigned char *bytes, size_t len)
{
	unsigned char line[80];
	for (size_t i = 0; i < len; i += 57) {
		add_bytes(page, line, (size_t)EVP_EncodeBlock(line, bytes + i, (int)(len - i < 57 ? len - i : 57)));
		add(page, "\n");
	}
}

static void add_quoted(struct page *page, const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char quoted[8];
		bool plain = (bytes[i] > ' ' && bytes[i] <= '~' && bytes[i] != '=') || bytes[i] == '\n';
		if (plain)
			snprintf(quoted, sizeof quoted, "%c", bytes[i]);
		else
			snprintf(quoted, sizeof quoted, "=%02X", bytes[i]);
		add(page, quoted);
		if (i % 20 == 19)
			add(page, "=\n");
	}
	add(page, "\n");
}

static void report_add(struct page *page, const struct report_mail *mail, const char *json, size_t json_len)
{
	size_t len = json_len;
	unsigned char *packed = mail->packed ? gzip_pack(json, json_len, &len) : NULL;
	const unsigned char *bytes = packed ? packed : (const unsigned char *)json;
	add(page, "Content-Type: ");
	add(page, mail->report_type);
	add(page, "\nContent-Transfer-Encoding: ");
	add(page, mail->encoding);
	add(page, "\n\n");
	if (strcasecmp(mail->encoding, "base64") == 0)
		add_base64(page, bytes, len);
	else if (strcmp(mail->encoding, "quoted-printable") == 0)
		add_quoted(page, bytes, len);
	else
		add_bytes(page, bytes, len);
	free(packed);
}

char *report_mail_make(const struct report_mail *mail, const char *json, size_t json_len, size_t *len)
{
	struct page page = {.at = NULL};
	if (mail->attached)
		add(&page, "From: me@forwarding.example\nContent-Type: multipart/mixed; boundary=outer\n\n"
			   "--outer\nContent-Type: message/rfc822\n\n");
	add(&page, mail->head);
	add(&page, "MIME-Version: 1.0\n");
	if (mail->text_type) {
		add(&page, "Content-Type: multipart/report; report-type=\"tlsrpt\";\n boundary=\"_12-ab_\"\n\n"
			   "This is a multi-part message in MIME format.\n--_12-ab_\nContent-Type: ");
		add(&page, mail->text_type);
		add(&page, "\n\n<p>{This is a report.}</p>\n--_12-ab_\n");
	}
	report_add(&page, mail, json, json_len);
	add(&page, mail->text_type ? "\n--_12-ab_--\n" : "");
	add(&page, mail->attached ? "\n--outer--\n" : "");
	*len = page.len;
	return page.at;
}
