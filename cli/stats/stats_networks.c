/* stats --networks: in which networks and countries the mail hosts of the store were when they were last good. */
#include "clock.h"
#include "memory.h"
#include "network.h"
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 256
#define NETWORKS_MAX 4096 /* networks that are counted one by one; the hops in others are counted together */
#define COUNTRIES_MAX (26 * 26)
#define LINES_MAX 20 /* of text */

struct network_count {
	uint32_t asn;    /* 0: unknown */
	uint64_t prefix; /* of a network whose system is unknown */
	size_t hops;
};
struct country_count {
	char country[8];
	size_t hops;
};
struct counts {
	size_t hops, others;
	bool whole; /* all hops were read */
	size_t network_count, country_count;
	struct network_count network[NETWORKS_MAX];
	struct country_count country[COUNTRIES_MAX];
};

static void network_count(struct counts *counts, uint32_t asn, uint64_t prefix)
{
	size_t i = 0;
	while (i < counts->network_count && (counts->network[i].asn != asn || counts->network[i].prefix != prefix))
		i++;
	if (i == NETWORKS_MAX) {
		counts->others++;
		return;
	}
	if (i == counts->network_count)
		counts->network[counts->network_count++] = (struct network_count){.asn = asn, .prefix = prefix};
	counts->network[i].hops++;
}

static void country_count(struct counts *counts, const char *country)
{
	size_t i = 0;
	while (i < counts->country_count && strcmp(counts->country[i].country, country) != 0)
		i++;
	if (i == COUNTRIES_MAX || *country == '\0')
		return;
	if (i == counts->country_count)
		memcpy(counts->country[counts->country_count++].country, country, sizeof counts->country[i].country);
	counts->country[i].hops++;
}

static void hop_count(struct counts *counts, const struct hop_record *record)
{
	const struct evidence *good =
		record->pkix.good.at >= record->dane.good.at ? &record->pkix.good : &record->dane.good;
	struct address address;
	if (good->at == 0 || !address_parse(&address, good->address))
		return;
	counts->hops++;
	network_count(counts, good->asn, good->asn != 0 ? 0 : address_network(&address));
	country_count(counts, good->country);
}

static bool counts_read(struct counts *counts, struct store *store, struct failure *why)
{
	static struct store_hop hops[PAGE];
	struct store_hop after = {.port = 0};
	size_t count = PAGE;
	int64_t until_ms = clock_mono_ms() + STATS_ENTRIES_MS;
	while (count == PAGE && clock_mono_ms() < until_ms) {
		if (!store_page_hops(store, &after, PAGE, hops, &count, why))
			return false;
		struct store_view *view = store_view_begin(store, why);
		if (!view)
			return false;
		for (size_t i = 0; i < count; i++) {
			struct hop_record record;
			if (store_view_hop(view, hops[i].host, hops[i].port, &record) == STORE_FOUND)
				hop_count(counts, &record);
		}
		store_view_end(&view);
		if (count > 0)
			after = hops[count - 1];
	}
	counts->whole = count < PAGE;
	return true;
}

static int more_hops(const void *a, const void *b)
{
	const struct network_count *one = a, *other = b;
	if (one->hops != other->hops)
		return one->hops < other->hops ? 1 : -1;
	return one->asn < other->asn ? -1 : one->asn > other->asn;
}

static int more_hops_there(const void *a, const void *b)
{
	const struct country_count *one = a, *other = b;
	if (one->hops != other->hops)
		return one->hops < other->hops ? 1 : -1;
	return strcmp(one->country, other->country);
}

static unsigned percent(const struct counts *counts, size_t hops)
{
	return counts->hops == 0 ? 0 : (unsigned)(hops * 100 / counts->hops);
}

static const char *network_name(char out[ADDRESS_NETWORK_SIZE], const struct network_count *network)
{
	if (network->asn != 0)
		snprintf(out, ADDRESS_NETWORK_SIZE, "AS%" PRIu32, network->asn);
	else
		address_network_format(network->prefix, out);
	return out;
}

static void counts_print(const struct counts *counts, struct network_db *networks)
{
	char name[ADDRESS_NETWORK_SIZE], as_name[NETWORK_NAME_SIZE];
	size_t left = counts->others;
	struct quote quote;
	if (counts->hops == 0) {
		nothing_print("no mail host has been good yet");
		return;
	}
	printf("%zu mail hosts that were good, in %zu networks and %zu countries%s\n", counts->hops,
		counts->network_count, counts->country_count,
		counts->whole ? "" : " (only a part of the store was read)");
	for (size_t i = 0; i < counts->network_count; i++) {
		const struct network_count *network = &counts->network[i];
		if (i >= LINES_MAX) {
			left += network->hops;
			continue;
		}
		network_as_name(networks, network->asn, as_name);
		printf("  %-20s %7zu %3u%%%s%s\n", network_name(name, network), network->hops,
			percent(counts, network->hops), *as_name ? "  " : "",
			*as_name ? quote_string(&quote, as_name) : "");
	}
	if (left > 0)
		printf("  %-20s %7zu %3u%%\n", "other networks", left, percent(counts, left));
	for (size_t i = 0; i < counts->country_count && i < LINES_MAX; i++)
		printf("  %-20s %7zu %3u%%\n", counts->country[i].country, counts->country[i].hops,
			percent(counts, counts->country[i].hops));
}

static void counts_print_json(const struct counts *counts, struct network_db *networks)
{
	json_t *object = json_made(json_object()), *by_network = json_made(json_array()),
	       *by_country = json_made(json_array());
	char prefix[ADDRESS_NETWORK_SIZE], as_name[NETWORK_NAME_SIZE];
	for (size_t i = 0; i < counts->network_count; i++) {
		const struct network_count *network = &counts->network[i];
		json_t *one = json_made(json_object());
		network_as_name(networks, network->asn, as_name);
		json_put(one, "asn", network->asn != 0 ? json_integer(network->asn) : NULL);
		json_put(one, "name", json_text(as_name));
		json_put(one, "prefix",
			network->asn != 0 ? NULL : json_text(address_network_format(network->prefix, prefix)));
		json_put(one, "hops", json_integer((json_int_t)network->hops));
		json_add(by_network, one);
	}
	for (size_t i = 0; i < counts->country_count; i++) {
		json_t *one = json_made(json_object());
		json_put(one, "country", json_text(counts->country[i].country));
		json_put(one, "hops", json_integer((json_int_t)counts->country[i].hops));
		json_add(by_country, one);
	}
	json_put(object, "hops", json_integer((json_int_t)counts->hops));
	json_put(object, "whole", json_boolean(counts->whole));
	json_put(object, "networks", by_network);
	json_put(object, "other_networks", json_integer((json_int_t)counts->others));
	json_put(object, "countries", by_country);
	json_print(object);
}

bool stats_networks(struct store *store, const struct settings *settings, bool json, struct failure *why)
{
	struct counts *counts = xcalloc(1, sizeof *counts);
	bool read = counts_read(counts, store, why);
	if (read) {
		struct network_db *networks = network_db_open(settings->network_db);
		qsort(counts->network, counts->network_count, sizeof counts->network[0], more_hops);
		qsort(counts->country, counts->country_count, sizeof counts->country[0], more_hops_there);
		(json ? counts_print_json : counts_print)(counts, networks);
		network_db_close(&networks);
	}
	free(counts);
	return read;
}
