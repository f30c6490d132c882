#include "fleet_decisions.h"

#include "json_value.h"
#include "memory.h"
#include "record_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER "decision"

void decisions_place(char out[FLEET_PLACE_SIZE], const struct fleet_base *base)
{
	snprintf(out, FLEET_PLACE_SIZE, "%s:decisions", base->prefix);
}

void decision_field(char out[DECISION_FIELD_SIZE], const struct decision_record *decision)
{
	snprintf(out, DECISION_FIELD_SIZE, "%s %s", decision_about_name(decision->about), decision->domain);
}

/* The place for which a field is sealed: the hash, a blank and the field. */
#define SEAL_PLACE_SIZE (FLEET_PLACE_SIZE + DECISION_FIELD_SIZE + 1)
static void seal_place(char out[SEAL_PLACE_SIZE], const struct fleet_base *base, const char *field)
{
	char place[FLEET_PLACE_SIZE];
	decisions_place(place, base);
	snprintf(out, SEAL_PLACE_SIZE, "%s %s", place, field);
}

char *decision_seal(const struct fleet_base *base, const struct decision_record *decision, int64_t now, size_t *len)
{
	char field[DECISION_FIELD_SIZE], place[SEAL_PLACE_SIZE];
	json_t *object = json_made(json_object()), *inner = json_made(json_object());
	decision_field(field, decision);
	seal_place(place, base, field);
	record_export(inner, &decision_table, decision);
	json_put(object, MEMBER, inner);
	char *sealed = fleet_seal_value(base->keys, place, base->node, now, object, len);
	json_decref(object);
	return xneed(sealed);
}

/* Reads the object of a sealed decision. */
static bool object_read(const json_t *object, int64_t now, struct decision_record *out)
{
	struct failure why;
	const struct input in = {json_object_get(object, MEMBER), MEMBER, now, &why};
	memset(out, 0, sizeof *out);
	return json_is_object(in.object) && record_read(&in, &decision_table, out) && decision_is_valid(out);
}

static enum fleet_ignored decision_ignore(enum fleet_ignored ignored)
{
	fleet_ignore(ignored);
	return ignored;
}

enum fleet_ignored decision_open(
	const struct fleet_base *base, struct span field, struct span value, int64_t now, struct decision_record *out)
{
	char name[DECISION_FIELD_SIZE], own[DECISION_FIELD_SIZE], place[SEAL_PLACE_SIZE];
	struct decision_record decision;
	struct fleet_written written;
	enum fleet_ignored ignored = FLEET_UNSIGNED;
	if (value.len > DECISION_SEALED_MAX || field.len >= sizeof name)
		return decision_ignore(FLEET_OVERSIZED);
	memcpy(name, field.at, field.len);
	name[field.len] = '\0';
	seal_place(place, base, name);
	json_t *object = fleet_open_value(base->keys, place, value.at, value.len, now, &written, &ignored);
	if (!object)
		return ignored;
	bool read = object_read(object, now, &decision);
	json_decref(object);
	if (read)
		decision_field(own, &decision);
	if (!read || !span_is(field, own))
		return decision_ignore(FLEET_UNREADABLE);
	if (decision_is_ahead(&decision, now))
		return decision_ignore(FLEET_FUTURE);
	*out = decision;
	return FLEET_TAKEN;
}

char *decision_message(const char *field, const char *sealed, size_t sealed_len, size_t *len)
{
	size_t field_len = strlen(field);
	char *message = xmalloc(field_len + 1 + sealed_len);
	memcpy(message, field, field_len);
	message[field_len] = '\n';
	memcpy(message + field_len + 1, sealed, sealed_len);
	*len = field_len + 1 + sealed_len;
	return message;
}

bool decision_message_split(struct span message, struct span *field, struct span *value)
{
	const char *end = message.len > 0 ? memchr(message.at, '\n', message.len) : NULL;
	if (!end)
		return false;
	*field = (struct span){message.at, (size_t)(end - message.at)};
	*value = (struct span){end + 1, message.len - field->len - 1};
	return true;
}
