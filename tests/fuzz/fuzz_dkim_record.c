/* A DKIM key record in DNS. */
#include "dkim_record.h"
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dkim_record record;
	/* in memory of its exact size, so that AddressSanitizer sees a read beyond the end */
	char *text = malloc(size ? size : 1);
	FUZZ_MUST(text);
	memcpy(text, data, size);
	if (dkim_record_read(&record, (struct span){text, size})) {
		FUZZ_MUST(!strpbrk(record.key, " \t\r\n;"));
		FUZZ_MUST(strlen(record.key) < sizeof record.key && strlen(record.key) <= size);
		FUZZ_MUST(record.revoked == (record.key[0] == '\0'));
		FUZZ_MUST(!dkim_record_names(&record, "tlsrpt") || dkim_record_serves(&record, "tlsrpt"));
	}
	free(text);
	return 0;
}
