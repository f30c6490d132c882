/* The clients of one service: slots, buffers, time limits. Private to the server; the loop's thread only. */
#ifndef LOOP_CLIENT_H
#define LOOP_CLIENT_H

#include "server.h"

struct client_table;

struct client_table *client_table_new(struct loop *loop, const struct service *service);
void client_table_free(struct client_table **table);
const struct service *client_table_service(const struct client_table *table);
/* Takes the descriptor over. Full: hangs up. */
void client_table_accept(struct client_table *table, int fd);
unsigned client_table_count(const struct client_table *table);
/* Answers that are still to come, also those to clients that are gone. */
unsigned client_table_waits(const struct client_table *table);
/* Reads no more; hangs up on each client when what it has asked is answered. */
void client_table_drain(struct client_table *table);
/* Lets every wait expire now and hangs up on all. */
void client_table_end(struct client_table *table);

#endif
