#include "tlsrpt_result.h"

static const struct {
	int code;
	const char *name, *sentence, *remedy;
} results[TLSRPT_RESULTS] = {
#define RESULT(symbol, code, name, sentence, remedy) [TLSRPT_##symbol] = {code, name, sentence, remedy},
#include "tlsrpt_result.def"
#undef RESULT
};

int tlsrpt_result_code(enum tlsrpt_result result)
{
	return results[result].code;
}

enum tlsrpt_result tlsrpt_result_by_code(int64_t code)
{
	int found = 0;
	while (found < TLSRPT_RESULTS && results[found].code != code)
		found++;
	return (enum tlsrpt_result)found;
}

const char *tlsrpt_result_name(enum tlsrpt_result result)
{
	return results[result].name;
}

enum tlsrpt_result tlsrpt_result_by_name(struct span name)
{
	int found = 0;
	while (found < TLSRPT_RESULTS && !span_is(name, results[found].name))
		found++;
	return (enum tlsrpt_result)found;
}

const char *tlsrpt_result_sentence(enum tlsrpt_result result)
{
	return results[result].sentence;
}

const char *tlsrpt_result_remedy(enum tlsrpt_result result)
{
	return results[result].remedy;
}

enum tlsrpt_result tlsrpt_result_of(enum reason reason)
{
	switch (reason) {
	case REASON_STARTTLS_MISSING:
		return TLSRPT_STARTTLS_NOT_SUPPORTED;
	/* RFC 8460 4.3.1: any fault of a certificate that has no type of its own. */
	case REASON_CERT_UNTRUSTED:
	case REASON_CERT_NOT_YET_VALID:
	case REASON_CERT_PURPOSE:
	case REASON_CERT_WEAK_KEY:
	case REASON_CERT_REVOKED:
		return TLSRPT_CERTIFICATE_NOT_TRUSTED;
	case REASON_CERT_EXPIRED:
		return TLSRPT_CERTIFICATE_EXPIRED;
	case REASON_CERT_HOST_MISMATCH:
		return TLSRPT_CERTIFICATE_HOST_MISMATCH;
	case REASON_STARTTLS_REFUSED:
	case REASON_STARTTLS_INJECTION:
	case REASON_TLS_TOO_OLD:
	case REASON_TLS_FAILED:
	case REASON_MX_NOT_IN_POLICY:
		return TLSRPT_VALIDATION_FAILURE;
	case REASON_TLSA_MISMATCH:
		return TLSRPT_TLSA_INVALID;
	case REASON_POLICY_FETCH:
		return TLSRPT_STS_POLICY_FETCH_ERROR;
	case REASON_POLICY_INVALID:
		return TLSRPT_STS_POLICY_INVALID;
	case REASON_POLICY_WEBPKI:
		return TLSRPT_STS_WEBPKI_INVALID;
	case REASON_OK:
	case REASON_DANE_REQUIRED:
	case REASON_HOP_ELSEWHERE:
	case REASON_HOP_UNREACHABLE:
	case REASON_HOP_NO_ADDRESS:
	case REASON_HOP_ADDRESS_LOOKUP:
	case REASON_HOP_ADDRESS_PRIVATE:
	case REASON_HOP_NETWORK_UNKNOWN:
	case REASON_HOP_TIMEOUT:
	case REASON_HOP_GREETING:
	case REASON_HOP_PROTOCOL:
	case REASON_HOP_INTERNAL:
	case REASON_TLSA_LOOKUP:
	case REASON_PROBE_BUDGET:
	case REASON_NOT_YET_CHECKED:
	case REASON_MX_LOOKUP:
	case REASON_NO_SUCH_DOMAIN:
	case REASON_MX_SET_TOO_LARGE:
	case REASON_NULL_MX:
	case REASON_OWN_HOST:
	case REASON_NO_POLICY_DOMAIN:
	case REASON_NEXT_HOP_UNREADABLE:
	case REASON_DOMAIN_UNREADABLE:
	case REASON_EXEMPT:
	case REASON_NO_RECORD:
	case REASON_RECORD_INVALID:
	case REASON_RECORD_MANY:
	case REASON_RECORD_LOOKUP:
	case REASON_RESOLVER:
	case REASON_POLICY_WAIT:
	case REASON_POLICY_MODE_NONE:
	case REASON_POLICY_MODE_TESTING:
	case REASON_FIRST_CONTACT:
	case REASON_INTERNAL:
	case REASON_OVERRIDE:
	case REASON_COUNT:
		break;
	}
	return TLSRPT_RESULTS;
}
