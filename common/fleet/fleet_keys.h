/* The keys of a farm (setting fleet_key_file), and values that are sealed by them. A sealed value is text:
 *
 *     stsgate1 KEYID MAC PAYLOAD
 *
 * KEYID (8 hexadecimal digits) names the key without revealing it. MAC is the HMAC-SHA256 of the place and PAYLOAD, as 64
 * hexadecimal digits: a value that is moved to another place of the shared store is not valid there. PAYLOAD is one JSON object with the members
 * `schema` (FLEET_SCHEMA), `node` (the writer), `at` (when it was written, seconds) and the content.
 *
 * The file has one key or two, one in a line, each of 64 hexadecimal digits (openssl rand -hex 32). The first key seals, both
 * open. fleet_open_value() accepts hostile bytes. Any thread. */
#ifndef FLEET_KEYS_H
#define FLEET_KEYS_H

#include "failure.h"
#include "node_name.h"

#include <jansson.h>

#define FLEET_SCHEMA 1
#define FLEET_KEYS_MAX 2
#define FLEET_VALUE_MAX 262144 /* octets of a sealed value */

#define FLEET_KEY_ID_SIZE 9

struct fleet_keys;
/* Reads the keys. Returns NULL on failure: EX_NOINPUT, EX_CONFIG (no key), or EX_NOPERM if others than the owner and the group have
 * any right to the file. */
struct fleet_keys *fleet_keys_read(const char *path, struct failure *why);
/* Reads the file again. The new keys hold for all later calls, on any thread. On failure, as above, the keys stay as they are. */
bool fleet_keys_reread(struct fleet_keys *keys, const char *path, struct failure *why);
void fleet_keys_free(struct fleet_keys **keys);
/* Sets the names (KEYID) of the keys in the order of the file, and returns how many there are: at least one. */
size_t fleet_key_ids(const struct fleet_keys *keys, char id[FLEET_KEYS_MAX][FLEET_KEY_ID_SIZE]);

/* Why a value is ignored. Each is counted (metric stsgate_fleet_ignored_total). */
enum fleet_ignored {
	FLEET_TAKEN,      /* it is not */
	FLEET_OVERSIZED,  /* longer than FLEET_VALUE_MAX */
	FLEET_UNSIGNED,   /* not a sealed value */
	FLEET_FOREIGN,    /* by another key, or for another place */
	FLEET_UNREADABLE, /* well sealed, but not what it should be; or of a later schema */
	FLEET_FUTURE,     /* written, or dated, more than CLOCK_SKEW_S ahead of this machine's clock */
	FLEET_REPLAYED,   /* older than what is known */
	FLEET_IGNORED_KINDS
};
const char *fleet_ignored_name(enum fleet_ignored ignored);
/* Counts a value that is ignored; FLEET_TAKEN is not counted. fleet_open_value() counts what it refuses itself. */
void fleet_ignore(enum fleet_ignored ignored);

/* Seals the object for a place (the name of the Redis key; for a field of a hash, the key, a blank and the field). Adds schema,
 * node and at to the object, which stays the caller's. Returns a string that the caller frees, and sets `len`; returns NULL if it
 * would be longer than FLEET_VALUE_MAX. */
char *fleet_seal_value(
	const struct fleet_keys *keys, const char *place, const char *node, int64_t now, json_t *object, size_t *len);
/* Seals a text as it is, for tests of what fleet_open_value() refuses. */
char *fleet_seal_payload(
	const struct fleet_keys *keys, const char *place, const char *payload, size_t payload_len, size_t *len);
/* Opens a sealed value. On success returns the object, which the caller drops by json_decref(), and sets `node` and `at`.
 * Otherwise returns NULL and sets `ignored`. */
struct fleet_written {
	char node[NODE_NAME_SIZE];
	int64_t at;
};
json_t *fleet_open_value(const struct fleet_keys *keys, const char *place, const char *bytes, size_t len, int64_t now,
	struct fleet_written *written, enum fleet_ignored *ignored);

#endif
