/* Makes certificates in memory, for tests. Any error ends the program. */
#ifndef TESTS_PKI_H
#define TESTS_PKI_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

struct pki_pair {
	EVP_PKEY *key;
	X509 *cert;
};

struct pki_request {
	const char *cn;        /* NULL: "leaf" */
	const char *org;       /* organization; NULL: none */
	const char *san;       /* in the form of openssl.cnf: "DNS:a.example,IP:192.0.2.1"; NULL: none */
	int64_t from_s;        /* seconds from now; 0: an hour ago */
	int64_t until_s;       /* seconds from now; 0: in 30 days */
	unsigned rsa_bits;     /* 0: P-256 */
	unsigned padding;      /* octets of a comment that makes the certificate long */
	const char *usage;     /* extended key usage in the form of openssl.cnf: "clientAuth"; NULL: none */
	const char *key_usage; /* in the form of openssl.cnf; NULL: none */
	const char *crl;  /* distribution points of CRLs in the form of openssl.cnf: "URI:http://..."; NULL: none */
	bool authority;   /* may issue certificates */
	bool must_staple; /* demands a staple (RFC 7633) */
	bool sha1;        /* the digest of the signature */
};

struct pki_pair pki_ca(const char *cn);
struct pki_pair pki_issue(const struct pki_pair *ca, const struct pki_request *request); /* ca NULL: self-signed */
void pki_free(struct pki_pair *pair);
/* Writes a new PEM file, whose name has the form of mkstemp's template. */
void pki_write_temporary(const struct pki_pair *pair, char *template);
void pki_write(const struct pki_pair *pair, const char *path);
/* A certificate revocation list. */
struct pki_crl {
	int64_t from_s;      /* seconds from now; 0: an hour ago */
	int64_t until_s;     /* seconds from now; 0: in a week; PKI_NEVER: not said */
	const X509 *revoked; /* NULL: none */
	const char *scope;   /* issuing distribution point in the form of openssl.cnf, NULL: none */
	int reason;          /* of the entry: 1: the key is compromised; 0: not said */
	unsigned others;     /* further entries */
	bool delta;          /* marked as a list of changes */
	bool unknown;        /* has an unknown critical extension */
	bool unknown_entry;  /* the entry has one */
	bool sha1;           /* the digest of the signature */
};
#define PKI_NEVER INT64_MAX
/* Makes the octets of a CRL, which the caller frees with free(). */
unsigned char *pki_crl(const struct pki_pair *ca, const struct pki_crl *crl, size_t *len);
struct pki_staple {
	const X509 *leaf, *issuer; /* the certificate that the answer is about */
	int status;                /* V_OCSP_CERTSTATUS_... */
	int64_t from_s, until_s;   /* seconds from now; until_s 0: no nextUpdate */
	const EVP_MD *digest;      /* of the names; NULL: SHA-1 */
	bool failed;               /* only an error report */
};
/* Makes a staple in DER, which the caller frees with OPENSSL_free(). A revoked certificate was revoked an hour ago. */
unsigned char *pki_staple(const struct pki_pair *signer, const struct pki_staple *staple, size_t *len);

/* Makes a TLS server with the certificate: all protocol versions, lowest security level. */
SSL_CTX *pki_server(const struct pki_pair *pair);

#endif
