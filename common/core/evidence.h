/* The results of probes of one hop, and which of them are kept.
 *
 * A probe produces one struct evidence. hop_record_learn() adds it to the hop record. The store keeps one hop record
 * for each (host, port), and all domains with that hop share it. Evidence is conclusive (good or bad) or inconclusive;
 * an inconclusive probe never replaces conclusive evidence. Times are wall-clock seconds; 0 means never. Pure; any
 * thread. */
#ifndef CORE_EVIDENCE_H
#define CORE_EVIDENCE_H

#include "address.h"
#include "domain.h"
#include "node_name.h"
#include "reason.h"
#include "staple_state.h"
#include "tlsa.h"

#define EVIDENCE_NAMES_SIZE 256
#define EVIDENCE_TEXT_SIZE 128
#define EVIDENCE_ISSUERS_SIZE 128
/* Seconds within which a probe's result reaches the hop record. If stored evidence is newer than a new result by more
 * than this, it was written under a clock that has since been set back. Then the stored evidence is dropped. Must not
 * exceed CLOCK_SKEW_S, since evidence farther in the future is not believed. */
#define EVIDENCE_LATE_S 60

#define ASN_UNKNOWN UINT32_MAX /* no autonomous system has this number (RFC 7300) */

/* Whether a host offers REQUIRETLS in its reply to EHLO inside TLS (RFC 8689 2). It is information only: no verdict depends on
 * it. The store holds these numbers, so they never change. */
enum requiretls_offer {
	REQUIRETLS_UNKNOWN, /* the probe has seen no such reply */
	REQUIRETLS_ABSENT,  /* the host does not offer it */
	REQUIRETLS_OFFERED
};
/* Returns `unknown`, `absent` or `offered`. */
const char *requiretls_name(enum requiretls_offer state);

/* The result of one probe. Strings hold untrusted text where noted: quote it with text_quote(). */
struct evidence {
	int64_t at;         /* when the probe ended; 0: there is no evidence */
	enum reason reason; /* REASON_OK: good; of class REASON_BAD: bad; of class REASON_INCONCLUSIVE: inconclusive */
	uint16_t protocol;  /* TLS version as on the wire, 0x0303 for TLS 1.2; 0 without a handshake */
	int32_t chain;      /* OpenSSL's X509_V_ERR_ number of the chain and name check; 0: no error */
	int64_t not_before; /* begin of the leaf certificate's validity; 0: unknown */
	int64_t not_after;  /* end of it; 0: unknown */
	uint64_t tlsa_id;   /* the TLSA set that judged the hop (RFC 7672); 0: the trust store did (RFC 8461 4.2) */
	char address[ADDRESS_TEXT_SIZE]; /* the last address dialled, or "" */
	/* Bad evidence only: an address of the hop where Postfix, if bound to verified TLS, would deliver nevertheless.
	 * The reason is that Postfix demands less than stsgate, or that only another address of the hop is bad. "":
	 * there is no such address. */
	char mta_address[ADDRESS_TEXT_SIZE];
	char cipher[64];
	char names[EVIDENCE_NAMES_SIZE]; /* DNS names in the leaf's SAN, blank-separated, cut to fit; untrusted */
	/* The issuers of the certificates that the hop sent, the leaf's first, with ` < ` between them, cut to fit;
	 * untrusted. */
	char issuers[EVIDENCE_ISSUERS_SIZE];
	char text[EVIDENCE_TEXT_SIZE]; /* the hop's or the TLS library's own words, cut to fit; untrusted */
	uint64_t leaf;                 /* identifies the leaf certificate: the first 8 octets of its SHA-256; 0: none */
	int64_t revoked_at;            /* when the certificate was revoked, if a staple says so; else 0 */
	enum staple_state staple;      /* what the host itself shows about the revocation of its certificate */
	bool staple_demanded;          /* the certificate demands a staple (RFC 7633) */
	enum requiretls_offer requiretls;
	uint32_t asn; /* the autonomous system of `address`; 0: unknown */
	/* Good evidence only: the autonomous system of another address of the hop that is good as well, if it is not `asn`;
	 * ASN_UNKNOWN: it is unknown; 0: there is no such address. */
	uint32_t asn_other;
	char country[8]; /* its country, two letters (ISO 3166), or "" */
	/* Not "": this hop was not probed itself. A probe of the host `seen_for` saw a certificate at this hop's
	 * address, and that certificate covers this hop's name, too. */
	char seen_for[DOMAIN_SIZE];
	/* Not "": another relay of the site made the probe, and its node has this name (core/fleet_trust.h). Such evidence is always
	 * good. */
	char seen_by[NODE_NAME_SIZE];
};

/* Notes the autonomous system of another good address of the hop, or 0 if it is unknown. Does nothing if the evidence is not
 * good. */
void evidence_join_asn(struct evidence *evidence, uint32_t asn);
/* Notes what the hop's other address says. The hop offers REQUIRETLS only if each address that has answered offers it. */
void evidence_join_requiretls(struct evidence *evidence, enum requiretls_offer other);
/* Returns whether the evidence is good or bad, not inconclusive. Also true for absent evidence (at == 0). */
bool evidence_is_conclusive(const struct evidence *evidence);

