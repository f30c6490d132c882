/* The checks of Postfix: does it ask the milter, and what does it do while the milter does not answer? */
#include "postfix_checks_internal.h"

#include <stdio.h>
#include <string.h>

#define ATTACHED_MAX 64   /* services that ask the milter and are looked at */
#define WAIT_MARGIN_S 2   /* by which a timeout should be longer than milter_wait */
#define PROTOCOL_WANTED 6 /* the milter protocol by which the filter chooses its macros (spec M-8) */

/* A service that asks the milter, and the item of its list. */
struct attached {
	const struct postfix_service *service;
	struct span item;
};
struct milters {
	struct attached attached[ATTACHED_MAX];
	size_t count;
	struct name_list missing; /* services of smtpd that do not ask it */
	struct name_list outside; /* services that cannot reach its socket */
};

/* Looks for stsgated's milter in a service's list. */
static enum postfix_place milter_find(
	const struct postfix_case *c, const struct postfix_service *service, const char *list, struct span *item)
{
	enum postfix_place found = PLACE_OTHER;
	if (postfix_lists(postfix_value(c->config, service, "receive_override_options"), "no_milters"))
		return PLACE_OTHER;
	struct span rest = span_of(postfix_value(c->config, service, list)), address;
	while (found != PLACE_SAME && postfix_item(&rest, item)) {
		struct span inside = postfix_unbrace(*item);
		if (!postfix_item(&inside, &address))
			continue;
		enum postfix_place place = postfix_place(address, &c->milter, c->queue, service->chroot);
		found = place == PLACE_OTHER ? found : place;
	}
	return found;
}

static void service_look(struct postfix_case *c, struct milters *milters, const struct postfix_service *service)
{
	struct attached attached = {.service = service};
	/* A service on a loopback address gets mail back from a content filter: the milter has seen that mail. */
	bool again = strncmp(service->name, "127.", 4) == 0 || strncmp(service->name, "[::1]", 5) == 0 ||
		     strncmp(service->name, "localhost:", 10) == 0;
	switch (milter_find(c, service, "smtpd_milters", &attached.item)) {
	case PLACE_SAME:
		if (milters->count < ATTACHED_MAX)
			milters->attached[milters->count++] = attached;
		break;
	case PLACE_OUTSIDE:
		name_list_add(&milters->outside, service->name);
		break;
	case PLACE_OTHER:
		if (!again)
			name_list_add(&milters->missing, service->name);
		break;
	}
}

static void unattached_report(struct postfix_case *c)
{
	char own[OWN_ADDRESS_SIZE];
	struct quote quote;
	const char *value = shown_setting(&quote, c, "smtpd_milters");
	if (c->delegation.family != SOCKET_OFF) {
		doctor_report(c->doctor, "postfix-milter", DOCTOR_SKIP,
			"no service of smtpd(8) asks the milter (smtpd_milters is %s); policy delegation takes its place",
			value);
		return;
	}
	doctor_report(c->doctor, "postfix-milter", c->settings->mta_enforces ? DOCTOR_WARN : DOCTOR_FAIL,
		"no service of smtpd(8) asks the milter (smtpd_milters is %s): %s", value,
		c->settings->mta_enforces ? "nothing is judged or tagged before delivery"
					  : "Postfix delivers without stsgated's judgement");
	doctor_remedy(c->doctor,
		"in main.cf: smtpd_milters = { %s, connect_timeout=10s, command_timeout=30s, default_action=tempfail }, and "
		"non_smtpd_milters = $smtpd_milters; if no milter is wanted, in stsgate.conf: an empty milter_socket",
		own_address(c, &c->milter, own));
}

static void outside_report(struct postfix_case *c, const struct milters *milters)
{
	char own[OWN_ADDRESS_SIZE];
	struct quote place;
	own_address(c, &c->milter, own);
	doctor_report(c->doctor, "postfix-milter", DOCTOR_FAIL,
		"smtpd(8) is chrooted in %s and cannot reach the milter at %s (services: %s)", c->queue_shown.text,
		shown(&place, span_of(c->milter.path)), milters->outside.bytes);
	if (own_is_inside(c, &c->milter))
		doctor_remedy(c->doctor, "in main.cf write %s", own);
	else
		doctor_remedy(c->doctor,
			"put the socket below the queue directory: in stsgate.conf: milter_socket = "
			"unix:%s/stsgate/milter, in main.cf: unix:stsgate/milter",
			c->queue_shown.text);
}

/* sendmail(1) and other local sources go through cleanup(8). */
static void local_check(struct postfix_case *c)
{
	const struct postfix_service *cleanup = service_find(c, "cleanup", "cleanup");
	struct span item;
	if (!cleanup || milter_find(c, cleanup, "non_smtpd_milters", &item) == PLACE_SAME || c->settings->mta_enforces)
		return;
	doctor_report(c->doctor, "postfix-milter", DOCTOR_WARN,
		"non_smtpd_milters does not have stsgated's milter: messages from sendmail(1) are not judged");
	doctor_remedy(c->doctor, "in main.cf: non_smtpd_milters = $smtpd_milters");
}

