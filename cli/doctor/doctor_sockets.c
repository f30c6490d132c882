/* doctor: the daemon, and its sockets as the MTA's processes see them. */
#include "doctor_postfix.h"
#include "memory.h"
#include "output.h"
#include "privileges.h"
#include "store.h"
#include "talk.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Postfix on this machine, as far as it matters for sockets. */
struct mta {
	bool found;
	const char *queue, *user; /* queue_directory, mail_owner */
	struct postfix_config config;
	const struct passwd *passwd;
};

struct socket_check {
	const char *check;   /* in doctor.def */
	const char *setting; /* its name */
	enum talk_protocol protocol;
	const char *program; /* of Postfix, which connects to it; NULL: none does */
	size_t value;        /* offset in struct settings */
};

#define ADDRESS(name) #name, .value = offsetof(struct settings, name)
static const struct socket_check socket_checks[] = {
	{"milter", ADDRESS(milter_socket), .protocol = TALK_MILTER, .program = "smtpd"},
	{"socketmap", ADDRESS(socketmap_socket), .protocol = TALK_SOCKETMAP, .program = "smtp"},
	{"delegation", ADDRESS(delegation_socket), .protocol = TALK_DELEGATION, .program = "smtpd"},
	{"http", ADDRESS(metrics_socket), .protocol = TALK_HTTP},
};
/* With tlsrpt = collect Postfix writes to it; with feed stsgated does. */
static const struct socket_check collector_check = {
	"tlsrpt-socket", ADDRESS(tlsrpt_socket), .protocol = TALK_DATAGRAM, .program = "smtp"};
static const struct socket_check feed_check = {"tlsrpt-socket", ADDRESS(tlsrpt_socket), .protocol = TALK_DATAGRAM};

/* --- Postfix ------------------------------------------------------------------------------------------------------ */

static struct mta mta_find(const struct doctor *doctor)
{
	struct failure why = {0};
	struct mta mta = {.found = false};
	mta.found = doctor_postfix_read(doctor, &mta.config, &why) == POSTFIX_FOUND;
	if (!mta.found)
		return mta;
	mta.queue = postfix_value(&mta.config, NULL, "queue_directory");
	mta.user = postfix_value(&mta.config, NULL, "mail_owner");
	mta.passwd = getpwnam(mta.user);
	return mta;
}

/* Returns whether a service that runs this program is in a chroot(2), the queue directory. */
static bool mta_jails(const struct mta *mta, const char *program)
{
	for (size_t i = 0; program && i < mta->config.service_count; i++)
		if (strcmp(mta->config.service[i].program, program) == 0 && mta->config.service[i].chroot)
			return true;
	return false;
}

/* --- one socket --------------------------------------------------------------------------------------------------- */

/* How a socket is tried. */
struct attempt {
	const struct socket_check *check;
	const char *address; /* the setting's value */
	struct settings_socket place;
	struct talk_user user;
	const char *path; /* of a UNIX socket inside the chroot; NULL: the path of the setting */
	char who[320];    /* the user, for people */
};

/* Returns the path below the directory, with its first slash; NULL if the path is not below it. */
static const char *path_below(const char *path, const char *directory)
{
	size_t len = strlen(directory);
	return strncmp(path, directory, len) == 0 && path[len] == '/' ? path + len : NULL;
}

/* Mail does not depend on the reports. */
static enum doctor_result attempt_bad(const struct attempt *attempt)
{
	return attempt->check->protocol == TALK_DATAGRAM ? DOCTOR_WARN : DOCTOR_FAIL;
}

static void refused_report(struct doctor *doctor, const struct attempt *attempt, int err)
{
	const char *name = attempt->check->check;
	if ((err == EACCES || err == EPERM) && geteuid() != 0) {
		doctor_report(doctor, name, DOCTOR_SKIP, "%s: only root can try %s as the MTA's user",
			attempt->check->setting, attempt->address);
		return;
	}
	if (err == EACCES || err == EPERM) {
		doctor_report(doctor, name, attempt_bad(attempt), "%s: %s may not connect to %s",
			attempt->check->setting, attempt->who, attempt->address);
		doctor_remedy(doctor,
			"give the socket's directory the group of this user and mode 2750, or name the group in socket_owner if "
			"stsgated starts as root; use a socket_mode such as 0660, and let the user enter each directory above the "
			"socket (`namei -l %s` shows them); then restart stsgated",
			attempt->place.path);
		return;
	}
	doctor_report(doctor, name, attempt_bad(attempt), "%s: nothing listens at %s (%s)", attempt->check->setting,
		attempt->address, strerror(err));
	if (attempt->check == &feed_check) {
		doctor_remedy(doctor, "start the collector that listens there, or name its socket in tlsrpt_socket");
		return;
	}
	doctor_remedy(doctor, "restart stsgated if the setting was changed since its start; the log line `ready` has "
			      "the addresses that it uses");
}

