/* The part of obtain for one hop: its TLSA records, and what probes of its addresses see. */
#include "obtain_internal.h"

#include "clock.h"
#include "memory.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define PROBE_ADDRESSES 2 /* of one hop (design 5.14) */
/* For all TLSA lookups of one hop. A domain has up to eight hops, and the map waits only 4 s by default. */
#define TLSA_TIMEOUT_MS 8000
#define RECORD_OCTETS_SHOWN 512 /* of the data of a TLSA record in a TLS report; digests have up to 64 */

/* A probe of one address. */
struct dial {
	struct probe *probe; /* NULL: the probe has ended */
	unsigned slot;       /* in the budget */
	int64_t begun_us;    /* clock_mono_us() */
	bool may_pass;       /* the failure may be temporary */
	struct evidence seen;
	struct look *look; /* owned; NULL: no answer yet */
};

/* The probe of a hop: all its addresses at the same time. If the failure may be temporary, the hop is probed a second time
 * under the same deadline. */
struct probing {
	bool second;             /* the first probe may have failed temporarily: the second one waits or runs */
	int64_t deadline_ms;     /* for both probes; the time runs from the first dial */
	int64_t rest_end_ms;     /* between the two probes: when the second one starts; else 0 */
	struct addresses waited; /* addresses that sightings_dial() has noted for this probe */
	struct evidence known;   /* the oldest sighting at the addresses that need no probe; at == 0: none */
	unsigned count;          /* of dials; 0: not dialled */
	struct dial dial[PROBE_ADDRESSES];
};

static int64_t probe_timeout_ms(const struct means *means)
{
	return (int64_t)means->config->settings->probe_timeout * 1000;
}

/* --- results ------------------------------------------------------------------------------------------------------ */

/* Returns whether `seen` replaces `than` as the evidence for the hop. A hop is good only if all of its addresses that
 * answer are good (design 5.19). So bad evidence comes first, then good evidence, then all other evidence. */
static bool evidence_outweighs(const struct evidence *seen, const struct evidence *than)
{
	enum reason_class class = reason_class(seen->reason), other = reason_class(than->reason);
	if (other == REASON_BAD)
		return false;
	return class == REASON_BAD || (class == REASON_GOOD && other != REASON_GOOD);
}

/* An MTA tries one address after the other, so one address that satisfies the MTA's own demands is enough. */
static void mta_address_note(char mta_address[ADDRESS_TEXT_SIZE], const struct evidence *one)
{
	bool good = reason_class(one->reason) == REASON_GOOD;
	if (mta_address[0] == '\0' && (good || one->mta_address[0] != '\0'))
		memcpy(mta_address, good ? one->address : one->mta_address, ADDRESS_TEXT_SIZE);
}

/* Notes in `seen`, the evidence of one dial, whether all addresses offer REQUIRETLS. */
static void requiretls_note(const struct probing *probing, struct evidence *seen)
{
	for (unsigned i = 0; i < probing->count; i++)
		evidence_join_requiretls(seen, probing->dial[i].seen.requiretls);
}

/* Keeps what was seen at the hop's other address: a sign says if only one of the two has changed. */
static void beside_note(const struct probing *probing, const struct dial *decided, struct evidence *beside)
{
	for (unsigned i = 0; i < probing->count; i++)
		if (&probing->dial[i] != decided)
			*beside = probing->dial[i].seen;
}

/* Joins the evidence of all dials, which have been answered, and of sightings. The look of the dial that decided moves
 * into `found`. Returns whether the failure may be temporary. */
static bool evidence_join(struct probing *probing, struct found *found)
{
	struct dial *decided = NULL;
	struct evidence *seen = &found->evidence;
	const struct evidence *known = &probing->known;
	char mta_address[ADDRESS_TEXT_SIZE] = "";
	bool may_pass = false;
	for (unsigned i = 0; i < probing->count; i++) {
		struct dial *dial = &probing->dial[i];
		mta_address_note(mta_address, &dial->seen);
		if (!decided || evidence_outweighs(&dial->seen, seen)) {
			*seen = dial->seen;
			may_pass = dial->may_pass;
			decided = dial;
		}
	}
	requiretls_note(probing, seen);
	if (reason_class(seen->reason) == REASON_BAD)
		memcpy(seen->mta_address, mta_address, sizeof seen->mta_address);
	if (known->at != 0 && (found->spared || !evidence_outweighs(seen, known))) {
		*seen = *known;
		may_pass = false;
		decided = NULL;
	} else if (known->at != 0) {
		mta_address_note(seen->mta_address, known);
	}
	if (decided) {
		found->look = decided->look;
		decided->look = NULL;
		beside_note(probing, decided, &found->beside);
	}
	return may_pass;
}

