#include "dump.h"

#include "describe.h"
#include "dump_parts.h"
#include "output.h"
#include "schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* By record_parse(): an id is what a record can carry. */
static bool take_id(const struct take *in, const char *key, char out[RECORD_ID_MAX + 1])
{
	char text[RECORD_ID_MAX + 32];
	const char *id;
	struct record record;
	if (!take_text(in, key, 0, RECORD_ID_MAX, &id))
		return false;
	int len = snprintf(text, sizeof text, "v=STSv1; id=%s;", id);
	if (*id && (record_parse(&record, text, (size_t)len) != RECORD_OK || strcmp(record.id, id) != 0))
		return take_fail(in, key, "is no id of a record");
	snprintf(out, RECORD_ID_MAX + 1, "%s", id);
	return true;
}

/* One that is not known here, since a later version wrote it, counts as `other`. */
static bool take_outcome(const struct take *in, enum reason other, enum reason *out)
{
	const char *name;
	if (!take_text(in, "outcome", 1, 64, &name))
		return false;
	*out = other;
	for (int reason = 0; reason < REASON_COUNT; reason++)
		if (strcmp(name, reason_name((enum reason)reason)) == 0 &&
			(reason == REASON_NONE || reason_class((enum reason)reason) == REASON_APART))
			*out = (enum reason)reason;
	return true;
}

static bool take_mode(const struct take *in, enum policy_mode *out)
{
	const char *name;
	if (!take_text(in, "mode", 1, 16, &name))
		return false;
	for (int mode = POLICY_NONE; mode <= POLICY_ENFORCE; mode++) {
		*out = (enum policy_mode)mode;
		if (strcmp(name, policy_mode_name(*out)) == 0)
			return true;
	}
	return take_fail(in, "mode", "is no mode of a policy");
}

static bool read_record(const struct take *in, struct entry *entry)
{
	int64_t ttl_s;
	if (!take_time(in, "checked_at", &entry->record_checked_at) ||
		!take_outcome(in, REASON_RECORD_LOOKUP, &entry->record_outcome) ||
		!take_number(in, "ttl", 0, UINT32_MAX, &ttl_s) || !take_id(in, "id", entry->record_id))
		return false;
	entry->record_ttl_s = (uint32_t)ttl_s;
	return entry->record_outcome != REASON_NONE || *entry->record_id || take_fail(in, "id", "is missing");
}

static bool read_fetch(const struct take *in, struct entry *entry)
{
	int64_t failures;
	if (!take_time(in, "tried_at", &entry->fetch_tried_at) ||
		!take_outcome(in, REASON_POLICY_FETCH, &entry->fetch_outcome) ||
		!take_number(in, "failures", 0, UINT32_MAX, &failures) || !take_id(in, "id", entry->fetch_tried_id))
		return false;
	entry->fetch_failures = (uint32_t)failures;
	return true;
}

static bool read_text(const struct take *in, struct entry *entry)
{
	const char *text;
	if (!take_text(in, "text", 1, POLICY_TEXT_KEPT, &text))
		return false;
	if (!policy_parse(&entry->policy, text, strlen(text), NULL))
		return take_fail(in, "text", "is no valid policy");
	entry->policy_text = strdup(text);
	if (!entry->policy_text)
		abort();
	entry->policy_text_len = (uint32_t)strlen(text);
	return true;
}

/* The patterns of an array as lines of a policy. Their number is bounded by the line's length, and then by what a
 * policy may hold; the last line needs no end, as in the largest policy. */
static bool patterns_write(const struct take *in, char *text, size_t size, size_t len)
{
	const json_t *patterns = json_object_get(in->object, "mx");
	for (size_t i = 0; i < json_array_size(patterns); i++) {
		const json_t *pattern = json_array_get(patterns, i);
		if (!json_is_string(pattern) ||
			!mx_is_pattern(json_string_value(pattern), json_string_length(pattern)) ||
			json_string_length(pattern) + 5 > size - len)
			return take_fail(in, "mx", "is no list of patterns");
		len += (size_t)snprintf(text + len, size - len, "mx:%s\n", json_string_value(pattern));
	}
	return json_is_array(patterns) || take_fail(in, "mx", "is no list of patterns");
}

