/* One connection to the shared store, without login: sends commands, matches the replies with them, and keeps their deadlines.
 * fleet_link.h is what other modules use. All functions are called on the loop's thread, or before the loop starts. */
#ifndef FLEET_FLEET_LINE_H
#define FLEET_FLEET_LINE_H

#include "fleet_link.h"

#include <sys/socket.h>

#define LINE_LATE_MS 1000        /* the connection breaks if no command is answered in time for so long */
#define LINE_OUTPUT_MAX 16777216 /* octets that wait to be sent; beyond that commands end at once */

struct line_address {
	struct sockaddr_storage at;
	socklen_t len;
};
struct line_options {
	struct loop *loop;
	const struct line_address *address; /* must outlive the line */
	void (*connected)(void *arg);
	/* Called when a connection, or the attempt to make one, has ended. `why` is printable. `slow`: the server has made callers
	 * wait. */
	void (*broken)(void *arg, const char *why, bool slow);
	void (*message)(void *arg, const struct link_reply *list); /* a message of a channel; NULL: none is expected */
	size_t input_max; /* octets in a second; more breaks the line, because reading them takes time from other work */
	void *arg;
};

struct fleet_line;
struct fleet_line *line_new(const struct line_options *options);
/* Ends all commands without an answer, calls `broken` no more, and sets the pointer to NULL. */
void line_free(struct fleet_line **line);
/* Begins to connect. The line must not be connected. */
void line_connect(struct fleet_line *line);
/* Ends the connection and all commands, and calls `broken`. Does nothing if there is no connection. */
void line_break(struct fleet_line *line, const char *why, bool slow);
/* As link_command(). */
void line_send(struct fleet_line *line, int64_t deadline_ms, link_answered *answered, void *arg, size_t count,
	const char *const *word, const size_t *len);

#endif
