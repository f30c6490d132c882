#include "sightings.h"

#include "clock.h"
#include "lock.h"
#include "memory.h"
#include "policy.h"
#include "schedule.h"

#include <stdlib.h>
#include <string.h>

struct place {
	struct address address; /* len 0: the slot is free */
	uint16_t port;
};

struct sighting {
	struct place place;
	bool useful; /* has replaced a probe of another host */
	struct evidence seen;
	struct names names;
};

struct sightings {
	struct lock lock;
	struct sighting at[SIGHTINGS_MAX] GUARDED_BY(lock);
	size_t bytes GUARDED_BY(lock);
	struct place dialled[SIGHTINGS_DIALLED_MAX] GUARDED_BY(lock);
};

struct sightings *sightings_new(void)
{
	struct sightings *sightings = xcalloc(1, sizeof *sightings);
	lock_init(&sightings->lock);
	return sightings;
}

void sightings_free(struct sightings **sightings)
{
	if (!*sightings)
		return;
	for (size_t i = 0; i < SIGHTINGS_MAX; i++)
		names_free(&(*sightings)->at[i].names);
	lock_destroy(&(*sightings)->lock);
	free(*sightings);
	*sightings = NULL;
}

static bool place_is(const struct place *place, const struct address *address, uint16_t port)
{
	return place->port == port && place->address.len == address->len &&
	       memcmp(place->address.bytes, address->bytes, address->len) == 0;
}

/* --- what was seen ------------------------------------------------------------------------------------------------ */

/* Returns whether `a` is evicted before `b`. */
static bool goes_first(const struct sighting *a, const struct sighting *b, int64_t now)
{
	bool useful = a->useful && schedule_age(a->seen.at, now) <= DAY_S;
	bool other = b->useful && schedule_age(b->seen.at, now) <= DAY_S;
	return useful != other ? other : a->seen.at < b->seen.at;
}

static void sighting_drop(struct sightings *s, struct sighting *sighting) REQUIRES(s->lock)
{
	s->bytes -= sighting->names.len;
	names_free(&sighting->names);
	memset(sighting, 0, sizeof *sighting);
}

/* Empties a slot and returns it. If the address has used up its quota of sightings, it loses one of its own. Otherwise a
 * free slot is used, or if there is none, the first one to be evicted. */
static struct sighting *place_make(struct sightings *s, const struct probe_shown *shown, int64_t now) REQUIRES(s->lock)
{
	struct sighting *none = NULL, *here = NULL, *any = NULL;
	unsigned count = 0;
	for (size_t i = 0; i < SIGHTINGS_MAX; i++) {
		struct sighting *one = &s->at[i];
		if (one->place.address.len == 0) {
			none = one;
			continue;
		}
		if (!any || goes_first(one, any, now))
			any = one;
		if (!place_is(&one->place, shown->address, shown->port))
			continue;
		count++;
		if (!here || goes_first(one, here, now))
			here = one;
	}
	struct sighting *gone = count >= SIGHTINGS_OF_ADDRESS ? here : none ? none : any;
	sighting_drop(s, gone);
	return gone;
}

/* Evicts sightings until there is room for `bytes` more bytes of names. */
static void room_make(struct sightings *s, size_t bytes, int64_t now) REQUIRES(s->lock)
{
	while (s->bytes + bytes > SIGHTINGS_BYTES_MAX) {
		struct sighting *gone = NULL;
		for (size_t i = 0; i < SIGHTINGS_MAX; i++) {
			struct sighting *one = &s->at[i];
			if (one->place.address.len != 0 && (!gone || goes_first(one, gone, now)))
				gone = one;
		}
		sighting_drop(s, gone);
	}
}

void sightings_note(void *sightings, const struct probe_shown *shown)
{
	struct sightings *s = sightings;
	int64_t now = clock_wall_s();
	if (shown->names->len == 0 || shown->names->len > SIGHTINGS_BYTES_MAX)
		return;
	struct sighting *sighting = NULL;
	lock_take(&s->lock);
	for (size_t i = 0; !sighting && i < SIGHTINGS_MAX; i++) {
		struct sighting *one = &s->at[i];
		if (place_is(&one->place, shown->address, shown->port) && one->names.len == shown->names->len &&
			memcmp(one->names.bytes, shown->names->bytes, one->names.len) == 0)
			sighting = one;
	}
	if (!sighting) {
		room_make(s, shown->names->len, now);
		sighting = place_make(s, shown, now);
		sighting->place = (struct place){*shown->address, shown->port};
		names_copy(&sighting->names, shown->names);
		s->bytes += sighting->names.len;
	}
	/* The evidence is what a probe of a host covered by the certificate would have seen. */
	struct evidence *seen = &sighting->seen;
	*seen = *shown->seen;
	seen->at = now;
	seen->reason = REASON_OK;
	seen->chain = 0;
	memset(seen->text, 0, sizeof seen->text);
	memset(seen->mta_address, 0, sizeof seen->mta_address);
	memset(seen->seen_for, 0, sizeof seen->seen_for);
	memcpy(seen->seen_for, shown->host, strnlen(shown->host, DOMAIN_MAX));
	lock_drop(&s->lock);
}

static bool names_good_for(const struct names *names, const char *host)
{
	for (const char *name = names_next(names, NULL); name; name = names_next(names, name))
		if (certificate_covers(name, host))
			return true;
	return false;
}

bool sightings_find(struct sightings *sightings, const struct address *address, uint16_t port, const char *host,
	int64_t since, int64_t now, struct evidence *seen)
{
	struct sighting *found = NULL;
	lock_take(&sightings->lock);
	for (size_t i = 0; i < SIGHTINGS_MAX; i++) {
		struct sighting *one = &sightings->at[i];
		if (!place_is(&one->place, address, port) || one->seen.at < since || one->seen.not_after <= now ||
			schedule_age(one->seen.at, now) == INT64_MAX || (found && found->seen.at >= one->seen.at))
			continue;
		if (names_good_for(&one->names, host))
			found = one;
	}
	if (found) {
		*seen = found->seen;
		found->useful = found->useful || strcmp(found->seen.seen_for, host) != 0;
	}
	lock_drop(&sightings->lock);
	return found != NULL;
}

/* --- what is being probed ----------------------------------------------------------------------------------------- */

bool sightings_dial(struct sightings *sightings, const struct address *addresses, size_t count, uint16_t port)
{
	bool busy = false;
	size_t added = 0;
	lock_take(&sightings->lock);
	for (size_t i = 0; i < SIGHTINGS_DIALLED_MAX; i++)
		for (size_t k = 0; k < count; k++)
			busy = busy || place_is(&sightings->dialled[i], &addresses[k], port);
	/* An address that finds no slot is dialled all the same, but other inquiries do not wait for it. */
	for (size_t i = 0; !busy && i < SIGHTINGS_DIALLED_MAX && added < count; i++)
		if (sightings->dialled[i].address.len == 0)
			sightings->dialled[i] = (struct place){addresses[added++], port};
	lock_drop(&sightings->lock);
	return !busy;
}

void sightings_hang_up(struct sightings *sightings, const struct address *addresses, size_t count, uint16_t port)
{
	lock_take(&sightings->lock);
	for (size_t i = 0; i < SIGHTINGS_DIALLED_MAX; i++)
		for (size_t k = 0; k < count; k++)
			if (place_is(&sightings->dialled[i], &addresses[k], port))
				memset(&sightings->dialled[i], 0, sizeof sightings->dialled[i]);
	lock_drop(&sightings->lock);
}
