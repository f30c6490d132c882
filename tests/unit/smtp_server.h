/* A scripted SMTP server on a port of its own, for tests. */
#ifndef TESTS_SMTP_SERVER_H
#define TESTS_SMTP_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#define SMTP_SERVER_BYTES 65536

/* Replies without their line end; NULL: the usual one; "": silence from here on; "-": the connection is closed. */
struct smtp_script {
	const char *greeting, *ehlo, *mail, *rcpt, *data, *end;
};
struct smtp_server {
	struct smtp_script script;
	char address[32]; /* 127.0.0.1:PORT */
	atomic_uint connections, messages;
	/* of the newest connection */
	char commands[2048];
	char message[SMTP_SERVER_BYTES];
	int listener, stop[2];
	pthread_t thread;
};
/* `script` NULL: the usual replies. */
void smtp_server_start(struct smtp_server *server, const struct smtp_script *script);
void smtp_server_stop(struct smtp_server *server);

#endif
