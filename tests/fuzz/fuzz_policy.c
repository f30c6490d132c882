#include "fuzz.h"
#include "policy.h"
#include "policy_findings.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy policy;
	struct policy_findings findings;
	bool valid = policy_parse(&policy, (const char *)data, size, &findings);

	FUZZ_MUST(valid == !findings.errors.count);
	for (uint32_t i = 0; i < findings.place_count; i++) {
		const struct policy_place *place = &findings.place[i];

		FUZZ_MUST(place->line <= size && findings.seen[place->finding] > 0);
		FUZZ_MUST(!place->value.at || (place->value.at >= (const char *)data &&
						      place->value.at + place->value.len <= (const char *)data + size));
	}
	FUZZ_MUST(policy.mx.count <= POLICY_MX_MAX && policy.mx.count <= findings.published.count);
	FUZZ_MUST(policy.max_age_s <= POLICY_AGE_MAX_S);
	FUZZ_MUST(!valid || policy.mode == POLICY_NONE || policy.mx.count);
	for (const char *mx = names_next(&policy.mx, NULL); mx; mx = names_next(&policy.mx, mx))
		FUZZ_MUST(mx_is_pattern(mx, strlen(mx)));
	policy_free(&policy);
	policy_findings_free(&findings);
	return 0;
}
