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
/* Hard age of "no policy" after an answer from DNS, and after a failed fetch. */
#define NEGATIVE_HARD_S 86400
/* Hard age of "no policy" after a record lookup that failed: the next lookup may succeed. */
#define NEGATIVE_ERROR_HARD_S 60
/* The same if mail waits for the answer. It is longer than an MTA waits between two attempts, so that the next attempt
 * finds the result. */
#define NEGATIVE_HELD_HARD_S 21600
/* The same if the lookup failed because no resolver answered: mail flows again soon after the resolver does. */
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
/* Time from an inconclusive probe of a hop to the next probe of it. */
#define PROBE_SPACING_S 300
/* The same while the hop may be silent (history_may_be_silent()), so that it is soon known whether mail must wait for
 * the hop. */
#define SILENT_RETRY_S 60
/* With a map, the gate is not informed when a delivery fails. But if the MTA asks again about a domain between these times
 * after an answer that bound the delivery, it is probably retrying a delivery that has failed. */
#define ASKED_AGAIN_MIN_S 120
#define ASKED_AGAIN_MAX_S 900
/* Age of good evidence past which a hop is then probed in the background (design 4.16). */
#define ASKED_AGAIN_GOOD_S 900
/* Seconds for which refusals by the probe budget hold mail. After that, mail passes unchecked. */
#define REFUSED_WAIT_S 90

bool schedule_record_stale(const struct entry *entry, int64_t now);
/* Returns whether "no policy" is known: a lookup found no valid record or failed, or a fetch failed. If `held`, mail
 * waits for the answer, and a failed lookup is remembered longer (RFC 8461 3.3 treats a failure as no policy). A
 * failure while a policy was in force no longer counts after that policy has expired. */
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
 * changed. A policy that was fetched successfully and has expired since may be fetched again immediately. */
bool schedule_fetch_allowed(const struct entry *entry, int64_t now);
/* Returns the soft age of good evidence, in seconds: probe_ttl_ok, or a day under a testing policy. With `ahead` (for
 * the refresher) and an enforce policy, returns between 0.75 and 0.9 of probe_ttl_ok, so that mail seldom meets stale
 * evidence. The fraction depends only on the host's name. */
int64_t schedule_evidence_age(const char *host, enum policy_mode mode, const struct rules *rules, bool ahead);
/* Returns the age, in seconds, past which an inconclusive probe of a hop is repeated. */
int64_t schedule_silent_age(const struct probe_history *history);
/* Returns whether what the facts have about the wanted fact is within its hard age. */
bool schedule_known(const struct facts *facts, const struct want *want);
/* Returns whether anybody asked for the domain today or yesterday. */
bool schedule_in_use(const struct entry *entry, int64_t now);
/* Returns when the refresher handles the domain next, at least NEGATIVE_AGE_MIN_S from now. Returns 0 (never) for a
 * domain without a live policy, an exempt domain, and a domain that nobody has asked for within forget_after. */
int64_t schedule_due(const struct facts *facts);

/* How much of a live policy's max_age is over while its renewal fails. Each level raises one event. The store keeps
 * these numbers (entry.refresh_alarm). */
enum refresh_alarm { REFRESH_ALARM_NONE, REFRESH_ALARM_HALF, REFRESH_ALARM_NINE_TENTHS };
/* Returns the level for a renewal that failed now: half or nine tenths of max_age are over. Always REFRESH_ALARM_NONE
 * for a policy of mode none, which binds nobody. */
enum refresh_alarm schedule_refresh_alarm(const struct entry *entry, int64_t now);

#endif
