/* The checks of Postfix: policy delegation, where mail goes, and which mail stsgated should not judge. */
#include "config.h"
#include "postfix_checks_internal.h"
#include "question.h"

#include <stdio.h>
#include <string.h>

/* --- policy delegation -------------------------------------------------------------------------------------------- */

enum delegation_place { DELEGATION_NONE, DELEGATION_RIGHT, DELEGATION_LATE, DELEGATION_STAGE };

/* Looks for stsgated in one list of restrictions. DELEGATION_LATE: entries before it permit clients. */
static enum delegation_place restrictions_look(
	const struct postfix_case *c, const struct postfix_service *service, const char *list)
{
	bool permitted = false, next = false;
	struct span rest = span_of(postfix_value(c->config, service, list)), item;
	while (postfix_item(&rest, &item)) {
		struct span inside = postfix_unbrace(item), address = inside;
		if (next)
			postfix_item(&inside, &address);
		if (next && postfix_place(address, &c->delegation, c->queue, service->chroot) == PLACE_SAME)
			return permitted ? DELEGATION_LATE : DELEGATION_RIGHT;
		next = span_is(item, "check_policy_service");
		permitted |= span_is(item, "permit_mynetworks") || span_is(item, "permit_sasl_authenticated") ||
			     span_is(item, "permit");
	}
	return DELEGATION_NONE;
}

static enum delegation_place service_delegation(
	const struct postfix_case *c, const struct postfix_service *service, const char **list)
{
	/* With smtpd_delay_reject, all of these are evaluated at RCPT. */
	static const char *const at_rcpt[] = {"smtpd_recipient_restrictions", "smtpd_relay_restrictions",
		"smtpd_sender_restrictions", "smtpd_helo_restrictions", "smtpd_client_restrictions"};
	static const char *const later[] = {"smtpd_data_restrictions", "smtpd_end_of_data_restrictions"};
	enum delegation_place place = DELEGATION_NONE;
	for (size_t i = 0; i < sizeof at_rcpt / sizeof *at_rcpt && place == DELEGATION_NONE; i++)
		place = restrictions_look(c, service, *list = at_rcpt[i]);
	for (size_t i = 0; i < sizeof later / sizeof *later && place == DELEGATION_NONE; i++)
		if (restrictions_look(c, service, *list = later[i]) != DELEGATION_NONE)
			place = DELEGATION_STAGE;
	return place;
}

/* Settings by which mail may go elsewhere than to the MX hosts of the recipient's domain. */
static void delegation_domain_check(struct postfix_case *c)
{
	static const char *const elsewhere[] = {"relayhost", "transport_maps", "sender_dependent_relayhost_maps",
		"sender_dependent_default_transport_maps"};
	bool by_recipient = strcmp(c->settings->delegation_domain, CONFIG_BY_RECIPIENT) == 0;
	struct quote quote;
	const char *relay = postfix_value(c->config, NULL, "relayhost");
	if (!by_recipient && relay[0] == '\0') {
		doctor_report(c->doctor, "postfix-delegation", DOCTOR_WARN,
			"delegation_domain names a smart host, but relayhost is empty");
		doctor_remedy(c->doctor, "in stsgate.conf: delegation_domain = recipient");
	}
	for (size_t i = 0; by_recipient && i < sizeof elsewhere / sizeof *elsewhere; i++) {
		const char *value = postfix_value(c->config, NULL, elsewhere[i]);
		if (value[0] == '\0')
			continue;
		doctor_report(c->doctor, "postfix-delegation", DOCTOR_WARN,
			"delegation_domain = recipient, but %s is %s: policy delegation does not see where such mail goes",
			elsewhere[i], shown(&quote, span_of(value)));
		doctor_remedy(c->doctor,
			i == 0 ? "in stsgate.conf: let delegation_domain be the value of relayhost"
			       : "list the domains that it routes in exempt_domains, or use the milter, which sees each next hop");
		return;
	}
}

