/* Decisions of operators (core/decision.h) as they are in the shared store: fields of the hash PREFIX:decisions, named
 * `override DOMAIN` or `forget DOMAIN`, and messages of a channel with the same name. Field and message are hostile until they are
 * opened. Any thread. */
#ifndef FLEET_FLEET_DECISIONS_H
#define FLEET_FLEET_DECISIONS_H

#include "decision.h"
#include "fleet_parts.h"
#include "span.h"

#define DECISION_FIELD_SIZE (DOMAIN_SIZE + 16)
#define DECISION_SEALED_MAX 4096 /* octets of a sealed decision */
#define DECISION_MESSAGE_MAX (DECISION_FIELD_SIZE + DECISION_SEALED_MAX)

/* Writes the name of the hash and of the channel. */
void decisions_place(char out[FLEET_PLACE_SIZE], const struct fleet_base *base);
/* Writes the name of the field of a decision. */
void decision_field(char out[DECISION_FIELD_SIZE], const struct decision_record *decision);
/* Seals a decision for its field. Returns a string that the caller frees, and sets `len`. */
char *decision_seal(const struct fleet_base *base, const struct decision_record *decision, int64_t now, size_t *len);
/* Opens a field, and counts it if it is ignored. Sets `out` only if it returns FLEET_TAKEN: then the decision is valid and not ahead of the clock. */
enum fleet_ignored decision_open(
	const struct fleet_base *base, struct span field, struct span value, int64_t now, struct decision_record *out);

/* Returns the message for a sealed decision: the field, a newline and the value. The caller frees it. */
char *decision_message(const char *field, const char *sealed, size_t sealed_len, size_t *len);
/* Splits a message. Returns false if it is none. */
bool decision_message_split(struct span message, struct span *field, struct span *value);

#endif