/* Reports what /healthz has answered. */
static void health_report(struct doctor *doctor, const struct attempt *attempt, const struct talk *talk)
{
	struct quote quote;
	const char *body = talk->words + strcspn(talk->words, " ");
	body += *body == ' ';
	if (strcmp(talk->words, "200 ok") == 0) {
		doctor_report(doctor, "http", DOCTOR_OK, "%s answers; /healthz: ok", attempt->address);
	} else if (strcmp(talk->words, "200 degraded: fleet-unreachable") == 0) {
		doctor_report(doctor, "http", DOCTOR_WARN, "/healthz: this relay works, but shares nothing");
		doctor_remedy(doctor, "`stsgate fleet test` looks for the cause");
	} else if (strncmp(talk->words, "200 degraded: ", 14) == 0) {
		doctor_report(doctor, "http", DOCTOR_FAIL, "/healthz reports lasting trouble: %s", body + 10);
		doctor_remedy(doctor, "`stsgate events --since 1d` explains each of them and what to do");
	} else if (strncmp(talk->words, "503 ", 4) == 0) {
		doctor_report(doctor, "http", DOCTOR_FAIL, "/healthz: the store cannot be read: %s", body);
		doctor_remedy(doctor, "look at the disk and at stsgated's log");
	} else {
		doctor_report(doctor, "http", DOCTOR_FAIL, "metrics_socket: %s is not stsgated: it answers %s",
			attempt->address, quote_string(&quote, talk->words));
		doctor_remedy(doctor, "find the program that uses the address, or change metrics_socket");
	}
}

static void talk_report(struct doctor *doctor, const struct attempt *attempt, const struct talk *talk)
{
	const char *name = attempt->check->check, *setting = attempt->check->setting;
	switch (talk->end) {
	case TALK_ANSWERED:
		if (attempt->check->protocol == TALK_HTTP)
			health_report(doctor, attempt, talk);
		else if (attempt->check->protocol == TALK_DATAGRAM)
			doctor_report(doctor, name, DOCTOR_OK, "%s can write to %s", attempt->who, attempt->address);
		else
			doctor_report(doctor, name, DOCTOR_OK, "%s answers %s", attempt->address, attempt->who);
		return;
	case TALK_REFUSED:
		refused_report(doctor, attempt, talk->err);
		return;
	case TALK_STRANGE:
		doctor_report(doctor, name, DOCTOR_FAIL, "%s: another program answers at %s: %s", setting,
			attempt->address, talk->words);
		doctor_remedy(doctor, "find the program that uses the address, or change %s", setting);
		return;
	case TALK_CLOSED:
	case TALK_SILENT:
		doctor_report(doctor, name, DOCTOR_FAIL, "%s: %s accepts connections but %s", setting, attempt->address,
			talk->end == TALK_CLOSED ? "closes them without an answer" : "does not answer in time");
		doctor_remedy(doctor,
			"look at stsgated's log, and at its load and limits in /metrics; restart it if it hangs");
		return;
	case TALK_FAILED:
		break;
	}
	doctor_report(doctor, name, DOCTOR_SKIP, "%s: %s could not be tried: %s", setting, attempt->address,
		talk->err ? strerror(talk->err) : "the process that tried it failed");
}

