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
	return program_text(words, -1, false, POSTCONF_SECONDS, why);
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

/* --- tables and the domains in the store ------------------------------------------------------------------------- */

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

/* What the tables are asked. */
struct asking {
	const struct doctor *doctor;
	char postmap[64]; /* the program */
	struct domain_file domains;
	int64_t until_ms;
};

/* Asks one table about all domains. Returns lines of a domain, a tab and its value, which the caller frees, or NULL. */
static char *table_ask(const struct asking *asking, const char *table)
{
	const char *directory = option_value(asking->doctor->options, "postfix");
	const char *words[] = {
		asking->postmap, "-q", "-", directory ? "-c" : table, directory, directory ? table : NULL, NULL};
	struct failure why;
	/* the table of another daemon: asking it could start lookups there */
	bool foreign = strncmp(table, "socketmap:", 10) == 0 || strncmp(table, "tcp:", 4) == 0;
	if (foreign || table[0] == '-' || clock_mono_ms() > asking->until_ms ||
		lseek(fileno(asking->domains.file), 0, SEEK_SET) != 0)
		return NULL;
	return program_text(words, fileno(asking->domains.file), true, POSTMAP_SECONDS, &why);
}

/* A table that cannot be asked counts as one that was not asked. */
static void ahead_ask(const struct asking *asking, const struct names *tables, struct postfix_facts *facts)
{
	size_t i = 0;
	for (const char *table = NULL; i < POSTFIX_AHEAD_MAX && (table = names_next(tables, table)); i++) {
		char *text = table_ask(asking, table);
		if (!text)
			continue;
		facts->ahead[i].asked = asking->domains.count;
		postfix_answers_take(&facts->ahead[i], text);
		free(text);
	}
}

static void inward_ask(const struct asking *asking, const struct names *tables, struct postfix_facts *facts)
{
	bool all = tables->count > 0;
	for (const char *table = NULL; (table = names_next(tables, table));) {
		char *text = table_ask(asking, table);
		all = all && text;
		postfix_keys_take(&facts->inward, text ? text : "");
		free(text);
	}
	facts->inward_asked = all ? asking->domains.count : 0;
}

static void tables_ask(struct doctor *doctor, struct postfix_facts *facts)
{
	struct asking asking = {.doctor = doctor, .until_ms = clock_mono_ms() + TABLES_MS};
	struct names ahead = {0}, inward = {0};
	if (!program_find("postmap", asking.postmap, sizeof asking.postmap))
		return;
	if (doctor_wants(doctor, "postfix-map-order"))
		postfix_tables_ahead(facts->config, doctor->settings, &ahead);
	if (doctor_wants(doctor, "postfix-domains"))
		postfix_tables_in(facts->config, "relay_domains", &inward);
	asking.domains.file = ahead.count + inward.count > 0 ? tmpfile() : NULL;
	if (asking.domains.file)
		asking.domains.count = domains_write(doctor, asking.domains.file);
	if (asking.domains.count > 0) {
		ahead_ask(&asking, &ahead, facts);
		inward_ask(&asking, &inward, facts);
	}
	if (asking.domains.file)
		fclose(asking.domains.file);
	names_free(&ahead);
	names_free(&inward);
}

static void configuration_judge(struct doctor *doctor, const struct postfix_config *config)
{
	char host[HOST_NAME_SIZE];
	/* only a relay that takes mail in for others needs its name, and finding it may wait for DNS */
	bool needed = doctor->settings->own_hosts.count == 0 && postfix_value(config, NULL, "relay_domains")[0] != '\0';
	bool whole = needed && host_name(host);
	const char *named = option_value(doctor->options, "postfix");
	struct postfix_facts facts = {.config = config,
		.directory = named ? named : getenv("MAIL_CONFIG"),
		.host = whole ? host : "",
		.ca_unreadable = unreadable(postfix_value(config, NULL, "smtp_tls_CAfile"))};
	tables_ask(doctor, &facts);
	postfix_judge(doctor, &facts);
	for (size_t i = 0; i < POSTFIX_AHEAD_MAX; i++)
		names_free(&facts.ahead[i].weak);
	names_free(&facts.inward);
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
