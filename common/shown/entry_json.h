/* Entries, evidence and hops as JSON objects, as `show --json` prints them. Any thread. The caller owns what is returned. */
#ifndef SHOWN_ENTRY_JSON_H
#define SHOWN_ENTRY_JSON_H

#include "entry.h"
#include "evidence.h"
#include "revocation.h"
#include "store.h"

#include <jansson.h>

/* Return the objects of an entry, of evidence and of a hop. The entry's object does not contain its hops. What is known about
 * the revocation of a hop's certificate is read from the store (NULL: it is unknown). */
json_t *entry_json(const struct entry *entry);
json_t *evidence_json(const struct evidence *evidence, uint16_t port);
json_t *hop_json(struct store *store, const char *host, uint16_t port, const struct hop_record *record);
/* Moves the members with these names from `from` into `object`, and frees `from`. `names` ends with NULL. */
void members_move(json_t *object, json_t *from, const char *const *names);

/* Returns the certificate of the hop that was seen last; 0: none. */
uint64_t hop_leaf(const struct hop_record *record);
/* Reads what is known about the revocation of a certificate. Returns false if nothing is, and for a `store` that is NULL. */
bool hop_revocation(struct store *store, uint64_t leaf, struct revocation *out);

#endif
