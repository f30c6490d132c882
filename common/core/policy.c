#include "policy.h"

#include "ascii.h"
#include "domain.h"
#include "memory.h"
#include "policy_findings.h"
#include "span.h"
#include "text.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#define KEY_MAX 32
#define AGE_DIGITS_MAX 10

struct policy_reader {
	struct policy *policy;
	struct policy_findings *findings;
	bool version_seen, mode_seen, age_seen;
	bool mode_good;
	uint32_t line; /* the number of the line that is being read, from 1; 0: none */
};

const char *policy_mode_name(enum policy_mode mode)
{
	switch (mode) {
	case POLICY_NONE:
		return "none";
	case POLICY_TESTING:
		return "testing";
	case POLICY_ENFORCE:
		return "enforce";
	}
	return "";
}

/* Reports a mistake in the line that is being read. `value` has the octets that are wrong. */
static void reader_report(struct policy_reader *reader, enum finding finding, struct span value)
{
	struct policy_findings *to = reader->findings;
	names_add_once(finding_class(finding) == FINDING_ERROR ? &to->errors : &to->tolerated, finding_name(finding));
	if (to->seen[finding]++ < POLICY_PLACES_EACH)
		to->place[to->place_count++] = (struct policy_place){finding, reader->line, value};
}

/* Reports a mistake of the policy as a whole. */
static void reader_report_whole(struct policy_reader *reader, enum finding finding)
{
	reader->line = 0;
	reader_report(reader, finding, (struct span){.at = NULL});
}

/* RFC 8461 3.2, sts-policy-ext-value. The caller has trimmed the blanks at both ends. */
static bool value_is_grammatical(struct span value)
{
	for (size_t at = 0; at < value.len;) {
		size_t step = utf8_len(value.at + at, value.len - at);
		if (!step || (step == 1 && !ascii_is_printable(value.at[at])))
			return false;
		at += step;
	}
	return value.len > 0;
}

static bool key_is_grammatical(struct span key)
{
	if (!key.len || key.len > KEY_MAX || !ascii_is_alnum(key.at[0]))
		return false;
	for (size_t i = 1; i < key.len; i++)
		if (!ascii_is_alnum(key.at[i]) && key.at[i] != '_' && key.at[i] != '-' && key.at[i] != '.')
			return false;
	return true;
}

static void reader_age(struct policy_reader *reader, struct span value)
{
	uint64_t age_s = 0;
	bool good = value.len > 0 && value.len <= AGE_DIGITS_MAX;
	for (size_t i = 0; good && i < value.len; i++) {
		good = ascii_is_digit(value.at[i]);
		if (good)
			age_s = age_s * 10 + (uint64_t)(value.at[i] - '0');
	}
	if (!good) {
		reader_report(reader, FINDING_BAD_MAX_AGE, value);
		return;
	}
	if (age_s > POLICY_AGE_MAX_S) {
		age_s = POLICY_AGE_MAX_S;
		reader_report(reader, FINDING_MAX_AGE_CLAMPED, value);
	}
	reader->policy->max_age_s = (uint32_t)age_s;
}

static void reader_mx(struct policy_reader *reader, struct span value)
{
	char folded[DOMAIN_SIZE];
	struct span whole = value;
	bool dotted = value.len > 0 && value.at[value.len - 1] == '.';
	if (dotted)
		value.len--;
	if (!mx_is_pattern(value.at, value.len)) {
		reader_report(reader, FINDING_BAD_MX, whole);
		return;
	}
	if (dotted)
		reader_report(reader, FINDING_MX_TRAILING_DOT, whole);
	names_add(&reader->findings->published, value.at, value.len);
	if (domain_is_numeric(value.at, value.len)) {
		reader_report(reader, FINDING_IP_LITERAL, whole);
		return;
	}
	for (size_t i = 0; i < value.len; i++)
		folded[i] = ascii_lower(value.at[i]);
	folded[value.len] = '\0';
	if (reader->policy->mx.count > POLICY_MX_FEW || !names_have(&reader->policy->mx, folded))
		names_add(&reader->policy->mx, folded, value.len);
}

static bool seen_before(bool *seen)
{
	bool before = *seen;
	*seen = true;
	return before;
}

/* The first of duplicate fields counts (RFC 8461 3.2). A later one must only have a grammatical value. */
static void reader_field(struct policy_reader *reader, struct span key, struct span value)
{
	if (span_is(key, "mx")) {
		reader_mx(reader, value);
	} else if (span_is(key, "version") && !seen_before(&reader->version_seen)) {
		if (!span_is(value, "STSv1"))
			reader_report(reader, FINDING_BAD_VERSION, value);
	} else if (span_is(key, "mode") && !seen_before(&reader->mode_seen)) {
		enum policy_mode mode = POLICY_NONE;
		while (mode < POLICY_ENFORCE && !span_is(value, policy_mode_name(mode)))
			mode++;
		reader->mode_good = span_is(value, policy_mode_name(mode));
		if (reader->mode_good)
			reader->policy->mode = mode;
		else
			reader_report(reader, FINDING_BAD_MODE, value);
	} else if (span_is(key, "max_age") && !seen_before(&reader->age_seen)) {
		reader_age(reader, value);
	} else if (!value_is_grammatical(value)) {
		reader_report(reader, FINDING_BAD_EXT_VALUE, value);
	}
}

