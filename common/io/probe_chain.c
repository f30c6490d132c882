#include "probe_chain.h"

#include "probe_smtp.h"
#include "text.h"
#include "trust.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define AUTH_LEVEL 2    /* OpenSSL rejects certificates with less than 112 bits of security; Debian's default */
#define MTA_KEY_BITS 80 /* bits of security that Postfix demands: OpenSSL's level 1 */
#define TEXT_OCTETS 8   /* octets of the matching TLSA record that are shown */

/* --- errors that OpenSSL finds: the handshake continues, so that all of them are seen ----------------------------- */

static int *error_kind(struct chain *chain, int error, int depth)
{
	switch (error) {
	case X509_V_ERR_DANE_NO_MATCH:
		return &chain->no_match;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return &chain->expired;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return &chain->early;
	case X509_V_ERR_HOSTNAME_MISMATCH:
		return &chain->mismatch;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
		return &chain->weak_key;
	case X509_V_ERR_INVALID_PURPOSE:
		return depth == 0 ? &chain->purpose : &chain->untrusted;
	default:
		return &chain->untrusted;
	}
}

static int on_verify(int good, X509_STORE_CTX *ctx)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct chain *chain = SSL_get_app_data(ssl);
	if (good)
		return 1;
	int error = X509_STORE_CTX_get_error(ctx);
	int *first = error_kind(chain, error, X509_STORE_CTX_get_error_depth(ctx));
	X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
	if (*first == X509_V_OK && first == &chain->untrusted && trust_lacks_issuer(error) && cert)
		trust_issuer(chain->issuer, cert);
	if (*first == X509_V_OK)
		*first = error;
	if (first == &chain->weak_key)
		chain->feeble |= !cert || EVP_PKEY_get_security_bits(X509_get0_pubkey(cert)) < MTA_KEY_BITS;
	return 1;
}

bool chain_context(SSL_CTX *ctx)
{
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
	return SSL_CTX_dane_enable(ctx) == 1;
}

/* --- before the handshake ----------------------------------------------------------------------------------------- */

static bool expect_authority(SSL *ssl, struct trust *trust, const char *host)
{
	X509_STORE *store = trust_store(trust);
	SSL_set1_verify_cert_store(ssl, store);
	X509_STORE_free(store);
	/* RFC 8461 7.1: SNI is the MX host name. */
	return trust_check_host(SSL_get0_param(ssl), host) && SSL_set_tlsext_host_name(ssl, host) == 1;
}

/* Expects a certificate that matches the TLSA records. The connection has only its context's trust store, which is
 * empty. */
