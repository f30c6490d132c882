/* Descriptions of entries and hops. Functions named `..._print` print lines for people to stdout. Functions named
 * `..._json` return JSON for `--json`. Text from the network is quoted. */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include "entry.h"
#include "evidence.h"
#include "output.h"

/* Print parts of an entry. `detail` explains the result of the newest fetch, and may be "". `now` is in seconds since the
 * epoch. */
void record_print(const struct entry *entry);
void fetch_print(const struct entry *entry, const char *detail);
void policy_print(const struct entry *entry, int64_t now);
void mx_print(const struct entry *entry);
/* Prints a hop of a policy domain: its TLSA records and the evidence of its probes. */
void hop_print(const char *domain, const char *host, uint16_t port, const struct hop_record *record, int64_t now);
/* The names that replace the words HOST and DOMAIN in a text of reason.def; "": the word stays. */
struct advice_names {
	const char *domain, *host;
};
/* Prints what the operator can do about a reason, and what to write to the domain's postmaster. Prints nothing if there
 * is nothing to do. `indent` precedes the text of each line. */
void advice_print(const char *label, const char *indent, enum reason reason, const struct advice_names *names);

/* Return the objects of `show --json` for an entry and for a hop. The entry's object does not contain its hops. The
 * caller owns the object. */
json_t *entry_json(const struct entry *entry, const char *detail);
json_t *hop_json(const char *host, uint16_t port, const struct hop_record *record);
/* Moves the members with these names from `from` into `object`, and frees `from`. `names` ends with NULL. */
void members_move(json_t *object, json_t *from, const char *const *names);

/* Returns the state of a TLSA lookup in a few words. Returns "unknown" for NULL, and if nothing was looked up. */
const char *tlsa_state_text(const struct tlsa_lookup *look);

#endif
