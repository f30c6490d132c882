/* Signs of an attack: what a new result shows beside the state that is stored.
 *
 * A sign compares two observations, and one of them is fresh: a hop that never offered STARTTLS causes no sign, a hop that
 * has lost STARTTLS does. Signs are events; they never change a verdict. The caller passes the state as it was before the
 * result (check/signs). Design 12 explains the rules. Pure; any thread. */
#ifndef CORE_SIGN_H
#define CORE_SIGN_H

#include "event_record.h"
#include "facts.h"
#include "look.h"
#include "text.h"

#define SIGNS_MAX 8                /* of one result; further ones are dropped */
#define SIGN_GOOD_S (90 * DAY_S)   /* an observation that is older is not compared */
#define SIGN_YOUNG_S (2 * DAY_S)   /* a certificate is new for so long after the beginning of its validity */
#define SIGN_RENEWAL_S (2 * DAY_S) /* a renewal may come this long before the last third of the validity */
#define SIGN_AGE_CUT 10            /* max_age is cut if the new one is at most this part of the old one */

struct signs_found {
	size_t count;
	struct event_record sign[SIGNS_MAX];
};

/* Adds a sign that is seen at wall-clock second `now`. Untrusted words in `detail` are quoted already. Returns the sign,
 * so that its host and port can be set, or NULL if there is no room. */
struct event_record *sign_add(struct signs_found *signs, enum event_kind kind, enum event_severity severity,
	const char *domain, const char *detail, int64_t now);

/* What an operator should know about a sign: sentences (sign.def). The strings are static. */
struct sign_words {
	const char *means, *check, *inform;
};
/* Returns the words for a kind of event, or NULL if it is no sign. */
const struct sign_words *sign_words(enum event_kind kind);

/* --- signs of a domain -------------------------------------------------------------------------------------------- */

/* Add the signs that a result shows beside the facts, which have not learned it yet; facts->now is the time of the result.
 * `id` is the record id that led to the fetch. Failed lookups and fetches show none. */
void sign_record(struct signs_found *signs, const struct facts *facts, const struct record_found *found);
void sign_policy(
	struct signs_found *signs, const struct facts *facts, const struct policy_found *found, const char *id);
/* An owner may have changed the policy and the MX records together. So a sign in an MX set counts only if
 * sign_mx_is_outside() is still true when the inquiry has ended, since it looks for a newer policy before it fails. */
void sign_mx(struct signs_found *signs, const struct facts *facts, const struct mx_found *found);
/* Returns whether a policy is in force, and does not allow all hosts of the MX set that the facts have. */
bool sign_mx_is_outside(const struct facts *facts);

/* Describes in printable ASCII what an entry has from DNS: record and MX set, with DNSSEC status and TTL. */
void sign_describe_dns(struct text *out, const struct entry *entry);

/* --- signs of a hop ----------------------------------------------------------------------------------------------- */

/* One result of a probe beside what was known before. */
struct sign_probe {
	const char *domain; /* for which the hop was probed */
	const char *host;
	uint16_t port;
	const struct hop_record *record; /* before; what the store keeps about the hop */
	const struct look *good;         /* before; the look of the newest good probe; NULL: none */
	const struct evidence *seen;     /* the result */
	const struct look *look;         /* what the probe saw; NULL: nothing */
};
/* Adds the signs that the result shows. */
void sign_hop(struct signs_found *signs, const struct sign_probe *probe);
/* Returns the good evidence with which the result may be compared: of the same kind (trust store or TLSA records), at
 * most SIGN_GOOD_S old. NULL: none. Points into `record`. */
const struct evidence *sign_good_before(const struct hop_record *record, const struct evidence *seen);

#endif
