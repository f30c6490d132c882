/* The checks of Sendmail. */
#include "sendmail_checks.h"

#include "ascii.h"
#include "config.h"
#include "domain.h"
#include "map_grammar.h"
#include "output.h"
#include "report_signer.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LIST_SIZE 400
#define SHOWN_MAX 120
#define NAMES_SHOWN_MAX 8
#define READ_DEFAULT_S 10 /* how long Sendmail waits for a filter's reply if T= has no R: */
#define MAP_DEFAULT_S 30  /* how long it waits for a socket map without -d */
#define WAIT_MARGIN_S 2   /* by which a timeout should be longer than what it waits for */
#define REPAIR "sed -i 's/^R \\*\\.\\($={cert_altnames}\\)/R$+\\t\\t\\t$: *.$1\\nR\\1/' "

struct sendmail_case {
	struct doctor *doctor;
	const struct sendmail_facts *facts;
	const struct sendmail_config *config;
	const struct settings *settings;
	const char *map;                      /* the rest of the line Ksts, or NULL: FEATURE(sts) is not there */
	const char *smart_host;               /* NULL: none */
	struct quote milter, socketmap, file; /* the settings milter_socket and socketmap_socket, and the file's name */
};

static struct span span_of(const char *string)
{
	return (struct span){string, strlen(string)};
}

static const char *shown(struct quote *quote, struct span text)
{
	return quote_bytes(quote, text.at, text.len < SHOWN_MAX ? text.len : SHOWN_MAX);
}

/* Some names of a list, and how many more there are. */
static const char *names_shown(const struct names *names, char out[LIST_SIZE])
{
	struct text text;
	size_t count = 0;
	text_init(&text, out, LIST_SIZE);
	for (const char *name = NULL; (name = names_next(names, name)) && count < NAMES_SHOWN_MAX; count++) {
		text_add(&text, count > 0 ? ", " : "");
		text_quote(&text, name, strlen(name), 60);
	}
	if (names->count > count) {
		text_add(&text, " and ");
		text_add_number(&text, (int64_t)(names->count - count));
		text_add(&text, " more");
	}
	return out;
}

/* Compares an address as Sendmail writes it, `inet:port@host` or `unix:path`, with one of stsgated's, which has the same
 * form. */
static bool same_place(struct span address, const char *own_text)
{
	char copy[400];
	struct settings_socket own, theirs;
	snprintf(copy, sizeof copy, "%.*s", (int)(address.len < sizeof copy ? address.len : sizeof copy - 1),
		address.at);
	if (!settings_socket_parse(&own, own_text, NULL) || own.family == SOCKET_OFF ||
		!settings_socket_parse(&theirs, copy, NULL) ||
		(own.family == SOCKET_UNIX) != (theirs.family == SOCKET_UNIX))
		return false;
	if (own.family == SOCKET_UNIX)
		return strcmp(own.path, theirs.path) == 0;
	bool any = own.host[0] == '\0' || strcmp(own.host, "0.0.0.0") == 0 || strcmp(own.host, "::") == 0;
	bool local = strcasecmp(own.host, "localhost") == 0 || strcasecmp(theirs.host, "localhost") == 0;
	return own.port == theirs.port && (any || local || strcasecmp(own.host, theirs.host) == 0);
}

static void version_check(struct sendmail_case *c)
{
	struct quote version;
	doctor_report(c->doctor, "sendmail", DOCTOR_OK, "Sendmail %s, settings in %s",
		shown(&version, span_of(sendmail_macro(c->config, 'Z'))), c->file.text);
}

/* --- the milter --------------------------------------------------------------------------------------------------- */

/* Returns the line of stsgated's filter, or NULL. Only the filters of InputMailFilters are used. */
static const char *filter_find(const struct sendmail_config *config, const struct settings *settings, struct span *name)
{
	const char *list = sendmail_option(config, "InputMailFilters");
	struct span rest = span_of(list ? list : "");
	while (sendmail_item(&rest, name)) {
		const char *filter = sendmail_filter(config, *name);
		if (filter && same_place(sendmail_equate(filter, 'S'), settings->milter_socket))
			return filter;
	}
	return NULL;
}

