/* What the daemon would do with a verdict, by its settings: the milter's table of design 6 (recipient of a client that
 * did not log in), and the map. */
#ifndef CLI_PREVIEW_H
#define CLI_PREVIEW_H

#include "action.h"
#include "answer.h"
#include "map_reply.h"
#include "output.h"
#include "settings.h"

struct preview {
	struct decision decision;
	char reply[ANSWER_REPLY_SIZE + 16];    /* of ACTION_REFUSE; else "" */
	char header[ANSWER_HEADER_SIZE + 256]; /* when the message is tagged; else "" */
	char *map[MAP_DIALECTS];               /* a socketmap reply's payload in each dialect, owned */
	bool dane_fails;                       /* the map says `dane-only`, which no mail host passes: the MTA waits */
};
/* `facts` are those that the verdict was made from: the map answers by them, too. */
void preview_init(struct preview *preview, const struct verdict *verdict, const struct facts *facts,
	const struct settings *settings);
void preview_free(struct preview *preview);

/* By the map's answer the MTA waits. `sts` is not asked: where it differs, DANE fails, which Sendmail sees by itself. */
bool preview_holds(const struct preview *preview);

void tell_preview(const struct preview *preview);
json_t *describe_milter(const struct preview *preview);
json_t *describe_maps(const struct preview *preview); /* by the map's name */

#endif
