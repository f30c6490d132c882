#include "nearby.h"

#include <stdio.h>
#include <string.h>

static const enum nearby_kind kind_of[NEARBY_CONDITIONS] = {
	[NEARBY_INTERCEPTED] = NEARBY_HOP,
	[NEARBY_HOPS_BAD] = NEARBY_HOP,
	[NEARBY_POLICY_HOSTS_BAD] = NEARBY_POLICY_HOST,
	[NEARBY_RECORDS_BAD] = NEARBY_RECORD,
};

/* --- the table of turns ------------------------------------------------------------------------------------------- */

static struct nearby_turn *turn_find(struct nearby *nearby, enum nearby_kind kind, const char *name, uint16_t port)
{
	for (int i = 0; nearby->any[kind] && i < NEARBY_TURNS_MAX; i++) {
		struct nearby_turn *turn = &nearby->turn[kind][i];
		if (turn->used && turn->port == port && strcmp(turn->name, name) == 0)
			return turn;
	}
	return NULL;
}

/* Returns whether `turn` leaves before `other`. */
static bool goes_first(const struct nearby_turn *turn, const struct nearby_turn *other)
{
	bool member = turn->member_of != NEARBY_CONDITIONS, other_member = other->member_of != NEARBY_CONDITIONS;
	return member != other_member ? other_member : turn->turned_at < other->turned_at;
}

static bool related(const struct nearby_turn *a, const struct nearby_turn *b)
{
	return a->network == b->network || a->owner == b->owner;
}

/* Returns the slot for a new turn: that of the oldest related turn if there are too many of them, otherwise an unused one,
 * otherwise that of the turn that leaves first. */
static struct nearby_turn *turn_slot(struct nearby *nearby, enum nearby_kind kind, const struct nearby_turn *new)
{
	struct nearby_turn *unused = NULL, *first = NULL, *first_related = NULL;
	unsigned relatives = 0;
	for (int i = 0; i < NEARBY_TURNS_MAX; i++) {
		struct nearby_turn *turn = &nearby->turn[kind][i];
		if (!turn->used) {
			unused = unused ? unused : turn;
			continue;
		}
		if (!first || goes_first(turn, first))
			first = turn;
		if (!related(turn, new))
			continue;
		relatives++;
		if (!first_related || goes_first(turn, first_related))
			first_related = turn;
	}
	if (relatives >= NEARBY_RELATED_MAX)
		return first_related;
	return unused ? unused : first;
}

/* Adds or changes the turn that the result shows. Returns it, or NULL if the result shows none. */
static struct nearby_turn *turn_learn(struct nearby *nearby, const struct nearby_result *result, int64_t now_s)
{
	struct nearby_turn *turn = turn_find(nearby, result->kind, result->name, result->port);
	bool good = result->way == NEARBY_GOOD;
	if (turn && good)
		turn->used = false;
	if (good || (!turn && !result->was_good))
		return NULL;
	if (turn && turn->way == result->way && strcmp(turn->authority, result->authority) == 0) {
		turn->seen_at = now_s;
		return turn;
	}
	struct nearby_turn new = {.used = true,
		.faint = result->faint,
		.port = result->port,
		.way = result->way,
		.member_of = NEARBY_CONDITIONS,
		.turned_at = now_s,
		.seen_at = now_s,
		.owner = domain_hash(domain_registered(result->name), 0)};
	new.network = result->network != 0 ? result->network : new.owner;
	snprintf(new.name, sizeof new.name, "%s", result->name);
	snprintf(new.authority, sizeof new.authority, "%s", result->authority);
	if (!turn)
		turn = turn_slot(nearby, result->kind, &new);
	*turn = new;
	nearby->any[result->kind] = true;
	return turn;
}

/* Forgets turns that can no longer begin a condition, and members that nobody has looked at for long. */
static void turns_expire(struct nearby *nearby, int64_t now_s)
{
	for (int kind = 0; kind < NEARBY_KINDS; kind++) {
		bool any = false;
		for (int i = 0; nearby->any[kind] && i < NEARBY_TURNS_MAX; i++) {
			struct nearby_turn *turn = &nearby->turn[kind][i];
			bool member = turn->member_of != NEARBY_CONDITIONS;
			turn->used = turn->used && (member ? now_s - turn->seen_at <= NEARBY_FORGET_S
							   : now_s - turn->turned_at <= NEARBY_WINDOW_S);
			any = any || turn->used;
		}
		nearby->any[kind] = any;
	}
}

/* --- conditions --------------------------------------------------------------------------------------------------- */

/* What a set of turns has: how many places, and how many that differ in network and in registered domain. */
struct tally {
	unsigned places, networks, owners;
};

static void tally_add(struct tally *tally, const struct nearby_turn *of[], const struct nearby_turn *turn)
{
	bool same_network = false, same_owner = false;
	for (unsigned i = 0; i < tally->places; i++) {
		same_network = same_network || of[i]->network == turn->network;
		same_owner = same_owner || of[i]->owner == turn->owner;
	}
	of[tally->places++] = turn;
	tally->networks += !same_network;
	tally->owners += !same_owner;
}

/* Returns whether a turn is of the kind that `like` may begin this condition with. Interception takes hops from the other
 * condition of hops, never the other way round. */
