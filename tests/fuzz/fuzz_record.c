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
	return 0;
}
