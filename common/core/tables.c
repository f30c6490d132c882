#include "tables.h"

#include "memory.h"

#include <string.h>

#define ENTRY_MAGIC "STSE"
#define HOP_MAGIC "STSH"
#define HOP_VERSION 1
#define VERDICT_MAGIC "STSW"
#define VERDICT_VERSION 1
#define OVERRIDE_MAGIC "STSO"
#define OVERRIDE_VERSION 1
#define DECISION_MAGIC "STSD"
#define DECISION_VERSION 1

/* The store holds these numbers, so they must never change. */
_Static_assert(POLICY_NONE == 0 && POLICY_TESTING == 1 && POLICY_ENFORCE == 2, "modes are stored by number");
_Static_assert(
	MX_UNKNOWN == 0 && MX_LISTED == 1 && MX_IMPLICIT == 2 && MX_NULL == 3 && MX_NO_DOMAIN == 4 && MX_TOO_LARGE == 5,
	"MX states are stored by number");
_Static_assert(TLSA_UNKNOWN == 0 && TLSA_NONE == 1 && TLSA_USABLE == 2 && TLSA_UNUSABLE == 3 && TLSA_FAILED == 4,
	"TLSA states are stored by number");
_Static_assert(STAPLE_NONE == 0 && STAPLE_GOOD == 1 && STAPLE_REVOKED == 2 && STAPLE_UNUSABLE == 3,
	"staples are stored by number");
_Static_assert(REQUIRETLS_UNKNOWN == 0 && REQUIRETLS_ABSENT == 1 && REQUIRETLS_OFFERED == 2,
	"whether REQUIRETLS is offered is stored by number");
_Static_assert(OVERRIDE_PASS == 1 && OVERRIDE_TAG == 2 && OVERRIDE_ENFORCE == 3 && OVERRIDE_PIN == 4,
	"overrides are stored by number");

/* --- values that have functions of their own ---------------------------------------------------------------------- */

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_id(struct span in)
{
	for (size_t i = 0; i < in.len; i++)
		if (!is_lower_alnum(in.at[i]) && !(in.at[i] >= 'A' && in.at[i] <= 'Z'))
			return false;
	return in.len >= 1 && in.len <= RECORD_ID_MAX;
}

/* Returns whether the name has the form that domain_parse() produces. Cheaper than parsing it: this runs for each
 * message. */
static bool is_domain(struct span in)
{
	size_t label = 0;
	if (in.len == 0 || in.len > DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < in.len; i++) {
		if (is_lower_alnum(in.at[i]) || in.at[i] == '-' || in.at[i] == '_')
			label++;
		else if (in.at[i] == '.' && label > 0 && label <= DOMAIN_LABEL_MAX)
			label = 0;
		else
			return false;
	}
	return label > 0 && label <= DOMAIN_LABEL_MAX;
}

/* Returns whether a policy's pattern is printable and without blanks. */
static bool is_pattern(struct span in)
{
	for (size_t i = 0; i < in.len; i++)
		if (in.at[i] < '!' || in.at[i] > '~')
			return false;
	return in.len > 0;
}

/* Returns whether a text is printable; blanks may be in it. */
static bool is_detail(struct span in)
{
	return in.len > 0 && field_is_printable(in);
}

/* Takes one NUL-terminated name off the front; returns false if there is none. */
static bool name_next(struct span *in, struct span *name)
{
	const char *end = in->len == 0 ? NULL : memchr(in->at, '\0', in->len);
	if (!end)
		return false;
	*name = (struct span){in->at, (size_t)(end - in->at)};
	in->len -= name->len + 1;
	in->at = end + 1;
	return true;
}

/* The names of a policy: NUL-terminated strings, one after the other. */
static void patterns_put(struct fields_out *out, const void *record)
{
	const struct entry *entry = record;
	fields_bytes(out, entry->policy.mx.bytes, entry->policy.mx.len);
}

