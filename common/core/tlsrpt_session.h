/* The result of one TLS session, as RFC 8460 counts it, and the datagram of libtlsrpt that carries it (spec T-70 to T-74).
 *
 * A session is about one or more policies. For each of them it has failed or not, and it has any number of failure details. A
 * session that did not fail may have details, too. The texts of tlsrpt_policy_text() and tlsrpt_failure_text() are what tallies
 * count and what reports consist of. Pure; any thread. */
#ifndef CORE_TLSRPT_SESSION_H
#define CORE_TLSRPT_SESSION_H

#include "address.h"
#include "domain.h"
#include "names.h"
#include "span.h"
#include "tlsrpt_result.h"

#define TLSRPT_DATAGRAM_MAX 65536 /* octets; a larger datagram is dropped */
#define TLSRPT_POLICIES_MAX 8     /* of one session */
#define TLSRPT_FAILURES_MAX 16    /* of one policy in one session */
#define TLSRPT_STRINGS_MAX 256    /* policy strings, and as many patterns, of one policy */
#define TLSRPT_RECORD_SIZE 2048   /* of a TLSRPT record with its NUL */
#define TLSRPT_REASON_SIZE 256    /* of additional information, and of a failure reason code */

/* The numbers are those of the datagram (spec T-72). */
enum tlsrpt_type { TLSRPT_TLSA = 1, TLSRPT_STS = 2, TLSRPT_NO_POLICY_FOUND = 9 };
#define TLSRPT_TYPES 3

/* Why a session failed, or what was wrong with it. All texts are UTF-8 without control characters; "": unknown, and left out. */
struct tlsrpt_failure {
	enum tlsrpt_result result;
	char sender_address[ADDRESS_TEXT_SIZE]; /* of the sending MTA */
	char mx_name[DOMAIN_SIZE];              /* name of the mail host in the MX record */
	char mx_helo[DOMAIN_SIZE];              /* the name that the mail host gave */
	char mx_address[ADDRESS_TEXT_SIZE];     /* its IP address */
	char information[TLSRPT_REASON_SIZE];   /* a URI */
	char reason[TLSRPT_REASON_SIZE];        /* the failure reason code */
};

struct tlsrpt_policy {
	enum tlsrpt_type type;
	char domain[DOMAIN_SIZE]; /* the policy domain; of TLSA the base domain of the records; "": unknown */
	struct names
		strings; /* lines of the policy, or TLSA records, in their order; the same rules as for texts above */
	struct names patterns; /* the policy's mx patterns; TLSRPT_STS only */
	bool failed;           /* the session did not get TLS that satisfies the policy */
	size_t failures;
	struct tlsrpt_failure *failure; /* from malloc() */
};

struct tlsrpt_session {
	char domain[DOMAIN_SIZE]; /* that gets the report, in the form of domain_parse() */
	char record
		[TLSRPT_RECORD_SIZE]; /* text of its TLSRPT record, with its character-strings joined, unchanged otherwise */
	size_t count;                 /* of policies; at least 1 */
	struct tlsrpt_policy policy[TLSRPT_POLICIES_MAX];
};
/* Appends a zeroed policy with one type and domain, and returns it; NULL: the session has TLSRPT_POLICIES_MAX. */
struct tlsrpt_policy *tlsrpt_session_add(struct tlsrpt_session *session, enum tlsrpt_type type, const char *domain);
/* Appends a copy of a failure; does nothing if the policy has TLSRPT_FAILURES_MAX. */
void tlsrpt_policy_add(struct tlsrpt_policy *policy, const struct tlsrpt_failure *failure);
/* Frees what a session owns, and zeroes it. */
void tlsrpt_session_free(struct tlsrpt_session *session);

/* Writes the datagram of a session, in libtlsrpt's order of keys (spec T-71): a text from malloc(), whose length becomes `len`.
 * Returns NULL if it would exceed TLSRPT_DATAGRAM_MAX. */
char *tlsrpt_session_write(const struct tlsrpt_session *session, size_t *len);
/* Reads a datagram, which is hostile. Returns true and sets `session`, which the caller frees. Returns false for anything that
 * is not the whole and only JSON object of one session; `why` is then a static phrase for the log ("is not JSON"). */
bool tlsrpt_session_read(const char *bytes, size_t len, struct tlsrpt_session *session, const char **why);

/* Returns the JSON object `policy` of a report (RFC 8460 4.4): from malloc(), compact, keys in one order, so that equal policies
 * have equal texts. */
char *tlsrpt_policy_text(const struct tlsrpt_policy *policy);
/* Returns an object of `failure-details` without failed-session-count, in the same way. */
char *tlsrpt_failure_text(const struct tlsrpt_failure *failure);

#endif
