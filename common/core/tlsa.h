/* TLSA records (RFC 6698 2.1) as SMTP uses them (RFC 7672 3.1): which of a host's records count. The RDATA is hostile
 * though signed: it is bounded and parsed whole. Pure; any thread; never allocates. */
#ifndef CORE_TLSA_H
#define CORE_TLSA_H

#include "span.h"
#include "text.h"

#define TLSA_SET_MAX 32     /* usable records that are kept of one host */
#define TLSA_RDATA_MAX 4096 /* octets of one record; a longer one is not usable */

enum tlsa_usage { TLSA_USAGE_TA = 2, TLSA_USAGE_EE = 3 };
enum tlsa_selector { TLSA_SELECTOR_CERT = 0, TLSA_SELECTOR_KEY = 1 };
enum tlsa_matching { TLSA_MATCHING_FULL = 0, TLSA_MATCHING_SHA256 = 1, TLSA_MATCHING_SHA512 = 2 };

/* What is known of a host's TLSA records. */
enum tlsa_state {
	TLSA_UNKNOWN,  /* never looked */
	TLSA_NONE,     /* not signed, or proved absent */
	TLSA_USABLE,   /* signed, and one at least is usable */
	TLSA_UNUSABLE, /* signed, there are some, and none is usable */
	TLSA_FAILED    /* a lookup on the way failed */
};
const char *tlsa_state_name(enum tlsa_state state);

struct tlsa_record {
	uint8_t usage, selector, matching;
	struct span data; /* in the caller's RDATA */
};

/* The usable records after digest agility (RFC 7671 9), each once, in an order of their own. */
struct tlsa_set {
	size_t count;
	struct tlsa_record record[TLSA_SET_MAX];
	/* A hash of the records: the same for the same records in whatever order they came, 0 only when there are none.
	 * Who signs the records can choose them for a hash, and fools nobody but himself. */
	uint64_t id;
	size_t seen; /* records that the host has, usable or not */
};

/* Takes the RDATA of a signed RRset of any size; `out` points into it afterwards. Of more than TLSA_SET_MAX usable
 * records the first in the order of the set count, the rest are ignored. TLSA_NONE for count 0, TLSA_USABLE or
 * TLSA_UNUSABLE. */
enum tlsa_state tlsa_set_take(struct tlsa_set *out, const struct span *rdata, size_t count);

/* Adds `3 1 1 AB12...`: usage, selector, matching type, and the data in upper-case hexadecimal without blanks; of more
 * than `octets` octets of data that many, and three dots. */
void tlsa_record_text(struct text *t, const struct tlsa_record *record, size_t octets);

#endif
