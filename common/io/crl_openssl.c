#include "crl.h"

#include "age.h"
#include "memory.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct crl {
	X509_CRL *list;
	struct crl_times times;
};

/* Returns 0 if the time cannot be read. */
static int64_t seconds_of(const ASN1_TIME *time)
{
	struct tm tm;
	return time && ASN1_TIME_to_tm(time, &tm) == 1 ? timegm(&tm) : 0;
}

/* --- issuers: an issuer is an X509 under another name, so that callers need no headers of OpenSSL ------------------- */

struct crl_issuer *crl_issuer_ref(struct crl_issuer *issuer)
{
	X509_up_ref((X509 *)issuer);
	return issuer;
}

void crl_issuer_free(struct crl_issuer **issuer)
{
	X509_free((X509 *)*issuer);
	*issuer = NULL;
}

/* --- what a certificate says ---------------------------------------------------------------------------------------- */

static struct span span_of(const ASN1_STRING *string)
{
	return (struct span){(const char *)ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string)};
}

/* Reads the first acceptable address of a distribution point. A point that covers some reasons only, or whose CRL
 * another authority signs, has none. */
static bool point_read(struct crl_url *url, const DIST_POINT *point)
{
	if (!point->distpoint || point->distpoint->type != 0 || point->reasons || point->CRLissuer)
		return false;
	const GENERAL_NAMES *names = point->distpoint->name.fullname;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type == GEN_URI && crl_url_parse(url, span_of(name->d.uniformResourceIdentifier)))
			return true;
	}
	return false;
}

static bool url_read(struct crl_url *url, const X509 *cert)
{
	CRL_DIST_POINTS *points = X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
	bool found = false;
	for (int i = 0; !found && i < sk_DIST_POINT_num(points); i++)
		found = point_read(url, sk_DIST_POINT_value(points, i));
	CRL_DIST_POINTS_free(points);
	return found;
}

static uint64_t number_of(const unsigned char *octets)
{
	uint64_t number = 0;
	for (size_t i = 0; i < sizeof number; i++)
		number = number << 8 | octets[i];
	return number;
}

/* Hashes the issuer's certificate and then the address. */
static bool list_id(uint64_t *id, const X509 *issuer, const char *url)
{
	unsigned char digest[EVP_MAX_MD_SIZE], whole[EVP_MAX_MD_SIZE + CRL_URL_SIZE];
	unsigned len = 0;
	size_t url_len = strlen(url);
	if (X509_digest(issuer, EVP_sha256(), whole, &len) != 1)
		return false;
	memcpy(whole + len, url, url_len);
	if (EVP_Digest(whole, len + url_len, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	*id = number_of(digest);
	return true;
}

static bool serial_read(struct crl_leaf *leaf, const X509 *cert)
{
	static const char digits[] = "0123456789abcdef";
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	struct span octets = span_of(serial);
	if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || octets.len == 0 || 2 * octets.len >= sizeof leaf->serial)
		return false;
	for (size_t i = 0; i < octets.len; i++) {
		leaf->serial[2 * i] = digits[(unsigned char)octets.at[i] >> 4];
		leaf->serial[2 * i + 1] = digits[octets.at[i] & 0xf];
	}
	return true;
}

bool crl_leaf_read(struct crl_leaf *leaf, X509 *cert, X509 *issuer)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	memset(leaf, 0, sizeof *leaf);
	leaf->issuer = (struct crl_issuer *)issuer;
	leaf->not_after = seconds_of(X509_get0_notAfter(cert));
	bool read = url_read(&leaf->url, cert) && serial_read(leaf, cert) &&
		    list_id(&leaf->list, issuer, leaf->url.text) && X509_digest(cert, EVP_sha256(), digest, NULL) == 1;
	if (read)
		leaf->leaf = number_of(digest);
	ERR_clear_error();
	return read;
}

/* --- whether a CRL may be believed ---------------------------------------------------------------------------------- */

/* Returns what is wrong with the signature; NULL: nothing. */
static const char *fault_of_signature(X509_CRL *list, X509 *issuer)
{
	int digest = NID_undef;
	if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer)) != 0)
		return "another authority has issued the CRL";
	if (!(X509_get_key_usage(issuer) & KU_CRL_SIGN))
		return "the authority's certificate may not sign CRLs";
	OBJ_find_sigid_algs(X509_CRL_get_signature_nid(list), &digest, NULL);
	if (digest == NID_md5 || digest == NID_sha1)
		return "the digest of the CRL's signature is too weak";
	return X509_CRL_verify(list, X509_get0_pubkey(issuer)) == 1 ? NULL : "the CRL's signature is wrong";
}

static const char *fault_of_times(const struct crl_times *times, int64_t now)
{
	if (times->this_update == 0 || times->next_update == 0)
		return "the CRL does not say when it is valid";
	if (times->this_update > now + CLOCK_SKEW_S)
		return "the CRL is not valid yet";
	return times->next_update > now ? NULL : "the CRL has expired";
}

