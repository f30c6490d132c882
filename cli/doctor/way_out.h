/* Tries connections to other machines: to a policy host, or to a mail host, which is asked whether it offers STARTTLS. Sends
 * no mail and makes no TLS handshake. */
#ifndef CLI_WAY_OUT_H
#define CLI_WAY_OUT_H

#include "address.h"
#include "domain.h"
#include "settings.h"

#define WAY_OUT_MAX 10 /* targets in one call */

struct way_out {
	/* set by the caller */
	char host[DOMAIN_SIZE];
	struct address address; /* len 0: the host's address is looked up */
	uint16_t port;
	bool smtp;  /* talk SMTP; otherwise only connect */
	bool proxy; /* the operator's own proxy */
	/* the results */
	bool found; /* there is an address */
	bool connected;
	bool starttls;   /* offered */
	bool plain;      /* EHLO was answered, and STARTTLS was not offered */
	bool mangled;    /* letters XXXX or **** in the greeting or the reply to EHLO, as some firewalls write them */
	int err;         /* the errno if it was not connected; ETIMEDOUT: no answer */
	char words[128]; /* the peer's own words, if it answered neither way; quoted */
};
/* Tries all targets at the same time. Uses the settings dns_servers, probe_bind and probe_helo. */
void way_out_try(struct way_out *target, size_t count, const struct settings *settings);

/* Chooses the first address to which the daemon would connect, too: one that is not globally reachable needs fetch_private
 * or probe_private, unless it is the proxy's. Returns false if there is none. */
bool way_out_choose(struct way_out *target, const struct address *list, size_t count, const struct settings *settings);

/* Looks up the addresses of a host, or the hosts of a domain's MX records, by the DNS servers of the settings. Return how many
 * were found. */
size_t way_out_addresses(const char *host, const struct settings *settings, struct address *out, size_t max);
size_t way_out_mx(const char *domain, const struct settings *settings, struct domain *out, size_t max);

#endif
