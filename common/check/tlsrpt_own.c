#include "tlsrpt_own.h"

#include "age.h"
#include "judge.h"
#include "lock.h"
#include "memory.h"
#include "tlsrpt_observed.h"

#include <stdlib.h>
#include <string.h>

/* Added to a port in the tables below. */
enum { SALT_DANE = 1 << 16, SALT_OUTSIDE = 1 << 17 };

struct tlsrpt_own {
	const struct conditions *conditions;
	tlsrpt_sink *sink;
	void *arg;
	atomic_uint waiting;
	struct lock lock;
	int32_t day GUARDED_BY(lock);           /* of the table `counted` */
	struct keyed *counted GUARDED_BY(lock); /* at_ms: the second of what was counted last */
	struct tlsrpt_hop *hop[TLSRPT_HOPS_MAX] GUARDED_BY(lock);
};

struct tlsrpt_own *tlsrpt_own_new(const struct conditions *conditions, tlsrpt_sink *sink, void *arg)
{
	struct tlsrpt_own *own = xcalloc(1, sizeof *own);
	own->conditions = conditions;
	own->sink = sink;
	own->arg = arg;
	lock_init(&own->lock);
	own->counted = keyed_new(TLSRPT_COUNTED_MAX, NULL);
	return own;
}

void tlsrpt_own_free(struct tlsrpt_own **slot)
{
	struct tlsrpt_own *own = *slot;
	if (!own)
		return;
	for (size_t i = 0; i < TLSRPT_HOPS_MAX; i++) {
		if (own->hop[i])
			tlsrpt_hop_free(own->hop[i]);
		free(own->hop[i]);
	}
	keyed_free(&own->counted);
	lock_destroy(&own->lock);
	free(own);
	*slot = NULL;
}

struct outbox *tlsrpt_own_outbox(struct tlsrpt_own *own, struct loop *loop)
{
	return outbox_new(loop, own->sink, own->arg, &own->waiting);
}

unsigned tlsrpt_own_waiting(struct tlsrpt_own *own)
{
	return atomic_load(&own->waiting);
}

/* Returns whether mail has asked for the domain on this UTC day. */
static bool is_used(const struct tlsrpt_inquiry *inquiry)
{
	return inquiry->asked || inquiry->facts->entry.last_used_day == schedule_day(inquiry->facts->now);
}

/* --- local failures ----------------------------------------------------------------------------------------------- */

/* Returns whether one of the conditions lasts that make failures look like those of strangers. */
static bool any_lasts(const struct conditions *conditions, const enum condition *list, size_t count)
{
	bool lasts = false;
	for (size_t i = 0; i < count; i++)
		lasts = lasts || condition_lasts(conditions, list[i]);
	return lasts;
}

/* Returns whether other places have failed in the same way, and none has succeeded since. */
static bool is_doubtful(const struct tlsrpt_own *own, enum health_way way)
{
	static const enum health_condition by_way[] = {
		[HEALTH_NOTHING] = HEALTH_LOOKUPS_FAIL, /* no address to fetch from */
		[HEALTH_UNREACHED] = HEALTH_FETCHES_FAIL,
		[HEALTH_UNTRUSTED] = HEALTH_FETCHES_UNTRUSTED,
		[HEALTH_EARLY] = HEALTH_CLOCK_BEHIND};
	return way <= HEALTH_EARLY && way != HEALTH_WELL &&
	       conditions_places(own->conditions, by_way[way]) >= TLSRPT_DOUBT_PLACES;
}

static bool fetch_is_local(
	const struct tlsrpt_own *own, const struct tlsrpt_inquiry *inquiry, const struct found *found)
{
	static const enum condition list[] = {CONDITION_RESOLVER_DEAD, CONDITION_HEALTH + HEALTH_LOOKUPS_FAIL,
		CONDITION_HEALTH + HEALTH_DNS_BOGUS, CONDITION_HEALTH + HEALTH_FETCHES_FAIL,
		CONDITION_HEALTH + HEALTH_FETCHES_UNTRUSTED, CONDITION_HEALTH + HEALTH_CLOCK_BEHIND,
		CONDITION_HEALTH + HEALTH_CLOCK_AHEAD, CONDITION_NEARBY + NEARBY_POLICY_HOSTS_BAD};
	/* The policy host has answered, under a certificate that is good. */
	if (found->policy.outcome == REASON_POLICY_INVALID)
		return false;
	/* Nobody knows whether the policy host was not reached, or the proxy. */
	bool by_proxy = found->policy.way == HEALTH_UNREACHED && inquiry->config->settings->fetch_proxy[0];
	return by_proxy || is_doubtful(own, found->policy.way) ||
	       any_lasts(own->conditions, list, sizeof list / sizeof list[0]);
}