static bool expect_tlsa(struct chain *chain, SSL *ssl, const struct probe_dane *dane)
{
	/* RFC 7672 8.1: SNI is the TLSA base domain. */
	if (SSL_dane_enable(ssl, dane->base) != 1)
		return false;
	/* DANE-EE: names are not checked (RFC 7672 3.1.1). Otherwise a CN counts if there is no DNS name (3.2.3). */
	SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	X509_VERIFY_PARAM_set_hostflags(SSL_get0_param(ssl), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	/* A record that OpenSSL does not take counts as absent. */
	for (size_t i = 0; i < dane->set->count; i++) {
		const struct tlsa_record *record = &dane->set->record[i];
		int taken = SSL_dane_tlsa_add(ssl, record->usage, record->selector, record->matching,
			(const unsigned char *)record->data.at, record->data.len);
		ERR_clear_error();
		if (taken < 0)
			return false; /* no memory */
		chain->records += (size_t)taken;
	}
	return true;
}

bool chain_expect(struct chain *chain, SSL *ssl, struct trust *trust, const char *host, const struct probe_dane *dane)
{
	*chain = (struct chain){.dane = dane, .host = host};
	SSL_set_app_data(ssl, chain);
	X509_VERIFY_PARAM_set_auth_level(SSL_get0_param(ssl), AUTH_LEVEL);
	return dane ? expect_tlsa(chain, ssl, dane) : expect_authority(ssl, trust, host);
}

/* --- judging the certificates ------------------------------------------------------------------------------------- */

/* Adds the TLSA record that matched, if there is one. OpenSSL returns it only if the verify result is good; `struct
 * chain` has the errors, so the result is set to good during the call. */
static void add_record(struct text *text, SSL *ssl)
{
	struct tlsa_record record;
	const unsigned char *data = NULL;
	long result = SSL_get_verify_result(ssl);
	SSL_set_verify_result(ssl, X509_V_OK);
	int depth = SSL_get0_dane_tlsa(ssl, &record.usage, &record.selector, &record.matching, &data, &record.data.len);
	SSL_set_verify_result(ssl, result);
	if (depth < 0 || !data)
		return;
	record.data.at = (const char *)data;
	text_add(text, text->len ? "; TLSA record " : "TLSA record ");
	tlsa_record_text(text, &record, TEXT_OCTETS);
	text_add(text, " matches");
}

static bool fail_mismatch(const struct chain *chain, struct evidence *seen)
{
	struct text text;
	seen->chain = X509_V_ERR_DANE_NO_MATCH;
	seen->reason = REASON_TLSA_MISMATCH;
	text_init(&text, seen->text, sizeof seen->text);
	text_add(&text, chain->records ? "no match among the usable TLSA records: "
				       : "no readable certificate or key in the usable TLSA records: ");
	text_add_number(&text, (int64_t)chain->dane->set->count);
	return false;
}

/* Sets the reason to the first error in this order. An untrusted chain comes first, because its dates and names prove
 * nothing. A wrong name comes last, so that REASON_CERT_HOST_MISMATCH means that the certificate has no other fault. */
static bool judge_errors(const struct chain *chain, SSL *ssl, struct evidence *seen)
{
	const struct {
		int error;
		enum reason reason;
	} kinds[] = {
		{chain->untrusted, REASON_CERT_UNTRUSTED},
		{chain->purpose, REASON_CERT_PURPOSE},
		{chain->expired, REASON_CERT_EXPIRED},
		{chain->early, REASON_CERT_NOT_YET_VALID},
		{chain->weak_key, REASON_CERT_WEAK_KEY},
		{chain->mismatch, REASON_CERT_HOST_MISMATCH},
	};
	const size_t count = sizeof kinds / sizeof *kinds;
	size_t i = 0;
	while (i < count && kinds[i].error == X509_V_OK)
		i++;
	if (i == count)
		return true;
	X509 *cert = SSL_get0_peer_certificate(ssl);
	struct text text;
	seen->chain = kinds[i].error;
	seen->reason = kinds[i].reason;
	text_init(&text, seen->text, sizeof seen->text);
	if (trust_explain(&text, kinds[i].error, cert, sk_X509_num(SSL_get_peer_cert_chain(ssl))))
		text_add(&text, chain->issuer);
	/* Postfix accepts the CN of a certificate without DNS names. */
	bool is_in_cn = !chain->dane && chain->mismatch != X509_V_OK &&
			X509_check_host(cert, chain->host, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
	if (kinds[i].reason == REASON_CERT_HOST_MISMATCH && is_in_cn)
		text_add(&text, ": the host is only in the CN, not in the SAN");
	add_record(&text, ssl);
	/* Would Postfix accept the certificates in spite of the errors (design 10)? */
	bool is_refused_by_mta = chain->untrusted != X509_V_OK || chain->purpose != X509_V_OK ||
				 chain->expired != X509_V_OK || chain->early != X509_V_OK || chain->feeble ||
				 (chain->mismatch != X509_V_OK && !is_in_cn);
	if (!is_refused_by_mta)
		memcpy(seen->mta_address, seen->address, sizeof seen->mta_address);
	return false;
}

bool chain_judge(const struct chain *chain, SSL *ssl, struct evidence *seen)
{
	struct text text;
	if (!chain->dane)
		return judge_errors(chain, ssl, seen);
	/* Without any record OpenSSL does not demand a match. */
	if (chain->records == 0 || chain->no_match != X509_V_OK)
		return fail_mismatch(chain, seen);
	if (!judge_errors(chain, ssl, seen))
		return false;
	/* The absence of errors is not enough: OpenSSL must report a match (design 7.15). */
	if (SSL_get0_dane_authority(ssl, NULL, NULL) < 0)
		return fail_mismatch(chain, seen);
	text_init(&text, seen->text, sizeof seen->text);
	add_record(&text, ssl);
	return true;
}

/* --- describing the certificates ---------------------------------------------------------------------------------- */

/* Replaces each octet that is neither a character of host names nor the star of a wildcard, because people compare the
 * names that are shown. */
static char name_character(unsigned char octet)
{
	return octet && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*", octet)
		       ? (char)octet
		       : '?';
}

/* Adds a DNS name to those that are shown to people, if it fits. */
static void take_name(struct evidence *seen, const ASN1_IA5STRING *name)
{
	size_t used = strlen(seen->names), len = (size_t)ASN1_STRING_length(name);
	const unsigned char *bytes = ASN1_STRING_get0_data(name);
	if (used + len + 2 > sizeof seen->names)
		return;
	if (used)
		seen->names[used++] = ' ';
	for (size_t i = 0; i < len; i++)
		seen->names[used++] = name_character(bytes[i]);
	seen->names[used] = '\0';
}

/* Adds the issuer of each certificate that the peer sent, up to one that has issued itself. */
static void issuers_show(SSL *ssl, struct evidence *seen)
{
	STACK_OF(X509) *sent = SSL_get_peer_cert_chain(ssl);
	struct text text;
	text_init(&text, seen->issuers, sizeof seen->issuers);
	for (int i = 0; i < sk_X509_num(sent); i++) {
		X509 *cert = sk_X509_value(sent, i);
		char issuer[TRUST_ISSUER_SIZE];
		trust_issuer(issuer, cert);
		if (i > 0 && X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(cert)) == 0)
			return;
		text_add(&text, i > 0 ? " < " : "");
		text_add(&text, issuer);
	}
}

void chain_show(SSL *ssl, struct evidence *seen)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	struct tm tm;
	seen->protocol = (uint16_t)SSL_version(ssl);
	snprintf(seen->cipher, sizeof seen->cipher, "%s", SSL_get_cipher_name(ssl));
	if (ASN1_TIME_to_tm(X509_get0_notBefore(cert), &tm) == 1)
		seen->not_before = timegm(&tm);
	if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1)
		seen->not_after = timegm(&tm);
	issuers_show(ssl, seen);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type == GEN_DNS)
			take_name(seen, name->d.dNSName);
	}
	GENERAL_NAMES_free(names);
}

