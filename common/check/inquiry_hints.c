/* How an inquiry asks other relays of the site before it asks strangers (hints.h). */
#include "check_internal.h"

#include "clock.h"
#include "schedule.h"

#include <string.h>

_Static_assert(HOP_FACTS_MAX <= 64, "hint_hops has a bit for each hop");

/* Returns the bit of a hop that this relay has no evidence about, and that a probe by the trust store is to judge; else 0. */
static uint64_t hop_bit(const struct facts *facts, const struct want *want)
{
	const struct hop_fact *hop = facts_hop(facts, want->name, want->port);
	if (want->dane || !hop ||
		schedule_age(hop->record.pkix.newest.at, facts->now) <= facts->rules->probe_ttl_max_s ||
		schedule_age(hop->record.pkix.conclusive.at, facts->now) <= facts->rules->probe_ttl_max_s)
		return 0;
	return UINT64_C(1) << (hop - facts->hop);
}

bool hint_is_due(const struct inquiry *inquiry, const struct want *want)
{
	const struct facts *facts = &inquiry->facts;
	if (!inquiry->check->hints.ask || inquiry->cut_off || facts->forced ||
		facts->question.purpose == PURPOSE_QUERY || facts->store != STORE_READ)
		return false;
	if (want->kind == WANT_PROBE) /* where a pinned domain's mail goes is to be seen from here */
		return !facts_pinned(facts) && (hop_bit(facts, want) & ~inquiry->hint_hops) != 0;
	if (facts_policy(facts))
		return false;
	if (want->kind == WANT_RECORD)
		return !inquiry->hint_entry;
	if (want->kind == WANT_POLICY)
		return !inquiry->hint_fetch;
	return want->kind == WANT_NOTHING && !inquiry->hint_last && facts->policy_tried &&
	       facts->entry.fetch_outcome != REASON_OK;
}

/* Called on the source's thread. */
static void on_answered(struct hint_ask *ask)
{
	struct inquiry *inquiry = ask->arg;
	runner_post(inquiry->desk->runner, &inquiry->job);
}

bool hint_ask(struct inquiry *inquiry, const struct want *want)
{
	const struct hints_source *source = &inquiry->check->hints;
	struct hint_ask *ask = &inquiry->hint;
	*ask = (struct hint_ask){.kind = HINT_ENTRY, .port = want->port, .done = on_answered, .arg = inquiry};
	memcpy(ask->name, inquiry->facts.question.domain, sizeof ask->name);
	if (want->kind == WANT_PROBE) {
		ask->kind = HINT_HOP;
		memcpy(ask->name, want->name, sizeof ask->name);
		inquiry->hint_hops |= hop_bit(&inquiry->facts, want);
	} else if (want->kind == WANT_POLICY) {
		/* The other half of milter_wait is for a fetch of our own, if the other relay's fetch takes too long. */
		ask->kind = HINT_FETCH;
		ask->until_ms = clock_mono_ms() + (int64_t)inquiry->config->settings->milter_wait * 500;
		inquiry->hint_fetch = true;
	} else if (want->kind == WANT_RECORD) {
		inquiry->hint_entry = true;
	} else {
		inquiry->hint_last = true;
	}
	inquiry->phase = PHASE_HINTED;
	if (source->ask(source->arg, ask))
		return true;
	inquiry->phase = PHASE_JUDGE;
	return false;
}

bool hint_end(struct inquiry *inquiry)
{
	const struct hint_ask *ask = &inquiry->hint;
	struct want *reread = &inquiry->reread;
	if (!ask->stored)
		return false;
	*reread = (struct want){.kind = ask->kind == HINT_HOP ? WANT_EVIDENCE : WANT_ENTRY, .port = ask->port};
	memcpy(reread->name, ask->name, sizeof reread->name);
	if (inquiry->leading)
		flight_drop(inquiry, reread);
	return true;
}

/* Tells other relays of one result, if an operation of our own has shown it. */
static void result_tell(void *arg, const struct found *found)
{
	const struct hints_source *source = arg;
	struct hint_news news = {.kind = HINT_FETCH, .name = found->want.name, .port = found->want.port};
	if (found->want.kind == WANT_PROBE)
		news.kind = HINT_HOP;
	else if (found->want.kind != WANT_POLICY)
		return;
	bool hop = !found->untried && !found->spared && found->evidence.at != 0 && found->evidence.tlsa_id == 0 &&
		   found->evidence.reason != REASON_PROBE_BUDGET;
	if (news.kind == HINT_HOP && !hop)
		return;
	news.found = news.kind == HINT_HOP || found->policy.outcome == REASON_OK;
	source->tell(source->arg, &news);
}

void hints_tell(const struct inquiry *inquiry)
{
	struct hints_source *source = &inquiry->check->hints;
	if (source->ask)
		save_each(&inquiry->save, result_tell, source);
}