static bool patterns_take(struct span in, void *record)
{
	struct names *patterns = &((struct entry *)record)->policy.mx;
	struct span name;
	if (in.len > POLICY_BYTES_MAX)
		return false;
	while (in.len > 0) {
		if (!name_next(&in, &name) || !is_pattern(name) || patterns->count == POLICY_MX_MAX)
			return false;
		names_add(patterns, name.at, name.len);
	}
	if (patterns->count > POLICY_MX_FEW)
		names_index(patterns);
	return true;
}

/* The policy as received. */
static void text_put(struct fields_out *out, const void *record)
{
	const struct entry *entry = record;
	fields_bytes(out, entry->policy_text, entry->policy_text_len);
}

static bool text_take(struct span in, void *record)
{
	struct entry *entry = record;
	if (in.len > POLICY_TEXT_KEPT)
		return false;
	entry->policy_text = xstrndup(in.at, in.len);
	entry->policy_text_len = (uint32_t)in.len;
	return true;
}

/* The hosts of an MX set: for each a preference (2 octets) and a NUL-terminated name. */
static void mx_put(struct fields_out *out, const void *record)
{
	const struct mx_set *set = &((const struct entry *)record)->mx;
	const char *name = NULL;
	for (size_t i = 0; i < MX_SET_MAX && (name = names_next(&set->names, name)); i++) {
		fields_number(out, set->preference[i], 2);
		fields_bytes(out, name, strlen(name) + 1);
	}
}

static bool mx_take(struct span in, void *record)
{
	struct mx_set *set = &((struct entry *)record)->mx;
	struct span name;
	uint64_t preference;
	if (set->state != MX_LISTED && in.len > 0)
		return false;
	while (in.len > 0) {
		if (set->names.count == MX_SET_MAX)
			return false;
		if (!fields_take_number(&in, 2, &preference) || !name_next(&in, &name))
			return false;
		if (!is_domain(name) && !mx_name_is_not_host(name.at, name.len))
			return false;
		set->preference[set->names.count] = (uint16_t)preference;
		names_add(&set->names, name.at, name.len);
	}
	return true;
}

static const char *mode_word(int64_t mode)
{
	return policy_mode_name((enum policy_mode)mode);
}

static const char *mx_word(int64_t state)
{
	return mx_state_name((enum mx_state)state);
}

static const char *tlsa_word(int64_t state)
{
	return tlsa_state_name((enum tlsa_state)state);
}

static const char *staple_word(int64_t state)
{
	return staple_state_name((enum staple_state)state);
}

static const char *requiretls_word(int64_t state)
{
	return requiretls_name((enum requiretls_offer)state);
}

static const char *door_word(int64_t door)
{
	return verdict_door_name((enum verdict_door)door);
}

static const char *kind_word(int64_t kind)
{
	return verdict_name((enum verdict_kind)kind);
}

static const char *deed_word(int64_t deed)
{
	return deed_name((enum deed)deed);
}

static const char *demand_word(int64_t demand)
{
	return tls_demand_name((enum tls_demand)demand);
}

static const char *override_word(int64_t kind)
{
	return override_kind_name((enum override_kind)kind);
}

static const char *about_word(int64_t about)
{
	return decision_about_name((enum decision_about)about);
}

static bool is_domain_or_all(struct span in)
{
	return span_is(in, OVERRIDE_ALL) || is_domain(in);
}

static bool is_node(struct span in)
{
	return node_name_is_valid(in);
}

static bool is_author(struct span in)
{
	return override_text_is_valid(in, OVERRIDE_AUTHOR_SIZE);
}

static bool is_reason_text(struct span in)
{
	return override_text_is_valid(in, OVERRIDE_REASON_SIZE);
}

/* Drops evidence whose reason only a later version knows. */
static bool evidence_settle(void *record)
{
	struct evidence *evidence = record;
	if (evidence->at == 0 || evidence->reason == REASON_COUNT)
		memset(evidence, 0, sizeof *evidence);
	return true;
}

/* Returns whether the members of a TLSA lookup agree with each other. */
static bool tlsa_settle(void *record)
{
	const struct tlsa_lookup *look = record;
	return look->checked_at != 0 && look->state != TLSA_UNKNOWN && (look->id != 0) == (look->state == TLSA_USABLE);
}

