#include "action.h"

static int on_fail(const struct settings *settings, enum session_kind session)
{
	int local = settings->milter_on_fail_local;
	switch (session) {
	case SESSION_LOCAL:
		if (local == CHOICE_EMPTY)
			return settings->mta_enforces ? ON_FAIL_TAG : ON_FAIL_QUARANTINE;
		return local == ON_FAIL_LOCAL_TAG ? ON_FAIL_TAG : ON_FAIL_QUARANTINE;
	case SESSION_AUTHENTICATED:
		if (settings->milter_on_fail_authenticated != CHOICE_EMPTY)
			return settings->milter_on_fail_authenticated;
		break;
	case SESSION_SMTP:
		break;
	}
	return settings->milter_on_fail;
}

/* A message is never held for what passes by itself: a `defer` verdict is refused, or in a local session let through.
 */
static enum action action_of(enum verdict_kind verdict, int wanted, enum session_kind session)
{
	switch (verdict) {
	case VERDICT_NONE:
	case VERDICT_PASS:
	case VERDICT_FAIL_TESTING:
		return ACTION_ACCEPT;
	case VERDICT_FAIL_ENFORCE:
		if (wanted == ON_FAIL_QUARANTINE)
			return ACTION_HOLD;
		return wanted == ON_FAIL_DEFER ? ACTION_REFUSE : ACTION_ACCEPT;
	case VERDICT_DEFER:
		return wanted == ON_FAIL_TAG || session == SESSION_LOCAL ? ACTION_ACCEPT : ACTION_REFUSE;
	}
	return ACTION_ACCEPT;
}

static bool tagged(const struct settings *settings, enum verdict_kind verdict)
{
	bool failing = verdict != VERDICT_NONE && verdict != VERDICT_PASS;
	return settings->milter_tag == TAG_ALL || (settings->milter_tag == TAG_FAIL && failing);
}

struct decision action_decide(const struct settings *settings, enum session_kind session, enum verdict_kind verdict)
{
	enum action would = action_of(verdict, on_fail(settings, session), session);
	enum action action = settings->mode == MODE_MONITOR ? ACTION_ACCEPT : would;
	return (struct decision){
		.action = action, .would = would, .tag = action != ACTION_REFUSE && tagged(settings, verdict)};
}

const char *action_deed_name(enum deed deed)
{
	static const char *const names[] = {"accept", "tag", "quarantine", "defer"};
	return names[deed];
}

static enum deed deed_of(enum action action, bool tag)
{
	switch (action) {
	case ACTION_REFUSE:
		return DEED_DEFER;
	case ACTION_HOLD:
		return DEED_QUARANTINE;
	case ACTION_ACCEPT:
		break;
	}
	return tag ? DEED_TAG : DEED_ACCEPT;
}

enum deed action_deed(const struct decision *decision)
{
	return deed_of(decision->action, decision->tag);
}

const char *action_name(const struct decision *decision)
{
	return action_deed_name(action_deed(decision));
}

const char *action_would_name(const struct decision *decision)
{
	return action_deed_name(deed_of(decision->would, decision->tag));
}
