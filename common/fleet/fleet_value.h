/* What the values in the shared store hold: an entry, or a node's evidence about a mail host, in the form of an export and sealed
 * (fleet_keys.h). Readers accept hostile bytes. On the loop's thread. Internal to fleet. */
#ifndef FLEET_FLEET_VALUE_H
#define FLEET_FLEET_VALUE_H

#include "fleet_parts.h"

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

#endif
