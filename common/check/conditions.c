#include "conditions.h"

#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "text.h"

#include <string.h>

/* --- begin and end ----------------------------------------------------------------------------------------------- */

/* Trouble that comes and goes within a minute is counted, but only what was said to begin is said to end. */
enum { STATE_NONE, STATE_UNSAID, STATE_SAID };

#define CONDITION(name) [CONDITION_HEALTH + HEALTH_##name]
static const struct {
	enum event_kind event;
	const char *ended;
} rows[CONDITION_COUNT] = {
	[CONDITION_STORE_UNREADABLE] = {EVENT_STORE_TROUBLE, "the store can be read again"},
	[CONDITION_STORE_UNWRITABLE] = {EVENT_STORE_TROUBLE, "the store can be written again"},
	[CONDITION_RESOLVER_DEAD] = {EVENT_RESOLVER_TROUBLE, "a resolver answers again"},
	CONDITION(LOOKUPS_FAIL) = {EVENT_LOOKUPS_FAILING, "look-ups succeed again"},
	CONDITION(DNS_BOGUS) = {EVENT_DNSSEC_FAILING, "DNS answers are not all bogus any more"},
	CONDITION(FETCHES_FAIL) = {EVENT_FETCHES_FAILING, "policy hosts can be reached again"},
	CONDITION(FETCHES_UNTRUSTED) = {EVENT_FETCHES_UNTRUSTED, "the certificates of policy hosts hold again"},
	CONDITION(PROBES_FAIL) = {EVENT_PROBES_FAILING, "next hops can be reached again"},
	CONDITION(PROBES_UNTRUSTED) = {EVENT_PROBES_UNTRUSTED, "the certificates of next hops hold again"},
	CONDITION(CLOCK_BEHIND) = {EVENT_CLOCK_BEHIND, "the clock does not seem to be behind any more"},
	CONDITION(CLOCK_AHEAD) = {EVENT_CLOCK_AHEAD, "the clock does not seem to be ahead any more"},
};

void conditions_init(struct conditions *conditions, struct events *events)
{
	memset(conditions, 0, sizeof *conditions);
	conditions->events = events;
	lock_init(&conditions->lock);
	conditions_show(conditions);
}

void conditions_destroy(struct conditions *conditions)
{
	lock_destroy(&conditions->lock);
}

void conditions_show(struct conditions *conditions)
{
	for (unsigned kind = 0; kind < CONDITION_COUNT; kind++)
		metrics_set(METRIC_DEGRADED, kind, 0, 0, atomic_load(&conditions->state[kind]) != STATE_NONE);
}

void condition_begin(struct conditions *conditions, enum condition kind, const char *detail)
{
	int none = STATE_NONE, unsaid = STATE_UNSAID;
	if (!atomic_compare_exchange_strong(&conditions->state[kind], &none, STATE_UNSAID))
		return;
	metrics_set(METRIC_DEGRADED, kind, 0, 0, 1);
	if (events_note(conditions->events, rows[kind].event, "", detail))
		atomic_compare_exchange_strong(&conditions->state[kind], &unsaid, STATE_SAID);
}

void condition_end(struct conditions *conditions, enum condition kind)
{
	if (atomic_load(&conditions->state[kind]) == STATE_NONE)
		return;
	metrics_set(METRIC_DEGRADED, kind, 0, 0, 0);
	if (atomic_exchange(&conditions->state[kind], STATE_NONE) == STATE_SAID)
		log_info("%s", rows[kind].ended);
}

/* --- what operations say about this machine ---------------------------------------------------------------------- */

/* One outcome, as health takes it, and the words for an event. */
struct sight {
	enum health_sense sense;
	enum health_way way;
	uint64_t place;
	const char *name, *detail; /* for people; quoted already */
};

/* The last two labels: what lies below one broken zone is one place. */
static uint64_t zone_place(const char *name)
{
	const char *at = name + strlen(name);
	for (int dots = 0; at > name; at--)
		if (at[-1] == '.' && ++dots == 2)
			break;
	return domain_hash(at, 0);
}

static enum health_way lookup_way(enum dns_outcome outcome)
{
	switch (outcome) {
	case DNS_OK:
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		return HEALTH_WELL;
	case DNS_FAILED:
	case DNS_TIMEOUT:
		return HEALTH_UNREACHED;
	case DNS_BOGUS:
		return HEALTH_UNTRUSTED;
	case DNS_BROKEN: /* has an event of its own */
		break;
	}
	return HEALTH_NOTHING;
}

/* What was judged by TLSA records says nothing of the authorities. */
static enum health_way probe_way(const struct evidence *seen)
{
	switch (reason_class(seen->reason)) {
	case REASON_GOOD:
		return seen->tlsa_id == 0 ? HEALTH_WELL : HEALTH_REACHED;
	case REASON_APART:
		return HEALTH_NOTHING;
	case REASON_BAD:
	case REASON_UNSURE:
		break;
	}
	if (seen->reason == REASON_HOP_UNREACHABLE || seen->reason == REASON_HOP_TIMEOUT)
		return HEALTH_UNREACHED;
	if (seen->reason == REASON_CERT_UNTRUSTED)
		return HEALTH_UNTRUSTED;
	if (seen->reason == REASON_CERT_NOT_YET_VALID)
		return HEALTH_EARLY;
	return seen->reason == REASON_CERT_EXPIRED ? HEALTH_EXPIRED : HEALTH_REACHED;
}

