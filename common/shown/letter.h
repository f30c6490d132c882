/* The letter: a paragraph that the operator can mail to the postmaster of the other side. It states which relay
 * checked what and when, what the relay saw, and what the postmaster can do. */
#ifndef SHOWN_LETTER_H
#define SHOWN_LETTER_H

#include "evidence.h"
#include "reason.h"

struct letter {
	enum reason reason;
	const char *domain;          /* the policy domain */
	const char *host;            /* the mail host, or "": the reason concerns the domain */
	uint16_t port;               /* of the mail host */
	const char *relay;           /* the name of this machine */
	int64_t at;                  /* when the fault was seen, seconds since the epoch; 0: unknown */
	const struct evidence *seen; /* of the mail host; NULL: none */
	const char *detail;          /* what failed in a fetch, or "" */
};

/* Returns the paragraph, in lines of at most 72 characters unless a word is longer. The caller frees. Returns NULL if the
 * other side's postmaster can do nothing about the reason. */
char *letter_made(const struct letter *letter);

#endif
