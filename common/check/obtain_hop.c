#include "obtain_hop.h"

#include "addresses.h"
#include "clock.h"
#include "text.h"
#include "tlsa_find.h"

#include <string.h>

#define PROBE_ADDRESSES 2 /* of one hop (design 5) */
#define TLSA_TIMEOUT_MS                                                                                                \
	8000 /* of all look-ups for one hop's records: a map waits half as long, a domain has eight hops */

/* A hop is good only if all its addresses that answer are: the worst conclusive evidence counts, then the best of the
 * rest. */
static bool evidence_outweighs(const struct evidence *seen, const struct evidence *than)
{
	enum reason_class new = reason_class(seen->reason), old = reason_class(than->reason);
	if (old == REASON_BAD)
		return false;
	return new == REASON_BAD || (new == REASON_GOOD &&old != REASON_GOOD);
}

/* An MTA tries one address after the other: by its standards one that does is enough. */
static void mta_address_note(char mta_address[ADDRESS_TEXT_SIZE], const struct evidence *one)
{
	bool good = reason_class(one->reason) == REASON_GOOD;
	if (mta_address[0] == '\0' && (good || one->mta_address[0] != '\0'))
		memcpy(mta_address, good ? one->address : one->mta_address, ADDRESS_TEXT_SIZE);
}

/* Each address gets its share of the time that is left. True: what counts may pass by itself. */
static bool probe_all(const struct config *config, const struct want *want, const struct addresses *list,
	const struct probe_dane *dane, int64_t deadline_ms, struct evidence *seen)
{
	char mta_address[ADDRESS_TEXT_SIZE] = "";
	bool passing = false;
	for (size_t i = 0; i < list->count; i++) {
		struct evidence one;
		bool may_pass = false;
		int64_t share_ms = (deadline_ms - clock_mono_ms()) / (int64_t)(list->count - i);
		memset(&one, 0, sizeof one);
		one.reason = REASON_HOP_TIMEOUT;
		if (share_ms > 0)
			may_pass = probe_address(
				config->prober, want->name, &list->at[i], want->port, (int)share_ms, dane, &one);
		mta_address_note(mta_address, &one);
		if (i == 0 || evidence_outweighs(&one, seen)) {
			*seen = one;
			passing = may_pass;
		}
	}
	if (reason_class(seen->reason) == REASON_BAD)
		memcpy(seen->mta_address, mta_address, sizeof seen->mta_address);
	return passing;
}

static void probe_impossible(const struct addresses *list, struct evidence *seen)
{
	struct text text;
	text_init(&text, seen->text, sizeof seen->text);
	text_add(&text, addresses_lack(list));
	if (list->refused)
		seen->reason = REASON_HOP_ADDRESS_PRIVATE;
	else if (list->trouble == DNS_BROKEN)
		seen->reason = REASON_HOP_INTERNAL;
	else
		seen->reason = list->trouble == DNS_OK ? REASON_HOP_NO_ADDRESS : REASON_HOP_ADDRESS_LOOKUP;
}

/* Where the budget has no room left for all of them in this minute, one is better than none. */
static enum budget_answer budget_take_some(const struct probing *probing, struct addresses *list, unsigned *slot)
{
	struct limits *limits = probing->limits;
	enum budget_answer answer =
		limits_probes_begin(limits, list->at, list->count, probing->claim, clock_mono_ms(), slot);
	for (size_t i = 0; answer == BUDGET_SPENT && list->count > 1 && i < list->count; i++) {
		answer = limits_probes_begin(limits, &list->at[i], 1, probing->claim, clock_mono_ms(), slot);
		if (answer == BUDGET_GO) {
			list->at[0] = list->at[i];
			list->count = 1;
		}
	}
	return answer;
}

static int64_t probe_whole_ms(const struct config *config)
{
	return (int64_t)config->settings->probe_timeout * 1000;
}

/* What the budget lets through. False: nothing at this moment. */
static bool probe_within(const struct config *config, const struct probing *probing, struct addresses *list,
	const struct probe_dane *dane, struct found *found, bool *passing)
{
	unsigned slot[PROBE_ADDRESSES];
	switch (budget_take_some(probing, list, slot)) {
	case BUDGET_BUSY:
		return false;
	case BUDGET_SPENT:
		found->evidence.reason = REASON_PROBE_BUDGET;
		found->outbid = probing->claim == BUDGET_FOR_BACKGROUND;
		break;
	case BUDGET_GO:
		*passing = probe_all(config, &found->want, list, dane, probing->look->deadline_ms, &found->evidence);
		for (size_t i = 0; i < list->count; i++)
			limits_probe_end(probing->limits, slot[i]);
		break;
	}
	return true;
}

/* Leaves in the list the addresses that must be dialled. `known`: the oldest of what was seen at the others, and of what
 * it is already. */
