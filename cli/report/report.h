/* The parts of the command `report`: each is a function for the word behind `report`, and gets the words after it. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "commands.h"
#include "tlsrpt_report.h"

command_run report_list, report_show;

#define REPORT_DAY_SIZE sizeof "2026-01-31"
/* Writes a day, given in days since 1970, and returns `out`. */
const char *report_day_text(char out[REPORT_DAY_SIZE], int64_t day);
/* Reads a day, `today` or `yesterday`. Prints a message on stderr and returns false if the text is none of these. */
bool report_day_read(const char *text, int64_t *day);

#endif
