/* The checks of Postfix: TLS at delivery, DANE, and whether mail bounces if a host refuses TLS. */
#include "ascii.h"
#include "postfix_checks_internal.h"

#include <string.h>
#include <strings.h>

/* The level in words. Before smtp_tls_security_level there were smtp_use_tls and smtp_enforce_tls. */
static const char *level_of(const struct postfix_case *c, const struct postfix_service *service)
{
	const char *level = postfix_value(c->config, service, "smtp_tls_security_level");
	if (level[0] != '\0')
		return level;
	if (strcmp(postfix_value(c->config, service, "smtp_enforce_tls"), "yes") == 0)
		return "encrypt";
	return strcmp(postfix_value(c->config, service, "smtp_use_tls"), "yes") == 0 ? "may" : "none";
}

enum { DNSSEC_OFF }; /* the first word of the setting dnssec */

/* Returns whether some answers of the map may be `dane`. With default_level = verify none is. */
static bool answers_dane(const struct postfix_case *c)
{
	if (c->settings->default_level == DEFAULT_LEVEL_VERIFY)
		return false;
	return c->map_attached && c->settings->mta_dane && c->settings->dnssec != DNSSEC_OFF;
}

/* Returns whether the level demands TLS of every host. */
static bool level_is_mandatory(const char *level)
{
	return strcmp(level, "none") != 0 && strcmp(level, "may") != 0 && strcmp(level, "dane") != 0;
}

static void level_check(struct postfix_case *c)
{
	const struct postfix_service *service = service_find(c, "smtp", "smtp");
	const char *level = service ? level_of(c, service) : "none";
	struct quote quote;
	if (level_is_mandatory(level) && answers_dane(c)) {
		doctor_report(c->doctor, "postfix-level", DOCTOR_WARN,
			"smtp_tls_security_level is %s, but for some domains the map answers dane, and then hosts without TLSA "
			"records may get mail in the clear",
			shown(&quote, span_of(level)));
		doctor_remedy(c->doctor,
			"if each host must offer TLS, in stsgate.conf: mta_dane = no; if not, in main.cf: "
			"smtp_tls_security_level = may");
		return;
	}
	if (strcmp(level, "none") != 0) {
		doctor_report(c->doctor, "postfix-level", DOCTOR_OK, "smtp_tls_security_level is %s",
			shown(&quote, span_of(level)));
		return;
	}
	doctor_report(c->doctor, "postfix-level", DOCTOR_FAIL,
		"smtp_tls_security_level is %s: Postfix sends in the clear%s", level,
		c->map_attached ? " to each domain for which the map answers NOTFOUND" : "");
	doctor_remedy(c->doctor, "in main.cf: smtp_tls_security_level = may");
}

static void ca_check(struct postfix_case *c)
{
	const struct postfix_service *service = service_find(c, "smtp", "smtp");
	const char *file = postfix_value(c->config, service, "smtp_tls_CAfile");
	const char *path = postfix_value(c->config, service, "smtp_tls_CApath");
	bool system = strcmp(postfix_value(c->config, service, "tls_append_default_CA"), "yes") == 0;
	struct quote quote;
	if (!c->map_attached) {
		doctor_report(
			c->doctor, "postfix-ca", DOCTOR_SKIP, "without the map Postfix need not verify certificates");
		return;
	}
	if (file[0] == '\0' && path[0] == '\0' && !system) {
		doctor_report(c->doctor, "postfix-ca", DOCTOR_FAIL,
			"smtp_tls_CAfile and smtp_tls_CApath are empty: Postfix can verify no certificate, so all mail to domains "
			"with an enforce policy waits");
		doctor_remedy(c->doctor, "in main.cf: smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt");
	} else if (file[0] != '\0' && c->facts->ca_unreadable) {
		doctor_report(c->doctor, "postfix-ca", DOCTOR_FAIL,
			"the file of smtp_tls_CAfile, %s, cannot be read: %s", shown(&quote, span_of(file)),
			c->facts->ca_unreadable);
		doctor_remedy(c->doctor, "in main.cf: smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt (package "
					 "ca-certificates)");
	} else if (file[0] == '\0' && !system && service && service->chroot) {
		doctor_report(c->doctor, "postfix-ca", DOCTOR_WARN,
			"smtp(8) is chrooted and reads smtp_tls_CApath only at delivery: it needs %s%s with the certificates",
			c->queue_shown.text, shown(&quote, span_of(path)));
		doctor_remedy(c->doctor, "in main.cf use smtp_tls_CAfile, which is read before the chroot");
	} else {
		doctor_report(c->doctor, "postfix-ca", DOCTOR_OK, "Postfix verifies certificates by %s",
			file[0] != '\0' || path[0] != '\0' ? shown(&quote, span_of(file[0] != '\0' ? file : path))
							   : "the system's authorities");
	}
}

/* The names of TLS versions by age. */
static int version_of(struct span name)
{
	static const char *const versions[][2] = {{"SSLv2", "0002"}, {"SSLv3", "0300"}, {"TLSv1", "0301"},
		{"TLSv1.1", "0302"}, {"TLSv1.2", "0303"}, {"TLSv1.3", "0304"}};
	for (int i = 0; i < (int)(sizeof versions / sizeof *versions); i++)
		for (int k = 0; k < 2; k++)
			if (name.len == strlen(versions[i][k]) && ascii_same(name.at, versions[i][k], name.len))
				return i;
	return -1;
}

