/* A map verdict as a socketmap reply's payload, in the dialect of who asked. Pure; any thread. */
#ifndef CORE_MAP_REPLY_H
#define CORE_MAP_REPLY_H

#include "map_grammar.h"
#include "text.h"
#include "verdict.h"

struct map_source {
	const struct verdict *verdict;
	const struct policy *policy; /* in force, or NULL; needed for BINDING_SECURE only. MAP_TLSRPT tells its text */
	bool monitor;                /* NOTFOUND whatever the verdict */
};

/* `OK secure match=...` for an enforce policy, `OK dane-only` and `OK dane` where DANE comes first, `NOTFOUND ` for
 * testing, none and no policy, `TEMP REASON` for what cannot be told yet. `out` has room for MAP_REPLY_MAX + 1 octets.
 *
 * What does not fit: MAP_TLSRPT falls back to the plain form; MAP_STS has as many of the policy's names, in their
 * turn, as Sendmail takes (policy_order() put those of the known mail hosts first): fewer names are never less strict,
 * mail for other hosts waits. A reply that its dialect would not take is `TEMP internal`, and the
 * result false. */
bool map_reply(struct text *out, enum map_dialect dialect, const struct map_source *source);

#endif
