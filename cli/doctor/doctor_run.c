/* doctor: runs the groups of checks, each in a child process, and prints their findings. */
#include "clock.h"
#include "doctor_internal.h"
#include "domains.h"
#include "memory.h"
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define FINDINGS_MAX 256 /* of one group; a child that reports more is stopped */
#define GRACE_MS 2000    /* between the child's own time limit and the parent's */

/* A group that reads data from the network gives up root first, where the tool was started as root. The other groups
 * need root's rights: to read the MTA's settings and to act as the MTA's user. doctor_store() gives them up itself, when
 * it opens the store. */
static const struct {
	doctor_group *run;
	bool leaves_root;
} groups[DOCTOR_GROUPS] = {
	[DOCTOR_GROUP_machine] = {doctor_machine, false},
	[DOCTOR_GROUP_network] = {doctor_network, true},
	[DOCTOR_GROUP_outbound] = {doctor_outbound, true},
	[DOCTOR_GROUP_store] = {doctor_store, false},
	[DOCTOR_GROUP_sockets] = {doctor_sockets, false},
	[DOCTOR_GROUP_fleet] = {doctor_fleet, true},
	[DOCTOR_GROUP_postfix] = {doctor_postfix, false},
	[DOCTOR_GROUP_sendmail] = {doctor_sendmail, false},
};

struct finding {
	uint16_t check;
	enum doctor_result result;
	char *text, *remedy; /* remedy may be NULL */
};

/* A child process and what it has reported. */
struct child {
	pid_t pid; /* 0: none was started */
	int in;    /* the pipe; -1: the child has ended */
	size_t count, printed;
	struct finding finding[FINDINGS_MAX + 1]; /* one more for the child's own failure */
};

struct run {
	struct doctor doctor;
	int64_t until_ms;
	size_t results[DOCTOR_SKIP + 1];
	struct child child[DOCTOR_GROUPS];
};

