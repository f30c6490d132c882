/* What is remembered of a domain and of a hop, in lines for people (tell_) and in JSON (describe_). Names and texts of
 * others are quoted. */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include "entry.h"
#include "evidence.h"
#include "output.h"
#include "verdict.h"

void tell_record(const struct entry *entry);
void tell_fetch(const struct entry *entry, const char *detail); /* `detail`: of the newest attempt; may be "" */
void tell_policy(const struct entry *entry, int64_t now);
void tell_mx(const struct entry *entry);
void tell_hop(const char *host, uint16_t port, const struct hop_record *record, int64_t now);
void tell_tlsa(const struct tlsa_look *look, int64_t now);
/* `keeps the policy [none]`: what a reason says of `hop`, or of the domain when `hop` is "". */
void tell_reason(const char *label, const char *hop, enum reason reason);

json_t *describe_record(const struct entry *entry);
json_t *describe_fetch(const struct entry *entry, const char *detail);
json_t *describe_policy(const struct entry *entry); /* NULL: there is none */
json_t *describe_mx(const struct entry *entry);
json_t *describe_tlsa(const struct tlsa_look *look); /* NULL: never looked for */
json_t *describe_hop(const char *host, uint16_t port, const struct hop_record *record);

const char *describe_mx_state(enum mx_state state); /* a word */
/* A few words on TLSA records; NULL or never looked for: "unknown". */
const char *describe_tlsa_state(const struct tlsa_look *look);
/* `TLSv1.3`; a number for what has no name. Returns a constant or `out`. */
#define PROTOCOL_SIZE 16
const char *describe_protocol(uint16_t protocol, char out[PROTOCOL_SIZE]);

#endif
