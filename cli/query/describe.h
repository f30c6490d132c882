/* Descriptions of entries and hops. Functions named `..._print` print lines for people to stdout. Functions named
 * `..._json` return JSON for `--json`. Text from the network is quoted. */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include "entry.h"
#include "evidence.h"
#include "facts.h"
#include "output.h"
#include "store.h"
#include "text.h"

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
/* The names that replace the words HOST and DOMAIN in a text of reason.def; "": the word stays. */
struct advice_names {
	const char *domain, *host;
};
/* Appends a text of reason.def, with the names in the places of the words HOST and DOMAIN. */
void advice_add(struct text *out, const char *text, const struct advice_names *names);
/* Print what the operator can do about a reason, and what to write to the domain's postmaster. They print nothing if there
 * is nothing to do. `indent` precedes the text. */
void advice_print(const char *label, const char *indent, enum reason reason, const struct advice_names *names);
void there_print(const char *label, const char *indent, enum reason reason, const struct advice_names *names);

/* Return the objects of `show --json` for an entry, for evidence and for a hop. The entry's object does not contain its hops.
 * What is known about the revocation of a hop's certificate is read from the store (NULL: it is unknown). The caller owns
 * the object. */
json_t *entry_json(const struct entry *entry);
json_t *evidence_json(const struct evidence *evidence, uint16_t port);
json_t *hop_json(struct store *store, const char *host, uint16_t port, const struct hop_record *record);
/* Moves the members with these names from `from` into `object`, and frees `from`. `names` ends with NULL. */
void members_move(json_t *object, json_t *from, const char *const *names);

/* Returns the state of a TLSA lookup in a few words. Returns "unknown" for NULL, and if nothing was looked up. */
const char *tlsa_state_text(const struct tlsa_lookup *look);

#endif
