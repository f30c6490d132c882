/* The daemon's snapshot in the store: a decoded snapshot that is encoded again decodes to the same value, and its lines may
 * hold any bytes. */
#include "entry.h"
#include "fields.h"
#include "fuzz.h"
#include "metrics.h"
#include "report.h"
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

static void same(struct bytes a, struct bytes b)
{
	FUZZ_MUST(a.len == b.len && memcmp(a.at, b.at, a.len) == 0);
	free(a.at);
	free(b.at);
}

static void lines_try(const char *bytes, size_t size)
{
	static struct metrics_values values, back;
	static char lines[1 << 20];
	struct span hits = {bytes, size};
	struct snapshot_hit hit;

	while (snapshot_hit_next(&hits, &hit))
		FUZZ_MUST(hit.at >= 0 && hit.who.len > 0 && hit.who.at + hit.who.len <= bytes + size);
	metrics_read_lines(&counters_names, (struct span){bytes, size}, &values);
	metrics_write_lines(&counters_names, &values, lines, sizeof lines);
	metrics_read_lines(&counters_names, (struct span){lines, strlen(lines)}, &back);
	FUZZ_MUST(memcmp(&values, &back, sizeof values) == 0);
}

static void snapshot_try(const uint8_t *data, size_t size)
{
	static struct snapshot_running running, running_back;
	static struct snapshot_counts counts, counts_back;
	struct bytes bytes;
	struct span value;

	if (snapshot_running_decode(&running, data, size)) {
		bytes = snapshot_running_encode(&running);
		FUZZ_MUST(snapshot_running_decode(&running_back, bytes.at, bytes.len));
		same(bytes, snapshot_running_encode(&running_back));
		snapshot_setting(&running, "mode", &value);
		snapshot_is_overridden(&running, "mode");
	}
	if (snapshot_counts_decode(&counts, data, size)) {
		bytes = snapshot_counts_encode(&counts);
		FUZZ_MUST(snapshot_counts_decode(&counts_back, bytes.at, bytes.len));
		same(bytes, snapshot_counts_encode(&counts_back));
		lines_try(counts.lines, strlen(counts.lines));
		lines_try(counts.hits, strlen(counts.hits));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;
	uint64_t sum;

	lines_try((const char *)data, size);
	snapshot_try(data, size);
	if (size < 8)
		return 0;
	/* A fuzzer cannot guess checksums, so the checksum is corrected to reach the code after its check. */
	sum = fields_sum(data, size - 8);
	copy = malloc(size);
	FUZZ_MUST(copy != NULL);
	memcpy(copy, data, size);
	for (size_t i = 0; i < 8; i++)
		copy[size - 8 + i] = (uint8_t)(sum >> (8 * i));
	snapshot_try(copy, size);
	free(copy);
	return 0;
}
