/* A datagram. What is read can be written, and reads back the same. */
#include "fuzz.h"
#include "tlsrpt_session.h"
#include "utf8.h"

#include <string.h>

static void text_holds(char *text)
{
	FUZZ_MUST(utf8_is_text(text, strlen(text)));
	FUZZ_MUST(text[0] == '{' && text[strlen(text) - 1] == '}');
	free(text);
}

static void policy_holds(const struct tlsrpt_policy *policy)
{
	FUZZ_MUST(policy->type == TLSRPT_TLSA || policy->type == TLSRPT_STS || policy->type == TLSRPT_NO_POLICY_FOUND);
	FUZZ_MUST(policy->failures <= TLSRPT_FAILURES_MAX);
	FUZZ_MUST(policy->strings.count <= TLSRPT_STRINGS_MAX && policy->patterns.count <= TLSRPT_STRINGS_MAX);
	text_holds(tlsrpt_policy_text(policy));
	for (size_t i = 0; i < policy->failures; i++) {
		FUZZ_MUST(policy->failure[i].result < TLSRPT_RESULTS);
		text_holds(tlsrpt_failure_text(&policy->failure[i]));
	}
}

/* The datagram may be too large, since some characters need more octets than before. */
static void written_is_read(const struct tlsrpt_session *session)
{
	struct tlsrpt_session back;
	const char *why;
	size_t len, again_len;
	char *written = tlsrpt_session_write(session, &len);

	if (!written)
		return;
	FUZZ_MUST(tlsrpt_session_read(written, len, &back, &why));
	char *again = tlsrpt_session_write(&back, &again_len);
	FUZZ_MUST(again && again_len == len && memcmp(written, again, len) == 0);
	tlsrpt_session_free(&back);
	free(again);
	free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tlsrpt_session session;
	struct domain domain;
	const char *why = NULL;

	if (!tlsrpt_session_read((const char *)data, size, &session, &why)) {
		FUZZ_MUST(why && session.count == 0);
		return 0;
	}
	FUZZ_MUST(session.count > 0 && session.count <= TLSRPT_POLICIES_MAX);
	FUZZ_MUST(domain_parse(&domain, session.domain, strlen(session.domain)));
	FUZZ_MUST(strcmp(domain.name, session.domain) == 0 && session.record[0] != '\0');
	for (size_t i = 0; i < session.count; i++)
		policy_holds(&session.policy[i]);
	written_is_read(&session);
	tlsrpt_session_free(&session);
	return 0;
}
