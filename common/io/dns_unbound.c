#include "dns_answer.h"
#include "dns_context.h"
#include "dns_internal.h"

#include "clock.h"
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#define TRIAL_PATIENCE_MS 1500  /* of dns_new() */
#define TRIAL_INTERVAL_MS 10000 /* between the begins of two, while none is answered */
#define REBUILD_SPACING_MS 1000 /* between two contexts; longer each time while they fail at once */
#define REBUILD_SPACING_MAX_MS 60000

static struct context *context_of(struct ub_ctx *ub)
{
	struct context *ctx = ub ? calloc(1, sizeof *ctx) : NULL;

	if (ub && !ctx)
		abort();
	if (ctx)
		ctx->ub = ub;
	return ctx;
}

static struct context *context_new(const struct dns_options *options, struct failure *why)
{
	return context_of(dns_context_new(options, why));
}

static void context_free(struct context *ctx)
{
	if (ctx)
		ub_ctx_delete(ctx->ub);
	free(ctx);
}

/* dnssec = auto. That answers are validated is found for good; that they cannot be is looked at again. What one trial
 * has found stays so while a later one gets no answer. */
static void validation_settle(struct dns *dns, enum validation validation)
{
	lock_take(&dns->lock);
	if (validation == VALIDATION_OFF)
		dns->trial_wait_ms = trial_wait_ms(dns->validation == VALIDATION_OFF ? dns->trial_wait_ms : 0);
	if (validation == VALIDATION_WORKS)
		dns->current = dns->validating;
	if (validation != VALIDATION_UNDECIDED)
		dns->validation = validation;
	dns->trial_ended = true;
	cond_wake_all(&dns->trial_done);
	lock_drop(&dns->lock);
}

/* Said once: the trials that come are for the day on which it is over, which is said. */
static void validation_lacks(struct dns *dns, const char *what, const char *hint)
{
	if (dns->warned)
		return;
	dns->warned = true;
	log_warning("dnssec = auto: DNS answers are not validated and DANE is not evaluated: %s%s; this is tried again "
		    "from time to time; dnssec = off silences this",
		what, hint);
}

static void validation_unsigned(struct dns *dns, const struct trial *trial)
{
	char words[TRIAL_WORDS_SIZE];

	trial_words(trial, words);
	validation_lacks(dns, words,
		": the DNS servers take signatures out, or this machine's clock is wrong, or the trust anchor is out "
		"of date; name others in dns_servers, or see dns_trust_anchor");
}

/* Called by the collector, when the trial has ended. */
static void trial_judge(struct dns *dns)
{
	switch (trial_finding(dns->trial)) {
	case TRIAL_UNANSWERED:
		validation_settle(dns, VALIDATION_UNDECIDED);
		break;
	case TRIAL_SIGNED:
		dns->validating = context_of(trial_take(dns->trial));
		log_info("dnssec = auto: DNS answers are validated");
		validation_settle(dns, VALIDATION_WORKS);
		break;
	case TRIAL_UNSIGNED:
		validation_unsigned(dns, dns->trial);
		validation_settle(dns, VALIDATION_OFF);
		break;
	}
	trial_free(&dns->trial);
}

/* Called by the collector. One that got no answer in all the time is given up. */
static void trial_again(struct dns *dns)
{
	struct failure why;

	trial_free(&dns->trial);
	dns->trial = trial_new(&dns->options, &why);
	if (dns->trial)
		return;
	validation_lacks(dns, why.text, "");
	validation_settle(dns, VALIDATION_OFF);
}

static void collector_wake(struct dns *dns)
{
	uint64_t one = 1;

	if (write(dns->wake_fd, &one, sizeof one) != sizeof one)
		abort();
}

/* Called by lookups. */
static void trial_want(struct dns *dns)
{
	lock_take(&dns->lock);
	int64_t now_ms = clock_mono_ms();
	bool due = dns->options.validate == DNS_VALIDATE_AUTO && dns->validation != VALIDATION_WORKS &&
		   now_ms - dns->trial_asked_ms >= dns->trial_wait_ms;
	if (due) {
		dns->trial_asked_ms = now_ms;
		dns->trial_wanted = true;
	}
	lock_drop(&dns->lock);
	if (due)
		collector_wake(dns);
}

/* The thread that collects answers */

/* False: to be stopped. */
static bool collector_woken(struct dns *dns)
{
	uint64_t count;

	if (read(dns->wake_fd, &count, sizeof count) != sizeof count)
		abort();
	lock_take(&dns->lock);
	bool stopping = dns->stopping, wanted = dns->trial_wanted && dns->validation != VALIDATION_WORKS;
	dns->trial_wanted = false;
	lock_drop(&dns->lock);
	if (!stopping && wanted)
		trial_again(dns);
	return !stopping;
}

