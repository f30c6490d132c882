#include "fuzz.h"
#include "question.h"

#include <string.h>

static void must_hold(const struct question *question)
{
	struct domain domain;

	FUZZ_MUST(question->has_domain == (question->domain[0] != '\0'));
	FUZZ_MUST(question->has_domain == (question->port != 0));
	FUZZ_MUST(!strcmp(question->domain, question->host));
	if (!question->has_domain)
		return;
	FUZZ_MUST(strlen(question->domain) <= DOMAIN_POLICY_MAX);
	FUZZ_MUST(domain_parse(&domain, question->domain, strlen(question->domain)));
	FUZZ_MUST(!strcmp(domain.name, question->domain));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct question question;

	question_from_recipient(&question, (const char *)data, size, PURPOSE_DELIVER);
	must_hold(&question);
	question_from_next_hop(&question, (const char *)data, size, PURPOSE_MAP);
	must_hold(&question);
	return 0;
}
