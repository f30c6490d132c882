/* Makes what goes out for one report: the signed mail, or the body of the POST. Any thread; reads the file of the DKIM key, waits
 * for nothing else. */
#ifndef CHECK_TLSRPT_COMPOSE_H
#define CHECK_TLSRPT_COMPOSE_H

#include "config.h"
#include "tlsrpt_report.h"

#define TLSRPT_MEDIA_TYPE "application/tlsrpt+gzip" /* of the POST */

/* Returns the octets of the report about a tally to an address: from malloc(); their length becomes `len`. `at`: the time of the
 * mail. Returns NULL on failure, which another attempt may repair: the key cannot be read, or does not sign. */
char *tlsrpt_compose(const struct config *config, const struct tlsrpt_tally *tally, const struct report_address *to,
	int64_t at, size_t *len, struct failure *why);

/* Returns whether the report about a tally to an address has failures (tlsrpt_tally_has_failures()). */
bool tlsrpt_compose_has_failures(const struct tlsrpt_tally *tally, const char *address);

#endif
