/* The mistakes that the parsers of the TXT record and of the policy report. Each mistake has a row in finding.def.
 * Pure; any thread. All texts are static. */
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
/* Returns which of the two texts has the mistake. */
enum finding_text finding_text(enum finding finding);
const char *finding_name(enum finding finding);
/* Returns the finding with this name, or FINDING_COUNT if there is none. */
enum finding finding_by_name(const char *name);
/* Returns a sentence that states what is wrong, without a full stop. */
const char *finding_sentence(enum finding finding);
/* Returns what the domain's postmaster should do, in whole sentences. */
const char *finding_advice(enum finding finding);

#endif
