/* Runs one program of the operator's, with an input, a time limit, and no more than the rights of this process. */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include "failure.h"
#include "span.h"

#include <stdint.h>

#define PROGRAM_GRACE_MS 2000 /* between SIGTERM and SIGKILL */
#define PROGRAM_SAID_MAX 200  /* octets of the first line of its error messages that are kept */

struct program {
	char *const *words;       /* the absolute path of the program, and its arguments; NULL ends them */
	char *const *environment; /* all of its environment; NULL ends it */
	struct span input;        /* what it finds on its standard input */
	int64_t limit_ms;
	bool (*go_on)(void *arg); /* called about ten times a second; false ends the program early. May be NULL */
	void *arg;
};

/* Runs the program and waits for its end: for limit_ms and PROGRAM_GRACE_MS at most. Any thread that may wait for that
 * long, also while other threads run.
 *
 * The program has a session of its own, the directory /, umask 077, no core file, no blocked or ignored signal, and no
 * descriptor except 0, 1 and 2. Its output is dropped. It can gain no rights (PR_SET_NO_NEW_PRIVS): programs that are
 * setuid or setgid run without that. It is killed when this thread ends. At the limit its process group gets SIGTERM, and
 * SIGKILL a little later. What its process group still runs when it has ended is killed.
 *
 * Returns true if it ended with status 0. Otherwise `why` says how it ended (EX_SOFTWARE), with the first line of its error
 * messages in quotes, or why it could not be run (EX_OSERR). */
bool program_run(const struct program *program, struct failure *why);

#endif
