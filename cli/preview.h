/* A preview of what the daemon would do with a verdict under its settings. It has the milter's action for a recipient
 * from a client that did not log in, and the map's replies. preview_init() computes the preview; the other functions
 * print it or use it. */
#ifndef CLI_PREVIEW_H
#define CLI_PREVIEW_H

#include "action.h"
#include "answer.h"
#include "map_reply.h"
#include "output.h"
#include "settings.h"

struct preview {
	struct decision decision;              /* the milter's decision */
	char reply[ANSWER_REPLY_SIZE + 16];    /* the milter's reply to the recipient for ACTION_REFUSE; else "" */
	char header[ANSWER_HEADER_SIZE + 256]; /* the header field if the milter adds one; else "" */
	char *map[MAP_DIALECTS];               /* the payload of the map's reply in each dialect; owned */
	bool dane_fails; /* the map answers `dane-only`, but no hop passes DANE, so the MTA defers */
};
/* `facts` are the facts that led to `verdict`. The map's replies are computed from these facts. */
void preview_init(struct preview *preview, const struct verdict *verdict, const struct facts *facts,
	const struct settings *settings);
void preview_free(struct preview *preview);

/* Returns whether the map makes the MTA defer: its reply is TEMP, or it is `dane-only` and no hop passes DANE. Dialect
 * `sts` is not looked at: it differs only where DANE fails, and Sendmail notices that by itself. */
bool preview_holds(const struct preview *preview);

void preview_print(const struct preview *preview);
/* Adds the members milter, map, maps and map_holds of `query --json`. */
void preview_put(json_t *object, const struct preview *preview);

#endif
