#include "conditions.h"

#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "text.h"

#include <string.h>

/* The end of a condition is logged only if its beginning was. The beginning is not logged, only counted, if the same
 * event was logged within the last minute. */
enum { STATE_NONE, STATE_UNLOGGED, STATE_LOGGED };

#define HEALTH_ROW(name) [CONDITION_HEALTH + HEALTH_##name]
#define NEARBY_ROW(name) [CONDITION_NEARBY + NEARBY_##name]
static const struct {
	enum event_kind event;
	const char *ended;
} rows[CONDITION_COUNT] = {
	[CONDITION_STORE_UNREADABLE] = {EVENT_STORE_TROUBLE, "the store can be read again"},
	[CONDITION_STORE_UNWRITABLE] = {EVENT_STORE_TROUBLE, "the store can be written again"},
	[CONDITION_RESOLVER_DEAD] = {EVENT_RESOLVER_TROUBLE, "a resolver answers again"},
	HEALTH_ROW(LOOKUPS_FAIL) = {EVENT_LOOKUPS_FAILING, "lookups succeed again"},
	HEALTH_ROW(DNS_BOGUS) = {EVENT_DNSSEC_FAILING, "DNSSEC validation no longer rejects all DNS answers"},
	HEALTH_ROW(FETCHES_FAIL) = {EVENT_FETCHES_FAILING, "policy hosts can be reached again"},
	HEALTH_ROW(FETCHES_UNTRUSTED) = {EVENT_FETCHES_UNTRUSTED, "the certificates of policy hosts are trusted again"},
	HEALTH_ROW(PROBES_FAIL) = {EVENT_PROBES_FAILING, "mail hosts can be reached again"},
	HEALTH_ROW(PROBES_UNTRUSTED) = {EVENT_PROBES_UNTRUSTED, "the certificates of mail hosts are trusted again"},
	HEALTH_ROW(CLOCK_BEHIND) = {EVENT_CLOCK_BEHIND, "the clock no longer seems to be behind"},
	HEALTH_ROW(CLOCK_AHEAD) = {EVENT_CLOCK_AHEAD, "the clock no longer seems to be ahead"},
	NEARBY_ROW(INTERCEPTED) = {EVENT_TLS_INTERCEPTED_HERE,
		"mail hosts no longer show certificates of one unknown authority"},
	NEARBY_ROW(HOPS_BAD) = {EVENT_HOPS_TURNED_BAD, "the mail hosts that turned bad together are good again"},
	NEARBY_ROW(POLICY_HOSTS_BAD) = {EVENT_POLICY_HOSTS_TURNED_BAD, "policies can be fetched again"},
	NEARBY_ROW(RECORDS_BAD) = {EVENT_RECORDS_TURNED_BAD, "the records are back"},
	[CONDITION_FLEET_UNREACHABLE] = {EVENT_FLEET_UNREACHABLE, "the shared store can be reached again"},
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
	int none = STATE_NONE, unlogged = STATE_UNLOGGED;
	if (!atomic_compare_exchange_strong(&conditions->state[kind], &none, STATE_UNLOGGED))
		return;
	atomic_store(&conditions->began_ms[kind], clock_mono_ms());
	metrics_set(METRIC_DEGRADED, kind, 0, 0, 1);
	if (events_note(conditions->events, rows[kind].event, "", detail))
		atomic_compare_exchange_strong(&conditions->state[kind], &unlogged, STATE_LOGGED);
}

void condition_end(struct conditions *conditions, enum condition kind)
{
	if (atomic_load(&conditions->state[kind]) == STATE_NONE)
		return;
	metrics_set(METRIC_DEGRADED, kind, 0, 0, 0);
	char words[64];
	struct text after;
	text_init(&after, words, sizeof words);
	text_add_span(&after, (clock_mono_ms() - atomic_load(&conditions->began_ms[kind])) / 1000);
	if (atomic_exchange(&conditions->state[kind], STATE_NONE) == STATE_LOGGED)
		log_info("%s, after %s", rows[kind].ended, words);
}

bool condition_lasts(const struct conditions *conditions, enum condition kind)
{
	return atomic_load(&conditions->state[kind]) != STATE_NONE;
}

enum event_kind condition_event(enum condition kind)
{
	return rows[kind].event;
}

/* --- one result, as core/health takes it -------------------------------------------------------------------------- */

struct sight {
	enum health_sense sense;
	enum health_way way;
	uint64_t place;
	const char *name, *detail; /* for people; quoted already */
};

/* The place of a DNS name is its last two labels: all names below one broken zone are one place. */
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
	case DNS_BROKEN: /* a condition of its own: CONDITION_RESOLVER_DEAD */
		break;
	}
	return HEALTH_NOTHING;
}

