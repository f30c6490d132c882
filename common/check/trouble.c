#include "trouble.h"

#include "log.h"
#include "metrics.h"

#include <string.h>

/* Trouble that comes and goes within a minute is counted, but only what was said to begin is said to end. */
enum { STATE_NONE, STATE_UNSAID, STATE_SAID };

#define CONDITION(name) [TROUBLE_HEALTH + HEALTH_##name]
static const struct {
	enum event_kind event;
	const char *ended;
} rows[TROUBLE_COUNT] = {
	[TROUBLE_READING] = {EVENT_STORE_TROUBLE, "the store can be read again"},
	[TROUBLE_WRITING] = {EVENT_STORE_TROUBLE, "the store can be written again"},
	[TROUBLE_RESOLVER] = {EVENT_RESOLVER_TROUBLE, "a resolver answers again"},
	CONDITION(LOOKUPS_FAIL) = {EVENT_LOOKUPS_FAILING, "look-ups succeed again"},
	CONDITION(DNS_BOGUS) = {EVENT_DNSSEC_FAILING, "DNS answers are not all bogus any more"},
	CONDITION(FETCHES_FAIL) = {EVENT_FETCHES_FAILING, "policy hosts can be reached again"},
	CONDITION(FETCHES_UNTRUSTED) = {EVENT_FETCHES_UNTRUSTED, "the certificates of policy hosts hold again"},
	CONDITION(PROBES_FAIL) = {EVENT_PROBES_FAILING, "next hops can be reached again"},
	CONDITION(PROBES_UNTRUSTED) = {EVENT_PROBES_UNTRUSTED, "the certificates of next hops hold again"},
	CONDITION(CLOCK_BEHIND) = {EVENT_CLOCK_BEHIND, "the clock does not seem to be behind any more"},
	CONDITION(CLOCK_AHEAD) = {EVENT_CLOCK_AHEAD, "the clock does not seem to be ahead any more"},
};

void trouble_init(struct trouble *trouble, struct events *events)
{
	memset(trouble, 0, sizeof *trouble);
	trouble->events = events;
	lock_init(&trouble->lock);
	trouble_show(trouble);
}

void trouble_destroy(struct trouble *trouble)
{
	lock_destroy(&trouble->lock);
}

void trouble_show(struct trouble *trouble)
{
	for (unsigned kind = 0; kind < TROUBLE_COUNT; kind++)
		metrics_set(METRIC_DEGRADED, kind, 0, 0, atomic_load(&trouble->state[kind]) != STATE_NONE);
}

void trouble_began(struct trouble *trouble, enum trouble_kind kind, const char *detail)
{
	int none = STATE_NONE, unsaid = STATE_UNSAID;
	if (!atomic_compare_exchange_strong(&trouble->state[kind], &none, STATE_UNSAID))
		return;
	metrics_set(METRIC_DEGRADED, kind, 0, 0, 1);
	if (events_note(trouble->events, rows[kind].event, "", detail))
		atomic_compare_exchange_strong(&trouble->state[kind], &unsaid, STATE_SAID);
}

void trouble_ended(struct trouble *trouble, enum trouble_kind kind)
{
	if (atomic_load(&trouble->state[kind]) == STATE_NONE)
		return;
	metrics_set(METRIC_DEGRADED, kind, 0, 0, 0);
	if (atomic_exchange(&trouble->state[kind], STATE_NONE) == STATE_SAID)
		log_info("%s", rows[kind].ended);
}
