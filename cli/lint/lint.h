/* What the forms of `stsgate lint` share. */
#ifndef CLI_LINT_H
#define CLI_LINT_H

#include "commands.h"
#include "finding.h"
#include "span.h"

#include <stdint.h>

#define LINT_PLACE_SIZE 512
/* Writes where a mistake is: its name, its line (0: none), and the octets that are wrong, quoted (`at` NULL: none). Returns
 * `out`. */
const char *lint_place(char out[LINT_PLACE_SIZE], enum finding finding, uint32_t line, struct span value);

/* Runs `lint domain`. */
int lint_domain(const struct options *options, const char *word);

#endif
