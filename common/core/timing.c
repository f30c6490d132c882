#include "timing.h"

const char *timing_name(enum timing timing)
{
	static const char *const names[TIMING_COUNT] = {[TIMING_RECORD] = "record",
		[TIMING_POLICY] = "policy",
		[TIMING_MX] = "mx",
		[TIMING_ADDRESS] = "address",
		[TIMING_TLSA] = "tlsa",
		[TIMING_PROBE] = "probe",
		[TIMING_COMMIT] = "commit"};
	return timing < TIMING_COUNT ? names[timing] : "";
}