static void list_spare(
	const struct config *config, const struct want *want, struct addresses *list, struct evidence *known)
{
	size_t left = 0;
	for (size_t i = 0; i < list->count; i++) {
		const struct address *address = &list->at[i];
		struct evidence seen;
		if (!sightings_find(config->sightings, address, want->port, want->name, want->seen_since,
			    clock_wall_s(), &seen))
			list->at[left++] = *address;
		else if (known->at == 0 || seen.at < known->at)
			*known = seen;
	}
	list->count = left;
}

/* Where what was seen for other hosts will do, it is looked at first, and awaited while it is being looked for. */
static bool probe_or_spare(const struct config *config, const struct probing *probing, struct addresses *list,
	struct found *found, bool *passing)
{
	const struct want *want = &found->want;
	struct evidence known = {.at = 0}, *seen = &found->evidence;
	bool through = true;
	list_spare(config, want, list, &known);
	const struct addresses dialled = *list;
	if (!sightings_dial(config->sightings, dialled.at, dialled.count, want->port))
		return false;
	list_spare(config, want, list, &known); /* some of it may have come in between */
	found->spared = list->count == 0;
	if (!found->spared)
		through = probe_within(config, probing, list, NULL, found, passing);
	sightings_hang_up(config->sightings, dialled.at, dialled.count, want->port);
	bool refused = !through || seen->reason == REASON_PROBE_BUDGET;
	if (known.at != 0 && !refused && (found->spared || !evidence_outweighs(seen, &known))) {
		*seen = known;
		*passing = false;
	} else if (known.at != 0 && !refused) {
		mta_address_note(seen->mta_address, &known);
	}
	return through;
}

static bool probe_host(const struct config *config, const struct probing *probing, const struct probe_dane *dane,
	struct found *found, bool *passing)
{
	const struct want *want = &found->want;
	struct lookups *lookups = probing->lookups;
	struct second_look *look = probing->look;
	struct addresses list;

	addresses_find(&list, lookups, want->name, PROBE_ADDRESSES, config->settings->probe_private,
		lookups->begun_ms + probe_whole_ms(config));
	if (!lookups_over(lookups))
		return false;
	if (!look->due)
		look->deadline_ms = clock_mono_ms() + probe_whole_ms(config) - lookups_took_ms(lookups);
	if (list.count == 0) {
		probe_impossible(&list, &found->evidence);
		return true;
	}
	if (want->seen_since != 0)
		return probe_or_spare(config, probing, &list, found, passing);
	return probe_within(config, probing, &list, dane, found, passing);
}

static void tlsa_look(struct lookups *lookups, int64_t whole_ms, struct tlsa_found *tlsa, struct found *found)
{
	int64_t deadline_ms = lookups->begun_ms + whole_ms;
	tlsa_find(tlsa, lookups, found->want.name, found->want.port, deadline_ms);
	found->tlsa = tlsa->look;
	found->tlsa.checked_at = clock_wall_s();
	found->untried = tlsa->broken && tlsa->look.state == TLSA_FAILED;
}

void obtain_tlsa(struct lookups *lookups, struct found *found)
{
	struct tlsa_found tlsa;
	tlsa_look(lookups, TLSA_TIMEOUT_MS, &tlsa, found);
}

/* Whether the hop is to be looked at once more. Without the time for it nothing is proved. */
static bool look_again(struct second_look *look, struct found *found)
{
	if (look->deadline_ms - clock_mono_ms() <= OBTAIN_AGAIN_MS) {
		found->evidence.reason = REASON_HOP_GREETING;
		return false;
	}
	look->due = true;
	found->again_ms = OBTAIN_AGAIN_MS;
	return true;
}

/* What is judged by TLSA records is judged by those of now: the ones that were known may be gone. */
bool obtain_evidence(const struct config *config, const struct probing *probing, struct found *found)
{
	const struct want *want = &found->want;
	struct lookups *lookups = probing->lookups;
	struct second_look *look = probing->look;
	struct tlsa_found tlsa = {.broken = false};
	bool through = true, passing = false;

	if (want->dane)
		tlsa_look(lookups, probe_whole_ms(config), &tlsa, found);
	if (lookups->waiting)
		return false;
	const struct probe_dane dane = {.set = &tlsa.set, .base = tlsa.look.base};
	if (!want->dane || tlsa.look.state == TLSA_USABLE) {
		through = probe_host(config, probing, want->dane ? &dane : NULL, found, &passing);
		found->evidence.tlsa_id = want->dane ? tlsa.set.id : 0;
		if (found->evidence.at == 0) /* what was seen for another host has its own time */
			found->evidence.at = clock_wall_s();
	}
	if (through && passing && !look->due)
		through = !look_again(look, found);
	return through;
}