static bool point_names(const DIST_POINT_NAME *point, const char *url)
{
	const GENERAL_NAMES *names = point->type == 0 ? point->name.fullname : NULL;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_URI)
			continue;
		struct span text = span_of(name->d.uniformResourceIdentifier);
		if (text.len == strlen(url) && memcmp(text.at, url, text.len) == 0)
			return true;
	}
	return false;
}

/* Judges the extension that says what the CRL covers (issuing distribution point, RFC 5280 5.2.5). It proves that this
 * CRL belongs to this address: an authority has many lists, and one that does not cover the certificate says nothing
 * about it. */
static const char *fault_of_scope(const X509_CRL *list, const char *url)
{
	const char *fault = NULL;
	int at = X509_CRL_get_ext_by_NID(list, NID_issuing_distribution_point, -1);
	if (at < 0)
		return NULL;
	ISSUING_DIST_POINT *scope = X509_CRL_get_ext_d2i(list, NID_issuing_distribution_point, NULL, NULL);
	if (!scope)
		return "what the CRL covers cannot be read";
	if (scope->onlyCA > 0 || scope->onlyattr > 0 || scope->onlysomereasons || scope->indirectCRL > 0)
		fault = "the CRL covers other certificates, or only some of the reasons for a revocation";
	else if (scope->distpoint && !point_names(scope->distpoint, url))
		fault = "the CRL belongs to another address";
	ISSUING_DIST_POINT_free(scope);
	return fault;
}

static const char *fault_of_extensions(const X509_CRL *list)
{
	if (X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) >= 0)
		return "the CRL has only the changes since an earlier CRL";
	for (int i = 0; i < X509_CRL_get_ext_count(list); i++) {
		X509_EXTENSION *extension = X509_CRL_get_ext(list, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
		if (X509_EXTENSION_get_critical(extension) && nid != NID_issuing_distribution_point)
			return "the CRL has a critical extension that is unknown here";
	}
	return NULL;
}

/* RFC 5280 5.3: a CRL with one entry that cannot be understood must not be used for any certificate. */
static const char *fault_of_entries(X509_CRL *list)
{
	STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(list);
	for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
		const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);
		for (int k = 0; k < X509_REVOKED_get_ext_count(entry); k++) {
			X509_EXTENSION *extension = X509_REVOKED_get_ext(entry, k);
			int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
			bool known = nid == NID_crl_reason || nid == NID_invalidity_date;
			if (nid == NID_certificate_issuer || (!known && X509_EXTENSION_get_critical(extension)))
				return "an entry of the CRL has an extension that is unknown here";
		}
	}
	return NULL;
}

struct crl *crl_read(
	const void *bytes, size_t len, struct crl_issuer *issuer, const char *url, int64_t now, const char **why)
{
	const unsigned char *at = bytes;
	X509_CRL *list = len <= CRL_BYTES_MAX ? d2i_X509_CRL(NULL, &at, (long)len) : NULL;
	struct crl_times times = {0};
	*why = list && at == (const unsigned char *)bytes + len ? NULL : "it is not a CRL, or only a part of one";
	if (!*why) {
		times.this_update = seconds_of(X509_CRL_get0_lastUpdate(list));
		times.next_update = seconds_of(X509_CRL_get0_nextUpdate(list));
		*why = fault_of_signature(list, (X509 *)issuer);
	}
	if (!*why)
		*why = fault_of_times(&times, now);
	if (!*why)
		*why = fault_of_scope(list, url);
	if (!*why)
		*why = fault_of_extensions(list);
	if (!*why)
		*why = fault_of_entries(list);
	ERR_clear_error();
	if (*why) {
		X509_CRL_free(list);
		return NULL;
	}
	struct crl *crl = xcalloc(1, sizeof *crl);
	*crl = (struct crl){list, times};
	return crl;
}

void crl_free(struct crl **crl)
{
	if (!*crl)
		return;
	X509_CRL_free((*crl)->list);
	free(*crl);
	*crl = NULL;
}

/* --- what it says ------------------------------------------------------------------------------------------------- */

struct crl_times crl_times(const struct crl *crl)
{
	return crl->times;
}

bool crl_lists(struct crl *crl, const char *serial, int64_t *revoked_at)
{
	X509_REVOKED *entry = NULL;
	BIGNUM *number = NULL;
	BN_hex2bn(&number, serial);
	xneed(number);
	ASN1_INTEGER *wanted = xneed(BN_to_ASN1_INTEGER(number, NULL));
	/* 2: removed from the list; only a CRL of changes may have such an entry */
	bool listed = X509_CRL_get0_by_serial(crl->list, &entry, wanted) == 1;
	if (listed)
		*revoked_at = seconds_of(X509_REVOKED_get0_revocationDate(entry));
	ASN1_INTEGER_free(wanted);
	BN_free(number);
	return listed;
}
