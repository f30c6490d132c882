/* The parts of a mail: nesting, encodings, fields, and what is left out. */
#include "cm.h"

#include "mail_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char got[8192];
static size_t parts_wanted; /* after so many parts the walk is stopped; 0: never */

/* Notes `[type:body]`, with `.` for each octet that is not printable. */
static bool part_note(void *arg, const struct mail_part *part)
{
	size_t *parts = arg, len = strlen(got);
	len += (size_t)snprintf(got + len, sizeof got - len, "[%s:", part->type);
	for (size_t i = 0; i < part->body.len && len < sizeof got - 3; i++) {
		char c = part->body.at[i];
		got[len++] = c >= ' ' && c <= '~' ? c : '.';
	}
	got[len++] = ']';
	got[len] = '\0';
	return ++*parts != parts_wanted;
}

static const struct {
	const char *mail, *want;
} rows[] = {
	{"Subject: x\n\nhello", "[text/plain:hello]"},
	{"Subject: x\r\n\r\nhello\r\n", "[text/plain:hello..]"},
	{"\nhello", "[text/plain:hello]"},
	{"hello", "[text/plain:]"},
	{"", "[text/plain:]"},
	{"Content-Type: Application/TLSRPT+gzip; name=x\n\nabc", "[application/tlsrpt+gzip:abc]"},
	{"Content-Type: text/html (a comment)\n\nabc", "[text/html:abc]"},
	{"content-type : text/html\n\nabc", "[text/html:abc]"},
	{"Content-Type:\n\ttext/html;\n charset=utf-8\n\nabc", "[text/html:abc]"},
	/* encodings */
	{"Content-Transfer-Encoding: base64\n\naGVs\nbG8=\n", "[text/plain:hello]"},
	{"Content-Transfer-Encoding: BASE64 ; x\n\naG Vs*bG8", "[text/plain:hello]"},
	{"Content-Transfer-Encoding: base64\n\naGVsbG8=aGVs", "[text/plain:hello]"},
	{"Content-Transfer-Encoding: base64\n\nH4sI", "[text/plain:...]"},
	{"Content-Transfer-Encoding: quoted-printable\n\na=3D=\n=41 \r\n=4g=", "[text/plain:a=A.=4g]"},
	{"Content-Transfer-Encoding: quoted-printable\n\n=3", "[text/plain:=3]"},
	{"Content-Transfer-Encoding: x-unknown\n\n=3D", "[text/plain:=3D]"},
	/* parts */
	{"Content-Type: multipart/report; report-type=tlsrpt; boundary=\"a b\"\n\npreamble\n--a b\nContent-Type: "
	 "text/html\n\none\n--a b\n\ntwo\n--a b--\nepilogue\n--a b\n\nthree",
		"[text/html:one.][text/plain:two.]"},
	{"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b \r\n\r\none\r\n--b--\r\n", "[text/plain:one..]"},
	{"Content-Type: multipart/mixed; boundary=b\n\n--b\n\ncut off", "[text/plain:cut off]"},
	{"Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n--b--", "[text/plain:][text/plain:]"},
	{"Content-Type: multipart/mixed; boundary=b\n\n--bb\n\n--b\n\n -\n---b\n--b--", "[text/plain: -.---b.]"},
	{"Content-Type: multipart/mixed; boundary=\"\\b\"\n\n--b\n\none\n--b--", "[text/plain:one.]"},
	{"Content-Type: multipart/mixed\n\n--b\n\none\n--b--", "[multipart/mixed:--b..one.--b--]"},
	{"Content-Type: multipart/mixed; boundary=\n\nx", "[multipart/mixed:x]"},
	{"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/alternative; boundary=i\n\n"
	 "--i\n\none\n--i\n\ntwo\n--o\n\nthree\n--o--",
		"[text/plain:one.][text/plain:two.][text/plain:three.]"},
	/* mails in mails */
	{"Content-Type: message/rfc822\n\nSubject: inner\nContent-Type: text/html\n\nx", "[text/html:x]"},
	{"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeAoKaW5uZXI=",
		"[text/plain:inner]"},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t parts = 0;
		*got = '\0';
		mail_parts((struct span){rows[i].mail, strlen(rows[i].mail)}, part_note, &parts);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s\n%s, not\n%s", rows[i].mail, got, rows[i].want);
	}
}

