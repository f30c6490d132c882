#include "fuzz.h"
#include "rdata.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1);
	struct rdata_mx mx;
	struct address address, again;
	char formatted[ADDRESS_TEXT_SIZE];

	FUZZ_MUST(text && rdata_txt(text, size, data, size) < (long)(size ? size : 1));
	free(text);
	if (rdata_mx(&mx, data, size))
		FUZZ_MUST(mx.exchange.name[0] != '\0' && mx.is_domain == (mx.exchange.name[0] != '"') &&
			  !(mx.root && mx.is_domain)); /* a name that is not a host name is in quotes */
	if (rdata_address(&address, data, size)) {
		(void)address_is_global(&address);
		FUZZ_MUST(address_parse(&again, address_format(&address, formatted)));
		FUZZ_MUST(again.len == address.len && !memcmp(again.bytes, address.bytes, sizeof again.bytes));
	}
	return 0;
}
