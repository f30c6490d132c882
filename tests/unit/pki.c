#include "pki.h"

#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOUR_S 3600
#define MONTH_S (30 * 24 * HOUR_S)

static void must(int good)
{
	if (!good) {
		fprintf(stderr, "pki: something failed\n");
		abort();
	}
}

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	must(extension != NULL && X509_add_ext(cert, extension, -1));
	X509_EXTENSION_free(extension);
}

static void add_padding(X509 *cert, unsigned octets)
{
	char *text = malloc(octets + 1);

	must(text != NULL);
	memset(text, 'x', octets);
	text[octets] = '\0';
	add_extension(cert, NID_netscape_comment, text);
	free(text);
}

static X509 *certificate(EVP_PKEY *key, const char *cn, int64_t from_s, int64_t until_s)
{
	static long serial;
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);

	must(X509_set_version(cert, X509_VERSION_3));
	must(ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial));
	must(X509_gmtime_adj(X509_getm_notBefore(cert), from_s) != NULL);
	must(X509_gmtime_adj(X509_getm_notAfter(cert), until_s) != NULL);
	must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0));
	must(X509_set_pubkey(cert, key));
	return cert;
}

struct pki_pair pki_ca(const char *cn)
{
	struct pki_pair ca = {.key = EVP_EC_gen("P-256")};

	must(ca.key != NULL);
	ca.cert = certificate(ca.key, cn, -HOUR_S, MONTH_S);
	must(X509_set_issuer_name(ca.cert, X509_get_subject_name(ca.cert)));
	add_extension(ca.cert, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(ca.cert, NID_key_usage, "critical,keyCertSign,cRLSign");
	must(X509_sign(ca.cert, ca.key, EVP_sha256()));
	return ca;
}

struct pki_pair pki_issue(const struct pki_pair *ca, const struct pki_request *request)
{
	struct pki_pair leaf = {.key = request->rsa_bits ? EVP_RSA_gen(request->rsa_bits) : EVP_EC_gen("P-256")};
	int64_t from_s = request->from_s ? request->from_s : -HOUR_S;
	int64_t until_s = request->until_s ? request->until_s : MONTH_S;

	must(leaf.key != NULL);
	leaf.cert = certificate(leaf.key, request->cn ? request->cn : "leaf", from_s, until_s);
	if (request->org)
		must(X509_NAME_add_entry_by_txt(X509_get_subject_name(leaf.cert), "O", MBSTRING_UTF8,
			(const unsigned char *)request->org, -1, -1, 0));
	must(X509_set_issuer_name(leaf.cert, X509_get_subject_name(ca ? ca->cert : leaf.cert)));
	if (request->san)
		add_extension(leaf.cert, NID_subject_alt_name, request->san);
	if (request->padding)
		add_padding(leaf.cert, request->padding);
	if (request->usage)
		add_extension(leaf.cert, NID_ext_key_usage, request->usage);
	if (request->key_usage)
		add_extension(leaf.cert, NID_key_usage, request->key_usage);
	if (request->crl)
		add_extension(leaf.cert, NID_crl_distribution_points, request->crl);
	if (request->must_staple)
		add_extension(leaf.cert, NID_tlsfeature, "status_request");
	if (request->authority)
		add_extension(leaf.cert, NID_basic_constraints, "critical,CA:TRUE");
	must(X509_sign(leaf.cert, ca ? ca->key : leaf.key, request->sha1 ? EVP_sha1() : EVP_sha256()));
	return leaf;
}

/* An extension of a kind that nobody knows. */
static X509_EXTENSION *unknown_extension(void)
{
	ASN1_OBJECT *kind = OBJ_txt2obj("1.3.6.1.4.1.55555.1", 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();

	must(kind && value && ASN1_OCTET_STRING_set(value, (const unsigned char *)"\5", 2));
	X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, kind, 1, value);
	must(extension != NULL);
	ASN1_OBJECT_free(kind);
	ASN1_OCTET_STRING_free(value);
	return extension;
}

static X509_REVOKED *crl_entry(const ASN1_INTEGER *serial, const struct pki_crl *crl, bool whole)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *at = X509_gmtime_adj(NULL, -2 * HOUR_S);

	must(entry && at && X509_REVOKED_set_serialNumber(entry, (ASN1_INTEGER *)serial));
	must(X509_REVOKED_set_revocationDate(entry, at));
	ASN1_TIME_free(at);
	if (whole && crl->reason) {
		ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
		must(reason && ASN1_ENUMERATED_set(reason, crl->reason));
		must(X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0));
		ASN1_ENUMERATED_free(reason);
	}
	if (whole && crl->unknown_entry) {
		X509_EXTENSION *unknown = unknown_extension();
		must(X509_REVOKED_add_ext(entry, unknown, -1));
		X509_EXTENSION_free(unknown);
	}
	return entry;
}

static void crl_extend(X509_CRL *list, int nid, const char *value)
{
	X509_EXTENSION *extension = value ? X509V3_EXT_conf_nid(NULL, NULL, nid, value) : unknown_extension();

	must(extension && X509_CRL_add_ext(list, extension, -1));
	X509_EXTENSION_free(extension);
}

