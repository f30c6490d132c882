/* A pattern, a NUL, a host name: a simple matcher that compares label by label, and a policy with that pattern, give the
 * same result. */
#include "domain.h"
#include "fuzz.h"
#include "policy.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LABELS_MAX 128

struct labels {
	size_t count;
	char label[LABELS_MAX][64];
};

/* RFC 5321 4.1.2: false if the text is not a Domain, or with `underscores` not a host name that MTAs accept. */
static bool labels_cut(struct labels *out, const char *text, bool underscores)
{
	out->count = 0;
	if (strlen(text) > 253)
		return false;
	for (;;) {
		size_t len = strcspn(text, ".");
		if (len == 0 || len > 63 || text[0] == '-' || text[len - 1] == '-')
			return false;
		for (size_t i = 0; i < len; i++) {
			unsigned char c = (unsigned char)text[i];
			if (c > 127 || !(isalnum(c) || c == '-' || (c == '_' && underscores)))
				return false;
			out->label[out->count][i] = (char)tolower(c);
		}
		out->label[out->count++][len] = '\0';
		if (text[len] == '\0')
			return true;
		text += len + 1;
	}
}

/* RFC 8461 4.1 */
static bool match_plainly(const char *pattern, const char *host)
{
	static struct labels wanted, given;
	size_t any = strncmp(pattern, "*.", 2) == 0 ? 1 : 0;

	if (strlen(pattern) > 253 || !labels_cut(&wanted, pattern + 2 * any, false) || !labels_cut(&given, host, true))
		return false;
	if (given.count != wanted.count + any)
		return false;
	for (size_t i = 0; i < wanted.count; i++)
		if (strcmp(wanted.label[i], given.label[i + any]) != 0)
			return false;
	return true;
}

static void policy_try(const char *pattern, const char *host, bool matches)
{
	char body[400];
	struct policy policy;
	struct domain domain;
	int len = snprintf(body, sizeof body, "version: STSv1\nmode: enforce\nmax_age: 1\nmx: %s\n", pattern);

	if (!domain_parse(&domain, host, strlen(host)))
		return;
	/* A policy that lists only an address literal has no pattern. */
	bool parsed = policy_parse(&policy, body, (size_t)len, NULL);
	FUZZ_MUST(parsed || (!matches && domain_is_numeric(pattern, strlen(pattern))));
	FUZZ_MUST(policy_allows(&policy, domain.name) == matches);
	policy_free(&policy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *pattern = calloc(size + 2, 1), *host, *bare;
	bool ascii = true, matches;
	size_t len;

	FUZZ_MUST(pattern);
	if (size > 0)
		memcpy(pattern, data, size);
	host = pattern + strlen(pattern) + 1;
	if (host > pattern + size)
		host = pattern + size;
	bare = strdup(host);
	FUZZ_MUST(bare);
	len = strlen(bare);
	if (len > 0 && bare[len - 1] == '.')
		bare[len - 1] = '\0';
	matches = match_plainly(pattern, bare);
	FUZZ_MUST(mx_matches(pattern, host) == matches);
	for (const char *c = host; *c; c++)
		ascii = ascii && (unsigned char)*c < 128;
	if (ascii && mx_is_pattern(pattern, strlen(pattern)))
		policy_try(pattern, host, matches);
	FUZZ_MUST(!matches || mx_is_pattern(pattern, strlen(pattern)));
	free(bare);
	free(pattern);
	return 0;
}
