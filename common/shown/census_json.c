#include "census_json.h"

#include <inttypes.h>
#include <stdio.h>

static json_t *number(uint64_t value)
{
	return json_made(json_integer((json_int_t)value));
}

json_t *census_domains_json(const struct census *census)
{
	json_t *object = json_made(json_object());
	uint64_t in_force = 0;
	json_put(object, "count", number(census->domains));
	for (unsigned mode = 0; mode < CENSUS_MODES; mode++) {
		json_put(object, policy_mode_name((enum policy_mode)mode), number(census->in_force[mode]));
		in_force += census->in_force[mode];
	}
	json_put(object, "no-policy", number(census->domains - in_force));
	return object;
}

json_t *census_refresh_json(const struct census *census)
{
	json_t *object = json_made(json_object());
	json_put(object, "due", number(census->due));
	json_put(object, "oldest", json_text(census->oldest));
	json_put(object, "oldest_due_at", json_when(census->oldest_due_at));
	json_put(object, "failing", number(census->failing));
	json_put(object, "expiring", number(census->expiring));
	return object;
}

json_t *census_hops_json(const struct census *census)
{
	json_t *object = json_made(json_object());
	for (int state = 0; state < CENSUS_HOPS; state++)
		json_put(object, census_hop_name((enum census_hop)state), number(census->hops[state]));
	return object;
}

json_t *census_networks_json(const struct census *census, struct network_db *networks, size_t most)
{
	json_t *array = json_made(json_array());
	char prefix[ADDRESS_NETWORK_SIZE], name[NETWORK_NAME_SIZE];
	for (size_t i = 0; i < census->network_count && i < most; i++) {
		const struct census_network *network = &census->network[i];
		bool known = network->asn != 0;
		json_t *object = json_made(json_object());
		network_as_name(networks, network->asn, name);
		json_put(object, "asn", known ? number(network->asn) : NULL);
		json_put(object, "name", json_text(name));
		json_put(object, "prefix", known ? NULL : json_text(address_network_format(network->prefix, prefix)));
		json_put(object, "country", json_text(network->country));
		json_put(object, "hops", number(network->hops));
		json_put(object, "good", number(network->good));
		json_put(object, "bad", number(network->bad));
		json_add(array, object);
	}
	return array;
}

json_t *census_countries_json(const struct census *census)
{
	json_t *array = json_made(json_array());
	for (size_t i = 0; i < census->country_count; i++) {
		json_t *object = json_made(json_object());
		json_put(object, "country", json_text(census->country[i].country));
		json_put(object, "hops", number(census->country[i].hops));
		json_add(array, object);
	}
	return array;
}

const char *census_network_name(char out[ADDRESS_NETWORK_SIZE], const struct census_network *network)
{
	if (network->asn == 0)
		return address_network_format(network->prefix, out);
	snprintf(out, ADDRESS_NETWORK_SIZE, "AS%" PRIu32, network->asn);
	return out;
}
