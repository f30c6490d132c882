/* Judges a Sendmail configuration against the settings of stsgated: the checks of the group `sendmail` of `stsgate
 * doctor`, except reading files and the store. Pure: what the checks need from these is in the facts. */
#ifndef CLI_SENDMAIL_CHECKS_H
#define CLI_SENDMAIL_CHECKS_H

#include "doctor.h"
#include "names.h"
#include "sendmail_config.h"

struct sendmail_facts {
	const struct sendmail_config *config;
	const char *file;          /* its name */
	bool sts_missing;          /* Sendmail was built without MTA-STS */
	const char *ca_unreadable; /* why the file of CACertFile cannot be read; NULL: it can, or there is none */
	const struct names
		*wildcards;    /* mail hosts in the store that only a wildcard certificate covers; NULL: unknown */
	bool mailertable_read; /* the text of mailertable could be read */
	/* The keys of mailertable whose mail goes to another host: domains, and `.domain` for all below it. */
	const struct names *routed;
	bool access_read; /* the text of the access table could be read */
	const struct names *tls_off,
		*sts_off; /* what its lines `Try_TLS:HOST NO` and `STS:DOMAIN NO` name; "all": no name */
};

/* Reports all findings. */
void sendmail_judge(struct doctor *doctor, const struct sendmail_facts *facts);
/* Adds the key of a line of mailertable to a list, if its mail goes to another host by SMTP. */
void sendmail_route_take(struct names *routed, struct span line);
/* Adds what a line of the access table turns off. */
void sendmail_access_take(struct names *tls_off, struct names *sts_off, struct span line);
/* Returns whether a sendmail.cf has anything to do with stsgated: FEATURE(sts), or a filter at its address. */
bool sendmail_is_attached(const struct sendmail_config *config, const struct settings *settings);

#endif