static void context_process(struct dns *dns, struct context **slot)
{
	int error = ub_process((*slot)->ub);

	if (error == 0)
		return;
	log_error(
		"libunbound failed: %s; the lookups under way fail with it, and it is set up anew", ub_strerror(error));
	dns_context_fail(dns, *slot);
	*slot = NULL;
}

/* When lookups have no context: how long until there is to be a new one, after which dns->current is for them again.
 * -1: they have one. */
static int context_lack_ms(struct dns *dns)
{
	lock_take(&dns->lock);
	bool lacks = !dns->current;
	lock_drop(&dns->lock);
	int64_t since_ms = clock_mono_ms() - dns->rebuilt_ms;
	if (!lacks)
		return -1;
	if (dns->rebuilt_ms == 0 || since_ms > REBUILD_SPACING_MAX_MS)
		dns->rebuild_wait_ms = 0;
	return since_ms >= dns->rebuild_wait_ms ? 0 : (int)(dns->rebuild_wait_ms - since_ms);
}

/* What was validated stays so. */
static void context_rebuild(struct dns *dns)
{
	struct dns_options options = dns->options;
	struct failure why;
	bool validates = dns_validates(dns);

	options.validate = validates ? DNS_VALIDATE_ON : DNS_VALIDATE_OFF;
	dns->rebuilt_ms = clock_mono_ms();
	dns->rebuild_wait_ms = dns->rebuild_wait_ms == 0 ? REBUILD_SPACING_MS : 2 * dns->rebuild_wait_ms;
	if (dns->rebuild_wait_ms > REBUILD_SPACING_MAX_MS)
		dns->rebuild_wait_ms = REBUILD_SPACING_MAX_MS;
	struct context *ctx = context_new(&options, &why);
	if (!ctx) {
		log_error("no DNS answers: %s", why.text);
		return;
	}
	*(validates ? &dns->validating : &dns->plain) = ctx;
	lock_take(&dns->lock);
	dns->current = ctx;
	lock_drop(&dns->lock);
	log_info("libunbound was set up anew");
}

/* poll() passes over a descriptor of -1. */
static struct pollfd readable(int fd)
{
	return (struct pollfd){.fd = fd, .events = POLLIN};
}

static void *collector_run(void *arg)
{
	struct dns *dns = arg;

	for (;;) {
		struct pollfd wake = readable(dns->wake_fd), fds[4] = {wake};
		int lack_ms = context_lack_ms(dns);
		if (lack_ms == 0) {
			context_rebuild(dns);
			continue;
		}
		fds[1] = readable(dns->plain ? ub_fd(dns->plain->ub) : -1);
		fds[2] = readable(dns->validating ? ub_fd(dns->validating->ub) : -1);
		fds[3] = readable(dns->trial ? trial_fd(dns->trial) : -1);
		if (poll(fds, 4, lack_ms) < 0) {
			if (errno != EINTR)
				abort();
			continue;
		}
		if (fds[1].revents)
			context_process(dns, &dns->plain);
		if (fds[2].revents)
			context_process(dns, &dns->validating);
		if (fds[3].revents && trial_process(dns->trial))
			trial_judge(dns);
		if (fds[0].revents && !collector_woken(dns))
			return NULL;
	}
}

static bool collector_start(struct dns *dns, struct failure *why)
{
	sigset_t all, old;
	int error;

	dns->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (dns->wake_fd < 0)
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
	if (dns->collecting) {
		lock_take(&dns->lock);
		dns->stopping = true;
		lock_drop(&dns->lock);
		collector_wake(dns);
		pthread_join(dns->collector, NULL);
	}
	if (dns->wake_fd >= 0)
		close(dns->wake_fd);
}

/* The whole */

/* The contexts that lookups may use at once, and the first trial. */
static bool contexts_new(struct dns *dns, struct failure *why)
{
	const struct dns_options *options = &dns->options;

	if (options->validate == DNS_VALIDATE_ON) {
		dns->validation = VALIDATION_WORKS;
		dns->current = dns->validating = context_new(options, why);
		return dns->current != NULL;
	}
	dns->validation = VALIDATION_OFF;
	dns->current = dns->plain = context_new(options, why);
	if (!dns->current || options->validate == DNS_VALIDATE_OFF)
		return dns->current != NULL;
	dns->trial_asked_ms = clock_mono_ms();
	dns->trial = trial_new(options, why);
	dns->trial_wait_ms = dns->trial ? TRIAL_INTERVAL_MS : trial_wait_ms(0);
	if (dns->trial)
		dns->validation = VALIDATION_UNDECIDED;
	else if (!options->trust_anchor)
		validation_lacks(dns, why->text, "");
	return dns->trial || !options->trust_anchor;
}

