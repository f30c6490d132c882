/* The file of a UNIX socket, made safely by a process that may be root (design 6.11).
 *
 * The daemon's user may own the socket's directory and could put a link there to mislead root. So the file is made and
 * removed with that user's rights. Root makes the file itself only in a directory that nobody else can change. The
 * owner of a socket is changed only through an open descriptor, never by its path.
 *
 * Call these functions before any thread is started, except socket_file_remove(). */
#ifndef LOOP_SOCKET_FILE_H
#define LOOP_SOCKET_FILE_H

#include "privileges.h"

#define SOCKET_FILE_PATH_SIZE 108 /* of sun_path */

struct socket_file {
	char path[SOCKET_FILE_PATH_SIZE];
	const struct identity *maker; /* the user whose rights make the file; NULL: this process's own rights */
};

/* Decides whose rights will make a file at `path`. Fails with EX_CANTCREAT if nobody may make it there; the text of
 * `why` then advises what to do. `identity` must outlive the file. */
bool socket_file_init(struct socket_file *file, const char *path, const struct identity *identity, struct failure *why);
/* Between socket_file_begin() and socket_file_end(), the process makes files with the maker's rights. */
bool socket_file_begin(const struct socket_file *file, struct failure *why);
/* Leaves errno as it was. */
void socket_file_end(void);
/* Changes the owner of the socket that was just made. (uid_t)-1 or (gid_t)-1 leaves the user or group as it is. Fails
 * with EX_CANTCREAT if the path is no longer a socket of the maker. */
bool socket_file_give(const struct socket_file *file, uid_t uid, gid_t gid, struct failure *why);
/* Removes the file with the maker's rights. Ignores errors. */
void socket_file_remove(const struct socket_file *file);

#endif