/* --- forms -------------------------------------------------------------------------------------------------------- */

#define NO_MODE "is not a mode of a policy"
static const struct field_form form_present = {.kind = FIELD_PRESENT};
static const struct field_form form_text = {.kind = FIELD_TEXT};
static const struct field_form form_host = {.kind = FIELD_HOST, .wrong = "is not a host name"};
static const struct field_form form_name_list = {.kind = FIELD_NAME_LIST};
static const struct field_form form_protocol = {.kind = FIELD_PROTOCOL, .octets = 2, .max = UINT16_MAX};
static const struct field_form form_chain = {.kind = FIELD_NUMBER, .octets = 4, .min = INT32_MIN, .max = INT32_MAX};
static const struct field_form form_domain = {
	.kind = FIELD_HOST, .valid = is_domain, .wrong = "is not a domain that can have a policy"};
static const struct field_form form_id = {.kind = FIELD_TEXT, .valid = is_id, .wrong = "is not an id of a record"};
static const struct field_form form_detail = {.kind = FIELD_TEXT, .valid = is_detail, .wrong = "is not printable"};
static const struct field_form form_node = {.kind = FIELD_TEXT, .valid = is_node, .wrong = "is not the name of a node"};
static const struct field_form form_record_outcome = {
	.kind = FIELD_REASON, .good = "found", .other = REASON_RECORD_LOOKUP};
static const struct field_form form_fetch_outcome = {
	.kind = FIELD_REASON, .good = "fetched", .other = REASON_POLICY_FETCH};
static const struct field_form form_reason = {.kind = FIELD_REASON, .other = REASON_COUNT};
static const struct field_form form_mode = {
	.kind = FIELD_WORD, .octets = 1, .max = POLICY_ENFORCE, .word = mode_word, .wrong = NO_MODE};
static const struct field_form form_policy_mode = {
	.kind = FIELD_WORD, .octets = 1, .max = POLICY_ENFORCE, .word = mode_word, .wrong = NO_MODE, .by_text = true};
static const struct field_form form_max_age = {
	.kind = FIELD_NUMBER, .octets = 4, .max = POLICY_AGE_MAX_S, .by_text = true};
static const struct field_form form_patterns = {.kind = FIELD_PATTERNS,
	.wrong = "is not a list of patterns",
	.by_text = true,
	.put = patterns_put,
	.take = patterns_take};
static const struct field_form form_policy_text = {.kind = FIELD_POLICY, .put = text_put, .take = text_take};
static const struct field_form form_until = {
	.kind = FIELD_TIME, .octets = 8, .max = FIELDS_TIME_MAX, .ahead_s = POLICY_AGE_MAX_S};
static const struct field_form form_mx_state = {.kind = FIELD_WORD,
	.octets = 1,
	.min = MX_LISTED,
	.max = MX_TOO_LARGE,
	.word = mx_word,
	.wrong = "is not a state of an MX set"};
static const struct field_form form_mx_secure = {.kind = FIELD_FLAG, .octets = 1, .max = 1};
static const struct field_form form_mx_hosts = {.kind = FIELD_MX, .put = mx_put, .take = mx_take};
static const struct field_form form_tlsa_state = {.kind = FIELD_WORD,
	.octets = 2,
	.max = TLSA_FAILED,
	.word = tlsa_word,
	.wrong = "is not a state of TLSA records"};
static const struct field_form form_staple = {.kind = FIELD_WORD,
	.octets = 1,
	.max = STAPLE_UNUSABLE,
	.word = staple_word,
	.wrong = "is not a state of a staple"};
static const struct field_form form_requiretls = {
	.kind = FIELD_WORD, .octets = 1, .max = REQUIRETLS_OFFERED, .word = requiretls_word};
static const struct field_form form_override = {.kind = FIELD_WORD,
	.octets = 1,
	.min = OVERRIDE_PASS,
	.max = OVERRIDE_PIN,
	.word = override_word,
	.wrong = "is not a kind of override"};
