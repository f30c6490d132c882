/* The checks of Postfix: does it report its TLS sessions to the collector, and what becomes of our reports in it? */
#include "postfix_checks_internal.h"
#include "report_signer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMTP_PORT 25

/* --- sessions ------------------------------------------------------------------------------------------------------ */

/* Compares the socket that smtp(8) writes to with tlsrpt_socket. */
static enum postfix_place collector_place(const struct postfix_case *c, const struct postfix_service *smtp)
{
	char named[1024];
	struct settings_socket own = {.family = SOCKET_UNIX};
	snprintf(own.path, sizeof own.path, "%s", c->settings->tlsrpt_socket);
	snprintf(named, sizeof named, "unix:%s", postfix_value(c->config, smtp, "smtp_tlsrpt_socket_name"));
	if (strcmp(postfix_value(c->config, smtp, "smtp_tlsrpt_enable"), "yes") != 0)
		return PLACE_OTHER;
	return postfix_place(span_of(named), &own, c->queue, smtp && smtp->chroot);
}

/* Postfix before 3.10, or one that is not to report: then probes are all that can be counted. */
static void probes_report(struct postfix_case *c, const char *why, struct quote *value)
{
	if (c->settings->report_probes == REPORT_PROBES_ALL) {
		doctor_report(c->doctor, "postfix-tlsrpt", DOCTOR_OK,
			"%s %s; probes count as sessions (report_probes = all)", why, value->text);
		return;
	}
	doctor_report(c->doctor, "postfix-tlsrpt", DOCTOR_WARN,
		"%s %s: the sessions with domains in mode enforce are not counted", why, value->text);
	doctor_remedy(c->doctor, "in stsgate.conf: report_probes = all, so that probes count in their place");
}

static void unattached_report(struct postfix_case *c)
{
	struct quote quote, named;
	const char *socket = c->settings->tlsrpt_socket, *shown_socket = shown(&quote, span_of(socket));
	size_t queue = strlen(c->queue);
	bool inside = strncmp(socket, c->queue, queue) == 0 && socket[queue] == '/';
	if (c->settings->report_probes == REPORT_PROBES_ALL) {
		doctor_report(c->doctor, "postfix-tlsrpt", DOCTOR_OK,
			"Postfix does not report to %s; probes count as sessions (report_probes = all)", shown_socket);
		return;
	}
	doctor_report(c->doctor, "postfix-tlsrpt", DOCTOR_WARN,
		"Postfix does not report to %s (smtp_tlsrpt_enable is %s): its sessions are not counted", shown_socket,
		shown_setting(&named, c, "smtp_tlsrpt_enable"));
	doctor_remedy(c->doctor, "in main.cf: smtp_tlsrpt_enable = yes, and smtp_tlsrpt_socket_name = %s",
		shown(&named, span_of(inside ? socket + queue + 1 : socket)));
}

static void outside_report(struct postfix_case *c)
{
	struct quote quote;
	doctor_report(c->doctor, "postfix-tlsrpt", DOCTOR_WARN,
		"smtp(8) is chrooted in %s and cannot reach tlsrpt_socket at %s: its sessions are not counted",
		c->queue_shown.text, shown(&quote, span_of(c->settings->tlsrpt_socket)));
	doctor_remedy(c->doctor,
		"in stsgate.conf: tlsrpt_socket = %s/stsgate/tlsrpt; in main.cf: smtp_tlsrpt_socket_name = stsgate/tlsrpt",
		c->queue_shown.text);
}

static void attached_report(struct postfix_case *c)
{
	struct quote quote;
	const char *socket = shown(&quote, span_of(c->settings->tlsrpt_socket));
	if (c->settings->report_probes != REPORT_PROBES_ALL) {
		doctor_report(c->doctor, "postfix-tlsrpt", DOCTOR_OK, "smtp(8) reports its sessions to %s", socket);
		return;
	}
	doctor_report(c->doctor, "postfix-tlsrpt", DOCTOR_WARN,
		"smtp(8) reports its sessions to %s, and report_probes = all counts probes of the same domains, too",
		socket);
	doctor_remedy(c->doctor, "in stsgate.conf: report_probes = testing");
}

static void sessions_check(struct postfix_case *c)
{
	struct quote quote;
	const struct postfix_service *smtp = service_find(c, "smtp", "smtp");
	shown(&quote, span_of(postfix_value(c->config, NULL, "mail_version")));
	if (c->settings->tlsrpt != TLSRPT_COLLECT) {
		doctor_report(c->doctor, "postfix-tlsrpt", DOCTOR_SKIP, "stsgated collects no sessions (tlsrpt)");
		return;
	}
	if (!postfix_since(c->config, 3, 10, 0)) {
		probes_report(c, "sessions are reported by Postfix 3.10 and later, this is", &quote);
		return;
	}
	if (c->settings->tlsrpt_socket[0] == '\0') {
		shown(&quote, span_of("empty"));
		probes_report(c, "tlsrpt_socket is", &quote);
		return;
	}
	switch (collector_place(c, smtp)) {
	case PLACE_SAME:
		attached_report(c);
		return;
	case PLACE_OUTSIDE:
		outside_report(c);
		return;
	case PLACE_OTHER:
		unattached_report(c);
		return;
	}
}

/* --- reports on their way (spec T-36) ------------------------------------------------------------------------------ */

