/* Decisions of operators that all relays of a farm share: an override that was set, changed or cleared, and a domain that was
 * forgotten. A relay keeps the newest decision about each domain, also after its override has ended, so that an older one of
 * another relay does not come back.
 *
 * The later decision wins, whoever made it. A decision knows how late the one was that its author saw: if a later decision
 * replaces another that its author did not know, the two are in conflict. Pure; any thread. */
#ifndef CORE_DECISION_H
#define CORE_DECISION_H

#include "override.h"

#define DECISION_KEPT_S (OVERRIDE_LONGEST_S + 86400) /* then every override that it may have replaced has ended */

/* The store holds these numbers, so they never change. */
enum decision_about {
	DECISION_OVERRIDE = 1, /* the override of the domain, or of all domains */
	DECISION_FORGET        /* what the store knows of the domain */
};
/* Returns `override` or `forget`. */
const char *decision_about_name(enum decision_about about);

/* Who decides. */
struct decision_maker {
	const char *author; /* override_text_is_valid() */
	const char *node;   /* node_name_is_valid() */
};

struct decision_record {
	enum decision_about about;
	char domain[DOMAIN_SIZE]; /* or OVERRIDE_ALL */
	/* When it was made, in milliseconds since the epoch. Decisions of the same second differ if one knew of the other. */
	int64_t made_ms;
	int64_t knew_ms; /* made_ms of the decision that it replaced on its node; 0: none was known there */
	char author[OVERRIDE_AUTHOR_SIZE];
	char node[NODE_NAME_SIZE];
	struct override
		override; /* what was set, by the same author and node; kind OVERRIDE_NONE: it was cleared, or a forget */
};

/* Makes a decision. `override`: what is set; NULL: it is cleared, or the domain is forgotten. The caller sets the times, by
 * decision_date(). */
void decision_init(struct decision_record *decision, enum decision_about about, const char *domain,
	const struct decision_maker *by, const struct override *override);
/* Dates a decision that is made now and replaces `known` (NULL: none is known): it is later than what its author knew. A
 * decision whose date is ahead of the clock is not believed, as if it were not known. */
void decision_date(struct decision_record *decision, const struct decision_record *known, int64_t now);

/* Returns whether the members fit together. */
bool decision_is_valid(const struct decision_record *decision);
/* Returns whether the decision, or its override, begins more than CLOCK_SKEW_S after `now`. Such a decision is not believed. */
bool decision_is_ahead(const struct decision_record *decision, int64_t now);
/* Returns whether the decision is so old that it is no longer kept. */
bool decision_is_over(const struct decision_record *decision, int64_t now);
/* Returns whether `a` replaces `b`, which is about the same: it was made later, or at the same time on a node whose name sorts
 * later. */
bool decision_is_later(const struct decision_record *a, const struct decision_record *b);
/* Returns whether two decisions are the same one. */
bool decision_is_same(const struct decision_record *a, const struct decision_record *b);
/* Returns whether `lost`, which `later` replaces, was unknown to the author of `later` and wanted something else. What has
 * ended before is no conflict. */
bool decision_conflicts(const struct decision_record *later, const struct decision_record *lost);

/* Returns whether a DECISION_FORGET removes this entry: its policy was fetched before, or without a policy, all that it knows was
 * learned before. */
bool decision_forgets(const struct decision_record *decision, const struct entry *entry);

/* Encode a decision for the store, and decode it: see entry_encode(). */
struct bytes decision_encode(const struct decision_record *decision);
bool decision_decode(struct decision_record *out, const void *bytes, size_t len);

#endif