static const struct field_form form_asns = {.kind = FIELD_NUMBERS};
static const struct field_form form_domain_or_all = {
	.kind = FIELD_TEXT, .valid = is_domain_or_all, .wrong = "is neither a domain nor *"};
static const struct field_form form_author = {
	.kind = FIELD_TEXT, .valid = is_author, .wrong = "is not UTF-8 without control characters"};
static const struct field_form form_reason_text = {
	.kind = FIELD_TEXT, .valid = is_reason_text, .wrong = "is not UTF-8 without control characters"};
static const struct field_form form_about = {.kind = FIELD_WORD,
	.octets = 1,
	.min = DECISION_OVERRIDE,
	.max = DECISION_FORGET,
	.word = about_word,
	.wrong = "is not a kind of decision"};
static const struct field_form form_milliseconds = {.kind = FIELD_NUMBER, .octets = 8, .max = FIELDS_TIME_MAX * 1000};
const struct field_form form_evidence = {.kind = FIELD_RECORD, .table = &evidence_table, .settle = evidence_settle};
static const struct field_form form_door = {.kind = FIELD_WORD, .octets = 1, .max = DOOR_DELEGATION, .word = door_word};
static const struct field_form form_kind = {.kind = FIELD_WORD, .octets = 1, .max = VERDICT_DEFER, .word = kind_word};
static const struct field_form form_deed = {.kind = FIELD_WORD, .octets = 1, .max = DEED_REJECT, .word = deed_word};
static const struct field_form form_demand = {
	.kind = FIELD_WORD, .octets = 1, .max = TLS_DEMAND_UNKNOWN, .word = demand_word};
static const struct field_form form_any_reason = {.kind = FIELD_REASON, .other = REASON_COUNT, .any = true};
static const struct field_form form_queue_ids = {.kind = FIELD_NAME_LIST, .valid = field_is_printable};
static const struct field_form form_tlsa = {.kind = FIELD_RECORD, .table = &tlsa_table, .settle = tlsa_settle};

/* --- tables -------------------------------------------------------------------------------------------------------
 *
 * Tags are permanent. A field that is removed leaves its tag unused, and a new field takes the next free tag. */

#define ROW(tag, form, member, exported, shown) FIELD(tag, form_##form, struct entry, member, exported, shown)
static const struct field entry_rows[] = {
	ROW(1, domain, domain, "domain", "domain"),
	ROW(2, time, record_checked_at, "record.checked_at", "record.checked_at"),
	ROW(3, record_outcome, record_outcome, "record.outcome", "record.outcome"),
	ROW(4, ttl, record_ttl_s, "record.ttl", "record.ttl"),
	ROW(5, id, record_id, "record.id", "record.id"),
	ROW(6, present, has_policy, "policy", "policy"),
	ROW(6, policy_mode, policy.mode, "policy.mode", "policy.mode"),
	ROW(6, max_age, policy.max_age_s, "policy.max_age", "policy.max_age"),
	ROW(6, patterns, policy.mx, "policy.mx", "policy.mx"),
	ROW(7, id, policy_id, "policy.id", "policy.id"),
	ROW(8, time, policy_fetched_at, "policy.fetched_at", "policy.fetched_at"),
	ROW(9, time, policy_expires_at, NULL, "policy.expires_at"),
	ROW(10, policy_text, policy_text, "policy.text", "policy_text"),
	ROW(11, time, fetch_tried_at, "fetch.tried_at", "fetch.tried_at"),
	ROW(12, fetch_outcome, fetch_outcome, "fetch.outcome", "fetch.outcome"),
	ROW(13, id, fetch_tried_id, "fetch.id", "fetch.id"),
	ROW(14, u32, fetch_failures, "fetch.failures", "fetch.failures"),
	ROW(15, present, has_previous, "previous", "previous"),
	ROW(15, mode, previous_mode, "previous.mode", "previous.mode"),
	ROW(16, id, previous_id, "previous.id", "previous.id"),
	ROW(17, until, previous_until, "previous.until", "previous.until"),
	ROW(18, mx_state, mx.state, "mx.state", "mx_state"),
	ROW(18, mx_secure, mx.secure, "mx.secure", NULL),
	ROW(18, ttl, mx.ttl_s, "mx.ttl", NULL),
	ROW(18, time, mx.checked_at, "mx.checked_at", NULL),
	ROW(18, mx_hosts, mx.names, "mx.hosts", "mx"),
	ROW(19, day, first_used_day, "first_used_day", "first_used_at"),
	ROW(20, day, last_used_day, "last_used_day", "last_used_at"),
	ROW(21, time, due_at, NULL, "due_at"),
	ROW(22, u16, refresh_alarm, NULL, NULL),
	ROW(23, u16, placed, NULL, NULL),
	ROW(24, detail, fetch_detail, "fetch.detail", "fetch.detail"),
	ROW(25, mx_secure, record_secure, "record.secure", NULL),
	ROW(30, staple, fetch_staple, NULL, "fetch.staple"),
	ROW(31, date, fetch_revoked_at, NULL, "fetch.revoked_at"),
	ROW(32, node, policy_from, "policy.from", "policy.from"),
	ROW(33, date, policy_refetch_at, NULL, "policy.refetch_at"),
};
#undef ROW
const struct fields entry_table = FIELDS(entry_rows,
	"domain record fetch.tried_at fetch.outcome fetch.failures fetch policy.fetched_at policy.id policy.text policy "
	"previous mx.checked_at mx.state mx.ttl",
	"domain record.outcome record.id record.ttl record.dnssec fetch.outcome fetch.detail fetch.id fetch.tried_at fetch.staple fetch.revoked_at record fetch "
	"policy.mode policy.mx policy.max_age policy policy_text previous mx_state mx hops");

