/* Which format a client wants, by the Accept fields of its request (RFC 9110 12.5.1). Prometheus and browsers list the
 * formats that they read, each with a weight. An element that cannot be read counts as absent, and `*` names no format.
 * Pure; any thread. */
#ifndef MILTER_HTTP_ACCEPT_H
#define MILTER_HTTP_ACCEPT_H

#include "span.h"

/* Returns whether the head of a request asks for OpenMetrics 1.0.0 at least as much as for plain text. A client that
 * accepts anything gets plain text. */
bool http_accepts_openmetrics(struct span head);
/* Returns whether the head of a request asks for JSON more than for HTML. A client that accepts anything gets HTML. */
bool http_accepts_json(struct span head);

#endif
