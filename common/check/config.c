#include "config.h"

#include "memory.h"
#include "next_hop.h"
#include "report_record.h"
#include "text.h"
#include "tlsrpt_letter.h"
#include "trust.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static _Atomic uint64_t last_number;
static atomic_uint ended; /* generations */

static const char *or_null(const char *value)
{
	return value && value[0] ? value : NULL;
}

/* Adds a domain, or a dot and a domain. Returns false if `item` is neither. */
static bool name_take(struct names *list, const char *item)
{
	char name[DOMAIN_SIZE + 1];
	struct domain domain;
	struct text text;
	const char *rest = item[0] == '.' ? item + 1 : item;
	if (!domain_parse(&domain, rest, strlen(rest)))
		return false;
	text_init(&text, name, sizeof name);
	if (rest != item)
		text_add(&text, ".");
	text_add(&text, domain.name);
	names_add(list, name, text.len);
	return true;
}

bool config_names(struct names *list, const char *setting, const struct settings_list *values, struct failure *why)
{
	for (size_t i = 0; i < values->count; i++) {
		char quoted[128];
		struct text text;
		if (name_take(list, values->item[i]))
			continue;
		text_init(&text, quoted, sizeof quoted);
		text_quote(&text, values->item[i], strlen(values->item[i]), 100);
		return failure_set(why, EX_CONFIG,
			"%s: %s is not a domain name: write example.com, or .example.com for all below it", setting,
			quoted);
	}
	return true;
}

/* The sender of TLS reports reads these lists anew in each pass, and must not fail then; and a mail needs a plain sender. */
static bool report_settings_check(const struct settings *s, struct failure *why)
{
	struct names names = {.count = 0};
	char host[DOMAIN_SIZE];
	if (s->report_from[0] != '\0' && !report_mailbox_read(host, s->report_from, strlen(s->report_from)))
		return failure_set(why, EX_CONFIG,
			"report_from: `%s` is not a plain address: take one of letters, digits, dots and hyphens, at a domain",
			s->report_from);
	bool good = config_names(&names, "report_domains", &s->report_domains, why) &&
		    config_names(&names, "report_exclude", &s->report_exclude, why);
	names_free(&names);
	return good;
}

static bool rules_fill(struct config *config, struct failure *why)
{
	const struct settings *s = config->settings;
	struct rules *rules = &config->rules;
	rules->probe = s->probe;
	rules->mta_enforces = s->mta_enforces;
	rules->first_contact_defers = s->milter_first_contact == SETTINGS_DEFER;
	rules->internal_error_defers = s->on_internal_error == SETTINGS_DEFER;
	rules->default_verify = s->default_level == DEFAULT_LEVEL_VERIFY;
	rules->probe_ttl_ok_s = s->probe_ttl_ok;
	rules->probe_ttl_fail_s = s->probe_ttl_fail;
	rules->probe_ttl_max_s = s->probe_ttl_max;
	rules->refresh_interval_s = s->refresh_interval;
	rules->forget_after_s = s->forget_after;
	/* If there is no name for own_hosts, no MX set is cut off at this relay. The gate is then stricter, not
	 * laxer. */
	if (s->own_hosts.count == 0 && config->host_is_whole)
		name_take(&rules->own_hosts, config->host);
	return report_settings_check(s, why) &&
	       config_names(&rules->exempt_domains, "exempt_domains", &s->exempt_domains, why) &&
	       config_names(&rules->exempt_hosts, "exempt_hosts", &s->exempt_hosts, why) &&
	       config_names(&rules->own_hosts, "own_hosts", &s->own_hosts, why);
}

/* Policy delegation does not transmit the next hop, and a wrong guess would judge the wrong hosts. So the operator must
 * set delegation_domain (design 6.7). */
