#include "tlsrpt_report.h"

#include "memory.h"
#include "text.h"
#include "utf8.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The bound of the JSON. ASCII needs up to six octets for an octet of a text. */
#define HEAD_OCTETS 8192
#define STRING_SIZE 512 /* of a setting; cut beyond */
#define GROUP_OCTETS 256
#define DETAIL_OCTETS 128
_Static_assert(
	6 * TALLY_BYTES_MAX + HEAD_OCTETS + TALLY_GROUPS_ALL * (GROUP_OCTETS + TALLY_DETAILS_ALL * DETAIL_OCTETS) <=
		TLSRPT_REPORT_MAX,
	"a tally within its bounds makes a JSON within its bound");

/* --- addresses ---------------------------------------------------------------------------------------------------- */

static bool has_address(const struct report_address *addresses, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(addresses[i].text, text) == 0)
			return true;
	return false;
}

struct report_address *tlsrpt_report_addresses(const struct tlsrpt_tally *tally, size_t *count)
{
	struct report_address *all = NULL, found[REPORT_ADDRESSES_MAX];
	*count = 0;
	for (size_t i = 0; i < tally->count; i++) {
		const char *record = tally->group[i].record;
		size_t new = report_record_addresses(record, strlen(record), found);
		for (size_t k = 0; k < new; k++) {
			if (has_address(all, *count, found[k].text))
				continue;
			all = xrealloc(all, (*count + 1) * sizeof *all);
			all[(*count)++] = found[k];
		}
	}
	return all;
}

/* --- making ------------------------------------------------------------------------------------------------------- */

static bool record_names(const char *record, const char *address)
{
	struct report_address found[REPORT_ADDRESSES_MAX];
	return has_address(found, report_record_addresses(record, strlen(record), found), address);
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a < TALLY_COUNT_MAX && b < TALLY_COUNT_MAX - a ? a + b : TALLY_COUNT_MAX;
}

/* Returns the group with a policy, which is added if there is none. */
static struct tally_group *group_of(struct tlsrpt_tally *tally, const char *policy)
{
	for (size_t i = 0; i < tally->count; i++)
		if (strcmp(tally->group[i].policy, policy) == 0)
			return &tally->group[i];
	tally->group = xrealloc(tally->group, (tally->count + 1) * sizeof *tally->group);
	tally->group[tally->count] = (struct tally_group){.record = xstrdup(""), .policy = xstrdup(policy)};
	return &tally->group[tally->count++];
}

static void detail_count(struct tally_group *group, const struct tally_detail *detail)
{
	for (size_t i = 0; i < group->count; i++) {
		if (strcmp(group->detail[i].text, detail->text) == 0) {
			group->detail[i].count = sum(group->detail[i].count, detail->count);
			return;
		}
	}
	group->detail = xrealloc(group->detail, (group->count + 1) * sizeof *group->detail);
	group->detail[group->count++] = (struct tally_detail){xstrdup(detail->text), sum(detail->count, 0)};
}

static void group_count(struct tlsrpt_tally *tally, const struct tally_group *from)
{
	struct tally_group *group = group_of(tally, from->policy);
	group->total = sum(group->total, from->total);
	group->failed = sum(group->failed, from->failed);
	for (size_t i = 0; i < from->count; i++)
		detail_count(group, &from->detail[i]);
}

static int detail_compare(const void *a, const void *b)
{
	const struct tally_detail *left = a, *right = b;
	if (left->count != right->count)
		return left->count < right->count ? 1 : -1;
	return strcmp(left->text, right->text);
}

static int group_compare(const void *a, const void *b)
{
	const struct tally_group *left = a, *right = b;
	if (left->failed != right->failed)
		return left->failed < right->failed ? 1 : -1;
	if (left->total != right->total)
		return left->total < right->total ? 1 : -1;
	return strcmp(left->policy, right->policy);
}

/* Sorts the largest numbers to the front. Equal numbers are in the order of the texts, so that equal tallies make equal reports. */
static void tally_sort(struct tlsrpt_tally *tally)
{
	if (tally->count > 0)
		qsort(tally->group, tally->count, sizeof *tally->group, group_compare);
	for (size_t i = 0; i < tally->count; i++)
		if (tally->group[i].count > 0)
			qsort(tally->group[i].detail, tally->group[i].count, sizeof *tally->group[i].detail,
				detail_compare);
}

