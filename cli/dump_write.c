#include "dump.h"

#include "describe.h"
#include "dump_parts.h"
#include "output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is no UTF-8, in hexadecimal digits under another name: nothing is lost. */
static void put_bytes(json_t *object, const char *key, const char *bytes)
{
	size_t len = strlen(bytes);
	char name[32], *digits;
	json_t *text = len > 0 ? json_string(bytes) : NULL;
	if (len == 0)
		return;
	if (text) {
		json_put(object, key, text);
		return;
	}
	digits = malloc(2 * len + 1);
	if (!digits)
		abort();
	for (size_t i = 0; i < len; i++)
		snprintf(digits + 2 * i, 3, "%02x", (unsigned char)bytes[i]);
	snprintf(name, sizeof name, "%s_hex", key);
	json_put(object, name, json_text(digits));
	free(digits);
}

static void put_word(json_t *object, const char *key, const char *word)
{
	if (*word)
		json_put(object, key, json_text(word));
}

static void put_number(json_t *object, const char *key, int64_t number)
{
	json_put(object, key, json_made(json_integer(number)));
}

json_t *dump_header(int64_t now)
{
	json_t *object = json_made(json_object());
	put_number(object, "stsgate", DUMP_VERSION);
	put_number(object, "exported_at", now);
	return object;
}

static json_t *record_object(const struct entry *entry)
{
	json_t *object = json_made(json_object());
	put_number(object, "checked_at", entry->record_checked_at);
	put_word(object, "outcome", reason_name(entry->record_outcome));
	put_number(object, "ttl", entry->record_ttl_s);
	put_word(object, "id", entry->record_id);
	return object;
}

static json_t *fetch_object(const struct entry *entry)
{
	json_t *object = json_made(json_object());
	put_number(object, "tried_at", entry->fetch_tried_at);
	put_word(object, "outcome", reason_name(entry->fetch_outcome));
	put_number(object, "failures", entry->fetch_failures);
	put_word(object, "id", entry->fetch_tried_id);
	return object;
}

/* Whether the text that was kept says all: what it is read as today need not be what it was read as when it came. */
static bool text_tells(const struct entry *entry)
{
	struct policy policy;
	if (!entry->policy_text || !policy_parse(&policy, entry->policy_text, entry->policy_text_len, NULL))
		return false;
	bool same = policy.mode == entry->policy.mode && policy.max_age_s == entry->policy.max_age_s &&
		    policy.mx.len == entry->policy.mx.len &&
		    (policy.mx.len == 0 || memcmp(policy.mx.bytes, entry->policy.mx.bytes, policy.mx.len) == 0);
	policy_free(&policy);
	return same;
}

static json_t *policy_object(const struct entry *entry)
{
	json_t *object = json_made(json_object());
	put_number(object, "fetched_at", entry->policy_fetched_at);
	put_word(object, "id", entry->policy_id);
	if (text_tells(entry)) {
		json_put(object, "text", json_text_bytes(entry->policy_text, entry->policy_text_len));
		return object;
	}
	put_word(object, "mode", policy_mode_name(entry->policy.mode));
	put_number(object, "max_age", entry->policy.max_age_s);
	json_put(object, "mx", json_names(&entry->policy.mx));
	return object;
}

static json_t *previous_object(const struct entry *entry)
{
	json_t *object = json_made(json_object());
	put_word(object, "mode", policy_mode_name(entry->previous_mode));
	put_word(object, "id", entry->previous_id);
	put_number(object, "until", entry->previous_until);
	return object;
}

static json_t *mx_object(const struct mx_set *mx)
{
	json_t *object = json_made(json_object()), *hosts = json_made(json_array());
	size_t i = 0;
	put_number(object, "checked_at", mx->checked_at);
	put_word(object, "state", describe_mx_state(mx->state));
	put_number(object, "ttl", mx->ttl_s);
	json_put(object, "secure", json_boolean(mx->secure));
	for (const char *name = NULL; i < MX_SET_MAX && (name = names_next(&mx->names, name)); i++) {
		json_t *host = json_made(json_array());
		json_add(host, json_made(json_integer(mx->preference[i])));
		json_add(host, json_text_bytes(name, strlen(name)));
		json_add(hosts, host);
	}
	json_put(object, "hosts", hosts);
	return object;
}

json_t *dump_entry(const struct entry *entry)
{
	json_t *object = json_made(json_object());
	put_word(object, "domain", entry->domain);
	if (entry->record_checked_at != 0)
		json_put(object, "record", record_object(entry));
	if (entry->fetch_tried_at != 0)
		json_put(object, "fetch", fetch_object(entry));
	if (entry->has_policy)
		json_put(object, "policy", policy_object(entry));
	if (entry->has_previous)
		json_put(object, "previous", previous_object(entry));
	if (entry->mx.state != MX_UNKNOWN)
		json_put(object, "mx", mx_object(&entry->mx));
	if (entry->last_used_day != 0) {
		put_number(object, "first_used_day", entry->first_used_day);
		put_number(object, "last_used_day", entry->last_used_day);
	}
	return object;
}

static json_t *evidence_object(const struct evidence *evidence)
{
	json_t *object = json_made(json_object());
	put_number(object, "at", evidence->at);
	put_word(object, "reason", reason_name(evidence->reason));
	put_number(object, "protocol", evidence->protocol);
	put_number(object, "chain_error", evidence->chain);
	put_number(object, "not_after", evidence->not_after);
	put_word(object, "address", evidence->address);
	put_word(object, "mta_address", evidence->mta_address);
	put_bytes(object, "cipher", evidence->cipher);
	put_bytes(object, "names", evidence->names);
	put_bytes(object, "text", evidence->text);
	put_word(object, "seen_for", evidence->seen_for);
	return object;
}

json_t *dump_hop(const char *host, uint16_t port, const struct hop_record *record)
{
	json_t *object = json_made(json_object());
	put_word(object, "host", host);
	put_number(object, "port", port);
	if (record->pkix.newest.at != 0)
		json_put(object, "newest", evidence_object(&record->pkix.newest));
	if (record->pkix.conclusive.at != 0 && !dump_says_conclusive(record))
		json_put(object, "conclusive", evidence_object(&record->pkix.conclusive));
	if (record->pkix.good.at != 0 && !dump_says_good(record))
		json_put(object, "good", evidence_object(&record->pkix.good));
	return object;
}
