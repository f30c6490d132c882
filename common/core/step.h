/* A step: what verdict_next() returns. It is either the next fact that the inquiry needs (a want) or the verdict.
 *
 * step_is_want() distinguishes the two. A step with a want also carries the verdict so far, which a front end uses
 * when it cannot wait for the fact. Pure; any thread. */
#ifndef CORE_STEP_H
#define CORE_STEP_H

#include "domain.h"
#include "override.h"
#include "policy.h"
#include "reason.h"
#include "record.h"

#include <stdbool.h>
#include <stdint.h>

enum want_kind {
	WANT_NOTHING,  /* no fact is needed: `verdict` is final */
	WANT_ENTRY,    /* the entry of policy domain `name`, from the store */
	WANT_EVIDENCE, /* the hop record of (name, port), from the store */
	WANT_RECORD,   /* the `_mta-sts` TXT record of `name`, from DNS */
	WANT_POLICY,   /* the policy of `name`, by HTTPS */
	WANT_MX,       /* the MX set of `name`, from DNS */
	WANT_TLSA,     /* the TLSA records of (name, port), from DNS */
	WANT_PROBE     /* a probe of the hop (name, port) */
};
/* Returns the name of a want for logs and traces, such as `policy`. */
const char *want_name(enum want_kind kind);
/* Returns whether obtaining the fact needs the network. All other facts come from the store. */
bool want_is_remote(enum want_kind kind);

/* What is known about a hop before a probe. The probe budget favours hops that were good before. */
enum hop_standing {
	STANDING_GOOD, /* at least one probe found the hop good */
	STANDING_NEW,  /* no probe was conclusive yet */
	STANDING_BAD   /* every conclusive probe found the hop bad */
};

struct want {
	enum want_kind kind;
	uint16_t port;
	bool dane; /* WANT_PROBE: judge the hop by its TLSA records instead of by the trust store */
	char name[DOMAIN_SIZE];
	enum hop_standing standing; /* WANT_PROBE */
	/* WANT_PROBE: the result of a probe of another host may be used instead, if that probe saw a certificate at
	 * this hop's address at this time (wall-clock seconds) or later. 0: only a new probe will do. */
	int64_t seen_since;
};
/* Returns whether two wants ask for the same fact. Ignores `standing` and `seen_since`, which do not change the
 * fact. */
bool want_same(const struct want *a, const struct want *b);

enum verdict_kind {
	VERDICT_NONE,         /* no policy is known to bind this mail: deliver as without stsgate */
	VERDICT_PASS,         /* deliver: the next hop satisfies the policy, or the map binds the MTA to it */
	VERDICT_FAIL_TESTING, /* the next hop violates a testing policy: deliver, and log it */
	VERDICT_FAIL_ENFORCE, /* the next hop violates an enforce policy: do not deliver now */
	VERDICT_DEFER         /* not enough is known to deliver safely: try again later */
};
/* Returns the name of a verdict for logs, headers and metrics, such as `fail-enforce`. */
const char *verdict_name(enum verdict_kind kind);
/* Returns how strongly a kind of verdict obstructs delivery, from 0 (VERDICT_NONE) to 4 (VERDICT_FAIL_ENFORCE). */
int verdict_weight(enum verdict_kind kind);

/* What binds the delivery, that is, what the map answers (rule 2; spec D-61). */
enum binding {
	BINDING_NONE,      /* nothing: the MTA's own default applies */
	BINDING_SECURE,    /* the MTA-STS policy in force */
	BINDING_DANE,      /* DANE at every hop that has TLSA records, opportunistic TLS at other hops */
	BINDING_DANE_ONLY, /* DANE; hops without usable TLSA records must not be used */
	BINDING_VERIFY     /* only default_level = verify: a valid certificate for the host's name */
};
/* Returns the name of a binding, such as `dane-only`. */
const char *binding_name(enum binding binding);
/* Returns whether the map's reply may need names of hosts: those of the policy or, for Sendmail, those of default_level = verify. */
bool binding_has_names(enum binding binding);

/* Whether the next hop can be reached as REQUIRETLS demands (RFC 8689 4.2.1): its domain has an enforce policy in force or
 * usable TLSA records. */
enum tls_demand {
	TLS_DEMAND_NONE,
	TLS_DEMAND_MET,
	TLS_DEMAND_UNMET,  /* known: neither an enforce policy nor usable TLSA records */
	TLS_DEMAND_UNKNOWN /* a lookup failed or was not made, or the mail is not judged */
};
/* Returns the state's name for logs, headers, metrics and JSON, such as `unmet`. */
const char *tls_demand_name(enum tls_demand state);

struct verdict {
	enum verdict_kind kind;
	/* With VERDICT_PASS: REASON_OK, or why mail passes although not all is checked. With BINDING_VERIFY: why nothing that the
	 * domain publishes binds the delivery. */
	enum reason reason;
	bool worth_waiting;   /* verdict so far only: another fact may change it, so a front end that can wait should */
	enum binding binding; /* PURPOSE_MAP with VERDICT_PASS only */
	char domain[DOMAIN_SIZE]; /* the policy domain; "" if the question has none */
	char hop[DOMAIN_SIZE];    /* the hop that decided, or "" */
	bool has_policy;          /* a live policy was applied; the next three members identify it */
	enum policy_mode mode;
	char policy_id[RECORD_ID_MAX + 1];
	int64_t policy_expires_at; /* wall-clock seconds */
	/* The operator's override that this verdict used; OVERRIDE_NONE: none, or it made no difference. OVERRIDE_TAG
	 * with VERDICT_FAIL_ENFORCE or VERDICT_DEFER: tell, but do not hold the mail. */
	enum override_kind override;
	bool override_all;          /* it is the override for all domains (OVERRIDE_ALL), not one of the domain's own */
	enum tls_demand requiretls; /* question.requiretls only; does not change the kind of the verdict */
};

/* Returns whether mail is let through without a check. The reason is a first contact, an exempt domain or host, a
 * failed lookup of the record, a local failure, a probe that the probe budget refused, or an override. */
bool verdict_unchecked(const struct verdict *verdict);
/* Returns how strongly the verdict obstructs delivery: like verdict_weight(), but a verdict that an override keeps from
 * holding mail weighs no more than VERDICT_FAIL_TESTING. */
int verdict_obstructs(const struct verdict *verdict);

/* Facts that are good enough for this verdict but are due for renewal in the background. */
enum renewal { RENEW_RECORD = 1, RENEW_POLICY = 2, RENEW_MX = 4, RENEW_EVIDENCE = 8, RENEW_USE = 16, RENEW_TLSA = 32 };

struct step {
	struct want want;       /* kind WANT_NOTHING if the verdict is final */
	struct verdict verdict; /* the final verdict, or the verdict so far */
	unsigned renew;         /* RENEW_ bits; valid with a final verdict only */
};
/* Returns whether the inquiry needs another fact before its verdict is final. */
bool step_is_want(const struct step *step);

#endif
