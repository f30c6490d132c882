/* HTTP for monitoring, as a service of the server. Answers GET and HEAD, one request per connection.
 *
 * /healthz is for a supervisor. If the store can be read, it answers 200 with `ok`, or with `degraded:` and a list of
 * conditions (design 6.10). Otherwise it answers 503 and the reason. /metrics returns the metrics in OpenMetrics text
 * form. This is our own code, because libevent's server limits neither connections nor the time of a request (design
 * 3.4). Runs on the loop's thread. */
#ifndef MILTER_HTTP_SERVER_H
#define MILTER_HTTP_SERVER_H

#include "front_end.h"

#define HTTP_REQUEST_MAX 4096 /* octets of a request's head */
#define HTTP_CLIENTS_MAX 64

/* Makes the service; see service_new in front_end.h. */
struct service *http_server_new(const struct front_end_parts *parts);

#endif