#define ROW(tag, form, member, exported, shown) FIELD(tag, form_##form, struct evidence, member, exported, shown)
static const struct field evidence_rows[] = {
	ROW(1, time, at, "at", "at"),
	ROW(2, reason, reason, "reason", "reason"),
	ROW(3, protocol, protocol, "protocol", "protocol"),
	ROW(4, chain, chain, "chain_error", "chain_error"),
	ROW(5, date, not_after, "not_after", "not_after"),
	ROW(6, address, address, "address", "address"),
	ROW(7, octets, cipher, "cipher", "cipher"),
	ROW(8, name_list, names, "names", "certificate_names"),
	ROW(9, octets, text, "text", "text"),
	ROW(10, u64, tlsa_id, NULL, NULL),
	ROW(11, address, mta_address, "mta_address", "mta_address"),
	ROW(12, date, not_before, "not_before", "not_before"),
	ROW(13, octets, issuers, "issuers", "issuers"),
	ROW(14, u64, leaf, NULL, NULL),
	ROW(15, u32, asn, NULL, "asn"),
	ROW(16, text, country, NULL, "country"),
	ROW(20, host, seen_for, "seen_for", "seen_for"),
	ROW(21, u32, asn_other, NULL, NULL),
	ROW(22, staple, staple, NULL, "staple"),
	ROW(23, date, revoked_at, NULL, "revoked_at"),
	ROW(24, flag, staple_demanded, NULL, "staple_demanded"),
	ROW(25, node, seen_by, "seen_by", "seen_by"),
	ROW(26, requiretls, requiretls, NULL, NULL),
};
#undef ROW
const struct fields evidence_table = FIELDS(evidence_rows,
	"at reason protocol chain_error not_after address mta_address",
	"at reason sentence address asn country starttls requiretls protocol cipher chain_error certificate_names issuers "
	"not_before not_after staple staple_demanded revoked_at text "
	"advice tell_postmaster mta_address");

