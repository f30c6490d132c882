/* The file of a UNIX socket, made by a process that may be root. The daemon's user may have the directory in its hands,
 * and with it all that a path leads to. So the file is made and removed with that user's rights; root makes it only in a
 * directory that nobody else can change; and what gets another owner is what is open already, never a path. Before any
 * thread is started, but for socket_file_remove(). */
#ifndef LOOP_SOCKET_FILE_H
#define LOOP_SOCKET_FILE_H

#include "privileges.h"

#define SOCKET_FILE_PATH_SIZE 108 /* of sun_path */

struct socket_file {
	char path[SOCKET_FILE_PATH_SIZE];
	const struct identity *maker; /* whose rights make it; NULL: those of this process */
};

/* Finds out whose rights make a file at `path`. False when its directory takes none: `why` says what to do. */
bool socket_file_init(struct socket_file *file, const char *path, const struct identity *identity, struct failure *why);
/* Between the two, files are made with the maker's rights. */
bool socket_file_begin(const struct socket_file *file, struct failure *why);
void socket_file_end(void); /* keeps errno */
/* (uid_t)-1 and (gid_t)-1: left as they are. Nothing but a socket of the maker gets another owner. */
bool socket_file_give(const struct socket_file *file, uid_t uid, gid_t gid, struct failure *why);
void socket_file_remove(const struct socket_file *file);

#endif
