#include "dns_answer.h"
#include "dns_internal.h"

#include "clock.h"
#include "log.h"
#include "memory.h"

#include <stdlib.h>
#include <sysexits.h>

#define TRIAL_PATIENCE_MS 1500  /* how long a start waits for the first trial */
#define TRIAL_INTERVAL_MS 10000 /* from the start of a trial to the next, while none is answered */
#define RETRY_MS 1000           /* pause after libunbound has failed; doubles if libunbound soon fails again */
#define RETRY_MAX_MS 60000

/* --- libunbound's contexts ---------------------------------------------------------------------------------------- */

struct resolver *resolver_of(struct dns *dns, const struct loop *loop)
{
	struct resolver *resolver = dns->resolver;
	while (resolver->loop != loop)
		resolver++;
	return resolver;
}

/* Logs that libunbound failed, and pauses its use. The pause doubles if the last failure was a short time ago. */
static void resolver_failed(struct resolver *resolver, const char *what, const char *why)
{
	int64_t now_ms = clock_mono_ms();
	int64_t since_ms = now_ms - resolver->failed_ms;
	int64_t wait_ms = resolver->wait_ms == 0 || since_ms > RETRY_MAX_MS ? RETRY_MS : 2 * resolver->wait_ms;
	resolver->failed_ms = now_ms;
	resolver->wait_ms = wait_ms < RETRY_MAX_MS ? wait_ms : RETRY_MAX_MS;
	log_error("%s: %s", what, why);
}

struct ub_ctx *resolver_ask(
	struct resolver *resolver, const char *name, int type, ub_event_callback_type answered, void *arg, int *id)
{
	struct dns_options options = resolver->dns->options;
	struct failure why;
	bool validates = atomic_load(&resolver->dns->validates);
	struct ub_ctx **ctx = validates ? &resolver->validating : &resolver->plain;
	options.validate = validates ? DNS_VALIDATE_ON : DNS_VALIDATE_OFF;
	if (resolver->wait_ms != 0 && clock_mono_ms() - resolver->failed_ms < resolver->wait_ms)
		return NULL;
	if (!*ctx)
		*ctx = dns_context_new(&options, resolver->loop, resolver->dns->count, &why);
	if (!*ctx) {
		resolver_failed(resolver, "DNS lookups fail", why.text);
		return NULL;
	}
	int error = ub_resolve_event(*ctx, name, type, CLASS_IN, arg, answered, id);
	if (error != 0) {
		resolver_failed(resolver, "DNS lookups fail: error from libunbound", ub_strerror(error));
		return NULL;
	}
	resolver->wait_ms = 0;
	return *ctx;
}

/* --- dnssec = auto ------------------------------------------------------------------------------------------------ */

/* Logs once that answers are not validated. Later failed trials log nothing. A trial that succeeds is logged by
 * validation_apply(). */
static void validation_warn(struct dns *dns, const char *what, const char *hint)
{
	lock_take(&dns->lock);
	bool warned = dns->warned;
	dns->warned = true;
	lock_drop(&dns->lock);
	if (!warned)
		log_warning(
			"dnssec = auto: DNS answers are not validated and DANE is not evaluated: %s%s; stsgated tries "
			"again from time to time; to silence this warning, set dnssec = off",
			what, hint);
}

/* Applies the finding of a trial. TRIAL_SIGNED is final. After TRIAL_UNSIGNED another trial follows later. After
 * TRIAL_UNANSWERED the finding of the previous trial stays in force. */
static void validation_apply(struct dns *dns, enum trial_finding finding)
{
	lock_take(&dns->lock);
	if (finding == TRIAL_UNSIGNED) {
		dns->trial_wait_ms = trial_wait_ms(dns->found_unsigned ? dns->trial_wait_ms : 0);
		dns->found_unsigned = true;
		atomic_store(&dns->trial_due_ms, dns->trial_begun_ms + dns->trial_wait_ms);
	}
	if (finding == TRIAL_SIGNED && !atomic_exchange(&dns->validates, true))
		/* logged with the lock held, and so before dns_new() returns */
		log_info("dnssec = auto: DNS answers are validated");
	lock_drop(&dns->lock);
}

/* Ends the wait for the first trial: it has ended, or it takes too long. Logs with the lock held and before `deciding`
 * changes, so that the line precedes the return of dns_new() and dns_is_deciding() being false. */
static void first_trial_decide(struct dns *dns)
{
	lock_take(&dns->lock);
	bool first = atomic_load(&dns->deciding);
	if (first && !dns->found_unsigned && !atomic_load(&dns->validates))
		log_warning(
			"dnssec = auto: the DNS servers do not answer for the zone of the trust anchor; until they do, "
			"answers are not validated and DANE is not evaluated");
	atomic_store(&dns->deciding, false);
	cond_wake_all(&dns->decided);
	lock_drop(&dns->lock);
}

static void patience_over(void *arg)
{
	struct resolver *resolver = arg;
	first_trial_decide(resolver->dns);
}

static void trial_judge(void *arg)
{
	struct resolver *resolver = arg;
	struct dns *dns = resolver->dns;
	enum trial_finding finding = trial_finding(resolver->trial);
	char words[TRIAL_WORDS_SIZE];
	trial_words(resolver->trial, words);
	trial_free(&resolver->trial);
	if (finding == TRIAL_UNSIGNED)
		validation_warn(dns, words,
			": the DNS servers remove signatures, or this machine's clock is wrong, or the trust anchor is out "
			"of date; name other servers in dns_servers, or check dns_trust_anchor");
	validation_apply(dns, finding);
	first_trial_decide(dns);
}

