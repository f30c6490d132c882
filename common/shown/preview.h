/* A preview of what the daemon would do with a verdict under its settings, and of what the MTA would do then. It has the
 * milter's action and the reply of policy delegation for a recipient from a client that did not log in, and the map's
 * replies. preview_init() computes the preview; the other functions use it. */
#ifndef SHOWN_PREVIEW_H
#define SHOWN_PREVIEW_H

#include "action.h"
#include "answer.h"
#include "map_reply.h"
#include "settings.h"

#include <jansson.h>

#define PREVIEW_SENTENCE_SIZE 1200
struct preview {
	struct verdict front;               /* the verdict of the front ends: that of the question, or an override's */
	struct decision decision;           /* the milter's decision */
	bool after_header;                  /* tls_required_no = headers: the milter refuses messages, not recipients */
	char reply[ANSWER_REPLY_SIZE + 16]; /* the milter's reply to the recipient for ACTION_REFUSE; else "" */
	char header[ANSWER_HEADER_SIZE + 256];  /* the header field if the milter adds one; else "" */
	char delegation[DELEGATION_REPLY_SIZE]; /* the reply of policy delegation, without line ends */
	char *map[MAP_DIALECTS];                /* the payload of the map's reply in each dialect; owned */
	/* The map binds the MTA, but every mail host fails what the MTA would demand, so the MTA defers. */
	bool bound_fails;
	bool has_level; /* default_level = verify binds the delivery, because nothing that the domain publishes does */
	struct verdict level; /* with `has_level`: whether the mail hosts satisfy it (verdict_default()) */
	char postfix[PREVIEW_SENTENCE_SIZE];  /* what a Postfix that asks the map would do */
	char sendmail[PREVIEW_SENTENCE_SIZE]; /* what a Sendmail that asks the map `sts` would do */
};
/* `facts` are the facts that led to the verdict `asked`. The map's replies are computed from these facts, and so is the
 * milter's verdict if an override is in force. */
void preview_init(struct preview *preview, const struct verdict *asked, const struct facts *facts,
	const struct settings *settings);
void preview_free(struct preview *preview);

/* Returns whether the map makes the MTA defer: its reply is TEMP, or it binds the MTA and every mail host is bad. Dialect
 * `sts` is not looked at: it differs only where DANE fails, and Sendmail notices that by itself. */
bool preview_holds(const struct preview *preview);

/* Returns what the MTA does after the milter has answered, as a sentence. */
const char *preview_milter(const struct preview *preview);
/* Adds the members milter, delegation, map, maps, map_holds, default_level and mta of `query --json`. */
void preview_put(json_t *object, const struct preview *preview);

#endif