static void network_find(struct network_db *networks, const char *text, struct network *network)
{
	struct address address;
	address_parse(&address, text);
	network_of(networks, &address, network);
}

/* Notes the network of the address that decided the evidence, and of the other good address. */
static void networks_note(struct network_db *networks, const struct probing *probing, struct found *found)
{
	struct evidence *seen = &found->evidence;
	struct network network, other;
	_Static_assert(sizeof seen->country == sizeof network.country, "the same country fits both");
	network_find(networks, seen->address, &network);
	seen->asn = network.asn;
	memcpy(seen->country, network.country, sizeof seen->country);
	for (unsigned i = 0; i < probing->count; i++) {
		const struct evidence *dialled = &probing->dial[i].seen;
		if (strcmp(dialled->address, seen->address) == 0 || reason_class(dialled->reason) != REASON_GOOD)
			continue;
		network_find(networks, dialled->address, &other);
		evidence_join_asn(seen, other.asn);
	}
	if (found->look) {
		found->look->asn = network.asn;
		memcpy(found->look->as_name, network.as_name, sizeof found->look->as_name);
	}
}

/* Fills the evidence for a hop that has no address that may be dialled. */
static void probe_impossible(const struct addresses *list, struct evidence *seen)
{
	struct text text;
	text_init(&text, seen->text, sizeof seen->text);
	text_add(&text, addresses_lack(list));
	if (list->refused)
		seen->reason = REASON_HOP_ADDRESS_PRIVATE;
	else if (list->worst == DNS_BROKEN)
		seen->reason = REASON_RESOLVER;
	else
		seen->reason = list->worst == DNS_OK ? REASON_HOP_NO_ADDRESS : REASON_HOP_ADDRESS_LOOKUP;
}

/* --- sightings: what probes of other hosts saw at the same addresses (design 5.16) -------------------------------- */

/* Removes from the list the addresses that need no probe, and keeps the oldest sighting there in `known`. A certificate
 * that has turned out to be revoked since is no good sighting. */
static void list_spare(
	const struct means *means, const struct want *want, struct addresses *list, struct evidence *known)
{
	const struct config *config = means->config;
	size_t left = 0;
	for (size_t i = 0; i < list->count; i++) {
		const struct address *address = &list->at[i];
		struct evidence seen;
		if (!sightings_find(config->sightings, address, want->port, want->name, want->seen_since,
			    clock_wall_s(), &seen) ||
			revocations_judge(means->revocations, config->settings, &seen))
			list->at[left++] = *address;
		else if (known->at == 0 || seen.at < known->at)
			*known = seen;
	}
	list->count = left;
}

/* Returns false if one of the addresses is being probed already: the sighting from that probe may be there in a
 * moment. */
static bool spare(struct probing *probing, const struct means *means, const struct want *want, struct addresses *list)
{
	probing->known.at = 0;
	if (want->seen_since == 0)
		return true;
	list_spare(means, want, list, &probing->known);
	if (!sightings_dial(means->config->sightings, list->at, list->count, want->port))
		return false;
	probing->waited = *list;
	list_spare(means, want, list, &probing->known); /* a sighting may have come between the two calls */
	return true;
}

static void sightings_leave(struct probing *probing, const struct config *config, const struct want *want)
{
	sightings_hang_up(config->sightings, probing->waited.at, probing->waited.count, want->port);
	probing->waited.count = 0;
}

/* --- dialling ----------------------------------------------------------------------------------------------------- */

/* Takes a probe for each address from the budget. If the budget for this minute does not suffice for all, one address is
 * better than none. */
