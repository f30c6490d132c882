/* The checks of Postfix: does smtp(8) ask the TLS policy map, before every other table, and in the right dialect? */
#include "domain.h"
#include "map_grammar.h"
#include "postfix_checks_internal.h"

#include <stdlib.h>
#include <string.h>

#define MAPS "smtp_tls_policy_maps"

/* One service of smtp(8), and where its list asks stsgated's map. */
struct client {
	const struct postfix_service *service;
	enum postfix_place place;
	struct span name;       /* the map's name; PLACE_SAME only */
	struct name_list ahead; /* tables that are asked before the map */
	bool certain;           /* one of these tables answers for every domain */
};

static bool table_is(struct span table, const char *kind)
{
	size_t len = strlen(kind);
	return table.len > len && memcmp(table.at, kind, len) == 0;
}

/* Compares a table with stsgated's map; `name` gets the map's name. */
static enum postfix_place table_place(const struct postfix_config *config, const struct settings_socket *map,
	const struct postfix_service *service, struct span table, struct span *name)
{
	struct span address;
	bool chroot = service->chroot && !table_is(table, "proxy:"); /* proxymap(8) is not chrooted */
	if (!postfix_socketmap(table, &address, name))
		return PLACE_OTHER;
	return postfix_place(address, map, postfix_value(config, NULL, "queue_directory"), chroot);
}

static void client_look(const struct postfix_case *c, struct client *client, const struct postfix_service *service)
{
	struct span rest = span_of(postfix_value(c->config, service, MAPS)), table, name;
	*client = (struct client){.service = service, .place = PLACE_OTHER};
	name_list_init(&client->ahead);
	while (client->place != PLACE_SAME && postfix_item(&rest, &table)) {
		enum postfix_place place = table_place(c->config, &c->map, service, table, &name);
		if (place == PLACE_OTHER) {
			char text[80];
			snprintf(text, sizeof text, "%.*s", (int)(table.len < 70 ? table.len : 70), table.at);
			name_list_add(&client->ahead, text);
			client->certain |= table_is(table, "static:");
			continue;
		}
		client->place = place;
		client->name = name;
	}
}

void postfix_tables_ahead(const struct postfix_config *config, const struct settings *settings, struct names *tables)
{
	struct postfix_case c = {.config = config, .settings = settings};
	settings_socket_parse(&c.map, settings->socketmap_socket, NULL);
	for (const struct postfix_service *service = NULL; (service = service_next(&c, service, "smtp"));) {
		struct span rest = span_of(postfix_value(config, service, MAPS)), table, name;
		names_free(tables);
		while (postfix_item(&rest, &table)) {
			if (table_place(config, &c.map, service, table, &name) == PLACE_SAME)
				return;
			names_add(tables, table.at, table.len);
		}
	}
	names_free(tables);
}

void postfix_tables_in(const struct postfix_config *config, const char *setting, struct names *tables)
{
	struct span rest = span_of(postfix_value(config, NULL, setting)), item;
	while (postfix_item(&rest, &item))
		if (memchr(item.at, ':', item.len))
			names_add(tables, item.at, item.len);
}

void postfix_keys_take(struct names *keys, const char *text)
{
	for (struct span rest = {text, strlen(text)}; rest.len > 0;) {
		struct span line = span_until(&rest, '\n'), key = span_until(&line, '\t');
		names_add(keys, key.at, key.len);
	}
}

void postfix_answers_take(struct postfix_ahead *ahead, const char *text)
{
	static const char *const weak[] = {"none", "may", "encrypt"};
	for (struct span rest = {text, strlen(text)}; rest.len > 0;) {
		struct span value = span_until(&rest, '\n'), domain = span_until(&value, '\t');
		value.len = value.len > 0 ? strcspn(value.at, ", \t\n") : 0;
		for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
			char line[DOMAIN_SIZE + 16];
			if (!span_is(value, weak[i]) || domain.len > DOMAIN_MAX)
				continue;
			snprintf(line, sizeof line, "%.*s (%s)", (int)domain.len, domain.at, weak[i]);
			names_add(&ahead->weak, line, strlen(line));
		}
	}
}

static void outside_report(struct postfix_case *c, const struct client *client)
{
	char own[OWN_ADDRESS_SIZE];
	struct quote name, place;
	own_address(c, &c->map, own);
	doctor_report(c->doctor, "postfix-map", DOCTOR_FAIL,
		"smtp(8) is chrooted in %s and cannot reach the map at %s (service %s): mail is deferred",
		c->queue_shown.text, shown(&place, span_of(c->map.path)), shown(&name, span_of(client->service->name)));
	if (own_is_inside(c, &c->map))
		doctor_remedy(c->doctor, "in main.cf: " MAPS " = socketmap:%s:postfix", own);
	else
		doctor_remedy(c->doctor,
			"put the socket below the queue directory: in stsgate.conf: socketmap_socket = unix:%s/stsgate/map, in "
			"main.cf: " MAPS
			" = socketmap:unix:stsgate/map:postfix; THE MAP in stsgated(8) has the details",
			c->queue_shown.text);
}

