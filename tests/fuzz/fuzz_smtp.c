#include "fuzz.h"
#include "smtp.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	struct smtp_reader whole, octets;
	size_t taken = 0;

	smtp_reader_init(&whole);
	smtp_reader_init(&octets);
	while (taken < size && octets.state == SMTP_MORE)
		taken += smtp_reader_feed(&octets, bytes + taken, 1);
	FUZZ_MUST(smtp_reader_feed(&whole, bytes, size) == taken);
	FUZZ_MUST(whole.state == octets.state && whole.code == octets.code && whole.starttls == octets.starttls);
	FUZZ_MUST(whole.requiretls == octets.requiretls);
	/* Without the letters there is no offer. */
	FUZZ_MUST(!whole.requiretls || (whole.code == 250 && size >= sizeof "250-\n250 REQUIRETLS\n" - 1));
	FUZZ_MUST(!strcmp(whole.first, octets.first));
	/* What is kept of a reply is cut to fit, and may be anything. */
	char kept[64] = "", again[64] = "";
	smtp_keep(kept, sizeof kept, bytes, size);
	for (size_t i = 0; i < size && bytes[i]; i++)
		smtp_keep(again, sizeof again, bytes + i, 1);
	FUZZ_MUST(strcmp(kept, again) == 0);
	smtp_is_rewritten(kept, kept);
	FUZZ_MUST(whole.state != SMTP_DONE || (whole.code >= 200 && whole.code <= 599));
	return 0;
}
