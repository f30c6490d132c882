/* The policy delegation protocol of Postfix (SMTPD_POLICY_README; spec P-1 to P-4): requests of `name=value` lines and
 * an empty line, answered by `action=…` and an empty line. Pure; any thread. */
#ifndef CORE_DELEGATION_H
#define CORE_DELEGATION_H

#include "span.h"
#include "text.h"
#include "verdict.h"

#include <stdbool.h>

/* Octets of a request with its empty line; a longer one is malformed. HELO, sender, recipient and login name may take
 * 2 KiB each, since they come from Postfix's clients. */
#define DELEGATION_REQUEST_MAX 16384
#define DELEGATION_REPLY_SIZE 1100

/* The attributes that are looked at. An empty one and one that is not there are the same: `len` 0. They point into the
 * request, and hold any octet but LF and NUL. */
struct delegation_request {
	struct span state;     /* protocol_state */
	struct span recipient; /* without angle brackets and quotes */
	struct span client;    /* client_address */
	struct span queue_id;
	struct span instance; /* the same in all requests for one message */
	struct span sasl_method, sasl_username;
};

enum delegation_read { DELEGATION_OK, DELEGATION_MORE, DELEGATION_MALFORMED };

/* Reads one request at the start of `in`. DELEGATION_OK: `used` octets are done with. Attributes of other names are
 * skipped; malformed is a line without `=` or with a name that is no word, a NUL, an attribute of ours that comes
 * twice, another request than `smtpd_access_policy`, more than DELEGATION_REQUEST_MAX octets. */
enum delegation_read delegation_read(struct delegation_request *out, struct span in, size_t *used);

/* What stands behind the recipient's last `@`. False when there is nothing to judge: another state than RCPT, no
 * recipient, an address of this host. */
bool delegation_domain(const struct delegation_request *request, struct span *domain);
/* Whether the client has logged in. */
bool delegation_authenticated(const struct delegation_request *request);

enum delegation_action { DELEGATION_DUNNO, DELEGATION_PREPEND, DELEGATION_HOLD, DELEGATION_DEFER };

struct delegation_reply {
	enum delegation_action action;
	const struct verdict *verdict; /* of all but DELEGATION_DUNNO */
	const char *header;            /* of DELEGATION_PREPEND: the field's name, at most 64 octets */
	bool with_domains;             /* of DELEGATION_PREPEND: as of answer_header() */
};

/* The whole reply with its empty line, into a text of at least DELEGATION_REPLY_SIZE. DEFER_IF_PERMIT comes with the
 * text of the milter's 451. */
void delegation_reply(struct text *out, const struct delegation_reply *reply);

#endif
