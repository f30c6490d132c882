/* What the values in the shared store hold: an entry, or a node's evidence about a mail host, in the form of an export and sealed
 * (fleet_keys.h). Readers accept hostile bytes. On the loop's thread. Internal to fleet. */
#ifndef FLEET_FLEET_VALUE_H
#define FLEET_FLEET_VALUE_H

#include "fleet_parts.h"
#include "fleet_trust.h"

/* Writes a place: `PREFIX:KIND:NAME`. */
void fleet_place(char out[FLEET_PLACE_SIZE], const struct fleet_base *base, const char *kind, const char *name);

/* Returns the value for an entry, which holds its record and its policy, but neither its MX set nor when it was used. The caller
 * frees it. NULL: it would be too long. */
char *fleet_entry_write(const struct fleet_base *base, const struct entry *entry, int64_t now, size_t *len);

struct fleet_entry {
	struct entry entry; /* owned */
	char writer[NODE_NAME_SIZE];
};
/* Reads the value of a domain, and counts it if it is ignored (fleet_ignore()). On success the caller frees out->entry; otherwise there is nothing to free. */
enum fleet_ignored fleet_entry_read(const struct fleet_base *base, const char *domain, const char *bytes, size_t len,
	int64_t now, struct fleet_entry *out);

/* Writes the place of a mail host. */
void fleet_hop_place(char out[FLEET_PLACE_SIZE], const struct fleet_base *base, const char *host, uint16_t port);
/* Returns this node's value in the hash of a mail host: conclusive evidence by the trust store. As fleet_entry_write(). */
char *fleet_hop_write(const struct fleet_base *base, const char *host, uint16_t port, const struct evidence *seen,
	int64_t now, size_t *len);
/* Reads the value of one node: the field `node` of the hash. As fleet_entry_read(), but there is never anything to free. */
enum fleet_ignored fleet_hop_read(const struct fleet_base *base, const char *host, uint16_t port,
	const struct link_reply *node, const struct link_reply *value, int64_t now, struct fleet_seen *out);

/* The words of the command that asks how much memory a hash takes; with so many samples the server needs about a millisecond at
 * most. Whoever can write into the shared store can make a hash so large that reading it breaks the link. */
#define FLEET_USAGE_WORDS 5
#define FLEET_USAGE(place) ((const char *const[FLEET_USAGE_WORDS]){"MEMORY", "USAGE", (place), "SAMPLES", "2048"})
/* Returns whether the hash takes more than `max` octets, so that nobody should read it, and counts it as ignored. False if the server
 * does not tell. */
bool fleet_usage_is_large(const struct link_reply *usage, int64_t max);

#endif
