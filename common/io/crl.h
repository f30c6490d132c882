/* Certificate revocation lists (CRLs, RFC 5280 5): where a certificate's CRL is, whether a CRL that was downloaded may be
 * believed, and what it says about a certificate. Hides OpenSSL. Nothing here waits or downloads.
 *
 * A CRL is believed only if the authority that issued the certificate has signed it, if it is valid now, if it is
 * complete for the certificates of its address, and if it has nothing that this module does not understand. Otherwise
 * nothing is known about the certificate, and that never counts against it.
 *
 * Any thread; one thread at a time for one list. */
#ifndef IO_CRL_H
#define IO_CRL_H

#include "crl_url.h"
#include "revocation.h"

#define CRL_WORTH_S (10 * 86400) /* a certificate that expires sooner is not looked up (BR: short-lived) */

/* The certificate of the authority that has issued another one. It has a reference count. */
struct crl_issuer;
struct crl_issuer *crl_issuer_ref(struct crl_issuer *issuer);
/* Drops a reference and sets the pointer to NULL. */
void crl_issuer_free(struct crl_issuer **issuer);

/* What a host's certificate says about its own revocation. */
struct crl_leaf {
	uint64_t leaf; /* the first 8 octets of the certificate's SHA-256, big endian */
	/* Identifies the CRL: a hash of the address and of the issuer's certificate. So a certificate of one authority is
	 * never answered by the CRL of another, even at the same address. */
	uint64_t list;
	int64_t not_after;                   /* wall-clock seconds */
	char serial[REVOCATION_SERIAL_SIZE]; /* hexadecimal, lower case */
	struct crl_url url;
	struct crl_issuer *issuer; /* belongs to the chain, unless crl_issuer_ref() was called */
};
/* Reads a certificate and that of its issuer (both are OpenSSL's X509). Returns false if no CRL can answer for it: it
 * names none at an address that crl_url_parse() accepts, or only lists that cover a part of the reasons or that another
 * authority signs; or its serial number is too long. */
struct x509_st;
bool crl_leaf_read(struct crl_leaf *leaf, struct x509_st *cert, struct x509_st *issuer);

struct crl;
/* Reads and checks a CRL in DER: the octets as they were downloaded from `url`. Returns NULL if it may not be believed,
 * and sets `why` to words for people, a constant. `now`: wall-clock seconds. Takes up to half a second and some 100 MB
 * for CRL_BYTES_MAX. */
struct crl *crl_read(
	const void *bytes, size_t len, struct crl_issuer *issuer, const char *url, int64_t now, const char **why);
void crl_free(struct crl **crl);
struct crl_times {
	int64_t this_update, next_update; /* wall-clock seconds */
};
struct crl_times crl_times(const struct crl *crl);
/* Returns whether the CRL lists the certificate with this serial number; then sets `revoked_at` (wall-clock seconds). */
bool crl_lists(struct crl *crl, const char *serial, int64_t *revoked_at);

#endif
