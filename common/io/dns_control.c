#include "dns_answer.h"
#include "dns_internal.h"

#include "clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* The control query shows whether a lookup failed because the resolver is dead, or because the domain's servers are. By
 * RFC 6761 6.4 resolvers answer names under `invalid.` immediately, without asking other servers. Each control query
 * asks for a new name, which is in no cache. */
#define CONTROL_PATIENCE_MS 1000 /* the servers count as dead if they do not answer within this time */
/* servers that never answer control queries count as alive for so long after another answer */
#define ANSWERED_AGE_MS 30000

static bool control_under_way(const struct health *health)
{
	return health->control_ended_ms < health->control_sent_ms;
}

static void control_ended(struct resolver *resolver, bool good)
{
	struct health *health = &resolver->health;
	int64_t now_ms = clock_mono_ms();
	health->control_ended_ms = now_ms;
	health->control_good = good;
	health->control_ever_good |= good;
	if (good)
		health->answered_ms = now_ms;
	queries_settle(resolver);
}

static void control_answered(
	void *arg, int rcode, void *packet, int len, int security, char *why_bogus, int was_ratelimited)
{
	(void)why_bogus;
	(void)was_ratelimited;
	struct dns_answer *answer = dns_answer_parse(rcode, packet, len, DNS_A, security);
	bool good = dns_answer_good(answer);
	free(answer);
	control_ended(arg, good);
}

void control_start(struct resolver *resolver, int64_t age_ms)
{
	struct health *health = &resolver->health;
	int64_t now_ms = clock_mono_ms();
	uint64_t random = 0;
	char name[64];
	int id;
	bool due = health->control_sent_ms == 0 ||
		   (!control_under_way(health) && now_ms - health->control_ended_ms > age_ms);
	if (!due)
		return;
	health->control_sent_ms = now_ms;
	health->control_ended_ms = now_ms - 1;
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		random = (uint64_t)now_ms;
	snprintf(name, sizeof name, "stsgate-%016" PRIx64 ".invalid", random);
	if (!resolver_ask(resolver, name, DNS_A, control_answered, resolver, &id))
		control_ended(resolver, false);
}

int64_t control_pending_ms(const struct resolver *resolver, int64_t now_ms)
{
	int64_t until_ms = resolver->health.control_sent_ms + CONTROL_PATIENCE_MS;
	return control_under_way(&resolver->health) && now_ms < until_ms ? until_ms : 0;
}

bool servers_dead(const struct resolver *resolver, int64_t now_ms)
{
	const struct health *health = &resolver->health;
	bool alive = control_under_way(health) ? control_pending_ms(resolver, now_ms) != 0 : health->control_good;
	/* Servers that have never answered a control query are judged by their other answers only. */
	return !alive && (health->control_ever_good || now_ms - health->answered_ms > ANSWERED_AGE_MS);
}
