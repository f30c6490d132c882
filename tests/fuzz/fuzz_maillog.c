/* A mail log: its messages do not depend on the pieces in which it comes, and each recipient of a delivery lies within
 * the message. */
#include "fuzz.h"
#include "maillog.h"
#include "maillog_text.h"

struct seen {
	uint64_t sum;
	unsigned count;
};

static void within(struct span part, struct span text)
{
	FUZZ_MUST(part.len == 0 || (part.at >= text.at && part.at + part.len <= text.at + text.len));
}

static void take(void *arg, struct span program, struct span text)
{
	struct seen *seen = arg;
	struct maillog_delivery delivery;
	struct span address;
	FUZZ_MUST(text.len <= MAILLOG_LINE_MAX && program.len <= MAILLOG_PROGRAM_MAX);
	seen->count++;
	for (size_t i = 0; i < text.len; i++)
		seen->sum = seen->sum * 31 + (unsigned char)text.at[i];
	bool found = program.at ? maillog_message(&delivery, program, text) : maillog_line(&delivery, text);
	if (!found)
		return;
	within(delivery.recipients, text);
	within(delivery.queue_id, text);
	within(delivery.relay, text);
	within(delivery.tls, text);
	FUZZ_MUST(delivery.queue_id.len > 0 && delivery.tls.len <= MAILLOG_WORD_MAX);
	while (maillog_recipient(&delivery.recipients, &address)) {
		FUZZ_MUST(address.len > 0);
		within(address, text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct maillog_text text;
	struct seen whole = {0}, pieces = {0};
	maillog_text_begin(&text, take, &whole);
	maillog_text_feed(&text, (const char *)data, size);
	maillog_text_end(&text);
	maillog_text_begin(&text, take, &pieces);
	for (size_t i = 0; i < size; i++)
		maillog_text_feed(&text, (const char *)data + i, 1);
	maillog_text_end(&text);
	FUZZ_MUST(whole.sum == pieces.sum && whole.count == pieces.count);
	return 0;
}
