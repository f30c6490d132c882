/* Computes when facts become stale, when they are no longer believed, and when the refresher handles a domain next.
 *
 * A fact has a soft age and a hard age. Past its soft age it is stale: it still counts, but is due for renewal. Past
 * its hard age it is unknown. Functions named _stale test the soft age, functions named _known the hard age. All of
 * this is arithmetic on wall-clock seconds. Pure; any thread. */
#ifndef CORE_SCHEDULE_H
#define CORE_SCHEDULE_H

#include "age.h"
#include "facts.h"

/* Soft age of a record: its TTL within these bounds. It has no hard age: the policy expires by its max_age. */
#define RECORD_AGE_MIN_S 300
#define RECORD_AGE_MAX_S 3600
/* Soft age of "no policy": the TTL of the negative answer (SOA minimum) within these bounds (spec S-20). */
#define NEGATIVE_AGE_MIN_S 60
#define NEGATIVE_AGE_MAX_S 3600
/* Hard age of "no policy" after an answer. */
#define NEGATIVE_HARD_S 86400
/* The same after a lookup that failed: the next one may succeed. */
#define NEGATIVE_ERROR_HARD_S 60
/* The same if mail waits for the answer: longer than an MTA waits between two attempts, so that the next attempt finds
 * the result. */
#define NEGATIVE_HELD_HARD_S 21600
/* The same if no resolver answered: mail flows again soon after the resolver does. */
#define NEGATIVE_BROKEN_HARD_S 10
/* Soft age of an MX set (its TTL within these bounds), and its hard age. */
#define MX_AGE_MIN_S 60
#define MX_AGE_MAX_S 3600
#define MX_HARD_S 86400
/* Soft age of TLSA records: their TTL within these bounds. The hard age is DANE_HARD_S. */
#define TLSA_AGE_MIN_S 60
#define TLSA_AGE_MAX_S 3600
/* Time between two fetches of one domain's policy (RFC 8461 3.3). */
#define FETCH_SPACING_S 300
/* Time between two probes of one hop whose evidence is not bad. */
#define PROBE_SPACING_S 300
/* The same while a hop may be silent, so that it is soon known whether mail must wait for the hop. */
#define SILENT_RETRY_S 60
/* Refusals by the probe budget hold mail for this long; then it passes unchecked. */
#define REFUSED_WAIT_S 90

bool schedule_record_stale(const struct entry *entry, int64_t now);
/* Returns whether "no policy" is known: a lookup found no valid record or failed, or a fetch failed. `held` says that
 * mail waits for the answer; then a failed lookup is remembered longer (RFC 8461 3.3 treats a failure as no policy). A
 * failure while a policy was in force does not count after that policy has expired. */
bool schedule_negative_known(const struct entry *entry, bool held, int64_t now);
bool schedule_negative_stale(const struct entry *entry, int64_t now);
bool schedule_mx_stale(const struct entry *entry, int64_t now);
bool schedule_mx_known(const struct entry *entry, int64_t now);
/* Returns whether the MX set is recent enough for DANE, and for belief in a signed null MX (DANE_HARD_S). */
bool schedule_mx_recent(const struct entry *entry, int64_t now);
bool schedule_tlsa_stale(const struct tlsa_lookup *look, int64_t now);
/* Returns whether the probe budget has refused probes of the hop for so long that mail no longer waits for one. */
bool schedule_refused_long(const struct hop_record *record, int64_t now);
/* Returns whether the policy is due for renewal. Each domain has its own moment in every interval of refresh_interval
 * or max_age / 2, whichever is shorter. After a failed fetch, it is due when its back-off ends. */
bool schedule_policy_stale(const struct entry *entry, const struct rules *rules, int64_t now);
/* Returns whether the policy may be fetched now: FETCH_SPACING_S after the last attempt, even if the record's id has
 * changed. A policy that was fetched successfully and has expired since may be fetched at once. */
bool schedule_fetch_allowed(const struct entry *entry, int64_t now);
/* Returns the soft age of good evidence: probe_ttl_ok, or a day under a testing policy. With `ahead`, for the
 * refresher: between 0.75 and 0.9 of probe_ttl_ok, by the host's name, so that mail seldom meets stale evidence. */
int64_t schedule_evidence_age(const char *host, enum policy_mode mode, const struct rules *rules, bool ahead);
/* Returns the age past which a hop is probed again after an inconclusive probe. */
int64_t schedule_silent_age(const struct probe_history *history);
/* Returns whether anybody asked for the domain today or yesterday. */
bool schedule_in_use(const struct entry *entry, int64_t now);
/* Returns when the refresher handles the domain next, at least NEGATIVE_AGE_MIN_S from now; 0 if never: without a live
 * policy, for an exempt domain, and for one that nobody has asked for within forget_after. */
int64_t schedule_due(const struct facts *facts);

/* How far a live policy is towards its end while its renewal fails. Each level raises one event; entry.refresh_alarm
 * remembers it by these numbers, which are stored. */
enum refresh_alarm { REFRESH_ALARM_NONE, REFRESH_ALARM_HALF, REFRESH_ALARM_NINE_TENTHS };
/* Returns the level for a renewal that failed now: half or nine tenths of max_age have passed. Always none for a
 * policy of mode none, which binds nobody. */
enum refresh_alarm schedule_refresh_alarm(const struct entry *entry, int64_t now);

#endif
