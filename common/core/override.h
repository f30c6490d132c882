/* Overrides: an operator's decision about a policy domain, or about all of them, for a limited time (rule 1). The store
 * keeps them, and each states who set it and why. Times are wall-clock seconds. Pure; any thread. */
#ifndef CORE_OVERRIDE_H
#define CORE_OVERRIDE_H

#include "domain.h"
#include "entry.h"
#include "evidence.h"
#include "node_name.h"
#include "reason.h"
#include "span.h"

#define OVERRIDE_ALL "*" /* in place of a domain: all domains without an override of their own */
#define OVERRIDE_AUTHOR_SIZE 65
#define OVERRIDE_REASON_SIZE 201
#define OVERRIDE_SHORTEST_S 60
#define OVERRIDE_LONGEST_S (90 * 86400)
/* An override whose beginning is further ahead than this does not apply: the clock was set back since it was made, and
 * the override would otherwise last longer than the operator wanted. */
#define OVERRIDE_AHEAD_S 300
#define OVERRIDE_ASNS_MAX 8

/* The store holds these numbers, so they never change. */
enum override_kind {
	OVERRIDE_NONE,    /* no override applies */
	OVERRIDE_PASS,    /* mail passes, unchecked; the map binds the MTA to nothing */
	OVERRIDE_TAG,     /* mail is judged and tagged, but not held; the map binds the MTA to nothing */
	OVERRIDE_ENFORCE, /* a policy of mode testing is applied as if its mode were enforce */
	OVERRIDE_PIN      /* a mail host counts as good only while its address is in certain autonomous systems */
};
/* Returns `none`, `pass`, `tag`, `enforce` or `pin`. */
const char *override_kind_name(enum override_kind kind);
/* Returns the kind with this name; OVERRIDE_NONE for `none` and for any other text. */
enum override_kind override_kind_by_name(struct span name);

struct override {
	enum override_kind kind;
	char domain[DOMAIN_SIZE]; /* as domain_parse() makes it, or OVERRIDE_ALL */
	int64_t begins_at, ends_at;
	uint32_t asn[OVERRIDE_ASNS_MAX];   /* OVERRIDE_PIN: the autonomous systems, up to the first 0; other kinds: 0 */
	char author[OVERRIDE_AUTHOR_SIZE]; /* author and reason are untrusted UTF-8 without control characters */
	char reason[OVERRIDE_REASON_SIZE];
	char node[NODE_NAME_SIZE]; /* the relay on which it was set; "": an earlier version has set it */
	uint32_t uses;             /* verdicts to which the override applied; stops at its maximum */
	int64_t used_at;           /* the last of them; 0: none */
};

/* Returns whether the text may be an author or a reason: 1 to `size` - 1 octets of UTF-8 without control characters. */
bool override_text_is_valid(struct span text, size_t size);
/* Returns whether the members fit together: a kind other than OVERRIDE_NONE, an author and a reason, a duration within
 * the limits above, and autonomous systems with OVERRIDE_PIN and no other kind. An override for all domains releases
 * mail: it is OVERRIDE_PASS or OVERRIDE_TAG. */
bool override_is_valid(const struct override *override);
/* Returns whether the override applies at this time. */
bool override_in_force(const struct override *override, int64_t now);
/* Returns whether two overrides are the same decision: all members but `uses` and `used_at` are equal. */
bool override_same(const struct override *a, const struct override *b);
/* Returns whether an OVERRIDE_PIN lists the autonomous system. */
bool override_has_asn(const struct override *override, uint32_t asn);
/* Returns whether good evidence comes from inside an OVERRIDE_PIN: REASON_OK, REASON_HOP_ELSEWHERE, or
 * REASON_HOP_NETWORK_UNKNOWN. The latter also if it was inferred from a probe of another host, which has looked at one address
 * only. */
enum reason override_place(const struct override *override, const struct evidence *seen);
/* Returns whether the override lets mail leave without TLS that a policy demands: OVERRIDE_PASS and OVERRIDE_TAG. */
bool override_releases(enum override_kind kind);

/* Encode an override for the store, and decode it: see entry_encode(). Only what override_is_valid() accepts is
 * decoded. */
struct bytes override_encode(const struct override *override);
bool override_decode(struct override *out, const void *bytes, size_t len);

#endif