/* Returns whether a value of smtp_tls_mandatory_protocols, such as `>=TLSv1.2` or `!SSLv3`, allows TLS 1.2. */
static bool allows_tls12(const char *value)
{
	enum { TLS12 = 4 };
	bool listed = false, named = false, allowed = true;
	for (const char *at = value; *at;) {
		size_t len = strcspn(at, ":, \t");
		struct span word = {at, len};
		at += len + (at[len] != '\0');
		bool least = word.len > 2 && word.at[0] == '>' && word.at[1] == '=';
		bool most = word.len > 2 && word.at[0] == '<' && word.at[1] == '=';
		bool not = word.len > 1 && word.at[0] == '!';
		size_t sign = least || most ? 2 : not ;
		int version = version_of((struct span){word.at + sign, word.len - sign});
		if (version < 0)
			continue;
		allowed = allowed && !(least && version > TLS12) && !(most && version < TLS12) &&
			  !(not &&version == TLS12);
		listed = listed || sign == 0;
		named = named || (sign == 0 && version == TLS12);
	}
	return allowed && (!listed || named);
}

static void protocols_check(struct postfix_case *c)
{
	const struct postfix_service *service = service_find(c, "smtp", "smtp");
	const char *value = postfix_value(c->config, service, "smtp_tls_mandatory_protocols");
	struct quote quote;
	if (!c->map_attached)
		return;
	shown(&quote, span_of(value));
	if (allows_tls12(value)) {
		doctor_report(c->doctor, "postfix-protocols", DOCTOR_OK,
			"smtp_tls_mandatory_protocols is %s, which allows TLS 1.2", quote.text);
		return;
	}
	doctor_report(c->doctor, "postfix-protocols", DOCTOR_WARN,
		"smtp_tls_mandatory_protocols is %s: mail to hosts that speak TLS 1.2, which MTA-STS allows, waits",
		quote.text);
	doctor_remedy(c->doctor, "in main.cf: smtp_tls_mandatory_protocols = >=TLSv1.2");
}

/* Without the map, Postfix does DANE only by its own level. */
static void own_dane_check(struct postfix_case *c, const struct postfix_service *service)
{
	const char *level = service ? level_of(c, service) : "none";
	struct quote quote;
	if (strncmp(level, "dane", 4) == 0) {
		doctor_report(c->doctor, "postfix-dane", DOCTOR_OK, "Postfix does DANE by its level");
		return;
	}
	doctor_report(c->doctor, "postfix-dane", DOCTOR_WARN,
		"mta_dane = yes, but this Postfix delivers at level %s and does not ask the map: it never looks at TLSA records",
		shown(&quote, span_of(level)));
	doctor_remedy(c->doctor, "in stsgate.conf: mta_dane = no");
}

static void dane_check(struct postfix_case *c)
{
	const struct postfix_service *service = service_find(c, "smtp", "smtp");
	const char *support = postfix_value(c->config, service, "smtp_dns_support_level");
	struct quote quote;
	struct span lookup = span_of(postfix_value(c->config, service, "smtp_host_lookup")), first = {"", 0};
	postfix_item(&lookup, &first);
	if (!c->settings->mta_dane || c->settings->dnssec == DNSSEC_OFF) {
		doctor_report(c->doctor, "postfix-dane", DOCTOR_SKIP, "%s: stsgated leaves DANE out",
			c->settings->mta_dane ? "dnssec = off" : "mta_dane = no");
	} else if (!c->map_attached) {
		own_dane_check(c, service);
	} else if (strcmp(support, "dnssec") != 0) {
		doctor_report(c->doctor, "postfix-dane", DOCTOR_FAIL,
			"while DNS answers are validated, the map answers dane-only for some domains, but "
			"smtp_dns_support_level is %s: Postfix cannot do DANE, and mail to these domains waits",
			support[0] != '\0' ? shown(&quote, span_of(support)) : "empty");
		doctor_remedy(c->doctor,
			"in main.cf: smtp_dns_support_level = dnssec, if Postfix's resolver validates; if not, in "
			"stsgate.conf: mta_dane = no");
	} else if (!span_is(first, "dns")) {
		doctor_report(c->doctor, "postfix-dane", DOCTOR_FAIL,
			"smtp_host_lookup begins with %s: Postfix gets no DNSSEC status of addresses and cannot do DANE",
			shown(&quote, first));
		doctor_remedy(c->doctor, "in main.cf: smtp_host_lookup = dns");
	} else {
		doctor_report(c->doctor, "postfix-dane", DOCTOR_OK, "smtp_dns_support_level is dnssec");
	}
}

static void bounces_check(struct postfix_case *c)
{
	const struct postfix_service *service = service_find(c, "smtp", "smtp");
	const char *filter = postfix_value(c->config, service, "smtp_delivery_status_filter");
	if (!c->map_attached)
		return;
	if (filter[0] != '\0' && strcmp(filter, "$default_delivery_status_filter") != 0) {
		doctor_report(c->doctor, "postfix-bounces", DOCTOR_OK, "smtp_delivery_status_filter is set");
		return;
	}
	doctor_report(c->doctor, "postfix-bounces", DOCTOR_WARN,
		"smtp_delivery_status_filter is empty: mail is returned to its sender, not kept, when a host answers STARTTLS "
		"with a 5xx reply");
	doctor_remedy(c->doctor,
		"in main.cf (Postfix 3.7 or newer): smtp_delivery_status_filter = regexp:{{/^5(.* TLS is "
		"required, but .*)/ 4$$1}}");
}

void postfix_judge_tls(struct postfix_case *c)
{
	level_check(c);
	ca_check(c);
	protocols_check(c);
	dane_check(c);
	bounces_check(c);
}
