/* A library context of OpenSSL in which it reads the public keys of certificates faster.
 *
 * For each certificate OpenSSL 3.0 and 3.1 compare the key with all their decoders; OpenSSL 3.2 remembers what it has
 * found. This context has the algorithms of the provider `default`, but only those decoders that a certificate's key
 * may need, and only those groups that OpenSSL offers in a handshake. Keys in files cannot be read in it.
 *
 * Any thread. */
#ifndef IO_KEY_CONTEXT_H
#define IO_KEY_CONTEXT_H

#include <openssl/types.h>

/* Returns the context, which lasts as long as the process. Returns NULL, which is OpenSSL's name for its own context, if
 * that one is as fast, or if the configuration of OpenSSL has chosen providers, properties, engines or random numbers:
 * they are valid in its own context only. Reads that configuration at the first call. */
OSSL_LIB_CTX *key_context(void);

#endif
