/* An entry: all that the store keeps about one policy domain, and how it changes when something is learned.
 *
 * A zeroed struct with `domain` set (entry_init()) is the entry of an unknown domain. entry_learn_ functions add
 * results; entry_encode() and entry_decode() turn an entry into the store's bytes and back. Times are wall-clock
 * seconds; 0 means never. Pure; any thread, but one thread at a time for one struct. */
#ifndef CORE_ENTRY_H
#define CORE_ENTRY_H

#include "domain.h"
#include "health.h"
#include "node_name.h"
#include "policy.h"
#include "reason.h"
#include "record.h"
#include "staple_state.h"

/* The host of `MX 0 .`. As the only MX record it is a null MX; among other MX records it is a host without address (RFC
 * 7505 3). */
#define MX_ROOT "."
/* Hosts kept of one MX answer. A larger answer is kept as MX_TOO_LARGE, without hosts. */
#define MX_SET_MAX 256

/* Octets that an entry keeps of what failed in a fetch. */
#define FETCH_DETAIL_MAX 120

/* The result of the newest MX lookup that was answered. */
enum mx_state {
	MX_UNKNOWN,   /* never looked up */
	MX_LISTED,    /* `names` and `preference` hold the hosts, sorted by preference and then by name */
	MX_IMPLICIT,  /* no MX records: the domain itself is its mail host (RFC 5321 5.1; spec S-91) */
	MX_NULL,      /* the domain takes no mail (RFC 7505) */
	MX_NO_DOMAIN, /* NXDOMAIN */
	MX_TOO_LARGE  /* more than MX_SET_MAX hosts */
};
/* Returns `unknown`, `listed`, `implicit`, `null`, `no-domain` or `too-large`. */
const char *mx_state_name(enum mx_state state);

struct mx_set {
	enum mx_state state;
	bool secure; /* DNSSEC proves the answer */
	uint32_t ttl_s;
	int64_t checked_at; /* when the answer came */
	struct names names; /* owned; mx_name_is_not_host() describes how a name that is no host name is kept */
	uint16_t preference[MX_SET_MAX]; /* of the name with the same index */
};

struct entry {
	char domain[DOMAIN_SIZE];

	/* The newest lookup of the record. Outcome: REASON_OK (valid), NO_RECORD, RECORD_INVALID, RECORD_MANY,
	 * RECORD_LOOKUP or RESOLVER. */
	int64_t record_checked_at;
	enum reason record_outcome;
	bool record_secure;                /* DNSSEC proves the answer */
	uint32_t record_ttl_s;             /* of the record, or of its absence (SOA minimum) */
	char record_id[RECORD_ID_MAX + 1]; /* of the newest valid record */

	/* The newest policy that was fetched; expired policies are kept, too. */
	bool has_policy;
	struct policy policy;              /* owned */
	char policy_id[RECORD_ID_MAX + 1]; /* of the record that led to the fetch (spec S-78) */
	int64_t policy_fetched_at;
	int64_t policy_expires_at;
	char *policy_text; /* the policy as received; owned; NULL if it was longer than POLICY_TEXT_KEPT */
	uint32_t policy_text_len;
	/* Not "": another relay of the site fetched the policy, and its node has this name (core/fleet_trust.h). This relay fetches
	 * it itself at policy_refetch_at. */
	char policy_from[NODE_NAME_SIZE];
	int64_t policy_refetch_at;

	/* The newest fetch. Outcome: REASON_OK (it succeeded), POLICY_FETCH, POLICY_INVALID, POLICY_WEBPKI or
	 * RESOLVER. */
	int64_t fetch_tried_at;
	enum reason fetch_outcome;
	char fetch_tried_id[RECORD_ID_MAX + 1];
	char fetch_detail[FETCH_DETAIL_MAX + 1]; /* what failed in it, printable, cut to fit; "" if it succeeded */
	uint32_t fetch_failures;                 /* in a row; the count stops at its maximum */
	/* What the policy host itself showed in that fetch about the revocation of its certificate, and when it was revoked
	 * (0: it was not). */
	enum staple_state fetch_staple;
	int64_t fetch_revoked_at;
	uint16_t refresh_alarm; /* enum refresh_alarm: the highest level reported since the policy was fetched */

	/* The policy before this one, so that a weaker policy can be reported. */
	bool has_previous;
	enum policy_mode previous_mode;
	char previous_id[RECORD_ID_MAX + 1];
	int64_t previous_until; /* when it would have expired */

