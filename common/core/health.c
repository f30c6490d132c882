#include "health.h"

#include <string.h>

/* --- noting outcomes ---------------------------------------------------------------------------------------------- */

/* Returns whether outcome `seen` at one place proves that outcome `other` at another place is not this machine's
 * fault. Any reply proves that the network works. A certificate that is valid except for its dates proves that this
 * machine trusts its authority. */
static bool disproves(enum health_way seen, enum health_way other)
{
	if (other == HEALTH_UNREACHED)
		return seen != HEALTH_UNREACHED;
	return other == HEALTH_UNTRUSTED && (seen == HEALTH_WELL || seen == HEALTH_EARLY || seen == HEALTH_EXPIRED);
}

static bool is_recent(const struct health_slot *slot, const struct health_now *now)
{
	return slot->way != HEALTH_NOTHING && now->mono_s - slot->at_s <= HEALTH_WINDOW_S;
}

/* Detects that the wall clock was set, and then discards outcomes that depended on it: the dates of certificates and
 * signatures were compared with the old time. */
static void clock_follow(struct health *health, const struct health_now *now)
{
	int64_t offset = now->wall_s - now->mono_s, moved = offset - health->offset_s;
	health->offset_s = offset;
	if (!health->begun || (moved <= HEALTH_CLOCK_STEP_S && moved >= -HEALTH_CLOCK_STEP_S)) {
		health->begun = true;
		return;
	}
	health->stored_at_s = 0;
	for (int sense = 0; sense < HEALTH_SENSES; sense++) {
		for (int i = 0; i < HEALTH_PLACES; i++) {
			struct health_slot *slot = &health->slot[sense][i];
			bool by_clock = slot->way == HEALTH_EARLY || slot->way == HEALTH_EXPIRED ||
					(sense == HEALTH_DNS && slot->way == HEALTH_UNTRUSTED);
			if (by_clock)
				slot->way = HEALTH_REACHED;
		}
	}
}

void health_note(struct health *health, enum health_sense sense, enum health_way way, uint64_t place,
	const struct health_now *now)
{
	if (way == HEALTH_NOTHING)
		return;
	clock_follow(health, now);
	struct health_slot *slots = health->slot[sense];
	for (int i = 0; i < HEALTH_PLACES; i++) {
		struct health_slot *other = &slots[i];
		if (!disproves(way, other->way))
			continue;
		other->excused = true;
		other->excused_s = now->mono_s;
	}
	/* The place's slot moves to the front; a new place takes the slot of the oldest. */
	int at = 0;
	while (at < HEALTH_PLACES - 1 && slots[at].way != HEALTH_NOTHING && slots[at].place != place)
		at++;
	struct health_slot slot = slots[at];
	bool again = slot.way == way && slot.place == place;
	if (!again)
		slot = (struct health_slot){.place = place, .way = way};
	slot.at_s = now->mono_s;
	memmove(slots + 1, slots, (size_t)at * sizeof *slots);
	slots[0] = slot;
}

bool health_time_is_ahead(int64_t at, int64_t wall_s)
{
	return at > wall_s && at - wall_s >= HEALTH_AHEAD_S;
}

void health_note_time(struct health *health, int64_t at, const struct health_now *now)
{
	clock_follow(health, now);
	if (!health_time_is_ahead(at, now->wall_s))
		return;
	if (at > health->stored_at_s)
		health->stored_at_s = at;
	health->stored_seen_s = now->mono_s;
}

/* --- conditions --------------------------------------------------------------------------------------------------- */

/* Returns whether a condition is on: it begins at `min` places, and lasts while at least one place supports it. */
static bool lasts(bool on, unsigned count, unsigned min)
{
	return count >= (on ? 1 : min);
}

/* Updates the conditions that depend on failures in a row. */
static void failing_look(struct health *health, const struct health_now *now, unsigned count[HEALTH_CONDITIONS])
{
	static const struct {
		enum health_sense sense;
		enum health_way way;
	} rows[HEALTH_CLOCK_BEHIND] = {
		[HEALTH_LOOKUPS_FAIL] = {HEALTH_DNS, HEALTH_UNREACHED},
		[HEALTH_DNS_BOGUS] = {HEALTH_DNS, HEALTH_UNTRUSTED},
		[HEALTH_FETCHES_FAIL] = {HEALTH_FETCH, HEALTH_UNREACHED},
		[HEALTH_FETCHES_UNTRUSTED] = {HEALTH_FETCH, HEALTH_UNTRUSTED},
		[HEALTH_PROBES_FAIL] = {HEALTH_PROBE, HEALTH_UNREACHED},
		[HEALTH_PROBES_UNTRUSTED] = {HEALTH_PROBE, HEALTH_UNTRUSTED},
	};
	for (int i = 0; i < HEALTH_CLOCK_BEHIND; i++) {
		/* Count the places that failed in this way since the last outcome that disproves the condition. */
		const struct health_slot *slot = health->slot[rows[i].sense];
		count[i] = 0;
		for (int k = 0; k < HEALTH_PLACES && is_recent(slot, now) && !disproves(slot->way, rows[i].way);
			k++, slot++) {
			bool excused = slot->excused && now->mono_s - slot->excused_s <= HEALTH_WINDOW_S;
			count[i] += slot->way == rows[i].way && !excused;
		}
		health->on[i] = lasts(health->on[i], count[i], HEALTH_FAILING_MIN);
	}
}

void health_look(struct health *health, const struct health_now *now, unsigned count[HEALTH_CONDITIONS])
{
	clock_follow(health, now);
	failing_look(health, now, count);
	unsigned seen[HEALTH_REACHED + 1] = {0};
	for (int sense = HEALTH_FETCH; sense <= HEALTH_PROBE; sense++)
		for (int i = 0; i < HEALTH_PLACES; i++)
			seen[health->slot[sense][i].way] += is_recent(&health->slot[sense][i], now);
	unsigned early = seen[HEALTH_EARLY], expired = seen[HEALTH_EXPIRED];
	unsigned all = seen[HEALTH_WELL] + early + expired;
	bool *behind = &health->on[HEALTH_CLOCK_BEHIND], *ahead = &health->on[HEALTH_CLOCK_AHEAD];
	/* A stored time ahead of the clock shows that the clock is behind, until the clock reaches that time. If no
	 * such time was seen for a day, it does not count: a clock that was ahead once wrote it. */
	bool store_is_ahead = health->stored_at_s != 0 && health_time_is_ahead(health->stored_at_s, now->wall_s) &&
			      now->mono_s - health->stored_seen_s <= HEALTH_WINDOW_S;
	*behind = lasts(*behind, early, HEALTH_EARLY_MIN) || store_is_ahead;
	*ahead = lasts(*ahead, expired, HEALTH_EXPIRED_MIN) && expired * HEALTH_EXPIRED_PART >= all;
	count[HEALTH_CLOCK_BEHIND] = early;
	count[HEALTH_CLOCK_AHEAD] = expired;
}