#define ROW(tag, form, member, exported, shown) FIELD(tag, form_##form, struct tlsa_lookup, member, exported, shown)
static const struct field tlsa_rows[] = {
	ROW(1, time, checked_at, NULL, "checked_at"),
	ROW(2, tlsa_state, state, NULL, "state"),
	ROW(3, ttl, ttl_s, NULL, "ttl"),
	ROW(4, u64, id, NULL, NULL),
	ROW(5, u16, count, NULL, "records"),
	ROW(6, u16, usable, NULL, "usable"),
	ROW(7, flag, signed_denial, NULL, NULL),
	ROW(8, text, base, NULL, "base"),
};
#undef ROW
const struct fields tlsa_table = FIELDS(tlsa_rows, "", "state dnssec base records usable checked_at ttl");

#define ROW(tag, form, member, exported, shown) FIELD(tag, form_##form, struct override, member, exported, shown)
static const struct field override_rows[] = {
	ROW(1, override, kind, "kind", "kind"),
	ROW(2, domain_or_all, domain, "domain", "domain"),
	ROW(3, date, begins_at, "begins_at", "begins_at"),
	ROW(4, date, ends_at, "ends_at", "ends_at"),
	ROW(5, author, author, "author", "author"),
	ROW(6, reason_text, reason, "reason", "reason"),
	ROW(7, u32, uses, NULL, "uses"),
	ROW(8, time, used_at, NULL, "used_at"),
	ROW(9, asns, asn, "asn", "asn"),
	ROW(10, node, node, "node", "node"),
};
#undef ROW
const struct fields override_table =
	FIELDS(override_rows, "", "domain kind asn begins_at ends_at left author node reason uses used_at");

static const struct field_form form_decided = {.kind = FIELD_RECORD, .table = &override_table};
#define ROW(tag, form, member, exported) FIELD(tag, form_##form, struct decision_record, member, exported, NULL)
static const struct field decision_rows[] = {
	ROW(1, about, about, "about"),
	ROW(2, domain_or_all, domain, "domain"),
	ROW(3, milliseconds, made_ms, "made_ms"),
	ROW(4, milliseconds, knew_ms, "knew_ms"),
	ROW(5, author, author, "author"),
	ROW(6, node, node, "node"),
	ROW(7, decided, override, "override"),
};
#undef ROW
const struct fields decision_table = FIELDS(decision_rows, "", "");

/* A hop record as it is stored. The three members of a history often hold the same evidence. `same` notes which of
 * them do, and the bytes hold that evidence once. */
enum same { CONCLUSIVE_IS_NEWEST = 1, GOOD_IS_NEWEST = 2, GOOD_IS_CONCLUSIVE = 4 };
struct stored {
	struct hop_record record; /* first, because hop_table also describes a struct hop_record */
	uint16_t same, dane_same;
};
_Static_assert(offsetof(struct stored, record) == 0, "rows with names in JSON are members of a hop record");

#define ROW(tag, form, member, exported, shown) FIELD(tag, form_##form, struct stored, member, exported, shown)
static const struct field hop_rows[] = {
	ROW(1, evidence, record.pkix.newest, "newest", "newest"),
	ROW(2, evidence, record.pkix.conclusive, "conclusive", "conclusive"),
	ROW(3, evidence, record.pkix.good, "good", "good"),
	ROW(4, u16, same, NULL, NULL),
	ROW(5, evidence, record.dane.newest, NULL, "dane.newest"),
	ROW(6, evidence, record.dane.conclusive, NULL, "dane.conclusive"),
	ROW(7, evidence, record.dane.good, NULL, "dane.good"),
	ROW(8, u16, dane_same, NULL, NULL),
	ROW(9, tlsa, record.tlsa, NULL, "tlsa"),
	ROW(10, time, record.refused_since, NULL, NULL),
	ROW(11, day, record.needed_day, NULL, NULL),
	ROW(20, time, record.pkix.silent_since, NULL, "silent_since"),
	ROW(21, u16, record.pkix.silent_probes, NULL, "silent_probes"),
	ROW(22, time, record.dane.silent_since, NULL, "dane.silent_since"),
	ROW(23, u16, record.dane.silent_probes, NULL, "dane.silent_probes"),
	ROW(24, time, record.others_at, NULL, "others_at"),
	ROW(25, u16, record.others_looked, NULL, "others_looked"),
	ROW(26, u16, record.others_bad, NULL, "others_bad"),
};
#undef ROW
const struct fields hop_table = FIELDS(hop_rows, "",
	"newest conclusive good silent_since silent_probes others_at others_looked others_bad host port reason tlsa dane");