static const char *const result_names[] = {
	[DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "fail", [DOCTOR_SKIP] = "skip"};

/* --- the child ---------------------------------------------------------------------------------------------------- */

static void child_main(struct doctor *doctor, enum doctor_group_number group) __attribute__((noreturn));
static void child_main(struct doctor *doctor, enum doctor_group_number group)
{
	signal(SIGPIPE, SIG_IGN);
	setpgid(0, 0); /* so that the parent can kill the child's own children, too */
	alarm(DOCTOR_SECONDS);
	bool may_run = !groups[group].leaves_root || doctor_leave_root(doctor);
	if (may_run)
		groups[group].run(doctor);
	fflush(stderr);
	_exit(may_run ? 0 : EX_OSERR);
}

static bool child_start(struct run *run, enum doctor_group_number group)
{
	struct child *child = &run->child[group];
	int ends[2];
	if (pipe(ends) != 0)
		return false;
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	fflush(NULL);
	child->pid = fork();
	if (child->pid == 0) {
		close(ends[0]);
		run->doctor.out = ends[1];
		child_main(&run->doctor, group);
	}
	int err = errno;
	close(ends[1]);
	if (child->pid < 0) {
		close(ends[0]);
		errno = err;
		return false;
	}
	setpgid(child->pid, 0); /* whichever of the two processes comes first */
	child->in = ends[0];
	return true;
}

/* --- what the children report ------------------------------------------------------------------------------------- */

/* The text comes from a process that may have read hostile data: only printable characters of ASCII pass. */
static char *text_of(const struct doctor_record *record)
{
	char *text = xstrndup(record->text, strnlen(record->text, sizeof record->text));
	for (char *at = text; *at; at++)
		if (*at < 0x20 || *at > 0x7e)
			*at = '?';
	return text;
}

/* Adds a finding or the remedy of the last one. Returns false for a record that no group writes. */
static bool record_take(struct child *child, enum doctor_group_number group, const struct doctor_record *record)
{
	if (record->check == DOCTOR_REMEDY) {
		if (child->count == 0 || child->finding[child->count - 1].remedy)
			return false;
		child->finding[child->count - 1].remedy = text_of(record);
		return true;
	}
	if (record->check >= doctor_check_count || doctor_checks[record->check].group != group ||
		record->result > DOCTOR_SKIP || child->count == FINDINGS_MAX)
		return false;
	child->finding[child->count++] =
		(struct finding){record->check, (enum doctor_result)record->result, text_of(record), NULL};
	return true;
}

/* Reports for the first check that the child has not reported that the child failed. */
static void child_failed(struct run *run, enum doctor_group_number group, const char *how)
{
	struct child *child = &run->child[group];
	struct doctor_record record = {.result = DOCTOR_FAIL};
	uint16_t last = child->count > 0 ? child->finding[child->count - 1].check : 0;
	for (uint16_t i = 0; i < doctor_check_count; i++)
		if (doctor_checks[i].group == group && doctor_asked(&run->doctor, &doctor_checks[i]) &&
			(child->count == 0 || i > last)) {
			record.check = last = i;
			break;
		}
	record.check = last;
	snprintf(record.text, sizeof record.text, "the checks from here to the end of the group `%s` are missing: %s",
		doctor_group_names[group], how);
	child->finding[child->count++] = (struct finding){record.check, DOCTOR_FAIL, text_of(&record),
		xstrdup("run the checks one by one (`stsgate doctor CHECK`) to find the one that fails; the cause may be in this "
			"machine, or in stsgate")};
}

static void child_end(struct run *run, enum doctor_group_number group, const char *how)
{
	struct child *child = &run->child[group];
	char words[64];
	int status = 0;
	close(child->in);
	child->in = -1;
	siginfo_t end;
	if (how)
		kill(-child->pid, SIGKILL);
	while (waitid(P_PID, (id_t)child->pid, &end, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	/* A child that was killed may have left programs behind. Until waitpid() no other process gets its number. */
	kill(-child->pid, SIGKILL);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!how && WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		how = "they took too long";
	if (!how && WIFSIGNALED(status)) {
		snprintf(words, sizeof words, "signal %d ended their process", WTERMSIG(status));
		how = words;
	}
	if (!how && WEXITSTATUS(status) != 0) {
		snprintf(words, sizeof words, "their process ended with status %d", WEXITSTATUS(status));
		how = words;
	}
	if (how)
		child_failed(run, group, how);
}

/* Reads one record, which was written whole. */
static void child_read(struct run *run, enum doctor_group_number group)
{
	struct doctor_record record;
	ssize_t len = read(run->child[group].in, &record, sizeof record);
	if (len < 0 && errno == EINTR)
		return;
	if (len <= 0)
		child_end(run, group, NULL);
	else if (len != sizeof record || !record_take(&run->child[group], group, &record))
		child_end(run, group, "their process reported something impossible");
}

/* --- output ------------------------------------------------------------------------------------------------------- */

static void finding_print(const struct finding *finding)
{
	printf("%-4s  %-18s  %s\n", result_names[finding->result], doctor_checks[finding->check].name, finding->text);
	if (finding->remedy)
		printf("      %s\n", finding->remedy);
}

/* Prints what has arrived, in the order of the groups. The last finding of a child that goes on waits for its remedy. */
static void findings_print(struct run *run)
{
	for (int i = 0; i < DOCTOR_GROUPS; i++) {
		struct child *child = &run->child[i];
		bool ended = child->in < 0;
		while (child->printed + !ended < child->count)
			finding_print(&child->finding[child->printed++]);
		if (!ended)
			break;
	}
	fflush(stdout);
}

static json_t *finding_json(const struct finding *finding)
{
	json_t *object = json_made(json_object());
	json_put(object, "check", json_text(doctor_checks[finding->check].name));
	json_put(object, "group", json_text(doctor_group_names[doctor_checks[finding->check].group]));
	json_put(object, "result", json_text(result_names[finding->result]));
	json_put(object, "finding", json_text(finding->text));
	json_put(object, "remedy", json_text(finding->remedy));
	return object;
}

static enum doctor_result run_result(const struct run *run)
{
	if (run->results[DOCTOR_FAIL] > 0)
		return DOCTOR_FAIL;
	return run->results[DOCTOR_WARN] > 0 ? DOCTOR_WARN : DOCTOR_OK;
}

static void run_print_json(const struct run *run)
{
	json_t *checks = json_made(json_array()), *object = json_made(json_object());
	for (int i = 0; i < DOCTOR_GROUPS; i++)
		for (size_t k = 0; k < run->child[i].count; k++)
			json_add(checks, finding_json(&run->child[i].finding[k]));
	json_put(object, "result", json_text(result_names[run_result(run)]));
	json_put(object, "checks", checks);
	json_print(object);
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

static bool group_asked(const struct run *run, enum doctor_group_number group)
{
	for (size_t i = 0; i < doctor_check_count; i++)
		if (doctor_checks[i].group == group && doctor_asked(&run->doctor, &doctor_checks[i]))
			return true;
	return false;
}

/* Waits until a child has reported something, and reads it. Returns false when all children have ended. */
static bool children_wait(struct run *run)
{
	struct pollfd ends[DOCTOR_GROUPS];
	bool any = false;
	int64_t left_ms = run->until_ms - clock_mono_ms();
	for (int i = 0; i < DOCTOR_GROUPS; i++) {
		ends[i] = (struct pollfd){.fd = run->child[i].in, .events = POLLIN};
		any |= ends[i].fd >= 0;
	}
	if (!any)
		return false;
	int ready = poll(ends, DOCTOR_GROUPS, left_ms > 0 ? (int)left_ms : 0);
	for (int i = 0; i < DOCTOR_GROUPS; i++) {
		if (ends[i].fd >= 0 && ready == 0 && left_ms <= 0)
			child_end(run, (enum doctor_group_number)i, "they took too long");
		else if (ends[i].fd >= 0 && ready > 0 && ends[i].revents)
			child_read(run, (enum doctor_group_number)i);
	}
	return true;
}

static bool words_known(size_t count, char **words)
{
	for (size_t i = 0; i < count; i++) {
		bool known = false;
		for (size_t k = 0; k < doctor_check_count; k++)
			known |= strcmp(words[i], doctor_checks[k].name) == 0;
		for (size_t k = 0; k < DOCTOR_GROUPS; k++)
			known |= strcmp(words[i], doctor_group_names[k]) == 0;
		struct quote quote;
		if (!known) {
			fprintf(stderr, "stsgate: %s is neither a check nor a group of checks; stsgate(1) lists them\n",
				quote_string(&quote, words[i]));
			return false;
		}
	}
	return true;
}

static void run_count(struct run *run)
{
	for (int i = 0; i < DOCTOR_GROUPS; i++)
		for (size_t k = 0; k < run->child[i].count; k++)
			run->results[run->child[i].finding[k].result]++;
}

static void run_free(struct run *run)
{
	for (int i = 0; i < DOCTOR_GROUPS; i++)
		for (size_t k = 0; k < run->child[i].count; k++) {
			free(run->child[i].finding[k].text);
			free(run->child[i].finding[k].remedy);
		}
	free(run);
}

static void children_run(struct run *run)
{
	run->until_ms = clock_mono_ms() + DOCTOR_SECONDS * 1000 + GRACE_MS;
	for (int i = 0; i < DOCTOR_GROUPS; i++)
		if (group_asked(run, (enum doctor_group_number)i) && !child_start(run, (enum doctor_group_number)i))
			child_failed(run, (enum doctor_group_number)i, strerror(errno));
	while (children_wait(run))
		if (!run->doctor.options->json)
			findings_print(run);
}

/* Without settings nothing else can be checked. This is a failure for a monitoring plug-in, too. */
static void settings_failed(struct run *run, const struct failure *why)
{
	struct doctor_record record = {.check = 0, .result = DOCTOR_FAIL};
	snprintf(record.text, sizeof record.text, "%s", why->text);
	record_take(&run->child[DOCTOR_GROUP_machine], DOCTOR_GROUP_machine, &record);
	record.check = DOCTOR_REMEDY;
	snprintf(record.text, sizeof record.text, "correct this first: all other checks need the settings");
	record_take(&run->child[DOCTOR_GROUP_machine], DOCTOR_GROUP_machine, &record);
}

int doctor_run(const struct options *options, size_t count, char **words)
{
	static const int statuses[] = {[DOCTOR_OK] = 0, [DOCTOR_WARN] = 1, [DOCTOR_FAIL] = 2};
	struct failure why = {0};
	struct question question;
	const char *domain = option_value(options, "domain");
	if (!words_known(count, words) || (domain && !domain_word(&question, domain, PURPOSE_QUERY)))
		return EX_USAGE;
	struct settings *settings = settings_read(
		doctor_file(options), options->file != NULL, options->overrides, options->override_count, &why);
	if (!settings && why.code == EX_USAGE)
		return complain(&why);
	struct run *run = xcalloc(1, sizeof *run);
	run->doctor = (struct doctor){.options = options, .settings = settings, .word_count = count, .words = words};
	for (int i = 0; i < DOCTOR_GROUPS; i++)
		run->child[i].in = -1;
	if (settings)
		children_run(run);
	else
		settings_failed(run, &why);
	run_count(run);
	if (options->json)
		run_print_json(run);
	else
		findings_print(run);
	int status = statuses[run_result(run)];
	run_free(run);
	settings_free(&settings);
	return status;
}
