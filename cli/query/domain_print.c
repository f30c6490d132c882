#include "domain_print.h"

#include "networks_shown.h"
#include "open_signs.h"
#include "output.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void open_sign_print(const char *label, const struct event_record *event)
{
	char part[80] = "";
	struct when at;
	if (event->part_of != 0)
		snprintf(part, sizeof part, "; part of event %" PRIu32 ", whose cause is near this relay",
			event->part_of);
	line_print(label, "%s since %s (stsgate events show %" PRIu32 "%s): %s", event_name(event->kind),
		when_date(&at, event->first_at), event->number, part, event->detail);
}

void open_signs_print(struct store *store, const char *domain)
{
	size_t count;
	struct event_record *signs = open_signs(store, domain, &count, NULL);
	for (size_t i = 0; i < count; i++) {
		unsigned looked, bad;
		open_sign_print(i == 0 ? "signs" : "", &signs[i]);
		if (sign_others(store, &signs[i], &looked, &bad))
			line_print("", "  %u of %u other relays see this host bad", bad, looked);
	}
	free(signs);
}

void networks_print(struct store *store, const char *domain)
{
	struct domain_networks networks;
	char name[ADDRESS_NETWORK_SIZE];
	struct when first, last;
	const char *label = "networks";
	networks_read(store, domain, &networks);
	for (size_t i = 0; i < DOMAIN_NETWORKS_MAX; i++) {
		const struct domain_network *network = &networks.network[i];
		if (network->first_at == 0)
			continue;
		address_network_format(network->prefix, name);
		if (network->asn != 0)
			snprintf(name, sizeof name, "AS%" PRIu32, network->asn);
		line_print(label, "%s%s%s, since %s, last seen %s", name, *network->country ? " " : "",
			network->country, when_date(&first, network->first_at), when_date(&last, network->last_at));
		label = "";
	}
}
