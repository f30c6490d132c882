/* A DNS server's port on the loopback address, UDP and TCP, served by a thread. */
#ifndef TEST_DNS_PORT_H
#define TEST_DNS_PORT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_PORT_MAX 60000

/* Writes the reply to a query into `reply` and returns its length; 0: no reply. Called on the port's thread. */
typedef size_t dns_port_respond(void *arg, const uint8_t *query, size_t len, uint8_t reply[DNS_PORT_MAX], bool udp);

struct dns_port {
	uint16_t number;
	int udp, tcp, stop[2];
	pthread_t thread;
	dns_port_respond *respond;
	void *arg;
};

void dns_port_open(struct dns_port *port, dns_port_respond *respond, void *arg);
void dns_port_close(struct dns_port *port);
/* A dns_port_respond: answers each question for A with 127.0.0.1, and others with nothing. */
dns_port_respond dns_port_loopback;

#endif
