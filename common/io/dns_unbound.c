#include "dns_answer.h"
#include "dns_context.h"

#include "clock.h"
#include "lock.h"
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

#define CLASS_IN 1

/* The control query tells a dead resolver from a dead domain. RFC 6761 6.4: resolvers answer names under invalid. at
 * once and by themselves; a new name each time passes every cache. */
#define CONTROL_PATIENCE_MS 1000 /* without an answer for so long: dead */
#define CONTROL_AGE_MS 5000      /* an older answer is not believed */
#define ANSWERED_AGE_MS 30000    /* for servers that have never answered the control query */

struct dns {
	struct ub_ctx *ctx;
	bool validates;
	pthread_t collector;
	bool collecting;
	int stop_fd;
	struct lock lock;
	struct signal_cond control_done;
	struct request *pending GUARDED_BY(lock);  /* those that libunbound holds */
	int64_t answered_at_ms GUARDED_BY(lock);   /* any good answer, also from libunbound's cache */
	int64_t control_sent_ms GUARDED_BY(lock);  /* 0: never */
	int64_t control_ended_ms GUARDED_BY(lock); /* before control_sent_ms: under way */
	bool control_good GUARDED_BY(lock);
	bool control_ever_good GUARDED_BY(lock);
};

/* All fields below `dns` are under dns->lock. */
struct request {
	struct dns *dns;
	struct request *previous, *next; /* in dns->pending */
	int references;                  /* libunbound's and the caller's */
	bool control;
	bool finished;
	int error;
	struct ub_result *result;
	struct signal_cond done;
};

/* Requests */

static struct request *request_new(struct dns *dns, bool control)
{
	struct request *request = calloc(1, sizeof *request);

	if (!request)
		abort();
	request->dns = dns;
	request->control = control;
	request->references = control ? 1 : 2;
	cond_init(&request->done);
	lock_take(&dns->lock);
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

static bool result_good(int error, const struct ub_result *result)
{
	return error == 0 && result && (result->rcode == 0 || result->nxdomain) && !result->bogus;
}

static void request_end(struct dns *dns, struct request *request, int error, struct ub_result *result)
	REQUIRES(dns->lock)
{
	bool good = result_good(error, result);

	request->finished = true;
	request->error = error;
	request->result = result;
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

static void request_send(struct request *request, const char *name, int type)
{
	struct dns *dns = request->dns;
	int error = ub_resolve_async(dns->ctx, name, type, CLASS_IN, request, request_answered, NULL);

	if (error == 0)
		return;
	lock_take(&dns->lock);
	request_end(dns, request, error, NULL);
	lock_drop(&dns->lock);
}

/* The control query */

static bool control_due(struct dns *dns, int64_t now_ms, int64_t age_ms) REQUIRES(dns->lock)
{
	if (dns->control_sent_ms == 0)
		return true;
	return dns->control_ended_ms >= dns->control_sent_ms && now_ms - dns->control_ended_ms > age_ms;
}

/* Sends a control query unless one is under way or its answer is no older than `age_ms`. */
static void control_start(struct dns *dns, int64_t age_ms)
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
	request_send(request_new(dns, true), name, DNS_A);
}

static bool resolver_dead(struct dns *dns, int64_t now_ms) REQUIRES(dns->lock)
{
	bool under_way = dns->control_ended_ms < dns->control_sent_ms;

	if (under_way ? now_ms - dns->control_sent_ms < CONTROL_PATIENCE_MS : dns->control_good)
		return false;
	/* A server that refuses invalid. is judged by its other answers alone. */
	return dns->control_ever_good || now_ms - dns->answered_at_ms > ANSWERED_AGE_MS;
}

/* After a failed lookup: whether it is no fault of the domain. */
static bool resolver_dead_by(struct dns *dns, int64_t deadline_ms)
{
	control_start(dns, CONTROL_AGE_MS);
	lock_take(&dns->lock);
	if (deadline_ms > dns->control_sent_ms + CONTROL_PATIENCE_MS)
		deadline_ms = dns->control_sent_ms + CONTROL_PATIENCE_MS;
	while (dns->control_ended_ms < dns->control_sent_ms)
		if (!cond_wait_until(&dns->control_done, &dns->lock, deadline_ms))
			break;
	bool dead = resolver_dead(dns, clock_mono_ms());
	lock_drop(&dns->lock);
	return dead;
}

/* The thread that collects answers */

static void *collector_run(void *arg)
{
	struct dns *dns = arg;
	struct pollfd fds[2] = {{.fd = ub_fd(dns->ctx), .events = POLLIN}, {.fd = dns->stop_fd, .events = POLLIN}};

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			abort();
		if (fds[1].revents)
			return NULL;
		int error = fds[0].revents ? ub_process(dns->ctx) : 0;
		if (error != 0) {
			log_error("no more DNS answers until the next reload: libunbound: %s", ub_strerror(error));
			return NULL;
		}
	}
}

