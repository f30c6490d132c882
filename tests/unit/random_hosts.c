/* The hosts of a random world: their hop records in the store, their TLSA records in DNS, and what probes of them
 * see. */
#include "random_draw.h"

#include "schedule.h"

#include <stdio.h>
#include <string.h>

int64_t some_time(struct random_world *w)
{
	static const int64_t ages[] = {0, 1, 30, 59, 60, 61, 65, 200, 295, 299, 300, 301, 600, 601, 3000, 3600, 3601,
		5395, 5400, 5401, 4 * 3600, 4 * 3600 + 2, 12 * 3600, DAY_S - 5, DAY_S, DAY_S + 1, DAY_S + 60, 2 * DAY_S,
		40 * DAY_S};
	if (chance(w, 4))
		return 0;
	if (chance(w, 3))
		return WORLD_NOW + 10 + below(w, 2 * DAY_S);
	return WORLD_NOW - ages[below(w, COUNT(ages))];
}

static enum reason some_reason(struct random_world *w, enum reason_class class)
{
	enum reason reason;
	do
		reason = (enum reason)below(w, REASON_COUNT);
	while (reason_class(reason) != class || reason == REASON_PROBE_BUDGET || reason == REASON_NOT_YET_CHECKED ||
		reason == REASON_HOP_ELSEWHERE || reason == REASON_HOP_NETWORK_UNKNOWN ||
		reason == REASON_MX_NOT_IN_POLICY || reason == REASON_DANE_REQUIRED || reason == REASON_TLSA_LOOKUP);
	return reason;
}

static enum reason some_sight(struct random_world *w)
{
	if (chance(w, w->good))
		return REASON_OK;
	return some_reason(w, chance(w, 50) ? REASON_BAD : REASON_INCONCLUSIVE);
}

/* Draws the networks of a host's addresses, and the names in its certificate, which may be those of another host. A pin
 * (run_make_under()) is for the autonomous systems 64500 and 64502. */
static struct evidence place_make(struct random_world *w)
{
	static const uint32_t others[] = {64501, 64502, ASN_UNKNOWN};
	struct evidence place = {.asn = chance(w, 80) ? 64500 : chance(w, 60) ? 64501 : 0};
	if (chance(w, 8))
		place.asn_other = others[below(w, COUNT(others))];
	if (chance(w, 10))
		snprintf(place.names, sizeof place.names, "a.example h%x." DOMAIN, below(w, 4));
	return place;
}

void place_copy(struct evidence *seen, const struct evidence *place)
{
	seen->asn = place->asn;
	seen->asn_other = place->asn_other;
	if (seen->reason == REASON_OK && seen->names[0] == '\0')
		memcpy(seen->names, place->names, sizeof seen->names);
}

/* Returns what a probe by TLSA records sees. The certificate may be for the domain (RFC 7672 3.2.2). */
static struct evidence dane_sight(struct random_world *w, int64_t at, uint64_t id)
{
	struct evidence seen = {.at = at, .reason = some_sight(w), .tlsa_id = id};
	if (chance(w, 10))
		seen.reason = REASON_CERT_HOST_MISMATCH;
	if (chance(w, 30))
		memcpy(seen.names, DOMAIN, sizeof DOMAIN);
	return seen;
}

/* Makes some bad evidence acceptable to the MTA. */
static void mta_sight(struct evidence *seen)
{
	if (reason_class(seen->reason) == REASON_BAD && seen->at % 7 == 0)
		memcpy(seen->mta_address, "192.0.2.1", sizeof "192.0.2.1");
}

static void history_add(struct probe_history *history, const struct evidence *seen)
{
	if (seen->at == 0)
		return;
	history->newest = *seen;
	if (reason_class(seen->reason) != REASON_INCONCLUSIVE)
		history->conclusive = *seen;
	if (seen->reason == REASON_OK)
		history->good = *seen;
}

/* Makes a history of up to three probes, judged by one TLSA set, or by the trust store if `id` is 0. */
static void history_make(struct random_world *w, struct probe_history *history, uint64_t id)
{
	int64_t at[3];
	size_t count = 1 + below(w, 3);
	for (size_t i = 0; i < count; i++) {
		at[i] = some_time(w);
		for (size_t j = i; j > 0 && at[j] < at[j - 1]; j--) {
			int64_t swap = at[j];
			at[j] = at[j - 1];
			at[j - 1] = swap;
		}
	}
	for (size_t i = 0; i < count; i++) {
		struct evidence seen = {.at = at[i], .reason = REASON_OK};
		if (id != 0)
			seen = dane_sight(w, at[i], id);
		else
			seen.reason = some_sight(w);
		mta_sight(&seen);
		place_copy(&seen, &(const struct evidence[]){place_make(w)}[0]);
		history_add(history, &seen);
	}
}

static struct tlsa_lookup look_make(struct random_world *w)
{
	static const uint32_t ttls[] = {0, 60, 300, 3600, 86400};
	struct tlsa_lookup look = {
		.checked_at = some_time(w), .state = TLSA_NONE, .ttl_s = ttls[below(w, COUNT(ttls))]};
	if (chance(w, 50))
		look.checked_at = WORLD_NOW - below(w, 70);
	if (chance(w, w->usable))
		look.state = TLSA_USABLE;
	else if (chance(w, w->tlsa_trouble))
		look.state = chance(w, 50) ? TLSA_FAILED : TLSA_UNUSABLE;
	if (look.checked_at == 0)
		look.state = TLSA_UNKNOWN;
	look.id = look.state == TLSA_USABLE ? 1 + below(w, 100) / 90 : 0;
	return look;
}

static struct tlsa_lookup look_now(struct random_world *w, const struct tlsa_lookup *before, unsigned same)
{
	struct tlsa_lookup look = chance(w, same) ? *before : look_make(w);
	if (look.state == TLSA_UNKNOWN)
		look.state = TLSA_NONE;
	return look;
}

void host_make(struct random_world *w, struct world_host *host)
{
	memset(&host->record, 0, sizeof host->record);
	host->stored = chance(w, 70);
	host->record.refused_since = chance(w, 20) ? some_time(w) : 0;
	history_make(w, &host->record.pkix, 0);
	if (chance(w, 80))
		history_make(w, &host->record.dane, 1 + below(w, 100) / 90);
	host->record.tlsa = look_make(w);
	host->look = look_now(w, &host->record.tlsa, 75);
	host->look_of_probe = look_now(w, &host->look, 92);
	host->seen = chance(w, 8) ? REASON_PROBE_BUDGET : some_sight(w);
	host->place = place_make(w);
	host->seen_by_dane = dane_sight(w, 1, 1);
	if (chance(w, 8))
		host->seen_by_dane.reason = REASON_PROBE_BUDGET;
}
