/* What another relay knows, taken into what this one knows: an export that is imported. Part by part, the newer look is
 * kept. A live policy is never taken away: neither by an older one nor by one that has expired. What is dated beyond
 * `now` is not believed. Pure; any thread. */
#ifndef CORE_MERGE_H
#define CORE_MERGE_H

#include "entry.h"
#include "evidence.h"

/* True when `into` has changed. `due_at` stays as it is. */
bool entry_merge(struct entry *into, const struct entry *from, int64_t now);
bool hop_record_merge(struct hop_record *into, const struct hop_record *from, int64_t now);

#endif
