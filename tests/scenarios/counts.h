/* Checks of the metrics in a case: how much they grew since the last question began. */
#ifndef SCENARIOS_COUNTS_H
#define SCENARIOS_COUNTS_H

#include "scene.h"

/* Call it when a question begins: the checks below compare with this moment. If earlier work is still in progress, its
 * remote operations cannot be distinguished from those of the question, so remote operations are not checked. */
void counts_question(struct scene *scene);
/* Call them before and after a front end asks: checks that exactly one verdict was counted, that of scene->outcome. */
void counts_ask(void);
void counts_asked(struct scene *scene);
/* Call it when all work has ended: checks that this many refreshes, and each remote operation, were counted once. */
void counts_refreshed(struct scene *scene, unsigned refreshes);
void counts_settled(struct scene *scene);

/* counted NAME[{LABEL="VALUE",...}] N: the sum of all series that have these labels */
bool expect_counted(struct scene *scene, const struct words *words);

#endif
