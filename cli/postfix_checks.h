/* Judges a Postfix configuration against the settings of stsgated: the checks of the group `postfix` of `stsgate
 * doctor`, except reading the configuration. Pure: what the checks need from files is in the facts. */
#ifndef CLI_POSTFIX_CHECKS_H
#define CLI_POSTFIX_CHECKS_H

#include "doctor.h"
#include "postfix_config.h"

struct postfix_facts {
	const struct postfix_config *config;
	const char *host; /* this relay's name for own_hosts: its canonical host name, or "" if it has no dot */
	const char *ca_unreadable; /* why the file of smtp_tls_CAfile cannot be read; NULL: it can, or there is none */
};

/* Reports all findings. */
void postfix_judge(struct doctor *doctor, const struct postfix_facts *facts);

#endif
