/* Output of the tool on stdout and stderr. words.h and json_value.h have what the status page also uses. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "failure.h"
#include "json_value.h"
#include "words.h"

/* Prints one line to stdout: a label in the left margin, which may be "", and the text. */
void line_print(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints on stderr that a command has nothing to print, if stdout is a terminal. `what` is a sentence without a full stop. */
void nothing_print(const char *what);

/* Prints a failure to stderr. Returns its exit status. */
int complain(const struct failure *why);

/* Prints a value on one line of ASCII and frees it. */
void json_print(json_t *value);
/* Prints {"NAME": array} if `wanted`. Frees the array in any case. */
void json_print_list(const char *name, json_t *array, bool wanted);

#endif