static void filter_action_check(struct sendmail_case *c, const char *filter)
{
	struct span flag = sendmail_equate(filter, 'F');
	if (span_is(flag, "R")) {
		doctor_report(c->doctor, "sendmail-milter", DOCTOR_FAIL,
			"the filter has F=R: while stsgated does not answer, Sendmail rejects mail permanently");
		doctor_remedy(c->doctor, "in sendmail.mc: F=T in INPUT_MAIL_FILTER");
	} else if (flag.len == 0 && !c->settings->mta_enforces) {
		doctor_report(c->doctor, "sendmail-milter", DOCTOR_WARN,
			"the filter has no F=T: while stsgated does not answer, mail passes unjudged");
		doctor_remedy(c->doctor, "in sendmail.mc: F=T in INPUT_MAIL_FILTER");
	}
}

static void filter_timeout_check(struct sendmail_case *c, const char *filter)
{
	struct span equate = sendmail_equate(filter, 'T');
	int64_t read = sendmail_timeout(equate, 'R');
	long wait = c->settings->milter_wait, seconds = read < 0 ? READ_DEFAULT_S : (long)read;
	enum doctor_result result = seconds <= wait                  ? DOCTOR_FAIL
				    : seconds < wait + WAIT_MARGIN_S ? DOCTOR_WARN
								     : DOCTOR_OK;
	doctor_report(c->doctor, "sendmail-timeouts", result, "Sendmail waits %ld s for the milter (%s)%s %ld s",
		seconds, read < 0 ? "no R: in the filter's T=" : "R: in the filter's T=",
		result == DOCTOR_OK     ? ", and the milter waits at most"
		: result == DOCTOR_WARN ? ", hardly longer than milter_wait,"
					: ", but the milter may take",
		wait);
	if (result != DOCTOR_OK)
		doctor_remedy(c->doctor,
			"in sendmail.mc: T=S:10s;R:30s;E:5m in INPUT_MAIL_FILTER, or a shorter milter_wait in "
			"stsgate.conf");
}

static void milter_check(struct sendmail_case *c)
{
	struct span name;
	struct quote quote;
	const char *own = c->settings->milter_socket, *filter = filter_find(c->config, c->settings, &name);
	if (own[0] == '\0') {
		doctor_report(c->doctor, "sendmail-milter", DOCTOR_SKIP, "milter_socket is empty: there is no milter");
		return;
	}
	if (!filter) {
		doctor_report(c->doctor, "sendmail-milter", c->settings->mta_enforces ? DOCTOR_WARN : DOCTOR_FAIL,
			"no filter of InputMailFilters is at %s: %s", c->milter.text,
			c->settings->mta_enforces ? "nothing is judged or tagged before delivery"
						  : "Sendmail delivers without stsgated's judgement");
		doctor_remedy(c->doctor,
			"in sendmail.mc: INPUT_MAIL_FILTER(`stsgate', `S=%s, F=T, T=S:10s;R:30s;E:5m'); if no milter is wanted, in "
			"stsgate.conf: an empty milter_socket",
			c->milter.text);
		return;
	}
	doctor_report(
		c->doctor, "sendmail-milter", DOCTOR_OK, "the filter %s asks %s", shown(&quote, name), c->milter.text);
	filter_action_check(c, filter);
	filter_timeout_check(c, filter);
}

/* --- FEATURE(sts) ------------------------------------------------------------------------------------------------- */

/* Returns the last word of the map's line, which is its address. */
static struct span map_address(const char *map)
{
	struct span line = span_trim(span_of(map), " \t");
	size_t at = line.len;
	while (at > 0 && !ascii_is_blank(line.at[at - 1]))
		at--;
	return (struct span){line.at + at, line.len - at};
}

/* Returns the seconds of the option -d, which limits how long Sendmail waits for the map. */
static int64_t map_timeout(const char *map)
{
	char copy[16];
	uint64_t seconds;
	const char *option = strstr(map, " -d");
	if (!option)
		return MAP_DEFAULT_S;
	option += strlen(" -d");
	size_t len = strcspn(option, " \t");
	snprintf(copy, sizeof copy, "%.*s", (int)(len < sizeof copy ? len : sizeof copy - 1), option);
	return settings_read_duration(copy, &seconds) && seconds < INT32_MAX ? (int64_t)seconds : MAP_DEFAULT_S;
}

