/* A staple: the answer of a certificate's authority about the certificate's revocation, which the host itself sends in the
 * TLS handshake (OCSP stapling, RFC 6066 8, RFC 6960). io/staple reads it. Times are wall-clock seconds; 0 means unknown.
 * Pure; any thread. */
#ifndef CORE_STAPLE_STATE_H
#define CORE_STAPLE_STATE_H

#include <stdbool.h>
#include <stdint.h>

/* The store holds these numbers, so they never change. */
enum staple_state {
	STAPLE_NONE,    /* the host sends none */
	STAPLE_GOOD,    /* the certificate is not revoked */
	STAPLE_REVOKED, /* it is revoked */
	STAPLE_UNUSABLE /* the answer proves nothing: too old, for another certificate, signed by somebody else... */
};
/* Returns `none`, `good`, `revoked` or `unusable`. */
const char *staple_state_name(enum staple_state state);

struct staple {
	enum staple_state state;
	/* Of a good or revoked staple: when the authority made the answer, and when it promised a newer one. */
	int64_t this_update, next_update;
	int64_t revoked_at; /* of a revoked one */
	bool demanded;      /* the certificate demands a staple (RFC 7633), whether there is one or not */
	const char *why;    /* unusable: why, words for people; a constant */
};

#endif
