/* When things fall due (design 5). Arithmetic on wall-clock seconds only. Pure. */
#ifndef CORE_SCHEDULE_H
#define CORE_SCHEDULE_H

#include "age.h"
#include "facts.h"

#define RECORD_AGE_MIN_S 300 /* a record is looked at again after its TTL within these bounds */
#define RECORD_AGE_MAX_S 3600
#define NEGATIVE_AGE_MIN_S 60 /* soft age of "no policy": SOA minimum within these bounds (S-20) */
#define NEGATIVE_AGE_MAX_S 3600
#define NEGATIVE_HARD_S 86400
#define NEGATIVE_ERROR_HARD_S 60 /* of a lookup that failed rather than answered: the answer may come any moment */
/* The same where mail waits for the answer: longer than any MTA waits between two tries of a message. */
#define NEGATIVE_HELD_HARD_S 21600
#define NEGATIVE_BROKEN_HARD_S 10 /* of one that failed for lack of a resolver: with it, mail flows again */
#define MX_AGE_MIN_S 60
#define MX_AGE_MAX_S 3600
#define MX_HARD_S 86400
#define TLSA_AGE_MIN_S 60 /* what a hop's TLSA records say is renewed after their TTL within these bounds */
#define TLSA_AGE_MAX_S 3600
#define FETCH_SPACING_S 300 /* RFC 8461 3.3 */
#define PROBE_SPACING_S 300 /* of one hop, bad evidence apart */
#define SILENT_RETRY_S 60   /* of a hop that is silent, until it was tried often enough to be set aside */
/* What the probe budget refuses holds mail for this long; then the mail passes unchecked. */
#define REFUSED_WAIT_S 90

bool schedule_record_stale(const struct entry *entry, int64_t now);
/* "No policy" (a look without a valid record, or a failed fetch) within its hard age, and past its soft age. `held`:
 * without it, mail is held; then a lookup that failed is remembered for longer than a queue waits (RFC 8461 3.3: as if
 * there were no policy). What failed while a policy was in force says nothing of the time after its end. */
bool schedule_negative_known(const struct entry *entry, bool held, int64_t now);
bool schedule_negative_stale(const struct entry *entry, int64_t now);
bool schedule_mx_stale(const struct entry *entry, int64_t now);
bool schedule_mx_known(const struct entry *entry, int64_t now);  /* within its hard age */
bool schedule_mx_recent(const struct entry *entry, int64_t now); /* enough for DANE to rest on */
bool schedule_tlsa_stale(const struct tlsa_look *look, int64_t now);
/* Whether the probe budget has kept the hop from being checked for so long that it holds no more mail. */
bool schedule_refused_long(const struct hop_record *record, int64_t now);
/* Whether it is time to fetch the policy again: at the domain's own moment in each interval of max_age / 2 or
 * refresh_interval, whichever is shorter; after failures, when their back-off is over. */
bool schedule_body_stale(const struct entry *entry, const struct rules *rules, int64_t now);
/* Whether the policy may be fetched now: 5 minutes between attempts for one domain, whatever the id does. */
bool schedule_fetch_allowed(const struct entry *entry, int64_t now);
/* Age past which good evidence of a hop is renewed: its soft age; `ahead`, for the refresher: between 0.75 and 0.9 of
 * it, by the host's name, so that evidence in use does not get old. Under a testing policy a day for both. */
int64_t schedule_evidence_age(const char *host, enum policy_mode mode, const struct rules *rules, bool ahead);
/* Age past which a hop is probed again whose newest probe saw nothing conclusive. */
int64_t schedule_silent_age(const struct probe_history *history);
bool schedule_in_use(const struct entry *entry, int64_t now); /* asked for today or yesterday */
/* When the refresher should look at the entry next; 0 when not at all. Later than `now` by NEGATIVE_AGE_MIN_S at
 * least, whatever came of this look. */
int64_t schedule_due(const struct facts *facts);

/* How much of the max_age of a policy in force is over, should a renewal have failed now: an operator should know that
 * in time. Policies of mode none bind nobody. Raised once each: entry.refresh_alarm. The numbers stand in files. */
enum refresh_alarm { REFRESH_ALARM_NONE, REFRESH_ALARM_HALF, REFRESH_ALARM_NINE_TENTHS };
enum refresh_alarm schedule_refresh_alarm(const struct entry *entry, int64_t now);

#endif