/* Makes a mail with `count` parts side by side. */
static char *wide_mail(size_t count)
{
	char *mail = malloc(100 + count * 10), *at = mail;
	assert_non_null(mail);
	at += sprintf(at, "Content-Type: multipart/mixed; boundary=b\n\n");
	for (size_t i = 0; i < count; i++)
		at += sprintf(at, "--b\n\nx\n");
	return mail;
}

/* Makes a mail in mails, or parts in parts, `depth` deep. */
static char *deep_mail(size_t depth, bool mails)
{
	char *mail = malloc(100 + depth * 100), *at = mail;
	assert_non_null(mail);
	for (size_t i = 0; i < depth; i++)
		at += mails ? sprintf(at, "Content-Type: message/rfc822\n\n")
			    : sprintf(at, "Content-Type: multipart/mixed; boundary=b%zu\n\n--b%zu\n", i, i);
	strcpy(at, "\nx");
	return mail;
}

static size_t count(char *mail)
{
	size_t parts = 0;
	*got = '\0';
	mail_parts((struct span){mail, strlen(mail)}, part_note, &parts);
	free(mail);
	return parts;
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(count(wide_mail(MAIL_PARTS_MAX - 1)), MAIL_PARTS_MAX - 1);
	assert_int_equal(count(wide_mail(MAIL_PARTS_MAX + 100)), MAIL_PARTS_MAX - 1);
	assert_int_equal(count(deep_mail(MAIL_DEPTH_MAX, true)), 1);
	assert_int_equal(count(deep_mail(MAIL_DEPTH_MAX + 1, true)), 0);
	assert_int_equal(count(deep_mail(MAIL_DEPTH_MAX, false)), 1);
	assert_int_equal(count(deep_mail(MAIL_DEPTH_MAX + 1, false)), 0);
	parts_wanted = 3;
	assert_int_equal(count(wide_mail(10)), 3);
	parts_wanted = 0;
}

static void field_check(const char *mail, const char *name, const char *want)
{
	char value[MAIL_FIELD_SIZE];
	bool found = mail_field((struct span){mail, strlen(mail)}, name, value);
	if (found != (want != NULL) || strcmp(value, want ? want : "") != 0)
		fail_msg("%s: %s is %s", mail, name, found ? value : "absent");
}

static void test_fields(void **state)
{
	(void)state;
	field_check("From: a@example.com\n\nTo: b", "From", "a@example.com");
	field_check("From: a@example.com\n\nTo: b", "To", NULL);
	field_check("X-From: a\nfrom : b\r\nFrom: c\r\n\r\n", "From", "b");
	field_check("Subject: one\r\n two\r\n\tthree\r\nFrom: x\r\n", "Subject", "one two three");
	field_check("Subject:\n one\n\nx", "Subject", "one");
	field_check("Subject\nFrom: x\n\n", "Subject", NULL);
	field_check("", "Subject", NULL);
	char *header = malloc(2 * MAIL_HEADER_MAX + 100);
	memset(header, 'a', 2 * MAIL_HEADER_MAX);
	memcpy(header, "Subject: ", 9);
	strcpy(header + 2 * MAIL_HEADER_MAX, "\nFrom: x\n\n");
	field_check(header, "From", NULL);
	char value[MAIL_FIELD_SIZE];
	assert_true(mail_field((struct span){header, strlen(header)}, "Subject", value));
	assert_int_equal(strlen(value), MAIL_FIELD_SIZE - 1);
	free(header);
	assert_true(mail_field((struct span){"From: a\0b\n\n", 11}, "From", value));
	assert_string_equal(value, "a?b");
}

static void test_mbox(void **state)
{
	static const char mbox[] = "From a Mon\nSubject: 1\n\n>From here on\nnext\n\nFrom b Tue\r\nSubject: 2\r\n\r\n"
				   "text\r\n\r\nFrom c Wed\n";
	static const char *const want[] = {
		"Subject: 1\n\n>From here on\nnext\n\n", "Subject: 2\r\n\r\ntext\r\n\r\n", ""};
	struct span rest = {mbox, strlen(mbox)};
	(void)state;
	for (size_t i = 0; i < COUNT(want); i++) {
		struct span mail = mbox_next(&rest);
		assert_int_equal(mail.len, strlen(want[i]));
		assert_memory_equal(mail.at, want[i], mail.len);
	}
	assert_int_equal(rest.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_mbox),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
