/* The facts of one inquiry: what is known, how old it is, and what this inquiry has tried to obtain.
 *
 * verdict_next() (verdict.h) judges by the facts. An inquiry calls facts_init(), adds each fact that it obtains with a
 * facts_learn_ function, and ends with facts_free(). A facts_learn_ function copies what it is given and marks the
 * fact as tried, also if the attempt failed. Pure; any thread, but one thread at a time for one struct. */
#ifndef CORE_FACTS_H
#define CORE_FACTS_H

#include "entry.h"
#include "evidence.h"
#include "override.h"
#include "question.h"
#include "step.h"

#define HOPS_MAX 8 /* at most so many hops of a domain are probed, best preference first (design 4.4) */
/* The most hops that one inquiry may learn about: five lists of HOPS_MAX. During an inquiry the MX set changes at most
 * once, and so does the policy. That gives two lists of the first hops of the whole set, and three lists of the first
 * hops that the policy allows. */
#define HOP_FACTS_MAX (5 * HOPS_MAX)

/* The settings that the verdict depends on; man page stsgate.conf(5) describes them under the same names. */
struct rules {
	bool probe;
	bool mta_enforces;
	bool first_contact_defers;  /* milter_first_contact = defer; for the milter and policy delegation */
	bool internal_error_defers; /* on_internal_error = defer; for the milter and policy delegation */
	bool default_verify; /* default_level = verify; for the map, and for a query, which shows what it leads to */
	uint32_t probe_ttl_ok_s;   /* soft age of good evidence */
	uint32_t probe_ttl_fail_s; /* soft age of bad evidence */
	uint32_t probe_ttl_max_s;  /* hard age of all evidence */
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
	bool read;       /* its hop record was read from the store */
	bool tried;      /* in this inquiry, a probe by the trust store has ended or was refused */
	bool dane_tried; /* in this inquiry, a probe by its TLSA records has ended or was refused */
	bool tlsa_tried; /* in this inquiry, its TLSA records were looked up */
	/* Why no probe could be made: REASON_PROBE_BUDGET if the probe budget refused it, REASON_RESOLVER if no
	 * resolver answers. Otherwise REASON_OK. */
	enum reason refused;
	struct hop_record record;
};

struct facts {
	struct question question;
	const struct rules *rules; /* must outlive the facts */
	int64_t now;               /* wall-clock seconds; the caller updates it during a long inquiry */
	bool dane;    /* the MTA does DANE (mta_dane) and this machine's resolver validates: rule 2 applies */
	bool forced;  /* an operator's refresh or query: renew everything, even within five minutes of the last fetch */
	bool again;   /* the MTA asks the map again within minutes, so old evidence may be wrong: see schedule.h */
	bool offline; /* nothing may be looked up: see facts_learn_nothing() */
	/* The MTA compares a certificate with the name of the host that shows it, and not with the names of a policy
	 * (verdict_default()). */
	bool by_host_name;

	enum store_state store;
	bool absent;                               /* the entry was read, but the store has none */
	struct entry entry;                        /* owned */
	bool record_tried, policy_tried, mx_tried; /* in this inquiry */
	enum reason mx_outcome;                    /* of the MX lookup in this inquiry */
	char policy_detail[256];                   /* of the fetch in this inquiry: see policy_found.detail */
	unsigned hop_count;
	struct hop_fact *hop; /* in the order in which they were first learned; owned */
	/* Read with the entry. If its kind is OVERRIDE_NONE, none is in force, and the other members are not set. */
	struct override override;
};

/* Starts an inquiry at wall-clock second `now`, with an empty entry. `rules` must outlive the facts. */
void facts_init(struct facts *facts, const struct question *question, const struct rules *rules, int64_t now);
/* Makes `to` an independent copy, which the caller frees. `rules` is shared. */
void facts_copy(struct facts *to, const struct facts *from);
/* Frees what the facts own, but not the struct itself. */
void facts_free(struct facts *facts);

/* Returns what is known about one hop, or NULL if nothing was learned about it. The facts own the result, and the next
 * call of a facts_learn_ function may move it. */
struct hop_fact *facts_hop(const struct facts *facts, const char *host, uint16_t port);

/* Returns the policy in force, or NULL. A policy is in force until it expires. A policy that this inquiry itself has
 * fetched is in force for the whole inquiry, even with max_age 0. The facts own the result. */
const struct policy *facts_policy(const struct facts *facts);

/* Returns the kind of the override that applies to this question now. A query and a refresh judge as without an override:
 * they show and renew what is true. */
