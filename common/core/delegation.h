/* Reads requests and writes replies of Postfix's policy delegation (SMTPD_POLICY_README; spec P-1 to P-4). A request is
 * lines of `NAME=VALUE` and an empty line; the reply is `action=...` and an empty line. Pure; any thread. */
#ifndef CORE_DELEGATION_H
#define CORE_DELEGATION_H

#include "span.h"
#include "text.h"
#include "verdict.h"

#include <stdbool.h>

/* Octets of a request with its empty line; a longer request is malformed. HELO, sender, recipient and login name come
 * from Postfix's clients and may have 2 KiB each. */
#define DELEGATION_REQUEST_MAX 16384
#define DELEGATION_REPLY_SIZE 1100

/* The attributes that stsgate uses. They point into the request and may have any octets except LF and NUL. `len` is 0
 * both for an empty and for a missing attribute. */
struct delegation_request {
	struct span state;             /* protocol_state */
	struct span sender, recipient; /* without angle brackets and quotes */
	struct span client;            /* client_address */
	struct span queue_id;
	struct span instance; /* equal in all requests about one message */
	struct span sasl_method, sasl_username;
};

enum delegation_read { DELEGATION_OK, DELEGATION_MORE, DELEGATION_MALFORMED };

/* Reads one request at the start of `in`, and skips attributes of other names. After DELEGATION_OK the request has `used`
 * octets. After DELEGATION_MORE, call again with more octets. A request is malformed if a line has no `=`, a NUL, or a
 * name with other characters than letters, digits and `_`; if one of the attributes above comes twice; if `request` is
 * not `smtpd_access_policy`; or if it has more than DELEGATION_REQUEST_MAX octets. */
enum delegation_read delegation_read(struct delegation_request *out, struct span in, size_t *used);

/* Returns the part of the recipient after its last `@`. False if there is nothing to judge: the state is not RCPT, there
 * is no recipient, or the recipient has no domain. */
bool delegation_domain(const struct delegation_request *request, struct span *domain);
/* Returns whether the client has logged in (SASL). */
bool delegation_authenticated(const struct delegation_request *request);

enum delegation_action { DELEGATION_DUNNO, DELEGATION_PREPEND, DELEGATION_HOLD, DELEGATION_DEFER };

struct delegation_reply {
	enum delegation_action action;
	const struct verdict *verdict; /* not used for DELEGATION_DUNNO */
	const char *header;            /* for DELEGATION_PREPEND: the name of the header field, at most 64 octets */
	bool with_domains;             /* for DELEGATION_PREPEND: as in answer_header() */
};

/* Writes the whole reply with its empty line. `out` needs room for DELEGATION_REPLY_SIZE octets. DEFER_IF_PERMIT has the
 * same text as the milter's 451. */
void delegation_reply(struct text *out, const struct delegation_reply *reply);

#endif
