#include "facts.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

void facts_init(struct facts *facts, const struct question *question, const struct rules *rules, int64_t now)
{
	memset(facts, 0, offsetof(struct facts, override)); /* a long struct, which most inquiries do not need */
	facts->override.kind = OVERRIDE_NONE;
	facts->question = *question;
	facts->rules = rules;
	facts->now = now;
	entry_init(&facts->entry, question->domain);
}

void facts_copy(struct facts *to, const struct facts *from)
{
	*to = *from;
	entry_copy(&to->entry, &from->entry);
	to->hop = xmemdup(from->hop, from->hop_count * sizeof *to->hop);
}

void facts_free(struct facts *facts)
{
	entry_free(&facts->entry);
	free(facts->hop);
	facts->hop = NULL;
	facts->hop_count = 0;
}

void facts_learn_store(struct facts *facts, const struct entry *entry)
{
	if (entry) {
		entry_free(&facts->entry);
		entry_copy(&facts->entry, entry);
	}
	facts->absent = !entry;
	facts->store = STORE_READ;
}

void facts_take_store(struct facts *facts, struct entry *entry)
{
	entry_free(&facts->entry);
	facts->entry = *entry;
	facts->absent = false;
	facts->store = STORE_READ;
	entry->policy = (struct policy){.mode = POLICY_NONE};
	entry->policy_text = NULL;
	entry->mx.names = (struct names){.count = 0};
}

void facts_learn_override(struct facts *facts, const struct override *override)
{
	facts->override = *override;
}

void facts_learn_store_broken(struct facts *facts)
{
	facts->store = STORE_BROKEN;
}

struct hop_fact *facts_hop(const struct facts *facts, const char *host, uint16_t port)
{
	for (unsigned i = 0; i < facts->hop_count; i++) {
		const struct hop_fact *hop = &facts->hop[i];
		if (hop->port == port && strcmp(hop->host, host) == 0)
			return (struct hop_fact *)hop;
	}
	return NULL;
}

const struct policy *facts_policy(const struct facts *facts)
{
	const struct entry *entry = &facts->entry;
	bool just_fetched = facts->policy_tried && !facts->offline && entry->fetch_outcome == REASON_OK;
	if (!entry->has_policy || (!just_fetched && facts->now >= entry->policy_expires_at))
		return NULL;
	return &entry->policy;
}

enum override_kind facts_override(const struct facts *facts)
{
	enum purpose purpose = facts->question.purpose;
	bool acts = (purpose == PURPOSE_DELIVER || purpose == PURPOSE_MAP) && !facts->question.no_override;
	return acts && override_in_force(&facts->override, facts->now) ? facts->override.kind : OVERRIDE_NONE;
}

bool facts_pinned(const struct facts *facts)
{
	return facts_override(facts) == OVERRIDE_PIN;
}

bool facts_dane(const struct facts *facts)
{
	const struct question *question = &facts->question;
	return facts->dane && !question->no_dane && (!question->mx_lookup || facts->entry.mx.secure);
}

bool facts_hop_by_dane(const struct facts *facts, const struct hop_fact *hop)
{
	const struct tlsa_lookup *look = &hop->record.tlsa;
	return facts_dane(facts) && look->state == TLSA_USABLE && tlsa_lookup_known(look, facts->now);
}

const struct probe_history *facts_history(const struct facts *facts, const struct hop_fact *hop)
{
	static const struct probe_history none;
	const struct hop_record *record = &hop->record;
	if (!facts_hop_by_dane(facts, hop))
		return &record->pkix;
	/* Evidence by TLSA records counts only if the current set judged it. */
	uint64_t id = record->dane.conclusive.at != 0 ? record->dane.conclusive.tlsa_id : record->dane.newest.tlsa_id;
	return id == record->tlsa.id ? &record->dane : &none;
}

/* Takes the first name off a blank-separated list: copies it to `out` and returns the rest of the list, or NULL if
 * there is no name left. Skips a name that is too long. */
static const char *name_next(const char *names, char out[DOMAIN_SIZE])
{
	size_t len;
	for (; *names; names += len + (names[len] == ' ')) {
		len = strcspn(names, " ");
		if (len >= DOMAIN_SIZE)
			continue;
		memcpy(out, names, len);
		out[len] = '\0';
		return names + len + (names[len] == ' ');
	}
	return NULL;
}

bool facts_left_to_mta(const struct facts *facts, const struct evidence *seen)
{
	const struct policy *policy = facts_policy(facts);
	if (!facts->rules->mta_enforces || !policy || policy->mode != POLICY_ENFORCE || facts_pinned(facts))
		return false;
	/* No MTA looks whether a certificate is revoked. */
	if (reason_class(seen->reason) != REASON_BAD || seen->reason == REASON_CERT_REVOKED)
		return false;
	if (seen->mta_address[0] != '\0')
		return true;
	if (seen->reason != REASON_CERT_HOST_MISMATCH || seen->tlsa_id != 0 || facts->by_host_name)
		return false;
	/* Postfix before 3.10.5 compares the names in the map's answer with the certificate, whichever MX host shows
	 * it (design 10). So a certificate for any name that the policy allows is enough. A name in the certificate
	 * may itself be a wildcard. */
	char name[DOMAIN_SIZE];
	for (const char *names = seen->names; (names = name_next(names, name));) {
		if (policy_allows(policy, name))
			return true;
		for (const char *mx = names_next(&policy->mx, NULL); mx; mx = names_next(&policy->mx, mx))
			if (mx_matches(name, mx))
				return true;
	}
	return false;
}

