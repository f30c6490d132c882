/* The parts of `stsgate audit`: reading the input, the state file, and the output. If a function that reads or writes a
 * file fails, it prints a message on stderr. */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include "lines.h"
#include "output.h"
#include "progress.h"
#include "tally.h"

#define AUDIT_TLS_WORDS 16

/* What was read. */
struct audit_input {
	struct tally tally;
	bool log;                /* read from mail logs; false: from lists of domains */
	bool level;              /* judged under default_level = verify */
	uint64_t invalid;        /* list: lines that name no domain */
	uint64_t without_domain; /* log: recipients without a domain that can have a policy */
	uint64_t left_out;       /* recipients, or lines of a list, beyond TALLY_ROWS_MAX domains */
	char relay[DOMAIN_SIZE]; /* log: the first host that got mail; "": none */
	bool many_relays;        /* log: another host got mail, too */
	struct audit_tls {
		char word[MAILLOG_WORD_MAX + 1];
		uint64_t count;
	} tls[AUDIT_TLS_WORDS]; /* log of Postfix 3.11: the levels of TLS; unused ones have count 0 */
	struct audit_seen {     /* recipients whose delivery was deferred: numbers made of queue id and address */
		uint64_t *slots;
		size_t slot_count, count;
	} seen;
};
void audit_input_init(struct audit_input *input, bool log);
void audit_input_free(struct audit_input *input);
/* Opens one file; "-" is standard input. Returns its descriptor, or -1. All files are opened before any of them is read:
 * root may have to open a log, but nothing in it is parsed with root's rights. */
int audit_open(const char *name);
/* Read one open file and add what it has. Close it. Return false if it cannot be read to its end. */
bool audit_read_list(struct audit_input *input, const char *name, int descriptor);
bool audit_read_log(struct audit_input *input, const char *name, int descriptor, struct progress *progress);

/* The state file of --resume: one line of JSON per domain that has been judged. */
struct audit_state {
	int descriptor; /* until audit_state_read(); -1: there is no state file */
	FILE *file;
	bool level;     /* this run judges under default_level = verify: results of other runs do not count */
	uint64_t known; /* rows whose result came from the file */
};
/* Opens the file, and makes it if it is missing. `path` NULL: there is no state file. */
bool audit_state_open(struct audit_state *state, const char *path);
/* Sets the results of those rows that the file has. A last line that is incomplete, as an interrupted run leaves it, is
 * removed. Lines that cannot be read are ignored. */
bool audit_state_read(struct audit_state *state, struct tally *tally, const char *path);
/* Writes a row that has been judged. */
void audit_state_add(struct audit_state *state, const struct tally_row *row);
bool audit_state_close(struct audit_state *state, const char *path);

/* A row as a JSON object, which the caller owns. */
json_t *audit_row_json(const struct tally_row *row);
/* Print the rows, which are sorted by result, the totals and the advice. `monitor`: the daemon's mode is monitor. */
void audit_print_text(const struct audit_input *input, bool monitor);
void audit_print_json(const struct audit_input *input, bool monitor);
/* Prints the rows as CSV, and the advice on stderr. */
void audit_print_csv(const struct audit_input *input, bool monitor);

#endif
