/* Sends the reports that are due (RFC 8460 5), in passes. The daemon makes a pass each minute (milter/tlsrpt_reporter), and
 * `stsgate report send` one for all; several processes may do so at the same time, and each report is sent once: see
 * core/tlsrpt_send.h.
 *
 * A pass closes days that are over, adds a row to the store for each report that has become due, and makes one attempt for each
 * row that is ready. A mail is handed to the MTA during the pass (io/post). An https: address gets its report on an event loop,
 * where a silent server holds nobody up; what became of it is written in a later pass.
 *
 * Bounds: one mail, and TLSRPT_POSTINGS_MAX reports by https, at a time; when the MTA does not serve, a pass makes one attempt
 * by mail; TLSRPT_HOST_HOURLY reports to one host within an hour. */
#ifndef CHECK_TLSRPT_SENDER_H
#define CHECK_TLSRPT_SENDER_H

#include "config.h"
#include "store.h"

#define TLSRPT_POSTINGS_MAX 8
#define TLSRPT_POSTING_MOST_S 300 /* no POST takes longer, whatever fetch_timeout says */

/* Label values of METRIC_TLSRPT_REPORTS: what an attempt brought. */
enum tlsrpt_attempt { TLSRPT_ATTEMPT_SENT, TLSRPT_ATTEMPT_RETRY, TLSRPT_ATTEMPT_GIVEN_UP };

struct tlsrpt_sender_options {
	struct store *store;
	struct loop *loop; /* where reports go out by https */
	bool at_once;      /* all reports about days that are over, before they are due */
	/* Called for each row that has changed, at the end of an attempt or without one. On the thread that makes the passes. May be
	 * NULL. */
	void (*told)(void *arg, const struct tlsrpt_send *row);
	void *arg;
};
struct tlsrpt_sender;
/* Store and loop must outlive the sender. */
struct tlsrpt_sender *tlsrpt_sender_new(const struct tlsrpt_sender_options *options);

struct tlsrpt_pass {
	size_t ready; /* rows that were ready */
	size_t waiting; /* of these, how many could not be tried: the MTA does not serve, the host's hour is full, too many POSTs */
	bool again; /* a POST has to end before all rows can be tried, or is under way */
};
/* Makes a pass. Returns false if the store fails; the next pass goes on where this one ended. One thread at a time. */
bool tlsrpt_sender_pass(
	struct tlsrpt_sender *sender, struct config *config, struct tlsrpt_pass *pass, struct failure *why);
/* Waits until `until_ms` (monotonic clock), the end of a POST, or tlsrpt_sender_stop(). Returns false after the latter. */
bool tlsrpt_sender_rest(struct tlsrpt_sender *sender, int64_t until_ms);
/* Makes a pass that is under way, and a rest, end within about a second. Any thread. */
void tlsrpt_sender_stop(struct tlsrpt_sender *sender);
/* Cancels the POSTs that are under way, whose reports are tried again later, and frees the sender. Must not be called on the
 * loop. Sets the pointer to NULL. */
void tlsrpt_sender_free(struct tlsrpt_sender **sender);

#endif
