#include "tlsrpt_session.h"

#include "ascii.h"
#include "memory.h"
#include "utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8 /* of nested objects and arrays; libtlsrpt's have five levels */
#define NOT_TEXT '\x7f'

static bool refused(const char **why, const char *phrase)
{
	*why = phrase;
	return false;
}

/* --- octets ---------------------------------------------------------------------------------------------------------- */

static bool is_shallow(const char *bytes, size_t len)
{
	unsigned depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '"')
			in_string = !in_string;
		else if (in_string)
			i += bytes[i] == '\\';
		else if ((bytes[i] == '{' || bytes[i] == '[') && ++depth > DEPTH_MAX)
			return false;
		else if ((bytes[i] == '}' || bytes[i] == ']') && depth > 0)
			depth--;
	}
	return true;
}

/* Parses the datagram. Postfix passes an EHLO name on whose UTF-8 may be invalid, and nobody must be able to hide a failure by
 * such a name. So a NOT_TEXT replaces each wrong octet; the readers of the strings treat it like any control character. */
static json_t *datagram_load(const char *bytes, size_t len)
{
	if (utf8_is_valid(bytes, len))
		return json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
	char *copy = xmemdup(bytes, len);
	for (size_t i = 0, used; i < len; i += used ? used : 1)
		if (!(used = utf8_len(copy + i, len - i)))
			copy[i] = NOT_TEXT;
	json_t *found = json_loadb(copy, len, JSON_REJECT_DUPLICATES, NULL);
	free(copy);
	return found;
}

/* --- strings --------------------------------------------------------------------------------------------------------- */

static struct span string_of(const json_t *value)
{
	return (struct span){json_string_value(value), json_string_length(value)};
}

/* Returns whether the value is a string of text of `min` to `max` octets. */
static bool is_text(const json_t *value, size_t min, size_t max)
{
	struct span string = string_of(value);
	return json_is_string(value) && string.len >= min && string.len <= max && utf8_is_text(string.at, string.len);
}

static bool domain_read(const json_t *value, char out[DOMAIN_SIZE])
{
	struct domain domain;
	struct span string = string_of(value);
	if (!json_is_string(value) || !domain_parse(&domain, string.at, string.len))
		return false;
	memcpy(out, domain.name, sizeof domain.name);
	return true;
}

/* Reads a list of texts; a list that is not there is empty. */
static bool list_read(const json_t *list, struct names *out)
{
	if (!list)
		return true;
	if (!json_is_array(list) || json_array_size(list) > TLSRPT_STRINGS_MAX)
		return false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		if (!is_text(item, 1, TLSRPT_DATAGRAM_MAX))
			return false;
		names_add(out, json_string_value(item), json_string_length(item));
	}
	return true;
}

/* --- failures -------------------------------------------------------------------------------------------------------- */

/* Reads a text that a mail host may have chosen. It never makes the datagram wrong, because then the host could hide its
 * failure: a `?` replaces what is no text, and what is too long is cut. */
static bool particular_read(const json_t *failure, const char *key, char *out, size_t size)
{
	const json_t *value = json_object_get(failure, key);
	out[0] = '\0';
	if (json_is_string(value))
		utf8_text_copy(out, size, json_string_value(value), json_string_length(value));
	return !value || json_is_string(value);
}

/* Postfix 3.10 passes the whole reply to EHLO on, with its codes and line ends: the name is the first word of the first line. */
static struct span helo_name(struct span helo)
{
	const char *at = helo.at;
	if (helo.len < 4 || !ascii_is_digit(at[0]) || !ascii_is_digit(at[1]) || !ascii_is_digit(at[2]) ||
		(at[3] != '-' && at[3] != ' '))
		return helo;
	struct span rest = {at + 4, helo.len - 4};
	size_t len = 0;
	while (len < rest.len && !strchr(" \t\r\n", rest.at[len]))
		len++;
	return (struct span){rest.at, len};
}

static bool helo_read(const json_t *failure, char out[DOMAIN_SIZE])
{
	const json_t *value = json_object_get(failure, "h");
	struct span name = helo_name(string_of(value));
	out[0] = '\0';
	if (name.len)
		utf8_text_copy(out, DOMAIN_SIZE, name.at, name.len);
	return !value || json_is_string(value);
}

/* Reads an address; what is no address is unknown. */
static bool address_read(const json_t *failure, const char *key, char out[ADDRESS_TEXT_SIZE])
{
	char text[ADDRESS_TEXT_SIZE];
	struct address address;
	bool is_string = particular_read(failure, key, text, sizeof text);
	out[0] = '\0';
	if (address_parse(&address, text))
		address_format(&address, out);
	return is_string;
}

