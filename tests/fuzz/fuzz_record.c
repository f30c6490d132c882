#include "fuzz.h"
#include "record.h"
#include "report_record.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span txt = {(const char *)data, size};
	struct record record, of_set;
	enum record_error error = record_parse(&record, txt.at, txt.len);
	enum record_set set = record_set_parse(&of_set, &txt, 1);

	FUZZ_MUST((error == RECORD_OK) == (set == RECORD_SET_ONE));
	FUZZ_MUST((error == RECORD_NO_VERSION) == (set == RECORD_SET_NONE));
	FUZZ_MUST((error == RECORD_OK) == (of_set.id[0] != '\0'));
	if (error == RECORD_OK)
		FUZZ_MUST(!strcmp(record.id, of_set.id) && strlen(record.id) <= RECORD_ID_MAX);
	struct span where;
	enum report_record report = report_record_parse(txt.at, txt.len, &where);
	FUZZ_MUST((report == REPORT_RECORD_BAD_URI) == (where.at != NULL));
	FUZZ_MUST(!where.at || (where.at >= txt.at && where.at + where.len <= txt.at + txt.len));
	struct report_address address[REPORT_ADDRESSES_MAX], again;
	size_t count = report_record_addresses(txt.at, txt.len, address);
	FUZZ_MUST(count <= REPORT_ADDRESSES_MAX);
	for (size_t i = 0; i < count; i++) {
		FUZZ_MUST(!strpbrk(address[i].text, " \r\n<>\"") && strchr(address[i].host, '.'));
		FUZZ_MUST(report_address_read(&again, address[i].text, strlen(address[i].text)));
		FUZZ_MUST(address[i].by_mail == again.by_mail && !strcmp(address[i].host, again.host));
	}
	return 0;
}
