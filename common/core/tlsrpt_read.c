#include "tlsrpt_read.h"

#include "age.h"
#include "ascii.h"
#include "memory.h"
#include "span.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT_MAX ((INT64_C(1) << 53) - 1) /* RFC 7493 2.2 */

/* --- before the parser -------------------------------------------------------------------------------------------- */

/* Counts the values of a text that may be JSON. Returns a number above TLSRPT_READ_VALUES if there are too many, or if they are
 * nested too deeply: the parser would need a multiple of the text's memory, or of the stack. */
static size_t values_count(const char *bytes, size_t len)
{
	size_t depth = 0, values = 1;
	bool in_string = false;
	for (size_t i = 0; i < len && values <= TLSRPT_READ_VALUES; i++) {
		char c = bytes[i];
		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		if (in_string)
			continue;
		values += c == '[' || c == '{' || c == ',';
		depth += c == '[' || c == '{';
		depth -= depth > 0 && (c == ']' || c == '}');
		if (depth > TLSRPT_READ_DEPTH)
			return TLSRPT_READ_VALUES + 1;
	}
	return values;
}

/* --- members ------------------------------------------------------------------------------------------------------ */

/* A value stands for a list of one value, and null for an empty list: several senders write so. */
static size_t list_count(const json_t *list)
{
	if (json_is_array(list))
		return json_array_size(list);
	return list && !json_is_null(list) ? 1 : 0;
}

static const json_t *list_at(const json_t *list, size_t i)
{
	return json_is_array(list) ? json_array_get(list, i) : list;
}

/* Returns a string without blanks at its ends; its length is 0 if the value is no string. */
static struct span string_of(const json_t *value)
{
	if (!json_is_string(value))
		return (struct span){"", 0};
	return span_trim((struct span){json_string_value(value), json_string_length(value)}, " \t\r\n");
}

/* Returns a copy of at most TLSRPT_READ_TEXT octets, without a part of a character; NULL if there are none. */
static char *text_copy(struct span text)
{
	size_t len = text.len < TLSRPT_READ_TEXT ? text.len : TLSRPT_READ_TEXT;
	while (len > 0 && len < text.len && ((unsigned char)text.at[len] & 0xc0) == 0x80)
		len--;
	return len > 0 ? xstrndup(text.at, len) : NULL;
}

/* Returns a copy of a member; NULL if it is absent or empty. */
static char *text_of(const json_t *object, const char *key)
{
	return text_copy(string_of(json_object_get(object, key)));
}

static bool prefix_drop(struct span *text, const char *prefix)
{
	size_t len = strlen(prefix);
	if (text->len < len || !ascii_same(text->at, prefix, len))
		return false;
	*text = span_trim((struct span){text->at + len, text->len - len}, " \t");
	return true;
}

static char *contact_of(const json_t *object)
{
	struct span text = string_of(json_object_get(object, "contact-info"));
	prefix_drop(&text, "mailto:");
	return text_copy(text);
}

/* Reads digits. Returns false if there is something else, or if the number is too large for a report. */
static bool digits_read(struct span text, int64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (!ascii_is_digit(text.at[i]))
			return false;
		*number = *number * 10 + (text.at[i] - '0');
		if (*number > COUNT_MAX)
			return false;
	}
	return text.len > 0;
}

/* Reads a number of sessions, perhaps written as a string; `missing` if it is absent. */
static bool count_read(const json_t *object, const char *key, uint64_t missing, uint64_t *count)
{
	const json_t *value = json_object_get(object, key);
	int64_t number = (int64_t)missing;
	bool good = true;
	if (json_is_integer(value))
		number = json_integer_value(value);
	else if (json_is_string(value))
		good = digits_read(string_of(value), &number);
	else
		good = !value || json_is_null(value);
	*count = (uint64_t)number;
	return good && number >= 0 && number <= COUNT_MAX;
}

/* --- dates -------------------------------------------------------------------------------------------------------- */

