#include "evidence.h"

#include <string.h>

static void evidence_drop_later(struct evidence *kept, int64_t at)
{
	if (kept->at > at)
		memset(kept, 0, sizeof(*kept));
}

void hop_record_learn(struct hop_record *record, const struct evidence *seen)
{
	enum reason_class class = reason_class(seen->reason);

	if (seen->at == 0)
		return;
	if (record->newest.at - seen->at > EVIDENCE_LATE_S) {
		evidence_drop_later(&record->newest, seen->at);
		evidence_drop_later(&record->conclusive, seen->at);
		evidence_drop_later(&record->good, seen->at);
	}
	if (seen->at < record->newest.at)
		return;
	record->newest = *seen;
	if (class == REASON_GOOD || class == REASON_BAD)
		record->conclusive = *seen;
	if (class == REASON_GOOD)
		record->good = *seen;
}
