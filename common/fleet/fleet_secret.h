/* Reads a file that only the daemon's user and group may read: the keys, and the password for the shared store. Any thread. */
#ifndef FLEET_FLEET_SECRET_H
#define FLEET_FLEET_SECRET_H

#include "failure.h"

#define FLEET_SECRET_MAX 4096 /* octets of such a file */

/* Returns the file's text. The caller frees it with fleet_secret_free(). Returns NULL on failure: EX_NOINPUT if the file cannot be
 * read, EX_NOPERM if others than its owner and group have any right to it, EX_CONFIG if it is no short regular file of text. */
char *fleet_secret_read(const char *path, struct failure *why);
/* Overwrites and frees it, and sets the pointer to NULL. */
void fleet_secret_free(char **text);

#endif