/* Reads a number with a fixed number of digits, and removes it from the front of the text. */
static bool number_take(struct span *text, size_t digits, int64_t *number)
{
	if (text->len < digits || !digits_read((struct span){text->at, digits}, number))
		return false;
	*text = (struct span){text->at + digits, text->len - digits};
	return true;
}

static bool char_take(struct span *text, const char *set)
{
	if (text->len == 0 || text->at[0] == '\0' || !strchr(set, text->at[0]))
		return false;
	*text = (struct span){text->at + 1, text->len - 1};
	return true;
}

/* Returns the days since 1970-01-01 of a date of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	year -= month <= 2;
	int64_t of_era = year % 400;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return year / 400 * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* Reads `Z`, `+hh:mm` or `+hhmm` as seconds east of UTC. Nothing at all is UTC (spec T-24). */
static bool zone_read(struct span *text, int64_t *east_s)
{
	int64_t hours = 0, minutes = 0;
	*text = span_trim(*text, " ");
	*east_s = 0;
	if (text->len == 0 || (text->len == 1 && char_take(text, "Zz")))
		return true;
	bool west = text->at[0] == '-';
	if (!char_take(text, "+-") || !number_take(text, 2, &hours))
		return false;
	char_take(text, ":");
	if ((text->len > 0 && !number_take(text, 2, &minutes)) || hours > 23 || minutes > 59)
		return false;
	*east_s = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
	return text->len == 0;
}

static bool clock_read(struct span *text, int64_t *second)
{
	int64_t hour, minute, s = 0;
	if (!number_take(text, 2, &hour) || !char_take(text, ":") || !number_take(text, 2, &minute))
		return false;
	if (char_take(text, ":") && !number_take(text, 2, &s))
		return false;
	if (char_take(text, "."))
		while (char_take(text, "0123456789"))
			;
	*second = hour * 3600 + minute * 60 + s;
	return hour <= 24 && minute <= 59 && s <= 60;
}

/* Reads a date as RFC 3339 has it, or with less: without zone, or without the time of day. Returns 0 if it is none. */
static int64_t date_read(struct span text)
{
	int64_t year, month, day, second = 0, east_s = 0;
	if (!number_take(&text, 4, &year) || !char_take(&text, "-") || !number_take(&text, 2, &month) ||
		!char_take(&text, "-") || !number_take(&text, 2, &day))
		return 0;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
		return 0;
	if (char_take(&text, "Tt ") && !clock_read(&text, &second))
		return 0;
	if (!zone_read(&text, &east_s))
		return 0;
	int64_t at = days_of(year, month, day) * DAY_S + second - east_s;
	return at > 0 ? at : 0;
}

/* Senders write the end of a day as 23:59:59 or as 00:00:00 of the next day (spec T-10); a date alone means the whole day. */
static void period_read(struct read_report *report, const json_t *range)
{
	struct span end = string_of(json_object_get(range, "end-datetime"));
	report->begins_at = date_read(string_of(json_object_get(range, "start-datetime")));
	report->ends_at = date_read(end);
	bool is_date = end.len == sizeof "2026-01-31" - 1;
	if (report->ends_at > 0 && is_date)
		report->ends_at += DAY_S - 1;
	else if (report->ends_at > report->begins_at && report->ends_at % DAY_S == 0)
		report->ends_at--;
}

/* --- policies ----------------------------------------------------------------------------------------------------- */

/* Adds the lines of a text to a list. */
static void lines_add(struct names *list, struct span text)
{
	while (text.len > 0) {
		struct span line = span_trim(span_until(&text, '\n'), " \t\r");
		if (line.len > 0)
			names_add(list, line.at, line.len);
	}
}

/* Adds a policy string. Microsoft writes an array of strings, once more as JSON, into one string (spec T-24). */
static void string_add(struct names *list, struct span text)
{
	json_t *inner = NULL;
	if (text.len > 0 && text.at[0] == '[' && values_count(text.at, text.len) <= TLSRPT_READ_VALUES)
		inner = json_loadb(text.at, text.len, 0, NULL);
	for (size_t i = 0; i < json_array_size(inner); i++)
		lines_add(list, string_of(json_array_get(inner, i)));
	if (!inner)
		lines_add(list, text);
	json_decref(inner);
}

