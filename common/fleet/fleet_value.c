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
