/* Verdict records: what `stsgate why` knows about mail that was delayed, held, tagged or let through although it failed.
 *
 * A record is what the store keeps of all equal verdicts of one front end: those on one policy domain that have the same
 * kind, reason, deed and wishes of the sender are merged into one record, with a count and the last queue ids. Times are wall-clock seconds. Pure; any
 * thread. */
#ifndef CORE_VERDICT_RECORD_H
#define CORE_VERDICT_RECORD_H

#include "entry.h"
#include "span.h"
#include "step.h"

/* The store keeps these numbers. */
enum verdict_door { DOOR_MILTER, DOOR_MAP, DOOR_DELEGATION };
/* Returns the front end's name, as in log lines: `milter`, `socketmap`, `delegation`. */
const char *verdict_door_name(enum verdict_door door);

/* What a front end did with the mail: action and tag together, as one word for log, metrics and JSON. The store keeps
 * these numbers. DEED_TEMP is the map's reply TEMP: the mail waits in the MTA's queue. DEED_REJECT is the only permanent
 * refusal. */
enum deed { DEED_ACCEPT, DEED_TAG, DEED_QUARANTINE, DEED_DEFER, DEED_TEMP, DEED_REJECT };
const char *deed_name(enum deed deed); /* `accept`, `tag`, `quarantine`, `defer`, `temp`, `reject` */

#define VERDICT_QUEUE_IDS 8     /* queue ids that a record keeps, the last ones */
#define VERDICT_QUEUE_ID_MAX 23 /* octets; Postfix's longest id has 23, Sendmail's fewer */
#define VERDICT_QUEUE_IDS_SIZE (VERDICT_QUEUE_IDS * (VERDICT_QUEUE_ID_MAX + 1))

struct verdict_record {
	/* These members identify the record. */
	enum verdict_door door;
	char domain[DOMAIN_SIZE]; /* the policy domain; "" if the question had none */
	enum verdict_kind kind;
	enum reason reason;

	int64_t first_at, last_at;
	uint32_t count; /* stops at its maximum */
	/* The rest is of the newest verdict. */
	char hop[DOMAIN_SIZE];       /* the hop that decided, or "" */
	enum deed deed;              /* what was done */
	enum deed would;             /* what would be done without mode = monitor */
	bool monitor;                /* mode = monitor was set */
	enum override_kind override; /* what it was that changed the verdict, or OVERRIDE_NONE */
	enum tls_demand requiretls;  /* TLS_DEMAND_NONE: the sender has not demanded TLS */
	bool tls_required_no; /* the mail passed because its sender has asked for delivery without TLS (RFC 8689) */
	bool has_policy;      /* the next two members identify the policy that applied */
	enum policy_mode mode;
	char policy_id[RECORD_ID_MAX + 1];
	char queue_ids[VERDICT_QUEUE_IDS_SIZE]; /* separated by blanks, the newest first; "" if the MTA gave none */
};

/* Returns whether a verdict is recorded: it delays mail, or would without mode = monitor, the mail fails its policy, the
 * domain's own override has changed the verdict, or the sender's REQUIRETLS cannot be met. */
bool verdict_is_recorded(const struct verdict *verdict);

/* Returns whether the text can be the queue id of a message: 1 to VERDICT_QUEUE_ID_MAX printable ASCII characters
 * without a blank and without a dot. */
bool verdict_queue_id_valid(struct span text);
/* Fills a record with one verdict that a front end acts on now. The caller then sets `deed`, `would` and `monitor`. */
void verdict_record_init(
	struct verdict_record *record, enum verdict_door door, const struct verdict *verdict, int64_t now);
/* Puts a queue id before the others of a record. Does nothing if the id is not valid or is there already; the oldest id
 * leaves a full list. The id is untrusted. */
void verdict_record_queue_id(struct verdict_record *record, struct span id);
/* Returns whether the record has this queue id. */
bool verdict_record_has_id(const struct verdict_record *record, const char *id);
/* Returns whether the record means that the MTA probably holds mail at delivery (design 4.16): it asked the map again within
 * minutes, and then a probe found that no mail host satisfies the policy. */
bool verdict_record_at_delivery(const struct verdict_record *record);
/* Returns whether the mail was delayed or held, by a front end or at delivery. */
bool verdict_record_delays(const struct verdict_record *record);
/* Returns whether the mail probably still waits: it was delayed or held less than VERDICT_WAITS_S seconds ago. The queue of
 * an MTA asks for mail that waits at least this often: Postfix after at most 4000 s, Sendmail usually each hour. */
#define VERDICT_WAITS_S 7200
bool verdict_record_waits(const struct verdict_record *record, int64_t now);
/* Returns whether the mail does not wait, but would without mode = monitor, or if the testing policy that it fails were one of
 * mode enforce. */
bool verdict_record_would_delay(const struct verdict_record *record);
/* Returns whether such a verdict is younger than VERDICT_WAITS_S. */
bool verdict_record_would_wait(const struct verdict_record *record, int64_t now);
/* Returns whether two records are merged into one. */
bool verdict_record_same(const struct verdict_record *a, const struct verdict_record *b);
/* Merges a later record of the same verdict into `record`. */
void verdict_record_merge(struct verdict_record *record, const struct verdict_record *later);

/* Encode a record for the store, and decode it: see entry_encode(). verdict_record_decode() also returns false if a member
 * has a value that only a later version knows. */
struct bytes verdict_record_encode(const struct verdict_record *record);
bool verdict_record_decode(struct verdict_record *out, const void *bytes, size_t len);

#endif
