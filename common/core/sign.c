#include "sign.h"

#include "age.h"
#include "schedule.h"

#include <string.h>

#define NAMES_SHOWN 3 /* of a list in a detail */
#define NAME_SHOWN 80 /* characters of each */
#define DNS_SHOWN 8   /* hosts of an MX set in a description */

struct event_record *sign_add(struct signs_found *signs, enum event_kind kind, enum event_severity severity,
	const char *domain, const char *detail, int64_t now)
{
	if (signs->count == SIGNS_MAX)
		return NULL;
	struct event_record *sign = &signs->sign[signs->count++];
	event_record_init(sign, kind, domain, detail, now);
	sign->severity = severity;
	return sign;
}

const struct sign_words *sign_words(enum event_kind kind)
{
	static const struct sign_words words[EVENT_KIND_COUNT] = {
#define SIGN(event, means, check, inform) [EVENT_##event] = {means, check, inform},
#include "sign.def"
#undef SIGN
	};
	return words[kind].means ? &words[kind] : NULL;
}

static void add_quoted(struct text *text, const char *string)
{
	text_quote(text, string, strlen(string), NAME_SHOWN);
}

static const char *signed_words(bool secure)
{
	return secure ? "signed by DNSSEC" : "not signed by DNSSEC";
}

/* Returns the policy in force if it asks for something. */
static const struct policy *policy_that_binds(const struct facts *facts)
{
	const struct policy *policy = facts_policy(facts);
	return policy && policy->mode != POLICY_NONE ? policy : NULL;
}

/* --- record ------------------------------------------------------------------------------------------------------- */

void sign_record(struct signs_found *signs, const struct facts *facts, const struct record_found *found)
{
	const struct entry *entry = &facts->entry;
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	bool gone = found->outcome == REASON_NO_RECORD || found->outcome == REASON_RECORD_INVALID ||
		    found->outcome == REASON_RECORD_MANY;
	if (!gone || entry->record_id[0] == '\0' || !policy_that_binds(facts) ||
		schedule_age(entry->policy_fetched_at, facts->now) > SIGN_GOOD_S)
		return;
	bool was_there = entry->record_outcome == REASON_OK;
	text_init(&text, detail, sizeof detail);
	text_add(&text, "_mta-sts.");
	text_add(&text, facts->question.domain);
	text_add(&text, found->outcome == REASON_NO_RECORD ? " has no record [" : " has no valid record [");
	text_add(&text, reason_name(found->outcome));
	text_add(&text, "]; the answer is ");
	text_add(&text, signed_words(found->secure));
	text_add(&text, "; before, ");
	text_add_time(&text, was_there ? entry->record_checked_at : entry->policy_fetched_at);
	text_add(&text, ": id=");
	add_quoted(&text, entry->record_id);
	text_add(&text, was_there && entry->record_secure ? ", signed by DNSSEC" : "");
	text_add(&text, "; the policy expires at ");
	text_add_time(&text, entry->policy_expires_at);
	sign_add(signs, EVENT_RECORD_GONE, EVENT_WARNING, facts->question.domain, detail, facts->now);
}

/* --- policy ------------------------------------------------------------------------------------------------------- */

/* Makes the sorted list of the registered domains of a policy's patterns: a policy may have thousands. */
static void owners_of(struct names *owners, const struct policy *policy)
{
	*owners = (struct names){.count = 0};
	for (const char *mx = names_next(&policy->mx, NULL); mx; mx = names_next(&policy->mx, mx)) {
		const char *owner = domain_registered(mx);
		names_add(owners, owner, strlen(owner));
	}
	names_sort(owners);
	names_index(owners);
}

/* Returns the first pattern of the new policy below a registered domain that the old policy does not name, or NULL. */
static const char *pattern_elsewhere(const struct policy *old, const struct policy *new)
{
	struct names owners;
	owners_of(&owners, old);
	const char *mx = names_next(&new->mx, NULL);
	while (mx && names_have(&owners, domain_registered(mx)))
		mx = names_next(&new->mx, mx);
	names_free(&owners);
	return mx;
}

