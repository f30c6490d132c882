/* When a TLS report is sent to one address, and what became of it (RFC 8460 5).
 *
 * There is a row for each (day, domain, address). It is written before an attempt begins and when the attempt has ended. A row
 * whose attempt did not end is of a process that was killed: it counts as sent, because a report that is lost is better than
 * one that comes twice. An address that bounces reports is suppressed for 7 days, then 14, 28 and so on. All of this is arithmetic
 * on wall-clock seconds. Pure; any thread. */
#ifndef CORE_TLSRPT_SEND_H
#define CORE_TLSRPT_SEND_H

#include "entry.h"
#include "report_record.h"
#include "tlsrpt_tally.h"

#define TLSRPT_SPREAD_S (4 * 3600)     /* reports about a day are spread over so long (spec T-10) */
#define TLSRPT_RETRY_S 300             /* after the first failed attempt; doubled after each further one */
#define TLSRPT_RETRY_MOST_S (4 * 3600) /* at most so long */
#define TLSRPT_GIVE_UP_S 86400         /* no attempt so long after the first one (RFC 8460 5.5) */
#define TLSRPT_SENDING_MOST_S 600      /* no attempt takes so long: its process was killed */
#define TLSRPT_HOST_HOURLY 20          /* reports to one host of addresses within an hour (spec T-7) */
/* The row of a report stays for so many days: an MTA returns mail that it could not deliver after five days. */
#define TLSRPT_SENDS_KEPT_DAYS 9

/* A token is the secret part of a report's envelope sender (core/tlsrpt_envelope). Whoever knows it can suppress the address, so it must not be
 * guessed. Lower-case letters and digits only, because some MTAs change the case of local parts. */
#define TLSRPT_TOKEN_LEN 20
#define TLSRPT_TOKEN_SIZE (TLSRPT_TOKEN_LEN + 1)
#define TLSRPT_TOKEN_LETTERS "abcdefghijklmnopqrstuvwxyz234567" /* 32: each stands for 5 bits */

enum tlsrpt_send_state {
	TLSRPT_WAITING,   /* for the first attempt */
	TLSRPT_SENDING,   /* an attempt has begun */
	TLSRPT_SENT,      /* the MTA or web server took it over, or perhaps did */
	TLSRPT_RETRY,     /* an attempt failed; there will be another */
	TLSRPT_GIVEN_UP,  /* there will be no attempt any more */
	TLSRPT_SUPPRESSED /* its address is suppressed because it bounced reports, perhaps this one */
};
struct tlsrpt_send {
	int32_t day; /* days since 1970 */
	char domain[DOMAIN_SIZE];
	char address[REPORT_ADDRESS_SIZE]; /* report_address.text */
	char host[DOMAIN_SIZE];            /* of the address, for TLSRPT_HOST_HOURLY */
	enum tlsrpt_send_state state;
	uint16_t attempts;
	int64_t first_at; /* when the first and the newest attempt began; 0: there was none */
	int64_t last_at;
	int64_t next_at; /* no attempt before, if waiting or TLSRPT_RETRY */
	char token[TLSRPT_TOKEN_SIZE];
	char detail[200]; /* what the newest attempt brought, for people. Printable; untrusted text in it is quoted */
};
extern const struct fields tlsrpt_send_table;

/* Returns the name of a state, such as `given-up`. */
const char *tlsrpt_send_state_name(enum tlsrpt_send_state state);
/* Returns whether no attempt can follow. */
bool tlsrpt_send_is_over(enum tlsrpt_send_state state);
/* Returns since when a report that was not sent yet is due (seconds); 0 if it is over. */
int64_t tlsrpt_send_waits_since(const struct tlsrpt_send *row);

/* Returns when reports about a day and domain are due. Each domain has its own moment, which differs between submitters, so that
 * a domain does not get all its reports at the same time. `submitter` is report_from. */
