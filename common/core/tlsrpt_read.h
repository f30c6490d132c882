/* Reads a received TLS report (RFC 8460 4.4) from JSON text.
 *
 * A report comes from a stranger, so its size, depth and number of values are bounded before anything is allocated for them. Its
 * form may differ from the RFC's in the ways that known senders use (spec T-23, T-24): what is absent, null or "" is unknown. Texts
 * are valid UTF-8 and may hold control characters: quote them. Pure; any thread. */
#ifndef CORE_TLSRPT_READ_H
#define CORE_TLSRPT_READ_H

#include "names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLSRPT_READ_MAX (16 * 1024 * 1024) /* octets of a report */
#define TLSRPT_READ_DEPTH 16               /* objects and arrays in each other */
#define TLSRPT_READ_VALUES 200000          /* values of a report */
#define TLSRPT_READ_TEXT 1024 /* octets of one text; a longer one is cut, so that it can be compared often */
#define TLSRPT_READ_WHY 160

/* An object of `failure-details`. NULL: unknown. */
struct read_failure {
	char *result; /* the result type, perhaps none of RFC 8460's */
	char *sender_address, *mx_name, *mx_helo, *mx_address, *information, *reason;
	uint64_t sessions; /* 1 if the report does not say */
};

struct read_policy {
	char *type, *domain;  /* as written; NULL: unknown */
	struct names strings; /* lines of the policy, or TLSA records */
	struct names patterns;
	/* Sessions. If the report does not say how many failed, it is the sum of the failures. Otherwise that sum may be smaller, and
	 * also larger, since one session can fail in several ways, or succeed in spite of a failure (RFC 8460 4). */
	uint64_t successes, failures;
	size_t count;
	struct read_failure *failure;
};

struct read_report {
	char *organization, *contact, *id; /* NULL: unknown. `contact` is without `mailto:` */
	int64_t begins_at, ends_at;        /* seconds since the epoch; 0: unknown. `ends_at` is the last second */
	size_t count;
	struct read_policy *policy;
	size_t values; /* the size of the report, for a limit on many reports */
};

/* Reads a report. Returns true and sets `report`, which the caller frees. Otherwise `why` is a phrase without untrusted text ("is
 * not JSON: line 1, column 5"). */
bool tlsrpt_read(struct read_report *report, const char *bytes, size_t len, char why[TLSRPT_READ_WHY]);
/* Frees what a report owns, and zeroes it. */
void tlsrpt_read_free(struct read_report *report);

/* Compare reports, for sorting: by what identifies them (id, organization, contact and begin), or by that and then by all that they
 * say. 0: they are equal. */
int tlsrpt_read_compare_id(const struct read_report *a, const struct read_report *b);
int tlsrpt_read_compare(const struct read_report *a, const struct read_report *b);

#endif
