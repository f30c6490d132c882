/* A look: what one probe saw of one address of a hop, in more detail than the evidence of the probe.
 *
 * Looks serve signs (sign.h) and their stories (story.h); no verdict depends on them. The store keeps the look of the
 * newest good probe of each hop. A zeroed struct is an absent look. Strings hold untrusted octets, cut to fit, unless
 * noted otherwise: quote them with text_quote(). Times are wall-clock seconds; 0 means unknown. Pure; any thread. */
#ifndef CORE_LOOK_H
#define CORE_LOOK_H

#include "address.h"
#include "domain.h"
#include "entry.h"
#include "fields.h"

#define LOOK_GREETING_SIZE 256
#define LOOK_EHLO_SIZE 768
#define LOOK_NAME_SIZE 128
#define LOOK_HASH_SIZE 65 /* a SHA-256 in hexadecimal */
#define LOOK_SERIAL_SIZE 65
#define LOOK_CHAIN_SIZE 1024
#define LOOK_DNS_SIZE 512

struct look {
	int64_t at;                      /* when the probe ended; 0: there is no look */
	char address[ADDRESS_TEXT_SIZE]; /* the address that was dialled */
	char from[ADDRESS_TEXT_SIZE];    /* this machine's address in the connection; "": there was none */

	/* SMTP. Lines are separated by `\n`. */
	char greeting[LOOK_GREETING_SIZE];
	char ehlo[LOOK_EHLO_SIZE];      /* the reply to EHLO before TLS */
	char ehlo_tls[LOOK_EHLO_SIZE];  /* the reply to EHLO inside TLS; kept only after a bad certificate */
	char ehlo_name[LOOK_NAME_SIZE]; /* the first word of the reply to EHLO: the name that the server gives itself */
	bool rewritten;                 /* something on the path rewrites SMTP: keywords are overwritten by X or * */

	/* The certificate of the hop; empty without a handshake. */
	char fingerprint[LOOK_HASH_SIZE]; /* SHA-256 of the leaf, lower case; not untrusted text */
	char spki[LOOK_HASH_SIZE];        /* SHA-256 of the leaf's SubjectPublicKeyInfo, the same */
	char serial[LOOK_SERIAL_SIZE];    /* hexadecimal, lower case */
	char authority[LOOK_NAME_SIZE];   /* the organization of the leaf's issuer, or else its common name */
	char chain[LOOK_CHAIN_SIZE];      /* a line for each certificate sent: `subject; issuer` */
	int64_t not_before, not_after;    /* of the leaf */
	/* Of a good or revoked staple (evidence: staple): when the authority made the answer, and until when it is valid. */
	int64_t staple_from, staple_until;
	char staple_why[LOOK_NAME_SIZE]; /* printable: why the staple is unusable, or "" */

	char dns[LOOK_DNS_SIZE]; /* printable: the answers that led to the address, with TTL and DNSSEC status */

	/* The network of the address (io/network). */
	uint32_t asn; /* autonomous system; 0: unknown */
	char as_name[LOOK_NAME_SIZE];
};

extern const struct fields look_table;

/* Encode a look for the store, and decode it: see entry_encode(). */
struct bytes look_encode(const struct look *look);
bool look_decode(struct look *out, const void *bytes, size_t len);

#endif