static void attached_report(struct postfix_case *c, const struct milters *milters)
{
	char own[OWN_ADDRESS_SIZE];
	own_address(c, &c->milter, own);
	if (milters->missing.count > 0 && !c->settings->mta_enforces) {
		doctor_report(c->doctor, "postfix-milter", DOCTOR_WARN,
			"mail that arrives at these services is not judged: %s", milters->missing.bytes);
		doctor_remedy(
			c->doctor, "remove `-o smtpd_milters` from these services in master.cf, or attach the map");
	} else if (milters->missing.count > 0) {
		doctor_report(c->doctor, "postfix-milter", DOCTOR_OK,
			"smtpd(8) asks %s; services without it, whose mail only the map binds: %s", own,
			milters->missing.bytes);
	} else {
		doctor_report(c->doctor, "postfix-milter", DOCTOR_OK, "smtpd(8) asks %s", own);
	}
}

/* A setting of one milter: its option inside braces, or else the setting for all milters. */
static struct span milter_setting(
	const struct postfix_case *c, const struct attached *attached, const char *option, const char *setting)
{
	struct span value = postfix_option(attached->item, option);
	return value.len > 0 ? value : span_of(postfix_value(c->config, attached->service, setting));
}

static void protocol_check(struct postfix_case *c, const struct milters *milters)
{
	for (size_t i = 0; i < milters->count; i++) {
		struct span value = milter_setting(c, &milters->attached[i], "protocol", "milter_protocol");
		if (value.len != 1 || value.at[0] < '0' || value.at[0] - '0' >= PROTOCOL_WANTED)
			continue;
		doctor_report(c->doctor, "postfix-milter", DOCTOR_WARN,
			"milter_protocol is %c: the milter cannot ask for the macros that it needs", value.at[0]);
		doctor_remedy(c->doctor, "in main.cf: milter_protocol = %d", PROTOCOL_WANTED);
		return;
	}
}

/* What Postfix does while the milter does not answer, such as during a restart. */
static void action_check(struct postfix_case *c, const struct milters *milters)
{
	struct span action = {"", 0};
	enum doctor_result result = DOCTOR_OK;
	const char *effect = "", *service = "";
	for (size_t i = 0; i < milters->count && result == DOCTOR_OK; i++) {
		action = milter_setting(c, &milters->attached[i], "default_action", "milter_default_action");
		service = milters->attached[i].service->name;
		if (span_is(action, "reject")) {
			result = DOCTOR_FAIL;
			effect = "Postfix rejects mail permanently";
		} else if (span_is(action, "accept") && !c->settings->mta_enforces) {
			result = DOCTOR_WARN;
			effect = "mail passes unjudged";
		} else if (span_is(action, "accept")) {
			effect = "mail passes the milter, and the map binds its delivery";
		} else if (span_is(action, "quarantine")) {
			result = DOCTOR_WARN;
			effect = "mail is put on hold until somebody releases it";
		} else {
			effect = "the client tries again later";
		}
	}
	struct quote quote, name;
	doctor_report(c->doctor, "postfix-action", result,
		"while stsgated does not answer, %s (default action %s, service %s)", effect, shown(&quote, action),
		shown(&name, span_of(service)));
	if (result != DOCTOR_OK)
		doctor_remedy(c->doctor,
			"in main.cf: milter_default_action = tempfail, or default_action=tempfail in the "
			"braces of smtpd_milters");
}

static void timeouts_check(struct postfix_case *c, const struct milters *milters)
{
	static const char *const names[][2] = {
		{"command_timeout", "milter_command_timeout"}, {"content_timeout", "milter_content_timeout"}};
	long wait = c->settings->milter_wait, shortest = INT32_MAX;
	const char *name = names[0][0];
	for (size_t i = 0; i < milters->count; i++)
		for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
			int64_t seconds =
				postfix_seconds(milter_setting(c, &milters->attached[i], names[k][0], names[k][1]));
			if (seconds < 0 || seconds >= shortest)
				continue;
			shortest = (long)seconds;
			name = names[k][0];
		}
	if (shortest == INT32_MAX) {
		doctor_report(c->doctor, "postfix-timeouts", DOCTOR_SKIP, "the timeouts of the milter cannot be read");
		return;
	}
	enum doctor_result result = shortest <= wait                  ? DOCTOR_FAIL
				    : shortest < wait + WAIT_MARGIN_S ? DOCTOR_WARN
								      : DOCTOR_OK;
	doctor_report(c->doctor, "postfix-timeouts", result, "Postfix waits %ld s for the milter (%s)%s %ld s",
		shortest, name,
		result == DOCTOR_OK     ? ", and the milter waits at most"
		: result == DOCTOR_WARN ? ", hardly longer than milter_wait,"
					: ", but the milter may take",
		wait);
	if (result != DOCTOR_OK)
		doctor_remedy(c->doctor,
			"in main.cf: command_timeout=30s in the braces of smtpd_milters, or milter_command_timeout = 30s; or a "
			"shorter milter_wait in stsgate.conf");
}

void postfix_judge_milter(struct postfix_case *c)
{
	if (c->milter.family == SOCKET_OFF) {
		doctor_report(c->doctor, "postfix-milter", DOCTOR_SKIP, "milter_socket is empty: there is no milter");
		return;
	}
	struct milters milters = {.count = 0};
	name_list_init(&milters.missing);
	name_list_init(&milters.outside);
	for (const struct postfix_service *service = NULL; (service = service_next(c, service, "smtpd"));)
		service_look(c, &milters, service);
	if (milters.outside.count > 0)
		outside_report(c, &milters);
	else if (milters.count == 0)
		unattached_report(c);
	else
		attached_report(c, &milters);
	if (milters.count == 0)
		return;
	local_check(c);
	protocol_check(c, &milters);
	action_check(c, &milters);
	timeouts_check(c, &milters);
}
