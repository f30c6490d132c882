#include "report_schema.h"

#include "cm.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define INTEGER_MAX ((json_int_t)9007199254740991) /* RFC 7493 2.2 */

struct check {
	char *why; /* "" until something is wrong */
	const char *must_end;
};
typedef void check_value(struct check *check, const char *where, const json_t *value);

static void wrong(struct check *check, const char *where, const char *what)
{
	if (!*check->why)
		snprintf(check->why, SCHEMA_WHY_SIZE, "%s: %s", where, what);
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static void is_string(struct check *check, const char *where, const json_t *value)
{
	const char *text = json_string_value(value);
	if (!text || !*text)
		wrong(check, where, "is no string, or an empty one");
	for (size_t i = 0; text && i < json_string_length(value); i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			wrong(check, where, "has a control character");
}

static void is_one_of(struct check *check, const char *where, const json_t *value, const char *const *words)
{
	is_string(check, where, value);
	for (; *words && json_is_string(value); words++)
		if (strcmp(json_string_value(value), *words) == 0)
			return;
	wrong(check, where, "is an unknown word");
}

static void is_count(struct check *check, const char *where, const json_t *value)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > INTEGER_MAX)
		wrong(check, where, "is no count");
}

static void is_strings(struct check *check, const char *where, const json_t *value)
{
	size_t i;
	const json_t *item;
	if (json_array_size(value) == 0)
		wrong(check, where, "is no array, or an empty one");
	json_array_foreach(value, i, item) is_string(check, where, item);
}

static void is_domain(struct check *check, const char *where, const json_t *value)
{
	const char *text = json_string_value(value);
	is_string(check, where, value);
	for (size_t i = 0; text && text[i]; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("-._", text[i]))
			wrong(check, where, "is no domain of A-labels");
}

static void is_mailbox(struct check *check, const char *where, const json_t *value)
{
	const char *text = json_string_value(value), *at = text ? strchr(text, '@') : NULL;
	is_string(check, where, value);
	if (!at || at == text || !at[1] || strchr(at + 1, '@') || strncmp(text, "mailto:", 7) == 0 ||
		strpbrk(text, " <>"))
		wrong(check, where, "is no addr-spec");
}

/* An address in the text form of RFC 5952, which inet_ntop() writes. */
static void is_address(struct check *check, const char *where, const json_t *value)
{
	unsigned char octets[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];
	const char *given = json_string_value(value);
	int family = given && strchr(given, ':') ? AF_INET6 : AF_INET;
	is_string(check, where, value);
	if (!given || inet_pton(family, given, octets) != 1 ||
		strcmp(inet_ntop(family, octets, text, sizeof text), given) != 0)
		wrong(check, where, "is no IP address in its usual form");
}

static void is_policy_type(struct check *check, const char *where, const json_t *value)
{
	static const char *const words[] = {"tlsa", "sts", "no-policy-found", NULL};
	is_one_of(check, where, value, words);
}

