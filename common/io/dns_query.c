#include "dns_answer.h"
#include "dns_internal.h"

#include "clock.h"
#include "memory.h"

#include <stdlib.h>

/* Each query has one timer for whatever comes next. When half of its time has passed, it starts the control query; at
 * the deadline it ends the query. It also settles a query that has failed, and wakes the caller of one that has an
 * answer. */
struct dns_query {
	struct resolver *resolver;
	struct wake wake;
	struct loop_timer *timer; /* NULL: dns_query_begin() has not returned yet, or had an answer at once */
	int64_t half_ms;          /* from then on a control query may be sent */
	int64_t deadline_ms;
	struct ub_ctx *asked; /* NULL: libunbound no longer holds the query */
	int id;               /* libunbound's */
	enum dns_type type;
	bool failed;
	enum dns_outcome failure;      /* the outcome if the servers are found to be alive */
	LIST_ENTRY(dns_query) waiting; /* in resolver->failed, while failed and without an answer */
	struct dns_answer *answer;
};

static void query_answer(struct dns_query *query, struct dns_answer *answer)
{
	query->answer = answer;
	if (query->timer)
		loop_timer_set(query->timer, 0);
}

static void query_fail(struct dns_query *query, enum dns_outcome failure)
{
	query->failed = true;
	query->failure = failure;
	LIST_INSERT_HEAD(&query->resolver->failed, query, waiting);
}

/* Answers a query that has failed: with DNS_BROKEN if the servers are dead, else with its own failure. Returns false if
 * it is not known yet whether they are dead. */
static bool query_settle(struct dns_query *query, int64_t now_ms)
{
	if (now_ms < query->deadline_ms && control_pending_ms(query->resolver, now_ms) != 0)
		return false;
	LIST_REMOVE(query, waiting);
	query_answer(query, dns_answer_new(servers_dead(query->resolver, now_ms) ? DNS_BROKEN : query->failure, 0, 0));
	return true;
}

void queries_settle(struct resolver *resolver)
{
	int64_t now_ms = clock_mono_ms();
	while (!LIST_EMPTY(&resolver->failed) && query_settle(LIST_FIRST(&resolver->failed), now_ms))
		continue;
}

/* libunbound calls this. It starts no other lookup, because libunbound may not allow that inside a callback. */
static void query_answered(
	void *arg, int rcode, void *packet, int len, int security, char *why_bogus, int was_ratelimited)
{
	struct dns_query *query = arg;
	(void)why_bogus;
	(void)was_ratelimited;
	query->asked = NULL;
	struct dns_answer *answer = dns_answer_parse(rcode, packet, len, query->type, security);
	if (answer->outcome != DNS_FAILED) {
		if (dns_answer_good(answer))
			query->resolver->health.answered_ms = clock_mono_ms();
		query_answer(query, answer);
		return;
	}
	free(answer);
	query_fail(query, DNS_FAILED);
	if (query->timer)
		loop_timer_set(query->timer, 0);
}

/* Does what is due now. If the query has no answer afterwards, the caller must set its timer to the returned time. */
static int64_t query_continue(struct dns_query *query)
{
	int64_t now_ms = clock_mono_ms();
	if (!query->failed && now_ms < query->half_ms)
		return query->half_ms;
	control_start(query->resolver, CONTROL_AGE_MS);
	if (!query->failed && now_ms < query->deadline_ms)
		return query->deadline_ms;
	if (!query->failed) {
		ub_cancel(query->asked, query->id);
		query->asked = NULL;
		query_fail(query, DNS_TIMEOUT);
	}
	if (!query->answer)
		query_settle(query, now_ms);
	int64_t pending_ms = control_pending_ms(query->resolver, now_ms);
	return pending_ms != 0 && pending_ms < query->deadline_ms ? pending_ms : query->deadline_ms;
}

static void query_timed(void *arg)
{
	struct dns_query *query = arg;
	if (query->answer) {
		query->wake.call(query->wake.arg);
		return;
	}
	int64_t next_ms = query_continue(query);
	if (!query->answer)
		loop_timer_set(query->timer, next_ms - clock_mono_ms());
}

struct dns_query *dns_query_begin(
	struct dns *dns, struct loop *loop, const char *name, enum dns_type type, int timeout_ms, struct wake wake)
{
	struct dns_query *query = xcalloc(1, sizeof *query);
	int64_t now_ms = clock_mono_ms();
	query->resolver = resolver_of(dns, loop);
	query->wake = wake;
	query->half_ms = now_ms + timeout_ms / 2;
	query->deadline_ms = now_ms + timeout_ms;
	query->type = type;
	trial_want(query->resolver);
	/* Only the first lookup of a resolver sends one: it shows whether the servers answer control queries at all. */
	control_start(query->resolver, INT64_MAX);
	if (!dns_name_fits(name)) {
		query_answer(query, dns_answer_new(DNS_FAILED, 0, 0));
		return query;
	}
	struct ub_ctx *asked = resolver_ask(query->resolver, name, (int)type, query_answered, query, &query->id);
	if (!query->answer && !query->failed)
		query->asked = asked;
	if (!asked)
		query_answer(query, dns_answer_new(DNS_BROKEN, 0, 0));
	int64_t next_ms = query->answer ? 0 : query_continue(query);
	if (query->answer)
		return query;
	query->timer = loop_timer_new(loop, query_timed, query);
	loop_timer_set(query->timer, next_ms - now_ms);
	return query;
}

const struct dns_answer *dns_query_answer(struct dns_query *query)
{
	if (!query->answer && clock_mono_ms() >= query->deadline_ms)
		query_continue(query);
	return query->answer;
}

void dns_query_drop(struct dns_query **slot)
{
	struct dns_query *query = *slot;
	if (!query)
		return;
	if (query->asked)
		ub_cancel(query->asked, query->id);
	if (query->failed && !query->answer)
		LIST_REMOVE(query, waiting);
	loop_timer_free(&query->timer);
	free(query->answer);
	free(query);
	*slot = NULL;
}

static void prefetched(void *arg, int rcode, void *packet, int len, int security, char *why_bogus, int was_ratelimited)
{
	(void)arg;
	(void)rcode;
	(void)packet;
	(void)len;
	(void)security;
	(void)why_bogus;
	(void)was_ratelimited;
}

void dns_prefetch(struct dns *dns, struct loop *loop, const char *name, enum dns_type type)
{
	int id;
	if (dns_name_fits(name))
		resolver_ask(resolver_of(dns, loop), name, (int)type, prefetched, NULL, &id);
}
