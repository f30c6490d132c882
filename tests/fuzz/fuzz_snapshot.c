/* The daemon's snapshot in the store: a decoded snapshot that is encoded again decodes to the same value, and its lines may
 * hold any bytes. Histograms in them have durations, whatever they claim to have counted. */
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

/* Estimated durations rise with the part, and never exceed the end of the last bucket that has one. */
static void quantiles_try(const struct metrics_values *values)
{
	for (unsigned door = 0; door < LABEL_FRONT_END_VALUES; door++) {
		struct metrics_durations durations;
		metrics_durations(&durations, values, METRIC_ANSWER_SECONDS, door, 0);
		int64_t half_us = metrics_quantile_us(&durations, 0.5), most_us = metrics_quantile_us(&durations, 0.99);
		FUZZ_MUST(durations.count == 0 ? half_us == -1 : half_us >= 0);
		FUZZ_MUST(half_us <= most_us && most_us <= 30000000);
	}
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
	quantiles_try(&values);
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
