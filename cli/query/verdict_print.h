/* Prints a verdict and its preview for people, to stdout. For the main thread. */
#ifndef CLI_VERDICT_PRINT_H
#define CLI_VERDICT_PRINT_H

#include "describe.h"
#include "verdict_shown.h"

/* Returns the exit status of `query`. */
int verdict_shown_status(const struct verdict_shown *shown);
/* Print the line of the verdict and the advice; the letter. */
void verdict_shown_print(const struct verdict_shown *shown, struct view *view);
void verdict_shown_letter(const struct verdict_shown *shown);
/* Prints what the daemon and the MTA would do. */
void preview_print(const struct preview *preview);

#endif
