/* Merges the facts of another relay (an imported export) into the facts of this relay.
 *
 * The parts of an entry or hop record (for example the record, the policy or the MX set) are merged one by one, and the
 * newer version of each part is kept. A live policy is never replaced by an older or an expired one. Anything dated in
 * the future is not believed. Pure; any thread. */
#ifndef CORE_MERGE_H
#define CORE_MERGE_H

#include "entry.h"
#include "evidence.h"

/* Merge `from` into `into`, which must be about the same domain or hop. They return whether `into` has changed. `now`
 * is in wall-clock seconds. entry_merge() leaves `due_at` to the caller, and marks an imported policy as `placed`. */
bool entry_merge(struct entry *into, const struct entry *from, int64_t now);
/* Evidence by TLSA records is not merged: it expires within 90 minutes. */
bool hop_record_merge(struct hop_record *into, const struct hop_record *from, int64_t now);

/* Take over the record or the policy without asking which one is newer: core/fleet_trust has another rule. A live policy that is
 * replaced by one with another id or mode becomes the previous policy. */
void entry_take_record(struct entry *into, const struct entry *from);
void entry_take_policy(struct entry *into, const struct entry *from, int64_t now);

#endif
