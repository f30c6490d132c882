/* What was counted for one domain on one UTC day: the contents of its TLS report (RFC 8460 4).
 *
 * A tally has a group for each pair of TLSRPT record and policy. Texts of policies and details are those of tlsrpt_session.h.
 * Everything in it may have been chosen by strangers, so its size is bounded: what exceeds a bound is counted in a bucket that
 * names no particulars, and the totals stay exact. Pure; any thread. */
#ifndef CORE_TLSRPT_TALLY_H
#define CORE_TLSRPT_TALLY_H

#include "entry.h"
#include "tlsrpt_session.h"

#define TALLY_DAY_S 86400
#define TALLY_RECORDS_MAX 8         /* different TLSRPT records of one tally */
#define TALLY_GROUPS_MAX 32         /* policies of one tally */
#define TALLY_DETAILS_MAX 64        /* different details of one group */
#define TALLY_BYTES_MAX (64 * 1024) /* octets of all texts of one tally */
/* Sessions that exceed a bound are counted in buckets, which come on top of the bounds (at most some 100 KiB): a policy of which only
 * the type is named, a detail of which only the result type is named, and the record "", which names no address. So there is a
 * bucket for each type of policy under each record, and one for each result type. */
#define TALLY_GROUPS_ALL (TALLY_GROUPS_MAX + TLSRPT_TYPES * (TALLY_RECORDS_MAX + 1))
#define TALLY_DETAILS_ALL (TALLY_DETAILS_MAX + TLSRPT_RESULTS)
#define TALLY_COUNT_MAX ((UINT64_C(1) << 53) - 1) /* each count stops here: the largest integer of I-JSON (spec T-20) */

struct tally_detail {
	char *text;
	uint64_t count;
};
struct tally_group {
	char *record;
	char *policy;
	uint64_t total, failed; /* sessions; failed <= total */
	size_t count;
	struct tally_detail *detail;
};
struct tlsrpt_tally {
	int64_t day; /* days since 1970 */
	char domain[DOMAIN_SIZE];
	size_t count;
	struct tally_group *group;
	size_t bytes; /* octets of all texts, with those of buckets */
};
/* Begins an empty tally. */
void tlsrpt_tally_init(struct tlsrpt_tally *tally, int64_t day, const char *domain);
void tlsrpt_tally_free(struct tlsrpt_tally *tally);
/* Counts a session of the tally's domain. */
void tlsrpt_tally_add(struct tlsrpt_tally *tally, const struct tlsrpt_session *session);
/* Adds everything that `from` has counted. */
void tlsrpt_tally_merge(struct tlsrpt_tally *tally, const struct tlsrpt_tally *from);
/* Returns the sessions, and how many of them failed, over all groups. */
uint64_t tlsrpt_tally_total(const struct tlsrpt_tally *tally);
uint64_t tlsrpt_tally_failed(const struct tlsrpt_tally *tally);
/* Returns whether anything has failed: a session, or something that a session did without, such as the fetch of a policy while an
 * earlier one was in force. */
bool tlsrpt_tally_has_failures(const struct tlsrpt_tally *tally);

/* A day is closed ten minutes after its end, or when the sending of its reports begins, whichever is earlier. A closed day never
 * changes: a session that comes later, because the clock was set back, counts for the first day that is open. */
#define TALLY_CLOSES_S 600
/* A closed day that is further ahead of the clock is the work of a clock that was wrong, and is ignored. */
#define TALLY_AHEAD_DAYS 3
/* Returns the UTC day of a time in seconds since 1970. */
int64_t tlsrpt_day(int64_t at);
/* Returns the newest closed day at the time `now`. `stored` is the newest day that the store knows to be closed; -1: none. The
 * result is -1 or more. */
int64_t tlsrpt_day_closed(int64_t stored, int64_t now);

/* Encode for the store and decode, as entry_encode() and entry_decode() do; an encoded tally has at most FIELDS_BYTES_MAX octets.
 * The caller frees what tlsrpt_tally_decode() has filled with tlsrpt_tally_free(); after a failure it is empty. */
struct bytes tlsrpt_tally_encode(const struct tlsrpt_tally *tally);
bool tlsrpt_tally_decode(struct tlsrpt_tally *tally, const void *bytes, size_t len);

#endif
