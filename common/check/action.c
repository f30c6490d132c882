#include "action.h"

int action_on_fail(const struct settings *settings, enum session_kind session)
{
	switch (session) {
	case SESSION_LOCAL:
		if (settings->milter_on_fail_local != CHOICE_EMPTY)
			return settings->milter_on_fail_local == ON_FAIL_LOCAL_TAG ? ON_FAIL_TAG : ON_FAIL_QUARANTINE;
		return settings->mta_enforces ? ON_FAIL_TAG : ON_FAIL_QUARANTINE;
	case SESSION_AUTHENTICATED:
		if (settings->milter_on_fail_authenticated != CHOICE_EMPTY)
			return settings->milter_on_fail_authenticated;
		/* Mail clients have no queue, so the relay accepts the message if the MTA enforces policies itself: the
		 * map then keeps the message in the relay's queue. */
		return settings->mta_enforces ? ON_FAIL_TAG : settings->milter_on_fail;
	case SESSION_SMTP:
		break;
	}
	return settings->milter_on_fail;
}

/* Returns the action for a verdict, if the settings demand `wanted` for a failing recipient. Unless that is
 * ON_FAIL_TAG, a recipient with a `defer` verdict is refused, because the missing fact should be known when the client
 * retries. A recipient of a local session cannot be refused. If an enforce policy is in force, its message is held,
 * since nothing else would keep the message from leaving unchecked. Without such a policy the message is accepted. */
static enum action action_of(const struct verdict *verdict, int wanted, enum session_kind session)
{
	bool enforced = verdict->has_policy && verdict->mode == POLICY_ENFORCE;
	switch (verdict->kind) {
	case VERDICT_NONE:
	case VERDICT_PASS:
	case VERDICT_FAIL_TESTING:
		return ACTION_ACCEPT;
	case VERDICT_FAIL_ENFORCE:
		if (wanted == ON_FAIL_QUARANTINE)
			return ACTION_HOLD;
		return wanted == ON_FAIL_DEFER ? ACTION_REFUSE : ACTION_ACCEPT;
	case VERDICT_DEFER:
		if (wanted == ON_FAIL_TAG)
			return ACTION_ACCEPT;
		if (session != SESSION_LOCAL)
			return ACTION_REFUSE;
		return enforced ? ACTION_HOLD : ACTION_ACCEPT;
	}
	return ACTION_ACCEPT;
}

static bool is_tagged(const struct settings *settings, const struct verdict *verdict)
{
	bool failing = verdict->kind != VERDICT_NONE && verdict->kind != VERDICT_PASS;
	failing = failing || verdict->requiretls == TLS_DEMAND_UNMET;
	return settings->milter_tag == TAG_ALL || (settings->milter_tag == TAG_FAIL && failing);
}

struct decision action_decide(const struct settings *settings, enum session_kind session, const struct verdict *verdict)
{
	enum action would = action_of(verdict, action_on_fail(settings, session), session);
	if (verdict->override == OVERRIDE_TAG) /* rule 1: tell, but do not hold the mail */
		would = ACTION_ACCEPT;
	if (verdict->requiretls == TLS_DEMAND_UNMET && settings->requiretls == REQUIRETLS_REFUSE &&
		session != SESSION_LOCAL)
		would = ACTION_REJECT;
	enum action action = settings->mode == MODE_MONITOR ? ACTION_ACCEPT : would;
	bool refused = action == ACTION_REFUSE || action == ACTION_REJECT;
	return (struct decision){.action = action, .would = would, .tag = !refused && is_tagged(settings, verdict)};
}

bool action_delays(const struct decision *decision)
{
	return decision->would == ACTION_REFUSE || decision->would == ACTION_HOLD;
}

static void let_pass(const struct settings *settings, const struct verdict *verdict, struct decision *decision)
{
	decision->action = decision->would = ACTION_ACCEPT;
	decision->tag = is_tagged(settings, verdict);
}

void action_leave_to_map(const struct settings *settings, const struct verdict *verdict, struct decision *decision)
{
	if (action_delays(decision) && verdict->reason != REASON_CERT_REVOKED)
		let_pass(settings, verdict, decision);
}

void action_honour(const struct settings *settings, const struct verdict *verdict, struct decision *decision)
{
	if (!action_delays(decision))
		return;
	let_pass(settings, verdict, decision);
	decision->tls_required_no = true;
}

enum delegation_action action_delegation(const struct decision *decision)
{
	switch (decision->action) {
	case ACTION_REFUSE:
		return DELEGATION_DEFER;
	case ACTION_HOLD:
		return DELEGATION_HOLD;
	case ACTION_REJECT: /* its protocol does not transmit REQUIRETLS, so this does not happen */
	case ACTION_ACCEPT:
		break;
	}
	return decision->tag ? DELEGATION_PREPEND : DELEGATION_DUNNO;
}

static enum deed deed_of(enum action action, bool tag)
{
	switch (action) {
	case ACTION_REFUSE:
		return DEED_DEFER;
	case ACTION_HOLD:
		return DEED_QUARANTINE;
	case ACTION_REJECT:
		return DEED_REJECT;
	case ACTION_ACCEPT:
		break;
	}
	return tag ? DEED_TAG : DEED_ACCEPT;
}

enum deed action_deed(const struct decision *decision)
{
	return deed_of(decision->action, decision->tag);
}

enum deed action_would(const struct decision *decision)
{
	return deed_of(decision->would, decision->tag);
}

const char *action_name(const struct decision *decision)
{
	return deed_name(action_deed(decision));
}

const char *action_would_name(const struct decision *decision)
{
	return deed_name(action_would(decision));
}