/* Adds what is weaker in the new policy. */
static void add_weaker(
	struct text *text, const struct policy *old, const struct policy *new, bool cut, const char *elsewhere)
{
	if (new->mode != POLICY_ENFORCE) {
		text_add(text, "mode enforce became ");
		text_add(text, policy_mode_name(new->mode));
	}
	if (cut) {
		text_add(text, text->len > 0 ? ", max_age " : "max_age ");
		text_add_number(text, old->max_age_s);
		text_add(text, " became ");
		text_add_number(text, new->max_age_s);
	}
	if (elsewhere) {
		text_add(text, text->len > 0 ? ", new pattern " : "new pattern ");
		add_quoted(text, elsewhere);
	}
}

/* Only an enforce policy can become weaker: a testing policy protects nothing, and its owner tries things out. What a
 * change must look like to be a notice is explained in design 12.3. */
void sign_policy(struct signs_found *signs, const struct facts *facts, const struct policy_found *found, const char *id)
{
	const struct entry *entry = &facts->entry;
	const struct policy *old = facts_policy(facts), *new = &found->policy;
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	if (found->outcome != REASON_OK || !old || old->mode != POLICY_ENFORCE)
		return;
	bool lower = new->mode != POLICY_ENFORCE;
	bool cut = (uint64_t) new->max_age_s *SIGN_AGE_CUT <= old->max_age_s;
	const char *elsewhere = lower ? NULL : pattern_elsewhere(old, new);
	if (!lower && !cut && !elsewhere)
		return;
	bool announced = entry->record_outcome == REASON_OK && strcmp(id, entry->policy_id) != 0;
	bool moved = elsewhere && !cut;
	text_init(&text, detail, sizeof detail);
	add_weaker(&text, old, new, cut, elsewhere);
	text_add(&text, announced ? "; announced by record id=" : "; not announced by a new record, id=");
	add_quoted(&text, id);
	text_add(&text, ", ");
	text_add(&text, signed_words(entry->record_secure));
	text_add(&text, "; before, ");
	text_add_time(&text, entry->policy_fetched_at);
	text_add(&text, ": id=");
	add_quoted(&text, entry->policy_id);
	enum event_severity severity = announced && (entry->record_secure || moved) ? EVENT_NOTICE : EVENT_WARNING;
	sign_add(signs, EVENT_POLICY_WEAKENED, severity, facts->question.domain, detail, facts->now);
}

/* --- MX set ------------------------------------------------------------------------------------------------------- */

/* Returns how many hosts of the set the policy does not allow; SIZE_MAX if the set has no hosts. Copies the first of them
 * to `outside`, if that is not NULL. */
static size_t count_outside(
	const struct mx_set *mx, const struct policy *policy, const char *domain, struct names *outside)
{
	size_t count = 0;
	if (mx->state == MX_IMPLICIT && !policy_allows(policy, domain)) {
		count = 1;
		if (outside)
			names_add(outside, domain, strlen(domain));
	}
	if (mx->state == MX_IMPLICIT)
		return count;
	for (const char *host = names_next(&mx->names, NULL); host; host = names_next(&mx->names, host)) {
		if (policy_allows(policy, host))
			continue;
		if (outside && count < NAMES_SHOWN)
			names_add(outside, host, strlen(host));
		count++;
	}
	return mx->state == MX_LISTED ? count : SIZE_MAX;
}

static void add_names(struct text *text, const struct names *names, size_t count)
{
	size_t shown = 0;
	for (const char *name = names_next(names, NULL); name && shown < NAMES_SHOWN; name = names_next(names, name)) {
		text_add(text, shown++ > 0 ? ", " : "");
		add_quoted(text, name);
	}
	if (count > shown) {
		text_add(text, " and ");
		text_add_number(text, (int64_t)(count - shown));
		text_add(text, " more");
	}
}

