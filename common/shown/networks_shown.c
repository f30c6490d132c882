#include "networks_shown.h"

#include "json_value.h"

#include <string.h>

void networks_read(struct store *store, const char *domain, struct domain_networks *out)
{
	struct store_view *view = store_view_begin(store, NULL);
	memset(out, 0, sizeof *out);
	if (view)
		store_view_networks(view, domain, out);
	store_view_end(&view);
}

json_t *networks_json(struct store *store, const char *domain)
{
	struct domain_networks networks;
	char prefix[ADDRESS_NETWORK_SIZE];
	json_t *array = json_made(json_array());
	networks_read(store, domain, &networks);
	for (size_t i = 0; i < DOMAIN_NETWORKS_MAX; i++) {
		const struct domain_network *network = &networks.network[i];
		if (network->first_at == 0)
			continue;
		json_t *object = json_made(json_object());
		json_put(object, "asn", network->asn != 0 ? json_integer(network->asn) : NULL);
		json_put(object, "prefix", json_text(address_network_format(network->prefix, prefix)));
		json_put(object, "country", json_text(network->country));
		json_put(object, "first_at", json_when(network->first_at));
		json_put(object, "last_at", json_when(network->last_at));
		json_add(array, object);
	}
	return array;
}
