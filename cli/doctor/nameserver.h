/* Asks single DNS servers single questions, to find out which answers they and the network in between let through. Uses
 * neither a cache nor the product's own DNS (io/dns.h), which hides such failures. Any thread. */
#ifndef CLI_NAMESERVER_H
#define CLI_NAMESERVER_H

#include "address.h"
#include "domain.h"
#include "settings.h"

#include <stdint.h>
#include <sys/socket.h>

#define NAMESERVERS_MAX 4
#define NAMESERVER_REPLY_MAX 65535
#define NAMESERVER_UDP_SIZE 1232 /* octets of an answer over UDP, as the product's own DNS asks for */

struct nameserver {
	struct sockaddr_storage address;
	socklen_t len;
	char text[80]; /* for people: only characters of addresses */
};
/* Lists the servers of a setting (addr or addr@port), or of resolv.conf if `configured` is NULL or empty. Without any there,
 * 127.0.0.1 is the server (resolv.conf(5)). Returns how many, at most NAMESERVERS_MAX; further ones are left out. */
size_t nameservers_find(const struct settings_list *configured, struct nameserver out[NAMESERVERS_MAX]);

enum nameserver_way {
	NAMESERVER_PLAIN, /* over UDP without extensions: the answer has 512 octets at most */
	NAMESERVER_EDNS,  /* over UDP, up to NAMESERVER_UDP_SIZE octets, with DNSSEC signatures (RFC 6891, RFC 3225) */
	NAMESERVER_TCP    /* the same over TCP */
};
struct nameserver_reply {
	bool answered;
	unsigned rcode;
	bool truncated;      /* TC: the answer did not fit */
	bool authentic;      /* AD: the server claims to have validated the answer */
	unsigned records;    /* of the type asked for */
	unsigned signatures; /* RRSIG records in the answer */
	unsigned type;
	size_t len;
	uint8_t bytes[NAMESERVER_REPLY_MAX];
};

/* Asks, at most twice over UDP, and waits. `name` is a name in presentation form. Returns out->answered. */
bool nameserver_ask(const struct nameserver *server, const char *name, unsigned type, enum nameserver_way way,
	int timeout_ms, struct nameserver_reply *out);
/* Reads out->bytes, of length out->len, as the answer to a question of the type out->type with this id. Sets the other
 * members, and returns out->answered: false for anything that is not such an answer. Pure. */
bool nameserver_reply_read(struct nameserver_reply *out, uint16_t id);
/* Collect from an answer at most `max` addresses (A, AAAA), or hosts of MX records. Return how many. Pure. */
size_t nameserver_addresses(const struct nameserver_reply *reply, struct address *out, size_t max);
size_t nameserver_mx(const struct nameserver_reply *reply, struct domain *out, size_t max);

#endif
