/* What the milter remembers of one message between MAIL and its end. Not shared: one callback of a session runs at a
 * time. */
#ifndef MILTER_MESSAGE_H
#define MILTER_MESSAGE_H

#include "answer.h"
#include "config.h"
#include "report.h"
#include "text.h"
#include "verdict.h"

#define MESSAGE_TAGS_MAX 100 /* verdicts remembered, one a policy domain */

struct message {
	struct config *config; /* the settings of this message, whatever a reload does meanwhile; NULL: no message */
	int64_t waited_ms;     /* of milter_wait */
	unsigned forged;       /* headers with our name */
	bool unjudged;         /* the daemon ends, and a recipient was taken all the same */
	bool held;
	struct verdict held_for;    /* the first verdict that asked for it */
	struct verdict_logged told; /* of domains that go unchecked */
	unsigned recipients;
	bool many_domains; /* recipients in more than one domain */
	char first_domain[DOMAIN_SIZE];
	struct verdict *tag;
	unsigned tag_count, tag_room;
	unsigned tags_left_out;
};

void message_begin(struct message *message, struct config *config); /* takes the reference; ends the message before */
void message_end(struct message *message);
/* A recipient's domain, judged or not. */
void message_recipient(struct message *message, const char *recipient);
/* A verdict to tell in a header; the worse of two for one policy domain. */
void message_tag(struct message *message, const struct verdict *verdict);
void message_hold(struct message *message, const struct verdict *verdict);
/* The header for tag `i` into `out`. False when an earlier one reads the same. */
bool message_header(const struct message *message, unsigned i, struct text *out);

#endif