static bool collector_start(struct dns *dns, struct failure *why)
{
	sigset_t all, old;
	int error;

	dns->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (dns->stop_fd < 0)
		return failure_set(why, EX_OSERR, "eventfd: %s", strerror(errno));
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&dns->collector, NULL, collector_run, dns);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error != 0)
		return failure_set(why, EX_OSERR, "thread for DNS answers: %s", strerror(error));
	dns->collecting = true;
	return true;
}

static void collector_stop(struct dns *dns)
{
	uint64_t one = 1;

	if (dns->collecting) {
		if (write(dns->stop_fd, &one, sizeof one) != sizeof one)
			abort();
		pthread_join(dns->collector, NULL);
	}
	if (dns->stop_fd >= 0)
		close(dns->stop_fd);
}

/* The whole */

struct dns *dns_new(const struct dns_options *options, struct failure *why)
{
	struct dns *dns = calloc(1, sizeof *dns);

	if (!dns)
		abort();
	dns->stop_fd = -1;
	dns->validates = options->validate == DNS_VALIDATE_ON;
	lock_init(&dns->lock);
	cond_init(&dns->control_done);
	dns->ctx = ub_ctx_create();
	if (!dns->ctx)
		failure_set(why, EX_OSERR, "libunbound cannot be set up: %s", strerror(errno));
	else if (dns_context_setup(dns->ctx, options, why) && collector_start(dns, why))
		return dns;
	dns_free(&dns);
	return NULL;
}

bool dns_validates(struct dns *dns)
{
	return dns->validates;
}

void dns_free(struct dns **dns_pointer)
{
	struct dns *dns = dns_pointer ? *dns_pointer : NULL;

	if (!dns)
		return;
	collector_stop(dns);
	if (dns->ctx)
		ub_ctx_delete(dns->ctx);
	/* Lookups given up earlier: libunbound forgot them without a word. */
	lock_take(&dns->lock);
	while (dns->pending)
		request_unlink(dns, dns->pending);
	lock_drop(&dns->lock);
	cond_destroy(&dns->control_done);
	lock_destroy(&dns->lock);
	free(dns);
	*dns_pointer = NULL;
}

/* Lookups */

static bool request_wait(struct request *request, int64_t deadline_ms)
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

/* Once finished, a request changes no more: read without the lock. */
static struct dns_answer *request_answer(struct request *request, int64_t begun_ms, int timeout_ms)
{
	struct dns *dns = request->dns;
	int64_t deadline_ms = begun_ms + timeout_ms;
	enum dns_outcome failed = DNS_FAILED;

	/* Half the time is left to find out whether the resolver lives. */
	if (!request_wait(request, begun_ms + timeout_ms / 2)) {
		control_start(dns, CONTROL_AGE_MS);
		if (!request_wait(request, deadline_ms))
			failed = DNS_TIMEOUT;
	}
	if (failed == DNS_FAILED) {
		if (request->error == UB_SYNTAX) /* no name that DNS can hold */
			return dns_answer_new(DNS_FAILED, 0, 0);
		if (request->error != 0 || !request->result)
			return dns_answer_new(DNS_BROKEN, 0, 0);
		if (result_good(0, request->result) || request->result->bogus)
			return dns_answer_from(request->result);
	}
	return dns_answer_new(resolver_dead_by(dns, deadline_ms) ? DNS_BROKEN : failed, 0, 0);
}

struct dns_answer *dns_lookup(struct dns *dns, const char *name, enum dns_type type, int timeout_ms)
{
	int64_t begun_ms = clock_mono_ms();
	struct request *request = request_new(dns, false);
	struct dns_answer *answer;

	control_start(dns, INT64_MAX); /* once at first: to know whether these servers answer it at all */
	request_send(request, name, (int)type);
	answer = request_answer(request, begun_ms, timeout_ms);
	lock_take(&dns->lock);
	request_unref(dns, request);
	lock_drop(&dns->lock);
	return answer;
}
