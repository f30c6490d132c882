/* The collector: receives the sessions that Postfix reports at tlsrpt_socket, and sends sessions to another collector (settings
 * tlsrpt, tlsrpt_socket and tlsrpt_forward; design 8.2, 8.3).
 *
 * tlsrpt = collect: a thread of its own receives datagrams, reads them, and gives the sessions to the sink. It waits for nothing
 * else: a thread that waits for the disk loses datagrams. With tlsrpt_forward it sends each valid datagram on, unchanged.
 * tlsrpt = feed: sends sessions of this relay to tlsrpt_socket. What cannot be sent at once is lost, and counted. */
#ifndef MILTER_TLSRPT_COLLECTOR_H
#define MILTER_TLSRPT_COLLECTOR_H

#include "listener.h"
#include "settings.h"
#include "tlsrpt_session.h"

/* Sets up the listener of tlsrpt_socket: it is on if tlsrpt = collect and the setting is not empty. */
bool tlsrpt_collector_listener(struct listener *listener, const struct settings *settings, struct failure *why);

struct tlsrpt_collector;
/* Makes the sockets. The process may still be root. The settings must outlive the collector. Returns NULL on failure. */
struct tlsrpt_collector *tlsrpt_collector_new(
	const struct settings *settings, const struct listener_access *access, struct failure *why);
/* Starts the thread, if there is a socket to receive at. `sink` is called on it for each session; it must not wait. Fails with
 * EX_OSERR. */
bool tlsrpt_collector_start(struct tlsrpt_collector *collector,
	void (*sink)(void *arg, const struct tlsrpt_session *session), void *arg, struct failure *why);
/* Sends a session of this relay to tlsrpt_socket (tlsrpt = feed). `collector` is a struct tlsrpt_collector. Any thread; never
 * waits. */
void tlsrpt_collector_feed(void *collector, const struct tlsrpt_session *session);
/* Gives the sink what has arrived, and stops the thread. Waits for it. The socket stays, so that nobody else takes its place.
 * Does nothing if `collector` is NULL. */
void tlsrpt_collector_stop(struct tlsrpt_collector *collector);
/* Frees a collector that was stopped or never started, removes its socket, and sets the pointer to NULL. */
void tlsrpt_collector_free(struct tlsrpt_collector **collector);

#endif