/* A hop that is judged by TLSA records proves nothing about the authorities that this machine trusts. */
static enum health_way probe_way(const struct evidence *seen)
{
	switch (reason_class(seen->reason)) {
	case REASON_GOOD:
		return seen->tlsa_id == 0 ? HEALTH_WELL : HEALTH_REACHED;
	case REASON_GENERAL:
		return HEALTH_NOTHING;
	case REASON_BAD:
	case REASON_INCONCLUSIVE:
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

static struct sight sight_of(const struct found *found)
{
	struct sight nothing = {.way = HEALTH_NOTHING};
	const char *name = found->want.name;
	struct address address;
	if (found->untried)
		return nothing;
	switch (found->want.kind) {
	case WANT_RECORD:
	case WANT_MX:
		return (struct sight){HEALTH_DNS, lookup_way(found->dns), zone_place(name), name, ""};
	case WANT_POLICY:
		if (found->network == 0) /* no host was dialled */
			break;
		return (struct sight){HEALTH_FETCH, found->policy.way, found->network, name, found->policy.detail};
	case WANT_PROBE:
		if (found->evidence.at == 0 || !address_parse(&address, found->evidence.address))
			break; /* no hop was dialled */
		return (struct sight){HEALTH_PROBE, probe_way(&found->evidence), address_network(&address), name,
			found->evidence.address};
	case WANT_TLSA:
	case WANT_NOTHING:
	case WANT_ENTRY:
	case WANT_EVIDENCE:
		break;
	}
	return nothing;
}

/* --- from results to conditions ----------------------------------------------------------------------------------- */

/* A snapshot of the conditions in core/health, and the number of results behind each of them. */
struct snapshot {
	bool on[HEALTH_CONDITIONS];
	unsigned count[HEALTH_CONDITIONS];
};

static void snapshot_take(struct conditions *conditions, struct snapshot *snapshot, const struct health_now *now)
	REQUIRES(conditions->lock)
{
	health_look(&conditions->health, now, snapshot->count);
	memcpy(snapshot->on, conditions->health.on, sizeof snapshot->on);
	for (int i = 0; i < HEALTH_CONDITIONS; i++)
		atomic_store(&conditions->places[i], snapshot->count[i]);
}

/* Begins and ends conditions by the snapshot. If two threads apply their snapshots in the wrong order,
 * conditions_review() corrects the conditions a few seconds later. */
static void snapshot_apply(struct conditions *conditions, const struct snapshot *snapshot, const char *detail)
{
	for (int i = 0; i < HEALTH_CONDITIONS; i++) {
		enum condition kind = (enum condition)(CONDITION_HEALTH + i);
		if (snapshot->on[i])
			condition_begin(conditions, kind, detail);
		else
			condition_end(conditions, kind);
	}
}

static struct health_now health_now(void)
{
	return (struct health_now){.wall_s = clock_wall_s(), .mono_s = clock_mono_ms() / 1000};
}

void conditions_note_found(struct conditions *conditions, const struct found *found)
{
	char detail[EVENT_DETAIL_SIZE];
	struct sight sight = sight_of(found);
	struct health_now now = health_now();
	struct snapshot snapshot;
	struct text text;
	if (sight.way == HEALTH_NOTHING)
		return;
	lock_take(&conditions->lock);
	health_note(&conditions->health, sight.sense, sight.way, sight.place, &now);
	snapshot_take(conditions, &snapshot, &now);
	lock_drop(&conditions->lock);
	/* `seen at 8 places, the last is example.com, "Connection timed out"` */
	unsigned most = 0;
	for (int i = 0; i < HEALTH_CONDITIONS; i++)
		if (snapshot.on[i] && snapshot.count[i] > most)
			most = snapshot.count[i];
	text_init(&text, detail, sizeof detail);
	text_add(&text, "seen at ");
	text_add_number(&text, most);
	text_add(&text, " places, the last is ");
	text_add(&text, sight.name);
	text_add(&text, *sight.detail ? ", " : "");
	text_add(&text, sight.detail);
	snapshot_apply(conditions, &snapshot, detail);
}

unsigned conditions_places(const struct conditions *conditions, enum health_condition kind)
{
	return atomic_load(&conditions->places[kind]);
}

void conditions_note_time(struct conditions *conditions, int64_t at, const char *of)
{
	char detail[EVENT_DETAIL_SIZE];
	struct health_now now = health_now();
	struct snapshot snapshot;
	struct text text;
	if (!health_time_is_ahead(at, now.wall_s))
		return;
	lock_take(&conditions->lock);
	health_note_time(&conditions->health, at, &now);
	snapshot_take(conditions, &snapshot, &now);
	lock_drop(&conditions->lock);
	/* `the last change of example.com lies 3 days ahead of the clock` */
	int64_t ahead_s = at - now.wall_s;
	bool days = ahead_s >= 2 * 86400;
	text_init(&text, detail, sizeof detail);
	text_add(&text, "the last change of ");
	text_add(&text, of);
	text_add(&text, " lies ");
	text_add_number(&text, ahead_s / (days ? 86400 : 3600));
	text_add(&text, days ? " days" : ahead_s < 7200 ? " hour" : " hours");
	text_add(&text, " ahead of the clock");
	snapshot_apply(conditions, &snapshot, detail);
}

void conditions_review(struct conditions *conditions)
{
	struct health_now now = health_now();
	struct snapshot snapshot;
	lock_take(&conditions->lock);
	snapshot_take(conditions, &snapshot, &now);
	lock_drop(&conditions->lock);
	snapshot_apply(conditions, &snapshot, "seen a moment ago");
}
