/* Makes a question from a next hop. A service name in place of a port is looked up in this machine's table of services. */
#ifndef CHECK_NEXT_HOP_H
#define CHECK_NEXT_HOP_H

#include "question.h"

/* Fills `out` like question_from_next_hop() and never fails. Any thread. */
void next_hop_question(struct question *out, const char *bytes, size_t len, enum purpose purpose);

#endif
