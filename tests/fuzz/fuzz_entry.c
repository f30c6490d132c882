/* Entries, hop records, events, verdict records, overrides, stories and tallies of the store: a decoded value that is encoded again
 * decodes to the same value. */
#include "entry.h"
#include "event_record.h"
#include "evidence.h"
#include "fields.h"
#include "override.h"
#include "story.h"
#include "tlsrpt_tally.h"
#include "verdict_record.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(struct bytes a, struct bytes b)
{
	if (a.len != b.len || memcmp(a.at, b.at, a.len) != 0)
		abort();
	free(a.at);
	free(b.at);
}

static void entry_try(const uint8_t *data, size_t size)
{
	struct entry entry, back;
	struct bytes bytes;

	if (!entry_decode(&entry, data, size))
		return;
	bytes = entry_encode(&entry);
	if (!entry_decode(&back, bytes.at, bytes.len))
		abort();
	same(bytes, entry_encode(&back));
	entry_free(&entry);
	entry_free(&back);
}

static void hop_try(const uint8_t *data, size_t size)
{
	struct hop_record record, back;
	struct bytes bytes;

	if (!hop_record_decode(&record, data, size))
		return;
	bytes = hop_record_encode(&record);
	if (!hop_record_decode(&back, bytes.at, bytes.len))
		abort();
	same(bytes, hop_record_encode(&back));
}

static void event_try(const uint8_t *data, size_t size)
{
	struct event_record event, back;
	struct bytes bytes;

	if (!event_decode(&event, data, size))
		return;
	bytes = event_encode(&event);
	if (!event_decode(&back, bytes.at, bytes.len))
		abort();
	same(bytes, event_encode(&back));
}

static void verdict_try(const uint8_t *data, size_t size)
{
	struct verdict_record record, back;
	struct bytes bytes;

	if (!verdict_record_decode(&record, data, size))
		return;
	bytes = verdict_record_encode(&record);
	if (!verdict_record_decode(&back, bytes.at, bytes.len))
		abort();
	same(bytes, verdict_record_encode(&back));
	verdict_record_merge(&record, &back);
	verdict_record_queue_id(&back, (struct span){(const char *)data, size < 8 ? size : 8});
	if (strlen(record.queue_ids) >= sizeof record.queue_ids || strlen(back.queue_ids) >= sizeof back.queue_ids)
		abort();
}

static void override_try(const uint8_t *data, size_t size)
{
	struct override override, back;
	struct bytes bytes;

	if (!override_decode(&override, data, size))
		return;
	if (!override_is_valid(&override))
		abort();
	bytes = override_encode(&override);
	if (!override_decode(&back, bytes.at, bytes.len) || !override_same(&override, &back))
		abort();
	same(bytes, override_encode(&back));
}

static void story_try(const uint8_t *data, size_t size)
{
	static struct story story, back;
	struct bytes bytes;

	if (!story_decode(&story, data, size))
		return;
	bytes = story_encode(&story);
	if (bytes.len > STORY_BYTES_MAX || !story_decode(&back, bytes.at, bytes.len))
		abort();
	same(bytes, story_encode(&back));
	story_merge(&story, &back);
	if (story.lines.count > STORY_LINES_MAX || strlen(story.hosts) >= sizeof story.hosts)
		abort();
	bytes = story_encode(&story);
	if (bytes.len > STORY_BYTES_MAX)
		abort();
	free(bytes.at);
}

static void tally_try(const uint8_t *data, size_t size)
{
	struct tlsrpt_tally tally, back;
	struct bytes bytes;

	if (!tlsrpt_tally_decode(&tally, data, size))
		return;
	bytes = tlsrpt_tally_encode(&tally);
	if (!tlsrpt_tally_decode(&back, bytes.at, bytes.len))
		abort();
	same(bytes, tlsrpt_tally_encode(&back));
	tlsrpt_tally_free(&back);
	/* Whatever was decoded fits into an empty tally, with the same total. */
	tlsrpt_tally_init(&back, tally.day, tally.domain);
	tlsrpt_tally_merge(&back, &tally);
	if (tlsrpt_tally_total(&back) != tlsrpt_tally_total(&tally))
		abort();
	bytes = tlsrpt_tally_encode(&back);
	tlsrpt_tally_free(&tally);
	if (!tlsrpt_tally_decode(&tally, bytes.at, bytes.len))
		abort();
	free(bytes.at);
	tlsrpt_tally_free(&tally);
	tlsrpt_tally_free(&back);
}

/* A fuzzer cannot guess checksums, so the checksum is corrected to reach the code after its check. */
static uint8_t *summed(const uint8_t *data, size_t size)
{
	uint64_t sum = fields_sum(data, size - 8);
	uint8_t *copy = malloc(size);

	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	for (size_t i = 0; i < 8; i++)
		copy[size - 8 + i] = (uint8_t)(sum >> (8 * i));
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	entry_try(data, size);
	hop_try(data, size);
	event_try(data, size);
	verdict_try(data, size);
	override_try(data, size);
	story_try(data, size);
	tally_try(data, size);
	if (size < 8)
		return 0;
	copy = summed(data, size);
	entry_try(copy, size);
	hop_try(copy, size);
	event_try(copy, size);
	verdict_try(copy, size);
	override_try(copy, size);
	story_try(copy, size);
	tally_try(copy, size);
	free(copy);
	return 0;
}