void trial_want(struct resolver *resolver)
{
	struct dns *dns = resolver->dns;
	struct failure why;
	int64_t now_ms = clock_mono_ms();
	if (atomic_load(&dns->validates) || now_ms < atomic_load(&dns->trial_due_ms))
		return;
	lock_take(&dns->lock);
	bool due = now_ms >= atomic_load(&dns->trial_due_ms);
	if (due) {
		dns->trial_begun_ms = now_ms;
		atomic_store(&dns->trial_due_ms, now_ms + dns->trial_wait_ms);
	}
	lock_drop(&dns->lock);
	if (!due)
		return;
	trial_free(&resolver->trial); /* if there still is a trial, it was not answered */
	resolver->trial = trial_new(&dns->options, resolver->loop, &why);
	if (resolver->trial) {
		trial_begin(resolver->trial, trial_judge, resolver);
		return;
	}
	validation_warn(dns, why.text, "");
	validation_apply(dns, TRIAL_UNSIGNED);
}

/* --- starting and stopping ---------------------------------------------------------------------------------------- */

static void resolver_end(struct loop_task *task)
{
	struct resolver *resolver = (struct resolver *)((char *)task - offsetof(struct resolver, end));
	struct dns *dns = resolver->dns;
	trial_free(&resolver->trial);
	loop_timer_free(&resolver->patience);
	dns_context_free(&resolver->plain);
	dns_context_free(&resolver->validating);
	if (atomic_fetch_sub(&dns->left, 1) > 1)
		return;
	cond_destroy(&dns->decided);
	lock_destroy(&dns->lock);
	free(dns);
}

static void resolver_start(struct loop_task *task)
{
	struct resolver *resolver = (struct resolver *)((char *)task - offsetof(struct resolver, start));
	resolver->patience = loop_timer_new(resolver->loop, patience_over, resolver);
	loop_timer_set(resolver->patience, TRIAL_PATIENCE_MS);
	trial_begin(resolver->trial, trial_judge, resolver);
}

/* Creates the context of the first loop, so that wrong options are found now; with dnssec = auto also the first
 * trial. The other loops create their contexts when they need them. */
static bool dns_start(struct dns *dns, struct failure *why)
{
	struct resolver *first = &dns->resolver[0];
	struct dns_options options = dns->options;
	bool validates = options.validate == DNS_VALIDATE_ON;
	bool tries = options.validate == DNS_VALIDATE_AUTO;
	options.validate = validates ? DNS_VALIDATE_ON : DNS_VALIDATE_OFF;
	atomic_store(&dns->validates, validates);
	struct ub_ctx *ctx = dns_context_new(&options, first->loop, dns->count, why);
	*(validates ? &first->validating : &first->plain) = ctx;
	if (!ctx || !tries)
		return ctx != NULL;
	first->trial = trial_new(&dns->options, first->loop, why);
	if (!first->trial && options.trust_anchor)
		return false;
	if (!first->trial)
		validation_warn(dns, why->text, "");
	dns->trial_begun_ms = clock_mono_ms();
	dns->trial_wait_ms = first->trial ? TRIAL_INTERVAL_MS : trial_wait_ms(0);
	dns->found_unsigned = !first->trial;
	atomic_store(&dns->trial_due_ms, dns->trial_begun_ms + dns->trial_wait_ms);
	return true;
}

struct dns *dns_new(const struct dns_options *options, const struct loops *loops, struct failure *why)
{
	struct dns *dns = xcalloc(1, sizeof *dns + loops->count * sizeof dns->resolver[0]);
	dns->options = *options;
	dns->left = dns->count = loops->count;
	dns->trial_due_ms = INT64_MAX;
	lock_init(&dns->lock);
	cond_init(&dns->decided);
	for (unsigned i = 0; i < dns->count; i++) {
		struct resolver *resolver = &dns->resolver[i];
		resolver->dns = dns;
		resolver->loop = loops->at[i];
		resolver->start.run = resolver_start;
		resolver->end.run = resolver_end;
		LIST_INIT(&resolver->failed);
	}
	if (!dns_start(dns, why)) {
		dns_free(&dns);
		return NULL;
	}
	if (!dns->resolver[0].trial)
		return dns;
	atomic_store(&dns->deciding, true);
	loop_post(dns->resolver[0].loop, &dns->resolver[0].start);
	if (options->at_once)
		return dns;
	lock_take(&dns->lock);
	int64_t deadline_ms = dns->trial_begun_ms + TRIAL_PATIENCE_MS;
	while (atomic_load(&dns->deciding) && cond_wait_until(&dns->decided, &dns->lock, deadline_ms))
		continue;
	lock_drop(&dns->lock);
	first_trial_decide(dns);
	return dns;
}

bool dns_is_deciding(struct dns *dns)
{
	return atomic_load(&dns->deciding);
}

bool dns_validates(struct dns *dns)
{
	return atomic_load(&dns->validates) || atomic_load(&dns->deciding);
}

void dns_free(struct dns **slot)
{
	struct dns *dns = *slot;
	if (!dns)
		return;
	*slot = NULL;
	/* The last of these tasks frees the dns. That may happen before this loop ends. */
	unsigned count = dns->count;
	for (unsigned i = 0; i < count; i++)
		loop_post(dns->resolver[i].loop, &dns->resolver[i].end);
}