static void place_report(struct postfix_case *c, enum delegation_place place, const char *list)
{
	char own[OWN_ADDRESS_SIZE];
	own_address(c, &c->delegation, own);
	switch (place) {
	case DELEGATION_RIGHT:
		doctor_report(c->doctor, "postfix-delegation", DOCTOR_OK, "%s asks %s", list, own);
		return;
	case DELEGATION_LATE:
		doctor_report(c->doctor, "postfix-delegation", DOCTOR_WARN,
			"%s asks %s only after entries that permit the relay's own clients: their mail is not judged",
			list, own);
		break;
	case DELEGATION_STAGE:
		doctor_report(c->doctor, "postfix-delegation", DOCTOR_FAIL,
			"%s asks %s, but stsgated judges at RCPT only: nothing is judged", list, own);
		break;
	case DELEGATION_NONE:
		doctor_report(c->doctor, "postfix-delegation", c->settings->mta_enforces ? DOCTOR_WARN : DOCTOR_FAIL,
			"no list of restrictions has check_policy_service %s: policy delegation is never asked", own);
		break;
	}
	doctor_remedy(c->doctor, "in main.cf: put check_policy_service %s first in smtpd_recipient_restrictions", own);
}

static void delegation_timeout_check(struct postfix_case *c)
{
	int64_t timeout = postfix_seconds(span_of(postfix_value(c->config, NULL, "smtpd_policy_service_timeout")));
	if (timeout < 0 || timeout > c->settings->lookup_timeout)
		return;
	doctor_report(c->doctor, "postfix-delegation", DOCTOR_FAIL,
		"smtpd_policy_service_timeout is %ld s, but an answer may take lookup_timeout, %u s", (long)timeout,
		(unsigned)c->settings->lookup_timeout);
	doctor_remedy(c->doctor, "in main.cf: remove smtpd_policy_service_timeout");
}

void postfix_judge_delegation(struct postfix_case *c)
{
	if (c->delegation.family == SOCKET_OFF)
		return;
	enum delegation_place worst = DELEGATION_NONE;
	const char *list = "", *worst_list = "";
	for (const struct postfix_service *service = NULL; (service = service_next(c, service, "smtpd"));) {
		enum delegation_place place = service_delegation(c, service, &list);
		if (place <= worst)
			continue;
		worst = place;
		worst_list = list;
	}
	place_report(c, worst, worst_list);
	if (worst == DELEGATION_NONE)
		return;
	delegation_domain_check(c);
	delegation_timeout_check(c);
}

/* --- routes ------------------------------------------------------------------------------------------------------- */

static bool hop_is_exempt(const struct postfix_case *c, struct span hop)
{
	struct question question;
	question_from_next_hop(&question, hop.at, hop.len, PURPOSE_DELIVER);
	return !question.has_domain || names_cover(&c->exempt, question.domain) ||
	       names_cover(&c->exempt_h, question.host);
}

/* Returns the next hop that all mail takes: relayhost, or that in default_transport = TRANSPORT:HOP. */
static struct span smart_host(const struct postfix_case *c, const char **setting)
{
	*setting = "relayhost";
	struct span relay = span_of(postfix_value(c->config, NULL, "relayhost"));
	struct span transport = span_of(postfix_value(c->config, NULL, "default_transport"));
	const char *colon = memchr(transport.at, ':', transport.len);
	if (!colon || (size_t)(colon + 1 - transport.at) == transport.len)
		return relay;
	*setting = "default_transport";
	return (struct span){colon + 1, transport.len - (size_t)(colon + 1 - transport.at)};
}

