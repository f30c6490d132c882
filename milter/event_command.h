/* Runs the program of the setting event_command for events that somebody should hear of at once (design 8.1).
 *
 * A thread of its own runs one program at a time. Events that come meanwhile wait in a small queue, the most severe first.
 * Rates limit the programs. Events that find no place are left out and only counted, so a flood of events costs nothing
 * more. The setting is read again for each event, so a reload changes it. */
#ifndef MILTER_EVENT_COMMAND_H
#define MILTER_EVENT_COMMAND_H

#include "check.h"

#define EVENT_COMMAND_MS 30000   /* how long a program may run */
#define EVENT_COMMAND_WAITING 16 /* events that wait at a time */
#define EVENT_COMMAND_A_MINUTE 6 /* programs, also in one burst; events below `error` leave a third of them */
#define EVENT_COMMAND_AN_HOUR 60

struct event_command;
/* Starts the thread. `check` and `store` must outlive it. Returns NULL on failure (EX_OSERR). */
struct event_command *event_command_start(struct check *check, struct store *store, struct failure *why);
/* For check_listen(). `command` is a struct event_command. Never waits. Written events come from one thread at a time. */
void event_command_hear(void *command, const struct event_record *event, bool written);
/* Asks the thread to stop, and a program that runs to end. Never waits. Does nothing if `command` is NULL. */
void event_command_stop(struct event_command *command);
/* Waits for the thread's end, for PROGRAM_GRACE_MS at most. From then on events are ignored, and `check` is not used. Does
 * nothing if `command` is NULL. */
void event_command_join(struct event_command *command);
/* Frees it after event_command_join(), when no event can be heard any more, and sets the pointer to NULL. Does nothing if
 * it is NULL. */
void event_command_free(struct event_command **command);
/* Logs a warning if the program cannot be run: stsgated runs as root, or it is no executable file for this user. Call it
 * at the start and at each reload, with the user that stsgated runs as. */
void event_command_warn(const struct settings *settings);

#endif
