/* Whether the authority that issued a certificate has revoked it: what the store keeps about one leaf certificate.
 *
 * Answers come from certificate revocation lists (CRLs, io/crl); a revoked staple (core/staple_state) counts in the same way
 * but is not kept here, because the next probe shows it again. The lists themselves are not kept. An answer is kept by
 * certificate, not by host, because many hosts may show one certificate.
 *
 * No answer, an old answer and a failed lookup mean the same: nothing is known, and that never counts against the host.
 * Whoever can keep this relay from a list can keep it from the host, too. Times are wall-clock seconds; 0 means never or
 * unknown. Pure; any thread. */
#ifndef CORE_REVOCATION_H
#define CORE_REVOCATION_H

#include "entry.h"
#include "evidence.h"
#include "fields.h"

#define REVOCATION_URL_SIZE 256
#define REVOCATION_SERIAL_SIZE 41 /* 20 octets in hexadecimal */
#define REVOCATION_WHY_SIZE 121

/* The store holds these numbers, so they never change. */
enum revocation_state {
	REVOCATION_UNKNOWN,
	REVOCATION_GOOD,
	REVOCATION_REVOKED,
};
/* Returns `unknown`, `good` or `revoked`. */
const char *revocation_state_name(enum revocation_state state);

struct revocation {
	uint64_t leaf; /* evidence.leaf */
	uint64_t list; /* crl_leaf.list */
	int64_t not_after;
	char serial[REVOCATION_SERIAL_SIZE]; /* lower case */
	char url[REVOCATION_URL_SIZE];       /* of the list; plain, as crl_url_parse() accepts it */
	/* The newest answer, and of when it is; it may be old by now: see revocation_now(). */
	enum revocation_state state;
	int64_t as_of;      /* when the authority made the answer */
	int64_t until;      /* when it promised a newer one */
	int64_t revoked_at; /* if revoked */
	/* The newest attempt to get an answer. */
	int64_t checked_at;
	int64_t next_at;               /* when the list may be downloaded again */
	char why[REVOCATION_WHY_SIZE]; /* why it failed, printable; "": it did not fail */
};

/* Takes an answer over. Returns false, and changes nothing, if the stored answer is newer: whoever can answer in place of
 * the list's server may send an older list, in which the certificate was not revoked yet. */
bool revocation_learn(
	struct revocation *revocation, enum revocation_state state, int64_t as_of, int64_t until, int64_t revoked_at);
/* Returns what is known now. A good answer ends at `until`. A revoked one lasts as long as the certificate, because
 * authorities do not take a revocation back, except by a newer list without it (a certificate that was on hold). */
enum revocation_state revocation_now(const struct revocation *revocation, int64_t now);

/* Returns whether a revocation counts for this evidence: it is good, and an authority vouches for the certificate, by the
 * trust store or by TLSA records of usage DANE-TA(2). Under DANE-EE(3) the domain itself vouches for the key, and takes
 * that back by removing the record (RFC 7672 3.1.1, 5.1). */
bool revocation_concerns(const struct evidence *seen);
/* Sets `revocation` to what a staple says, and returns true, if the host itself has shown that its certificate is revoked.
 * `url` is then words for people. */
bool revocation_stapled(struct revocation *revocation, enum staple_state staple, int64_t revoked_at);
/* Makes good evidence bad (REASON_CERT_REVOKED), with words that say when and by what. */
void revocation_apply(struct evidence *seen, const struct revocation *revocation);

extern const struct fields revocation_table;

/* Encode it for the store, and decode it: see entry_encode(). */
struct bytes revocation_encode(const struct revocation *revocation);
bool revocation_decode(struct revocation *out, const void *bytes, size_t len);

#endif
