/* Makes the tokens of reports' envelope senders. Hides OpenSSL's random numbers. Any thread. */
#ifndef IO_TOKEN_H
#define IO_TOKEN_H

#include "tlsrpt_send.h"

/* Sets `token` to TLSRPT_TOKEN_LEN random letters (100 bits). Ends the process if there are no random numbers. */
void token_make(char token[TLSRPT_TOKEN_SIZE]);

#endif
