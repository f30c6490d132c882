/* Notes signs of attacks (core/sign) where a lookup, fetch or probe has ended, and remembers the looks of good probes.
 * Never waits for the network or for a write to the store. Any thread, unless stated otherwise. */
#ifndef CHECK_SIGNS_H
#define CHECK_SIGNS_H

#include "conditions.h"
#include "events.h"
#include "obtain.h"

#define SIGNS_LOOKS_MAX 256 /* looks that wait to be written; further ones are dropped */

struct signs;
/* All three must outlive the signs. `conditions` tell the state of the clock. */
struct signs *signs_new(struct store *store, struct events *events, const struct conditions *conditions);
/* Writes the looks first. */
void signs_free(struct signs **signs);

/* Signs of one inquiry that count only if they are still true when the inquiry has ended. Zeroed: none. */
struct signs_held {
	struct noted *mx; /* owned by signs */
};

/* Compares a result with the facts, which have not learned it yet, and notes the signs that this shows. Call it once for
 * each operation, however many inquiries share the result, and with `held` of the inquiry that has led the operation. */
void signs_note_found(
	struct signs *signs, const struct facts *facts, const struct found *found, struct signs_held *held);
/* Notes what is held, or drops it if the facts no longer show it. Call it when the inquiry has its verdict. */
void signs_settle(struct signs *signs, const struct facts *facts, struct signs_held *held);
/* Notes a sign that the facts show when the inquiry has ended. Its story has what DNS says, and `seen`, the newest evidence
 * of the sign's host (NULL: none) with the look of its newest good probe. Reads the store. */
void signs_note_domain(
	struct signs *signs, const struct event_record *sign, const struct facts *facts, const struct evidence *seen);
/* Writes the looks of good probes to the store, in one transaction. Waits for the store. */
void signs_write(struct signs *signs);

#endif
