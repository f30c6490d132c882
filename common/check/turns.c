#include "turns.h"

#include "clock.h"
#include "lock.h"
#include "memory.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

struct turns {
	struct store *store;
	struct events *events;
	struct conditions *conditions;
	struct stories *stories; /* may be NULL */
	struct lock lock;
	struct nearby nearby GUARDED_BY(lock);
	bool begun GUARDED_BY(lock); /* a condition has begun since turns_write() was last called */
	int64_t told_ms[NEARBY_CONDITIONS] GUARDED_BY(lock); /* when the last event was noted, monotonic */
	unsigned told[NEARBY_CONDITIONS] GUARDED_BY(lock); /* how many members the last event spoke of; 0: it is off */
};

static bool fold_event(void *arg, struct event_record *event)
{
	return turns_fold(arg, event);
}

struct turns *turns_new(
	struct store *store, struct events *events, struct conditions *conditions, struct stories *stories)
{
	struct turns *turns = xcalloc(1, sizeof *turns);
	turns->store = store;
	turns->events = events;
	turns->conditions = conditions;
	turns->stories = stories;
	lock_init(&turns->lock);
	events_fold_by(events, fold_event, turns);
	return turns;
}

void turns_free(struct turns **slot)
{
	struct turns *turns = *slot;
	if (!turns)
		return;
	events_fold_by(turns->events, NULL, NULL);
	lock_destroy(&turns->lock);
	free(turns);
	*slot = NULL;
}

/* --- one result, as core/nearby takes it -------------------------------------------------------------------------- */

/* The ways in which a lookup of a record is bad. */
enum record_way { RECORD_WELL = NEARBY_GOOD, RECORD_GONE, RECORD_WRONG, RECORD_BOGUS, RECORD_FAILED };

static bool is_recent(const struct facts *facts, int64_t at)
{
	return at != 0 && facts->now - at <= TURN_GOOD_S;
}

/* A hop that gives no answer has turned only when so many probes in a row have failed that it counts as silent (design 4.8). */
static bool probe_result(struct nearby_result *out, const struct facts *facts, const struct found *found)
{
	const struct evidence *seen = &found->evidence;
	const struct hop_fact *hop = facts_hop(facts, found->want.name, found->want.port);
	const struct probe_history *history = !hop ? NULL : found->want.dane ? &hop->record.dane : &hop->record.pkix;
	enum reason_class class = reason_class(seen->reason);
	bool silent = (seen->reason == REASON_HOP_UNREACHABLE || seen->reason == REASON_HOP_TIMEOUT) && history &&
		      history->silent_probes + 1 >= SILENT_PROBES;
	struct address address;
	if (seen->at == 0 || (class != REASON_GOOD && class != REASON_BAD && !silent))
		return false;
	out->kind = NEARBY_HOP;
	out->port = found->want.port;
	out->was_good = history && history->conclusive.reason == REASON_OK && is_recent(facts, history->conclusive.at);
	if (class == REASON_GOOD)
		return true;
	if (!address_parse(&address, seen->address))
		return false;
	out->network = seen->asn != 0 ? (uint64_t)1 << 62 | seen->asn : address_network(&address);
	out->way = (uint16_t)(silent ? REASON_HOP_TIMEOUT : seen->reason);
	/* Certificates expire on their dates, and a tool that probes many hosts meets many of them. */
	out->faint = silent || seen->reason == REASON_CERT_EXPIRED;
	if (seen->reason == REASON_CERT_UNTRUSTED && found->look)
		out->authority = found->look->authority;
	return true;
}

static bool policy_result(struct nearby_result *out, const struct facts *facts, const struct found *found)
{
	const struct entry *entry = &facts->entry;
	const struct policy_found *policy = &found->policy;
	bool good = policy->outcome == REASON_OK;
	if (found->refused || policy->outcome == REASON_RESOLVER || (!good && found->network == 0))
		return false;
	out->kind = NEARBY_POLICY_HOST;
	out->network = found->network;
	out->was_good =
		entry->has_policy && entry->fetch_outcome == REASON_OK && is_recent(facts, entry->fetch_tried_at);
	out->way = good ? NEARBY_GOOD : (uint16_t)((unsigned)policy->outcome << 4 | policy->way);
	out->faint = policy->way != HEALTH_UNTRUSTED; /* no outage changes the authority */
	return true;
}

static enum record_way record_way(const struct found *found)
{
	if (found->dns == DNS_BOGUS)
		return RECORD_BOGUS;
	if (found->record.outcome == REASON_RECORD_LOOKUP)
		return RECORD_FAILED;
	return found->record.outcome == REASON_NO_RECORD ? RECORD_GONE
	       : found->record.outcome == REASON_OK      ? RECORD_WELL
							 : RECORD_WRONG;
}

