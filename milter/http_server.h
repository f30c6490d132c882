/* HTTP for monitoring, as a service of the server (server.h). Answers GET and HEAD, one request per connection.
 *
 * /healthz is for a supervisor. If the store can be read, it returns 200 with `ok`, or with `degraded:` and a list of
 * conditions (design 6.10). If the store cannot be read, it returns 503 and the cause. /metrics returns the metrics in
 * the text format of Prometheus, or in OpenMetrics if the client asks for it. The other paths are those of the status page
 * (page.h), which only clients on this machine get.
 *
 * libevent's HTTP server is not used, because it limits neither connections nor the time of a request (design 3.4). All
 * functions run on the server's first thread. */
#ifndef MILTER_HTTP_SERVER_H
#define MILTER_HTTP_SERVER_H

#include "front_end.h"

#define HTTP_REQUEST_MAX 4096 /* octets of a request's head */
#define HTTP_CLIENTS_MAX 64

/* Makes the service; see service_new in front_end.h. */
struct service *http_server_new(const struct front_end_parts *parts);

#endif
