/* The tool's own connection to the shared store, by the same code as the daemon's. The tool waits for each answer. One thread. */
#ifndef CLI_FLEET_GUEST_H
#define CLI_FLEET_GUEST_H

#include "fleet_call.h"
#include "fleet_keys.h"
#include "fleet_link.h"
#include "lock.h"

#define GUEST_CONNECT_MS 6000 /* connecting and login */
#define GUEST_WHY_SIZE 512

struct fleet_guest {
	const struct settings *settings;
	struct loop *loop;
	struct link *link;
	struct lock lock;
	struct signal_cond cond;
	enum { GUEST_CONNECTS, GUEST_UP, GUEST_DOWN } state GUARDED_BY(lock);
	char why[GUEST_WHY_SIZE] GUARDED_BY(lock); /* why it is down; printable */
	char wanted[64] GUARDED_BY(lock);          /* the message that fleet_guest_hears() waits for */
	bool heard GUARDED_BY(lock);
};

/* Connects and logs in. `channel`: listens to it, too; NULL: to none. The settings must outlive it. Returns false on failure
 * (EX_UNAVAILABLE, EX_OSERR); there is nothing to close then. */
bool fleet_guest_open(
	struct fleet_guest *guest, const struct settings *settings, const char *channel, struct failure *why);
void fleet_guest_close(struct fleet_guest *guest);
/* Sends a command of strings and returns its answer; see fleet_call(). */
struct link_reply *fleet_guest_ask(struct fleet_guest *guest, size_t count, const char *const *word);
/* Publishes a message on the channel again and again until it comes back. Returns false if it has not come within `ms`. */
bool fleet_guest_hears(struct fleet_guest *guest, const char *channel, const char *message, int64_t ms);
/* Returns how far the server's clock is ahead of this machine's; see link_clock(). */
bool fleet_guest_clock(struct fleet_guest *guest, int64_t *ahead_s);

#endif
