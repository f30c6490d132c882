/* The mail that brings a TLS report (RFC 8460 5.3, RFC 6522): a text for people, and the compressed JSON. Pure; any thread. */
#ifndef CORE_TLSRPT_MAIL_H
#define CORE_TLSRPT_MAIL_H

#include "report_record.h"

#include <stdint.h>

struct tlsrpt_mail {
	const char *from, *to;     /* mailboxes: report_from, and the receiver's address without `mailto:` */
	const char *domain;        /* that the report is about */
	const char *submitter;     /* the domain of `from` */
	const char *id;            /* the report-id, which is also the message-id */
	const char *unique;        /* letters and digits that differ between reports */
	const char *mark;          /* words before the subject of RFC 8460; NULL: none */
	int64_t at;                /* the time in the field Date */
	const char *text;          /* UTF-8, with LF at the ends of lines */
	const char *file;          /* the name of the attached file */
	const unsigned char *gzip; /* its contents */
	size_t gzip_len;
};
/* Returns the whole mail, with CRLF at the ends of lines: from malloc(); its length becomes `len`. Lines have at most 998 octets
 * (RFC 5322 2.1.1). What is not printable ASCII in a string for the header becomes `?`, so none can add a line to it. Returns
 * NULL if `from` or `to` is no mailbox in the form of report_mailbox_read(). */
char *tlsrpt_mail(const struct tlsrpt_mail *mail, size_t *len);

#endif
