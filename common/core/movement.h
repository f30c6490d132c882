/* The networks in which a policy domain's mail hosts have been seen, and whether all of them have moved elsewhere.
 *
 * A network is an autonomous system. Where no system is known, the /24 or /48 of an address stands for the network. Owners
 * move their domains to other providers now and then. Somebody who diverts mail also makes the mail hosts appear in other
 * networks, and often has a new certificate. So a movement is a sign, and never changes a verdict. Times are wall-clock
 * seconds. Pure; any thread. */
#ifndef CORE_MOVEMENT_H
#define CORE_MOVEMENT_H

#include "address.h"
#include "event_record.h"
#include "evidence.h"
#include "fields.h"
#include "record.h"

#define DOMAIN_NETWORKS_MAX 16
#define DOMAIN_LEAVES_MAX 8
#define NETWORK_SETTLES_S 86400      /* the hard age of evidence: by then every mail host was seen where it is now */
#define NETWORK_NOTED_S 86400        /* last_at is behind by at most this time */
#define MOVEMENT_FRESH_S (48 * 3600) /* a certificate that is younger counts as new */

/* A network in which a mail host of the domain was good. */
struct domain_network {
	int64_t first_at, last_at; /* last_at: on which day, see NETWORK_NOTED_S */
	uint32_t asn;              /* 0: unknown; `prefix` is then the network's identity */
	uint64_t prefix;           /* address_network() of an address there, the newest */
	char country[8];           /* of that address, or "" */
	uint16_t families;         /* NETWORK_IPV4, NETWORK_IPV6 or both: of the addresses there */
	/* The network is a home of the domain: a host was there at first contact, or the movement was reported. A network
	 * also becomes a home NETWORK_SETTLES_S after first_at. While the hosts of a domain move one by one, the new network
	 * of the first one must not be a home for the others, or nobody would notice that all have moved. */
	bool settled;
};
enum { NETWORK_IPV4 = 1, NETWORK_IPV6 = 2 };

/* What the store keeps of a domain, in a table of its own. Zeroed, with `domain` set: nothing is known. */
struct domain_networks {
	char domain[DOMAIN_SIZE];
	struct domain_network network[DOMAIN_NETWORKS_MAX]; /* those with first_at 0 are absent */
	/* As they were when all mail hosts were last seen at home: the names in the MX set (movement_names()), the id of the policy,
	 * and the certificates of hosts that were good, the newest first (evidence.leaf; 0: absent). */
	uint64_t names;
	char policy_id[RECORD_ID_MAX + 1];
	uint64_t leaf[DOMAIN_LEAVES_MAX];
};
extern const struct fields domain_networks_table;
/* Encode for the store, and decode: see entry_encode(). */
struct bytes domain_networks_encode(const struct domain_networks *networks);
bool domain_networks_decode(struct domain_networks *out, const void *bytes, size_t len);

/* Where an address of a mail host lies now. */
struct mx_place {
	const char *host;
	struct address address;
	uint32_t asn; /* 0: unknown */
	char country[8];
	bool hostile; /* the database of networks warns of the network */
	/* The newest evidence of the host, if it is about this address; else NULL. */
	const struct evidence *seen;
};
/* All that is known at the end of an inquiry. */
struct mx_places {
	const struct mx_place *place;
	size_t count;
	bool whole;     /* each mail host has a place here */
	uint64_t names; /* in the MX set */
	const char *policy_id;
	int64_t now;
};
/* Returns a number for the names of an MX set, which does not depend on their order: the sum of this for each name. */
uint64_t movement_name(const char *host);

/* How the domain has moved. */
struct movement {
	bool moved; /* every address is in a network that is no home of the domain */
	enum event_severity severity;
	/* What raises the severity. */
	const struct mx_place *failing; /* a host there fails the probe: an error */
	const struct mx_place *hostile; /* the database warns of the network: a warning, like the next two */
	/* A host there shows a certificate that is young, and that we have not seen before. NULL if new MX names came with a
	 * new policy. */
	const struct mx_place *fresh;
	bool renamed;                        /* the MX records have other names, and the policy is the same */
	const struct domain_network *before; /* where the domain was last; points into `known` */
};
/* Compares the places with the networks of the domain. Nothing has moved in each of these cases: the domain has no
 * networks yet; one of the places is in a network that is home (another country in the same system is no movement); a place
 * cannot be compared, because its system is known only now, or only before, or because the domain was never seen under
 * this family of addresses and its mail hosts have the same names. */
struct movement movement_judge(const struct domain_networks *known, const struct mx_places *places);

/* Adds what good evidence shows: its network at once, and the rest when that network is a home. `moved`: movement_judge()
 * has found a movement, and it was reported. The network that was not seen for the longest time leaves first. Returns
 * whether anything changed that is worth a write. */
bool movement_learn(struct domain_networks *networks, const struct mx_places *places, bool moved);

/* Returns the network of the domain in which an address lies, or NULL. */
const struct domain_network *movement_network(
	const struct domain_networks *networks, uint32_t asn, const struct address *address);

#endif
