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
/* Encode for the store and decode, as entry_encode() and entry_decode() do. */
struct bytes tlsrpt_tally_encode(const struct tlsrpt_tally *tally);
bool tlsrpt_tally_decode(struct tlsrpt_tally *tally, const void *bytes, size_t len);

#endif
