/* The milter's memory of one message, from MAIL to the end of the message.
 *
 * No lock is needed: libmilter runs only one callback of a session at a time. A zeroed struct is valid and holds no
 * message. */
#ifndef MILTER_MESSAGE_H
#define MILTER_MESSAGE_H

#include "action.h"
#include "answer.h"
#include "check.h"
#include "report.h"
#include "text.h"
#include "verdict.h"

#define MESSAGE_TAGS_MAX 100  /* verdicts remembered for header fields, one for each policy domain */
#define MESSAGE_NOTES_MAX 100 /* verdicts remembered for the log, one for each policy domain */

/* A verdict that is logged at the end of the message, when the MTA has given the message a queue id. */
struct message_note {
	struct verdict verdict;
	struct decision decision;
	unsigned waiting; /* recipients for which nothing was done yet (tls_required_no = headers) */
};

/* How the settings treat what a message asks for (tls_required_no, requiretls). */
struct message_wishes {
	bool requiretls;   /* MAIL had the parameter REQUIRETLS (RFC 8689 2) */
	bool after_header; /* tls_required_no = headers: act on verdicts that delay at the end of the message */
	bool left_to_map;  /* tls_required_no = map, and the sender is in tls_required_no_senders */
	bool left_if_here; /* the same for the null sender, if the client is on this machine */
	unsigned fields;   /* TLS-Required header fields */
	bool says_no;      /* the last of them has the value `No` */
	bool demands_tls;  /* there is a Require-TLS-ESMTP field: Postfix treats the message as one with REQUIRETLS */
};

/* The verdict on the last next hop, which the next recipient often has, too: see check_ask_again(). */
#define MESSAGE_HOP_SIZE 256 /* octets of a next hop with its NUL; a longer one is not kept */
struct message_hop {
	char asked[MESSAGE_HOP_SIZE]; /* as the MTA named it; "": none */
	struct question question;
	struct basis basis;
	struct verdict verdict;
};

struct message {
	struct config *config; /* the settings at MAIL, kept (config_keep()) even after a reload; NULL: no message */
	int64_t waited_ms;     /* the part of milter_wait that is used up */
	unsigned forged;       /* number of header fields named milter_header that the message arrived with */
	struct message_wishes wishes;
	bool report_sender;      /* its envelope sender is that of our TLS reports */
	bool unjudged;           /* the daemon was stopping, and a recipient was accepted without a verdict */
	bool held;               /* the message must be quarantined */
	struct verdict held_for; /* the first verdict that demanded the quarantine */
	unsigned recipients;
	bool many_domains; /* the recipients are in more than one domain */
	char first_domain[DOMAIN_SIZE];
	struct verdict *tag; /* the verdicts for header fields */
	unsigned tag_count, tag_room;
	unsigned tags_left_out;    /* verdicts beyond MESSAGE_TAGS_MAX */
	struct message_note *note; /* the verdicts for the log */
	unsigned note_count, note_room;
	struct message_hop last;
};

/* Starts a message with the arguments of MAIL, after ending the previous message if there is one: the envelope sender and the
 * parameters, up to a NULL. Takes over the caller's reference to `config`. */
void message_begin(struct message *message, struct config *config, char *const *arguments);
/* Returns whether the message is one of our own TLS reports: its sender says so, and the client, which did not log in, is on
 * this machine. It must leave whatever the policy of its domain says, and is not mail in the sense of any count or event. */
bool message_is_report(const struct message *message, bool authenticated, const char *client);
/* Notes a header field. Returns whether it has the name of the gate's own field, and so is forged. */
bool message_field(struct message *message, const char *name, const char *value);
/* Returns whether the MTA asks the map at delivery, and the milter must not delay this sender's mail (tls_required_no = map). */
bool message_is_left_to_map(const struct message *message, enum session_kind kind, const char *client);
/* Returns whether the message is to be delivered even if TLS fails: it has exactly one TLS-Required field, with the value `No`,
 * and nothing demands REQUIRETLS (RFC 8689 5). Call it at the end of the message. */
bool message_prefers_delivery(const struct message *message);
/* Ends the message: frees its data and drops the reference to the settings. */
void message_end(struct message *message);
/* Counts a recipient, and sets `many_domains` when the recipients are in more than one domain. Call it for every
 * recipient, also for those that are not judged. */
void message_recipient(struct message *message, const char *recipient);
/* Remembers a verdict for a header field. Of several verdicts for one policy domain, keeps only the worst. A verdict for
 * a further policy domain after MESSAGE_TAGS_MAX is only counted (tags_left_out). */
void message_tag(struct message *message, const struct verdict *verdict);
/* Remembers a verdict for the log and, if recipients wait for the header, for the end of the message. Of several verdicts for
 * one policy domain, keeps only the one that delays the mail most, and of those the worst. Returns false if there are
 * MESSAGE_NOTES_MAX of them: the caller then acts and logs at once. */
bool message_note(struct message *message, const struct message_note *note);
/* Marks the message for quarantine. Remembers the verdict if it is the first one that demands the quarantine. */
void message_hold(struct message *message, const struct verdict *verdict);
/* Writes the header field for verdict `i` into `out`. Returns false if an earlier verdict has the same text. */
bool message_header(const struct message *message, unsigned i, struct text *out);

#endif
