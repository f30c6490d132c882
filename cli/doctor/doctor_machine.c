/* doctor: the checks of this machine that need no other: settings, user, authorities, clock. */
#include "clock.h"
#include "doctor.h"
#include "output.h"
#include "privileges.h"
#include "trust.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sysexits.h>

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
		doctor_remedy(doctor, "set user to an unprivileged user and give it the directory of store_path");
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

void doctor_machine(struct doctor *doctor)
{
	settings_check_file(doctor);
	mode_check(doctor);
	user_check(doctor);
	clock_check(doctor);
	if (!doctor_wants(doctor, "authorities") || !doctor_leave_root(doctor))
		return;
	/* From here on as the daemon's user, who must be able to read the files. */
	authorities_check(doctor, "fetch_ca_file", doctor->settings->fetch_ca_file);
	authorities_check(doctor, "probe_ca_file", doctor->settings->probe_ca_file);
}
