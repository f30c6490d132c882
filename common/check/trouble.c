#include "trouble.h"

#include "log.h"

/* Trouble that comes and goes within a minute is counted, but only what was said to begin is said to end. */
enum { STATE_NONE, STATE_UNSAID, STATE_SAID };

static const struct {
	enum event_kind event;
	const char *ended;
} rows[TROUBLE_COUNT] = {
	[TROUBLE_READING] = {EVENT_STORE_TROUBLE, "the store can be read again"},
	[TROUBLE_WRITING] = {EVENT_STORE_TROUBLE, "the store can be written again"},
	[TROUBLE_RESOLVER] = {EVENT_RESOLVER_TROUBLE, "a resolver answers again"},
};

void trouble_began(struct trouble *trouble, enum trouble_kind kind, const char *detail)
{
	int none = STATE_NONE, unsaid = STATE_UNSAID;
	if (!atomic_compare_exchange_strong(&trouble->state[kind], &none, STATE_UNSAID))
		return;
	if (events_note(trouble->events, rows[kind].event, "", detail))
		atomic_compare_exchange_strong(&trouble->state[kind], &unsaid, STATE_SAID);
}

void trouble_ended(struct trouble *trouble, enum trouble_kind kind)
{
	if (atomic_load(&trouble->state[kind]) == STATE_NONE)
		return;
	if (atomic_exchange(&trouble->state[kind], STATE_NONE) == STATE_SAID)
		log_info("%s", rows[kind].ended);
}
