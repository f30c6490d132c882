#include "tlsrpt_session.h"

#include "memory.h"
#include "text.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

struct tlsrpt_policy *tlsrpt_session_add(struct tlsrpt_session *session, enum tlsrpt_type type, const char *domain)
{
	if (session->count == TLSRPT_POLICIES_MAX)
		return NULL;
	struct tlsrpt_policy *policy = &session->policy[session->count++];
	*policy = (struct tlsrpt_policy){.type = type};
	utf8_text_copy(policy->domain, sizeof policy->domain, domain, strlen(domain));
	return policy;
}

void tlsrpt_policy_add(struct tlsrpt_policy *policy, const struct tlsrpt_failure *failure)
{
	if (policy->failures == TLSRPT_FAILURES_MAX)
		return;
	policy->failure = xrealloc(policy->failure, (policy->failures + 1) * sizeof *policy->failure);
	policy->failure[policy->failures++] = *failure;
}

void tlsrpt_session_free(struct tlsrpt_session *session)
{
	for (size_t i = 0; i < session->count; i++) {
		names_free(&session->policy[i].strings);
		names_free(&session->policy[i].patterns);
		free(session->policy[i].failure);
	}
	*session = (struct tlsrpt_session){.count = 0};
}

/* --- JSON ------------------------------------------------------------------------------------------------------------ */

/* Appends a JSON string. */
static void string_add(struct text *out, const char *string)
{
	text_add(out, "\"");
	for (size_t left = strlen(string); left > 0;) {
		size_t used = utf8_text_len(string, left), taken = used ? used : 1;
		if (*string == '"' || *string == '\\')
			text_add(out, "\\");
		text_add_bytes(out, used ? string : "?", taken);
		string += taken;
		left -= taken;
	}
	text_add(out, "\"");
}

/* Appends a member behind others; `key` has the comma and the colon, too. An unknown value is left out, and so is an empty
 * list. */
static void member_add(struct text *out, const char *key, const char *value)
{
	if (!*value)
		return;
	text_add(out, key);
	string_add(out, value);
}

static void list_add(struct text *out, const char *key, const struct names *list)
{
	if (list->count == 0)
		return;
	text_add(out, key);
	const char *separator = "[";
	for (const char *item = NULL; (item = names_next(list, item)); separator = ",") {
		text_add(out, separator);
		string_add(out, item);
	}
	text_add(out, "]");
}

static void patterns_add(struct text *out, const struct tlsrpt_policy *policy)
{
	if (policy->type == TLSRPT_STS)
		list_add(out, ",\"mx-host\":", &policy->patterns);
}

/* --- the datagram ---------------------------------------------------------------------------------------------------- */

static void failure_write(struct text *out, const struct tlsrpt_failure *failure)
{
	text_add(out, "{\"c\":");
	text_add_number(out, tlsrpt_result_code(failure->result));
	member_add(out, ",\"s\": ", failure->sender_address);
	member_add(out, ",\"n\": ", failure->mx_name);
	member_add(out, ",\"h\": ", failure->mx_helo);
	member_add(out, ",\"r\": ", failure->mx_address);
	member_add(out, ",\"a\": ", failure->information);
	member_add(out, ",\"f\": ", failure->reason);
	text_add(out, "}");
}

static void policy_write(struct text *out, const struct tlsrpt_policy *policy)
{
	text_add(out, "{\"policy-type\":");
	text_add_number(out, policy->type);
	member_add(out, ",\"policy-domain\": ", policy->domain);
	list_add(out, ",\"policy-string\":", &policy->strings);
	patterns_add(out, policy);
	for (size_t i = 0; i < policy->failures; i++) {
		text_add(out, i == 0 ? ",\"failure-details\":[" : ",");
		failure_write(out, &policy->failure[i]);
	}
	text_add(out, policy->failures > 0 ? "],\"t\":" : ",\"t\":");
	text_add_number(out, (int64_t)policy->failures);
	text_add(out, policy->failed ? ",\"f\":1}" : ",\"f\":0}");
}

char *tlsrpt_session_write(const struct tlsrpt_session *session, size_t *len)
{
	struct text out;
	char *bytes = xmalloc(TLSRPT_DATAGRAM_MAX + 1);
	text_init(&out, bytes, TLSRPT_DATAGRAM_MAX + 1);
	text_add(&out, "{\"dpv\": \"1\",\"d\": ");
	string_add(&out, session->domain);
	text_add(&out, ",\"pr\": ");
	string_add(&out, session->record);
	text_add(&out, ",\"policies\":[");
	for (size_t i = 0; i < session->count; i++) {
		text_add(&out, i > 0 ? "," : "");
		policy_write(&out, &session->policy[i]);
	}
	text_add(&out, "]}");
	*len = out.len;
	if (!out.cut)
		return bytes;
	free(bytes);
	return NULL;
}

/* --- the objects of a report ----------------------------------------------------------------------------------------- */

static const char *type_name(enum tlsrpt_type type)
{
	return type == TLSRPT_STS ? "sts" : type == TLSRPT_TLSA ? "tlsa" : "no-policy-found";
}

/* Octets for a list as JSON: each octet needs two at most, and an item its quotes and a comma. */
static size_t list_size(const struct names *list)
{
	return 2 * (size_t)list->len + 3 * (size_t)list->count;
}

char *tlsrpt_policy_text(const struct tlsrpt_policy *policy)
{
	const size_t keys = sizeof "{\"policy-type\":\"no-policy-found\",\"policy-string\":[],\"policy-domain\":\"\","
				   "\"mx-host\":[]}";
	size_t size = keys + 2 * sizeof policy->domain + list_size(&policy->strings) + list_size(&policy->patterns);
	struct text out;
	text_init(&out, xmalloc(size), size);
	text_add(&out, "{\"policy-type\":");
	string_add(&out, type_name(policy->type));
	list_add(&out, ",\"policy-string\":", &policy->strings);
	member_add(&out, ",\"policy-domain\":", policy->domain);
	patterns_add(&out, policy);
	text_add(&out, "}");
	return out.bytes;
}

char *tlsrpt_failure_text(const struct tlsrpt_failure *failure)
{
	/* Each octet of a text needs two at most; the keys and the result's name need less than 256 octets. */
	const size_t size = 2 * sizeof *failure + 256;
	struct text out;
	text_init(&out, xmalloc(size), size);
	text_add(&out, "{\"result-type\":");
	string_add(&out, tlsrpt_result_name(failure->result));
	member_add(&out, ",\"sending-mta-ip\":", failure->sender_address);
	member_add(&out, ",\"receiving-mx-hostname\":", failure->mx_name);
	member_add(&out, ",\"receiving-mx-helo\":", failure->mx_helo);
	member_add(&out, ",\"receiving-ip\":", failure->mx_address);
	member_add(&out, ",\"additional-information\":", failure->information);
	member_add(&out, ",\"failure-reason-code\":", failure->reason);
	text_add(&out, "}");
	return out.bytes;
}
