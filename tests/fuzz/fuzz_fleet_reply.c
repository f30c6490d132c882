/* What a server sends in place of the shared store: however it is cut, the same replies come out, and they are bounded. The first octet
 * is the length of the pieces. */
#include "fleet_reply.h"
#include "fuzz.h"

#include <string.h>

struct size {
	size_t octets, items, replies;
};

static void reply_measure(const struct link_reply *reply, unsigned depth, struct size *size)
{
	FUZZ_MUST(depth < 6 && reply->kind != LINK_NONE);
	size->octets += reply->len;
	size->items += reply->count;
	FUZZ_MUST(!reply->bytes || strlen(reply->bytes) <= reply->len);
	for (size_t i = 0; i < reply->count; i++)
		reply_measure(&reply->item[i], depth + 1, size);
}

static struct size stream_read(const char *bytes, size_t len, size_t piece)
{
	struct size all = {.replies = 0};
	struct reply_reader *reader = reply_reader_new();
	bool good = true;
	for (size_t at = 0; good && at < len; at += piece) {
		struct link_reply *reply = NULL;
		const char *why = NULL;
		reply_feed(reader, bytes + at, len - at < piece ? len - at : piece);
		while ((good = reply_next(reader, &reply, &why)) && reply) {
			struct size one = {.replies = 1};
			reply_measure(reply, 0, &one);
			FUZZ_MUST(one.octets <= LINK_REPLY_MAX && one.items <= LINK_ITEMS_MAX);
			all.octets += one.octets, all.items += one.items, all.replies++;
			reply_free(&reply);
		}
		FUZZ_MUST(good || why);
	}
	reply_reader_free(&reader);
	return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	const char *bytes = (const char *)data + 1;
	struct size whole = stream_read(bytes, size - 1, REPLY_READ_SIZE);
	struct size pieces = stream_read(bytes, size - 1, 1 + data[0] % 64u);
	FUZZ_MUST(whole.octets == pieces.octets && whole.items == pieces.items && whole.replies == pieces.replies);
	return 0;
}
