#include "sightings.h"

#include "clock.h"
#include "lock.h"
#include "memory.h"
#include "policy.h"
#include "schedule.h"

#include <stdlib.h>
#include <string.h>

struct place {
	struct address address; /* len 0: free */
	uint16_t port;
};

struct sighting {
	struct place place;
	bool useful; /* it has spared a probe of another host */
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

/* Whether `a` is to go before `b`. */
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

/* Of those at the address when it has its share already, else a free one, else of all. */
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

static struct sighting *sighting_same(struct sightings *s, const struct probe_shown *shown) REQUIRES(s->lock)
{
	for (size_t i = 0; i < SIGHTINGS_MAX; i++) {
		struct sighting *one = &s->at[i];
		if (place_is(&one->place, shown->address, shown->port) && one->names.len == shown->names->len &&
			memcmp(one->names.bytes, shown->names->bytes, one->names.len) == 0)
			return one;
	}
	return NULL;
}

/* As a probe of a host that the certificate covers would have seen it. */
static void evidence_make(struct evidence *evidence, const struct probe_shown *shown, int64_t now)
{
	*evidence = *shown->seen;
	evidence->at = now;
	evidence->reason = REASON_OK;
	evidence->chain = 0;
	memset(evidence->text, 0, sizeof evidence->text);
	memset(evidence->mta_address, 0, sizeof evidence->mta_address);
	memset(evidence->seen_for, 0, sizeof evidence->seen_for);
	memcpy(evidence->seen_for, shown->host, strnlen(shown->host, DOMAIN_MAX));
}

void sightings_note(void *sightings, const struct probe_shown *shown)
{
	struct sightings *s = sightings;
	int64_t now = clock_wall_s();
	if (shown->names->len == 0 || shown->names->len > SIGHTINGS_BYTES_MAX)
		return;
	lock_take(&s->lock);
	struct sighting *sighting = sighting_same(s, shown);
	if (!sighting) {
		room_make(s, shown->names->len, now);
		sighting = place_make(s, shown, now);
		sighting->place = (struct place){*shown->address, shown->port};
		names_copy(&sighting->names, shown->names);
		s->bytes += sighting->names.len;
	}
	evidence_make(&sighting->seen, shown, now);
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

/* --- what is being looked at -------------------------------------------------------------------------------------- */

static bool is_dialled(const struct sightings *s, const struct address *address, uint16_t port) REQUIRES(s->lock)
{
	for (size_t i = 0; i < SIGHTINGS_DIALLED_MAX; i++)
		if (place_is(&s->dialled[i], address, port))
			return true;
	return false;
}

/* Without room it is not known to others, who then do not wait for it. */
static void dialled_add(struct sightings *s, const struct address *address, uint16_t port) REQUIRES(s->lock)
{
	for (size_t i = 0; i < SIGHTINGS_DIALLED_MAX; i++) {
		if (s->dialled[i].address.len != 0)
			continue;
		s->dialled[i] = (struct place){*address, port};
		return;
	}
}

bool sightings_dial(struct sightings *sightings, const struct address *addresses, size_t count, uint16_t port)
{
	bool busy = false;
	lock_take(&sightings->lock);
	for (size_t i = 0; i < count; i++)
		busy = busy || is_dialled(sightings, &addresses[i], port);
	for (size_t i = 0; i < count && !busy; i++)
		dialled_add(sightings, &addresses[i], port);
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
