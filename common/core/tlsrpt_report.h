/* A TLS report (RFC 8460 4): what one address gets about one domain and one UTC day. Its JSON, names and text for people.
 *
 *	tlsrpt_report_init(&report, &from, tally, address);
 *	char *json = tlsrpt_report_json(&report), *text = tlsrpt_report_text(&report);
 *	tlsrpt_report_free(&report);
 *
 * Equal tallies make equal reports, so an attempt that is repeated sends the same octets. A tally within its bounds makes a JSON of
 * less than TLSRPT_REPORT_MAX octets. Pure; any thread; ends the process if memory runs out. */
#ifndef CORE_TLSRPT_REPORT_H
#define CORE_TLSRPT_REPORT_H

#include "domain.h"
#include "report_record.h"
#include "tlsrpt_tally.h"

#define TLSRPT_REPORT_MAX (1024 * 1024) /* octets of the JSON (spec T-7) */

/* Who reports. The strings are the caller's and stay valid as long as the report. */
struct tlsrpt_reporter {
	const char *organization; /* report_organization; "": left out of the JSON */
	const char *from;         /* report_from, an addr-spec; "": left out of the JSON */
	const char *relay; /* this machine's name, so that relays with one report_from have different report-ids */
};

#define TLSRPT_UNIQUE_SIZE 17                                      /* 16 hexadecimal digits, with the NUL */
#define TLSRPT_ID_SIZE (10 + 1 + TLSRPT_UNIQUE_SIZE + DOMAIN_SIZE) /* `2026-01-31.UNIQUE@SUBMITTER` */
#define TLSRPT_FILE_SIZE (2 * DOMAIN_SIZE + 64)

struct tlsrpt_report {
	struct tlsrpt_reporter reporter;
	char submitter[DOMAIN_SIZE]; /* the domain of `from`; "localhost" if that is empty */
	char unique
		[TLSRPT_UNIQUE_SIZE]; /* the same for each report of this relay about the day and domain to the address */
	char id[TLSRPT_ID_SIZE];      /* the report-id */
	int64_t begins_at, ends_at;   /* the first and the last second of the day */
	/* Its groups have different policies. They have no record. */
	struct tlsrpt_tally tally;
};
/* Returns the addresses that the records of a tally name, in the order of its groups, each once: from malloc(); NULL if there are
 * none. Their number becomes `count`. Each of them gets a report of its own. */
struct report_address *tlsrpt_report_addresses(const struct tlsrpt_tally *tally, size_t *count);

/* Makes the report from the groups whose record names `address` (report_address.text), or from all groups if `address` is NULL.
 * Groups of the same policy become one. The caller frees the report. */
void tlsrpt_report_init(struct tlsrpt_report *report, const struct tlsrpt_reporter *reporter,
	const struct tlsrpt_tally *tally, const char *address);
void tlsrpt_report_free(struct tlsrpt_report *report);

/* Returns the report as JSON, one line of ASCII without a newline: from malloc(). */
char *tlsrpt_report_json(const struct tlsrpt_report *report);
/* Writes the name of the file with the compressed JSON (RFC 8460 5.1), and returns `out`. */
const char *tlsrpt_report_file(const struct tlsrpt_report *report, char out[TLSRPT_FILE_SIZE]);
/* Returns the report as text for the domain's postmaster: lines of UTF-8 without control
 * characters that end in LF, from malloc(); only the name of the organization may have other characters than ASCII. Names the policies
 * and failures with the most sessions, and says how many others the JSON has. */
char *tlsrpt_report_text(const struct tlsrpt_report *report);

#endif