/* Adds a DNS name in lower case, in which names are compared. Omits a name with an octet that no host name may have: it
 * covers no host. */
static void add_name(struct names *names, const ASN1_IA5STRING *name)
{
	static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", lower[] = "abcdefghijklmnopqrstuvwxyz";
	size_t len = (size_t)ASN1_STRING_length(name);
	const unsigned char *bytes = ASN1_STRING_get0_data(name);
	char plain[DOMAIN_SIZE + 2]; /* `*.` before it */
	if (len == 0 || len >= sizeof plain || names->count == PROBE_NAMES_MAX ||
		names->len + len + 1 > PROBE_NAMES_BYTES_MAX)
		return;
	for (size_t i = 0; i < len; i++) {
		const char *at = strchr(upper, bytes[i]);
		if (name_character(bytes[i]) == '?')
			return;
		plain[i] = at ? lower[at - upper] : (char)bytes[i];
	}
	names_add(names, plain, len);
}

void chain_names(SSL *ssl, struct names *names)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(SSL_get0_peer_certificate(ssl), NID_subject_alt_name, NULL, NULL);
	*names = (struct names){.bytes = NULL};
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
		if (name->type == GEN_DNS)
			add_name(names, name->d.dNSName);
	}
	GENERAL_NAMES_free(all);
}

/* The issuer is taken from the chain that OpenSSL has verified, not from what the peer sent. */
bool chain_leaf(SSL *ssl, struct crl_leaf *leaf)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	uint8_t usage = TLSA_USAGE_TA;
	if (sk_X509_num(chain) < 2)
		return false;
	/* RFC 7672 3.1.1: under DANE-EE the domain vouches for the key, not an authority. */
	if (SSL_get0_dane_tlsa(ssl, &usage, NULL, NULL, NULL, NULL) >= 0 && usage == TLSA_USAGE_EE)
		return false;
	return crl_leaf_read(leaf, sk_X509_value(chain, 0), sk_X509_value(chain, 1));
}
