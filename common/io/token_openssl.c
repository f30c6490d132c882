#include "token.h"

#include <openssl/rand.h>
#include <stdlib.h>

void token_make(char token[TLSRPT_TOKEN_SIZE])
{
	unsigned char random[TLSRPT_TOKEN_LEN];
	if (RAND_bytes(random, sizeof random) != 1)
		abort();
	for (size_t i = 0; i < sizeof random; i++)
		token[i] = TLSRPT_TOKEN_LETTERS[random[i] % 32];
	token[TLSRPT_TOKEN_LEN] = '\0';
}