static void route_check(struct postfix_case *c)
{
	struct quote quote;
	const char *setting;
	struct span hop = smart_host(c, &setting);
	const char *support = postfix_value(c->config, NULL, "smtp_dns_support_level");
	bool blind = strcmp(support, "disabled") == 0 ||
		     (support[0] == '\0' && strcmp(postfix_value(c->config, NULL, "disable_dns_lookups"), "yes") == 0);
	shown(&quote, hop);
	if (hop.len == 0 && blind) {
		doctor_report(c->doctor, "postfix-routes", DOCTOR_FAIL,
			"Postfix looks up no MX records (smtp_dns_support_level), but stsgated judges by them");
		doctor_remedy(c->doctor, "in main.cf: smtp_dns_support_level = enabled");
	} else if (hop.len == 0) {
		doctor_report(
			c->doctor, "postfix-routes", DOCTOR_OK, "no smart host: mail goes to the recipients' MX hosts");
	} else if (hop_is_exempt(c, hop)) {
		doctor_report(c->doctor, "postfix-routes", DOCTOR_OK,
			"%s is %s, which is exempt or has no policy domain", setting, quote.text);
	} else {
		doctor_report(c->doctor, "postfix-routes", DOCTOR_WARN,
			"%s is %s: all mail is judged by that host's policy, and the policies of the recipients' domains count "
			"only where that host hands the mail on",
			setting, quote.text);
		doctor_remedy(c->doctor,
			"run stsgated on the relay that delivers to the Internet; if the smart host needs no judging, list it in "
			"exempt_domains");
	}
}

/* A message that may not go to the domain's own hosts goes to the fallback relay, by the policy of that relay. */
static void fallback_check(struct postfix_case *c)
{
	struct quote quote;
	const struct postfix_service *service = service_find(c, "smtp", "smtp");
	const char *relay = postfix_value(c->config, service, "smtp_fallback_relay");
	if (relay[0] == '\0')
		return;
	doctor_report(c->doctor, "postfix-routes", DOCTOR_WARN,
		"smtp_fallback_relay is %s: if no host of a domain may get its mail, Postfix sends it there instead of "
		"keeping it, and only that relay's own policy binds it",
		shown(&quote, span_of(relay)));
	doctor_remedy(c->doctor, "in main.cf: remove smtp_fallback_relay, or run stsgated on that relay, too");
}

/* --- transports that are not SMTP ----------------------------------------------------------------------------------- */

static bool setting_names(const struct postfix_case *c, const char *setting, const char *service)
{
	size_t len = strlen(service);
	for (size_t i = 0; i < c->config->setting_count; i++) {
		const struct postfix_setting *one = &c->config->setting[i];
		if (strcmp(one->name, setting) == 0 && strncmp(one->value, service, len) == 0 &&
			(one->value[len] == ':' || one->value[len] == '\0'))
			return true;
	}
	return false;
}

static bool is_skipped(const struct postfix_case *c, const char *service)
{
	const struct settings_list *skip = &c->settings->milter_skip_mailers;
	for (size_t i = 0; i < skip->count; i++)
		if (strcmp(skip->item[i], service) == 0)
			return true;
	return false;
}

static void transports_check(struct postfix_case *c)
{
	static const char *const programs[] = {"pipe", "lmtp", "local", "virtual", "error", "discard"};
	struct name_list judged;
	name_list_init(&judged);
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
		for (const struct postfix_service *service = NULL; (service = service_next(c, service, programs[i]));)
			if (!is_skipped(c, service->name) && !setting_names(c, "content_filter", service->name))
				name_list_add(&judged, service->name);
	if (c->milter.family == SOCKET_OFF)
		return;
	if (judged.count == 0) {
		doctor_report(c->doctor, "postfix-transports", DOCTOR_OK,
			"all transports that do not deliver by SMTP are in milter_skip_mailers");
		return;
	}
	doctor_report(c->doctor, "postfix-transports", DOCTOR_WARN,
		"the milter judges mail for these transports, which do not deliver by SMTP: %s", judged.bytes);
	doctor_remedy(c->doctor, "in stsgate.conf: add them to milter_skip_mailers, whose default `stsgate settings "
				 "milter_skip_mailers` shows");
}

/* --- own and backup domains ------------------------------------------------------------------------------------------ */

struct own_domains {
	struct name_list open; /* domains that are not exempt */
	size_t named;
	bool unread; /* there is a table or file that was not asked */
};

