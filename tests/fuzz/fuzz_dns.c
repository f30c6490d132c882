/* An octet for the type in the question, an octet for libunbound's security status, and a DNS message. */
#include "dns_answer.h"
#include "fuzz.h"

#include <string.h>

/* A name without compression that ends with the record. */
static void name_holds(const uint8_t *name, size_t len)
{
	size_t at = 0;
	while (at < len && name[at] != 0) {
		FUZZ_MUST(name[at] <= 63);
		at += 1u + name[at];
	}
	FUZZ_MUST(at + 1 == len && len <= 255);
}

static void answer_holds(const struct dns_answer *answer, unsigned type, int security)
{
	bool good = dns_answer_good(answer);
	FUZZ_MUST(good || answer->outcome == DNS_FAILED || answer->outcome == DNS_BOGUS);
	FUZZ_MUST((answer->count > 0) == (answer->outcome == DNS_OK) && answer->count <= DNS_RR_MAX);
	FUZZ_MUST(answer->secure == (good && security == 2));
	FUZZ_MUST((security == 1) == (answer->outcome == DNS_BOGUS));
	FUZZ_MUST(memchr(answer->canonical, 0, sizeof answer->canonical));
	for (const char *c = answer->canonical; *c; c++)
		FUZZ_MUST(strchr("abcdefghijklmnopqrstuvwxyz0123456789-_*.?", *c));
	for (size_t i = 0; i < answer->count; i++) {
		const struct dns_rr *rr = &answer->rr[i];
		volatile uint8_t sum = 0;
		for (size_t j = 0; j < rr->len; j++)
			sum = (uint8_t)(sum + rr->data[j]);
		FUZZ_MUST(type != DNS_MX || rr->len >= 3);
		if (type == DNS_MX || type == DNS_CNAME)
			name_holds(rr->data + (type == DNS_MX ? 2 : 0), rr->len - (type == DNS_MX ? 2 : 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned types[] = {DNS_A, DNS_CNAME, DNS_MX, DNS_TXT, DNS_AAAA, DNS_TLSA, 6, 48};
	if (size < 2)
		return 0;
	unsigned type = types[data[0] % (sizeof types / sizeof *types)];
	int security = data[1] % 3;
	uint8_t *message = malloc(size - 2 ? size - 2 : 1);
	FUZZ_MUST(message);
	memcpy(message, data + 2, size - 2);
	struct dns_answer *answer = dns_answer_parse(0, message, (int)(size - 2), type, security);
	free(message);
	answer_holds(answer, type, security);
	free(answer);
	return 0;
}