/* Writes the identity of the report: the same whenever the report is made. */
static void names_make(struct tlsrpt_report *report, const char *address)
{
	char key[2 * DOMAIN_SIZE + REPORT_ADDRESS_SIZE + 64];
	const char *at = strrchr(report->reporter.from, '@');
	struct text id;
	snprintf(report->submitter, sizeof report->submitter, "%s", at ? at + 1 : "localhost");
	snprintf(key, sizeof key, "%" PRId64 " %s %s %s", report->tally.day, report->tally.domain,
		address ? address : "", report->reporter.relay);
	snprintf(report->unique, sizeof report->unique, "%08" PRIx32 "%08" PRIx32, domain_hash(key, 1),
		domain_hash(key, 2));
	text_init(&id, report->id, sizeof report->id);
	text_add_time(&id, report->begins_at);
	id.len = strcspn(report->id, "T");
	text_add(&id, ".");
	text_add(&id, report->unique);
	text_add(&id, "@");
	text_add(&id, report->submitter);
}

void tlsrpt_report_init(struct tlsrpt_report *report, const struct tlsrpt_reporter *reporter,
	const struct tlsrpt_tally *tally, const char *address)
{
	*report = (struct tlsrpt_report){.reporter = *reporter,
		.begins_at = tally->day * TALLY_DAY_S,
		.ends_at = (tally->day + 1) * TALLY_DAY_S - 1};
	tlsrpt_tally_init(&report->tally, tally->day, tally->domain);
	for (size_t i = 0; i < tally->count; i++)
		if (!address || record_names(tally->group[i].record, address))
			group_count(&report->tally, &tally->group[i]);
	tally_sort(&report->tally);
	names_make(report, address);
}

void tlsrpt_report_free(struct tlsrpt_report *report)
{
	tlsrpt_tally_free(&report->tally);
}

const char *tlsrpt_report_file(const struct tlsrpt_report *report, char out[TLSRPT_FILE_SIZE])
{
	snprintf(out, TLSRPT_FILE_SIZE, "%s!%s!%" PRId64 "!%" PRId64 "!%s.json.gz", report->submitter,
		report->tally.domain, report->begins_at, report->ends_at, report->unique);
	return out;
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		abort();
}

/* Puts a text that may be anything; "" is left out. */
static void put_text(json_t *object, const char *key, const char *text)
{
	char clean[STRING_SIZE];
	utf8_text_copy(clean, sizeof clean, text, strlen(text));
	if (*clean)
		put(object, key, xneed(json_string(clean)));
}

static void put_count(json_t *object, const char *key, uint64_t count)
{
	put(object, key, xneed(json_integer((json_int_t)count)));
}

static void put_time(json_t *object, const char *key, int64_t at)
{
	char date[32];
	struct text text;
	text_init(&text, date, sizeof date);
	text_add_time(&text, at);
	put_text(object, key, date);
}

/* Returns the object of a text of the tally, or NULL if it is none. */
static json_t *object_read(const char *text)
{
	json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(value))
		return value;
	json_decref(value);
	return NULL;
}

static json_t *details_json(const struct tally_group *group)
{
	json_t *array = xneed(json_array());
	for (size_t i = 0; i < group->count; i++) {
		json_t *object = object_read(group->detail[i].text);
		if (!object)
			continue;
		put_count(object, "failed-session-count", group->detail[i].count);
		if (json_array_append_new(array, object) < 0)
			abort();
	}
	return array;
}

/* Returns the object `policy`. It has a domain even if the session named none, because there are readers that want one. */
static json_t *policy_json(const char *text, const char *domain)
{
	json_t *policy = object_read(text);
	if (!policy) {
		policy = xneed(json_object());
		put_text(policy, "policy-type", "no-policy-found");
	}
	if (!json_object_get(policy, "policy-domain"))
		put_text(policy, "policy-domain", domain);
	return policy;
}

static json_t *group_json(const struct tally_group *group, const char *domain)
{
	json_t *object = xneed(json_object()), *summary = xneed(json_object()), *details = details_json(group);
	put(object, "policy", policy_json(group->policy, domain));
	put_count(summary, "total-successful-session-count", group->total - group->failed);
	put_count(summary, "total-failure-session-count", group->failed);
	put(object, "summary", summary);
	if (json_array_size(details) > 0)
		put(object, "failure-details", json_incref(details));
	json_decref(details);
	return object;
}

char *tlsrpt_report_json(const struct tlsrpt_report *report)
{
	json_t *object = xneed(json_object()), *range = xneed(json_object()), *policies = xneed(json_array());
	put_text(object, "organization-name", report->reporter.organization);
	put_time(range, "start-datetime", report->begins_at);
	put_time(range, "end-datetime", report->ends_at);
	put(object, "date-range", range);
	put_text(object, "contact-info", report->reporter.from);
	put_text(object, "report-id", report->id);
	for (size_t i = 0; i < report->tally.count; i++)
		if (json_array_append_new(policies, group_json(&report->tally.group[i], report->tally.domain)) < 0)
			abort();
	put(object, "policies", policies);
	char *json = xneed(json_dumps(object, JSON_ENSURE_ASCII));
	json_decref(object);
	return json;
}