static void reader_line(struct policy_reader *reader, struct span line)
{
	struct span whole = line;
	line = span_trim(line, " \t");
	if (!line.len) {
		reader_report(reader, FINDING_EMPTY_LINE, (struct span){.at = NULL});
		return;
	}
	if (line.len != whole.len)
		reader_report(reader, FINDING_BLANKS_TRIMMED, whole);
	if (memchr(line.at, '\r', line.len))
		reader_report(reader, FINDING_BARE_CR, line);
	const char *colon = memchr(line.at, ':', line.len);
	if (!colon) {
		reader_report(reader, FINDING_NO_COLON, line);
		return;
	}
	struct span key = span_trim((struct span){line.at, (size_t)(colon - line.at)}, " \t");
	struct span value = span_trim((struct span){colon + 1, line.len - (size_t)(colon - line.at) - 1}, " \t");
	if (!key_is_grammatical(key)) {
		reader_report(reader, FINDING_BAD_KEY, key);
		return;
	}
	if (key.at + key.len != colon)
		reader_report(reader, FINDING_WSP_BEFORE_COLON, line);
	reader_field(reader, key, value);
}

static void reader_body(struct policy_reader *reader, struct span body)
{
	if (body.len > POLICY_BYTES_MAX) {
		reader_report_whole(reader, FINDING_TOO_LARGE);
		return;
	}
	if (body.len >= 3 && !memcmp(body.at, "\xef\xbb\xbf", 3)) {
		reader_report_whole(reader, FINDING_BOM);
		body = (struct span){body.at + 3, body.len - 3};
	}
	uint32_t number = 1;
	/* RFC 8461 3.2, sts-policy-term: lines end with LF or CRLF, even mixed; the last one needs no end. */
	while (body.len) {
		const char *end = memchr(body.at, '\n', body.len);
		size_t len = end ? (size_t)(end - body.at) : body.len;
		size_t used = end ? len + 1 : len;
		reader->line = number++;
		reader_line(reader, (struct span){body.at, end && len && end[-1] == '\r' ? len - 1 : len});
		body.at += used;
		body.len -= used;
	}
	if (!reader->version_seen)
		reader_report_whole(reader, FINDING_MISSING_VERSION);
	if (!reader->mode_seen)
		reader_report_whole(reader, FINDING_MISSING_MODE);
	if (!reader->age_seen)
		reader_report_whole(reader, FINDING_MISSING_MAX_AGE);
	if (reader->policy->mx.count > POLICY_MX_FEW) {
		names_sort(&reader->policy->mx);
		names_index(&reader->policy->mx);
	}
	if (!reader->policy->mx.count && !(reader->mode_good && reader->policy->mode == POLICY_NONE))
		reader_report_whole(reader, FINDING_NO_MX);
}

bool policy_parse(struct policy *out, const char *bytes, size_t len, struct policy_findings *findings)
{
	struct policy_findings own = {0};
	struct policy_reader reader = {.policy = out, .findings = findings ? findings : &own};
	*out = (struct policy){0};
	*reader.findings = (struct policy_findings){0};
	reader_body(&reader, (struct span){bytes, len});
	bool valid = !reader.findings->errors.count;
	policy_findings_free(&own);
	if (!valid)
		policy_free(out);
	return valid;
}

void policy_copy(struct policy *to, const struct policy *from)
{
	to->mode = from->mode;
	to->max_age_s = from->max_age_s;
	names_copy(&to->mx, &from->mx);
	to->text = NULL;
	policy_set_text(to, from->text, from->text_len);
}

void policy_set_text(struct policy *policy, const char *text, uint32_t len)
{
	free(policy->text);
	policy->text = NULL;
	policy->text_len = text ? len : 0;
	if (!policy->text_len)
		return;
	policy->text = xmemdup(text, len);
}

void policy_free(struct policy *policy)
{
	names_free(&policy->mx);
	free(policy->text);
	*policy = (struct policy){0};
}

void policy_errors_add(struct text *out, const struct policy_findings *findings)
{
	for (const char *name = NULL; (name = names_next(&findings->errors, name));) {
		enum finding finding = finding_by_name(name);
		uint32_t i = 0;
		while (i + 1 < findings->place_count && findings->place[i].finding != finding)
			i++;
		text_add(out, out->len > 0 ? " " : "");
		text_add(out, name);
		if (findings->place[i].line == 0)
			continue;
		text_add(out, " (line ");
		text_add_number(out, findings->place[i].line);
		text_add(out, ")");
	}
}

void policy_findings_free(struct policy_findings *findings)
{
	names_free(&findings->published);
	names_free(&findings->tolerated);
	names_free(&findings->errors);
}

bool policy_pattern(char out[DOMAIN_SIZE], const struct policy *policy, const char *host)
{
	if (!policy_allows(policy, host))
		return false;
	if (!names_have(&policy->mx, host))
		return mx_wildcard(out, host);
	memcpy(out, host, strlen(host) + 1); /* an allowed name is a host name */
	return true;
}
