/* Descriptions of entries and hops, as lines for people on stdout. Text from the network is quoted. */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include "advice.h"
#include "entry_json.h"
#include "facts.h"
#include "output.h"

/* How facts are described. Zeroed except for `now`: as `show` does. */
struct view {
	int64_t now; /* seconds since the epoch */
	/* Facts that are not older than this were looked up by this command; older ones come from the store. INT64_MAX:
	 * nothing was looked up. 0: the source is not shown. */
	int64_t began;
	struct store *store;       /* from which revocations are read; NULL: they are not shown */
	bool revocation;           /* the setting is on: also shows that nothing is known */
	const struct rules *rules; /* for the ages up to which evidence counts; NULL: these are not shown */
	enum reason
		letter; /* the letter asks the postmaster to repair this, so the hops do not repeat it; REASON_OK: none */
	bool said[REASON_COUNT]; /* the advice for this reason was printed, and is not printed again */
};

/* Print parts of an entry. */
void record_print(const struct entry *entry, const struct view *view);
void fetch_print(const struct entry *entry, const struct view *view);
void policy_print(const struct entry *entry, const struct view *view);
void mx_print(const struct entry *entry, const struct view *view);
/* Prints a hop of a policy domain: its TLSA records and the evidence of its probes. */
void hop_print(const char *domain, const char *host, uint16_t port, const struct hop_record *record, struct view *view);
/* Prints what a probe saw at one address of a hop, in a few lines. */
void address_print(const char *address, const struct evidence *seen);
/* Print what the operator can do about a reason, and what to write to the domain's postmaster. They print nothing if there
 * is nothing to do. `indent` precedes the text. */
void advice_print(const char *label, const char *indent, enum reason reason, const struct advice_names *names);
void there_print(const char *label, const char *indent, enum reason reason, const struct advice_names *names);

/* Returns the state of a TLSA lookup in a few words. Returns "unknown" for NULL, and if nothing was looked up. */
const char *tlsa_state_text(const struct tlsa_lookup *look);

#endif
