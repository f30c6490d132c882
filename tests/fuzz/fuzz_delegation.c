/* Requests of policy delegation: any octets are either read completely, within limits, or refused. */
#include "delegation.h"
#include "fuzz.h"
#include "question.h"

#include <string.h>

static void must_lie_within(struct span value, struct span in)
{
	FUZZ_MUST(!value.at || (value.at >= in.at && value.at + value.len <= in.at + in.len));
	FUZZ_MUST(value.len == 0 || (!memchr(value.at, '\n', value.len) && !memchr(value.at, '\0', value.len)));
}

/* A request ends with its first empty line. Without that line it is incomplete; text after the line is ignored. */
static void must_end_there(struct span in, size_t used)
{
	struct delegation_request request;
	size_t again = 0;

	FUZZ_MUST(used > 1 && used <= DELEGATION_REQUEST_MAX && in.at[used - 1] == '\n' && in.at[used - 2] == '\n');
	FUZZ_MUST(delegation_read(&request, (struct span){in.at, used}, &again) == DELEGATION_OK && again == used);
	FUZZ_MUST(delegation_read(&request, (struct span){in.at, used - 1}, &again) == DELEGATION_MORE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = {(const char *)data, size};
	struct delegation_request request;
	struct question question;
	struct span domain;
	size_t used = 0;

	if (delegation_read(&request, in, &used) != DELEGATION_OK)
		return 0;
	must_end_there(in, used);
	must_lie_within(request.state, in);
	must_lie_within(request.recipient, in);
	must_lie_within(request.client, in);
	must_lie_within(request.queue_id, in);
	must_lie_within(request.instance, in);
	must_lie_within(request.sasl_method, in);
	must_lie_within(request.sasl_username, in);
	if (delegation_domain(&request, &domain)) {
		FUZZ_MUST(domain.len > 0 && !memchr(domain.at, '@', domain.len));
		must_lie_within(domain, request.recipient);
		question_from_domain(&question, domain.at, domain.len, PURPOSE_DELIVER);
	}
	return 0;
}