static enum budget_answer budget_take_some(
	const struct means *means, enum budget_claim claim, struct addresses *list, unsigned *slot)
{
	struct limits *limits = means->bounds->limits;
	enum budget_answer answer = limits_probes_begin(limits, list->at, list->count, claim, clock_mono_ms(), slot);
	for (size_t i = 0; answer == BUDGET_SPENT && list->count > 1 && i < list->count; i++) {
		answer = limits_probes_begin(limits, &list->at[i], 1, claim, clock_mono_ms(), slot);
		if (answer == BUDGET_GO) {
			list->at[0] = list->at[i];
			list->count = 1;
		}
	}
	return answer;
}

static void dials_drop(struct probing *probing, const struct bounds *bounds)
{
	for (unsigned i = 0; i < probing->count; i++) {
		probe_drop(&probing->dial[i].probe);
		free(probing->dial[i].look);
		limits_probe_end(bounds->limits, probing->dial[i].slot);
		sockets_give(bounds);
	}
	probing->count = 0;
}

/* Takes `count` connections, or none. */
static bool sockets_take_all(const struct means *means, size_t count)
{
	size_t taken = 0;
	while (taken < count && sockets_take(means))
		taken++;
	bool all = taken == count;
	while (!all && taken-- > 0)
		sockets_give(means->bounds);
	return all;
}

/* Call it if the limit allows no probe now. Requeues the attempt. If that has lasted too long, the hop is unknown, not bad,
 * because RFC 8461 has no such limits. */
static enum obtained probe_refused(
	const struct means *means, struct attempt *attempt, struct found *found, enum limit_hit limit)
{
	sightings_leave(attempt->probing, means->config, &attempt->want);
	if (obtain_requeue(means, attempt, limit) == OBTAIN_LATER)
		return OBTAIN_LATER;
	found->untried = true;
	found->refused = true;
	found->evidence.reason = REASON_PROBE_BUDGET;
	return OBTAIN_REFUSED;
}

static enum obtained dial_start(const struct means *means, struct attempt *attempt, struct addresses *list,
	const struct probe_dane *dane, struct found *found)
{
	static const enum budget_claim claims[] = {
		[STANDING_GOOD] = BUDGET_FOR_GOOD, [STANDING_NEW] = BUDGET_FOR_NEW, [STANDING_BAD] = BUDGET_FOR_BAD};
	const struct want *want = &attempt->want;
	struct probing *probing = attempt->probing;
	unsigned slot[PROBE_ADDRESSES];
	if (!spare(probing, means, want, list))
		return probe_refused(means, attempt, found, LIMIT_HITS);
	found->spared = list->count == 0;
	if (found->spared)
		return OBTAINED;
	/* Connections are taken first, because budget that was granted is spent even if no probe follows. */
	size_t connections = list->count;
	if (!sockets_take_all(means, connections))
		return probe_refused(means, attempt, found, HIT_CONNECTIONS);
	bool urgent = means->asked && !means->bounds->background;
	enum budget_claim claim = urgent ? claims[want->standing] : BUDGET_FOR_BACKGROUND;
	enum budget_answer answer = budget_take_some(means, claim, list, slot);
	size_t dialled = answer == BUDGET_GO ? list->count : 0;
	while (connections-- > dialled)
		sockets_give(means->bounds);
	switch (answer) {
	case BUDGET_BUSY:
		return probe_refused(means, attempt, found, HIT_PROBE_BUDGET);
	case BUDGET_SPENT:
		limit_hit(HIT_PROBE_BUDGET, want->name);
		sightings_leave(probing, means->config, want);
		found->evidence.reason = REASON_PROBE_BUDGET;
		found->refused = true;
		return OBTAIN_REFUSED;
	case BUDGET_GO:
		break;
	}
	int64_t left_ms = probing->deadline_ms - clock_mono_ms();
	for (size_t i = 0; i < list->count; i++)
		probing->dial[i] = (struct dial){.slot = slot[i],
			.begun_us = clock_mono_us(),
			.probe = probe_begin(means->config->prober, means->probes, want->name, &list->at[i], want->port,
				left_ms > 1 ? (int)left_ms : 1, dane, means->wake)};
	probing->count = (unsigned)list->count;
	return obtain_wait(attempt);
}