/* Postfix does not ask the map, although a setting demands it. `lost`: what is missing without the map. `off`: the setting that
 * does without it. */
static void missing_report(
	struct postfix_case *c, const char *value, const char *setting, const char *lost, const char *off)
{
	char own[OWN_ADDRESS_SIZE];
	if (c->map.family == SOCKET_OFF) {
		doctor_report(c->doctor, "postfix-map", DOCTOR_FAIL, "%s, but socketmap_socket is empty: nothing %s",
			setting, lost);
		doctor_remedy(c->doctor, "in stsgate.conf: socketmap_socket = inet:8461@127.0.0.1, or %s", off);
		return;
	}
	doctor_report(c->doctor, "postfix-map", DOCTOR_FAIL,
		"%s, but " MAPS " is %s, without stsgated's map: nothing %s", setting, value, lost);
	doctor_remedy(c->doctor, "in main.cf: " MAPS " = socketmap:%s:postfix; or in stsgate.conf: %s",
		own_address(c, &c->map, own), off);
}

static void unattached_report(struct postfix_case *c)
{
	struct quote quote;
	const char *value = shown_setting(&quote, c, MAPS);
	if (c->settings->default_level == DEFAULT_LEVEL_VERIFY)
		missing_report(c, value, "default_level = verify", "demands verified TLS of a domain without a policy",
			"default_level = none");
	else if (c->settings->mta_enforces)
		missing_report(c, value, "mta_enforces = yes", "binds the delivery of mail that the milter lets pass",
			"mta_enforces = no");
	else
		doctor_report(c->doctor, "postfix-map", DOCTOR_SKIP,
			"mta_enforces = no, and " MAPS " is %s, without stsgated's map", value);
}

/* The tables were asked about the domains in the store. */
static bool answers_report(struct postfix_case *c, const struct client *client)
{
	struct name_list weak;
	size_t asked = SIZE_MAX;
	name_list_init(&weak);
	for (size_t i = 0; i < client->ahead.count && i < POSTFIX_AHEAD_MAX; i++) {
		const struct postfix_ahead *ahead = &c->facts->ahead[i];
		asked = ahead->asked < asked ? ahead->asked : asked;
		for (const char *line = NULL; (line = names_next(&ahead->weak, line));)
			name_list_add(&weak, line);
	}
	if (client->ahead.count > POSTFIX_AHEAD_MAX || asked == 0)
		return false;
	if (weak.count == 0) {
		doctor_report(c->doctor, "postfix-map-order", DOCTOR_OK,
			"the tables before stsgated's map weaken no enforce policy of the store (%zu in all); tables: %s",
			asked, client->ahead.bytes);
		return true;
	}
	doctor_report(c->doctor, "postfix-map-order", DOCTOR_WARN,
		"a table before stsgated's map weakens enforce policies (%zu in all): %s; tables: %s", weak.count,
		weak.bytes, client->ahead.bytes);
	doctor_remedy(c->doctor,
		"if that is not intended, remove these lines, or put stsgated's map first in " MAPS " of main.cf");
	return true;
}

static void order_check(struct postfix_case *c, const struct client *client)
{
	struct quote name;
	shown(&name, span_of(client->service->name));
	if (client->ahead.count == 0) {
		doctor_report(c->doctor, "postfix-map-order", DOCTOR_OK,
			"no table comes before stsgated's map (service %s)", name.text);
		return;
	}
	if (!client->certain && answers_report(c, client))
		return;
	doctor_report(c->doctor, "postfix-map-order", client->certain ? DOCTOR_FAIL : DOCTOR_WARN,
		client->certain
			? "a table before stsgated's map answers for every domain, so the map is never asked: %s (service %s)"
			: "an answer of a table before stsgated's map replaces the domain's policy: %s (service %s)",
		client->ahead.bytes, name.text);
	doctor_remedy(c->doctor, "in main.cf: put stsgated's map first in " MAPS
				 "; for an exception use exempt_domains in stsgate.conf instead");
}

