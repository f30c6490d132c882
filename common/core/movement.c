#include "movement.h"

#include <string.h>

#define MOVEMENT_MAGIC "STSM"
#define MOVEMENT_VERSION 1

/* --- bytes -------------------------------------------------------------------------------------------------------- */

static bool is_country(struct span in)
{
	for (size_t i = 0; i < in.len; i++)
		if (in.at[i] < 'A' || in.at[i] > 'Z')
			return false;
	return in.len == 2;
}

static bool is_name(struct span in)
{
	struct domain domain;
	return domain_parse(&domain, in.at, in.len) && span_is(in, domain.name);
}

static bool is_id(struct span in)
{
	for (size_t i = 0; i < in.len; i++)
		if (in.at[i] < '0' || in.at[i] > 'z')
			return false;
	return true;
}

static bool network_settle(void *record)
{
	struct domain_network *network = record;
	return network->first_at <= network->last_at && (network->asn != 0 || network->prefix != 0);
}

static const struct field_form form_country = {.kind = FIELD_TEXT, .valid = is_country};
static const struct field_form form_name = {.kind = FIELD_TEXT, .valid = is_name};
static const struct field_form form_id = {.kind = FIELD_TEXT, .valid = is_id};

/* Tags are permanent: see tables.c. */
#define ROW(tag, form, member, shown) FIELD(tag, form_##form, struct domain_network, member, NULL, shown)
static const struct field network_rows[] = {
	ROW(1, time, first_at, "first_at"),
	ROW(2, time, last_at, "last_at"),
	ROW(3, u32, asn, "asn"),
	ROW(4, u64, prefix, NULL),
	ROW(5, country, country, "country"),
	ROW(6, u16, families, NULL),
	ROW(7, flag, settled, NULL),
};
#undef ROW
static const struct fields network_table = FIELDS(network_rows, "", "");
static const struct field_form form_network = {.kind = FIELD_RECORD, .table = &network_table, .settle = network_settle};

#define ROW(tag, form, member) FIELD(tag, form_##form, struct domain_networks, member, NULL, NULL)
#define NETWORK_ROW(i) ROW(10 + i, network, network[i])
#define LEAF_ROW(i) ROW(40 + i, u64, leaf[i])
static const struct field domain_rows[] = {
	ROW(1, name, domain),
	ROW(2, u64, names),
	ROW(3, id, policy_id),
	NETWORK_ROW(0),
	NETWORK_ROW(1),
	NETWORK_ROW(2),
	NETWORK_ROW(3),
	NETWORK_ROW(4),
	NETWORK_ROW(5),
	NETWORK_ROW(6),
	NETWORK_ROW(7),
	NETWORK_ROW(8),
	NETWORK_ROW(9),
	NETWORK_ROW(10),
	NETWORK_ROW(11),
	NETWORK_ROW(12),
	NETWORK_ROW(13),
	NETWORK_ROW(14),
	NETWORK_ROW(15),
	LEAF_ROW(0),
	LEAF_ROW(1),
	LEAF_ROW(2),
	LEAF_ROW(3),
	LEAF_ROW(4),
	LEAF_ROW(5),
	LEAF_ROW(6),
	LEAF_ROW(7),
};
_Static_assert(DOMAIN_NETWORKS_MAX == 16 && DOMAIN_LEAVES_MAX == 8, "each has a row");
const struct fields domain_networks_table = FIELDS(domain_rows, "", "");

