/* Whether validation works with the DNS servers: questions about the zone of the trust anchor, asked of a validating
 * context of its own, so that nothing of a trial that failed is left in any cache. Part of dns_unbound.c. One thread at
 * a time. */
#ifndef IO_DNS_TRIAL_H
#define IO_DNS_TRIAL_H

#include "dns.h"

#include <unbound.h>

#define TRIAL_WORDS_SIZE 320

enum trial_finding {
	TRIAL_UNANSWERED, /* so far, or for good */
	TRIAL_SIGNED,     /* all answers are secure */
	TRIAL_UNSIGNED    /* answers that are bogus, or insecure */
};

/* How long to wait for the next trial when one has ended with TRIAL_UNSIGNED; `last`: what was waited for it, 0 for the
 * first. */
int64_t trial_wait_ms(int64_t last);

struct trial;
/* Asks at once; no answer is waited for. `options` ask for DNS_VALIDATE_ON or _AUTO. */
struct trial *trial_new(const struct dns_options *options, struct failure *why);
void trial_free(struct trial **trial); /* and its context, if it was not taken */
int trial_fd(const struct trial *trial);
/* When trial_fd() is readable. True: it has ended. */
bool trial_process(struct trial *trial);
enum trial_finding trial_finding(const struct trial *trial);
/* "DNSKEY of example.com is bogus": of TRIAL_UNSIGNED, the first such answer. */
void trial_words(const struct trial *trial, char words[TRIAL_WORDS_SIZE]);
/* The context is the caller's from now on; nothing is under way in it once the trial has ended. */
struct ub_ctx *trial_take(struct trial *trial);

#endif
