/* One generation of the settings, with everything that is built from them: rules, DNS, fetcher, prober, sightings, networks. It is
 * immutable and has a reference count. A reload builds a whole new generation before it drops the old one; work that is
 * under way keeps the generation that it began with. Any thread. */
#ifndef CHECK_CONFIG_H
#define CHECK_CONFIG_H

#include "dns.h"
#include "facts.h"
#include "fetch.h"
#include "host_name.h"
#include "leaves.h"
#include "network.h"
#include "probe.h"
#include "settings.h"
#include "sightings.h"

#include <stdatomic.h>

#define CONFIG_BY_RECIPIENT "recipient" /* value of delegation_domain: there is no smart host */

struct config {
	const struct settings *settings;
	uint64_t number; /* of this generation in this process, from 1; never used twice */
	struct rules rules;
	char host[HOST_NAME_SIZE]; /* name of this machine */
	bool host_is_whole;        /* the name has a dot */
	struct dns *dns;
	struct trust *fetch_trust, *probe_trust; /* the same one where the settings name the same authorities */
	struct fetcher *fetcher;
	struct prober *prober;
	struct sightings *sightings; /* what this prober has seen */
	struct leaves *leaves;       /* certificates that it was shown; NULL: revocation = off */
	struct network_db *networks;
	atomic_uint references; /* to all of it */
	atomic_uint holders;    /* of the settings and rules: all references together count as one */
};

struct loops;
/* Builds a generation and returns it with one reference, or returns NULL with the reason in `why`. Takes over the
 * settings, even if it fails. The loops must outlive the generation. If `loops` is NULL, the generation can only judge
 * facts from the store: DNS, trust stores, fetcher, prober and networks stay NULL, and nothing is looked up. */
struct config *config_new(struct settings *settings, const struct loops *loops, struct failure *why);
/* The same for a daemon that starts: does not wait for the first test of dnssec = auto; inquiries wait for it instead.
 */
struct config *config_new_at_once(struct settings *settings, const struct loops *loops, struct failure *why);
/* Writes a warning about settings that work but are probably wrong, or "". Returns `out`. */
#define CONFIG_WARNING_SIZE 1024
const char *config_warning(const struct config *config, char out[CONFIG_WARNING_SIZE]);
/* Returns whether rule 2 (DANE comes first) applies at this moment: the MTA does DANE, and DNS lookups are validated.
 * Without loops, nobody knows whether they are, unless dnssec = on demands it. */
bool config_dane(const struct config *config);
/* Returns whether it is not known yet whether DNS lookups will be validated (dns_is_deciding()). config_dane() then assumes
 * that they will be. */
bool config_is_deciding(const struct config *config);
/* Adds the domains of a setting (form FORM_DOMAINS) to a list for names_cover(). Fails with EX_CONFIG, and a message that
 * begins with the setting's name, if one of them is no domain. The caller frees the list, also after a failure. */
bool config_names(struct names *list, const char *setting, const struct settings_list *values, struct failure *why);
/* Takes a reference. Returns `config`. */
struct config *config_ref(struct config *config);
/* Drops a reference and sets `*config` to NULL. Does nothing if it is NULL already. */
void config_unref(struct config **config);
/* Turns a reference into a hold on the settings, rules and names alone. The rest (DNS, fetcher, prober and what they need)
 * is freed with the last reference, so that somebody who is idle for minutes does not keep it; the members are then NULL
 * and must not be used. Returns `config`. */
struct config *config_keep(struct config *config);
/* Drops a hold and sets `*config` to NULL. Does nothing if it is NULL already. */
void config_release(struct config **config);
/* Returns how many generations of this process have been freed, apart from settings that are still held. */
unsigned config_ended(void);

#endif
