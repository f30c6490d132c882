/* Which format of the metrics a client wants, by the Accept fields of its request (RFC 9110 12.5.1). Prometheus lists the
 * formats that it reads, each with a weight. Pure; any thread. */
#ifndef MILTER_HTTP_ACCEPT_H
#define MILTER_HTTP_ACCEPT_H

#include "span.h"

/* Returns whether the head of a request asks for OpenMetrics 1.0.0 at least as much as for plain text. An element that
 * cannot be read counts as absent. A client that accepts anything gets plain text. */
bool http_accepts_openmetrics(struct span head);

#endif