#define ROW(tag, form, member, shown) FIELD(tag, form_##form, struct verdict_record, member, NULL, shown)
static const struct field verdict_rows[] = {
	ROW(1, door, door, "frontend"),
	ROW(2, domain, domain, "domain"),
	ROW(3, kind, kind, "verdict"),
	ROW(4, any_reason, reason, "reason"),
	ROW(5, time, first_at, "first_at"),
	ROW(6, time, last_at, "last_at"),
	ROW(7, u32, count, "count"),
	ROW(8, printable, hop, "hop"), /* an MX name that is not a host name is in quotes */
	ROW(9, deed, deed, "action"),
	ROW(10, deed, would, "would"),
	ROW(11, flag, monitor, "monitor"),
	ROW(12, present, has_policy, "policy"),
	ROW(12, mode, mode, "policy.mode"),
	ROW(12, id, policy_id, "policy.id"),
	ROW(13, queue_ids, queue_ids, "queue_ids"),
	ROW(14, override, override, "override"),
	ROW(15, demand, requiretls, "requiretls"),
	ROW(16, flag, tls_required_no, "tls_required_no"),
};
#undef ROW
const struct fields verdict_table = FIELDS(verdict_rows, "",
	"frontend domain verdict reason sentence hop action would monitor override requiretls tls_required_no policy "
	"first_at last_at count queue_ids");

/* --- entries ------------------------------------------------------------------------------------------------------ */