static bool failure_read(struct read_failure *failure, const json_t *object)
{
	failure->result = text_of(object, "result-type");
	failure->sender_address = text_of(object, "sending-mta-ip");
	failure->mx_name = text_of(object, "receiving-mx-hostname");
	failure->mx_helo = text_of(object, "receiving-mx-helo");
	failure->mx_address = text_of(object, "receiving-ip");
	failure->information = text_of(object, "additional-information");
	failure->reason = text_of(object, "failure-reason-code");
	return json_is_object(object) && count_read(object, "failed-session-count", 1, &failure->sessions);
}

static void strings_read(struct read_policy *policy, const json_t *object)
{
	const json_t *strings = json_object_get(object, "policy-string"), *hosts = json_object_get(object, "mx-host");
	for (size_t i = 0; i < list_count(strings); i++)
		string_add(&policy->strings, string_of(list_at(strings, i)));
	for (size_t i = 0; i < list_count(hosts); i++) {
		struct span host = string_of(list_at(hosts, i));
		prefix_drop(&host, "mx:"); /* some senders copy the policy's line */
		lines_add(&policy->patterns, host);
	}
}

/* Returns NULL, or what is wrong. */
static const char *policy_read(struct read_policy *policy, const json_t *object)
{
	const json_t *of = json_object_get(object, "policy"), *summary = json_object_get(object, "summary");
	const json_t *failures = json_object_get(object, "failure-details");
	policy->type = text_of(of, "policy-type");
	policy->domain = text_of(of, "policy-domain");
	strings_read(policy, of);
	if (!json_is_object(object))
		return "has a policy that is no object";
	if (!count_read(summary, "total-successful-session-count", 0, &policy->successes) ||
		!count_read(summary, "total-failure-session-count", 0, &policy->failures))
		return "has a summary whose counts are no numbers of sessions";
	size_t count = list_count(failures);
	int64_t sum = 0;
	policy->failure = xcalloc(count + 1, sizeof *policy->failure);
	for (size_t i = 0; i < count; i++) {
		struct read_failure *failure = &policy->failure[policy->count++];
		if (!failure_read(failure, list_at(failures, i)))
			return "has failure-details that are no object, or whose count is no number of sessions";
		sum = sum < COUNT_MAX - (int64_t)failure->sessions ? sum + (int64_t)failure->sessions : COUNT_MAX;
	}
	if (list_count(json_object_get(summary, "total-failure-session-count")) == 0)
		policy->failures = (uint64_t)sum;
	return NULL;
}

/* Returns NULL, or what is wrong. */
static const char *report_read(struct read_report *report, const json_t *root)
{
	const json_t *policies = json_object_get(root, "policies"), *range = json_object_get(root, "date-range");
	if (!json_is_object(root) || (!policies && !range))
		return "is JSON, but no TLS report: it has neither policies nor a date-range";
	report->organization = text_of(root, "organization-name");
	report->contact = contact_of(root);
	report->id = text_of(root, "report-id");
	period_read(report, range);
	size_t count = list_count(policies);
	report->policy = xcalloc(count + 1, sizeof *report->policy);
	const char *wrong = NULL;
	while (!wrong && report->count < count) {
		const json_t *policy = list_at(policies, report->count);
		wrong = policy_read(&report->policy[report->count++], policy);
	}
	return wrong;
}

/* --- the report --------------------------------------------------------------------------------------------------- */