int64_t tlsrpt_send_due_at(int32_t day, const char *domain, const char *submitter);
/* Why a domain gets a report about a day, or none. */
enum tlsrpt_wanted {
	TLSRPT_WANTED,
	TLSRPT_NO_FAILURES, /* report_when = failures, and nothing failed */
	TLSRPT_EXCLUDED     /* by report_domains or report_exclude */
};
struct tlsrpt_send_rules {
	bool always;
	const struct names *domains; /* empty: all */
	const struct names *exclude;
};
/* `failures`: tlsrpt_tally_has_failures(). */
enum tlsrpt_wanted tlsrpt_send_wanted(const struct tlsrpt_send_rules *rules, const char *domain, bool failures);

/* Makes a row that waits until `due_at`. */
void tlsrpt_send_init(struct tlsrpt_send *row, int32_t day, const char *domain, const struct report_address *address,
	const char *token, int64_t due_at);
/* Returns whether an attempt may begin. `at_once`: also before the row is due. */
bool tlsrpt_send_ready(const struct tlsrpt_send *row, int64_t now, bool at_once);
/* Returns whether it is too late for another attempt: the first one began TLSRPT_GIVE_UP_S ago. */
bool tlsrpt_send_too_late(const struct tlsrpt_send *row, int64_t now);
/* Returns whether the host of an address got so many reports within the last hour that a further one must wait. */
bool tlsrpt_send_host_full(const struct tlsrpt_send *rows, size_t count, const char *host, int64_t now);
/* Begins an attempt. */
void tlsrpt_send_begin(struct tlsrpt_send *row, int64_t now);
/* What an attempt brought. */
enum tlsrpt_outcome {
	TLSRPT_DONE,   /* it was taken over */
	TLSRPT_UNSURE, /* it was handed over, but there was no answer: counts as sent */
	TLSRPT_LATER,  /* it failed, and may succeed later */
	TLSRPT_NEVER   /* it was refused for good */
};
/* Ends an attempt. `detail` is printable, and is cut. */
void tlsrpt_send_end(struct tlsrpt_send *row, enum tlsrpt_outcome outcome, const char *detail, int64_t now);
/* If the row's attempt belongs to a process that was killed, makes the row sent and returns true. */
bool tlsrpt_send_lost(struct tlsrpt_send *row, int64_t now);
/* Ends a row without an attempt, as given up or suppressed. Does nothing if it is over already. */
void tlsrpt_send_stop(struct tlsrpt_send *row, enum tlsrpt_send_state state, const char *detail);
/* Takes in that the report came back. */
void tlsrpt_send_bounced(struct tlsrpt_send *row);

struct bytes tlsrpt_send_encode(const struct tlsrpt_send *row);
bool tlsrpt_send_decode(struct tlsrpt_send *out, const void *bytes, size_t len);

/* --- suppressed addresses ----------------------------------------------------------------------------------------- */

#define TLSRPT_SUPPRESS_DAYS 7 /* at first; doubled at each further level */
#define TLSRPT_SUPPRESS_LEVELS 6
/* An address that bounced. The row stays as long after its end as the suppression lasted, so that the next one is longer. */
struct tlsrpt_suppression {
	char address[REPORT_ADDRESS_SIZE]; /* "": none */
	uint16_t level;                    /* 1 to TLSRPT_SUPPRESS_LEVELS */
	int64_t until;
};
extern const struct fields tlsrpt_suppression_table;
/* Takes in a bounce. While the address is suppressed, further bounces change nothing: they are of reports sent before. */
void tlsrpt_suppression_bounce(struct tlsrpt_suppression *row, const char *address, int64_t now);
/* Returns whether the address is suppressed. */
bool tlsrpt_suppressed(const struct tlsrpt_suppression *row, int64_t now);
/* Returns when the row may leave the store. */
int64_t tlsrpt_suppression_ends(const struct tlsrpt_suppression *row);
struct bytes tlsrpt_suppression_encode(const struct tlsrpt_suppression *row);
bool tlsrpt_suppression_decode(struct tlsrpt_suppression *out, const void *bytes, size_t len);

#endif
