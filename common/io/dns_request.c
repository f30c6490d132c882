#include "dns_context.h"
#include "dns_internal.h"

#include "clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define CLASS_IN 1

/* The control query tells a dead resolver from a dead domain. RFC 6761 6.4: resolvers answer names under invalid. at
 * once and by themselves; a new name each time passes every cache. */
#define CONTROL_PATIENCE_MS 1000 /* without an answer for so long: dead */
#define ANSWERED_AGE_MS 30000    /* for servers that have never answered the control query */

/* Requests */

static struct request *request_new(struct dns *dns, bool control)
{
	struct request *request = calloc(1, sizeof *request);

	if (!request)
		abort();
	request->dns = dns;
	request->control = control;
	request->references = 2;
	cond_init(&request->done);
	lock_take(&dns->lock);
	request->ctx = dns->current;
	if (request->ctx)
		request->ctx->users++;
	request->next = dns->pending;
	if (dns->pending)
		dns->pending->previous = request;
	dns->pending = request;
	lock_drop(&dns->lock);
	return request;
}

static void request_unref(struct dns *dns, struct request *request) REQUIRES(dns->lock)
{
	(void)dns;
	if (--request->references > 0)
		return;
	if (request->result)
		ub_resolve_free(request->result);
	cond_destroy(&request->done);
	free(request);
}

/* libunbound holds it no more. */
static void request_unlink(struct dns *dns, struct request *request) REQUIRES(dns->lock)
{
	if (request->previous)
		request->previous->next = request->next;
	else
		dns->pending = request->next;
	if (request->next)
		request->next->previous = request->previous;
	request_unref(dns, request);
}

bool dns_request_good(const struct request *request)
{
	const struct ub_result *result = request->result;

	return request->error == 0 && result && (result->rcode == 0 || result->nxdomain) && !result->bogus;
}

static void request_end(struct dns *dns, struct request *request, int error, struct ub_result *result)
	REQUIRES(dns->lock)
{
	request->finished = true;
	request->error = error;
	request->result = result;
	bool good = dns_request_good(request);
	if (good)
		dns->answered_at_ms = clock_mono_ms();
	if (request->control) {
		dns->control_ended_ms = clock_mono_ms();
		dns->control_good = good;
		dns->control_ever_good |= good;
		cond_wake_all(&dns->control_done);
	}
	cond_wake_one(&request->done);
	request_unlink(dns, request);
}

/* Called by the collector, out of ub_process(). */
static void request_answered(void *arg, int error, struct ub_result *result)
{
	struct request *request = arg;
	struct dns *dns = request->dns;

	lock_take(&dns->lock);
	request_end(dns, request, error, result);
	lock_drop(&dns->lock);
}

/* True: it has failed and nobody else uses it. */
static bool context_drop(struct dns *dns, struct context *ctx) REQUIRES(dns->lock)
{
	(void)dns;
	return --ctx->users == 0 && ctx->failed;
}

static void context_discard(struct context *ctx)
{
	dns_context_discard(ctx->ub);
	free(ctx);
}

/* It may have ended before libunbound has taken it, with its context. */
static void request_send(struct request *request, const char *name, int type)
{
	struct dns *dns = request->dns;
	struct context *ctx = request->ctx;
	int error = UB_PIPE;

	if (ctx)
		error = ub_resolve_async(ctx->ub, name, type, CLASS_IN, request, request_answered, NULL);
	lock_take(&dns->lock);
	if (error != 0 && !request->finished)
		request_end(dns, request, error, NULL);
	bool last = ctx && context_drop(dns, ctx);
	lock_drop(&dns->lock);
	if (last)
		context_discard(ctx);
}

void dns_context_fail(struct dns *dns, struct context *ctx)
{
	lock_take(&dns->lock);
	if (dns->current == ctx)
		dns->current = NULL;
	for (struct request *request = dns->pending, *next; request; request = next) {
		next = request->next;
		if (request->ctx == ctx)
			request_end(dns, request, UB_PIPE, NULL);
	}
	ctx->failed = true;
	bool last = ctx->users == 0;
	lock_drop(&dns->lock);
	if (last)
		context_discard(ctx);
}

bool dns_request_wait(struct request *request, int64_t deadline_ms)
{
	struct dns *dns = request->dns;
	bool finished;

	lock_take(&dns->lock);
	while (!request->finished)
		if (!cond_wait_until(&request->done, &dns->lock, deadline_ms))
			break;
	finished = request->finished;
	lock_drop(&dns->lock);
	return finished;
}

struct request *dns_request_start(struct dns *dns, const char *name, int type)
{
	struct request *request = request_new(dns, false);

	request_send(request, name, type);
	return request;
}

void dns_request_drop(struct request *request)
{
	struct dns *dns = request->dns;

	lock_take(&dns->lock);
	request_unref(dns, request);
	lock_drop(&dns->lock);
}

void dns_requests_forget(struct dns *dns)
{
	lock_take(&dns->lock);
	while (dns->pending)
		request_unlink(dns, dns->pending);
	lock_drop(&dns->lock);
}

/* The control query */

static bool control_due(struct dns *dns, int64_t now_ms, int64_t age_ms) REQUIRES(dns->lock)
{
	if (dns->control_sent_ms == 0)
		return true;
	return dns->control_ended_ms >= dns->control_sent_ms && now_ms - dns->control_ended_ms > age_ms;
}

void dns_control_start(struct dns *dns, int64_t age_ms)
{
	char name[64];
	uint64_t random = 0;

	lock_take(&dns->lock);
	int64_t now_ms = clock_mono_ms();
	bool due = control_due(dns, now_ms, age_ms);
	if (due) {
		dns->control_sent_ms = now_ms;
		dns->control_ended_ms = now_ms - 1;
	}
	lock_drop(&dns->lock);
	if (!due)
		return;
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		random = (uint64_t)now_ms;
	snprintf(name, sizeof name, "stsgate-%016" PRIx64 ".invalid", random);
	struct request *request = request_new(dns, true);
	request_send(request, name, DNS_A);
	dns_request_drop(request);
}

static bool resolver_dead(struct dns *dns, int64_t now_ms) REQUIRES(dns->lock)
{
	bool under_way = dns->control_ended_ms < dns->control_sent_ms;

	if (under_way ? now_ms - dns->control_sent_ms < CONTROL_PATIENCE_MS : dns->control_good)
		return false;
	/* A server that refuses invalid. is judged by its other answers alone. */
	return dns->control_ever_good || now_ms - dns->answered_at_ms > ANSWERED_AGE_MS;
}

enum resolver_state dns_resolver_state(struct dns *dns, int64_t until_ms, int64_t deadline_ms)
{
	enum resolver_state state = RESOLVER_UNTOLD;

	dns_control_start(dns, CONTROL_AGE_MS);
	lock_take(&dns->lock);
	int64_t patient_ms = dns->control_sent_ms + CONTROL_PATIENCE_MS;
	if (until_ms > patient_ms)
		until_ms = patient_ms;
	while (dns->control_ended_ms < dns->control_sent_ms)
		if (!cond_wait_until(&dns->control_done, &dns->lock, until_ms))
			break;
	int64_t now_ms = clock_mono_ms();
	bool told = dns->control_ended_ms >= dns->control_sent_ms;
	if (told || now_ms >= patient_ms || now_ms >= deadline_ms)
		state = resolver_dead(dns, now_ms) ? RESOLVER_DEAD : RESOLVER_ALIVE;
	lock_drop(&dns->lock);
	return state;
}
