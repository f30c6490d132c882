/* Reads the output of another program, or a file, into memory: bounded in size and time, without NUL octets inside. The
 * caller must be the only thread of the process that starts programs. */
#ifndef CLI_READ_TEXT_H
#define CLI_READ_TEXT_H

#include "failure.h"

#include <stdbool.h>
#include <stddef.h>

#define READ_TEXT_MAX (4 * 1024 * 1024) /* octets; a longer output or file is a failure */

/* Runs a program and returns what it prints: a string that the caller frees. `words` are its path and arguments, ended by
 * NULL. `input` is an open file that becomes its standard input; -1: it gets none. It inherits no other descriptor, and
 * from the environment MAIL_CONFIG only. It must end within `seconds`.
 *
 * Returns NULL if the program cannot be run, fails, or prints too much or too long. `why` then has the last line of its
 * error messages, quoted. It fails if its status is not 0. If `may_find_nothing`, status 1 without any error message is
 * no failure: so postmap(1) ends if a table has none of the keys, while a table that it cannot open has a message. */
char *program_text(const char *const *words, int input, bool may_find_nothing, int seconds, struct failure *why);
/* Returns the path of a program in the usual directories of programs for administrators, or NULL. */
const char *program_find(const char *name, char *path, size_t size);

/* Returns the text of a regular file: a string that the caller frees. Returns NULL with the reason in `why`, and the errno
 * in why->code. */
char *file_text(const char *name, struct failure *why);

#endif
