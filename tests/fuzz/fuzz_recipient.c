#include "fuzz.h"
#include "question.h"

#include <string.h>

static void must_hold(const struct question *question)
{
	struct domain domain;

	FUZZ_MUST(question->has_domain == (question->domain[0] != '\0'));
	FUZZ_MUST(question->has_domain == (question->port != 0));
	FUZZ_MUST(!strcmp(question->domain, question->host));
	FUZZ_MUST(!question->service[0] || (question->unreadable && question->has_domain));
	FUZZ_MUST(strlen(question->service) < QUESTION_SERVICE_SIZE);
	if (!question->has_domain)
		return;
	FUZZ_MUST(strlen(question->domain) <= DOMAIN_POLICY_MAX);
	FUZZ_MUST(domain_parse(&domain, question->domain, strlen(question->domain)));
	FUZZ_MUST(!strcmp(domain.name, question->domain));
}

/* The list ends, and none of its octets belongs to two parts. */
static void must_come_apart(struct span list)
{
	const char *at = list.at, *end = list.at + list.len;
	struct span hop;

	while (question_next_hop(&list, &hop)) {
		FUZZ_MUST(hop.at >= at && hop.at + hop.len <= end);
		at = hop.at + hop.len;
	}
	FUZZ_MUST(!list.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct question question;

	question_from_recipient(&question, (const char *)data, size, PURPOSE_DELIVER);
	must_hold(&question);
	question_from_next_hop(&question, (const char *)data, size, PURPOSE_MAP);
	must_hold(&question);
	must_come_apart((struct span){(const char *)data, size});
	return 0;
}
