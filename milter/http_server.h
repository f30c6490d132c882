/* HTTP for those who watch: GET or HEAD. /healthz is for a supervisor, 200 `ok`, or `degraded:` and the
 * conditions (check/trouble), when the store can be read, else 503 and the reason; /metrics tells the metrics in OpenMetrics' text form. One request a connection. A service of the
 * server; own code, since evhttp bounds neither the number of its connections nor the time of a request. */
#ifndef MILTER_HTTP_SERVER_H
#define MILTER_HTTP_SERVER_H

#include "server.h"
#include "store.h"

#define HTTP_REQUEST_MAX 4096
#define HTTP_CLIENTS_MAX 64

struct http_server;
/* `store`, and what `collect` uses, outlive the HTTP server. `collect` is called before metrics are told, to set those
 * that are looked at only then; on the loop's thread. */
struct http_server *http_server_new(struct store *store, void (*collect)(void *arg), void *arg);
const struct service *http_server_service(const struct http_server *http);
/* After the server's thread has ended. */
void http_server_free(struct http_server **http);

#endif