/* A policy whose text was not kept: as the shortest text that says the same. */
static bool read_parsed(const struct take *in, struct entry *entry)
{
	enum policy_mode mode;
	int64_t max_age_s;
	if (!take_mode(in, &mode) || !take_number(in, "max_age", 0, POLICY_AGE_MAX_S, &max_age_s))
		return false;
	char *text = malloc(POLICY_BYTES_MAX + 2);
	if (!text)
		abort();
	int head = snprintf(text, POLICY_BYTES_MAX, "version:STSv1\nmode:%s\nmax_age:%lld\n", policy_mode_name(mode),
		(long long)max_age_s);
	bool ok = patterns_write(in, text, POLICY_BYTES_MAX + 2, (size_t)head) &&
		  (policy_parse(&entry->policy, text, strlen(text) - 1, NULL) ||
			  take_fail(in, "mode, max_age and mx", "are no valid policy"));
	free(text);
	return ok;
}

static bool read_policy(const struct take *in, struct entry *entry)
{
	if (!take_time(in, "fetched_at", &entry->policy_fetched_at) || !take_id(in, "id", entry->policy_id))
		return false;
	bool whole = json_object_get(in->object, "text") != NULL;
	if (!(whole ? read_text : read_parsed)(in, entry))
		return false;
	entry->has_policy = true;
	entry->policy_expires_at = entry->policy_fetched_at + entry->policy.max_age_s;
	return true;
}

static bool read_previous(const struct take *in, struct entry *entry)
{
	struct take later = *in;
	later.now += POLICY_AGE_MAX_S;
	entry->has_previous = true;
	return take_mode(in, &entry->previous_mode) && take_id(in, "id", entry->previous_id) &&
	       take_time(&later, "until", &entry->previous_until);
}

static bool take_mx_state(const struct take *in, enum mx_state *out)
{
	const char *name;
	if (!take_text(in, "state", 1, 16, &name))
		return false;
	for (int state = MX_LISTED; state <= MX_TOO_LARGE; state++) {
		*out = (enum mx_state)state;
		if (strcmp(name, describe_mx_state(*out)) == 0)
			return true;
	}
	return take_fail(in, "state", "is no state of an MX set");
}

/* [preference, host]; what was no host name stands in quotes, or as "". */
static bool read_mx_host(const json_t *pair, struct mx_set *set)
{
	const json_t *number = json_array_get(pair, 0), *host = json_array_get(pair, 1);
	struct domain name = {""};
	if (!json_is_integer(number) || json_integer_value(number) < 0 || json_integer_value(number) > UINT16_MAX ||
		!json_is_string(host))
		return false;
	const char *text = json_string_value(host);
	bool received = mx_name_is_received(text, json_string_length(host));
	if (!received && !domain_parse(&name, text, json_string_length(host)))
		return false;
	set->preference[set->names.count] = (uint16_t)json_integer_value(number);
	names_add(&set->names, received ? text : name.name, strlen(received ? text : name.name));
	return true;
}

/* Best preference first: which hops are looked at depends on it. */
static bool mx_is_ordered(const struct mx_set *set)
{
	for (uint32_t i = 1; i < set->names.count; i++)
		if (set->preference[i] < set->preference[i - 1])
			return false;
	return true;
}

