#include "dump.h"
#include "dump_parts.h"
#include "fields.h"

#include <stdio.h>
#include <string.h>

static bool is_conclusive(const struct evidence *evidence)
{
	enum reason_class class = reason_class(evidence->reason);
	return class == REASON_GOOD || class == REASON_BAD;
}

bool dump_says_conclusive(const struct hop_record *record)
{
	return record->pkix.conclusive.at == record->pkix.newest.at && is_conclusive(&record->pkix.newest);
}

bool dump_says_good(const struct hop_record *record)
{
	return record->pkix.good.at == record->pkix.conclusive.at &&
	       reason_class(record->pkix.conclusive.reason) == REASON_GOOD;
}

/* REASON_COUNT for one that is not about a hop, or that a later version wrote. */
static bool take_reason(const struct take *in, enum reason *out)
{
	const char *name;
	if (!take_text(in, "reason", 1, 64, &name))
		return false;
	*out = REASON_COUNT;
	for (int reason = 0; reason < REASON_COUNT; reason++)
		if (strcmp(name, reason_name((enum reason)reason)) == 0 &&
			reason_class((enum reason)reason) != REASON_APART)
			*out = (enum reason)reason;
	return true;
}

static bool take_address(const struct take *in, const char *key, char out[ADDRESS_TEXT_SIZE])
{
	const char *text;
	struct address address;
	if (!take_text(in, key, 0, ADDRESS_TEXT_SIZE - 1, &text))
		return false;
	if (*text && !address_parse(&address, text))
		return take_fail(in, key, "is no IP address");
	snprintf(out, ADDRESS_TEXT_SIZE, "%s", text);
	return true;
}

static bool take_seen_for(const struct take *in, char out[DOMAIN_SIZE])
{
	const char *text;
	struct domain name;
	if (!take_text(in, "seen_for", 0, DOMAIN_MAX, &text))
		return false;
	if (*text && !domain_parse(&name, text, strlen(text)))
		return take_fail(in, "seen_for", "is no host name");
	snprintf(out, DOMAIN_SIZE, "%s", *text ? name.name : "");
	return true;
}

static bool read_evidence(const struct take *in, struct evidence *out)
{
	int64_t protocol, chain;
	if (!take_time(in, "at", &out->at) || !take_reason(in, &out->reason) ||
		!take_number(in, "protocol", 0, UINT16_MAX, &protocol) ||
		!take_number(in, "chain_error", INT32_MIN, INT32_MAX, &chain) ||
		!take_number(in, "not_after", -FIELDS_TIME_MAX, FIELDS_TIME_MAX, &out->not_after) ||
		!take_address(in, "address", out->address) || !take_address(in, "mta_address", out->mta_address) ||
		!take_bytes(in, "cipher", out->cipher, sizeof out->cipher) ||
		!take_bytes(in, "names", out->names, sizeof out->names) ||
		!take_bytes(in, "text", out->text, sizeof out->text) || !take_seen_for(in, out->seen_for))
		return false;
	out->protocol = (uint16_t)protocol;
	out->chain = (int32_t)chain;
	if (out->reason == REASON_COUNT) /* what cannot be understood is no evidence */
		memset(out, 0, sizeof *out);
	return true;
}

static bool take_evidence(const struct take *in, const char *key, struct evidence *out)
{
	const json_t *object = json_object_get(in->object, key);
	struct take part = {object, key, in->now, in->why};
	memset(out, 0, sizeof *out);
	if (!object)
		return true;
	return json_is_object(object) ? read_evidence(&part, out) : take_fail(in, key, "is no object");
}

static bool take_record(const struct take *in, struct hop_record *out)
{
	if (!take_evidence(in, "newest", &out->pkix.newest) ||
		!take_evidence(in, "conclusive", &out->pkix.conclusive) || !take_evidence(in, "good", &out->pkix.good))
		return false;
	if (!is_conclusive(&out->pkix.conclusive) || reason_class(out->pkix.good.reason) != REASON_GOOD)
		return take_fail(in, "conclusive and good evidence", "must be what they are called");
	if (out->pkix.conclusive.at == 0 && out->pkix.newest.at != 0 && is_conclusive(&out->pkix.newest))
		out->pkix.conclusive = out->pkix.newest;
	if (out->pkix.good.at == 0 && out->pkix.conclusive.at != 0 &&
		reason_class(out->pkix.conclusive.reason) == REASON_GOOD)
		out->pkix.good = out->pkix.conclusive;
	return out->pkix.newest.at != 0 || out->pkix.conclusive.at != 0 || out->pkix.good.at != 0 ||
	       take_fail(in, "the line", "tells nothing");
}

bool dump_read_hop(const struct take *in, struct dump_line *out)
{
	const char *text;
	struct domain name;
	int64_t port;
	out->kind = DUMP_HOP;
	if (!take_text(in, "host", 1, DOMAIN_MAX, &text) || !take_number(in, "port", 1, UINT16_MAX, &port))
		return false;
	if (!domain_parse(&name, text, strlen(text)))
		return take_fail(in, "host", "is no host name");
	memcpy(out->host, name.name, sizeof out->host);
	out->port = (uint16_t)port;
	return take_record(in, &out->record);
}
