/* Reads the TXT record _smtp._tls.DOMAIN, which names the addresses for a domain's TLS reports (RFC 8460 3). Pure; any thread. */
#ifndef CORE_REPORT_RECORD_H
#define CORE_REPORT_RECORD_H

#include "span.h"

enum report_record {
	REPORT_RECORD_OK,
	REPORT_RECORD_NONE,   /* does not begin with `v=TLSRPTv1` *WSP `;`, so it is not a TLSRPT record */
	REPORT_RECORD_NO_RUA, /* has no field rua */
	REPORT_RECORD_BAD_URI /* rua has an address that is neither mailto: nor https:, or that has a mistake */
};

/* Parses one TXT record, whose character-strings the caller has joined. After REPORT_RECORD_BAD_URI `where` has the
 * address; otherwise its `at` is NULL. `where` borrows from `bytes`. */
enum report_record report_record_parse(const char *bytes, size_t len, struct span *where);

#endif
