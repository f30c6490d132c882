/* Reads a DKIM key record (RFC 6376 3.6.1): the TXT record in which a domain publishes the key of its signatures. The text is
 * from DNS, so hostile. Pure; any thread. */
#ifndef CORE_DKIM_RECORD_H
#define CORE_DKIM_RECORD_H

#include "span.h"

#define DKIM_RECORD_KEY_SIZE 1600 /* octets of a key in base64, with the NUL; a longer one makes the record invalid */

struct dkim_record {
	struct span services;           /* s=; points into the text. Absent: `*` */
	bool revoked;                   /* p= is empty */
	bool testing;                   /* the flag y: receivers may treat signatures as absent */
	bool sha256;                    /* h= allows it, or is absent */
	char key[DKIM_RECORD_KEY_SIZE]; /* p= without blanks */
};

/* Returns false if the text is not a key record: it has another version, no p=, or a tag that is not NAME=VALUE. */
bool dkim_record_read(struct dkim_record *record, struct span text);
/* Returns whether s= lists a service type by its name. */
bool dkim_record_names(const struct dkim_record *record, const char *service);
/* Returns whether the key may be used for a service type: s= lists it, or has `*` (RFC 6376 3.6.1). */
bool dkim_record_serves(const struct dkim_record *record, const char *service);

#endif
