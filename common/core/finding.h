/* The mistakes that the readers of record and policy report: one row of finding.def each. Pure; any thread. All texts
 * are static. */
#ifndef CORE_FINDING_H
#define CORE_FINDING_H

/* FINDING_ERROR: the text is invalid. FINDING_TOLERATED: the text is accepted, but other senders may refuse it. */
enum finding_class { FINDING_ERROR, FINDING_TOLERATED };
enum finding_text { FINDING_POLICY, FINDING_RECORD };

enum finding {
#define FINDING(symbol, text, class, name, sentence, advice) FINDING_##symbol,
#include "finding.def"
#undef FINDING
	FINDING_COUNT
};

enum finding_class finding_class(enum finding finding);
/* Which text has the mistake. */
enum finding_text finding_text(enum finding finding);
const char *finding_name(enum finding finding);
/* Returns the finding of that name, FINDING_COUNT if there is none. */
enum finding finding_by_name(const char *name);
/* What is wrong, without a full stop. */
const char *finding_sentence(enum finding finding);
/* What the domain's postmaster should do: whole sentences. */
const char *finding_advice(enum finding finding);

#endif
