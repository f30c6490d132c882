/* The MTA's side of the milter protocol (spec M-21), enough for tests: exact replies, and every action at the end of a
 * message. */
#ifndef UNIT_MILTER_CLIENT_H
#define UNIT_MILTER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define MILTER_REPLY_SIZE 16384

struct milter_client {
	int fd;
	uint32_t actions, steps; /* as negotiated */
	char macros[1024];       /* the lists that the milter requested, `STAGE:list;` each */
};

/* Connects and negotiates as Postfix does; milter_client_open() connects to a UNIX socket. */
bool milter_client_connect(struct milter_client *client, const struct sockaddr *address, socklen_t len);
bool milter_client_open(struct milter_client *client, const char *path);
void milter_client_close(struct milter_client *client);
/* Sends the macros of a stage: name, value, ..., NULL. */
bool milter_client_macros(struct milter_client *client, char stage, const char *const *pairs);
bool milter_client_send(struct milter_client *client, char command, const void *data, size_t len);
/* Reads one frame: returns its letter, and puts its text into `out`. Returns 0 if none arrives within ten seconds, or
 * at the end. */
char milter_client_read(struct milter_client *client, char out[MILTER_REPLY_SIZE], size_t *len);

/* Sends MAIL. `user` is {auth_authen}, or NULL. */
bool milter_client_mail(struct milter_client *client, const char *user);
/* The same with a sender in angle brackets, and {client_addr}, or NULL. */
bool milter_client_mail_from(struct milter_client *client, const char *sender, const char *address, const char *user);
/* Sends MAIL with the parameter REQUIRETLS, as Postfix 3.11 passes it on. */
bool milter_client_mail_requiretls(struct milter_client *client, const char *sender);
/* Sends RCPT. Returns `c`, the text of a reply such as `451 4.7.5 ...`, or another letter; "" if nothing arrived.
 * Macros that are NULL are not sent. */
const char *milter_client_rcpt(struct milter_client *client, const char *argument, const char *mailer, const char *host,
	const char *queue_id, char out[MILTER_REPLY_SIZE]);
bool milter_client_header(struct milter_client *client, const char *name, const char *value);
/* Sends the end of the message. Returns one line for each action (`insert 1 NAME: VALUE`, `change INDEX NAME: VALUE`,
 * `quarantine REASON`), then the letter. */
const char *milter_client_end(struct milter_client *client, const char *queue_id, char out[MILTER_REPLY_SIZE]);

#endif