	struct mx_set mx; /* owned */

	/* The first and the last day on which somebody asked for the domain, in days since the epoch. */
	int32_t first_used_day;
	int32_t last_used_day;
	/* 1: the operator has put the policy into the store (import, warm), and it was not fetched since. The domain
	 * then counts as in use, so that its policy is kept until mail comes. */
	uint16_t placed;

	int64_t due_at; /* when the refresher handles the domain next; 0: never */
};

/* Makes an empty entry. */
void entry_init(struct entry *entry, const char *domain);
/* Makes `to` an independent copy, which the caller frees. */
void entry_copy(struct entry *to, const struct entry *from);
/* Frees what the entry owns and zeroes the struct, but does not free the struct itself. NULL is allowed. */
void entry_free(struct entry *entry);

/* The results of a record lookup, a policy fetch and an MX lookup. Their owner frees them. */
struct record_found {
	enum reason outcome; /* as entry.record_outcome */
	bool secure;         /* DNSSEC proves the answer */
	uint32_t ttl_s;
	struct record record; /* if outcome is REASON_OK */
};
struct policy_found {
	enum reason outcome;  /* as entry.fetch_outcome */
	struct policy policy; /* if outcome is REASON_OK; owned */
	char *text;           /* the body as received; owned; may be NULL */
	uint32_t text_len;
	enum health_way way; /* what the fetch shows about this machine (health.h) */
	uint64_t
		leaf; /* identifies the policy host's certificate as evidence.leaf does, if it was good and names a CRL; else 0 */
	struct staple staple; /* of the policy host, if its certificate was good */
	bool unreached;       /* connections were refused or got no answer, not even the start of TLS */
	/* The exact failure, for people, such as `HTTP status 404`; untrusted parts are already quoted. */
	char detail[256];
};
struct mx_found {
	enum reason outcome; /* REASON_OK, MX_LOOKUP or RESOLVER */
	struct mx_set set;   /* if outcome is REASON_OK; owned */
};
/* Free what a result owns. NULL is allowed. */
void policy_found_free(struct policy_found *found);
void mx_found_free(struct mx_found *found);
/* Makes `to` an independent copy. */
void mx_set_copy(struct mx_set *to, const struct mx_set *from);
/* Returns whether a name in an MX set is not a host name. There are three such forms: MX_ROOT; "" for an MX record that
 * could not be read; and a received name that text_quote() made printable, always in double quotes. No policy allows
 * any of them. */
bool mx_name_is_not_host(const char *name, size_t len);

/* Add a result that was obtained at wall-clock second `now` (RFC 8461 3.3, 5.1). A failed lookup or fetch never removes
 * a policy. Only a policy that was fetched and parsed replaces the stored one and restarts max_age. A failed MX lookup
 * changes nothing. `id` is the record id that led to the fetch, or "". */
void entry_learn_record(struct entry *entry, const struct record_found *found, int64_t now);
void entry_learn_policy(struct entry *entry, const struct policy_found *found, const char *id, int64_t now);
void entry_learn_mx(struct entry *entry, const struct mx_found *found, int64_t now);
/* Notes that somebody asked for the domain today. */
void entry_learn_use(struct entry *entry, int64_t now);

/* Returns when the entry last learned something from the network; 0 if never. */
int64_t entry_newest(const struct entry *entry);
/* Returns the reason why the newest lookup or fetch failed, or REASON_OK. A domain without a record is not a failure, and a
 * fetch for an earlier record no longer matters then. */
enum reason entry_failure(const struct entry *entry);

/* Encode structs for the store, and decode them. The bytes are tagged fields with a version and a checksum (fields.h),
 * little endian on every machine.
 *
 * Decoding accepts hostile bytes: it checks every length, and all bytes must belong to a field. If a decoder returns
 * false, treat the value as absent; `out` then owns nothing. */
#define ENTRY_VERSION 1
struct bytes {
	uint8_t *at; /* from malloc(); the caller frees it */
	size_t len;
};
struct hop_record;
struct bytes entry_encode(const struct entry *entry);
/* Fills `out`, which the caller frees. */
bool entry_decode(struct entry *out, const void *bytes, size_t len);
/* Returns whether a later version of stsgate wrote these bytes: they are undamaged, but this version cannot read
 * them. */
bool entry_is_newer(const void *bytes, size_t len);
struct bytes hop_record_encode(const struct hop_record *record);
bool hop_record_decode(struct hop_record *out, const void *bytes, size_t len);

#endif
