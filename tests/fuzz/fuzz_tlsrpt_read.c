/* A received TLS report as JSON: whatever it holds, what was read is within the limits. */
#include "fuzz.h"
#include "tlsrpt_read.h"
#include "utf8.h"

#include <string.h>

#define COUNT_MAX ((UINT64_C(1) << 53) - 1)

static void text_check(const char *text)
{
	size_t len = text ? strlen(text) : 1;
	FUZZ_MUST(len > 0 && len <= TLSRPT_READ_TEXT && (!text || utf8_is_valid(text, len)));
}

static void names_check(const struct names *names)
{
	for (const char *name = NULL; (name = names_next(names, name));)
		FUZZ_MUST(*name && utf8_is_valid(name, strlen(name)));
}

static size_t policy_check(const struct read_policy *policy)
{
	text_check(policy->type);
	text_check(policy->domain);
	names_check(&policy->strings);
	names_check(&policy->patterns);
	FUZZ_MUST(policy->successes <= COUNT_MAX && policy->failures <= COUNT_MAX);
	for (size_t i = 0; i < policy->count; i++) {
		const struct read_failure *failure = &policy->failure[i];
		text_check(failure->result);
		text_check(failure->sender_address);
		text_check(failure->mx_name);
		text_check(failure->mx_helo);
		text_check(failure->mx_address);
		text_check(failure->information);
		text_check(failure->reason);
		FUZZ_MUST(failure->sessions <= COUNT_MAX);
	}
	return policy->count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct read_report report;
	char why[TLSRPT_READ_WHY] = "";
	if (!tlsrpt_read(&report, (const char *)data, size, why)) {
		FUZZ_MUST(*why && memchr(why, '\0', sizeof why) && !report.policy);
		return 0;
	}
	size_t count = report.count;
	text_check(report.organization);
	text_check(report.contact);
	text_check(report.id);
	FUZZ_MUST(report.begins_at >= 0 && report.ends_at >= 0);
	for (size_t i = 0; i < report.count; i++)
		count += policy_check(&report.policy[i]);
	FUZZ_MUST(count <= report.values && report.values <= TLSRPT_READ_VALUES);
	tlsrpt_read_free(&report);
	return 0;
}