static bool dials_answered(const struct means *means, struct probing *probing)
{
	bool all = true;
	for (unsigned i = 0; i < probing->count; i++) {
		struct dial *one = &probing->dial[i];
		if (one->probe && probe_answer(one->probe, &one->seen, &one->may_pass)) {
			obtain_time(TIMING_PROBE, one->begun_us);
			one->look = xmemdup(probe_look(one->probe), sizeof *one->look);
			revocations_judge(means->revocations, means->config->settings, &one->seen);
			probe_drop(&one->probe);
		}
		all = all && !one->probe;
	}
	return all;
}

/* Reports what was seen at each address of the hop, and the addresses that were not probed. The lookups have their answers,
 * so nothing is looked up here. */
static void dials_report(const struct means *means, struct attempt *attempt)
{
	const struct want *want = &attempt->want;
	const struct probing *probing = attempt->probing;
	struct addresses all;
	if (!means->dialled)
		return;
	for (unsigned i = 0; i < probing->count; i++)
		means->dialled(means->dialled_arg, want, probing->dial[i].seen.address, &probing->dial[i].seen);
	addresses_find(
		&all, &attempt->lookups, want->name, FETCH_ADDRESSES_MAX, means->config->settings->probe_private, 0);
	for (size_t i = 0; i < all.count; i++) {
		char text[ADDRESS_TEXT_SIZE];
		bool dialled = false;
		address_format(&all.at[i], text);
		for (unsigned k = 0; k < probing->count; k++)
			dialled = dialled || strcmp(probing->dial[k].seen.address, text) == 0;
		if (!dialled)
			means->dialled(means->dialled_arg, want, text, NULL);
	}
}

/* Notes all addresses of the hop. Nothing is looked up here, either. */
static void addresses_note(const struct means *means, struct attempt *attempt, struct found *found)
{
	addresses_find(&found->addresses, &attempt->lookups, attempt->want.name, FETCH_ADDRESSES_MAX,
		means->config->settings->probe_private, 0);
}

/* All dials have been answered, or sightings suffice. Returns OBTAIN_LATER if the hop is to be probed a second time. */
static enum obtained look_end(const struct means *means, struct attempt *attempt, struct found *found)
{
	struct probing *probing = attempt->probing;
	bool may_pass = evidence_join(probing, found);
	networks_note(means->config->networks, probing, found);
	addresses_note(means, attempt, found);
	sightings_leave(probing, means->config, &attempt->want);
	dials_report(means, attempt);
	dials_drop(probing, means->bounds);
	if (!may_pass || probing->second)
		return OBTAINED;
	int64_t now_ms = clock_mono_ms();
	if (probing->deadline_ms - now_ms <= OBTAIN_AGAIN_MS) { /* no time for a second probe, so nothing is proved */
		found->evidence.reason = REASON_HOP_GREETING;
		return OBTAINED;
	}
	probing->second = true;
	probing->rest_end_ms = now_ms + OBTAIN_AGAIN_MS;
	attempt->again_ms = OBTAIN_AGAIN_MS;
	return OBTAIN_LATER;
}

static enum obtained probe_host(
	const struct means *means, struct attempt *attempt, const struct probe_dane *dane, struct found *found)
{
	struct lookups *lookups = &attempt->lookups;
	struct probing *probing = attempt->probing;
	struct addresses list;
	if (probing->count > 0)
		return dials_answered(means, probing) ? look_end(means, attempt, found) : obtain_wait(attempt);
	int64_t rest_ms = probing->rest_end_ms - clock_mono_ms();
	if (rest_ms > 0) { /* never negative, since -1 would mean to wait for an operation, and there is none */
		attempt->again_ms = (int)rest_ms;
		return OBTAIN_LATER;
	}
	probing->rest_end_ms = 0;
	addresses_find(&list, lookups, attempt->want.name, PROBE_ADDRESSES, means->config->settings->probe_private,
		lookups->begun_ms + probe_timeout_ms(means));
	if (!lookups_over(lookups))
		return obtain_wait(attempt);
	/* A probe that was requeued gets its full time. Otherwise it would be cut short and the hop would seem silent. */
	if (!probing->second)
		probing->deadline_ms = clock_mono_ms() + probe_timeout_ms(means) - lookups_took_ms(lookups);
	if (list.count == 0) {
		probe_impossible(&list, &found->evidence);
		found->untried = found->evidence.reason == REASON_RESOLVER; /* it proves nothing about the host */
		return OBTAINED;
	}
	enum obtained started = dial_start(means, attempt, &list, dane, found);
	bool answered = started == OBTAIN_LATER && probing->count > 0 && dials_answered(means, probing);
	return found->spared || answered ? look_end(means, attempt, found) : started;
}

