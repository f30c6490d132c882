/* A next hop made a question as core/question does it, with the ports of services that only this machine's table has.
 * Any thread. */
#ifndef CHECK_NEXT_HOP_H
#define CHECK_NEXT_HOP_H

#include "question.h"

void next_hop_question(struct question *out, const char *bytes, size_t len, enum purpose purpose);

#endif