static bool failure_read(const json_t *from, struct tlsrpt_failure *to, const char **why)
{
	const json_t *code = json_object_get(from, "c");
	*to = (struct tlsrpt_failure){.result = TLSRPT_RESULTS};
	if (json_is_integer(code))
		to->result = tlsrpt_result_by_code(json_integer_value(code));
	if (to->result == TLSRPT_RESULTS)
		return refused(why, "has a failure without a known result code (c)");
	return (address_read(from, "s", to->sender_address) &&
		       particular_read(from, "n", to->mx_name, sizeof to->mx_name) && helo_read(from, to->mx_helo) &&
		       address_read(from, "r", to->mx_address) &&
		       particular_read(from, "a", to->information, sizeof to->information) &&
		       particular_read(from, "f", to->reason, sizeof to->reason)) ||
	       refused(why, "has a failure with a member that is not a string");
}

static bool failures_read(const json_t *from, struct tlsrpt_policy *policy, const char **why)
{
	const json_t *list = json_object_get(from, "failure-details"), *count = json_object_get(from, "t");
	size_t found = json_array_size(list);
	if (list && !json_is_array(list))
		return refused(why, "has failure-details that are not an array");
	if (!json_is_integer(count) || json_integer_value(count) != (json_int_t)found)
		return refused(why, "does not have as many failure-details as its member t says");
	if (found > TLSRPT_FAILURES_MAX)
		return refused(why, "has too many failure-details");
	for (size_t i = 0; i < found; i++) {
		struct tlsrpt_failure failure;
		if (!failure_read(json_array_get(list, i), &failure, why))
			return false;
		tlsrpt_policy_add(policy, &failure);
	}
	return true;
}

/* --- policies -------------------------------------------------------------------------------------------------------- */

static bool type_read(const json_t *value, enum tlsrpt_type *type)
{
	json_int_t number = json_integer_value(value);
	if (!json_is_integer(value) ||
		(number != TLSRPT_TLSA && number != TLSRPT_STS && number != TLSRPT_NO_POLICY_FOUND))
		return false;
	*type = (enum tlsrpt_type)number;
	return true;
}

/* A policy domain that is missing is unknown: Postfix before 3.10.5 does not name it if it has found no policy. */
static bool policy_read(const json_t *from, struct tlsrpt_session *session, const char **why)
{
	enum tlsrpt_type type;
	const json_t *domain = json_object_get(from, "policy-domain"), *failed = json_object_get(from, "f");
	if (!type_read(json_object_get(from, "policy-type"), &type))
		return refused(why, "has a policy without a known policy-type");
	struct tlsrpt_policy *policy = tlsrpt_session_add(session, type, "");
	if (domain && !domain_read(domain, policy->domain))
		return refused(why, "has a policy-domain that is not a domain");
	if (!list_read(json_object_get(from, "policy-string"), &policy->strings) ||
		!list_read(json_object_get(from, "mx-host"), &policy->patterns))
		return refused(why, "has a policy-string or mx-host that is not a list of at most 256 texts");
	if (type != TLSRPT_STS)
		names_free(&policy->patterns);
	json_int_t failed_number = json_integer_value(failed);
	if (!json_is_integer(failed) || failed_number < 0 || failed_number > 1)
		return refused(why, "has a policy without a result (f) of 0 or 1");
	policy->failed = failed_number == 1;
	return failures_read(from, policy, why);
}

static bool policies_read(const json_t *list, struct tlsrpt_session *session, const char **why)
{
	size_t count = json_array_size(list);
	if (count == 0 || count > TLSRPT_POLICIES_MAX)
		return refused(why, "has no policies, or too many");
	for (size_t i = 0; i < count; i++)
		if (!policy_read(json_array_get(list, i), session, why))
			return false;
	return true;
}

/* --- the whole ------------------------------------------------------------------------------------------------------- */

/* libtlsrpt up to 0.5.0rc1, that of Debian 13, sends no version. */
static bool version_is_known(const json_t *version)
{
	return !version || (json_is_string(version) && span_is(string_of(version), "1"));
}

static bool object_read(const json_t *from, struct tlsrpt_session *session, const char **why)
{
	const json_t *record = json_object_get(from, "pr");
	if (!version_is_known(json_object_get(from, "dpv")))
		return refused(why, "has another version (dpv) than 1");
	if (!domain_read(json_object_get(from, "d"), session->domain))
		return refused(why, "has no domain (d)");
	if (!is_text(record, 1, sizeof session->record - 1))
		return refused(why, "has no TLSRPT record (pr), or one that is too long");
	memcpy(session->record, json_string_value(record), json_string_length(record) + 1);
	return policies_read(json_object_get(from, "policies"), session, why);
}

bool tlsrpt_session_read(const char *bytes, size_t len, struct tlsrpt_session *session, const char **why)
{
	*session = (struct tlsrpt_session){.count = 0};
	if (len > TLSRPT_DATAGRAM_MAX)
		return refused(why, "is larger than 64 KiB");
	if (!is_shallow(bytes, len))
		return refused(why, "is nested too deeply");
	json_t *object = datagram_load(bytes, len);
	bool read = json_is_object(object) ? object_read(object, session, why) : refused(why, "is not a JSON object");
	json_decref(object);
	if (!read)
		tlsrpt_session_free(session);
	return read;
}
