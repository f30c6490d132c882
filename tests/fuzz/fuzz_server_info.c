#include "fuzz.h"
#include "server_info.h"

#include <string.h>

static void must_be_word(const char *word)
{
	FUZZ_MUST(strlen(word) < SERVER_INFO_WORD_SIZE);
	for (; *word; word++)
		FUZZ_MUST(*word > 0x20 && *word < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct server_info info;
	server_info_read(&info, (struct span){(const char *)data, size});
	must_be_word(info.name);
	must_be_word(info.version);
	must_be_word(info.policy);
	return 0;
}