static bool delegation_check(const struct settings *s, struct failure *why)
{
	const char *hop = s->delegation_domain;
	if (hop[0] == '\0')
		return s->delegation_socket[0] == '\0' ||
		       failure_set(why, EX_CONFIG,
			       "delegation_domain: is empty, but delegation_socket is set, and policy delegation does "
			       "not transmit the next hop: write recipient if mail goes to the MX hosts of the "
			       "recipient's domain, otherwise the smart host as it is written in relayhost");
	struct question question;
	next_hop_question(&question, hop, strlen(hop), PURPOSE_DELIVER);
	if (strcmp(hop, CONFIG_BY_RECIPIENT) == 0 || (question.has_domain && !question.unreadable))
		return true;
	char quoted[128];
	struct text text;
	text_init(&text, quoted, sizeof quoted);
	text_quote(&text, hop, strlen(hop), 100);
	return failure_set(why, EX_CONFIG,
		"delegation_domain: %s is neither recipient nor a next hop that can have a policy: write example.com, "
		"[mail.example.com] or [mail.example.com]:587, as in relayhost",
		quoted);
}

/* Creates DNS, trust stores, fetcher and prober, and opens the database of networks. */
static bool libraries_make(struct config *config, const struct loops *loops, bool at_once, struct failure *why)
{
	const struct settings *s = config->settings;
	const struct dns_options dns = {
		.servers = (const char *const *)s->dns_servers.item,
		.server_count = s->dns_servers.count,
		.validate = (enum dns_validation)s->dnssec, /* the setting's words are in the order of the enum */
		.trust_anchor = or_null(s->dns_trust_anchor),
		.at_once = at_once,
	};
	config->dns = dns_new(&dns, loops, why);
	if (!config->dns)
		return false;
	/* Parsing the system's authorities takes some 20 ms, most of the time of a start, so they are parsed only once
	 * where possible. */
	const char *fetch_file = or_null(s->fetch_ca_file), *probe_file = or_null(s->probe_ca_file);
	bool same = fetch_file && probe_file ? strcmp(fetch_file, probe_file) == 0 : fetch_file == probe_file;
	config->fetch_trust = trust_new(fetch_file, why);
	if (!config->fetch_trust)
		return failure_prefix(why, "fetch_ca_file");
	config->probe_trust = same ? config->fetch_trust : trust_new(probe_file, why);
	if (!config->probe_trust)
		return failure_prefix(why, "probe_ca_file");
	const struct fetch_options fetch = {.trust = config->fetch_trust,
		.proxy = or_null(s->fetch_proxy),
		.leaf = config->leaves ? leaves_note : NULL,
		.leaf_arg = config->leaves};
	config->fetcher = fetcher_new(&fetch, why);
	if (!config->fetcher)
		return false;
	struct probe_options probe = {.trust = config->probe_trust,
		.helo = s->probe_helo[0] ? s->probe_helo : config->host,
		.shown = sightings_note,
		.shown_arg = config->sightings,
		.leaf = config->leaves ? leaves_note : NULL,
		.leaf_arg = config->leaves};
	for (size_t i = 0; i < s->probe_bind.count; i++) {
		struct address address; /* settings_check() has accepted each one */
		if (address_parse(&address, s->probe_bind.item[i]))
			*(address.len == 4 ? &probe.bind4 : &probe.bind6) = address;
	}
	config->prober = prober_new(&probe, why);
	if (!config->prober)
		return false;
	config->networks = network_db_open(s->network_db);
	return true;
}

static void libraries_free(struct config *config)
{
	network_db_close(&config->networks);
	prober_free(&config->prober);
	sightings_free(&config->sightings);
	leaves_free(&config->leaves);
	fetcher_free(&config->fetcher);
	if (config->probe_trust == config->fetch_trust)
		config->probe_trust = NULL;
	trust_free(&config->probe_trust);
	trust_free(&config->fetch_trust);
	dns_free(&config->dns);
}

static void settings_drop(struct config *config)
{
	struct settings *settings = (struct settings *)config->settings;
	names_free(&config->rules.exempt_domains);
	names_free(&config->rules.exempt_hosts);
	names_free(&config->rules.own_hosts);
	settings_free(&settings);
	free(config);
}

static void config_free(struct config *config)
{
	libraries_free(config);
	settings_drop(config);
}

