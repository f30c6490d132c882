/* The TLS reports in files that somebody has received: in mails, in an mbox, as JSON, or packed by gzip. Everything in them is
 * hostile; all sizes are bounded. Reads no file itself. */
#ifndef CLI_RECEIVED_H
#define CLI_RECEIVED_H

#include "span.h"
#include "tlsrpt_read.h"

#define RECEIVED_FILE_MAX (64 * 1024 * 1024)    /* octets of one file */
#define RECEIVED_BYTES_MAX (256u * 1024 * 1024) /* octets of all reports together, unpacked */
#define RECEIVED_VALUES_MAX 2000000             /* values of all reports together */
#define RECEIVED_COMPLAINTS_MAX 20              /* complaints about one file that are printed */

/* One report, and what the mail says that it came in. All texts are owned; NULL: unknown, or not in a mail. */
struct received {
	struct read_report report;
	char *file;
	char *from;        /* the domain in the field From */
	char *submitter;   /* TLS-Report-Submitter, a domain */
	char *about;       /* TLS-Report-Domain */
	char *contact;     /* the domain in contact-info */
	bool contradicted; /* another report has the same identity, but says something else (received_sort()) */
};

/* Called with what is wrong with a file: a phrase without untrusted text, such as "is not JSON". */
typedef void received_complain(void *arg, const char *file, const char *what);

struct received_list {
	struct received **row;
	size_t count, repeated;
	size_t bytes, values; /* of all reports read so far */
	received_complain *complain;
	void *arg;
	/* while a file is read */
	const char *file;
	unsigned complaints, without; /* `without`: mails of an mbox that have no report */
	size_t found;
};

/* Adds the reports of one file. Complains if there is none, or if one cannot be read. Returns whether all is well. */
bool received_add(struct received_list *list, const char *file, struct span bytes);
/* Drops reports that are there twice, counts them in `repeated`, and sorts the others by period and reporter. Of two reports with one
 * identity that differ, both stay: a forged one must not drive out the other. */
void received_sort(struct received_list *list);
void received_free(struct received_list *list);

/* Returns the name by which a report's sender is shown: the organization, or the best other name; never NULL. */
const char *received_reporter(const struct received *received);
/* Returns whether From, TLS-Report-Submitter and contact-info name different owners, as far as they are known. RFC 8460 5.3 demands
 * that the last two are equal; here a subdomain will do. */
bool received_disagrees(const struct received *received);
/* Returns the domain of a policy, or the best other name for it; "" if it is unknown. */
const char *received_domain(const struct received *received, const struct read_policy *policy);

#endif
