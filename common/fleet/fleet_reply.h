/* Reads the replies of a Valkey or Redis server from a stream of bytes (RESP), bounded: hiredis parses them, and this module limits
 * how much of a reply is kept. Hides hiredis. The bytes are hostile. Not locked: one thread for each reader. */
#ifndef FLEET_FLEET_REPLY_H
#define FLEET_FLEET_REPLY_H

#include "fleet_link.h"

#define REPLY_READ_SIZE 16384 /* octets that may be fed at a time */

struct reply_reader;
struct reply_reader *reply_reader_new(void);
/* Frees a reader and sets the pointer to NULL. */
void reply_reader_free(struct reply_reader **reader);
/* Adds bytes, REPLY_READ_SIZE at most. Then call reply_next() until it finds no reply. */
void reply_feed(struct reply_reader *reader, const char *bytes, size_t len);
/* Returns whether all went well. Sets `reply` to the next reply, which the caller frees with reply_free(), or to NULL if it has not
 * arrived as a whole. Returns false if the stream is not usable any more, with the reason in `why`, a constant text. */
bool reply_next(struct reply_reader *reader, struct link_reply **reply, const char **why);
/* Frees a reply and sets the pointer to NULL. */
void reply_free(struct link_reply **reply);

#endif