static void route_report(struct postfix_case *c, const char *finding)
{
	struct quote version;
	shown(&version, span_of(postfix_value(c->config, NULL, "mail_version")));
	if (postfix_value(c->config, NULL, "sender_dependent_default_transport_maps")[0] != '\0') {
		doctor_report(c->doctor, "postfix-reports", DOCTOR_OK,
			"sender_dependent_default_transport_maps may give reports a transport of their own, as Postfix %s needs it",
			version.text);
		return;
	}
	doctor_report(c->doctor, "postfix-reports", DOCTOR_WARN, "Postfix %s %s", version.text, finding);
	doctor_remedy(c->doctor,
		"give reports a transport of their own: TLS REPORTS in stsgated(8) has the lines for main.cf and "
		"master.cf%s",
		postfix_since(c->config, 3, 10, 0) ? "; or update Postfix" : "");
}

/* Returns whether Postfix may hold mail because of TLS. */
static bool may_hold(const struct postfix_case *c)
{
	return c->map_attached || strncmp(postfix_value(c->config, NULL, "smtp_tls_security_level"), "dane", 4) == 0;
}

static void delivery_check(struct postfix_case *c)
{
	bool reports = strcmp(postfix_value(c->config, NULL, "smtp_tlsrpt_enable"), "yes") == 0;
	if (!settings_send_reports(c->settings))
		doctor_report(c->doctor, "postfix-reports", DOCTOR_SKIP, "no reports are sent");
	else if (report_port_here(c->settings) == 0)
		doctor_report(c->doctor, "postfix-reports", DOCTOR_SKIP,
			"another machine delivers the reports (report_smtp)");
	else if (!postfix_since(c->config, 3, 10, 0) && may_hold(c))
		route_report(c,
			"does not know `TLS-Required: No`, so a report about TLS that fails waits because of that "
			"failure");
	else if (postfix_since(c->config, 3, 10, 0) && !postfix_since(c->config, 3, 10, 4) && reports)
		route_report(c,
			"counts the sessions that deliver reports, so that two sites may send each other reports "
			"for ever");
	else if (strcmp(postfix_value(c->config, NULL, "tls_required_enable"), "no") == 0)
		route_report(c, "ignores `TLS-Required: No` of reports, because tls_required_enable = no");
	else
		doctor_report(
			c->doctor, "postfix-reports", DOCTOR_OK, "a policy that cannot be met does not hold reports");
}

/* --- who signs ------------------------------------------------------------------------------------------------------ */

/* Returns whether a service of smtpd(8) listens at a port: `smtp`, `25`, `127.0.0.1:25`. */
static bool listens_at(const struct postfix_service *service, unsigned port)
{
	const char *colon = strrchr(service->name, ':'), *name = colon ? colon + 1 : service->name;
	if (strcmp(name, "smtp") == 0)
		return port == SMTP_PORT;
	return strtoul(name, NULL, 10) == port;
}

/* The milters of the Postfix service to which stsgate hands its reports: which of them may sign mail. */
struct signers {
	const char *known; /* the name of a program that signs; NULL: none */
	char where[200];   /* its address, quoted */
	size_t others;     /* milters that are not known */
	bool filtered;     /* a content filter may sign, too */
};

static void signers_find(const struct postfix_case *c, const struct postfix_service *service, struct signers *found)
{
	struct span rest = span_of(postfix_value(c->config, service, "smtpd_milters")), item, address;
	struct text text;
	text_init(&text, found->where, sizeof found->where);
	found->filtered = postfix_value(c->config, service, "content_filter")[0] != '\0';
	if (postfix_lists(postfix_value(c->config, service, "receive_override_options"), "no_milters"))
		return;
	while (!found->known && postfix_item(&rest, &item)) {
		struct span inside = postfix_unbrace(item);
		if (!postfix_item(&inside, &address) ||
			postfix_place(address, &c->milter, c->queue, service && service->chroot) != PLACE_OTHER)
			continue;
		found->known = signer_name(address);
		found->others += !found->known;
		if (found->known)
			text_quote(&text, address.at, address.len, 120);
	}
}

static void signers_report(struct postfix_case *c, const struct signers *found)
{
	if (found->known) {
		doctor_report(c->doctor, "postfix-signer", DOCTOR_OK,
			"%s at %s may sign the reports; `stsgate report test ADDRESS` shows whether it does",
			found->known, found->where);
		return;
	}
	bool unknown = found->others > 0 || found->filtered;
	doctor_report(c->doctor, "postfix-signer", DOCTOR_WARN,
		unknown ? "it is unknown whether a milter or content filter of Postfix signs the reports; receivers ignore those "
			  "without a signature"
			: "nothing signs the reports: receivers ignore them");
	doctor_remedy(c->doctor,
		"%sset report_dkim_key and report_dkim_selector, or let a milter sign them, such as OpenDKIM",
		unknown ? "find out with `stsgate report test ADDRESS`; if nothing signs: " : "");
}

static void signer_check(struct postfix_case *c)
{
	const struct postfix_service *service = NULL, *first = NULL;
	unsigned port = report_port_here(c->settings);
	struct signers found = {.known = NULL};
	if (!settings_send_reports(c->settings)) {
		doctor_report(c->doctor, "postfix-signer", DOCTOR_SKIP, "no reports are sent");
		return;
	}
	if (c->settings->report_dkim_key[0] != '\0') {
		doctor_report(
			c->doctor, "postfix-signer", DOCTOR_OK, "stsgated signs the reports itself (report_dkim_key)");
		return;
	}
	while (port > 0 && !first && (service = service_next(c, service, "smtpd")))
		first = listens_at(service, port) ? service : NULL;
	if (!first)
		found.others = 1; /* another machine, or something in front of Postfix */
	else
		signers_find(c, first, &found);
	signers_report(c, &found);
}

void postfix_judge_reports(struct postfix_case *c)
{
	sessions_check(c);
	delivery_check(c);
	signer_check(c);
}
