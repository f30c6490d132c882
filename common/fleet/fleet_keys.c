#include "fleet_keys.h"

#include "age.h"
#include "ascii.h"
#include "fleet_secret.h"
#include "lock.h"
#include "memory.h"
#include "metrics.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define WORD "stsgate1"
#define KEY_OCTETS 32
#define KEY_LEN (2 * (size_t)KEY_OCTETS)
#define MAC_OCTETS 32
#define MAC_LEN (2 * (size_t)MAC_OCTETS)
#define ID_LEN ((size_t)FLEET_KEY_ID_SIZE - 1)
#define HEAD_LEN (sizeof WORD - 1 + 1 + ID_LEN + 1 + MAC_LEN + 1) /* octets before the payload */
#define ID_TEXT "stsgate fleet key"

struct key {
	unsigned char octets[KEY_OCTETS];
	char id[FLEET_KEY_ID_SIZE];
};
struct key_set {
	struct key key[FLEET_KEYS_MAX];
	size_t count;
};
/* A reload changes the set while other threads seal and open, so each of them works with a copy. */
struct fleet_keys {
	struct ring {
		struct lock lock;
		struct key_set set GUARDED_BY(lock);
	} * ring;
};

/* --- HMAC --------------------------------------------------------------------------------------------------------- */

struct bytes {
	const void *at;
	size_t len;
};

static void hex_write(const unsigned char *octets, size_t count, char *out)
{
	for (size_t i = 0; i < count; i++) {
		out[2 * i] = "0123456789abcdef"[octets[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[octets[i] & 15];
	}
}

/* Writes the HMAC-SHA256 of the parts as hexadecimal digits. Ends the process if OpenSSL cannot compute it. */
static void mac_write(const struct key *key, const struct bytes *part, size_t count, char out[MAC_LEN])
{
	unsigned char octets[MAC_OCTETS];
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
	EVP_MAC *mac = xneed(EVP_MAC_fetch(NULL, "HMAC", NULL));
	EVP_MAC_CTX *context = xneed(EVP_MAC_CTX_new(mac));
	size_t len = 0;
	if (EVP_MAC_init(context, key->octets, sizeof key->octets, params) != 1)
		abort();
	for (size_t i = 0; i < count; i++)
		if (EVP_MAC_update(context, part[i].at, part[i].len) != 1)
			abort();
	if (EVP_MAC_final(context, octets, &len, sizeof octets) != 1 || len != sizeof octets)
		abort();
	EVP_MAC_CTX_free(context);
	EVP_MAC_free(mac);
	hex_write(octets, sizeof octets, out);
}

/* The MAC of a value. The 0 after the place keeps the two apart, since neither has one. */
static void value_mac(const struct key *key, const char *place, const char *payload, size_t len, char out[MAC_LEN])
{
	const struct bytes parts[] = {{place, strlen(place) + 1}, {payload, len}};
	mac_write(key, parts, sizeof parts / sizeof *parts, out);
}

/* The name of a key: the first digits of the MAC of a text without a 0, which no value can have. */
static void key_name(struct key *key)
{
	char digits[MAC_LEN];
	const struct bytes part = {ID_TEXT, sizeof ID_TEXT - 1};
	mac_write(key, &part, 1, digits);
	memcpy(key->id, digits, ID_LEN);
	key->id[ID_LEN] = '\0';
}

/* --- the file of keys --------------------------------------------------------------------------------------------- */

/* Returns the value of a hexadecimal digit, or -1. */
static int digit_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, ascii_lower(c)) : NULL;
	return at ? (int)(at - digits) : -1;
}

