#include "census.h"

#include "age.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(POLICY_ENFORCE == CENSUS_MODES - 1, "a census has a count for each mode");

const char *census_hop_name(enum census_hop state)
{
	switch (state) {
	case CENSUS_GOOD:
		return "good";
	case CENSUS_BAD:
		return "bad";
	case CENSUS_UNKNOWN:
	case CENSUS_HOPS:
		break;
	}
	return "unknown";
}

void census_begin(struct census *census, int64_t now, int64_t hard_age_s)
{
	memset(census, 0, sizeof *census);
	census->at = now;
	census->hard_age_s = hard_age_s;
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

static void policy_count(struct census *census, const struct entry *entry, bool fails)
{
	if (!entry->has_policy) {
		census->without++;
		return;
	}
	census->stored[entry->policy.mode]++;
	if (entry->policy_expires_at <= census->at)
		return;
	census->in_force[entry->policy.mode]++;
	census->expiring += fails && entry->due_at != 0 && entry->policy.mode != POLICY_NONE &&
			    entry->policy_expires_at - census->at <= CENSUS_EXPIRES_S;
}

static void due_count(struct census *census, const struct entry *entry)
{
	if (entry->due_at == 0 || entry->due_at > census->at)
		return;
	census->due++;
	if (census->oldest_due_at != 0 && census->oldest_due_at <= entry->due_at)
		return;
	census->oldest_due_at = entry->due_at;
	memcpy(census->oldest, entry->domain, sizeof census->oldest);
}

void census_entry(struct census *census, const struct entry *entry)
{
	bool fails = entry_failure(entry) != REASON_OK;
	census->domains++;
	census->failing += fails;
	policy_count(census, entry, fails);
	due_count(census, entry);
}

/* --- hops --------------------------------------------------------------------------------------------------------- */

enum census_hop census_hop_state(const struct hop_record *record, int64_t now, int64_t hard_age_s)
{
	const struct evidence *by_tlsa = &record->dane.conclusive, *seen = &record->pkix.conclusive;
	if (by_tlsa->at != 0 && record->tlsa.state == TLSA_USABLE && by_tlsa->tlsa_id == record->tlsa.id &&
		tlsa_lookup_known(&record->tlsa, now))
		seen = by_tlsa;
	if (schedule_age(seen->at, now) > hard_age_s)
		return CENSUS_UNKNOWN;
	return reason_class(seen->reason) == REASON_GOOD ? CENSUS_GOOD : CENSUS_BAD;
}

static int by_network(const struct census_network *network, uint32_t asn, uint64_t prefix)
{
	if (network->asn != asn)
		return network->asn < asn ? -1 : 1;
	return network->prefix < prefix ? -1 : network->prefix > prefix;
}

/* Returns the count of a network. Returns NULL if the network is new and there is no room. The networks stay sorted while they
 * are counted, so that a search is short whatever the networks are: strangers choose them. */
static struct census_network *network_find_or_add(struct census *census, uint32_t asn, uint64_t prefix)
{
	size_t from = 0, to = census->network_count;
	while (from < to) {
		size_t middle = (from + to) / 2;
		int order = by_network(&census->network[middle], asn, prefix);
		if (order == 0)
			return &census->network[middle];
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	if (census->network_count == CENSUS_NETWORKS_MAX)
		return NULL;
	struct census_network *at = &census->network[from];
	memmove(at + 1, at, (census->network_count - from) * sizeof *at);
	census->network_count++;
	*at = (struct census_network){.asn = asn, .prefix = prefix};
	return at;
}

static void network_count(
	struct census *census, const struct evidence *good, const struct address *address, enum census_hop state)
{
	uint64_t prefix = good->asn != 0 ? 0 : address_network(address);
	struct census_network *network = network_find_or_add(census, good->asn, prefix);
	if (!network) {
		census->other_networks++;
		return;
	}
	if (network->hops == 0)
		memcpy(network->country, good->country, sizeof network->country);
	else if (strcmp(network->country, good->country) != 0)
		network->country[0] = '\0';
	network->hops++;
	network->good += state == CENSUS_GOOD;
	network->bad += state == CENSUS_BAD;
}

static void country_count(struct census *census, const char *country)
{
	size_t i = 0;
	while (i < census->country_count && strcmp(census->country[i].country, country) != 0)
		i++;
	if (i == CENSUS_COUNTRIES_MAX || *country == '\0')
		return;
	if (i == census->country_count)
		memcpy(census->country[census->country_count++].country, country, sizeof census->country[i].country);
	census->country[i].hops++;
}

void census_hop(struct census *census, const struct hop_record *record)
{
	enum census_hop state = census_hop_state(record, census->at, census->hard_age_s);
	const struct evidence *good =
		record->pkix.good.at >= record->dane.good.at ? &record->pkix.good : &record->dane.good;
	struct address address;
	census->hops[state]++;
	if (good->at == 0 || !address_parse(&address, good->address))
		return;
	census->located++;
	network_count(census, good, &address, state);
	country_count(census, good->country);
}

/* --- order -------------------------------------------------------------------------------------------------------- */

static int more_hops(const void *a, const void *b)
{
	const struct census_network *one = a, *other = b;
	if (one->hops != other->hops)
		return one->hops < other->hops ? 1 : -1;
	return by_network(one, other->asn, other->prefix);
}

static int more_hops_there(const void *a, const void *b)
{
	const struct census_country *one = a, *other = b;
	if (one->hops != other->hops)
		return one->hops < other->hops ? 1 : -1;
	return strcmp(one->country, other->country);
}

void census_end(struct census *census)
{
	qsort(census->network, census->network_count, sizeof census->network[0], more_hops);
	qsort(census->country, census->country_count, sizeof census->country[0], more_hops_there);
}

/* --- mail --------------------------------------------------------------------------------------------------------- */

/* One row for each record whose mail waits or would wait. */
struct mail_row {
	const char *domain;
	enum reason reason;
	bool waits;
};

static int by_domain(const void *a, const void *b)
{
	const struct mail_row *one = a, *other = b;
	int order = strcmp(one->domain, other->domain);
	if (order != 0)
		return order;
	if (one->reason != other->reason)
		return one->reason < other->reason ? -1 : 1;
	return (int)one->waits - (int)other->waits;
}

void census_mail(struct census_mail *out, const struct verdict_record *record, size_t count, int64_t now)
{
	struct mail_row *rows = xcalloc(count + 1, sizeof *rows);
	size_t found = 0;
	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < count; i++) {
		bool waits = verdict_record_waits(&record[i], now);
		if (waits || verdict_record_would_wait(&record[i], now))
			rows[found++] = (struct mail_row){record[i].domain, record[i].reason, waits};
	}
	qsort(rows, found, sizeof *rows, by_domain);
	for (size_t i = 0; i < found; i++)
		if (i == 0 || by_domain(&rows[i - 1], &rows[i]) != 0)
			(rows[i].waits ? out->waiting : out->would_wait)[rows[i].reason]++;
	free(rows);
}
