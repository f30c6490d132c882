/* What is remembered of a domain and of a hop, in lines for people (tell_) and in JSON (describe_). Names and texts of
 * others are quoted. */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include "entry.h"
#include "evidence.h"
#include "output.h"

void tell_record(const struct entry *entry);
void tell_fetch(const struct entry *entry, const char *detail); /* `detail`: of the newest attempt; may be "" */
void tell_policy(const struct entry *entry, int64_t now);
void tell_mx(const struct entry *entry);
void tell_hop(const char *host, uint16_t port, const struct hop_record *record, int64_t now);
/* `keeps the policy [ok]`: what a reason says of `hop`, or of the domain when `hop` is "". */
void tell_reason(const char *label, const char *hop, enum reason reason);

/* The object of `show --json`, without its hops; the caller's. */
json_t *describe_entry(const struct entry *entry, const char *detail);
json_t *describe_hop(const char *host, uint16_t port, const struct hop_record *record);
/* Puts members of a described entry, up to a NULL, into another object; frees what was described. */
void described_put(json_t *object, json_t *described, const char *const *names);

/* A few words on TLSA records; NULL or never looked for: "unknown". */
const char *describe_tlsa_state(const struct tlsa_look *look);

#endif
