/* doctor: the settings of TLS reports, and the key that signs them. */
#ifndef CLI_DOCTOR_REPORTS_H
#define CLI_DOCTOR_REPORTS_H

#include "doctor.h"
#include "span.h"

/* The check `tlsrpt`. */
void doctor_report_settings(struct doctor *doctor);
/* The check `report-key`. Call it as the daemon's user. */
void doctor_report_key(struct doctor *doctor);
/* The check `report-dns`, which asks DNS servers. Call it as the daemon's user. */
void doctor_report_dns(struct doctor *doctor);

/* What the key record in DNS says about a key (RFC 6376 3.6.1, RFC 8460 3). */
enum key_state {
	KEY_PUBLISHED,    /* for the service tlsrpt by name */
	KEY_FOR_ALL,      /* for all services: strict receivers want the word tlsrpt */
	KEY_NOT_FOR_THIS, /* for other services only */
	KEY_FOR_TESTS,    /* receivers may treat its signatures as absent */
	KEY_NO_SHA256,
	KEY_OTHER, /* a record with another key, or no key record */
	KEY_REVOKED
};
struct dkim_key;
/* Judges one TXT record. Pure. */
enum key_state key_judge(const struct dkim_key *key, struct span text);

#endif