static void map_wait_check(struct sendmail_case *c)
{
	long seconds = (long)map_timeout(c->map), wait = (long)c->settings->lookup_timeout;
	if (seconds <= wait) {
		doctor_report(c->doctor, "sendmail-timeouts", DOCTOR_WARN,
			"Sendmail waits %ld s for the map (-d), but an answer about a new domain may take lookup_timeout, %ld s",
			seconds, wait);
		doctor_remedy(c->doctor, "in stsgate.conf: lookup_timeout = 4s, with -d5 in FEATURE(`sts', ...)");
	}
	if (!strstr(c->map, "-T<TMPF>")) {
		doctor_report(c->doctor, "sendmail-map", DOCTOR_WARN,
			"the map of FEATURE(sts) has no -T<TMPF>: its rules do not recognize an answer that says `later`");
		doctor_remedy(c->doctor, "in sendmail.mc: FEATURE(`sts', `socket -d5 -T<TMPF> %s')", c->socketmap.text);
	}
}

/* FEATURE(sts) is not in use. */
static void unattached_report(struct sendmail_case *c)
{
	bool level = c->settings->default_level == DEFAULT_LEVEL_VERIFY;
	if (!level && !c->settings->mta_enforces) {
		doctor_report(
			c->doctor, "sendmail-map", DOCTOR_SKIP, "mta_enforces = no, and FEATURE(sts) is not in use");
		return;
	}
	doctor_report(c->doctor, "sendmail-map", DOCTOR_FAIL, "%s, but FEATURE(sts) is not in use: nothing %s",
		level ? "default_level = verify" : "mta_enforces = yes",
		level ? "demands verified TLS of a domain without a policy"
		      : "binds the delivery of mail that the milter lets pass");
	doctor_remedy(c->doctor, "in sendmail.mc: FEATURE(`sts', `socket -d5 -T<TMPF> %s'); or in stsgate.conf: %s",
		c->settings->socketmap_socket[0] != '\0' ? c->socketmap.text : "inet:8461@127.0.0.1",
		level ? "default_level = none" : "mta_enforces = no");
}

static void map_check(struct sendmail_case *c)
{
	const char *own = c->settings->socketmap_socket;
	struct quote quote;
	if (!c->map) {
		unattached_report(c);
	} else if (!same_place(map_address(c->map), own)) {
		doctor_report(c->doctor, "sendmail-map", DOCTOR_FAIL,
			"the map of FEATURE(sts) is at %s, but stsgated's map is at %s: if nobody answers, all mail waits",
			shown(&quote, map_address(c->map)), own[0] != '\0' ? c->socketmap.text : "no address");
		doctor_remedy(c->doctor, "in sendmail.mc: FEATURE(`sts', `socket -d5 -T<TMPF> %s')",
			own[0] != '\0' ? c->socketmap.text : "inet:8461@127.0.0.1");
	} else if (c->facts->sts_missing) {
		doctor_report(c->doctor, "sendmail-map", DOCTOR_FAIL,
			"this Sendmail was built without _FFR_MTA_STS: FEATURE(sts) has no effect on what it sends");
		doctor_remedy(c->doctor,
			"use a Sendmail that `sendmail -d0.13 -bt </dev/null` shows with _FFR_MTA_STS, such as "
			"Debian's; or leave FEATURE(sts) out, and in stsgate.conf: mta_enforces = no");
	} else if (!sendmail_is_on(c->config, "StrictTransportSecurity")) {
		doctor_report(c->doctor, "sendmail-map", DOCTOR_FAIL,
			"the option StrictTransportSecurity is off: Sendmail does not ask the map");
		doctor_remedy(
			c->doctor, "generate sendmail.cf from sendmail.mc again; FEATURE(sts) turns the option on");
	} else if (!c->settings->mta_enforces && !c->smart_host) {
		doctor_report(c->doctor, "sendmail-map", DOCTOR_WARN,
			"FEATURE(sts) asks the map, but mta_enforces = no: the milter also holds mail that the map could let "
			"Sendmail deliver safely");
		doctor_remedy(c->doctor, "in stsgate.conf: mta_enforces = yes");
	} else {
		doctor_report(c->doctor, "sendmail-map", DOCTOR_OK, "FEATURE(sts) asks %s", c->socketmap.text);
	}
	if (c->map)
		map_wait_check(c);
}