static bool record_result(struct nearby_result *out, const struct facts *facts, const struct found *found)
{
	const struct entry *entry = &facts->entry;
	if (found->record.outcome == REASON_RESOLVER)
		return false;
	out->kind = NEARBY_RECORD;
	out->was_good =
		facts_policy(facts) && entry->record_outcome == REASON_OK && is_recent(facts, entry->record_checked_at);
	out->way = (uint16_t)record_way(found);
	out->faint = out->way == RECORD_BOGUS || out->way == RECORD_FAILED;
	return true;
}

/* Returns false if the result shows nothing about a place. */
static bool result_of(struct nearby_result *out, const struct facts *facts, const struct found *found)
{
	*out = (struct nearby_result){.name = found->want.name, .authority = ""};
	if (found->untried)
		return false;
	switch (found->want.kind) {
	case WANT_PROBE:
		return probe_result(out, facts, found);
	case WANT_POLICY:
		return policy_result(out, facts, found);
	case WANT_RECORD:
		return record_result(out, facts, found);
	case WANT_MX:
	case WANT_TLSA:
	case WANT_NOTHING:
	case WANT_ENTRY:
	case WANT_EVIDENCE:
		break;
	}
	return false;
}

/* --- conditions --------------------------------------------------------------------------------------------------- */

/* Adds what has happened to the members, without the number of them: `mail hosts, in 12 networks, show certificates of
 * "Evil CA"` */
static void way_add(struct text *out, enum nearby_condition condition, const struct nearby_state *state)
{
	switch (condition) {
	case NEARBY_INTERCEPTED:
		text_add(out, " mail hosts show certificates of the authority ");
		text_quote(out, state->authority, strlen(state->authority), 80);
		break;
	case NEARBY_HOPS_BAD:
		text_add(out, " mail hosts have turned bad with the reason ");
		text_add(out, reason_name((enum reason)state->way));
		break;
	case NEARBY_POLICY_HOSTS_BAD:
		text_add(out, " policies can no longer be fetched, with the reason ");
		text_add(out, reason_name((enum reason)(state->way >> 4)));
		break;
	case NEARBY_RECORDS_BAD:
		text_add(out, state->way == RECORD_GONE    ? " records have disappeared"
			      : state->way == RECORD_WRONG ? " records are no longer valid"
			      : state->way == RECORD_BOGUS ? " lookups of records are rejected by DNSSEC validation"
							   : " lookups of records fail");
		break;
	case NEARBY_CONDITIONS:
		break;
	}
}

/* What is named of a condition: those that joined it since `since_s` come first. */
struct naming {
	const struct nearby *nearby;
	enum nearby_condition condition;
	int64_t since_s;
	unsigned named;
};

static void members_add(struct text *text, struct naming *naming, bool joined_since)
{
	const struct nearby_turn *member = NULL;
	while (naming->named < TURN_NAMES_MAX && (member = nearby_member(naming->nearby, naming->condition, member))) {
		if ((member->turned_at >= naming->since_s) != joined_since ||
			text->len + strlen(member->name) >= EVENT_DETAIL_SIZE - 40)
			continue;
		text_add(text, naming->named++ > 0 ? ", " : "");
		text_add(text, member->name);
	}
}

/* `12 mail hosts show certificates of the authority "Evil CA", in 12 networks: mx.a.example and 11 more` */
static void describe(
	char detail[EVENT_DETAIL_SIZE], const struct nearby *nearby, enum nearby_condition condition, int64_t since_s)
{
	const struct nearby_state *state = &nearby->state[condition];
	struct naming naming = {nearby, condition, since_s, 0};
	struct text text;
	text_init(&text, detail, EVENT_DETAIL_SIZE);
	text_add_number(&text, state->turned);
	way_add(&text, condition, state);
	text_add(&text, ", in ");
	text_add_number(&text, state->networks);
	text_add(&text, condition == NEARBY_RECORDS_BAD ? " registered domains: " : " networks: ");
	members_add(&text, &naming, true);
	members_add(&text, &naming, false);
	if (state->turned <= naming.named)
		return;
	text_add(&text, naming.named > 0 ? " and " : "");
	text_add_number(&text, state->turned - naming.named);
	text_add(&text, " more");
}

/* What is to be reported about one condition. */
struct telling {
	bool on, more; /* it lasts; it has new members */
	char detail[EVENT_DETAIL_SIZE];
};

static void tellings_take(struct turns *turns, struct telling telling[NEARBY_CONDITIONS]) REQUIRES(turns->lock)
{
	int64_t now_ms = clock_mono_ms();
	for (int i = 0; i < NEARBY_CONDITIONS; i++) {
		const struct nearby_state *state = &turns->nearby.state[i];
		bool again = now_ms - turns->told_ms[i] >= (int64_t)TURNS_AGAIN_S * 1000;
		/* The log has at most one line a minute about the event. */
		int64_t since_s = turns->told[i] == 0 ? 0 : (now_ms - EVENTS_SPACING_MS) / 1000;
		telling[i].on = state->on;
		telling[i].more = state->on && (state->turned != turns->told[i] || again);
		turns->begun = turns->begun || (state->on && turns->told[i] == 0);
		turns->told[i] = state->on ? state->turned : 0;
		if (telling[i].more)
			turns->told_ms[i] = now_ms;
		if (telling[i].more)
			describe(telling[i].detail, &turns->nearby, (enum nearby_condition)i, since_s);
	}
}

