/* doctor: reads the configuration of Postfix and has it judged (postfix_checks). */
#include "doctor_postfix.h"
#include "clock.h"
#include "enforced.h"
#include "host_name.h"
#include "postfix_checks.h"
#include "read_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define POSTCONF_SECONDS 5
#define POSTMAP_SECONDS 3
#define TABLES_MS 8000    /* for asking all tables; the rest counts as not asked */
#define DOMAINS_MAX 10000 /* domains that a table is asked about */

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

/* --- tables that are asked before the map ------------------------------------------------------------------------- */

struct domain_file {
	FILE *file;
	size_t count;
};

static bool domain_write(struct store_view *view, const struct entry *entry, void *arg)
{
	struct domain_file *domains = arg;
	(void)view;
	fprintf(domains->file, "%s\n", entry->domain);
	return ++domains->count < DOMAINS_MAX;
}

/* Writes the domains with an enforce policy into the file, one a line, and returns their number. Another process reads
 * the store, because that gives up root's rights, and tables may be readable for root only. */
static size_t domains_write(struct doctor *doctor, FILE *file)
{
	int status = 0;
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		struct domain_file domains = {.file = file};
		bool read = enforced_each(doctor->options, doctor->settings, domain_write, &domains);
		_exit(read && fflush(file) == 0 ? 0 : 1);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	size_t count = 0;
	rewind(file);
	for (int c; child > 0 && (c = getc(file)) != EOF;)
		count += c == '\n';
	return child > 0 && status == 0 ? count : 0;
}

/* Asks one table about all domains. A table that cannot be asked counts as one that was not asked. */
static void table_ask(const char *postmap, const char *table, FILE *file, size_t count, struct postfix_ahead *ahead,
	const struct doctor *doctor)
{
	const char *directory = option_value(doctor->options, "postfix");
	const char *words[] = {postmap, "-q", "-", directory ? "-c" : table, directory, directory ? table : NULL, NULL};
	struct failure why;
	/* the table of another daemon: asking it could start lookups there */
	if (strncmp(table, "socketmap:", 10) == 0 || strncmp(table, "tcp:", 4) == 0)
		return;
	if (lseek(fileno(file), 0, SEEK_SET) != 0)
		return;
	char *text = program_text(words, fileno(file), 1, POSTMAP_SECONDS, &why);
	if (!text)
		return;
	ahead->asked = count;
	postfix_answers_take(ahead, text);
	free(text);
}

static void tables_ask(struct doctor *doctor, struct postfix_facts *facts)
{
	char path[64];
	struct names tables = {0};
	size_t i = 0;
	if (!doctor_wants(doctor, "postfix-map-order") || !program_find("postmap", path, sizeof path))
		return;
	postfix_tables_ahead(facts->config, doctor->settings, &tables);
	FILE *file = tables.count > 0 ? tmpfile() : NULL;
	size_t count = file ? domains_write(doctor, file) : 0;
	int64_t until_ms = clock_mono_ms() + TABLES_MS;
	for (const char *table = NULL; count > 0 && i < POSTFIX_AHEAD_MAX && (table = names_next(&tables, table)); i++)
		if (clock_mono_ms() < until_ms)
			table_ask(path, table, file, count, &facts->ahead[i], doctor);
	if (file)
		fclose(file);
	names_free(&tables);
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
	tables_ask(doctor, &facts);
	postfix_judge(doctor, &facts);
	for (size_t i = 0; i < POSTFIX_AHEAD_MAX; i++)
		names_free(&facts.ahead[i].weak);
}

enum postfix_found doctor_postfix_read(const struct doctor *doctor, struct postfix_config *config, struct failure *why)
{
	char path[64];
	*config = (struct postfix_config){0};
	if (!program_find("postconf", path, sizeof path))
		return POSTFIX_ABSENT;
	char *settings = postconf(doctor, path, "-x", why);
	char *services = settings ? postconf(doctor, path, "-M", why) : NULL;
	char *overrides = services ? postconf(doctor, path, "-Px", why) : NULL;
	if (!overrides) {
		free(settings);
		free(services);
		return POSTFIX_UNREADABLE;
	}
	if (postfix_config_read(config, settings, services, overrides))
		return POSTFIX_FOUND;
	failure_set(why, EX_DATAERR, "the output of postconf has no mail_version");
	return POSTFIX_UNREADABLE;
}

void doctor_postfix(struct doctor *doctor)
{
	struct failure why = {0};
	struct postfix_config config;
	switch (doctor_postfix_read(doctor, &config, &why)) {
	case POSTFIX_ABSENT:
		doctor_report(doctor, "postfix", DOCTOR_SKIP, "Postfix is not installed");
		break;
	case POSTFIX_UNREADABLE:
		doctor_report(doctor, "postfix", DOCTOR_FAIL, "the settings of Postfix cannot be read: %s", why.text);
		doctor_remedy(doctor, "run `postfix check`");
		break;
	case POSTFIX_FOUND:
		configuration_judge(doctor, &config);
		break;
	}
	postfix_config_free(&config);
}
