/* A preview of what the daemon would do with a verdict under its settings: the milter, for a recipient of a client that
 * did not log in, and the map. preview_init() computes it; then the other functions print it or use it. */
#ifndef CLI_PREVIEW_H
#define CLI_PREVIEW_H

#include "action.h"
#include "answer.h"
#include "map_reply.h"
#include "output.h"
#include "settings.h"

struct preview {
	struct decision decision;              /* of the milter */
	char reply[ANSWER_REPLY_SIZE + 16];    /* the reply of ACTION_REFUSE; else "" */
	char header[ANSWER_HEADER_SIZE + 256]; /* the header field of a tagged message; else "" */
	char *map[MAP_DIALECTS];               /* the payload of the map's reply in each dialect; owned */
	bool dane_fails;                       /* the map answers `dane-only`, but no hop passes DANE: the MTA defers */
};
/* `facts` are those of the verdict; the map's replies are made from them. */
void preview_init(struct preview *preview, const struct verdict *verdict, const struct facts *facts,
	const struct settings *settings);
void preview_free(struct preview *preview);

/* Returns whether the map's reply makes the MTA defer. Dialect `sts` is ignored: its reply differs from the others
 * only where DANE fails, and Sendmail notices that by itself. */
bool preview_holds(const struct preview *preview);

void preview_print(const struct preview *preview);
/* Adds the members milter, map, maps and map_holds of `query --json`. */
void preview_put(json_t *object, const struct preview *preview);

#endif