static bool read_mx(const struct take *in, struct entry *entry)
{
	int64_t ttl_s;
	struct mx_set *set = &entry->mx;
	const json_t *hosts = json_object_get(in->object, "hosts");
	size_t count = json_array_size(hosts);
	if (!take_time(in, "checked_at", &set->checked_at) || !take_mx_state(in, &set->state) ||
		!take_number(in, "ttl", 0, UINT32_MAX, &ttl_s))
		return false;
	set->ttl_s = (uint32_t)ttl_s;
	set->secure = json_is_true(json_object_get(in->object, "secure"));
	if (count > MX_SET_MAX || (count > 0) != (set->state == MX_LISTED))
		return take_fail(in, "hosts", "are too many, or not what the state says");
	for (size_t i = 0; i < count; i++)
		if (!read_mx_host(json_array_get(hosts, i), set))
			return take_fail(in, "hosts", "are no pairs of preference and host name");
	return mx_is_ordered(set) || take_fail(in, "hosts", "are not in the order of their preference");
}

static bool read_use(const struct take *in, struct entry *entry)
{
	int64_t first, last, day = schedule_day(in->now + CLOCK_SKEW_S);
	if (!json_object_get(in->object, "last_used_day"))
		return true;
	if (!take_number(in, "last_used_day", 1, day, &last) || !take_number(in, "first_used_day", 1, last, &first))
		return false;
	entry->first_used_day = (int32_t)first;
	entry->last_used_day = (int32_t)last;
	return true;
}

static bool tells_something(const struct entry *entry)
{
	return entry->record_checked_at != 0 || entry->fetch_tried_at != 0 || entry->has_policy ||
	       entry->mx.state != MX_UNKNOWN || entry->last_used_day != 0;
}

static bool read_parts(const struct take *in, struct entry *entry)
{
	static const struct {
		const char *name;
		bool (*read)(const struct take *in, struct entry *entry);
	} parts[] = {
		{"record", read_record},
		{"fetch", read_fetch},
		{"policy", read_policy},
		{"previous", read_previous},
		{"mx", read_mx},
	};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		const json_t *object = json_object_get(in->object, parts[i].name);
		struct take part = {object, parts[i].name, in->now, in->why};
		if (object && !json_is_object(object))
			return take_fail(in, parts[i].name, "is no object");
		if (object && !parts[i].read(&part, entry))
			return false;
	}
	return read_use(in, entry) && (tells_something(entry) || take_fail(in, "the line", "tells nothing"));
}

static bool read_domain(const struct take *in, struct dump_line *out)
{
	const char *text;
	struct domain name;
	out->kind = DUMP_DOMAIN;
	if (!take_text(in, "domain", 1, DOMAIN_MAX, &text))
		return false;
	if (!domain_parse(&name, text, strlen(text)) || strlen(name.name) > DOMAIN_POLICY_MAX ||
		!strchr(name.name, '.'))
		return take_fail(in, "domain", "is no domain that could have a policy");
	entry_init(&out->entry, name.name);
	if (read_parts(in, &out->entry))
		return true;
	entry_free(&out->entry);
	return false;
}

static bool read_header(const struct take *in, struct dump_line *out)
{
	int64_t version;
	out->kind = DUMP_HEADER;
	return take_number(in, "stsgate", DUMP_VERSION, DUMP_VERSION, &version);
}

static bool read_object(const struct take *in, struct dump_line *out)
{
	if (json_object_get(in->object, "stsgate"))
		return read_header(in, out);
	if (json_object_get(in->object, "domain"))
		return read_domain(in, out);
	if (json_object_get(in->object, "host"))
		return dump_read_hop(in, out);
	return take_fail(in, "the line", "is no header, no domain and no host");
}

bool dump_read(struct dump_line *out, const char *bytes, size_t len, int64_t now, struct failure *why)
{
	json_error_t error;
	json_t *value = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
	struct take in = {value, "", now, why};
	struct quote quote;
	memset(out, 0, sizeof *out);
	if (!value)
		return failure_set(why, EX_DATAERR, "no JSON: %s", quote_string(&quote, error.text));
	bool ok = json_is_object(value) ? read_object(&in, out) : take_fail(&in, "the line", "is no object");
	json_decref(value);
	return ok;
}

void dump_line_free(struct dump_line *line)
{
	entry_free(&line->entry);
}
