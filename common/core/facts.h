/* The facts of one inquiry: what is known, how old it is, and what this inquiry has tried to obtain.
 *
 * verdict_next() (verdict.h) judges by the facts. An inquiry calls facts_init(), adds each fact that it obtains with a
 * facts_learn_ function, and ends with facts_free(). A facts_learn_ function copies what it is given and marks the
 * fact as tried, also if the attempt failed. Pure; any thread, but one thread at a time for one struct. */
#ifndef CORE_FACTS_H
#define CORE_FACTS_H

#include "entry.h"
#include "evidence.h"
#include "question.h"

#define HOPS_MAX 8 /* hops of a domain that are probed, best preference first (design 4.4) */
/* Hops that one inquiry may remember. It sees its MX set and its policy change once each at most. After each change
 * other hops may be the first eight, both of the whole set and of the hops that the policy allows. */
#define HOP_FACTS_MAX (5 * HOPS_MAX)

/* The settings that the verdict depends on; man page stsgated(8) describes them under the same names. */
struct rules {
	bool probe;
	bool mta_enforces;
	bool first_contact_defers;  /* milter_first_contact = defer; for the milter and policy delegation */
	bool internal_error_defers; /* on_internal_error = defer; for the milter and policy delegation */
	uint32_t probe_ttl_ok_s;    /* soft age of good evidence */
	uint32_t probe_ttl_fail_s;  /* soft age of bad evidence */
	uint32_t probe_ttl_max_s;   /* hard age of all evidence */
	uint32_t refresh_interval_s;
	uint32_t forget_after_s;
	struct names exempt_domains;
	struct names exempt_hosts;
	struct names own_hosts;
};

enum store_state {
	STORE_UNREAD, /* the entry was not read yet */
	STORE_READ,   /* the entry was read, or the store has none */
	STORE_BROKEN  /* the store cannot be read */
};

/* What the inquiry knows about one hop. */
struct hop_fact {
	char host[DOMAIN_SIZE];
	uint16_t port;
	bool read;           /* its hop record was read from the store */
	bool tried;          /* in this inquiry: probed by the trust store, or refused such a probe */
	bool dane_tried;     /* in this inquiry: probed by its TLSA records, or refused such a probe */
	bool tlsa_tried;     /* in this inquiry: its TLSA records were looked up */
	enum reason refused; /* REASON_PROBE_BUDGET if the probe budget refused the probe; otherwise REASON_OK */
	struct hop_record record;
};

struct facts {
	struct question question;
	const struct rules *rules; /* must outlive the facts */
	int64_t now;               /* wall-clock seconds; the caller moves it on during a long inquiry */
	bool dane;   /* the MTA does DANE (mta_dane) and this machine's resolver validates: rule 2 applies */
	bool forced; /* an operator's refresh: renew everything, even within five minutes of the last fetch */

	enum store_state store;
	struct entry entry;                        /* owned */
	bool record_tried, policy_tried, mx_tried; /* in this inquiry */
	enum reason mx_outcome;                    /* of the MX lookup in this inquiry */
	char policy_detail[256];                   /* of the fetch in this inquiry: see policy_found.detail */
	unsigned hop_count;
	struct hop_fact *hop; /* in the order in which they were first learned; owned */
};

/* Starts an inquiry at wall-clock second `now`, with an empty entry. `rules` must outlive the facts. */
void facts_init(struct facts *facts, const struct question *question, const struct rules *rules, int64_t now);
/* Makes `to` an independent copy, which the caller frees. `rules` is shared. */
void facts_copy(struct facts *to, const struct facts *from);
/* Frees what the facts own. The struct itself is the caller's. */
void facts_free(struct facts *facts);

/* Returns what is known about one hop, or NULL if nothing was learned about it. It belongs to the facts, and the next
 * facts_learn_ function may move it. */
struct hop_fact *facts_hop(const struct facts *facts, const char *host, uint16_t port);

/* Returns the policy in force, or NULL. A policy is in force until it expires. One that this inquiry has just fetched
 * is in force for this inquiry even with max_age 0. Belongs to the facts. */
const struct policy *facts_policy(const struct facts *facts);

/* Returns whether DANE governs the domain's hops that have usable TLSA records. It does if the question allows DANE
 * and the MX set is signed, or if the question needs no MX set (rule 2; RFC 7672 2.2.1). */
bool facts_dane(const struct facts *facts);
/* Returns whether a hop is judged by its TLSA records: DANE governs, and usable records are known within their hard
 * age. Otherwise the trust store judges it. */
bool facts_hop_by_dane(const struct facts *facts, const struct hop_fact *hop);
/* Returns the probe history that counts for a hop: by its current TLSA records, or by the trust store. Empty if all
 * known evidence was judged in another way. Belongs to the facts. */
const struct probe_history *facts_history(const struct facts *facts, const struct hop_fact *hop);

/* Returns whether bad evidence holds no mail because the MTA checks the hop itself (rule 6). That is so under an
 * enforce policy with mta_enforces: the map binds the MTA, which delivers over verified TLS or not at all. It applies
 * where the hop falls short of what stsgate demands, but not of what the MTA demands. */
bool facts_left_to_mta(const struct facts *facts, const struct evidence *seen);
/* Returns whether evidence counts as good in this inquiry. It does if the probe found the hop good, if
 * facts_left_to_mta(), or if DANE governs and the certificate is issued under a trust anchor for the policy domain
 * instead of the host (RFC 7672 3.2.2). The probe itself cannot judge the last case: many domains share its result. */
bool facts_evidence_good(const struct facts *facts, const struct evidence *seen);

/* The entry was read from the store; NULL: the store has none. */
void facts_learn_store(struct facts *facts, const struct entry *entry);
/* The store cannot be read. */
void facts_learn_store_broken(struct facts *facts);
/* A hop record was read from the store; NULL: the store has none. */
void facts_learn_evidence(struct facts *facts, const char *host, uint16_t port, const struct hop_record *record);
/* A lookup of the `_mta-sts` record ended. */
void facts_learn_record(struct facts *facts, const struct record_found *found);
/* A fetch of the policy ended. `id` is the record id that led to it, or "". */
void facts_learn_policy(struct facts *facts, const struct policy_found *found, const char *id);
/* An MX lookup ended. */
void facts_learn_mx(struct facts *facts, const struct mx_found *found);
/* A lookup of a hop's TLSA records ended. */
void facts_learn_tlsa(struct facts *facts, const char *host, uint16_t port, const struct tlsa_lookup *look);
/* A probe ended, or the probe budget refused it (REASON_PROBE_BUDGET). `dane` is the member of the want. With it,
 * seen->at == 0 means that the hop no longer has TLSA records; facts_learn_tlsa() has reported that before. */
void facts_learn_probe(struct facts *facts, const char *host, uint16_t port, bool dane, const struct evidence *seen);
/* The probe budget refused at wall-clock second `at` a probe that a front end wanted. */
void facts_learn_refused(struct facts *facts, const char *host, uint16_t port, int64_t at);

#endif