static bool key_parse(struct key *key, const char *line, size_t len)
{
	if (len != KEY_LEN)
		return false;
	for (size_t i = 0; i < KEY_OCTETS; i++) {
		int high = digit_value(line[2 * i]), low = digit_value(line[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		key->octets[i] = (unsigned char)(16 * high + low);
	}
	key_name(key);
	return true;
}

/* Reads one line, which may be empty. */
static bool line_take(
	struct key_set *set, const char *path, unsigned number, const char *line, size_t len, struct failure *why)
{
	while (len > 0 && (ascii_is_blank(line[len - 1]) || line[len - 1] == '\r'))
		len--;
	if (len == 0)
		return true;
	if (set->count == FLEET_KEYS_MAX)
		return failure_set(why, EX_CONFIG,
			"%s:%u: there are more than two keys; keep the new one, and the one that is being replaced",
			path, number);
	if (!key_parse(&set->key[set->count], line, len))
		return failure_set(why, EX_CONFIG,
			"%s:%u: is not a key: write 64 hexadecimal digits, as `openssl rand -hex 32` prints them", path,
			number);
	set->count++;
	return true;
}

static bool set_read(struct key_set *set, const char *path, struct failure *why)
{
	unsigned number = 0;
	*set = (struct key_set){.count = 0};
	char *text = fleet_secret_read(path, why);
	if (!text)
		return false;
	bool good = true;
	for (const char *line = text; good && *line;) {
		size_t len = strcspn(line, "\n");
		good = line_take(set, path, ++number, line, len, why);
		line += len + (line[len] == '\n');
	}
	fleet_secret_free(&text);
	if (good && set->count == 0)
		good = failure_set(why, EX_CONFIG, "%s has no key; make one: openssl rand -hex 32 > %s", path, path);
	return good;
}

struct fleet_keys *fleet_keys_read(const char *path, struct failure *why)
{
	struct key_set set;
	if (!set_read(&set, path, why))
		return NULL;
	struct fleet_keys *keys = xcalloc(1, sizeof *keys);
	keys->ring = xcalloc(1, sizeof *keys->ring);
	lock_init(&keys->ring->lock);
	keys->ring->set = set;
	OPENSSL_cleanse(&set, sizeof set);
	return keys;
}

bool fleet_keys_reread(struct fleet_keys *keys, const char *path, struct failure *why)
{
	struct key_set set;
	if (!set_read(&set, path, why))
		return false;
	lock_take(&keys->ring->lock);
	keys->ring->set = set;
	lock_drop(&keys->ring->lock);
	OPENSSL_cleanse(&set, sizeof set);
	return true;
}

void fleet_keys_free(struct fleet_keys **slot)
{
	struct fleet_keys *keys = *slot;
	if (!keys)
		return;
	lock_destroy(&keys->ring->lock);
	OPENSSL_cleanse(keys->ring, sizeof *keys->ring);
	free(keys->ring);
	free(keys);
	*slot = NULL;
}

/* The caller wipes the copy. */
static struct key_set set_copy(const struct fleet_keys *keys)
{
	lock_take(&keys->ring->lock);
	struct key_set set = keys->ring->set;
	lock_drop(&keys->ring->lock);
	return set;
}

size_t fleet_key_ids(const struct fleet_keys *keys, char id[FLEET_KEYS_MAX][FLEET_KEY_ID_SIZE])
{
	struct key_set set = set_copy(keys);
	for (size_t i = 0; i < set.count; i++)
		memcpy(id[i], set.key[i].id, FLEET_KEY_ID_SIZE);
	size_t count = set.count;
	OPENSSL_cleanse(&set, sizeof set);
	return count;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static const char *const ignored_names[FLEET_IGNORED_KINDS] = {
	"taken", "oversized", "unsigned", "foreign", "unreadable", "future", "replayed"};

const char *fleet_ignored_name(enum fleet_ignored ignored)
{
	return ignored_names[ignored];
}

void fleet_ignore(enum fleet_ignored ignored)
{
	if (ignored != FLEET_TAKEN)
		metrics_add(METRIC_FLEET_IGNORED, ignored, 0, 0, 1);
}

char *fleet_seal_payload(
	const struct fleet_keys *keys, const char *place, const char *payload, size_t payload_len, size_t *len)
{
	struct key_set set = set_copy(keys);
	*len = HEAD_LEN + payload_len;
	char *out = xmalloc(*len + 1), *at = out;
	memcpy(at, WORD " ", sizeof WORD);
	memcpy(at += sizeof WORD, set.key[0].id, ID_LEN);
	*(at += ID_LEN) = ' ';
	value_mac(&set.key[0], place, payload, payload_len, ++at);
	*(at += MAC_LEN) = ' ';
	memcpy(at + 1, payload, payload_len);
	out[*len] = '\0';
	OPENSSL_cleanse(&set, sizeof set);
	return out;
}

char *fleet_seal_value(
	const struct fleet_keys *keys, const char *place, const char *node, int64_t now, json_t *object, size_t *len)
{
	json_object_set_new(object, "schema", json_integer(FLEET_SCHEMA));
	json_object_set_new(object, "node", json_string(node));
	json_object_set_new(object, "at", json_integer(now));
	char *payload = xneed(json_dumps(object, JSON_COMPACT));
	size_t payload_len = strlen(payload);
	*len = HEAD_LEN + payload_len;
	char *out = *len <= FLEET_VALUE_MAX ? fleet_seal_payload(keys, place, payload, payload_len, len) : NULL;
	free(payload);
	return out;
}

/* Returns whether the bytes begin as a sealed value does. */
static bool has_head(const char *bytes, size_t len)
{
	if (len <= HEAD_LEN || memcmp(bytes, WORD " ", sizeof WORD) != 0)
		return false;
	const char *id = bytes + sizeof WORD, *mac = id + ID_LEN + 1;
	if (id[ID_LEN] != ' ' || mac[MAC_LEN] != ' ')
		return false;
	for (size_t i = 0; i < ID_LEN; i++)
		if (digit_value(id[i]) < 0)
			return false;
	for (size_t i = 0; i < MAC_LEN; i++)
		if (digit_value(mac[i]) < 0)
			return false;
	return true;
}

/* Returns whether one of the keys has sealed the value for this place. */
static bool is_ours(const struct fleet_keys *keys, const char *place, const char *bytes, size_t len)
{
	const char *id = bytes + sizeof WORD, *mac = id + ID_LEN + 1;
	struct key_set set = set_copy(keys);
	bool ours = false;
	for (size_t i = 0; i < set.count && !ours; i++) {
		char right[MAC_LEN];
		if (memcmp(set.key[i].id, id, ID_LEN) != 0)
			continue;
		value_mac(&set.key[i], place, bytes + HEAD_LEN, len - HEAD_LEN, right);
		ours = CRYPTO_memcmp(right, mac, MAC_LEN) == 0;
	}
	OPENSSL_cleanse(&set, sizeof set);
	return ours;
}

/* Reads what every payload has. Returns FLEET_TAKEN if all of it is right. */
static enum fleet_ignored written_read(const json_t *object, int64_t now, struct fleet_written *written)
{
	const char *node = json_string_value(json_object_get(object, "node"));
	const json_t *at = json_object_get(object, "at");
	if (json_integer_value(json_object_get(object, "schema")) != FLEET_SCHEMA || !json_is_integer(at) || !node ||
		!node_name_is_valid((struct span){node, strlen(node)}) || json_integer_value(at) <= 0)
		return FLEET_UNREADABLE;
	memcpy(written->node, node, strlen(node) + 1);
	written->at = json_integer_value(at);
	return written->at > now + CLOCK_SKEW_S ? FLEET_FUTURE : FLEET_TAKEN;
}

static enum fleet_ignored value_judge(const struct fleet_keys *keys, const char *place, const char *bytes, size_t len)
{
	if (len > FLEET_VALUE_MAX)
		return FLEET_OVERSIZED;
	if (!has_head(bytes, len))
		return FLEET_UNSIGNED;
	return is_ours(keys, place, bytes, len) ? FLEET_TAKEN : FLEET_FOREIGN;
}

static json_t *value_open(const struct fleet_keys *keys, const char *place, const char *bytes, size_t len, int64_t now,
	struct fleet_written *written, enum fleet_ignored *ignored)
{
	*ignored = value_judge(keys, place, bytes, len);
	if (*ignored != FLEET_TAKEN)
		return NULL;
	json_t *object = json_loadb(bytes + HEAD_LEN, len - HEAD_LEN, JSON_REJECT_DUPLICATES, NULL);
	*ignored = json_is_object(object) ? written_read(object, now, written) : FLEET_UNREADABLE;
	if (*ignored == FLEET_TAKEN)
		return object;
	json_decref(object);
	return NULL;
}

json_t *fleet_open_value(const struct fleet_keys *keys, const char *place, const char *bytes, size_t len, int64_t now,
	struct fleet_written *written, enum fleet_ignored *ignored)
{
	*written = (struct fleet_written){.at = 0};
	json_t *object = value_open(keys, place, bytes, len, now, written, ignored);
	fleet_ignore(*ignored);
	return object;
}