static struct sight probe_sight(const struct found *found)
{
	struct sight sight = {.sense = HEALTH_PROBE, .name = found->want.name, .detail = found->evidence.address};
	struct address address;
	if (found->evidence.at == 0 || !address_parse(&address, found->evidence.address))
		return sight; /* nobody was dialled */
	sight.way = probe_way(&found->evidence);
	sight.place = address_network(&address);
	return sight;
}

static struct sight sight_of(const struct found *found)
{
	struct sight nothing = {.way = HEALTH_NOTHING};
	const char *name = found->want.name;
	if (found->untried)
		return nothing;
	switch (found->want.kind) {
	case WANT_RECORD:
	case WANT_MX:
		return (struct sight){HEALTH_DNS, lookup_way(found->dns), zone_place(name), name, ""};
	case WANT_POLICY:
		if (found->network == 0)
			break;
		return (struct sight){HEALTH_FETCH, found->policy.way, found->network, name, found->policy.detail};
	case WANT_PROBE:
		return probe_sight(found);
	case WANT_TLSA:
	case WANT_NOTHING:
	case WANT_ENTRY:
	case WANT_EVIDENCE:
		break;
	}
	return nothing;
}

/* --- what is told ------------------------------------------------------------------------------------------------- */

struct look {
	bool on[HEALTH_CONDITIONS];
	unsigned count[HEALTH_CONDITIONS];
};

static void health_take(struct conditions *conditions, struct look *look, const struct health_now *now)
	REQUIRES(conditions->lock)
{
	health_look(&conditions->health, now, look->count);
	memcpy(look->on, conditions->health.on, sizeof look->on);
}

/* Two threads may tell what they saw in either order: conditions_review() puts that right a few seconds later. */
static void look_tell(struct conditions *conditions, const struct look *look, const char *detail)
{
	for (int i = 0; i < HEALTH_CONDITIONS; i++) {
		enum condition kind = (enum condition)(CONDITION_HEALTH + i);
		if (look->on[i])
			condition_begin(conditions, kind, detail);
		else
			condition_end(conditions, kind);
	}
}

/* `8 of them, the last was example.com, "Connection timed out"` */
static void sight_words(struct text *text, const struct look *look, const struct sight *sight)
{
	unsigned most = 0;
	for (int i = 0; i < HEALTH_CONDITIONS; i++)
		if (look->on[i] && look->count[i] > most)
			most = look->count[i];
	text_add_number(text, most);
	text_add(text, " of them, the last was ");
	text_add(text, sight->name);
	text_add(text, *sight->detail ? ", " : "");
	text_add(text, sight->detail);
}

static struct health_now now_read(void)
{
	return (struct health_now){.wall_s = clock_wall_s(), .mono_s = clock_mono_ms() / 1000};
}

void conditions_note_found(struct conditions *conditions, const struct found *found)
{
	char detail[EVENT_DETAIL_SIZE];
	struct sight sight = sight_of(found);
	struct health_now now = now_read();
	struct look look;
	struct text text;
	if (sight.way == HEALTH_NOTHING)
		return;
	lock_take(&conditions->lock);
	health_note(&conditions->health, sight.sense, sight.way, sight.place, &now);
	health_take(conditions, &look, &now);
	lock_drop(&conditions->lock);
	text_init(&text, detail, sizeof detail);
	sight_words(&text, &look, &sight);
	look_tell(conditions, &look, detail);
}

static void ahead_words(struct text *text, int64_t ahead_s, const char *of)
{
	bool days = ahead_s >= 2 * 86400;
	text_add(text, "the last change of ");
	text_add(text, of);
	text_add(text, " lies ");
	text_add_number(text, ahead_s / (days ? 86400 : 3600));
	text_add(text, days ? " days" : ahead_s < 7200 ? " hour" : " hours");
	text_add(text, " ahead of it");
}

void conditions_note_time(struct conditions *conditions, int64_t at, const char *of)
{
	char detail[EVENT_DETAIL_SIZE];
	struct health_now now = now_read();
	struct look look;
	struct text text;
	if (!health_time_is_ahead(at, now.wall_s))
		return;
	lock_take(&conditions->lock);
	health_note_time(&conditions->health, at, &now);
	health_take(conditions, &look, &now);
	lock_drop(&conditions->lock);
	text_init(&text, detail, sizeof detail);
	ahead_words(&text, at - now.wall_s, of);
	look_tell(conditions, &look, detail);
}

void conditions_review(struct conditions *conditions)
{
	struct health_now now = now_read();
	struct look look;
	lock_take(&conditions->lock);
	health_take(conditions, &look, &now);
	lock_drop(&conditions->lock);
	look_tell(conditions, &look, "seen a moment ago");
}
