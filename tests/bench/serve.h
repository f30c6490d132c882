/* Servers on the loopback network for programs that play the world around stsgated: DNS (port 53), policy hosts (443) and
 * mail hosts (25), each at all addresses. The mail host of a domain is mx.DOMAIN; each host has a certificate of its own.
 *
 * The program says which names exist, and how each host behaves. Its functions are called on the threads of the servers. */
#ifndef BENCH_SERVE_H
#define BENCH_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#define SERVE_DNS 53
#define SERVE_HTTPS 443
#define SERVE_SMTP 25

/* How a host treats one connection. */
enum conduct {
	CONDUCT_GOOD,
	CONDUCT_CLEAR,  /* a mail host that offers no STARTTLS */
	CONDUCT_OTHER,  /* presents a certificate for another name */
	CONDUCT_REFUSE, /* a greeting of 421, or HTTP status 503 */
	CONDUCT_HANGUP, /* closes the connection at once */
	CONDUCT_SILENT, /* never sends anything */
	CONDUCTS
};

struct serve_rules {
	unsigned threads;                        /* of each of the ports 443 and 25; a connection holds one */
	bool (*dns_is_silent)(const char *name); /* NULL: never */
	bool (*has_record)(const char *domain);  /* _mta-sts.DOMAIN */
	const char *(*mode)(const char *domain); /* of its policy */
	uint32_t (*address)(const char *host);   /* of mta-sts.DOMAIN and mx.DOMAIN, in 127.0.0.0/8 */
	enum conduct (*meet)(uint32_t address, uint16_t port); /* when a connection has arrived */
	/* When it has ended. `whole`: the client has certainly learned what the conduct is to show. NULL: nothing is done.
	 * A silent connection ends at once for this purpose. */
	void (*met)(uint32_t address, uint16_t port, enum conduct conduct, bool whole);
};

/* Starts the servers, then writes the certificate of their authority to the file. They serve until the process ends.
 * `rules` must stay. Raises the limit of descriptors. Any error ends the process. */
void serve_start(const struct serve_rules *rules, const char *ca_file);
/* Closes the connections of silent hosts. */
void serve_hang_up(void);

#endif
