/* doctor: reads the configuration of Postfix and has it judged (postfix_checks). */
#include "doctor.h"
#include "host_name.h"
#include "postfix_checks.h"
#include "read_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POSTCONF_SECONDS 8

/* Runs postconf with one option, for the instance that --postfix names. */
static char *postconf(const struct doctor *doctor, const char *path, const char *option, struct failure *why)
{
	const char *directory = option_value(doctor->options, "postfix");
	const char *words[] = {path, option, directory ? "-c" : NULL, directory, NULL};
	return program_text(words, -1, 0, POSTCONF_SECONDS, why);
}

/* Returns why a file cannot be opened for reading, or NULL. */
static const char *unreadable(const char *name)
{
	if (name[0] == '\0')
		return NULL;
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return strerror(errno);
	close(fd);
	return NULL;
}

static void configuration_judge(struct doctor *doctor, const struct postfix_config *config)
{
	char host[HOST_NAME_SIZE];
	/* only a relay that takes mail in for others needs its name, and finding it may wait for DNS */
	bool needed = doctor->settings->own_hosts.count == 0 && postfix_value(config, NULL, "relay_domains")[0] != '\0';
	bool whole = needed && host_name(host);
	struct postfix_facts facts = {.config = config,
		.host = whole ? host : "",
		.ca_unreadable = unreadable(postfix_value(config, NULL, "smtp_tls_CAfile"))};
	postfix_judge(doctor, &facts);
}

void doctor_postfix(struct doctor *doctor)
{
	char path[64];
	struct failure why = {0};
	struct postfix_config config = {0};
	if (!program_find("postconf", path, sizeof path)) {
		doctor_report(doctor, "postfix", DOCTOR_SKIP, "Postfix is not installed");
		return;
	}
	char *settings = postconf(doctor, path, "-x", &why);
	char *services = settings ? postconf(doctor, path, "-M", &why) : NULL;
	char *overrides = services ? postconf(doctor, path, "-Px", &why) : NULL;
	if (!overrides) {
		free(settings);
		free(services);
		doctor_report(doctor, "postfix", DOCTOR_FAIL, "the settings of Postfix cannot be read: %s", why.text);
		doctor_remedy(doctor, "run `postfix check`");
		return;
	}
	if (postfix_config_read(&config, settings, services, overrides)) {
		configuration_judge(doctor, &config);
	} else {
		doctor_report(doctor, "postfix", DOCTOR_FAIL, "the output of postconf has no mail_version");
		doctor_remedy(doctor, "run `postconf -x mail_version`");
	}
	postfix_config_free(&config);
}
