/* doctor: the checks of this machine that need no other: settings, authorities, clock. */
#include "doctor.h"
#include "output.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Whoever may write the settings may turn protection off. */
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
	doctor_remedy(doctor, "set mode = enforce and reload stsgated when the log shows that this would hold no mail "
			      "that must pass");
}

void doctor_machine(struct doctor *doctor)
{
	settings_check_file(doctor);
	mode_check(doctor);
}
