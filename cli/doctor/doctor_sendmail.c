/* doctor: reads the configuration of Sendmail and what the store has about wildcard certificates, and has them judged
 * (sendmail_checks). */
#include "doctor.h"
#include "enforced.h"
#include "output.h"
#include "question.h"
#include "read_text.h"
#include "sendmail_checks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SENDMAIL_CF "/etc/mail/sendmail.cf"
#define WILDCARDS_MAX 20000 /* mail hosts with wildcard certificates; further ones are not looked for */

/* --- the store ---------------------------------------------------------------------------------------------------- */

static void host_take(struct store_view *view, const char *host, struct names *found)
{
	struct hop_record record;
	if (store_view_hop(view, host, QUESTION_PORT, &record) == STORE_FOUND && record.pkix.good.at != 0 &&
		evidence_by_wildcard_only(&record.pkix.good, host))
		names_add(found, host, strlen(host));
}

/* Only an enforce policy in force makes Sendmail compare names. */
static bool domain_take(struct store_view *view, const struct entry *entry, void *arg)
{
	struct names *found = arg;
	if (entry->mx.state == MX_IMPLICIT)
		host_take(view, entry->domain, found);
	for (const char *host = NULL; (host = names_next(&entry->mx.names, host));)
		host_take(view, host, found);
	return found->count < WILDCARDS_MAX;
}

/* Finds the mail hosts in the store that only a wildcard certificate covers. Gives up root's rights. Returns false if the
 * store cannot be read. */
static bool wildcards_find(struct doctor *doctor, struct names *found)
{
	bool read = enforced_each(doctor->options, doctor->settings, domain_take, found);
	names_sort(found);
	return read;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

/* Reads the text from which a table was made: the last word of the map's line is the file, without `.db`. Returns a
 * string that the caller frees, or NULL. */
static char *table_text(const struct sendmail_config *config, const char *table)
{
	const char *map = sendmail_map(config, table), *name = map ? strrchr(map, ' ') : NULL;
	struct failure why;
	return name ? file_text(name + 1, &why) : NULL;
}

static bool mailertable_read(const struct sendmail_config *config, struct names *routed)
{
	char *text = table_text(config, "mailertable"), *rest = NULL;
	if (!text)
		return false;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		sendmail_route_take(routed, (struct span){line, strlen(line)});
	free(text);
	return true;
}

static bool access_read(const struct sendmail_config *config, struct names *tls_off, struct names *sts_off)
{
	char *text = table_text(config, "access"), *rest = NULL;
	if (!text)
		return false;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		sendmail_access_take(tls_off, sts_off, (struct span){line, strlen(line)});
	free(text);
	return true;
}

/* Returns whether this machine's Sendmail does not know the option of FEATURE(sts): then the option's name is not in the
 * program. Running the program to ask it could wait for DNS. Returns false if another MTA's program has that name. */
static bool sts_missing(void)
{
	char path[64];
	struct failure why;
	const char *name = program_find("sendmail", path, sizeof path);
	char *bytes = name ? file_text(name, &why) : NULL;
	bool missing = bytes && strstr(bytes, "InputMailFilters") && !strstr(bytes, "StrictTransportSecurity");
	free(bytes);
	return missing;
}

static const char *ca_unreadable(const struct sendmail_config *config)
{
	const char *name = sendmail_option(config, "CACertFile");
	int fd = name && name[0] != '\0' ? open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	if (fd < 0)
		return name && name[0] != '\0' ? strerror(errno) : NULL;
	close(fd);
	return NULL;
}

static void configuration_judge(struct doctor *doctor, const struct sendmail_config *config, const char *file)
{
	struct names routed = {0}, wildcards = {0}, tls_off = {0}, sts_off = {0};
	struct sendmail_facts facts = {
		.config = config, .file = file, .routed = &routed, .tls_off = &tls_off, .sts_off = &sts_off};
	facts.access_read = access_read(config, &tls_off, &sts_off);
	facts.mailertable_read = mailertable_read(config, &routed);
	facts.ca_unreadable = ca_unreadable(config);
	facts.sts_missing = sendmail_map(config, "sts") && sts_missing();
	bool needed = sendmail_map(config, "sts") && sendmail_wildcard_rule_is_wrong(config);
	if (needed && doctor_wants(doctor, "sendmail-wildcard") && wildcards_find(doctor, &wildcards))
		facts.wildcards = &wildcards;
	sendmail_judge(doctor, &facts);
	names_free(&routed);
	names_free(&wildcards);
	names_free(&tls_off);
	names_free(&sts_off);
}

/* The settings file stays behind when Postfix replaces Sendmail. */
static bool left_over(const struct sendmail_config *config, const struct settings *settings)
{
	char path[64];
	return program_find("postconf", path, sizeof path) && !sendmail_is_attached(config, settings);
}

void doctor_sendmail(struct doctor *doctor)
{
	const char *asked = option_value(doctor->options, "sendmail"), *file = asked ? asked : SENDMAIL_CF;
	struct sendmail_config config = {0};
	struct failure why = {0};
	char *text = file_text(file, &why);
	struct quote quote;
	quote_string(&quote, file);
	if (!text && !asked && why.code == ENOENT) {
		doctor_report(doctor, "sendmail", DOCTOR_SKIP, "Sendmail is not installed: there is no %s", quote.text);
	} else if (!text) {
		doctor_report(doctor, "sendmail", DOCTOR_FAIL, "the settings of Sendmail cannot be read: %s", why.text);
		doctor_remedy(doctor, "become root, or give the right file with --sendmail FILE");
	} else if (!sendmail_config_read(&config, text)) {
		doctor_report(
			doctor, "sendmail", DOCTOR_FAIL, "%s is no sendmail.cf: it has no version (DZ)", quote.text);
		doctor_remedy(doctor, "give the right file with --sendmail FILE");
	} else if (!asked && left_over(&config, doctor->settings)) {
		doctor_report(doctor, "sendmail", DOCTOR_SKIP,
			"Postfix is installed, and %s does not mention stsgated; --sendmail FILE checks it",
			quote.text);
	} else {
		configuration_judge(doctor, &config, file);
	}
	sendmail_config_free(&config);
}
