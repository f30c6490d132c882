/* Makes the mail that brings a TLS report to an address: JSON, compressed, beside a text for people, with a DKIM signature if
 * report_dkim_key is set. Any thread; waits for nothing. */
#ifndef CHECK_TLSRPT_LETTER_H
#define CHECK_TLSRPT_LETTER_H

#include "dkim.h"
#include "settings.h"
#include "tlsrpt_report.h"

/* Reads the key of report_dkim_key into `key`, which becomes NULL if the setting is empty. The caller frees it. Returns false if
 * it cannot be read. It is read anew for each round of reports, so that a new key needs no reload. */
bool tlsrpt_letter_key(struct dkim_key **key, const struct settings *settings, struct failure *why);

struct tlsrpt_letter {
	const struct tlsrpt_report *report; /* its reporter has a `from` */
	const char *to;                     /* a mailbox, without `mailto:` */
	const struct dkim_key *key;         /* NULL: the MTA signs */
	const char *mark;                   /* words before the subject; NULL: none */
	const char *preface;                /* lines before the text for people; NULL: none */
	int64_t at;                         /* seconds since the epoch */
};
/* Returns the mail, with CRLF at the ends of lines: from malloc(); its length becomes `len`. Returns NULL on failure: `to` or `from`
 * is no mailbox (EX_DATAERR), or OpenSSL cannot sign (EX_SOFTWARE). */
char *tlsrpt_letter_write(const struct tlsrpt_letter *letter, size_t *len, struct failure *why);

#endif
