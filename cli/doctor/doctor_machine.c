/* doctor: the checks of this machine that need no other: settings, user, authorities, clock. */
#include "clock.h"
#include "doctor.h"
#include "doctor_reports.h"
#include "memory.h"
#include "output.h"
#include "privileges.h"
#include "trust.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sysexits.h>
#include <unistd.h>

/* A user who can write the settings file can turn protection off. */
static void settings_check_file(struct doctor *doctor)
{
	struct stat file;
	struct quote quote;
	const char *name = doctor_file(doctor->options);
	if (stat(name, &file) != 0 && errno == ENOENT) {
		doctor_report(doctor, "settings", DOCTOR_OK, "no file %s: all settings have their defaults",
			quote_string(&quote, name));
	} else if (stat(name, &file) != 0) {
		doctor_report(doctor, "settings", DOCTOR_WARN, "cannot look at %s: %s", quote_string(&quote, name),
			strerror(errno));
		doctor_remedy(doctor, "run it as root");
	} else if (file.st_mode & S_IWOTH) {
		doctor_report(doctor, "settings", DOCTOR_FAIL, "every user of this machine can change %s",
			quote_string(&quote, name));
		doctor_remedy(doctor, "chmod o-w %s", quote_string(&quote, name));
	} else {
		doctor_report(doctor, "settings", DOCTOR_OK, "%s is valid", quote_string(&quote, name));
	}
}

static void mode_check(struct doctor *doctor)
{
	if (doctor->settings->mode == MODE_ENFORCE) {
		doctor_report(doctor, "mode", DOCTOR_OK, "enforce");
		return;
	}
	doctor_report(doctor, "mode", DOCTOR_WARN, "monitor: verdicts are logged, but no mail is delayed or protected");
	doctor_remedy(doctor,
		"find out with `stsgate audit` whose mail mode = enforce would delay; then set it and reload stsgated");
}

static void user_check(struct doctor *doctor)
{
	struct failure why = {0};
	struct identity identity;
	const char *user = doctor->settings->user;
	if (!privileges_find(&identity, doctor->settings, &why)) {
		doctor_report(doctor, "user", DOCTOR_FAIL, "%s", why.text);
		doctor_remedy(doctor, "create it, for example with `useradd --system --no-create-home %s`", user);
	} else if (strcmp(user, "root") == 0) {
		doctor_report(doctor, "user", DOCTOR_WARN, "user = root: stsgated keeps root's rights");
		doctor_remedy(
			doctor, "set user to an unprivileged user, and give that user the directory of store_path");
	} else {
		doctor_report(doctor, "user", DOCTOR_OK, "%s", user);
	}
}

/* --- certificate authorities -------------------------------------------------------------------------------------- */

static void authorities_check(struct doctor *doctor, const char *setting, const char *file)
{
	struct failure why = {0};
	struct quote quote;
	struct trust *trust = trust_new(*file ? file : NULL, &why);
	if (!trust) {
		doctor_report(doctor, "authorities", DOCTOR_FAIL, "%s: %s", setting, why.text);
		doctor_remedy(doctor, "%s",
			*file ? "put the file there and let the daemon's user read it; an empty setting means the system's "
				"authorities"
			      : "install the package ca-certificates");
		return;
	}
	struct trust_count found = trust_count(trust);
	const char *from = *file ? quote_string(&quote, file) : "the system's store";
	if (found.directory) {
		doctor_report(doctor, "authorities", DOCTOR_WARN,
			"%s: the system has no file of authorities, and it is unknown whether its directory has any",
			setting);
		doctor_remedy(doctor, "install the package ca-certificates, or name a PEM file in %s", setting);
	} else if (found.expired * 2 > found.authorities) {
		doctor_report(doctor, "authorities", DOCTOR_WARN, "%s: %u of %u authorities in %s have expired",
			setting, found.expired, found.authorities, from);
		doctor_remedy(doctor, "look at this machine's clock, then update the file");
	} else {
		doctor_report(doctor, "authorities", DOCTOR_OK, "%s: %u %s in %s", setting, found.authorities,
			found.authorities == 1 ? "authority" : "authorities", from);
	}
	trust_free(&trust);
}

