/* Domains that are arguments of a command. */
#ifndef CLI_DOMAINS_H
#define CLI_DOMAINS_H

#include "commands.h"
#include "question.h"
#include "store.h"

/* Makes a question from an argument, which is a domain or a next hop. If the argument names no domain that can have a
 * policy, or has a port or brackets that cannot be read, prints a message on stderr and returns false. */
bool domain_word(struct question *out, const char *word, enum purpose purpose);
/* Makes a question from the argument of `query`: a domain, a next hop or an address. Accepts address literals and names with
 * a single label, too: they cannot have a policy, and the question then has no domain. If the argument is none of these,
 * prints a message on stderr and returns false. */
bool hop_word(struct question *out, const char *word, enum purpose purpose);
/* Returns whether domain_word() accepts all arguments; prints a message for the first one that it does not accept. Call
 * it before the command changes anything. */
bool domain_words(char **words, size_t count);
/* Returns whether the store has an entry for the domain. */
enum store_found domain_stored(struct store *store, const char *domain);

#endif
