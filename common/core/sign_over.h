/* Decides when a sign of an attack is over: when what showed it is good again by fresh evidence, or when nobody has seen
 * the sign for a long time. Pure; any thread. */
#ifndef CORE_SIGN_OVER_H
#define CORE_SIGN_OVER_H

#include "entry.h"
#include "event_record.h"
#include "evidence.h"

/* What shows that a sign is over. */
enum over_by {
	OVER_BY_HOP,    /* a good probe of each mail host that showed it */
	OVER_BY_RECORD, /* a valid record */
	OVER_BY_POLICY, /* a policy that is stronger than the one that showed it */
	OVER_BY_MX,     /* an MX set inside the policy */
	OVER_BY_TIME    /* nothing but time: the state is good already, only different */
};
enum over_by sign_over_by(enum event_kind kind);

/* Returns whether the newest conclusive evidence of a hop is good, of a probe of this hop itself, and newer than `since`. */
bool sign_over_hop(const struct hop_record *record, int64_t since);
/* Returns whether the domain's entry shows that a sign is over (OVER_BY_RECORD, OVER_BY_POLICY, OVER_BY_MX). */
bool sign_over_domain(const struct event_record *sign, const struct entry *entry);

/* Returns after how many days without repetition a sign counts as over: a day for a notice and for a change, which is
 * seen only once; SIGN_KEPT_DAYS for all others. */
#define SIGN_KEPT_DAYS 30
unsigned sign_over_days(const struct event_record *sign);

#endif
