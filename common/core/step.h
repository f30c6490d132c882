/* What verdict_next() returns: the fact that is wanted next, or the verdict. Pure. */
#ifndef CORE_STEP_H
#define CORE_STEP_H

#include "domain.h"
#include "policy.h"
#include "reason.h"
#include "record.h"

#include <stdbool.h>
#include <stdint.h>

enum want_kind {
	WANT_NOTHING,  /* `verdict` is final */
	WANT_ENTRY,    /* the domain's entry, from the store */
	WANT_EVIDENCE, /* the record of (name, port), from the store */
	WANT_RECORD,   /* the `_mta-sts` record of name, from DNS */
	WANT_POLICY,   /* the policy of name, by HTTPS */
	WANT_MX,       /* the MX set of name, from DNS */
	WANT_TLSA,     /* the TLSA records of (name, port), from DNS */
	WANT_PROBE     /* a probe of (name, port) */
};
const char *want_name(enum want_kind kind);
/* Whether obtaining it waits for the network. */
bool want_is_remote(enum want_kind kind);

/* What is known of a hop that a probe is wanted of: who was good before comes first. */
enum hop_standing { STANDING_GOOD, STANDING_NEW, STANDING_BAD };

struct want {
	enum want_kind kind;
	uint16_t port;
	bool dane; /* WANT_PROBE: to be judged by the TLSA records, not by the trust store */
	char name[DOMAIN_SIZE];
	enum hop_standing standing; /* of WANT_PROBE */
	int64_t seen_since; /* of WANT_PROBE: what was seen at its addresses for other hosts will do from then on; 0: it
			       will not */
};
bool want_same(const struct want *a, const struct want *b);

enum verdict_kind { VERDICT_NONE, VERDICT_PASS, VERDICT_FAIL_TESTING, VERDICT_FAIL_ENFORCE, VERDICT_DEFER };
const char *verdict_name(enum verdict_kind kind);
/* How much it stands in the way: of two verdicts the heavier one is the worse. */
int verdict_weight(enum verdict_kind kind);

/* What binds the delivery: what the map answers (design rule 2; spec D-61). */
enum binding {
	BINDING_NONE,     /* nothing: the MTA's own default */
	BINDING_SECURE,   /* the MTA-STS policy in force */
	BINDING_DANE,     /* DANE where there are TLSA records */
	BINDING_DANE_ONLY /* DANE, and no hop without it */
};
const char *binding_name(enum binding binding);

struct verdict {
	enum verdict_kind kind;
	enum reason reason; /* with VERDICT_PASS: REASON_OK, or why what is unknown is left to the MTA (rule 6) */
	bool worth_waiting; /* of a verdict so far: more facts may change it, and the front end should wait if it can */
	enum binding binding;     /* purpose map with VERDICT_PASS */
	char domain[DOMAIN_SIZE]; /* "" when there is no policy domain */
	char hop[DOMAIN_SIZE];    /* the hop that decided, or "" */
	bool has_policy;          /* a live policy was applied: the rest is its identity */
	enum policy_mode mode;
	char policy_id[RECORD_ID_MAX + 1];
	int64_t policy_expires_at;
};

/* Whether mail goes on though nobody has found out, or looked, whether anything binds it. */
bool verdict_unchecked(const struct verdict *verdict);

/* Facts good enough to judge by, but due for renewal in the background. */
enum renewal { RENEW_RECORD = 1, RENEW_POLICY = 2, RENEW_MX = 4, RENEW_EVIDENCE = 8, RENEW_USE = 16, RENEW_TLSA = 32 };

struct step {
	struct want want;       /* kind WANT_NOTHING: judged */
	struct verdict verdict; /* final, or the verdict so far: what to say when nothing more can be waited for */
	unsigned renew;         /* RENEW_ bits; meaningful when judged */
};
bool step_is_want(const struct step *step);

#endif
