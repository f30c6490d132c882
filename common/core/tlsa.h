/* Decides which of a host's TLSA records (RFC 6698 2.1) are usable for SMTP (RFC 7672 3.1). The RDATA is signed, but
 * hostile all the same: every length is checked. Pure; any thread; allocates nothing. */
#ifndef CORE_TLSA_H
#define CORE_TLSA_H

#include "span.h"
#include "text.h"

#define TLSA_SET_MAX 32     /* usable records that a set keeps */
#define TLSA_RDATA_MAX 4096 /* octets of one record; a longer record is not usable */

enum tlsa_usage { TLSA_USAGE_TA = 2, TLSA_USAGE_EE = 3 };
enum tlsa_selector { TLSA_SELECTOR_CERT = 0, TLSA_SELECTOR_KEY = 1 };
enum tlsa_matching { TLSA_MATCHING_FULL = 0, TLSA_MATCHING_SHA256 = 1, TLSA_MATCHING_SHA512 = 2 };

/* What is known of a host's TLSA records. */
enum tlsa_state {
	TLSA_UNKNOWN,  /* not looked up yet */
	TLSA_NONE,     /* DNSSEC proves that there are none, or the answer is not signed */
	TLSA_USABLE,   /* signed, and at least one is usable */
	TLSA_UNUSABLE, /* signed, and none is usable */
	TLSA_FAILED    /* the lookup failed */
};
const char *tlsa_state_name(enum tlsa_state state);

struct tlsa_record {
	uint8_t usage, selector, matching;
	struct span data; /* points into the caller's RDATA */
};

/* The usable records that remain after digest agility (RFC 7671 9), sorted, without duplicates. */
struct tlsa_set {
	size_t count;
	struct tlsa_record record[TLSA_SET_MAX];
	/* A hash of the records, independent of the order in which they came; 0 only without records. A domain could
	 * construct records with an equal hash, but would deceive only its own senders. */
	uint64_t id;
	size_t seen; /* all records of the host, usable or not */
};

/* Makes the set from the RDATA of a signed RRset of any size; `out` then points into that RDATA. If more than
 * TLSA_SET_MAX records are usable, the first ones in the set's order are kept. Returns TLSA_NONE for count 0, else
 * TLSA_USABLE or TLSA_UNUSABLE. */
enum tlsa_state tlsa_set_take(struct tlsa_set *out, const struct span *rdata, size_t count);

/* Adds `3 1 1 AB12...` to the text: usage, selector, matching type, and the data in upper-case hexadecimal digits. If
 * the data has more than `octets` octets, three dots replace the rest. */
void tlsa_record_text(struct text *t, const struct tlsa_record *record, size_t octets);

#endif
