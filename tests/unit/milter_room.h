/* The real milter with the fake check, on a UNIX socket in its own directory. A process can have only one: libmilter
 * cannot be started twice. */
#ifndef UNIT_MILTER_ROOM_H
#define UNIT_MILTER_ROOM_H

#include "milter_client.h"

#include <stddef.h>

int milter_room_open(void **state);  /* cmocka group set-up */
int milter_room_close(void **state); /* and tear-down */
const char *milter_room_path(void);
/* Settings for later messages: -o overrides of the defaults. */
void milter_room_settings(const char *const *overrides, size_t count);

/* Between these two calls the log goes to a file instead of stderr. milter_room_log() returns the file's text; the
 * caller frees it. */
void milter_room_log_catch(void);
char *milter_room_log(void);

#endif