/* --- TLSA records ------------------------------------------------------------------------------------------------- */

static void tlsa_look(struct lookups *lookups, int64_t timeout_ms, struct tlsa_found *tlsa, struct found *found)
{
	tlsa_find(tlsa, lookups, found->want.name, found->want.port, lookups->begun_ms + timeout_ms);
	found->tlsa = tlsa->look;
	found->tlsa.checked_at = clock_wall_s();
	found->untried = tlsa->broken && tlsa->look.state == TLSA_FAILED;
}

enum obtained obtain_tlsa(struct attempt *attempt, struct found *found)
{
	struct tlsa_found tlsa;
	tlsa_look(&attempt->lookups, TLSA_TIMEOUT_MS, &tlsa, found);
	return lookups_over(&attempt->lookups) ? OBTAINED : obtain_wait(attempt);
}

/* Writes the records as a TLS report shows them (RFC 8460 4.4). */
static void records_write(const struct tlsa_set *set, struct names *records)
{
	char buffer[2 * RECORD_OCTETS_SHOWN + 32];
	struct text text;
	names_free(records); /* the probe may be the second one */
	for (size_t i = 0; i < set->count; i++) {
		text_init(&text, buffer, sizeof buffer);
		tlsa_record_text(&text, &set->record[i], RECORD_OCTETS_SHOWN);
		names_add(records, text.bytes, text.len);
	}
}

static void look_date(const struct lookups *lookups, struct found *found)
{
	struct text dns;
	text_init(&dns, found->look->dns, sizeof found->look->dns);
	lookups_describe(lookups, &dns);
	found->look->at = found->evidence.at;
}

/* A hop that is judged by TLSA records is judged by the present ones, so they are looked up again. */
enum obtained obtain_evidence(const struct means *means, struct attempt *attempt, struct found *found)
{
	const struct want *want = &attempt->want;
	struct tlsa_found tlsa = {.broken = false};
	enum obtained obtained = OBTAINED;
	if (!attempt->probing)
		attempt->probing = xcalloc(1, sizeof *attempt->probing);
	if (want->dane)
		tlsa_look(&attempt->lookups, probe_timeout_ms(means), &tlsa, found);
	if (attempt->lookups.waiting)
		return obtain_wait(attempt);
	const struct probe_dane dane = {.set = &tlsa.set, .base = tlsa.look.base};
	if (!want->dane || tlsa.look.state == TLSA_USABLE) {
		obtained = probe_host(means, attempt, want->dane ? &dane : NULL, found);
		found->evidence.tlsa_id = want->dane ? tlsa.set.id : 0;
		if (want->dane && means->sessions)
			records_write(&tlsa.set, &found->tlsa_records);
		if (found->evidence.at == 0) /* a sighting has the time of its own probe */
			found->evidence.at = clock_wall_s();
		if (found->look && obtained != OBTAIN_LATER)
			look_date(&attempt->lookups, found);
	}
	return obtained;
}

bool attempt_is_between_probes(const struct attempt *attempt)
{
	return attempt->probing && attempt->probing->second;
}

void probing_end(struct attempt *attempt, const struct bounds *bounds, const struct config *config)
{
	if (!attempt->probing)
		return;
	sightings_leave(attempt->probing, config, &attempt->want);
	dials_drop(attempt->probing, bounds);
	free(attempt->probing);
	attempt->probing = NULL;
}
