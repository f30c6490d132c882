/* A DNS server over zones of the test, which ldns signs. It is authoritative for all of them. It is asked like a
 * forwarder, but does not follow a CNAME out of a zone. */
#ifndef TEST_SIGNED_SERVER_H
#define TEST_SIGNED_SERVER_H

#include <stdint.h>

enum server_mood {
	SERVER_HONEST,
	SERVER_STRIPS, /* like a server without DNSSEC: no signatures, no proofs of absence */
	SERVER_SILENT
};

enum signing { SIGNED, UNSIGNED, SIGNED_LONG_AGO };

/* Children come before their parents, which get the children's DS records. */
struct signed_zone {
	const char *apex, *text; /* with SOA and NS */
	enum signing signing;
	const char *bare; /* a name whose records have lost their signatures; may be NULL */
};

struct signed_server;
struct signed_server *signed_server_start(const struct signed_zone *zones, unsigned count);
void signed_server_stop(struct signed_server *server);
uint16_t signed_server_port(const struct signed_server *server);
void signed_server_mood(struct signed_server *server, enum server_mood mood);
/* Writes the DS records of a zone into a new file below /tmp. */
void signed_server_anchor(const struct signed_server *server, const char *apex, char path[64]);

#endif