static bool alike(enum nearby_condition condition, const struct nearby_turn *turn, const struct nearby_turn *like)
{
	if (!turn->used || turn->way != like->way)
		return false;
	if (condition == NEARBY_INTERCEPTED)
		return *like->authority != '\0' && strcmp(turn->authority, like->authority) == 0;
	return turn->member_of == NEARBY_CONDITIONS || turn->member_of == condition;
}

static void begin_if_many(
	struct nearby *nearby, enum nearby_condition condition, const struct nearby_turn *like, int64_t now_s)
{
	struct nearby_turn *turns = nearby->turn[kind_of[condition]];
	struct nearby_state *state = &nearby->state[condition];
	const struct nearby_turn *of[NEARBY_TURNS_MAX];
	struct tally tally = {0};
	unsigned bad = 0;
	for (int i = 0; i < NEARBY_TURNS_MAX; i++)
		if (alike(condition, &turns[i], like) && now_s - turns[i].turned_at <= NEARBY_WINDOW_S)
			tally_add(&tally, of, &turns[i]);
	for (int i = 0; i < NEARBY_RESULTS; i++)
		bad += nearby->bad[kind_of[condition]] >> i & 1;
	if (tally.places < NEARBY_PLACES_MIN || tally.networks < NEARBY_NETWORKS_MIN ||
		(like->faint && (tally.owners < NEARBY_NETWORKS_MIN || bad * 2 < NEARBY_RESULTS)))
		return;
	*state = (struct nearby_state){.on = true, .way = like->way, .began_at = now_s, .turned = tally.places};
	if (condition == NEARBY_INTERCEPTED)
		memcpy(state->authority, like->authority, sizeof state->authority);
	for (unsigned i = 0; i < tally.places; i++)
		turns[of[i] - turns].member_of = condition;
}

/* Adds a turn to a condition that lasts, if it is of the same way. Returns whether it is a member of a condition now. */
static bool joins(struct nearby_state *state, enum nearby_condition condition, struct nearby_turn *turn)
{
	bool same = state->on && state->way == turn->way &&
		    (condition != NEARBY_INTERCEPTED || strcmp(state->authority, turn->authority) == 0);
	if (turn->member_of == NEARBY_CONDITIONS && same) {
		turn->member_of = condition;
		state->turned++;
	}
	return turn->member_of == condition;
}

static void conditions_begin(struct nearby *nearby, struct nearby_turn *turn, enum nearby_kind kind, int64_t now_s)
{
	for (int i = 0; i < NEARBY_CONDITIONS; i++) {
		enum nearby_condition condition = (enum nearby_condition)i;
		if (kind_of[i] != kind)
			continue;
		if (!nearby->state[i].on)
			begin_if_many(nearby, condition, turn, now_s);
		if (joins(&nearby->state[i], condition, turn))
			return;
	}
}

void nearby_review(struct nearby *nearby, int64_t now_s)
{
	turns_expire(nearby, now_s);
	for (int i = 0; i < NEARBY_CONDITIONS; i++) {
		enum nearby_condition condition = (enum nearby_condition)i;
		struct nearby_state *state = &nearby->state[i];
		const struct nearby_turn *of[NEARBY_TURNS_MAX], *member = NULL;
		struct tally tally = {0};
		while ((member = nearby_member(nearby, condition, member)))
			tally_add(&tally, of, member);
		state->on = state->on && tally.places >= NEARBY_LASTS_MIN;
		state->places = tally.places;
		state->networks = tally.networks;
		for (unsigned k = 0; k < tally.places && !state->on; k++)
			nearby->turn[kind_of[i]][of[k] - nearby->turn[kind_of[i]]].member_of = NEARBY_CONDITIONS;
	}
}

void nearby_note(struct nearby *nearby, const struct nearby_result *result, int64_t now_s)
{
	uint16_t *bad = &nearby->bad[result->kind];
	*bad = (uint16_t)(*bad << 1 | (result->way != NEARBY_GOOD && result->faint));
	turns_expire(nearby, now_s);
	struct nearby_turn *turn = turn_learn(nearby, result, now_s);
	if (turn)
		conditions_begin(nearby, turn, result->kind, now_s);
	nearby_review(nearby, now_s);
}

enum nearby_condition nearby_member_of(
	const struct nearby *nearby, enum nearby_kind kind, const char *name, uint16_t port)
{
	for (int i = 0; i < NEARBY_TURNS_MAX; i++) {
		const struct nearby_turn *turn = &nearby->turn[kind][i];
		if (turn->used && turn->port == port && strcmp(turn->name, name) == 0)
			return turn->member_of;
	}
	return NEARBY_CONDITIONS;
}

const struct nearby_turn *nearby_member(
	const struct nearby *nearby, enum nearby_condition condition, const struct nearby_turn *before)
{
	const struct nearby_turn *turns = nearby->turn[kind_of[condition]];
	bool any = nearby->any[kind_of[condition]];
	for (ptrdiff_t i = before ? before - turns + 1 : 0; any && i < NEARBY_TURNS_MAX; i++)
		if (turns[i].used && turns[i].member_of == condition)
			return &turns[i];
	return NULL;
}