/* Adds the state of a set that has no hosts. */
static void add_hostless(struct text *text, enum mx_state state)
{
	text_add(text, state == MX_NULL ? "the domain takes no mail now (null MX)" : "the domain does not exist now");
}

static void add_outside(struct text *text, const struct mx_set *mx, const struct names *outside, size_t count)
{
	size_t all = mx->state == MX_IMPLICIT ? 1 : mx->names.count;
	text_add(text, count == all ? "no mail host is inside the policy: " : "outside the policy: ");
	add_names(text, outside, count);
}

void sign_mx(struct signs_found *signs, const struct facts *facts, const struct mx_found *found)
{
	const struct policy *policy = policy_that_binds(facts);
	const struct mx_set *old = &facts->entry.mx, *new = &found->set;
	const char *domain = facts->question.domain;
	struct names outside = {.count = 0};
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	if (found->outcome != REASON_OK || !policy || new->state == MX_UNKNOWN || new->state == MX_TOO_LARGE)
		return;
	if (schedule_age(old->checked_at, facts->now) > SIGN_GOOD_S || count_outside(old, policy, domain, NULL) != 0)
		return;
	size_t count = count_outside(new, policy, domain, &outside);
	text_init(&text, detail, sizeof detail);
	if (count == SIZE_MAX)
		add_hostless(&text, new->state);
	else
		add_outside(&text, new, &outside, count);
	text_add(&text, "; the answer is ");
	text_add(&text, signed_words(new->secure));
	text_add(&text, "; before, ");
	text_add_time(&text, old->checked_at);
	text_add(&text, old->secure ? ", signed: " : ": ");
	if (old->state == MX_IMPLICIT)
		text_add(&text, "no MX records, the domain itself");
	else
		add_names(&text, &old->names, old->names.count);
	if (count != 0)
		sign_add(signs, EVENT_MX_LEFT_POLICY, EVENT_WARNING, domain, detail, facts->now);
	names_free(&outside);
}

bool sign_mx_is_outside(const struct facts *facts)
{
	const struct policy *policy = policy_that_binds(facts);
	return policy && count_outside(&facts->entry.mx, policy, facts->question.domain, NULL) != 0;
}

/* --- for a story -------------------------------------------------------------------------------------------------- */

static void add_dns_status(struct text *out, bool secure, uint32_t ttl_s, int64_t at)
{
	text_add(out, " (");
	text_add(out, signed_words(secure));
	text_add(out, ", TTL ");
	text_add_number(out, ttl_s);
	text_add(out, ", ");
	text_add_time(out, at);
	text_add(out, ")");
}

void sign_describe_dns(struct text *out, const struct entry *entry)
{
	const struct mx_set *mx = &entry->mx;
	if (entry->record_checked_at != 0) {
		text_add(out, "record: ");
		text_add(out, entry->record_outcome == REASON_OK ? "id=" : reason_name(entry->record_outcome));
		if (entry->record_outcome == REASON_OK)
			add_quoted(out, entry->record_id);
		add_dns_status(out, entry->record_secure, entry->record_ttl_s, entry->record_checked_at);
	}
	if (mx->checked_at == 0)
		return;
	text_add(out, out->len > 0 ? "; MX: " : "MX: ");
	size_t shown = 0;
	for (const char *host = names_next(&mx->names, NULL); host && shown < DNS_SHOWN;
		host = names_next(&mx->names, host)) {
		text_add(out, shown > 0 ? ", " : "");
		text_add_number(out, mx->preference[shown++]);
		text_add(out, " ");
		text_quote(out, host, strlen(host), NAME_SHOWN);
	}
	if (mx->state != MX_LISTED)
		text_add(out, mx_state_name(mx->state));
	else if (mx->names.count > shown)
		text_add(out, ", ...");
	add_dns_status(out, mx->secure, mx->ttl_s, mx->checked_at);
}
