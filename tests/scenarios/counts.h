/* What the product counts, in a case: how much the metrics grew since the last question began. */
#ifndef SCENARIOS_COUNTS_H
#define SCENARIOS_COUNTS_H

#include "scene.h"

/* A question begins: what grows is counted from here. With work under way from before, the remote work cannot be told
 * apart and is not checked. */
void counts_question(struct scene *scene);
/* One way of asking begins, and has ended: exactly one verdict was counted for it, that of scene->outcome. */
void counts_ask(void);
void counts_asked(struct scene *scene);
/* All work has ended: so many refreshes, as given, were counted once each, and each remote want that was sent out. */
void counts_refreshed(struct scene *scene, unsigned refreshes);
void counts_settled(struct scene *scene);

/* counted NAME[{LABEL="VALUE",...}] N: all series that have these labels, together */
bool expect_counted(struct scene *scene, const struct words *words);

#endif