/* Begins and ends conditions, and notes their events again for new members, or because the conditions still last. If two
 * threads do this in the wrong order, turns_review() corrects the conditions a few seconds later. */
static void tell(struct turns *turns, const struct telling telling[NEARBY_CONDITIONS])
{
	for (int i = 0; i < NEARBY_CONDITIONS; i++) {
		enum condition kind = (enum condition)(CONDITION_NEARBY + i);
		bool lasts = condition_lasts(turns->conditions, kind);
		if (!telling[i].on && lasts && turns->stories)
			stories_end(turns->stories, condition_event(kind), "");
		if (!telling[i].on)
			condition_end(turns->conditions, kind);
		else if (!lasts)
			condition_begin(turns->conditions, kind, telling[i].detail);
		else if (telling[i].more)
			events_note(turns->events, condition_event(kind), "", telling[i].detail);
	}
}

void turns_note_found(struct turns *turns, const struct facts *facts, const struct found *found)
{
	struct telling telling[NEARBY_CONDITIONS] = {{.on = false}};
	struct nearby_result result;
	if (!result_of(&result, facts, found))
		return;
	lock_take(&turns->lock);
	nearby_note(&turns->nearby, &result, clock_mono_ms() / 1000);
	tellings_take(turns, telling);
	lock_drop(&turns->lock);
	tell(turns, telling);
}

void turns_review(struct turns *turns)
{
	struct telling telling[NEARBY_CONDITIONS] = {{.on = false}};
	lock_take(&turns->lock);
	nearby_review(&turns->nearby, clock_mono_ms() / 1000);
	tellings_take(turns, telling);
	lock_drop(&turns->lock);
	tell(turns, telling);
}

/* --- folding ------------------------------------------------------------------------------------------------------ */

/* Returns the kind of the place that a sign is about, or NEARBY_KINDS: the sign stands for itself. */
static enum nearby_kind place_of(const struct event_record *event)
{
	if (event->kind == EVENT_RECORD_GONE)
		return NEARBY_RECORD;
	if (event->kind == EVENT_REFRESH_FAILING)
		return NEARBY_POLICY_HOST;
	bool of_hop = event->kind == EVENT_STARTTLS_LOST || event->kind == EVENT_CERTIFICATE_BROKE ||
		      event->kind == EVENT_HOP_GONE_SILENT || event->kind == EVENT_TLS_LOWERED ||
		      event->kind == EVENT_EHLO_NAME_CHANGED || event->kind == EVENT_SMTP_REWRITTEN;
	return of_hop && event->host[0] != '\0' ? NEARBY_HOP : NEARBY_KINDS;
}

/* Returns the condition that reports the same trouble as this event of core/health in more detail, or NEARBY_CONDITIONS. */
static enum nearby_condition better_of(const struct event_record *event)
{
	if (event->kind == EVENT_PROBES_UNTRUSTED)
		return NEARBY_INTERCEPTED;
	if (event->kind == EVENT_FETCHES_FAILING || event->kind == EVENT_FETCHES_UNTRUSTED)
		return NEARBY_POLICY_HOSTS_BAD;
	bool of_lookups = event->kind == EVENT_LOOKUPS_FAILING || event->kind == EVENT_DNSSEC_FAILING;
	return of_lookups ? NEARBY_RECORDS_BAD : NEARBY_CONDITIONS;
}

bool turns_fold(struct turns *turns, struct event_record *event)
{
	enum nearby_kind kind = place_of(event);
	enum nearby_condition condition = better_of(event);
	const char *name = kind == NEARBY_HOP ? event->host : event->domain;
	if (kind == NEARBY_KINDS && condition == NEARBY_CONDITIONS)
		return false;
	lock_take(&turns->lock);
	if (kind != NEARBY_KINDS)
		condition = nearby_member_of(&turns->nearby, kind, name, kind == NEARBY_HOP ? event->port : 0);
	else if (!turns->nearby.state[condition].on)
		condition = NEARBY_CONDITIONS;
	lock_drop(&turns->lock);
	if (condition == NEARBY_CONDITIONS)
		return false;
	event->part_of_kind = event_number(condition_event((enum condition)(CONDITION_NEARBY + condition)));
	return true;
}

void turns_write(struct turns *turns)
{
	int64_t since = clock_wall_s() - NEARBY_WINDOW_S;
	size_t count = 0, folded = 0;
	lock_take(&turns->lock);
	bool begun = turns->begun;
	turns->begun = false;
	lock_drop(&turns->lock);
	struct event_record *events = begun ? store_events(turns->store, &count, NULL) : NULL;
	for (size_t i = 0; i < count; i++)
		if (events[i].last_at >= since && events[i].part_of == 0 && turns_fold(turns, &events[i]))
			events[folded++] = events[i];
	if (folded > 0)
		store_fold_events(turns->store, events, folded, NULL);
	free(events);
}
