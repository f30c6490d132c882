/* lint: runs stsgate's own parsers on a policy, record or pattern before somebody publishes it. */
#include "lint.h"
#include "commands.h"
#include "domain.h"
#include "memory.h"
#include "output.h"
#include "policy.h"
#include "policy_findings.h"
#include "record.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Reads at most `size` octets. Returns their number, or -1 and sets errno. With a `size` that is one octet more than the
 * largest policy, the caller can see that a file is too large. */
static ssize_t file_read(const char *name, char *bytes, size_t size)
{
	int fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t got = fd < 0 ? -1 : 1;
	while (got > 0 && len < size) {
		got = read(fd, bytes + len, size - len);
		if (got > 0)
			len += (size_t)got;
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	int saved = errno;
	if (fd > STDIN_FILENO)
		close(fd);
	errno = saved;
	return got < 0 ? -1 : (ssize_t)len;
}

#define SHOWN_MAX 100 /* characters of a wrong value that are printed */

const char *lint_place(char out[LINT_PLACE_SIZE], enum finding finding, uint32_t line, struct span value)
{
	struct text text;
	text_init(&text, out, LINT_PLACE_SIZE);
	text_add(&text, finding_name(finding));
	if (line > 0) {
		text_add(&text, ", line ");
		text_add_number(&text, line);
	}
	if (value.at) {
		text_add(&text, ": ");
		text_quote(&text, value.at, value.len, SHOWN_MAX);
	}
	return out;
}

static void place_print(const char *label, enum finding finding, uint32_t line, struct span value)
{
	char place[LINT_PLACE_SIZE];
	line_print(label, "%s", lint_place(place, finding, line, value));
}

/* Prints what the finding means and what to do. */
static void finding_print(enum finding finding)
{
	line_print("", "%s", finding_sentence(finding));
	line_print("", "%s", finding_advice(finding));
}

static json_t *place_json(enum finding finding, uint32_t line, struct span value, uint32_t times)
{
	json_t *object = json_made(json_object());
	json_put(object, "finding", json_text(finding_name(finding)));
	json_put(object, "class", json_text(finding_class(finding) == FINDING_ERROR ? "error" : "tolerated"));
	json_put(object, "line", line > 0 ? json_integer(line) : NULL);
	json_put(object, "value", value.at ? json_text_bytes(value.at, value.len) : NULL);
	json_put(object, "times", json_integer(times));
	json_put(object, "sentence", json_text(finding_sentence(finding)));
	json_put(object, "advice", json_text(finding_advice(finding)));
	return object;
}

static void findings_print(const struct policy_findings *findings, enum finding_class class)
{
	for (enum finding finding = 0; finding < FINDING_COUNT; finding++) {
		const char *label = class == FINDING_ERROR ? "error" : "tolerated";
		if (finding_class(finding) != class || findings->seen[finding] == 0)
			continue;
		for (uint32_t i = 0; i < findings->place_count; i++) {
			const struct policy_place *place = &findings->place[i];
			if (place->finding != finding)
				continue;
			place_print(label, finding, place->line, place->value);
			label = "";
		}
		if (findings->seen[finding] > POLICY_PLACES_EACH)
			line_print("", "and in %" PRIu32 " more lines", findings->seen[finding] - POLICY_PLACES_EACH);
		finding_print(finding);
	}
}

static json_t *findings_json(const struct policy_findings *findings)
{
	json_t *array = json_made(json_array());
	for (uint32_t i = 0; i < findings->place_count; i++) {
		const struct policy_place *place = &findings->place[i];
		json_add(array, place_json(place->finding, place->line, place->value, findings->seen[place->finding]));
	}
	return array;
}

static void policy_print(const struct policy *policy, const struct policy_findings *findings, bool valid)
{
	puts(valid ? "valid" : "invalid");
	if (valid) {
		struct when when;
		line_print("mode", "%s", policy_mode_name(policy->mode));
		struct quote quote;
		for (const char *mx = NULL; (mx = names_next(&findings->published, mx));)
			line_print("mx", "%s", quote_string(&quote, mx));
		line_print("max_age", "%u (%s)", policy->max_age_s, when_span(&when, policy->max_age_s));
	}
	findings_print(findings, FINDING_TOLERATED);
	findings_print(findings, FINDING_ERROR);
}

static void policy_print_json(const struct policy *policy, const struct policy_findings *findings, bool valid)
{
	json_t *object = json_made(json_object());
	json_put(object, "valid", json_boolean(valid));
	json_put(object, "mode", valid ? json_text(policy_mode_name(policy->mode)) : NULL);
	json_put(object, "mx", valid ? json_names(&findings->published) : json_array());
	json_put(object, "max_age", valid ? json_integer(policy->max_age_s) : NULL);
	json_put(object, "tolerated", json_names(&findings->tolerated));
	json_put(object, "errors", json_names(&findings->errors));
	json_put(object, "findings", findings_json(findings));
	json_print(object);
}

static int lint_policy(const struct options *options, const char *file)
{
	char *bytes = xmalloc(POLICY_BYTES_MAX + 1);
	ssize_t len = file_read(file, bytes, POLICY_BYTES_MAX + 1);
	if (len < 0) {
		fprintf(stderr, "stsgate: %s: %s\n", file, strerror(errno));
		free(bytes);
		return EX_NOINPUT;
	}
	struct policy policy;
	struct policy_findings findings;
	bool valid = policy_parse(&policy, bytes, (size_t)len, &findings);
	(options->json ? policy_print_json : policy_print)(&policy, &findings, valid);
	policy_findings_free(&findings);
	policy_free(&policy);
	free(bytes);
	return valid ? STATUS_YES : STATUS_NO;
}

static int lint_record(const struct options *options, const char *text)
{
	struct record record;
	struct span where;
	enum record_error error = record_parse_where(&record, text, strlen(text), &where);
	bool valid = error == RECORD_OK;
	enum finding finding = finding_by_name(record_error_name(error));
	if (options->json) {
		json_t *errors = json_made(json_array()), *findings = json_made(json_array());
		if (!valid) {
			json_add(errors, json_text(record_error_name(error)));
			json_add(findings, place_json(finding, 0, where, 1));
		}
		json_t *object = json_made(json_object());
		json_put(object, "valid", json_boolean(valid));
		json_put(object, "id", valid ? json_text(record.id) : NULL);
		json_put(object, "errors", errors);
		json_put(object, "findings", findings);
		json_print(object);
	} else if (valid) {
		puts("valid");
		line_print("id", "%s", record.id);
	} else {
		puts("invalid");
		place_print("error", finding, 0, where);
		finding_print(finding);
	}
	return valid ? STATUS_YES : STATUS_NO;
}

/* Returns NULL if the pattern matches the host, and "" if it does not. If the pattern or the host is unsuitable, returns
 * a sentence on the cause. A dot at the end of the pattern is removed, as in a policy. */
static const char *mx_mismatch(char *pattern, const char *host)
{
	size_t len = strlen(pattern), host_len = strlen(host);
	if (len > 0 && pattern[len - 1] == '.')
		pattern[--len] = '\0';
	if (!mx_is_pattern(pattern, len))
		return "the pattern is invalid, and so is a policy that contains it";
	if (domain_is_numeric(pattern, len))
		return "the pattern is an IP address, which matches no host";
	if (host_len > 0 && host[host_len - 1] == '.')
		host_len--;
	if (!domain_is_host(host, host_len) || domain_is_numeric(host, host_len))
		return "the host is not a valid host name";
	return mx_matches(pattern, host) ? NULL : "";
}

static int lint_mx(const struct options *options, const char *pattern, const char *host)
{
	char *copy = xstrdup(pattern);
	const char *mismatch = mx_mismatch(copy, host);
	if (options->json) {
		json_t *object = json_made(json_object());
		json_put(object, "match", json_boolean(!mismatch));
		json_put(object, "error", json_text(mismatch));
		json_print(object);
	} else {
		printf("%s%s%s\n", mismatch ? "no match" : "match", mismatch && *mismatch ? ": " : "",
			mismatch ? mismatch : "");
	}
	free(copy);
	return mismatch ? STATUS_NO : STATUS_YES;
}

int lint_run(const struct options *options, size_t count, char **words)
{
	if (strcmp(words[0], "policy") == 0 && count == 2)
		return lint_policy(options, words[1]);
	if (strcmp(words[0], "record") == 0 && count == 2)
		return lint_record(options, words[1]);
	if (strcmp(words[0], "mx") == 0 && count == 3)
		return lint_mx(options, words[1], words[2]);
	if (strcmp(words[0], "domain") == 0 && count == 2)
		return lint_domain(options, words[1]);
	struct quote quote;
	static const char *const known[] = {"policy", "record", "mx", "domain"};
	bool is_known = false;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		is_known = is_known || strcmp(words[0], known[i]) == 0;
	if (!is_known)
		fprintf(stderr, "stsgate: lint: unknown word %s\n", quote_string(&quote, words[0]));
	return STATUS_WORDS;
}