static bool probe_is_local(const struct tlsrpt_own *own, const struct evidence *seen)
{
	static const enum condition list[] = {CONDITION_HEALTH + HEALTH_PROBES_FAIL,
		CONDITION_HEALTH + HEALTH_PROBES_UNTRUSTED, CONDITION_HEALTH + HEALTH_CLOCK_BEHIND,
		CONDITION_HEALTH + HEALTH_CLOCK_AHEAD, CONDITION_NEARBY + NEARBY_INTERCEPTED,
		CONDITION_NEARBY + NEARBY_HOPS_BAD};
	bool untrusted = seen->reason == REASON_CERT_UNTRUSTED &&
			 conditions_places(own->conditions, HEALTH_PROBES_UNTRUSTED) >= TLSRPT_DOUBT_PLACES;
	return untrusted || (reason_class(seen->reason) == REASON_BAD &&
				    any_lasts(own->conditions, list, sizeof list / sizeof list[0]));
}

/* --- fetches ------------------------------------------------------------------------------------------------------ */

static void fetch_note(struct tlsrpt_own *own, const struct tlsrpt_inquiry *inquiry, const struct found *found)
{
	struct tlsrpt_session session;
	const struct policy_found *policy = &found->policy;
	if (!is_used(inquiry) || !tlsrpt_observe_fetch(&session, inquiry->facts, policy->outcome, policy->detail))
		return;
	if (fetch_is_local(own, inquiry, found)) {
		tlsrpt_dropped_count(TLSRPT_DROPPED_LOCAL);
		tlsrpt_session_free(&session);
	} else {
		outbox_put(inquiry->outbox, inquiry->config, &session);
	}
}

/* --- probes ------------------------------------------------------------------------------------------------------- */

static struct tlsrpt_hop **hop_place(struct tlsrpt_own *own, const char *host, uint32_t salt) REQUIRES(own->lock)
{
	return &own->hop[domain_hash(host, salt) % TLSRPT_HOPS_MAX];
}

/* Remembers a hop, and takes over what it owns. */
static void hop_remember(struct tlsrpt_own *own, const struct tlsrpt_hop *hop)
{
	lock_take(&own->lock);
	struct tlsrpt_hop **place = hop_place(own, hop->host, hop->port | (hop->dane ? SALT_DANE : 0));
	if (*place)
		tlsrpt_hop_free(*place);
	else
		*place = xcalloc(1, sizeof **place);
	**place = *hop;
	lock_drop(&own->lock);
}

static void probe_note(struct tlsrpt_own *own, const struct tlsrpt_inquiry *inquiry, const struct found *found)
{
	const struct settings *settings = inquiry->config->settings;
	const struct tlsrpt_probe probe = {.host = found->want.name,
		.port = found->want.port,
		.seen = &found->evidence,
		.look = found->look,
		.base = found->tlsa.base,
		.records = &found->tlsa_records};
	struct tlsrpt_hop hop;
	if (settings->report_probes == REPORT_PROBES_OFF || !tlsrpt_observe_hop(&hop, &probe, settings->probe_private))
		return;
	if (probe_is_local(own, &found->evidence)) {
		tlsrpt_dropped_count(TLSRPT_DROPPED_LOCAL);
		tlsrpt_hop_free(&hop);
	} else {
		hop_remember(own, &hop);
	}
}

void tlsrpt_own_found(struct tlsrpt_own *own, const struct tlsrpt_inquiry *inquiry, const struct found *found)
{
	if (found->untried || found->refused)
		return;
	if (found->want.kind == WANT_POLICY)
		fetch_note(own, inquiry, found);
	else if (found->want.kind == WANT_PROBE && !found->spared)
		probe_note(own, inquiry, found);
}

/* --- what counts -------------------------------------------------------------------------------------------------- */

/* Begins a new table on each UTC day. A clock that is set back over midnight keeps the table. */
static void day_begin(struct tlsrpt_own *own, int32_t day) REQUIRES(own->lock)
{
	if (day == own->day || day == own->day - 1)
		return;
	keyed_free(&own->counted);
	own->counted = keyed_new(TLSRPT_COUNTED_MAX, NULL);
	own->day = day;
}

