/* Finds out whether validation works with the DNS servers (design 7.11): looks up records of the trust anchor's zone in
 * a validating context of its own. So a failed trial leaves nothing in the caches that lookups use. Part of
 * dns_unbound.c. */
#ifndef IO_DNS_TRIAL_H
#define IO_DNS_TRIAL_H

#include "dns.h"

#define TRIAL_WORDS_SIZE 320

enum trial_finding {
	TRIAL_UNANSWERED, /* not all lookups have been answered */
	TRIAL_SIGNED,     /* all answers are secure */
	TRIAL_UNSIGNED    /* all lookups have been answered, and at least one answer is bogus or insecure */
};

/* After a trial that ended with TRIAL_UNSIGNED: returns how many ms after its start the next one may start. `last` is
 * what this function returned for the trial before, or 0 if that one did not end so. */
int64_t trial_wait_ms(int64_t last);

struct trial;
/* Creates a trial, but looks up nothing yet. Returns NULL on failure. Any thread. */
struct trial *trial_new(const struct dns_options *options, struct loop *loop, struct failure *why);
/* Starts the lookups. Calls `ended` once, later, when all of them have ended. This and the functions below must be
 * called on the loop's thread. */
void trial_begin(struct trial *trial, void (*ended)(void *arg), void *arg);
enum trial_finding trial_finding(const struct trial *trial);
/* Describes the first answer that was not secure: "DNSKEY of example.com is bogus". Only after TRIAL_UNSIGNED. */
void trial_words(const struct trial *trial, char words[TRIAL_WORDS_SIZE]);
/* Frees a trial, if there is one, and sets the pointer to NULL. Any thread, if the trial has not begun. `ended` may
 * call it. */
void trial_free(struct trial **trial);

#endif
