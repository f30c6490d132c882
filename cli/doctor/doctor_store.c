/* doctor: the store. This group runs in a process of its own, which becomes the
 * store's owner when it opens the store as root. */
#include "doctor.h"
#include "doctor_entries.h"
#include "doctor_judge.h"
#include "doctor_notes.h"
#include "output.h"
#include "privileges.h"
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

#define PERCENT_EVICTING 90 /* from here on the store evicts records */
#define BEHIND_LONG 100     /* states of the store; a view is normally in use for milliseconds */

/* --- the store itself --------------------------------------------------------------------------------------------- */

static void usage_check(struct doctor *doctor, struct store *store)
{
	struct store_usage usage;
	struct failure why = {0};
	struct when used, most;
	if (!store_usage(store, &usage, &why)) {
		doctor_report(doctor, "store", DOCTOR_FAIL, "%s", why.text);
		doctor_remedy(doctor, "look at the disk, then restart stsgated: it checks the store");
		return;
	}
	unsigned percent = usage.max_bytes > 0 ? (unsigned)(usage.bytes * 100 / usage.max_bytes) : 0;
	bytes_text(&used, usage.bytes);
	bytes_text(&most, usage.max_bytes);
	if (percent < PERCENT_EVICTING) {
		doctor_report(doctor, "store", DOCTOR_OK, "%s is sound; %" PRIu64 " domains, %s of %s used (%u%%)",
			doctor->settings->store_path, usage.entries, used.text, most.text, percent);
		return;
	}
	doctor_report(doctor, "store", DOCTOR_WARN, "the store is nearly full and evicts records: %s of %s used (%u%%)",
		used.text, most.text, percent);
	doctor_remedy(doctor, "raise store_max_bytes and restart stsgated");
}

static void readers_check(struct doctor *doctor, struct store *store)
{
	struct store_readers readers;
	struct failure why = {0};
	if (!store_readers(store, &readers, &why)) {
		doctor_report(doctor, "store-readers", DOCTOR_SKIP, "%s", why.text);
	} else if (readers.behind > BEHIND_LONG) {
		doctor_report(doctor, "store-readers", DOCTOR_WARN,
			"process %ld reads a state of the store that is %" PRIu64
			" changes old; the store grows meanwhile",
			(long)readers.pid, readers.behind);
		doctor_remedy(doctor, "end that process, or let it continue if it is a stopped stsgate (`ps %ld`)",
			(long)readers.pid);
	} else if (readers.count > STORE_READERS * 9 / 10) {
		doctor_report(doctor, "store-readers", DOCTOR_WARN, "%u of %u reader slots are taken", readers.count,
			STORE_READERS);
		doctor_remedy(
			doctor, "end other processes that read the store, such as instances of stsgate that hang");
	} else {
		doctor_report(doctor, "store-readers", DOCTOR_OK,
			"%u of %u reader slots are taken, none by an old reader", readers.count, STORE_READERS);
	}
}

/* --- around the store --------------------------------------------------------------------------------------------- */

static void space_check(struct doctor *doctor)
{
	const char *directory = doctor->settings->store_path;
	char path[PATH_MAX];
	struct statvfs system;
	struct stat file = {.st_size = 0};
	struct when left, most;
	if (statvfs(directory, &system) != 0) {
		doctor_report(doctor, "store-space", DOCTOR_SKIP, "%s: %s", directory, strerror(errno));
		return;
	}
	snprintf(path, sizeof path, "%s/" STORE_FILE, directory);
	if (stat(path, &file) != 0)
		file.st_size = 0;
	uint64_t bytes = (uint64_t)system.f_bavail * system.f_frsize;
	enum doctor_result result = judge_space(bytes, (uint64_t)file.st_size, doctor->settings->store_max_bytes);
	doctor_report(doctor, "store-space", result, "%s left on the file system of %s; the store may grow to %s",
		bytes_text(&left, bytes), directory, bytes_text(&most, doctor->settings->store_max_bytes / 4 * 5));
	if (result != DOCTOR_OK)
		doctor_remedy(doctor, "make room, or lower store_max_bytes; with a full disk nothing new is stored");
}

/* Only root can know what the daemon's user may do. */
static void owner_check(struct doctor *doctor)
{
	const char *directory = doctor->settings->store_path;
	char path[PATH_MAX];
	struct stat place, file;
	struct identity identity;
	bool known = geteuid() == 0 && privileges_find(&identity, doctor->settings, NULL) && identity.drop;
	if (stat(directory, &place) != 0) {
		doctor_report(doctor, "store-owner", DOCTOR_SKIP, "%s: %s", directory, strerror(errno));
		return;
	}
	snprintf(path, sizeof path, "%s/" STORE_FILE, directory);
	if (lstat(path, &file) != 0)
		file = place;
	if (place.st_mode & S_IWOTH) {
		doctor_report(
			doctor, "store-owner", DOCTOR_FAIL, "every user of this machine can change %s", directory);
		doctor_remedy(doctor, "chmod 0700 %s", directory);
	} else if (known && (place.st_uid != identity.uid || file.st_uid != identity.uid)) {
		doctor_report(doctor, "store-owner", DOCTOR_FAIL,
			"%s does not belong to the user %s (uid %u), but to uid %u",
			place.st_uid != identity.uid ? directory : path, identity.user, (unsigned)identity.uid,
			(unsigned)(place.st_uid != identity.uid ? place.st_uid : file.st_uid));
		doctor_remedy(doctor, "chown -R %s: %s", identity.user, directory);
	} else {
		doctor_report(doctor, "store-owner", known ? DOCTOR_OK : DOCTOR_SKIP,
			known ? "%s belongs to the daemon's user"
			      : "%s: this check needs root, and a setting user that names an unprivileged user",
			directory);
	}
}

/* Files that were moved aside stay until somebody deletes them. */
static void aside_check(struct doctor *doctor)
{
	struct quote quote;
	char name[256] = "";
	DIR *directory = opendir(doctor->settings->store_path);
	if (!directory) {
		doctor_report(
			doctor, "store-aside", DOCTOR_SKIP, "%s: %s", doctor->settings->store_path, strerror(errno));
		return;
	}
	for (const struct dirent *file; (file = readdir(directory));)
		if (strncmp(file->d_name, STORE_FILE ".damaged-", strlen(STORE_FILE ".damaged-")) == 0)
			snprintf(name, sizeof name, "%s", file->d_name);
	closedir(directory);
	if (*name == '\0') {
		doctor_report(doctor, "store-aside", DOCTOR_OK, "no damaged store lies beside the store");
		return;
	}
	doctor_report(
		doctor, "store-aside", DOCTOR_WARN, "a damaged store was moved aside: %s", quote_string(&quote, name));
	doctor_remedy(doctor, "look at the disk, and delete the file when you no longer need it");
}

void doctor_store(struct doctor *doctor)
{
	struct failure why = {0};
	owner_check(doctor);
	space_check(doctor);
	aside_check(doctor);
	struct store *store =
		store_open(doctor->settings->store_path, doctor->settings->store_max_bytes, STORE_GUEST, &why);
	if (!store) {
		bool failed = geteuid() == 0 || why.code != EX_NOPERM;
		doctor_report(doctor, "store", failed ? DOCTOR_FAIL : DOCTOR_SKIP, "%s", why.text);
		if (failed)
			doctor_remedy(doctor, why.code == EX_NOINPUT ? "stsgated makes the store when it starts"
								     : "correct this, then restart stsgated");
		return;
	}
	usage_check(doctor, store);
	readers_check(doctor, store);
	doctor_notes(doctor, store);
	doctor_entries(doctor, store);
}
