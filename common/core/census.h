/* A census: what all entries and hop records of a store show together, and in which networks the mail hosts are.
 *
 * census_begin(); census_entry() for each entry and census_hop() for each hop record; census_end(). All of them are judged at
 * the time at which the census began, however long the reading takes. The struct is large: allocate it. Pure; any thread, but
 * one thread at a time for one struct. */
#ifndef CORE_CENSUS_H
#define CORE_CENSUS_H

#include "entry.h"
#include "evidence.h"
#include "verdict_record.h"

#define CENSUS_MODES 3         /* POLICY_NONE, POLICY_TESTING and POLICY_ENFORCE */
#define CENSUS_NO_POLICY 3     /* label value of METRIC_DOMAINS, after the modes */
#define CENSUS_EXPIRES_S 86400 /* see `expiring` */
#define CENSUS_NETWORKS_MAX                                                                                            \
	4096 /* networks that are counted one by one; the mail hosts in others are counted together */
#define CENSUS_COUNTRIES_MAX (26 * 26)

/* A hop by its evidence alone, without regard to the policies of the domains that use it. */
enum census_hop { CENSUS_GOOD, CENSUS_BAD, CENSUS_UNKNOWN, CENSUS_HOPS };
const char *census_hop_name(enum census_hop state); /* `good`, `bad`, `unknown` */

struct census_network {
	uint32_t asn;    /* the autonomous system; 0: unknown, `prefix` stands for the network */
	uint64_t prefix; /* address_network(), if the autonomous system is unknown; else 0 */
	uint32_t hops, good, bad;
	char country[8]; /* of all hops there, or "" if they are in several countries or in none that is known */
};
struct census_country {
	char country[8];
	uint32_t hops;
};

struct census {
	int64_t at;         /* when it began (wall clock, seconds); 0: there is none yet */
	int64_t hard_age_s; /* of evidence: setting probe_ttl_max */
	/* Set by the caller: all entries, all hop records of the store were read. */
	bool entries_whole, hops_whole;

	uint64_t domains;
	uint64_t stored[CENSUS_MODES];   /* domains by the mode of their policy */
	uint64_t in_force[CENSUS_MODES]; /* the same, without policies that have expired */
	uint64_t without;                /* domains without a policy */
	uint64_t failing;                /* the newest lookup or fetch has failed */
	/* Of these, domains with a policy in force that is to be renewed, binds somebody (testing, enforce) and ends within
	 * CENSUS_EXPIRES_S. */
	uint64_t expiring;
	uint64_t due;             /* for a refresh */
	int64_t oldest_due_at;    /* since when the domain that has been due longest is due; 0: none is */
	char oldest[DOMAIN_SIZE]; /* that domain, or "" */

	uint64_t hops[CENSUS_HOPS];
	/* Where hops were when they were last good. A hop that never was good is not in these counts. */
	uint64_t located;        /* such hops */
	uint64_t other_networks; /* of these, in networks beyond CENSUS_NETWORKS_MAX */
	size_t network_count, country_count;
	struct census_network network[CENSUS_NETWORKS_MAX]; /* after census_end(): those with the most hops first */
	struct census_country country[CENSUS_COUNTRIES_MAX];
};

/* Empties the struct. `now`: wall clock, seconds. `hard_age_s`: age past which evidence no longer counts (probe_ttl_max). */
void census_begin(struct census *census, int64_t now, int64_t hard_age_s);
void census_entry(struct census *census, const struct entry *entry);
void census_hop(struct census *census, const struct hop_record *record);
/* Sorts the networks and the countries. */
void census_end(struct census *census);

/* Returns what the evidence says about a hop. If usable TLSA records are known, the evidence by them decides (RFC 7672);
 * otherwise that by the trust store. */
enum census_hop census_hop_state(const struct hop_record *record, int64_t now, int64_t hard_age_s);

/* Domains by the reason for which their mail waits, or would wait: see verdict_record_waits() and
 * verdict_record_would_wait(). A domain counts once for each reason, whichever front ends have recorded it. */
struct census_mail {
	uint32_t waiting[REASON_COUNT], would_wait[REASON_COUNT];
};
void census_mail(struct census_mail *out, const struct verdict_record *record, size_t count, int64_t now);

#endif
