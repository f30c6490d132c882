/* Domains as words of the command line. */
#ifndef CLI_DOMAINS_H
#define CLI_DOMAINS_H

#include "commands.h"
#include "question.h"

/* False, and said on stderr, when the word names no policy domain. */
bool domain_word(struct question *out, const char *word, enum purpose purpose);
/* True when all do; to be asked before anything is changed. */
bool domain_words(char **words, size_t count);

#endif
