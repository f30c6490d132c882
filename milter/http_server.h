/* HTTP for monitoring: GET or HEAD. /healthz is for a supervisor: 200 with `ok`, or with `degraded:` and the conditions
 * (check/trouble), when the store can be read, else 503 and the reason. /metrics has the metrics in OpenMetrics' text
 * form, after `collect`. One request a connection. A service of the server; own code, since evhttp bounds neither the
 * number of its connections nor the time of a request. */
#ifndef MILTER_HTTP_SERVER_H
#define MILTER_HTTP_SERVER_H

#include "front_end.h"

#define HTTP_REQUEST_MAX 4096
#define HTTP_CLIENTS_MAX 64

struct service *http_server_new(const struct front_end_parts *parts);

#endif