/* Chooses the user and the chroot. Returns false, after a report, if the chroot hides the socket. */
static bool attempt_prepare(struct doctor *doctor, struct attempt *attempt, const struct mta *mta)
{
	bool root = geteuid() == 0;
	bool by_mta = mta->found && mta->passwd && attempt->check->program;
	struct identity daemon;
	bool jailed = mta->found && attempt->place.family == SOCKET_UNIX && mta_jails(mta, attempt->check->program);
	snprintf(attempt->who, sizeof attempt->who, "this user");
	if (jailed && !(attempt->path = path_below(attempt->place.path, mta->queue))) {
		doctor_report(doctor, attempt->check->check, attempt_bad(attempt),
			"%s: Postfix's %s(8) runs in a chroot and cannot reach %s", attempt->check->setting,
			attempt->check->program, attempt->address);
		doctor_remedy(doctor, "put the socket below %s%s", mta->queue,
			attempt->check->protocol == TALK_DATAGRAM
				? ""
				: ", or use an address of the form inet:port@127.0.0.1");
		return false;
	}
	if (root && by_mta) {
		attempt->user = (struct talk_user){true, mta->passwd->pw_uid, mta->passwd->pw_gid, NULL};
		snprintf(attempt->who, sizeof attempt->who, "the user %s%s", mta->user,
			jailed ? " in Postfix's chroot" : "");
		attempt->user.root = jailed ? mta->queue : NULL;
	} else if (root && privileges_find(&daemon, doctor->settings, NULL) && daemon.drop) {
		attempt->user = (struct talk_user){true, daemon.uid, daemon.gid, NULL};
		snprintf(attempt->who, sizeof attempt->who, "the user %s", daemon.user);
	}
	if (!attempt->user.root)
		attempt->path = NULL;
	return true;
}

/* Reads the address. The setting of a datagram socket has only its path. */
static bool attempt_place(struct attempt *attempt)
{
	if (attempt->check->protocol != TALK_DATAGRAM)
		return settings_socket_parse(&attempt->place, attempt->address, NULL);
	attempt->place.family = SOCKET_UNIX;
	snprintf(attempt->place.path, sizeof attempt->place.path, "%s", attempt->address);
	return strlen(attempt->address) < sizeof attempt->place.path;
}

static void socket_check(struct doctor *doctor, const struct socket_check *check, const struct mta *mta, bool runs)
{
	struct attempt attempt = {.check = check};
	attempt.address = *(char *const *)((const char *)doctor->settings + check->value);
	if (!doctor_wants(doctor, check->check))
		return;
	if (*attempt.address == '\0') {
		doctor_report(doctor, check->check, DOCTOR_SKIP, "%s is empty: not in use", check->setting);
		return;
	}
	if (!runs) {
		doctor_report(doctor, check->check, DOCTOR_SKIP, "%s: stsgated does not run", check->setting);
		return;
	}
	if (!attempt_place(&attempt) || !attempt_prepare(doctor, &attempt, mta))
		return;
	struct talk talk = talk_ask(check->protocol, &attempt.place, attempt.path, &attempt.user);
	talk_report(doctor, &attempt, &talk);
}

/* --- the daemon --------------------------------------------------------------------------------------------------- */

/* Returns false if it is certain that no daemon uses the store. */
static bool daemon_check(struct doctor *doctor)
{
	struct failure why = {0};
	const char *store = doctor->settings->store_path;
	switch (store_owner(store, &why)) {
	case STORE_OWNED:
		doctor_report(doctor, "daemon", DOCTOR_OK, "stsgated runs on the store in %s", store);
		return true;
	case STORE_OWNER_UNKNOWN:
		doctor_report(doctor, "daemon", DOCTOR_SKIP, "%s", why.text);
		return true;
	case STORE_LEFT:
		doctor_report(doctor, "daemon", DOCTOR_FAIL,
			"stsgated does not run; it was killed or has crashed, since it did not close the store in %s",
			store);
		doctor_remedy(doctor, "look at its last log lines, then start it; it checks the store");
		return false;
	case STORE_CLOSED:
		doctor_report(doctor, "daemon", DOCTOR_FAIL, "stsgated does not run on the store in %s", store);
		break;
	case STORE_NEVER_OWNED:
		doctor_report(doctor, "daemon", DOCTOR_FAIL, "no stsgated has ever run on the store in %s", store);
		break;
	}
	doctor_remedy(doctor, "start stsgated; if it runs with another settings file, name that file with -c");
	return false;
}

void doctor_sockets(struct doctor *doctor)
{
	bool runs = daemon_check(doctor);
	struct mta mta = mta_find(doctor);
	for (size_t i = 0; i < sizeof socket_checks / sizeof *socket_checks; i++)
		socket_check(doctor, &socket_checks[i], &mta, runs);
	if (doctor->settings->tlsrpt == TLSRPT_OFF)
		doctor_report(doctor, "tlsrpt-socket", DOCTOR_SKIP, "tlsrpt = off");
	else if (doctor->settings->tlsrpt == TLSRPT_FEED)
		socket_check(doctor, &feed_check, &mta, true);
	else
		socket_check(doctor, &collector_check, &mta, runs);
}