static void dialect_check(struct postfix_case *c, const struct client *client)
{
	enum map_dialect dialect = map_dialect_by_name(client->name);
	struct quote name, version;
	shown(&name, client->name);
	shown(&version, span_of(postfix_value(c->config, NULL, "mail_version")));
	bool since_tlsrpt = postfix_since(c->config, 3, 10, 0);
	if (dialect == MAP_TLSRPT && !postfix_since(c->config, 3, 10, 6)) {
		doctor_report(c->doctor, "postfix-dialect", DOCTOR_FAIL,
			"the map name %s needs Postfix 3.10.6, this is %s: %s", name.text, version.text,
			since_tlsrpt ? "smtp(8) may crash" : "all mail to domains with an enforce policy waits");
		doctor_remedy(c->doctor, "in main.cf: let " MAPS " end in `:postfix`");
	} else if (dialect == MAP_STS) {
		doctor_report(c->doctor, "postfix-dialect", DOCTOR_WARN,
			"the map name %s is that of Sendmail's dialect, which has no answers for DANE", name.text);
		doctor_remedy(c->doctor, "in main.cf: let " MAPS " end in `:postfix`");
	} else if (dialect == MAP_TLSRPT &&
		   strcmp(postfix_value(c->config, NULL, "smtp_tls_enforce_sts_mx_patterns"), "no") == 0) {
		doctor_report(c->doctor, "postfix-dialect", DOCTOR_WARN,
			"smtp_tls_enforce_sts_mx_patterns = no: Postfix does not compare the names of MX hosts with the policy");
		doctor_remedy(c->doctor, "in main.cf: remove smtp_tls_enforce_sts_mx_patterns");
	} else {
		doctor_report(c->doctor, "postfix-dialect", DOCTOR_OK, "the map name %s fits Postfix %s", name.text,
			version.text);
	}
}

static void reply_size_check(struct postfix_case *c)
{
	const char *limit = postfix_value(c->config, NULL, "socketmap_max_reply_size");
	if (limit[0] == '\0' || strtol(limit, NULL, 10) >= MAP_REPLY_MAX)
		return;
	struct quote quote;
	doctor_report(c->doctor, "postfix-map", DOCTOR_WARN,
		"socketmap_max_reply_size is %s, but an answer may have %d bytes: mail to domains with long policies waits",
		shown(&quote, span_of(limit)), MAP_REPLY_MAX);
	doctor_remedy(c->doctor, "in main.cf: remove socketmap_max_reply_size");
}

static void attached_report(struct postfix_case *c, const struct name_list *missing)
{
	char own[OWN_ADDRESS_SIZE];
	own_address(c, &c->map, own);
	if (!c->settings->mta_enforces) {
		doctor_report(c->doctor, "postfix-map", DOCTOR_WARN,
			"smtp(8) asks the map at %s, but mta_enforces = no: the milter also holds mail that the map could let "
			"Postfix deliver safely",
			own);
		doctor_remedy(c->doctor, "in stsgate.conf: mta_enforces = yes");
	} else if (missing->count > 0) {
		doctor_report(c->doctor, "postfix-map", DOCTOR_WARN,
			"smtp(8) asks the map at %s, but not for mail of these services: %s", own, missing->bytes);
		doctor_remedy(c->doctor,
			"in master.cf: remove `-o " MAPS "` from these services, unless they deliver only to "
			"hosts of your own");
	} else {
		doctor_report(c->doctor, "postfix-map", DOCTOR_OK, "smtp(8) asks the map at %s", own);
	}
}

/* Returns whether this is the transport of our own reports, which the map must not hold (spec T-36). */
static bool is_for_reports(const struct postfix_case *c, const struct postfix_service *service)
{
	const char *senders = postfix_value(c->config, NULL, "sender_dependent_default_transport_maps");
	size_t len = strlen(service->name);
	if (c->settings->report_from[0] == '\0')
		return false;
	for (const char *at = senders; (at = strstr(at, service->name)); at += len)
		if (at > senders && strchr(" \t", at[-1]) && at[len] == ':')
			return true;
	return false;
}

void postfix_judge_map(struct postfix_case *c)
{
	struct client client, first = {.place = PLACE_OTHER};
	struct name_list missing;
	bool outside = false;
	name_list_init(&missing);
	for (const struct postfix_service *service = NULL; (service = service_next(c, service, "smtp"));) {
		client_look(c, &client, service);
		if (client.place == PLACE_OUTSIDE && !outside)
			outside_report(c, &client);
		outside |= client.place == PLACE_OUTSIDE;
		if (client.place == PLACE_OTHER && !is_for_reports(c, service))
			name_list_add(&missing, service->name);
		if (client.place == PLACE_SAME && first.place != PLACE_SAME)
			first = client;
	}
	c->map_attached = first.place == PLACE_SAME || outside;
	if (outside)
		return;
	if (!c->map_attached) {
		unattached_report(c);
		return;
	}
	attached_report(c, &missing);
	reply_size_check(c);
	order_check(c, &first);
	dialect_check(c, &first);
}