static struct config *config_make(
	struct settings *settings, const struct loops *loops, bool at_once, struct failure *why)
{
	struct config *config = xcalloc(1, sizeof *config);
	config->settings = settings;
	config->number = atomic_fetch_add(&last_number, 1) + 1;
	atomic_init(&config->references, 1);
	atomic_init(&config->holders, 1);
	config->host_is_whole = host_name(config->host);
	config->sightings = sightings_new();
	config->leaves = settings->revocation == REVOCATION_OFF ? NULL : leaves_new();
	if (rules_fill(config, why) && delegation_check(settings, why) &&
		(!loops || libraries_make(config, loops, at_once, why)))
		return config;
	settings_locate(settings, why);
	config_free(config);
	return NULL;
}

struct config *config_new(struct settings *settings, const struct loops *loops, struct failure *why)
{
	return config_make(settings, loops, false, why);
}

struct config *config_new_at_once(struct settings *settings, const struct loops *loops, struct failure *why)
{
	return config_make(settings, loops, true, why);
}

/* Adds what is wrong with the settings of TLS reports. `before`: what stands between it and the text so far. */
static void reports_warn(struct text *text, const struct settings *s, const char *before)
{
	struct dkim_key *key = NULL;
	struct failure why = {0};
	if (s->tlsrpt != TLSRPT_COLLECT)
		return;
	if ((s->report_from[0] == '\0') != (s->report_organization[0] == '\0')) {
		text_add(text, before);
		text_add(text, s->report_from[0] ? "report_from is set, but report_organization is not"
						 : "report_organization is set, but report_from is not");
		text_add(text, ", so no TLS reports are sent: set both");
	} else if (!tlsrpt_letter_key(&key, s, &why)) {
		text_add(text, before);
		text_add(text, "TLS reports cannot be signed and wait: ");
		text_add(text, why.text);
	}
	dkim_key_free(&key);
}

const char *config_warning(const struct config *config, char out[CONFIG_WARNING_SIZE])
{
	const struct settings *s = config->settings;
	const char *name = s->probe_helo[0] != '\0' ? s->probe_helo : config->host;
	bool helo = name == config->host ? !config->host_is_whole : !strpbrk(name, ".[");
	bool own = s->own_hosts.count == 0 && !config->host_is_whole;
	struct text text;
	text_init(&text, out, CONFIG_WARNING_SIZE);
	if (helo) {
		text_add(&text, "probes send EHLO ");
		text_quote(&text, name, strlen(name), 100);
		text_add(&text, ", which is not a full host name: mail hosts that refuse it count as unknown");
	}
	if (own) {
		text_add(&text, helo ? "; and " : "");
		text_add(&text, "own_hosts is empty, and the host name has no domain: this relay does not recognize "
				"itself among a domain's mail hosts");
	}
	if (helo || own)
		text_add(&text, "; give this machine a full name (`hostname -f`), or set ");
	text_add(&text, helo ? "probe_helo" : "");
	text_add(&text, helo && own ? " and " : "");
	text_add(&text, own ? "own_hosts" : "");
	reports_warn(&text, s, helo || own ? "; and " : "");
	return out;
}

bool config_is_deciding(const struct config *config)
{
	return config->dns && dns_is_deciding(config->dns);
}

bool config_dane(const struct config *config)
{
	const struct settings *settings = config->settings;
	if (!config->dns)
		return settings->mta_dane && settings->dnssec == (int)DNS_VALIDATE_ON;
	return settings->mta_dane && dns_validates(config->dns);
}

struct config *config_ref(struct config *config)
{
	atomic_fetch_add(&config->references, 1);
	return config;
}

void config_unref(struct config **slot)
{
	struct config *config = *slot;
	*slot = NULL;
	if (!config || atomic_fetch_sub(&config->references, 1) != 1)
		return;
	libraries_free(config);
	atomic_fetch_add(&ended, 1);
	config_release(&config);
}

struct config *config_keep(struct config *config)
{
	struct config *reference = config;
	atomic_fetch_add(&config->holders, 1);
	config_unref(&reference);
	return config;
}

void config_release(struct config **slot)
{
	struct config *config = *slot;
	*slot = NULL;
	if (config && atomic_fetch_sub(&config->holders, 1) == 1)
		settings_drop(config);
}

unsigned config_ended(void)
{
	return atomic_load(&ended);
}
