/* Writes the map's reply to a verdict, in the dialect of the client. Pure; any thread. */
#ifndef CORE_MAP_REPLY_H
#define CORE_MAP_REPLY_H

#include "map_grammar.h"
#include "text.h"
#include "verdict.h"

struct map_source {
	const struct verdict *verdict;
	/* In force, or NULL; needed for BINDING_SECURE. MAP_TLSRPT sends its text, too. MAP_STS needs it for BINDING_VERIFY: its
	 * names are those of the mail hosts (verdict_policy_copy()). */
	const struct policy *policy;
	bool monitor; /* the reply is NOTFOUND whatever the verdict */
};

/* Writes `OK secure match=...` for an enforce policy, `OK dane-only` or `OK dane` if DANE binds the delivery, `OK verify
 * match=hostname servername=hostname` if default_level = verify does (MAP_STS: `OK secure match=...` with the names of the
 * mail hosts), `NOTFOUND ` for a policy of mode testing or none and for no policy, and `TEMP REASON` for VERDICT_DEFER.
 * `out` needs room for MAP_REPLY_MAX + 1 octets.
 *
 * If the reply becomes too long, MAP_TLSRPT falls back to the plain form, and MAP_STS lists only as many of the
 * policy's names as Sendmail accepts. verdict_policy_copy() has put the names of the known mail hosts first. Mail for a
 * host that is not listed waits, so a shorter list is never less strict. If map_reply_valid() refuses the reply, the
 * reply becomes `TEMP internal`, and the result is false. */
bool map_reply(struct text *out, enum map_dialect dialect, const struct map_source *source);

#endif
