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
	FUZZ_MUST(!strcmp(whole.first, octets.first));
	FUZZ_MUST(whole.state != SMTP_DONE || (whole.code >= 200 && whole.code <= 599));
	return 0;
}
