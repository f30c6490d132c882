/* What a probe of one hop saw, and what is kept of several. Pure; any thread. */
#ifndef CORE_EVIDENCE_H
#define CORE_EVIDENCE_H

#include "address.h"
#include "domain.h"
#include "reason.h"
#include "tlsa.h"

#define EVIDENCE_NAMES_SIZE 256
#define EVIDENCE_TEXT_SIZE 128
/* Nobody learns of a probe later than this. No more than CLOCK_SKEW_S: what is ahead by more is not believed, so it
 * must give way. */
#define EVIDENCE_LATE_S 60

struct evidence {
	int64_t at;         /* wall-clock seconds; 0: there is none */
	enum reason reason; /* REASON_OK: good; class REASON_BAD: bad; class REASON_UNSURE: inconclusive */
	uint16_t protocol;  /* as on the wire: 0x0303 is TLS 1.2; 0 without a handshake */
	int32_t chain;      /* OpenSSL's X509_V_ERR_ number of the chain and name check; 0 good */
	int64_t not_after;  /* of the leaf, wall-clock seconds; 0 unknown */
	uint64_t tlsa_id;   /* of the TLSA set that it was judged by (RFC 7672); 0: by the trust store (RFC 8461 4.2) */
	char address[ADDRESS_TEXT_SIZE]; /* dialled last; "" none */
	/* Of bad evidence: an address at which a Postfix that is bound to verified TLS would deliver all the same,
	 * since its own demands are lower, or another address is the bad one; "" none. */
	char mta_address[ADDRESS_TEXT_SIZE];
	char cipher[64];
	char names[EVIDENCE_NAMES_SIZE]; /* DNS names of the leaf's SAN, blank-separated, cut; untrusted: quote */
	char text[EVIDENCE_TEXT_SIZE];   /* the peer's or the library's own words, cut; untrusted: quote */
	char seen_for[DOMAIN_SIZE];      /* it was seen at the address in a probe of this other host, and the
					    certificate covers this one, too; "": in a probe of this host */
};

/* Whether it says that the hop is good or that it is bad; also of no evidence. */
bool evidence_is_conclusive(const struct evidence *evidence);

/* Of several probes: what is kept. `at` == 0 marks what there is not. */
struct probe_history {
	struct evidence newest;
	struct evidence conclusive; /* newest of class GOOD or BAD */
	struct evidence good;       /* newest of class GOOD */
	int64_t silent_since; /* when the first of the probes since `conclusive` ended that saw nothing conclusive; 0: there is none */
	uint16_t silent_probes; /* how many there were */
};
/* Whether mail need not wait for the hop if another one is good: it has no address, or SILENT_PROBES probes over
 * SILENT_S seconds could not speak SMTP with it. */
#define SILENT_PROBES 3
#define SILENT_S 120
/* A probe that comes so long after the one before begins a new count. */
#define SILENT_GAP_S 86400
bool history_is_silent(const struct probe_history *history, int64_t now);
#define SILENT_LASTS_S 3600 /* an operator should know of it */
/* Whether more probes are needed to say that it is silent. */
bool history_may_be_silent(const struct probe_history *history);

/* The newest look for a host's TLSA records (RFC 7672 2.2). */
struct tlsa_look {
	int64_t checked_at; /* 0: never */
	enum tlsa_state state;
	uint32_t ttl_s;         /* the shortest of what it rests on */
	uint64_t id;            /* of the set, when it is usable */
	uint16_t count, usable; /* records, and those of them that count */
	bool signed_denial;     /* of TLSA_NONE: the absence is proved, rather than the zone not signed */
	char base[DOMAIN_SIZE]; /* the TLSA base domain; "" none */
};

#define TLSA_FAILED_S 60 /* what a look that failed says is believed no longer */
/* What DANE rests on, an MX set's signatures and TLSA records, is believed no longer: the longest TTL that counts, and
 * time for the refresher. */
#define DANE_HARD_S 5400
/* Whether the look is within its hard age. */
bool tlsa_look_known(const struct tlsa_look *look, int64_t now);

#define REFUSED_KNOWN_S 86400 /* a refusal that is older began another time, and the wait begins anew */
/* Of one hop (host, port): what the store keeps. */
struct hop_record {
	struct probe_history pkix; /* judged by the trust store (RFC 8461 4.2) */
	struct probe_history dane; /* judged by one TLSA set, that of dane.newest.tlsa_id (RFC 7672) */
	struct tlsa_look tlsa;
	int64_t refused_since; /* a front end wanted a probe that the budget refused, for the first time since the last
				  probe that happened; 0: none was refused since */
	int32_t needed_day; /* since the epoch: when something was last learned of it for a live enforce policy; 0: never */
};

/* Takes new evidence in, beside that which was judged in the same way; what was judged by another TLSA set is dropped
 * with the first by a new one. Evidence older than what is there changes nothing; but when it is older by more than
 * EVIDENCE_LATE_S, what is there was learned by a clock since set back, and gives way. What was seen for another host
 * is good, and changes nothing either where a probe of this one saw bad evidence. */
void hop_record_learn(struct hop_record *record, const struct evidence *seen);
void hop_record_learn_tlsa(struct hop_record *record, const struct tlsa_look *look);
/* The probe budget refused a probe that a front end wanted. */
void hop_record_refused(struct hop_record *record, int64_t at);
/* When the newest of all that is known was learned; 0: nothing is known. */
int64_t hop_record_at(const struct hop_record *record);

/* Whether the certificate is for `host` by a wildcard alone (`*.example.net` for mx.example.net), which the rules of
 * FEATURE(sts) before Sendmail 8.18.2 never match. False where the name itself may have been among those that were cut
 * off. `host` is in the form of domain_parse(). */
bool evidence_by_wildcard_only(const struct evidence *evidence, const char *host);

#endif