static void crl_entries(X509_CRL *list, const struct pki_crl *crl)
{
	ASN1_INTEGER *serial = ASN1_INTEGER_new();

	if (crl->revoked)
		must(X509_CRL_add0_revoked(list, crl_entry(X509_get0_serialNumber(crl->revoked), crl, true)));
	for (unsigned i = 0; i < crl->others; i++) {
		must(ASN1_INTEGER_set_int64(serial, INT64_C(1) << 40 | i));
		must(X509_CRL_add0_revoked(list, crl_entry(serial, crl, false)));
	}
	ASN1_INTEGER_free(serial);
}

unsigned char *pki_crl(const struct pki_pair *ca, const struct pki_crl *crl, size_t *len)
{
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, crl->from_s ? crl->from_s : -HOUR_S);
	ASN1_TIME *until =
		X509_gmtime_adj(NULL, crl->until_s && crl->until_s != PKI_NEVER ? crl->until_s : 7 * 24 * HOUR_S);
	unsigned char *bytes = NULL;

	must(list && from && until && X509_CRL_set_version(list, X509_CRL_VERSION_2));
	must(X509_CRL_set_issuer_name(list, X509_get_subject_name(ca->cert)));
	must(X509_CRL_set1_lastUpdate(list, from));
	must(crl->until_s == PKI_NEVER || X509_CRL_set1_nextUpdate(list, until));
	crl_entries(list, crl);
	if (crl->scope)
		crl_extend(list, NID_issuing_distribution_point, crl->scope);
	if (crl->delta) {
		ASN1_INTEGER *base = ASN1_INTEGER_new();
		must(base && ASN1_INTEGER_set(base, 1) && X509_CRL_add1_ext_i2d(list, NID_delta_crl, base, 1, 0));
		ASN1_INTEGER_free(base);
	}
	if (crl->unknown)
		crl_extend(list, NID_undef, NULL);
	must(X509_CRL_sort(list) && X509_CRL_sign(list, ca->key, crl->sha1 ? EVP_sha1() : EVP_sha256()));
	int size = i2d_X509_CRL(list, &bytes);
	must(size > 0);
	*len = (size_t)size;
	unsigned char *copy = malloc(*len);
	must(copy != NULL);
	memcpy(copy, bytes, *len);
	OPENSSL_free(bytes);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	X509_CRL_free(list);
	return copy;
}

void pki_free(struct pki_pair *pair)
{
	EVP_PKEY_free(pair->key);
	X509_free(pair->cert);
	pair->key = NULL;
	pair->cert = NULL;
}

static void write_to(const struct pki_pair *pair, FILE *file)
{
	must(file != NULL && PEM_write_X509(file, pair->cert));
	must(fclose(file) == 0);
}

void pki_write_temporary(const struct pki_pair *pair, char *template)
{
	int fd = mkstemp(template);

	must(fd >= 0);
	write_to(pair, fdopen(fd, "w"));
}

void pki_write(const struct pki_pair *pair, const char *path)
{
	write_to(pair, fopen(path, "w"));
}

static ASN1_TIME *time_from_now(int64_t seconds)
{
	ASN1_TIME *made = ASN1_GENERALIZEDTIME_adj(NULL, time(NULL), 0, (long)seconds);

	must(made != NULL);
	return made;
}

unsigned char *pki_staple(const struct pki_pair *signer, const struct pki_staple *staple, size_t *len)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(staple->digest ? staple->digest : EVP_sha1(), staple->leaf, staple->issuer);
	ASN1_TIME *from = time_from_now(staple->from_s), *until = time_from_now(staple->until_s);
	ASN1_TIME *revoked = time_from_now(-HOUR_S);
	unsigned char *der = NULL;
	bool is_revoked = staple->status == V_OCSP_CERTSTATUS_REVOKED;

	must(OCSP_basic_add1_status(basic, id, staple->status, 0, is_revoked ? revoked : NULL, from,
		     staple->until_s ? until : NULL) != NULL);
	must(OCSP_basic_sign(basic, signer->cert, signer->key, EVP_sha256(), NULL, 0));
	OCSP_RESPONSE *response =
		OCSP_response_create(staple->failed ? OCSP_RESPONSE_STATUS_TRYLATER : OCSP_RESPONSE_STATUS_SUCCESSFUL,
			staple->failed ? NULL : basic);
	int size = i2d_OCSP_RESPONSE(response, &der);
	must(size > 0);
	*len = (size_t)size;
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	ASN1_TIME_free(revoked);
	return der;
}

SSL_CTX *pki_server(const struct pki_pair *pair)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	must(ctx != NULL);
	SSL_CTX_set_security_level(ctx, 0);
	must(SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION));
	must(SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0"));
	must(SSL_CTX_use_certificate(ctx, pair->cert) && SSL_CTX_use_PrivateKey(ctx, pair->key));
	return ctx;
}
