/* lint: the parsers of the gate, on what somebody is about to publish. */
#include "commands.h"
#include "domain.h"
#include "memory.h"
#include "output.h"
#include "policy.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static void words_tell(const char *label, const struct names *words)
{
	for (const char *word = NULL; (word = names_next(words, word));)
		tell(label, "%s", word);
}

static void policy_tell(const struct policy *policy, const struct policy_findings *findings, bool valid)
{
	puts(valid ? "valid" : "invalid");
	if (valid) {
		struct when when;
		tell("mode", "%s", policy_mode_name(policy->mode));
		struct quote quote;
		for (const char *mx = NULL; (mx = names_next(&findings->published, mx));)
			tell("mx", "%s", quote_string(&quote, mx));
		tell("max_age", "%u (%s)", policy->max_age_s, when_span(&when, policy->max_age_s));
	}
	words_tell("tolerated", &findings->tolerated);
	words_tell("error", &findings->errors);
}

static void policy_print(const struct policy *policy, const struct policy_findings *findings, bool valid)
{
	json_t *object = json_made(json_object());
	json_put(object, "valid", json_boolean(valid));
	json_put(object, "mode", valid ? json_text(policy_mode_name(policy->mode)) : NULL);
	json_put(object, "mx", valid ? json_names(&findings->published) : json_array());
	json_put(object, "max_age", valid ? json_integer(policy->max_age_s) : NULL);
	json_put(object, "tolerated", json_names(&findings->tolerated));
	json_put(object, "errors", json_names(&findings->errors));
	json_print(object);
}

/* Bytes read, or -1. One byte more than a policy may have is enough to see that it is too large. */
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
	(options->json ? policy_print : policy_tell)(&policy, &findings, valid);
	policy_findings_free(&findings);
	policy_free(&policy);
	free(bytes);
	return valid ? STATUS_YES : STATUS_NO;
}

static int lint_record(const struct options *options, const char *text)
{
	struct record record;
	enum record_error error = record_parse(&record, text, strlen(text));
	bool valid = error == RECORD_OK;
	if (options->json) {
		json_t *errors = json_made(json_array());
		if (!valid)
			json_add(errors, json_text(record_error_name(error)));
		json_t *object = json_made(json_object());
		json_put(object, "valid", json_boolean(valid));
		json_put(object, "id", valid ? json_text(record.id) : NULL);
		json_put(object, "errors", errors);
		json_print(object);
	} else if (valid) {
		puts("valid");
		tell("id", "%s", record.id);
	} else {
		puts("invalid");
		tell("error", "%s", record_error_name(error));
	}
	return valid ? STATUS_YES : STATUS_NO;
}

/* A pattern is read as in a policy: without a dot at its end. */
static const char *mx_trouble(char *pattern, const char *host)
{
	size_t len = strlen(pattern), host_len = strlen(host);
	if (len > 0 && pattern[len - 1] == '.')
		pattern[--len] = '\0';
	if (!mx_is_pattern(pattern, len))
		return "the pattern is invalid, and so is a policy with it";
	if (domain_is_numeric(pattern, len))
		return "the pattern is an address, which matches nothing";
	if (host_len > 0 && host[host_len - 1] == '.')
		host_len--;
	if (!domain_is_host(host, host_len) || domain_is_numeric(host, host_len))
		return "the host is no host name as DNS has it";
	return mx_matches(pattern, host) ? NULL : "";
}

static int lint_mx(const struct options *options, const char *pattern, const char *host)
{
	char *copy = xstrdup(pattern);
	const char *trouble = mx_trouble(copy, host);
	if (options->json) {
		json_t *object = json_made(json_object());
		json_put(object, "match", json_boolean(!trouble));
		json_put(object, "error", trouble && *trouble ? json_text(trouble) : NULL);
		json_print(object);
	} else {
		printf("%s%s%s\n", trouble ? "no match" : "match", trouble && *trouble ? ": " : "",
			trouble ? trouble : "");
	}
	free(copy);
	return trouble ? STATUS_NO : STATUS_YES;
}

int lint_run(const struct options *options, size_t count, char **words)
{
	if (strcmp(words[0], "policy") == 0 && count == 2)
		return lint_policy(options, words[1]);
	if (strcmp(words[0], "record") == 0 && count == 2)
		return lint_record(options, words[1]);
	if (strcmp(words[0], "mx") == 0 && count == 3)
		return lint_mx(options, words[1], words[2]);
	fputs("usage: stsgate lint policy FILE|- | lint record TEXT | lint mx PATTERN HOST\n", stderr);
	return EX_USAGE;
}
