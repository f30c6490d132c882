#include "staple.h"

#include "memory.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define FEATURE_STATUS_REQUEST 5 /* RFC 7633 4.1, RFC 6066: the extension status_request */

static void unusable(struct staple *out, const char *why)
{
	out->state = STAPLE_UNUSABLE;
	out->why = why;
}

static bool time_read(int64_t *out, const ASN1_GENERALIZEDTIME *time)
{
	struct tm tm;
	if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	*out = timegm(&tm);
	return true;
}

/* Returns whether the answer is about this certificate. The answer chooses the digest of the names that it compares. */
static bool is_about(const OCSP_CERTID *id, const X509 *leaf, const X509 *issuer)
{
	ASN1_OBJECT *digest = NULL;
	OCSP_id_get0_info(NULL, &digest, NULL, NULL, (OCSP_CERTID *)(uintptr_t)id);
	const EVP_MD *md = EVP_get_digestbyobj(digest);
	OCSP_CERTID *own = md ? OCSP_cert_to_id(md, leaf, issuer) : NULL;
	bool same = own && OCSP_id_cmp(own, id) == 0;
	OCSP_CERTID_free(own);
	return same;
}

static OCSP_SINGLERESP *single_find(OCSP_BASICRESP *basic, const X509 *leaf, const X509 *issuer)
{
	for (int i = 0; i < OCSP_resp_count(basic); i++) {
		OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
		if (is_about(OCSP_SINGLERESP_get0_id(single), leaf, issuer))
			return single;
	}
	return NULL;
}

/* Returns whether the issuer of the certificate has signed the answer, or a responder that it has appointed. Nobody else
 * is trusted here, so the issuer is the only authority. */
static bool is_signed(OCSP_BASICRESP *basic, X509 *issuer)
{
	X509_STORE *store = xneed(X509_STORE_new());
	STACK_OF(X509) *issuers = xneed(sk_X509_new_null());
	bool is = sk_X509_push(issuers, issuer) > 0 && X509_STORE_add_cert(store, issuer) == 1 &&
		  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
		  OCSP_basic_verify(basic, issuers, store, 0) == 1;
	sk_X509_free(issuers);
	X509_STORE_free(store);
	return is;
}

/* Reads the answer about one certificate, whose signature is good. */
static void single_read(struct staple *out, OCSP_SINGLERESP *single, int64_t now)
{
	ASN1_GENERALIZEDTIME *revoked = NULL, *this_update = NULL, *next_update = NULL;
	int64_t from = 0, until = 0, revoked_at = 0;
	int status = OCSP_single_get0_status(single, NULL, &revoked, &this_update, &next_update);
	if (!time_read(&from, this_update) || !time_read(&until, next_update)) {
		unusable(out, "it does not say how long it is valid");
	} else if (from > now + STAPLE_SKEW_S) {
		unusable(out, "it is not valid yet");
	} else if (until < now - STAPLE_SKEW_S) {
		unusable(out, "it is too old");
	} else if (status == V_OCSP_CERTSTATUS_GOOD) {
		*out = (struct staple){STAPLE_GOOD, from, until, 0, out->demanded, NULL};
	} else if (status == V_OCSP_CERTSTATUS_REVOKED && time_read(&revoked_at, revoked)) {
		*out = (struct staple){STAPLE_REVOKED, from, until, revoked_at, out->demanded, NULL};
	} else {
		unusable(out, "the authority does not know the certificate");
	}
}

static void response_read(struct staple *out, const OCSP_RESPONSE *response, X509 *leaf, X509 *issuer, int64_t now)
{
	OCSP_BASICRESP *basic = OCSP_response_get1_basic((OCSP_RESPONSE *)(uintptr_t)response);
	OCSP_SINGLERESP *single = basic ? single_find(basic, leaf, issuer) : NULL;
	if (!basic)
		unusable(out, "it cannot be read");
	else if (!single)
		unusable(out, "it is about another certificate");
	else if (!is_signed(basic, issuer))
		unusable(out, "the authority of the certificate has not signed it");
	else
		single_read(out, single, now);
	OCSP_BASICRESP_free(basic);
}

void staple_read(struct staple *out, const unsigned char *bytes, size_t len, X509 *leaf, X509 *issuer, int64_t now)
{
	const unsigned char *at = bytes;
	*out = (struct staple){.demanded = out->demanded};
	OCSP_RESPONSE *response = len <= STAPLE_BYTES_MAX ? d2i_OCSP_RESPONSE(NULL, &at, (long)len) : NULL;
	if (len > STAPLE_BYTES_MAX)
		unusable(out, "it is too long");
	else if (!response || at != bytes + len)
		unusable(out, "it cannot be read");
	else if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		unusable(out, "it is only an error report");
	else
		response_read(out, response, leaf, issuer, now);
	OCSP_RESPONSE_free(response);
	ERR_clear_error();
}

/* Returns whether the certificate demands a staple (RFC 7633 4.2.3.1). */
static bool demands_staple(const X509 *cert)
{
	TLS_FEATURE *features = X509_get_ext_d2i(cert, NID_tlsfeature, NULL, NULL);
	bool demands = false;
	for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
		demands = demands || ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == FEATURE_STATUS_REQUEST;
	TLS_FEATURE_free(features);
	return demands;
}

void staple_ask(SSL_CTX *ctx)
{
	SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp);
}

void staple_of(struct staple *out, SSL *ssl, bool issued, int64_t now)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	X509 *leaf = SSL_get0_peer_certificate(ssl);
	const unsigned char *bytes = NULL;
	long len = SSL_get_tlsext_status_ocsp_resp(ssl, &bytes);
	*out = (struct staple){.demanded = leaf && demands_staple(leaf)};
	if (len <= 0 || !bytes || !leaf)
		return;
	if (!issued || sk_X509_num(chain) < 2)
		unusable(out, "no known authority has issued the certificate");
	else
		staple_read(out, bytes, (size_t)len, leaf, sk_X509_value(chain, 1), now);
}
