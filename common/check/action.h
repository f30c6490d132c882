/* Decides what the milter and policy delegation do with a recipient, from the verdict and the settings (design 6.4,
 * 6.5). The tool shows the same decisions. Pure functions; any thread. */
#ifndef CHECK_ACTION_H
#define CHECK_ACTION_H

#include "delegation.h"
#include "settings.h"
#include "verdict.h"
#include "verdict_record.h"

enum session_kind {
	SESSION_SMTP,
	SESSION_AUTHENTICATED,
	/* No {rcpt_mailer}: the client is Postfix's cleanup, where refusing a recipient would leave the message in the
	 * queue for ever (spec F-2). */
	SESSION_LOCAL
};

/* The further down, the more it delays. */
enum action {
	ACTION_ACCEPT,
	ACTION_HOLD,   /* quarantine the whole message when it is complete */
	ACTION_REFUSE, /* reply 451 4.7.5 to this recipient */
	ACTION_REJECT  /* reply 550 5.7.30: the sender's REQUIRETLS cannot be met (RFC 8689 4.2.1) */
};

struct decision {
	enum action action;   /* what is done */
	enum action would;    /* what would be done without `mode = monitor` */
	bool tag;             /* add a header when the message is complete */
	bool tls_required_no; /* it passes because the sender has asked for delivery without TLS (RFC 8689 5) */
};

/* Returns what the settings demand for a failing recipient in such a session: ON_FAIL_DEFER, ON_FAIL_TAG or
 * ON_FAIL_QUARANTINE. If the setting for this kind of session is empty, its default applies. */
int action_on_fail(const struct settings *settings, enum session_kind session);

struct decision action_decide(
	const struct settings *settings, enum session_kind session, const struct verdict *verdict);

/* Returns whether a decision delays the message, or would without `mode = monitor`. */
bool action_delays(const struct decision *decision);
/* Changes a decision that would delay the message: the MTA asks the map at delivery (tls_required_no = map), so the recipient is
 * accepted and tagged. Leaves the decision as it is if the map does not demand what the verdict demands: an MTA does not look
 * up whether a certificate is revoked. */
void action_leave_to_map(const struct settings *settings, const struct verdict *verdict, struct decision *decision);
/* Changes a decision that would delay the message: its sender prefers delivery to TLS (RFC 8689 5), so the recipient is accepted
 * and tagged. */
void action_honour(const struct settings *settings, const struct verdict *verdict, struct decision *decision);

/* Returns what policy delegation answers. */
enum delegation_action action_delegation(const struct decision *decision);

/* Return what is done, and what would be done without `mode = monitor`: action and tag together. */
enum deed action_deed(const struct decision *decision);
enum deed action_would(const struct decision *decision);
const char *action_name(const struct decision *decision);       /* the name of what is done */
const char *action_would_name(const struct decision *decision); /* the name of what would be done */

#endif