static void ca_check(struct sendmail_case *c)
{
	const char *file = sendmail_option(c->config, "CACertFile"), *path = sendmail_option(c->config, "CACertPath");
	struct quote quote;
	bool no_file = !file || file[0] == '\0', no_path = !path || path[0] == '\0';
	if (!c->map) {
		doctor_report(c->doctor, "sendmail-ca", DOCTOR_SKIP,
			"without FEATURE(sts) Sendmail need not verify certificates");
	} else if (no_file || no_path) {
		doctor_report(c->doctor, "sendmail-ca", DOCTOR_FAIL,
			"%s not set: Sendmail verifies no certificate, so all mail to domains with a policy waits",
			no_file && no_path ? "confCACERT and confCACERT_PATH are"
			: no_file          ? "confCACERT is"
					   : "confCACERT_PATH is");
		doctor_remedy(c->doctor,
			"in sendmail.mc: define(`confCACERT_PATH', `/etc/ssl/certs') and define(`confCACERT', "
			"`/etc/ssl/certs/ca-certificates.crt')");
	} else if (c->facts->ca_unreadable) {
		doctor_report(c->doctor, "sendmail-ca", DOCTOR_FAIL, "the file of confCACERT, %s, cannot be read: %s",
			shown(&quote, span_of(file)), c->facts->ca_unreadable);
		doctor_remedy(c->doctor,
			"in sendmail.mc: define(`confCACERT', `/etc/ssl/certs/ca-certificates.crt') (package "
			"ca-certificates)");
	} else {
		doctor_report(c->doctor, "sendmail-ca", DOCTOR_OK, "Sendmail verifies certificates by %s",
			shown(&quote, span_of(file)));
	}
}

static void wildcard_check(struct sendmail_case *c)
{
	char list[LIST_SIZE];
	const struct names *hosts = c->facts->wildcards;
	if (!c->map)
		return;
	if (!sendmail_is_on(c->config, "SetCertAltnames")) {
		doctor_report(c->doctor, "sendmail-wildcard", DOCTOR_WARN,
			"FEATURE(sts) has NO_SAN_TST: Sendmail accepts a valid certificate for any name");
		doctor_remedy(c->doctor,
			"in sendmail.mc remove NO_SAN_TST; before Sendmail 8.18.2, correct the rule for wildcard "
			"certificates after each change of sendmail.cf: " REPAIR "%s",
			c->file.text);
	} else if (!sendmail_wildcard_rule_is_wrong(c->config)) {
		doctor_report(c->doctor, "sendmail-wildcard", DOCTOR_OK,
			"the rules of FEATURE(sts) match wildcard certificates");
	} else {
		doctor_report(c->doctor, "sendmail-wildcard", DOCTOR_WARN,
			"FEATURE(sts) has the rule of Sendmail before 8.18.2, which matches no wildcard certificate; mail hosts in the "
			"store with such a certificate: %s",
			!hosts             ? "unknown"
			: hosts->count > 0 ? names_shown(hosts, list)
					   : "none yet");
		doctor_remedy(c->doctor,
			"correct the rule after each change of sendmail.cf and restart Sendmail: " REPAIR "%s",
			c->file.text);
	}
}

/* --- routes ------------------------------------------------------------------------------------------------------- */

void sendmail_route_take(struct names *routed, struct span line)
{
	static const char *const here[] = {"local:", "error:", "discard:", "prog:", "procmail:", "virtual:"};
	struct span key, value;
	struct domain domain;
	char name[DOMAIN_SIZE + 1];
	if (!sendmail_table_line(line, &key, &value))
		return;
	for (size_t i = 0; i < sizeof here / sizeof *here; i++)
		if (value.len >= strlen(here[i]) && ascii_same(value.at, here[i], strlen(here[i])))
			return;
	bool below = key.at[0] == '.';
	if (span_is(key, "."))
		snprintf(name, sizeof name, ".");
	else if (domain_parse(&domain, key.at + below, key.len - below))
		snprintf(name, sizeof name, "%s%s", below ? "." : "", domain.name);
	else
		return;
	names_add_once(routed, name);
}