/* Returns whether a session of the domain with this host counts that was observed at second `at`: none within the `span`
 * seconds before it, and none after it, was counted on this day. Notes that it is counted. */
static bool count_once(struct tlsrpt_own *own, const struct facts *facts, const char *host, uint32_t salt, int64_t at,
	int64_t span) REQUIRES(own->lock)
{
	char pair[2 * DOMAIN_SIZE];
	struct text text;
	text_init(&text, pair, sizeof pair);
	text_add(&text, facts->question.domain);
	text_add(&text, " ");
	text_add(&text, host);
	day_begin(own, schedule_day(facts->now));
	const struct key key = keyed_name(own->counted, pair, salt);
	struct slot *slot = keyed_slot(own->counted, &key, 0);
	if (!slot) {
		tlsrpt_dropped_count(TLSRPT_DROPPED_TABLE);
		return false;
	}
	if (slot->held > 0 && at < slot->at_ms + span)
		return false;
	slot->at_ms = at;
	slot->held = 1; /* the slot keeps its key until the day ends */
	return true;
}

/* Makes the session of the domain with a hop, if it was probed today and that is not counted yet. */
static bool hop_session(struct tlsrpt_own *own, const struct facts *facts, enum tlsrpt_scope scope, const char *host,
	struct tlsrpt_session *session)
{
	uint16_t port = facts->question.port;
	const struct hop_fact *fact = facts_hop(facts, host, port);
	bool dane = fact && facts_hop_by_dane(facts, fact);
	uint32_t salt = port | (dane ? SALT_DANE : 0);
	lock_take(&own->lock);
	const struct tlsrpt_hop *hop = *hop_place(own, host, salt);
	bool counts = hop && strcmp(hop->host, host) == 0 && hop->port == port && hop->dane == dane &&
		      schedule_day(hop->at) == schedule_day(facts->now) &&
		      tlsrpt_observe_session(session, facts, scope, hop);
	if (counts && !count_once(own, facts, host, salt, hop->at, 1)) {
		tlsrpt_session_free(session);
		counts = false;
	}
	lock_drop(&own->lock);
	return counts;
}

/* The same for a mail host outside the policy, if DNS has just named it. */
static bool outside_session(struct tlsrpt_own *own, const struct facts *facts, enum tlsrpt_scope scope,
	const char *host, struct tlsrpt_session *session)
{
	if (!facts->mx_tried || facts->mx_outcome != REASON_OK || !tlsrpt_observe_outside(session, facts, scope, host))
		return false;
	lock_take(&own->lock);
	bool counts = count_once(own, facts, host, SALT_OUTSIDE, facts->now, TLSRPT_OUTSIDE_S);
	lock_drop(&own->lock);
	if (!counts)
		tlsrpt_session_free(session);
	return counts;
}

void tlsrpt_own_ended(struct tlsrpt_own *own, const struct tlsrpt_inquiry *inquiry)
{
	static const enum tlsrpt_scope scopes[] = {[REPORT_PROBES_TESTING] = TLSRPT_SCOPE_TESTING,
		[REPORT_PROBES_ALL] = TLSRPT_SCOPE_ALL,
		[REPORT_PROBES_OFF] = TLSRPT_SCOPE_OFF};
	struct tlsrpt_session session;
	struct hop_list list;
	if (!is_used(inquiry))
		return;
	const struct facts *facts = inquiry->facts;
	const struct policy *policy = facts_policy(facts);
	enum tlsrpt_scope scope = scopes[inquiry->config->settings->report_probes];
	if (scope == TLSRPT_SCOPE_OFF || facts->store != STORE_READ || !mx_has_hops(facts))
		return;
	hop_list_fill(&list, facts, policy);
	unsigned hops = 0, outsiders = 0;
	for (unsigned i = 0; i < list.count; i++) {
		bool outside = policy && !policy_allows(policy, list.host[i]);
		bool counts = false;
		if (outside && outsiders++ < HOPS_MAX)
			counts = outside_session(own, facts, scope, list.host[i], &session);
		else if (!outside && hops++ < HOPS_MAX)
			counts = hop_session(own, facts, scope, list.host[i], &session);
		if (counts)
			outbox_put(inquiry->outbox, inquiry->config, &session);
	}
}
