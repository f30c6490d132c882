/* HTTP for the supervisor: GET or HEAD /healthz, 200 `ok` when the store can be read, else 503 and the reason. One
 * request a connection. A service of the server; own code, since evhttp bounds neither the number of its connections
 * nor the time of a request. */
#ifndef MILTER_HTTP_SERVER_H
#define MILTER_HTTP_SERVER_H

#include "server.h"
#include "store.h"

#define HTTP_REQUEST_MAX 4096
#define HTTP_CLIENTS_MAX 64

struct http_server;
struct http_server *http_server_new(struct store *store); /* outlives the HTTP server */
const struct service *http_server_service(const struct http_server *http);
/* After the server's thread has ended. */
void http_server_free(struct http_server **http);

#endif
