/* The facts of one inquiry: what is known, how old it is, what was tried. verdict.h judges by it. Pure. */
#ifndef CORE_FACTS_H
#define CORE_FACTS_H

#include "entry.h"
#include "evidence.h"
#include "question.h"

#define HOPS_MAX 8 /* hops of a domain that are looked at, best preference first (design 5) */
/* An inquiry sees its MX set and its policy change once each at most, and each time other hops may be the first, those of
 * the set and those of them that the policy allows. */
#define HOP_FACTS_MAX (5 * HOPS_MAX)

/* The settings that matter to judgement. */
struct rules {
	bool probe;
	bool mta_enforces;
	bool first_contact_defers;  /* at the milter and policy delegation: milter_first_contact */
	bool internal_error_defers; /* likewise: on_internal_error */
	uint32_t probe_ttl_ok_s;
	uint32_t probe_ttl_fail_s;
	uint32_t probe_ttl_max_s;
	uint32_t refresh_interval_s;
	uint32_t forget_after_s;
	struct names exempt_domains;
	struct names exempt_hosts;
	struct names own_hosts;
};

enum store_state { STORE_UNREAD, STORE_READ, STORE_BROKEN };

struct hop_fact {
	char host[DOMAIN_SIZE];
	uint16_t port;
	bool read;           /* from the store */
	bool tried;          /* probed by the trust store, or refused a probe, in this inquiry */
	bool dane_tried;     /* the same by its TLSA records */
	bool tlsa_tried;     /* its TLSA records were looked for in this inquiry */
	enum reason refused; /* why it was not probed: PROBE_BUDGET; REASON_OK otherwise */
	struct hop_record record;
};

struct facts {
	struct question question;
	const struct rules *rules; /* outlives the facts */
	int64_t now;               /* wall-clock seconds; moves on as the inquiry goes */
	bool dane;                 /* the MTA does DANE, and our resolver validates: rule 2 is in force */
	bool forced; /* an operator's refresh: everything is renewed, the five minutes between fetches do not hold */

	enum store_state store;
	struct entry entry;
	bool record_tried, policy_tried, mx_tried; /* in this inquiry */
	enum reason mx_outcome;                    /* of the look in this inquiry */
	char policy_detail[256];                   /* of the fetch in this inquiry, for people, as in policy_found */
	unsigned hop_count;
	struct hop_fact *hop; /* those that the policy allows, as evidence is asked for; at most HOP_FACTS_MAX; owned */
};

void facts_init(struct facts *facts, const struct question *question, const struct rules *rules, int64_t now);
void facts_copy(struct facts *to, const struct facts *from);
void facts_free(struct facts *facts);

/* The fact about one hop, or NULL while it was not asked for. Belongs to the facts. */
struct hop_fact *facts_hop(const struct facts *facts, const char *host, uint16_t port);

/* The policy in force at `now`, or NULL. A policy is in force before it expires; one just fetched in this inquiry also
 * with max_age 0. */
const struct policy *facts_policy(const struct facts *facts);

/* Whether DANE governs hops that have usable TLSA records: the MX set, or that there is none to look up, is beyond
 * doubt (design rule 2; RFC 7672 2.2.1). */
bool facts_dane(const struct facts *facts);
/* What the hop's evidence is judged by in this inquiry: its usable TLSA records, if DANE governs and they are known. */
bool facts_hop_by_dane(const struct facts *facts, const struct hop_fact *hop);
/* Its evidence that was judged so; without any when all there is was judged otherwise. Belongs to the facts. */
const struct probe_history *facts_history(const struct facts *facts, const struct hop_fact *hop);

/* Whether bad evidence is left to the MTA, which asks the map under an enforce policy and so delivers over verified TLS
 * or not at all (rule 6): what falls short of our demands, but not of its own, holds no mail. */
bool facts_left_to_mta(const struct facts *facts, const struct evidence *seen);
/* Whether the evidence is good in this inquiry: by itself, or since what it falls short of is left to the MTA, or since
 * its certificate, under a trust anchor and over a secure MX set, names the next-hop domain (RFC 7672 3.2.2). The probe
 * knows of the host alone, whose evidence many domains share. */
bool facts_evidence_good(const struct facts *facts, const struct evidence *seen);

/* What the shell obtained. The facts take copies. */
void facts_learn_store(struct facts *facts, const struct entry *entry); /* NULL: the store has no entry */
void facts_learn_store_broken(struct facts *facts);
void facts_learn_evidence(struct facts *facts, const char *host, uint16_t port,
	const struct hop_record *record); /* NULL: none in the store */
void facts_learn_record(struct facts *facts, const struct record_found *found);
void facts_learn_policy(
	struct facts *facts, const struct policy_found *found, const char *id); /* as entry_learn_policy() */
void facts_learn_mx(struct facts *facts, const struct mx_found *found);
void facts_learn_tlsa(struct facts *facts, const char *host, uint16_t port, const struct tlsa_look *look);
/* `dane`: the probe was to be judged by TLSA records; seen->at == 0 then says that there are none any more, which was
 * learned before. */
void facts_learn_probe(struct facts *facts, const char *host, uint16_t port, bool dane, const struct evidence *seen);
/* The probe budget refused the probe that a front end wanted. */
void facts_learn_refused(struct facts *facts, const char *host, uint16_t port, int64_t at);

#endif
