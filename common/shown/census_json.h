/* A census (core/census.h) as JSON, for `stats --json` and the status page. The caller owns what is returned. Any thread. */
#ifndef SHOWN_CENSUS_JSON_H
#define SHOWN_CENSUS_JSON_H

#include "census.h"
#include "json_value.h"
#include "network.h"

/* {count, none, testing, enforce, no-policy}: all domains, and domains by the mode of the policy that is in force. */
json_t *census_domains_json(const struct census *census);
/* {due, oldest, oldest_due_at, failing, expiring} */
json_t *census_refresh_json(const struct census *census);
/* {good, bad, unknown} */
json_t *census_hops_json(const struct census *census);
/* At most `most` networks, those with the most mail hosts first: {asn, name, prefix, country, hops, good, bad}. */
json_t *census_networks_json(const struct census *census, struct network_db *networks, size_t most);
json_t *census_countries_json(const struct census *census);

/* Writes `AS64500`, or the /24 or /48 of a network whose autonomous system is not known. Returns `out`. */
const char *census_network_name(char out[ADDRESS_NETWORK_SIZE], const struct census_network *network);

#endif
