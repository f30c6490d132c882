/* The frame of `stsgate doctor`: checks of this machine, of the daemon and of the MTA.
 *
 * Checks belong to groups. Each group is a function in a file of its own, and runs in a child process of its own. So all
 * groups run at the same time, a group that hangs or crashes takes none of the others with it, and the store or the
 * network is read without root's rights (doctor_run.c has the table of groups). A group calls doctor_report() for each of
 * its findings; the parent prints them in the order of the groups.
 *
 * A group runs on one thread when it starts. It may fork, start threads, and give up root's rights. It need not free
 * anything: its process ends when the function returns. It need not set time limits of its own if all its checks
 * together are bounded by DOCTOR_SECONDS, but a check that runs into this limit takes the later checks of its group with
 * it. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "commands.h"
#include "settings.h"

#define DOCTOR_SECONDS 25    /* the longest time that a group may take; then it is killed */
#define DOCTOR_TEXT_SIZE 900 /* octets of a finding or remedy, with the NUL; longer text is cut */

/* The order is that of a monitoring plug-in's exit statuses 0, 1 and 2. */
enum doctor_result {
	DOCTOR_OK,
	DOCTOR_WARN, /* mail flows and is protected, but somebody should look */
	DOCTOR_FAIL, /* mail waits, or is not protected */
	DOCTOR_SKIP  /* the check does not apply here, or cannot be made; the finding gives the reason */
};

struct doctor {
	const struct options *options;
	const struct settings *settings;
	size_t word_count; /* names of checks and groups that the operator asked for; 0: all checks */
	char **words;
	int out;      /* the pipe to the parent */
	bool dropped; /* the operator did not ask for the last finding that was reported */
};

/* Reports a finding: one line, no dot at its end. `check` is a name from doctor.def. The line is dropped if the operator
 * did not ask for the check. Untrusted words in the text must be quoted (quote_string()). */
void doctor_report(struct doctor *doctor, const char *check, enum doctor_result result, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Adds what to do to the last finding that was reported. Call it once after each warning and failure. */
void doctor_remedy(struct doctor *doctor, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Returns whether the operator asked for this check (the words and --quick on the command line). A check that takes time
 * should ask first. */
bool doctor_wants(const struct doctor *doctor, const char *check);

/* Returns the name of the settings file. */
const char *doctor_file(const struct options *options);

/* Gives up root for the daemon's user, or for nobody if there is no such user; does nothing in a process that is not root,
 * or with user = root. Returns false after a message if that fails; the group must then return. */
bool doctor_leave_root(const struct doctor *doctor);

typedef void doctor_group(struct doctor *doctor);
doctor_group doctor_machine;
doctor_group doctor_network;
doctor_group doctor_outbound;
doctor_group doctor_store;
doctor_group doctor_sockets;
doctor_group doctor_fleet;
doctor_group doctor_postfix;
doctor_group doctor_sendmail;

#endif