struct bytes entry_encode(const struct entry *entry)
{
	struct fields_out out;
	fields_frame_begin(&out, ENTRY_MAGIC, ENTRY_VERSION);
	fields_put(&out, &entry_table, entry);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

bool entry_decode(struct entry *out, const void *bytes, size_t len)
{
	struct span body;
	entry_init(out, "");
	if (!fields_frame_open((struct span){bytes, len}, ENTRY_MAGIC, ENTRY_VERSION, &body))
		return false;
	if (fields_take(body, &entry_table, out) && out->domain[0])
		return true;
	entry_free(out);
	return false;
}

bool entry_is_newer(const void *bytes, size_t len)
{
	struct span in = {bytes, len}, body;
	return fields_frame_open(in, ENTRY_MAGIC, UINT16_MAX, &body) &&
	       !fields_frame_open(in, ENTRY_MAGIC, ENTRY_VERSION, &body);
}

/* --- hop records -------------------------------------------------------------------------------------------------- */

/* Marks `evidence` as absent if it equals `other`; returns `flag` then, and 0 otherwise. */
static uint16_t same_as(struct evidence *evidence, const struct evidence *other, enum same flag)
{
	if (evidence->at == 0 || memcmp(evidence, other, sizeof *evidence) != 0)
		return 0;
	evidence->at = 0;
	return flag;
}

/* Marks evidence in `stored` as absent where it equals other evidence of `history`. Returns the bits of enum same that
 * apply. */
static uint16_t same_taken_out(struct probe_history *stored, const struct probe_history *history)
{
	uint16_t same = same_as(&stored->good, &history->newest, GOOD_IS_NEWEST);
	same |= same_as(&stored->good, &history->conclusive, GOOD_IS_CONCLUSIVE);
	same |= same_as(&stored->conclusive, &history->newest, CONCLUSIVE_IS_NEWEST);
	return same;
}

struct bytes hop_record_encode(const struct hop_record *record)
{
	struct stored stored = {.record = *record};
	struct fields_out out;
	stored.same = same_taken_out(&stored.record.pkix, &record->pkix);
	stored.dane_same = same_taken_out(&stored.record.dane, &record->dane);
	fields_frame_begin(&out, HOP_MAGIC, HOP_VERSION);
	fields_put(&out, &hop_table, &stored);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

/* Undoes same_taken_out(). */
static void same_restore(struct probe_history *history, uint16_t same)
{
	if (same & CONCLUSIVE_IS_NEWEST)
		history->conclusive = history->newest;
	if (same & GOOD_IS_NEWEST)
		history->good = history->newest;
	else if (same & GOOD_IS_CONCLUSIVE)
		history->good = history->conclusive;
}

/* Returns whether a history is consistent: all of it was judged in the same way, by the trust store or by one TLSA
 * set, and `conclusive` and `good` hold evidence of the right class. */
static bool history_valid(const struct probe_history *history, bool dane)
{
	const struct evidence *const all[] = {&history->newest, &history->conclusive, &history->good};
	uint64_t id = 0;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (all[i]->at == 0)
			continue;
		if ((all[i]->tlsa_id != 0) != dane || (id != 0 && all[i]->tlsa_id != id))
			return false;
		id = all[i]->tlsa_id;
	}
	return evidence_is_conclusive(&history->conclusive) && reason_class(history->good.reason) == REASON_GOOD;
}

/* Decodes into `stored`, which must be zeroed. */
static bool stored_decode(struct stored *stored, const void *bytes, size_t len)
{
	struct span body;
	if (!fields_frame_open((struct span){bytes, len}, HOP_MAGIC, HOP_VERSION, &body) ||
		!fields_take(body, &hop_table, stored))
		return false;
	same_restore(&stored->record.pkix, stored->same);
	same_restore(&stored->record.dane, stored->dane_same);
	return history_valid(&stored->record.pkix, false) && history_valid(&stored->record.dane, true);
}

/* A hop record is large, and this runs for each message: `out` is written once only. */
bool hop_record_decode(struct hop_record *out, const void *bytes, size_t len)
{
	struct stored stored;
	memset(&stored, 0, sizeof stored);
	bool ok = stored_decode(&stored, bytes, len);
	if (ok)
		*out = stored.record;
	else
		memset(out, 0, sizeof *out);
	return ok;
}

/* --- verdict records ---------------------------------------------------------------------------------------------- */

struct bytes verdict_record_encode(const struct verdict_record *record)
{
	struct fields_out out;
	fields_frame_begin(&out, VERDICT_MAGIC, VERDICT_VERSION);
	fields_put(&out, &verdict_table, record);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

bool verdict_record_decode(struct verdict_record *out, const void *bytes, size_t len)
{
	struct span body;
	memset(out, 0, sizeof *out);
	return fields_frame_open((struct span){bytes, len}, VERDICT_MAGIC, VERDICT_VERSION, &body) &&
	       fields_take(body, &verdict_table, out) && out->reason != REASON_COUNT && out->count > 0 &&
	       out->first_at <= out->last_at;
}

/* --- overrides ---------------------------------------------------------------------------------------------------- */

struct bytes override_encode(const struct override *override)
{
	struct fields_out out;
	fields_frame_begin(&out, OVERRIDE_MAGIC, OVERRIDE_VERSION);
	fields_put(&out, &override_table, override);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

bool override_decode(struct override *out, const void *bytes, size_t len)
{
	struct span body;
	memset(out, 0, sizeof *out);
	if (fields_frame_open((struct span){bytes, len}, OVERRIDE_MAGIC, OVERRIDE_VERSION, &body) &&
		fields_take(body, &override_table, out) && override_is_valid(out))
		return true;
	memset(out, 0, sizeof *out);
	return false;
}

/* --- decisions ---------------------------------------------------------------------------------------------------- */

struct bytes decision_encode(const struct decision_record *decision)
{
	struct fields_out out;
	fields_frame_begin(&out, DECISION_MAGIC, DECISION_VERSION);
	fields_put(&out, &decision_table, decision);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

bool decision_decode(struct decision_record *out, const void *bytes, size_t len)
{
	struct span body;
	memset(out, 0, sizeof *out);
	if (fields_frame_open((struct span){bytes, len}, DECISION_MAGIC, DECISION_VERSION, &body) &&
		fields_take(body, &decision_table, out) && decision_is_valid(out))
		return true;
	memset(out, 0, sizeof *out);
	return false;
}
