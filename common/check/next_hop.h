/* Makes a question from a next hop, including the service names that only this machine's table of services knows. */
#ifndef CHECK_NEXT_HOP_H
#define CHECK_NEXT_HOP_H

#include "question.h"

/* Like question_from_next_hop(), but a service name in place of a port is looked up. Never fails: see question.h. Any
 * thread. */
void next_hop_question(struct question *out, const char *bytes, size_t len, enum purpose purpose);

#endif