/* --- the clock ---------------------------------------------------------------------------------------------------- */

/* The kernel knows whether a program keeps the clock synchronized. In a container it may not. */
static void clock_check(struct doctor *doctor)
{
	struct timex state = {.modes = 0};
	struct when now;
	int result = adjtimex(&state);
	when_date(&now, clock_wall_s());
	if (result < 0) {
		doctor_report(doctor, "clock", DOCTOR_SKIP,
			"%s; the kernel does not report whether the clock is synchronized: %s", now.text,
			strerror(errno));
	} else if (result == TIME_ERROR || (state.status & STA_UNSYNC)) {
		doctor_report(doctor, "clock", DOCTOR_WARN,
			"%s, but no program keeps this machine's clock synchronized", now.text);
		doctor_remedy(doctor,
			"run a time service, such as chrony or systemd-timesyncd: with a wrong clock certificates "
			"and signatures are refused");
	} else {
		doctor_report(doctor, "clock", DOCTOR_OK, "%s, synchronized", now.text);
	}
}

/* --- event_command ------------------------------------------------------------------------------------------------ */

/* Returns whether every user can change the file, or put another one in its place. Cuts `path` to what they can change. */
static bool anybody_can_change(char *path)
{
	struct stat file;
	do {
		bool known = stat(path[0] ? path : "/", &file) == 0;
		bool own_only = S_ISDIR(file.st_mode) && (file.st_mode & S_ISVTX);
		if (known && (file.st_mode & S_IWOTH) && !own_only)
			return true;
		char *slash = strrchr(path, '/');
		if (!slash)
			return false;
		*slash = '\0';
	} while (true);
}

static void event_command_check(struct doctor *doctor)
{
	static const char name[] = "event-command";
	char *words[SETTINGS_WORDS_MAX + 1], *line = xstrdup(doctor->settings->event_command);
	struct quote quote;
	struct stat file;
	const char *path = settings_words(line, words) > 0 ? words[0] : "";
	const char *quoted = quote_string(&quote, path);
	if (!*path) {
		doctor_report(doctor, name, DOCTOR_SKIP, "no event_command is set");
	} else if (strcmp(doctor->settings->user, "root") == 0) {
		doctor_report(doctor, name, DOCTOR_WARN, "event_command is not run, because stsgated runs as root");
		doctor_remedy(
			doctor, "set user to an unprivileged user, and give that user the directory of store_path");
	} else if (access(path, X_OK) != 0) {
		doctor_report(doctor, name, DOCTOR_WARN, "%s cannot be run: %s", quoted, strerror(errno));
		doctor_remedy(doctor, "install the program there, with the right to execute it for the daemon's user");
	} else if (stat(path, &file) != 0 || !S_ISREG(file.st_mode)) {
		doctor_report(doctor, name, DOCTOR_WARN, "%s is not a program", quoted);
		doctor_remedy(doctor, "name the file of the program in event_command");
	} else if (anybody_can_change(words[0])) {
		doctor_report(doctor, name, DOCTOR_FAIL, "every user of this machine can change %s",
			quote_string(&quote, path));
		doctor_remedy(doctor, "chmod o-w %s", quote_string(&quote, *path ? path : "/"));
	} else {
		doctor_report(doctor, name, DOCTOR_OK, "%s", quote_string(&quote, doctor->settings->event_command));
	}
	free(line);
}

void doctor_machine(struct doctor *doctor)
{
	settings_check_file(doctor);
	mode_check(doctor);
	user_check(doctor);
	clock_check(doctor);
	if (!doctor_leave_root(doctor))
		return;
	/* From here on as the daemon's user, who must be able to read the files and to run the program. */
	event_command_check(doctor);
	if (doctor_wants(doctor, "authorities")) {
		authorities_check(doctor, "fetch_ca_file", doctor->settings->fetch_ca_file);
		authorities_check(doctor, "probe_ca_file", doctor->settings->probe_ca_file);
	}
	doctor_report_settings(doctor);
	doctor_report_key(doctor);
}
