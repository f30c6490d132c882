#include "flights.h"

#include <stdlib.h>

static struct flight **flight_place(struct check *check, const struct want *want) REQUIRES(check->lock)
{
	struct flight **at = &check->flight[domain_hash(want->name, want->kind) % CASES_BUCKETS];
	while (*at && !want_same(&(*at)->want, want))
		at = &(*at)->next;
	return at;
}

static struct flight *flight_new(const struct want *want)
{
	struct flight *flight = calloc(1, sizeof *flight);
	if (!flight)
		abort();
	flight->want = *want;
	return flight;
}

int flight_wait_ms(struct cas *c)
{
	int wait_ms = OBTAIN_RETRY_MS << c->put_offs;
	if (wait_ms < FLIGHT_SHARE_WAIT_MS)
		c->put_offs++;
	return wait_ms < FLIGHT_SHARE_WAIT_MS ? wait_ms : FLIGHT_SHARE_WAIT_MS;
}

static bool share_take_of(struct check *check, struct cas *c, uint64_t client)
{
	c->share_of = client;
	return limits_hold(check->bounds.limits, LIMIT_CLIENT_LOOKUPS, client, check->bounds.quota);
}

/* Anybody's who asks will do: whoever has used up its own must not hold up the others. */
static bool case_share_take(struct check *check, struct cas *c) REQUIRES(check->lock)
{
	bool taken = share_take_of(check, c, c->client);
	for (struct waiter *waiter = c->waiters; waiter && !taken; waiter = waiter->next)
		taken = share_take_of(check, c, waiter->client);
	return taken;
}

struct flight *flight_join(struct check *check, struct cas *c, const struct want *want)
{
	struct flight *mine = NULL;
	bool put_off = false;
	lock_take(&check->lock);
	struct flight **at = flight_place(check, want);
	if (*at) {
		c->parked = (*at)->parked;
		(*at)->parked = c;
	} else if (case_share_take(check, c)) {
		*at = mine = flight_new(want);
	} else {
		put_off = true;
	}
	lock_drop(&check->lock);
	if (put_off)
		workers_push_later(check->workers, &c->job, flight_wait_ms(c));
	return mine;
}

bool flight_share_take(struct cas *c)
{
	struct check *check = c->check;
	lock_take(&check->lock);
	bool taken = case_share_take(check, c);
	lock_drop(&check->lock);
	return taken;
}

struct cas *flight_land(struct check *check, struct flight *flight)
{
	lock_take(&check->lock);
	struct cas *parked = flight->parked;
	*flight_place(check, &flight->want) = flight->next;
	lock_drop(&check->lock);
	free(flight);
	return parked;
}

void flight_drop(struct cas *c, struct flight *flight)
{
	struct cas *parked = flight_land(c->check, flight);
	c->leading = NULL;
	while (parked) {
		struct cas *other = parked;
		parked = other->parked;
		workers_push(c->check->workers, &other->job);
	}
}
