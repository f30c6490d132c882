#include "fuzz.h"
#include "map_reply.h"
#include "question.h"
#include "socketmap.h"

#include <string.h>

/* A netstring that was read is written again as the same octets. */
static void must_round_trip(const char *in, struct span payload, size_t used)
{
	char *out = malloc(used);

	FUZZ_MUST(out && netstring_write(out, used, payload) == used && !memcmp(out, in, used));
	free(out);
}

/* Finds octets that a consumer's parser could not read, without the code of map_grammar.c. */
static void must_be_harmless(const char *reply, size_t len, enum map_dialect dialect)
{
	FUZZ_MUST(strlen(reply) == len && len <= 100000);
	for (size_t i = 0; i < len; i++)
		FUZZ_MUST(reply[i] >= ' ' && reply[i] <= '~');
	if (!strcmp(reply, "NOTFOUND ") || (!strncmp(reply, "TEMP ", 5) && len > 5))
		return;
	FUZZ_MUST(!strncmp(reply, "OK secure match=", 16));
	const char *at = reply + 16, *end = strchr(at, ' ');
	FUZZ_MUST(end && !strncmp(end, " servername=hostname", 20));
	while (at < end) {
		size_t name = strcspn(at, ": ");
		FUZZ_MUST(name > 0 && *at != '*');
		FUZZ_MUST(strncmp(at, "nexthop", name) != 0 || name != 7);
		FUZZ_MUST(strncmp(at, "dot-nexthop", name) != 0 || name != 11);
		FUZZ_MUST(strncmp(at, "hostname", name) != 0 || name != 8);
		at += name + (at[name] == ':');
	}
	const char *rest = end + 20;
	if (dialect != MAP_TLSRPT || !*rest) {
		FUZZ_MUST(!*rest && (dialect != MAP_STS || len < 1100));
		return;
	}
	FUZZ_MUST(!strncmp(rest, " policy_type=sts policy_domain=", 31));
	FUZZ_MUST(strstr(rest, " { policy_string = ") && strstr(rest, " mx_host_pattern="));
	for (int depth = 0; *rest; rest++) {
		depth += (*rest == '{') - (*rest == '}');
		FUZZ_MUST(depth == 0 || depth == 1);
	}
}

/* The request's octets also serve as the policy's text, after the key. */
static void must_reply(const struct question *question, enum map_dialect dialect, struct span body)
{
	static char buffer[MAP_REPLY_MAX + 1];
	struct verdict verdict = {
		.kind = question->has_domain ? VERDICT_PASS : VERDICT_NONE, .binding = BINDING_SECURE};
	struct policy policy;
	struct text text;

	memcpy(verdict.domain, question->domain, sizeof verdict.domain);
	if (policy_parse(&policy, body.at, body.len, NULL))
		policy_set_text(&policy, body.at, (uint32_t)body.len);
	else
		verdict.kind = VERDICT_NONE;
	text_init(&text, buffer, sizeof buffer);
	(void)map_reply(&text, dialect, &(struct map_source){.verdict = &verdict, .policy = &policy});
	must_be_harmless(buffer, text.len, dialect);
	policy_free(&policy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = {(const char *)data, size};
	struct span payload;
	struct socketmap_request request;
	struct question question;
	size_t used = 0;

	for (int i = 0; i < MAP_DIALECTS; i++)
		(void)map_reply_valid((enum map_dialect)i, in);
	if (netstring_read(in, SOCKETMAP_REQUEST_MAX, &payload, &used) != NETSTRING_OK)
		return 0;
	FUZZ_MUST(used <= size && payload.len <= SOCKETMAP_REQUEST_MAX);
	must_round_trip(in.at, payload, used);
	if (socketmap_request_parse(&request, payload)) {
		FUZZ_MUST(request.map.len && request.map.len + 1 + request.key.len == payload.len);
		question_from_next_hop(&question, request.key.at, request.key.len, PURPOSE_MAP);
		must_reply(&question, map_dialect_by_name(request.map), (struct span){in.at + used, in.len - used});
	}
	return 0;
}