static void mailertable_check(struct sendmail_case *c)
{
	struct names exempt = {0}, open = {0};
	char list[LIST_SIZE];
	config_names(&exempt, "exempt_domains", &c->settings->exempt_domains, NULL);
	for (const char *name = NULL; (name = names_next(c->facts->routed, name));)
		if (!names_cover(&exempt, name))
			names_add(&open, name, strlen(name));
	if (!c->facts->mailertable_read) {
		doctor_report(c->doctor, "sendmail-routes", DOCTOR_WARN,
			"mailertable is in use and its text cannot be read; FEATURE(sts) ignores mailertable and applies the policy of "
			"the recipient's domain to the hosts that it names");
		doctor_remedy(c->doctor, "in stsgate.conf: list the domains of mailertable in exempt_domains");
	} else if (names_have(c->facts->routed, ".")) {
		doctor_report(c->doctor, "sendmail-routes", DOCTOR_FAIL,
			"mailertable routes all domains (the line `.`), but FEATURE(sts) applies the policies of the recipients' "
			"domains to that host: mail to these domains waits");
		doctor_remedy(
			c->doctor, "in sendmail.mc leave FEATURE(sts) out, and in stsgate.conf: mta_enforces = no");
	} else if (open.count > 0) {
		doctor_report(c->doctor, "sendmail-routes", DOCTOR_WARN,
			"mailertable routes these domains, but FEATURE(sts) applies their own policies to the hosts that it names: %s",
			names_shown(&open, list));
		doctor_remedy(c->doctor,
			"in stsgate.conf: add them to exempt_domains; or leave FEATURE(sts) out and set "
			"mta_enforces = no");
	} else {
		doctor_report(c->doctor, "sendmail-routes", DOCTOR_OK,
			"no smart host; all domains of mailertable are exempt");
	}
	names_free(&exempt);
	names_free(&open);
}

static void routes_check(struct sendmail_case *c)
{
	const char *smart = c->smart_host;
	struct quote quote;
	if (smart && c->map) {
		doctor_report(c->doctor, "sendmail-routes", DOCTOR_FAIL,
			"SMART_HOST is %s, but FEATURE(sts) applies the policies of the recipients' domains to that host: mail to "
			"these domains waits",
			shown(&quote, span_of(smart)));
		doctor_remedy(
			c->doctor, "in sendmail.mc leave FEATURE(sts) out, and in stsgate.conf: mta_enforces = no");
	} else if (smart) {
		doctor_report(c->doctor, "sendmail-routes", DOCTOR_WARN,
			"SMART_HOST is %s: all mail is judged by that host's policy, and the policies of the recipients' domains "
			"count only where that host hands the mail on",
			shown(&quote, span_of(smart)));
		doctor_remedy(c->doctor, "run stsgated on the relay that delivers to the Internet");
	} else if (c->map && sendmail_map(c->config, "mailertable")) {
		mailertable_check(c);
	} else {
		doctor_report(c->doctor, "sendmail-routes", DOCTOR_OK,
			"no smart host: mail goes to the recipients' MX hosts");
	}
}

/* --- the access table --------------------------------------------------------------------------------------------- */

static void access_take(struct names *list, struct span key, const char *tag)
{
	size_t len = strlen(tag);
	if (key.len < len || !ascii_same(key.at, tag, len))
		return;
	if (key.len == len)
		names_add_once(list, "all");
	else
		names_add(list, key.at + len, key.len - len);
}

void sendmail_access_take(struct names *tls_off, struct names *sts_off, struct span line)
{
	struct span key, value;
	if (!sendmail_table_line(line, &key, &value) || value.len != 2 || !ascii_same(value.at, "NO", 2))
		return;
	access_take(tls_off, key, "Try_TLS:");
	access_take(sts_off, key, "STS:");
}

static void access_check(struct sendmail_case *c)
{
	char list[LIST_SIZE];
	const struct names *tls = c->facts->tls_off, *sts = c->facts->sts_off;
	if (!c->map || !c->facts->access_read)
		return;
	if (tls->count > 0) {
		doctor_report(c->doctor, "sendmail-access", DOCTOR_WARN,
			"the access table turns STARTTLS off (Try_TLS) for: %s; mail to a domain with a policy waits if such a "
			"host serves it",
			names_shown(tls, list));
		doctor_remedy(c->doctor, "remove the lines `Try_TLS:... NO` of these hosts");
	}
	if (sts->count > 0) {
		doctor_report(c->doctor, "sendmail-access", DOCTOR_WARN,
			"the access table turns MTA-STS off (STS) for: %s; nothing binds the delivery of mail to them",
			names_shown(sts, list));
		doctor_remedy(c->doctor, "if that is not intended, remove the lines `STS:... NO`");
	}
	if (tls->count + sts->count == 0)
		doctor_report(c->doctor, "sendmail-access", DOCTOR_OK,
			"the access table turns neither STARTTLS nor MTA-STS off");
}

