/* Judges a Postfix configuration against the settings of stsgated: the checks of the group `postfix` of `stsgate
 * doctor`, except reading the configuration. Pure: what the checks need from files is in the facts. */
#ifndef CLI_POSTFIX_CHECKS_H
#define CLI_POSTFIX_CHECKS_H

#include "doctor.h"
#include "names.h"
#include "postfix_config.h"

/* What a table that smtp(8) asks before stsgated's map answers for the domains with an enforce policy in the store. */
struct postfix_ahead {
	size_t asked; /* domains; 0: the table was not asked */
	struct names
		weak; /* domains for which it answers with a level that verifies no certificate, each with that level */
};
#define POSTFIX_AHEAD_MAX 8
struct postfix_facts {
	const struct postfix_config *config;
	const char *directory; /* of main.cf, if the operator named it; NULL: that of config_directory */
	const char *host;      /* this relay's name for own_hosts: its canonical host name, or "" if it has no dot */
	const char *ca_unreadable; /* why the file of smtp_tls_CAfile cannot be read; NULL: it can, or there is none */
	struct postfix_ahead ahead[POSTFIX_AHEAD_MAX]; /* in the order of postfix_tables_ahead() */
	/* The tables of relay_domains were asked about the domains with an enforce policy in the store; `inward` has those
	 * that they know. */
	size_t inward_asked;
	struct names inward;
};

/* Finds the tables that smtp(8) asks before stsgated's map. The caller frees the list. */
void postfix_tables_ahead(const struct postfix_config *config, const struct settings *settings, struct names *tables);
/* Finds the tables, `TYPE:NAME`, in the list of a setting. The caller frees the list. */
void postfix_tables_in(const struct postfix_config *config, const char *setting, struct names *tables);
/* Adds the keys in the output of `postmap -q - TABLE`. */
void postfix_keys_take(struct names *keys, const char *text);
/* Takes the output of `postmap -q - TABLE`: lines of a domain, a tab and a TLS policy. */
void postfix_answers_take(struct postfix_ahead *ahead, const char *text);

/* Reports all findings. */
void postfix_judge(struct doctor *doctor, const struct postfix_facts *facts);

#endif
