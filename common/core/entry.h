/* All that the store remembers of a policy domain (design 5), and how it changes as facts are learned. Pure; any
 * thread. Times are wall-clock seconds; 0 means never. A zeroed struct (with `domain` set) is the entry of an unknown
 * domain. */
#ifndef CORE_ENTRY_H
#define CORE_ENTRY_H

#include "domain.h"
#include "health.h"
#include "policy.h"
#include "reason.h"
#include "record.h"

#define MX_ROOT "."    /* `MX 0 .`; alone it is MX_NULL, beside others it is a host without an address (RFC 7505 3) */
#define MX_SET_MAX 256 /* names kept of one MX answer; a larger answer is kept as `too_large` without names */

enum mx_state {
	MX_UNKNOWN,  /* never looked up */
	MX_LISTED,   /* `mx_names` and `mx_preference` hold the answer, best preference first, names of equal preference
			sorted */
	MX_IMPLICIT, /* no MX records: the domain itself (RFC 5321 5.1; spec S-91) */
	MX_NULL,     /* RFC 7505 */
	MX_NO_DOMAIN, /* NXDOMAIN */
	MX_TOO_LARGE
};
const char *mx_state_name(enum mx_state state); /* `unknown`, `listed`, `implicit`, `null`, `no-domain`, `too-large` */

struct mx_set {
	enum mx_state state;
	bool secure; /* DNSSEC */
	uint32_t ttl_s;
	int64_t checked_at; /* of this answer */
	struct names names; /* what is no host name stands as mx_name_is_received() says: no policy allows it */
	uint16_t preference[MX_SET_MAX];
};

struct entry {
	char domain[DOMAIN_SIZE];

	/* The record: outcome of the newest look. REASON_OK: valid; else NO_RECORD, RECORD_INVALID, RECORD_MANY,
	 * RECORD_LOOKUP, RESOLVER. */
	int64_t record_checked_at;
	enum reason record_outcome;
	uint32_t record_ttl_s;             /* of the record, or of its absence (SOA minimum) */
	char record_id[RECORD_ID_MAX + 1]; /* of the newest valid record */

	/* The policy in force, or expired. */
	bool has_policy;
	struct policy policy;
	char policy_id[RECORD_ID_MAX + 1]; /* of the record that led to the fetch (S-78) */
	int64_t policy_fetched_at;
	int64_t policy_expires_at;
	char *policy_text; /* as received, owned; NULL when longer than POLICY_TEXT_KEPT */
	uint32_t policy_text_len;

	/* The newest attempt to fetch. REASON_OK: it succeeded. */
	int64_t fetch_tried_at;
	enum reason fetch_outcome; /* POLICY_FETCH, POLICY_INVALID, POLICY_WEBPKI, RESOLVER */
	char fetch_tried_id[RECORD_ID_MAX + 1];
	uint32_t fetch_failures; /* in a row */
	uint16_t refresh_alarm;  /* enum refresh_alarm: the highest that was raised since the policy was fetched */

	/* The policy before this one, to notice a weakening. */
	bool has_previous;
	enum policy_mode previous_mode;
	char previous_id[RECORD_ID_MAX + 1];
	int64_t previous_until;

	struct mx_set mx;

	/* Use: days since the epoch. */
	int32_t first_used_day;
	int32_t last_used_day;
	/* The operator put the policy here (import, warm), and it was not fetched again since: it counts as in use, so that
	 * it is there when mail comes. */
	uint16_t placed;

	int64_t due_at; /* when the refresher looks next; 0: not at all */
};

void entry_init(struct entry *entry, const char *domain);
void entry_copy(struct entry *to, const struct entry *from);
void entry_free(struct entry *entry); /* what it owns; the struct is the caller's */

/* What was found, as values. */
struct record_found {
	enum reason outcome;
	uint32_t ttl_s;
	struct record record;
};
struct policy_found {
	enum reason outcome;
	struct policy policy; /* when outcome is REASON_OK; owned */
	char *text;           /* the body as received; owned */
	uint32_t text_len;
	enum health_way way; /* what the fetch says of this machine */
	bool unreached;      /* refused, unreachable, or silent: nothing came back, not even the start of TLS */
	char detail[256];    /* for people: what exactly failed; untrusted parts are quoted already */
};
struct mx_found {
	enum reason outcome; /* REASON_OK, MX_LOOKUP, RESOLVER */
	struct mx_set set;   /* when outcome is REASON_OK; owned */
};
void policy_found_free(struct policy_found *found);
void mx_found_free(struct mx_found *found);
void mx_set_copy(struct mx_set *to, const struct mx_set *from);
/* An MX name that is no host's: as it was received, by text_quote() and always between double quotes, to be shown as it
 * stands; MX_ROOT; or "", when the record could not be read at all. */
bool mx_name_is_received(const char *name, size_t len);

/* Learning (RFC 8461 3.3, 5.1): a failed look never takes a policy away; only a fetched and parsed policy replaces one,
 * and only it restarts max_age. `id` is the record id that led to the fetch, "" when none is known. */
void entry_learn_record(struct entry *entry, const struct record_found *found, int64_t now);
void entry_learn_policy(struct entry *entry, const struct policy_found *found, const char *id, int64_t now);
void entry_learn_mx(struct entry *entry, const struct mx_found *found, int64_t now);
void entry_learn_use(struct entry *entry, int64_t now);

/* The latest of the times at which something of it was learned; 0: nothing was. */
int64_t entry_newest(const struct entry *entry);

/* Encoding: a version, tagged fields of which unknown ones are skipped, and a checksum over all of it. Decoding takes
 * hostile bytes: it is bounded, parsed whole, and false means "as if absent". Byte order is fixed (little endian). */
#define ENTRY_VERSION 1
struct bytes {
	uint8_t *at; /* malloc'ed, owned */
	size_t len;
};
struct hop_record;
struct bytes entry_encode(const struct entry *entry);
bool entry_decode(struct entry *out, const void *bytes, size_t len);
/* What a later ENTRY_VERSION wrote: whole, and not for this one to read. */
bool entry_is_newer(const void *bytes, size_t len);
struct bytes hop_record_encode(const struct hop_record *record);
bool hop_record_decode(struct hop_record *out, const void *bytes, size_t len);

#endif
