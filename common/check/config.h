/* One generation of the settings and of all that is built from them (DNS, fetcher, prober). Immutable, counted
 * references: a reload makes a new one whole before the old one is let go. Any thread. */
#ifndef CHECK_CONFIG_H
#define CHECK_CONFIG_H

#include "dns.h"
#include "facts.h"
#include "fetch.h"
#include "host_name.h"
#include "probe.h"
#include "settings.h"
#include "sightings.h"

#define CONFIG_BY_RECIPIENT "recipient" /* of delegation_domain: no smart host */

struct config {
	const struct settings *settings;
	struct rules rules;
	char host[HOST_NAME_SIZE]; /* of this machine */
	bool host_is_whole;        /* it has a dot */
	struct dns *dns;
	struct trust *fetch_trust, *probe_trust; /* one and the same where the settings name the same authorities */
	struct fetcher *fetcher;
	struct prober *prober;
	struct sightings *sightings; /* of this prober */
	int references;              /* under a lock of config.c */
};

/* Takes the settings over, also on failure. The loops outlive it. */
struct loops;
struct config *config_new(struct settings *settings, const struct loops *loops, struct failure *why);
/* What an operator should know at a start, though it works; "": nothing. Returns `out`. */
#define CONFIG_WARNING_SIZE 1024
const char *config_warning(const struct config *config, char out[CONFIG_WARNING_SIZE]);
/* Whether rule 2 is in force at this moment: the MTA does DANE, and our resolver validates. */
bool config_dane(const struct config *config);
struct config *config_ref(struct config *config);
void config_unref(struct config **config);

#endif