struct bytes domain_networks_encode(const struct domain_networks *networks)
{
	struct fields_out out;
	fields_frame_begin(&out, MOVEMENT_MAGIC, MOVEMENT_VERSION);
	fields_put(&out, &domain_networks_table, networks);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

bool domain_networks_decode(struct domain_networks *out, const void *bytes, size_t len)
{
	struct span body;
	memset(out, 0, sizeof *out);
	if (fields_frame_open((struct span){bytes, len}, MOVEMENT_MAGIC, MOVEMENT_VERSION, &body) &&
		fields_take(body, &domain_networks_table, out) && out->domain[0] != '\0')
		return true;
	memset(out, 0, sizeof *out);
	return false;
}

/* --- comparing ---------------------------------------------------------------------------------------------------- */

uint64_t movement_name(const char *host)
{
	return fields_sum(host, strlen(host));
}

static uint16_t family_of(const struct address *address)
{
	return address->len == 4 ? NETWORK_IPV4 : NETWORK_IPV6;
}

static bool is_network(const struct domain_network *network, uint32_t asn, const struct address *address)
{
	if (network->first_at == 0)
		return false;
	if (asn != 0 && network->asn != 0)
		return asn == network->asn;
	return asn == network->asn && network->prefix == address_network(address);
}

const struct domain_network *movement_network(
	const struct domain_networks *networks, uint32_t asn, const struct address *address)
{
	for (size_t i = 0; i < DOMAIN_NETWORKS_MAX; i++)
		if (is_network(&networks->network[i], asn, address))
			return &networks->network[i];
	return NULL;
}

static bool is_home(const struct domain_network *network, int64_t now)
{
	return network->first_at != 0 && (network->settled || now - network->first_at >= NETWORK_SETTLES_S);
}

/* Returns whether this place can be compared with the domain's networks. */
static bool is_comparable(
	const struct domain_networks *known, const struct mx_places *places, const struct mx_place *place)
{
	bool renamed = places->names != known->names, kind = false, family = false, other_kind = false;
	for (size_t i = 0; i < DOMAIN_NETWORKS_MAX; i++) {
		const struct domain_network *network = &known->network[i];
		if (!is_home(network, places->now))
			continue;
		bool same_kind = (network->asn != 0) == (place->asn != 0);
		kind = kind || same_kind;
		other_kind = other_kind || !same_kind;
		family = family || (network->families & family_of(&place->address)) != 0;
	}
	/* If a system was known before and none is known now, the database may have disappeared. */
	return kind && (place->asn != 0 || !other_kind) && (family || renamed);
}

static bool all_moved(const struct domain_networks *known, const struct mx_places *places)
{
	for (size_t i = 0; i < places->count; i++) {
		const struct mx_place *place = &places->place[i];
		const struct domain_network *network = movement_network(known, place->asn, &place->address);
		if ((network && is_home(network, places->now)) || !is_comparable(known, places, place))
			return false;
	}
	return places->whole && places->count > 0;
}

static bool leaf_is_known(const struct domain_networks *known, uint64_t leaf)
{
	for (size_t i = 0; leaf != 0 && i < DOMAIN_LEAVES_MAX; i++)
		if (known->leaf[i] == leaf)
			return true;
	return false;
}

/* Notes what makes the movement suspicious. */
static void place_note(
	struct movement *movement, const struct domain_networks *known, const struct mx_place *place, int64_t now)
{
	const struct evidence *seen = place->seen;
	if (place->hostile && !movement->hostile)
		movement->hostile = place;
	if (!seen)
		return;
	if (reason_class(seen->reason) == REASON_BAD && !movement->failing)
		movement->failing = place;
	bool young = seen->not_before != 0 && now - seen->not_before < MOVEMENT_FRESH_S;
	if (young && !leaf_is_known(known, seen->leaf) && !movement->fresh)
		movement->fresh = place;
}

struct movement movement_judge(const struct domain_networks *known, const struct mx_places *places)
{
	struct movement movement = {.severity = EVENT_NOTICE};
	movement.moved = all_moved(known, places);
	if (!movement.moved)
		return movement;
	bool other_names = places->names != known->names;
	bool announced = other_names && strcmp(places->policy_id, known->policy_id) != 0;
	movement.renamed = other_names && !announced;
	for (size_t i = 0; i < places->count; i++)
		place_note(&movement, known, &places->place[i], places->now);
	/* A host whose name is new has a certificate of its own, and a new policy names the host. */
	if (announced)
		movement.fresh = NULL;
	for (size_t i = 0; i < DOMAIN_NETWORKS_MAX; i++) {
		const struct domain_network *network = &known->network[i];
		if (is_home(network, places->now) && (!movement.before || network->last_at > movement.before->last_at))
			movement.before = network;
	}
	if (movement.failing)
		movement.severity = EVENT_ERROR;
	else if (movement.hostile || movement.fresh || movement.renamed)
		movement.severity = EVENT_WARNING;
	return movement;
}

/* --- learning ----------------------------------------------------------------------------------------------------- */

/* Returns the slot of the network, otherwise an unused one, otherwise that of the network that was not seen for the longest
 * time, cleared. */
static struct domain_network *network_slot(struct domain_networks *networks, const struct mx_place *place)
{
	struct domain_network *oldest = &networks->network[0];
	for (size_t i = 0; i < DOMAIN_NETWORKS_MAX; i++) {
		struct domain_network *network = &networks->network[i];
		if (is_network(network, place->asn, &place->address))
			return network;
		if (network->last_at < oldest->last_at)
			oldest = network;
	}
	memset(oldest, 0, sizeof *oldest);
	return oldest;
}

/* Sets `home` to whether the domain is at home there. Returns whether that is worth a write. */
static bool network_learn(
	struct domain_networks *networks, const struct mx_place *place, int64_t now, bool settled, bool *home)
{
	struct domain_network *network = network_slot(networks, place);
	bool is_new = network->first_at == 0 || network->first_at > now; /* the clock was ahead */
	uint16_t families = network->families | family_of(&place->address);
	bool changed = is_new || now - network->last_at >= NETWORK_NOTED_S || network->last_at > now ||
		       families != network->families || (settled && !network->settled);
	*home = settled || is_home(network, now);
	if (!changed)
		return false;
	if (is_new)
		network->first_at = now;
	network->last_at = now;
	network->asn = place->asn;
	network->prefix = address_network(&place->address);
	memcpy(network->country, place->country, sizeof network->country);
	network->families = families;
	network->settled = network->settled || settled;
	return true;
}

static bool leaf_learn(struct domain_networks *networks, uint64_t leaf)
{
	if (leaf == 0 || leaf_is_known(networks, leaf))
		return false;
	memmove(networks->leaf + 1, networks->leaf, sizeof networks->leaf - sizeof networks->leaf[0]);
	networks->leaf[0] = leaf;
	return true;
}

static bool is_empty(const struct domain_networks *networks)
{
	for (size_t i = 0; i < DOMAIN_NETWORKS_MAX; i++)
		if (networks->network[i].first_at != 0)
			return false;
	return true;
}

bool movement_learn(struct domain_networks *networks, const struct mx_places *places, bool moved)
{
	bool settled = moved || is_empty(networks), learned = false, all_home = true, changed = false;
	for (size_t i = 0; i < places->count; i++) {
		const struct mx_place *place = &places->place[i];
		if (!place->seen || place->seen->at == 0 || reason_class(place->seen->reason) != REASON_GOOD)
			continue;
		bool home;
		changed |= network_learn(networks, place, places->now, settled, &home);
		changed |= home && leaf_learn(networks, place->seen->leaf);
		learned = true;
		all_home = all_home && home;
	}
	if (!learned || !all_home ||
		(networks->names == places->names && strcmp(networks->policy_id, places->policy_id) == 0))
		return changed;
	networks->names = places->names;
	memset(networks->policy_id, 0, sizeof networks->policy_id);
	memcpy(networks->policy_id, places->policy_id, strnlen(places->policy_id, RECORD_ID_MAX));
	return true;
}