bool tlsrpt_read(struct read_report *report, const char *bytes, size_t len, char why[TLSRPT_READ_WHY])
{
	static const char mark[] = "\xef\xbb\xbf"; /* a byte order mark, which RFC 8259 8.1 lets a reader ignore */
	*report = (struct read_report){.values = 0};
	if (len >= strlen(mark) && memcmp(bytes, mark, strlen(mark)) == 0) {
		bytes += strlen(mark);
		len -= strlen(mark);
	}
	report->values = len > TLSRPT_READ_MAX ? 0 : values_count(bytes, len);
	if (len > TLSRPT_READ_MAX || report->values > TLSRPT_READ_VALUES) {
		snprintf(why, TLSRPT_READ_WHY, "is too large or too deeply nested for a TLS report");
		return false;
	}
	json_error_t error;
	json_t *root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		bool twice = json_error_code(&error) == json_error_duplicate_key;
		snprintf(why, TLSRPT_READ_WHY, "is not %sJSON: line %d, column %d", twice ? "unambiguous " : "",
			error.line, error.column);
		return false;
	}
	const char *wrong = report_read(report, root);
	json_decref(root);
	if (!wrong)
		return true;
	snprintf(why, TLSRPT_READ_WHY, "%s", wrong);
	tlsrpt_read_free(report);
	return false;
}

static void failure_free(struct read_failure *failure)
{
	free(failure->result);
	free(failure->sender_address);
	free(failure->mx_name);
	free(failure->mx_helo);
	free(failure->mx_address);
	free(failure->information);
	free(failure->reason);
}

static void policy_free(struct read_policy *policy)
{
	for (size_t i = 0; i < policy->count; i++)
		failure_free(&policy->failure[i]);
	free(policy->failure);
	free(policy->type);
	free(policy->domain);
	names_free(&policy->strings);
	names_free(&policy->patterns);
}

void tlsrpt_read_free(struct read_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		policy_free(&report->policy[i]);
	free(report->policy);
	free(report->organization);
	free(report->contact);
	free(report->id);
	*report = (struct read_report){.values = 0};
}

/* --- comparison --------------------------------------------------------------------------------------------------- */

static int number_compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int text_compare(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int names_compare(const struct names *a, const struct names *b)
{
	int order = number_compare(a->len, b->len);
	return order || a->len == 0 ? order : memcmp(a->bytes, b->bytes, a->len);
}

static int failure_compare(const struct read_failure *a, const struct read_failure *b)
{
	const char *const pairs[][2] = {{a->result, b->result}, {a->sender_address, b->sender_address},
		{a->mx_name, b->mx_name}, {a->mx_helo, b->mx_helo}, {a->mx_address, b->mx_address},
		{a->information, b->information}, {a->reason, b->reason}};
	int order = number_compare(a->sessions, b->sessions);
	for (size_t i = 0; order == 0 && i < sizeof pairs / sizeof *pairs; i++)
		order = text_compare(pairs[i][0], pairs[i][1]);
	return order;
}

static int policy_compare(const struct read_policy *a, const struct read_policy *b)
{
	int order = number_compare(a->successes, b->successes);
	order = order ? order : number_compare(a->failures, b->failures);
	order = order ? order : number_compare(a->count, b->count);
	order = order ? order : text_compare(a->type, b->type);
	order = order ? order : text_compare(a->domain, b->domain);
	order = order ? order : names_compare(&a->strings, &b->strings);
	order = order ? order : names_compare(&a->patterns, &b->patterns);
	for (size_t i = 0; order == 0 && i < a->count; i++)
		order = failure_compare(&a->failure[i], &b->failure[i]);
	return order;
}

int tlsrpt_read_compare_id(const struct read_report *a, const struct read_report *b)
{
	int order = text_compare(a->id, b->id);
	order = order ? order : text_compare(a->organization, b->organization);
	order = order ? order : text_compare(a->contact, b->contact);
	return order ? order : number_compare((uint64_t)a->begins_at, (uint64_t)b->begins_at);
}

int tlsrpt_read_compare(const struct read_report *a, const struct read_report *b)
{
	int order = tlsrpt_read_compare_id(a, b);
	order = order ? order : number_compare((uint64_t)a->ends_at, (uint64_t)b->ends_at);
	order = order ? order : number_compare(a->count, b->count);
	for (size_t i = 0; order == 0 && i < a->count; i++)
		order = policy_compare(&a->policy[i], &b->policy[i]);
	return order;
}
