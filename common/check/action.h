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

enum action {
	ACTION_ACCEPT,
	ACTION_HOLD,  /* quarantine the whole message when it is complete */
	ACTION_REFUSE /* reply 451 4.7.5 to this recipient */
};

struct decision {
	enum action action; /* what is done */
	enum action would;  /* what would be done without `mode = monitor` */
	bool tag;           /* add a header when the message is complete */
};

/* Returns what the settings demand for a failing recipient in such a session: ON_FAIL_DEFER, ON_FAIL_TAG or
 * ON_FAIL_QUARANTINE. If the setting for this kind of session is empty, its default applies. */
int action_on_fail(const struct settings *settings, enum session_kind session);

struct decision action_decide(
	const struct settings *settings, enum session_kind session, const struct verdict *verdict);

/* Returns what policy delegation answers. */
enum delegation_action action_delegation(const struct decision *decision);

/* Return what is done, and what would be done without `mode = monitor`: action and tag together. */
enum deed action_deed(const struct decision *decision);
enum deed action_would(const struct decision *decision);
const char *action_name(const struct decision *decision);       /* the name of what is done */
const char *action_would_name(const struct decision *decision); /* the name of what would be done */

#endif