bool facts_certificate_covers(const struct evidence *seen, const char *host)
{
	char name[DOMAIN_SIZE];
	for (const char *names = seen->names; (names = name_next(names, name));)
		if (mx_matches(name, host))
			return true;
	return false;
}

bool facts_evidence_good(const struct facts *facts, const struct evidence *seen)
{
	if (reason_class(seen->reason) == REASON_GOOD || facts_left_to_mta(facts, seen))
		return true;
	/* RFC 7672 3.2.2: under a trust anchor of TLSA records, the certificate may name the next-hop domain instead
	 * of the host. The MX set is signed here, since otherwise no TLSA set would judge the hop. */
	if (!seen->tlsa_id || seen->reason != REASON_CERT_HOST_MISMATCH || !facts->question.mx_lookup)
		return false;
	return facts_certificate_covers(seen, facts->question.domain);
}

/* Returns the facts about a hop, and adds an empty struct if nothing is known about the hop. Returns NULL if the name
 * is too long, or if HOP_FACTS_MAX hops are known: verdict_next() does not want facts about more hops. */
static struct hop_fact *hop_find_or_add(struct facts *facts, const char *host, uint16_t port)
{
	struct hop_fact *hop = facts_hop(facts, host, port);
	size_t len = strlen(host);
	if (hop || facts->hop_count == HOP_FACTS_MAX || len >= sizeof hop->host)
		return hop;
	/* Grows by one at a time: most domains have one or two hops, and the fact about a hop is large. */
	facts->hop = xrealloc(facts->hop, (facts->hop_count + 1) * sizeof *facts->hop);
	hop = &facts->hop[facts->hop_count++];
	memset(hop, 0, sizeof *hop);
	memcpy(hop->host, host, len + 1);
	hop->port = port;
	return hop;
}

void facts_learn_evidence(struct facts *facts, const char *host, uint16_t port, const struct hop_record *record)
{
	struct hop_fact *hop = hop_find_or_add(facts, host, port);
	if (!hop)
		return;
	hop->read = true;
	if (record)
		hop->record = *record;
}

void facts_learn_record(struct facts *facts, const struct record_found *found)
{
	entry_learn_record(&facts->entry, found, facts->now);
	facts->record_tried = true;
}

void facts_learn_policy(struct facts *facts, const struct policy_found *found, const char *id)
{
	entry_learn_policy(&facts->entry, found, id, facts->now);
	facts->policy_tried = true;
	memcpy(facts->policy_detail, found->detail, sizeof facts->policy_detail);
	facts->policy_detail[sizeof facts->policy_detail - 1] = '\0';
}

void facts_learn_mx(struct facts *facts, const struct mx_found *found)
{
	entry_learn_mx(&facts->entry, found, facts->now);
	facts->mx_tried = true;
	facts->mx_outcome = found->outcome;
}

void facts_learn_tlsa(struct facts *facts, const char *host, uint16_t port, const struct tlsa_lookup *look)
{
	struct hop_fact *hop = hop_find_or_add(facts, host, port);
	if (!hop)
		return;
	hop->read = true;
	hop->tlsa_tried = true;
	hop->record.tlsa = *look;
}

void facts_learn_probe(struct facts *facts, const char *host, uint16_t port, bool dane, const struct evidence *seen)
{
	struct hop_fact *hop = hop_find_or_add(facts, host, port);
	if (!hop)
		return;
	hop->read = true;
	*(dane ? &hop->dane_tried : &hop->tried) = true;
	if (seen->reason == REASON_PROBE_BUDGET || seen->reason == REASON_RESOLVER)
		hop->refused = seen->reason;
	else
		hop_record_learn(&hop->record, seen);
}

void facts_learn_refused(struct facts *facts, const char *host, uint16_t port, int64_t at)
{
	struct hop_fact *hop = hop_find_or_add(facts, host, port);
	if (hop)
		hop_record_refused(&hop->record, at);
}

void facts_learn_nothing(struct facts *facts, const struct want *want)
{
	bool of_hop = want->kind == WANT_TLSA || want->kind == WANT_PROBE;
	struct hop_fact *hop = of_hop ? hop_find_or_add(facts, want->name, want->port) : NULL;
	facts->offline = true;
	if (want->kind == WANT_RECORD)
		facts->record_tried = true;
	else if (want->kind == WANT_POLICY)
		facts->policy_tried = true;
	else if (want->kind == WANT_MX)
		facts->mx_tried = true;
	else if (hop && want->kind == WANT_TLSA)
		hop->tlsa_tried = true;
	else if (hop)
		*(want->dane ? &hop->dane_tried : &hop->tried) = true;
}
