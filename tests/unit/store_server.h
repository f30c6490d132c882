/* A shared store as the test wants it: a listening UNIX socket and the test's own thread, which reads commands and writes
 * whatever it likes as replies. */
#ifndef TEST_STORE_SERVER_H
#define TEST_STORE_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#define SERVER_PATIENCE_MS 60000

struct store_server {
	char directory[64], path[96], setting[128]; /* setting: for fleet_server */
	int listening;
};
void server_open(struct store_server *server);
void server_close(struct store_server *server);
/* Returns the next connection, or -1 if none comes within `ms`. */
int server_accept(struct store_server *server, int ms);
/* Reads one command, and checks that it has these words, with blanks between them. */
void server_expect(int fd, const char *words);
/* Reads one command into `words`. Returns whether there was one; false: the connection was closed. */
bool server_read(int fd, char *words, size_t size);
/* Writes a reply. Stops if the other side has closed the connection. */
void server_write(int fd, const char *bytes, size_t len);
void server_say(int fd, const char *reply);
/* Answers TIME with this machine's clock and `ahead_s`. */
void server_greet(int fd, long ahead_s);

#endif