static void own_domain_add(const struct postfix_case *c, struct own_domains *own, struct span item)
{
	struct domain domain;
	char name[DOMAIN_SIZE + 1];
	bool below = item.len > 1 && item.at[0] == '.';
	if (!domain_parse(&domain, item.at + below, item.len - below))
		return;
	/* no policy is looked up for a name without dot, and nobody publishes one for a single host of his own */
	if (!strchr(domain.name, '.') || strncmp(domain.name, "localhost.", 10) == 0 ||
		strcmp(domain.name, postfix_value(c->config, NULL, "myhostname")) == 0)
		return;
	own->named++;
	snprintf(name, sizeof name, "%s%s", below ? "." : "", domain.name);
	if (!names_cover(&c->exempt, name))
		name_list_add(&own->open, name);
}

static void own_domains_take(const struct postfix_case *c, struct own_domains *own, const char *setting)
{
	bool asked = c->facts->inward_asked > 0 && strcmp(setting, "relay_domains") == 0;
	struct span rest = span_of(postfix_value(c->config, NULL, setting)), item;
	while (postfix_item(&rest, &item))
		if (memchr(item.at, '/', item.len) || memchr(item.at, ':', item.len))
			own->unread |= !asked || !memchr(item.at, ':', item.len);
		else
			own_domain_add(c, own, item);
}

/* With policy delegation, which sees no transport, domains that are delivered here are judged, too. */
static void domains_check(struct postfix_case *c)
{
	static const char *const settings[] = {
		"relay_domains", "mydestination", "virtual_alias_domains", "virtual_mailbox_domains"};
	struct own_domains own = {.named = 0};
	name_list_init(&own.open);
	size_t count = c->delegation.family != SOCKET_OFF ? sizeof settings / sizeof *settings : 1;
	for (size_t i = 0; i < count; i++)
		own_domains_take(c, &own, settings[i]);
	for (const char *name = NULL; (name = names_next(&c->facts->inward, name));)
		own_domain_add(c, &own, span_of(name));
	if (own.open.count > 0) {
		doctor_report(c->doctor, "postfix-domains", DOCTOR_WARN,
			"mail to these domains, which this relay takes in for others or for itself, is judged like mail to "
			"strangers: %s",
			own.open.bytes);
		doctor_remedy(c->doctor, "in stsgate.conf: add them to exempt_domains");
	} else {
		doctor_report(c->doctor, "postfix-domains", DOCTOR_OK, "%s%s",
			own.named > 0 ? "all domains of relay_domains are exempt"
				      : "relay_domains names no domain to be judged",
			own.unread ? "; its tables were not asked" : "");
	}
}

/* As a backup MX this relay must find itself among a domain's MX hosts. */
static void name_check(struct postfix_case *c)
{
	struct domain name;
	struct quote mine, theirs;
	const char *host = postfix_value(c->config, NULL, "myhostname");
	const char *inward = postfix_value(c->config, NULL, "relay_domains");
	bool empty = c->own.count == 0;
	if (inward[0] == '\0' || !domain_parse(&name, host, strlen(host)) || !strchr(name.name, '.'))
		return;
	bool same = empty ? strcmp(name.name, c->facts->host) == 0 : names_cover(&c->own, name.name);
	if (same)
		return;
	const char *stands = empty && c->facts->host[0] != '\0' ? ", which stands for " : "";
	doctor_report(c->doctor, "postfix-domains", DOCTOR_WARN,
		"Postfix's myhostname is %s, but own_hosts %s%s%s: as a domain's backup, this relay would not find itself "
		"among the MX hosts",
		shown(&mine, span_of(name.name)), empty ? "is empty" : "does not have it", stands,
		stands[0] != '\0' ? shown(&theirs, span_of(c->facts->host)) : "");
	doctor_remedy(c->doctor, "in stsgate.conf: own_hosts = the names that this relay has in MX records");
}

void postfix_judge_routes(struct postfix_case *c)
{
	route_check(c);
	fallback_check(c);
	transports_check(c);
	domains_check(c);
	name_check(c);
}
