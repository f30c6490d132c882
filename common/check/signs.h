/* Notes signs of attacks (core/sign) where a lookup, fetch or probe has ended, and remembers the looks of good probes.
 * Never waits for the network or for a write to the store. Any thread, unless stated otherwise. */
#ifndef CHECK_SIGNS_H
#define CHECK_SIGNS_H

#include "events.h"
#include "obtain.h"

struct signs;
/* The store and the events must outlive the signs. */
struct signs *signs_new(struct store *store, struct events *events);
void signs_free(struct signs **signs);

/* Compares a result with the facts, which have not learned it yet, and notes the signs that this shows. Call it once for
 * each operation, however many inquiries share the result. */
void signs_note_found(struct signs *signs, const struct facts *facts, const struct found *found);
/* Writes the looks of good probes to the store. Waits for the store. */
void signs_write(struct signs *signs);

#endif
