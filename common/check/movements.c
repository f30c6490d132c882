#include "movements.h"

#include "judge.h"
#include "memory.h"
#include "movement.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define PLACES_MAX (HOPS_MAX * FETCH_ADDRESSES_MAX)
#define NAME_WIDTH 60

/* --- hops that were probed ---------------------------------------------------------------------------------------- */

static const struct seen_hop *seen_hop_find(const struct seen_hops *seen, const char *host, uint16_t port)
{
	for (unsigned i = 0; i < seen->count; i++)
		if (seen->hop[i].port == port && strcmp(seen->hop[i].host, host) == 0)
			return &seen->hop[i];
	return NULL;
}

void seen_hops_note(struct seen_hops *seen, const struct found *found)
{
	const struct want *want = &found->want;
	if (want->kind != WANT_PROBE || found->addresses.count == 0)
		return;
	struct seen_hop *hop = (struct seen_hop *)seen_hop_find(seen, want->name, want->port);
	if (!hop && seen->count == HOP_FACTS_MAX)
		return;
	if (!hop) {
		seen->hop = xrealloc(seen->hop, (seen->count + 1) * sizeof *seen->hop);
		hop = &seen->hop[seen->count++];
	}
	memcpy(hop->host, want->name, sizeof hop->host);
	hop->port = want->port;
	hop->addresses = found->addresses;
}

void seen_hops_free(struct seen_hops *seen)
{
	free(seen->hop);
	*seen = (struct seen_hops){.count = 0};
}

/* --- where the hops are ------------------------------------------------------------------------------------------- */

struct filling {
	struct network_db *networks;
	const struct facts *facts;
	const struct seen_hops *seen;
	struct mx_place place[PLACES_MAX];
	struct mx_places places;
};

static void place_add(
	struct filling *filling, const char *host, const struct address *address, const struct evidence *seen)
{
	struct mx_place *place = &filling->place[filling->places.count++];
	struct network network;
	struct address dialled;
	network_of(filling->networks, address, &network);
	*place = (struct mx_place){.host = host, .address = *address, .asn = network.asn, .hostile = network.hostile};
	memcpy(place->country, network.country, sizeof place->country);
	if (seen && address_parse(&dialled, seen->address) && dialled.len == address->len &&
		memcmp(dialled.bytes, address->bytes, address->len) == 0)
		place->seen = seen;
}

/* A hop that this inquiry has probed has a place for each of its addresses. Another hop has only the address to which the
 * last probe connected. */
static void hop_add(struct filling *filling, const char *host)
{
	const struct facts *facts = filling->facts;
	uint16_t port = facts->question.port;
	const struct seen_hop *probed = seen_hop_find(filling->seen, host, port);
	const struct hop_fact *hop = facts_hop(facts, host, port);
	const struct evidence *seen = hop ? &facts_history(facts, hop)->newest : NULL;
	struct address address;
	if (probed)
		for (size_t i = 0; i < probed->addresses.count; i++)
			place_add(filling, host, &probed->addresses.at[i], seen);
	else if (seen && seen->at != 0 && address_parse(&address, seen->address))
		place_add(filling, host, &address, seen);
	else
		filling->places.whole = false;
}

/* Adds the hops that are probed: the first HOPS_MAX that the policy allows. */
static void places_fill(struct filling *filling)
{
	const struct facts *facts = filling->facts;
	const struct policy *policy = facts_policy(facts);
	struct hop_list list;
	unsigned hops = 0;
	filling->places = (struct mx_places){.place = filling->place,
		.whole = true,
		.policy_id = policy ? facts->entry.policy_id : "",
		.now = facts->now};
	hop_list_fill(&list, facts, policy);
	for (unsigned i = 0; i < list.count; i++) {
		filling->places.names += movement_name(list.host[i]);
		if (hops == HOPS_MAX || (policy && !policy_allows(policy, list.host[i])))
			continue;
		hop_add(filling, list.host[i]);
		hops++;
	}
}

/* --- the event ---------------------------------------------------------------------------------------------------- */

static void network_describe(struct text *text, struct network_db *networks, uint32_t asn, const char *country)
{
	char name[NETWORK_NAME_SIZE];
	network_as_name(networks, asn, name);
	text_add(text, "AS");
	text_add_number(text, asn);
	if (name[0] == '\0' && country[0] == '\0')
		return;
	text_add(text, " (");
	if (name[0] != '\0')
		text_quote(text, name, strlen(name), NAME_WIDTH);
	text_add(text, name[0] != '\0' && country[0] != '\0' ? ", " : "");
	text_add(text, country);
	text_add(text, ")");
}