static void is_result_type(struct check *check, const char *where, const json_t *value)
{
	static const char *const words[] = {"starttls-not-supported", "certificate-host-mismatch",
		"certificate-not-trusted", "certificate-expired", "validation-failure", "sts-policy-fetch-error",
		"sts-policy-invalid", "sts-webpki-invalid", "tlsa-invalid", "dnssec-invalid", "dane-required", NULL};
	is_one_of(check, where, value, words);
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

struct rule {
	const char *key;
	bool required;
	check_value *check;
};

/* Checks that the object has all required keys, no others than those of the rules, and values that fit. */
static void is_object(struct check *check, const char *where, const json_t *value, const struct rule *rules)
{
	char inner[128];
	size_t known = 0;
	if (!json_is_object(value)) {
		wrong(check, where, "is no object");
		return;
	}
	for (; rules->key; rules++) {
		const json_t *member = json_object_get(value, rules->key);
		snprintf(inner, sizeof inner, "%s.%s", where, rules->key);
		known += member != NULL;
		if (member)
			rules->check(check, inner, member);
		else if (rules->required)
			wrong(check, inner, "is missing");
	}
	if (known != json_object_size(value))
		wrong(check, where, "has an unknown key");
}

static void is_policy(struct check *check, const char *where, const json_t *value)
{
	static const struct rule rules[] = {{"policy-type", true, is_policy_type}, {"policy-string", false, is_strings},
		{"policy-domain", true, is_domain}, {"mx-host", false, is_strings}, {NULL, false, NULL}};
	is_object(check, where, value, rules);
	const char *type = json_string_value(json_object_get(value, "policy-type"));
	if (json_object_get(value, "mx-host") && type && strcmp(type, "sts") != 0)
		wrong(check, where, "has mx-host although it is no MTA-STS policy");
}

static void is_summary(struct check *check, const char *where, const json_t *value)
{
	static const struct rule rules[] = {{"total-successful-session-count", true, is_count},
		{"total-failure-session-count", true, is_count}, {NULL, false, NULL}};
	is_object(check, where, value, rules);
}

static void are_details(struct check *check, const char *where, const json_t *value)
{
	static const struct rule rules[] = {{"result-type", true, is_result_type},
		{"sending-mta-ip", false, is_address}, {"receiving-mx-hostname", false, is_string},
		{"receiving-mx-helo", false, is_string}, {"receiving-ip", false, is_address},
		{"failed-session-count", true, is_count}, {"additional-information", false, is_string},
		{"failure-reason-code", false, is_string}, {NULL, false, NULL}};
	size_t i;
	const json_t *item;
	if (json_array_size(value) == 0)
		wrong(check, where, "is no array, or an empty one");
	json_array_foreach(value, i, item) is_object(check, where, item, rules);
}

static void are_policies(struct check *check, const char *where, const json_t *value)
{
	static const struct rule rules[] = {{"policy", true, is_policy}, {"summary", true, is_summary},
		{"failure-details", false, are_details}, {NULL, false, NULL}};
	size_t i;
	const json_t *item;
	if (json_array_size(value) == 0)
		wrong(check, where, "is no array, or an empty one");
	json_array_foreach(value, i, item) is_object(check, where, item, rules);
}

static void is_time(struct check *check, const char *where, const json_t *value)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
	const char *text = json_string_value(value);
	if (!text || strlen(text) != strlen(form))
		wrong(check, where, "is no time in UTC");
	for (size_t i = 0; text && i < strlen(form) && text[i]; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
			wrong(check, where, "is no time in UTC");
}

static void is_range(struct check *check, const char *where, const json_t *value)
{
	static const struct rule rules[] = {
		{"start-datetime", true, is_time}, {"end-datetime", true, is_time}, {NULL, false, NULL}};
	is_object(check, where, value, rules);
	const char *begin = json_string_value(json_object_get(value, "start-datetime"));
	const char *end = json_string_value(json_object_get(value, "end-datetime"));
	if (*check->why)
		return;
	if (strcmp(begin + strlen("2026-01-31T"), "00:00:00Z") != 0)
		wrong(check, where, "does not begin with a UTC day");
	if (check->must_end &&
		(strncmp(begin, end, strlen("2026-01-31T")) != 0 || strcmp(end + 11, check->must_end) != 0))
		wrong(check, where, "does not end with the UTC day");
}

bool report_schema_fits(const char *json, size_t len, const char *must_end, char why[SCHEMA_WHY_SIZE])
{
	static const struct rule rules[] = {{"organization-name", true, is_string}, {"date-range", true, is_range},
		{"contact-info", true, is_mailbox}, {"report-id", true, is_string}, {"policies", true, are_policies},
		{NULL, false, NULL}};
	struct check check = {why, must_end};
	json_error_t error;
	why[0] = '\0';
	json_t *value = json_loadb(json, len, JSON_REJECT_DUPLICATES, &error);
	if (!value)
		wrong(&check, "report", error.text);
	else
		is_object(&check, "report", value, rules);
	json_decref(value);
	return !*why;
}

void assert_report(const char *json)
{
	char why[SCHEMA_WHY_SIZE];
	if (!report_schema_fits(json, strlen(json), "23:59:59Z", why))
		fail_msg("%s in %s", why, json);
}
