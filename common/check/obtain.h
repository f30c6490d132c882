/* Obtaining what a want names from the network: the one place that turns DNS, HTTPS and SMTP into found values. Waits
 * for HTTPS and SMTP, and a moment for DNS; workers only. */
#ifndef CHECK_OBTAIN_H
#define CHECK_OBTAIN_H

#include "check_limits.h"
#include "config.h"
#include "lookups.h"
#include "verdict.h"

#define OBTAIN_RETRY_MS 50   /* of a want that was put off */
#define OBTAIN_AGAIN_MS 2500 /* until a hop is looked at once more, whose trouble may pass */

/* What came of a want; the member is told by want.kind. */
struct found {
	struct want want;
	struct record_found record;
	struct policy_found policy;
	/* That led to the fetch (spec S-78). A case that was parked in the flight may have read a newer one since. */
	char record_id[RECORD_ID_MAX + 1];
	struct mx_found mx;
	/* The answer that the record or the MX set came from. */
	enum dns_outcome dns;
	/* Of a policy host that was dialled; 0: none was. */
	uint64_t network;
	struct tlsa_look
		tlsa; /* also of a probe by TLSA records, which are looked for anew: checked_at is 0 otherwise */
	struct evidence evidence;
	bool front;   /* a front end waits for it: if the budget refuses the probe, that is remembered */
	bool untried; /* nothing was asked of the network: it serves this case, and is not remembered */
	bool spared;  /* no probe was needed: what was seen for other hosts at its addresses will do */
	int again_ms; /* where obtain() says false: when to ask again; 0: soon */
	bool unmade;  /* a fetch that failed without being made: its policy host is in back-off, or there was no room */
	bool outbid;  /* of a probe that nobody waits for, and the budget refused: whoever waits has a better claim */
};
void found_free(struct found *found);
void facts_learn_found(struct facts *facts, const struct found *found);
/* The budget refused a probe that a front end waits for. */
bool found_refused(const struct found *found);

/* Keys of LIMIT_WORKERS. */
enum held { HELD_ALL = 1, HELD_ASKED };

/* What bounds the traffic of all wants together. */
struct bounds {
	struct limits *limits;
	unsigned quota;  /* of lookups in flight: a client's, a network's */
	bool background; /* no front end waits for anything here */
};

/* Of one probe, between two looks at a hop; all zero at first. Both lie within the probe's one deadline. */
struct second_look {
	bool due;
	int64_t deadline_ms;
};

/* Whether it waits for more than DNS. */
bool obtain_holds(const struct want *want);
/* Fills `found`; `lookups` are the want's own, from one time to the next. False: the lookups wait; ask again after
 * lookups_retry_ms(). Or the bounds let nothing through at this moment; ask again after OBTAIN_RETRY_MS, for as long as
 * the want itself might take (obtain_patience_ms); then obtain_in_vain(), of the `found` of the last time. `asked`:
 * somebody may wait for it. `look` is kept from one time to the next. */
bool obtain(const struct config *config, const struct bounds *bounds, struct lookups *lookups, const struct want *want,
	bool asked, struct second_look *look, struct found *found);
int64_t obtain_patience_ms(const struct config *config, const struct want *want);
void obtain_in_vain(const struct want *want, struct found *found);

#endif
