/* Whether validation works with the DNS servers: questions about the zone of the trust anchor, asked of a validating
 * context of its own, so that nothing of a trial that failed is left in any cache. Part of dns_unbound.c. */
#ifndef IO_DNS_TRIAL_H
#define IO_DNS_TRIAL_H

#include "dns.h"

#define TRIAL_WORDS_SIZE 320

enum trial_finding {
	TRIAL_UNANSWERED, /* so far, or in the end */
	TRIAL_SIGNED,     /* all answers are secure */
	TRIAL_UNSIGNED    /* answers that are bogus, or insecure */
};

/* How long to wait for the next trial when one has ended with TRIAL_UNSIGNED; `last`: what was waited for it, 0 for the
 * first. */
int64_t trial_wait_ms(int64_t last);

struct trial;
/* `options` ask for DNS_VALIDATE_ON or _AUTO. Nothing is asked yet: any thread may call this. NULL on failure. */
struct trial *trial_new(const struct dns_options *options, struct loop *loop, struct failure *why);
/* On the loop's thread, as what follows. Calls `ended` once, later, when all questions have ended. */
void trial_begin(struct trial *trial, void (*ended)(void *arg), void *arg);
enum trial_finding trial_finding(const struct trial *trial);
/* "DNSKEY of example.com is bogus": of TRIAL_UNSIGNED, the first such answer. */
void trial_words(const struct trial *trial, char words[TRIAL_WORDS_SIZE]);
/* Any thread, if it has not begun. `ended` may call this. */
void trial_free(struct trial **trial);

#endif
