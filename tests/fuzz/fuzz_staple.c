/* Two octets with the length of a certificate, the certificate (it stands for the leaf and for its issuer), then a staple. The
 * signature of the staple counts as good, or no changed staple would get any further. */
#include "fuzz.h"
#include "staple.h"

#include <openssl/ocsp.h>

#define NOW 1800000000 /* within the seeds' dates */

/* In place of OpenSSL's. */
int OCSP_basic_verify(OCSP_BASICRESP *basic, STACK_OF(X509) * certs, X509_STORE *store, unsigned long flags)
{
	return basic && certs && store && flags == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct staple staple = {.state = STAPLE_NONE};

	if (size < 2)
		return 0;
	size_t len = (size_t)data[0] << 8 | data[1];
	data += 2;
	size -= 2;
	const unsigned char *at = data;
	X509 *cert = len <= size ? d2i_X509(NULL, &at, (long)len) : NULL;
	if (!cert)
		return 0;
	staple_read(&staple, data + len, size - len, cert, cert, NOW);
	FUZZ_MUST((staple.state == STAPLE_UNUSABLE) == (staple.why != NULL) && staple.state != STAPLE_NONE);
	FUZZ_MUST(staple.state == STAPLE_REVOKED || staple.revoked_at == 0);
	if (!staple.why)
		FUZZ_MUST(staple.this_update <= NOW + STAPLE_SKEW_S && staple.next_update >= NOW - STAPLE_SKEW_S);
	X509_free(cert);
	return 0;
}
