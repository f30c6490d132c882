#include "fleet_value.h"

#include "dump.h"
#include "memory.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

void fleet_place(char out[FLEET_PLACE_SIZE], const struct fleet_base *base, const char *kind, const char *name)
{
	struct text text;
	text_init(&text, out, FLEET_PLACE_SIZE);
	text_add(&text, base->prefix);
	text_add(&text, ":");
	text_add(&text, kind);
	text_add(&text, ":");
	text_add(&text, name);
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

static const char *entry_place(char out[FLEET_PLACE_SIZE], const struct fleet_base *base, const char *domain)
{
	fleet_place(out, base, "entry", domain);
	return out;
}

char *fleet_entry_write(const struct fleet_base *base, const struct entry *entry, int64_t now, size_t *len)
{
	char place[FLEET_PLACE_SIZE];
	struct entry shared = *entry; /* borrows what the entry owns; not freed */
	memset(&shared.mx, 0, sizeof shared.mx);
	shared.first_used_day = shared.last_used_day = 0;
	json_t *object = dump_entry(&shared);
	char *value =
		fleet_seal_value(base->keys, entry_place(place, base, entry->domain), base->node, now, object, len);
	json_decref(object);
	return value;
}

/* Counts a value that is well sealed, but not what it should be. */
static enum fleet_ignored unreadable(void)
{
	fleet_ignore(FLEET_UNREADABLE);
	return FLEET_UNREADABLE;
}

/* Reads the line of an export that a sealed value holds. `written` is set on success. */
static enum fleet_ignored line_read(const struct fleet_base *base, const char *place, const char *bytes, size_t len,
	int64_t now, struct fleet_written *written, struct dump_line *out)
{
	enum fleet_ignored ignored = FLEET_TAKEN;
	json_t *object = fleet_open_value(base->keys, place, bytes, len, now, written, &ignored);
	struct failure why;
	if (!object)
		return ignored;
	char *line = xneed(json_dumps(object, JSON_COMPACT));
	bool read = dump_read(out, line, strlen(line), now, &why);
	free(line);
	json_decref(object);
	return read ? FLEET_TAKEN : unreadable();
}

enum fleet_ignored fleet_entry_read(const struct fleet_base *base, const char *domain, const char *bytes, size_t len,
	int64_t now, struct fleet_entry *out)
{
	char place[FLEET_PLACE_SIZE];
	struct fleet_written written;
	struct dump_line line;
	enum fleet_ignored ignored =
		line_read(base, entry_place(place, base, domain), bytes, len, now, &written, &line);
	if (ignored != FLEET_TAKEN)
		return ignored;
	if (line.kind != DUMP_DOMAIN || strcmp(line.entry.domain, domain) != 0) {
		dump_line_free(&line);
		return unreadable();
	}
	out->entry = line.entry;
	memcpy(out->writer, written.node, sizeof out->writer);
	return FLEET_TAKEN;
}

/* --- mail hosts --------------------------------------------------------------------------------------------------- */

void fleet_hop_place(char out[FLEET_PLACE_SIZE], const struct fleet_base *base, const char *host, uint16_t port)
{
	struct text text;
	char name[DOMAIN_SIZE + 8];
	text_init(&text, name, sizeof name);
	text_add(&text, host);
	text_add(&text, ":");
	text_add_number(&text, port);
	fleet_place(out, base, "hop", name);
}

/* Writes the place of a node's value: the key of the hash, a blank and the field. */
static void hop_field_place(
	char out[FLEET_PLACE_SIZE], const struct fleet_base *base, const char *host, uint16_t port, const char *node)
{
	struct text text;
	char key[FLEET_PLACE_SIZE];
	fleet_hop_place(key, base, host, port);
	text_init(&text, out, FLEET_PLACE_SIZE);
	text_add(&text, key);
	text_add(&text, " ");
	text_add(&text, node);
}

char *fleet_hop_write(const struct fleet_base *base, const char *host, uint16_t port, const struct evidence *seen,
	int64_t now, size_t *len)
{
	char place[FLEET_PLACE_SIZE];
	struct hop_record *record = xcalloc(1, sizeof *record);
	record->pkix.newest = *seen;
	json_t *object = dump_hop(host, port, record);
	hop_field_place(place, base, host, port, base->node);
	char *value = fleet_seal_value(base->keys, place, base->node, now, object, len);
	json_decref(object);
	free(record);
	return value;
}

/* Returns whether a line is about this mail host, and its evidence is of a probe that the writer itself has made. */
static bool hop_is_valid(const struct dump_line *line, const char *host, uint16_t port)
{
	const struct evidence *seen = &line->record.pkix.newest;
	return line->kind == DUMP_HOP && strcmp(line->host, host) == 0 && line->port == port && seen->at != 0 &&
	       evidence_is_conclusive(seen) && seen->seen_by[0] == '\0' && seen->seen_for[0] == '\0';
}

enum fleet_ignored fleet_hop_read(const struct fleet_base *base, const char *host, uint16_t port,
	const struct link_reply *node, const struct link_reply *value, int64_t now, struct fleet_seen *out)
{
	char place[FLEET_PLACE_SIZE];
	struct fleet_written written;
	struct span name = {node->bytes, node->len};
	if (node->kind == LINK_NIL || value->kind == LINK_NIL) {
		fleet_ignore(FLEET_OVERSIZED);
		return FLEET_OVERSIZED;
	}
	if (node->kind != LINK_BYTES || value->kind != LINK_BYTES || !node_name_is_valid(name)) {
		fleet_ignore(FLEET_UNSIGNED);
		return FLEET_UNSIGNED;
	}
	memset(out, 0, sizeof *out);
	memcpy(out->node, name.at, name.len);
	hop_field_place(place, base, host, port, out->node);
	struct dump_line *line = xcalloc(1, sizeof *line);
	enum fleet_ignored ignored = line_read(base, place, value->bytes, value->len, now, &written, line);
	if (ignored == FLEET_TAKEN && (!hop_is_valid(line, host, port) || strcmp(written.node, out->node) != 0))
		ignored = unreadable();
	if (ignored == FLEET_TAKEN)
		out->seen = line->record.pkix.newest;
	dump_line_free(line);
	free(line);
	return ignored;
}

/* --- hashes ------------------------------------------------------------------------------------------------------- */

bool fleet_usage_is_large(const struct link_reply *usage, int64_t max)
{
	if (usage->kind != LINK_NUMBER || usage->number <= max)
		return false;
	fleet_ignore(FLEET_OVERSIZED);
	return true;
}
