#include "dump.h"

#include "json_value.h"
#include "memory.h"
#include "record_json.h"
#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

json_t *dump_header(int64_t now)
{
	json_t *object = json_made(json_object());
	json_put(object, "stsgate", json_integer(DUMP_VERSION));
	json_put(object, "exported_at", json_integer(now));
	return object;
}

json_t *dump_entry(const struct entry *entry)
{
	json_t *object = json_made(json_object());
	record_export(object, &entry_table, entry);
	return object;
}

/* Leaves out evidence that dump_read() restores: the newest conclusive evidence if it is also the newest of all, and the
 * newest good evidence if it is also the newest conclusive evidence. */
json_t *dump_hop(const char *host, uint16_t port, const struct hop_record *record)
{
	struct hop_record written = *record;
	const struct probe_history *history = &record->pkix;
	if (history->conclusive.at == history->newest.at && evidence_is_conclusive(&history->newest))
		written.pkix.conclusive.at = 0;
	if (history->good.at == history->conclusive.at && reason_class(history->conclusive.reason) == REASON_GOOD)
		written.pkix.good.at = 0;
	json_t *object = json_made(json_object());
	json_put(object, "host", json_text(host));
	json_put(object, "port", json_integer(port));
	record_export(object, &hop_table, &written);
	return object;
}

/* --- read --------------------------------------------------------------------------------------------------------- */

/* Parses the policy of a line that has no policy text. For this it builds the shortest policy text with the same mode,
 * max_age and MX patterns. The last line of that text has no newline, because the largest policy leaves no room for
 * one. */
static bool parts_parse(const struct input *in, struct entry *entry)
{
	const size_t size = POLICY_BYTES_MAX + 2;
	struct policy parts = entry->policy;
	char *text = xmalloc(size);
	size_t len = (size_t)snprintf(
		text, size, "version:STSv1\nmode:%s\nmax_age:%u\n", policy_mode_name(parts.mode), parts.max_age_s);
	const char *pattern = NULL;
	while ((pattern = names_next(&parts.mx, pattern)) && strlen(pattern) + 5 <= size - len)
		len += (size_t)snprintf(text + len, size - len, "mx:%s\n", pattern);
	entry->policy = (struct policy){.mode = POLICY_NONE};
	bool ok = (!pattern && policy_parse(&entry->policy, text, len - 1, NULL)) ||
		  input_error(in, "mode, max_age and mx", "are not a valid policy");
	policy_free(&parts);
	free(text);
	return ok;
}

/* Reads the line of a domain: reads its members, checks the entry as a whole, and restores the data that an export leaves
 * out (the parsed policy and the time when it expires). */
static bool read_domain(const struct input *in, struct entry *entry)
{
	const struct input policy = {.name = "policy", .now = in->now, .why = in->why};
	if (!record_read(in, &entry_table, entry))
		return false;
	if (strlen(entry->domain) > DOMAIN_POLICY_MAX || !strchr(entry->domain, '.'))
		return input_error(in, "domain", "is not a domain that can have a policy");
	if (entry->record_checked_at != 0 && entry->record_outcome == REASON_OK && !*entry->record_id)
		return input_error(in, "record: id", "is missing");
	if (entry->has_policy && !entry->policy_text && !parts_parse(&policy, entry))
		return false;
	if (entry->policy_text && !policy_parse(&entry->policy, entry->policy_text, entry->policy_text_len, NULL))
		return input_error(&policy, "text", "is not a valid policy");
	if (entry->has_policy)
		entry->policy_expires_at = entry->policy_fetched_at + entry->policy.max_age_s;
	if (entry->last_used_day == 0)
		entry->first_used_day = 0;
	else if (entry->first_used_day == 0 || entry->first_used_day > entry->last_used_day)
		return input_error(in, "first_used_day", "is missing, or later than last_used_day");
	return entry->record_checked_at != 0 || entry->fetch_tried_at != 0 || entry->has_policy ||
	       entry->mx.state != MX_UNKNOWN || entry->last_used_day != 0 ||
	       input_error(in, "the line", "contains no data");
}

static bool read_hop(const struct input *in, struct dump_line *out)
{
	const char *text;
	struct domain name;
	int64_t port;
	struct probe_history *history = &out->record.pkix;
	if (!input_text(in, "host", 1, DOMAIN_MAX, &text) || !input_number(in, "port", 1, UINT16_MAX, &port))
		return false;
	if (!domain_parse(&name, text, strlen(text)))
		return input_error(in, "host", "is not a host name");
	memcpy(out->host, name.name, sizeof out->host);
	out->port = (uint16_t)port;
	if (!record_read(in, &hop_table, &out->record))
		return false;
	if (!evidence_is_conclusive(&history->conclusive) || reason_class(history->good.reason) != REASON_GOOD)
		return input_error(in, "conclusive or good evidence", "has a reason of another class");
	/* Restore what dump_hop() left out. */
	if (history->conclusive.at == 0 && history->newest.at != 0 && evidence_is_conclusive(&history->newest))
		history->conclusive = history->newest;
	if (history->good.at == 0 && history->conclusive.at != 0 &&
		reason_class(history->conclusive.reason) == REASON_GOOD)
		history->good = history->conclusive;
	return history->newest.at != 0 || history->conclusive.at != 0 || history->good.at != 0 ||
	       input_error(in, "the line", "contains no data");
}

static bool read_object(const struct input *in, struct dump_line *out)
{
	int64_t version;
	out->kind = DUMP_HEADER;
	if (json_object_get(in->object, "stsgate"))
		return input_number(in, "stsgate", DUMP_VERSION, DUMP_VERSION, &version);
	if (json_object_get(in->object, "domain")) {
		out->kind = DUMP_DOMAIN;
		entry_init(&out->entry, "");
		if (read_domain(in, &out->entry))
			return true;
		entry_free(&out->entry);
		return false;
	}
	out->kind = DUMP_HOP;
	if (json_object_get(in->object, "host"))
		return read_hop(in, out);
	return input_error(in, "the line", "is not a header, a domain or a host");
}

bool dump_read(struct dump_line *out, const char *bytes, size_t len, int64_t now, struct failure *why)
{
	json_error_t error;
	json_t *value = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
	const struct input in = {value, "", now, why};
	struct quote quote;
	memset(out, 0, sizeof *out);
	if (!value)
		return failure_set(why, EX_DATAERR, "not JSON: %s", quote_string(&quote, error.text));
	bool ok = json_is_object(value) ? read_object(&in, out) : input_error(&in, "the line", "is not an object");
	json_decref(value);
	return ok;
}

void dump_line_free(struct dump_line *line)
{
	entry_free(&line->entry);
}
