/* The children's side of doctor: findings go to the parent. */
#include "doctor_internal.h"
#include "privileges.h"

#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

_Static_assert(sizeof(struct doctor_record) <= PIPE_BUF, "a record is written whole or not at all");

enum { NO, YES };
const struct doctor_check doctor_checks[] = {
#define CHECK(group, network, name, sentence) {DOCTOR_GROUP_##group, network, name, sentence},
#include "doctor.def"
};
const size_t doctor_check_count = sizeof doctor_checks / sizeof *doctor_checks;

const char *const doctor_group_names[DOCTOR_GROUPS] = {[DOCTOR_GROUP_machine] = "machine",
	[DOCTOR_GROUP_network] = "network",
	[DOCTOR_GROUP_outbound] = "outbound",
	[DOCTOR_GROUP_store] = "store",
	[DOCTOR_GROUP_sockets] = "sockets",
	[DOCTOR_GROUP_fleet] = "fleet",
	[DOCTOR_GROUP_postfix] = "postfix",
	[DOCTOR_GROUP_sendmail] = "sendmail"};

const char *doctor_file(const struct options *options)
{
	return options->file ? options->file : SYSCONFDIR "/stsgate.conf";
}

bool doctor_asked(const struct doctor *doctor, const struct doctor_check *check)
{
	if (check->network && option_given(doctor->options, "quick"))
		return false;
	for (size_t i = 0; i < doctor->word_count; i++)
		if (strcmp(doctor->words[i], check->name) == 0 ||
			strcmp(doctor->words[i], doctor_group_names[check->group]) == 0)
			return true;
	return doctor->word_count == 0;
}

/* A name that is not in the table is a mistake in the group's code. */
static uint16_t check_find(const char *name)
{
	for (size_t i = 0; i < doctor_check_count; i++)
		if (strcmp(doctor_checks[i].name, name) == 0)
			return (uint16_t)i;
	fprintf(stderr, "stsgate: doctor.def has no check `%s`\n", name);
	abort();
}

bool doctor_leave_root(const struct doctor *doctor)
{
	struct failure why = {0};
	struct identity identity;
	if (!privileges_find(&identity, doctor->settings, &why)) {
		const struct passwd *nobody = getpwnam("nobody");
		if (!nobody || nobody->pw_uid == 0)
			return false;
		identity = (struct identity){.drop = true, .uid = nobody->pw_uid, .gid = nobody->pw_gid};
		snprintf(identity.user, sizeof identity.user, "nobody");
	}
	if (privileges_drop(&identity, &why))
		return true;
	fprintf(stderr, "stsgate: %s\n", why.text);
	return false;
}

bool doctor_wants(const struct doctor *doctor, const char *check)
{
	return doctor_asked(doctor, &doctor_checks[check_find(check)]);
}

/* If the parent does not read any more, nobody needs the other findings either. */
static void record_send(const struct doctor *doctor, const struct doctor_record *record)
{
	if (write(doctor->out, record, sizeof *record) != sizeof *record)
		_exit(EX_IOERR);
}

void doctor_report(struct doctor *doctor, const char *check, enum doctor_result result, const char *format, ...)
{
	struct doctor_record record = {.check = check_find(check), .result = (uint16_t)result};
	doctor->dropped = !doctor_asked(doctor, &doctor_checks[record.check]);
	if (doctor->dropped)
		return;
	va_list list;
	va_start(list, format);
	vsnprintf(record.text, sizeof record.text, format, list);
	va_end(list);
	record_send(doctor, &record);
}

void doctor_remedy(struct doctor *doctor, const char *format, ...)
{
	struct doctor_record record = {.check = DOCTOR_REMEDY};
	if (doctor->dropped)
		return;
	va_list list;
	va_start(list, format);
	vsnprintf(record.text, sizeof record.text, format, list);
	va_end(list);
	record_send(doctor, &record);
}
