/* Lets a program that is not ours verify a DKIM signature. */
#ifndef TEST_DKIM_VERIFY_H
#define TEST_DKIM_VERIFY_H

#define DKIM_VERIFY_MISSING 77 /* Debian's python3-dkim is not installed */

/* Verifies a message signed with d=relay.example; s=s1. `type` and `public` are k= and p= of the key record. Returns 0 for a good
 * signature and 1 for any other. */
int dkim_verify(const char *message, const char *type, const char *public);

#endif
