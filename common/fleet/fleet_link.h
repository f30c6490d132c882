/* The connection to the shared store: a Valkey or Redis server that the relays of one site share. Commands have a deadline, and
 * what arrives is bounded. Hides hiredis.
 *
 * The server is not trusted: it may be slow, full, empty or lying. A command that has no answer by its deadline ends without
 * one. While the link is down, all commands end at once (a circuit breaker): for LINK_REST_MS after the server has made callers
 * wait or sent what is no reply; for a second if it has only closed or refused the connection, and longer each time, up to
 * LINK_REST_MS. All functions are called on the link's loop, and callbacks run there, never from inside the function that they
 * answer. No callback may free the link. */
#ifndef FLEET_FLEET_LINK_H
#define FLEET_FLEET_LINK_H

#include "loop.h"
#include "settings.h"

#include <stddef.h>

#define LINK_DEADLINE_MS 100  /* for a command that an inquiry waits for */
#define LINK_PATIENCE_MS 5000 /* for other commands */
#define LINK_REST_MS 30000    /* after a failure */
#define LINK_BEAT_MS 10000    /* between two looks whether a link that may be idle still works */
/* What arrives is bounded in such a way that nobody who may write into the shared store breaks the link by one large value. */
#define LINK_TEXT_MAX                                                                                                  \
	262145 /* octets of one text; of a longer one so many arrive, and it is longer than any value may be */
#define LINK_SKIP_MAX 67108864 /* octets of a longer text that are read and dropped; one with more breaks the link */
#define LINK_REPLY_MAX 1048576 /* octets of one reply; texts of a list beyond that arrive as LINK_NIL */
#define LINK_ITEMS_MAX 4096    /* items of one list; a longer one breaks the link */
#define LINK_WAITING_MAX 16384 /* commands without an answer; beyond that they end at once */

enum link_reply_kind {
	LINK_NONE,   /* no answer: the link is down or broke, or the deadline has passed */
	LINK_NIL,    /* there is no such value; or SET NX has set nothing */
	LINK_OK,     /* a status, in `bytes` */
	LINK_NUMBER, /* `number` */
	LINK_BYTES,  /* `bytes` */
	LINK_LIST,   /* `count` items */
	LINK_REFUSED /* an error of the server, in `bytes`: untrusted text */
};
struct link_reply {
	enum link_reply_kind kind;
	int64_t number;
	const char *bytes;
	size_t len;
	const struct link_reply *item;
	size_t count;
};
/* Called once for each command. The reply belongs to the link. */
typedef void link_answered(void *arg, const struct link_reply *reply);
/* Called for each message of a channel. */
typedef void link_heard(void *arg, const char *bytes, size_t len);
/* Called when the link goes up (also after each new connection), when it goes down, and after each further attempt that has failed.
 * `why` is printable. */
typedef void link_changed(void *arg, bool up, const char *why);

struct link;
struct link_options {
	const struct settings *settings; /* fleet_server, fleet_user, fleet_password_file */
	struct loop *loop;
	link_changed *changed; /* may be NULL */
	void *arg;
};
/* Connects in the background, again after each failure, until link_free(). Call it before the loop starts or on its thread. The
 * settings must outlive it. */
struct link *link_new(const struct link_options *options);
/* Ends all commands without an answer. */
void link_free(struct link **link);
bool link_is_up(const struct link *link);
/* Sets `ahead_s` to how far the server's clock is ahead of this machine's, in seconds: negative if it is behind. Returns false if the
 * link is down, or the server does not tell (TIME). */
bool link_clock(const struct link *link, int64_t *ahead_s);

/* Sends a command: `count` words of `len` octets each. `answered` may be NULL. */
void link_command(struct link *link, int64_t deadline_ms, link_answered *answered, void *arg, size_t count,
	const char *const *word, const size_t *len);
/* The same, for words that are strings. */
void link_ask(struct link *link, int64_t deadline_ms, link_answered *answered, void *arg, size_t count,
	const char *const *word);
/* Subscribes to a channel, by a connection of its own, again after each failure. One channel for each link; the name is copied. */
void link_listen(struct link *link, const char *channel, link_heard *heard, void *arg);

#endif
