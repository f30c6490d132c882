/* The address of a certificate revocation list (CRL), as a certificate names it (RFC 5280 4.2.1.13). Whoever can get a
 * certificate chooses this text, so only the plainest form is accepted. Pure; any thread. */
#ifndef CORE_CRL_URL_H
#define CORE_CRL_URL_H

#include "domain.h"
#include "span.h"

#define CRL_URL_SIZE 256
#define CRL_URL_PORT 80
#define CRL_BYTES_MAX (10 * 1024 * 1024) /* of a list; larger ones are not used */

struct crl_url {
	char text[CRL_URL_SIZE]; /* the whole address, octet by octet as in the certificate */
	char host[DOMAIN_SIZE];  /* in the form of domain_parse() */
	uint16_t path_at;        /* where in `text` the path begins, with a slash */
};
/* Reads `http://HOST/PATH` or `http://HOST:80/PATH`. Returns false for everything else: other schemes and ports (a
 * certificate must not make this relay talk to any other service), user names, IP addresses in place of a host name, host
 * names without a dot, fragments, and octets that a URL may not have (RFC 3986). */
bool crl_url_parse(struct crl_url *url, struct span text);

#endif
