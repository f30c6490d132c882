/* Lines of an export: an entry that was read and written again is read as the same entry. */
#include "dump.h"
#include "fuzz.h"

#include <string.h>

#define NOW INT64_C(1900000000)

static struct bytes line_encode(const struct dump_line *line)
{
	return line->kind == DUMP_DOMAIN ? entry_encode(&line->entry) : hop_record_encode(&line->record);
}

static void line_again(const struct dump_line *line, struct dump_line *out)
{
	struct failure why;
	json_t *value =
		line->kind == DUMP_DOMAIN ? dump_entry(&line->entry) : dump_hop(line->host, line->port, &line->record);
	char *text = json_dumps(value, JSON_ENSURE_ASCII);
	FUZZ_MUST(text && dump_read(out, text, strlen(text), NOW, &why));
	free(text);
	json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dump_line line, back;
	struct failure why = {0};
	if (!dump_read(&line, (const char *)data, size, NOW, &why)) {
		FUZZ_MUST(why.code != 0 && *why.text);
		return 0;
	}
	if (line.kind != DUMP_HEADER) {
		line_again(&line, &back);
		struct bytes first = line_encode(&line), second = line_encode(&back);
		FUZZ_MUST(first.len == second.len && memcmp(first.at, second.at, first.len) == 0);
		FUZZ_MUST(line.port == back.port && strcmp(line.host, back.host) == 0);
		free(first.at);
		free(second.at);
		dump_line_free(&back);
	}
	dump_line_free(&line);
	return 0;
}