enum override_kind facts_override(const struct facts *facts);

/* Returns whether an override `pin` applies to this question now: evidence counts as good only from within its autonomous
 * systems (rule 1). */
bool facts_pinned(const struct facts *facts);

/* Returns whether DANE governs the domain: its hops with usable TLSA records are then judged by those records (rule 2;
 * RFC 7672 2.2.1). DANE governs if the MTA does DANE (`dane`), the question does not exclude it (`no_dane`), and the MX
 * set is signed or the question needs no MX set. */
bool facts_dane(const struct facts *facts);
/* Returns whether a hop is judged by its TLSA records: DANE governs, and usable records are known within their hard
 * age. Otherwise the trust store judges it. */
bool facts_hop_by_dane(const struct facts *facts, const struct hop_fact *hop);
/* Returns the probe history that counts for a hop. If facts_hop_by_dane(), that is the history judged by the hop's
 * current TLSA records, or an empty one if older TLSA records judged it. Otherwise it is the history judged by the
 * trust store. Do not free the result; it is valid until the next call of a facts_learn_ function. */
const struct probe_history *facts_history(const struct facts *facts, const struct hop_fact *hop);

/* Returns whether bad evidence holds no mail because the MTA checks the hop itself (rule 6). It holds none if the hop
 * falls short of what stsgate demands, but not of what the MTA demands. This applies only under an enforce policy with
 * mta_enforces = yes: there the map binds the MTA, which delivers over verified TLS or not at all. It never applies to
 * a pinned domain: the MTA knows no autonomous systems. */
bool facts_left_to_mta(const struct facts *facts, const struct evidence *seen);
/* Returns whether evidence counts as good in this inquiry. It does in three cases:
 *
 * - The probe found the hop good.
 * - facts_left_to_mta() is true.
 * - A TLSA set judged the hop, and the certificate, issued under a trust anchor of that set, names the policy domain
 *   instead of the host (RFC 7672 3.2.2). The probe itself cannot judge this case, because many domains share its
 *   result. */
bool facts_evidence_good(const struct facts *facts, const struct evidence *seen);

/* Returns whether a DNS name in the certificate covers the host. */
bool facts_certificate_covers(const struct evidence *seen, const char *host);

/* Adds the entry that was read from the store; NULL: the store has none. */
void facts_learn_store(struct facts *facts, const struct entry *entry);
/* Does the same with an entry that the facts take over. Leaves an entry that needs no entry_free(). */
void facts_take_store(struct facts *facts, struct entry *entry);
/* Adds the override that was read from the store, of the domain itself or for all domains. Call it before
 * facts_learn_store(). It applies while it is in force. */
void facts_learn_override(struct facts *facts, const struct override *override);
/* Notes that the store cannot be read. */
void facts_learn_store_broken(struct facts *facts);
/* Adds the hop record that was read from the store; NULL: the store has none. */
void facts_learn_evidence(struct facts *facts, const char *host, uint16_t port, const struct hop_record *record);
/* Adds the result of a lookup of the `_mta-sts` record. */
void facts_learn_record(struct facts *facts, const struct record_found *found);
/* Adds the result of a fetch of the policy. `id` is the record id that led to the fetch, or "". */
void facts_learn_policy(struct facts *facts, const struct policy_found *found, const char *id);
/* Adds the result of an MX lookup. */
void facts_learn_mx(struct facts *facts, const struct mx_found *found);
/* Adds the result of a lookup of a hop's TLSA records. */
void facts_learn_tlsa(struct facts *facts, const char *host, uint16_t port, const struct tlsa_lookup *look);
/* Adds the result of a probe, or notes why none could be made (REASON_PROBE_BUDGET, REASON_RESOLVER). `dane` is the
 * member of the want. If `dane` is true and seen->at is 0, the hop no longer has TLSA records; the caller has added
 * that fact with facts_learn_tlsa() before. */
void facts_learn_probe(struct facts *facts, const char *host, uint16_t port, bool dane, const struct evidence *seen);
/* Marks the wanted fact as tried although it was not looked up, because only the store may be asked (`stsgate query
 * --stored`). What the store has about it then counts up to its hard age. Sets `offline`. */
void facts_learn_nothing(struct facts *facts, const struct want *want);
/* Notes that, at wall-clock second `at`, the probe budget refused a probe that a front end wanted. */
void facts_learn_refused(struct facts *facts, const char *host, uint16_t port, int64_t at);

#endif
