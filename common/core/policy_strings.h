/* The lines and patterns of a policy as TLS reports show them (RFC 8460 4.4, policy-string and mx-host). The map passes them to
 * Postfix, whose reports then have them, and our own sessions have the same ones: so both are counted under one policy. Pure;
 * any thread; allocates nothing. */
#ifndef CORE_POLICY_STRINGS_H
#define CORE_POLICY_STRINGS_H

#include "policy.h"
#include "span.h"

/* Calls `note` for each line, in the order of the policy file: the lines as received, without those that the map's reply cannot
 * hold (map_policy_line_valid()). If the policy has no text, or none of its lines can be shown, the lines are made from the
 * parsed policy. */
typedef void policy_string_note(void *arg, struct span line);
void policy_strings(const struct policy *policy, policy_string_note *note, void *arg);
/* Returns the pattern after `previous`, the first one for NULL, and NULL at the end. Leaves out the words that have a special
 * meaning to Postfix (map_word_is_magic()). */
const char *policy_pattern_next(const struct policy *policy, const char *previous);

#endif
