/* The part of obtain that fetches policies (RFC 8461 3.3). */
#include "obtain_internal.h"

#include "clock.h"
#include "memory.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

struct fetching {
	struct fetch *fetch;
	struct backoff_try try;
	uint64_t network;
	int64_t left_ms; /* that the fetch was given */
};

static void policy_missed(struct policy_found *found, enum reason outcome, const char *words)
{
	struct text detail;
	policy_found_free(found);
	found->outcome = outcome;
	text_init(&detail, found->detail, sizeof found->detail);
	text_add(&detail, "policy host ");
	text_add(&detail, words);
}

static int64_t whole_ms(const struct means *means)
{
	return (int64_t)means->config->settings->fetch_timeout * 1000;
}

/* Fetches that nobody waits for leave half of the network's places to others. */
static bool network_take(const struct means *means, uint64_t network)
{
	return limits_hold(means->bounds->limits, LIMIT_NETWORK_FETCHES, network,
		means->asked ? NETWORK_FETCHES_MAX : NETWORK_FETCHES_MAX / 2);
}

/* RFC 8461 3.3: a policy that cannot be fetched within the time for a fetch is none. */
static enum obtained fetch_put_off(
	const struct means *means, struct attempt *attempt, struct found *found, const char *words)
{
	if (obtain_put_off(means, attempt) == OBTAIN_LATER)
		return OBTAIN_LATER;
	policy_missed(&found->policy, REASON_POLICY_FETCH, words);
	found->refused = true;
	return OBTAIN_REFUSED;
}

static enum obtained fetch_start(const struct means *means, struct attempt *attempt, const struct addresses *list,
	int64_t left_ms, struct found *found)
{
	const struct bounds *bounds = means->bounds;
	uint64_t network = address_network(&list->at[0]);
	struct backoff_try try;
	switch (limits_fetch_begin(bounds->limits, addresses_least(list), means->asked, clock_mono_ms(), &try)) {
	case BACKOFF_GO:
		break;
	case BACKOFF_WAIT:
		return fetch_put_off(means, attempt, found, "could not be reached a short time ago");
	case BACKOFF_FAIL:
		policy_missed(&found->policy, REASON_POLICY_FETCH, "could not be reached a short time ago");
		found->refused = true;
		return OBTAIN_REFUSED;
	}
	bool room = network_take(means, network);
	if (room && !sockets_take(means)) {
		limits_release(bounds->limits, LIMIT_NETWORK_FETCHES, network);
		room = false;
	}
	if (!room) {
		limits_fetch_end(bounds->limits, &try, BACKOFF_UNTOLD, clock_mono_ms());
		return fetch_put_off(means, attempt, found, "was not asked: too many fetches are under way");
	}
	struct fetching *fetching = xcalloc(1, sizeof *fetching);
	*fetching = (struct fetching){.try = try, .network = network, .left_ms = left_ms};
	fetching->fetch = fetch_begin(means->config->fetcher, means->fetches, attempt->want.name, list->at, list->count,
		(int)left_ms, means->wake);
	attempt->fetching = fetching;
	/* Its lookup goes on beside the fetch. Only where it is used at once: an answer that waits in the cache is not
	 * what DNS says when a message comes. */
	if (means->mx_is_next)
		dns_prefetch(means->config->dns, means->loop, attempt->want.name, DNS_MX);
	return obtain_wait(attempt);
}

/* Too little time proves nothing: slow DNS of one domain must not keep others from the host. */
static enum backoff_end fetch_proof(const struct policy_found *found, int64_t given_ms, int64_t full_ms)
{
	if (!found->unreached)
		return BACKOFF_REACHED;
	return given_ms >= full_ms / 2 ? BACKOFF_UNREACHED : BACKOFF_UNTOLD;
}

static enum obtained fetch_go_on(const struct means *means, struct attempt *attempt, struct found *found)
{
	struct fetching *fetching = attempt->fetching;
	if (!fetch_answer(fetching->fetch, &found->policy))
		return obtain_wait(attempt);
	found->network = fetching->network;
	enum backoff_end proof = fetch_proof(&found->policy, fetching->left_ms, whole_ms(means));
	limits_fetch_end(means->bounds->limits, &fetching->try, proof, clock_mono_ms());
	fetching->try = (struct backoff_try){.alone = false};
	fetching_end(&attempt->fetching, means->bounds);
	return OBTAINED;
}

enum obtained obtain_policy(const struct means *means, struct attempt *attempt, struct found *found)
{
	struct lookups *lookups = &attempt->lookups;
	char buffer[DOMAIN_SIZE + sizeof "mta-sts."];
	struct addresses list;
	struct text host;
	if (attempt->fetching)
		return fetch_go_on(means, attempt, found);
	text_init(&host, buffer, sizeof buffer);
	text_add(&host, "mta-sts.");
	text_add(&host, attempt->want.name);
	addresses_find(&list, lookups, buffer, FETCH_ADDRESSES_MAX, means->config->settings->fetch_private,
		lookups->begun_ms + whole_ms(means));
	if (!lookups_over(lookups))
		return obtain_wait(attempt);
	int64_t left_ms = whole_ms(means) - lookups_took_ms(lookups);
	if (list.count == 0 || left_ms <= 0) {
		found->untried = list.trouble == DNS_BROKEN;
		policy_missed(
			&found->policy, found->untried ? REASON_RESOLVER : REASON_POLICY_FETCH, addresses_lack(&list));
		return OBTAINED;
	}
	enum obtained started = fetch_start(means, attempt, &list, left_ms, found);
	return attempt->fetching ? fetch_go_on(means, attempt, found) : started;
}

void fetching_end(struct fetching **slot, const struct bounds *bounds)
{
	struct fetching *fetching = *slot;
	if (!fetching)
		return;
	fetch_drop(&fetching->fetch);
	if (fetching->try.address.len != 0)
		limits_fetch_end(bounds->limits, &fetching->try, BACKOFF_UNTOLD, clock_mono_ms());
	limits_release(bounds->limits, LIMIT_NETWORK_FETCHES, fetching->network);
	sockets_give(bounds);
	free(fetching);
	*slot = NULL;
}