static void trial_await(struct dns *dns)
{
	lock_take(&dns->lock);
	int64_t deadline_ms = dns->trial_asked_ms + TRIAL_PATIENCE_MS;
	bool undecided = dns->validation == VALIDATION_UNDECIDED;
	while (undecided && !dns->trial_ended)
		if (!cond_wait_until(&dns->trial_done, &dns->lock, deadline_ms))
			break;
	undecided = dns->validation == VALIDATION_UNDECIDED;
	lock_drop(&dns->lock);
	if (undecided)
		log_warning(
			"dnssec = auto: the DNS servers do not answer for the zone of the trust anchor; until they do, "
			"answers are not validated and DANE is not evaluated");
}

struct dns *dns_new(const struct dns_options *options, struct failure *why)
{
	struct dns *dns = calloc(1, sizeof *dns);

	if (!dns)
		abort();
	dns->options = *options;
	dns->wake_fd = -1;
	lock_init(&dns->lock);
	cond_init(&dns->control_done);
	cond_init(&dns->trial_done);
	if (contexts_new(dns, why) && collector_start(dns, why)) {
		trial_await(dns);
		return dns;
	}
	dns_free(&dns);
	return NULL;
}

bool dns_validates(struct dns *dns)
{
	lock_take(&dns->lock);
	bool validates = dns->validation == VALIDATION_WORKS;
	lock_drop(&dns->lock);
	return validates;
}

void dns_free(struct dns **dns_pointer)
{
	struct dns *dns = dns_pointer ? *dns_pointer : NULL;

	if (!dns)
		return;
	collector_stop(dns);
	trial_free(&dns->trial);
	context_free(dns->plain);
	context_free(dns->validating);
	dns_requests_forget(dns);
	cond_destroy(&dns->trial_done);
	cond_destroy(&dns->control_done);
	lock_destroy(&dns->lock);
	free(dns);
	*dns_pointer = NULL;
}

/* Lookups */

struct dns_query {
	struct request *request;
	int64_t half_ms; /* what is left is for finding out whether the resolver lives */
	int64_t deadline_ms;
};

struct dns_query *dns_query_begin(struct dns *dns, const char *name, enum dns_type type, int timeout_ms)
{
	struct dns_query *query = calloc(1, sizeof *query);
	int64_t now_ms = clock_mono_ms();

	if (!query)
		abort();
	query->half_ms = now_ms + timeout_ms / 2;
	query->deadline_ms = now_ms + timeout_ms;
	trial_want(dns);
	dns_control_start(dns, INT64_MAX); /* once at first: to know whether these servers answer it at all */
	query->request = dns_request_start(dns, name, (int)type);
	return query;
}

void dns_query_drop(struct dns_query **query)
{
	if (!*query)
		return;
	dns_request_drop((*query)->request);
	free(*query);
	*query = NULL;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* False: there is no answer yet, and it is not too late for one. */
static bool query_over(struct dns_query *query, int64_t until_ms, bool *finished)
{
	struct request *request = query->request;

	*finished = dns_request_wait(request, earlier(until_ms, query->half_ms));
	if (*finished || clock_mono_ms() < query->half_ms)
		return *finished;
	dns_control_start(request->dns, CONTROL_AGE_MS);
	*finished = dns_request_wait(request, earlier(until_ms, query->deadline_ms));
	return *finished || clock_mono_ms() >= query->deadline_ms;
}

/* NULL: whether the resolver lives is not known yet. */
static struct dns_answer *query_failed(struct dns_query *query, int64_t until_ms, enum dns_outcome outcome)
{
	switch (dns_resolver_state(query->request->dns, until_ms, query->deadline_ms)) {
	case RESOLVER_UNTOLD:
		return NULL;
	case RESOLVER_DEAD:
		outcome = DNS_BROKEN;
		break;
	case RESOLVER_ALIVE:
		break;
	}
	return dns_answer_new(outcome, 0, 0);
}

/* Once finished, a request changes no more: read without the lock. */
struct dns_answer *dns_query_answer(struct dns_query *query, int wait_ms)
{
	const struct request *request = query->request;
	int64_t until_ms = earlier(clock_mono_ms() + wait_ms, query->deadline_ms);
	bool finished;

	if (!query_over(query, until_ms, &finished))
		return NULL;
	if (!finished)
		return query_failed(query, until_ms, DNS_TIMEOUT);
	if (request->error == UB_SYNTAX) /* no name that DNS can hold */
		return dns_answer_new(DNS_FAILED, 0, 0);
	if (request->error != 0 || !request->result)
		return dns_answer_new(DNS_BROKEN, 0, 0);
	if (dns_request_good(request) || request->result->bogus)
		return dns_answer_from(request->result);
	return query_failed(query, until_ms, DNS_FAILED);
}