static void place_describe(struct text *text, struct network_db *networks, const struct mx_place *place)
{
	char address[ADDRESS_TEXT_SIZE], prefix[ADDRESS_NETWORK_SIZE];
	text_add(text, "mx=");
	text_add(text, place->host);
	text_add(text, " at ");
	text_add(text, address_format(&place->address, address));
	text_add(text, " in ");
	if (place->asn != 0)
		network_describe(text, networks, place->asn, place->country);
	else
		text_add(text, address_network_format(address_network(&place->address), prefix));
}

static void before_describe(struct text *text, struct network_db *networks, const struct domain_network *before)
{
	char prefix[ADDRESS_NETWORK_SIZE];
	text_add(text, "; before in ");
	if (before->asn != 0)
		network_describe(text, networks, before->asn, before->country);
	else
		text_add(text, address_network_format(before->prefix, prefix));
	text_add(text, ", last on ");
	text_add_time(text, before->last_at);
}

static void causes_describe(struct text *text, const struct movement *movement)
{
	if (movement->failing) {
		text_add(text, "; the host ");
		text_add(text, reason_sentence(movement->failing->seen->reason));
		text_add(text, " [");
		text_add(text, reason_name(movement->failing->seen->reason));
		text_add(text, "]");
	}
	if (movement->hostile)
		text_add(text, "; the database warns of this network");
	if (movement->fresh) {
		text_add(text, "; its certificate is new, since ");
		text_add_time(text, movement->fresh->seen->not_before);
	}
	if (movement->renamed)
		text_add(text, "; the MX records have other names, and the policy is the same");
}

/* `mx=mx1.example.com at 192.0.2.1 in AS64501 (Example, FR); before in AS64500 (Other, DE), last on ...` */
static void movement_report(struct signs *signs, const struct filling *filling, const struct movement *movement)
{
	const struct mx_place *worst = movement->failing   ? movement->failing
				       : movement->hostile ? movement->hostile
				       : movement->fresh   ? movement->fresh
							   : filling->place;
	char detail[EVENT_DETAIL_SIZE];
	struct event_record event;
	struct text text;
	text_init(&text, detail, sizeof detail);
	place_describe(&text, filling->networks, worst);
	if (movement->before)
		before_describe(&text, filling->networks, movement->before);
	causes_describe(&text, movement);
	event_record_init(&event, EVENT_HOP_MOVED, filling->facts->question.domain, detail, filling->facts->now);
	event.severity = movement->severity;
	memcpy(event.host, worst->host, strlen(worst->host) + 1);
	event.port = filling->facts->question.port;
	signs_note_domain(signs, &event, filling->facts, worst->seen);
}

/* --- learning ----------------------------------------------------------------------------------------------------- */

/* What is to be learned, on its way into the store. */
struct learning {
	struct store_submission whole; /* first, so that it can be cast to its submission */
	struct store_batch_change change;
	char domain[DOMAIN_SIZE];
	struct domain_networks networks;
};

static void on_written(struct store_submission *whole)
{
	free(whole);
}

/* No other process learns networks, except a query for the same domain at the same time. */
static void learning_apply(struct domain_networks *networks, void *arg)
{
	*networks = ((const struct learning *)arg)->networks;
}

static void learn(struct store *store, const struct domain_networks *networks)
{
	struct learning *learning = xcalloc(1, sizeof *learning);
	learning->networks = *networks;
	memcpy(learning->domain, networks->domain, sizeof learning->domain);
	learning->change = (struct store_batch_change){
		.domain_or_host = learning->domain, .networks = learning_apply, .arg = learning};
	learning->whole = (struct store_submission){.change = &learning->change, .count = 1, .done = on_written};
	store_submit(store, &learning->whole);
}

static enum store_found networks_read(struct store *store, const char *domain, struct domain_networks *out)
{
	struct failure why;
	struct store_view *view = store_view_begin(store, &why);
	if (!view)
		return STORE_FAILED;
	enum store_found found = store_view_networks(view, domain, out);
	store_view_end(&view);
	return found;
}

void movements_note(struct store *store, struct signs *signs, struct network_db *networks, const struct facts *facts,
	const struct seen_hops *seen)
{
	struct domain_networks known;
	bool guest = facts->question.purpose == PURPOSE_QUERY && facts->absent;
	if (seen->count == 0 || !facts->question.mx_lookup || guest || facts->store != STORE_READ ||
		!mx_has_hops(facts))
		return;
	if (networks_read(store, facts->question.domain, &known) == STORE_FAILED)
		return;
	struct filling *filling = xcalloc(1, sizeof *filling);
	filling->networks = networks;
	filling->facts = facts;
	filling->seen = seen;
	places_fill(filling);
	struct movement movement = movement_judge(&known, &filling->places);
	if (movement.moved)
		movement_report(signs, filling, &movement);
	if (movement_learn(&known, &filling->places, movement.moved))
		learn(store, &known);
	free(filling);
}
