/* An address; or a certificate and a CRL: two octets with the length of the certificate, the certificate (it stands for the leaf and for
 * its issuer), then the CRL. The signature of the CRL counts as good, or no changed CRL would get any further. */
#include "crl.h"
#include "fuzz.h"

#include <openssl/x509.h>
#include <string.h>

#define NOW 1800000000 /* within the seeds' dates */

/* In place of OpenSSL's. */
int X509_CRL_verify(X509_CRL *list, EVP_PKEY *key)
{
	return list && key;
}

/* An address that was accepted is plain, and its parts make the whole. */
static void url_holds(const struct crl_url *url)
{
	struct crl_url again;
	size_t len = strlen(url->text);

	FUZZ_MUST(len < sizeof url->text && strlen(url->host) > 0 && url->path_at < len &&
		  url->text[url->path_at] == '/');
	FUZZ_MUST(strchr(url->host, '.'));
	for (size_t i = 0; i < len; i++)
		FUZZ_MUST(url->text[i] > ' ' && url->text[i] < 0x7f);
	FUZZ_MUST(crl_url_parse(&again, (struct span){url->text, len}) && strcmp(again.host, url->host) == 0);
}

static void list_holds(const uint8_t *data, size_t size, X509 *issuer, const struct crl_leaf *leaf, const char *url)
{
	const char *why = NULL;
	int64_t at = 0;
	struct crl *crl = crl_read(data, size, (struct crl_issuer *)issuer, url, NOW, &why);

	FUZZ_MUST((crl != NULL) == (why == NULL));
	if (!crl)
		return;
	FUZZ_MUST(crl_times(crl).next_update > NOW && crl_times(crl).this_update <= NOW + 60);
	crl_lists(crl, leaf->serial[0] ? leaf->serial : "00", &at);
	crl_lists(crl, "010203", &at);
	crl_free(&crl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct crl_leaf leaf;
	struct crl_url url;

	if (crl_url_parse(&url, (struct span){(const char *)data, size}))
		url_holds(&url);
	if (size < 2)
		return 0;
	size_t len = (size_t)data[0] << 8 | data[1];
	data += 2;
	size -= 2;
	const unsigned char *at = data;
	X509 *cert = len <= size ? d2i_X509(NULL, &at, (long)len) : NULL;
	if (!cert)
		return 0;
	bool read = crl_leaf_read(&leaf, cert, cert);
	if (read)
		url_holds(&leaf.url);
	list_holds(data + len, size - len, cert, &leaf, read ? leaf.url.text : "http://c.example.net/13.crl");
	X509_free(cert);
	return 0;
}
