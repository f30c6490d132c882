#include "limit_hits.h"

#include "clock.h"
#include "lock.h"
#include "metrics.h"
#include "snapshot.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define WHO_SIZE (DOMAIN_SIZE + 80)

static const struct {
	const char *name, *cause;
} limits[LIMIT_HITS] = {
	[HIT_LOOKUPS] = {"lookups", "lookups_max lookups were under way"},
	[HIT_CLIENT_RATE] = {"client-rate", "one client, or the map for one domain, started lookups too fast"},
	[HIT_CLIENT_LOOKUPS] = {"client-lookups",
		"one client, or the map for one domain, had too many lookups under way"},
	[HIT_REFRESHES] = {"refreshes", "too many refreshes were under way"},
	[HIT_CONNECTIONS] = {"connections", "too many connections to policy hosts and mail hosts were open"},
	[HIT_POLICY_NETWORK] = {"policy-network", "too many fetches from one network of policy hosts were under way"},
	[HIT_POLICY_HOST] = {"policy-host", "the policy host could not be reached a short time ago"},
	[HIT_PROBE_BUDGET] = {"probe-budget", "the probe budget of a network of mail hosts was used up"},
	[HIT_MILTER_WAITERS] = {"milter-waiters", "milter_waiters messages waited for a lookup"},
};

static struct lock lock = {PTHREAD_MUTEX_INITIALIZER};
static struct {
	_Atomic int64_t at;
	char who[WHO_SIZE] GUARDED_BY(lock);
} last[LIMIT_HITS];

const char *limit_hit_name(enum limit_hit limit)
{
	return limits[limit].name;
}

const char *limit_hit_cause(enum limit_hit limit)
{
	return limits[limit].cause;
}

void limit_hit(enum limit_hit limit, const char *who)
{
	int64_t now = clock_wall_s();
	metrics_add(METRIC_LIMIT_HITS, limit, 0, 0, 1);
	/* There may be thousands of hits a second: the name is written once a second. */
	if (atomic_exchange(&last[limit].at, now) == now)
		return;
	lock_take(&lock);
	snprintf(last[limit].who, sizeof last[limit].who, "%s", who);
	lock_drop(&lock);
}

/* Writes the network that address_network() has made a number of. */
static void network_describe(uint64_t network, char *out, size_t size)
{
	bool v4 = network >> 63;
	unsigned char bytes[16] = {0};
	char text[INET6_ADDRSTRLEN] = "";
	for (int i = v4 ? 3 : 6; i-- > 0; network >>= 8)
		bytes[i] = (unsigned char)network;
	inet_ntop(v4 ? AF_INET : AF_INET6, bytes, text, sizeof text);
	snprintf(out, size, "%s/%d", text, v4 ? 24 : 48);
}

void limit_hit_question(enum limit_hit limit, const struct question *question)
{
	bool of_client = limit == HIT_CLIENT_RATE || limit == HIT_CLIENT_LOOKUPS;
	char network[64], who[WHO_SIZE];
	if (!of_client || question->purpose != PURPOSE_DELIVER || question->client == 0) {
		limit_hit(limit, question->domain);
		return;
	}
	network_describe(question->client, network, sizeof network);
	snprintf(who, sizeof who, "%s to %s", network, question->domain);
	limit_hit(limit, who);
}

void limit_hits_write(struct text *out)
{
	for (int i = 0; i < LIMIT_HITS; i++) {
		char who[WHO_SIZE];
		int64_t at = atomic_load(&last[i].at);
		if (at == 0)
			continue;
		lock_take(&lock);
		memcpy(who, last[i].who, sizeof who);
		lock_drop(&lock);
		snapshot_hit_add(out, limits[i].name, at, who);
	}
}
