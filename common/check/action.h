/* What the milter does with a recipient by verdict and settings (design 6). Pure. */
#ifndef MILTER_ACTION_H
#define MILTER_ACTION_H

#include "settings.h"
#include "verdict.h"

enum session_kind {
	SESSION_SMTP,
	SESSION_AUTHENTICATED,
	SESSION_LOCAL /* no {rcpt_mailer}: Postfix's cleanup, where a refusal wedges the message (spec F-2)
		       */
};

enum action {
	ACTION_ACCEPT,
	ACTION_HOLD,  /* the whole message, at its end */
	ACTION_REFUSE /* 451 4.7.5, this recipient */
};

struct decision {
	enum action action; /* what is done */
	enum action would;  /* what would be done without `mode = monitor` */
	bool tag;           /* a header at the end of the message */
};

/* ON_FAIL_DEFER, ON_FAIL_TAG or ON_FAIL_QUARANTINE: what is set for a session, also where it is left empty. */
int action_on_fail(const struct settings *settings, enum session_kind session);

/* What comes of both for the recipient, in one word. */
enum deed { DEED_ACCEPT, DEED_TAG, DEED_QUARANTINE, DEED_DEFER };
const char *action_deed_name(enum deed deed); /* `accept`, `tag`, `quarantine`, `defer` */

struct decision action_decide(
	const struct settings *settings, enum session_kind session, const struct verdict *verdict);
enum deed action_deed(const struct decision *decision);
const char *action_name(const struct decision *decision); /* of what is done */
const char *action_would_name(const struct decision *decision);

#endif
