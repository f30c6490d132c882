#include "fuzz.h"
#include "map_reply.h"
#include "question.h"
#include "socketmap.h"

#include <string.h>

/* What was read as a netstring is written again as the same octets. */
static void must_round_trip(const char *in, struct span payload, size_t used)
{
	char *out = malloc(used);

	FUZZ_MUST(out && netstring_write(out, used, payload) == used && !memcmp(out, in, used));
	free(out);
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
	}
	return 0;
}
