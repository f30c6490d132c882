/* Makes sessions of TLS reports (RFC 8460) from what this relay has observed itself: fetches of policies and probes of mail hosts.
 * The caller adds the TLSRPT record of the domain. Pure; any thread.
 *
 * Texts for strangers: a session names nothing of this relay but the address from which a probe connected, and nothing of a peer's
 * own words but the name that it gives itself. So its texts are few, and equal failures have equal texts. */
#ifndef CORE_TLSRPT_OBSERVED_H
#define CORE_TLSRPT_OBSERVED_H

#include "facts.h"
#include "look.h"
#include "tlsrpt_session.h"

/* A failed fetch of the policy of `facts`, which have not learned it yet. If a policy is in force, mail is delivered by that one:
 * the session then has its lines and has not failed, and its reason ends in `+cached-policy`. Otherwise it has failed, and its
 * policy has no more than type and domain. Returns false if the outcome is not reported (tlsrpt_result_of()). The caller frees
 * `out`. */
bool tlsrpt_observe_fetch(
	struct tlsrpt_session *out, const struct facts *facts, enum reason outcome, const char *detail);

/* The result of a probe. */
struct tlsrpt_probe {
	const char *host;
	uint16_t port;
	const struct evidence *seen;
	const struct look *look; /* may be NULL */
	/* If TLSA records judged the hop: their base domain, and the records in presentation form. */
	const char *base;
	const struct names *records;
};
/* What one probe showed of one hop: as much of it as sessions need. */
struct tlsrpt_hop {
	int64_t at; /* when the probe ended; 0: there was none */
	char host[DOMAIN_SIZE];
	uint16_t port;
	bool dane; /* judged by TLSA records: the next two */
	char base[DOMAIN_SIZE];
	struct names records;          /* owned */
	struct tlsrpt_failure failure; /* `result` is TLSRPT_RESULTS if the probe found no fault */
};
/* Fills `out`, which the caller frees. An address of this relay that is not globally reachable says nothing to strangers, and is
 * left out unless `allow_private`. Returns false, and leaves `out` zeroed, if the result counts as no session: it is
 * inconclusive, or it was inferred from a probe of another host. */
bool tlsrpt_observe_hop(struct tlsrpt_hop *out, const struct tlsrpt_probe *probe, bool allow_private);
/* Frees what a hop owns, and zeroes it. */
void tlsrpt_hop_free(struct tlsrpt_hop *hop);

/* Which probes count as sessions: the setting report_probes. */
enum tlsrpt_scope { TLSRPT_SCOPE_TESTING, TLSRPT_SCOPE_ALL, TLSRPT_SCOPE_OFF };
/* Makes the session of the facts' domain with a hop that was probed. Returns false if it does not count. The caller frees
 * `out`. */
bool tlsrpt_observe_session(
	struct tlsrpt_session *out, const struct facts *facts, enum tlsrpt_scope scope, const struct tlsrpt_hop *hop);
/* The same for a mail host in the domain's MX set that the policy does not allow. It has not been probed. */
bool tlsrpt_observe_outside(
	struct tlsrpt_session *out, const struct facts *facts, enum tlsrpt_scope scope, const char *host);

/* Returns the name of one of OpenSSL's X509_V_ERR_ numbers (evidence.chain), or NULL for a number without a name here. */
const char *tlsrpt_chain_name(int32_t chain);

#endif
