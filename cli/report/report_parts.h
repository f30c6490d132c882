/* The parts of the command `report`: each is a function for the word behind `report`, and gets the words after it. */
#ifndef CLI_REPORT_PARTS_H
#define CLI_REPORT_PARTS_H

#include "commands.h"
#include "output.h"
#include "settings.h"
#include "store.h"
#include "tlsrpt_report.h"

command_run report_bounced, report_list, report_read, report_send, report_show, report_test;

#define REPORT_DAY_SIZE sizeof "2026-01-31"
/* Writes a day, given in days since 1970, and returns `out`. */
const char *report_day_text(char out[REPORT_DAY_SIZE], int64_t day);
/* Reads a day, `today` or `yesterday`. Prints a message on stderr and returns false if the text is none of these. */
bool report_day_read(const char *text, int64_t *day);

/* What became of reports. */
struct report_states {
	const struct settings *settings; /* the caller's */
	int64_t now;
	struct names domains, exclude; /* report_domains, report_exclude */
	struct tlsrpt_send *rows;
	size_t count;
};
/* Reads them. Returns false on failure; the caller closes them in any case. */
bool report_states_open(
	struct report_states *states, struct store *store, const struct settings *settings, struct failure *why);
void report_states_close(struct report_states *states);

struct report_state {
	const char *name; /* of tlsrpt_send_state_name(), or `off`, `excluded` or `no-failures` */
	unsigned attempts;
	int64_t last_at, next_at; /* the newest attempt, and when the next one is due; 0: none */
	const char *detail;       /* what the newest attempt brought; NULL or "": nothing. Printable */
};
/* Returns the state of one report. `detail` is valid until report_states_close(). */
struct report_state report_state_of(
	const struct report_states *states, const struct tlsrpt_tally *tally, const struct report_address *address);
/* Returns the time of the next attempt, else of the newest one, or "-". */
const char *report_state_when(const struct report_state *state, struct when *when);

#endif
