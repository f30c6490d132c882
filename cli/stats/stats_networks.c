/* stats --networks: in which networks and countries the mail hosts of the store were when they were last good. */
#include "census_json.h"
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LINES_MAX 20 /* of text */

static unsigned percent(const struct census *census, uint64_t hops)
{
	return census->located == 0 ? 0 : (unsigned)(hops * 100 / census->located);
}

static void network_print(
	const struct census *census, const struct census_network *network, struct network_db *networks)
{
	char name[ADDRESS_NETWORK_SIZE], as_name[NETWORK_NAME_SIZE];
	struct quote quote;
	network_as_name(networks, network->asn, as_name);
	printf("  %-20s %7" PRIu32 " %3u%%", census_network_name(name, network), network->hops,
		percent(census, network->hops));
	if (*as_name)
		printf("  %s", quote_string(&quote, as_name));
	if (network->bad > 0)
		printf("  (%" PRIu32 " bad now)", network->bad);
	putchar('\n');
}

static void networks_print(const struct census *census, struct network_db *networks)
{
	uint64_t left = census->other_networks;
	if (census->located == 0) {
		nothing_print("no mail host has been good yet");
		return;
	}
	printf("%" PRIu64 " mail hosts that were good, in %zu networks and %zu countries%s\n", census->located,
		census->network_count, census->country_count,
		census->hops_whole ? "" : " (only a part of the store was read)");
	for (size_t i = 0; i < census->network_count; i++)
		if (i < LINES_MAX)
			network_print(census, &census->network[i], networks);
		else
			left += census->network[i].hops;
	if (left > 0)
		printf("  %-20s %7" PRIu64 " %3u%%\n", "other networks", left, percent(census, left));
	for (size_t i = 0; i < census->country_count && i < LINES_MAX; i++)
		printf("  %-20s %7" PRIu32 " %3u%%\n", census->country[i].country, census->country[i].hops,
			percent(census, census->country[i].hops));
}

static void networks_print_json(const struct census *census, struct network_db *networks)
{
	json_t *object = json_made(json_object());
	json_put(object, "hops", json_integer((json_int_t)census->located));
	json_put(object, "whole", json_boolean(census->hops_whole));
	json_put(object, "networks", census_networks_json(census, networks, SIZE_MAX));
	json_put(object, "other_networks", json_integer((json_int_t)census->other_networks));
	json_put(object, "countries", census_countries_json(census));
	json_print(object);
}

bool stats_networks(struct store *store, const struct settings *settings, bool json, struct failure *why)
{
	struct census *census = stats_census(store, settings, false, why);
	if (!census)
		return false;
	struct network_db *networks = network_db_open(settings->network_db);
	(json ? networks_print_json : networks_print)(census, networks);
	network_db_close(&networks);
	free(census);
	return true;
}
