/* Domains as arguments of a command. */
#ifndef CLI_DOMAINS_H
#define CLI_DOMAINS_H

#include "commands.h"
#include "question.h"
#include "store.h"

/* Reads an argument, a domain or a next hop, into a question. Returns false after a message on stderr when it names no domain. */
bool domain_word(struct question *out, const char *word, enum purpose purpose);
/* Returns whether all arguments are policy domains; called before a command changes anything. */
bool domain_words(char **words, size_t count);
/* Looks up whether the store has an entry of the domain. */
enum store_found domain_stored(struct store *store, const char *domain);

#endif
