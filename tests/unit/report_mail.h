/* Mails with TLS reports, made from reports in JSON, for tests. */
#ifndef TEST_REPORT_MAIL_H
#define TEST_REPORT_MAIL_H

#include <stdbool.h>
#include <stddef.h>

struct report_mail {
	const char *head;        /* fields, each with its line end, without Content-Type; may be "" */
	const char *text_type;   /* of the first part; NULL: there is none, and the mail is the report alone */
	const char *report_type; /* of the part with the report, such as `application/tlsrpt+gzip; name=x.json.gz` */
	const char *encoding;    /* base64, quoted-printable or 8bit */
	bool packed;             /* with gzip */
	bool attached;           /* the whole is attached to another mail */
};

/* Returns the mail, with line ends of LF, from malloc(). It may have NULs, and has one behind its end. */
char *report_mail_make(const struct report_mail *mail, const char *json, size_t json_len, size_t *len);

#endif
