/* Reports verdicts and work: the log line of a verdict that a front end acts on, the counters behind the metrics, and
 * the names of the metrics' label values. Any thread; never waits.
 *
 * A verdict is counted once each time a front end acts on it: by check_ask() if the front end does not wait, else when
 * the wait ends. A refresh has no waiter and is counted when it ends. */
#ifndef CHECK_REPORT_H
#define CHECK_REPORT_H

#include "action.h"
#include "metrics.h"
#include "obtain.h"
#include "settings.h"
#include "span.h"
#include "verdict.h"
#include "verdict_record.h"

/* --- the log line of a verdict ------------------------------------------------------------------------------------ */

/* The domains of one message that have been logged as unchecked: one line per domain, for any number of recipients.
 * Domains beyond this number are logged again for each recipient, never left out. Zeroed for a new message. */
#define VERDICT_LOGGED_MAX 16
struct verdict_logged {
	uint32_t domain[VERDICT_LOGGED_MAX]; /* hashes */
	unsigned count;
};

/* What a front end has done about a verdict. */
struct verdict_seen {
	enum verdict_door door;
	const struct settings *settings;
	const struct verdict *verdict;
	struct span queue_id; /* untrusted; empty if the MTA gave none */
	enum deed deed, would;
	bool tls_required_no; /* the mail passes because its sender has asked for delivery without TLS (RFC 8689 5) */
	bool bound;           /* the map's reply binds the delivery to verified TLS */
	/* For the log: what was done, and what would have been done without mode = monitor. */
	const char *action, *would_action;
};
/* Sets what was done from a decision of the milter or policy delegation. */
void verdict_seen_decide(struct verdict_seen *seen, const struct decision *decision);

/* Returns whether a verdict of the milter or policy delegation has a line in the log, or is recorded. Verdicts of kind none
 * have a line only if they let mail through unchecked. Each verdict that an override changed has one. */
bool verdict_is_logged(const struct settings *settings, const struct verdict *verdict);
/* Writes `QUEUEID: `, with which a log line about a message begins, or "" without a queue id, which is untrusted. Returns
 * `out`. */
#define QUEUE_ID_PREFIX_SIZE 264
const char *queue_id_prefix(char out[QUEUE_ID_PREFIX_SIZE], struct span queue_id);
/* Logs `QUEUEID: frontend=… domain=… … action=…`, and `would=…` if mode = monitor changes the action. */
void verdict_log(const struct verdict_seen *seen);
/* Returns whether the domain has been logged for this message, and remembers it. */
bool verdict_logged_before(struct verdict_logged *logged, const char *domain);

/* --- counters ----------------------------------------------------------------------------------------------------- */

void counters_verdict(enum purpose purpose, const struct verdict *verdict);
/* Counts the result of one flight, once, however many inquiries share it. */
void counters_found(const struct found *found);
void counters_action(const struct decision *decision);
void counters_delegation(enum deed deed);
/* What became of the wish of a message with a TLS-Required field (RFC 8689 5). */
enum tls_required {
	TLS_REQUIRED_HONOURED, /* no recipient was delayed because of TLS */
	TLS_REQUIRED_TO_MTA,   /* left to an MTA that honours the field itself (tls_required_no = map) */
	TLS_REQUIRED_IGNORED /* the field is not valid, the sender also demands REQUIRETLS, or tls_required_no = ignore */
};
void counters_tls_required(enum verdict_door door, enum tls_required what);
/* Counts a recipient of a message with REQUIRETLS. Does nothing for TLS_DEMAND_NONE. */
void counters_requiretls(enum tls_demand state);
/* Counts a reply of the map by its first word: OK, NOTFOUND or TEMP. */
void counters_map_reply(struct span payload);
/* What became of a datagram with a session of a TLS report (milter/tlsrpt_collector). */
enum tlsrpt_datagram {
	DATAGRAM_COUNTED,       /* received and valid */
	DATAGRAM_REFUSED,       /* received and invalid */
	DATAGRAM_FORWARDED,     /* received, and sent on to tlsrpt_forward */
	DATAGRAM_NOT_FORWARDED, /* the other collector did not take it */
	DATAGRAM_FED,           /* a session of our own, sent to another collector */
	DATAGRAM_NOT_FED
};
void counters_tlsrpt_datagram(enum tlsrpt_datagram fate);
/* Counts how long an answer of a front end took: since `asked_us` (clock_mono_us()). */
void counters_answer(enum verdict_door door, int64_t asked_us);

/* For metrics_render(): functions that return the name of a label's value. */
extern const struct metrics_names counters_names;

#endif