bool sendmail_is_attached(const struct sendmail_config *config, const struct settings *settings)
{
	struct span name;
	return sendmail_map(config, "sts") || filter_find(config, settings, &name);
}

static void sessions_check(struct sendmail_case *c)
{
	if (c->settings->tlsrpt != TLSRPT_COLLECT) {
		doctor_report(c->doctor, "sendmail-tlsrpt", DOCTOR_SKIP, "stsgated collects no sessions (tlsrpt)");
	} else if (c->settings->report_probes == REPORT_PROBES_ALL) {
		doctor_report(
			c->doctor, "sendmail-tlsrpt", DOCTOR_OK, "probes count as sessions (report_probes = all)");
	} else {
		doctor_report(c->doctor, "sendmail-tlsrpt", DOCTOR_WARN,
			"Sendmail reports no sessions, so those with domains in mode enforce are not counted");
		doctor_remedy(c->doctor, "in stsgate.conf: report_probes = all, so that probes count in their place");
	}
}

/* Finds a filter that signs among those that Sendmail asks. `others`: filters that are not known. */
static const char *signer_find(const struct sendmail_case *c, size_t *others)
{
	const char *list = sendmail_option(c->config, "InputMailFilters");
	struct span rest = span_of(list ? list : ""), name;
	while (sendmail_item(&rest, &name)) {
		const char *filter = sendmail_filter(c->config, name);
		struct span socket = filter ? sendmail_equate(filter, 'S') : (struct span){"", 0};
		const char *signer = signer_name(socket) ? signer_name(socket) : signer_name(name);
		if (signer)
			return signer;
		*others += !span_is(socket, c->settings->milter_socket);
	}
	return NULL;
}

static void signer_check(struct sendmail_case *c)
{
	size_t others = report_port_here(c->settings) == 0;
	const char *signer = signer_find(c, &others);
	if (!settings_send_reports(c->settings)) {
		doctor_report(c->doctor, "sendmail-signer", DOCTOR_SKIP, "no reports are sent");
	} else if (c->settings->report_dkim_key[0] != '\0') {
		doctor_report(
			c->doctor, "sendmail-signer", DOCTOR_OK, "stsgated signs the reports itself (report_dkim_key)");
	} else if (signer) {
		doctor_report(c->doctor, "sendmail-signer", DOCTOR_OK,
			"%s may sign the reports; `stsgate report test ADDRESS` shows whether it does", signer);
	} else {
		doctor_report(c->doctor, "sendmail-signer", DOCTOR_WARN,
			others > 0
				? "it is unknown whether a filter of Sendmail signs the reports; receivers ignore those without a "
				  "signature"
				: "nothing signs the reports: receivers ignore them");
		doctor_remedy(c->doctor,
			"%sset report_dkim_key and report_dkim_selector, or let a filter sign them, such as OpenDKIM",
			others > 0 ? "find out with `stsgate report test ADDRESS`; if nothing signs: " : "");
	}
}

void sendmail_judge(struct doctor *doctor, const struct sendmail_facts *facts)
{
	struct sendmail_case c = {.doctor = doctor,
		.facts = facts,
		.config = facts->config,
		.settings = doctor->settings,
		.map = sendmail_map(facts->config, "sts"),
		.smart_host = sendmail_macro(facts->config, 'S')};
	shown(&c.milter, span_of(doctor->settings->milter_socket));
	shown(&c.socketmap, span_of(doctor->settings->socketmap_socket));
	shown(&c.file, span_of(facts->file));
	if (c.smart_host && c.smart_host[0] == '\0')
		c.smart_host = NULL;
	version_check(&c);
	milter_check(&c);
	map_check(&c);
	ca_check(&c);
	wildcard_check(&c);
	routes_check(&c);
	access_check(&c);
	sessions_check(&c);
	signer_check(&c);
}