/* Returns the age at which the evidence counts, in seconds: evidence of another relay ages twice as fast. INT64_MAX as for
 * schedule_age(). */
int64_t evidence_age(const struct evidence *evidence, int64_t now);

/* What is kept of a hop's probes. Evidence with at == 0 is absent. */
struct probe_history {
	struct evidence newest;     /* of any probe */
	struct evidence conclusive; /* of the newest conclusive probe */
	struct evidence good;       /* of the newest good probe */
	/* The run of inconclusive probes since `conclusive`: when the first of them ended, and how many there were; 0
	 * and 0 if there was none. The count stops at its maximum. */
	int64_t silent_since;
	uint16_t silent_probes;
};

/* A hop is silent if SILENT_PROBES probes in a row, over at least SILENT_S seconds, could not reach it or could not
 * talk SMTP with it. */
#define SILENT_PROBES 3
#define SILENT_S 120
#define SILENT_GAP_S 86400  /* a longer pause between two probes starts a new run */
#define SILENT_LASTS_S 3600 /* a run this long is reported to the operator */
/* Returns whether mail need not wait for the hop if another hop is good: the hop is silent or has no address. */
bool history_is_silent(const struct probe_history *history, int64_t now);
/* Returns whether the hop may be silent but more probes must show it. */
bool history_may_be_silent(const struct probe_history *history);

/* The newest lookup of a host's TLSA records (RFC 7672 2.2). */
struct tlsa_lookup {
	int64_t checked_at; /* 0: never looked up */
	enum tlsa_state state;
	uint32_t ttl_s;         /* the shortest TTL of the answers that the result rests on */
	uint64_t id;            /* TLSA_USABLE only: identifies the set (struct tlsa_set) */
	uint16_t count, usable; /* the host's records, and how many of them are usable */
	bool signed_denial;     /* TLSA_NONE: DNSSEC proves the absence; false: the zone is not signed */
	char base[DOMAIN_SIZE]; /* the TLSA base domain, or "" */
};

#define TLSA_FAILED_S 60 /* hard age of a failed lookup */
/* Hard age of what DANE rests on: TLSA records, and the signatures of an MX set. It is an hour, the longest TTL that
 * counts, plus half an hour, in which the refresher renews them. */
#define DANE_HARD_S 5400
/* Returns whether the lookup is within its hard age. */
bool tlsa_lookup_known(const struct tlsa_lookup *look, int64_t now);

/* Seconds. An older refusal by the probe budget no longer counts: the next refusal starts a new wait. */
#define REFUSED_KNOWN_S 86400
/* All that the store keeps about one hop. */
struct hop_record {
	struct probe_history pkix; /* judged by the trust store (RFC 8461 4.2) */
	struct probe_history dane; /* judged by one TLSA set, that of dane.newest.tlsa_id (RFC 7672) */
	struct tlsa_lookup tlsa;
	/* When the probe budget first refused a probe that a front end wanted, counted since the last probe; 0:
	 * never. */
	int64_t refused_since;
	/* When something was last learned about the hop for a live enforce policy, in days since the epoch; 0:
	 * never. */
	int32_t needed_day;
	/* What other relays of the site have seen of the hop lately (core/fleet_trust.h): when that was looked up (0: never), how many
	 * relays had probed it, and how many of them had found it bad. It only corroborates. */
	int64_t others_at;
	uint16_t others_looked, others_bad;
};

/* Adds new evidence to `pkix` or `dane`, according to what judged the hop, and clears refused_since.
 *
 * - Evidence older than the newest changes nothing, unless it is older by more than EVIDENCE_LATE_S. Then the stored
 *   evidence that is newer comes from a clock that has since been set back, and is dropped.
 * - The first evidence by another TLSA set drops the evidence by the old set.
 * - A probe of our own replaces what another relay has seen (seen_by), whichever is newer. If it is inconclusive, the conclusive
 *   evidence stays.
 * - Evidence from a probe of another host (seen_for) is always good. It changes nothing if it is older than the newest
 *   evidence, or if the newest conclusive probe of this host was bad. */
void hop_record_learn(struct hop_record *record, const struct evidence *seen);
/* Replaces the stored TLSA lookup, unless the new lookup is older by at most EVIDENCE_LATE_S. If it is older by more,
 * the stored lookup comes from a clock that has since been set back. */
void hop_record_learn_tlsa(struct hop_record *record, const struct tlsa_lookup *look);
/* Notes that, at wall-clock second `at`, the probe budget refused a probe that a front end wanted. If a refusal since
 * the last probe is already stored, keeps its time, unless that time is older than REFUSED_KNOWN_S. */
void hop_record_refused(struct hop_record *record, int64_t at);
/* Returns the time of the newest probe or TLSA lookup; 0 if there was none. */
int64_t hop_record_newest(const struct hop_record *record);

/* Returns whether the certificate covers `host` by a wildcard only, such as `*.example.net` for mx.example.net.
 * FEATURE(sts) of Sendmail before 8.18.2 never matches a wildcard. Returns false if the exact name may be among the
 * names that were cut off. `host` is in the form of domain_parse(). */
bool evidence_by_wildcard_only(const struct evidence *evidence, const char *host);

#endif
